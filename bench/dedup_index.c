/* bench/dedup_index.c - how long the index of chunks takes to answer when it has a hundred million rows.
 *
 *     dedup_index [--keep] DIR [ROWS]
 *
 * Makes a database under DIR with that many rows of cas_dedup, ascending by key (what a rebuild would leave; rows that
 * came one by one leave pages two thirds full), and a few hundred real xorbs among them.  Then asks for chunks nobody
 * has, as almost every client does, and for chunks of the real xorbs, which includes the comparison with the xorb's own
 * index: once with everything in the page cache and once after it was emptied (as root; else the files alone are).  At
 * last adds the rows of a thousand more xorbs.  DIR is removed at the end, unless it is to be kept for another run. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/os.h"
#include "cas/xorb_priv.h"
#include "xet_write.h"

enum { XORBS = 256, CHUNKS = 1024, CHUNK_BYTES = 64, BATCH = 500000, QUESTIONS = 100000, COLD_QUESTIONS = 5000, ADDED = 1000 };

static struct err e;
static void ok_or_die(bool ok)
{
    if (ok) return;
    fprintf(stderr, "dedup_index: %s\n", e.msg);
    exit(1);
}

static uint64_t mix(uint64_t z) /* splitmix64 */
{
    z += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
static uint64_t rnd(void)
{
    static uint64_t seed;
    return mix(seed++);
}
static void random_hash(struct xet_hash *h)
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t v = rnd();
        memcpy(h->b + 8 * i, &v, 8);
    }
}

static double cpu_s(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

/* Resident memory that is ours alone, and the pages of mapped files that others could have just as well. */
static void print_memory(void)
{
    char line[200];
    unsigned long kib, all = 0, own = 0;
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "Rss: %lu kB", &kib) == 1) all = kib;
        if (sscanf(line, "Anonymous: %lu kB", &kib) == 1) own = kib;
    }
    if (f) fclose(f);
    printf("memory: %.1f MiB of its own, %.1f MiB of mapped files\n", (double)own / 1024, (double)(all - own) / 1024);
}

/* ------------------------------------------------------------------ the place */

static char db_path[400], blobs[400], tmp[400];
static struct db *db;
static struct store *store;
static struct cas *cas;

static void open_all(void)
{
    ok_or_die(db_open(db_path, &db, &e));
    ok_or_die(store_open(blobs, tmp, &store, &e));
    ok_or_die(cas_open(store, db, &cas, &e));
}
static void close_all(void)
{
    cas_close(cas);
    store_close(store);
    db_close(db);
}

/* Chunk k of real xorb x. */
static bytes real_chunk(unsigned x, unsigned k, uint64_t out[CHUNK_BYTES / 8])
{
    for (unsigned i = 0; i < CHUNK_BYTES / 8; i++) out[i] = mix((uint64_t)x << 40 | (uint64_t)k << 16 | i);
    return (bytes){ (const uint8_t *)out, CHUNK_BYTES };
}

static void store_xorb(unsigned number)
{
    struct arena *a = arena_new(0);
    struct xet_xorb_writer *w = xet_xorb_writer_new();
    struct xet_xorb_index x;
    struct buf frames = BUF_INIT(0);
    struct store_writer writer;
    const struct xet_xorb_index *stored;
    struct db_conn *tx;
    int64_t id;
    for (unsigned k = 0; k < CHUNKS; k++) {
        uint64_t room[CHUNK_BYTES / 8];
        struct xet_hash h;
        bytes raw = real_chunk(number, k, room);
        xet_chunk_hash(raw, &h);
        xorb_add(w, raw, &h, XET_SCHEME_RAW, &frames);
    }
    xet_xorb_writer_end(w, a, &x);
    xet_xorb_writer_free(w);
    ok_or_die(store_write_begin(store, &writer, &e));
    ok_or_die(os_pwrite(writer.tmp.fd, bytes_of(buf_str(&frames)), 0, &e));
    ok_or_die(xorb_publish(cas, &writer, &x, &stored, &e));
    ok_or_die(db_begin(db, &tx, &e));
    ok_or_die(xorb_enter(cas, tx, stored, 0, &id, NULL, &e));
    ok_or_die(dedup_add(tx, id, stored, 0, &e));
    ok_or_die(db_commit(db, tx, &e));
    xorb_give(cas, stored);
    buf_deinit(&frames);
    arena_free(a);
}

static void generate(uint64_t rows)
{
    struct db_conn *tx;
    uint64_t xorbs = rows / (CHUNKS / CAS_DEDUP_SAMPLE) + 1, step = UINT64_MAX / rows;
    int64_t began = clock_mono_us();
    ok_or_die(db_begin(db, &tx, &e));
    for (uint64_t i = 0; i < xorbs; i++) {
        struct xet_hash h;
        random_hash(&h);
        ok_or_die(db_run(tx, &e,
                         "INSERT INTO cas_xorb (hash, chunks_count, raw_bytes, stored_bytes, created_ms, touched_ms)"
                         " VALUES (?, 1024, 67108864, 67108864, 0, 0)", db_blob((bytes){ h.b, 32 })));
    }
    ok_or_die(db_commit(db, tx, &e));
    for (uint64_t at = 0; at < rows;) {
        ok_or_die(db_begin(db, &tx, &e));
        for (uint64_t end = at + BATCH < rows ? at + BATCH : rows; at < end; at++)
            ok_or_die(db_run(tx, &e, "INSERT INTO cas_dedup (key, xorb_id, chunk) VALUES (?, ?, ?)",
                             db_int((int64_t)((at * step + rnd() % step) ^ (uint64_t)1 << 63)),
                             db_int((int64_t)(rnd() % xorbs) + 1), db_int((int64_t)(rnd() % CHUNKS))));
        ok_or_die(db_commit(db, tx, &e));
    }
    for (unsigned x = 0; x < XORBS; x++) store_xorb(x);
    printf("made in %.0f s\n", (double)(clock_mono_us() - began) / 1e6);
}

