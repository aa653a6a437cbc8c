/* Who may use which chunks, where chunks lie, and what clients are told of it. */
#include "cas_help.h"

#include <pthread.h>

#include "xet/blake3.h"

/* ------------------------------------------------------------------ a small world */

/* Which objects a user may read: files by number, the bits of a word. */
struct world {
    struct place p;
    struct arena *a;
    uint64_t readable[4]; /* by user; 0 is nobody */
    struct sha256 sha[16];
    size_t files;
    int asked;
};
struct eyes {
    struct world *w;
    int64_t user;
};

static bool may_read(void *ctx, struct db_conn *c, const struct sha256 *sha256, bool *may, struct err *e)
{
    struct eyes *eyes = ctx;
    int64_t n; /* as the hub does, with queries of its own on the caller's reader */
    if (!db_get_int(c, &n, 0, e, "SELECT count(*) FROM cas_object WHERE sha256 = ?", db_blob((bytes){ sha256->b, 32 })))
        return false;
    *may = false;
    eyes->w->asked++;
    for (size_t i = 0; i < eyes->w->files; i++)
        if (n == 1 && sha256_eq(sha256, &eyes->w->sha[i])) *may = eyes->w->readable[eyes->user] >> i & 1;
    return true;
}

static void world_begin(struct world *w)
{
    *w = (struct world){ .a = arena_new(0) };
    place_begin(&w->p);
}
static void world_end(struct world *w)
{
    arena_free(w->a);
    place_end(&w->p);
}

/* Content with many chunks of 1000 bytes, by seed; enough of them are sampled. */
enum { CHUNK = 1000 };
static bytes content(uint64_t seed, size_t chunks) { return xet_random(seed * 1000003, chunks * CHUNK); }

struct stored {
    int64_t id;
    struct xet_xorb_index x;
};

static struct stored put_xorb(struct world *w, uint64_t seed, size_t chunks, int64_t user)
{
    struct made_xorb m;
    struct stored s;
    bytes in = content(seed, chunks);
    make_xorb(&m, in, CHUNK, XET_SCHEME_RAW);
    s.id = store_xorb(&w->p, &m, user);
    struct xet_hash *chunk = arena_alloc(w->a, m.x.count * sizeof *chunk);
    uint32_t *raw = arena_alloc(w->a, m.x.count * sizeof *raw), *at = arena_alloc(w->a, m.x.count * sizeof *at);
    memcpy(chunk, m.x.chunk, m.x.count * sizeof *chunk);
    memcpy(raw, m.x.raw_end, m.x.count * sizeof *raw);
    memcpy(at, m.x.stored_end, m.x.count * sizeof *at);
    s.x = (struct xet_xorb_index){ m.x.hash, m.x.count, chunk, at, raw };
    made_free(&m);
    mem_free((void *)in.p);
    return s;
}

struct part {
    const struct stored *s;
    uint32_t first, end;
};

/* Enters a file of these parts, indexes their xorbs, and returns its number. */
static size_t put_file(struct world *w, const struct part *part, size_t n)
{
    struct xet_stored_term term[64];
    struct cas_file f = { .term = term, .terms_count = n };
    struct cas_object object;
    struct db_conn *tx;
    struct err e;
    memset(f.hash.b, (int)w->files + 1, 32); /* names of files are not looked at here */
    memset(f.sha256.b, (int)w->files + 1, 32);
    for (size_t i = 0; i < n; i++) {
        term[i] = xet_stored_term(&part[i].s->x, part[i].first, part[i].end);
        f.size_bytes += term[i].raw_bytes;
    }
    must_ok(db_begin(w->p.db, &tx, &e));
    must_ok(file_enter_object(tx, &f, &object, &e));
    for (size_t i = 0; i < n; i++)
        must_ok(dedup_add(tx, part[i].s->id, &part[i].s->x, i == 0 ? part[i].first : UINT32_MAX, &e));
    must_ok(db_commit(w->p.db, tx, &e));
    w->sha[w->files] = f.sha256;
    return w->files++;
}

