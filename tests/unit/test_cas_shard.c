/* Shards of uploads: what is true and the sender's is entered, at once and for good; all else leaves no trace. */
#include "cas_help.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "cas/pack_priv.h"

/* ------------------------------------------------------------------ a world with two xorbs, and files made of them */

enum { CHUNK = 5000, LARGE_CHUNK = 120001 };
struct part { /* chunks [first, end) of xorb `of` */
    unsigned of;
    uint32_t first, end;
};
struct world {
    struct place p;
    struct arena *a;
    size_t chunk;
    bytes content[2];
    struct made_xorb xorb[2];
    struct buf shard;
};

static void world_begin_with(struct world *w, size_t chunk)
{
    w->chunk = chunk;
    place_begin(&w->p);
    w->a = arena_new(0);
    buf_init(&w->shard, 0);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t *content = (uint8_t *)(uintptr_t)xet_random(100 + i, 20 * chunk).p;
        for (size_t k = 0; i == 1 && k < 20; k++)
            memset(content + k * chunk, 0, chunk / 2); /* that can be compressed */
        w->content[i] = (bytes){ content, 20 * chunk };
        make_xorb(&w->xorb[i], w->content[i], chunk, i ? XET_SCHEME_LZ4 : XET_SCHEME_RAW);
        store_xorb(&w->p, &w->xorb[i], 1);
    }
}

static void world_begin(struct world *w) { world_begin_with(w, CHUNK); }

static void world_end(struct world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        made_free(&w->xorb[i]);
        mem_free((void *)w->content[i].p);
    }
    buf_deinit(&w->shard);
    arena_free(w->a);
    place_end(&w->p);
}

struct file {
    struct xet_term term[40];
    struct xet_hash range[40], hash;
    uint32_t n;
    struct sha256 sha256;
};

static struct file file_of(const struct world *w, const struct part *part, uint32_t n)
{
    struct file f = { .n = n };
    struct xet_merkle tree;
    struct hasher *h = hasher_new_sha256();
    xet_merkle_init(&tree);
    for (uint32_t i = 0; i < n; i++) {
        const struct xet_xorb_index *x = &w->xorb[part[i].of].x;
        uint32_t at = xet_raw_at(x, part[i].first), size = xet_raw_at(x, part[i].end) - at;
        f.term[i] = (struct xet_term){ x->hash, part[i].first, part[i].end, size };
        xet_range_hash(x->chunk + part[i].first, part[i].end - part[i].first, &f.range[i]);
        for (uint32_t c = part[i].first; c < part[i].end; c++) xet_merkle_add(&tree, &x->chunk[c], w->chunk);
        hasher_add(h, (bytes){ w->content[part[i].of].p + at, size });
    }
    xet_merkle_file(&tree, &f.hash);
    hasher_end(h, f.sha256.b);
    return f;
}

enum { NO_CLAIM = 1 };
static void add_file(struct buf *b, const struct file *f, int how)
{
    shard_put_file(b, &f->hash, f->term, f->range, f->n, how == NO_CLAIM ? NULL : &f->sha256);
}

/* The files, and listings of the xorbs whose bits are set. */
static void shard_of(struct world *w, const struct file *f, size_t n, unsigned listed)
{
    struct buf *b = &w->shard;
    buf_reset(b);
    shard_put_header(b);
    for (size_t i = 0; i < n; i++) add_file(b, &f[i], 0);
    shard_put_bookend(b);
    for (unsigned i = 0; i < 2; i++)
        if (listed >> i & 1) shard_put_xorb(b, &w->xorb[i].x);
    shard_put_bookend(b);
}

static bytes shard(const struct world *w) { return bytes_of(buf_str(&w->shard)); }

/* A viewer who may read the objects of one SHA-256, or none. */
static bool may_read_one(void *ctx, struct db_conn *c, const struct sha256 *sha256, bool *may, struct err *e)
{
    (void)c, (void)e;
    *may = ctx && sha256_eq(ctx, sha256);
    return true;
}

struct answer {
    struct cas_object *o;
    size_t n;
    bool was_new;
    struct err e;
    uint64_t read; /* bytes, as progress told */
};

static bool count_read(void *ctx, uint64_t done, uint64_t total, struct err *e)
{
    (void)e;
    assert_true(done <= total);
    *(uint64_t *)ctx = done;
    return true;
}

static bool send_as(struct world *w, int64_t user, const struct sha256 *readable, bytes shard, struct answer *out)
{
    struct cas_shard_options o = { { user, may_read_one, (void *)(uintptr_t)readable }, 0, count_read, &out->read };
    out->read = 0;
    return cas_shard_register(w->p.cas, shard, &o, w->a, &out->o, &out->n, &out->was_new, &out->e);
}
#define SEND(...)                                                                                                      \
    do {                                                                                                               \
        if (!send_as(__VA_ARGS__)) fail_msg("refused: %s", got.e.msg);                                                 \
    } while (0)
#define REFUSED(want_code, words, ...)                                                                                 \
    do {                                                                                                               \
        if (send_as(__VA_ARGS__)) fail_msg("taken");                                                                   \
        if (got.e.code != (want_code) || !strstr(got.e.msg, (words))) fail_msg("code %d: %s", got.e.code, got.e.msg);  \
    } while (0)

static void assert_no_trace(struct world *w)
{
    assert_int_equal(get_int(&w->p, "SELECT count(*) FROM cas_object"), 0);
    assert_int_equal(get_int(&w->p, "SELECT count(*) FROM cas_file"), 0);
    assert_int_equal(get_int(&w->p, "SELECT count(*) FROM cas_file_xorb"), 0);
    assert_int_equal(get_int(&w->p, "SELECT count(*) FROM cas_dedup"), 0);
}

static void assert_reads_as(struct world *w, const struct file *f, const struct part *part)
{
    struct cas_file stored;
    struct file_reader *r;
    struct err e;
    bool found;
    uint8_t room[LARGE_CHUNK];
    size_t got, chunk = w->chunk;
    must_ok(cas_file_of(w->p.cas, &f->sha256, w->a, &stored, &found, &e));
    assert_true(found);
    must_ok(file_reader_open(w->p.cas, &stored, 0, stored.size_bytes, &r, &e));
    for (uint32_t i = 0; i < f->n; i++)
        for (uint32_t c = part[i].first; c < part[i].end; c++) {
            must_ok(file_reader_read(r, room, chunk, &got, &e));
            assert_int_equal(got, chunk);
            assert_memory_equal(room, w->content[part[i].of].p + (size_t)c * chunk, chunk);
        }
    must_ok(file_reader_read(r, room, chunk, &got, &e));
    assert_int_equal(got, 0);
    file_reader_close(r);
}

/* ------------------------------------------------------------------ what is taken */

