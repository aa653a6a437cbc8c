/* bench/care_gen.c - many small large files in one repository, to measure what care of a home costs.
 *
 *     care_gen HOME REPO FILES | git -C HOME/repos/REPO fast-import
 *
 * The repository (its number) exists, the server does not run, and `hearth reindex` comes after.  Files of 300 random bytes each, a chunk of its own,
 * go into the store in xorbs of 8192 chunks and shards of as many files, as a Xet client would send them; their pointers, in folders of a thousand, are
 * written as one commit to main for git. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "cas/xorb_priv.h"
#include "store/store.h"
#include "xet_write.h"

enum { AT_ONCE = 8192, BYTES = 300, NAME_BYTES = 60 };

static struct err e;
static void ok_or_die(bool ok)
{
    if (ok) return;
    fprintf(stderr, "care_gen: %s\n", e.msg);
    exit(1);
}

static bool may_read_nothing(void *ctx, struct db_conn *c, const struct sha256 *sha256, bool *may, struct err *why)
{
    (void)ctx, (void)c, (void)sha256, (void)why;
    *may = false;
    return true;
}

static void send_xorb(struct cas *cas, const struct xet_xorb_index *x, bytes frames)
{
    struct cas_xorb_put *p;
    bool was_new;
    ok_or_die(cas_xorb_begin(cas, &x->hash, 1, 0, &p, &e));
    for (size_t at = 0; at < frames.n;) {
        uint8_t *to;
        size_t n;
        ok_or_die(cas_xorb_space(p, &to, &n, &e));
        if (n > frames.n - at) n = frames.n - at;
        memcpy(to, frames.p + at, n);
        ok_or_die(cas_xorb_filled(p, n, &e));
        at += n;
    }
    ok_or_die(cas_xorb_commit(p, &was_new, &e));
}

/* One xorb, one shard, `files` files, numbered from `first` on. */
static void make(struct cas *cas, struct db *db, int64_t repo, size_t first, size_t files, struct arena *a)
{
    struct xet_xorb_index x = { .count = (uint32_t)files, .chunk = arena_alloc(a, files * sizeof *x.chunk) };
    struct xet_hash *chunk = arena_alloc(a, files * sizeof *chunk);
    uint32_t *stored = arena_alloc(a, files * sizeof *stored), *raw = arena_alloc(a, files * sizeof *raw);
    struct sha256 *sha = arena_alloc(a, files * sizeof *sha);
    struct cas_shard_options o = { .viewer = { 1, may_read_nothing, NULL } };
    struct buf frames = BUF_INIT(0), shard = BUF_INIT(0);
    static const uint8_t head[8] = { 0, BYTES & 255, BYTES >> 8, 0, 0, BYTES & 255, BYTES >> 8, 0 };
    struct xet_merkle tree;
    struct cas_object *out;
    struct db_conn *tx;
    size_t n;
    bool was_new;
    xet_merkle_init(&tree);
    for (uint32_t i = 0; i < files; i++) {
        uint8_t content[BYTES];
        random_bytes(content, sizeof content);
        xet_chunk_hash((bytes){ content, BYTES }, &chunk[i]);
        sha[i] = sha256_of((bytes){ content, BYTES });
        buf_add(&frames, str_n((const char *)head, sizeof head));
        buf_add(&frames, str_n((const char *)content, BYTES));
        xet_merkle_add(&tree, &chunk[i], BYTES);
        stored[i] = (i + 1) * (BYTES + 8);
        raw[i] = (i + 1) * BYTES;
    }
    x = (struct xet_xorb_index){ .count = (uint32_t)files, .chunk = chunk, .stored_end = stored, .raw_end = raw };
    xet_merkle_root(&tree, &x.hash);
    send_xorb(cas, &x, bytes_of(buf_str(&frames)));
    shard_put_header(&shard);
    for (uint32_t i = 0; i < files; i++) {
        struct xet_term term = { x.hash, i, i + 1, BYTES };
        struct xet_hash range, name;
        xet_range_hash(&chunk[i], 1, &range);
        xet_merkle_init(&tree);
        xet_merkle_add(&tree, &chunk[i], BYTES);
        xet_merkle_file(&tree, &name);
        shard_put_file(&shard, &name, &term, &range, 1, &sha[i]);
    }
    shard_put_bookend(&shard);
    shard_put_xorb(&shard, &x);
    shard_put_bookend(&shard);
    ok_or_die(cas_shard_register(cas, bytes_of(buf_str(&shard)), &o, a, &out, &n, &was_new, &e));
    must(n == files);
    ok_or_die(db_begin(db, &tx, &e));
    for (size_t i = 0; i < n; i++) {
        char hex[SHA256_HEX + 1], pointer[200];
        ok_or_die(db_run(tx, &e, "INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pushed_ms) VALUES (?, ?, ?, ?)", db_int(repo),
                         db_sha256(&sha[i]), db_int(BYTES), db_int(clock_now_ms())));
        hex_encode((bytes){ sha[i].b, SHA256_BYTES }, hex);
        int length = snprintf(pointer, sizeof pointer, "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", hex, BYTES);
        printf("M 100644 inline part-%03zu/file-%06zu.bin\ndata %d\n%s\n", (first + i) / 1000, first + i, length, pointer);
    }
    ok_or_die(db_commit(db, tx, &e));
    buf_deinit(&frames);
    buf_deinit(&shard);
}

int main(int argc, char **argv)
{
    char path[300], blobs[300], tmp[300];
    struct store *store;
    struct cas *cas;
    struct db *db;
    if (argc != 4) return fprintf(stderr, "usage: care_gen HOME REPO FILES\n"), 2;
    size_t files = (size_t)strtoull(argv[3], NULL, 10);
    int64_t repo = (int64_t)strtoull(argv[2], NULL, 10);
    snprintf(path, sizeof path, "%s/hearth.db", argv[1]);
    snprintf(blobs, sizeof blobs, "%s/cas", argv[1]);
    snprintf(tmp, sizeof tmp, "%s/tmp", argv[1]);
    ok_or_die(db_open(path, &db, &e) && store_open(blobs, tmp, &store, &e) && cas_open(store, db, &cas, &e));
    printf("commit refs/heads/main\ncommitter x <x@example.org> 1 +0000\ndata 5\nfiles\nfrom refs/heads/main^0\n"
           "M 100644 inline .gitattributes\ndata 44\n*.bin filter=lfs diff=lfs merge=lfs -text\n\n\n");
    for (size_t at = 0; at < files; at += AT_ONCE) {
        struct arena *a = arena_new(0);
        make(cas, db, repo, at, files - at < AT_ONCE ? files - at : AT_ONCE, a);
        arena_free(a);
    }
    cas_close(cas);
    store_close(store);
    db_close(db);
    return 0;
}
