/* Unit tests of src/infer: prices, the meter, reports. */
#include "db_help.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <seccomp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "account/account.h"
#include "base/os.h"
#include "infer/worker/frame.h"
#include "infer/meter/meter.h"
#include "base/sandbox.h"
#include "infer/stats.h"
#include "infer/meter/usage.h"

static int64_t alice, bob;

static int64_t make_account(struct db_conn *tx, const char *name)
{
    struct account a;
    must_ok(account_create(tx, ACCOUNT_USER, str_c(name), false, &a, arena, &e));
    return a.id;
}

static int setup(void **state)
{
    db_setup(state);
    struct db_conn *tx = begin();
    alice = make_account(tx, "alice");
    bob = make_account(tx, "bob");
    commit(tx);
    return 0;
}

static struct price_card card_for(const char *model, uint64_t parameters)
{
    struct price_card card;
    struct db_conn *c = db_reader(db);
    must_ok(price_find(c, str_c(model), parameters, &card, arena, &e));
    db_give(db, c);
    return card;
}

/* ------------------------------------------------------------------ prices */

static void cards_go_by_model_then_by_size(void **state)
{
    (void)state;
    assert_str(card_for("a/b", 1000).name, STR("1b"));
    assert_str(card_for("a/b", UINT64_C(7000000000)).name, STR("7b"));
    assert_str(card_for("a/b", UINT64_C(70000000000)).name, STR("large"));
    struct db_conn *tx;
    struct price_card own = { .name = STR("special"), .model = STR("a/b"), .input = 7, .output = 9 };
    must_ok(db_begin(db, &tx, &e));
    must_ok(price_put(tx, &own, &e));
    assert_int_equal(own.version, 1);
    own.input = 8;
    must_ok(price_put(tx, &own, &e));
    assert_int_equal(own.version, 2);
    own.output = -1;
    assert_false(price_put(tx, &own, &e));
    must_ok(db_commit(db, tx, &e));
    struct price_card found = card_for("a/b", 1000);
    assert_int_equal(found.version, 2);
    assert_int_equal(found.input, 8);
    assert_str(card_for("a/c", 1000).name, STR("1b"));
    struct price_card *all;
    size_t n;
    struct db_conn *c = db_reader(db);
    must_ok(price_list(c, arena, &all, &n, &e));
    db_give(db, c);
    assert_int_equal(n, 5);
    assert_int_equal(all[4].version, 2);
}

static void a_call_is_rounded_up_once(void **state)
{
    (void)state;
    struct price_card card = { .input = 1, .cached_input = 0, .output = 0 };
    struct price_units u = { .prompt = 1 };
    int64_t nano;
    must_ok(price_of(&card, &u, &nano, &e));
    assert_int_equal(nano, 1);
    u.prompt = 1000000;
    must_ok(price_of(&card, &u, &nano, &e));
    assert_int_equal(nano, 1);
    u.cached = 999999;
    must_ok(price_of(&card, &u, &nano, &e));
    assert_int_equal(nano, 1);
    u.cached = 1000000;
    must_ok(price_of(&card, &u, &nano, &e));
    assert_int_equal(nano, 0);
    card = (struct price_card){ .second = 120000 }; /* $0.00012 a second */
    u = (struct price_units){ .compute_us = 10000000 };
    must_ok(price_of(&card, &u, &nano, &e));
    assert_int_equal(nano, 1200000); /* ten of them: $0.0012 */
    card = (struct price_card){ .output = INT64_MAX };
    u = (struct price_units){ .completion = 3 };
    assert_false(price_of(&card, &u, &nano, &e));
}

static void money_reads_and_writes(void **state)
{
    (void)state;
    static const struct { const char *text; int64_t nano; const char *back; } good[] = {
        { "0", 0, "$0.00" }, { "1", 1000000000, "$1.00" }, { "0.5", 500000000, "$0.50" }, { "12.345", 12345000000, "$12.345" },
        { "0.000000001", 1, "$0.000000001" }, { "1000000", 1000000000000000, "$1000000.00" },
    };
    static const char *const bad[] = { "", ".", "1.", ".5", "-1", "1e3", "0.0000000001", "1000001", "1.2.3", "1 ", "+1" };
    int64_t nano;
    for (size_t i = 0; i < COUNT(good); i++) {
        must_ok(price_parse(str_c(good[i].text), &nano, &e));
        assert_int_equal(nano, good[i].nano);
        assert_str(price_text(nano, arena), str_c(good[i].back));
    }
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(price_parse(str_c(bad[i]), &nano, &e));
    assert_str(price_text(-5, arena), STR("-$0.000000005"));
}

