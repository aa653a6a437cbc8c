/* base/os.c - see base/os.h. */
#include "base/os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/hash.h"

static _Atomic uint64_t fault_in;
static _Atomic int fault_errno;
static _Atomic bool fault_forever;

void os_fault_after(uint64_t n, int errnum, bool forever)
{
    atomic_store(&fault_errno, errnum);
    atomic_store(&fault_forever, forever);
    atomic_store(&fault_in, n);
}

/* Asked before every call that writes: 0, or the errno that a test wants to see. */
static int fault(void)
{
    uint64_t n = atomic_load(&fault_in);
    while (n > 1) /* several threads count: none may be counted twice, or the call that is to fail may be missed */
        if (atomic_compare_exchange_weak(&fault_in, &n, n - 1)) return 0;
    if (n == 0) return 0;
    if (!atomic_load(&fault_forever)) atomic_store(&fault_in, 0);
    return atomic_load(&fault_errno);
}

static void parent_of(const char *path, char out[512])
{
    str p = str_c(path);
    size_t slash = str_rchr(p, '/');
    must(p.n < 512);
    if (slash == STR_NONE)
        snprintf(out, 512, ".");
    else
        snprintf(out, 512, "%.*s", (int)(slash ? slash : 1), path);
}

bool os_tmp_open(const char *dir, const char *prefix, struct os_tmp *out, struct err *e)
{
    char random[17];
    random_hex(random, 16);
    out->fd = -1;
    int n = snprintf(out->path, sizeof out->path, "%s/%s.%s", dir, prefix, random);
    must(n > 0 && (size_t)n < sizeof out->path);
    int bad = fault();
    if (!bad) out->fd = open(out->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out->fd < 0) return err_os(e, bad ? bad : errno, "cannot create %s", out->path);
    return true;
}

bool os_tmp_name(struct os_tmp *t, const char *final_path, struct err *e)
{
    int bad = fault();
    bool ok = (!bad && fsync(t->fd) == 0) || err_os(e, bad ? bad : errno, "cannot write %s to disk", t->path);
    if (ok && ((bad = fault()) || rename(t->path, final_path) != 0))
        ok = err_os(e, bad ? bad : errno, "cannot rename %s to %s", t->path, final_path);
    if (ok) t->path[0] = 0; /* only the descriptor is left */
    os_tmp_discard(t);
    return ok;
}

bool os_tmp_publish(struct os_tmp *t, const char *final_path, struct err *e)
{
    char from_dir[512], to_dir[512];
    parent_of(t->path, from_dir);
    parent_of(final_path, to_dir);
    return os_tmp_name(t, final_path, e) && os_sync_dir(to_dir, e) && (strcmp(from_dir, to_dir) == 0 || os_sync_dir(from_dir, e));
}

bool os_tmp_publish_new(struct os_tmp *t, const char *final_path, bool *was_there, struct err *e)
{
    char dir[512];
    int bad = fault();
    *was_there = false;
    if (bad || fsync(t->fd) != 0) {
        err_os(e, bad ? bad : errno, "cannot write %s to disk", t->path);
        goto failed;
    }
    bad = fault();
    if (bad || link(t->path, final_path) != 0) { /* a second name: rename would replace what is there */
        if (!bad && errno == EEXIST) return *was_there = true;
        err_os(e, bad ? bad : errno, "cannot give %s its name %s", t->path, final_path);
        goto failed;
    }
    os_tmp_discard(t); /* the first name */
    parent_of(final_path, dir);
    return os_sync_dir(dir, e);
failed:
    os_tmp_discard(t);
    return false;
}

void os_tmp_discard(struct os_tmp *t)
{
    if (t->fd >= 0) close(t->fd);
    t->fd = -1;
    if (t->path[0]) unlink(t->path);
    t->path[0] = 0;
}

bool os_write(int fd, bytes b, struct err *e)
{
    while (b.n) {
        int bad = fault();
        ssize_t n = bad ? -1 : write(fd, b.p, b.n);
        if (bad) errno = bad;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_os(e, errno, "cannot write");
        b.p += n;
        b.n -= (size_t)n;
    }
    return true;
}

