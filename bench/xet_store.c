/* xet_store.c - what the store of xorbs costs: uploads one after the other and 64 at once, the first and the second
 * opening for download, and the registration of the file that they make.
 *
 *     xet_store [DIR]       (a folder for 2 GiB; /tmp by default)
 *
 * Content is random, so frames are raw: decoding costs nothing, hashing and the disk all.  The peak of resident memory
 * is printed at the end; the content itself, 64 MiB, and a shard are part of it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "cas/xorb_priv.h"
#include "xet_write.h"

enum { CHUNK = 65536, CHUNKS = 1016, XORBS = 16, AT_ONCE = 64 };

struct made {
    struct xet_xorb_index x;
    uint8_t first[CHUNK]; /* all xorbs share their other chunks */
};

static struct {
    struct cas *cas;
    struct db *db;
    struct arena *a;
    uint8_t *content; /* frames of all chunks; the first is each xorb's own */
    struct made made[AT_ONCE];
} b;

static void check(bool ok, const struct err *e)
{
    if (ok) return;
    fprintf(stderr, "xet_store: %s\n", e->msg);
    exit(1);
}

enum { FRAME = CHUNK + XET_FRAME_HEADER };

static void make_content(void)
{
    static const uint8_t head[8] = { 0, 0, 0, 1, 0, 0, 0, 1 }; /* 65536 bytes, raw */
    struct xet_hash *hash = arena_alloc(b.a, CHUNKS * sizeof *hash);
    b.content = mem_alloc((size_t)CHUNKS * FRAME);
    for (size_t i = 0; i < CHUNKS; i++) {
        uint8_t *p = b.content + i * FRAME;
        memcpy(p, head, sizeof head);
        random_bytes(p + 8, CHUNK);
        xet_chunk_hash((bytes){ p + 8, CHUNK }, &hash[i]);
    }
    for (size_t k = 0; k < AT_ONCE; k++) {
        struct made *m = &b.made[k];
        struct xet_merkle tree;
        struct xet_hash *chunk = arena_alloc(b.a, CHUNKS * sizeof *chunk);
        uint32_t *stored = arena_alloc(b.a, CHUNKS * sizeof *stored), *raw = arena_alloc(b.a, CHUNKS * sizeof *raw);
        memcpy(chunk, hash, CHUNKS * sizeof *chunk);
        random_bytes(m->first, CHUNK);
        xet_chunk_hash((bytes){ m->first, CHUNK }, &chunk[0]);
        xet_merkle_init(&tree);
        for (uint32_t i = 0; i < CHUNKS; i++) {
            xet_merkle_add(&tree, &chunk[i], CHUNK);
            stored[i] = (i + 1) * FRAME;
            raw[i] = (i + 1) * CHUNK;
        }
        m->x = (struct xet_xorb_index){ .count = CHUNKS, .chunk = chunk, .stored_end = stored, .raw_end = raw };
        xet_merkle_root(&tree, &m->x.hash);
    }
}

static bool upload(const struct made *m, struct err *e)
{
    struct cas_xorb_put *p;
    bool was_new;
    if (!cas_xorb_begin(b.cas, &m->x.hash, 1, 0, &p, e)) return false;
    for (size_t at = 0, end = (size_t)CHUNKS * FRAME; at < end;) {
        uint8_t *to;
        size_t n;
        if (!cas_xorb_space(p, &to, &n, e)) goto failed;
        if (n > end - at) n = end - at;
        if (at < FRAME && n > FRAME - at) n = FRAME - at;
        memcpy(to, at >= 8 && at < FRAME ? m->first + (at - 8) : b.content + at, at < 8 ? (n = 8) : n);
        if (!cas_xorb_filled(p, n, e)) goto failed;
        at += n;
    }
    return cas_xorb_commit(p, &was_new, e);
failed:
    cas_xorb_abort(p);
    return false;
}

static void *upload_one(void *m)
{
    struct err e;
    check(upload(m, &e), &e);
    return NULL;
}

static double seconds_since(int64_t us)
{
    return (double)(clock_mono_us() - us) / 1e6;
}

static double peak_mib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)u.ru_maxrss / 1024;
}

static bool may_read_nothing(void *ctx, struct db_conn *c, const struct sha256 *sha256, bool *may, struct err *e)
{
    (void)ctx, (void)c, (void)sha256, (void)e;
    *may = false;
    return true;
}

