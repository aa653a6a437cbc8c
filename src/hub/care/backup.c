/* hub/care/backup.c - see hub/care/backup.h.
 *
 * The moment is that of the copy of the database.  What its rows name was on disk before they were committed, and stays
 * there: while a backup has the removal lock (hub_priv.h) nobody collects, repacks or removes folders.  So the rest may
 * be copied at leisure, and may be newer: objects and xorbs that the rows do not know are strays, which collection takes.
 * References are the one thing that changes in place.  They are not copied but written from the rows (repo_ref), so that
 * git and the database agree.
 *
 * Invariants:
 * 1. A folder with a date as its name is a whole copy, and on disk.
 * 2. No file of a copy is ever written to again: other copies may share it. */
#include "hub/care/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "hub/hub_priv.h"

#define DONE_FILE "backup" /* in the home: its time is that of the last backup */
enum { DATE_BYTES = sizeof "2026-01-31T02-00-00Z", COPY_PATH_BYTES = 1024 };

struct backup {
    struct hub *h;
    const char *dir;
    char part[BACKUP_PATH_BYTES];        /* DIR/unfinished */
    char before[BACKUP_PATH_BYTES + 32]; /* the newest copy; "": none */
    uint8_t *block;
    struct backup_result *out;
    struct err *e;
};

/* ------------------------------------------------------------------ a file */

enum rule {
    IS_NAMED_BY_CONTENT, /* cas/: one name, one content */
    IS_KEPT,             /* objects of git: replaced perhaps, and then by a newer file */
    IS_CHANGED,          /* copied each time */
};

static bool is_same(const char *path, const struct stat *st, enum rule rule)
{
    struct stat there;
    if (rule == IS_CHANGED || stat(path, &there) != 0 || there.st_size != st->st_size) return false;
    return rule == IS_NAMED_BY_CONTENT || (there.st_mtim.tv_sec == st->st_mtim.tv_sec && there.st_mtim.tv_nsec == st->st_mtim.tv_nsec);
}

/* The time comes last: a copy that has it was on disk before, whatever happened then. */
static bool copy_bytes(struct backup *b, int from, const struct stat *st, const char *to)
{
    enum { BLOCK = 1 << 20 };
    const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, st->st_mtim };
    size_t got = 1;
    int fd;
    if (!b->block) b->block = mem_alloc(BLOCK);
    if (!os_create(to, &fd, b->e)) return false;
    bool ok = true;
    while (ok && got) ok = os_read(from, b->block, BLOCK, &got, b->e) && os_write(fd, (bytes){ b->block, got }, b->e);
    ok = ok && os_sync(fd, b->e);
    if (ok && futimens(fd, times) != 0) ok = err_os(b->e, errno, "cannot set the time");
    close(fd);
    return ok || err_context(b->e, "%s", to);
}

static bool put_file(struct backup *b, const char *below, enum rule rule)
{
    char from[COPY_PATH_BYTES], to[COPY_PATH_BYTES], before[COPY_PATH_BYTES];
    struct stat st;
    snprintf(from, sizeof from, "%s/%s", b->h->home, below);
    snprintf(to, sizeof to, "%s/%s", b->part, below);
    snprintf(before, sizeof before, "%s/%s", b->before, below);
    int fd;
    bool found;
    if (!os_open_read(from, &fd, &found, b->e)) return false;
    if (!found) return true; /* what goes away during a backup was never named */
    bool ok = fstat(fd, &st) == 0 || err_os(b->e, errno, "cannot look at %s", from);
    bool has_it = ok && is_same(to, &st, rule == IS_NAMED_BY_CONTENT ? IS_KEPT : rule); /* from a copy that was cut short */
    if (ok && !has_it) {
        ok = os_remove(to, b->e);
        bool shares = ok && b->before[0] && is_same(before, &st, rule) && link(before, to) == 0;
        if (ok && !shares) ok = copy_bytes(b, fd, &st, to);
        *(shares ? &b->out->shared_files : &b->out->copied_files) += ok;
        *(shares ? &b->out->shared_bytes : &b->out->copied_bytes) += ok ? (uint64_t)st.st_size : 0;
    }
    close(fd);
    return ok;
}

/* ------------------------------------------------------------------ a folder */

struct tree {
    struct backup *b;
    const char *below;
    enum rule rule;
    bool ok;
};

