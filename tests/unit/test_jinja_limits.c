/* test_jinja_limits.c - what a hostile template runs into, and what only our interface has: functions of the
 * caller's, errors with a place, one template for many threads. */
#include "unit.h"

#include <pthread.h>
#include <stdio.h>

#include "jinja/jinja.h"

static bool run_with(const char *source, const struct jinja_options *o, struct jinja_input *in, struct buf *out,
                     struct err *e)
{
    struct arena *a = arena_new(64 << 20);
    const struct jinja *t;
    bool ok = jinja_compile(STR("t"), str_c(source), o, a, &t, e) && jinja_render(t, in, out, e);
    arena_free(a);
    return ok;
}

/* ------------------------------------------------------------------ limits */

static const struct {
    const char *source, *says;
} too_much[] = {
    { "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}", "steps" },
    { "{% for i in range(100000) %}{% for j in 'x' * 1000 %}{% endfor %}{% endfor %}", "steps" },
    { "{% for i in range(100000) %}{{ 'x' * 1000 }}{% endfor %}", "writes more than 65536 bytes" },
    { "{% for i in range(100000) %}{% set x %}{{ 'x' * 1000000 }}{% endset %}{% endfor %}", "" },
    { "{{ 'x' * 1000000000000 }}", "memory" },
    { "{{ [1] * 1000000000000 }}", "memory" },
    { "{{ ('x' * 1000000) * 9223372036854775807 }}", "memory" },
    { "{% set ns = namespace(s='x') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "" },
    { "{% set ns = namespace(l=[1]) %}{% for i in range(100) %}{% set ns.l = ns.l + ns.l %}{% endfor %}", "memory" },
    { "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "calls inside each other" },
    { "{% macro f(x) %}{% call f(x) %}{{ caller() }}{% endcall %}{% endmacro %}{{ f(1) }}", "calls inside each other" },
    { "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}", "without end" },
    { "{% set ns = namespace() %}{% set ns.me = [ns] %}{{ ns.me }}", "without end" },
    { "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "calls inside each other" },
    { "{{ '%9999s' % 'x' * 100 }}", "writes more than 65536" },
    { "{% for i in range(60) %}{{ '{:>9999}'.format(i) }}{% endfor %}", "writes more than 65536" },
    { "{{ lipsum(n=1000000) }}", "" },
    { "{{ range(20000) | map('string') | map('center', 90) | join }}", "" },
    { "{{ 'a' | indent(1000000000) }}", "writes" },
    { "{{ [1] | tojson(indent=1000000000) }}", "writes" },
    { "{{ 'x'.center(1000000000) }}", "writes" },
    { "{{ 'x'.zfill(1000000000) }}", "writes" },
    { "{{ [1] | batch(1000000000, 'x') | list }}", "" },
    { "{{ range(10) | slice(1000000000) | list }}", "" },
    { "{% set a = 'a' * 1000000 %}{{ a.startswith((a,) * 30000) }}", "steps" },
    { "{{ ('a' * 60000).replace('', 'b' * 60000) }}", "" },
    { "{{ ('a' * 1000000).strip('b' * 60000 ~ 'a') }}", "steps" },
    { "{{ ('a' * 1000000).rfind('a' * 60000 ~ 'b') }}", "steps" },
    { "{{ ('a' * 1000000).rsplit('a' * 60000 ~ 'b') }}", "steps" },
    { "{% include 't' %}", "calls inside each other" },
    { "{% extends 't' %}", "extend each other" },
    { "{% import 't' as x %}", "calls inside each other" },
    { "{% block a %}{{ self.a() }}{% endblock %}", "calls inside each other" },
};

static const struct jinja *load_self(void *ctx, str name)
{
    return str_eq(name, STR("t")) ? *(const struct jinja **)ctx : NULL;
}

static void what_has_no_end_is_stopped_and_says_why(void **state)
{
    (void)state;
    struct jinja_options o = jinja_chat;
    o.limits = (struct jinja_limits){ .steps_max = 200000, .output_bytes_max = 65536, .memory_bytes_max = 8 << 20 };
    for (size_t i = 0; i < COUNT(too_much); i++) {
        struct arena *a = arena_new(0);
        struct buf out = BUF_INIT(0);
        const struct jinja *t = NULL;
        struct err e;
        struct jinja_input in = { .load = load_self, .load_ctx = &t };
        buf_lit(&out, "before");
        must_ok(jinja_compile(STR("t"), str_c(too_much[i].source), &o, a, &t, &e));
        if (jinja_render(t, &in, &out, &e)) fail_msg("case %zu ended: %s", i, too_much[i].source);
        if (e.code != ERR_TOO_LARGE || !str_starts(str_c(e.msg), STR("t:1: ")) || !strstr(e.msg, too_much[i].says))
            fail_msg("case %zu: %s: %s", i, too_much[i].source, e.msg);
        assert_str(buf_str(&out), STR("before"));
        buf_deinit(&out);
        arena_free(a);
    }
}

static void time_is_a_limit(void **state)
{
    (void)state;
    struct jinja_options o = jinja_chat;
    struct buf out = BUF_INIT(0);
    struct err e;
    o.limits = (struct jinja_limits){ .steps_max = UINT64_MAX / 2, .time_ms_max = 20 };
    assert_false(
        run_with("{% for i in range(100000) %}{% for j in range(1000) %}{% endfor %}{% endfor %}", &o, NULL, &out, &e));
    assert_int_equal(e.code, ERR_TOO_LARGE);
    assert_non_null(strstr(e.msg, "20 ms"));
    buf_deinit(&out);
}

static void a_source_is_bounded_in_size_and_depth(void **state)
{
    (void)state;
    struct err e;
    struct buf out = BUF_INIT(0), deep = BUF_INIT(0);
    struct jinja_options o = jinja_chat;
    const struct {
        const char *open, *close;
    } nest[] = { { "(", ")" },   { "[", "]" },  { "-", "" },   { "not ", "" },
                 { "{1:", "}" }, { "a[", "]" }, { "a(", ")" }, { "1 if 1 else ", "" } };
    for (size_t i = 0; i < COUNT(nest); i++) {
        buf_reset(&deep);
        buf_lit(&deep, "{{ ");
        for (size_t k = 0; k < 50000; k++) buf_add(&deep, str_c(nest[i].open));
        buf_byte(&deep, '1');
        for (size_t k = 0; k < 50000; k++) buf_add(&deep, str_c(nest[i].close));
        buf_lit(&deep, " }}");
        assert_false(run_with(buf_cstr(&deep), &o, NULL, &out, &e));
        assert_non_null(strstr(e.msg, "deep"));
    }
    buf_reset(&deep);
    for (size_t k = 0; k < 1000; k++) buf_lit(&deep, "{% if 1 %}");
    assert_false(run_with(buf_cstr(&deep), &o, NULL, &out, &e));
    buf_reset(&deep);
    buf_lit(&deep, "{{ 1");
    for (size_t k = 0; k < 20000; k++) buf_lit(&deep, "+1");
    buf_lit(&deep, " }}");
    assert_false(run_with(buf_cstr(&deep), &o, NULL, &out, &e)); /* compiles; the tree is too deep to walk */
    assert_int_equal(e.code, ERR_TOO_LARGE);
    buf_reset(&deep); /* each level of map hands the rest of its arguments to the next */
    buf_lit(&deep, "{{ 'a' | map(");
    for (size_t k = 0; k < 20000; k++) buf_lit(&deep, "'map',");
    buf_lit(&deep, "'upper') }}");
    assert_false(run_with(buf_cstr(&deep), &o, NULL, &out, &e));
    assert_int_equal(e.code, ERR_TOO_LARGE);
    buf_reset(&deep); /* neighbouring strings are joined in linear memory */
    struct arena *few = arena_new(32 << 20);
    buf_lit(&deep, "{{ ");
    for (size_t k = 0; k < 50000; k++) buf_lit(&deep, "'abcdef' ");
    buf_lit(&deep, "}}");
    const struct jinja *t;
    must_ok(jinja_compile(STR("t"), buf_str(&deep), &o, few, &t, &e));
    must_ok(jinja_render(t, NULL, &out, &e));
    assert_int_equal(out.n, 300000);
    arena_free(few);
    o.limits.source_bytes_max = 10;
    assert_false(run_with("12345678901", &o, NULL, &out, &e));
    assert_int_equal(e.code, ERR_TOO_LARGE);
    assert_false(run_with("\xff", &o, NULL, &out, &e));
    assert_int_equal(e.code, ERR_INVALID);

    struct arena *small = arena_new(2000);
    o = jinja_chat;
    assert_false(jinja_compile(STR("t"),
                               STR("{{ a }}{{ b }}{{ c }}{{ d }}{{ e }}{{ f }}{{ g }}{{ h }}{{ i }}{{ j }}{{ k }}"), &o,
                               small, &t, &e));
    assert_int_equal(e.code, ERR_TOO_LARGE);
    arena_free(small);
    buf_deinit(&deep);
    buf_deinit(&out);
}

/* ------------------------------------------------------------------ places */

struct files {
    const struct jinja *inc, *macros;
};
static const struct jinja *load_files(void *ctx, str name)
{
    const struct files *f = ctx;
    return str_eq(name, STR("inc")) ? f->inc : str_eq(name, STR("macros")) ? f->macros : NULL;
}

static void errors_name_the_template_and_the_line(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    struct buf out = BUF_INIT(0);
    struct err e;
    struct files f;
    const struct jinja *t;
    struct jinja_input in = { .load = load_files, .load_ctx = &f };
    must_ok(jinja_compile(STR("inc"), STR("\n\n{{ x.y.z }}"), &jinja_page, a, &f.inc, &e));
    must_ok(
        jinja_compile(STR("macros"), STR("{% macro m() %}\n{{ 1 / 0 }}{% endmacro %}"), &jinja_page, a, &f.macros, &e));
    must_ok(jinja_compile(STR("page"), STR("a\n{% include 'inc' %}"), &jinja_page, a, &t, &e));
    assert_false(jinja_render(t, &in, &out, &e));
    assert_string_equal(e.msg, "inc:3: 'x' is undefined");
    must_ok(jinja_compile(STR("page"), STR("{% import 'macros' as m %}\n\n{{ m.m() }}"), &jinja_page, a, &t, &e));
    assert_false(jinja_render(t, &in, &out, &e));
    assert_string_equal(e.msg, "macros:2: division by zero");
    assert_false(jinja_compile(STR("page"), STR("a\n\n{% if %}"), &jinja_page, a, &t, &e));
    assert_true(str_starts(str_c(e.msg), STR("page:3: ")));
    must_ok(jinja_compile(STR("c"), STR("\n{{ raise_exception('no tools here') }}"), &jinja_chat, a, &t, &e));
    assert_false(jinja_render(t, NULL, &out, &e));
    assert_string_equal(e.kind, "TemplateRaised");
    assert_string_equal(e.msg, "c:2: no tools here");
    assert_int_equal(out.n, 0);
    buf_deinit(&out);
    arena_free(a);
}

static void integers_that_do_not_fit_are_errors(void **state)
{
    (void)state;
    static const char *const sources[] = { "{{ 9223372036854775807 + 1 }}",
                                           "{{ -9223372036854775807 - 2 }}",
                                           "{{ 2 ** 63 }}",
                                           "{{ 9223372036854775807 * 2 }}",
                                           "{{ 99999999999999999999 }}",
                                           "{{ 1e19 | int }}",
                                           "{{ -(-9223372036854775807 - 1) }}",
                                           "{{ (-9223372036854775807 - 1) // -1 }}" };
    for (size_t i = 0; i < COUNT(sources); i++) {
        struct buf out = BUF_INIT(0);
        struct err e;
        if (run_with(sources[i], &jinja_chat, NULL, &out, &e)) fail_msg("%s gave %s", sources[i], buf_cstr(&out));
        buf_deinit(&out);
    }
}

/* ------------------------------------------------------------------ functions that the caller lends */

static bool describe(void *ctx, const struct json *args, struct arena *a, struct json **out, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    *(int *)ctx += 1;
    if (args->count == 0) return err_set(e, ERR_INVALID, "it wants arguments");
    jw_value(&w, args);
    buf_lit(&b, "<br>");
    *out = json_new_str(a, arena_dup(a, buf_str(&b)));
    buf_deinit(&b);
    return true;
}

static void functions_of_the_caller_take_and_give_json(void **state)
{
    (void)state;
    int calls = 0;
    struct jinja_function fn[] = { { "describe", describe, &calls, false }, { "html", describe, &calls, true } };
    struct jinja_input in = { .functions = fn, .functions_count = COUNT(fn) };
    struct buf out = BUF_INIT(0);
    struct err e;
    must_ok(run_with("{{ describe(1, 'a', [none, 1.5], x={'y': true}) }}", &jinja_page, &in, &out, &e));
    assert_str(buf_str(&out), STR("[1,&#34;a&#34;,[null,1.5],{&#34;x&#34;:{&#34;y&#34;:true}}]&lt;br&gt;"));
    buf_reset(&out);
    must_ok(
        run_with("{{ html(1) }}{{ [2] | map('string') | map('upper') | list | length }}", &jinja_page, &in, &out, &e));
    assert_str(buf_str(&out), STR("[1]<br>1"));
    assert_int_equal(calls, 2);
    assert_false(run_with("\n{{ describe() }}", &jinja_page, &in, &out, &e));
    assert_string_equal(e.msg, "t:2: describe: it wants arguments");
    assert_false(run_with("{{ describe(describe) }}", &jinja_page, &in, &out, &e));
    buf_deinit(&out);
}

/* ------------------------------------------------------------------ the rest of the interface */

static void a_template_tells_what_it_reads(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    const struct jinja *t;
    struct err e;
    must_ok(jinja_compile(STR("t"),
                          STR("{% for m in messages %}{% if tools and m.x %}{% endif %}{% endfor %}{% set bare = 1 %}"),
                          &jinja_chat, a, &t, &e));
    assert_true(jinja_reads(t, STR("messages")));
    assert_true(jinja_reads(t, STR("tools")));
    assert_false(jinja_reads(t, STR("enable_thinking")));
    assert_false(jinja_reads(t, STR("x")));
    arena_free(a);
}

struct reached {
    struct buf text;
};
static void note_reached(void *ctx, enum jinja_reach how, str name, uint32_t line)
{
    struct reached *r = ctx;
    if (how != JINJA_TEXT) buf_addf(&r->text, "%s%.*s:%u ", how == JINJA_COMPUTED ? "?" : "", STR_ARG(name), line);
}

static void a_template_tells_what_it_reaches_for(void **state)
{
    (void)state;
    static const struct {
        const char *source, *reached;
    } cases[] = {
        { "{{ a.b }}", "b:1 " },
        { "\n{{ a['b'].c }}", "b:2 c:2 " },
        { "{{ a['b' ~ 'c'] }}", "bc:1 " },
        { "{{ a['_' * 2 + 'class' 'y'] }}", "__classy:1 " },
        { "{{ a | attr('x\\x79') }}", "xy:1 " },
        { "{{ a | attr(b) }}", "?:1 " },
        { "{{ a[b] }}{{ a[0] }}{{ a[1:] }}", "" },
        { "{{ a['ssalc' | reverse] }}", "?:1 " },
        { "{{ a['ssalc'[::-1]] }}", "?:1 " },
        { "{{ a['%s' % 'x'] }}", "?:1 " },
        { "{{ a[b | lower] }}", "" },
        { "{{ a.b | no_such_filter }}{{ c.d }}", "b:1 d:1 " },
        { "{{ a.b }}{{ c. }}{{ d.e }}", "b:1 " },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reached r = { .text = BUF_INIT(0) };
        struct err e;
        jinja_reaches(STR("t"), str_c(cases[i].source), &jinja_chat, note_reached, &r, &e);
        assert_string_equal(buf_cstr(&r.text), cases[i].reached);
        buf_deinit(&r.text);
    }
}

static void an_odd_context_is_refused_or_empty(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(0);
    struct err e;
    struct json list = { .type = JSON_ARRAY };
    struct jinja_input in = { .context = &list };
    must_ok(run_with("[{{ x }}]", &jinja_chat, NULL, &out, &e));
    assert_str(buf_str(&out), STR("[]"));
    assert_false(run_with("", &jinja_chat, &in, &out, &e));
    buf_reset(&out);
    must_ok(run_with("{{ strftime_now('%Y') | int > 2020 }}", &jinja_chat, NULL, &out, &e)); /* the clock */
    assert_str(buf_str(&out), STR("True"));
    buf_reset(&out); /* the last is reached by more than an integer holds */
    must_ok(run_with("{{ range(-9223372036854775807, 9223372036854775807, 4611686018427387904) | last }}", &jinja_chat, NULL, &out, &e));
    assert_str(buf_str(&out), STR("4611686018427387905"));
    buf_deinit(&out);
}

static void spans_past_the_capacity_are_counted(void **state)
{
    (void)state;
    struct buf out = BUF_INIT(0);
    struct err e;
    struct jinja_span span[1];
    struct jinja_input in = { .spans = span, .spans_cap = 1 };
    buf_lit(&out, "before");
    must_ok(run_with("é{% generation %}ab{% endgeneration %}{% generation %}c{% endgeneration %}", &jinja_chat, &in,
                     &out, &e));
    assert_int_equal(in.spans_count, 2);
    assert_int_equal(span[0].first, 2);
    assert_int_equal(span[0].end, 4);
    buf_deinit(&out);
}

struct shared {
    const struct jinja *t;
    const struct json *context;
    str want;
    bool same;
};
static void *render_often(void *p)
{
    struct shared *s = p;
    s->same = true;
    for (size_t i = 0; i < 50; i++) {
        struct buf out = BUF_INIT(0);
        struct err e;
        struct jinja_input in = { .context = s->context };
        s->same &= jinja_render(s->t, &in, &out, &e) && str_eq(buf_str(&out), s->want);
        buf_deinit(&out);
    }
    return NULL;
}

static void one_template_serves_many_threads(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    struct err e;
    struct json *context;
    struct shared s[4] = { { .want = STR("1:a {'k': 1}|2:B {'k': 2}|upper") } };
    must_ok(json_parse(STR("{\"l\": [{\"n\": \"a\", \"d\": {\"k\": 1}}, {\"n\": \"B\", \"d\": {\"k\": 2}}]}"), a,
                       &context, &e));
    must_ok(jinja_compile(
        STR("t"),
        STR("{% macro m(x) %}{{ x.n }} {{ x.d }}{% endmacro %}{% for x in l | sort(attribute='n') %}"
            "{{ loop.index }}:{{ m(x) }}|{% endfor %}{% set u = ['UPPER'] | map('lower') | first %}{{ u }}"),
        &jinja_chat, a, &s[0].t, &e));
    pthread_t thread[COUNT(s)];
    s[0].context = context;
    for (size_t i = 1; i < COUNT(s); i++) s[i] = s[0];
    for (size_t i = 0; i < COUNT(s); i++) assert_int_equal(pthread_create(&thread[i], NULL, render_often, &s[i]), 0);
    for (size_t i = 0; i < COUNT(s); i++) {
        pthread_join(thread[i], NULL);
        assert_true(s[i].same);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_no_end_is_stopped_and_says_why),
        cmocka_unit_test(time_is_a_limit),
        cmocka_unit_test(a_source_is_bounded_in_size_and_depth),
        cmocka_unit_test(errors_name_the_template_and_the_line),
        cmocka_unit_test(integers_that_do_not_fit_are_errors),
        cmocka_unit_test(functions_of_the_caller_take_and_give_json),
        cmocka_unit_test(a_template_tells_what_it_reads), cmocka_unit_test(a_template_tells_what_it_reaches_for),
        cmocka_unit_test(an_odd_context_is_refused_or_empty),
        cmocka_unit_test(spans_past_the_capacity_are_counted),
        cmocka_unit_test(one_template_serves_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