/* ------------------------------------------------------------------ the meter */

static int64_t now_ms;
static int64_t told(void) { return now_ms; }
#define DAY_MS INT64_C(86400000)

static struct meter *meter_with(int64_t free_per_day, int64_t budget)
{
    struct meter *m;
    meter_new(db, &(struct meter_config){ free_per_day, budget, told }, &m);
    return m;
}

static struct meter_call call_of(int64_t account, str id, uint64_t prompt, uint64_t completion)
{
    return (struct meter_call){
        .request_id = id, .route = STR("chat"), .model = STR("acme/seven"), .revision = STR("main"), .finish = STR("stop"), .at_ms = now_ms,
        .account_id = account, .user_id = account, .status = 200, .units = { .prompt = prompt, .completion = completion },
        .card = card_for("acme/seven", UINT64_C(7000000000)),
    };
}

static bool call_once(struct meter *m, int64_t account, str id, uint64_t prompt, uint64_t completion, int64_t *cost)
{
    struct meter_hold *h;
    struct meter_call c = call_of(account, id, prompt, completion);
    int64_t most, held;
    must_ok(price_of(&c.card, &c.units, &most, &e));
    if (!meter_hold(m, account, most, most, &h, &held, &e)) return false;
    return meter_settle(m, h, &c, cost, &e);
}

/* The worked example: a thousand calls a day of 1000 and 100 tokens at $0.50 and $5.00 per million cost a dollar. */
static void a_thousand_calls_on_the_7b_card_cost_a_dollar(void **state)
{
    (void)state;
    now_ms = 1000 * DAY_MS;
    struct meter *m = meter_with(110000000, 2 * NANO_USD);
    struct meter_state s;
    int64_t sum = 0, cost;
    for (int i = 0; i < 1000; i++) {
        if (!call_once(m, alice, arena_fmt(arena, "r%d", i), 1000, 100, &cost)) fail_msg("%s", e.msg);
        sum += cost;
    }
    assert_int_equal(sum, 1000000000);
    must_ok(meter_state(m, alice, &s, &e));
    assert_int_equal(s.free_used, 110000000);  /* $0.11 of the day are free */
    assert_int_equal(s.budget_used, 890000000); /* and $0.89 are not */
    assert_int_equal(s.held, 0);
    meter_free(m);

    struct usage_row *row;
    size_t n;
    struct db_conn *c = db_reader(db);
    must_ok(usage_report(c, &(struct usage_question){ .account_id = alice, .last_day = 1000, .by = USAGE_BY_DAY | USAGE_BY_MODEL | USAGE_BY_TOKEN | USAGE_BY_ACCOUNT }, arena, &row, &n, &e));
    assert_int_equal(n, 1);
    assert_int_equal(row->day, 1000);
    assert_str(row->model, STR("acme/seven"));
    assert_str(row->account, STR("alice"));
    assert_str(row->token, STR("(none)"));
    assert_int_equal(row->requests, 1000);
    assert_int_equal(row->prompt_tokens, 1000000);
    assert_int_equal(row->completion_tokens, 100000);
    assert_int_equal(row->cost, 1000000000);
    assert_int_equal(row->allowance, 110000000);
    struct buf csv = BUF_INIT(0);
    usage_csv(row, 0, USAGE_BY_DAY | USAGE_BY_TOKEN, &csv); /* without rows the columns are those that were asked for */
    assert_true(str_starts(buf_str(&csv), STR("day,token,requests,")));
    buf_deinit(&csv);
    must_ok(usage_report(c, &(struct usage_question){ .first_day = 1001, .last_day = 2000 }, arena, &row, &n, &e));
    assert_int_equal(n, 1); /* a sum of nothing */
    assert_int_equal(row->requests, 0);
    assert_int_equal(row->cost, 0);
    db_give(db, c);
}

