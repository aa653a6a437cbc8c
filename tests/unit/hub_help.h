/* hub_help.h - what the tests of src/hub share: a home with a few people, and short words for long calls. */
#ifndef HUB_HELP_H
#define HUB_HELP_H

#include "unit.h"

#include "base/clock.h"
#include "hub/care/care.h"
#include "hub/commit/commit.h"
#include "hub/community/discussion.h"
#include "hub/gate.h"
#include "hub/hub.h"
#include "hub/index/index.h"
#include "hub/large_file.h"
#include "hub/commit/push.h"
#include "hub/repo.h"

enum { ROOT, ALICE, BOB, CAROL, READER, CONTRIBUTOR, WRITER, ADMIN, OUTSIDER, PEOPLE };
static const char *const people[PEOPLE] = { "root-user", "alice", "bob", "carol", "reader", "contributor", "writer", "admin", "outsider" };

static struct {
    char dir[64];
    struct hub *h;
    struct arena *a;
    struct account user[PEOPLE], acme;
    struct identity id[PEOPLE], nobody;
} fx;

#define must_refuse(call, want_code, part)                                                                             \
    do {                                                                                                               \
        e.kind = NULL;                                                                                                 \
        if (call) fail_msg("%s: was allowed", #call);                                                                  \
        if (e.code != (want_code)) fail_msg("%s: code %d: %s", #call, (int)e.code, e.msg);                             \
        if (!strstr(e.msg, part)) fail_msg("%s: \"%s\" lacks \"%s\"", #call, e.msg, part);                             \
    } while (0)
#define assert_kind(want) assert_string_equal(e.kind ? e.kind : "", want)

static void make_people(void)
{
    static const struct {
        int who;
        enum account_role role;
    } members[] = { { READER, ROLE_READ }, { CONTRIBUTOR, ROLE_CONTRIBUTOR }, { WRITER, ROLE_WRITE }, { ADMIN, ROLE_ADMIN } };
    struct err e;
    struct db_conn *tx;
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    for (int i = 0; i < PEOPLE; i++) {
        must_ok(account_create(tx, ACCOUNT_USER, str_c(people[i]), true, &fx.user[i], fx.a, &e));
        fx.user[i].is_admin = i == ROOT;
        must_ok(account_set_admin(tx, fx.user[i].id, fx.user[i].is_admin, &e));
        fx.id[i] = (struct identity){ .user_id = fx.user[i].id, .name = fx.user[i].name, .is_admin = fx.user[i].is_admin };
    }
    must_ok(account_create(tx, ACCOUNT_ORG, STR("acme"), true, &fx.acme, fx.a, &e));
    for (size_t i = 0; i < COUNT(members); i++)
        must_ok(account_set_member(tx, fx.acme.id, fx.user[members[i].who].id, members[i].role, &e));
    must_ok(db_commit(hub_db(fx.h), tx, &e));
}

static int __attribute__((unused)) home_new(void **state)
{
    (void)state;
    struct err e;
    unit_dir(fx.dir);
    fx.a = arena_new(0);
    must_ok(hub_open(fx.dir, &fx.h, &e));
    make_people();
    return 0;
}

static int __attribute__((unused)) home_end(void **state)
{
    (void)state;
    hub_close(fx.h);
    arena_free(fx.a);
    unit_dir_end(fx.dir);
    return 0;
}

/* ------------------------------------------------------------------ short words */

static struct repo __attribute__((unused)) repo_named(const struct account *owner, const char *name, bool is_private, int creator)
{
    struct err e;
    struct repo r;
    struct repo_create q = { .kind = REPO_MODEL, .owner = owner, .name = str_c(name), .creator_id = fx.user[creator].id,
                             .has_private = true, .is_private = is_private };
    must_ok(repo_create(fx.h, &q, &r, fx.a, &e));
    return r;
}

static struct repo __attribute__((unused)) repo_again(const struct repo *r) /* as it is now */
{
    struct err e;
    struct repo out;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(repo_get(c, r->id, &out, fx.a, &e));
    db_give(hub_db(fx.h), c);
    return out;
}

static struct sha256 __attribute__((unused)) upload(const struct repo *r, const char *content)
{
    struct err e;
    struct cas_put *p;
    struct cas_object o;
    must_ok(cas_put_begin(hub_cas(fx.h), &p, &e));
    must_ok(cas_put_write(p, bytes_of(str_c(content)), &e));
    must_ok(cas_put_commit(p, NULL, NULL, &o, &e));
    if (r) must_ok(large_file_register(fx.h, r->id, fx.user[ALICE].id, &o, &e));
    return o.sha256;
}

/* The file's content at a revision; .p NULL if there is none. */
static str __attribute__((unused)) file_at(const struct repo *r, const char *rev, const char *path)
{
    struct err e;
    struct vcs_repo *v;
    struct vcs_revision at;
    struct vcs_entry entry;
    bytes content;
    bool found;
    must_ok(hub_repo_open(fx.h, r->id, &v, &e));
    must_ok(vcs_resolve(v, str_c(rev), &at, &found, fx.a, &e));
    if (!found) fail_msg("no revision %s", rev);
    must_ok(vcs_entry_find(v, &at.commit, str_c(path), &entry, &found, fx.a, &e));
    if (found) must_ok(vcs_blob_read(v, &entry.oid, 16 << 20, fx.a, &content, &e));
    vcs_close(v);
    return found ? str_of(content) : (str){ 0 };
}

static struct vcs_oid __attribute__((unused)) head_of(const struct repo *r, const char *rev)
{
    struct err e;
    struct vcs_repo *v;
    struct vcs_revision at;
    bool found;
    must_ok(hub_repo_open(fx.h, r->id, &v, &e));
    must_ok(vcs_resolve(v, str_c(rev), &at, &found, fx.a, &e));
    vcs_close(v);
    return found ? at.commit : (struct vcs_oid){ { 0 } };
}

/* A commit of one file, by a person. */
static bool __attribute__((unused)) commit_one(const struct repo *r, int who, const char *rev, const char *path, const char *content, const char *parent,
                       bool creates_pr, struct commit_result *out, struct err *e)
{
    struct commit *c;
    if (!commit_begin(fx.h, r, &fx.id[who], str_c(rev), creates_pr, &c, e)) return false;
    if (!commit_header(c, STR("change a file"), STR("for a test"), str_c(parent ? parent : ""), e) ||
        !commit_put_file(c, str_c(path), bytes_of(str_c(content)), e)) {
        commit_abort(c);
        return false;
    }
    return commit_finish(c, out, fx.a, e);
}

static struct discussion __attribute__((unused)) discussion_named(const struct repo *r, int64_t num)
{
    struct err e;
    struct discussion d;
    bool found;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(discussion_find(c, r->id, num, &d, &found, fx.a, &e));
    db_give(hub_db(fx.h), c);
    if (!found) fail_msg("no discussion %lld", (long long)num);
    return d;
}

/* The types of a discussion's events, joined by blanks. */
static str __attribute__((unused)) events_of(const struct discussion *d)
{
    struct err e;
    struct discussion_event *v;
    size_t n;
    struct buf b = BUF_INIT(0);
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(discussion_events(c, d->id, fx.a, &v, &n, &e));
    db_give(hub_db(fx.h), c);
    for (size_t i = 0; i < n; i++) buf_addf(&b, "%s%.*s", i ? " " : "", STR_ARG(v[i].type));
    str out = arena_dup(fx.a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static int64_t __attribute__((unused)) sql_int(const char *sql)
{
    struct err e;
    struct db_query q;
    int64_t out = -1;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(db_query_once(c, &q, str_c(sql), NULL, 0, &e));
    if (db_next(&q, &e)) out = db_col_int(&q, 0);
    must_ok(db_end(&q));
    db_give(hub_db(fx.h), c);
    return out;
}

static void __attribute__((unused)) sql_run(const char *sql)
{
    struct err e;
    struct db_conn *tx;
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    struct db_query q;
    must_ok(db_query_once(tx, &q, str_c(sql), NULL, 0, &e));
    (void)db_next(&q, &e);
    must_ok(db_end(&q));
    must_ok(db_commit(hub_db(fx.h), tx, &e));
}

#endif
