/* vcs/care.c - looking after repositories: check, repack and prune, copy.  Git's own tools do the work. */
#include <sys/stat.h>

#include "base/clock.h"
#include "base/os.h"
#include "vcs/pack_priv.h"

/* ------------------------------------------------------------------ running git for its effect */

/* A commit graph with generations of version 2 has a chunk that libgit2 1.5 does not know: it refuses all of the graph, and unpacks commit
 * after commit for each history. */
static bool git_told(struct err *e, const char *repo, str input, struct buf *text, const char *const *args)
{
    const char *all[CHILD_ARGS_MAX] = { "-c", "safe.directory=*", "-c", "commitGraph.generationVersion=1", "--git-dir", repo };
    size_t n = 6;
    int exit_code;
    for (size_t i = 0; args[i]; i++) {
        must(n + 1 < CHILD_ARGS_MAX);
        all[n++] = args[i];
    }
    bool ok = child_run(all, input, text, &exit_code, e);
    if (ok && exit_code != 0) {
        bool no_space = str_find(buf_str(text), STR("No space left")) != STR_NONE;
        ok = err_set(e, no_space ? ERR_NO_SPACE : ERR_IO, "git %s in %s: %.*s", args[0], repo,
                     STR_ARG(str_trim(str_to(buf_str(text), 300))));
    }
    return ok;
}

static bool git(struct err *e, const char *repo, const char *const *args)
{
    struct buf text = BUF_INIT(4096);
    bool ok = git_told(e, repo, STR(""), &text, args);
    buf_deinit(&text);
    return ok;
}

#define GIT(e, repo, ...) git((e), (repo), (const char *const[]){ __VA_ARGS__, NULL })

/* ------------------------------------------------------------------ check */

struct report {
    void (*problem)(void *ctx, str what);
    void *ctx;
    size_t count;
};

static void report_line(void *ctx, str line)
{
    struct report *r = ctx;
    static const str harmless[] = { STR_INIT("notice: "), STR_INIT("dangling "), STR_INIT("warning in ") };
    for (size_t i = 0; i < COUNT(harmless); i++)
        if (str_starts(line, harmless[i])) return;
    if (line.n == 0) return;
    r->count++;
    r->problem(r->ctx, line);
}

bool vcs_check(const char *path, void (*problem)(void *ctx, str what), void *ctx, struct err *e)
{
    const char *const args[] = { "-c",     "safe.directory=*", "--git-dir",     path,
                                 "fsck",   "--full",           "--no-progress", "--no-dangling", "--no-reflogs", NULL };
    struct report r = { .problem = problem, .ctx = ctx };
    int exit_code;
    if (!child_run_lines(args, 0, report_line, &r, &exit_code, e)) return false;
    if (exit_code != 0 && r.count == 0) problem(ctx, STR("git fsck failed without saying why"));
    return true;
}

/* ------------------------------------------------------------------ maintenance */

enum { PACKS_MANY = 50, LOOSE_MANY = 1000, NEW_OBJECTS_MANY = 3000, LOOSE_REFS_MANY = 100 };

static bool count_packs(void *ctx, const char *name, bool is_dir)
{
    (void)is_dir;
    *(size_t *)ctx += str_ends(str_c(name), STR(".idx"));
    return true;
}

static bool count_all(void *ctx, const char *name, bool is_dir)
{
    (void)name;
    (void)is_dir;
    ++*(size_t *)ctx;
    return true;
}

bool vcs_wants_maintenance(const char *path, bool *yes, struct err *e)
{
    char dir[512];
    size_t packs = 0, sample = 0;
    snprintf(dir, sizeof dir, "%s/objects/pack", path);
    if (!os_each_entry(dir, count_packs, &packs, e)) return false;
    snprintf(dir, sizeof dir, "%s/objects/17", path); /* one folder of 256, as git itself estimates */
    if (!os_each_entry(dir, count_all, &sample, e)) return false;
    *yes = packs >= PACKS_MANY || sample * 256 >= LOOSE_MANY;
    return true;
}

struct loose_refs {
    const char *dir;
    size_t n;
};

