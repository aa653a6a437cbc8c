/* jinja/global.c - functions that every template sees, and the methods of what they make. */
#include <time.h>

#include "base/clock.h"
#include "jinja/native.h"

enum { RANGE_ITEMS_MAX = 100000, DATE_BYTES_MAX = 4096 };

static bool raise_exception(struct run *r, val self, struct args *a, val *out)
{
    val text;
    (void)self, (void)out;
    if (!soft_str(r, a->v[0], &text)) return false;
    fail(r, "%.*s", STR_ARG(str_to(text.s, ERR_MSG_MAX)));
    r->e->kind = "TemplateRaised";
    return false;
}

static bool strftime_now(struct run *r, val self, struct args *a, val *out)
{
    str format;
    (void)self;
    if (!arg_text(r, a->v[0], &format)) return false;
    time_t now = (time_t)(r->in->now_unix_s ? r->in->now_unix_s : clock_now_ms() / 1000);
    struct tm tm;
    char text[DATE_BYTES_MAX];
    if (!localtime_r(&now, &tm)) return fail(r, "strftime_now: the clock shows no date");
    if (format.n >= DATE_BYTES_MAX) return fail(r, "strftime_now: the format is too long");
    /* A mark in front tells an empty date from one that does not fit. */
    str marked = arena_fmt(r->a, "%.*s.", STR_ARG(format));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the template says how it wants the date: that is the point */
    size_t n = strftime(text, sizeof text, marked.p, &tm);
#pragma GCC diagnostic pop
    if (n == 0) return fail(r, "strftime_now: the date is too long");
    *out = val_str(arena_dup(r->a, str_n(text, n - 1)));
    return true;
}

static bool range(struct run *r, val self, struct args *a, val *out)
{
    int64_t start = 0, stop, step;
    struct range *g = run_alloc(r, sizeof *g);
    (void)self;
    if (!g || !arg_whole(r, a->v[0], 0, &stop)) return false;
    if (a->v[0].kind == VAL_NONE) return fail(r, "'NoneType' object cannot be interpreted as an integer");
    if (val_given(a->v[1])) {
        start = stop;
        if (!arg_whole(r, a->v[1], 0, &stop)) return false;
    }
    if (!arg_whole(r, a->v[2], 1, &step)) return false;
    if (step == 0) return fail(r, "range() arg 3 must not be zero");
    uint64_t n = 0, size = step < 0 ? 0 - (uint64_t)step : (uint64_t)step;
    if (step > 0 ? stop > start : stop < start)
        n = ((step > 0 ? (uint64_t)stop - (uint64_t)start : (uint64_t)start - (uint64_t)stop) - 1) / size + 1;
    if (n > RANGE_ITEMS_MAX)
        return fail(r, "Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).", RANGE_ITEMS_MAX);
    *g = (struct range){ start, stop, step, (size_t)n };
    *out = (val){ .kind = VAL_RANGE, .range = g };
    return true;
}

static bool fill_dict(struct run *r, struct args *a, struct dict *d)
{
    const val *items, *pair;
    size_t n, two;
    if (a->n > 1) return fail(r, "dict expected at most 1 argument, got %zu", a->n);
    if (a->n == 1 && a->v[0].kind == VAL_DICT) {
        const struct dict *from = a->v[0].dict;
        for (size_t i = 0; i < from->n; i++)
            if (!dict_put(r, d, from->v[i].key, from->v[i].value)) return false;
    } else if (a->n == 1) {
        if (!val_items(r, a->v[0], &items, &n)) return false;
        for (size_t i = 0; i < n; i++) {
            if (!val_items(r, items[i], &pair, &two)) return false;
            if (two != 2)
                return fail(r, "dictionary update sequence element #%zu has length %zu; 2 is required", i, two);
            if (!dict_put(r, d, pair[0], pair[1])) return false;
        }
    }
    for (size_t i = 0; i < a->kw_n; i++)
        if (!dict_put_str(r, d, a->kw[i].name, a->kw[i].value)) return false;
    return true;
}

static bool dict(struct run *r, val self, struct args *a, val *out)
{
    struct dict *d = dict_new(r);
    (void)self;
    if (!d || !fill_dict(r, a, d)) return false;
    *out = val_dict(d);
    return true;
}

static bool namespace(struct run *r, val self, struct args *a, val *out)
{
    if (!dict(r, self, a, out)) return false;
    out->kind = VAL_NAMESPACE;
    return true;
}

