/* model/memory.c - see model/memory.h.  What cannot be read is taken as no limit: the answer is for people, and whatever
 * does not fit in spite of it still fails where it is allocated. */
#include "model/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* "NAME NUMBER" or "NAME: NUMBER kB" in a file of such lines. */
static uint64_t line_of(const char *path, const char *name, uint64_t otherwise)
{
    char line[256];
    uint64_t v;
    size_t n = strlen(name);
    FILE *f = fopen(path, "re");
    if (!f) return otherwise;
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, name, n) != 0 || (line[n] != ' ' && line[n] != ':')) continue;
        if (sscanf(line + n + 1, "%" SCNu64, &v) == 1) otherwise = strstr(line, "kB") ? v * 1024 : v;
        break;
    }
    fclose(f);
    return otherwise;
}

static uint64_t number_in(const char *path, uint64_t otherwise)
{
    uint64_t v;
    FILE *f = fopen(path, "re");
    if (!f) return otherwise;
    if (fscanf(f, "%" SCNu64, &v) != 1) v = otherwise; /* "max" */
    fclose(f);
    return v;
}

/* Pages of files in the cache make room when they must. */
static uint64_t of_control_group(void)
{
    uint64_t most = number_in("/sys/fs/cgroup/memory.max", UINT64_MAX), now = number_in("/sys/fs/cgroup/memory.current", 0);
    uint64_t files = line_of("/sys/fs/cgroup/memory.stat", "inactive_file", 0) + line_of("/sys/fs/cgroup/memory.stat", "active_file", 0);
    now = now > files ? now - files : 0;
    return most == UINT64_MAX ? most : most > now ? most - now : 0;
}

static uint64_t of_address_space(void)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_AS, &l) != 0 || l.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
    uint64_t now = number_in("/proc/self/statm", 0) * (uint64_t)sysconf(_SC_PAGESIZE);
    return l.rlim_cur > now ? l.rlim_cur - now : 0;
}

uint64_t memory_free(void)
{
    uint64_t machine = line_of("/proc/meminfo", "MemAvailable", UINT64_MAX), group = of_control_group(), space = of_address_space();
    uint64_t least = machine < group ? machine : group;
    return least < space ? least : space;
}

static const char *size_text(uint64_t n, char out[32])
{
    double v = (double)n;
    if (v >= 1e9) snprintf(out, 32, "%.1f GB", v / 1e9);
    else snprintf(out, 32, "%.1f MB", v / 1e6);
    return out;
}

bool memory_check(const char *name, uint64_t needs, uint64_t mapped, uint64_t free, struct err *e)
{
    char a[32], b[32];
    needs = needs > mapped ? needs - mapped : 0;
    return needs <= free || err_set(e, ERR_NO_SPACE, "%s needs %s of memory, and %s are free", name, size_text(needs, a), size_text(free, b));
}