static const struct part two[] = { { 0, 3, 20 }, { 1, 0, 7 } },
                         overlapping[] = { { 1, 2, 9 }, { 1, 5, 6 }, { 1, 0, 20 }, { 0, 0, 1 } },
                         one[] = { { 0, 0, 1 } };

static void files_are_entered_and_can_be_read(void **state)
{
    (void)state;
    struct world w;
    struct answer got;
    world_begin(&w);
    struct file f[] = { file_of(&w, two, 2), file_of(&w, overlapping, 4), file_of(&w, one, 1) };
    shard_of(&w, f, 3, 3);
    SEND(&w, 1, NULL, shard(&w), &got);
    assert_true(got.was_new);
    assert_int_equal(got.n, 3);
    assert_int_equal(got.read, (24 + 29 + 1) * CHUNK);
    assert_reads_as(&w, &f[0], two);
    assert_reads_as(&w, &f[1], overlapping);
    for (size_t i = 0; i < 3; i++) {
        bool is_one_of_them = false;
        for (size_t k = 0; k < 3; k++) is_one_of_them |= sha256_eq(&got.o[i].sha256, &f[k].sha256);
        assert_true(is_one_of_them && got.o[i].size_bytes > 0 && got.o[i].created_ms > 0);
    }
    assert_int_equal(get_int(&w.p, "SELECT count(*) FROM cas_file_xorb"), 5);
    /* the first chunk of every file can be found, and what is sampled */
    struct db_conn *reader = db_reader(w.p.db);
    struct dedup_place place;
    struct err e;
    size_t n;
    for (unsigned x = 0; x < 2; x++)
        for (uint32_t c = 0; c < 20; c++) {
            bool first = (x == 0 && (c == 3 || c == 0)) || (x == 1 && c == 2);
            must_ok(dedup_find(w.p.cas, reader, &w.xorb[x].x.chunk[c], &place, 1, &n, &e));
            assert_int_equal(n, first || dedup_is_sampled(&w.xorb[x].x.chunk[c]));
        }
    db_give(w.p.db, reader);
    world_end(&w);
}

/* Two are hashed at a time, whichever comes next: none gets what is another's. */
static void files_of_all_sizes_without_a_claim_get_their_own_sha256(void **state)
{
    (void)state;
    enum { FILES = 9 };
    struct world w;
    struct answer got;
    struct file f[FILES];
    world_begin_with(&w, LARGE_CHUNK);
    shard_put_header(&w.shard);
    for (uint32_t i = 0; i < FILES; i++) {
        const struct part part[] = { { i % 2, i, i + 1 + i * i % 11 }, { 1, i / 2, i / 2 + 1 } };
        f[i] = file_of(&w, part, 1 + i % 3 / 2);
        add_file(&w.shard, &f[i], NO_CLAIM);
    }
    shard_put_bookend(&w.shard);
    shard_put_bookend(&w.shard);
    SEND(&w, 1, NULL, shard(&w), &got);
    assert_int_equal(got.n, FILES);
    for (size_t i = 0; i < FILES; i++) {
        bool is_there = false;
        for (size_t k = 0; k < FILES; k++) is_there |= sha256_eq(&got.o[k].sha256, &f[i].sha256);
        if (!is_there) fail_msg("file %zu has another SHA-256", i);
    }
    world_end(&w);
}

/* Read past the page cache, in windows whose ends are multiples of nothing. */
static void a_large_file_is_read_once_and_its_claim_compared(void **state)
{
    (void)state;
    static const struct part large[] = { { 0, 1, 20 }, { 1, 0, 20 }, { 0, 0, 3 } };
    struct world w;
    struct answer got;
    char path[256];
    world_begin_with(&w, LARGE_CHUNK);
    struct file good = file_of(&w, large, 3), bad = good;
    bad.sha256.b[31] ^= 1;
    shard_of(&w, &bad, 1, 3);
    REFUSED(ERR_INVALID, "SHA-256", &w, 1, NULL, shard(&w), &got);
    assert_int_equal(got.read, 2 * 42 * LARGE_CHUNK); /* the second reading tells a lie from a bad disk */
    blob_path(&w.p, &w.xorb[1].x.hash, path);
    shard_of(&w, &good, 1, 3);
    flip_byte(path, 9 * LARGE_CHUNK);
    REFUSED(ERR_IO, "xorb", &w, 1, NULL, shard(&w), &got);
    assert_no_trace(&w);
    flip_byte(path, 9 * LARGE_CHUNK);
    SEND(&w, 1, NULL, shard(&w), &got);
    assert_int_equal(got.read, 42 * LARGE_CHUNK);
    assert_reads_as(&w, &good, large);
    world_end(&w);
}

static void what_the_sender_has_already_is_cheap_and_not_new(void **state)
{
    (void)state;
    struct world w;
    struct answer got;
    world_begin(&w);
    struct file f[] = { file_of(&w, two, 2), file_of(&w, one, 1) };
    shard_of(&w, f, 1, 1);
    SEND(&w, 1, NULL, shard(&w), &got);
    run_sql(&w.p, "UPDATE cas_object SET touched_ms = 5");
    run_sql(&w.p, "UPDATE cas_xorb SET touched_ms = 5");
    SEND(&w, 1, &f[0].sha256, shard(&w), &got);
    assert_false(got.was_new);
    assert_int_equal(got.read, 0);
    assert_int_equal(got.n, 1);
    assert_int_equal(get_int(&w.p, "SELECT count(*) FROM cas_object WHERE touched_ms > 5"), 1);
    assert_int_equal(get_int(&w.p, "SELECT count(*) FROM cas_xorb WHERE touched_ms > 5"), 2);
    shard_of(&w, f, 2, 1);
    SEND(&w, 1, &f[0].sha256, shard(&w), &got); /* one of two is new */
    assert_true(got.was_new);
    assert_int_equal(got.read, CHUNK);
    world_end(&w);
}

static void that_another_has_the_file_is_not_told(void **state)
{
    (void)state;
    struct world w;
    struct answer got;
    world_begin(&w);
    struct file f = file_of(&w, two, 2);
    shard_of(&w, &f, 1, 3);
    SEND(&w, 1, NULL, shard(&w), &got);
    for (unsigned i = 0; i < 2; i++) store_xorb(&w.p, &w.xorb[i], 2);
    SEND(&w, 2, NULL, shard(&w), &got);
    assert_true(got.was_new);
    assert_int_equal(got.read, 24 * CHUNK);
    assert_int_equal(get_int(&w.p, "SELECT count(*) FROM cas_file"), 1);
    world_end(&w);
}

