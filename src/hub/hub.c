/* hub/hub.c - the hub as a whole, and looking repositories up.
 *
 * One hub per process.  Several processes may have the same home open (the command line beside a server):
 * the database and git bring their own locks, lock.c adds the one of a repository's writers. */
#include "hub/hub.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "hub/hub_priv.h"
#include "hub/index/tag_block.h"

enum { FILE_CACHE_BYTES = 32 << 20, HISTORY_CACHE_BYTES = 16 << 20 };

/* ------------------------------------------------------------------ kinds */

static const struct {
    str name, plural, web;
} kinds[REPO_KINDS] = {
    [REPO_MODEL] = { STR_INIT("model"), STR_INIT("models"), STR_INIT("") },
    [REPO_DATASET] = { STR_INIT("dataset"), STR_INIT("datasets"), STR_INIT("datasets/") },
    [REPO_SPACE] = { STR_INIT("space"), STR_INIT("spaces"), STR_INIT("spaces/") },
    [REPO_KERNEL] = { STR_INIT("kernel"), STR_INIT("kernels"), STR_INIT("kernels/") },
};

str repo_kind_name(enum repo_kind k) { return kinds[k].name; }
str repo_kind_plural(enum repo_kind k) { return kinds[k].plural; }
str repo_web_prefix(enum repo_kind k) { return kinds[k].web; }

