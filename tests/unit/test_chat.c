/* test_chat.c - chat templates of repositories against Transformers (tests/data/chat, made by tests/oracle/chat/make_chat.py). */
#include "unit.h"

#include "model/chat/chat.h"
#include "model/chat/think.h"

#define NOW 1795262400 /* what make_chat.py calls now: noon of 21 November 2026 */

static const char *data(const char *name)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/../data/%s", getenv("HEARTH_TEST_DATA"), name);
    return path;
}

static struct chat_input input_of(const struct json *in)
{
    struct chat_input x = {
        .messages = json_get(in, STR("messages")), .tools = json_get(in, STR("tools")), .documents = json_get(in, STR("documents")),
        .name = json_str_or(in, STR("chat_template"), STR("")), .add_generation_prompt = json_bool_or(in, STR("add_generation_prompt"), false),
        .continue_final_message = json_bool_or(in, STR("continue_final_message"), false), .arguments = in,
        .now_unix_s = NOW,
    };
    return x;
}

/* The ids of the prompt: the template has said the special tokens, and none is added. */
static void check_ids(struct source *s, str prompt, const struct json *want)
{
    struct tokenizer *t;
    struct err e;
    static uint32_t ids[1 << 16];
    size_t n = 0, i = 0;
    struct token_options o = { .no_special = true };
    must_ok(source_tokenizer(s, NULL, &t, &e));
    struct token_encoder *x = token_encoder_new(t);
    must_ok(token_encode_ids(x, prompt, &o, ids, COUNT(ids), &n, &e));
    json_each (id, want) {
        if (i >= n || ids[i] != (uint32_t)id->i) fail_msg("token %zu of %zu differs", i, n);
        i++;
    }
    assert_int_equal(i, n);
    token_encoder_free(x);
    tokenizer_free(t);
}

static bool check_folder(void *ctx, const char *name, bool is_dir)
{
    struct arena *a = arena_new(0);
    struct source *s;
    struct chat *c;
    struct err e;
    const struct json *cases;
    char path[200];
    size_t i = 0;
    assert_true(is_dir);
    snprintf(path, sizeof path, "chat/%s", name);
    must_ok(source_open(data(path), &s, &e));
    must_ok(chat_open(s, &c, &e));
    assert_non_null(c);
    must_ok(source_json(s, STR("expected.json"), &cases, &e));
    json_each (item, cases) {
        struct chat_input in = input_of(json_get(item, STR("input")));
        struct buf out = BUF_INIT(0);
        const struct json *want = json_get(item, STR("want")), *ids = json_get(item, STR("ids"));
        buf_lit(&out, "before:"); /* stays */
        bool ok = chat_render(c, &in, &out, &e);
        if (ok != json_is(want, JSON_STRING)) fail_msg("%s, case %zu: %s", name, i, ok ? "rendered" : e.msg);
        if (!ok) assert_str(buf_str(&out), STR("before:"));
        else if (!str_eq(str_from(buf_str(&out), 7), want->s)) fail_msg("%s, case %zu:\n%s\ninstead of\n%.*s", name, i, buf_cstr(&out), STR_ARG(want->s));
        if (ids) check_ids(s, str_from(buf_str(&out), 7), ids);
        buf_deinit(&out);
        i++;
    }
    *(size_t *)ctx += i;
    chat_close(c);
    source_close(s);
    arena_free(a);
    return true;
}

static void test_folders(void **state)
{
    struct err e;
    size_t n = 0;
    (void)state;
    must_ok(os_each_entry(data("chat"), check_folder, &n, &e));
    assert_true(n >= 80);
}

static void test_none(void **state)
{
    struct source *s;
    struct chat *c;
    struct err e;
    (void)state;
    must_ok(source_open(data("../../demo"), &s, &e));
    must_ok(chat_open(s, &c, &e));
    assert_null(c);
    source_close(s);
}

/* A template may write nothing, and nothing may be all that is there to be continued. */
static void nothing_can_be_continued(void **state)
{
    static const struct { const char *name, *text; } files[] = {
        { "config.json", "{}" }, { "chat_template.jinja", "{% for m in messages %}{{ m.content }}{% endfor %}" },
    };
    struct source *s;
    struct chat *c;
    struct err e;
    struct json *j;
    struct buf out = BUF_INIT(0);
    struct arena *a = arena_new(0);
    char dir[64];
    (void)state;
    unit_dir(dir);
    for (size_t i = 0; i < COUNT(files); i++)
        must_ok(os_write_file(dir, arena_fmt(a, "%s/%s", dir, files[i].name).p, bytes_of(str_c(files[i].text)), &e));
    must_ok(source_open(dir, &s, &e));
    must_ok(chat_open(s, &c, &e));
    must_ok(json_parse(STR("{\"messages\":[{\"role\":\"assistant\",\"content\":\"\"}],\"continue_final_message\":true}"), a, &j, &e));
    struct chat_input in = input_of(j);
    must_ok(chat_render(c, &in, &out, &e));
    assert_int_equal(out.n, 0);
    struct json_list many = json_list_new(a, JSON_OBJECT);
    for (size_t i = 0; i < 100000; i++) {
        struct json *v = json_new_int(a, 1);
        v->key = arena_fmt(a, "k%zu", i);
        json_list_add(&many, v);
    }
    in.arguments = many.container;
    assert_false(chat_render(c, &in, &out, &e));
    assert_int_equal(e.code, ERR_INVALID);
    buf_deinit(&out);
    chat_close(c);
    source_close(s);
    arena_free(a);
    unit_dir_end(dir);
}

