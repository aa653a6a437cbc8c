/* hub/care/fsck.c - does everything agree?  Reads only, unless it is to repair, beside a running server.
 *
 * A repository's rows are compared with git under its lock, so that a commit under way is no finding; git's
 * own check of the objects, which takes long, runs without it, and again with it before anything is told.  Every finding says what
 * would mend it. */
#include <unistd.h>

#include "base/hash.h"
#include "hub/bucket/bucket_care.h"
#include "hub/care/care.h"
#include "hub/hub_priv.h"
#include "hub/index/index.h"

struct fsck {
    struct hub *h;
    const struct care_report *report;
    struct fsck_result *out;
    const struct fsck_options *o;
    uint64_t repos_total;
    /* of the repository at hand */
    const struct repo *repo;
    struct arena *a;
    struct db_conn *c;
    struct err *e;
    bool failed;
};

__attribute__((format(printf, 2, 3))) static void tell(const struct fsck *f, const char *fmt, ...)
{
    struct buf text = BUF_INIT(4096);
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    if (f->report && f->report->line) f->report->line(f->report->ctx, str_c(buf_cstr(&text)));
    buf_deinit(&text);
}

#define ABOUT "%.*s (repos/%lld): "
#define ABOUT_ARG(f) STR_ARG(repo_label((f)->repo, (f)->a)), (long long)(f)->repo->id

/* A finding about the repository at hand. */
__attribute__((format(printf, 3, 4))) static void problem(struct fsck *f, const char *hint, const char *fmt, ...)
{
    struct buf text = BUF_INIT(2048);
    va_list ap;
    f->out->problems++;
    va_start(ap, fmt);
    buf_vaddf(&text, fmt, ap);
    va_end(ap);
    tell(f, ABOUT "%s%s%s", ABOUT_ARG(f), buf_cstr(&text), hint[0] ? "; " : "", hint);
    buf_deinit(&text);
}

static void progress(const struct fsck *f, const char *what, uint64_t done, uint64_t total)
{
    if (f->report && f->report->progress) f->report->progress(f->report->ctx, str_c(what), done, total);
}

/* ------------------------------------------------------------------ one repository */

static void git_problem(void *ctx, str what)
{
    problem(ctx, "restore the objects from a clone or a backup", "git: %.*s", STR_ARG(what));
}

static bool check_pointer(void *ctx, const struct vcs_entry *entry)
{
    static const char registered[] = "SELECT size_bytes FROM repo_large_file WHERE repo_id = ? AND sha256 = ?";
    struct fsck *f = ctx;
    struct cas_object object;
    struct sha256 sha;
    int64_t size;
    bool found = false;
    char hex[SHA256_HEX + 1];
    if (!entry->lfs.is_lfs) return true;
    memcpy(sha.b, entry->lfs.sha256, SHA256_BYTES);
    hex_encode((bytes){ sha.b, SHA256_BYTES }, hex);
    if (!db_get_int(f->c, &size, -1, f->e, registered, db_int(f->repo->id), db_sha256(&sha)) ||
        !cas_find(f->h->cas, &sha, &object, &found, f->e)) {
        f->failed = true;
        return false;
    }
    str path = entry->path;
    bool is_right = size >= 0 && (uint64_t)size == entry->lfs.size_bytes;
    if (f->repo->upstream.n && !is_right) return true; /* it comes when somebody asks for it; or the upstream's pointer is wrong */
    if (!found)
        problem(f, "upload it again: git lfs push --object-id", "%.*s names the large file %s, which is not stored", STR_ARG(path), hex);
    else if (object.size_bytes != entry->lfs.size_bytes)
        problem(f, "commit it again", "%.*s says that the large file %s has %llu bytes, and it has %llu", STR_ARG(path), hex,
                (unsigned long long)entry->lfs.size_bytes, (unsigned long long)object.size_bytes);
    else if (size < 0)
        problem(f, "hearth gc enters it", "%.*s names the large file %s, which is not in the register", STR_ARG(path), hex);
    return true;
}

