/* Unit tests of hub/community: addresses that are refused, mentions, notifications, deliveries with a sender of our own. */
#include "hub_help.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/client.h"
#include "hub/community/comment.h"
#include "hub/community/like.h"
#include "hub/community/notification.h"
#include "hub/community/reaction.h"
#include "hub/community/tell.h"
#include "hub/community/watch.h"

/* ------------------------------------------------------------------ addresses */

static void only_public_addresses_are_asked(void **state)
{
    static const struct {
        uint8_t b[16];
        size_t n;
        bool is_public;
    } address_case[] = {
        { { 8, 8, 8, 8 }, 4, true },          { { 1, 1, 1, 1 }, 4, true },           { { 0 }, 4, false },
        { { 10, 1, 2, 3 }, 4, false },        { { 100, 64, 0, 1 }, 4, false },       { { 100, 63, 255, 255 }, 4, true },
        { { 100, 127, 255, 255 }, 4, false }, { { 100, 128, 0, 0 }, 4, true },       { { 127, 0, 0, 1 }, 4, false },
        { { 169, 254, 169, 254 }, 4, false }, { { 172, 16, 0, 1 }, 4, false },       { { 172, 31, 255, 255 }, 4, false },
        { { 172, 32, 0, 0 }, 4, true },       { { 192, 168, 1, 1 }, 4, false },      { { 192, 0, 0, 8 }, 4, false },
        { { 198, 18, 0, 1 }, 4, false },      { { 198, 19, 255, 255 }, 4, false },   { { 198, 20, 0, 0 }, 4, true },
        { { 203, 0, 113, 9 }, 4, false },     { { 224, 0, 0, 1 }, 4, false },        { { 255, 255, 255, 255 }, 4, false },
        { { 0x20, 0x01, 0x48, 0x60 }, 16, true },                                    /* 2001:4860:: */
        { { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }, 16, false },                         /* documentation */
        { { 0x20, 0x01, 0x00, 0x00, 0x7f }, 16, false },                             /* Teredo */
        { { 0x20, 0x02, 127, 0, 0, 1 }, 16, false },                                 /* 6to4 */
        { { [15] = 1 }, 16, false },                                                 /* ::1 */
        { { 0 }, 16, false },                                                        /* :: */
        { { 0xfe, 0x80, [15] = 1 }, 16, false },   { { 0xfc, [15] = 1 }, 16, false }, { { 0xff, 0x02, [15] = 1 }, 16, false },
        { { [10] = 0xff, [11] = 0xff, 127, 0, 0, 1 }, 16, false },                   /* ::ffff:127.0.0.1 */
        { { [10] = 0xff, [11] = 0xff, 8, 8, 8, 8 }, 16, true },
        { { 0x00, 0x64, 0xff, 0x9b, [12] = 10, 0, 0, 1 }, 16, false },               /* 64:ff9b::10.0.0.1 */
        { { 8, 8, 8, 8 }, 3, false },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(address_case); i++)
        if (http_address_is_public((bytes){ address_case[i].b, address_case[i].n }) != address_case[i].is_public) fail_msg("case %zu", i);
}

static bool take_nothing(void *ctx, int status, str piece) { return (void)ctx, (void)status, (void)piece, true; }

/* At any port: what a hostile upstream names must not lead to what listens here. */
static void who_is_kept_out_does_not_reach_this_machine(void **state)
{
    (void)state;
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0), status;
    char url[64];
    struct err e;
    static const char *const proxies[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" };
    for (size_t i = 0; i < COUNT(proxies); i++) unsetenv(proxies[i]); /* one would decide itself */
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    for (int name = 0; name < 2; name++) {
        snprintf(url, sizeof url, "http://%s:%d/x", name ? "localhost" : "127.0.0.1", ntohs(at.sin_port));
        struct http_client_request q = { .url = url, .is_kept_out = true, .take = take_nothing };
        must_refuse(http_client_run(&q, &status, &e), ERR_DENIED, "may not be asked");
    }
    struct pollfd came = { .fd = fd, .events = POLLIN };
    assert_int_equal(poll(&came, 1, 0), 0);
    close(fd);
}

