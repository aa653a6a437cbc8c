/* cli/model/sse.c - see cli/model/sse.h.
 *
 * Lines end with LF, CR or both; what follows "data:" is kept, less one blank; an empty line ends an event; names, ids, times to wait
 * and comments (signs of life) are passed over.  Source: the HTML standard, "server-sent events". */
#include "cli/model/sse.h"

void sse_init(struct sse *s, size_t bytes_max, bool (*event)(void *ctx, str data, struct err *e), void *ctx)
{
    *s = (struct sse){ .event = event, .ctx = ctx };
    buf_init(&s->line, bytes_max);
    buf_init(&s->data, bytes_max);
}

void sse_deinit(struct sse *s)
{
    buf_deinit(&s->line);
    buf_deinit(&s->data);
}

static bool too_large(const struct sse *s, struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "the server sent an event of more than %zu bytes", s->line.bytes_max);
}

static bool end_event(struct sse *s, struct err *e)
{
    if (!s->has_data) return true;
    bool ok = s->event(s->ctx, buf_str(&s->data), e);
    buf_reset(&s->data);
    s->has_data = false;
    return ok;
}

static bool end_line(struct sse *s, struct err *e)
{
    str line = buf_str(&s->line), name = STR("data");
    if (s->line.failed) return too_large(s, e);
    if (!s->has_begun && str_starts(line, STR("\xEF\xBB\xBF"))) line = str_from(line, 3);
    s->has_begun = true;
    if (line.n == 0) {
        buf_reset(&s->line);
        return end_event(s, e);
    }
    str value = str_from(line, name.n);
    if (str_starts(line, name) && (value.n == 0 || value.p[0] == ':')) {
        if (s->has_data) buf_byte(&s->data, '\n');
        s->has_data = true;
        value = str_from(value, 1);
        buf_add(&s->data, str_starts(value, STR(" ")) ? str_from(value, 1) : value);
    }
    buf_reset(&s->line);
    return !s->data.failed || too_large(s, e);
}

bool sse_take(struct sse *s, str piece, struct err *e)
{
    while (piece.n) {
        if (s->was_cr && piece.p[0] == '\n') piece = str_from(piece, 1);
        s->was_cr = false;
        size_t n = 0;
        while (n < piece.n && piece.p[n] != '\n' && piece.p[n] != '\r') n++;
        buf_add(&s->line, str_to(piece, n));
        if (n == piece.n) return !s->line.failed || too_large(s, e);
        s->was_cr = piece.p[n] == '\r';
        if (!end_line(s, e)) return false;
        piece = str_from(piece, n + 1);
    }
    return true;
}

bool sse_end(struct sse *s, struct err *e)
{
    return (s->line.n == 0 || end_line(s, e)) && end_event(s, e);
}
