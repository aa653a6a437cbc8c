/* bench/cas_pack.c - how large files should be packed, and how fast they go in and come out.
 *
 *     cas_pack DIR FILE...
 *
 * For each file: what raw chunks, LZ4 and grouped LZ4 (BG4) would take, and how fast each is written and read back; then
 * what the store does with it: the first upload, the same again, a version with a hundredth changed in the middle, and
 * reading it.  All on one machine in one run; files come from memory. */
#include <sys/resource.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/os.h"
#include "cas/xorb.h"
#include "xet/split.h"

enum { STEP = 256 << 10 };
#define FILE_BYTES_MAX ((size_t)1 << 30)

static void ok_or_die(bool ok, const struct err *e)
{
    if (ok) return;
    fprintf(stderr, "cas_pack: %s\n", e->msg);
    exit(1);
}

/* Of processor time: the schemes are compared on one thread, whatever else the machine does. */
static double rate(size_t n, clock_t since) { return (double)n / (double)(clock() - since + 1) * CLOCKS_PER_SEC / 1e6; }

struct timer {
    int64_t wall_us;
    clock_t cpu;
};
static struct timer timer_now(void) { return (struct timer){ clock_mono_us(), clock() }; }
static void print_rates(const char *what, size_t n, struct timer since)
{
    double wall_s = (double)(clock_mono_us() - since.wall_us + 1) / 1e6, cpu_s = (double)(clock() - since.cpu) / CLOCKS_PER_SEC;
    printf("  %-16s %7.0f MB/s, %5.2f s of processor for 1 GB", what, (double)n / wall_s / 1e6, cpu_s / ((double)n / 1e9));
}

/* ------------------------------------------------------------------ chunks under each scheme */

static size_t split(bytes all, bytes **out)
{
    struct xet_chunker c;
    size_t n = 0;
    xet_chunker_init(&c, XET_DIALECT_CURRENT);
    *out = mem_alloc(xet_split_max(all.n) * sizeof **out);
    for (const uint8_t *at = all.p, *begin = at, *end = at + all.n; at < end;) {
        bool cut;
        at += xet_chunker_next(&c, (bytes){ at, (size_t)(end - at) }, &cut);
        if (cut || at == end) (*out)[n++] = (bytes){ begin, (size_t)(at - begin) };
        if (cut) begin = at;
    }
    return n;
}

static void scheme(const char *name, enum xet_scheme s, bytes all, const bytes *chunk, size_t n)
{
    uint8_t *stored = mem_alloc(n * XET_FRAME_HEADER + all.n + XET_CHUNK_MAX), *scratch = mem_alloc(XET_CHUNK_MAX);
    uint8_t *out = mem_alloc(XET_CHUNK_MAX);
    size_t total = 0, smaller = 0;
    struct err e;
    clock_t begin = clock();
    for (size_t i = 0; i < n; i++) {
        enum xet_scheme use = s == XET_SCHEME_AUTO ? xet_scheme_guess(chunk[i]) : s;
        size_t got = xet_frame_encode(chunk[i], use, stored + total, scratch);
        smaller += got < chunk[i].n;
        total += got;
    }
    double in = rate(all.n, begin);
    begin = clock();
    for (size_t at = 0; at < total;) {
        struct xet_frame f;
        struct xet_hash hash;
        bytes raw;
        ok_or_die(xet_frame_parse(stored + at, &f, &e), &e);
        ok_or_die(xet_frame_decode(&f, (bytes){ stored + at + XET_FRAME_HEADER, f.payload_bytes }, out, scratch, &raw, &e), &e);
        xet_chunk_hash(raw, &hash);
        at += XET_FRAME_HEADER + f.payload_bytes;
    }
    printf("  %-6s %6.1f %%  of chunks smaller %5.1f %%  write %6.0f MB/s  read and hash %6.0f MB/s\n", name,
           100.0 * (double)total / (double)all.n, 100.0 * (double)smaller / (double)n, in, rate(all.n, begin));
    mem_free(stored);
    mem_free(scratch);
    mem_free(out);
}

/* ------------------------------------------------------------------ the store */

