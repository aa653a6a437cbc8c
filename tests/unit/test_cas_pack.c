/* Files in xorbs: what is stored once is found again; what is read is right or refused; whole blobs are converted. */
#include "cas_help.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "cas/pack_priv.h"
#include "xet/split.h"

/* Content that nothing compresses and that is cut at the usual places. */
static uint8_t *noise(size_t n, uint64_t seed)
{
    uint8_t *p = mem_alloc(n + 8);
    uint64_t x = seed * 0x9E3779B97F4A7C15u + 1;
    for (size_t i = 0; i < n; i += 8) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        memcpy(p + i, &x, 8);
    }
    return p;
}

static struct cas_object put(struct place *p, bytes b)
{
    struct err e;
    struct cas_put *w;
    struct cas_object o;
    struct sha256 want = sha256_of(b);
    uint64_t size = b.n;
    must_ok(cas_put_begin(p->cas, &w, &e));
    for (size_t at = 0; at < b.n; at += 300007) must_ok(cas_put_write(w, (bytes){ b.p + at, b.n - at < 300007 ? b.n - at : 300007 }, &e));
    must_ok(cas_put_commit(w, &want, &size, &o, &e));
    return o;
}

enum { FILE_TIMES_US = 25000 }; /* what has just changed is not sent from the file */
static size_t pieces_in_files; /* that read_range was told of */

/* False: refused, and no wrong byte was given before. */
static bool read_range(struct place *p, const struct sha256 *sha256, bytes whole, size_t at, size_t n, size_t step, struct err *e)
{
    struct cas_reader *r = NULL;
    size_t done = 0, got;
    uint8_t *out = mem_alloc(step);
    bool ok = cas_reader_open(p->cas, sha256, at, n, &r, e);
    while (ok) {
        if (step % 2) { /* copied, lent, or told where they are: the same bytes */
            struct cas_piece lent;
            ok = cas_reader_lend(r, step, step % 4 == 3, &lent, e);
            got = ok ? lent.n : 0;
            assert_true(got <= step);
            if (got && lent.memory.p) memcpy(out, lent.memory.p, got);
            if (got && !lent.memory.p) assert_int_equal(pread(lent.fd, out, got, (off_t)lent.at), got);
            pieces_in_files += got && !lent.memory.p;
        } else {
            ok = cas_reader_read(r, out, step, &got, e);
        }
        if (!ok || got == 0) break;
        assert_true(done + got <= n);
        assert_memory_equal(out, whole.p + at + done, got);
        done += got;
    }
    if (ok) assert_int_equal(done, n);
    cas_reader_close(r);
    mem_free(out);
    return ok;
}

static void assert_content(struct place *p, const struct sha256 *sha256, bytes whole)
{
    struct err e;
    must_ok(read_range(p, sha256, whole, 0, whole.n, 100003, &e));
}

static void print_problem(void *ctx, const struct cas_problem *problem)
{
    (void)ctx;
    print_message("problem: %.*s\n", STR_ARG(problem->what));
}
static const struct cas_check_options silent = { .deep = true };

static void assert_sound(struct place *p)
{
    struct err e;
    struct cas_check_result r;
    static const struct cas_check_options deep = { .deep = true, .problem = print_problem };
    must_ok(cas_check(p->cas, &deep, &r, &e));
    assert_int_equal(r.problems, 0);
}

static uint64_t stored(struct place *p) { return (uint64_t)get_int(p, "SELECT coalesce(sum(stored_bytes), 0) FROM cas_xorb"); }

/* ------------------------------------------------------------------ packing */

static void a_file_has_the_name_that_every_client_gives_it(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 8191, 8192, 131072, 131073, (128 << 10) + (512 << 10), (3 << 20) + 1 };
    struct place p;
    struct err e;
    place_begin(&p);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        uint8_t *text = i % 2 ? noise(sizes[i], i) : mem_alloc(sizes[i] + 1);
        size_t n;
        struct xet_chunk *chunk = xet_chunks((bytes){ text, sizes[i] }, XET_DIALECT_CURRENT, SIZE_MAX, &n);
        struct xet_merkle tree;
        struct xet_hash want, got;
        bool found;
        xet_merkle_init(&tree);
        for (size_t k = 0; k < n; k++) xet_merkle_add(&tree, &chunk[k].hash, chunk[k].size_bytes);
        xet_merkle_file(&tree, &want);
        struct cas_object o = put(&p, (bytes){ text, sizes[i] });
        struct arena *a = arena_new(0);
        struct cas_file f;
        must_ok(cas_file_of(p.cas, &o.sha256, a, &f, &found, &e));
        assert_true(found);
        got = f.hash;
        if (!xet_hash_eq(&got, &want)) fail_msg("a file of %zu bytes has another name", sizes[i]);
        assert_content(&p, &o.sha256, (bytes){ text, sizes[i] });
        arena_free(a);
        mem_free(chunk);
        mem_free(text);
    }
    assert_sound(&p);
    place_end(&p);
}

