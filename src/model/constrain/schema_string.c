/* model/constrain/schema_string.c - strings of a JSON schema: what patterns, formats, lengths and exceptions leave.
 *
 * One pattern alone is read into the grammar as it is.  Where several things hold together, each becomes an automaton
 * over characters, and all of them are walked side by side, with a count beside where there is a length. */
#include <string.h>

#include "model/constrain/automaton.h"
#include "model/constrain/schema_priv.h"

#define DAY "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))"
#define DATE "[1-9]\\d{3}-" DAY
#define TIME "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,6})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)"
#define LABEL "[A-Za-z0-9](?:[A-Za-z0-9-]{0,26}[A-Za-z0-9])?"
#define HOST LABEL "(?:\\." LABEL "){0,6}"
#define MAIL "[A-Za-z0-9_+-]{1,20}(?:\\.[A-Za-z0-9_+-]{1,20}){0,2}@(?:" LABEL "\\.){1,5}[A-Za-z]{2,12}"
#define GROUP "[0-9a-fA-F]{1,4}"
#define OCTET "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)"
#define IPV4 OCTET "(?:\\." OCTET "){3}"
#define IPV6 "(?:" GROUP ":){7}" GROUP "|(?:" GROUP ":){1,7}:|(?:" GROUP ":){1,6}:" GROUP "|(?:" GROUP ":){1,5}(?::" GROUP "){1,2}|" \
             "(?:" GROUP ":){1,4}(?::" GROUP "){1,3}|(?:" GROUP ":){1,3}(?::" GROUP "){1,4}|(?:" GROUP ":){1,2}(?::" GROUP "){1,5}|" \
             GROUP ":(?::" GROUP "){1,6}|:(?:(?::" GROUP "){1,7}|:)"
