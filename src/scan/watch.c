/* scan/watch.c - see scan/watch.h.
 *
 * Invariants.
 *  1. A row of scan_ref says: every file of that commit's tree has a verdict of that version, but for a mirror's large files that are not
 *     here.  So a ref that moved is compared with what was looked at before, and costs what changed.
 *  2. Verdicts are written before the row of scan_ref, and that before the row of scan_due goes.  Whoever dies in between leaves work
 *     that is done again, where most of it is found done.
 *  3. An old verdict stands until the new one is written in its place.
 *  4. No transaction is open while a file is read. */
#include "scan/watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/large_file.h"
#include "scan/clamd.h"
#include "scan/process.h"
#include "scan/source.h"

#define MAIN_REF "refs/heads/main"

enum {
    PAGE_FILES = 500,          /* of a tree at a time */
    DIFF_FILES_MAX = 2000,     /* more changes: the whole tree is walked */
    KEPT_MAX = 200,            /* verdicts that wait for their transaction */
    KEPT_MS = 1000,            /* no longer than this */
    JUDGE_MEMORY_MAX = 512 << 20,
    ACTORS_LOOKED_AT = 200,
};

void scan_watch_init(struct scan_watch *w, struct hub *h, str clamd)
{
    *w = (struct scan_watch){ .hub = h, .pool = scan_pool_new(NULL), .clamd = clamd };
}

void scan_watch_deinit(struct scan_watch *w)
{
    scan_pool_free(w->pool);
    w->pool = NULL;
}

int64_t scan_watch_version(const struct scan_watch *w) { return 2 * SCAN_VERSION + (w->clamd.n ? 1 : 0); }

/* ------------------------------------------------------------------ one visit of a repository */

struct kept { /* a verdict on its way to the database */
    struct scan_file file;
    struct scan_verdict verdict;
    bool is_new; /* else only what follows from it: an issue of main */
};

struct visit {
    struct scan_watch *w;
    const struct repo *repo;
    struct db_conn *c;
    struct vcs_repo *git;
    bool (*stops)(void *ctx);
    void *ctx;
    bool again;
    bool lacks_clamd; /* it could not be asked about some file */
    struct scan_result *out;
    /* The ref at hand. */
    str ref;
    bool is_main;
    int64_t pusher_id; /* 0: nobody in particular */
    struct arena *page; /* of files that are being looked at */
    struct arena *keep;
    struct kept *kept;
    size_t kept_n;
    int64_t kept_since_ms;
};

static bool is_stopped(const struct visit *v, struct err *e)
{
    if (!v->stops || !v->stops(v->ctx)) return false;
    err_set(e, ERR_CLOSED, "the scan was told to stop");
    return true;
}

/* What the pages of a repository say follows from the files of main. */
static bool put_issue(struct db_conn *tx, const struct visit *v, const struct kept *k, struct err *e)
{
    static const char put[] = "INSERT INTO scan_issue (repo_id, path, oid, level) VALUES (?, ?, ?, ?)"
                              " ON CONFLICT (repo_id, path) DO UPDATE SET oid = excluded.oid, level = excluded.level";
    static const char drop[] = "DELETE FROM scan_issue WHERE repo_id = ? AND path = ?";
    char hex[VCS_OID_HEX + 1];
    if (!scan_is_issue(k->verdict.level)) return db_run(tx, e, drop, db_int(v->repo->id), db_text(k->file.path));
    return db_run(tx, e, put, db_int(v->repo->id), db_text(k->file.path), db_text(vcs_oid_hex(&k->file.oid, hex)), db_text(scan_level_name(k->verdict.level)));
}

/* "a sentence. a sentence."; what they are about is never in them. */
static str secret_message(str secrets, struct arena *a)
{
    enum { SENTENCES_MAX = 5 };
    struct json *list;
    struct err ignored;
    str out = STR("");
    size_t n = 0;
    if (!json_parse(secrets, a, &list, &ignored)) return out;
    json_each (f, list) {
        if (n++ == SENTENCES_MAX) break;
        out = arena_fmt(a, "%.*s%s%.*s", STR_ARG(out), out.n ? "; " : "", STR_ARG(json_str_or(f, STR("message"), STR(""))));
    }
    return out;
}

