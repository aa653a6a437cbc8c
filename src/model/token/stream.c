/* stream.c - decoding while ids arrive.
 *
 * Byte-level tokens are added up, and whole characters leave at once.  For other decoders what a token becomes depends
 * on its neighbours, so a window of ids is decoded again: those given out last, as context, and those since.  Text
 * leaves when it grew and does not end in U+FFFD (half a character), as the reference does it; the window then moves. */
#include "model/token/token_priv.h"

enum { WINDOW_MAX = 64, PENDING_MAX = 32 }; /* 32 ids that make no character are malformed, not slow */

struct token_stream {
    const struct tokenizer *t;
    bool skip_special;
    struct buf raw;     /* bytes that are not a whole character yet */
    struct buf text;    /* what was given out last */
    struct buf now;
    uint32_t id[WINDOW_MAX];
    size_t n, context;  /* id[0, context) have been given out */
    size_t given;       /* bytes of the window's text that have been given out */
};

struct token_stream *token_stream_new(const struct tokenizer *t, bool skip_special)
{
    struct token_stream *s = mem_one(struct token_stream);
    s->t = t;
    s->skip_special = skip_special;
    return s;
}

void token_stream_free(struct token_stream *s)
{
    if (!s) return;
    buf_deinit(&s->raw);
    buf_deinit(&s->text);
    buf_deinit(&s->now);
    mem_free(s);
}

static bool ends_open(str s) { return str_ends(s, STR("\xEF\xBF\xBD")); }

static bool window_text(struct token_stream *s, size_t from, size_t n, struct err *e)
{
    buf_reset(&s->now);
    return tokenizer_decode(s->t, s->id + from, n, false, &s->now, e);
}

/* What the window says beyond what was given out; then its last ids become the context. */
static bool window_give(struct token_stream *s, struct err *e)
{
    size_t given = s->given < s->now.n ? s->given : s->now.n;
    buf_add(&s->text, str_from(buf_str(&s->now), given));
    size_t context = s->n - s->context;
    memmove(s->id, s->id + s->context, context * sizeof *s->id);
    s->n = s->context = context;
    if (!window_text(s, 0, s->n, e)) return false;
    s->given = s->now.n;
    return true;
}

static bool add_bytes(struct token_stream *s, uint32_t id)
{
    decode_bytes_add(s->t, id, s->skip_special, &s->raw);
    size_t used = utf8_lossy(buf_str(&s->raw), &s->text, false);
    if (used) memmove(s->raw.p, s->raw.p + used, s->raw.n - used);
    s->raw.n -= used;
    return true;
}

bool token_stream_add(struct token_stream *s, uint32_t id, str *text, struct err *e)
{
    str token;
    bool ok = true;
    buf_reset(&s->text);
    if (decode_is_bytes(s->t)) add_bytes(s, id);
    else if (tokenizer_token(s->t, id, &token) && !(s->skip_special && tokenizer_is_special(s->t, id))) {
        s->id[s->n++] = id;
        ok = window_text(s, 0, s->n, e);
        if (ok && ((s->now.n > s->given && !ends_open(buf_str(&s->now))) || s->n - s->context >= PENDING_MAX || s->n == WINDOW_MAX))
            ok = window_give(s, e);
    }
    *text = buf_str(&s->text);
    return ok;
}

bool token_stream_end(struct token_stream *s, str *text, struct err *e)
{
    bool ok = true;
    buf_reset(&s->text);
    if (decode_is_bytes(s->t)) {
        utf8_lossy(buf_str(&s->raw), &s->text, true);
        buf_reset(&s->raw);
    } else if (s->n > s->context) {
        ok = window_text(s, 0, s->n, e) && window_give(s, e);
    }
    *text = buf_str(&s->text);
    return ok;
}