static bool count_refs(void *ctx, const char *name, bool is_dir)
{
    struct loose_refs *refs = ctx, below = { .n = refs->n + !is_dir };
    struct err ignored; /* a folder that went meanwhile */
    char dir[1536];
    below.dir = dir;
    bool fits = is_dir && (size_t)snprintf(dir, sizeof dir, "%s/%s", refs->dir, name) < sizeof dir;
    if (fits) (void)os_each_entry(dir, count_refs, &below, &ignored);
    refs->n = below.n;
    return refs->n < LOOSE_REFS_MANY;
}

bool vcs_wants_packed_refs(const char *path, bool *yes, struct err *e)
{
    char dir[512];
    struct loose_refs refs = { .dir = dir };
    snprintf(dir, sizeof dir, "%s/refs", path);
    if (!os_each_entry(dir, count_refs, &refs, e)) return false;
    *yes = refs.n >= LOOSE_REFS_MANY;
    return true;
}

bool vcs_pack_refs(const char *path, struct err *e) { return GIT(e, path, "pack-refs", "--all"); }

struct newer { /* packs that came after the commit graph was written */
    const char *dir;
    struct timespec graph; /* zero: there is none */
    uint64_t objects;
};

static bool count_newer(void *ctx, const char *name, bool is_dir)
{
    enum { OBJECT_BYTES = 28 }; /* in an index; its head makes a small pack count for forty more */
    struct newer *n = ctx;
    struct stat at;
    char path[768];
    if (is_dir || !str_ends(str_c(name), STR(".idx"))) return true;
    snprintf(path, sizeof path, "%s/%s", n->dir, name);
    if (stat(path, &at) != 0) return true; /* repacked meanwhile */
    bool is_newer = at.st_mtim.tv_sec != n->graph.tv_sec ? at.st_mtim.tv_sec > n->graph.tv_sec : at.st_mtim.tv_nsec > n->graph.tv_nsec;
    if (is_newer) n->objects += (uint64_t)at.st_size / OBJECT_BYTES;
    return true;
}

bool vcs_wants_graph(const char *path, bool *yes, struct err *e)
{
    char dir[512], graph[512];
    struct newer n = { .dir = dir };
    struct stat at;
    snprintf(dir, sizeof dir, "%s/objects/pack", path);
    snprintf(graph, sizeof graph, "%s/objects/info/commit-graph", path);
    if (stat(graph, &at) == 0) n.graph = at.st_mtim;
    if (!os_each_entry(dir, count_newer, &n, e)) return false;
    *yes = n.objects >= NEW_OBJECTS_MANY;
    return true;
}

bool vcs_write_graph(const char *path, struct err *e)
{
    return GIT(e, path, "commit-graph", "write", "--reachable", "--no-progress");
}

/* Unreachable objects become loose, with the age of their pack, and go when they are older than the grace
 * time.  Not a cruft pack: libgit2 makes an object young again by touching its file, which a cruft pack's
 * own table of ages would overrule. */
bool vcs_maintain(const char *path, int64_t grace_s, struct err *e)
{
    char until[32], expire[48], unreachable[64], unpack[64];
    snprintf(until, sizeof until, "%lld", (long long)(clock_now_ms() / 1000 - grace_s));
    snprintf(expire, sizeof expire, "--expire=%s", grace_s > 0 ? until : "now");
    snprintf(unreachable, sizeof unreachable, "--expire-unreachable=%s", grace_s > 0 ? until : "now");
    snprintf(unpack, sizeof unpack, "--unpack-unreachable=%s", grace_s > 0 ? until : "now");
    return GIT(e, path, "reflog", "expire", expire, unreachable, "--all") && GIT(e, path, "repack", "-q", "-A", "-d", "-l", unpack) && GIT(e, path, "prune", expire) &&
           vcs_write_graph(path, e);
}

/* ------------------------------------------------------------------ small packs */

enum { SMALL_PACK_BYTES = 4 << 20, SMALL_PACKS_MANY = 25, SMALL_PACKS_MAX = 1000 };

struct small_packs {
    const char *dir;
    struct buf names; /* a line for each: pack-<checksum>.pack */
    size_t n, all;
};