/* ------------------------------------------------------------------ comments */

static void names_and_numbers_become_links(void **state)
{
    static const struct {
        const char *raw, *has, *lacks;
    } comment_case[] = {
        { "hi @alice", "<a class=\"mention\" href=\"/alice\">@alice</a>", "zzz" },
        { "@ALICE.", "<a class=\"mention\" href=\"/alice\">@alice</a>.", "zzz" },
        { "(@bob)", "(<a class=\"mention\" href=\"/bob\">@bob</a>)", "zzz" },
        { "@nobody", "@nobody", "href" },       { "a@alice", "a@alice", "mention" },        { "@@alice", "mention", "@@" },
        { "`@alice`", "<code>@alice</code>", "mention" }, { "[@alice](https://x.org)", ">@alice</a>", "mention" },
        { "see #1.", "<a href=\"/alice/r/discussions/1\">#1</a>.", "zzz" }, { "see #77", "#77", "href" }, { "&#35;1 x#1 #1a", "x#1 #1a", "/discussions/1\">#1</a>a" },
        { "<b onclick=x>@bob</b><script>@alice</script>", "mention", "script" }, { "@", "@", "href" }, { "x # y", "x # y", "discussions" },
    };
    (void)state;
    struct err e;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct discussion_new q = { .title = STR("one"), .description = STR("") };
    struct discussion d;
    must_ok(discussion_create(fx.h, &r, &q, &fx.id[ALICE], &d, fx.a, &e));
    struct db_conn *c = db_reader(hub_db(fx.h));
    for (size_t i = 0; i < COUNT(comment_case); i++) {
        struct buf b = BUF_INIT(0);
        comment_html(c, &r, STR("/alice/r"), str_c(comment_case[i].raw), &b, NULL);
        if (str_find(buf_str(&b), str_c(comment_case[i].has)) == STR_NONE || str_find(buf_str(&b), str_c(comment_case[i].lacks)) != STR_NONE)
            fail_msg("case %zu: %s", i, buf_cstr(&b));
        buf_deinit(&b);
    }
    db_give(hub_db(fx.h), c);
}

static void many_marks_take_little_time(void **state)
{
    enum { MARKS = 60000 };
    (void)state;
    struct buf raw = BUF_INIT(0), out = BUF_INIT(0);
    struct repo r = { .id = 1 };
    struct comment_mentions m;
    for (int i = 0; i < MARKS; i++) buf_lit(&raw, "@");
    struct db_conn *c = db_reader(hub_db(fx.h));
    comment_html(c, &r, STR("/a/b"), buf_str(&raw), &out, &m);
    db_give(hub_db(fx.h), c);
    assert_true(m.n == 0 && out.n >= MARKS && out.n < MARKS + 100);
    buf_deinit(&raw);
    buf_deinit(&out);
}

/* ------------------------------------------------------------------ telling */

struct post { /* what the sender was given last, and what it answers */
    int count, status;
    str body, secret, signature;
    struct arena *a;
};

static bool post(void *ctx, const struct webhook_post *q, int *status, struct buf *answer, struct err *e)
{
    struct post *p = ctx;
    p->count++;
    p->body = arena_dup(p->a, q->body);
    p->secret = q->secret.p ? arena_dup(p->a, q->secret) : (str){ 0 };
    p->signature = q->signature.p ? arena_dup(p->a, q->signature) : (str){ 0 };
    if (!p->status) return err_set(e, ERR_IO, "nobody there");
    *status = p->status;
    buf_lit(answer, "thanks \xff");
    return true;
}

static struct webhook hook_of(int who, const char *kind, const char *name, const char *secret)
{
    struct err e;
    struct webhook out;
    struct webhook_watched w = { str_c(kind), str_c(name) };
    struct webhook_change q = { .url = STR("https://example.org/"), .secret = str_c(secret), .on_repo = true, .on_discussion = true,
                                .watched = &w, .watched_count = 1 };
    must_ok(webhook_create(fx.h, fx.user[who].id, &q, &out, fx.a, &e));
    return out;
}