static struct chunk_set set_for(struct world *w, const struct stored *s, int64_t user)
{
    struct eyes eyes = { w, user };
    struct cas_viewer v = { user, may_read, &eyes };
    struct chunk_set set;
    struct err e;
    struct db_conn *reader = db_reader(w->p.db);
    must_ok(access_of(w->p.cas, reader, &s->x.hash, s->id, s->x.count, &v, &set, &e));
    db_give(w->p.db, reader);
    return set;
}

static void assert_set(const struct chunk_set *set, uint32_t first, uint32_t end)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (chunk_set_has(set, i) != (i >= first && i < end)) fail_msg("chunk %u", i);
}

/* ------------------------------------------------------------------ who may use which chunks */

static void chunks_come_from_ones_own_uploads_and_from_files_that_one_may_read(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w);
    struct stored s = put_xorb(&w, 1, 37, 1), other = put_xorb(&w, 2, 5, 1);
    put_file(&w, (struct part[]){ { &s, 3, 9 }, { &other, 0, 5 }, { &s, 20, 21 } }, 3);
    put_file(&w, (struct part[]){ { &s, 9, 30 } }, 1);
    struct chunk_set own = set_for(&w, &s, 1), bobs = set_for(&w, &s, 2), nobodys = set_for(&w, &s, 0);
    assert_set(&own, 0, 37);
    assert_set(&bobs, 0, 0);
    assert_set(&nobodys, 0, 0);
    w.readable[2] = 1;
    bobs = set_for(&w, &s, 2);
    for (uint32_t i = 0; i < 37; i++) assert_int_equal(chunk_set_has(&bobs, i), (i >= 3 && i < 9) || i == 20);
    w.readable[0] = 2; /* a public file */
    nobodys = set_for(&w, &s, 0);
    assert_set(&nobodys, 9, 30);
    w.readable[2] = 3;
    bobs = set_for(&w, &s, 2);
    assert_set(&bobs, 3, 30);
    world_end(&w);
}

static void no_more_files_are_asked_about_than_needed_and_never_very_many(void **state)
{
    (void)state;
    struct world w;
    struct err e;
    struct db_conn *tx;
    world_begin(&w);
    struct stored s = put_xorb(&w, 1, 16, 1);
    put_file(&w, (struct part[]){ { &s, 0, 16 } }, 1);
    put_file(&w, (struct part[]){ { &s, 0, 16 } }, 1);
    w.readable[2] = 3;
    set_for(&w, &s, 1);
    assert_int_equal(w.asked, 0);
    struct chunk_set set = set_for(&w, &s, 2);
    assert_set(&set, 0, 16);
    assert_int_equal(w.asked, 1);
    /* A thousand files that came later: the two old ones are still found; a late one is not, and that is all. */
    must_ok(db_begin(w.p.db, &tx, &e));
    must_ok(db_run(tx, &e,
                   "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
                   " INSERT INTO cas_file (id, hash, sha256, size_bytes, created_ms, terms)"
                   " SELECT 1000 + i, randomblob(32), (SELECT sha256 FROM cas_file ORDER BY id LIMIT 1), 0, 0, x'' FROM n"));
    must_ok(db_run(tx, &e, "INSERT INTO cas_file_xorb (file_id, xorb_id) SELECT id, ? FROM cas_file WHERE id > 1000",
                   db_int(s.id)));
    must_ok(db_commit(w.p.db, tx, &e));
    put_file(&w, (struct part[]){ { &s, 0, 16 } }, 1);
    w.readable[2] = 2, w.readable[3] = 4;
    set = set_for(&w, &s, 2);
    assert_set(&set, 0, 16);
    w.asked = 0;
    set = set_for(&w, &s, 3);
    assert_set(&set, 0, 0);
    assert_int_equal(w.asked, 256);
    world_end(&w);
}

static void a_term_that_reaches_behind_the_xorb_allows_nothing_there(void **state)
{
    (void)state;
    struct chunk_set set = { .count = 3 };
    chunk_set_add(&set, 1, UINT32_MAX);
    assert_int_equal(set.bit[0], 6);
    for (size_t i = 1; i < sizeof set.bit; i++) assert_int_equal(set.bit[i], 0);
}