static bool put_secret(struct db_conn *tx, const struct visit *v, const struct kept *k, struct err *e)
{
    static const char sql[] = "INSERT INTO scan_secret (repo_id, user_id, path, ref, message, found_ms) SELECT ?1, id, ?3, ?4, ?5, ?6 FROM account WHERE id = ?2"
                              " ON CONFLICT (repo_id, user_id, path) DO UPDATE SET ref = excluded.ref, message = excluded.message, found_ms = excluded.found_ms";
    if (!k->verdict.secrets.p || !v->pusher_id || !k->is_new) return true;
    return db_run(tx, e, sql, db_int(v->repo->id), db_int(v->pusher_id), db_text(k->file.path), db_text(v->ref), db_text(secret_message(k->verdict.secrets, v->keep)),
                  db_int(k->verdict.scanned_ms));
}

static bool flush(struct visit *v, struct err *e)
{
    struct db *d = hub_db(v->w->hub);
    struct db_conn *tx;
    if (!v->kept_n) return true;
    if (!db_begin(d, &tx, e)) return false;
    bool ok = true;
    for (size_t i = 0; ok && i < v->kept_n; i++) {
        const struct kept *k = &v->kept[i];
        ok = (!k->is_new || scan_verdict_put(tx, v->repo->id, &k->file, &k->verdict, e)) && (!v->is_main || put_issue(tx, v, k, e)) && put_secret(tx, v, k, e);
    }
    if (!db_finish(d, tx, ok, e)) return false;
    arena_reset(v->keep);
    v->kept = NULL;
    v->kept_n = 0;
    return true;
}

static str keep_str(const struct visit *v, str s) { return s.p ? arena_dup(v->keep, s) : s; }

static bool keep(struct visit *v, const struct scan_file *f, const struct scan_verdict *said, bool is_new, struct err *e)
{
    int64_t now = clock_now_ms();
    if (!v->kept_n) v->kept_since_ms = now;
    v->kept = arena_grow(v->keep, v->kept, v->kept_n, sizeof *v->kept);
    struct kept *k = &v->kept[v->kept_n++];
    *k = (struct kept){ .file = *f, .verdict = *said, .is_new = is_new };
    k->file.path = keep_str(v, f->path);
    k->verdict.pickle = keep_str(v, said->pickle);
    k->verdict.av = keep_str(v, said->av);
    k->verdict.findings = keep_str(v, said->findings);
    k->verdict.secrets = keep_str(v, said->secrets);
    return (v->kept_n < KEPT_MAX && now - v->kept_since_ms < KEPT_MS) || flush(v, e);
}

/* ------------------------------------------------------------------ one file */