static void tell(const struct webhook_sender *s)
{
    struct err e;
    size_t told;
    do must_ok(tell_all(fx.h, s, &told, &e));
    while (told);
}

static void run(const struct webhook_sender *s, int64_t delivery)
{
    struct err e;
    struct webhook_runner runner = { .hub = fx.h, .sender = s };
    struct job j = { .payload = arena_fmt(fx.a, "{\"delivery\":%lld}", (long long)delivery) };
    must_ok(webhook_run(NULL, &runner, &j, &e));
}

static void a_delivery_is_tried_eight_times(void **state)
{
    (void)state;
    struct post p = { .a = fx.a, .status = 500 };
    struct webhook_sender s = { .post = post, .ctx = &p, .base_url = STR("https://hub.example"), .retry_ms = 10000 };
    hook_of(BOB, "user", "ALICE", "word");
    repo_named(&fx.user[ALICE], "r", false, ALICE);
    tell(&s);
    assert_int_equal(sql_int("SELECT count(*) FROM webhook_delivery"), 2); /* made, and its first commit */
    assert_int_equal(sql_int("SELECT count(*) FROM happening WHERE is_told = 0"), 0);
    int64_t id = sql_int("SELECT min(id) FROM webhook_delivery");
    for (int i = 1; i <= 8; i++) {
        run(&s, id);
        assert_int_equal(p.count, i);
    }
    assert_int_equal(sql_int("SELECT state = 'failed' AND attempts = 8 AND status = 500 FROM webhook_delivery ORDER BY id LIMIT 1"), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM job WHERE kind = 'webhook'"), 2 + 7);
    int64_t longest = sql_int("SELECT max(run_after_ms - created_ms) FROM job WHERE kind = 'webhook'");
    assert_true(longest > 3000000 && longest <= 3600000);
    run(&s, id); /* it is over */
    assert_int_equal(p.count, 8);
    assert_true(str_eq(p.secret, STR("word")) && str_starts(p.signature, STR("sha256=")) && p.signature.n == 7 + 64);
    assert_true(str_find(p.body, STR("\"web\":\"https://hub.example/alice/r\"")) != STR_NONE);
    assert_true(str_find(p.body, STR("\"action\":\"create\",\"scope\":\"repo\"")) != STR_NONE);

    sql_run("UPDATE webhook SET failing_ms = 1");
    run(&s, id + 1);
    assert_int_equal(sql_int("SELECT state = 'suspended' FROM webhook"), 1);
    p.status = 0;
    run(&s, id + 1); /* switched off: nothing is sent */
    assert_int_equal(p.count, 9);
}

static void a_stranger_is_not_told_of_private_things(void **state)
{
    (void)state;
    struct err e;
    struct post p = { .a = fx.a, .status = 200 };
    struct webhook_sender s = { .post = post, .ctx = &p, .base_url = STR("http://h"), .retry_ms = 1 };
    hook_of(OUTSIDER, "org", "acme", "");
    hook_of(READER, "org", "acme", "");
    struct repo r = repo_named(&fx.acme, "plan", true, ADMIN);
    must_ok(repo_delete(fx.h, &r, &fx.id[ADMIN], &e));
    tell(&s);
    assert_int_equal(sql_int("SELECT count(*) FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook_id JOIN account a ON a.id = w.owner_id WHERE a.name = 'outsider'"), 0);
    assert_true(sql_int("SELECT count(*) FROM webhook_delivery") >= 2);
}

static void a_webhook_has_its_limit_a_day(void **state)
{
    (void)state;
    struct webhook_sender s = { .base_url = STR("http://h"), .retry_ms = 1 };
    hook_of(ALICE, "user", "alice", "");
    sql_run("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO webhook_delivery (hex_id, webhook_id, what,"
            " about, payload, state, created_ms) SELECT i, 1, '', '', '', 'delivered', CAST(strftime('%s', 'now') AS INTEGER) * 1000 FROM n");
    repo_named(&fx.user[ALICE], "r", false, ALICE);
    tell(&s);
    assert_int_equal(sql_int("SELECT count(*) FROM webhook_delivery"), 1000);
}

static int64_t unread_of(int who)
{
    struct err e;
    int64_t n = -1;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(notification_unread(c, fx.id[who].user_id, &n, &e));
    db_give(hub_db(fx.h), c);
    return n;
}

static size_t notes_of(int who, enum notification_reason min)
{
    struct err e;
    struct notification_page page;
    struct notification_query q = { .repo_kind = -1, .limit = 50, .reason_min = min };
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(notification_list(c, &fx.id[who], &q, fx.a, &page, &e));
    db_give(hub_db(fx.h), c);
    return page.n;
}

static void people_are_told_why(void **state)
{
    (void)state;
    struct err e;
    struct webhook_sender s = { .base_url = STR("http://h"), .retry_ms = 1 };
    struct repo r = repo_named(&fx.acme, "r", false, ADMIN);
    struct discussion_new q = { .title = STR("one"), .description = STR("for @carol and `@bob`") };
    struct discussion d;
    struct discussion_event said;
    must_ok(watch_change(fx.h, fx.user[WRITER].id, WATCH_ACCOUNT, fx.acme.id, false, &e)); /* a member who does not want to hear */
    must_ok(watch_change(fx.h, fx.user[OUTSIDER].id, WATCH_REPO, r.id, true, &e));
    must_ok(discussion_create(fx.h, &r, &q, &fx.id[ALICE], &d, fx.a, &e));
    tell(&s);
    assert_int_equal(notes_of(CAROL, REASON_MENTION), 1);
    assert_int_equal(notes_of(READER, REASON_WATCHING), 1);
    assert_int_equal(notes_of(OUTSIDER, REASON_WATCHING), 1);
    assert_int_equal(notes_of(WRITER, REASON_WATCHING), 0);
    assert_int_equal(notes_of(BOB, REASON_WATCHING), 0);
    assert_int_equal(notes_of(ALICE, REASON_WATCHING), 0); /* who did it */
    must_ok(watch_change(fx.h, fx.user[CAROL].id, WATCH_DISCUSSION, d.id, false, &e));
    sql_run("DELETE FROM notification");
    must_ok(discussion_comment(fx.h, &r, &d, STR("@carol, @bob"), STR(""), &fx.id[READER], &said, fx.a, &e));
    tell(&s);
    assert_int_equal(notes_of(CAROL, REASON_WATCHING), 0); /* muted: not even mentions */
    assert_int_equal(notes_of(BOB, REASON_MENTION), 1);
    assert_int_equal(notes_of(ALICE, REASON_PARTICIPATING), 1);
    assert_int_equal(notes_of(ALICE, REASON_MENTION), 0);
    assert_int_equal(unread_of(BOB), 1);
    sql_run("UPDATE repo SET is_private = 1");
    assert_int_equal(notes_of(BOB, REASON_WATCHING), 0);
    assert_int_equal(unread_of(BOB), 0); /* the number beside the bell is that of the list */
    assert_int_equal(notes_of(ADMIN, REASON_WATCHING), 1);
    assert_int_equal(unread_of(ADMIN), 1);
}

/* What is kept of somebody's notifications is what there is, and his page has the same sums, whatever it asks for. */
static void assert_sums(int who, int64_t all, int64_t unread)
{
    static const struct notification_query asks[] = {
        { .repo_kind = -1 }, { .repo_kind = -1, .unread_only = true }, { .repo_kind = REPO_DATASET }, { .repo_kind = -1, .reason_min = REASON_MENTION },
        { .repo_kind = -1, .before_ms = 1 }, { .repo_kind = REPO_MODEL, .before_ms = INT64_MAX, .unread_only = true },
    };
    struct err e;
    assert_int_equal(sql_int("SELECT count(*) FROM (SELECT user_id, repo_id, count(*), sum(is_read = 0) FROM notification GROUP BY 1, 2"
                             " EXCEPT SELECT user_id, repo_id, all_count, unread_count FROM notification_total)"), 0);
    assert_int_equal(sql_int("SELECT (SELECT count(*) FROM notification_total) = (SELECT count(*) FROM (SELECT DISTINCT user_id, repo_id FROM notification))"), 1);
    struct db_conn *c = db_reader(hub_db(fx.h));
    for (size_t i = 0; i < COUNT(asks); i++) {
        struct notification_query q = asks[i];
        struct notification_page page;
        q.limit = 50;
        must_ok(notification_list(c, &fx.id[who], &q, fx.a, &page, &e));
        assert_int_equal(page.all, all);
        assert_int_equal(page.unread, unread);
        assert_int_equal(page.view, page.n);
    }
    db_give(hub_db(fx.h), c);
}

static void sums_of_notifications_follow_what_happens_to_them(void **state)
{
    (void)state;
    struct err e;
    struct webhook_sender s = { .base_url = STR("http://h"), .retry_ms = 1 };
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE), other = repo_named(&fx.user[ALICE], "other", false, ALICE);
    struct discussion d[4];
    struct discussion_event said;
    must_ok(watch_change(fx.h, fx.user[BOB].id, WATCH_ACCOUNT, fx.user[ALICE].id, true, &e));
    for (size_t i = 0; i < COUNT(d); i++) {
        struct discussion_new q = { .title = arena_fmt(fx.a, "title %zu", i), .description = i == 1 ? STR("@bob") : STR("words") };
        must_ok(discussion_create(fx.h, i == 3 ? &other : &r, &q, &fx.id[CAROL], &d[i], fx.a, &e));
    }
    tell(&s);
    assert_sums(BOB, 4, 4);
    assert_sums(ALICE, 4, 4);
    must_ok(notification_do(fx.h, &fx.id[BOB], NOTIFICATION_READ, &d[0].hex_id, 1, NULL, &e));
    must_ok(notification_do(fx.h, &fx.id[BOB], NOTIFICATION_READ, &d[0].hex_id, 1, NULL, &e)); /* it is read already */
    assert_sums(BOB, 4, 3);
    must_ok(discussion_comment(fx.h, &r, &d[0], STR("more"), STR(""), &fx.id[CAROL], &said, fx.a, &e)); /* and is news again */
    tell(&s);
    assert_sums(BOB, 4, 4);
    struct notification_query mentions = { .repo_kind = -1, .reason_min = REASON_MENTION };
    must_ok(notification_do(fx.h, &fx.id[BOB], NOTIFICATION_READ, NULL, 0, &mentions, &e));
    assert_sums(BOB, 4, 3);
    must_ok(notification_do(fx.h, &fx.id[BOB], NOTIFICATION_REMOVE, &d[1].hex_id, 1, NULL, &e));
    must_ok(notification_do(fx.h, &fx.id[BOB], NOTIFICATION_REMOVE, &d[2].hex_id, 1, NULL, &e));
    assert_sums(BOB, 2, 2);
    sql_run("UPDATE repo SET is_private = 1 WHERE name = 'other'");
    assert_sums(BOB, 1, 1); /* hidden, not gone */
    sql_run("UPDATE repo SET is_private = 0 WHERE name = 'other'");
    assert_sums(BOB, 2, 2);
    must_ok(repo_delete(fx.h, &r, &fx.id[ALICE], &e));
    assert_sums(BOB, 1, 1);
    assert_sums(ALICE, 1, 1);
    sql_run("DELETE FROM notification");
    assert_sums(BOB, 0, 0);
}