static void test_refused(void **state)
{
    static const struct { const char *input, *says; } bad[] = {
        { "{}", "list of objects" },
        { "{\"messages\":{}}", "list of objects" },
        { "{\"messages\":[]}", "needs a message" },
        { "{\"messages\":[\"hello\"]}", "list of objects" },
        { "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"tools\":{}}", "tools" },
        { "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"chat_template\":\"none\"}", "\"default\"" },
        { "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"continue_final_message\":true,\"add_generation_prompt\":true}", "not in both" },
        { "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"},{\"role\":\"user\",\"content\":\"y\"}]}", "alternate" },
    };
    struct source *s;
    struct chat *c;
    struct err e;
    (void)state;
    must_ok(source_open(data("chat/in-config"), &s, &e));
    must_ok(chat_open(s, &c, &e));
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct arena *a = arena_new(0);
        struct buf out = BUF_INIT(0);
        struct json *j;
        must_ok(json_parse(str_c(bad[i].input), a, &j, &e));
        struct chat_input in = input_of(j);
        if (chat_render(c, &in, &out, &e)) fail_msg("%s is taken", bad[i].input);
        if (!strstr(e.msg, bad[i].says)) fail_msg("%s: %s", bad[i].input, e.msg);
        buf_deinit(&out);
        arena_free(a);
    }
    assert_true(chat_reads(c, STR("messages")));
    assert_false(chat_reads(c, STR("enable_thinking")));
    chat_close(c);
    source_close(s);
}

static const struct {
    const char *prompt, *text, *thought, *said;
} thoughts[] = {
    { "a:", "<think>\nwell\n</think>\n\nyes", "well", "yes" },
    { "a:", "\n <think>\n\nwell\n\nso\n\n</think>yes\n", "well\n\nso", "yes\n" },
    { "a:", "<think>\n\n</think>\n\nyes", "", "yes" },
    { "a:", "no thought", "", "no thought" },
    { "a:", "  yes", "", "  yes" },
    { "a:", "<thin ice", "", "<thin ice" },
    { "a:", "<thin", "", "<thin" },
    { "a:", " \n", "", " \n" },
    { "a:", "so <think>x</think>", "", "so <think>x</think>" },
    { "a:", "<think>a </thin b < c</think>d</think>e", "a </thin b < c", "d</think>e" },
    { "a:", "<think>cut off\n</thi", "cut off\n</thi", "" },
    { "a:<think>\n", "well\n</think>\n\nyes", "well", "yes" },
    { "a:<think>", "</think>yes", "", "yes" },
    { "a:<think> b", "well</think>", "", "well</think>" },
    { "a:", "", "", "" },
};

/* Whole, and in pieces of every size. */
static void thoughts_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(thoughts); i++)
        for (size_t piece = 1; piece <= 24; piece++) {
            struct think t;
            struct buf thought = BUF_INIT(0), said = BUF_INIT(0);
            str rest = str_c(thoughts[i].text);
            think_init(&t, think_is_open(str_c(thoughts[i].prompt)));
            while (rest.n > piece) {
                think_add(&t, str_to(rest, piece), false, &thought, &said);
                rest = str_from(rest, piece);
            }
            think_add(&t, rest, true, &thought, &said);
            if (strcmp(buf_cstr(&thought), thoughts[i].thought) || strcmp(buf_cstr(&said), thoughts[i].said))
                fail_msg("case %zu in pieces of %zu: thought \"%s\", said \"%s\"", i, piece, buf_cstr(&thought), buf_cstr(&said));
            think_deinit(&t);
            buf_deinit(&thought);
            buf_deinit(&said);
        }
    assert_true(think_is_taught(STR("{{ m.content.split('</think>')[-1] }}")));
    assert_false(think_is_taught(STR("{{ m.content }}")));
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_folders), cmocka_unit_test(test_none), cmocka_unit_test(nothing_can_be_continued), cmocka_unit_test(test_refused), cmocka_unit_test(thoughts_are_told_apart) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
