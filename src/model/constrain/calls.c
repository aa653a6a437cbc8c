/* model/constrain/calls.c - grammars of values inside of given texts: what the calls of functions look like.
 *
 * Text that may come before is anything but the text that begins a call.  It is matched byte by byte, by the automaton that
 * looks for that text (Knuth, Morris, Pratt): a rule per state, each of which may be the last. */
#include <string.h>

#include "model/constrain/schema_priv.h"

enum { TRIGGER_BYTES_MAX = 64 };

static const struct json any_object_allows = { .type = JSON_BOOL, .key = STR_INIT("additionalProperties"), .b = true };
static struct json any_object_type = { .type = JSON_STRING, .key = STR_INIT("type"), .s = STR_INIT("object"), .next = (struct json *)&any_object_allows };
static const struct json any_object = { .type = JSON_OBJECT, .first = &any_object_type, .count = 2 };

/* ------------------------------------------------------------------ text without another text in it */

/* So many bytes of the trigger stand at the end, when `at` of them stood there and b comes. */
static size_t next_state(str trigger, size_t at, uint8_t b)
{
    for (size_t n = at + 1; n; n--)
        if ((uint8_t)trigger.p[n - 1] == b && memcmp(trigger.p, trigger.p + at + 1 - n, n - 1) == 0) return n;
    return 0;
}

/* behind: what follows the trigger, once it has come. */
static struct expr *text_until(struct schema *s, str trigger, bool may_end, struct expr *behind)
{
    uint32_t state[TRIGGER_BYTES_MAX], last;
    for (size_t i = 0; i < trigger.n; i++) state[i] = grammar_rule_new(&s->b, STR("text"));
    last = grammar_rule_new(&s->b, STR("behind"));
    if (s->b.failed) return expr_choice(&s->b);
    s->b.rule[last].body = behind;
    for (size_t i = 0; i < trigger.n; i++) {
        struct expr *choice = s->b.rule[state[i]].body = expr_choice(&s->b);
        if (may_end) expr_add(choice, expr_sequence(&s->b));
        for (size_t to = 0; to <= i + 1; to++) {
            struct expr *step = expr_sequence(&s->b), *set = expr_byte_range(&s->b, 1, 0);
            bool any = false;
            for (unsigned b = 0; b < 256; b++)
                if (next_state(trigger, i, (uint8_t)b) == to) byte_set_add(&set->set, (uint8_t)b), any = true;
            if (!any) continue;
            expr_add(step, set);
            expr_add(step, expr_rule(&s->b, to == trigger.n ? last : state[to]));
            expr_add(choice, step);
        }
    }
    return expr_rule(&s->b, state[0]);
}

/* Text that begins with something else, after blanks. */
static struct expr *text_not_from(struct schema *s, char first)
{
    static const char blanks[] = " \t\r\n";
    struct expr *other = expr_byte_range(&s->b, 0, 255), *blank = expr_byte_range(&s->b, 1, 0), *x = expr_sequence(&s->b), *some = expr_sequence(&s->b);
    for (const char *c = blanks; *c; c++) {
        byte_set_add(&blank->set, (uint8_t)*c);
        other->set.word[(uint8_t)*c / 64] &= ~(UINT64_C(1) << ((uint8_t)*c % 64));
    }
    other->set.word[(uint8_t)first / 64] &= ~(UINT64_C(1) << ((uint8_t)first % 64));
    expr_add(some, other);
    expr_add(some, expr_repeat(&s->b, expr_byte_range(&s->b, 0, 255), 0, REPEAT_NO_MAX));
    expr_add(x, expr_repeat(&s->b, blank, 0, REPEAT_NO_MAX));
    expr_add(x, expr_repeat(&s->b, some, 0, 1));
    return x;
}

/* ------------------------------------------------------------------ calls */

