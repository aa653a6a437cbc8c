/* http/answer.c - see http/answer.h. */
#include "http/answer.h"

enum { CHUNK_LINE_MAX = 4096, TRAILER_MAX = 16 << 10 };

/* ------------------------------------------------------------------ the head */

static bool is_token(str s)
{
    static const str marks = STR_INIT("!#$%&'*+-.^_`|~");
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || str_chr(marks, c) != STR_NONE;
        if (!fine) return false;
    }
    return s.n > 0;
}

static bool is_value(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f) return false;
    return true;
}

/* Without its end.  False: it has none yet. */
static bool next_line(str s, size_t *at, str *line)
{
    size_t n = str_chr(str_from(s, *at), '\n');
    if (n == STR_NONE) return false;
    *line = str_n(s.p + *at, n);
    if (n && line->p[n - 1] == '\r') line->n--;
    *at += n + 1;
    return true;
}

static bool parse_status(str line, int *status, struct err *e)
{
    uint64_t n;
    bool fine = (str_starts(line, STR("HTTP/1.1 ")) || str_starts(line, STR("HTTP/1.0 "))) && line.n >= 12 && str_u64(str_n(line.p + 9, 3), &n) &&
                (line.n == 12 || line.p[12] == ' ') && n >= 100 && n < 600;
    if (!fine) return err_set(e, ERR_INVALID, "the answer does not begin as one of HTTP/1");
    *status = (int)n;
    return true;
}

static bool note_body(struct http_answer *out, str name, str value, bool *sized, bool *coded, struct err *e)
{
    uint64_t n;
    if (str_eq_nocase(name, STR("Transfer-Encoding"))) {
        if (*coded || !str_eq_nocase(value, STR("chunked"))) return err_set(e, ERR_INVALID, "the answer has a transfer coding other than chunked");
        *coded = true;
    } else if (str_eq_nocase(name, STR("Content-Length"))) {
        if (!str_u64(value, &n) || (*sized && n != out->length)) return err_set(e, ERR_INVALID, "the answer has a malformed Content-Length, or two");
        out->length = n;
        *sized = true;
    }
    return true;
}

bool http_answer_parse(str s, struct http_answer *out, size_t *head_n, struct err *e)
{
    size_t at = 0;
    str line;
    bool sized = false, coded = false;
    *head_n = 0;
    out->headers = 0;
    for (bool first = true;; first = false) {
        if (!next_line(s, &at, &line)) {
            if (s.n >= HTTP_ANSWER_HEAD_MAX) return err_set(e, ERR_INVALID, "the head of the answer has more than %d bytes", HTTP_ANSWER_HEAD_MAX);
            return true;
        }
        if (first) {
            if (!parse_status(line, &out->status, e)) return false;
            continue;
        }
        if (!line.n) break;
        size_t colon = str_chr(line, ':');
        if (colon == STR_NONE || !is_token(str_to(line, colon)) || !is_value(line))
            return err_set(e, ERR_INVALID, "header %zu of the answer is malformed", out->headers + 1);
        if (out->headers == HTTP_ANSWER_HEADERS_MAX) return err_set(e, ERR_INVALID, "the answer has more than %d headers", HTTP_ANSWER_HEADERS_MAX);
        str name = str_to(line, colon), value = str_trim(str_from(line, colon + 1));
        if (!note_body(out, name, value, &sized, &coded, e)) return false;
        out->header[out->headers].name = name;
        out->header[out->headers++].value = value;
    }
    if (at > HTTP_ANSWER_HEAD_MAX) return err_set(e, ERR_INVALID, "the head of the answer has more than %d bytes", HTTP_ANSWER_HEAD_MAX);
    if (sized && coded) return err_set(e, ERR_INVALID, "the answer has a length and a transfer coding");
    out->body = coded ? HTTP_ANSWER_CHUNKED : sized ? HTTP_ANSWER_SIZED : HTTP_ANSWER_TO_END;
    *head_n = at;
    return true;
}

str http_answer_header(const struct http_answer *a, const char *name)
{
    for (size_t i = 0; i < a->headers; i++)
        if (str_eq_nocase(a->header[i].name, str_c(name))) return a->header[i].value;
    return (str){ 0 };
}

/* ------------------------------------------------------------------ chunks */

enum { IN_SIZE, IN_EXTENSION, IN_DATA, BEHIND_DATA, IN_TRAILER };

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool bad(struct err *e) { return err_set(e, ERR_INVALID, "the answer's chunks are malformed"); }

/* The line of a chunk's size has ended. */
static void end_size(struct http_chunks *c)
{
    c->state = c->left ? IN_DATA : IN_TRAILER;
    c->line_n = 0;
}

static bool take_size(struct http_chunks *c, uint8_t b, struct err *e)
{
    if (++c->line_n > CHUNK_LINE_MAX) return bad(e);
    if (c->state == IN_SIZE && digit(b) >= 0) {
        if (c->left >> 58) return bad(e);
        c->left = c->left << 4 | (uint64_t)digit(b);
    } else if (b == '\n' && (c->state == IN_EXTENSION || c->line_n > 1)) {
        end_size(c);
    } else if (c->state == IN_SIZE && (c->line_n == 1 || (b != ';' && b != '\r' && b != ' ' && b != '\t'))) {
        return bad(e);
    } else {
        c->state = IN_EXTENSION;
    }
    return true;
}

/* left counts its bytes, which are read and forgotten; line_n those of its line, less the CR. */
static bool take_trailer(struct http_chunks *c, uint8_t b, struct err *e)
{
    if (++c->left > TRAILER_MAX) return bad(e);
    if (b == '\n') c->ended = !c->line_n;
    if (b == '\n') c->line_n = 0;
    else if (b != '\r') c->line_n++;
    return true;
}

bool http_chunks_next(struct http_chunks *c, bytes *in, bytes *out, struct err *e)
{
    *out = (bytes){ 0 };
    while (in->n && !c->ended) {
        if (c->state == IN_DATA) {
            size_t n = c->left < in->n ? (size_t)c->left : in->n;
            *out = (bytes){ in->p, n };
            *in = (bytes){ in->p + n, in->n - n };
            c->left -= n;
            if (!c->left) c->state = BEHIND_DATA;
            return true;
        }
        uint8_t b = *in->p;
        *in = (bytes){ in->p + 1, in->n - 1 };
        if (c->state == BEHIND_DATA) {
            if (b == '\n') *c = (struct http_chunks){ 0 };
            else if (b != '\r' || c->line_n++) return bad(e);
        } else if (!(c->state == IN_TRAILER ? take_trailer(c, b, e) : take_size(c, b, e))) {
            return false;
        }
    }
    return true;
}
