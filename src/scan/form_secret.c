/* scan/form_secret.c - secret.c over a content: what is text, in pieces, and what base64 hides in it once.
 *
 * Bounds: TEXT_BYTES are searched for everything, up to SURE_BYTES for forms that are decisive.  UTF-16 is read as the ASCII in it.  What is
 * found enters no level: it is told to who pushed. */
#include "scan/form.h"
#include "scan/secret.h"

enum { TEXT_BYTES = 10 << 20, PIECE_BYTES = 4 << 20, OVERLAP = 8 << 10, TOLD_MAX = 50, RUN_MIN = 64, RUN_MAX = 64 << 10 };
#define SURE_BYTES (UINT64_C(64) << 20)

struct finds {
    struct scan *s;
    const struct probe_input *in;
    unsigned told;
    uint64_t line_before; /* lines of earlier pieces */
    uint64_t line_of_run; /* not 0: the text was hidden in this line */
    size_t not_from;      /* what begins here is found in the next piece */
    const char *last_kind;
    uint64_t last_line;
};

static bool found(void *ctx, const struct secret *f)
{
    struct finds *d = ctx;
    uint64_t line = d->line_of_run ? d->line_of_run : d->line_before + f->line;
    if (f->at >= d->not_from && !d->line_of_run) return true;
    if (d->last_kind && d->last_line == line && str_eq(str_c(d->last_kind), str_c(f->kind))) return true;
    d->last_kind = f->kind;
    d->last_line = line;
    scan_set_secret(d->s);
    scan_add(d->s, d->in, "secret", SCAN_SAFE, "line %llu: %s a secret (%s)%s", (unsigned long long)line, f->is_sure ? "holds" : "seems to hold", f->kind,
             d->line_of_run ? " in base64" : "");
    return ++d->told < TOLD_MAX;
}

/* ------------------------------------------------------------------ base64 */

static bool is_text(str t)
{
    size_t odd = 0;
    for (size_t i = 0; i < t.n; i++) {
        uint8_t c = (uint8_t)t.p[i];
        if (c == 0) return false;
        odd += c < 32 && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 27;
    }
    return odd <= t.n / 100;
}

static bool in_base64(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '+' || c == '/'; }

static void look_into_base64(struct finds *d, str text)
{
    uint8_t *out = mem_alloc(base64_decoded_max((text.n < RUN_MAX ? text.n : RUN_MAX) + 4));
    uint64_t line = 1;
    for (size_t at = 0; at < text.n && d->told < TOLD_MAX;) {
        size_t n = 0, decoded;
        while (at + n < text.n && in_base64(text.p[at + n])) n++;
        if (n >= RUN_MIN && n <= RUN_MAX) {
            char tail[8];
            size_t whole = n / 4 * 4, rest = n - whole;
            bool ok = base64_decode(str_n(text.p + at, whole), out, &decoded);
            if (ok && rest > 1) {
                size_t more;
                memcpy(tail, text.p + at + whole, rest);
                memset(tail + rest, '=', 4 - rest);
                if (base64_decode(str_n(tail, 4), out + decoded, &more)) decoded += more;
            }
            if (ok && is_text(str_n((const char *)out, decoded))) {
                d->line_of_run = d->line_before + line;
                secret_search(str_n((const char *)out, decoded), true, found, d);
                d->line_of_run = 0;
            }
        }
        at += n;
        if (at < text.n && text.p[at] == '\n') line++;
        at++;
    }
    mem_free(out);
}

/* ------------------------------------------------------------------ pieces */

/* 0: one byte a character; 1: UTF-16, low byte first; 2: high byte first. */
static int width_of(bytes head)
{
    if (head.n >= 2 && head.p[0] == 0xff && head.p[1] == 0xfe) return 1;
    if (head.n >= 2 && head.p[0] == 0xfe && head.p[1] == 0xff) return 2;
    return 0;
}

static size_t narrow(char *p, size_t n, int width)
{
    size_t k = 0;
    for (size_t i = 0; i + 1 < n; i += 2) {
        char low = p[i + (width == 2)], high = p[i + (width == 1)];
        p[k++] = high ? '?' : low;
    }
    return k;
}

static bool search(struct finds *d, struct err *e)
{
    uint64_t size = d->in->source->size_bytes, most = size < SURE_BYTES ? size : SURE_BYTES, at = 0;
    int width = width_of(d->in->head);
    char *piece = mem_alloc(most < PIECE_BYTES ? (size_t)most : PIECE_BYTES);
    bool ok = true;
    while (at < most && d->told < TOLD_MAX) {
        size_t n = most - at < PIECE_BYTES ? (size_t)(most - at) : PIECE_BYTES;
        bool last = at + n == most;
        if (!(ok = scan_read(d->s, d->in, at, piece, n, e))) break;
        size_t kept = last ? n : n - OVERLAP, chars = width ? narrow(piece, n, width) : n;
        d->not_from = last ? STR_NONE : width ? kept / 2 : kept;
        secret_search(str_n(piece, chars), size > TEXT_BYTES, found, d);
        if (size <= TEXT_BYTES) look_into_base64(d, str_n(piece, chars < d->not_from ? chars : d->not_from));
        for (size_t i = 0; i < chars && i < d->not_from; i++) d->line_before += piece[i] == '\n';
        at += kept;
    }
    mem_free(piece);
    return ok;
}

bool probe_secret(struct scan *s, const struct probe_input *in, struct err *e)
{
    struct finds d = { .s = s, .in = in };
    if (in->head.n < 16 || secret_is_noise(in->path)) return true;
    if (!width_of(in->head) && !is_text(str_of(in->head))) return true;
    return search(&d, e);
}