/* Networks by whole octets or groups: nothing is set behind the prefix. */
#define IPV4_NET OCTET "(?:\\.0\\.0\\.0\\/8|\\." OCTET "(?:\\.0\\.0\\/16|\\." OCTET "(?:\\.0\\/24|\\." OCTET "(?:\\/32)?)))"
#define IPV6_NET "(?:" GROUP ":){1,2}:\\/32|(?:" GROUP ":){1,3}:\\/48|(?:" GROUP ":){1,4}:\\/64|(?:" GROUP ":){7}" GROUP "(?:\\/128)?"
#define IPV4_AT IPV4 "(?:\\/(?:3[0-2]|[12]?\\d))?"
#define IPV6_AT "(?:" IPV6 ")(?:\\/(?:12[0-8]|1[01]\\d|[1-9]?\\d))?"
#define UUID(version) "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-" version "[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
#define BASE64 "(?:[A-Za-z0-9+\\/]{4})*(?:[A-Za-z0-9+\\/][AQgw]==|[A-Za-z0-9+\\/]{2}[AEIMQUYcgkosw048]=)?"
#define PATH "(?:[A-Za-z0-9._~!$&'()*+,;=:@\\/-]|%[0-9a-fA-F]{2})*"
/* Names of hosts are dots between words here, of any length, so that an automaton stays small. */
#define WORD "[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*"
#define SITE "(?:(?:" WORD "\\.)*[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)*|" IPV4 ")(?::[1-9]\\d{0,3})?"
#define SCHEME "[A-Za-z][A-Za-z0-9+.-]{0,15}:\\/\\/"
#define BEHIND "(?:\\/" PATH ")?(?:\\?" PATH ")?(?:#" PATH ")?"
#define URI SCHEME SITE BEHIND
static const struct { str name; const char *pattern; } formats[] = {
    { STR_INIT("date-time"), DATE "T" TIME },
    { STR_INIT("date"), DATE },
    { STR_INIT("time"), TIME },
    { STR_INIT("duration"), "P(?:\\d{1,4}W|(?:\\d{1,4}D|\\d{1,4}M(?:\\d{1,4}D)?|\\d{1,4}Y(?:\\d{1,4}M(?:\\d{1,4}D)?)?)"
                            "(?:T(?:\\d{1,4}H(?:\\d{1,4}M(?:\\d{1,4}S)?)?|\\d{1,4}M(?:\\d{1,4}S)?|\\d{1,4}S))?|"
                            "T(?:\\d{1,4}H(?:\\d{1,4}M(?:\\d{1,4}S)?)?|\\d{1,4}M(?:\\d{1,4}S)?|\\d{1,4}S))" },
    { STR_INIT("email"), MAIL }, { STR_INIT("idn-email"), MAIL },
    { STR_INIT("hostname"), HOST }, { STR_INIT("idn-hostname"), HOST },
    { STR_INIT("ipv4"), IPV4 },
    { STR_INIT("ipv6"), IPV6 },
    { STR_INIT("uuid"), "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}" },
    { STR_INIT("uri"), URI }, { STR_INIT("uri-reference"), URI }, { STR_INIT("iri"), URI }, { STR_INIT("iri-reference"), URI },
    { STR_INIT("json-pointer"), "(?:\\/(?:[^\\/~]|~[01])*)*" },
    /* What pydantic and OpenAPI say beside the standard's; the last ones have no syntax. */
    { STR_INIT("multi-host-uri"), SCHEME SITE "(?:," SITE "){0,7}" BEHIND },
    { STR_INIT("name-email"), "[A-Za-z]+(?: [A-Za-z]+){0,3} <" MAIL ">|" MAIL },
    { STR_INIT("ipvanyaddress"), IPV4 "|" IPV6 }, { STR_INIT("ipvanynetwork"), IPV4_NET "|" IPV6_NET }, { STR_INIT("ipvanyinterface"), IPV4_AT "|" IPV6_AT },
    { STR_INIT("ipv4network"), IPV4_NET }, { STR_INIT("ipv6network"), IPV6_NET }, { STR_INIT("ipv4interface"), IPV4_AT }, { STR_INIT("ipv6interface"), IPV6_AT },
    { STR_INIT("uuid1"), UUID("1") }, { STR_INIT("uuid3"), UUID("3") }, { STR_INIT("uuid4"), UUID("4") }, { STR_INIT("uuid5"), UUID("5") },
    { STR_INIT("uuid6"), UUID("6") }, { STR_INIT("uuid7"), UUID("7") }, { STR_INIT("uuid8"), UUID("8") },
    { STR_INIT("base64"), BASE64 }, { STR_INIT("byte"), BASE64 },
    { STR_INIT("binary"), "[^]*" }, { STR_INIT("password"), "[^]*" }, { STR_INIT("path"), "[^]*" }, { STR_INIT("file-path"), "[^]*" }, { STR_INIT("directory-path"), "[^]*" },
};

/* ------------------------------------------------------------------ what is asked for */

static bool add_part(struct schema *s, struct texts *t, struct text_part part)
{
    if (t->parts == TEXT_PARTS_MAX) return schema_refuse(s, "so many patterns that should hold together");
    t->part[t->parts++] = part;
    return true;
}

bool schema_add_pattern(struct schema *s, struct texts *t, str pattern, bool negative)
{
    str ahead, all = pattern;
    bool is_negative, anchored = false;
    while (!negative && regex_take_ahead(&pattern, anchored, &ahead, &is_negative)) {
        if (!add_part(s, t, (struct text_part){ .pattern = ahead, .mode = REGEX_AHEAD, .negative = is_negative })) return false;
        anchored = true;
    }
    return add_part(s, t, (struct text_part){ .pattern = anchored ? pattern : all, .mode = anchored ? REGEX_AHEAD : REGEX_SEARCH, .negative = negative });
}

bool schema_add_names(struct schema *s, struct texts *t, const str *name, size_t names)
{
    return !names || add_part(s, t, (struct text_part){ .text = name, .texts = names, .negative = true });
}

