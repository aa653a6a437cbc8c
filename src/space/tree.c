/* space/tree.c - see space/tree.h. */
#include "space/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/os.h"

enum { BLOB_MAX = 64 << 20, PIECE = 256 << 10, DEPTH_MAX = 200, ENTRY_BYTES = 512, LINK_MAX = 4096 };

struct checkout {
    struct hub *hub;
    struct vcs_repo *git;
    struct arena *a;
    struct buf links; /* path, NUL, target, NUL, ..: made last, so that no file is written through one */
    int root;
    uid_t owner;
    uint64_t bytes, bytes_max;
    uint8_t *piece;
    struct err *e;
    bool ok;
};

/* Opens below root, and nowhere else: no link, no "..". */
static int open_below(int root, const char *path, uint64_t flags, mode_t mode)
{
    struct open_how how = { .flags = flags | O_CLOEXEC, .mode = mode, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
    return (int)syscall(SYS_openat2, root, path, &how, sizeof how);
}

static bool copy_large(struct checkout *x, const struct vcs_entry *entry, int fd)
{
    struct cas_reader *reader;
    struct sha256 sha256;
    size_t got = 1;
    memcpy(sha256.b, entry->lfs.sha256, sizeof sha256.b);
    if (!cas_reader_open(hub_cas(x->hub), &sha256, 0, entry->lfs.size_bytes, &reader, x->e)) return false;
    bool ok = true;
    while (ok && got) ok = cas_reader_read(reader, x->piece, PIECE, &got, x->e) && os_write(fd, (bytes){ x->piece, got }, x->e);
    cas_reader_close(reader);
    return ok;
}

static bool write_file(struct checkout *x, const struct vcs_entry *entry, const char *path)
{
    bytes content = { 0 };
    if (!entry->lfs.is_lfs && !vcs_blob_read(x->git, &entry->oid, BLOB_MAX, x->a, &content, x->e)) return false;
    int fd = open_below(x->root, path, O_WRONLY | O_CREAT | O_EXCL, entry->mode == 0100755 ? 0755 : 0644);
    if (fd < 0) return err_os(x->e, errno, "cannot write %.200s", path);
    bool ok = entry->lfs.is_lfs ? copy_large(x, entry, fd) : os_write(fd, content, x->e);
    if (ok && x->owner != geteuid() && fchown(fd, x->owner, x->owner) != 0) ok = err_os(x->e, errno, "cannot give %.200s away", path);
    close(fd);
    return ok;
}

static bool make_folder(struct checkout *x, const char *path)
{
    const char *slash = strrchr(path, '/');
    int parent = slash ? open_below(x->root, arena_cstr(x->a, str_n(path, (size_t)(slash - path))), O_RDONLY | O_DIRECTORY, 0) : dup(x->root);
    if (parent < 0) return err_os(x->e, errno, "cannot make the folder of %.200s", path);
    const char *name = slash ? slash + 1 : path;
    bool ok = mkdirat(parent, name, 0755) == 0 && (x->owner == geteuid() || fchownat(parent, name, x->owner, x->owner, AT_SYMLINK_NOFOLLOW) == 0);
    if (!ok) (void)err_os(x->e, errno, "cannot make the folder %.200s", path);
    close(parent);
    return ok;
}

static bool keep_link(struct checkout *x, const struct vcs_entry *entry, const char *path)
{
    bytes target;
    if (!vcs_blob_read(x->git, &entry->oid, LINK_MAX, x->a, &target, x->e)) return false;
    if (!target.n || memchr(target.p, 0, target.n)) return true;
    buf_add(&x->links, str_n(path, strlen(path) + 1));
    buf_add(&x->links, str_of(target));
    buf_byte(&x->links, '\0');
    return true;
}

static bool put_entry(void *ctx, const struct vcs_entry *entry)
{
    struct checkout *x = ctx;
    arena_reset(x->a);
    const char *path = arena_cstr(x->a, entry->path);
    x->bytes += vcs_entry_size(entry) + ENTRY_BYTES;
    if (x->bytes > x->bytes_max) x->ok = err_set(x->e, ERR_TOO_LARGE, "the files of this Space take more than the %llu MB that an app may have", (unsigned long long)(x->bytes_max / 1000000));
    else if (entry->kind == VCS_DIR) x->ok = make_folder(x, path);
    else if (entry->kind == VCS_FILE && entry->mode == 0120000) x->ok = keep_link(x, entry, path);
    else if (entry->kind == VCS_FILE) x->ok = write_file(x, entry, path);
    return x->ok;
}

static void make_links(struct checkout *x)
{
    str rest = buf_str(&x->links), path, target;
    while (rest.n && str_cut(&rest, '\0', &path) && str_cut(&rest, '\0', &target)) {
        const char *slash = strrchr(path.p, '/'); /* each ends with a NUL */
        arena_reset(x->a);
        int parent = slash ? open_below(x->root, arena_cstr(x->a, str_n(path.p, (size_t)(slash - path.p))), O_RDONLY | O_DIRECTORY, 0) : dup(x->root);
        if (parent < 0) continue;
        (void)!symlinkat(target.p, parent, slash ? slash + 1 : path.p); /* one that cannot be made leads nowhere */
        close(parent);
    }
}

int tree_open_file(const char *dir, const char *path)
{
    struct stat st;
    int root = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int fd = root >= 0 ? open_below(root, path, O_RDONLY | O_NONBLOCK, 0) : -1;
    if (root >= 0) close(root);
    if (fd < 0 || (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))) return fd;
    close(fd);
    errno = ENOENT;
    return -1;
}