bool os_pwrite(int fd, bytes b, uint64_t at, struct err *e)
{
    while (b.n) {
        int bad = fault();
        ssize_t n = bad ? -1 : pwrite(fd, b.p, b.n, (off_t)at);
        if (bad) errno = bad;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return err_os(e, errno, "cannot write");
        b.p += n;
        b.n -= (size_t)n;
        at += (uint64_t)n;
    }
    return true;
}

bool os_read(int fd, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    for (;;) {
        ssize_t r = read(fd, out, n);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return err_os(e, errno, "cannot read");
        *got = (size_t)r;
        return true;
    }
}

bool os_pread(int fd, uint8_t *out, size_t n, uint64_t at, size_t *got, struct err *e)
{
    *got = 0;
    while (*got < n) {
        ssize_t r = pread(fd, out + *got, n - *got, (off_t)(at + *got));
        if (r < 0 && errno == EINTR) continue;
        if (r < 0) return err_os(e, errno, "cannot read");
        if (r == 0) break;
        *got += (size_t)r;
    }
    return true;
}

bool os_is_in_memory(int fd, uint64_t at, uint64_t n)
{
    enum { STEP_BYTES = 256 << 10, LOOKS_MAX = 32 };
    uint64_t looks = n / STEP_BYTES + 2, last = n ? n - 1 : 0;
    if (looks > LOOKS_MAX) looks = LOOKS_MAX;
    for (uint64_t i = 0; i < looks; i++) { /* the first byte, the last, and some between them */
        uint8_t byte;
        struct iovec v = { &byte, 1 };
        if (preadv2(fd, &v, 1, (off_t)(at + last * i / (looks - 1)), RWF_NOWAIT) != 1) return false;
    }
    return true;
}

bool os_set_size(int fd, uint64_t size, struct err *e)
{
    int bad = fault();
    if (!bad && (size > INT64_MAX || ftruncate(fd, (off_t)size) != 0)) bad = size > INT64_MAX ? EFBIG : errno;
    return bad == 0 || err_os(e, bad, "cannot make a file of %llu bytes", (unsigned long long)size);
}

bool os_preallocate(int fd, uint64_t at, uint64_t n, struct err *e)
{
    int bad = fault();
    if (!bad && n > 0 && fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)n) != 0) bad = errno;
    if (bad == EOPNOTSUPP || bad == ENOSYS) bad = 0;
    return bad == 0 || err_os(e, bad, "cannot reserve %llu bytes", (unsigned long long)n);
}

void os_grow(int fd, uint64_t size)
{
    int ignored = fallocate(fd, 0, 0, (off_t)size);
    (void)ignored;
}

bool os_sync(int fd, struct err *e)
{
    int bad = fault();
    if (!bad && fdatasync(fd) != 0) bad = errno;
    return bad == 0 || err_os(e, bad, "cannot write to disk");
}

bool os_set_direct(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
}

bool os_touch(int fd, struct err *e)
{
    int bad = fault();
    if (!bad && futimens(fd, NULL) != 0) bad = errno;
    return bad == 0 || err_os(e, bad, "cannot set the time of a file");
}

bool os_same_device(const char *a, const char *b, bool *same, struct err *e)
{
    struct stat sa, sb;
    if (stat(a, &sa) != 0) return err_os(e, errno, "cannot stat %s", a);
    if (stat(b, &sb) != 0) return err_os(e, errno, "cannot stat %s", b);
    *same = sa.st_dev == sb.st_dev;
    return true;
}

bool os_open_read(const char *path, int *fd, bool *found, struct err *e)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    *found = *fd >= 0;
    if (*fd < 0 && errno != ENOENT) return err_os(e, errno, "cannot open %s", path);
    return true;
}

bool os_create(const char *path, int *fd, struct err *e)
{
    int bad = fault();
    *fd = bad ? -1 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return *fd >= 0 || err_os(e, bad ? bad : errno, "cannot create %s", path);
}

