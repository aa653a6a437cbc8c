/* vcs/pktline.c - see vcs/pktline.h.  Reads requests as git does, so that a check made on what this file
 * sees holds for what git sees: both cases of digits, a line end that may be missing, and of an object id
 * the first 40 digits whatever follows. */
#include "vcs/pktline.h"

static int digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum pkt_kind pkt_next(str *rest, str *payload)
{
    *payload = STR("");
    if (rest->n == 0) return PKT_END;
    if (rest->n < 4) return PKT_BAD;
    size_t n = 0;
    for (int i = 0; i < 4; i++) {
        int d = digit(rest->p[i]);
        if (d < 0) return PKT_BAD;
        n = n << 4 | (size_t)d;
    }
    if (n < 3) {
        *rest = str_from(*rest, 4);
        return n == 0 ? PKT_FLUSH : n == 1 ? PKT_DELIM : PKT_RESPONSE_END;
    }
    if (n < 4 || n - 4 > PKT_PAYLOAD_MAX || n > rest->n) return PKT_BAD;
    *payload = str_n(rest->p + 4, n - 4);
    *rest = str_from(*rest, n);
    return PKT_DATA;
}

/* Without one final line end. */
static str pkt_line(str payload)
{
    if (str_ends(payload, STR("\n"))) payload.n--;
    return payload;
}

void pkt_add(struct buf *out, str payload)
{
    buf_addf(out, "%04zx", payload.n + 4);
    buf_add(out, payload);
}

void pkt_flush(struct buf *out)
{
    buf_lit(out, "0000");
}

bool pkt_v2_parse(str request, struct pkt_v2 *out)
{
    str payload;
    enum pkt_kind kind;
    *out = (struct pkt_v2){ .command = STR(""), .rest = STR("") };
    while ((kind = pkt_next(&request, &payload)) == PKT_DATA) {
        str line = pkt_line(payload);
        if (!str_starts(line, STR("command="))) continue;
        if (out->command.n > 0) return false;
        out->command = str_from(line, 8);
    }
    if (kind == PKT_DELIM) out->rest = request;
    return out->command.n > 0 && (kind == PKT_DELIM || kind == PKT_FLUSH);
}

/* Git reads the depth as C does, hexadecimal and octal too, and cuts it to 32 bits; the largest means all.  A few decimal
 * digits are surely less. */
static bool is_bound(str depth)
{
    if (depth.n == 0 || depth.n > 9 || depth.p[0] == '0') return false;
    for (size_t i = 0; i < depth.n; i++)
        if (depth.p[i] < '0' || depth.p[i] > '9') return false;
    return true;
}

enum pkt_ask pkt_ask_next(str *rest, str *hex)
{
    static const str want = STR_INIT("want "), shallow = STR_INIT("shallow "), deepen = STR_INIT("deepen ");
    str line;
    enum pkt_kind kind = pkt_next(rest, &line);
    if (kind != PKT_DATA) return kind == PKT_BAD ? PKT_ASK_BAD : PKT_ASK_END;
    if (str_starts(line, deepen)) return is_bound(pkt_line(str_from(line, deepen.n))) ? PKT_ASK_OTHER : PKT_ASK_DEEPEN;
    bool is_want = str_starts(line, want);
    if (!is_want && !str_starts(line, shallow)) return PKT_ASK_OTHER;
    *hex = str_to(str_from(line, is_want ? want.n : shallow.n), 40);
    size_t digits = 0;
    while (digits < hex->n && digit(hex->p[digits]) >= 0) digits++;
    if (digits < 40) return PKT_ASK_BAD;
    return is_want ? PKT_ASK_WANT : PKT_ASK_SHALLOW;
}