static struct cas_object put(struct cas *c, bytes b)
{
    struct cas_put *p;
    struct cas_object o;
    struct err e;
    ok_or_die(cas_put_begin(c, &p, &e), &e);
    while (b.n) {
        size_t n = b.n < STEP ? b.n : STEP;
        ok_or_die(cas_put_write(p, (bytes){ b.p, n }, &e), &e);
        b.p += n;
        b.n -= n;
    }
    ok_or_die(cas_put_commit(p, NULL, NULL, &o, &e), &e);
    return o;
}

static uint64_t stored_bytes(struct db *db)
{
    struct cas_stats s;
    struct err e;
    struct db_conn *reader = db_reader(db);
    ok_or_die(cas_stats(reader, &s, &e), &e);
    db_give(db, reader);
    return s.stored_bytes;
}

static void get(struct cas *c, const struct cas_object *o)
{
    struct cas_reader *r;
    struct err e;
    uint8_t *out = mem_alloc(STEP);
    size_t got = 1;
    for (int round = 0; round < 2; round++) {
        struct timer begin = timer_now();
        ok_or_die(cas_reader_open(c, &o->sha256, 0, o->size_bytes, &r, &e), &e);
        do ok_or_die(cas_reader_read(r, out, STEP, &got, &e), &e);
        while (got);
        print_rates(round ? "read again" : "read", (size_t)o->size_bytes, begin);
        printf("\n");
        cas_reader_close(r);
    }
    mem_free(out);
}

static void store_it(struct cas *c, struct db *db, uint8_t *p, size_t n)
{
    const char *what[] = { "upload", "the same again", "1 % changed" };
    struct cas_object o;
    for (int i = 0; i < 3; i++) {
        uint64_t before = stored_bytes(db);
        if (i == 2) random_bytes(p + n / 2, n / 100);
        struct timer begin = timer_now();
        o = put(c, (bytes){ p, n });
        print_rates(what[i], n, begin);
        printf(", %5.1f %% stored\n", 100.0 * (double)(stored_bytes(db) - before) / (double)n);
    }
    get(c, &o);
}

int main(int argc, char **argv)
{
    struct err e;
    struct db *db;
    struct store *store;
    struct cas *c;
    struct rusage use;
    char path[3][512], root[400];
    if (argc < 3) {
        fprintf(stderr, "usage: cas_pack DIR FILE...\n");
        return 2;
    }
    snprintf(root, sizeof root, "%s/bench-pack", argv[1]);
    snprintf(path[0], sizeof path[0], "%s/hearth.db", root);
    snprintf(path[1], sizeof path[1], "%s/cas", root);
    snprintf(path[2], sizeof path[2], "%s/tmp", root);
    ok_or_die(os_mkdirs(root, &e) && db_open(path[0], &db, &e) && store_open(path[1], path[2], &store, &e) &&
                  cas_open(store, db, &c, &e), &e);
    for (int i = 2; i < argc; i++) {
        char *text;
        size_t n;
        bytes *chunk;
        ok_or_die(os_read_file(argv[i], FILE_BYTES_MAX, &text, &n, &e), &e);
        bytes all = { (uint8_t *)text, n };
        clock_t begin = clock();
        size_t chunks = split(all, &chunk);
        printf("%s: %zu bytes, %zu chunks, cut at %.0f MB/s\n", argv[i], n, chunks, rate(n, begin));
        scheme("raw", XET_SCHEME_RAW, all, chunk, chunks);
        scheme("LZ4", XET_SCHEME_LZ4, all, chunk, chunks);
        scheme("BG4", XET_SCHEME_BG4, all, chunk, chunks);
        scheme("auto", XET_SCHEME_AUTO, all, chunk, chunks);
        store_it(c, db, (uint8_t *)text, n);
        mem_free(chunk);
        mem_free(text);
    }
    getrusage(RUSAGE_SELF, &use);
    printf("peak resident %.1f MB, the files included\n", (double)use.ru_maxrss / 1024);
    cas_close(c);
    store_close(store);
    db_close(db);
    ok_or_die(os_remove_tree(root, &e), &e);
    return 0;
}
