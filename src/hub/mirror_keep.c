/* hub/mirror_keep.c - which large files of mirrors stay: those that were read last, as far as there is room (hub/mirror.h).
 *
 * For a mirror's file the register's pushed_ms is the time when it came or was last read.  A read that finds it more than an hour old
 * leaves a note in memory, and a timer writes the notes; a crash loses a few seconds of them. */
#include "base/clock.h"
#include "hub/hub_priv.h"

enum { NOTES_MAX = 4096, IN_USE_MS = 10 * 60000 };

struct mirror_uses {
    pthread_mutex_t lock;
    size_t n;
    struct use {
        int64_t repo_id;
        struct sha256 sha256;
    } note[NOTES_MAX];
};

struct mirror_uses *mirror_uses_new(void)
{
    struct mirror_uses *u = mem_one(struct mirror_uses);
    must(pthread_mutex_init(&u->lock, NULL) == 0);
    return u;
}

void mirror_uses_free(struct mirror_uses *u)
{
    if (!u) return;
    pthread_mutex_destroy(&u->lock);
    mem_free(u);
}

/* When there are too many until the timer comes, the rest is noted at the next read. */
void mirror_note_use(struct hub *h, int64_t repo_id, const struct sha256 *sha256)
{
    struct mirror_uses *u = h->uses;
    pthread_mutex_lock(&u->lock);
    if (u->n < NOTES_MAX) u->note[u->n++] = (struct use){ repo_id, *sha256 };
    pthread_mutex_unlock(&u->lock);
}

bool mirror_flush(struct hub *h, struct err *e)
{
    static const char sql[] = "UPDATE repo_large_file SET pushed_ms = ?3 WHERE repo_id = ?1 AND sha256 = ?2 AND pushed_ms < ?3 - ?4";
    struct mirror_uses *u = h->uses;
    struct db_conn *tx;
    int64_t now = clock_now_ms();
    pthread_mutex_lock(&u->lock);
    size_t n = u->n;
    struct use *note = n ? mem_alloc(n * sizeof *note) : NULL;
    if (n) memcpy(note, u->note, n * sizeof *note);
    u->n = 0;
    pthread_mutex_unlock(&u->lock);
    if (!n) return true;
    bool ok = db_begin(h->db, &tx, e);
    if (ok) {
        for (size_t i = 0; ok && i < n; i++) ok = db_run(tx, e, sql, db_int(note[i].repo_id), db_sha256(&note[i].sha256), db_int(now), db_int(MIRROR_USE_MS));
        ok = db_finish(h->db, tx, ok, e);
    }
    mem_free(note);
    return ok;
}

/* ------------------------------------------------------------------ room */

/* CROSS: mirrors first, which are few among many repositories. */
#define MIRRORED "FROM repo r CROSS JOIN repo_large_file l ON l.repo_id = r.id WHERE r.upstream <> ''"

struct oldest {
    int64_t repo_id;
    struct sha256 sha256;
    uint64_t size_bytes;
};

static bool find_oldest(struct hub *h, uint64_t excess, struct arena *a, struct oldest **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT l.repo_id, l.sha256, l.size_bytes " MIRRORED " AND l.pushed_ms < ? ORDER BY l.pushed_ms LIMIT ?";
    struct db_query q;
    struct db_conn *c = db_reader(h->db);
    uint64_t sum = 0;
    *out = NULL;
    *n = 0;
    bool ok = db_query(c, &q, e, sql, db_int(clock_now_ms() - IN_USE_MS), db_int(REGISTERED_AT_ONCE));
    if (ok) {
        while (sum < excess && db_next(&q, e)) {
            struct oldest f = { .repo_id = db_col_int(&q, 0), .size_bytes = (uint64_t)db_col_int(&q, 2) };
            if (!db_col_sha256(&q, 1, &f.sha256)) continue;
            *out = arena_grow(a, *out, *n, sizeof **out);
            (*out)[(*n)++] = f;
            sum += f.size_bytes;
        }
        ok = db_end(&q);
    }
    db_give(h->db, c);
    return ok;
}

static bool forget(struct hub *h, const struct oldest *f, size_t n, struct mirror_trimmed *out, struct err *e)
{
    static const char sql[] = "DELETE FROM repo_large_file WHERE repo_id = ? AND sha256 = ?";
    struct db_conn *tx;
    bool ok = true;
    if (!db_begin(h->db, &tx, e)) return false;
    for (size_t i = 0; ok && i < n; i++) ok = db_run(tx, e, sql, db_int(f[i].repo_id), db_sha256(&f[i].sha256));
    if (!db_finish(h->db, tx, ok, e)) return false;
    for (size_t i = 0; i < n; i++) out->bytes += f[i].size_bytes;
    out->files += n;
    return true;
}

bool mirror_trim(struct hub *h, uint64_t bytes_max, struct mirror_trimmed *out, struct err *e)
{
    bool ok = true;
    *out = (struct mirror_trimmed){ 0 };
    for (;;) {
        struct oldest *f = NULL;
        size_t n = 0;
        int64_t all = 0;
        struct db_conn *c = db_reader(h->db);
        ok = db_get_int(c, &all, 0, e, "SELECT coalesce(sum(l.size_bytes), 0) " MIRRORED);
        db_give(h->db, c);
        out->bytes_left = (uint64_t)all;
        if (!ok || (uint64_t)all <= bytes_max) return ok;
        struct arena *a = arena_new(0);
        ok = find_oldest(h, (uint64_t)all - bytes_max, a, &f, &n, e) && (!n || forget(h, f, n, out, e));
        arena_free(a);
        if (!ok || !n) return ok; /* all that is left is in use */
    }
}