static void what_is_stored_is_not_stored_again(void **state)
{
    (void)state;
    enum { SIZE = 70 << 20 }; /* two xorbs */
    struct place p;
    place_begin(&p);
    uint8_t *text = noise(SIZE + 8, 1);
    struct cas_object first = put(&p, (bytes){ text, SIZE });
    uint64_t one = stored(&p);
    assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_xorb"), 2);
    assert_true(one >= SIZE && one < SIZE + SIZE / 1000);
    run_sql(&p, "DELETE FROM cas_object"); /* as if it were not known: all is cut and found again */
    struct cas_object again = put(&p, (bytes){ text, SIZE });
    assert_true(sha256_eq(&first.sha256, &again.sha256));
    assert_int_equal(stored(&p), one);

    put(&p, (bytes){ text, SIZE - 12345 }); /* shorter: only its last chunk is new */
    assert_true(stored(&p) - one <= XET_CHUNK_MAX + 8);
    one = stored(&p);
    memset(text + SIZE / 2, 7, SIZE / 100); /* a hundredth changed in the middle */
    memmove(text + (10 << 20) + 1, text + (10 << 20), SIZE - (10 << 20)); /* and a byte put in */
    struct cas_object third = put(&p, (bytes){ text, SIZE });
    if (stored(&p) - one > SIZE * 3 / 100) fail_msg("%llu bytes were stored again", (unsigned long long)(stored(&p) - one));
    assert_content(&p, &third.sha256, (bytes){ text, SIZE });
    mem_free(text);
    assert_sound(&p);
    place_end(&p);
}

/* Version after version of one file: each is found where it goes on, though all begin alike. */
static void the_same_file_is_found_among_files_that_begin_alike(void **state)
{
    (void)state;
    enum { SIZE = 6 << 20, VERSIONS = 5 };
    struct place p;
    uint8_t *text[VERSIONS];
    place_begin(&p);
    for (int i = 0; i < VERSIONS; i++) {
        text[i] = noise(SIZE, 5);
        if (i) {
            uint8_t *other = noise(SIZE, 100 + (uint64_t)i);
            memcpy(text[i] + (2 << 20), other, 3 << 20);
            mem_free(other);
        }
        put(&p, (bytes){ text[i], SIZE });
    }
    uint64_t before = stored(&p);
    run_sql(&p, "UPDATE cas_object SET xet_hash = NULL");
    for (int i = 0; i < VERSIONS; i++) {
        struct cas_object o = put(&p, (bytes){ text[i], SIZE });
        assert_content(&p, &o.sha256, (bytes){ text[i], SIZE });
        mem_free(text[i]);
    }
    assert_int_equal(stored(&p), before);
    assert_sound(&p);
    place_end(&p);
}

/* Repeats cost nothing, and do not make a term of each chunk. */
static void zeros_take_little_and_few_terms(void **state)
{
    (void)state;
    enum { SIZE = 200 << 20 };
    struct place p;
    struct err e;
    place_begin(&p);
    uint8_t *text = mem_alloc(SIZE);
    struct cas_object o = put(&p, (bytes){ text, SIZE });
    assert_true(stored(&p) < 1 << 20);
    int64_t terms = get_int(&p, "SELECT length(terms) / 52 FROM cas_file");
    if (terms > 300) fail_msg("%lld terms for 1600 chunks", (long long)terms);
    must_ok(read_range(&p, &o.sha256, (bytes){ text, SIZE }, 77 << 20, 40 << 20, 1 << 20, &e));
    mem_free(text);
    assert_sound(&p);
    place_end(&p);
}

/* A patchwork of chunks from everywhere is stored anew rather than scattered. */
static void a_patchwork_has_long_runs_all_the_same(void **state)
{
    (void)state;
    enum { PIECE = XET_CHUNK_MAX, PIECES = 1200 };
    struct place p;
    place_begin(&p);
    uint8_t *source = noise((size_t)PIECE * 64, 3), *text = mem_alloc((size_t)PIECE * PIECES);
    put(&p, (bytes){ source, (size_t)PIECE * 64 });
    uint64_t x = 99;
    for (size_t i = 0; i < PIECES; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        memcpy(text + i * PIECE, source + (x >> 33) % 64 * PIECE, PIECE);
    }
    struct cas_object o = put(&p, (bytes){ text, (size_t)PIECE * PIECES });
    int64_t terms = get_int(&p, "SELECT max(length(terms)) / 52 FROM cas_file");
    if (terms > 1000) fail_msg("%lld terms", (long long)terms);
    assert_content(&p, &o.sha256, (bytes){ text, (size_t)PIECE * PIECES });
    mem_free(source);
    mem_free(text);
    place_end(&p);
}

static void text_is_compressed_and_noise_is_not(void **state)
{
    (void)state;
    enum { SIZE = 4 << 20 };
    struct place p;
    place_begin(&p);
    struct buf b = BUF_INIT(0);
    for (unsigned i = 0; b.n < SIZE; i++) buf_addf(&b, "line %u of a text that says little new, in words that come again\n", i);
    struct cas_object o = put(&p, bytes_of(buf_str(&b)));
    assert_true(stored(&p) < b.n / 2);
    assert_content(&p, &o.sha256, bytes_of(buf_str(&b)));
    uint64_t before = stored(&p);
    uint8_t *raw = noise(SIZE, 8);
    put(&p, (bytes){ raw, SIZE });
    assert_int_equal(stored(&p) - before - SIZE, 8 * get_int(&p, "SELECT chunks_count FROM cas_xorb ORDER BY id DESC LIMIT 1"));
    buf_deinit(&b);
    mem_free(raw);
    assert_sound(&p);
    place_end(&p);
}

/* What was broken off is found when it is sent again. */
static void an_upload_that_was_broken_off_goes_on_where_it_was(void **state)
{
    (void)state;
    enum { SIZE = 80 << 20 };
    struct place p;
    struct err e;
    struct cas_put *w;
    place_begin(&p);
    uint8_t *text = noise(SIZE, 4);
    must_ok(cas_put_begin(p.cas, &w, &e));
    must_ok(cas_put_write(w, (bytes){ text, SIZE }, &e));
    cas_put_abort(w);
    uint64_t before = stored(&p);
    assert_true(before > 60 << 20 && before < 66 << 20); /* one full xorb; what waited was dropped */
    put(&p, (bytes){ text, SIZE });
    assert_true(stored(&p) < SIZE + SIZE / 100);
    mem_free(text);
    assert_sound(&p);
    place_end(&p);
}

