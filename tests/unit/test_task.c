/* test_task.c - pipelines against Transformers and sentence-transformers: tests/data/tasks, made by
 * tests/oracle/make_tasks.py; what is refused; and which task a repository is for. */
#include "unit.h"

#include <math.h>
#include <time.h>

#include "base/hash.h"
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
    "sentence-mean", "sentence-cls", "sentence-all", "sentence-prompt", "rank-sigmoid", "rank-identity", "sentence-last", "sentence-last-mean", "classify-llama", "classify-gemma2", "features-llama", "rank-qwen3", "sparse-bert", "sparse-roberta",
};

static void pipelines_answer_as_transformers_does(void **state)
{
    size_t calls = 0;
    (void)state;
    for (size_t i = 0; i < COUNT(folders); i++) calls += check_calls(folders[i]);
    assert_true(calls > 100);
}

/* ------------------------------------------------------------------ what is refused, and small things */

static const struct {
    const char *folder, *task, *request;
    enum err_code code;
    const char *says;
} refused[] = {
    { "fill-bert", "fill-mask", "{}", ERR_INVALID, "a request is {\"inputs\"" },
    { "fill-bert", "fill-mask", "{\"inputs\": 5}", ERR_INVALID, "must be a text" },
    { "fill-bert", "fill-mask", "{\"inputs\": [\"[MASK]\", null]}", ERR_INVALID, "must be a text" },
    { "fill-bert", "fill-mask", "{\"inputs\": \"none\"}", ERR_INVALID, "no mask ([MASK])" },
    { "fill-bert", "fill-mask", "{\"inputs\": \"\"}", ERR_INVALID, "no mask" },
    { "fill-bert", "fill-mask", "{\"inputs\": \"[MASK]\", \"parameters\": []}", ERR_INVALID, "must be an object" },
    { "fill-bert", "fill-mask", "{\"inputs\": \"[MASK]\", \"parameters\": {\"topk\": 1}}", ERR_INVALID, "no parameter \"topk\"" },
    { "fill-bert", "fill-mask", "{\"inputs\": \"[MASK]\", \"parameters\": {\"top_k\": 0}}", ERR_INVALID, "top_k" },
    { "fill-bert", "fill-mask", "{\"inputs\": \"[MASK]\", \"parameters\": {\"top_k\": 1.5}}", ERR_INVALID, "top_k" },
    { "fill-bert", "fill-mask", "{\"inputs\": \"[MASK]\", \"parameters\": {\"targets\": []}}", ERR_INVALID, "At least one target" },
    { "fill-bert", "fill-mask", "{\"inputs\": \"[MASK]\", \"parameters\": {\"tokenizer_kwargs\": {\"stride\": 1}}}", ERR_INVALID, "stride" },
    { "classify-single", "text-classification", "{\"inputs\": {\"text\": 1}}", ERR_INVALID, "\"text\" must be a text" },
    { "classify-single", "text-classification", "{\"inputs\": \"x\", \"parameters\": {\"function_to_apply\": \"tanh\"}}", ERR_INVALID, "function_to_apply" },
    { "classify-single", "text-classification", "{\"inputs\": \"x\", \"parameters\": {\"truncation\": \"half\"}}", ERR_INVALID, "truncation" },
    { "classify-single", "text-classification", "{\"inputs\": \"x\", \"parameters\": {\"max_length\": 1000}}", ERR_INVALID, "max_length" },
    { "classify-single", "text-ranking", "{\"inputs\": {\"query\": \"x\", \"documents\": []}}", ERR_INVALID, "one label" },
    { "label-bert", "token-classification", "{\"inputs\": \"x\", \"parameters\": {\"aggregation_strategy\": \"most\"}}", ERR_INVALID, "aggregation_strategy" },
    { "label-bert", "token-classification", "{\"inputs\": \"x\", \"parameters\": {\"stride\": 5}}", ERR_INVALID, "stride" },
    { "answer-bert", "question-answering", "{\"inputs\": \"x\"}", ERR_INVALID, "question" },
    { "answer-bert", "question-answering", "{\"inputs\": {\"question\": \"x\", \"context\": \"\"}}", ERR_INVALID, "cannot be empty" },
    { "answer-bert", "question-answering", "{\"inputs\": {\"question\": \"x\", \"context\": \"y\"}, \"parameters\": {\"max_seq_len\": 5000}}", ERR_INVALID, "max_seq_len" },
    { "zero-bert", "zero-shot-classification", "{\"inputs\": \"x\"}", ERR_INVALID, "candidate_labels" },
    { "zero-bert", "zero-shot-classification", "{\"inputs\": \"x\", \"parameters\": {\"candidate_labels\": \" , ,\"}}", ERR_INVALID, "candidate_labels" },
    { "zero-bert", "zero-shot-classification", "{\"inputs\": \"x\", \"parameters\": {\"candidate_labels\": \"a\", \"hypothesis_template\": \"no\"}}", ERR_INVALID, "hypothesis_template" },
    { "features-bert", "sentence-similarity", "{\"inputs\": {\"source_sentence\": \"x\", \"sentences\": []}}", ERR_INVALID, "modules.json" },
    { "features-bert", "feature-extraction", "{\"inputs\": \"x\", \"parameters\": {\"prompt_name\": \"query\"}}", ERR_INVALID, "modules.json" },
    { "sentence-cls", "feature-extraction", "{\"inputs\": \"x\", \"parameters\": {\"prompt_name\": \"poem\"}}", ERR_INVALID, "there are: document query" },
    { "sentence-cls", "sentence-similarity", "{\"inputs\": {\"sentences\": []}}", ERR_INVALID, "source_sentence" },
};