static void a_crowd_of_watchers_keeps_nobody_from_hearing_who_took_part(void **state)
{
    (void)state;
    struct err e;
    struct webhook_sender s = { .base_url = STR("http://h"), .retry_ms = 1 };
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct discussion_new q = { .title = STR("one"), .description = STR("") };
    struct discussion d;
    must_ok(discussion_create(fx.h, &r, &q, &fx.id[ALICE], &d, fx.a, &e));
    tell(&s);
    struct db_conn *tx;
    struct account watcher;
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    for (int i = 0; i < 2050; i++) {
        must_ok(account_create(tx, ACCOUNT_USER, arena_fmt(fx.a, "crowd-%d", i), true, &watcher, fx.a, &e));
        must_ok(watch_set(tx, watcher.id, WATCH_ACCOUNT, fx.user[ALICE].id, true, &e));
    }
    must_ok(watch_set(tx, watcher.id, WATCH_DISCUSSION, d.id, true, &e)); /* the last of them */
    must_ok(db_commit(hub_db(fx.h), tx, &e));
    struct discussion_event said;
    must_ok(discussion_comment(fx.h, &r, &d, STR("again"), STR(""), &fx.id[ALICE], &said, fx.a, &e));
    tell(&s);
    assert_int_equal(sql_int("SELECT max(n.user_id) = max(a.id) FROM notification n, account a"), 1);
    assert_int_equal(sql_int("SELECT count(*) FROM notification"), 2000);
}

