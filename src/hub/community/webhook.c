/* hub/community/webhook.c - webhooks: what they are, making and changing them.  See webhook.h; webhook_send.c delivers. */
#include "hub/community/webhook_priv.h"

#include "base/clock.h"
#include "base/hash.h"
#include "hub/hub_priv.h"
#include "hub/sealed.h"

/* ------------------------------------------------------------------ reading */

#define WEBHOOK_COLUMNS                                                                                                              \
    "w.id, w.owner_id, w.hex_id, w.url, w.state, w.on_repo, w.on_discussion, w.sealed IS NOT NULL, w.triggered_ms, w.failing_ms,"     \
    " w.created_ms"

static void read_row(struct db_query *q, struct webhook *out, struct arena *a)
{
    *out = (struct webhook){
        .id = db_col_int(q, 0),
        .owner_id = db_col_int(q, 1),
        .hex_id = db_col_dup(q, 2, a),
        .url = db_col_dup(q, 3, a),
        .state = db_col_dup(q, 4, a),
        .on_repo = db_col_int(q, 5) != 0,
        .on_discussion = db_col_int(q, 6) != 0,
        .has_secret = db_col_int(q, 7) != 0,
        .triggered_ms = db_col_int(q, 8),
        .failing_ms = db_col_int(q, 9),
        .created_ms = db_col_int(q, 10),
    };
}

static bool read_watched(struct db_conn *c, struct webhook *w, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT kind, name FROM webhook_watch WHERE webhook_id = ? ORDER BY place";
    struct db_query q;
    w->watched = arena_alloc(a, WEBHOOK_WATCHED_MAX * sizeof *w->watched);
    if (!db_query(c, &q, e, sql, db_int(w->id))) return false;
    while (w->watched_count < WEBHOOK_WATCHED_MAX && db_next(&q, e))
        w->watched[w->watched_count++] = (struct webhook_watched){ db_col_dup(&q, 0, a), db_col_dup(&q, 1, a) };
    return db_end(&q);
}

bool webhook_list(struct db_conn *c, int64_t owner_id, struct arena *a, struct webhook **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT " WEBHOOK_COLUMNS " FROM webhook w WHERE w.owner_id = ? ORDER BY w.id LIMIT ?";
    struct db_query q;
    *out = arena_alloc(a, WEBHOOKS_PER_ACCOUNT_MAX * sizeof **out);
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(owner_id), db_int(WEBHOOKS_PER_ACCOUNT_MAX))) return false;
    while (*n < WEBHOOKS_PER_ACCOUNT_MAX && db_next(&q, e)) read_row(&q, &(*out)[(*n)++], a);
    bool ok = db_end(&q);
    for (size_t i = 0; ok && i < *n; i++) ok = read_watched(c, &(*out)[i], a, e);
    return ok;
}

bool webhook_find(struct db_conn *c, int64_t owner_id, str hex_id, struct webhook *out, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " WEBHOOK_COLUMNS " FROM webhook w WHERE w.owner_id = ? AND w.hex_id = ?";
    struct db_query q;
    if (!db_query(c, &q, e, sql, db_int(owner_id), db_text(hex_id))) return false;
    *found = db_next(&q, e);
    if (*found) read_row(&q, out, a);
    return db_end(&q) && (!*found || read_watched(c, out, a, e));
}

/* ------------------------------------------------------------------ rules */

static bool is_plain_ascii(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] > 0x7e) return false;
    return true;
}

/* Where it leads is looked at when it is sent: names may mean another address tomorrow. */
static bool url_check(str url, struct err *e)
{
    size_t scheme = str_starts(url, STR("https://")) ? 8 : str_starts(url, STR("http://")) ? 7 : 0;
    str host = str_from(url, scheme);
    size_t slash = str_chr(host, '/');
    if (slash != STR_NONE) host = str_to(host, slash);
    if (!scheme || !host.n) return err_set(e, ERR_INVALID, "The address must be one such as https://example.org/hook");
    if (url.n > WEBHOOK_URL_BYTES_MAX || !is_plain_ascii(url) || str_chr(url, ' ') != STR_NONE)
        return err_set(e, ERR_INVALID, "The address must be printable ASCII without blanks, of at most %d bytes", WEBHOOK_URL_BYTES_MAX);
    return str_chr(host, '@') == STR_NONE || err_set(e, ERR_INVALID, "The address must not carry a user name or a password");
}