/* A format that is not known says no more than the pattern beside it. */
static bool add_format(struct schema *s, struct texts *t, const struct json *format, bool has_pattern)
{
    if (format->type != JSON_STRING) return err_set(s->e, ERR_INVALID, "\"pattern\" and \"format\" must be strings");
    for (size_t i = 0; i < COUNT(formats); i++)
        if (str_eq(formats[i].name, format->s))
            return add_part(s, t, (struct text_part){ .pattern = str_c(formats[i].pattern), .mode = REGEX_WHOLE });
    return has_pattern ||
           err_set(s->e, ERR_NOT_BUILT, "the format \"%.*s\" is not supported (a \"pattern\" says the same, or leave it out)", STR_ARG(format->s));
}

bool schema_texts_of(struct schema *s, const struct json *j, struct texts *t)
{
    const struct json *pattern[SCHEMA_ALSO_MAX], *format[SCHEMA_ALSO_MAX];
    size_t patterns, format_count;
    struct schema_not not;
    if (!schema_all(s, j, STR("pattern"), pattern, &patterns) || !schema_all(s, j, STR("format"), format, &format_count) ||
        !schema_exceptions(s, j, &not) || !schema_count(s, j, "minLength", &t->min))
        return false;
    uint32_t max = REPEAT_NO_MAX;
    if (!schema_count(s, j, "maxLength", &max)) return false;
    if (max < t->max) t->max = max;
    for (size_t i = 0; i < patterns; i++) {
        if (pattern[i]->type != JSON_STRING) return err_set(s->e, ERR_INVALID, "\"pattern\" and \"format\" must be strings");
        if (!schema_add_pattern(s, t, pattern[i]->s, false)) return false;
    }
    for (size_t i = 0; i < format_count; i++)
        if (!add_format(s, t, format[i], patterns > 0)) return false;
    for (size_t i = 0; i < not.patterns; i++)
        if (!schema_add_pattern(s, t, not.pattern[i], true)) return false;
    str *name = arena_alloc(s->b.a, (not.values + 1) * sizeof *name);
    size_t names = 0;
    for (size_t i = 0; i < not.values; i++)
        if (not.value[i]->type == JSON_STRING) name[names++] = not.value[i]->s;
    return schema_add_names(s, t, name, names);
}

/* ------------------------------------------------------------------ automata */

static bool read_part(struct schema *s, struct grammar_builder *b, const struct text_part *part, struct expr **out)
{
    if (!part->text) return regex_read(b, part->pattern, part->mode, out, s->e) || schema_in(s, STR("pattern"));
    *out = expr_choice(b);
    for (size_t i = 0; i < part->texts && !b->failed; i++) {
        struct expr *x = expr_sequence(b);
        uint32_t c;
        for (str rest = part->text[i]; rest.n; rest = str_from(rest, str_utf8_decode(rest, &c))) {
            must(str_utf8_decode(rest, &c) > 0); /* the JSON parser lets nothing else through */
            expr_add(x, expr_char(b, c));
        }
        expr_add(*out, x);
    }
    return true;
}

static bool too_many_states(struct schema *s)
{
    return err_set(s->e, ERR_TOO_LARGE, "the patterns and lengths that should hold together take too many states: leave one of them out, or say less");
}

/* Where the alphabet is not known yet, it is only found out which characters are told apart. */
static bool make_part(struct schema *s, const struct text_part *part, struct alphabet *alphabet, struct automaton *out)
{
    struct grammar_builder b;
    struct expr *body;
    *out = (struct automaton){ 0 };
    if (!grammar_builder_init(&b, 0, s->e)) return false;
    b.alphabet = alphabet;
    bool ok = read_part(s, &b, part, &body);
    if (ok && (b.failed || alphabet->overflow)) ok = too_many_states(s);
    if (ok && alphabet->is_known) ok = automaton_of(&b, body, alphabet->n, &s->work_left, out) || too_many_states(s);
    grammar_builder_deinit(&b);
    return ok;
}