static void the_shapes_that_clients_send_are_taken(void **state)
{
    (void)state;
    struct world w;
    struct answer got;
    struct sha256 nothing = sha256_of((bytes){ NULL, 0 });
    struct xet_hash zero = { { 0 } };
    world_begin(&w);
    struct file f = file_of(&w, two, 2);

    shard_put_header(&w.shard); /* no claim; the empty file; the same file twice; no listing */
    add_file(&w.shard, &f, NO_CLAIM);
    shard_put_file(&w.shard, &zero, NULL, NULL, 0, NULL);
    add_file(&w.shard, &f, 0);
    shard_put_bookend(&w.shard);
    shard_put_bookend(&w.shard);
    SEND(&w, 1, NULL, shard(&w), &got);
    assert_int_equal(got.n, 2);
    assert_reads_as(&w, &f, two);
    assert_true(sha256_eq(&got.o[0].sha256, &nothing)); /* names ascend, and zeros come first */
    assert_int_equal(got.o[0].size_bytes, 0);
    SEND(&w, 1, &nothing, shard(&w), &got);

    shard_of(&w, NULL, 0, 3); /* listings alone */
    SEND(&w, 1, NULL, shard(&w), &got);
    assert_int_equal(got.n, 0);
    assert_false(got.was_new);

    shard_of(&w, &f, 1, 1); /* with lookup tables and a footer behind it: not read */
    for (size_t i = 0; i < 260; i++) buf_byte(&w.shard, (char)i);
    w.shard.p[40] = (char)200;
    SEND(&w, 1, NULL, shard(&w), &got);
    world_end(&w);
}

/* ------------------------------------------------------------------ what is not the sender's */

static void chunks_of_others_are_refused_like_chunks_that_are_not_there(void **state)
{
    (void)state;
    struct world w;
    struct answer got;
    char theirs[ERR_MSG_MAX], hex[XET_HASH_HEX + 1];
    world_begin(&w);
    struct file f = file_of(&w, two, 2), other = file_of(&w, one, 1);
    shard_of(&w, &f, 1, 0);
    REFUSED(ERR_INVALID, "not there", &w, 2, NULL, shard(&w), &got);
    REFUSED(ERR_INVALID, "not there", &w, 0, NULL, shard(&w), &got);
    snprintf(theirs, sizeof theirs, "%s", got.e.msg);
    xet_hash_hex(&f.term[0].xorb, hex);
    assert_non_null(strstr(theirs, hex));
    run_sql(&w.p, "DELETE FROM cas_xorb"); /* now it is really not there */
    REFUSED(ERR_INVALID, "not there", &w, 2, NULL, shard(&w), &got);
    assert_string_equal(got.e.msg, theirs);
    assert_no_trace(&w);

    for (unsigned i = 0; i < 2; i++) store_xorb(&w.p, &w.xorb[i], 1);
    shard_of(&w, &f, 1, 1);
    REFUSED(ERR_INVALID, "not uploaded", &w, 2, NULL, shard(&w), &got); /* nor listings */
    SEND(&w, 1, NULL, shard(&w), &got);

    shard_of(&w, &f, 1, 0);
    SEND(&w, 2, &f.sha256, shard(&w), &got); /* who may read the file may refer to its chunks */
    assert_false(got.was_new);
    shard_of(&w, &other, 1, 0);
    REFUSED(ERR_INVALID, "not there", &w, 2, &f.sha256, shard(&w), &got); /* and to no others of the xorb */
    static const struct part inside[] = { { 0, 4, 6 } }, across[] = { { 0, 2, 4 } };
    other = file_of(&w, inside, 1);
    shard_of(&w, &other, 1, 0);
    SEND(&w, 2, &f.sha256, shard(&w), &got);
    assert_true(got.was_new);
    other = file_of(&w, across, 1);
    shard_of(&w, &other, 1, 0);
    REFUSED(ERR_INVALID, "not there", &w, 2, &f.sha256, shard(&w), &got);
    other.term[0].first = 10, other.term[0].end = UINT32_MAX;
    shard_of(&w, &other, 1, 0);
    REFUSED(ERR_INVALID, "not there", &w, 2, &f.sha256, shard(&w), &got);
    other.term[0].first = 7, other.term[0].end = 7;
    shard_of(&w, &other, 1, 0);
    REFUSED(ERR_INVALID, "not there", &w, 2, &f.sha256, shard(&w), &got);
    shard_of(&w, NULL, 0, 1);
    REFUSED(ERR_INVALID, "not uploaded", &w, 2, &f.sha256, shard(&w),
            &got); /* part of a xorb is not the xorb */
    world_end(&w);
}

/* ------------------------------------------------------------------ what is not true */

static void lie(struct file *f, int how)
{
    switch (how) {
    case 0: f->hash.b[0] ^= 1; break;
    case 1: f->range[1].b[31] ^= 1; break;
    case 2: f->term[0].raw_bytes++; break;
    case 3: f->term[0].end++; break; /* past the xorb's end */
    case 4: f->term[1].end = f->term[1].first; break;
    case 5: f->term[1].first = 9, f->term[1].end = 2; break;
    case 6: f->term[0].end = UINT32_MAX; break;
    case 7: f->term[0].first = UINT32_MAX, f->term[0].end = UINT32_MAX; break;
    case 8: f->term[0].xorb = f->term[1].xorb; break;   /* other chunks */
    case 9: memset(&f->hash, 0, sizeof f->hash); break; /* the empty file has no terms */
    case 10: f->n = 1; break;                           /* a term is missing */
    case 11: f->n = 0; break;
    case 12: f->sha256.b[5] ^= 1; break;
    case 13: f->term[0].xorb.b[1] ^= 1; break; /* no such xorb */
    case 14: f->range[0] = f->range[1]; break;
    default: break;
    }
}
enum { LIES = 15 };

static void a_lie_leaves_nothing_not_even_what_was_true_beside_it(void **state)
{
    (void)state;
    struct world w;
    struct answer got;
    world_begin(&w);
    for (int how = 0; how < LIES; how++) {
        struct file f[] = { file_of(&w, one, 1), file_of(&w, two, 2) };
        lie(&f[1], how);
        shard_of(&w, f, 2, 3);
        if (send_as(&w, 1, NULL, shard(&w), &got)) fail_msg("lie %d was taken", how);
        if (got.e.code != ERR_INVALID || !str_starts(str_c(got.e.msg), STR("file ")))
            fail_msg("lie %d: %s", how, got.e.msg);
    }
    assert_no_trace(&w);
    world_end(&w);
}

