/* model/chat/think.c - see model/chat/think.h.
 *
 * Text comes in pieces of any size, and a mark may lie across several: what could be the beginning of one is held back, as are line
 * ends before "</think>", which belong to it. */
#include "model/chat/think.h"

#include <string.h>

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool think_is_taught(str chat_template) { return str_find(chat_template, STR(THINK_CLOSE)) != STR_NONE; }

bool think_is_open(str prompt)
{
    const str open = STR(THINK_OPEN);
    while (prompt.n && is_space(prompt.p[prompt.n - 1])) prompt.n--;
    return prompt.n >= open.n && str_eq(str_from(prompt, prompt.n - open.n), open);
}

void think_init(struct think *t, bool is_open)
{
    *t = (struct think){ .state = is_open ? THINK_INSIDE : THINK_BEFORE, .trims = is_open };
    buf_init(&t->held, 0);
}

void think_deinit(struct think *t) { buf_deinit(&t->held); }

static void drop(struct think *t, size_t n)
{
    t->held.n -= n;
    memmove(t->held.p, t->held.p + n, t->held.n + 1);
}

static void tell(struct think *t, size_t n, struct buf *to)
{
    if (n == 0) return;
    buf_add(to, str_to(buf_str(&t->held), n));
    drop(t, n);
}

static void trim(struct think *t)
{
    size_t n = 0;
    if (!t->trims) return;
    while (n < t->held.n && (t->held.p[n] == '\n' || t->held.p[n] == '\r')) n++;
    if (n) drop(t, n);
    t->trims = t->held.n == 0;
}

static size_t without_line_ends(const struct think *t, size_t n)
{
    while (n && (t->held.p[n - 1] == '\n' || t->held.p[n - 1] == '\r')) n--;
    return n;
}

/* How much of it is certainly no part of the mark, nor a line end before it. */
static size_t settled(const struct think *t, str mark)
{
    size_t n = t->held.n, k = n < mark.n - 1 ? n : mark.n - 1;
    while (k && memcmp(t->held.p + n - k, mark.p, k) != 0) k--;
    return without_line_ends(t, n - k);
}

/* True: there is more to look at. */
static bool look_before(struct think *t, bool is_end)
{
    const str open = STR(THINK_OPEN);
    size_t at = 0;
    while (at < t->held.n && is_space(t->held.p[at])) at++;
    str rest = str_from(buf_str(&t->held), at);
    if (str_starts(rest, open)) {
        drop(t, at + open.n);
        t->state = THINK_INSIDE;
        t->trims = true;
        return true;
    }
    if (!is_end && str_starts(open, rest)) return false; /* it may become one */
    t->state = THINK_AFTER;
    t->trims = false;
    return true;
}

static bool look_inside(struct think *t, bool is_end, struct buf *thought)
{
    const str close = STR(THINK_CLOSE);
    trim(t);
    size_t at = str_find(buf_str(&t->held), close);
    if (at == STR_NONE) {
        tell(t, is_end ? t->held.n : settled(t, close), thought);
        return false;
    }
    size_t n = without_line_ends(t, at);
    tell(t, n, thought);
    drop(t, at - n + close.n);
    t->state = THINK_AFTER;
    t->trims = true;
    return true;
}

void think_add(struct think *t, str text, bool is_end, struct buf *thought, struct buf *said)
{
    buf_add(&t->held, text);
    if (t->held.n == 0) return;
    if (t->state == THINK_BEFORE && !look_before(t, is_end)) return;
    if (t->state == THINK_INSIDE && !look_inside(t, is_end, thought)) return;
    trim(t);
    tell(t, t->held.n, said);
}
