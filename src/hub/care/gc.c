/* hub/care/gc.c - collection: what nothing names, and nobody touched for the grace time.
 *
 * In two steps.  First each repository's register of large files is compared with what its refs reach, under
 * its lock: rows that nothing names and that are old are dropped; a file that a ref names without a row (an
 * accident) gets its row back, but not in a mirror.  Commits and pushes check the register under the same lock, so nobody can
 * begin to name a file whose row is on its way out.  Buckets the same, where a transaction is the lock (hub/bucket/bucket_content.c).
 * Then the store removes every object that no row names.
 * So no set of all files is ever held in memory, and nothing needs to stand still.  But it waits for the end of a backup,
 * which copies what rows named when it began. */
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "hub/bucket/bucket_care.h"
#include "hub/care/care.h"
#include "hub/hub_priv.h"

struct files { /* large files by content: open addressing */
    struct file {
        struct sha256 sha256;
        bool is_used, is_registered;
        uint64_t rows;
    } *slot;
    size_t n, cap;
};

struct gc {
    struct hub *h;
    const struct gc_options *o;
    const struct care_report *report;
    struct gc_result *out;
    int64_t before_ms;
    struct files spared; /* dry run: rows that a real one would have dropped, counted by content */
};

__attribute__((format(printf, 2, 3))) static void tell(const struct gc *g, const char *fmt, ...)
{
    struct buf text = BUF_INIT(2048);
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    if (g->report && g->report->line) g->report->line(g->report->ctx, str_c(buf_cstr(&text)));
    buf_deinit(&text);
}

static const char *verb(const struct gc *g) { return g->o->dry_run ? "would remove" : "removed"; }

/* ------------------------------------------------------------------ what the refs of a repository reach */

static struct file *place(const struct files *l, const uint8_t sha256[32])
{
    uint64_t x;
    memcpy(&x, sha256, sizeof x);
    size_t at = (size_t)x & (l->cap - 1);
    while (l->slot[at].is_used && memcmp(l->slot[at].sha256.b, sha256, SHA256_BYTES) != 0) at = (at + 1) & (l->cap - 1);
    return &l->slot[at];
}

static struct file *add(struct files *l, const uint8_t sha256[32])
{
    if (l->n * 2 >= l->cap) {
        struct files bigger = { .cap = l->cap ? l->cap * 2 : 64, .n = l->n };
        bigger.slot = mem_alloc(bigger.cap * sizeof *bigger.slot);
        for (size_t i = 0; i < l->cap; i++)
            if (l->slot[i].is_used) *place(&bigger, l->slot[i].sha256.b) = l->slot[i];
        mem_free(l->slot);
        *l = bigger;
    }
    struct file *f = place(l, sha256);
    if (!f->is_used) l->n++;
    f->is_used = true;
    memcpy(f->sha256.b, sha256, SHA256_BYTES);
    return f;
}

static bool note_blob(void *ctx, const struct vcs_entry *entry)
{
    if (entry->lfs.is_lfs) (void)add(ctx, entry->lfs.sha256);
    return true;
}

/* ------------------------------------------------------------------ the register */

struct doomed {
    struct sha256 *sha256;
    size_t n;
};

static bool find_doomed(struct gc *g, const struct repo *r, struct files *live, struct doomed *out, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT sha256, pushed_ms FROM repo_large_file WHERE repo_id = ?";
    struct db_query q;
    struct db_conn *c = db_reader(g->h->db);
    bool ok = db_query(c, &q, e, sql, db_int(r->id));
    if (ok) {
        while (db_next(&q, e)) {
            struct sha256 sha;
            if (!db_col_sha256(&q, 0, &sha)) continue;
            struct file *f = live->cap ? place(live, sha.b) : NULL;
            if (f && f->is_used) {
                f->is_registered = true;
            } else if (db_col_int(&q, 1) < g->before_ms) {
                out->sha256 = arena_grow(a, out->sha256, out->n, sizeof *out->sha256);
                out->sha256[out->n++] = sha;
            }
        }
        ok = db_end(&q);
    }
    db_give(g->h->db, c);
    return ok;
}

static bool change_register(struct gc *g, const struct repo *r, const struct files *live, const struct doomed *doomed, struct err *e)
{
    static const char delete[] = "DELETE FROM repo_large_file WHERE repo_id = ? AND sha256 = ? AND pushed_ms < ?";
    static const char enter[] = "INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pushed_ms)"
                                " SELECT ?1, sha256, size_bytes, ?3 FROM cas_object WHERE sha256 = ?2"
                                " ON CONFLICT (repo_id, sha256) DO NOTHING";
    struct db_conn *tx;
    if (!db_begin(g->h->db, &tx, e)) return false;
    bool ok = true;
    for (size_t i = 0; ok && i < doomed->n; i++) /* an upload may have renewed the row meanwhile */
        ok = db_run(tx, e, delete, db_int(r->id), db_sha256(&doomed->sha256[i]), db_int(g->before_ms));
    for (size_t i = 0; ok && i < live->cap; i++)
        if (live->slot[i].is_used && !live->slot[i].is_registered)
            ok = db_run(tx, e, enter, db_int(r->id), db_sha256(&live->slot[i].sha256), db_int(clock_now_ms()));
    return db_finish(g->h->db, tx, ok, e);
}