bool tree_folder(const char *dir, uid_t owner, struct err *e)
{
    if (!os_mkdirs(dir, e)) return false;
    if (chmod(dir, 0711) != 0 || (owner != geteuid() && chown(dir, owner, owner) != 0)) return err_os(e, errno, "cannot prepare the folder %s", dir);
    return true;
}

bool tree_checkout(struct hub *h, const struct repo *r, const struct vcs_oid *commit, const char *dir, uid_t owner, uint64_t bytes_max, struct err *e)
{
    struct checkout x = { .hub = h, .owner = owner, .bytes_max = bytes_max, .e = e, .ok = true, .root = -1, .links = BUF_INIT(16 << 20) };
    struct vcs_walk walk = { .path = STR(""), .after = STR(""), .recursive = true, .fn = put_entry, .ctx = &x };
    bool found = true;
    if (!tree_folder(dir, owner, e) || !hub_repo_open(h, r->id, &x.git, e)) return false;
    x.a = arena_new(0);
    x.piece = mem_alloc(PIECE);
    x.root = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    bool ok = x.root >= 0 || err_os(e, errno, "cannot open %s", dir);
    ok = ok && vcs_tree_walk(x.git, commit, &walk, &found, e) && x.ok;
    if (ok) make_links(&x);
    if (x.root >= 0) close(x.root);
    buf_deinit(&x.links);
    mem_free(x.piece);
    arena_free(x.a);
    vcs_close(x.git);
    return ok;
}

/* ------------------------------------------------------------------ measuring and removing */

struct visit {
    bool removes;
    uint64_t bytes, most;
    int failed; /* errno of the first that could not be removed */
};

static DIR *enter(int parent, const char *name, bool removes)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && removes && errno == EACCES) { /* its owner may have shut it */
        (void)!fchmodat(parent, name, 0700, 0);
        fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    }
    if (fd >= 0 && removes) (void)!fchmod(fd, 0700);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d && fd >= 0) close(fd);
    return d;
}

static void visit(struct visit *v, int parent, const char *name, int depth)
{
    DIR *d = depth < DEPTH_MAX ? enter(parent, name, v->removes) : NULL;
    for (struct dirent *entry; d && v->bytes < v->most && (entry = readdir(d)) != NULL;) {
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
        v->bytes += (v->removes ? 0 : (uint64_t)st.st_blocks * 512 + ENTRY_BYTES);
        if (S_ISDIR(st.st_mode)) visit(v, dirfd(d), entry->d_name, depth + 1);
        else if (v->removes && unlinkat(dirfd(d), entry->d_name, 0) != 0 && !v->failed) v->failed = errno;
    }
    if (d) closedir(d);
    if (v->removes && unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT && !v->failed) v->failed = errno;
}

uint64_t tree_bytes(const char *dir, uint64_t most)
{
    struct visit v = { .most = most };
    visit(&v, AT_FDCWD, dir, 0);
    return v.bytes;
}

bool tree_remove(const char *dir, struct err *e)
{
    struct visit v = { .removes = true, .most = UINT64_MAX };
    visit(&v, AT_FDCWD, dir, 0);
    return !v.failed || err_os(e, v.failed, "cannot remove %s", dir);
}