/* ------------------------------------------------------------------ where chunks lie */

static size_t places_of(struct world *w, const struct xet_hash *h, struct dedup_place *out, size_t max)
{
    struct err e;
    size_t n;
    struct db_conn *reader = db_reader(w->p.db);
    must_ok(dedup_find(w->p.cas, reader, h, out, max, &n, &e));
    db_give(w->p.db, reader);
    return n;
}

static void sampled_chunks_and_the_first_of_a_file_are_found(void **state)
{
    (void)state;
    struct world w;
    struct dedup_place at[4];
    size_t sampled = 0;
    world_begin(&w);
    struct stored s = put_xorb(&w, 1, 500, 1);
    uint32_t first = 0;
    while (dedup_is_sampled(&s.x.chunk[first])) first++;
    put_file(&w, (struct part[]){ { &s, first, 400 } }, 1);
    for (uint32_t i = 0; i < s.x.count; i++) {
        bool want = i == first || xet_hash_mod(&s.x.chunk[i], 16) == 0;
        size_t n = places_of(&w, &s.x.chunk[i], at, 4);
        assert_int_equal(n, want);
        if (n) assert_true(at[0].chunk == i && at[0].xorb_id == s.id && xet_hash_eq(&at[0].xorb, &s.x.hash));
        sampled += want;
    }
    assert_in_range(sampled, 10, 100); /* of 500 */
    assert_int_equal(get_int(&w.p, "SELECT count(*) FROM cas_dedup"), sampled);
    world_end(&w);
}

static void a_place_is_compared_in_full_and_stale_rows_are_passed_over(void **state)
{
    (void)state;
    struct world w;
    struct err e;
    struct db_conn *tx;
    struct dedup_place at[4];
    char path[256];
    world_begin(&w);
    struct stored a = put_xorb(&w, 1, 20, 1), b = put_xorb(&w, 1, 21, 1), gone = put_xorb(&w, 1, 22, 1);
    struct xet_hash h = a.x.chunk[0], near = h;
    put_file(&w, (struct part[]){ { &a, 0, 20 } }, 1);
    put_file(&w, (struct part[]){ { &b, 0, 21 } }, 1);
    put_file(&w, (struct part[]){ { &gone, 0, 22 } }, 1);
    assert_int_equal(places_of(&w, &h, at, 4), 3);
    assert_true(at[0].xorb_id == gone.id && at[1].xorb_id == b.id && at[2].xorb_id == a.id); /* newest first */
    assert_int_equal(places_of(&w, &h, at, 2), 2);
    near.b[31] ^= 1; /* the same first eight bytes */
    assert_int_equal(places_of(&w, &near, at, 4), 0);

    blob_path(&w.p, &gone.x.hash, path); /* its blob is missing, and a row points behind a xorb's end */
    assert_int_equal(unlink(path), 0);
    must_ok(db_begin(w.p.db, &tx, &e));
    must_ok(db_run(tx, &e, "UPDATE cas_dedup SET chunk = 20 WHERE xorb_id = ? AND chunk = 0", db_int(a.id)));
    must_ok(db_commit(w.p.db, tx, &e));
    assert_int_equal(places_of(&w, &h, at, 4), 1);
    assert_true(at[0].xorb_id == b.id);
    blob_path(&w.p, &b.x.hash, path); /* a damaged one must not stop anybody's upload */
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(places_of(&w, &h, at, 4), 0);
    world_end(&w);
}