static void reactions_are_counted_once(void **state)
{
    (void)state;
    struct err e;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct discussion_new q = { .title = STR("one"), .description = STR("") };
    struct discussion d;
    struct discussion_event *ev;
    struct reaction *list;
    size_t n;
    must_ok(discussion_create(fx.h, &r, &q, &fx.id[ALICE], &d, fx.a, &e));
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(discussion_events(c, d.id, fx.a, &ev, &n, &e));
    for (int i = 0; i < 2; i++) must_ok(reaction_set(fx.h, &r, &d, ev[0].hex_id, STR("heart"), true, &fx.id[BOB], &e));
    must_ok(reaction_set(fx.h, &r, &d, ev[0].hex_id, STR("heart"), true, &fx.id[CAROL], &e));
    must_refuse(reaction_set(fx.h, &r, &d, ev[0].hex_id, STR("wink"), true, &fx.id[BOB], &e), ERR_INVALID, "reaction");
    must_ok(discussion_lock(fx.h, &r, &d, true, &fx.id[ALICE], &e));
    d = discussion_named(&r, 1);
    must_refuse(reaction_set(fx.h, &r, &d, ev[0].hex_id, STR("fire"), true, &fx.id[BOB], &e), ERR_DENIED, "locked");
    must_ok(reaction_list(c, d.id, &fx.id[BOB], fx.a, &list, &n, &e));
    db_give(hub_db(fx.h), c);
    assert_true(n == 1 && list[0].count == 2 && list[0].is_mine && list[0].users == 2 && d.reactors_count == 2);
}