/* ------------------------------------------------------------------ questions */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void print_times(const char *what, double *us, size_t n, double cpu)
{
    qsort(us, n, sizeof *us, by_value);
    printf("%-34s p50 %8.1f us   p99 %8.1f us   p99.9 %8.1f us   max %8.1f us   cpu %6.1f us\n", what, us[n / 2],
           us[n * 99 / 100], us[n * 999 / 1000], us[n - 1], cpu * 1e6 / (double)n);
}

static void ask(const char *what, bool known, size_t n)
{
    double *us = mem_alloc(n * sizeof *us), before = cpu_s();
    for (size_t i = 0; i < n; i++) {
        struct dedup_place place;
        struct xet_hash h;
        size_t found;
        if (!known) random_hash(&h);
        while (known) {
            uint64_t r = rnd(), room[CHUNK_BYTES / 8];
            xet_chunk_hash(real_chunk((unsigned)(r % XORBS), (unsigned)(r >> 32) % CHUNKS, room), &h);
            if (dedup_is_sampled(&h)) break;
        }
        int64_t began = clock_mono_us();
        struct db_conn *reader = db_reader(db);
        ok_or_die(dedup_find(cas, reader, &h, &place, 1, &found, &e));
        db_give(db, reader);
        us[i] = (double)(clock_mono_us() - began);
        if (found != (known ? 1 : 0)) fprintf(stderr, "dedup_index: a wrong answer\n");
    }
    print_times(what, us, n, cpu_s() - before);
    mem_free(us);
}

static void add_xorbs(void)
{
    double *us = mem_alloc(ADDED * sizeof *us), before = cpu_s();
    for (size_t i = 0; i < ADDED; i++) {
        struct xet_hash chunk[CHUNKS / CAS_DEDUP_SAMPLE];
        uint32_t end[COUNT(chunk)];
        struct xet_xorb_index x = { .count = COUNT(chunk), .chunk = chunk, .stored_end = end, .raw_end = end };
        struct db_conn *tx;
        for (size_t k = 0; k < COUNT(chunk); k++) {
            random_bytes(chunk[k].b, sizeof chunk[k].b); /* new ones on a kept database, too */
            chunk[k].b[24] &= 0xf0;                      /* so that it is sampled */
        }
        int64_t began = clock_mono_us();
        ok_or_die(db_begin(db, &tx, &e));
        ok_or_die(dedup_add(tx, 1, &x, 0, &e));
        ok_or_die(db_commit(db, tx, &e));
        us[i] = (double)(clock_mono_us() - began);
    }
    print_times("64 rows of a new xorb, committed", us, ADDED, cpu_s() - before);
    mem_free(us);
}

static bool evict(void *ctx, const char *name, bool is_dir);

static void evict_tree(const char *dir)
{
    char path[400];
    snprintf(path, sizeof path, "%s", dir);
    ok_or_die(os_each_entry(path, evict, path, &e));
}
static bool evict(void *ctx, const char *name, bool is_dir)
{
    char path[800];
    snprintf(path, sizeof path, "%s/%s", (const char *)ctx, name);
    if (is_dir) evict_tree(path);
    else {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        if (fd >= 0) close(fd);
    }
    return true;
}

static void empty_caches(const char *dir)
{
    sync();
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "1\n", 2) != 2) {
        printf("(the page cache is not ours to empty: only the files are dropped from it)\n");
        evict_tree(dir);
    }
    if (fd >= 0) close(fd);
}

int main(int argc, char **argv)
{
    bool keep = argc > 1 && strcmp(argv[1], "--keep") == 0, is_there;
    if (keep) argc--, argv++;
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: dedup_index [--keep] DIR [ROWS]\n");
        return 2;
    }
    const char *dir = argv[1];
    uint64_t rows = argc > 2 ? strtoull(argv[2], NULL, 10) : 100000000;
    struct stat st;
    snprintf(db_path, sizeof db_path, "%s/hearth.db", dir);
    snprintf(blobs, sizeof blobs, "%s/cas", dir);
    snprintf(tmp, sizeof tmp, "%s/tmp", dir);
    is_there = stat(db_path, &st) == 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (rows < 1000) return 2;
    ok_or_die(os_mkdirs(dir, &e));
    open_all();
    if (!is_there) generate(rows);
    close_all(); /* the log goes into the database */
    if (stat(db_path, &st) == 0) printf("%.2f GB\n", (double)st.st_size / 1e9);

    empty_caches(dir);
    open_all();
    ask("cold, a chunk that nobody has", false, COLD_QUESTIONS);
    close_all();
    empty_caches(dir);
    open_all();
    ask("cold, a chunk of a stored xorb", true, COLD_QUESTIONS);
    close_all();

    open_all();
    int fd = open(db_path, O_RDONLY | O_CLOEXEC); /* warm: read it all once */
    static char block[1 << 20];
    while (fd >= 0 && read(fd, block, sizeof block) > 0) {}
    if (fd >= 0) close(fd);
    ask("warm, a chunk that nobody has", false, QUESTIONS);
    ask("warm, a chunk of a stored xorb", true, QUESTIONS);
    print_memory();
    add_xorbs();
    close_all();
    if (!keep) ok_or_die(os_remove_tree(dir, &e));
    return 0;
}