bool repo_kind_parse(str s, enum repo_kind *out)
{
    for (size_t i = 0; i < REPO_KINDS; i++) {
        if (!str_eq(s, kinds[i].name) && !str_eq(s, kinds[i].plural)) continue;
        *out = (enum repo_kind)i;
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------ opening */

void hub_path(const struct hub *h, const char *below, char out[HUB_PATH_BYTES])
{
    int n = snprintf(out, HUB_PATH_BYTES, "%s/%s", h->home, below);
    must(n > 0 && n < HUB_PATH_BYTES);
}

static bool make_folders(struct hub *h, struct err *e)
{
    static const char *const folders[] = { "repos", "locks", "tmp/repos", "tmp/cas" };
    char path[HUB_PATH_BYTES];
    for (size_t i = 0; i < COUNT(folders); i++) {
        hub_path(h, folders[i], path);
        if (!os_mkdirs(path, e)) return false;
    }
    return true;
}

static bool open_home(struct hub *h, struct err *e)
{
    h->home_fd = open(h->home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (h->home_fd < 0) return err_os(e, errno, "cannot open %s", h->home);
    /* Held only to be seen: hub_recover asks whether anybody else is there. */
    if (flock(h->home_fd, LOCK_SH) != 0) return err_os(e, errno, "cannot lock %s", h->home);
    return true;
}

bool hub_open(const char *home, struct hub **out, struct err *e)
{
    char db[HUB_PATH_BYTES], blobs[HUB_PATH_BYTES], tmp[HUB_PATH_BYTES];
    if (strlen(home) > HUB_HOME_BYTES_MAX)
        return err_set(e, ERR_INVALID, "the path of the home folder may have %d bytes at most", HUB_HOME_BYTES_MAX);
    if (!vcs_global_init(e)) return false;
    struct hub *h = mem_one(struct hub);
    h->home = mem_dup(str_c(home));
    h->home_fd = -1;
    h->downloads = downloads_new();
    h->uses = mirror_uses_new();
    h->files = file_cache_new(FILE_CACHE_BYTES);
    h->histories = file_cache_new(HISTORY_CACHE_BYTES);
    must(pthread_mutex_init(&h->lock, NULL) == 0);
    hub_path(h, "hearth.db", db);
    hub_path(h, "cas", blobs);
    hub_path(h, "tmp/cas", tmp);
    if (!make_folders(h, e) || !open_home(h, e) || !db_open(db, &h->db, e) || !tag_block_fill(h->db, false, e) || !store_open(blobs, tmp, &h->store, e) ||
        !cas_open(h->store, h->db, &h->cas, e)) {
        hub_close(h);
        return false;
    }
    *out = h;
    return true;
}

void hub_close(struct hub *h)
{
    if (!h) return;
    must(!h->locks); /* a writer is still at work */
    if (h->cas) cas_close(h->cas);
    if (h->store) store_close(h->store);
    db_close(h->db);
    if (h->home_fd >= 0) close(h->home_fd);
    downloads_free(h->downloads);
    mirror_uses_free(h->uses);
    mem_free(h->written.id);
    file_cache_free(h->files);
    file_cache_free(h->histories);
    pthread_mutex_destroy(&h->lock);
    mem_free(h->home);
    mem_free(h);
    vcs_global_end();
}

struct db *hub_db(struct hub *h) { return h->db; }
struct cas *hub_cas(struct hub *h) { return h->cas; }

/* ------------------------------------------------------------------ folders */

void hub_repo_path(struct hub *h, int64_t repo_id, char out[512])
{
    int n = snprintf(out, HUB_PATH_BYTES, "%s/repos/%lld", h->home, (long long)repo_id);
    must(n > 0 && n < HUB_PATH_BYTES);
}

void hub_tmp_path(struct hub *h, char out[512]) { hub_path(h, "tmp", out); }

bool hub_repo_open(struct hub *h, int64_t repo_id, struct vcs_repo **out, struct err *e)
{
    char path[HUB_PATH_BYTES];
    struct err why;
    bool exists = true;
    hub_repo_path(h, repo_id, path);
    if (vcs_open(path, out, e)) return true;
    if (hub_repo_exists(h, repo_id, &exists, &why) && !exists) err_kind(e, ERR_NOT_FOUND, HUB_NO_REPO, "Repository not found"); /* deleted since it was looked up */
    return false;
}

bool hub_remove_folder(struct hub *h, int64_t repo_id, struct err *e)
{
    static const char done[] = "DELETE FROM repo_to_remove WHERE repo_id = ?";
    char path[HUB_PATH_BYTES];
    struct db_conn *tx;
    int fd;
    hub_repo_path(h, repo_id, path);
    if (!hub_removal_lock(h, false, &fd, e)) return false;
    if (fd < 0) return true;
    bool ok = os_remove_tree(path, e);
    close(fd);
    return ok && db_begin(h->db, &tx, e) && db_finish(h->db, tx, db_run(tx, e, done, db_int(repo_id)), e);
}

bool hub_repo_exists(struct hub *h, int64_t repo_id, bool *yes, struct err *e)
{
    int64_t rows = 0;
    struct db_conn *c = db_reader(h->db);
    bool ok = db_get_int(c, &rows, 0, e, "SELECT 1 FROM repo WHERE id = ?", db_int(repo_id));
    db_give(h->db, c);
    *yes = rows != 0;
    return ok;
}

struct numbered {
    struct arena *a;
    int64_t *ids;
    size_t n;
};

static bool note_number(void *ctx, const char *name, bool is_dir)
{
    struct numbered *l = ctx;
    int64_t id;
    (void)is_dir;
    if (!str_i64(str_c(name), &id) || id <= 0) return true;
    l->ids = arena_grow(l->a, l->ids, l->n, sizeof *l->ids);
    l->ids[l->n++] = id;
    return true;
}

bool hub_numbered(struct hub *h, const char *below, struct arena *a, int64_t **out, size_t *n, struct err *e)
{
    char path[HUB_PATH_BYTES];
    struct numbered l = { .a = a };
    hub_path(h, below, path);
    if (!os_each_entry(path, note_number, &l, e)) return false;
    *out = l.ids;
    *n = l.n;
    return true;
}

/* ------------------------------------------------------------------ names */

str name_key(str name, struct arena *a) { return arena_lower(a, name); }

str repo_label(const struct repo *r, struct arena *a)
{
    str kind = repo_kind_name(r->kind);
    return arena_fmt(a, "%.*s %.*s", STR_ARG(kind), STR_ARG(r->full_name));
}

static bool name_part_check(str s, const char *what, struct err *e)
{
    if (s.n == 0) return err_set(e, ERR_INVALID, "The %s is empty", what);
    if (s.n > 96) return err_set(e, ERR_INVALID, "The %s has %zu characters; 96 is the most", what, s.n);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
        if (!fine) return err_set(e, ERR_INVALID, "The %s may only have letters, digits, '-', '_' and '.'", what);
    }
    if (s.p[0] == '-' || s.p[0] == '.' || s.p[s.n - 1] == '-' || s.p[s.n - 1] == '.')
        return err_set(e, ERR_INVALID, "The %s must not start or end with '-' or '.'", what);
    if (str_find(s, STR("--")) != STR_NONE || str_find(s, STR("..")) != STR_NONE)
        return err_set(e, ERR_INVALID, "The %s must not have \"--\" or \"..\" in it", what);
    return true;
}

bool repo_name_check(str name, struct err *e)
{
    size_t slash = str_chr(name, '/');
    str last = slash == STR_NONE ? name : str_from(name, slash + 1);
    if (slash != STR_NONE && !name_part_check(str_to(name, slash), "namespace", e)) return false;
    if (!name_part_check(last, "name", e)) return false;
    if (str_ends_nocase(last, STR(".git")) || str_ends_nocase(last, STR(".ipynb")))
        return err_set(e, ERR_INVALID, "The name must not end in \".git\" or \".ipynb\"");
    return true;
}

/* ------------------------------------------------------------------ looking up */

void repo_read(struct db_query *q, struct repo *out, struct arena *a)
{
    *out = (struct repo){
        .id = db_col_int(q, 0),
        .owner_id = db_col_int(q, 1),
        .creator_id = db_col_int(q, 2),
        .hex_id = db_col_dup(q, 4, a),
        .owner = db_col_dup(q, 5, a),
        .name = db_col_dup(q, 6, a),
        .is_private = db_col_int(q, 7) != 0,
        .is_disabled = db_col_int(q, 8) != 0,
        .gates_members = db_col_int(q, 9) != 0,
        .discussions_disabled = db_col_int(q, 10) != 0,
        .owner_is_org = str_eq(db_col_text(q, 11), STR("org")),
        .gated = db_col_dup(q, 12, a),
        .settings = db_col_dup(q, 13, a),
        .sdk = db_col_dup(q, 14, a),
        .created_ms = db_col_int(q, 15),
        .group_id = db_col_int(q, 16),
        .upstream = db_col_dup(q, 17, a),
        .label = db_col_dup(q, 18, a),
    };
    must(repo_kind_parse(db_col_text(q, 3), &out->kind)); /* the schema checks it */
    out->full_name = arena_fmt(a, "%.*s/%.*s", STR_ARG(out->owner), STR_ARG(out->name));
}

static bool read_one(struct db_query *q, struct repo *out, bool *found, struct arena *a, struct err *e)
{
    *found = db_next(q, e);
    if (*found) repo_read(q, out, a);
    return db_end(q);
}

bool repo_find(struct db_conn *c, enum repo_kind kind, str owner, str name, struct repo *out, bool *found, bool *moved,
               struct arena *a, struct err *e)
{
    static const char by_name[] = "SELECT " REPO_COLUMNS " FROM account o JOIN repo r ON r.owner_id = o.id"
                                  " WHERE o.name_key = ? AND r.kind = ? AND r.name_key = ?";
    static const char by_former_name[] =
        "SELECT " REPO_COLUMNS " FROM repo_former_name f JOIN repo r ON r.id = f.repo_id JOIN account o ON o.id = r.owner_id"
        " WHERE f.owner_key = ? AND f.kind = ? AND f.name_key = ?";
    const char *const sql[] = { by_name, by_former_name };
    str owner_key = name_key(owner, a), key = name_key(name, a);
    *found = *moved = false;
    for (size_t i = 0; i < COUNT(sql) && !*found; i++) {
        struct db_query q;
        if (!db_query(c, &q, e, sql[i], db_text(owner_key), db_text(repo_kind_name(kind)), db_text(key))) return false;
        if (!read_one(&q, out, found, a, e)) return false;
    }
    if (*found) *moved = !str_eq(out->owner, owner) || !str_eq(out->name, name);
    return true;
}

bool repo_get(struct db_conn *c, int64_t id, struct repo *out, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " REPO_COLUMNS " FROM repo r JOIN account o ON o.id = r.owner_id WHERE r.id = ?";
    struct db_query q;
    bool found;
    if (!db_query(c, &q, e, sql, db_int(id)) || !read_one(&q, out, &found, a, e)) return false;
    return found || err_kind(e, ERR_NOT_FOUND, HUB_NO_REPO, "Repository not found");
}

bool repo_find_hex(struct db_conn *c, str hex_id, struct repo *out, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " REPO_COLUMNS " FROM repo r JOIN account o ON o.id = r.owner_id WHERE r.hex_id = ?";
    struct db_query q;
    return db_query(c, &q, e, sql, db_text(hex_id)) && read_one(&q, out, found, a, e);
}

bool repo_count(struct db_conn *c, int64_t *n, struct err *e) { return db_get_int(c, n, 0, e, "SELECT sum(count) FROM repo_total"); }

/* ------------------------------------------------------------------ persons and revisions */

struct vcs_person hub_server_person(void)
{
    return (struct vcs_person){ STR("Hearth"), STR("hearth@localhost"), clock_now_ms() };
}

bool hub_person(struct db_conn *c, const struct identity *who, struct vcs_person *out, struct arena *a, struct err *e)
{
    struct account account;
    *out = hub_server_person();
    if (!who || !who->user_id) return true;
    if (!account_get(c, who->user_id, &account, a, e)) return false;
    out->name = account.name;
    out->email = account_noreply(account.name, a);
    return true;
}

bool ref_name_is_fine(str name)
{
    return name.n > 0 && name.n <= 200 && name.p[0] != '-' && !str_starts(name, STR("refs/")) && !str_eq(name, STR("HEAD")) &&
           str_is_utf8(name) && !(name.n == VCS_OID_HEX && str_is_hex(name));
}

str branch_ref(str name, struct arena *a)
{
    str prefix = STR("refs/heads/");
    str ref = str_starts(name, prefix) ? arena_dup(a, name) : arena_fmt(a, "refs/heads/%.*s", STR_ARG(name));
    return vcs_ref_name_is_valid(ref) ? ref : (str){ 0 };
}

int64_t pr_number(str ref)
{
    int64_t n;
    if (!str_starts(ref, PR_REFS)) return 0;
    str digits = str_from(ref, PR_REFS.n);
    bool canonical = digits.n && digits.p[0] != '0' && str_i64(digits, &n) && n > 0;
    return canonical ? n : 0;
}
