/* base/map.c - see base/map.h. */
#include "base/map.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/os.h"

enum { LARGE_PAGE = 2 << 20 };

static bool map_fd(int fd, struct map *out, struct err *e)
{
    uint64_t size;
    *out = (struct map){ 0 };
    if (!os_file_size(fd, &size, e)) return false;
    if (size > SIZE_MAX / 2) return err_set(e, ERR_TOO_LARGE, "a file of %llu bytes cannot be mapped", (unsigned long long)size);
    if (size == 0) return true;
    void *p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) return err_os(e, errno, "mapping %llu bytes", (unsigned long long)size);
    *out = (struct map){ p, (size_t)size };
    return true;
}

bool map_file(const char *path, struct map *out, struct err *e)
{
    int fd;
    bool found;
    *out = (struct map){ 0 };
    if (!os_open_read(path, &fd, &found, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "%s does not exist", path);
    bool ok = map_fd(fd, out, e);
    close(fd);
    return ok || err_context(e, "%s", path);
}

void map_end(struct map *m)
{
    if (m->p) munmap((void *)(uintptr_t)m->p, m->n);
    *m = (struct map){ 0 };
}

static bool space_is_limited(void)
{
    struct rlimit l;
    return getrlimit(RLIMIT_AS, &l) == 0 && l.rlim_cur != RLIM_INFINITY;
}

/* A large page begins at a multiple of its size, and older systems map anywhere: so more is mapped, and the ends go. */
bool pages_alloc(size_t n, void **out, struct err *e)
{
    size_t small = (size_t)sysconf(_SC_PAGESIZE), spare = n >= LARGE_PAGE ? LARGE_PAGE : 0, whole = (n + small - 1) & ~(small - 1);
    *out = NULL;
    uint8_t *p = MAP_FAILED;
    if (n <= SIZE_MAX / 2)
        p = mmap(NULL, whole ? whole + spare : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return err_set(e, ERR_NO_SPACE, "there is no memory for %zu bytes%s", n, space_is_limited() ? ": this process may have no more (ulimit -v)" : "");
    if (spare) {
        size_t before = -(uintptr_t)p & (LARGE_PAGE - 1);
        if (before) munmap(p, before);
        if (before < spare) munmap(p + before + whole, spare - before);
        p += before;
    }
    (void)madvise(p, n, MADV_HUGEPAGE); /* a wish */
    *out = p;
    return true;
}

void *pages_new(size_t n)
{
    struct err e;
    void *p;
    must(pages_alloc(n, &p, &e));
    return p;
}

void pages_free(void *p, size_t n)
{
    if (p) munmap(p, n ? n : 1);
}
