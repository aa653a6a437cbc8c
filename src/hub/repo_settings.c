/* hub/repo_settings.c - what can be changed about a repository without touching git: visibility, gate,
 * settings, likes, and the counters that listings sort by.
 *
 * Downloads are counted in memory and written every few seconds: a crash may lose some counts, never
 * anything else.  What the counts mean for listings stands in index_counts.c. */
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

/* ------------------------------------------------------------------ counters */

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

/* A hash table of what was counted since the last flush: open addressing, id 0 is an empty slot. */
struct downloads {
    pthread_mutex_t lock;
    struct download {
        int64_t repo_id, count;
    } *slot;
    size_t n, cap;
};

struct downloads *downloads_new(void)
{
    struct downloads *d = mem_one(struct downloads);
    must(pthread_mutex_init(&d->lock, NULL) == 0);
    return d;
}

void downloads_free(struct downloads *d)
{
    if (!d) return;
    pthread_mutex_destroy(&d->lock);
    mem_free(d->slot);
    mem_free(d);
}

static struct download *slot_of(struct download *slot, size_t cap, int64_t id)
{
    size_t i = (size_t)((uint64_t)id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (cap - 1);
    while (slot[i].repo_id && slot[i].repo_id != id) i = (i + 1) & (cap - 1);
    return &slot[i];
}

static void make_room(struct downloads *d)
{
    if (d->n * 2 < d->cap) return;
    size_t cap = d->cap ? d->cap * 2 : 64;
    struct download *slot = mem_alloc(cap * sizeof *slot);
    for (size_t i = 0; i < d->cap; i++)
        if (d->slot[i].repo_id) *slot_of(slot, cap, d->slot[i].repo_id) = d->slot[i];
    mem_free(d->slot);
    d->slot = slot;
    d->cap = cap;
}

static void count(struct downloads *d, int64_t repo_id, int64_t n)
{
    pthread_mutex_lock(&d->lock);
    make_room(d);
    struct download *s = slot_of(d->slot, d->cap, repo_id);
    if (!s->repo_id) d->n++;
    s->repo_id = repo_id;
    s->count += n;
    pthread_mutex_unlock(&d->lock);
}

void repo_count_download(struct hub *h, int64_t repo_id) { count(h->downloads, repo_id, 1); }

static bool write_one(struct db_conn *tx, const struct download *s, int64_t day, struct err *e)
{
    static const char insert[] = /* only if it still exists */
        "INSERT INTO repo_download (repo_id, day, count) SELECT id, ?2, ?3 FROM repo WHERE id = ?1"
        " ON CONFLICT (repo_id, day) DO UPDATE SET count = count + excluded.count";
    return db_run(tx, e, insert, db_int(s->repo_id), db_int(day), db_int(s->count)) &&
           index_recount(tx, s->repo_id, e);
}

static bool write_all(struct hub *h, const struct download *slot, size_t cap, struct err *e)
{
    struct db_conn *tx;
    int64_t day = clock_day(clock_now_ms());
    bool ok = true;
    if (!db_begin(h->db, &tx, e)) return false;
    for (size_t i = 0; i < cap && ok; i++)
        if (slot[i].repo_id) ok = write_one(tx, &slot[i], day, e);
    return db_finish(h->db, tx, ok, e);
}

bool hub_flush(struct hub *h, struct err *e)
{
    struct downloads *d = h->downloads;
    pthread_mutex_lock(&d->lock);
    struct download *slot = d->slot;
    size_t cap = d->cap;
    d->slot = NULL;
    d->n = d->cap = 0;
    pthread_mutex_unlock(&d->lock);

    bool ok = !cap || write_all(h, slot, cap, e);
    for (size_t i = 0; i < cap && !ok; i++) /* nothing is lost: the next flush tries again */
        if (slot[i].repo_id) count(d, slot[i].repo_id, slot[i].count);
    mem_free(slot);
    return ok;
}