/* While the first xorb is being published, and the second one filled. */
static void chunks_are_found_in_the_xorb_before(void **state)
{
    (void)state;
    enum { NEW = 66 << 20, AGAIN = 4 << 20, FROM = 20 << 20 };
    struct place p;
    place_begin(&p);
    uint8_t *text = noise(NEW + 2 * AGAIN, 11);
    memcpy(text + NEW, text + FROM, AGAIN);
    memcpy(text + NEW + AGAIN, text + FROM, AGAIN);
    struct cas_object o = put(&p, (bytes){ text, NEW + 2 * AGAIN });
    assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_xorb"), 2);
    assert_true(stored(&p) < NEW + NEW / 1000 + 4 * XET_CHUNK_MAX); /* but for chunks that lie across the seams */
    assert_content(&p, &o.sha256, (bytes){ text, NEW + 2 * AGAIN });
    mem_free(text);
    assert_sound(&p);
    place_end(&p);
}

/* The chunks of a xorb that is there, in frames that are not compressed. */
static void make_raw(struct place *p, const struct xet_hash *xorb, bytes content, struct made_xorb *out)
{
    const struct xet_xorb_index *x;
    struct err e;
    struct xet_xorb_writer *w = xet_xorb_writer_new();
    out->a = arena_new(0);
    buf_init(&out->frames, 0);
    must_ok(xorb_borrow(p->cas, xorb, &x, &e));
    for (uint32_t i = 0; i < x->count; i++)
        xorb_add(w, (bytes){ content.p + xet_raw_at(x, i), x->raw_end[i] - xet_raw_at(x, i) }, &x->chunk[i], XET_SCHEME_RAW, &out->frames);
    xorb_give(p->cas, x);
    xet_xorb_writer_end(w, out->a, &out->x);
    xet_xorb_writer_free(w);
}

/* An upload has found its chunks in a xorb that turns out to be damaged: somebody sends it again, in other frames, before the upload ends. */
static void an_upload_follows_a_xorb_that_is_replaced_meanwhile(void **state)
{
    (void)state;
    enum { SIZE = 2 << 20 };
    struct place p;
    struct err e;
    struct cas_put *w;
    struct cas_object o;
    struct cas_file f;
    struct made_xorb again;
    bool found;
    char path[256];
    place_begin(&p);
    uint8_t *text = noise(2 * SIZE, 13);
    for (size_t i = 0; i < SIZE; i += 2) text[i] = 'a'; /* the first half can be compressed */
    o = put(&p, (bytes){ text, SIZE });
    struct arena *a = arena_new(0);
    must_ok(cas_file_of(p.cas, &o.sha256, a, &f, &found, &e));
    must_ok(cas_put_begin(p.cas, &w, &e));
    must_ok(cas_put_write(w, (bytes){ text, 2 * SIZE }, &e));
    make_raw(&p, &f.term[0].xorb, (bytes){ text, SIZE }, &again);
    assert_int_equal(f.terms_count, 1);
    assert_true(again.frames.n > f.term[0].stored_end + 1000);
    blob_path(&p, &f.term[0].xorb, path);
    flip_byte(path, SIZE / 4);
    store_xorb(&p, &again, 1);
    must_ok(cas_put_commit(w, NULL, NULL, &o, &e));
    assert_content(&p, &o.sha256, (bytes){ text, 2 * SIZE });
    assert_sound(&p);
    made_free(&again);
    arena_free(a);
    mem_free(text);
    place_end(&p);
}

/* A client sent the xorb that comes next, and never the shard that would have put it into the index of chunks. */
static void a_xorb_that_is_not_in_the_index_is_not_taken_up(void **state)
{
    (void)state;
    enum { SIZE = 6 << 20, FROM = 1 << 20 };
    struct place p;
    struct xet_split s;
    struct made_xorb rest;
    static bytes chunk[SIZE / (XET_CHUNK_MIN - 64) + 1];
    size_t n, k = 0;
    place_begin(&p);
    uint8_t *memory = noise(XET_SPLIT_MARGIN + SIZE, 14), *text = memory + XET_SPLIT_MARGIN;
    xet_split_init(&s, XET_DIALECT_CURRENT);
    n = xet_split_add(&s, text, SIZE, chunk);
    while (chunk[k].p < text + FROM) k++;
    put(&p, (bytes){ text, (size_t)(chunk[k].p - text) }); /* ends with a chunk */
    struct xet_xorb_writer *w = xet_xorb_writer_new();
    rest.a = arena_new(0);
    buf_init(&rest.frames, 0);
    for (; k < n; k++) {
        struct xet_hash hash;
        xet_chunk_hash(chunk[k], &hash);
        xorb_add(w, chunk[k], &hash, XET_SCHEME_RAW, &rest.frames);
    }
    xet_xorb_writer_end(w, rest.a, &rest.x);
    xet_xorb_writer_free(w);
    store_xorb(&p, &rest, 1);
    struct cas_object o = put(&p, (bytes){ text, SIZE });
    assert_content(&p, &o.sha256, (bytes){ text, SIZE });
    assert_sound(&p); /* of the xorbs of files, all are in the index */
    made_free(&rest);
    xet_split_deinit(&s);
    mem_free(memory);
    place_end(&p);
}