/* Under the lock. */
static bool check_rows(struct fsck *f, struct err *e)
{
    struct vcs_repo *v = NULL;
    bool current = false;
    str why;
    if (!index_is_current(f->h, f->repo->id, &current, &why, f->a, e)) return false;
    if (!current && hub_is_dirty(f->h, f->repo->id))
        tell(f, "note: " ABOUT "%.*s, because a writer could not finish; the next writer or start mends it", ABOUT_ARG(f), STR_ARG(why));
    else if (!current)
        problem(f, "hearth reindex mends it", "%.*s", STR_ARG(why));
    if (!hub_repo_open(f->h, f->repo->id, &v, e)) return false;
    f->c = db_reader(f->h->db);
    f->failed = false;
    bool ok = vcs_all_blobs(v, check_pointer, f, e) && !f->failed;
    db_give(f->h->db, f->c);
    vcs_close(v);
    return ok;
}

static bool repo_is_there(struct fsck *f, bool *yes, struct err *e)
{
    int64_t one;
    struct db_conn *c = db_reader(f->h->db);
    bool ok = db_get_int(c, &one, 0, e, "SELECT 1 FROM repo WHERE id = ?", db_int(f->repo->id));
    db_give(f->h->db, c);
    *yes = ok && one == 1;
    return ok;
}

static void count_finding(void *ctx, str what)
{
    (void)what;
    ++*(size_t *)ctx;
}

/* Beside writers git may see a ref without the pack that came with it, or a pack that is being replaced: what it finds is looked for again
 * while nobody writes or repacks. */
static bool check_git(struct fsck *f, const char *path, struct err *e)
{
    struct repo_lock *lock;
    struct err why;
    size_t findings = 0;
    bool exists = false;
    int fd;
    if (vcs_check(path, count_finding, &findings, &why) && !findings) return true;
    if (!hub_removal_wait(f->h, true, f->o->stops, f->o->stops_ctx, &fd, e)) return false;
    bool ok = repo_lock_bare(f->h, f->repo->id, 60 * 1000, &lock, e);
    if (ok) {
        ok = repo_is_there(f, &exists, e);
        if (exists && access(path, F_OK) == 0 && !vcs_check(path, git_problem, f, &why)) problem(f, "", "%s", why.msg);
        repo_unlock(f->h, lock);
    }
    close(fd);
    return ok;
}

static bool check_repo(void *ctx, const struct repo *r, struct arena *a, struct err *e)
{
    struct fsck *f = ctx;
    struct repo_lock *lock;
    struct err why;
    char path[HUB_PATH_BYTES];
    bool exists = false;
    if (f->o->stops && f->o->stops(f->o->stops_ctx)) return err_set(e, ERR_CLOSED, "the check was stopped");
    f->repo = r;
    f->a = a;
    f->e = &why;
    hub_repo_path(f->h, r->id, path);
    progress(f, "repositories", f->out->repos, f->repos_total);
    f->out->repos++;

    if (!repo_lock_bare(f->h, r->id, 60 * 1000, &lock, e)) return false;
    bool ok = repo_is_there(f, &exists, e);
    /* What cannot even be read is a finding, not the end of the search. */
    if (ok && exists && access(path, F_OK) != 0)
        problem(f, "restore it from a backup, or delete the repository", "its folder is missing");
    else if (ok && exists && !check_rows(f, &why))
        problem(f, "", "%s", why.msg);
    repo_unlock(f->h, lock);
    return ok && (!exists || access(path, F_OK) != 0 || check_git(f, path, e));
}

/* ------------------------------------------------------------------ the rest */

static void row_problem(void *ctx, str what)
{
    struct fsck *f = ctx;
    f->out->problems++;
    tell(f, "database: %.*s; restore it from a backup", STR_ARG(what));
}

/* Whose file is it?  "; owner/name: path, path" for each repository that has it at the head of main or in its register. */
static void name_places(struct fsck *f, const struct sha256 *sha256, struct buf *out)
{
    static const char sql[] = "SELECT * FROM (SELECT i.full_name, coalesce(group_concat(p.path, ', '), 'an earlier commit') FROM repo_large_file l"
                              " JOIN repo_index i ON i.repo_id = l.repo_id"
                              " LEFT JOIN repo_file p ON p.repo_id = l.repo_id AND p.sha256 = l.sha256"
                              " WHERE l.sha256 = ?1 GROUP BY l.repo_id LIMIT 16)"
                              " UNION ALL SELECT 'bucket ' || o.name || '/' || b.name, f.path FROM bucket_content l JOIN bucket b ON b.id = l.bucket_id"
                              " JOIN account o ON o.id = b.owner_id JOIN bucket_file f ON f.bucket_id = b.id AND f.sha256 = l.sha256"
                              " WHERE l.sha256 = ?1 LIMIT 32";
    struct db_query q;
    struct err ignored;
    struct db_conn *c = db_reader(f->h->db);
    if (db_query(c, &q, &ignored, sql, db_sha256(sha256))) {
        while (db_next(&q, &ignored)) {
            str name = db_col_text(&q, 0), paths = db_col_text(&q, 1);
            buf_addf(out, "; in %.*s: %.*s", STR_ARG(name), STR_ARG(paths));
        }
        (void)db_end(&q);
    }
    db_give(f->h->db, c);
}

