/* test_task.c - pipelines against Transformers and sentence-transformers: tests/data/tasks, made by
 * tests/oracle/make_tasks.py; what is refused; and which task a repository is for. */
#include "unit.h"

#include <math.h>

#include "model/task/task.h"

struct fixture {
    struct arena *a;
    struct source *source;
    struct team *team;
    struct task *task;
};

static const char *path_of(struct arena *a, const char *name)
{
    return arena_cstr(a, arena_fmt(a, "%s/../data/tasks/%s", getenv("HEARTH_TEST_DATA"), name));
}

static void open_task(struct fixture *f, const char *name, str task)
{
    struct err e;
    const struct task_kind *kind;
    *f = (struct fixture){ .a = arena_new(0), .team = team_new(1) };
    must_ok(source_open(path_of(f->a, name), &f->source, &e));
    if (task.n) kind = task_kind_find(task);
    else must_ok(task_detect(f->source, &kind, &e));
    assert_non_null(kind);
    if (!task_open(f->source, kind, KERNEL_F32, f->team, &f->task, &e)) fail_msg("%s: %s", name, e.msg);
}

static void close_task(struct fixture *f)
{
    task_close(f->task);
    source_close(f->source);
    team_free(f->team);
    arena_free(f->a);
}

static struct json *parse(struct arena *a, str text)
{
    struct err e;
    struct json *j;
    must_ok(json_parse(text, a, &j, &e));
    return j;
}

/* ------------------------------------------------------------------ golden values */

static bool is_number(const struct json *v) { return v->type == JSON_INT || v->type == JSON_REAL; }
static double number(const struct json *v) { return v->type == JSON_INT ? (double)v->i : v->r; }

/* Where two values differ, as text in `where`; numbers within 1e-4. */
static bool same(const struct json *want, const struct json *got, struct buf *where)
{
    if (!got || !want) return false;
    if (is_number(want) && is_number(got)) {
        if (fabs(number(want) - number(got)) <= 1e-4 * fmax(1, fabs(number(want)))) return true;
        buf_addf(where, ": %g instead of %g", number(got), number(want));
        return false;
    }
    if (want->type != got->type) return buf_lit(where, ": another type"), false;
    if (want->type == JSON_STRING && !str_eq(want->s, got->s)) {
        buf_addf(where, ": \"%.*s\" instead of \"%.*s\"", STR_ARG(got->s), STR_ARG(want->s));
        return false;
    }
    if (want->type != JSON_ARRAY && want->type != JSON_OBJECT) return true;
    size_t i = 0;
    json_each (item, want) {
        const struct json *other = want->type == JSON_OBJECT ? json_get(got, item->key) : json_at(got, i);
        size_t n = where->n;
        if (want->type == JSON_OBJECT) buf_addf(where, ".%.*s", STR_ARG(item->key));
        else buf_addf(where, "[%zu]", i);
        i++;
        if (!other) return buf_lit(where, ": is not there"), false;
        if (!same(item, other, where)) return false;
        where->n = n;
    }
    if (want->count == got->count) return true;
    buf_addf(where, ": %zu instead of %zu", got->count, want->count);
    return false;
}

static size_t check_calls(const char *name)
{
    struct fixture f = { 0 };
    struct err e;
    struct buf out = BUF_INIT(0), where = BUF_INIT(0);
    struct arena *a = arena_new(0);
    char *text;
    size_t n, calls = 0;
    must_ok(os_read_file(arena_cstr(a, arena_fmt(a, "%s/expected.json", path_of(a, name))), 8 << 20, &text, &n, &e));
    const struct json *expected = parse(a, str_n(text, n));
    str last = STR("");
    json_each (call, expected) {
        str task = json_str_or(call, STR("task"), STR(""));
        if (!str_eq(task, last)) {
            if (last.n) close_task(&f);
            open_task(&f, name, task);
            last = task;
        }
        buf_reset(&out);
        buf_reset(&where);
        if (!task_run(f.task, call, &out, &e)) fail_msg("%s, call %zu: %s", name, calls, e.msg);
        if (!same(json_get(call, STR("output")), parse(a, arena_dup(a, buf_str(&out))), &where))
            fail_msg("%s, call %zu (%.*s)%s\n%.*s", name, calls, STR_ARG(task), buf_cstr(&where), STR_ARG(str_to(buf_str(&out), 600)));
        calls++;
    }
    close_task(&f);
    mem_free(text);
    buf_deinit(&out);
    buf_deinit(&where);
    arena_free(a);
    return calls;
}

static const char *const folders[] = {
    "fill-bert", "fill-roberta", "fill-xlm", "classify-single", "classify-multi", "classify-regression", "classify-one", "label-bert",
    "label-roberta", "label-xlm", "answer-distilbert", "answer-roberta", "answer-bert", "zero-roberta", "zero-bert", "features-bert",
    "sentence-mean", "sentence-cls", "sentence-all", "sentence-prompt", "rank-sigmoid", "rank-identity",
};

static void pipelines_answer_as_transformers_does(void **state)
{
    size_t calls = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(folders); i++) calls += check_calls(folders[i]);
    assert_true(calls > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(pipelines_answer_as_transformers_does) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