static void a_claim_about_a_known_file_must_be_true_too(void **state)
{
    (void)state;
    struct world w;
    struct answer got;
    world_begin(&w);
    struct file f = file_of(&w, two, 2);
    struct sha256 true_one = f.sha256;
    shard_of(&w, &f, 1, 3);
    SEND(&w, 1, NULL, shard(&w), &got);
    f.sha256.b[0] ^= 1;
    shard_of(&w, &f, 1, 3);
    REFUSED(ERR_INVALID, "SHA-256", &w, 1, &true_one, shard(&w), &got);
    REFUSED(ERR_INVALID, "SHA-256", &w, 1, NULL, shard(&w), &got);
    world_end(&w);
}

static void a_listing_must_be_that_of_the_stored_xorb(void **state)
{
    (void)state;
    struct world w;
    struct answer got;
    world_begin(&w);
    shard_of(&w, NULL, 0, 1);
    size_t head = 2 * XET_RECORD; /* header, bookend */
    static const size_t at[] = {
        36, 40, 48 + 5, 48 + 32, 48 + 36, 48 * 20, 48 * 20 + 33
    }; /* count, length; hash, offset, length of a chunk */
    for (size_t i = 0; i < COUNT(at); i++) {
        w.shard.p[head + at[i]] ^= 1;
        if (send_as(&w, 1, NULL, shard(&w), &got)) fail_msg("byte %zu does not matter", at[i]);
        assert_int_equal(got.e.code, ERR_INVALID);
        w.shard.p[head + at[i]] ^= 1;
    }
    w.shard.p[head + 3] ^= 1; /* another name: never uploaded, and the answer says which and what to do */
    struct xet_hash h = w.xorb[0].x.hash;
    char hex[XET_HASH_HEX + 1];
    h.b[3] ^= 1;
    xet_hash_hex(&h, hex);
    REFUSED(ERR_INVALID, hex, &w, 1, NULL, shard(&w), &got);
    assert_non_null(strstr(got.e.msg, "upload it"));
    assert_no_trace(&w);
    world_end(&w);
}

static void malformed_shards_are_refused_wherever_they_end(void **state)
{
    (void)state;
    struct world w;
    struct answer got;
    world_begin(&w);
    struct file f = file_of(&w, two, 2);
    shard_of(&w, &f, 1, 1);
    for (size_t n = 0; n < w.shard.n; n++)
        if (send_as(&w, 1, NULL, (bytes){ (uint8_t *)w.shard.p, n }, &got)) fail_msg("%zu of %zu bytes are enough", n, w.shard.n);
    for (size_t i = 0; i < 4; i++) w.shard.p[48 + 36 + i] = (char)0xff; /* 2^32 - 1 terms */
    REFUSED(ERR_INVALID, "ends too early", &w, 1, NULL, shard(&w), &got);
    shard_of(&w, NULL, 0, 1);
    for (size_t i = 0; i < 4; i++) w.shard.p[96 + 36 + i] = (char)0xff; /* 2^32 - 1 chunks */
    REFUSED(ERR_INVALID, "ends too early", &w, 1, NULL, shard(&w), &got);
    shard_of(&w, &f, 1, 1);
    w.shard.p[48 + 35] &= 0x7f; /* without range hashes; the two records that hold them are now out of place */
    assert_false(send_as(&w, 1, NULL, shard(&w), &got));
    assert_int_equal(got.e.code, ERR_INVALID);
    assert_no_trace(&w);
    world_end(&w);
}

/* ------------------------------------------------------------------ what the disk did */

static void a_file_of_damaged_chunks_is_not_entered(void **state)
{
    (void)state;
    for (int how = 0; how < 5; how++) {
        struct world w;
        struct answer got;
            char path[256];
        world_begin(&w);
        struct file f = file_of(&w, two, 2);
        shard_of(&w, &f, 1, 3);
        blob_path(&w.p, &w.xorb[0].x.hash, path);
        switch (how) {
        case 0: flip_byte(path, 10 * CHUNK); break;                  /* in a chunk that the file has */
        case 1: flip_byte(path, -(4 + 28 + 8 * 20 - 4 * 10)); break; /* where a frame ends, says the footer */
        case 2: assert_int_equal(truncate(path, 19 * CHUNK), 0); break;
        case 3: assert_int_equal(unlink(path), 0); break;
        case 4: flip_byte(path, -200); break; /* a hash in the footer */
        default: break;
        }
        REFUSED(ERR_IO, "xorb", &w, 1, NULL, shard(&w), &got);
        assert_no_trace(&w);
            world_end(&w);
    }
}

/* Uploaded again, perhaps in other frames, a xorb that was damaged or lost is whole, and so are its files. */
static void an_upload_heals_a_damaged_xorb_and_its_files(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        struct world w;
        struct answer got;
            struct err e;
        struct cas_file stored;
        struct made_xorb again;
        struct xet_plan plan;
        char path[256];
        uint64_t n;
        int fd;
        bool found;
        world_begin(&w);
        struct file f[] = { file_of(&w, two, 2), file_of(&w, overlapping, 4) };
        shard_of(&w, f, 2, 3);
        SEND(&w, 1, NULL, shard(&w), &got);
        blob_path(&w.p, &w.xorb[1].x.hash, path);
        make_xorb(&again, w.content[1], CHUNK, XET_SCHEME_RAW);
        assert_true(again.frames.n > w.xorb[1].frames.n);
        switch (how) {
        case 0: flip_byte(path, 3 * CHUNK / 2); break;
        case 1: flip_byte(path, -200); break;
        case 2: assert_int_equal(unlink(path), 0); break;
        default: break; /* sound: the first frames stay */
        }
        store_xorb(&w.p, &again, 1);
        assert_reads_as(&w, &f[0], two);
        assert_reads_as(&w, &f[1], overlapping);
        must_ok(cas_xorb_open(w.p.cas, &again.x.hash, &fd, &n, &e));
        assert_int_equal(n, how < 3 ? again.frames.n : w.xorb[1].frames.n);
        close(fd);
        must_ok(cas_file_of(w.p.cas, &f[0].sha256, w.a, &stored, &found, &e));
        must_ok(cas_plan(w.p.cas, &stored, 0, UINT64_MAX, w.a, &plan, &e));
        for (size_t i = 0; i < stored.terms_count; i++) {
            const struct xet_xorb_index *x;
            must_ok(xorb_borrow(w.p.cas, &stored.term[i].xorb, &x, &e));
            assert_int_equal(stored.term[i].stored_end, x->stored_end[stored.term[i].end - 1]);
            assert_int_equal(stored.term[i].stored_at, xet_stored_at(x, stored.term[i].first));
            xorb_give(w.p.cas, x);
        }
        made_free(&again);
            world_end(&w);
    }
}

static bool is_free_of_problems(struct world *w, bool repair)
{
    static const struct cas_check_options look = { .deep = true }, mend = { .deep = true, .repair = true };
    struct cas_check_result r;
    struct err e;
    must_ok(cas_check(w->p.cas, repair ? &mend : &look, &r, &e));
    return r.problems == 0 && r.repaired == 0;
}

