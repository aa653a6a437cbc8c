/* hub/space_setting.c - variables and secrets of Spaces. */
#include "hub/space_setting.h"

#include "account/secret_box.h"
#include "base/clock.h"
#include "hub/hub_priv.h"
#include "hub/sealed.h"

/* ------------------------------------------------------------------ rules */

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static bool name_check(str name, struct err *e)
{
    /* What the runtime sets, and what would change how programs are found and loaded. */
    static const char *const prefix[] = { "SPACE_", "OAUTH_", "LD_" };
    static const char *const whole[] = { "HOME", "PATH", "PYTHONPATH", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY" };
    bool fine = name.n && is_letter(name.p[0]), is_reserved = false;
    for (size_t i = 1; i < name.n && fine; i++)
        fine = is_letter(name.p[i]) || (name.p[i] >= '0' && name.p[i] <= '9') || name.p[i] == '_';
    if (!fine) return err_set(e, ERR_INVALID, "\"key\" must be a letter, and then letters, digits and \"_\"");
    if (name.n > SPACE_NAME_MAX) return err_set(e, ERR_INVALID, "\"key\" has more than %d characters", SPACE_NAME_MAX);
    for (size_t i = 0; i < COUNT(prefix); i++) is_reserved = is_reserved || str_starts_nocase(name, str_c(prefix[i]));
    for (size_t i = 0; i < COUNT(whole); i++) is_reserved = is_reserved || str_eq_nocase(name, str_c(whole[i]));
    return !is_reserved || err_set(e, ERR_INVALID, "%.*s is a name that the runtime sets itself; choose another", STR_ARG(name));
}

bool space_setting_check(const struct space_setting *s, struct err *e)
{
    if (!name_check(s->name, e)) return false;
    if (s->value.n > SPACE_VALUE_MAX) return err_set(e, ERR_TOO_LARGE, "\"value\" has more than %d bytes", SPACE_VALUE_MAX);
    if (str_chr(s->value, 0) != STR_NONE) return err_set(e, ERR_INVALID, "\"value\" has a NUL in it, which no environment can hold");
    if (s->description.n > SPACE_DESCRIPTION_MAX)
        return err_set(e, ERR_INVALID, "\"description\" has more than %d bytes", SPACE_DESCRIPTION_MAX);
    return true;
}

/* ------------------------------------------------------------------ sealing */

str space_secret_context(const struct repo *r, str name, struct arena *a)
{
    return arena_fmt(a, "space secret/%.*s/%.*s", STR_ARG(r->hex_id), STR_ARG(name));
}

static bool seal(struct hub *h, struct db_conn *tx, const struct repo *r, str name, str value, struct buf *out, struct err *e)
{
    struct arena *a = arena_new(0);
    bool ok = hub_seal(h, tx, space_secret_context(r, name, a), value, out, e);
    arena_free(a);
    return ok;
}

/* ------------------------------------------------------------------ reading */

bool space_setting_list(struct db_conn *c, int64_t repo_id, bool secrets, struct arena *a, struct space_setting **out, size_t *n,
                    struct err *e)
{
    static const char sql[] = "SELECT name, value, description, updated_ms FROM space_setting"
                              " WHERE repo_id = ? AND is_secret = ? ORDER BY name";
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(repo_id), db_int(secrets))) return false;
    while (db_next(&q, e)) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        (*out)[(*n)++] = (struct space_setting){
            .is_secret = secrets,
            .name = db_col_dup(&q, 0, a),
            .value = db_col_dup(&q, 1, a),
            .description = db_col_dup(&q, 2, a),
            .updated_ms = db_col_int(&q, 3),
        };
    }
    return db_end(&q);
}

bool space_setting_open(struct hub *h, struct db_conn *c, const struct repo *r, struct arena *a, struct space_setting **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT name, value, sealed, is_secret FROM space_setting WHERE repo_id = ? ORDER BY name";
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(r->id))) return false;
    bool ok = true;
    while (ok && db_next(&q, e)) {
        struct space_setting x = { .is_secret = db_col_int(&q, 3) != 0, .name = db_col_dup(&q, 0, a), .value = db_col_dup(&q, 1, a) };
        if (x.is_secret) ok = hub_unseal(h, space_secret_context(r, x.name, a), db_col_blob(&q, 2), &x.value, a, e);
        *out = arena_grow(a, *out, *n, sizeof **out);
        (*out)[(*n)++] = x;
    }
    return db_end(&q) && ok;
}

/* ------------------------------------------------------------------ changing */