/* The disk fails somewhere between the last writes of a full xorb and the row of the next one. */
static void a_xorb_that_cannot_be_sealed_fails_its_upload(void **state)
{
    (void)state;
    enum { SIZE = 70 << 20 };
    struct place p;
    struct err e;
    struct cas_put *w;
    struct cas_object o;
    uint64_t size = SIZE;
    unsigned failed = 0;
    uint8_t *text = noise(SIZE, 12);
    for (uint64_t n = 58; n < 80; n += 5 * UNIT_CALLS_STEP) {
        place_begin(&p);
        must_ok(cas_put_begin(p.cas, &w, &e));
        os_fault_after(n, ENOSPC, true);
        bool ok = cas_put_write(w, (bytes){ text, SIZE }, &e);
        if (ok) ok = cas_put_commit(w, NULL, &size, &o, &e);
        else cas_put_abort(w);
        os_fault_after(0, 0, false);
        failed += !ok;
        if (!ok) assert_int_equal(e.code, ERR_NO_SPACE);
        assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_object"), ok);
        o = put(&p, (bytes){ text, SIZE });
        assert_content(&p, &o.sha256, (bytes){ text, SIZE });
        assert_sound(&p);
        place_end(&p);
    }
    assert_true(failed > 0);
    mem_free(text);
}

/* ------------------------------------------------------------------ reading */

static void any_range_is_the_same_bytes(void **state)
{
    (void)state;
    enum { SIZE = 9 << 20 };
    struct place p;
    struct err e;
    place_begin(&p);
    uint8_t *text = noise(SIZE, 6);
    memset(text + (3 << 20), 0, 1 << 20); /* some of it is compressed */
    put(&p, (bytes){ text + (5 << 20), 1 << 20 });
    struct cas_object o = put(&p, (bytes){ text, SIZE });
    uint64_t x = 7;
    const size_t steps[] = { 65536, 777, 30003, 65536, 999999 }; /* see read_range */
    pieces_in_files = 0;
    usleep(FILE_TIMES_US);
    for (int i = 0; i < 300; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        size_t at = (size_t)(x >> 20) % SIZE, n = i % 3 ? (size_t)(x >> 40) % 3000 : (size_t)(x >> 30) % SIZE;
        if (n > SIZE - at) n = SIZE - at;
        must_ok(read_range(&p, &o.sha256, (bytes){ text, SIZE }, at, n, steps[i % 5], &e));
    }
    assert_true(pieces_in_files > 0);
    struct cas_reader *r; /* closed while it reads ahead */
    size_t got;
    for (int i = 0; i < 30; i++) {
        uint8_t some[100];
        must_ok(cas_reader_open(p.cas, &o.sha256, (size_t)i * 1000, SIZE / 2, &r, &e));
        for (int k = 0; k < i % 7; k++) must_ok(cas_reader_read(r, some, sizeof some, &got, &e));
        cas_reader_close(r);
    }
    mem_free(text);
    place_end(&p);
}

/* Chunks that are not compressed are hashed once, and lent as places in their file as long as that stays what it was. */
static void what_was_hashed_once_is_lent_from_its_file_until_that_changes(void **state)
{
    (void)state;
    enum { SIZE = 3 << 20, STEP = 65539 };
    struct place p;
    struct err e;
    char path[256];
    place_begin(&p);
    uint8_t *text = noise(SIZE, 21);
    bytes whole = { text, SIZE };
    struct cas_object o = put(&p, whole);
    struct arena *a = arena_new(0);
    struct cas_file f;
    bool found;
    must_ok(cas_file_of(p.cas, &o.sha256, a, &f, &found, &e));
    blob_path(&p, &f.term[0].xorb, path);
    usleep(FILE_TIMES_US);
    pieces_in_files = 0;
    must_ok(read_range(&p, &o.sha256, whole, 1 << 20, 1 << 20, STEP, &e));
    assert_int_equal(pieces_in_files, 0);
    must_ok(read_range(&p, &o.sha256, whole, 1 << 20, 1 << 20, STEP, &e));
    size_t part = pieces_in_files;
    assert_in_range(part, 8, 200);
    must_ok(read_range(&p, &o.sha256, whole, 0, SIZE, STEP, &e));
    assert_in_range(pieces_in_files, 2 * part - 4, 2 * part + 4); /* of the middle, no more */

    flip_byte(path, (int64_t)f.term[0].stored_end / 2);
    usleep(FILE_TIMES_US);
    pieces_in_files = 0;
    assert_false(read_range(&p, &o.sha256, whole, 0, SIZE, STEP, &e));
    assert_int_equal(e.code, ERR_IO);
    assert_int_equal(pieces_in_files, 0);
    flip_byte(path, (int64_t)f.term[0].stored_end / 2);
    must_ok(read_range(&p, &o.sha256, whole, 0, SIZE, STEP, &e));
    assert_int_equal(pieces_in_files, 0);
    arena_free(a);
    mem_free(text);
    assert_sound(&p);
    place_end(&p);
}