/* Between a xorb and the shard that names it a client may be minutes, or never come: nothing is wrong with it. */
static void a_xorb_that_no_file_has_yet_is_no_problem(void **state)
{
    (void)state;
    struct world w;
    struct answer got;
    world_begin(&w);
    assert_true(is_free_of_problems(&w, false));
    struct file f = file_of(&w, one, 1);
    shard_of(&w, &f, 1, 1);
    SEND(&w, 1, NULL, shard(&w), &got);
    assert_true(is_free_of_problems(&w, false));
    run_sql(&w.p, "DELETE FROM cas_dedup WHERE xorb_id = (SELECT xorb_id FROM cas_file_xorb)");
    assert_false(is_free_of_problems(&w, true));
    assert_true(is_free_of_problems(&w, false));
    world_end(&w);
}

/* The same bytes, put into the second xorb in chunks of half the size, and registered: the file has another name. */
static void send_in_half_chunks(struct world *w, bytes content)
{
    struct answer got;
    uint32_t n = (uint32_t)(content.n / (CHUNK / 2));
    const struct part all[] = { { 1, 0, n } };
    memcpy((uint8_t *)(uintptr_t)w->content[1].p, content.p, content.n);
    made_free(&w->xorb[1]);
    make_xorb(&w->xorb[1], (bytes){ w->content[1].p, content.n }, CHUNK / 2, XET_SCHEME_RAW);
    store_xorb(&w->p, &w->xorb[1], 1);
    w->chunk = CHUNK / 2;
    struct file f = file_of(w, all, 1);
    shard_of(w, &f, 1, 2);
    SEND(w, 1, NULL, shard(w), &got);
}

static void put_bytes(struct world *w, bytes content)
{
    struct cas_put *put;
    struct cas_object o;
    struct err e;
    must_ok(cas_put_begin(w->p.cas, &put, &e));
    must_ok(cas_put_write(put, content, &e));
    must_ok(cas_put_commit(put, NULL, NULL, &o, &e));
}

/* Clients cut in two dialects, and others as they like: an object that cannot be read is mended by whoever sends its bytes. */
static void bytes_that_were_cut_otherwise_are_mended_by_an_upload(void **state)
{
    (void)state;
    static const struct part part[] = { { 0, 3, 20 } };
    static void (*const mend[])(struct world *w, bytes content) = { put_bytes, send_in_half_chunks };
    for (size_t i = 0; i < COUNT(mend); i++) {
        struct world w;
        struct answer got;
            struct err e;
        struct cas_reader *r;
        static uint8_t room[17 * CHUNK];
        char path[256];
        size_t n;
        world_begin(&w);
        bytes content = { w.content[0].p + 3 * CHUNK, 17 * CHUNK };
        struct file f = file_of(&w, part, 1);
        shard_of(&w, &f, 1, 1);
        SEND(&w, 1, NULL, shard(&w), &got);
        blob_path(&w.p, &w.xorb[0].x.hash, path);
        flip_byte(path, 5 * CHUNK);
        must_ok(cas_reader_open(w.p.cas, &f.sha256, 0, content.n, &r, &e));
        assert_false(cas_reader_read(r, room, content.n, &n, &e));
        cas_reader_close(r);
        mend[i](&w, content);
        must_ok(cas_reader_open(w.p.cas, &f.sha256, 0, content.n, &r, &e));
        must_ok(cas_reader_read(r, room, content.n, &n, &e));
        cas_reader_close(r);
        assert_int_equal(n, content.n);
        assert_memory_equal(room, content.p, n);
        assert_int_equal(get_int(&w.p, "SELECT count(*) FROM cas_file"), 1); /* what cannot be read is not kept for its name */
            world_end(&w);
    }
}

static bool is_readable_by_name(struct world *w, const struct xet_hash *name)
{
    struct cas_file f;
    struct err e;
    bool found;
    must_ok(cas_file_find(w->p.cas, name, w->a, &f, &found, &e));
    return found && file_is_readable(w->p.cas, &f);
}

/* One object, two files: the one that cannot be read any more is replaced, and the other stays for who knows its name, as rows of buckets do. */
static void mending_one_file_of_an_object_leaves_the_others(void **state)
{
    (void)state;
    static const struct part part[] = { { 0, 3, 20 } }, halves[] = { { 1, 0, 34 } };
    struct world w;
    struct answer got;
    char path[256];
    world_begin(&w);
    bytes content = { w.content[0].p + 3 * CHUNK, 17 * CHUNK };
    struct file f = file_of(&w, part, 1);
    shard_of(&w, &f, 1, 1);
    SEND(&w, 1, NULL, shard(&w), &got);
    send_in_half_chunks(&w, content);
    struct file other = file_of(&w, halves, 1);
    assert_true(sha256_eq(&other.sha256, &f.sha256) && !xet_hash_eq(&other.hash, &f.hash));
    assert_true(is_readable_by_name(&w, &f.hash) && is_readable_by_name(&w, &other.hash));
    blob_path(&w.p, &w.xorb[0].x.hash, path);
    flip_byte(path, -200);
    assert_false(is_readable_by_name(&w, &f.hash));
    put_bytes(&w, content);
    assert_false(is_readable_by_name(&w, &f.hash));
    assert_true(is_readable_by_name(&w, &other.hash));
    assert_int_equal(get_int(&w.p, "SELECT count(*) FROM cas_object o JOIN cas_file f ON f.hash = o.xet_hash"), 1);
    world_end(&w);
}

/* Nobody had the bytes when this upload asked; then they came by Xet, cut otherwise. */
static void an_upload_that_comes_second_leaves_the_first_ones_file(void **state)
{
    (void)state;
    static const struct part part[] = { { 0, 3, 20 } };
    struct world w;
    struct answer got;
    struct err e;
    struct sha256 sha256;
    struct cas_object o;
    uint8_t *room;
    size_t n;
    world_begin(&w);
    struct file f = file_of(&w, part, 1);
    struct pack *pack = pack_new(w.p.cas);
    pack_space(pack, &room, &n);
    assert_true(n > 17 * CHUNK);
    memcpy(room, w.content[0].p + 3 * CHUNK, 17 * CHUNK);
    must_ok(pack_filled(pack, 17 * CHUNK, &e));
    must_ok(pack_end(pack, &sha256, &e));
    shard_of(&w, &f, 1, 1);
    SEND(&w, 1, NULL, shard(&w), &got);
    must_ok(pack_commit(pack, STR(""), &o, &e));
    assert_true(sha256_eq(&sha256, &f.sha256));
    assert_true(is_readable_by_name(&w, &f.hash));
    assert_reads_as(&w, &f, part);
    pack_free(pack);
    world_end(&w);
}