static bool make_folder(struct backup *b, const char *below)
{
    char path[COPY_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", b->part, below);
    return mkdir(path, 0700) == 0 || errno == EEXIST || err_os(b->e, errno, "cannot create the folder %s", path);
}

static bool put_tree(struct backup *b, const char *below, enum rule rule);

static bool put_entry(void *ctx, const char *name, bool is_dir)
{
    struct tree *t = ctx;
    char below[BACKUP_PATH_BYTES];
    str s = str_c(name);
    /* What git is at work on, and the mark that a pack is. */
    if (t->rule != IS_NAMED_BY_CONTENT && (str_starts(s, STR("tmp_")) || str_ends(s, STR(".lock")) || str_ends(s, STR(".keep")))) return true;
    int n = snprintf(below, sizeof below, "%s/%s", t->below, name);
    if (n < 0 || (size_t)n >= sizeof below) return t->ok = err_set(t->b->e, ERR_IO, "a path below %s is too long", t->below);
    return t->ok = is_dir ? put_tree(t->b, below, t->rule) : put_file(t->b, below, t->rule);
}

static bool put_tree(struct backup *b, const char *below, enum rule rule)
{
    char path[COPY_PATH_BYTES];
    struct tree t = { .b = b, .below = below, .rule = rule, .ok = true };
    snprintf(path, sizeof path, "%s/%s", b->h->home, below);
    return make_folder(b, below) && os_each_entry(path, put_entry, &t, b->e) && t.ok;
}

/* ------------------------------------------------------------------ a repository */

static bool put_refs(struct backup *b, struct db *copy, int64_t repo_id)
{
    static const char sql[] = "SELECT sha, name FROM repo_ref WHERE repo_id = ? ORDER BY name";
    char path[COPY_PATH_BYTES];
    struct db_query q;
    struct buf text = BUF_INIT(SIZE_MAX);
    struct db_conn *c = db_reader(copy);
    buf_lit(&text, "# pack-refs with: sorted \n");
    bool ok = db_query(c, &q, b->e, sql, db_int(repo_id));
    if (ok) {
        while (db_next(&q, b->e)) {
            str sha = db_col_text(&q, 0), name = db_col_text(&q, 1);
            buf_addf(&text, "%.*s %.*s\n", STR_ARG(sha), STR_ARG(name));
        }
        ok = db_end(&q);
    }
    db_give(copy, c);
    snprintf(path, sizeof path, "%s/repos/%lld/packed-refs", b->part, (long long)repo_id);
    int fd = -1;
    ok = ok && os_create(path, &fd, b->e) && os_write(fd, bytes_of(buf_str(&text)), b->e);
    if (fd >= 0) close(fd);
    buf_deinit(&text);
    return ok;
}

static bool put_repo_entry(void *ctx, const char *name, bool is_dir)
{
    struct tree *t = ctx;
    str s = str_c(name);
    if (str_eq(s, STR("refs")) || str_eq(s, STR("packed-refs")) || str_eq(s, STR("logs")) || str_eq(s, STR("objects"))) return true;
    return put_entry(t, name, is_dir);
}

static bool put_repo(struct backup *b, struct db *copy, int64_t id)
{
    char repo[64], path[COPY_PATH_BYTES], below[128];
    snprintf(repo, sizeof repo, "repos/%lld", (long long)id);
    snprintf(path, sizeof path, "%s/%s", b->h->home, repo);
    struct tree t = { .b = b, .below = repo, .rule = IS_CHANGED, .ok = true };
    if (!make_folder(b, repo) || !os_each_entry(path, put_repo_entry, &t, b->e) || !t.ok) return false;
    snprintf(below, sizeof below, "%s/refs", repo); /* without it git sees no repository */
    if (!make_folder(b, below) || !put_refs(b, copy, id)) return false;
    snprintf(below, sizeof below, "%s/objects", repo);
    return put_tree(b, below, IS_KEPT);
}

static bool next_repo(struct db *copy, int64_t *id, struct err *e)
{
    int64_t after = *id;
    struct db_conn *c = db_reader(copy);
    bool ok = db_get_int(c, id, 0, e, "SELECT id FROM repo WHERE id > ? ORDER BY id LIMIT 1", db_int(after));
    db_give(copy, c);
    return ok;
}

static bool put_repos(struct backup *b, struct db *copy)
{
    if (!make_folder(b, "repos")) return false;
    for (int64_t id = 0;;) {
        if (!next_repo(copy, &id, b->e)) return false;
        if (!id) return true;
        if (!put_repo(b, copy, id)) return err_context(b->e, "repos/%lld", (long long)id);
        b->out->repos++;
    }
}

/* ------------------------------------------------------------------ the copies of a folder */

struct copies {
    char newest[DATE_BYTES], oldest[DATE_BYTES];
    uint64_t n;
};

static bool note_copy(void *ctx, const char *name, bool is_dir)
{
    struct copies *c = ctx;
    if (!is_dir || strlen(name) != DATE_BYTES - 1 || name[4] != '-' || name[10] != 'T' || name[DATE_BYTES - 2] != 'Z') return true;
    if (!c->n || strcmp(name, c->newest) > 0) snprintf(c->newest, sizeof c->newest, "%s", name);
    if (!c->n || strcmp(name, c->oldest) < 0) snprintf(c->oldest, sizeof c->oldest, "%s", name);
    c->n++;
    return true;
}

static bool look_at_copies(const struct backup *b, struct copies *out)
{
    *out = (struct copies){ 0 };
    return os_each_entry(b->dir, note_copy, out, b->e);
}

/* Under another name first: half of a copy must not look like one. */
static bool remove_old(struct backup *b, uint64_t keep)
{
    struct copies c;
    char from[BACKUP_PATH_BYTES + 32], to[BACKUP_PATH_BYTES];
    snprintf(to, sizeof to, "%s/removed", b->dir);
    if (!os_remove_tree(to, b->e)) return false; /* of a process that was stopped */
    for (;; b->out->removed++) {
        if (!look_at_copies(b, &c)) return false;
        if (!keep || c.n <= keep) return true;
        snprintf(from, sizeof from, "%s/%s", b->dir, c.oldest);
        if (!os_rename(from, to, b->e) || !os_remove_tree(to, b->e)) return false;
    }
}

static bool name_latest(struct backup *b, const char *name)
{
    char link_path[BACKUP_PATH_BYTES], new_path[BACKUP_PATH_BYTES];
    snprintf(link_path, sizeof link_path, "%s/latest", b->dir);
    snprintf(new_path, sizeof new_path, "%s/latest.new", b->dir);
    if (!os_remove(new_path, b->e)) return false;
    if (symlink(name, new_path) != 0) return err_os(b->e, errno, "cannot make the link %s", new_path);
    return os_rename(new_path, link_path, b->e);
}

/* Everything below is on disk, then it gets its name. */
static bool finish(struct backup *b)
{
    char name[DATE_BYTES];
    struct tm at;
    time_t now = (time_t)(clock_now_ms() / 1000);
    must(gmtime_r(&now, &at) && strftime(name, sizeof name, "%Y-%m-%dT%H-%M-%SZ", &at) == sizeof name - 1);
    snprintf(b->out->path, sizeof b->out->path, "%s/%s", b->dir, name);
    int fd = open(b->part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return err_os(b->e, errno, "cannot open %s", b->part);
    bool ok = syncfs(fd) == 0 || err_os(b->e, errno, "cannot write %s to disk", b->part);
    close(fd);
    return ok && os_rename(b->part, b->out->path, b->e) && name_latest(b, name);
}

/* ------------------------------------------------------------------ all of it */

/* Of a copy that was cut short the large files are taken on; the rest is quick, and of another moment. */
static bool begin(struct backup *b)
{
    char path[COPY_PATH_BYTES];
    struct copies c;
    static const char *const leftover[] = { "hearth.db", "hearth.db-wal", "hearth.db-shm", "secret.key" };
    if (!look_at_copies(b, &c)) return false;
    if (c.n) snprintf(b->before, sizeof b->before, "%s/%s", b->dir, c.newest);
    snprintf(path, sizeof path, "%s/repos", b->part);
    if (!os_mkdirs(b->part, b->e) || !os_remove_tree(path, b->e)) return false;
    for (size_t i = 0; i < COUNT(leftover); i++) {
        snprintf(path, sizeof path, "%s/%s", b->part, leftover[i]);
        if (!os_remove(path, b->e)) return false;
    }
    return true;
}

/* What was acknowledged stands in git first and then in the rows.  Where a writer could not write them, they follow now. */
static bool index_what_waits(struct hub *h, struct err *e)
{
    struct arena *a = arena_new(0);
    int64_t *id;
    size_t n;
    bool ok = hub_numbered(h, "locks", a, &id, &n, e);
    for (size_t i = 0; ok && i < n; i++) {
        struct repo_lock *lock;
        struct err ignored; /* it is written to right now; or its index cannot be written, which fsck tells */
        if (!repo_lock_bare(h, id[i], 0, &lock, &ignored)) continue;
        if (hub_is_dirty(h, id[i])) (void)hub_index(h, id[i], NULL, &ignored);
        repo_unlock(h, lock);
    }
    arena_free(a);
    return ok;
}

/* A repository is created by its row and then its index; until then nobody was told that it is there. */
static bool leave_out_unborn(struct db *copy, struct err *e)
{
    struct db_conn *tx;
    return db_begin(copy, &tx, e) && db_finish(copy, tx, db_run(tx, e, "DELETE FROM repo WHERE id NOT IN (SELECT repo_id FROM repo_index)"), e);
}

static bool copy_all(struct backup *b)
{
    char path[COPY_PATH_BYTES];
    struct db *copy = NULL;
    snprintf(path, sizeof path, "%s/hearth.db", b->part);
    if (!index_what_waits(b->h, b->e)) return false;
    if (!db_copy(b->h->db, path, b->e) || !db_open(path, &copy, b->e)) return false;
    bool ok = leave_out_unborn(copy, b->e) && put_repos(b, copy) && put_tree(b, "cas", IS_NAMED_BY_CONTENT) && put_file(b, "secret.key", IS_CHANGED);
    db_close(copy);
    return ok;
}

/* A backup inside of what it copies would copy itself. */
static bool is_outside(const struct hub *h, const char *dir, struct err *e)
{
    char home[PATH_MAX], to[PATH_MAX];
    if (!realpath(h->home, home) || !realpath(dir, to)) return err_os(e, errno, "cannot look at %s", dir);
    bool is_inside = str_starts(str_c(to), str_c(home)) && (to[strlen(home)] == '/' || !to[strlen(home)]);
    return !is_inside || err_set(e, ERR_INVALID, "%s lies in the home; name a folder outside, best on another disk", dir);
}

/* Other writers to the same folder are kept away. */
static bool lock_dir(const char *dir, int *fd, struct err *e)
{
    bool got = false;
    *fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0) return err_os(e, errno, "cannot open %s", dir);
    return os_try_lock(*fd, true, &got, e) && (got || err_set(e, ERR_BUSY, "another backup into %s is under way", dir));
}

static bool note_time(struct hub *h, struct err *e)
{
    char dir[HUB_PATH_BYTES], path[HUB_PATH_BYTES];
    hub_path(h, "tmp", dir);
    hub_path(h, DONE_FILE, path);
    return os_write_file(dir, path, (bytes){ 0 }, e);
}

bool hub_backup_time(struct hub *h, int64_t *ms, struct err *e)
{
    char path[HUB_PATH_BYTES];
    bool found;
    *ms = 0;
    hub_path(h, DONE_FILE, path);
    return os_stat(path, NULL, ms, &found, e);
}

bool hub_backup(struct hub *h, const char *dir, uint64_t keep, struct backup_result *out, struct err *e)
{
    struct backup b = { .h = h, .dir = dir, .out = out, .e = e };
    int dir_fd = -1, removal_fd = -1;
    *out = (struct backup_result){ 0 };
    if (strlen(dir) > HUB_HOME_BYTES_MAX) return err_set(e, ERR_INVALID, "the path of the folder may have %d bytes at most", HUB_HOME_BYTES_MAX);
    snprintf(b.part, sizeof b.part, "%s/unfinished", dir);
    bool ok = os_mkdirs(dir, e) && is_outside(h, dir, e) && lock_dir(dir, &dir_fd, e) && hub_removal_wait(h, true, NULL, NULL, &removal_fd, e);
    ok = ok && begin(&b) && copy_all(&b) && finish(&b);
    if (removal_fd >= 0) close(removal_fd);
    ok = ok && remove_old(&b, keep) && note_time(h, e);
    if (dir_fd >= 0) close(dir_fd);
    mem_free(b.block);
    return ok;
}