static void a_repeated_chunk_has_one_row_and_removal_takes_all_rows(void **state)
{
    (void)state;
    struct world w;
    struct err e;
    struct db_conn *tx;
    struct made_xorb m;
    world_begin(&w);
    bytes same = xet_linear(0, 7, 300 * CHUNK);
    make_xorb(&m, same, CHUNK, XET_SCHEME_RAW);
    int64_t id = store_xorb(&w.p, &m, 1);
    must_ok(db_begin(w.p.db, &tx, &e));
    must_ok(dedup_add(tx, id, &m.x, 7, &e));
    must_ok(dedup_add(tx, id, &m.x, 8, &e));
    must_ok(db_commit(w.p.db, tx, &e));
    assert_int_equal(get_int(&w.p, "SELECT count(*) FROM cas_dedup"), 1);
    struct stored s = put_xorb(&w, 3, 200, 1);
    put_file(&w, (struct part[]){ { &s, 17, 200 } }, 1);
    assert_true(get_int(&w.p, "SELECT count(*) FROM cas_dedup") > 5);
    must_ok(db_begin(w.p.db, &tx, &e));
    must_ok(dedup_remove(tx, s.id, &s.x, &e));
    must_ok(db_commit(w.p.db, tx, &e));
    assert_int_equal(get_int(&w.p, "SELECT count(*) FROM cas_dedup"), 1); /* the other xorb's */
    made_free(&m);
    mem_free((void *)same.p);
    world_end(&w);
}

/* ------------------------------------------------------------------ answers */

struct reply {
    bool found;
    struct buf out;
    struct xet_hash key;
    uint64_t created_s, expires_s;
};

static uint64_t u64_at(const struct reply *r, size_t at)
{
    uint64_t v;
    assert_true(at + 8 <= r->out.n);
    memcpy(&v, r->out.p + at, 8);
    return v;
}

/* Asks, and checks all that either client insists on (TRAP 6). */
static struct reply ask(struct world *w, const struct xet_hash *chunk, int64_t user)
{
    struct eyes eyes = { w, user };
    struct cas_viewer v = { user, may_read, &eyes };
    struct reply r = { .out = BUF_INIT(0) };
    struct err e;
    must_ok(cas_dedup_query(w->p.cas, chunk, &v, &r.out, &r.found, &e));
    if (!r.found) {
        assert_int_equal(r.out.n, 0);
        return r;
    }
    uint64_t now_s = (uint64_t)clock_now_ms() / 1000, footer = r.out.n - 200;
    assert_int_equal(u64_at(&r, 32), 2);
    assert_int_equal(u64_at(&r, 40), 200);
    assert_int_equal(u64_at(&r, footer), 1);
    assert_int_equal(u64_at(&r, footer + 8), 48);
    assert_int_equal(u64_at(&r, footer + 16), 96);
    for (unsigned table = 0; table < 3; table++) {
        assert_int_equal(u64_at(&r, footer + 24 + 16 * table), footer);
        assert_int_equal(u64_at(&r, footer + 32 + 16 * table), 0);
    }
    assert_int_equal(u64_at(&r, footer + 192), footer);
    memcpy(r.key.b, r.out.p + footer + 72, 32);
    assert_false(xet_hash_is_zero(&r.key));
    r.created_s = u64_at(&r, footer + 104);
    r.expires_s = u64_at(&r, footer + 112);
    assert_true(r.created_s <= now_s && r.expires_s > now_s + 6 * 24 * 3600 - 10 && r.expires_s <= r.created_s + 604800);
    return r;
}
static void reply_free(struct reply *r) { buf_deinit(&r->out); }

/* The listing of a xorb in an answer. */
static bool listing_of(const struct reply *r, const struct xet_hash *xorb, struct xet_shard_xorb *out)
{
    struct xet_shard_reader reader;
    struct xet_shard_file f;
    struct err e;
    bool found;
    must_ok(xet_shard_open(bytes_of(buf_str(&r->out)), &reader, &e));
    must_ok(xet_shard_next_file(&reader, &f, &found, &e));
    assert_false(found);
    for (;;) {
        must_ok(xet_shard_next_xorb(&reader, out, &found, &e));
        if (!found || xet_hash_eq(&out->hash, xorb)) return found;
    }
}

