/* space/state.c - what is remembered of a Space, and its stage, which follows from that. */
#include "base/clock.h"
#include "space/space_priv.h"

static const str stage_names[SPACE_STAGES] = {
    [SPACE_NO_APP_FILE] = STR_INIT("NO_APP_FILE"), [SPACE_CONFIG_ERROR] = STR_INIT("CONFIG_ERROR"), [SPACE_BUILDING] = STR_INIT("BUILDING"),
    [SPACE_BUILD_ERROR] = STR_INIT("BUILD_ERROR"), [SPACE_APP_STARTING] = STR_INIT("APP_STARTING"), [SPACE_RUNNING] = STR_INIT("RUNNING"),
    [SPACE_RUNNING_BUILDING] = STR_INIT("RUNNING_BUILDING"), [SPACE_RUNNING_APP_STARTING] = STR_INIT("RUNNING_APP_STARTING"),
    [SPACE_RUNTIME_ERROR] = STR_INIT("RUNTIME_ERROR"), [SPACE_SLEEPING] = STR_INIT("SLEEPING"), [SPACE_PAUSED] = STR_INIT("PAUSED"),
    [SPACE_STOPPED] = STR_INIT("STOPPED"),
};

str space_stage_name(enum space_stage s) { return stage_names[s]; }

static enum space_stage stage_parse(str name)
{
    enum space_stage s = SPACE_NO_APP_FILE;
    while (s < SPACE_STAGES && !str_eq(stage_names[s], name)) s++;
    return s;
}

enum space_stage stage_of(const struct space *sp)
{
    bool builds = sp->coming && sp->coming->phase == APP_BUILDING;
    if (sp->serving && sp->coming) return builds ? SPACE_RUNNING_BUILDING : SPACE_RUNNING_APP_STARTING;
    if (sp->coming) return builds ? SPACE_BUILDING : SPACE_APP_STARTING;
    if (sp->serving) return SPACE_RUNNING;
    if (sp->is_paused) return SPACE_PAUSED;
    if (sp->failed != SPACE_STAGES) return sp->failed;
    return sp->sha[0] ? SPACE_SLEEPING : SPACE_STOPPED;
}

static struct space *find(struct spaces *s, int64_t repo_id)
{
    struct space *sp = s->space;
    while (sp && sp->repo_id != repo_id) sp = sp->next;
    return sp;
}

static void set_text(char **to, str text)
{
    mem_free(*to);
    *to = text.n ? mem_dup(text) : NULL;
}

static void set_sha(char to[41], str sha) { snprintf(to, 41, "%.*s", (int)(sha.n < 40 ? sha.n : 40), sha.p ? sha.p : ""); }

void space_fail(struct space *sp, enum space_stage stage, const char *sha, str why)
{
    sp->failed = stage;
    set_text(&sp->error, why);
    set_sha(sp->sha, str_c(sha));
    sp->since_ms = clock_now_ms();
}

bool space_of(struct spaces *s, struct db_conn *c, int64_t repo_id, struct space **out, struct err *e)
{
    static const char sql[] = "SELECT is_paused, sleep_s, failed, error, sha, since_ms FROM space_run WHERE repo_id = ?";
    struct db_query q;
    pthread_mutex_lock(&s->lock);
    *out = find(s, repo_id);
    pthread_mutex_unlock(&s->lock);
    if (*out) return true;
    struct space *made = mem_one(struct space);
    *made = (struct space){ .repo_id = repo_id, .sleep_s = -2, .failed = SPACE_STAGES, .since_ms = clock_now_ms() };
    bool ok = db_query(c, &q, e, sql, db_int(repo_id));
    if (ok && db_next(&q, e)) {
        made->is_paused = db_col_int(&q, 0) != 0;
        made->sleep_s = db_col_is_null(&q, 1) ? -2 : db_col_int(&q, 1);
        made->failed = stage_parse(db_col_text(&q, 2));
        set_text(&made->error, db_col_text(&q, 3));
        set_sha(made->sha, db_col_text(&q, 4));
        made->since_ms = db_col_int(&q, 5);
    }
    ok = ok && db_end(&q);
    pthread_mutex_lock(&s->lock);
    *out = ok ? find(s, repo_id) : NULL; /* another thread may have been faster */
    if (ok && !*out) {
        made->next = s->space;
        s->space = *out = made;
        made = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    if (made) mem_free(made->error);
    mem_free(made);
    return ok;
}

bool space_keep(struct spaces *s, struct space *sp, struct err *e)
{
    /* A repository that is gone meanwhile gets no row. */
    static const char sql[] = "INSERT INTO space_run (repo_id, is_paused, sleep_s, failed, error, sha, since_ms)"
                              " SELECT id, ?, ?, ?, ?, ?, ? FROM repo WHERE id = ? ON CONFLICT (repo_id) DO UPDATE SET is_paused = excluded.is_paused,"
                              " sleep_s = excluded.sleep_s, failed = excluded.failed, error = excluded.error, sha = excluded.sha, since_ms = excluded.since_ms";
    struct db_conn *tx;
    struct arena *a = arena_new(0);
    if (!db_begin(hub_db(s->hub), &tx, e)) {
        arena_free(a);
        return false;
    }
    pthread_mutex_lock(&s->lock); /* after the turn to write: the last to write has the newest */
    bool is_paused = sp->is_paused;
    struct db_value sleeps = sp->sleep_s == -2 ? db_null() : db_int(sp->sleep_s);
    str failed = sp->failed == SPACE_STAGES ? STR("") : stage_names[sp->failed], error = arena_dup(a, str_c(sp->error)), sha = arena_dup(a, str_c(sp->sha));
    int64_t since_ms = sp->since_ms;
    pthread_mutex_unlock(&s->lock);
    bool ok = db_run(tx, e, sql, db_int(is_paused), sleeps, db_text(failed), db_text(error.n ? error : STR("")), db_text(sha), db_int(since_ms), db_int(sp->repo_id));
    ok = db_finish(hub_db(s->hub), tx, ok, e);
    arena_free(a);
    return ok;
}
