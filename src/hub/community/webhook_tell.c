/* hub/community/webhook_tell.c - who is told of what happened, and in which words. */
#include "account/resource_group.h"
#include "base/clock.h"
#include "base/hash.h"
#include "hub/community/discussion_priv.h"
#include "hub/community/webhook_priv.h"

enum { TOLD_MAX = 1000 }; /* webhooks per happening */

/* ------------------------------------------------------------------ the payload */

struct telling {
    struct db_conn *tx;
    const struct happening *x;
    str base;
    struct arena *a;
};

static str web_url(const struct telling *t)
{
    return arena_fmt(t->a, "%.*s/%.*s%.*s", STR_ARG(t->base), STR_ARG(repo_web_prefix(t->x->repo_kind)), STR_ARG(t->x->repo_name));
}

static str api_url(const struct telling *t)
{
    return arena_fmt(t->a, "%.*s/api/%.*s/%.*s", STR_ARG(t->base), STR_ARG(repo_kind_plural(t->x->repo_kind)), STR_ARG(t->x->repo_name));
}

static bool account_hex(const struct telling *t, int64_t id, str *out, struct err *e)
{
    struct db_query q;
    *out = STR("");
    if (!db_query(t->tx, &q, e, "SELECT hex_id FROM account WHERE id = ?", db_int(id))) return false;
    if (db_next(&q, e)) *out = db_col_dup(&q, 0, t->a);
    return db_end(&q);
}

static void write_id(struct json_writer *w, const char *key, str id)
{
    jw_kobject(w, key);
    jw_kstr(w, "id", id);
    jw_object_end(w);
}

static bool write_index(const struct telling *t, struct json_writer *w, struct err *e)
{
    struct db_query q;
    if (!db_query(t->tx, &q, e, "SELECT head_sha, tags FROM repo_index WHERE repo_id = ?", db_int(t->x->repo_id))) return false;
    if (db_next(&q, e)) {
        if (!happening_is_about_discussion(t->x->kind) && db_col_text(&q, 0).n) jw_kstr(w, "headSha", db_col_text(&q, 0));
        jw_kraw(w, "tags", db_col_text(&q, 1));
    }
    return db_end(&q);
}

static bool write_repo(const struct telling *t, struct json_writer *w, struct err *e)
{
    str owner;
    if (!account_hex(t, t->x->owner_id, &owner, e)) return false;
    jw_kobject(w, "repo");
    jw_kstr(w, "type", repo_kind_name(t->x->repo_kind));
    jw_kstr(w, "name", t->x->repo_name);
    jw_kstr(w, "id", t->x->repo_hex);
    jw_kbool(w, "private", t->x->is_private);
    jw_kobject(w, "url");
    jw_kstr(w, "web", web_url(t));
    jw_kstr(w, "api", api_url(t));
    jw_object_end(w);
    write_id(w, "owner", owner);
    bool ok = write_index(t, w, e);
    jw_object_end(w);
    return ok;
}

static void write_discussion(const struct telling *t, struct json_writer *w, const struct json *d)
{
    long long num = (long long)json_int_or(d, STR("num"), 0);
    jw_kobject(w, "discussion");
    json_each (m, d) jw_kvalue(w, arena_cstr(t->a, m->key), m);
    jw_kobject(w, "url");
    jw_kstr(w, "web", arena_fmt(t->a, "%.*s/discussions/%lld", STR_ARG(web_url(t)), num));
    jw_kstr(w, "api", arena_fmt(t->a, "%.*s/discussions/%lld", STR_ARG(api_url(t)), num));
    jw_object_end(w);
    jw_object_end(w);
}

static bool comment_author(const struct telling *t, str *out, struct err *e)
{
    struct db_query q;
    *out = STR("");
    if (!db_query(t->tx, &q, e, "SELECT u.hex_id FROM discussion_event v JOIN account u ON u.id = v.author_id WHERE v.hex_id = ?",
                  db_text(t->x->event_hex)))
        return false;
    if (db_next(&q, e)) *out = db_col_dup(&q, 0, t->a);
    return db_end(&q);
}