/* Chunks [first, end) of the xorb are told of; nothing else of it is, not even how much there is behind. */
static void assert_told(const struct reply *r, const struct xet_xorb_index *x, uint32_t first, uint32_t end)
{
    struct xet_shard_xorb l;
    uint32_t at = 0;
    if (!listing_of(r, &x->hash, &l)) fail_msg("the xorb is not listed");
    assert_int_equal(l.chunks_count, end);
    for (uint32_t i = 0; i < end; i++) {
        struct xet_shard_chunk c = xet_shard_chunk(&l, i);
        struct xet_hash real;
        xet_hmac_many(&r->key, &x->chunk[i], 1, &real);
        assert_int_equal(xet_hash_eq(&c.hash, &real), i >= first);
        assert_int_equal(c.raw_at, at);
        assert_int_equal(c.raw_bytes, i >= first ? x->raw_end[i] - xet_raw_at(x, i) : 0);
        at += c.raw_bytes;
    }
    assert_int_equal(l.raw_bytes, at);
    assert_int_equal(l.stored_bytes, 0);
}

/* No eight bytes of any hash of these chunks, plain or under the answer's key, stand anywhere in it. */
static void assert_silent_about(const struct reply *r, const struct xet_xorb_index *x, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        struct xet_hash keyed;
        xet_hmac_many(&r->key, &x->chunk[i], 1, &keyed);
        for (unsigned part = 0; part < 4; part++) {
            if (r->out.n == 0) return;
            assert_null(memmem(r->out.p, r->out.n, x->chunk[i].b + 8 * part, 8));
            assert_null(memmem(r->out.p, r->out.n, keyed.b + 8 * part, 8));
        }
    }
}

static const struct xet_hash *sampled_in(const struct stored *s, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++)
        if (dedup_is_sampled(&s->x.chunk[i])) return &s->x.chunk[i];
    fail_msg("no sampled chunk");
    return NULL;
}

static void one_answer_has_the_whole_file(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w);
    struct stored s[3] = { put_xorb(&w, 1, 100, 1), put_xorb(&w, 2, 200, 1), put_xorb(&w, 3, 50, 1) };
    put_file(&w, (struct part[]){ { &s[0], 0, 100 }, { &s[1], 0, 200 }, { &s[2], 0, 30 } }, 3);
    w.readable[2] = 1;
    for (unsigned i = 0; i < 3; i++) {
        struct reply r = ask(&w, i == 2 ? &s[0].x.chunk[0] : sampled_in(&s[i], 0, 100), 2);
        assert_true(r.found);
        assert_told(&r, &s[0].x, 0, 100);
        assert_told(&r, &s[1].x, 0, 200);
        assert_told(&r, &s[2].x, 0, 30); /* the file has no more of it */
        assert_silent_about(&r, &s[2].x, 30, 50);
        assert_memory_equal(r.out.p + 96, s[i % 2].x.hash.b, 32); /* what was asked for comes first */
        reply_free(&r);
    }
    struct reply own = ask(&w, &s[0].x.chunk[0], 1);
    assert_true(!own.found || listing_of(&own, &s[0].x.hash, &(struct xet_shard_xorb){ 0 }));
    assert_true(own.found); /* he has sent it, and may not read the file: his xorb, and nothing of the file */
    assert_told(&own, &s[0].x, 0, 100);
    assert_false(listing_of(&own, &s[1].x.hash, &(struct xet_shard_xorb){ 0 }));
    reply_free(&own);
    world_end(&w);
}