static bool note_pack(void *ctx, const char *name, bool is_dir)
{
    struct small_packs *s = ctx;
    char path[768], keep[768];
    struct stat at, ignored;
    size_t n = strlen(name);
    if (is_dir || !str_ends(str_c(name), STR(".idx"))) return true; /* only with its index a pack is there */
    s->all++;
    snprintf(path, sizeof path, "%s/%.*spack", s->dir, (int)(n - 3), name);
    snprintf(keep, sizeof keep, "%s/%.*skeep", s->dir, (int)(n - 3), name); /* a push holds it */
    if (stat(path, &at) != 0 || at.st_size > SMALL_PACK_BYTES || stat(keep, &ignored) == 0) return true;
    buf_addf(&s->names, "%.*spack\n", (int)(n - 3), name);
    return ++s->n < SMALL_PACKS_MAX;
}

/* The index goes first: a pack without one is none. */
static bool remove_pack(const char *dir, str stem, struct err *e)
{
    static const char *const part[] = { "idx", "rev", "bitmap", "pack" };
    char path[768];
    for (size_t i = 0; i < COUNT(part); i++) {
        snprintf(path, sizeof path, "%s/%.*s.%s", dir, STR_ARG(stem), part[i]);
        if (!os_remove(path, e)) return false;
    }
    return true;
}

static bool replace(const struct small_packs *s, str checksum, struct err *e)
{
    str rest = buf_str(&s->names), name;
    char path[768];
    bool found;
    snprintf(path, sizeof path, "%s/pack-%.*s.idx", s->dir, STR_ARG(checksum));
    if (!os_stat(path, NULL, NULL, &found, e) || !os_sync_dir(s->dir, e)) return false;
    if (!found) return err_set(e, ERR_IO, "git pack-objects has left no %s", path);
    while (rest.n && str_cut(&rest, '\n', &name)) {
        str stem = str_to(name, name.n - strlen(".pack"));
        if (!str_ends(stem, checksum) && !remove_pack(s->dir, stem, e)) return false;
    }
    return true;
}

/* Reachable or not, every object goes along, and loose ones stay loose: what nobody names grows old there. */
bool vcs_gather_packs(const char *path, struct err *e)
{
    char dir[512], base[600];
    struct small_packs s = { .dir = dir, .names = BUF_INIT(SIZE_MAX) };
    struct buf text = BUF_INIT(4096);
    snprintf(dir, sizeof dir, "%s/objects/pack", path);
    snprintf(base, sizeof base, "%s/pack", dir);
    bool ok = os_each_entry(dir, note_pack, &s, e);
    if (ok && s.all >= PACKS_MANY && s.n >= SMALL_PACKS_MANY)
        ok = git_told(e, path, buf_str(&s.names), &text, (const char *const[]){ "pack-objects", "-q", "--stdin-packs", base, NULL }) &&
             replace(&s, str_trim(buf_str(&text)), e);
    buf_deinit(&text);
    buf_deinit(&s.names);
    return ok;
}

/* ------------------------------------------------------------------ copy */

static bool copy_into(const char *from, const char *to, struct err *e)
{
    char head[512], *text;
    size_t n;
    snprintf(head, sizeof head, "%s/HEAD", from);
    if (!os_read_file(head, 1024, &text, &n, e)) return false;
    char head_to[512];
    snprintf(head_to, sizeof head_to, "%s/HEAD", to);
    bool ok = os_write_file(to, head_to, bytes_of(str_n(text, n)), e);
    mem_free(text);
    return ok && GIT(e, to, "fetch", "-q", "--no-tags", "--update-head-ok",
                     "--no-write-fetch-head", from, "+refs/*:refs/*");
}

bool vcs_copy(const char *from, const char *to, struct err *e)
{
    char tmp[512];
    struct err ignored;
    int n = snprintf(tmp, sizeof tmp, "%s.copy", to);
    if (n < 0 || (size_t)n > 400 || strlen(from) > 400) return err_set(e, ERR_INVALID, "the path %s is too long", to);
    bool exists;
    if (!os_stat(to, NULL, NULL, &exists, e)) return false;
    if (exists) return err_set(e, ERR_CONFLICT, "%s exists already", to);
    if (!os_remove_tree(tmp, e)) return false; /* of an earlier try */
    if (vcs_create(tmp, e) && copy_into(from, tmp, e) && os_rename(tmp, to, e)) return true;
    (void)os_remove_tree(tmp, &ignored);
    return false;
}