static void damage_on_disk_is_refused_by_name_and_never_given_out(void **state)
{
    (void)state;
    enum { SIZE = 2 << 20 };
    struct place p;
    struct err e;
    char path[256], hex[65];
    place_begin(&p);
    uint8_t *text = noise(SIZE, 9);
    memset(text + 300000, 'x', 400000);
    struct cas_object o = put(&p, (bytes){ text, SIZE });
    struct arena *a = arena_new(0);
    struct cas_file f;
    bool found;
    must_ok(cas_file_of(p.cas, &o.sha256, a, &f, &found, &e));
    blob_path(&p, &f.term[0].xorb, path);
    xet_hash_hex(&f.term[0].xorb, hex);
    for (uint32_t i = 0; i < 200; i++) {
        int64_t at = i < 100 ? (int64_t)(f.term[0].stored_end - 1) * i / 100 : -(int64_t)(i - 99) * 7;
        flip_byte(path, at);
        bool ok = read_range(&p, &o.sha256, (bytes){ text, SIZE }, 0, SIZE, i % 3 ? 65536 : 65539, &e);
        if (!ok && (e.code != ERR_IO || !strstr(e.msg, hex))) fail_msg("byte %lld: %s", (long long)at, e.msg);
        if (ok && at >= 0) fail_msg("byte %lld was changed and nobody noticed", (long long)at);
        flip_byte(path, at);
    }
    must_ok(read_range(&p, &o.sha256, (bytes){ text, SIZE }, 0, SIZE, 65536, &e));
    assert_int_equal(unlink(path), 0);
    assert_false(read_range(&p, &o.sha256, (bytes){ text, SIZE }, 0, SIZE, 65536, &e));
    assert_int_equal(e.code, ERR_IO);
    assert_non_null(strstr(e.msg, hex));
    o = put(&p, (bytes){ text, SIZE }); /* sent again, it is mended */
    assert_content(&p, &o.sha256, (bytes){ text, SIZE });
    arena_free(a);
    mem_free(text);
    assert_sound(&p);
    place_end(&p);
}

/* A chunk goes bad under a good footer: the first who reads it notices, and from then on nothing new refers to it. */
/* Nothing is wrong with a xorb that could not be opened for want of a descriptor. */
static void a_want_of_descriptors_is_no_damage(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    struct place p;
    struct err e;
    struct cas_file f;
    struct rlimit was, none;
    bool found, doubtful;
    place_begin(&p);
    uint8_t *text = noise(SIZE, 15);
    struct cas_object o = put(&p, (bytes){ text, SIZE });
    struct arena *a = arena_new(0);
    must_ok(cas_file_of(p.cas, &o.sha256, a, &f, &found, &e));
    xorb_forget(p.cas, &f.term[0].xorb);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
    none = was;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    bool ok = read_range(&p, &o.sha256, (bytes){ text, SIZE }, 0, SIZE, 65536, &e);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
    assert_false(ok);
    assert_int_equal(e.code, ERR_BUSY);
    must_ok(cas_is_doubtful(p.cas, &o.sha256, &doubtful, &e));
    assert_false(doubtful);
    assert_content(&p, &o.sha256, (bytes){ text, SIZE });
    arena_free(a);
    mem_free(text);
    place_end(&p);
}

static void a_bad_chunk_is_mended_by_sending_its_file_again(void **state)
{
    (void)state;
    enum { SIZE = 3 << 20 };
    struct place p;
    struct err e;
    char path[256];
    place_begin(&p);
    uint8_t *text = noise(SIZE, 10);
    bytes whole = { text, SIZE }, half = { text, SIZE / 2 };
    struct cas_object o = put(&p, whole);
    struct arena *a = arena_new(0);
    struct cas_file f;
    bool found, doubtful;
    must_ok(cas_file_of(p.cas, &o.sha256, a, &f, &found, &e));
    blob_path(&p, &f.term[0].xorb, path);
    flip_byte(path, SIZE / 4);
    must_ok(cas_is_doubtful(p.cas, &o.sha256, &doubtful, &e));
    assert_false(doubtful); /* nobody has noticed */
    assert_false(read_range(&p, &o.sha256, whole, 0, SIZE, 65536, &e));
    assert_int_equal(e.code, ERR_IO);
    must_ok(cas_is_doubtful(p.cas, &o.sha256, &doubtful, &e));
    assert_true(doubtful);
    struct cas_object h = put(&p, half); /* shares its chunks */
    assert_content(&p, &h.sha256, half);
    assert_false(read_range(&p, &o.sha256, whole, 0, SIZE, 65536, &e));
    put(&p, whole);
    assert_content(&p, &o.sha256, whole);
    must_ok(cas_is_doubtful(p.cas, &o.sha256, &doubtful, &e));
    assert_false(doubtful);
    struct xet_hash bad = f.term[0].xorb;
    must_ok(cas_file_of(p.cas, &o.sha256, a, &f, &found, &e));
    for (size_t i = 0; i < f.terms_count; i++) assert_false(xet_hash_eq(&f.term[i].xorb, &bad)); /* which nobody needs now */
    arena_free(a);
    mem_free(text);
    place_end(&p);
}

/* A list of terms that makes no sense: the bytes, sent again, make a new one. */
static void a_damaged_row_of_a_file_is_replaced_by_sending_it_again(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    struct place p;
    struct err e;
    place_begin(&p);
    uint8_t *text = noise(SIZE, 11);
    struct cas_object o = put(&p, (bytes){ text, SIZE });
    run_sql(&p, "UPDATE cas_file SET terms = x'0102'");
    assert_false(read_range(&p, &o.sha256, (bytes){ text, SIZE }, 0, SIZE, 65536, &e));
    put(&p, (bytes){ text, SIZE });
    assert_content(&p, &o.sha256, (bytes){ text, SIZE });
    assert_sound(&p);
    mem_free(text);
    place_end(&p);
}

/* ------------------------------------------------------------------ conversion */

