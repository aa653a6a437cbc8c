/* test_jinja.c - the template language against what Python's Jinja made of the same templates
 * (tests/oracle/jinja/golden.json), its limits, and what only our interface has. */
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "jinja/jinja.h"

struct golden {
    struct arena *a;
    const struct json *root;
};

static int load_golden(void **state)
{
    struct golden *g = mem_one(struct golden);
    struct err e;
    char path[512];
    const char *dir = getenv("HEARTH_TEST_DATA");
    snprintf(path, sizeof path, "%s/../oracle/jinja/golden.json", dir ? dir : "tests/unit");
    setenv("TZ", "UTC", 1);
    tzset();
    g->a = arena_new(0);
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("cannot open %s", path);
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    char *p = arena_alloc(g->a, n + 1);
    assert_int_equal(fread(p, 1, n, f), n);
    fclose(f);
    struct json *root;
    must_ok(json_parse(str_n(p, n), g->a, &root, &e));
    g->root = root;
    *state = g;
    return 0;
}
static int free_golden(void **state)
{
    struct golden *g = *state;
    arena_free(g->a);
    mem_free(g);
    return 0;
}

/* The files of one case, compiled when they are asked for. */
struct files {
    const struct json *text;
    struct jinja_options o;
    struct arena *a;
};
static const struct jinja *load_file(void *ctx, str name)
{
    struct files *f = ctx;
    const struct jinja *t;
    struct err e;
    str source;
    if (!json_str(json_get(f->text, name), &source)) return NULL;
    return jinja_compile(name, source, &f->o, f->a, &t, &e) ? t : NULL;
}

static struct json *merged(struct arena *a, const struct json *base, const struct json *more)
{
    struct json *o = json_new(a, JSON_OBJECT);
    const struct json *from[2] = { base, more };
    for (size_t i = 0; i < 2; i++)
        json_each (m, from[i]) {
            struct json *copy = json_new(a, m->type);
            *copy = *m;
            copy->next = NULL;
            json_put(o, m->key, copy);
        }
    return o;
}

static bool same_spans(const struct json *want, const struct jinja_input *in)
{
    size_t i = 0;
    json_each (pair, want) {
        int64_t first = -1, end = -1;
        json_int(json_at(pair, 0), &first);
        json_int(json_at(pair, 1), &end);
        if (i >= in->spans_count || in->spans[i].first != (size_t)first || in->spans[i].end != (size_t)end)
            return false;
        i++;
    }
    return i == in->spans_count;
}

/* Errors carry Python's words where a template's author chose them or where they name what is undefined. */
static bool is_error(const struct json *want, const struct err *e)
{
    str kind, message;
    json_str(json_at(want, 0), &kind);
    json_str(json_at(want, 1), &message);
    if (str_eq(kind, STR("Raised")))
        return e->kind && str_eq(str_c(e->kind), STR("TemplateRaised")) && str_find(str_c(e->msg), message) != STR_NONE;
    if (str_eq(kind, STR("SecurityError"))) return e->code == ERR_DENIED;
    if (str_eq(kind, STR("TemplateSyntaxError"))) return e->code == ERR_INVALID;
    return true;
}