static bool watched_check(const struct webhook_watched *w, struct err *e)
{
    static const char *const kinds[] = { "model", "dataset", "space", "kernel", "user", "org" };
    bool known = false, is_repo = !str_eq(w->kind, STR("user")) && !str_eq(w->kind, STR("org"));
    if (str_eq(w->kind, STR("bucket"))) return err_set(e, ERR_NOT_BUILT, "Webhooks do not watch buckets in this version of Hearth");
    for (size_t i = 0; i < COUNT(kinds); i++) known = known || str_eq(w->kind, str_c(kinds[i]));
    if (!known) return err_set(e, ERR_INVALID, "The type of what is watched must be one of [dataset, model, space, kernel, user, org]");
    if (!w->name.n || w->name.n > 200 || !is_plain_ascii(w->name) || (str_chr(w->name, '/') != STR_NONE) != is_repo)
        return err_set(e, ERR_INVALID, is_repo ? "A repository is watched as \"owner/name\"" : "A user or organisation is watched by its name");
    return true;
}

static bool change_check(const struct webhook_change *q, struct err *e)
{
    if (!url_check(q->url, e)) return false;
    if (!q->watched_count) return err_set(e, ERR_INVALID, "A webhook watches at least one repository, user or organisation");
    if (q->watched_count > WEBHOOK_WATCHED_MAX) return err_set(e, ERR_INVALID, "A webhook watches %d names at most", WEBHOOK_WATCHED_MAX);
    if (!q->on_repo && !q->on_discussion) return err_set(e, ERR_INVALID, "A webhook is told of repositories, of discussions, or of both");
    if (q->secret.n > WEBHOOK_SECRET_BYTES_MAX || !is_plain_ascii(q->secret))
        return err_set(e, ERR_INVALID, "The secret must be printable ASCII, of at most %d bytes", WEBHOOK_SECRET_BYTES_MAX);
    for (size_t i = 0; i < q->watched_count; i++)
        if (!watched_check(&q->watched[i], e)) return false;
    return true;
}

/* ------------------------------------------------------------------ changing */

static bool was_there(struct db_conn *tx, struct err *e) { return db_changes(tx) || err_set(e, ERR_NOT_FOUND, "This webhook is gone"); }

str webhook_secret_context(str hex_id, struct arena *a) { return arena_fmt(a, "webhook/%.*s", STR_ARG(hex_id)); }

static bool put_watched(struct db_conn *tx, int64_t id, const struct webhook_change *q, struct arena *a, struct err *e)
{
    static const char sql[] = "INSERT INTO webhook_watch (webhook_id, place, kind, name, name_key) VALUES (?, ?, ?, ?, ?)";
    if (!db_run(tx, e, "DELETE FROM webhook_watch WHERE webhook_id = ?", db_int(id))) return false;
    for (size_t i = 0; i < q->watched_count; i++)
        if (!db_run(tx, e, sql, db_int(id), db_int((int64_t)i), db_text(q->watched[i].kind), db_text(q->watched[i].name),
                    db_text(name_key(q->watched[i].name, a))))
            return false;
    return true;
}

static bool put_secret(struct hub *h, struct db_conn *tx, int64_t id, str hex_id, str secret, struct arena *a, struct err *e)
{
    static const char sql[] = "UPDATE webhook SET sealed = ? WHERE id = ?";
    struct buf sealed = BUF_INIT(0);
    if (!secret.p) return true;
    bool ok = !secret.n || hub_seal(h, tx, webhook_secret_context(hex_id, a), secret, &sealed, e);
    ok = ok && db_run(tx, e, sql, secret.n ? db_blob(bytes_of(buf_str(&sealed))) : db_null(), db_int(id));
    buf_deinit(&sealed);
    return ok;
}

static bool insert(struct hub *h, struct db_conn *tx, int64_t owner_id, const struct webhook_change *q, str hex_id, struct arena *a,
                   struct err *e)
{
    static const char sql[] = "INSERT INTO webhook (hex_id, owner_id, url, on_repo, on_discussion, state, created_ms)"
                              " VALUES (?, ?, ?, ?, ?, 'enabled', ?)";
    if (!quota_allow(h, tx, QUOTA_WEBHOOKS, owner_id, e)) return false;
    if (!db_run(tx, e, sql, db_text(hex_id), db_int(owner_id), db_text(q->url), db_int(q->on_repo), db_int(q->on_discussion),
                db_int(clock_now_ms())))
        return false;
    int64_t id = db_last_id(tx);
    return put_watched(tx, id, q, a, e) && put_secret(h, tx, id, hex_id, q->secret, a, e);
}

