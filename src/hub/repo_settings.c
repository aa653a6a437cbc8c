/* hub/repo_settings.c - what can be changed about a repository without touching git: visibility, gate, settings, likes. */
#include "base/clock.h"
#include "hub/community/happening.h"
#include "hub/hub_priv.h"
#include "hub/index/index.h"

/* ------------------------------------------------------------------ settings */

static str merge_settings(str old, const struct json *changes, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    struct json *stored;
    struct err ignored;
    if (!json_parse(old, a, &stored, &ignored)) stored = NULL;
    jw_object(&w);
    json_each(m, stored) {
        if (json_get(changes, m->key)) continue;
        jw_key(&w, m->key);
        jw_value(&w, m);
    }
    json_each(m, changes) {
        jw_key(&w, m->key);
        jw_value(&w, m);
    }
    jw_object_end(&w);
    str out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static bool set_row(struct db_conn *tx, const struct repo *r, const struct repo_settings *s, struct arena *a, struct err *e)
{
    static const char sql[] = "UPDATE repo SET is_private = ?, gated = ?, gates_members = ?, discussions_disabled = ?,"
                              " settings = ? WHERE id = ?";
    struct repo now; /* as it is inside the transaction: another change may have come in between */
    if (!repo_get(tx, r->id, &now, a, e)) return false;
    if (now.upstream.n && ((s->has_private && s->is_private != now.is_private) || (s->has_gated && !s->gated.n != !now.gated.n)))
        return err_set(e, ERR_DENIED, "A mirror is private, and gated, where it is so at %.*s", STR_ARG(now.upstream));
    return db_run(tx, e, sql, db_int(s->has_private ? s->is_private : now.is_private), db_text(s->has_gated ? s->gated : now.gated),
                  db_int(s->has_gates_members ? s->gates_members : now.gates_members),
                  db_int(s->has_discussions_disabled ? s->discussions_disabled : now.discussions_disabled),
                  db_text(s->settings ? merge_settings(now.settings, s->settings, a) : now.settings), db_int(r->id));
}

static bool note_config(struct db_conn *tx, const struct repo *r, const struct repo_settings *s, const struct identity *who, struct err *e)
{
    struct repo now = *r; /* told as it is from now on */
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kobject(&w, "updatedConfig");
    if (s->has_private) jw_kbool(&w, "private", s->is_private);
    if (s->has_gated && s->gated.n) jw_kstr(&w, "gated", s->gated);
    if (s->has_gated && !s->gated.n) jw_kbool(&w, "gated", false);
    if (s->has_discussions_disabled) jw_kbool(&w, "discussionsDisabled", s->discussions_disabled);
    jw_object_end(&w);
    jw_object_end(&w);
    if (s->has_private) now.is_private = s->is_private;
    bool ok = happening_add(tx, &now, HAPPENED_REPO_CONFIG, who, buf_str(&b), e);
    buf_deinit(&b);
    return ok;
}

bool repo_set(struct hub *h, const struct repo *r, const struct repo_settings *s, const struct identity *who, struct err *e)
{
    struct db_conn *tx;
    if (s->has_gated && s->gated.n && !str_eq(s->gated, STR("auto")) && !str_eq(s->gated, STR("manual")))
        return err_set(e, ERR_INVALID, "\"gated\" must be one of [false, \"auto\", \"manual\"]");
    if (s->settings && !json_is(s->settings, JSON_OBJECT)) return err_set(e, ERR_INVALID, "the settings must be a JSON object");
    if (!db_begin(h->db, &tx, e)) return false;
    struct arena *a = arena_new(0);
    str what = arena_fmt(a, "changed the settings of %.*s", STR_ARG(repo_label(r, a)));
    bool ok = set_row(tx, r, s, a, e) && index_rename(tx, r->id, e) &&
              audit_add(tx, who, "repo.update_settings", r->owner_id, what, (str){ 0 }, e) && note_config(tx, r, s, who, e);
    ok = db_finish(h->db, tx, ok, e);
    arena_free(a);
    return ok;
}

/* ------------------------------------------------------------------ likes */

bool repo_set_like(struct hub *h, int64_t repo_id, int64_t user_id, bool likes, struct err *e)
{
    static const char like[] = "INSERT INTO repo_like (repo_id, user_id, created_ms) VALUES (?, ?, ?)"
                               " ON CONFLICT (repo_id, user_id) DO NOTHING";
    static const char unlike[] = "DELETE FROM repo_like WHERE repo_id = ? AND user_id = ?";
    struct db_conn *tx;
    if (!db_begin(h->db, &tx, e)) return false;
    bool ok = likes ? db_run(tx, e, like, db_int(repo_id), db_int(user_id), db_int(clock_now_ms()))
                    : db_run(tx, e, unlike, db_int(repo_id), db_int(user_id));
    return db_finish(h->db, tx, ok && index_recount(tx, repo_id, e), e);
}