/* Damages the second xorb and sends it again, in other frames. */
static void replace_second(struct world *w)
{
    struct made_xorb again;
    char path[256];
    blob_path(&w->p, &w->xorb[1].x.hash, path);
    flip_byte(path, 3 * w->chunk / 2);
    make_xorb(&again, w->content[1], w->chunk, XET_SCHEME_RAW);
    store_xorb(&w->p, &again, 1);
    made_free(&again);
}

static bool replace_once_read(void *ctx, uint64_t done, uint64_t total, struct err *e)
{
    (void)e;
    if (done == total) replace_second(ctx);
    return true;
}

static void what_is_replaced_after_it_was_read_must_be_sent_again(void **state)
{
    (void)state;
    struct world w;
    struct answer got;
    world_begin(&w);
    struct file f = file_of(&w, two, 2);
    struct cas_shard_options o = { { 1, may_read_one, NULL }, 0, replace_once_read, &w };
    shard_of(&w, &f, 1, 3);
    assert_false(cas_shard_register(w.p.cas, shard(&w), &o, w.a, &got.o, &got.n, &got.was_new, &got.e));
    if (got.e.code != ERR_BUSY) fail_msg("code %d: %s", got.e.code, got.e.msg);
    assert_no_trace(&w);
    SEND(&w, 1, NULL, shard(&w), &got);
    assert_reads_as(&w, &f, two);
    assert_true(is_free_of_problems(&w, false));
    world_end(&w);
}

/* ------------------------------------------------------------------ a check beside a server */

static void collect_at_a_problem(void *ctx, const struct cas_problem *problem)
{
    (void)problem;
    run_sql(&((struct world *)ctx)->p, "DELETE FROM cas_object");
}

static void replace_at_a_problem(void *ctx, const struct cas_problem *problem)
{
    (void)problem;
    replace_second(ctx);
}

/* The first finding is one, and at this moment what it is about goes, or moves: nothing else is wrong. */
static void what_changes_under_a_check_is_no_problem(void **state)
{
    (void)state;
    static void (*const change[])(void *ctx, const struct cas_problem *problem) = { collect_at_a_problem, replace_at_a_problem };
    for (size_t i = 0; i < COUNT(change); i++) {
        struct world w;
        struct answer got;
            struct cas_check_result r;
        struct err e;
        world_begin(&w);
        struct file f = file_of(&w, two, 2);
        shard_of(&w, &f, 1, 3);
        SEND(&w, 1, NULL, shard(&w), &got);
        run_sql(&w.p, "DELETE FROM cas_file_xorb WHERE xorb_id = (SELECT min(id) FROM cas_xorb)"); /* of the first term */
        struct cas_check_options o = { .problem = change[i], .ctx = &w };
        must_ok(cas_check(w.p.cas, &o, &r, &e));
        assert_int_equal(r.problems, 1);
            world_end(&w);
    }
}

/* In other frames the first chunk may end where it did, and those behind it not: a file of that one alone says nothing about the others. */
static void all_files_follow_a_xorb_into_other_frames(void **state)
{
    (void)state;
    static const struct part begin[] = { { 1, 0, 1 } }, middle[] = { { 1, 3, 9 } };
    struct world w;
    struct answer got;
    struct made_xorb again;
    char path[256];
    world_begin(&w);
    uint8_t *content = (uint8_t *)(uintptr_t)w.content[1].p;
    bytes noise = xet_random(7, 5000);
    memcpy(content, noise.p, CHUNK); /* does not become smaller: it is stored as it is */
    mem_free((void *)noise.p);
    made_free(&w.xorb[1]);
    make_xorb(&w.xorb[1], w.content[1], CHUNK, XET_SCHEME_LZ4);
    store_xorb(&w.p, &w.xorb[1], 1);
    struct file f[] = { file_of(&w, begin, 1), file_of(&w, middle, 1) };
    shard_of(&w, &f[0], 1, 2);
    SEND(&w, 1, NULL, shard(&w), &got);
    shard_of(&w, &f[1], 1, 2);
    SEND(&w, 1, NULL, shard(&w), &got);
    make_xorb(&again, w.content[1], CHUNK, XET_SCHEME_RAW);
    assert_int_equal(again.x.stored_end[0], w.xorb[1].x.stored_end[0]);
    assert_true(again.x.stored_end[1] > w.xorb[1].x.stored_end[1]);
    blob_path(&w.p, &w.xorb[1].x.hash, path);
    flip_byte(path, -200);
    store_xorb(&w.p, &again, 1);
    assert_reads_as(&w, &f[0], begin);
    assert_reads_as(&w, &f[1], middle);
    made_free(&again);
    world_end(&w);
}

/* The client is not told of the bad xorb, puts the chunks into another one, and registers the same file: it is whole. */
static void a_known_file_moves_away_from_a_bad_chunk(void **state)
{
    (void)state;
    static const struct part part[] = { { 0, 3, 9 } };
    struct world w;
    struct answer got;
    struct err e;
    struct cas_file stored;
    struct file_reader *r;
    struct dedup_place place;
    char path[256];
    uint8_t room[6 * CHUNK];
    size_t n;
    bool found;
    world_begin(&w);
    struct file f = file_of(&w, part, 1);
    shard_of(&w, &f, 1, 1);
    SEND(&w, 1, NULL, shard(&w), &got);
    blob_path(&w.p, &w.xorb[0].x.hash, path);
    flip_byte(path, 5 * CHUNK);
    must_ok(cas_file_of(w.p.cas, &f.sha256, w.a, &stored, &found, &e));
    must_ok(file_reader_open(w.p.cas, &stored, 0, stored.size_bytes, &r, &e));
    assert_false(file_reader_read(r, room, sizeof room, &n, &e));
    file_reader_close(r);
    struct db_conn *reader = db_reader(w.p.db);
    must_ok(dedup_find(w.p.cas, reader, &w.xorb[0].x.chunk[3], &place, 1, &n, &e));
    db_give(w.p.db, reader);
    assert_int_equal(n, 0);

    mem_free((void *)w.content[1].p); /* the other xorb now has these six chunks alone */
    made_free(&w.xorb[1]);
    uint8_t *content = mem_alloc(6 * CHUNK);
    memcpy(content, w.content[0].p + 3 * CHUNK, 6 * CHUNK);
    w.content[1] = (bytes){ content, 6 * CHUNK };
    make_xorb(&w.xorb[1], w.content[1], CHUNK, XET_SCHEME_RAW);
    store_xorb(&w.p, &w.xorb[1], 1);
    static const struct part moved[] = { { 1, 0, 6 } };
    struct file again = file_of(&w, moved, 1);
    assert_true(xet_hash_eq(&again.hash, &f.hash) && sha256_eq(&again.sha256, &f.sha256));
    shard_of(&w, &again, 1, 2);
    SEND(&w, 1, &f.sha256, shard(&w), &got); /* he may read the file that is there, and cannot */
    assert_int_equal(got.read, 6 * CHUNK);
    assert_reads_as(&w, &again, moved);
    world_end(&w);
}