static bool is_as_sent(const struct webhook *w, const struct webhook_change *q)
{
    bool same = w->created_ms >= q->sent_since_ms && str_eq(w->url, q->url) && w->on_repo == q->on_repo && w->on_discussion == q->on_discussion &&
                w->has_secret == (q->secret.n > 0) && w->watched_count == q->watched_count;
    for (size_t i = 0; same && i < q->watched_count; i++)
        same = str_eq(w->watched[i].kind, q->watched[i].kind) && str_eq(w->watched[i].name, q->watched[i].name);
    return same;
}

static bool find_sent(struct db_conn *tx, int64_t owner_id, const struct webhook_change *q, struct webhook *out, bool *sent, struct arena *a, struct err *e)
{
    struct webhook *hook;
    size_t n;
    if (!q->sent_since_ms) return true;
    if (!webhook_list(tx, owner_id, a, &hook, &n, e)) return false;
    for (size_t i = 0; i < n && !*sent; i++) {
        *sent = is_as_sent(&hook[i], q);
        *out = hook[i];
    }
    return true;
}

bool webhook_create(struct hub *h, int64_t owner_id, const struct webhook_change *q, struct webhook *out, struct arena *a, struct err *e)
{
    char hex_id[25];
    struct db_conn *tx;
    bool found = false;
    random_hex(hex_id, 24);
    if (!change_check(q, e) || !db_begin(h->db, &tx, e)) return false;
    bool ok = find_sent(tx, owner_id, q, out, &found, a, e) &&
              (found || (insert(h, tx, owner_id, q, str_c(hex_id), a, e) && webhook_find(tx, owner_id, str_c(hex_id), out, &found, a, e)));
    return db_finish(h->db, tx, ok, e);
}

bool webhook_update(struct hub *h, const struct webhook *w, const struct webhook_change *q, struct err *e)
{
    static const char sql[] = "UPDATE webhook SET url = ?, on_repo = ?, on_discussion = ? WHERE id = ?";
    struct db_conn *tx;
    if (!change_check(q, e) || !db_begin(h->db, &tx, e)) return false;
    struct arena *a = arena_new(0);
    bool ok = db_run(tx, e, sql, db_text(q->url), db_int(q->on_repo), db_int(q->on_discussion), db_int(w->id)) &&
              was_there(tx, e) && put_watched(tx, w->id, q, a, e) &&
              put_secret(h, tx, w->id, w->hex_id, q->secret, a, e);
    arena_free(a);
    return db_finish(h->db, tx, ok, e);
}

bool webhook_enable(struct hub *h, const struct webhook *w, bool enabled, struct err *e)
{
    static const char sql[] = "UPDATE webhook SET state = ?, failing_ms = 0 WHERE id = ?";
    struct db_conn *tx;
    if (!db_begin(h->db, &tx, e)) return false;
    bool ok = db_run(tx, e, sql, db_text(enabled ? STR("enabled") : STR("disabled")), db_int(w->id)) && was_there(tx, e);
    return db_finish(h->db, tx, ok, e);
}

bool webhook_delete(struct hub *h, const struct webhook *w, struct err *e)
{
    struct db_conn *tx; /* its log goes with it */
    return db_begin(h->db, &tx, e) && db_finish(h->db, tx, db_run(tx, e, "DELETE FROM webhook WHERE id = ?", db_int(w->id)) && was_there(tx, e), e);
}

/* ------------------------------------------------------------------ the log */

bool webhook_deliveries(struct db_conn *c, int64_t webhook_id, size_t limit, struct arena *a, struct webhook_delivery **out, size_t *n,
                        struct err *e)
{
    static const char sql[] = "SELECT id, created_ms, tried_ms, took_ms, attempts, status, hex_id, what, about, state, payload, answer"
                              " FROM webhook_delivery WHERE webhook_id = ? ORDER BY id DESC LIMIT ?";
    struct db_query q;
    *out = arena_alloc(a, (limit + 1) * sizeof **out);
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(webhook_id), db_int((int64_t)limit))) return false;
    while (*n < limit && db_next(&q, e))
        (*out)[(*n)++] = (struct webhook_delivery){
            .id = db_col_int(&q, 0),
            .created_ms = db_col_int(&q, 1),
            .tried_ms = db_col_int(&q, 2),
            .took_ms = db_col_int(&q, 3),
            .attempts = db_col_int(&q, 4),
            .status = db_col_int(&q, 5),
            .hex_id = db_col_dup(&q, 6, a),
            .what = db_col_dup(&q, 7, a),
            .about = db_col_dup(&q, 8, a),
            .state = db_col_dup(&q, 9, a),
            .payload = db_col_dup(&q, 10, a),
            .answer = db_col_dup(&q, 11, a),
        };
    return db_end(&q);
}