bool os_open_write(const char *path, int *fd, bool *found, struct err *e)
{
    *fd = open(path, O_RDWR | O_CLOEXEC);
    *found = *fd >= 0;
    if (*fd < 0 && errno != ENOENT) return err_os(e, errno, "cannot open %s", path);
    return true;
}

bool os_same_file(int fd, const char *path)
{
    struct stat a, b;
    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool os_try_lock(int fd, bool exclusive, bool *got, struct err *e)
{
    *got = flock(fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB) == 0;
    return *got || errno == EWOULDBLOCK || err_os(e, errno, "cannot lock a file");
}

bool os_file_size(int fd, uint64_t *out, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return err_os(e, errno, "cannot stat a file");
    *out = (uint64_t)st.st_size;
    return true;
}

static void identity_from(const struct stat *st, struct os_identity *out)
{
    enum { NS = 1000000000 };
    *out = (struct os_identity){ (uint64_t)st->st_dev, (uint64_t)st->st_ino, (uint64_t)st->st_size,
                                 (int64_t)st->st_mtim.tv_sec * NS + st->st_mtim.tv_nsec,
                                 (int64_t)st->st_ctim.tv_sec * NS + st->st_ctim.tv_nsec };
}

bool os_identity_of(int fd, struct os_identity *out, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return err_os(e, errno, "cannot look at an open file");
    identity_from(&st, out);
    return true;
}

bool os_identity_at(const char *path, struct os_identity *out, bool *found, struct err *e)
{
    struct stat st;
    *found = stat(path, &st) == 0;
    if (!*found && errno != ENOENT) return err_os(e, errno, "cannot look at %s", path);
    if (*found) identity_from(&st, out);
    return true;
}

bool os_identity_eq(const struct os_identity *a, const struct os_identity *b)
{
    return a->device == b->device && a->inode == b->inode && a->size_bytes == b->size_bytes &&
           a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

bool os_stat(const char *path, uint64_t *size_bytes, int64_t *modified_ms, bool *found, struct err *e)
{
    struct stat st;
    *found = stat(path, &st) == 0;
    if (!*found) return errno == ENOENT || errno == ENOTDIR ? true : err_os(e, errno, "cannot stat %s", path);
    if (size_bytes) *size_bytes = (uint64_t)st.st_size;
    if (modified_ms) *modified_ms = (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    return true;
}

bool os_read_file(const char *path, size_t n_max, char **out, size_t *n, struct err *e)
{
    int fd;
    bool found, ok = false;
    uint64_t size = 0;
    char *text = NULL;
    if (!os_open_read(path, &fd, &found, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "%s does not exist", path);
    if (!os_file_size(fd, &size, e)) goto done;
    if (size > n_max) {
        err_set(e, ERR_TOO_LARGE, "%s has %llu bytes; at most %zu are read", path, (unsigned long long)size, n_max);
        goto done;
    }
    text = mem_alloc((size_t)size + 1);
    if (!os_pread(fd, (uint8_t *)text, (size_t)size, 0, n, e)) {
        err_context(e, "%s", path);
        goto done;
    }
    text[*n] = 0;
    *out = text;
    text = NULL;
    ok = true;
done:
    mem_free(text);
    close(fd);
    return ok;
}

bool os_write_file(const char *dir, const char *path, bytes b, struct err *e)
{
    struct os_tmp t;
    if (!os_tmp_open(dir, "write", &t, e)) return false;
    if (!os_write(t.fd, b, e)) {
        os_tmp_discard(&t);
        return err_context(e, "%s", path);
    }
    return os_tmp_publish(&t, path, e);
}

bool os_mkdirs(const char *path, struct err *e)
{
    char copy[512], parent[512];
    int n = snprintf(copy, sizeof copy, "%s", path);
    must(n > 0 && (size_t)n < sizeof copy);
    for (char *at = copy + 1;; at++) {
        if (*at != '/' && *at != 0) continue;
        char was = *at;
        *at = 0;
        int bad = fault();
        bool made = !bad && mkdir(copy, 0700) == 0;
        if (!made && (bad || errno != EEXIST)) return err_os(e, bad ? bad : errno, "cannot create the folder %s", copy);
        if (made) {
            parent_of(copy, parent);
            if (!os_sync_dir(parent, e)) return false;
        }
        *at = was;
        if (!was) return true;
    }
}

bool os_sync_dir(const char *path, struct err *e)
{
    int bad = fault(), fd = bad ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (bad) errno = bad;
    if (fd < 0) return err_os(e, errno, "cannot open the folder %s", path);
    bool ok = fsync(fd) == 0;
    if (!ok) err_os(e, errno, "cannot write the folder %s to disk", path);
    close(fd);
    return ok;
}

bool os_rename(const char *from, const char *to, struct err *e)
{
    char from_dir[512], to_dir[512];
    int bad = fault();
    if (bad || rename(from, to) != 0) return err_os(e, bad ? bad : errno, "cannot rename %s to %s", from, to);
    parent_of(from, from_dir);
    parent_of(to, to_dir);
    if (!os_sync_dir(to_dir, e)) return false;
    return strcmp(from_dir, to_dir) == 0 || os_sync_dir(from_dir, e);
}

bool os_remove(const char *path, struct err *e)
{
    int bad = fault();
    if ((bad || unlink(path) != 0) && (bad || errno != ENOENT)) return err_os(e, bad ? bad : errno, "cannot remove %s", path);
    return true;
}

struct remove_ctx {
    const char *dir;
    struct err *e;
    bool ok;
};

static bool remove_one(void *ctx, const char *name, bool is_dir)
{
    struct remove_ctx *c = ctx;
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", c->dir, name);
    if (n < 0 || (size_t)n >= sizeof path) return c->ok = err_set(c->e, ERR_IO, "a path below %s is too long", c->dir);
    return c->ok = is_dir ? os_remove_tree(path, c->e) : os_remove(path, c->e);
}

bool os_remove_tree(const char *path, struct err *e)
{
    struct remove_ctx c = { path, e, true };
    if (!os_each_entry(path, remove_one, &c, e) || !c.ok) return false;
    if (rmdir(path) != 0 && errno != ENOENT) return err_os(e, errno, "cannot remove the folder %s", path);
    return true;
}

bool os_each_entry(const char *dir, bool (*fn)(void *ctx, const char *name, bool is_dir), void *ctx, struct err *e)
{
    DIR *d = opendir(dir);
    if (!d) return errno == ENOENT ? true : err_os(e, errno, "cannot read the folder %s", dir);
    int failed = 0;
    for (;;) {
        errno = 0; /* the end of a folder and a disk that cannot be read look the same but for it */
        struct dirent *entry = readdir(d);
        if (!entry) {
            failed = errno;
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        bool is_dir = entry->d_type == DT_DIR;
        if (entry->d_type == DT_UNKNOWN) { /* some file systems do not say */
            struct stat st;
            is_dir = fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
        }
        if (!fn(ctx, entry->d_name, is_dir)) break;
    }
    closedir(d);
    return failed == 0 || err_os(e, failed, "cannot read the folder %s", dir);
}

bool os_disk_free(const char *path, uint64_t *bytes_free, struct err *e)
{
    struct statvfs v;
    if (statvfs(path, &v) != 0) return err_os(e, errno, "cannot ask for the free space of %s", path);
    *bytes_free = (uint64_t)v.f_bavail * v.f_frsize;
    return true;
}

uint64_t os_resident_bytes(long pid)
{
    char path[40], text[256]; /* files of /proc claim to be empty, so os_read_file would find nothing */
    size_t n = 0;
    int fd;
    bool found;
    struct err ignored;
    uint64_t pages = 0;
    snprintf(path, sizeof path, "/proc/%ld/statm", pid ? pid : (long)getpid());
    if (!os_open_read(path, &fd, &found, &ignored) || !found) return 0;
    bool ok = os_pread(fd, (uint8_t *)text, sizeof text, 0, &n, &ignored);
    close(fd);
    str rest = str_n(text, n), word;
    if (ok && str_cut(&rest, ' ', &word) && str_cut(&rest, ' ', &word)) str_u64(word, &pages);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