static bool read_member(struct schema *s, const struct json *root, const struct grammar_member *m, struct expr **out)
{
    struct expr *x = expr_sequence(&s->b), *value;
    expr_add(x, expr_text(&s->b, m->before));
    if (m->is_plain) {
        if (m->after.n == 0 || m->after.n > TRIGGER_BYTES_MAX) return err_set(s->e, ERR_INVALID, "what ends a text must have 1 to %d bytes", TRIGGER_BYTES_MAX);
        expr_add(x, text_until(s, m->after, false, expr_sequence(&s->b)));
    } else {
        if (!schema_whole(s, root, m->schema, &value)) return false;
        expr_add(x, value);
        expr_add(x, expr_text(&s->b, m->after));
    }
    *out = m->is_optional ? expr_repeat(&s->b, x, 0, 1) : x;
    return true;
}

static bool read_call(struct schema *s, const struct grammar_call *c, struct expr **out)
{
    struct expr *value;
    *out = expr_sequence(&s->b);
    expr_add(*out, expr_text(&s->b, c->before));
    for (size_t i = 0; i < c->members; i++) {
        if (!read_member(s, c->schema, &c->member[i], &value)) return false;
        expr_add(*out, value);
    }
    if (!c->member) {
        const struct json *schema = c->schema ? c->schema : &any_object;
        if (!schema_whole(s, schema, schema, &value)) return false;
        expr_add(*out, value);
    }
    expr_add(*out, expr_text(&s->b, c->after));
    return true;
}

/* begin (without its first `skipped` bytes) call (between call)* end */
static struct expr *list_of(struct schema *s, const struct grammar_calls *c, uint32_t call, size_t skipped)
{
    struct expr *x = expr_sequence(&s->b), *more = expr_sequence(&s->b);
    expr_add(x, expr_text(&s->b, str_from(c->begin, skipped)));
    expr_add(x, expr_rule(&s->b, call));
    if (!c->only_one) {
        expr_add(more, expr_text(&s->b, c->between));
        expr_add(more, expr_rule(&s->b, call));
        expr_add(x, expr_repeat(&s->b, more, 0, REPEAT_NO_MAX));
    }
    expr_add(x, expr_text(&s->b, c->end));
    return x;
}

static bool read_calls(struct schema *s, const struct grammar_calls *c)
{
    uint32_t root = grammar_rule_new(&s->b, STR("root")), any = grammar_rule_new(&s->b, STR("call"));
    struct expr *choice = expr_choice(&s->b), *one, *whole;
    for (size_t i = 0; i < c->n; i++) {
        if (!read_call(s, &c->call[i], &one)) return false;
        expr_add(choice, one);
    }
    if (s->b.failed) return true; /* grammar_build() says so */
    s->b.rule[any].body = choice;
    if (!c->is_optional) {
        whole = list_of(s, c, any, 0);
    } else if (c->otherwise) {
        whole = expr_choice(&s->b);
        if (!schema_whole(s, c->otherwise, c->otherwise, &one)) return false;
        expr_add(whole, list_of(s, c, any, 0));
        expr_add(whole, one);
    } else if (c->begin.n) {
        whole = text_until(s, c->trigger, true, list_of(s, c, any, c->trigger.n));
    } else {
        whole = expr_choice(&s->b);
        expr_add(whole, list_of(s, c, any, 0));
        expr_add(whole, text_not_from(s, c->trigger.p[0]));
    }
    if (!s->b.failed) s->b.rule[root].body = whole;
    return true;
}

bool grammar_from_calls(const struct grammar_calls *c, struct grammar **out, struct err *e)
{
    struct schema s;
    if (c->is_optional && (c->trigger.n == 0 || c->trigger.n > TRIGGER_BYTES_MAX || (c->begin.n && !str_starts(c->begin, c->trigger))))
        return err_set(e, ERR_INVALID, "calls that are optional need a text of 1 to %d bytes with which they begin", TRIGGER_BYTES_MAX);
    if (!schema_init(&s, 0, e)) return false;
    s.b.json_text = true;
    bool ok = read_calls(&s, c) ? grammar_build(&s.b, out, e) : err_context(e, "parameters of a function");
    schema_deinit(&s);
    return ok;
}