static bool enough(void *ctx, uint64_t done, uint64_t total, struct err *e)
{
    (void)total;
    return done < *(uint64_t *)ctx || err_set(e, ERR_CLOSED, "gone");
}

static void a_client_that_leaves_leaves_nothing(void **state)
{
    (void)state;
    struct world w;
    struct answer got;
    world_begin(&w);
    struct file f = file_of(&w, overlapping, 4);
    shard_of(&w, &f, 1, 3);
    for (uint64_t limit = 0; limit < 2; limit++) {
        struct cas_shard_options o = { { 1, may_read_one, NULL }, 0, enough, &limit };
        assert_false(cas_shard_register(w.p.cas, shard(&w), &o, w.a, &got.o, &got.n, &got.was_new, &got.e));
        assert_int_equal(got.e.code, ERR_CLOSED);
    }
    assert_no_trace(&w);
    world_end(&w);
}

/* Terms may overlap, so a few bytes can ask for any amount of reading.  What the sender has already is not read. */
static void a_shard_that_asks_for_too_much_reading_is_refused(void **state)
{
    (void)state;
    struct world w;
    struct answer got;
    struct err e;
    world_begin(&w);
    struct file f[2] = { file_of(&w, overlapping, 4), file_of(&w, two, 2) };
    uint64_t sizes[2] = { 0 };
    for (size_t i = 0; i < 2; i++)
        for (uint32_t k = 0; k < f[i].n; k++) sizes[i] += f[i].term[k].raw_bytes;
    shard_of(&w, f, 2, 3);
    struct cas_shard_options o = { .viewer = { 1, may_read_one, NULL }, .read_bytes_max = sizes[0] + sizes[1] - 1 };
    assert_false(cas_shard_register(w.p.cas, shard(&w), &o, w.a, &got.o, &got.n, &got.was_new, &e));
    assert_int_equal(e.code, ERR_TOO_LARGE);
    assert_no_trace(&w);
    o.read_bytes_max++;
    must_ok(cas_shard_register(w.p.cas, shard(&w), &o, w.a, &got.o, &got.n, &got.was_new, &e));
    o = (struct cas_shard_options){ .viewer = { 1, may_read_one, &f[0].sha256 }, .read_bytes_max = sizes[1] };
    must_ok(cas_shard_register(w.p.cas, shard(&w), &o, w.a, &got.o, &got.n, &got.was_new, &e));
    world_end(&w);
}

/* Rows first, blobs next, as collection does. */
static bool collect_all(void *ctx, uint64_t done, uint64_t total, struct err *e)
{
    (void)e;
    struct world *w = ctx;
    char path[256];
    if (done < total) return true;
    run_sql(&w->p, "DELETE FROM cas_xorb");
    for (unsigned i = 0; i < 2; i++) {
        blob_path(&w->p, &w->xorb[i].x.hash, path);
        unlink(path);
    }
    return true;
}

static void what_is_collected_after_it_was_read_must_be_sent_again(void **state)
{
    (void)state;
    struct world w;
    struct answer got;
    world_begin(&w);
    struct file f = file_of(&w, two, 2);
    struct cas_shard_options o = { { 1, may_read_one, NULL }, 0, collect_all, &w };
    shard_of(&w, &f, 1, 3);
    assert_false(cas_shard_register(w.p.cas, shard(&w), &o, w.a, &got.o, &got.n, &got.was_new, &got.e));
    if (got.e.code != ERR_BUSY) fail_msg("code %d: %s", got.e.code, got.e.msg);
    assert_no_trace(&w);
    world_end(&w);
}

/* Ranges of one xorb followed by ranges of the other: more files than a transaction takes. */
struct crowd {
    struct world w;
    struct file *file;
    size_t n;
    bool replaces;
    int64_t seen; /* files that have rows, when progress was told last */
};

static void crowd_begin(struct crowd *c)
{
    *c = (struct crowd){ .n = 0 };
    world_begin_with(&c->w, 64);
    c->file = mem_alloc(20 * 20 * 13 * sizeof *c->file);
    for (uint32_t i = 0; i < 20; i++)
        for (uint32_t k = 0; k < 20; k++)
            for (uint32_t m = 0; m < 13; m++) {
                const struct part part[] = { { 0, i, i + 1 }, { 1, k, k + 1 }, { 0, m, m + 1 } };
                c->file[c->n++] = file_of(&c->w, part, 3);
            }
    shard_of(&c->w, c->file, c->n, 3);
}

static void crowd_end(struct crowd *c)
{
    mem_free(c->file);
    world_end(&c->w);
}

static bool look_at_crowd(void *ctx, uint64_t done, uint64_t total, struct err *e)
{
    (void)e;
    struct crowd *c = ctx;
    if (done < total) return true;
    c->seen = get_int(&c->w.p, "SELECT count(*) FROM cas_file");
    if (c->seen && c->replaces) replace_second(&c->w);
    return true;
}

static void others_write_between_the_files_of_a_large_shard(void **state)
{
    (void)state;
    struct crowd c;
    struct answer got;
    struct err e;
    crowd_begin(&c);
    struct cas_shard_options o = { { 1, may_read_one, NULL }, 0, look_at_crowd, &c };
    must_ok(cas_shard_register(c.w.p.cas, shard(&c.w), &o, c.w.a, &got.o, &got.n, &got.was_new, &e));
    assert_int_equal(got.n, c.n);
    assert_true(c.seen > 0 && (size_t)c.seen < c.n);
    assert_int_equal(get_int(&c.w.p, "SELECT count(*) FROM cas_file"), c.n);
    assert_int_equal(get_int(&c.w.p, "SELECT count(*) FROM cas_object"), c.n);
    assert_int_equal(get_int(&c.w.p, "SELECT count(*) FROM cas_file_xorb"), 2 * c.n);
    crowd_end(&c);
}

static void a_xorb_that_is_replaced_between_the_files_is_noticed(void **state)
{
    (void)state;
    struct crowd c;
    struct answer got;
    crowd_begin(&c);
    c.replaces = true;
    struct cas_shard_options o = { { 1, may_read_one, NULL }, 0, look_at_crowd, &c };
    assert_false(cas_shard_register(c.w.p.cas, shard(&c.w), &o, c.w.a, &got.o, &got.n, &got.was_new, &got.e));
    if (got.e.code != ERR_BUSY) fail_msg("code %d: %s", got.e.code, got.e.msg);
    assert_int_equal(get_int(&c.w.p, "SELECT count(*) FROM cas_file"), c.seen);
    assert_true(is_free_of_problems(&c.w, false)); /* what was entered is whole, and has followed the xorb */
    SEND(&c.w, 1, NULL, shard(&c.w), &got);
    assert_int_equal(get_int(&c.w.p, "SELECT count(*) FROM cas_file"), c.n);
    crowd_end(&c);
}

