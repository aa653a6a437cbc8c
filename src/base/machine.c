/* base/machine.c - see base/machine.h.
 *
 * /proc/self/cgroup names the process's groups, a line for each tree of them: "0::/system.slice/hearth.service" in version
 * 2, "4:memory:/docker/12ab" in version 1.  A limit may be set on any folder from there up to the tree's root.  In a
 * container the path may be one that only the host sees; then the root is the container's own group. */
#include "base/machine.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/os.h"

enum { TEXT_BYTES = 8 << 10, PATH_BYTES = 2 << 10 };

/* Files of /proc and /sys claim to be empty, so they are read until they end. */
static str text_of(char room[TEXT_BYTES], const char *folder, const char *file)
{
    char path[PATH_BYTES];
    int fd;
    bool found;
    struct err none;
    size_t n = 0, got = 1;
    snprintf(path, sizeof path, "%s/%s", folder, file);
    if (!os_open_read(path, &fd, &found, &none) || !found) return STR("");
    while (got && n < TEXT_BYTES && os_read(fd, (uint8_t *)room + n, TEXT_BYTES - n, &got, &none)) n += got;
    close(fd);
    return str_n(room, n);
}

/* The number behind `name` in a file of such lines, or with name "" the first word of the file. */
static uint64_t number_in(const char *folder, const char *file, const char *name, uint64_t otherwise)
{
    char room[TEXT_BYTES];
    str rest = text_of(room, folder, file), line, word;
    uint64_t n;
    while (str_cut(&rest, '\n', &line)) {
        if (*name && (!str_cut(&line, ' ', &word) || !str_eq(word, str_c(name)))) continue;
        line = str_trim(line);
        return str_cut(&line, ' ', &word) && str_u64(word, &n) ? n : otherwise; /* "max", or -1: no limit */
    }
    return otherwise;
}

static void at_most(uint64_t *least, uint64_t n) { *least = n < *least ? n : *least; }

static void see_memory(struct machine *m, uint64_t most, uint64_t used, uint64_t files)
{
    used = used > files ? used - files : 0;
    at_most(&m->memory, most);
    at_most(&m->memory_free, most > used ? most - used : 0);
}

/* Microseconds of processors in each period. */
static void see_time(struct machine *m, uint64_t quota, uint64_t period)
{
    if (!quota || !period || quota / period >= m->processors) return;
    m->processors = (size_t)(quota / period + (quota % period != 0));
}

static void see_group(struct machine *m, const char *at)
{
    char room[TEXT_BYTES];
    str quota, rest = text_of(room, at, "cpu.max"); /* "150000 100000" or "max 100000" */
    uint64_t us, period;
    see_memory(m, number_in(at, "memory.max", "", UINT64_MAX), number_in(at, "memory.current", "", 0),
               number_in(at, "memory.stat", "inactive_file", 0) + number_in(at, "memory.stat", "active_file", 0));
    if (str_cut(&rest, ' ', &quota) && str_u64(quota, &us) && str_u64(str_trim(rest), &period)) see_time(m, us, period);
}

static void see_old_memory(struct machine *m, const char *at)
{
    see_memory(m, number_in(at, "memory.limit_in_bytes", "", UINT64_MAX), number_in(at, "memory.usage_in_bytes", "", 0),
               number_in(at, "memory.stat", "total_inactive_file", 0) + number_in(at, "memory.stat", "total_active_file", 0));
}

static void see_old_time(struct machine *m, const char *at)
{
    see_time(m, number_in(at, "cpu.cfs_quota_us", "", 0), number_in(at, "cpu.cfs_period_us", "", 0));
}

static const struct tree {
    const char *controller, *folder;
    void (*see)(struct machine *m, const char *group);
} trees[] = {
    { "", "/sys/fs/cgroup", see_group },
    { "memory", "/sys/fs/cgroup/memory", see_old_memory },
    { "cpu", "/sys/fs/cgroup/cpu", see_old_time },
};

/* The group of a line "2:cpu,cpuacct:/a/b" if its list has the controller. */
static bool is_of(str line, const char *controller, str *group)
{
    str number, list, name;
    if (!str_cut(&line, ':', &number) || !str_cut(&line, ':', &list)) return false;
    *group = line;
    if (!list.n) return !*controller;
    while (str_cut(&list, ',', &name))
        if (str_eq(name, str_c(controller))) return true;
    return false;
}

static void see_tree(struct machine *m, const char *root, const struct tree *t, str group)
{
    char at[PATH_BYTES];
    size_t top = (size_t)snprintf(at, sizeof at, "%s%s", root, t->folder);
    if (top >= sizeof at || group.n >= sizeof at - top) return;
    snprintf(at + top, sizeof at - top, "%.*s", STR_ARG(group));
    for (size_t n = top + group.n;; n = (size_t)(strrchr(at, '/') - at)) {
        at[n] = '\0';
        t->see(m, at);
        if (n <= top) return;
    }
}

static void see_groups(struct machine *m, const char *root, const char *proc)
{
    char room[TEXT_BYTES];
    str rest = text_of(room, proc, "self/cgroup"), line, group;
    while (str_cut(&rest, '\n', &line))
        for (size_t i = 0; i < COUNT(trees); i++)
            if (is_of(line, trees[i].controller, &group)) see_tree(m, root, &trees[i], group);
}

static uint64_t in_kb(const char *proc, const char *name)
{
    uint64_t kb = number_in(proc, "meminfo", name, UINT64_MAX);
    return kb < UINT64_MAX / 1024 ? kb * 1024 : UINT64_MAX;
}

static uint64_t address_space_left(const char *proc)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_AS, &l) != 0 || l.rlim_cur == RLIM_INFINITY) return UINT64_MAX;
    uint64_t used = number_in(proc, "self/statm", "", 0) * (uint64_t)sysconf(_SC_PAGESIZE);
    return l.rlim_cur > used ? l.rlim_cur - used : 0;
}

/* The set is too small for a machine of more than 1024. */
static size_t by_affinity(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return (size_t)CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (size_t)n : 1;
}

struct machine machine_at(const char *root)
{
    char proc[PATH_BYTES];
    snprintf(proc, sizeof proc, "%s/proc", root);
    struct machine m = { by_affinity(), in_kb(proc, "MemTotal:"), in_kb(proc, "MemAvailable:") };
    see_groups(&m, root, proc);
    at_most(&m.memory_free, address_space_left(proc));
    return m;
}

struct machine machine_now(void) { return machine_at(""); }