/* Returns whether the case came out as Python has it; says how not. */
static bool run_case(const struct json *c, const struct json *root)
{
    struct arena *a = arena_new(0);
    struct buf out = BUF_INIT(0);
    struct err e = { 0 };
    const struct jinja *t;
    bool page = json_bool_or(c, STR("page"), false);
    struct files files = { json_get(c, STR("files")), page ? jinja_page : jinja_chat, a };
    struct jinja_span spans[16];
    str name = json_str_or(c, STR("name"), STR("")), source = json_str_or(c, STR("template"), STR("")), want;
    struct jinja_input in = { .load = load_file,
                              .load_ctx = &files,
                              .spans = spans,
                              .spans_cap = COUNT(spans),
                              .now_unix_s = json_int_or(root, STR("now"), 0) };
    in.context = str_starts(name, STR("expression"))
                     ? merged(a, json_get(root, STR("base")), json_get(c, STR("context")))
                     : json_get(c, STR("context"));
    bool ok = jinja_compile(STR("t"), source, &files.o, a, &t, &e) && jinja_render(t, &in, &out, &e), good = true;
    const struct json *error = json_get(c, STR("error"));
    json_str(json_get(c, STR("want")), &want);
    if (error && ok) {
        str kind;
        json_str(json_at(error, 0), &kind);
        print_error("%.*s: %.*s\n  an error was expected (%.*s), got: %.*s\n", STR_ARG(name), STR_ARG(source),
                    STR_ARG(kind), STR_ARG(buf_str(&out)));
        good = false;
    } else if (error && !is_error(error, &e)) {
        str message;
        json_str(json_at(error, 1), &message);
        print_error("%.*s: %.*s\n  want error %.*s\n  got        %s\n", STR_ARG(name), STR_ARG(source),
                    STR_ARG(message), e.msg);
        good = false;
    } else if (!error && !ok) {
        print_error("%.*s: %.*s\n  want %.*s\n  got error %s\n", STR_ARG(name), STR_ARG(source), STR_ARG(want), e.msg);
        good = false;
    } else if (!error && !str_eq(buf_str(&out), want)) {
        print_error("%.*s: %.*s\n  want %.*s\n  got  %.*s\n", STR_ARG(name), STR_ARG(source), STR_ARG(want),
                    STR_ARG(buf_str(&out)));
        good = false;
    } else if (!error && !same_spans(json_get(c, STR("spans")), &in)) {
        print_error("%.*s: generation spans differ\n", STR_ARG(name));
        good = false;
    }
    buf_deinit(&out);
    arena_free(a);
    return good;
}

static void templates_render_as_in_python(void **state)
{
    const struct golden *g = *state;
    size_t bad = 0, n = 0;
    json_each (c, json_get(g->root, STR("cases"))) {
        n++;
        bad += !run_case(c, g->root);
    }
    assert_true(n > 400);
    if (bad) fail_msg("%zu of %zu templates differ", bad, n);
}

/* The fewest digits that read back, found by trying; as Python writes numbers below 10^16 that are not tiny. */
static void shortest(double d, char out[64])
{
    for (int decimals = 1; decimals <= 20; decimals++) {
        snprintf(out, 64, "%.*f", decimals, d);
        if (strtod(out, NULL) == d) return;
    }
}

static void expect_number(const struct jinja *t, double d, int digits)
{
    struct buf out = BUF_INIT(0), context = BUF_INIT(0);
    struct arena *a = arena_new(0);
    struct json *j;
    struct err e;
    char rounded[64], text[64], want[160];
    buf_addf(&context, "{\"x\": %.17g%s, \"n\": %d}", d, d == floor(d) ? ".0" : "", digits);
    must_ok(json_parse(buf_str(&context), a, &j, &e));
    must_ok(jinja_render(t, &(struct jinja_input){ .context = j }, &out, &e));
    snprintf(text, sizeof text, "%.*f", digits, d);
    shortest(strtod(text, NULL), rounded);
    shortest(d, text);
    snprintf(want, sizeof want, "%s %s", text, rounded);
    if (!str_eq(buf_str(&out), str_c(want))) fail_msg("%.17g: want \"%s\", got \"%s\"", d, want, buf_str(&out).p);
    buf_deinit(&out);
    buf_deinit(&context);
    arena_free(a);
}

/* Numbers with few decimals, numbers one step beside them, and halves, which have no short way. */
static void numbers_are_written_and_rounded_as_by_trying(void **state)
{
    struct arena *a = arena_new(0);
    const struct jinja *t;
    struct err e;
    uint64_t seed = 1;
    (void)state;
    must_ok(jinja_compile(STR("n"), STR("{{ x }} {{ x|round(n) }}"), &jinja_chat, a, &t, &e));
    static const double power[] = { 1, 10, 100, 1000, 10000 };
    for (int i = 0; i < 20000; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        double whole = (double)(seed >> 33 & (i % 2 ? 0xffff : 0xffffff)), d = whole / power[i % 5];
        if (seed >> 62 & 1) d = -d;
        int digits = (int)(seed >> 20 & 3);
        expect_number(t, d, digits);
        if (d != 0) expect_number(t, nextafter(d, 1e9), digits);
        expect_number(t, (whole + 0.5) / power[digits], digits);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_and_rounded_as_by_trying),
        cmocka_unit_test_setup_teardown(templates_render_as_in_python, load_golden, free_golden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
