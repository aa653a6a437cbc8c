/* xet_plan.c - how long the answer takes to "what must I fetch for this file": a file of 50 GB, as one row.
 *
 *     xet_plan [DIR]        (a folder for the database; /tmp by default)
 *
 * Three files: fresh (a term per xorb), and assembled from pieces of 16 and of 4 chunks.  The xorbs' data need not be
 * there, but for the one where the cuts fall.  Printed: reading the row, the plan of all of it, of a block of 256 MB in
 * the middle as clients ask, and of one byte. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "cas/xorb_priv.h"
#include "xet_write.h"

enum { CHUNKS = 1024, CHUNK = 65536, XORBS = 763, ROUNDS = 21 };

static void check(bool ok, const struct err *e)
{
    if (ok) return;
    fprintf(stderr, "xet_plan: %s\n", e->msg);
    exit(1);
}

/* A xorb of 1024 chunks of zeros; one frame written over and over. */
static void make_xorb(struct cas *c, struct db *db, struct arena *a, struct xet_xorb_index *x)
{
    struct err e;
    struct store_writer w;
    struct db_conn *tx;
    const struct xet_xorb_index *stored;
    struct xet_xorb_writer *out = xet_xorb_writer_new();
    struct buf frames = BUF_INIT(0);
    struct xet_hash hash;
    uint8_t *zeros = mem_alloc(CHUNK);
    int64_t id;
    xet_chunk_hash((bytes){ zeros, CHUNK }, &hash);
    for (size_t i = 0; i < CHUNKS; i++)
        xorb_add(out, (bytes){ zeros, CHUNK }, &hash, XET_SCHEME_LZ4, &frames);
    xet_xorb_writer_end(out, a, x);
    check(store_write_begin(c->store, &w, &e), &e);
    check(os_pwrite(w.tmp.fd, bytes_of(buf_str(&frames)), 0, &e), &e);
    check(xorb_publish(c, &w, x, &stored, &e), &e);
    check(db_begin(db, &tx, &e), &e);
    check(xorb_enter(c, tx, stored, 0, &id, NULL, &e), &e);
    for (uint32_t i = 1; i < XORBS; i++) {
        struct xet_hash h = x->hash;
        memcpy(h.b, &i, sizeof i);
        check(db_run(tx, &e,
                     "INSERT INTO cas_xorb (hash, chunks_count, raw_bytes, stored_bytes, created_ms, touched_ms)"
                     " VALUES (?, 1024, 67108864, 40000000, 1, 1)",
                     db_blob((bytes){ h.b, 32 })),
              &e);
    }
    check(db_commit(db, tx, &e), &e);
    xorb_give(c, stored);
    buf_deinit(&frames);
    xet_xorb_writer_free(out);
    mem_free(zeros);
}

static int by_size(const void *a, const void *b)
{
    return (*(const int64_t *)a > *(const int64_t *)b) - (*(const int64_t *)a < *(const int64_t *)b);
}

static int64_t median_plan(struct cas *c, const struct cas_file *f, uint64_t begin, uint64_t end, size_t *terms)
{
    int64_t us[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        struct err e;
        struct xet_plan p;
        struct arena *a = arena_new(0);
        int64_t start = clock_mono_us();
        check(cas_plan(c, f, begin, end, a, &p, &e), &e);
        us[i] = clock_mono_us() - start;
        *terms = p.terms_count;
        arena_free(a);
    }
    qsort(us, ROUNDS, sizeof *us, by_size);
    return us[ROUNDS / 2];
}

static void measure(struct cas *c, struct db *db, const struct xet_xorb_index *x, uint32_t piece)
{
    struct err e;
    struct arena *a = arena_new(0);
    struct cas_object o;
    struct db_conn *tx;
    uint32_t per_xorb = CHUNKS / piece;
    size_t count = (size_t)XORBS * per_xorb, n;
    struct xet_stored_term *t = arena_alloc(a, count * sizeof *t);
    struct cas_file f = { .hash = { { (uint8_t)piece, (uint8_t)(piece >> 8) } },
                          .sha256 = { { (uint8_t)piece, 1 } },
                          .term = t,
                          .terms_count = count };
    for (size_t i = 0; i < count; i++) { /* neighbours lie in different xorbs */
        uint32_t xorb = (uint32_t)(i % XORBS), first = (uint32_t)(i / XORBS) * piece;
        t[i] = xet_stored_term(x, first, first + piece);
        if (xorb > 0 && i != count / 2) memcpy(t[i].xorb.b, &xorb, sizeof xorb);
        f.size_bytes += t[i].raw_bytes;
    }
    check(db_begin(db, &tx, &e), &e);
    check(file_enter_object(tx, &f, &o, &e), &e);
    check(db_commit(db, tx, &e), &e);
    int64_t row[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        struct arena *b = arena_new(0);
        struct cas_file found_file;
        bool found;
        int64_t start = clock_mono_us();
        check(cas_file_find(c, &f.hash, b, &found_file, &found, &e) && found, &e);
        row[i] = clock_mono_us() - start;
        arena_free(b);
    }
    qsort(row, ROUNDS, sizeof *row, by_size);
    uint64_t middle = (uint64_t)(count / 2) * piece * CHUNK + CHUNK / 2; /* cuts the one xorb that is there */
    int64_t whole = median_plan(c, &f, 0, UINT64_MAX, &n);
    printf("%4u chunks a term, %6zu terms: row %6.2f ms, plan of %.0f GB %6.2f ms", piece, count,
           (double)row[ROUNDS / 2] / 1e3, (double)f.size_bytes / 1e9, (double)whole / 1e3);
    uint64_t block_end =
        (uint64_t)(count / 2 + 1) * piece * CHUNK + ((256u << 20) / (piece * CHUNK)) * (uint64_t)piece * CHUNK;
    int64_t block = median_plan(c, &f, middle, block_end, &n);
    printf(", of 256 MiB %6.3f ms (%zu terms)", (double)block / 1e3, n);
    printf(", of a byte %6.3f ms\n", (double)median_plan(c, &f, middle, middle + 1, &n) / 1e3);
    arena_free(a);
}

int main(int argc, char **argv)
{
    struct err e;
    struct db *db;
    struct store *store;
    struct cas *c;
    struct xet_xorb_index x;
    struct arena *a = arena_new(0);
    char dir[200], path[256], blobs[256], tmp[256];
    snprintf(dir, sizeof dir, "%s/xet_plan.XXXXXX", argc > 1 ? argv[1] : "/tmp");
    if (!mkdtemp(dir)) return 1;
    snprintf(path, sizeof path, "%s/db", dir);
    snprintf(blobs, sizeof blobs, "%s/cas", dir);
    snprintf(tmp, sizeof tmp, "%s/tmp", dir);
    check(db_open(path, &db, &e), &e);
    check(store_open(blobs, tmp, &store, &e), &e);
    check(cas_open(store, db, &c, &e), &e);
    make_xorb(c, db, a, &x);
    measure(c, db, &x, 1024);
    measure(c, db, &x, 16);
    measure(c, db, &x, 4);
    cas_close(c);
    store_close(store);
    db_close(db);
    arena_free(a);
    check(os_remove_tree(dir, &e), &e);
    return 0;
}
