/* A worker that was taken over: this program is its own worker, and says what it likes about what a call has cost: that is
 * neither recorded nor told.
 *
 * Each case is what it answers to a call that asks for five tokens. */
#include "hub_help.h"

#include "infer/worker/frame.h"
#include "infer/infer.h"
#include "infer/worker/process.h"
#include "infer/meter/usage.h"

#define CALL "{\"prompt\":\"aa\",\"options\":{\"max_new_tokens\":5}}"
enum { ASKED = 5, PROMPT_MOST = sizeof CALL - 1 + (1 << 16) };

static const struct {
    const char *part, *end;
    uint64_t prompt, completion;
    bool is_believed;
} said[] = {
    { "{\"choice\":0,\"text\":\"x\",\"new\":1}", "{\"choices\":[{\"finish\":\"stop\"}],\"prompt_tokens\":2,\"cached_tokens\":1,\"completion_tokens\":5}", 2, 5, true },
    { NULL, "{\"choices\":[{\"finish\":\"stop\"}],\"prompt_tokens\":2,\"completion_tokens\":6}", 2, ASKED, false },
    { NULL, "{\"prompt_tokens\":9223372036854775807,\"cached_tokens\":9223372036854775807,\"completion_tokens\":9223372036854775807}", PROMPT_MOST, ASKED, false },
    { "{\"choice\":0,\"text\":\"x\",\"new\":9223372036854775807}", "{\"prompt_tokens\":2,\"completion_tokens\":1}", 2, 1, true },
    { NULL, "{\"prompt_tokens\":2,\"completion_tokens\":1,\"compute_us\":3600000000,\"queue_us\":3600000000}", 2, 1, false },
};

static int lie(void)
{
    struct channel *c = channel_new(PROCESS_CHANNEL_FD);
    struct frame f;
    struct err e;
    bool got;
    while (channel_receive(c, -1, &f, &got, &e)) {
        if (!got) continue;
        if (f.kind == FRAME_LOAD && !channel_send(c, FRAME_READY, 0, STR("{\"task\":\"text-generation\"}"), &e)) break;
        if (f.kind != FRAME_CALL) continue;
        const uint64_t i = (f.call - 1) % COUNT(said); /* calls are numbered from 1 */
        if (said[i].part && !channel_send(c, FRAME_PART, f.call, str_c(said[i].part), &e)) break;
        if (!channel_send(c, FRAME_DONE, f.call, str_c(said[i].end), &e)) break;
    }
    channel_free(c);
    return 0;
}

static void nobody_pays_for_what_cannot_have_been(void **state)
{
    (void)state;
    struct err e;
    struct infer *f;
    struct commit_result made;
    struct repo r = repo_named(&fx.user[ALICE], "m", false, ALICE);
    must_ok(commit_one(&r, ALICE, "main", "config.json", "{}", NULL, false, &made, &e));
    must_ok(infer_new(fx.h, &(struct infer_config){ .home = fx.dir, .meter = { METER_UNBOUNDED, METER_UNBOUNDED, NULL } }, &f, &e));
    for (size_t i = 0; i < COUNT(said); i++) {
        struct infer_call *c;
        enum infer_event what;
        str json;
        const struct infer_request q = { .repo = &r, .commit = &made.commit, .json = STR(CALL), .tokens_max = ASKED + 4096, .parameters = UINT64_C(7000000000),
                                         .who = &fx.id[ALICE], .account_id = fx.user[ALICE].id, .request_id = arena_fmt(fx.a, "r%zu", i), .route = "chat" };
        must_ok(infer_begin(f, &q, &c, &e));
        do must_ok(infer_next(c, 1000, &what, &json, &e));
        while (what != INFER_END);
        const struct price_units used = infer_used(c);
        if (used.prompt != said[i].prompt || used.completion != said[i].completion || used.compute_us > 600000000)
            fail_msg("case %zu: the client is told of %llu in, %llu out", i, (unsigned long long)used.prompt, (unsigned long long)used.completion);
        must_ok(infer_end(c, 200, &e));
        struct db_conn *db = db_reader(hub_db(fx.h));
        struct db_query row;
        must_ok(db_query(db, &row, &e, "SELECT prompt_tokens, cached_tokens, completion_tokens, compute_us, finish FROM inference_call WHERE request_id = ?1",
                         db_text(q.request_id)));
        assert_true(db_next(&row, &e));
        if ((uint64_t)db_col_int(&row, 0) != said[i].prompt || db_col_int(&row, 1) > db_col_int(&row, 0) || (uint64_t)db_col_int(&row, 2) != said[i].completion ||
            db_col_int(&row, 3) > 600000000 || str_eq(db_col_text(&row, 4), STR("miscounted")) == said[i].is_believed)
            fail_msg("case %zu: %lld in, %lld out, %.*s", i, (long long)db_col_int(&row, 0), (long long)db_col_int(&row, 2), STR_ARG(db_col_text(&row, 4)));
        db_end(&row);
        db_give(hub_db(fx.h), db);
    }
    infer_free(f);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "worker") == 0) return lie();
    const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(nobody_pays_for_what_cannot_have_been, home_new, home_end) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