static void bucket_problem(void *ctx, const struct bucket *b, str what, str hint)
{
    struct fsck *f = ctx;
    f->out->problems++;
    tell(f, "bucket %.*s: %.*s; %.*s", STR_ARG(b->full_name), STR_ARG(what), STR_ARG(hint));
}

static bool check_buckets(struct fsck *f, struct err *e)
{
    progress(f, "buckets", 0, 0);
    return bucket_check_all(f->h, bucket_problem, f, &f->out->buckets, e);
}

static void store_problem(void *ctx, const struct cas_problem *p)
{
    struct fsck *f = ctx;
    struct buf places = BUF_INIT(64 << 10);
    size_t named = p->objects_count < CAS_PROBLEM_OBJECTS_MAX ? p->objects_count : CAS_PROBLEM_OBJECTS_MAX;
    for (size_t i = 0; i < named; i++) name_places(f, &p->object[i], &places);
    size_t more = p->objects_count - named;
    if (more) buf_addf(&places, "; and in %zu more %s", more, plural(more, "file", "files"));
    tell(f, "large files: %.*s%s%s", STR_ARG(p->what), buf_cstr(&places),
         p->is_repaired ? "; repaired" : "; upload it again, or restore it from a backup");
    buf_deinit(&places);
}

static void store_progress(void *ctx, uint64_t done, uint64_t total) { progress(ctx, "xorbs", done, total); }

/* Folders that no row leads to: a crash may leave them, and collection removes them. */
static bool count_strays(struct fsck *f, struct err *e)
{
    struct arena *a = arena_new(0);
    int64_t *ids, rows;
    size_t n;
    bool ok = hub_numbered(f->h, "repos", a, &ids, &n, e);
    for (size_t i = 0; ok && i < n; i++) {
        struct db_conn *c = db_reader(f->h->db);
        ok = db_get_int(c, &rows, 0, e, "SELECT 1 FROM repo WHERE id = ?", db_int(ids[i]));
        db_give(f->h->db, c);
        if (!ok || rows) continue;
        f->out->strays++;
        tell(f, "note: repos/%lld belongs to no repository; hearth gc removes it", (long long)ids[i]);
    }
    arena_free(a);
    return ok;
}

static bool check_store(struct fsck *f, const struct fsck_options *how, struct err *e)
{
    struct cas_check_result r;
    struct cas_check_options o = { .deep = how->deep, .sample_percent = how->sample_percent, .repair = how->repair,
                                   .problem = store_problem, .progress = store_progress, .ctx = f };
    progress(f, how->deep ? "large files, every byte" : "large files", 0, 0);
    if (!cas_check(f->h->cas, &o, &r, e)) return false;
    f->out->xorbs = r.xorbs;
    f->out->repaired += r.repaired;
    f->out->objects = r.objects;
    f->out->bytes = r.bytes;
    f->out->problems += r.problems;
    f->out->strays += r.strays;
    return true;
}

bool hub_fsck(struct hub *h, const struct fsck_options *o, const struct care_report *report, struct fsck_result *out, struct err *e)
{
    int64_t total;
    *out = (struct fsck_result){ 0 };
    struct fsck f = { .h = h, .report = report, .out = out, .o = o };
    progress(&f, "database", 0, 0);
    if (!db_check(h->db, row_problem, &f, e)) return false;
    struct db_conn *c = db_reader(h->db);
    bool ok = db_get_int(c, &total, 0, e, "SELECT count(*) FROM repo");
    db_give(h->db, c);
    f.repos_total = (uint64_t)total;
    return ok && hub_each_repo(h, check_repo, &f, e) && count_strays(&f, e) && check_buckets(&f, e) && check_store(&f, o, e);
}