static void what_the_viewer_may_not_use_leaves_no_trace(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w);
    /* One xorb: a secret, a public file, another secret.  A second one is secret altogether. */
    struct stored s = put_xorb(&w, 1, 300, 1), t = put_xorb(&w, 2, 100, 1);
    put_file(&w, (struct part[]){ { &s, 0, 100 }, { &t, 0, 100 } }, 2); /* 0: private */
    put_file(&w, (struct part[]){ { &s, 100, 200 } }, 1);               /* 1: public */
    put_file(&w, (struct part[]){ { &s, 200, 300 } }, 1);               /* 2: gated: user 3 has been let in */
    w.readable[0] = w.readable[2] = 2;
    w.readable[3] = 2 | 4;
    w.readable[1] = 7;
    const struct xet_hash *secret = sampled_in(&s, 0, 100), *open = sampled_in(&s, 100, 200), *gated = sampled_in(&s, 200, 300);
    struct xet_hash nowhere = *secret;
    nowhere.b[10] ^= 1;
    for (int64_t user = 0; user <= 2; user += 2) { /* asking about secrets is as asking about what does not exist */
        struct reply a = ask(&w, secret, user), b = ask(&w, gated, user), c = ask(&w, &s.x.chunk[200], user),
                     d = ask(&w, sampled_in(&t, 0, 100), user), none = ask(&w, &nowhere, user);
        assert_false(a.found || b.found || c.found || d.found || none.found);
        struct reply r = ask(&w, open, user);
        assert_true(r.found);
        assert_told(&r, &s.x, 100, 200);
        assert_silent_about(&r, &s.x, 0, 100);
        assert_silent_about(&r, &s.x, 200, 300);
        assert_false(listing_of(&r, &t.x.hash, &(struct xet_shard_xorb){ 0 }));
        assert_silent_about(&r, &t.x, 0, 100);
        reply_free(&r);
    }
    struct reply r = ask(&w, gated, 3);
    assert_true(r.found);
    assert_told(&r, &s.x, 100, 300);
    assert_silent_about(&r, &s.x, 0, 100);
    reply_free(&r);
    assert_false(ask(&w, secret, 3).found);
    w.readable[3] = 0; /* and out again: an answer is about this moment */
    assert_false(ask(&w, gated, 3).found);
    r = ask(&w, secret, 1);
    assert_true(r.found);
    assert_told(&r, &s.x, 0, 300);
    assert_told(&r, &t.x, 0, 100);
    reply_free(&r);
    world_end(&w);
}

static void a_made_up_hash_depends_on_no_chunk(void **state)
{
    (void)state;
    struct world w;
    struct xet_shard_xorb l;
    world_begin(&w);
    struct stored s = put_xorb(&w, 1, 64, 1);
    put_file(&w, (struct part[]){ { &s, 40, 64 } }, 1);
    w.readable[2] = 1;
    struct reply r = ask(&w, &s.x.chunk[40], 2), again = ask(&w, &s.x.chunk[40], 2);
    assert_true(r.found && again.found);
    assert_true(r.out.n == again.out.n && memcmp(r.out.p, again.out.p, r.out.n) == 0); /* so asking often tells no more */
    assert_true(listing_of(&r, &s.x.hash, &l));
    for (uint32_t i = 0; i < 40; i++) {
        struct xet_shard_chunk c = xet_shard_chunk(&l, i);
        uint8_t place[36];
        struct xet_hash guess; /* what somebody could make who knows all that the answer says */
        memcpy(place, s.x.hash.b, 32);
        memcpy(place + 32, &(uint32_t){ i }, 4);
        blake3_keyed(r.key.b, (bytes){ place, 36 }, guess.b);
        assert_false(xet_hash_eq(&c.hash, &guess));
        assert_false(xet_hash_is_zero(&c.hash) || xet_hash_is_bookend(&c.hash));
    }
    reply_free(&r);
    reply_free(&again);
    world_end(&w);
}

static void a_readable_place_is_found_behind_unreadable_ones(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w);
    struct stored open = put_xorb(&w, 1, 60, 1), hidden = put_xorb(&w, 1, 61, 1), own = put_xorb(&w, 1, 62, 2);
    put_file(&w, (struct part[]){ { &open, 0, 60 } }, 1);
    put_file(&w, (struct part[]){ { &own, 0, 62 } }, 1);
    put_file(&w, (struct part[]){ { &hidden, 0, 61 } }, 1);
    w.readable[2] = w.readable[3] = 1;
    struct reply r = ask(&w, &open.x.chunk[0], 3);
    assert_true(r.found);
    assert_told(&r, &open.x, 0, 60);
    assert_false(listing_of(&r, &hidden.x.hash, &(struct xet_shard_xorb){ 0 }));
    reply_free(&r);
    r = ask(&w, &open.x.chunk[0], 2);
    assert_true(r.found);
    assert_told(&r, &own.x, 0, 62);
    reply_free(&r);
    world_end(&w);
}

