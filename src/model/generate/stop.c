/* model/generate/stop.c - see model/generate/stop.h. */
#include "model/generate/stop.h"

#include "base/err.h"

void stop_text_deinit(struct stop_text *s)
{
    buf_deinit(&s->text);
}

/* The first place where a stop string stands, from `from` on. */
static bool find_stop(const struct stop_text *s, size_t from, size_t *at)
{
    bool found = false;
    for (size_t i = 0; i < s->stops; i++) {
        size_t here = str_find(str_from(buf_str(&s->text), from), s->stop[i]);
        if (here == STR_NONE || (found && from + here >= *at)) continue;
        *at = from + here;
        found = true;
    }
    return found;
}

/* How much of the end of the text might be the beginning of a stop string. */
static size_t undecided(const struct stop_text *s)
{
    size_t most = 0;
    for (size_t i = 0; i < s->stops; i++) {
        size_t n = s->stop[i].n - 1;
        if (n > s->text.n - s->safe) n = s->text.n - s->safe;
        while (n > most && !str_starts(s->stop[i], str_from(buf_str(&s->text), s->text.n - n))) n--;
        if (n > most) most = n;
    }
    return most;
}

bool stop_text_add(struct stop_text *s, str piece)
{
    size_t at = 0;
    must(!s->stopped);
    if (s->given) { /* what was taken is not needed any more */
        s->text.n -= s->given;
        s->safe -= s->given;
        if (s->text.n) memmove(s->text.p, s->text.p + s->given, s->text.n);
        s->given = 0;
    }
    buf_add(&s->text, piece);
    s->stopped = !s->is_early && find_stop(s, s->safe, &at);
    if (s->stopped && !s->keeps) s->text.n = at;
    s->safe = s->stopped ? s->text.n : s->text.n - undecided(s);
    return s->stopped;
}

void stop_text_end(struct stop_text *s) { s->safe = s->text.n; }

str stop_text_take(struct stop_text *s)
{
    str out = str_n(s->text.p + (s->text.p ? s->given : 0), s->safe - s->given);
    s->given = s->safe;
    return out;
}