static str told(enum scan_level level, const char *message, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_array(&w);
    jw_object(&w);
    jw_kstr(&w, "level", scan_level_name(level));
    jw_kstr(&w, "probe", STR("file"));
    jw_kstr(&w, "member", STR(""));
    jw_kstr(&w, "message", str_c(message));
    jw_object_end(&w);
    jw_array_end(&w);
    str out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static str name_of(str path)
{
    size_t at = path.n;
    while (at && path.p[at - 1] != '/') at--;
    return (str){ path.p + at, path.n - at };
}

/* "queued" where the daemon could not be asked; then it will be. */
static void ask_clamd(struct visit *v, const struct scan_file *f, struct scan_stored *stored, struct arena *a, struct scan_verdict *out)
{
    struct clamd_verdict said = { .level = SCAN_QUEUED };
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    struct err why;
    if (!clamd_judge(v->w->clamd, &stored->source, CLAMD_STREAM_BYTES, &said, &why)) {
        said = (struct clamd_verdict){ .level = SCAN_QUEUED };
        if (!v->lacks_clamd)
            log_warn("scan.clamd", "repo=\"%.*s\" path=\"%.*s\" reason=\"%s\"", STR_ARG(v->repo->full_name), STR_ARG(f->path), why.msg);
        v->lacks_clamd = true;
    }
    jw_object(&w);
    jw_kstr(&w, "status", scan_level_name(said.level));
    if (said.message[0]) jw_kstr(&w, "message", str_c(said.message));
    if (said.version[0]) jw_kstr(&w, "version", str_c(said.version));
    jw_object_end(&w);
    out->av = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    if (out->level == SCAN_QUEUED) out->level = SCAN_SAFE; /* it was queued for this */
    if (said.level > out->level) out->level = said.level;
}

static bool wants_clamd(const struct visit *v, const struct scan_verdict *said)
{
    return v->w->clamd.n && (!said->av.p || str_find(said->av, STR("\"status\":\"queued\"")) != STR_NONE);
}

/* The rest of a verdict that stands. */
static void judge_by_clamd(struct visit *v, const struct scan_file *f, struct arena *a, struct scan_verdict *said)
{
    struct scan_stored stored;
    struct err why;
    if (!scan_stored_open(v->w->hub, v->git, f, a, &stored, &why)) return; /* its own verdict says so */
    ask_clamd(v, f, &stored, a, said);
    scan_stored_close(&stored);
    said->scanned_ms = clock_now_ms();
}

/* What stops a scan of this file alone is a verdict, too: nobody shall wait for another for ever. */
static bool judge(struct visit *v, const struct scan_file *f, struct arena *a, struct scan_verdict *out, struct err *e)
{
    struct scan_options o = { v->stops, v->ctx };
    struct scan_report report = { 0 };
    struct scan_stored stored = { 0 };
    struct err why;
    bool ok = scan_stored_open(v->w->hub, v->git, f, a, &stored, &why) &&
              scan_pool_judge(v->w->pool, &stored.source, name_of(f->path), &o, a, &report, &why);
    if (ok) {
        scan_verdict_of_report(&report, a, out);
        if (v->w->clamd.n) ask_clamd(v, f, &stored, a, out);
    }
    scan_stored_close(&stored);
    if (!ok && why.code == ERR_CLOSED) {
        *e = why;
        return false;
    }
    if (!ok) {
        enum scan_level level = why.code == ERR_TOO_LARGE ? SCAN_CAUTION : SCAN_ERROR;
        log_warn("scan.failed", "repo=\"%.*s\" path=\"%.*s\" reason=\"%s\"", STR_ARG(v->repo->full_name), STR_ARG(f->path), why.msg);
        const char *says = level == SCAN_CAUTION ? "is too large, for a file in git, to be looked at" : "could not be read here";
        *out = (struct scan_verdict){ .level = level, .version = SCAN_VERSION, .findings = told(level, says, a) };
    }
    out->scanned_ms = clock_now_ms();
    return true;
}

/* Its bytes are here: of our own repositories always. */
static bool is_here(struct visit *v, const struct scan_file *f, bool *yes, struct err *e)
{
    struct large_file file;
    *yes = true;
    if (!f->is_large || !v->repo->upstream.n) return true;
    if (!large_file_find(v->w->hub, v->c, v->repo->id, &f->sha256, &file, yes, e)) return false;
    *yes = *yes && file.size_bytes == f->size_bytes;
    return true;
}

static bool look_at(struct visit *v, const struct scan_file *f, struct err *e)
{
    struct arena *a = arena_new(JUDGE_MEMORY_MAX);
    struct scan_verdict said;
    bool found = false, here = false;
    bool ok = !is_stopped(v, e) && is_here(v, f, &here, e);
    if (ok && !here) v->out->absent++;
    if (!ok || !here) goto done;

    ok = scan_verdict_find(v->c, v->repo->id, f, &said, &found, a, e);
    if (ok && found && !v->again && said.version >= SCAN_VERSION) {
        bool more = wants_clamd(v, &said);
        if (more) judge_by_clamd(v, f, a, &said);
        v->out->known++;
        ok = keep(v, f, &said, more, e);
        goto done;
    }
    found = false;
    if (ok && !v->again) ok = scan_verdict_elsewhere(v->c, f, &said, &found, a, e);
    found = ok && found && !wants_clamd(v, &said);
    if (found) v->out->known++;
    if (ok && !found) {
        ok = judge(v, f, a, &said, e);
        if (ok) {
            v->out->files++;
            v->out->bytes += f->size_bytes;
            atomic_fetch_add_explicit(&v->w->judged[said.level], 1, memory_order_relaxed);
            if (scan_is_issue(said.level))
                log_info("scan.found", "repo=\"%.*s\" path=\"%.*s\" level=%.*s", STR_ARG(v->repo->full_name), STR_ARG(f->path), STR_ARG(scan_level_name(said.level)));
        }
    }
    ok = ok && keep(v, f, &said, true, e);
done:
    arena_free(a);
    return ok;
}

static struct scan_file file_of(const struct vcs_entry *entry)
{
    struct scan_file f = { .path = entry->path, .oid = entry->oid, .is_large = entry->lfs.is_lfs, .size_bytes = vcs_entry_size(entry) };
    memcpy(f.sha256.b, entry->lfs.sha256, SHA256_BYTES);
    return f;
}

/* ------------------------------------------------------------------ the files of a commit */

struct page {
    struct arena *a;
    struct scan_file *file;
    size_t n;
    str last; /* where the next page begins */
    bool is_full;
};

static bool collect(void *ctx, const struct vcs_entry *entry)
{
    struct page *p = ctx;
    if (p->n == PAGE_FILES) {
        p->is_full = true;
        return false;
    }
    p->last = arena_dup(p->a, entry->path);
    if (entry->kind != VCS_FILE) return true;
    p->file = arena_grow(p->a, p->file, p->n, sizeof *p->file);
    p->file[p->n] = file_of(entry);
    p->file[p->n++].path = p->last;
    return true;
}

/* A page at a time: a walk holds git's trees open, and a scan takes long. */
static bool whole_tree(struct visit *v, const struct vcs_oid *commit, struct err *e)
{
    char after[4096 + 1] = "";
    size_t after_n = 0;
    for (bool more = true; more;) {
        struct page p = { .a = v->page };
        struct vcs_walk walk = { .path = STR(""), .after = { after, after_n }, .recursive = true, .fn = collect, .ctx = &p };
        bool found;
        arena_reset(v->page);
        if (!vcs_tree_walk(v->git, commit, &walk, &found, e)) return false;
        for (size_t i = 0; i < p.n; i++)
            if (!look_at(v, &p.file[i], e)) return false;
        if (p.is_full && p.last.n >= sizeof after) return err_set(e, ERR_TOO_LARGE, "the tree has a path of %zu bytes", p.last.n);
        more = p.is_full;
        after_n = p.last.n;
        if (more) memcpy(after, p.last.p, after_n);
    }
    return true;
}

/* What is at the head and was not in the base, if that is little; *little false: nothing was done. */
static bool changes(struct visit *v, const struct vcs_oid *base, const struct vcs_oid *head, bool *little, struct err *e)
{
    struct arena *a = arena_new(0);
    struct vcs_change *change;
    struct err why;
    size_t n;
    bool ok = true;
    *little = vcs_diff(v->git, base, head, DIFF_FILES_MAX + 1, a, &change, &n, &why) && n <= DIFF_FILES_MAX;
    for (size_t i = 0; *little && ok && i < n; i++) {
        struct vcs_entry entry;
        bool found;
        if (change[i].status == 'D') continue;
        ok = vcs_entry_find(v->git, head, change[i].new_path, &entry, &found, a, e);
        if (!ok || !found || entry.kind != VCS_FILE) continue;
        struct scan_file f = file_of(&entry);
        ok = look_at(v, &f, e);
    }
    arena_free(a);
    return ok;
}

/* Who moved the ref to this commit; the last that did. */
static bool find_pusher(struct visit *v, str commit, struct err *e)
{
    static const char sql[] = "SELECT actor_id, repo_id, instr(data, ?2) FROM happening WHERE owner_id = ?1 ORDER BY at_ms DESC, id DESC LIMIT ?3";
    struct arena *a = arena_new(0);
    struct db_query q;
    v->pusher_id = 0;
    bool ok = db_query(v->c, &q, e, sql, db_int(v->repo->owner_id), db_text(arena_fmt(a, "\"newSha\":\"%.*s\"", STR_ARG(commit))), db_int(ACTORS_LOOKED_AT));
    if (ok) {
        while (!v->pusher_id && db_next(&q, e))
            if (db_col_int(&q, 1) == v->repo->id && db_col_int(&q, 2)) v->pusher_id = db_col_int(&q, 0);
        ok = db_end(&q);
    }
    arena_free(a);
    return ok;
}

/* ------------------------------------------------------------------ refs */

struct moved {
    str name, commit, base; /* base .p NULL: nothing of it was looked at by these lists */
};

static bool moved_refs(struct visit *v, struct arena *a, struct moved **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT r.name, r.commit_sha, s.commit_sha, s.version FROM repo_ref r"
                              " LEFT JOIN scan_ref s ON s.repo_id = r.repo_id AND s.name = r.name WHERE r.repo_id = ?1"
                              " AND (?2 OR s.commit_sha IS NULL OR s.commit_sha <> r.commit_sha OR s.version < ?3) ORDER BY r.name <> '" MAIN_REF "', r.name";
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(v->c, &q, e, sql, db_int(v->repo->id), db_int(v->again), db_int(scan_watch_version(v->w)))) return false;
    while (db_next(&q, e)) {
        bool has_base = !v->again && !db_col_is_null(&q, 2) && db_col_int(&q, 3) >= scan_watch_version(v->w);
        *out = arena_grow(a, *out, *n, sizeof **out);
        (*out)[(*n)++] = (struct moved){ db_col_dup(&q, 0, a), db_col_dup(&q, 1, a), has_base ? db_col_dup(&q, 2, a) : (str){ 0 } };
    }
    return db_end(&q);
}