/* One file of XORBS whole xorbs. */
static void register_file(void)
{
    struct err e;
    struct buf shard = BUF_INIT(0);
    struct xet_term term[XORBS];
    struct xet_hash range[XORBS], name;
    struct xet_merkle tree;
    struct cas_object *out;
    struct cas_shard_options o = { .viewer = { 1, may_read_nothing, NULL } };
    size_t n;
    bool was_new;
    xet_merkle_init(&tree);
    for (size_t i = 0; i < XORBS; i++) {
        const struct xet_xorb_index *x = &b.made[i].x;
        term[i] = (struct xet_term){ x->hash, 0, CHUNKS, CHUNKS * CHUNK };
        xet_range_hash(x->chunk, CHUNKS, &range[i]);
        for (uint32_t c = 0; c < CHUNKS; c++) xet_merkle_add(&tree, &x->chunk[c], CHUNK);
    }
    xet_merkle_file(&tree, &name);
    shard_put_header(&shard);
    shard_put_file(&shard, &name, term, range, XORBS, NULL);
    shard_put_bookend(&shard);
    for (size_t i = 0; i < XORBS; i++) shard_put_xorb(&shard, &b.made[i].x);
    shard_put_bookend(&shard);
    int64_t start = clock_mono_us();
    check(cas_shard_register(b.cas, bytes_of(buf_str(&shard)), &o, b.a, &out, &n, &was_new, &e), &e);
    double s = seconds_since(start);
    printf("registration of a file of %.2f GB: %.2f s, %.2f GB/s (read, decoded, hashed twice)\n",
           (double)out[0].size_bytes / 1e9, s, (double)out[0].size_bytes / 1e9 / s);
    buf_deinit(&shard);
}

int main(int argc, char **argv)
{
    struct err e;
    struct store *store;
    char dir[200], path[256], blobs[256], tmp[256];
    double gb = (double)CHUNKS * FRAME / 1e9;
    pthread_t thread[AT_ONCE];
    uint64_t n;
    int fd;
    snprintf(dir, sizeof dir, "%s/xet_store.XXXXXX", argc > 1 ? argv[1] : "/tmp");
    if (!mkdtemp(dir)) return 1;
    snprintf(path, sizeof path, "%s/db", dir);
    snprintf(blobs, sizeof blobs, "%s/cas", dir);
    snprintf(tmp, sizeof tmp, "%s/tmp", dir);
    b.a = arena_new(0);
    check(db_open(path, &b.db, &e) && store_open(blobs, tmp, &store, &e) && cas_open(store, b.db, &b.cas, &e), &e);
    struct db_conn *tx;
    check(db_begin(b.db, &tx, &e), &e);
    check(db_run_n(
              tx,
              "INSERT INTO account (id, hex_id, kind, name, name_key, created_ms) VALUES (1, 'a', 'user', 'u', 'u', 0)",
              NULL, 0, &e) &&
              db_commit(b.db, tx, &e),
          &e);
    make_content();
    double before = peak_mib();

    int64_t start = clock_mono_us();
    for (size_t i = 0; i < XORBS; i++) check(upload(&b.made[i], &e), &e);
    double s = seconds_since(start);
    printf("%d uploads of 64 MiB, one by one: %.2f s, %.2f GB/s\n", XORBS, s, gb * XORBS / s);
    start = clock_mono_us();
    check(cas_xorb_open(b.cas, &b.made[0].x.hash, &fd, &n, &e), &e);
    close(fd);
    printf("opened after its upload: %.3f ms\n", seconds_since(start) * 1e3);
    register_file();

    cas_close(b.cas); /* a restart: nothing is known to be sound */
    check(cas_open(store, b.db, &b.cas, &e), &e);
    start = clock_mono_us();
    for (size_t i = 0; i < XORBS; i++) {
        check(cas_xorb_open(b.cas, &b.made[i].x.hash, &fd, &n, &e), &e);
        close(fd);
    }
    s = seconds_since(start);
    printf("opened first after a start: %.1f ms each, %.2f GB/s\n", s / XORBS * 1e3, gb * XORBS / s);

    double peak = peak_mib();
    start = clock_mono_us();
    for (size_t i = XORBS; i < AT_ONCE; i++)
        if (pthread_create(&thread[i], NULL, upload_one, &b.made[i]) != 0) return 1;
    for (size_t i = XORBS; i < AT_ONCE; i++) pthread_join(thread[i], NULL);
    s = seconds_since(start);
    printf("%d uploads at once: %.2f s, %.2f GB/s; resident memory at most %.0f MiB, %.0f before them, %.0f of it the "
           "content\n",
           AT_ONCE - XORBS, s, gb * (AT_ONCE - XORBS) / s, peak_mib(), peak, before);
    cas_close(b.cas);
    store_close(store);
    db_close(b.db);
    arena_free(b.a);
    mem_free(b.content);
    check(os_remove_tree(dir, &e), &e);
    return 0;
}