static void requests_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct fixture f;
        struct err e;
        struct buf out = BUF_INIT(0);
        open_task(&f, refused[i].folder, str_c(refused[i].task));
        if (task_run(f.task, parse(f.a, str_c(refused[i].request)), &out, &e)) fail_msg("%s is taken: %s", refused[i].request, buf_cstr(&out));
        if (e.code != refused[i].code || !strstr(e.msg, refused[i].says)) fail_msg("%s: code %d, %s", refused[i].request, e.code, e.msg);
        assert_true(out.n == 0); /* no half answers */
        buf_deinit(&out);
        close_task(&f);
    }
}

/* A text longer than the model takes: refused, or cut where it is asked for. */
static void long_texts_are_cut_only_where_asked(void **state)
{
    static const struct { const char *folder, *task, *parameters; bool ok; } cases[] = {
        { "classify-single", "text-classification", "{}", false },
        { "classify-single", "text-classification", "{\"truncation\": true}", true },
        { "classify-single", "text-classification", "{\"truncation\": \"do_not_truncate\"}", false },
        { "features-bert", "feature-extraction", "{}", false },
        { "features-bert", "feature-extraction", "{\"truncate\": true}", true },
        { "sentence-mean", "feature-extraction", "{}", true }, /* max_seq_length */
        { "sentence-mean", "feature-extraction", "{\"pooling\": \"none\"}", false },
        { "label-bert", "token-classification", "{}", true }, /* model_max_length, as in Transformers */
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fixture f;
        struct err e;
        struct buf text = BUF_INIT(0), out = BUF_INIT(0);
        open_task(&f, cases[i].folder, str_c(cases[i].task));
        buf_lit(&text, "{\"inputs\": \"");
        for (int j = 0; j < 500; j++) buf_lit(&text, "the ");
        buf_addf(&text, "\", \"parameters\": %s}", cases[i].parameters);
        bool ok = task_run(f.task, parse(f.a, buf_str(&text)), &out, &e);
        if (ok != cases[i].ok) fail_msg("%s, %s: %s", cases[i].task, cases[i].parameters, ok ? "taken" : e.msg);
        if (!ok) assert_true(e.code == ERR_TOO_LARGE && strstr(e.msg, "502 tokens"));
        buf_deinit(&text);
        buf_deinit(&out);
        close_task(&f);
    }
}