static void an_answer_about_a_huge_file_begins_at_the_chunk_and_has_an_end(void **state)
{
    (void)state;
    struct world w;
    struct part part[40];
    struct stored s[20];
    world_begin(&w);
    for (unsigned i = 0; i < 20; i++) s[i] = put_xorb(&w, 100 + i, 4000, 1);
    for (unsigned i = 0; i < 20; i++) part[i] = (struct part){ &s[i], 0, 4000 };
    put_file(&w, part, 20);
    w.readable[2] = 1;
    struct reply r = ask(&w, sampled_in(&s[15], 0, 4000), 2);
    struct xet_shard_xorb l;
    assert_true(r.found);
    size_t listed = 0;
    for (unsigned i = 0; i < 20; i++) listed += listing_of(&r, &s[i].x.hash, &l);
    assert_int_equal(listed, 17); /* the first one past 65536 chunks is the last */
    assert_true(listing_of(&r, &s[15].x.hash, &l) && listing_of(&r, &s[19].x.hash, &l) && listing_of(&r, &s[0].x.hash, &l));
    assert_false(listing_of(&r, &s[14].x.hash, &l) || listing_of(&r, &s[12].x.hash, &l));
    reply_free(&r);
    world_end(&w);
}

static void what_is_advertised_gets_a_young_date_but_not_each_time(void **state)
{
    (void)state;
    struct world w;
    struct err e;
    world_begin(&w);
    struct stored s = put_xorb(&w, 1, 60, 1), t = put_xorb(&w, 2, 60, 1), u = put_xorb(&w, 3, 60, 1);
    put_file(&w, (struct part[]){ { &s, 0, 60 }, { &t, 0, 60 } }, 2);
    put_file(&w, (struct part[]){ { &u, 0, 60 } }, 1);
    w.readable[2] = 3;
    run_sql(&w.p, "UPDATE cas_xorb SET touched_ms = 5");
    struct reply r = ask(&w, &s.x.chunk[0], 2);
    assert_true(r.found);
    reply_free(&r);
    int64_t now = clock_now_ms();
    assert_int_equal(get_int(&w.p, "SELECT count(*) FROM cas_xorb WHERE touched_ms = 5"), 1);
    assert_in_range(get_int(&w.p, "SELECT min(touched_ms) FROM cas_xorb WHERE touched_ms > 5"), now - 60000, now);
    run_sql(&w.p, "UPDATE cas_xorb SET touched_ms = touched_ms - 1800000 WHERE touched_ms > 5"); /* half an hour ago */
    int64_t before = get_int(&w.p, "SELECT sum(touched_ms) FROM cas_xorb");
    struct db_conn *tx;
    must_ok(db_begin(w.p.db, &tx, &e)); /* the writer is taken: a second answer does not need it */
    r = ask(&w, &s.x.chunk[0], 2);
    assert_true(r.found);
    reply_free(&r);
    db_rollback(w.p.db, tx);
    assert_int_equal(get_int(&w.p, "SELECT sum(touched_ms) FROM cas_xorb"), before);
    r = ask(&w, sampled_in(&s, 1, 60), 3); /* who may not know makes nothing young */
    assert_false(r.found);
    world_end(&w);
}