/* As it reads now; a comment that is gone is left out. */
static bool write_comment(const struct telling *t, struct json_writer *w, int64_t num, struct err *e)
{
    struct discussion_event ev;
    struct json *data;
    bool found = false;
    str author;
    if (!t->x->event_hex.n || !t->x->discussion_id) return true;
    if (!discussion_event_find(t->tx, t->x->discussion_id, t->x->event_hex, &ev, &found, t->a, e)) return false;
    if (!found) return true;
    if (!json_parse(ev.data, t->a, &data, e) || !comment_author(t, &author, e)) return false;
    bool hidden = json_bool_or(data, STR("hidden"), false);
    jw_kobject(w, "comment");
    jw_kstr(w, "id", ev.hex_id);
    write_id(w, "author", author);
    jw_kbool(w, "hidden", hidden);
    if (!hidden) jw_kstr(w, "content", json_str_or(json_get(data, STR("latest")), STR("raw"), STR("")));
    jw_kobject(w, "url");
    jw_kstr(w, "web", arena_fmt(t->a, "%.*s/discussions/%lld#%.*s", STR_ARG(web_url(t)), (long long)num, STR_ARG(ev.hex_id)));
    jw_object_end(w);
    jw_object_end(w);
    return true;
}

/* Everything but the member "webhook"; the object stays open. */
static bool write_payload(const struct telling *t, struct json_writer *w, struct err *e)
{
    struct json *data;
    if (!json_parse(t->x->data, t->a, &data, e)) return false;
    const struct json *d = json_get(data, STR("discussion"));
    jw_object(w);
    jw_kobject(w, "event");
    jw_kstr(w, "action", happening_action(t->x->kind));
    jw_kstr(w, "scope", happening_scope(t->x->kind));
    jw_object_end(w);
    if (!write_repo(t, w, e)) return false;
    if (d) write_discussion(t, w, d);
    if (d && !write_comment(t, w, json_int_or(d, STR("num"), 0), e)) return false;
    json_each (m, data)
        if (m != d) jw_kvalue(w, arena_cstr(t->a, m->key), m);
    return true;
}

/* ------------------------------------------------------------------ who is told */

struct target {
    int64_t id, owner_id;
    str hex_id;
};

/* The repository's own people first: strangers who watch it, however many, do not keep them from being told. */
static bool find_targets(const struct telling *t, struct target *out, size_t *n, struct err *e)
{
    static const char sql[] =
        "SELECT DISTINCT w.id, w.owner_id, w.hex_id FROM webhook_watch x JOIN webhook w ON w.id = x.webhook_id"
        " WHERE w.state = 'enabled' AND CASE WHEN ?1 THEN w.on_discussion ELSE w.on_repo END = 1"
        " AND ((x.name_key = ?2 AND x.kind = ?3) OR (x.name_key = ?4 AND x.kind IN ('user', 'org')))"
        " ORDER BY w.owner_id <> ?6 AND NOT EXISTS (SELECT 1 FROM account_member m WHERE m.org_id = ?6 AND m.user_id = w.owner_id), w.id LIMIT ?5";
    str name = name_key(t->x->repo_name, t->a);
    size_t slash = str_chr(name, '/');
    struct db_query q;
    *n = 0;
    if (!db_query(t->tx, &q, e, sql, db_int(happening_is_about_discussion(t->x->kind)), db_text(name), db_text(repo_kind_name(t->x->repo_kind)),
                  db_text(str_to(name, slash == STR_NONE ? name.n : slash)), db_int(TOLD_MAX), db_int(t->x->owner_id)))
        return false;
    while (*n < TOLD_MAX && db_next(&q, e)) out[(*n)++] = (struct target){ db_col_int(&q, 0), db_col_int(&q, 1), db_col_dup(&q, 2, t->a) };
    return db_end(&q);
}

/* May the webhook's owner see it?  Of what is deleted: was he one of its people, or was it public? */
static bool may_see(const struct telling *t, const struct target *w)
{
    struct identity who;
    struct repo r;
    struct err ignored;
    enum account_role role;
    if (!identity_again(t->tx, w->owner_id, 0, &who, t->a, &ignored)) return false;
    if (repo_get(t->tx, t->x->repo_id, &r, t->a, &ignored)) {
        r.is_private = r.is_private || t->x->is_private; /* what happened in private is not told because it is public now */
        if (t->x->group_id) r.group_id = t->x->group_id; /* nor what happened in a group because it is out of it */
        return repo_allow(t->tx, &who, &r, REPO_SEE, &ignored);
    }
    if (!t->x->is_private) return true;
    return resource_role_in(t->tx, &who, t->x->owner_id, t->x->group_id, &role, &ignored) && role >= ROLE_READ;
}