struct side_by_side {
    const struct texts *t;
    const struct automaton *part;
    uint32_t max;
};

/* A state: where each part stands, then how many characters there were, as far as that matters. */
static bool step_all(const void *of, const void *from, uint32_t symbol, void *to)
{
    const struct side_by_side *p = of;
    const uint32_t *here = from;
    uint32_t *next = to;
    for (size_t i = 0; i < p->t->parts; i++) {
        next[i] = p->part[i].next[here[i] * p->part[i].symbols + symbol];
        if (next[i] == AUTOMATON_DEAD && !p->t->part[i].negative) return false;
    }
    uint32_t n = here[p->t->parts], counted = p->max == REPEAT_NO_MAX ? p->t->min : p->max;
    if (p->max != REPEAT_NO_MAX && n == p->max) return false;
    next[p->t->parts] = n < counted ? n + 1 : n;
    return true;
}

static bool accepts_all(const void *of, const void *key)
{
    const struct side_by_side *p = of;
    const uint32_t *here = key;
    for (size_t i = 0; i < p->t->parts; i++)
        if (p->part[i].accepts[here[i]] == p->t->part[i].negative) return false;
    return here[p->t->parts] >= p->t->min;
}

/* Where the longest texts would take too many states, they are left out. */
static bool put_together(struct schema *s, const struct texts *t, const struct automaton *part, uint32_t symbols, struct automaton *out)
{
    enum { LENGTH_ENOUGH = 256 };
    struct side_by_side p = { t, part, t->max };
    uint32_t start[TEXT_PARTS_MAX + 1] = { 0 };
    const struct automaton_source source = { &p, (t->parts + 1) * sizeof *start, symbols, step_all, accepts_all };
    for (size_t i = 0; i < t->parts; i++) {
        start[i] = AUTOMATON_START;
        if (!t->part[i].negative && automaton_longest(&part[i]) <= p.max) p.max = REPEAT_NO_MAX;
    }
    while (!automaton_explore(&source, start, &s->work_left, out)) {
        if (p.max / 2 < LENGTH_ENOUGH || p.max / 2 < t->min || p.max == REPEAT_NO_MAX || s->work_left == 0) return too_many_states(s);
        p.max /= 2;
    }
    if (p.max == REPEAT_NO_MAX) automaton_minimise(out, &s->work_left);
    return true;
}

bool schema_language(struct schema *s, const struct texts *asked, struct language *out)
{
    struct texts t = *asked;
    struct automaton part[TEXT_PARTS_MAX] = { { 0 } };
    bool ok = true;
    out->alphabet = (struct alphabet){ .n = 1 };
    out->automaton = (struct automaton){ 0 };
    if (t.parts == 0) t.part[t.parts++] = (struct text_part){ .pattern = STR("[^]*") };
    for (int known = 0; known < 2; known++) {
        out->alphabet.is_known = known;
        for (size_t i = 0; i < t.parts && ok; i++) ok = make_part(s, &t.part[i], &out->alphabet, &part[i]);
    }
    if (ok) ok = put_together(s, &t, part, out->alphabet.n, &out->automaton);
    for (size_t i = 0; i < t.parts; i++) automaton_free(&part[i]);
    return ok;
}

bool schema_takes(const struct language *l, str text)
{
    uint32_t at = AUTOMATON_START, c;
    for (; text.n && at != AUTOMATON_DEAD; text = str_from(text, str_utf8_decode(text, &c))) {
        must(str_utf8_decode(text, &c) > 0);
        at = l->automaton.next[at * l->automaton.symbols + alphabet_symbol(&l->alphabet, c)];
    }
    return l->automaton.accepts[at];
}

/* ------------------------------------------------------------------ expressions */

