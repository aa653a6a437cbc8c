/* fuzz_shard_register.c - an uploaded shard against a store with two xorbs, one of which is the sender's.
 *
 * Whatever is taken must be true: every file can be read, and has the SHA-256 under which it was entered; and what is
 * refused leaves no row. */
#include <stdio.h>
#include <stdlib.h>

#include "cas/xorb_priv.h"
#include "xet_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHUNK = 100, CHUNKS = 9, USER = 1 };

static struct {
    char dir[64], path[3][96];
    struct db *db;
    struct store *store;
    struct cas *cas;
} world;

static void run_sql(const char *sql)
{
    struct err e;
    struct db_conn *tx;
    must(db_begin(world.db, &tx, &e) && db_run(tx, &e, sql) && db_commit(world.db, tx, &e));
}

static void add_xorb(uint8_t seed, int64_t user)
{
    struct err e;
    struct store_writer w;
    struct db_conn *tx;
    struct xet_xorb_index x;
    const struct xet_xorb_index *stored;
    struct arena *a = arena_new(0);
    struct buf frames = BUF_INIT(0);
    struct xet_xorb_writer *out = xet_xorb_writer_new();
    int64_t id;
    for (uint8_t i = 0; i < CHUNKS; i++) {
        uint8_t raw[CHUNK];
        struct xet_hash hash;
        memset(raw, seed + i, sizeof raw);
        xet_chunk_hash((bytes){ raw, sizeof raw }, &hash);
        xorb_add(out, (bytes){ raw, sizeof raw }, &hash, XET_SCHEME_AUTO, &frames);
    }
    xet_xorb_writer_end(out, a, &x);
    must(store_write_begin(world.store, &w, &e) && os_pwrite(w.tmp.fd, bytes_of(buf_str(&frames)), 0, &e));
    must(xorb_publish(world.cas, &w, &x, &stored, &e) && db_begin(world.db, &tx, &e));
    must(xorb_enter(world.cas, tx, stored, user, &id, NULL, &e) && db_commit(world.db, tx, &e));
    xorb_give(world.cas, stored);
    xet_xorb_writer_free(out);
    buf_deinit(&frames);
    arena_free(a);
}

static void end_world(void)
{
    struct err e;
    cas_close(world.cas);
    store_close(world.store);
    db_close(world.db);
    (void)os_remove_tree(world.dir, &e);
}

static void begin_world(void)
{
    static const char *const name[] = { "db", "cas", "tmp" };
    struct err e;
    snprintf(world.dir, sizeof world.dir, "/tmp/hearth-fuzz-XXXXXX");
    must(mkdtemp(world.dir));
    for (size_t i = 0; i < 3; i++) snprintf(world.path[i], sizeof world.path[i], "%s/%s", world.dir, name[i]);
    must(db_open(world.path[0], &world.db, &e) && store_open(world.path[1], world.path[2], &world.store, &e));
    must(cas_open(world.store, world.db, &world.cas, &e));
    run_sql("INSERT INTO account (id, hex_id, kind, name, name_key, created_ms) VALUES (1, 'a', 'user', 'u', 'u', 0)");
    add_xorb(0, USER);
    add_xorb(100, 0); /* nobody's */
    atexit(end_world);
}

static bool may_read_nothing(void *ctx, struct db_conn *c, const struct sha256 *sha256, bool *may, struct err *e)
{
    (void)ctx, (void)c, (void)sha256, (void)e;
    *may = false;
    return true;
}

static void check_object(const struct cas_object *o, struct arena *a)
{
    struct err e;
    struct cas_file f;
    struct file_reader *r;
    struct hasher *h = hasher_new_sha256();
    struct sha256 is;
    uint8_t room[512];
    size_t got = 1;
    bool found;
    must(cas_file_of(world.cas, &o->sha256, a, &f, &found, &e) && found && f.size_bytes == o->size_bytes);
    must(file_reader_open(world.cas, &f, 0, f.size_bytes, &r, &e));
    while (got > 0) {
        must(file_reader_read(r, room, sizeof room, &got, &e));
        hasher_add(h, (bytes){ room, got });
    }
    file_reader_close(r);
    hasher_end(h, is.b);
    must(sha256_eq(&is, &o->sha256));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!world.cas) begin_world();
    struct cas_shard_options o = { .viewer = { USER, may_read_nothing, NULL } };
    struct cas_object *out = NULL;
    struct err e;
    struct arena *a = arena_new(0);
    struct db_conn *reader;
    size_t n = 0;
    int64_t rows = 0;
    bool was_new, ok = cas_shard_register(world.cas, (bytes){ data, size }, &o, a, &out, &n, &was_new, &e);
    for (size_t i = 0; ok && i < n; i++) check_object(&out[i], a);
    reader = db_reader(world.db);
    must(db_get_int(reader, &rows, 0, &e, "SELECT count(*) FROM cas_file"));
    db_give(world.db, reader);
    must((size_t)rows == n);
    if (n > 0) run_sql("DELETE FROM cas_object");
    arena_free(a);
    return 0;
}