/* An object as earlier versions stored it. */
static struct sha256 put_whole(struct place *p, bytes b)
{
    struct err e;
    struct store_writer w;
    struct db_conn *tx;
    char name[CAS_NAME_MAX];
    struct sha256 sha256 = sha256_of(b);
    must_ok(store_write_begin(p->store, &w, &e));
    must_ok(os_pwrite(w.tmp.fd, b, 0, &e));
    must_ok(store_write_publish(p->store, &w, cas_name(&sha256, name), &e));
    must_ok(db_begin(p->db, &tx, &e));
    must_ok(db_run(tx, &e, "INSERT INTO cas_object (sha256, size_bytes, created_ms, touched_ms) VALUES (?, ?, 1, 1)",
                   db_blob((bytes){ sha256.b, SHA256_BYTES }), db_int((int64_t)b.n)));
    must_ok(db_commit(p->db, tx, &e));
    return sha256;
}

static bool count_whole(void *ctx, str name, uint64_t size_bytes, int64_t modified_ms)
{
    (void)size_bytes, (void)modified_ms;
    *(size_t *)ctx += str_starts(name, STR("sha256/"));
    return true;
}
static size_t whole_blobs(struct place *p)
{
    struct err e;
    size_t n = 0;
    must_ok(store_each(p->store, count_whole, &n, &e));
    return n;
}

static void whole_blobs_are_readable_before_and_after_conversion(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, 1, 5000, (5 << 20) + 3 };
    struct place p;
    struct err e;
    struct sha256 sha[COUNT(sizes)], damaged;
    uint8_t *text[COUNT(sizes)];
    struct cas_convert_result r;
    bool due;
    int fd;
    uint64_t offset;
    place_begin(&p);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        text[i] = noise(sizes[i], 20 + i);
        sha[i] = put_whole(&p, (bytes){ text[i], sizes[i] });
    }
    damaged = put_whole(&p, bytes_of(STR("damaged")));
    char name[CAS_NAME_MAX], path[256];
    snprintf(path, sizeof path, "%s/%.*s", p.blobs, STR_ARG(cas_name(&damaged, name)));
    flip_byte(path, 2);
    must_ok(cas_open_range(p.cas, &sha[3], 0, sizes[3], &fd, &offset, &e));
    assert_true(fd >= 0);
    must_ok(cas_convert_is_due(p.cas, &due, &e));
    assert_true(due);
    assert_content(&p, &sha[3], (bytes){ text[3], sizes[3] });
    must_ok(cas_convert(p.cas, &(struct cas_convert_options){ 0 }, &r, &e));
    assert_int_equal(r.objects_total, COUNT(sizes) + 1);
    assert_int_equal(r.objects_done, COUNT(sizes));
    assert_int_equal(r.objects_damaged, 1);
    assert_int_equal(whole_blobs(&p), 1); /* what is damaged stays for whoever can mend it */
    uint8_t *again = mem_alloc(sizes[3]);
    size_t got;
    must_ok(os_pread(fd, again, sizes[3], offset, &got, &e)); /* who had it open reads on */
    assert_memory_equal(again, text[3], sizes[3]);
    close(fd);
    mem_free(again);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        assert_content(&p, &sha[i], (bytes){ text[i], sizes[i] });
        mem_free(text[i]);
    }
    struct cas_check_result checked;
    must_ok(cas_check(p.cas, &silent, &checked, &e));
    assert_int_equal(checked.problems, 1);
    place_end(&p);
}

static void a_failure_at_any_call_of_a_conversion_loses_nothing(void **state)
{
    (void)state;
    enum { SIZE = (1 << 20) + 77 };
    uint8_t *text = noise(SIZE, 30);
    for (int kind = 0; kind < 2; kind++) {
        uint64_t n = 1;
        for (bool ok = false; !ok; n += UNIT_CALLS_STEP) {
            struct place p;
            struct err e;
            struct cas_convert_result r;
            place_begin(&p);
            struct sha256 sha = put_whole(&p, (bytes){ text, SIZE });
            os_fault_after(n, kind ? EIO : ENOSPC, kind);
            ok = cas_convert(p.cas, &(struct cas_convert_options){ 0 }, &r, &e) && r.objects_done == 1 && whole_blobs(&p) == 0;
            os_fault_after(0, 0, false);
            assert_int_equal(r.objects_damaged, 0); /* it is the disk that takes no more, not what is on it */
            assert_content(&p, &sha, (bytes){ text, SIZE });
            must_ok(cas_convert(p.cas, &(struct cas_convert_options){ 0 }, &r, &e));
            assert_content(&p, &sha, (bytes){ text, SIZE });
            assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_object WHERE xet_hash IS NULL"), 0);
            assert_sound(&p);
            place_end(&p);
        }
        assert_true(n > 4);
    }
    mem_free(text);
}