/* Content with what is left, and with less once more is known; others get what that sets free. */
static void some_is_held_and_shrinks(void **state)
{
    (void)state;
    now_ms = 2000 * DAY_MS;
    struct meter *m = meter_with(1000, 0);
    struct meter_hold *a, *b, *c;
    int64_t held;
    must_ok(meter_hold(m, alice, 10, 600, &a, &held, &e));
    assert_int_equal(held, 600);
    must_ok(meter_hold(m, alice, 10, 600, &b, &held, &e));
    assert_int_equal(held, 400);
    assert_false(meter_hold(m, alice, 1, 600, &c, &held, &e));
    assert_string_equal(e.kind, METER_EXHAUSTED);
    meter_shrink(m, a, 700); /* never grows */
    meter_shrink(m, a, 100);
    must_ok(meter_hold(m, alice, 10, 600, &c, &held, &e));
    assert_int_equal(held, 500);
    struct meter_state s;
    must_ok(meter_state(m, alice, &s, &e));
    assert_int_equal(s.held, 1000);
    meter_release(m, a);
    meter_release(m, b);
    meter_release(m, c);
    meter_free(m);
    m = meter_with(METER_UNBOUNDED, 0);
    must_ok(meter_hold(m, alice, 10, 600, &a, &held, &e));
    assert_int_equal(held, METER_UNBOUNDED);
    meter_release(m, a);
    meter_free(m);
}

/* A new process reads from the records what the one before has spent; a day gives a new allowance, a month a new budget. */
static void sums_survive_and_begin_anew(void **state)
{
    (void)state;
    now_ms = 31 * DAY_MS - 1; /* the last of January 1970 */
    struct meter_state s;
    struct meter *m = meter_with(600000, 500000); /* one call costs 1000000 */
    assert_true(call_once(m, alice, STR("a"), 1000, 100, NULL));
    assert_false(call_once(m, alice, STR("b"), 1000, 100, NULL));
    assert_int_equal(e.code, ERR_DENIED);
    assert_string_equal(e.kind, METER_EXHAUSTED);
    assert_non_null(strstr(e.msg, "$0.0001 are left"));
    assert_true(call_once(m, bob, STR("c"), 1000, 100, NULL)); /* not his money */
    meter_free(m);

    m = meter_with(600000, 500000);
    must_ok(meter_state(m, alice, &s, &e));
    assert_int_equal(s.free_used, 600000);
    assert_int_equal(s.budget_used, 400000);
    now_ms++; /* February */
    must_ok(meter_state(m, alice, &s, &e));
    assert_int_equal(s.free_used, 0);
    assert_int_equal(s.budget_used, 0);
    assert_true(call_once(m, alice, STR("d"), 1000, 100, NULL));
    now_ms += DAY_MS; /* the second: the month goes on */
    must_ok(meter_state(m, alice, &s, &e));
    assert_int_equal(s.free_used, 0);
    assert_int_equal(s.budget_used, 400000);
    assert_false(call_once(m, alice, STR("e"), 1000, 100, NULL)); /* 700000 are left */
    assert_true(call_once(m, alice, STR("f"), 1000, 40, NULL));   /* 700000 */

    struct db_conn *tx;
    must_ok(db_begin(db, &tx, &e));
    must_ok(meter_set_budget(tx, alice, NULL, &(int64_t){ METER_UNBOUNDED }, &e));
    must_ok(db_commit(db, tx, &e));
    assert_true(call_once(m, alice, STR("g"), 100000, 100000, NULL));
    meter_free(m);
}

static void a_request_is_billed_once(void **state)
{
    (void)state;
    now_ms = 5 * DAY_MS;
    struct meter_state s;
    struct meter *m = meter_with(0, 10 * NANO_USD);
    assert_true(call_once(m, alice, STR("same"), 1000, 100, NULL));
    assert_false(call_once(m, alice, STR("same"), 1000, 100, NULL));
    must_ok(meter_state(m, alice, &s, &e));
    assert_int_equal(s.budget_used, 1000000);
    assert_int_equal(s.held, 0);
    struct meter_hold *h;
    int64_t held;
    must_ok(meter_hold(m, alice, 5 * NANO_USD, 5 * NANO_USD, &h, &held, &e));
    struct meter_hold *second;
    assert_false(meter_hold(m, alice, 5 * NANO_USD, 5 * NANO_USD, &second, &held, &e)); /* one call's price is spent */
    meter_release(m, h);
    must_ok(meter_hold(m, alice, 5 * NANO_USD, 5 * NANO_USD, &h, &held, &e));
    meter_release(m, h);
    meter_free(m);
}