static void the_key_changes_daily_and_goes_when_its_answers_have_expired(void **state)
{
    (void)state;
    struct world w;
    world_begin(&w);
    struct stored s = put_xorb(&w, 1, 60, 1);
    put_file(&w, (struct part[]){ { &s, 0, 60 } }, 1);
    struct reply a = ask(&w, &s.x.chunk[0], 1), b = ask(&w, &s.x.chunk[0], 1);
    assert_true(a.found && b.found && xet_hash_eq(&a.key, &b.key));
    struct db_query q;
    struct err e;
    struct db_conn *reader = db_reader(w.p.db);
    must_ok(db_query(reader, &q, &e, "SELECT key FROM cas_dedup_key"));
    assert_true(db_next(&q, &e));
    assert_null(memmem(a.out.p, a.out.n, db_col_blob(&q, 0).p, 32)); /* what both are made from is not told */
    must_ok(db_end(&q));
    db_give(w.p.db, reader);
    run_sql(&w.p, "UPDATE cas_dedup_key SET created_ms = created_ms - 86400000, expires_ms = expires_ms - 86400000");
    struct reply c = ask(&w, &s.x.chunk[0], 1);
    assert_true(c.found && !xet_hash_eq(&a.key, &c.key));
    assert_int_equal(get_int(&w.p, "SELECT count(*) FROM cas_dedup_key"), 2);
    run_sql(&w.p, "UPDATE cas_dedup_key SET created_ms = created_ms - 604801000, expires_ms = expires_ms - 604801000");
    struct reply d = ask(&w, &s.x.chunk[0], 1);
    assert_true(d.found && !xet_hash_eq(&c.key, &d.key));
    assert_int_equal(get_int(&w.p, "SELECT count(*) FROM cas_dedup_key"), 1);
    run_sql(&w.p, "UPDATE cas_dedup_key SET created_ms = created_ms + 9000000000, expires_ms = expires_ms + 9000000000");
    struct reply f = ask(&w, &s.x.chunk[0], 1); /* the clock had been wrong */
    assert_true(f.found && !xet_hash_eq(&d.key, &f.key));
    reply_free(&a), reply_free(&b), reply_free(&c), reply_free(&d), reply_free(&f);
    world_end(&w);
}

struct asker {
    struct world *w;
    const struct xet_hash *chunk;
    struct xet_hash key;
};
static void *ask_often(void *arg)
{
    struct asker *a = arg;
    struct eyes eyes = { &(struct world){ .files = 0 }, 0 };
    struct cas_viewer v = { 1, may_read, &eyes };
    for (int i = 0; i < 50; i++) {
        struct buf out = BUF_INIT(0);
        struct err e;
        bool found;
        must_ok(cas_dedup_query(a->w->p.cas, a->chunk, &v, &out, &found, &e));
        assert_true(found && out.n > 200);
        memcpy(a->key.b, out.p + out.n - 128, 32);
        buf_deinit(&out);
    }
    return NULL;
}

static void many_ask_at_once_and_get_one_key(void **state)
{
    (void)state;
    struct world w;
    pthread_t thread[4];
    struct asker asker[4];
    world_begin(&w);
    struct stored s = put_xorb(&w, 1, 60, 1);
    put_file(&w, (struct part[]){ { &s, 0, 60 } }, 1);
    run_sql(&w.p, "UPDATE cas_xorb SET touched_ms = 5");
    for (unsigned i = 0; i < 4; i++) {
        asker[i] = (struct asker){ .w = &w, .chunk = &s.x.chunk[0] };
        assert_int_equal(pthread_create(&thread[i], NULL, ask_often, &asker[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++) assert_int_equal(pthread_join(thread[i], NULL), 0);
    for (unsigned i = 1; i < 4; i++) assert_true(xet_hash_eq(&asker[0].key, &asker[i].key));
    assert_int_equal(get_int(&w.p, "SELECT count(*) FROM cas_dedup_key"), 1);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_come_from_ones_own_uploads_and_from_files_that_one_may_read),
        cmocka_unit_test(no_more_files_are_asked_about_than_needed_and_never_very_many),
        cmocka_unit_test(a_term_that_reaches_behind_the_xorb_allows_nothing_there),
        cmocka_unit_test(sampled_chunks_and_the_first_of_a_file_are_found),
        cmocka_unit_test(a_place_is_compared_in_full_and_stale_rows_are_passed_over),
        cmocka_unit_test(a_repeated_chunk_has_one_row_and_removal_takes_all_rows),
        cmocka_unit_test(one_answer_has_the_whole_file),
        cmocka_unit_test(what_the_viewer_may_not_use_leaves_no_trace),
        cmocka_unit_test(a_made_up_hash_depends_on_no_chunk),
        cmocka_unit_test(a_readable_place_is_found_behind_unreadable_ones),
        cmocka_unit_test(an_answer_about_a_huge_file_begins_at_the_chunk_and_has_an_end),
        cmocka_unit_test(what_is_advertised_gets_a_young_date_but_not_each_time),
        cmocka_unit_test(the_key_changes_daily_and_goes_when_its_answers_have_expired),
        cmocka_unit_test(many_ask_at_once_and_get_one_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