static void a_locked_discussion_takes_no_word_with_its_status(void **state)
{
    (void)state;
    struct err e;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct discussion_new q = { .title = STR("mine"), .description = STR("") };
    struct discussion_event ev;
    struct discussion d;
    must_ok(discussion_create(fx.h, &r, &q, &fx.id[BOB], &d, fx.a, &e));
    must_ok(discussion_lock(fx.h, &r, &d, true, &fx.id[ALICE], &e));
    must_refuse(discussion_set_status(fx.h, &r, &d, STR("closed"), STR("the last word"), &fx.id[BOB], &ev, fx.a, &e), ERR_DENIED, "locked");
    assert_str(discussion_named(&r, 1).status, STR("open"));
    must_ok(discussion_set_status(fx.h, &r, &d, STR("closed"), STR(" "), &fx.id[BOB], &ev, fx.a, &e)); /* his own, without a word */
    must_ok(discussion_set_status(fx.h, &r, &d, STR("open"), STR("as I said"), &fx.id[ALICE], &ev, fx.a, &e));
    assert_int_equal(discussion_named(&r, 1).comments_count, 2);
}

/* Each edit keeps the text before it, and all are read to show one. */
static void a_comment_is_not_edited_for_ever(void **state)
{
    (void)state;
    struct err e;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct discussion_new q = { .title = STR("one"), .description = STR("0") };
    struct discussion_event ev, *list;
    struct discussion d;
    size_t n;
    must_ok(discussion_create(fx.h, &r, &q, &fx.id[ALICE], &d, fx.a, &e));
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(discussion_events(c, d.id, fx.a, &list, &n, &e));
    db_give(hub_db(fx.h), c);
    for (int i = 1; i <= 100; i++) must_ok(discussion_edit(fx.h, &r, &d, list[0].hex_id, arena_fmt(fx.a, "%d", i), &fx.id[ALICE], &ev, fx.a, &e));
    must_refuse(discussion_edit(fx.h, &r, &d, list[0].hex_id, STR("101"), &fx.id[ALICE], &ev, fx.a, &e), ERR_INVALID, "100 times");
}