static void tell_register(const struct gc *g, const struct repo *r, const struct files *live, const struct doomed *doomed, struct arena *a)
{
    char hex[SHA256_HEX + 1];
    str label = repo_label(r, a);
    for (size_t i = 0; i < doomed->n; i++) {
        hex_encode((bytes){ doomed->sha256[i].b, SHA256_BYTES }, hex);
        tell(g, "%s %s from the register of %.*s: no commit names it", verb(g), hex, STR_ARG(label));
    }
    for (size_t i = 0; i < live->cap; i++) {
        if (!live->slot[i].is_used || live->slot[i].is_registered) continue;
        hex_encode((bytes){ live->slot[i].sha256.b, SHA256_BYTES }, hex);
        tell(g, "%s %s into the register of %.*s: a commit names it", g->o->dry_run ? "would enter" : "entered", hex, STR_ARG(label));
    }
}

/* Under the repository's lock. */
static bool compare_register(struct gc *g, const struct repo *r, struct arena *a, struct err *e)
{
    struct files live = { 0 };
    struct doomed doomed = { 0 };
    struct vcs_repo *v = NULL;
    size_t unregistered = 0;
    bool ok = hub_repo_open(g->h, r->id, &v, e) && vcs_all_blobs(v, note_blob, &live, e) &&
              find_doomed(g, r, &live, &doomed, a, e);
    for (size_t i = 0; r->upstream.n && i < live.cap; i++) live.slot[i].is_registered = true; /* its pointers are not our word (hub/mirror.h) */
    for (size_t i = 0; ok && i < live.cap; i++) unregistered += live.slot[i].is_used && !live.slot[i].is_registered;
    if (ok && !g->o->dry_run && (doomed.n || unregistered)) ok = change_register(g, r, &live, &doomed, e);
    if (ok) tell_register(g, r, &live, &doomed, a);
    for (size_t i = 0; ok && g->o->dry_run && i < doomed.n; i++) add(&g->spared, doomed.sha256[i].b)->rows++;
    vcs_close(v);
    mem_free(live.slot);
    return ok;
}

static bool collect_repo(void *ctx, const struct repo *r, struct arena *a, struct err *e)
{
    struct gc *g = ctx;
    struct repo_lock *lock = NULL;
    if (g->o->stops && g->o->stops(g->o->stops_ctx)) return err_set(e, ERR_CLOSED, "the collection was told to stop");
    /* A mirror is locked as long as its upstream is slow; what is dropped from its register by mistake only has to come again. */
    if (!r->upstream.n && !repo_lock_bare(g->h, r->id, 60 * 1000, &lock, e)) return false;
    bool exists = false; /* it may have been deleted since the list was read */
    bool ok = hub_repo_exists(g->h, r->id, &exists, e) && (!exists || compare_register(g, r, a, e));
    repo_unlock(g->h, lock);
    if (ok && exists && !g->o->dry_run) ok = hub_maintain_repo(g->h, r->id, e);
    /* Nothing may be swept if one repository's files are not known: they would look as if nobody named them. */
    return ok || err_context(e, "%.*s (repos/%lld); nothing was removed from the store", STR_ARG(repo_label(r, a)), (long long)r->id);
}

/* ------------------------------------------------------------------ folders that no row leads to */

static bool collect_folders(struct gc *g, struct err *e)
{
    struct arena *a = arena_new(0);
    int64_t *ids;
    size_t n;
    bool ok = hub_numbered(g->h, "repos", a, &ids, &n, e);
    for (size_t i = 0; ok && i < n; i++) {
        struct repo_lock *lock;
        bool exists = true;
        ok = hub_repo_exists(g->h, ids[i], &exists, e);
        if (exists) continue;
        if (!repo_lock_bare(g->h, ids[i], 0, &lock, e)) { /* being made, or deleted, right now */
            ok = e->code == ERR_BUSY;
            continue;
        }
        ok = hub_repo_exists(g->h, ids[i], &exists, e) && (exists || g->o->dry_run || hub_remove_folder(g->h, ids[i], e));
        if (ok && !exists) {
            g->out->repos_removed++;
            tell(g, "%s repos/%lld: it belongs to no repository", verb(g), (long long)ids[i]);
            if (!g->o->dry_run) hub_mark_clean(g->h, ids[i]);
        }
        repo_unlock(g->h, lock);
    }
    arena_free(a);
    return ok;
}