static bool cycler(struct run *r, val self, struct args *a, val *out)
{
    struct cycler *c = run_alloc(r, sizeof *c);
    (void)self;
    if (!c) return false;
    if (a->n == 0) return fail(r, "at least one item has to be provided");
    *c = (struct cycler){ a->v, a->n, 0 };
    *out = (val){ .kind = VAL_CYCLER, .cycler = c };
    return true;
}

static bool joiner(struct run *r, val self, struct args *a, val *out)
{
    struct joiner *j = run_alloc(r, sizeof *j);
    (void)self;
    if (!j) return false;
    j->separator = val_given(a->v[0]) ? a->v[0] : val_str(STR(", "));
    *out = (val){ .kind = VAL_JOINER, .joiner = j };
    return true;
}

/* Filler text, the same on every call: what is random elsewhere would only make pages hard to compare. */
static bool lipsum(struct run *r, val self, struct args *a, val *out)
{
    static const char *const word[] = { "lorem",       "ipsum",      "dolor",      "sit", "amet",
                                        "consectetur", "adipiscing", "elit",       "sed", "do",
                                        "eiusmod",     "tempor",     "incididunt", "ut",  "labore" };
    int64_t n, least;
    bool html = !val_given(a->v[1]) || val_truth(a->v[1]);
    (void)self;
    if (!arg_whole(r, a->v[0], 5, &n) || !arg_whole(r, a->v[2], 20, &least)) return false;
    size_t mark = text_begin(r);
    for (int64_t p = 0; p < n; p++) {
        buf_add(r->out, html ? STR("<p>") : STR(""));
        for (int64_t w = 0; w < least; w++) {
            if (w) buf_byte(r->out, ' ');
            buf_add(r->out, str_c(word[(w + p) % (int64_t)COUNT(word)]));
            if (!run_spend(r, 1)) return false;
        }
        buf_add(r->out, html ? STR(".</p>") : STR("."));
        if (p + 1 < n) buf_add(r->out, html ? STR("\n") : STR("\n\n"));
        if (!out_ok(r) || !run_spend(r, 1)) return false;
    }
    return text_end_val(r, mark, html, out);
}

const struct native *global_find(str name)
{
    static const struct native globals[] = {
        { STR_INIT("namespace"), NULL, 0, namespace },
        { STR_INIT("range"), "start stop step", 1, range },
        { STR_INIT("raise_exception"), "message", 1, raise_exception },
        { STR_INIT("strftime_now"), "format", 1, strftime_now },
        { STR_INIT("dict"), NULL, 0, dict },
        { STR_INIT("cycler"), NULL, 0, cycler },
        { STR_INIT("joiner"), "sep", 0, joiner },
        { STR_INIT("lipsum"), "n html min max", 0, lipsum },
    };
    return native_find(globals, COUNT(globals), name);
}

/* ------------------------------------------------------------------ methods */

static bool cycler_next(struct run *r, val self, struct args *a, val *out)
{
    struct cycler *c = self.cycler;
    (void)r, (void)a;
    *out = c->items[c->at];
    c->at = (c->at + 1) % c->n;
    return true;
}
static bool cycler_reset(struct run *r, val self, struct args *a, val *out)
{
    (void)r, (void)a;
    self.cycler->at = 0;
    *out = val_none();
    return true;
}
static bool loop_cycle(struct run *r, val self, struct args *a, val *out)
{
    if (a->n == 0) return fail(r, "no items for cycling given");
    *out = a->v[self.loop->at % a->n];
    return true;
}
static bool loop_changed(struct run *r, val self, struct args *a, val *out)
{
    struct loop *l = self.loop;
    val now = val_tuple(a->v, a->n);
    bool same = false;
    if (l->changed_seen && !val_eq(r, l->changed_last, now, &same)) return false;
    l->changed_seen = true;
    l->changed_last = now;
    *out = val_bool(!same);
    return true;
}

static const struct native of_cycler[] = {
    { STR_INIT("next"), "", 0, cycler_next },
    { STR_INIT("reset"), "", 0, cycler_reset },
};
static const struct native of_loop[] = {
    { STR_INIT("cycle"), NULL, 0, loop_cycle },
    { STR_INIT("changed"), NULL, 0, loop_changed },
};
const struct native_table methods_cycler = { of_cycler, COUNT(of_cycler) };
const struct native_table methods_loop = { of_loop, COUNT(of_loop) };
