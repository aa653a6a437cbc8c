/* base/map.c - see base/map.h. */
#include "base/map.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/os.h"

bool map_fd(int fd, struct map *out, struct err *e)
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

bool pages_alloc(size_t n, void **out, struct err *e)
{
    *out = mmap(NULL, n ? n : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (*out == MAP_FAILED) {
        *out = NULL;
        return err_set(e, ERR_NO_SPACE, "there is no memory for %zu bytes", n);
    }
    (void)madvise(*out, n, MADV_HUGEPAGE); /* a wish */
    return true;
}

void pages_free(void *p, size_t n)
{
    if (p) munmap(p, n ? n : 1);
}