/* ------------------------------------------------------------------ buckets */

static void bucket_dropped(void *ctx, int64_t bucket_id, const struct sha256 *sha256)
{
    struct gc *g = ctx;
    char hex[SHA256_HEX + 1];
    hex_encode((bytes){ sha256->b, SHA256_BYTES }, hex);
    tell(g, "%s %s from bucket number %lld: no file there names it", verb(g), hex, (long long)bucket_id);
    if (g->o->dry_run) add(&g->spared, sha256->b)->rows++;
}

static bool collect_orphan(void *ctx, int64_t bucket_id, struct err *e)
{
    struct gc *g = ctx;
    if (g->o->stops && g->o->stops(g->o->stops_ctx)) return err_set(e, ERR_CLOSED, "the collection was told to stop");
    tell(g, "%s the rows of files of bucket number %lld: it was deleted", verb(g), (long long)bucket_id);
    return g->o->dry_run || bucket_remove_files(g->h, bucket_id, e);
}

static bool collect_buckets(struct gc *g, struct err *e)
{
    return bucket_each_orphan(g->h, collect_orphan, g, e) && bucket_collect(g->h, g->before_ms, g->o->dry_run, bucket_dropped, g, e);
}

/* ------------------------------------------------------------------ the store */

/* A dry run has not dropped the rows that a real one would have dropped: they do not count. */
static bool is_alive(void *ctx, struct db_conn *c, const struct sha256 *sha256, bool *alive, struct err *e)
{
    static const char sql[] = "SELECT (SELECT count(*) FROM repo_large_file WHERE sha256 = ?1)"
                              " + (SELECT count(*) FROM bucket_content l JOIN bucket b ON b.id = l.bucket_id WHERE l.sha256 = ?1)";
    const struct gc *g = ctx;
    int64_t rows;
    if (!db_get_int(c, &rows, 0, e, sql, db_sha256(sha256))) return false;
    const struct file *f = g->spared.cap ? place(&g->spared, sha256->b) : NULL;
    *alive = (uint64_t)rows > (f && f->is_used ? f->rows : 0);
    return true;
}

static void report_object(void *ctx, const struct cas_object *o, const char *reason)
{
    const struct gc *g = ctx;
    char hex[SHA256_HEX + 1];
    hex_encode((bytes){ o->sha256.b, SHA256_BYTES }, hex);
    tell(g, "%s the large file %s (%llu %s): %s", verb(g), hex, (unsigned long long)o->size_bytes, plural(o->size_bytes, "byte", "bytes"), reason);
}

static void report_xorb(void *ctx, const struct xet_hash *xorb, uint64_t stored_bytes, const char *reason)
{
    const struct gc *g = ctx;
    char hex[XET_HASH_HEX + 1];
    xet_hash_hex(xorb, hex);
    tell(g, "%s the xorb %s (%llu bytes): %s", verb(g), hex, (unsigned long long)stored_bytes, reason);
}

static bool collect_store(struct gc *g, struct err *e)
{
    struct cas_sweep_options o = { .grace_ms = g->o->grace_ms, .xorb_grace_ms = g->o->xorb_grace_ms, .dry_run = g->o->dry_run,
                                   .is_alive = is_alive, .ctx = g, .report = report_object, .report_xorb = report_xorb };
    struct cas_sweep_result r;
    if (!cas_sweep(g->h->cas, &o, &r, e)) return false;
    if (r.strays_removed) tell(g, "%s %llu %s without a row, left by a crash or by an earlier collection", verb(g), (unsigned long long)r.strays_removed, plural(r.strays_removed, "blob", "blobs"));
    g->out->objects_removed = r.objects_removed;
    g->out->bytes_removed = r.bytes_removed;
    g->out->xorbs_removed = r.xorbs_removed;
    g->out->xorb_bytes_removed = r.xorb_bytes_removed;
    g->out->uploads_removed = r.uploads_removed;
    return true;
}

bool hub_gc(struct hub *h, const struct gc_options *o, const struct care_report *report, struct gc_result *out, struct err *e)
{
    *out = (struct gc_result){ 0 };
    struct gc g = { .h = h, .o = o, .report = report, .out = out, .before_ms = clock_now_ms() - o->grace_ms };
    int fd = -1;
    if (!o->dry_run && !hub_removal_wait(h, false, o->stops, o->stops_ctx, &fd, e)) return false;
    bool ok = hub_each_repo(h, collect_repo, &g, e) && collect_folders(&g, e) && collect_buckets(&g, e) && collect_store(&g, e);
    if (fd >= 0) close(fd);
    mem_free(g.spared.slot);
    return ok;
}