static void a_conversion_that_is_killed_goes_on(void **state)
{
    (void)state;
    enum { OBJECTS = 40, SIZE = 700000 };
    struct place p;
    struct err e;
    struct sha256 sha[OBJECTS];
    place_begin(&p);
    for (int i = 0; i < OBJECTS; i++) {
        uint8_t *text = noise(SIZE, 40 + (uint64_t)i);
        sha[i] = put_whole(&p, (bytes){ text, SIZE });
        mem_free(text);
    }
    place_close(&p);
    for (int round = 0; round < 6; round++) {
        int status;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            struct cas_convert_result r;
            place_open(&p);
            _exit(!cas_convert(p.cas, &(struct cas_convert_options){ 0 }, &r, &e));
        }
        usleep((useconds_t)(10000 + random_u64() % 60000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
    }
    place_open(&p);
    struct cas_convert_result r;
    must_ok(cas_convert(p.cas, &(struct cas_convert_options){ 0 }, &r, &e));
    assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_object WHERE xet_hash IS NULL"), 0);
    for (int i = 0; i < OBJECTS; i++) {
        uint8_t *text = noise(SIZE, 40 + (uint64_t)i);
        assert_content(&p, &sha[i], (bytes){ text, SIZE });
        mem_free(text);
    }
    assert_sound(&p);
    place_end(&p);
}

/* ------------------------------------------------------------------ care */

static bool alive_if_listed(void *ctx, struct db_conn *c, const struct sha256 *sha256, bool *alive, struct err *e)
{
    (void)c, (void)e;
    *alive = sha256_eq(ctx, sha256);
    return true;
}
static void count_xorb(void *ctx, const struct xet_hash *xorb, uint64_t stored_bytes, const char *reason)
{
    (void)ctx;
    assert_false(xet_hash_is_zero(xorb));
    assert_true(stored_bytes > 0 && reason[0]);
}

static void collection_takes_xorbs_that_no_file_needs_after_their_own_grace(void **state)
{
    (void)state;
    enum { SIZE = 1 << 20 };
    struct place p;
    struct err e;
    struct cas_sweep_result r;
    place_begin(&p);
    uint8_t *text = noise(3 * SIZE, 50);
    struct cas_object shared = put(&p, (bytes){ text, SIZE }), alive = put(&p, (bytes){ text, 2 * SIZE });
    struct cas_object dead = put(&p, (bytes){ text + 2 * SIZE, SIZE });
    (void)shared;
    int64_t xorbs = get_int(&p, "SELECT count(*) FROM cas_xorb");
    run_sql(&p, "UPDATE cas_object SET touched_ms = touched_ms - 86400000");
    struct cas_sweep_options o = { .grace_ms = 3600 * 1000, .xorb_grace_ms = 3600 * 1000, .dry_run = true, .is_alive = alive_if_listed,
                                   .ctx = &alive.sha256, .report_xorb = count_xorb };
    must_ok(cas_sweep(p.cas, &o, &r, &e));
    assert_int_equal(r.objects_removed, 2);
    assert_int_equal(r.xorbs_removed, 0); /* too young */
    run_sql(&p, "UPDATE cas_xorb SET touched_ms = touched_ms - 86400000");
    must_ok(cas_sweep(p.cas, &o, &r, &e));
    assert_int_equal(r.xorbs_removed, 1); /* what the living file shares with a dead one stays */
    assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_xorb"), xorbs);
    o.dry_run = false;
    o.xorb_grace_ms = (int64_t)28 * 86400 * 1000;
    must_ok(cas_sweep(p.cas, &o, &r, &e));
    assert_int_equal(r.objects_removed, 2);
    assert_int_equal(r.xorbs_removed, 0);
    o.xorb_grace_ms = 3600 * 1000;
    must_ok(cas_sweep(p.cas, &o, &r, &e));
    assert_int_equal(r.xorbs_removed, 1);
    assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_xorb"), xorbs - 1);
    assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_dedup WHERE xorb_id NOT IN (SELECT id FROM cas_xorb)"), 0);
    assert_content(&p, &alive.sha256, (bytes){ text, 2 * SIZE });
    assert_sound(&p);
    dead = put(&p, (bytes){ text + 2 * SIZE, SIZE });
    assert_content(&p, &dead.sha256, (bytes){ text + 2 * SIZE, SIZE });
    mem_free(text);
    place_end(&p);
}

static void rows_that_can_be_derived_are_made_again(void **state)
{
    (void)state;
    enum { SIZE = 3 << 20 };
    struct place p;
    struct err e;
    struct cas_check_result r;
    static const struct cas_check_options repair = { .deep = true, .repair = true };
    static const char *const loss[] = { "DELETE FROM cas_dedup", "DELETE FROM cas_file_xorb", "DELETE FROM cas_file_xorb; DELETE FROM cas_xorb",
                                        "UPDATE cas_xorb SET stored_bytes = 5, chunks_count = 1" };
    place_begin(&p);
    uint8_t *text = noise(SIZE, 60);
    struct cas_object o = put(&p, (bytes){ text, SIZE });
    for (size_t i = 0; i < COUNT(loss); i++) {
        str rest = str_c(loss[i]), one;
        while (str_cut(&rest, ';', &one)) {
            char sql[100];
            snprintf(sql, sizeof sql, "%.*s", STR_ARG(one));
            struct db_conn *tx;
            struct db_query q;
            must_ok(db_begin(p.db, &tx, &e));
            must_ok(db_query_once(tx, &q, str_c(sql), NULL, 0, &e));
            (void)db_next(&q, &e);
            must_ok(db_end(&q));
            must_ok(db_commit(p.db, tx, &e));
        }
        must_ok(cas_check(p.cas, &silent, &r, &e));
        if (r.problems == 0) fail_msg("\"%s\" was not noticed", loss[i]);
        must_ok(cas_check(p.cas, &repair, &r, &e));
        if (r.problems) fail_msg("\"%s\" was not repaired", loss[i]);
        assert_true(r.repaired > 0);
        assert_sound(&p);
        assert_content(&p, &o.sha256, (bytes){ text, SIZE });
    }
    mem_free(text);
    place_end(&p);
}

struct racer {
    struct place *p;
    uint32_t seed;
};

static void *upload_and_read(void *ctx)
{
    struct racer *r = ctx;
    struct err e;
    for (uint32_t i = 0; i < 6; i++) {
        enum { SIZE = 1500000 };
        uint8_t *text = noise(SIZE, 70 + (r->seed + i) % 4); /* others send the same at the same time */
        struct cas_put *w;
        struct cas_object o;
        must_ok(cas_put_begin(r->p->cas, &w, &e));
        must_ok(cas_put_write(w, (bytes){ text, SIZE }, &e));
        if (cas_put_commit(w, NULL, NULL, &o, &e)) {
            if (!read_range(r->p, &o.sha256, (bytes){ text, SIZE }, 0, SIZE, 65536, &e)) /* collected meanwhile */
                must(e.code == ERR_IO || e.code == ERR_NOT_FOUND);
        } else {
            must(e.code == ERR_BUSY);
        }
        mem_free(text);
    }
    return NULL;
}

static void *sweep_again_and_again(void *ctx)
{
    struct racer *r = ctx;
    struct err e;
    struct cas_sweep_result result;
    struct sha256 nothing = { 0 };
    struct cas_sweep_options o = { .grace_ms = -1000, .xorb_grace_ms = -1000, .is_alive = alive_if_listed, .ctx = &nothing };
    for (int i = 0; i < 20; i++) must_ok(cas_sweep(r->p->cas, &o, &result, &e));
    return NULL;
}

/* No grace at all, and nothing is named: the worst that can be done to uploads under way. */
static void uploads_and_collection_at_once_never_part_rows_and_blobs(void **state)
{
    (void)state;
    enum { UPLOADERS = 3 };
    struct place p;
    pthread_t t[UPLOADERS + 1];
    struct racer r[UPLOADERS + 1];
    place_begin(&p);
    for (uint32_t i = 0; i <= UPLOADERS; i++) {
        r[i] = (struct racer){ &p, i };
        assert_int_equal(pthread_create(&t[i], NULL, i < UPLOADERS ? upload_and_read : sweep_again_and_again, &r[i]), 0);
    }
    for (uint32_t i = 0; i <= UPLOADERS; i++) pthread_join(t[i], NULL);
    assert_sound(&p);
    place_end(&p);
}

static void the_figures_add_up(void **state)
{
    (void)state;
    enum { SIZE = 2 << 20 };
    struct place p;
    struct err e;
    struct cas_stats s;
    place_begin(&p);
    uint8_t *text = noise(2 * SIZE, 80);
    put(&p, (bytes){ text, SIZE });
    put(&p, (bytes){ text, 2 * SIZE });
    put_whole(&p, bytes_of(STR("whole")));
    struct db_conn *c = db_reader(p.db);
    must_ok(cas_stats(c, &s, &e));
    assert_int_equal(s.objects, 3);
    assert_int_equal(s.objects_to_convert, 1);
    assert_int_equal(s.files, 2);
    assert_int_equal(s.logical_bytes, 3 * SIZE + 5);
    assert_true(s.raw_bytes < 2 * SIZE + 2 * XET_CHUNK_MAX && s.stored_bytes < s.raw_bytes + 20000);
    struct cas_stats all = s;
    must_ok(cas_stats_of(c, "SELECT sha256 FROM cas_object WHERE size_bytes > ?", 0, &s, &e));
    assert_memory_equal(&s, &all, sizeof s);
    must_ok(cas_stats_of(c, "SELECT sha256 FROM cas_object WHERE size_bytes = ?", 5, &s, &e));
    assert_int_equal(s.objects, 1);
    assert_int_equal(s.stored_bytes, 5);
    assert_int_equal(s.xorbs, 0);
    db_give(p.db, c);
    mem_free(text);
    place_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_has_the_name_that_every_client_gives_it),
        cmocka_unit_test(what_is_stored_is_not_stored_again),
        cmocka_unit_test(chunks_are_found_in_the_xorb_before),
        cmocka_unit_test(a_xorb_that_cannot_be_sealed_fails_its_upload),
        cmocka_unit_test(the_same_file_is_found_among_files_that_begin_alike),
        cmocka_unit_test(zeros_take_little_and_few_terms),
        cmocka_unit_test(a_patchwork_has_long_runs_all_the_same),
        cmocka_unit_test(text_is_compressed_and_noise_is_not),
        cmocka_unit_test(an_upload_that_was_broken_off_goes_on_where_it_was),
        cmocka_unit_test(an_upload_follows_a_xorb_that_is_replaced_meanwhile),
        cmocka_unit_test(a_xorb_that_is_not_in_the_index_is_not_taken_up),
        cmocka_unit_test(any_range_is_the_same_bytes),
        cmocka_unit_test(what_was_hashed_once_is_lent_from_its_file_until_that_changes),
        cmocka_unit_test(damage_on_disk_is_refused_by_name_and_never_given_out),
        cmocka_unit_test(a_want_of_descriptors_is_no_damage),
        cmocka_unit_test(a_bad_chunk_is_mended_by_sending_its_file_again),
        cmocka_unit_test(a_damaged_row_of_a_file_is_replaced_by_sending_it_again),
        cmocka_unit_test(whole_blobs_are_readable_before_and_after_conversion),
        cmocka_unit_test(a_failure_at_any_call_of_a_conversion_loses_nothing),
        cmocka_unit_test(a_conversion_that_is_killed_goes_on),
        cmocka_unit_test(collection_takes_xorbs_that_no_file_needs_after_their_own_grace),
        cmocka_unit_test(rows_that_can_be_derived_are_made_again),
        cmocka_unit_test(uploads_and_collection_at_once_never_part_rows_and_blobs),
        cmocka_unit_test(the_figures_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