/* Tips of branches and pull requests mostly differ little from main. */
static bool main_was_looked_at(struct visit *v, struct vcs_oid *commit, bool *yes, struct err *e)
{
    static const char sql[] = "SELECT commit_sha FROM scan_ref WHERE repo_id = ? AND name = '" MAIN_REF "' AND version >= ?";
    struct db_query q;
    *yes = false;
    if (!db_query(v->c, &q, e, sql, db_int(v->repo->id), db_int(scan_watch_version(v->w)))) return false;
    if (db_next(&q, e)) *yes = vcs_oid_parse(db_col_text(&q, 0), commit);
    return db_end(&q);
}

static bool finish_ref(struct visit *v, const struct moved *m, struct err *e)
{
    static const char sql[] = "INSERT INTO scan_ref (repo_id, name, commit_sha, version) SELECT repo_id, name, ?3, ?4 FROM repo_ref WHERE repo_id = ?1 AND name = ?2"
                              " ON CONFLICT (repo_id, name) DO UPDATE SET commit_sha = excluded.commit_sha, version = excluded.version";
    static const char tidy[] = "DELETE FROM scan_issue WHERE repo_id = ? AND NOT EXISTS (SELECT 1 FROM repo_file f WHERE f.repo_id = scan_issue.repo_id"
                               " AND f.path = scan_issue.path AND f.oid = scan_issue.oid)";
    struct db *d = hub_db(v->w->hub);
    struct db_conn *tx;
    if (!flush(v, e) || !db_begin(d, &tx, e)) return false;
    bool ok = db_run(tx, e, sql, db_int(v->repo->id), db_text(m->name), db_text(m->commit), db_int(scan_watch_version(v->w))) &&
              (!v->is_main || db_run(tx, e, tidy, db_int(v->repo->id)));
    return db_finish(d, tx, ok, e);
}