struct labels { /* rules of the sets of characters that take more than one byte */
    const struct alphabet *alphabet;
    struct label {
        struct byte_set symbols;
        uint32_t rule;
    } label[64];
    size_t labels;
};

static struct expr *characters(void *of, struct grammar_builder *b, const struct byte_set *symbols)
{
    struct labels *l = of;
    struct chars chars;
    for (size_t i = 0; i < l->labels; i++)
        if (memcmp(&l->label[i].symbols, symbols, sizeof *symbols) == 0) return expr_rule(b, l->label[i].rule);
    alphabet_chars(l->alphabet, symbols, &chars);
    struct expr *x = expr_chars(b, &chars);
    if (!x->last || (!x->last->before && x->last->kind == EXPR_BYTES) || l->labels == COUNT(l->label)) return x;
    uint32_t rule = grammar_rule_new(b, STR("characters"));
    if (b->failed) return x;
    b->rule[rule].body = x;
    l->label[l->labels++] = (struct label){ *symbols, rule };
    return expr_rule(b, rule);
}

static void write_key(const struct texts *t, struct buf *key)
{
    buf_addf(key, "%u %u", t->min, t->max);
    for (size_t i = 0; i < t->parts; i++) {
        const struct text_part *p = &t->part[i];
        buf_addf(key, " %d%d %zu %zu:", p->mode, p->negative, p->pattern.n, p->texts);
        buf_add(key, p->pattern);
        for (size_t k = 0; k < p->texts; k++) {
            buf_addf(key, " %zu:", p->text[k].n);
            buf_add(key, p->text[k]);
        }
    }
}

/* The same in several places is one rule. */
bool schema_text(struct schema *s, const struct texts *t, struct expr **out)
{
    struct language l;
    struct buf key = BUF_INIT(0);
    write_key(t, &key);
    for (size_t i = 0; i < s->texts; i++)
        if (str_eq(s->text[i].key, buf_str(&key))) {
            *out = expr_rule(&s->b, s->text[i].rule);
            buf_deinit(&key);
            return true;
        }
    s->text = arena_grow(s->b.a, s->text, s->texts, sizeof *s->text);
    s->text[s->texts].key = arena_dup(s->b.a, buf_str(&key));
    buf_deinit(&key);
    struct expr *body = NULL;
    if (t->parts == 1 && !t->part[0].negative && !t->part[0].text && t->min == 0 && t->max == REPEAT_NO_MAX) {
        if (!read_part(s, &s->b, &t->part[0], &body)) return false;
    } else {
        bool ok = schema_language(s, t, &l);
        struct labels labels = { .alphabet = &l.alphabet };
        if (ok) body = automaton_expr(&s->b, &l.automaton, characters, &labels);
        automaton_free(&l.automaton);
        if (!ok) return false;
    }
    uint32_t rule = grammar_rule_new(&s->b, STR("text"));
    if (!s->b.failed) s->b.rule[rule].body = body;
    s->text[s->texts++].rule = rule;
    *out = expr_rule(&s->b, rule);
    return true;
}

bool schema_read_string(struct schema *s, const struct json *j, struct expr **out)
{
    struct texts t = { .max = REPEAT_NO_MAX };
    struct expr *inside;
    if (!schema_texts_of(s, j, &t)) return false;
    if (t.max < t.min) {
        inside = expr_choice(&s->b);
    } else if (t.parts) {
        if (!schema_text(s, &t, &inside)) return false;
    } else if (t.min == 0 && t.max == REPEAT_NO_MAX) {
        *out = schema_builtin(s, BUILTIN_STRING);
        return true;
    } else {
        inside = expr_repeat(&s->b, schema_builtin(s, BUILTIN_CHAR), t.min, t.max);
    }
    *out = expr_sequence(&s->b);
    expr_add(*out, expr_text(&s->b, STR("\"")));
    expr_add(*out, inside);
    expr_add(*out, expr_text(&s->b, STR("\"")));
    return true;
}