struct crowd {
    struct meter *m;
    int number, admitted;
};
static void *call_many(void *arg)
{
    struct crowd *c = arg;
    struct err mine;
    for (int i = 0; i < 20; i++) {
        struct meter_hold *h;
        int64_t held;
        char id[32];
        snprintf(id, sizeof id, "%d-%d", c->number, i);
        struct meter_call call = { .request_id = str_c(id), .route = STR("r"), .model = STR("m"), .revision = STR("v"), .finish = STR("stop"),
                                   .account_id = alice, .user_id = alice, .status = 200, .units = { .prompt = 1000, .completion = 100 },
                                   .card = { .id = 3, .input = 500000000, .output = 5000000000 } };
        if (!meter_hold(c->m, alice, 1000000, 1000000, &h, &held, &mine)) continue;
        if (!meter_settle(c->m, h, &call, NULL, &mine)) return NULL;
        c->admitted++;
    }
    return NULL;
}

/* Whoever comes at once cannot spend together what is there once: 50 calls are paid for, of 320. */
static void a_crowd_cannot_overrun_a_budget(void **state)
{
    (void)state;
    enum { THREADS = 16 };
    now_ms = 7 * DAY_MS;
    struct meter *m = meter_with(20 * 1000000, 30 * 1000000);
    struct crowd crowd[THREADS];
    pthread_t thread[THREADS];
    int admitted = 0;
    for (int i = 0; i < THREADS; i++) {
        crowd[i] = (struct crowd){ m, i, 0 };
        assert_int_equal(pthread_create(&thread[i], NULL, call_many, &crowd[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        admitted += crowd[i].admitted;
    }
    assert_int_equal(admitted, 50);
    meter_free(m);
}

static void days_are_those_of_the_calendar(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "2026-02-29", "2026-13-01", "2026-00-10", "2026-1-01", "1969-12-31", "2026-11-21x", "2026/11/21" };
    int64_t day;
    must_ok(usage_day_parse(STR("1970-01-01"), &day, &e));
    assert_int_equal(day, 0);
    must_ok(usage_day_parse(STR("2028-02-29"), &day, &e));
    assert_str(usage_day_text(day, arena), STR("2028-02-29"));
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(usage_day_parse(str_c(bad[i]), &day, &e));
}

/* ------------------------------------------------------------------ frames */

struct sender {
    struct channel *c;
    uint64_t call;
};
static void *send_many(void *arg)
{
    struct sender *s = arg;
    struct err mine;
    char *text = mem_alloc(100000);
    for (size_t i = 0; i < 50; i++) {
        size_t n = i * 1999;
        memset(text, (int)('a' + s->call), n);
        if (!channel_send(s->c, FRAME_PART, s->call, str_n(text, n), &mine)) break;
    }
    mem_free(text);
    return NULL;
}

/* Frames of several threads arrive whole, each thread's in order, though most are larger than the socket's buffer. */
static void frames_arrive_whole(void **state)
{
    (void)state;
    enum { SENDERS = 4 };
    int fd[2];
    pthread_t thread[SENDERS];
    struct sender sender[SENDERS];
    size_t seen[SENDERS] = { 0 };
    struct frame f;
    bool got;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    struct channel *ours = channel_new(fd[0]), *theirs = channel_new(fd[1]);
    must_ok(channel_receive(ours, 0, &f, &got, &e));
    assert_false(got);
    for (size_t i = 0; i < SENDERS; i++) {
        sender[i] = (struct sender){ theirs, i };
        assert_int_equal(pthread_create(&thread[i], NULL, send_many, &sender[i]), 0);
    }
    for (size_t all = 0; all < SENDERS * 50; all++) {
        must_ok(channel_receive(ours, -1, &f, &got, &e));
        assert_true(got && f.kind == FRAME_PART && f.call < SENDERS);
        assert_int_equal(f.text.n, seen[f.call]++ * 1999);
        for (size_t i = 0; i < f.text.n; i++) assert_int_equal(f.text.p[i], 'a' + f.call);
    }
    for (size_t i = 0; i < SENDERS; i++) pthread_join(thread[i], NULL);
    channel_free(theirs);
    assert_false(channel_receive(ours, -1, &f, &got, &e));
    assert_int_equal(e.code, ERR_CLOSED);
    assert_false(channel_send(ours, FRAME_CALL, 1, STR("x"), &e));
    assert_int_equal(e.code, ERR_CLOSED);
    assert_false(channel_send(ours, FRAME_CALL, 1, str_n("x", FRAME_TEXT_MAX + 1), &e));
    assert_int_equal(e.code, ERR_TOO_LARGE);
    channel_free(ours);
}

/* What is kept leaves together, before whatever is sent after it, and by itself when it has become much. */
static void kept_frames_leave_together(void **state)
{
    (void)state;
    int fd[2];
    struct frame f;
    bool got;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
    struct channel *ours = channel_new(fd[0]), *theirs = channel_new(fd[1]);
    must_ok(channel_keep(theirs, FRAME_PART, 1, STR("one"), &e));
    must_ok(channel_keep(theirs, FRAME_PART, 2, STR("two"), &e));
    must_ok(channel_receive(ours, 0, &f, &got, &e));
    assert_false(got);
    must_ok(channel_send(theirs, FRAME_FAIL, 3, STR("three"), &e));
    for (uint64_t call = 1; call <= 3; call++) {
        must_ok(channel_receive(ours, -1, &f, &got, &e));
        assert_true(got && f.call == call);
    }
    must_ok(channel_keep(theirs, FRAME_DONE, 4, STR(""), &e));
    must_ok(channel_flush(theirs, &e));
    must_ok(channel_flush(theirs, &e)); /* nothing is there: fine */
    must_ok(channel_receive(ours, -1, &f, &got, &e));
    assert_true(got && f.kind == FRAME_DONE && f.call == 4 && f.text.n == 0);
    char *much = mem_alloc(100000);
    memset(much, 'x', 100000);
    must_ok(channel_keep(theirs, FRAME_PART, 5, str_n(much, 100000), &e));
    must_ok(channel_receive(ours, -1, &f, &got, &e));
    assert_true(got && f.call == 5 && f.text.n == 100000);
    mem_free(much);
    channel_free(ours);
    must_ok(channel_keep(theirs, FRAME_PART, 6, STR("x"), &e));
    assert_false(channel_flush(theirs, &e));
    assert_int_equal(e.code, ERR_CLOSED);
    channel_free(theirs);
}

/* ------------------------------------------------------------------ the sandbox */

static void *nothing(void *arg) { return arg; }

/* In a child, which can never be anything else again: the number of the first promise that is not kept. */
static int broken_promise(const char *inside, const char *cache)
{
    char path[128];
    struct err mine;
    bool has_files;
    pthread_t thread;
    struct rlimit limit;
    int fd;
    if (!sandbox_enter(inside, cache, &has_files, &mine)) return 1;
    snprintf(path, sizeof path, "%s/file", inside);
    if ((fd = open(path, O_RDONLY)) < 0 || close(fd) != 0) return 2;
    if (has_files && (open(path, O_RDWR) >= 0 || errno != EACCES)) return 3;
    if (has_files && (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)) return 4;
    snprintf(path, sizeof path, "%s/new", cache);
    if ((fd = open(path, O_RDWR | O_CREAT, 0600)) < 0 || write(fd, "x", 1) != 1 || close(fd) != 0) return 5;
    if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM) return 6;
    if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0 || errno != EPERM) return 7;
    if (fork() >= 0 || errno != EPERM) return 8;
    if (execl("/bin/true", "true", NULL) != -1 || (errno != EPERM && errno != EACCES)) return 9;
    if (kill(getppid(), 0) != -1 || errno != EPERM) return 10;
    if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0) return 11;
    if (syscall(SYS_tgkill, getppid(), getppid(), 0) != -1 || errno != EPERM) return 12;
    if (syscall(SYS_prlimit64, getppid(), RLIMIT_NOFILE, NULL, NULL) != -1 || errno != EPERM) return 13;
    if (fcntl(STDERR_FILENO, F_SETOWN, getppid()) != -1 || errno != EPERM) return 14; /* or it has signals sent for it, F_SETSIG of them */
    if (fcntl(STDERR_FILENO, F_GETFL) < 0 || getrlimit(RLIMIT_AS, &limit) != 0) return 15;
    snprintf(path, sizeof path, "%s/file", inside);
    if (open(path, O_RDONLY | O_TRUNC) >= 0 || errno != EPERM) return 16; /* Landlock lets a file be emptied that may only be read */
    snprintf(path, sizeof path, "%s/new", cache);
    if ((fd = open(path, O_RDWR | O_TRUNC)) < 0 || close(fd) != 0) return 17;
    if (utimensat(AT_FDCWD, "/etc/passwd", NULL, 0) != -1 || errno != EPERM) return 18;
    if (has_files && (open("/proc/self/environ", O_RDONLY) >= 0 || errno != EACCES)) return 19;
    if ((fd = open("/proc/self/statm", O_RDONLY)) < 0 || close(fd) != 0) return 20;
    if ((fd = open("/proc/self/cgroup", O_RDONLY)) < 0 || close(fd) != 0) return 21;
    return 0;
}