/* What else was found stands; the repository is due until the daemon was asked. */
static bool no_clamd(const struct visit *v, struct err *e) { return err_set(e, ERR_BUSY, "ClamAV cannot be asked at %.*s", STR_ARG(v->w->clamd)); }

static bool look_at_ref(struct visit *v, const struct moved *m, struct err *e)
{
    struct vcs_oid head, base;
    bool has_base = false, little = false;
    if (!vcs_oid_parse(m->commit, &head)) return true;
    v->ref = m->name;
    v->is_main = str_eq(m->name, STR(MAIN_REF));
    if (m->base.p)
        has_base = vcs_oid_parse(m->base, &base);
    else if (!v->is_main && !v->again && !main_was_looked_at(v, &base, &has_base, e))
        return false;
    if (!find_pusher(v, m->commit, e)) return false;
    if (has_base && !changes(v, &base, &head, &little, e)) return false;
    if (!little && !whole_tree(v, &head, e)) return false;
    if (!v->lacks_clamd) return finish_ref(v, m, e);
    return flush(v, e) && no_clamd(v, e);
}

/* Large files of a mirror that came since its refs were looked at. */
static bool look_at_late(struct visit *v, struct err *e)
{
    static const char sql[] = "SELECT f.path, f.oid, f.size_bytes, f.sha256 FROM repo_file f JOIN repo_large_file l ON l.repo_id = f.repo_id AND l.sha256 = f.sha256"
                              " WHERE f.repo_id = ?1 AND NOT EXISTS (SELECT 1 FROM scan_verdict s WHERE s.repo_id = f.repo_id AND s.content = lower(hex(f.sha256)) AND s.level <> 'queued')"
                              " AND f.path > ?2 ORDER BY f.path LIMIT ?3";
    str after = STR("");
    if (!v->repo->upstream.n) return true;
    v->ref = STR(MAIN_REF);
    v->is_main = true;
    v->pusher_id = 0;
    for (size_t n = PAGE_FILES; n == PAGE_FILES;) {
        struct scan_file *file = arena_alloc(v->page, PAGE_FILES * sizeof *file);
        struct db_query q;
        n = 0;
        if (!db_query(v->c, &q, e, sql, db_int(v->repo->id), db_text(after), db_int(PAGE_FILES))) return false;
        while (n < PAGE_FILES && db_next(&q, e)) {
            struct scan_file f = { .path = db_col_dup(&q, 0, v->page), .size_bytes = (uint64_t)db_col_int(&q, 2), .is_large = true };
            if (vcs_oid_parse(db_col_text(&q, 1), &f.oid) && db_col_sha256(&q, 3, &f.sha256)) file[n++] = f;
        }
        if (!db_end(&q)) return false;
        for (size_t i = 0; i < n; i++)
            if (!look_at(v, &file[i], e)) return false;
        if (n) after = file[n - 1].path;
    }
    return flush(v, e) && (!v->lacks_clamd || no_clamd(v, e));
}

bool scan_watch_repo(struct scan_watch *w, const struct repo *r, bool again, bool (*stops)(void *ctx), void *ctx, struct scan_result *out, struct err *e)
{
    struct arena *a = arena_new(0);
    struct moved *moved = NULL;
    size_t n = 0;
    *out = (struct scan_result){ 0 };
    struct visit v = { .w = w, .repo = r, .stops = stops, .ctx = ctx, .again = again, .out = out, .page = arena_new(0), .keep = arena_new(0),
                       .c = db_reader(hub_db(w->hub)) };
    bool ok = moved_refs(&v, a, &moved, &n, e) && (!n || hub_repo_open(w->hub, r->id, &v.git, e));
    for (size_t i = 0; ok && i < n; i++) ok = look_at_ref(&v, &moved[i], e);
    ok = ok && look_at_late(&v, e);
    struct err why;
    if (!ok && v.kept_n) (void)flush(&v, &why); /* what was looked at need not be looked at again */
    vcs_close(v.git);
    db_give(hub_db(w->hub), v.c);
    arena_free(v.page);
    arena_free(v.keep);
    arena_free(a);
    return ok;
}