/* ------------------------------------------------------------------ many at once */

enum { SENDERS = 4 };
struct sender {
    struct world *w;
    int64_t user;
    bytes shard;
    const char *said;
};

static void *send_again_and_again(void *ctx)
{
    struct sender *s = ctx;
    struct cas_shard_options o = { .viewer = { s->user, may_read_one, NULL } };
    for (int i = 0; i < 10 && !s->said; i++) {
        struct err e;
        struct arena *a = arena_new(0);
        struct cas_object *out;
        size_t n;
        bool was_new;
        if (!cas_shard_register(s->w->p.cas, s->shard, &o, a, &out, &n, &was_new, &e)) {
            print_message("%s\n", e.msg);
            s->said = "refused";
        }
        arena_free(a);
    }
    return NULL;
}

static void the_same_files_may_come_from_many_at_once(void **state)
{
    (void)state;
    struct world w;
    struct sender s[SENDERS];
    pthread_t t[SENDERS];
    world_begin(&w);
    struct file f[] = { file_of(&w, two, 2), file_of(&w, overlapping, 4), file_of(&w, one, 1) };
    for (unsigned i = 0; i < 2; i++) store_xorb(&w.p, &w.xorb[i], 2);
    for (size_t i = 0; i < SENDERS; i++) {
        shard_of(&w, f + i % 2, 2, 3);
        s[i] = (struct sender){ &w, (int64_t)i % 2 + 1, bytes_of(arena_dup(w.a, buf_str(&w.shard))), NULL };
        assert_int_equal(pthread_create(&t[i], NULL, send_again_and_again, &s[i]), 0);
    }
    for (size_t i = 0; i < SENDERS; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
        if (s[i].said) fail_msg("%s", s[i].said);
    }
    assert_int_equal(get_int(&w.p, "SELECT count(*) FROM cas_file"), 3);
    assert_reads_as(&w, &f[1], overlapping);
    world_end(&w);
}

/* ------------------------------------------------------------------ kill -9 */

/* Registers files of one part each, chunks [i, j) of either xorb, and tells each SHA-256 once it was answered. */
_Noreturn static void child_registers(struct world *w, int tell)
{
    place_open(&w->p);
    for (uint32_t i = 0; i < 400; i++) {
        struct part part = { i % 2, i / 2 / 15, i / 2 / 15 + 1 + i / 2 % 6 };
        struct answer got;
        struct file f = file_of(w, &part, 1);
        shard_of(w, &f, 1, 3);
        if (!send_as(w, 1, NULL, shard(w), &got)) _exit(1);
        if (write(tell, f.sha256.b, 32) != 32) _exit(1);
    }
    _exit(0);
}

static void what_was_answered_survives_kill_9(void **state)
{
    (void)state;
    struct world w;
    struct err e;
    struct sha256 sha256;
    size_t answered = 0;
    world_begin(&w);
    for (unsigned round = 0; round < 4; round++) {
        int tell[2], status;
        place_close(&w.p);
        assert_int_equal(pipe(tell), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) child_registers(&w, tell[1]);
        close(tell[1]);
        assert_int_equal(read(tell[0], sha256.b, 32), 32);
        usleep((useconds_t)(random_u64() % 40000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        place_open(&w.p);
        do {
            struct cas_file f;
            bool found;
            must_ok(cas_file_of(w.p.cas, &sha256, w.a, &f, &found, &e));
            assert_true(found);
            answered++;
        } while (read(tell[0], sha256.b, 32) == 32);
        close(tell[0]);
        assert_int_equal(get_int(&w.p, "SELECT count(*) FROM cas_file"),
                         get_int(&w.p, "SELECT count(*) FROM cas_object"));
        assert_int_equal(get_int(&w.p, "SELECT count(*) FROM cas_file f WHERE NOT EXISTS"
                                       " (SELECT 1 FROM cas_file_xorb x WHERE x.file_id = f.id)"),
                         0);
    }
    assert_true(answered >= 4);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_entered_and_can_be_read),
        cmocka_unit_test(files_of_all_sizes_without_a_claim_get_their_own_sha256),
        cmocka_unit_test(a_large_file_is_read_once_and_its_claim_compared),
        cmocka_unit_test(what_the_sender_has_already_is_cheap_and_not_new),
        cmocka_unit_test(that_another_has_the_file_is_not_told),
        cmocka_unit_test(the_shapes_that_clients_send_are_taken),
        cmocka_unit_test(chunks_of_others_are_refused_like_chunks_that_are_not_there),
        cmocka_unit_test(a_lie_leaves_nothing_not_even_what_was_true_beside_it),
        cmocka_unit_test(a_claim_about_a_known_file_must_be_true_too),
        cmocka_unit_test(a_listing_must_be_that_of_the_stored_xorb),
        cmocka_unit_test(malformed_shards_are_refused_wherever_they_end),
        cmocka_unit_test(a_file_of_damaged_chunks_is_not_entered),
        cmocka_unit_test(an_upload_heals_a_damaged_xorb_and_its_files),
        cmocka_unit_test(all_files_follow_a_xorb_into_other_frames),
        cmocka_unit_test(a_xorb_that_no_file_has_yet_is_no_problem),
        cmocka_unit_test(bytes_that_were_cut_otherwise_are_mended_by_an_upload),
        cmocka_unit_test(mending_one_file_of_an_object_leaves_the_others),
        cmocka_unit_test(an_upload_that_comes_second_leaves_the_first_ones_file),
        cmocka_unit_test(what_is_replaced_after_it_was_read_must_be_sent_again),
        cmocka_unit_test(what_changes_under_a_check_is_no_problem),
        cmocka_unit_test(a_known_file_moves_away_from_a_bad_chunk),
        cmocka_unit_test(a_client_that_leaves_leaves_nothing),
        cmocka_unit_test(a_shard_that_asks_for_too_much_reading_is_refused),
        cmocka_unit_test(what_is_collected_after_it_was_read_must_be_sent_again),
        cmocka_unit_test(others_write_between_the_files_of_a_large_shard),
        cmocka_unit_test(a_xorb_that_is_replaced_between_the_files_is_noticed),
        cmocka_unit_test(the_same_files_may_come_from_many_at_once),
        cmocka_unit_test(what_was_answered_survives_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