/* As the engine of a container does that does not know the calls. */
static bool refuse_landlock(void)
{
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    bool ok = f && seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SYS_landlock_create_ruleset, 0) == 0 && seccomp_load(f) == 0;
    if (f) seccomp_release(f);
    return ok;
}

static void promises_are_kept(bool landlock_is_refused)
{
    char inside[96], cache[96], file[128];
    int status;
    if (!sandbox_is_built()) skip();
    snprintf(inside, sizeof inside, "%s/inside", dir);
    snprintf(cache, sizeof cache, "%s/cache", dir);
    snprintf(file, sizeof file, "%s/file", inside);
    must_ok(os_mkdirs(inside, &e));
    must_ok(os_mkdirs(cache, &e));
    must_ok(os_write_file(inside, file, bytes_of(STR("x")), &e));
    pid_t pid = fork();
    if (pid == 0) _exit(landlock_is_refused && !refuse_landlock() ? 99 : broken_promise(inside, cache));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_sandbox_keeps_its_promises(void **state)
{
    (void)state;
    promises_are_kept(false);
}

static void a_sandbox_that_may_not_confine_files_keeps_the_others(void **state)
{
    (void)state;
    promises_are_kept(true);
}

/* ------------------------------------------------------------------ counting */

static void what_is_counted_stays_bounded(void **state)
{
    struct stats s = { 0 };
    struct stats_times t = { 0 };
    struct stats_lengths l = { 0 };
    (void)state;
    for (int64_t id = 1; id <= 1000; id++) stats_of(&s, id)->calls++;
    assert_int_equal(s.n, STATS_MODELS_MAX);
    assert_int_equal(stats_of(&s, 1)->calls, 1);
    assert_ptr_equal(stats_of(&s, 1000), stats_of(&s, 5000));
    assert_int_equal(stats_of(&s, 1000)->repo_id, STATS_OTHERS);
    assert_int_equal(stats_of(&s, 1000)->calls, 1000 - (STATS_MODELS_MAX - 1));
    stats_deinit(&s);
    stats_time(&t, 150, 1); /* a bound belongs to its bucket */
    stats_time(&t, 151, 2);
    stats_time(&t, INT64_MAX / 2, 1);
    stats_time(&t, -5, 1); /* a clock that is odd */
    assert_int_equal(t.count[0], 2);
    assert_int_equal(t.count[1], 2);
    assert_int_equal(t.count[STATS_TIMES - 1], 1);
    stats_length(&l, 0);
    stats_length(&l, 1);
    stats_length(&l, 2);
    stats_length(&l, UINT64_MAX);
    assert_int_equal(l.count[0], 2);
    assert_int_equal(l.count[1], 1);
    assert_int_equal(l.count[STATS_LENGTHS - 1], 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, db_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(cards_go_by_model_then_by_size), T(a_call_is_rounded_up_once), T(money_reads_and_writes),
        T(a_thousand_calls_on_the_7b_card_cost_a_dollar), T(some_is_held_and_shrinks), T(sums_survive_and_begin_anew), T(a_request_is_billed_once),
        T(a_crowd_cannot_overrun_a_budget), T(days_are_those_of_the_calendar),
        T(frames_arrive_whole), T(kept_frames_leave_together), T(a_sandbox_keeps_its_promises),
        T(a_sandbox_that_may_not_confine_files_keeps_the_others), T(what_is_counted_stays_bounded),
    };
    return cmocka_run_group_tests_name("infer", tests, NULL, NULL);
}