static void answers_to_nothing_are_empty(void **state)
{
    static const struct { const char *folder, *task, *request, *answer; } cases[] = {
        { "fill-bert", "fill-mask", "{\"inputs\": []}", "[]" }, { "classify-single", "text-classification", "{\"inputs\": []}", "[]" },
        { "label-bert", "token-classification", "{\"inputs\": []}", "[]" }, { "label-bert", "token-classification", "{\"inputs\": \"\"}", "[]" },
        { "answer-bert", "question-answering", "{\"inputs\": []}", "[]" }, { "features-bert", "feature-extraction", "{\"inputs\": []}", "[]" },
        { "sentence-mean", "feature-extraction", "{\"inputs\": []}", "[]" },
        { "sentence-mean", "sentence-similarity", "{\"inputs\": {\"source_sentence\": \"x\", \"sentences\": []}}", "[]" },
        { "rank-sigmoid", "text-ranking", "{\"inputs\": {\"query\": \"x\", \"documents\": []}}", "[]" },
        { "zero-bert", "zero-shot-classification", "{\"inputs\": [], \"parameters\": {\"candidate_labels\": [\"a\"]}}", "[]" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fixture f;
        struct err e;
        struct buf out = BUF_INIT(0);
        open_task(&f, cases[i].folder, str_c(cases[i].task));
        if (!task_run(f.task, parse(f.a, str_c(cases[i].request)), &out, &e)) fail_msg("%s: %s", cases[i].task, e.msg);
        assert_str(buf_str(&out), str_c(cases[i].answer));
        buf_deinit(&out);
        close_task(&f);
    }
}

/* Whoever asks decides how many answers compete: hundreds of windows, thousands of answers each, nearly all of them different. */
static void many_answers_are_merged_in_no_quadratic_time(void **state)
{
    (void)state;
    struct fixture f;
    struct err e;
    struct buf text = BUF_INIT(0), out = BUF_INIT(0);
    open_task(&f, "answer-bert", STR("question-answering"));
    buf_lit(&text, "{\"inputs\": {\"question\": \"who sat?\", \"context\": \"");
    for (int i = 0; i < 500; i++) buf_addf(&text, "w%d the cat number %d sat on mat %d. ", i, i, 7 * i);
    buf_lit(&text, "\"}, \"parameters\": {\"top_k\": 4096, \"max_answer_len\": 1000000000, \"doc_stride\": 0}}");
    clock_t from = clock();
    must_ok(task_run(f.task, parse(f.a, buf_str(&text)), &out, &e));
    assert_true(processor_s(from) < 20);
    assert_int_equal(parse(f.a, buf_str(&out))->count, 4096);
    buf_deinit(&text);
    buf_deinit(&out);
    close_task(&f);
}

/* Among others, in several batches and windows, an input is answered as it is alone. */
static void check_list(const char *folder, const char *task, const char *parameters)
{
    struct fixture f;
    struct err e;
    struct buf request = BUF_INIT(0), all = BUF_INIT(0), one = BUF_INIT(0), wanted = BUF_INIT(0);
    open_task(&f, folder, str_c(task));
    buf_lit(&request, "{\"inputs\": [");
    for (int i = 0; i < 300; i++) buf_addf(&request, "%s\"Ada %d wrote the program %*s in London, Paris %d.\"", i ? ", " : "", i, i % 7 * 30, "x", i * i);
    buf_addf(&request, "], \"parameters\": %s}", parameters);
    const struct json *r = parse(f.a, buf_str(&request));
    must_ok(task_run(f.task, r, &all, &e));
    buf_byte(&wanted, '[');
    json_each (input, json_get(r, STR("inputs"))) {
        struct json *single = json_new(f.a, JSON_OBJECT);
        json_put(single, STR("inputs"), json_new_str(f.a, input->s));
        json_put(single, STR("parameters"), parse(f.a, str_c(parameters)));
        must_ok(task_run(f.task, single, &wanted, &e));
        if (input->next) buf_byte(&wanted, ',');
    }
    buf_byte(&wanted, ']');
    assert_str(buf_str(&all), buf_str(&wanted));
    buf_deinit(&request);
    buf_deinit(&all);
    buf_deinit(&one);
    buf_deinit(&wanted);
    close_task(&f);
}

static void a_list_is_answered_one_by_one(void **state)
{
    (void)state;
    check_list("label-xlm", "token-classification", "{\"aggregation_strategy\": \"first\", \"stride\": 8}");
    check_list("sentence-last-mean", "feature-extraction", "{}"); /* a decoder, in many steps */
    check_list("classify-llama", "text-classification", "{\"truncation\": true, \"top_k\": 2}");
}

/* Requests of strangers go through together: each is answered as it is alone, the short one does not wait for the long ones, and one that
 * is given up leaves the others as they are. */
static void in_company_a_request_is_answered_as_it_is_alone(void **state)
{
    static const struct { const char *folder, *task, *request[4]; } cases[] = {
        { "sentence-prompt", "feature-extraction", { "{\"inputs\": [\"one\", \"two words\", \"three words here\"]}", "{\"inputs\": \"a short one\"}",
          "{\"inputs\": [\"with a prompt\", \"of its own\"], \"parameters\": {\"prompt\": \"query: \"}}", "{\"inputs\": []}" } },
        { "sentence-last-mean", "feature-extraction", { "{\"inputs\": [\"one\", \"two words\", \"three words here\"]}", "{\"inputs\": \"a short one\"}",
          "{\"inputs\": [\"x\"], \"parameters\": {\"normalize\": true}}", "{\"inputs\": [\"a\", \"b\", \"c\", \"d\", \"e\"], \"parameters\": {\"pooling\": \"none\"}}" } },
        { "classify-single", "text-classification", { "{\"inputs\": [\"one\", \"two words\", \"three words here\"]}", "{\"inputs\": \"a short one\"}",
          "{\"inputs\": {\"text\": \"a\", \"text_pair\": \"b\"}, \"parameters\": {\"top_k\": 2}}", "{\"inputs\": \"x\", \"parameters\": {\"function_to_apply\": \"none\"}}" } },
        { "fill-bert", "fill-mask", { "{\"inputs\": [\"Paris is [MASK].\", \"[MASK] is [MASK].\"]}", "{\"inputs\": \"A [MASK].\"}", "{\"inputs\": \"The [MASK] sat.\", \"parameters\": {\"top_k\": 2}}",
          "{\"inputs\": \"I [MASK] it.\", \"parameters\": {\"targets\": [\"saw\", \"am\"]}}" } },
        { "label-bert", "token-classification", { "{\"inputs\": [\"Ada in London\", \"Charles\"]}", "{\"inputs\": \"Paris\"}",
          "{\"inputs\": \"Ada Lovelace wrote to Charles Babbage in London.\", \"parameters\": {\"aggregation_strategy\": \"simple\"}}", "{\"inputs\": \"x y z\"}" } },
        { "answer-bert", "question-answering", { "{\"inputs\": [{\"question\": \"Who?\", \"context\": \"Ada wrote it.\"}, {\"question\": \"Where?\", \"context\": \"It was in London.\"}]}",
          "{\"inputs\": {\"question\": \"Who?\", \"context\": \"Charles did.\"}}", "{\"inputs\": {\"question\": \"When?\", \"context\": \"In 1843, in London, she wrote it for him.\"}, \"parameters\": {\"top_k\": 3}}",
          "{\"inputs\": {\"question\": \"Why?\", \"context\": \"x\"}, \"parameters\": {\"handle_impossible_answer\": true}}" } },
        { "sparse-roberta", "sparse-embedding", { "{\"inputs\": [\"one\", \"two words\", \"three words here\"]}", "{\"inputs\": \"a short one\"}", "{\"inputs\": [\"x\"]}", "{\"inputs\": []}" } },
        { "rank-sigmoid", "text-ranking", { "{\"inputs\": {\"query\": \"q\", \"documents\": [\"one\", \"two\", \"three\"]}}", "{\"inputs\": {\"query\": \"other\", \"documents\": [\"four\"]}}",
          "{\"inputs\": {\"query\": \"q\", \"documents\": [\"one\", \"two\"]}, \"parameters\": {\"top_k\": 1}}", "{\"inputs\": {\"query\": \"r\", \"documents\": [\"five\"]}, \"parameters\": {\"return_documents\": true}}" } },
        { "zero-bert", "zero-shot-classification", { "{\"inputs\": [\"It runs.\", \"It sat.\"], \"parameters\": {\"candidate_labels\": [\"sports\", \"science\"]}}",
          "{\"inputs\": \"It runs.\", \"parameters\": {\"candidate_labels\": \"a, b, c\"}}", "{\"inputs\": \"x\", \"parameters\": {\"candidate_labels\": [\"a\"], \"multi_label\": true}}",
          "{\"inputs\": \"y\", \"parameters\": {\"candidate_labels\": [\"a\", \"b\"]}}" } },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t tokens[4];
        for (size_t most = 1; most < 100; most *= 8) { /* a text a step; some; all */
            struct fixture f;
            struct task_call *call[5];
            struct err e;
            open_task(&f, cases[i].folder, str_c(cases[i].task));
            for (size_t k = 0; k < 4; k++)
                if (!task_begin(f.task, parse(f.a, str_c(cases[i].request[k])), SIZE_MAX, &call[k], &e)) fail_msg("%s, %zu: %s", cases[i].folder, k, e.msg);
            must_ok(task_begin(f.task, parse(f.a, str_c(cases[i].request[0])), SIZE_MAX, &call[4], &e));
            task_step(call, 5, most);
            task_end(call[4]); /* in the middle of it, or at its end */
            for (bool done = false; !done;) {
                task_step(call, 4, most);
                done = true;
                for (size_t k = 0; k < 4; k++) done &= task_is_done(call[k]);
            }
            for (size_t k = 0; k < 4; k++) {
                struct buf got = BUF_INIT(0), wanted = BUF_INIT(0);
                must_ok(task_answer(call[k], &got, &e));
                must_ok(task_run(f.task, parse(f.a, str_c(cases[i].request[k])), &wanted, &e));
                assert_str(buf_str(&got), buf_str(&wanted));
                if (most == 1) tokens[k] = task_tokens_done(call[k]);
                assert_int_equal(task_tokens_done(call[k]), tokens[k]);
                task_end(call[k]);
                buf_deinit(&got);
                buf_deinit(&wanted);
            }
            close_task(&f);
        }
    }
}

/* A request of "the the the ...", so many words, where %s stands. */
static bool begin_with_words(struct fixture *f, const char *form, size_t words, struct task_call **call, struct err *e)
{
    struct buf request = BUF_INIT(0);
    for (const char *c = form; *c; c++) {
        if (c[0] != '%') buf_byte(&request, *c);
        else for (size_t i = 0; i < words; i++) buf_lit(&request, "the ");
    }
    bool ok = task_begin(f->task, parse(f->a, buf_str(&request)), SIZE_MAX, call, e);
    buf_deinit(&request);
    return ok;
}

/* One too long fails by itself, not in the step that it would share. */
static void a_text_that_the_model_does_not_take_is_refused_before_it_meets_others(void **state)
{
    static const struct { const char *folder, *task; } cases[] = {
        { "classify-single", "text-classification" }, { "features-bert", "feature-extraction" }, { "classify-llama", "text-classification" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fixture f;
        struct task_call *call;
        struct err e;
        open_task(&f, cases[i].folder, str_c(cases[i].task));
        assert_false(begin_with_words(&f, "{\"inputs\": \"%\"}", 2000, &call, &e));
        if (e.code != ERR_TOO_LARGE || !strstr(e.msg, "and the model was made for")) fail_msg("%s: %s", cases[i].folder, e.msg);
        close_task(&f);
    }
}

/* Two long texts are cut to fit without all pairs of their windows being made first, which were four millions. */
static void a_long_pair_that_is_cut_leaves_no_windows(void **state)
{
    struct fixture f;
    struct task_call *call;
    struct err e;
    (void)state;
    open_task(&f, "rank-sigmoid", STR("text-ranking"));
    must_ok(begin_with_words(&f, "{\"inputs\": {\"query\": \"%\", \"documents\": [\"%\"]}}", 100000, &call, &e));
    while (!task_is_done(call)) task_step(&call, 1, 1000);
    assert_true(task_tokens_done(call) > 10 && task_tokens_done(call) < 200);
    task_end(call);
    close_task(&f);
}

static void windows_that_are_nearly_the_same_are_refused(void **state)
{
    static const struct { const char *folder, *task, *form; size_t words; const char *says; } cases[] = {
        { "answer-bert", "question-answering", "{\"inputs\": {\"question\": \"who?\", \"context\": \"%\"}, \"parameters\": {\"max_seq_len\": 100, \"doc_stride\": 90}}", 120000, "or 2097152 tokens in them" },
        { "label-xlm", "token-classification", "{\"inputs\": \"%\", \"parameters\": {\"aggregation_strategy\": \"simple\", \"stride\": 97}}", 180000, "take a smaller stride" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fixture f;
        struct task_call *call;
        struct err e;
        open_task(&f, cases[i].folder, str_c(cases[i].task));
        assert_false(begin_with_words(&f, cases[i].form, cases[i].words, &call, &e));
        if (e.code != ERR_TOO_LARGE || !strstr(e.msg, cases[i].says)) fail_msg("%s: %s", cases[i].folder, e.msg);
        close_task(&f);
    }
}

/* What grows with what is asked for has an end before it has used time and memory. */
static void answers_that_are_too_large_are_refused(void **state)
{
    static const struct { const char *folder, *task, *text; size_t texts; const char *parameters; size_t answer_max; bool begins; } cases[] = {
        { "fill-bert", "fill-mask", "[MASK] [MASK] [MASK]", 1, "{\"top_k\": 100}", 1 << 20, true },
        { "fill-bert", "fill-mask", "[MASK] [MASK] [MASK]", 300, "{\"top_k\": 100}", 1 << 30, false },
        { "fill-bert", "fill-mask", "[MASK] [MASK] [MASK]", 1, "{\"top_k\": 100}", 1 << 10, true },
        { "sentence-mean", "feature-extraction", "some text", 100, "{\"pooling\": \"none\"}", 1 << 10, true },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fixture f;
        struct task_call *call;
        struct err e;
        struct buf request = BUF_INIT(0), answer = BUF_INIT(0);
        open_task(&f, cases[i].folder, str_c(cases[i].task));
        buf_lit(&request, "{\"inputs\": [");
        for (size_t k = 0; k < cases[i].texts; k++) buf_addf(&request, "%s\"%s\"", k ? "," : "", cases[i].text);
        buf_addf(&request, "], \"parameters\": %s}", cases[i].parameters);
        bool begins = task_begin(f.task, parse(f.a, buf_str(&request)), cases[i].answer_max, &call, &e);
        if (begins != cases[i].begins) fail_msg("case %zu begins: %d", i, begins);
        if (begins) {
            task_step(&call, 1, 1);
            if (cases[i].answer_max < 1 << 20) assert_true(task_is_done(call)); /* with its first text, however many there are */
            else assert_true(task_answer(call, &answer, &e));
            if (cases[i].answer_max < 1 << 20) assert_true(!task_answer(call, &answer, &e) && e.code == ERR_TOO_LARGE);
            task_end(call);
        } else {
            assert_int_equal(e.code, ERR_TOO_LARGE);
        }
        buf_deinit(&request);
        buf_deinit(&answer);
        close_task(&f);
    }
}

/* A request of many texts and one of one text: the second is over while the first is still at it. */
static void a_short_request_does_not_wait_for_a_long_one(void **state)
{
    struct fixture f;
    struct task_call *call[2];
    struct err e;
    struct buf many = BUF_INIT(0);
    (void)state;
    open_task(&f, "sentence-mean", STR("feature-extraction"));
    buf_lit(&many, "{\"inputs\": [");
    for (int i = 0; i < 500; i++) buf_addf(&many, "%s\"text %d\"", i ? "," : "", i);
    buf_lit(&many, "]}");
    must_ok(task_begin(f.task, parse(f.a, buf_str(&many)), SIZE_MAX, &call[0], &e));
    must_ok(task_begin(f.task, parse(f.a, STR("{\"inputs\": \"short\"}")), SIZE_MAX, &call[1], &e));
    task_step(call, 2, 64);
    assert_true(task_is_done(call[1]) && !task_is_done(call[0]));
    for (size_t i = 0; i < 2; i++) task_end(call[i]);
    buf_deinit(&many);
    close_task(&f);
}

static void a_repository_says_what_it_is_for(void **state)
{
    static const struct { const char *folder, *task; } cases[] = {
        { "fill-bert", "fill-mask" }, { "classify-single", "text-classification" }, { "label-xlm", "token-classification" },
        { "answer-roberta", "question-answering" }, { "features-bert", "feature-extraction" }, { "sparse-bert", "sparse-embedding" }, { "sentence-all", "feature-extraction" },
        { "rank-identity", "text-ranking" }, { "sentence-last", "feature-extraction" }, { "classify-llama", "text-classification" }, { "../decoders/llama", "text-generation" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct arena *a = arena_new(0);
        struct source *s;
        const struct task_kind *kind;
        struct err e;
        must_ok(source_open(path_of(a, cases[i].folder), &s, &e));
        must_ok(task_detect(s, &kind, &e));
        assert_string_equal(kind->name, cases[i].task);
        source_close(s);
        arena_free(a);
    }
    assert_string_equal(task_kind_find(STR("ner"))->name, "token-classification");
    assert_null(task_kind_find(STR("divination")));
}

/* The same floats, where numbers stood lists of them, at whatever depth. */
static void assert_packed(struct arena *a, const struct json *plain, const struct json *packed)
{
    if (json_is(packed, JSON_STRING)) {
        float *x = arena_alloc(a, base64_decoded_max(packed->s.n) + 1);
        size_t n, i = 0;
        assert_true(base64_decode(packed->s, (uint8_t *)x, &n) && n == plain->count * sizeof *x);
        json_each (v, plain) assert_true((float)number(v) == x[i++]);
        return;
    }
    const struct json *other = json_first(plain);
    assert_true(json_is(packed, JSON_ARRAY) && packed->count == plain->count && packed->count);
    json_each (item, packed) {
        assert_packed(a, other, item);
        other = other->next;
    }
}

static void vectors_may_be_packed(void **state)
{
    static const char *const models[] = { "sentence-mean", "features-bert" };
    (void)state;
    for (size_t i = 0; i < COUNT(models); i++) {
        struct fixture f;
        struct err e;
        struct buf plain = BUF_INIT(0), packed = BUF_INIT(0);
        open_task(&f, models[i], STR("feature-extraction"));
        must_ok(task_run(f.task, parse(f.a, STR("{\"inputs\": [\"a cat sat\", \"the mat\"]}")), &plain, &e));
        must_ok(task_run(f.task, parse(f.a, STR("{\"inputs\": [\"a cat sat\", \"the mat\"], \"packed\": true}")), &packed, &e));
        assert_true(2 * packed.n < plain.n);
        assert_packed(f.a, parse(f.a, buf_str(&plain)), parse(f.a, buf_str(&packed)));
        buf_deinit(&plain);
        buf_deinit(&packed);
        close_task(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipelines_answer_as_transformers_does),
        cmocka_unit_test(requests_that_make_no_sense_are_refused),
        cmocka_unit_test(long_texts_are_cut_only_where_asked),
        cmocka_unit_test(answers_to_nothing_are_empty),
        cmocka_unit_test(many_answers_are_merged_in_no_quadratic_time),
        cmocka_unit_test(a_list_is_answered_one_by_one),
        cmocka_unit_test(in_company_a_request_is_answered_as_it_is_alone),
        cmocka_unit_test(a_text_that_the_model_does_not_take_is_refused_before_it_meets_others),
        cmocka_unit_test(a_long_pair_that_is_cut_leaves_no_windows),
        cmocka_unit_test(windows_that_are_nearly_the_same_are_refused),
        cmocka_unit_test(answers_that_are_too_large_are_refused),
        cmocka_unit_test(a_short_request_does_not_wait_for_a_long_one),
        cmocka_unit_test(a_repository_says_what_it_is_for),
        cmocka_unit_test(vectors_may_be_packed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