/* What is hidden takes no place on a page, and no page ends at it: neither its length nor its cursor tells that there is something. */
static void hidden_things_leave_no_gap_in_lists(void **state)
{
    (void)state;
    struct err e;
    struct like *like;
    struct happening *x;
    size_t n, likes = 0, acts = 0;
    str next = STR("");
    for (int i = 0; i < 8; i++) { /* every other is private */
        struct repo r = repo_named(&fx.user[ALICE], arena_fmt(fx.a, "r%d", i).p, i % 2 == 1, ALICE);
        must_ok(repo_set_like(fx.h, r.id, fx.user[ALICE].id, true, &e));
    }
    sql_run("UPDATE repo_like SET created_ms = 1000"); /* all in one millisecond */
    sql_run("UPDATE happening SET at_ms = 1000");
    struct db_conn *c = db_reader(hub_db(fx.h));
    do {
        must_ok(like_repos(c, &fx.id[BOB], fx.user[ALICE].id, next, 2, fx.a, &like, &n, &next, &e));
        assert_int_equal(n, 2);
        for (size_t i = 0; i < n; i++, likes++) assert_false(like[i].repo.is_private);
    } while (next.n);
    assert_int_equal(likes, 4);
    do { /* creations and likes */
        must_ok(happening_feed(c, &fx.id[BOB], fx.user[ALICE].id, false, next, 2, fx.a, &x, &n, &next, &e));
        assert_int_equal(n, 2);
        for (size_t i = 0; i < n; i++, acts++) assert_false(x[i].is_private);
    } while (next.n);
    assert_int_equal(acts, 8);
    must_ok(like_repos(c, &fx.id[ALICE], fx.user[ALICE].id, STR(""), 8, fx.a, &like, &n, &next, &e));
    assert_true(n == 8 && !next.n); /* his own; and a full page is no promise of another */
    must_ok(like_repos(c, NULL, fx.user[ALICE].id, STR(""), 9, fx.a, &like, &n, &next, &e));
    assert_int_equal(n, 4);
    must_refuse(like_repos(c, NULL, fx.user[ALICE].id, STR("1"), 9, fx.a, &like, &n, &next, &e), ERR_INVALID, "cursor");
    db_give(hub_db(fx.h), c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(hidden_things_leave_no_gap_in_lists, home_new, home_end),
        cmocka_unit_test(who_is_kept_out_does_not_reach_this_machine),
        cmocka_unit_test_setup_teardown(a_locked_discussion_takes_no_word_with_its_status, home_new, home_end),
        cmocka_unit_test_setup_teardown(a_comment_is_not_edited_for_ever, home_new, home_end),
        cmocka_unit_test(only_public_addresses_are_asked),
        cmocka_unit_test_setup_teardown(names_and_numbers_become_links, home_new, home_end),
        cmocka_unit_test_setup_teardown(many_marks_take_little_time, home_new, home_end),
        cmocka_unit_test_setup_teardown(a_delivery_is_tried_eight_times, home_new, home_end),
        cmocka_unit_test_setup_teardown(a_stranger_is_not_told_of_private_things, home_new, home_end),
        cmocka_unit_test_setup_teardown(a_webhook_has_its_limit_a_day, home_new, home_end),
        cmocka_unit_test_setup_teardown(people_are_told_why, home_new, home_end),
        cmocka_unit_test_setup_teardown(sums_of_notifications_follow_what_happens_to_them, home_new, home_end),
        cmocka_unit_test_setup_teardown(a_crowd_of_watchers_keeps_nobody_from_hearing_who_took_part, home_new, home_end),
        cmocka_unit_test_setup_teardown(reactions_are_counted_once, home_new, home_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