static bool is_of_other_sort(struct db_conn *tx, const struct repo *r, const struct space_setting *s, bool *exists, struct err *e)
{
    int64_t was;
    if (!db_get_int(tx, &was, -1, e, "SELECT is_secret FROM space_setting WHERE repo_id = ? AND name = ?", db_int(r->id), db_text(s->name)))
        return false;
    *exists = was >= 0;
    if (was < 0 || was == (int64_t)s->is_secret) return true;
    return err_set(e, ERR_CONFLICT, "There is a %s with the key %.*s already; delete that first", was ? "secret" : "variable",
                   STR_ARG(s->name));
}

static bool store(struct db_conn *tx, const struct repo *r, const struct space_setting *s, bool exists, const struct buf *sealed,
                  struct err *e)
{
    static const char put[] =
        "INSERT INTO space_setting (repo_id, name, is_secret, value, sealed, description, updated_ms) VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (repo_id, name) DO UPDATE SET value = excluded.value, sealed = excluded.sealed,"
        " description = excluded.description, updated_ms = excluded.updated_ms";
    static const char describe[] = "UPDATE space_setting SET description = ?, updated_ms = ? WHERE repo_id = ? AND name = ?";
    int64_t n, now = clock_now_ms();
    if (!s->value.p) {
        if (!exists) return err_set(e, ERR_INVALID, "\"value\" is required and must be a string");
        return db_run(tx, e, describe, db_text(s->description), db_int(now), db_int(r->id), db_text(s->name));
    }
    if (!db_get_int(tx, &n, 0, e, "SELECT count(*) FROM space_setting WHERE repo_id = ?", db_int(r->id))) return false;
    if (!exists && n >= SPACE_SETTINGS_MAX)
        return err_set(e, ERR_UNPROCESSABLE, "A Space has at most %d variables and secrets", SPACE_SETTINGS_MAX);
    return db_run(tx, e, put, db_int(r->id), db_text(s->name), db_int(s->is_secret), s->is_secret ? db_null() : db_text(s->value),
                  s->is_secret ? db_blob(bytes_of(buf_str(sealed))) : db_null(), db_text(s->description), db_int(now));
}

/* The audit log names the key, never the value. */
static bool note(struct db_conn *tx, const struct identity *who, const struct repo *r, const char *did, bool is_secret, str name,
                 struct err *e)
{
    struct arena *a = arena_new(0);
    str label = repo_label(r, a);
    str what = arena_fmt(a, "%s the %s %.*s of %.*s", did, is_secret ? "secret" : "variable", STR_ARG(name), STR_ARG(label));
    bool ok = audit_add(tx, who, is_secret ? "space.secret" : "space.variable", r->owner_id, what, (str){ 0 }, e);
    arena_free(a);
    return ok;
}

bool space_setting_put(struct hub *h, const struct repo *r, const struct space_setting *s, const struct identity *who,
                       struct err *e)
{
    struct db_conn *tx;
    struct buf sealed = BUF_INIT(SPACE_VALUE_MAX + SECRET_OVERHEAD);
    bool exists = false;
    if (!space_setting_check(s, e) || !db_begin(h->db, &tx, e)) return false;
    bool ok = is_of_other_sort(tx, r, s, &exists, e) &&
              (!s->is_secret || !s->value.p || seal(h, tx, r, s->name, s->value, &sealed, e)) &&
              store(tx, r, s, exists, &sealed, e) && note(tx, who, r, "set", s->is_secret, s->name, e);
    buf_deinit(&sealed);
    return db_finish(h->db, tx, ok, e);
}

bool space_setting_delete(struct hub *h, const struct repo *r, bool is_secret, str name, const struct identity *who,
                          struct err *e)
{
    static const char sql[] = "DELETE FROM space_setting WHERE repo_id = ? AND name = ? AND is_secret = ?";
    struct db_conn *tx;
    if (!db_begin(h->db, &tx, e)) return false;
    bool ok = db_run(tx, e, sql, db_int(r->id), db_text(name), db_int(is_secret));
    if (ok && db_changes(tx)) ok = note(tx, who, r, "deleted", is_secret, name, e);
    return db_finish(h->db, tx, ok, e);
}

bool space_variables_copy(struct hub *h, int64_t from_repo_id, int64_t to_repo_id, struct err *e)
{
    static const char sql[] = "INSERT INTO space_setting (repo_id, name, is_secret, value, description, updated_ms)"
                              " SELECT ?, name, 0, value, description, ? FROM space_setting WHERE repo_id = ? AND is_secret = 0"
                              " ON CONFLICT (repo_id, name) DO NOTHING";
    struct db_conn *tx;
    if (!db_begin(h->db, &tx, e)) return false;
    return db_finish(h->db, tx, db_run(tx, e, sql, db_int(to_repo_id), db_int(clock_now_ms()), db_int(from_repo_id)), e);
}