static bool is_over_limit(const struct telling *t, const struct target *w, bool *yes, struct err *e)
{
    static const char sql[] = "SELECT count(*) FROM webhook_delivery WHERE webhook_id = ? AND created_ms > ?";
    int64_t n;
    if (!db_get_int(t->tx, &n, 0, e, sql, db_int(w->id), db_int(clock_now_ms() - 86400000))) return false;
    *yes = n >= WEBHOOK_TRIGGERS_PER_DAY;
    return true;
}

static bool add_delivery(const struct telling *t, const struct target *w, str payload, struct err *e)
{
    static const char sql[] = "INSERT INTO webhook_delivery (hex_id, webhook_id, what, about, payload, state, created_ms)"
                              " VALUES (?, ?, ?, ?, ?, 'waiting', ?)";
    static const char touch[] = "UPDATE webhook SET triggered_ms = ? WHERE id = ?";
    char hex_id[25];
    str scope = happening_scope(t->x->kind), action = happening_action(t->x->kind);
    random_hex(hex_id, 24);
    if (!db_run(t->tx, e, sql, db_text(str_c(hex_id)), db_int(w->id), db_text(arena_fmt(t->a, "%.*s %.*s", STR_ARG(action), STR_ARG(scope))),
                db_text(t->x->repo_name), db_text(payload), db_int(clock_now_ms())))
        return false;
    str job = arena_fmt(t->a, "{\"delivery\":%lld}", (long long)db_last_id(t->tx));
    return job_add(t->tx, WEBHOOK_JOB, job, (str){ 0 }, 0, e) && db_run(t->tx, e, touch, db_int(clock_now_ms()), db_int(w->id));
}

static bool tell_one(const struct telling *t, const struct target *w, str payload, struct err *e)
{
    struct buf b = BUF_INIT(0);
    bool over = false, ok = is_over_limit(t, w, &over, e);
    if (ok && !over) {
        buf_add(&b, payload);
        buf_addf(&b, ",\"webhook\":{\"id\":\"%.*s\",\"version\":3}}", STR_ARG(w->hex_id));
        ok = add_delivery(t, w, buf_str(&b), e);
    }
    buf_deinit(&b);
    return ok;
}

/* Names that are watched follow a repository that moves, for those who may see it: to others the new name is none of theirs. */
static bool follow_move(const struct telling *t, struct target *w, struct err *e)
{
    static const char find[] = "SELECT DISTINCT w.id, w.owner_id FROM webhook_watch x JOIN webhook w ON w.id = x.webhook_id"
                               " WHERE x.name_key = ? AND x.kind = ? ORDER BY w.id LIMIT ?";
    static const char rename[] = "UPDATE webhook_watch SET name = ?, name_key = ? WHERE name_key = ? AND kind = ? AND webhook_id = ?";
    struct db_value from = db_text(name_key(t->x->repo_name, t->a)), kind = db_text(repo_kind_name(t->x->repo_kind));
    struct json *data;
    struct db_query q;
    size_t n = 0;
    if (!json_parse(t->x->data, t->a, &data, e)) return false;
    str to = json_str_or(json_get(data, STR("movedTo")), STR("name"), STR(""));
    if (!to.n) return true;
    if (!db_query(t->tx, &q, e, find, from, kind, db_int(TOLD_MAX))) return false;
    while (n < TOLD_MAX && db_next(&q, e)) w[n++] = (struct target){ .id = db_col_int(&q, 0), .owner_id = db_col_int(&q, 1) };
    bool ok = db_end(&q);
    for (size_t i = 0; ok && i < n; i++)
        ok = !may_see(t, &w[i]) || db_run(t->tx, e, rename, db_text(to), db_text(name_key(to, t->a)), from, kind, db_int(w[i].id));
    return ok;
}

bool webhook_tell(struct db_conn *tx, const struct webhook_sender *s, const struct happening *x, struct arena *a, struct err *e)
{
    struct telling t = { tx, x, s->base_url, a };
    struct target *target = arena_alloc(a, TOLD_MAX * sizeof *target);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    size_t n;
    bool is_written = false, ok = find_targets(&t, target, &n, e);
    for (size_t i = 0; ok && i < n; i++) {
        if (!may_see(&t, &target[i])) continue;
        if (!is_written) ok = write_payload(&t, &w, e);
        is_written = true;
        ok = ok && tell_one(&t, &target[i], buf_str(&b), e);
    }
    buf_deinit(&b);
    return ok && (x->kind != HAPPENED_REPO_MOVE || follow_move(&t, target, e));
}
