/* Large files by content: whole or absent, whatever fails in between; uploads in parts; collection. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <utime.h>

#include "cas_help.h"

/* Content that differs everywhere: byte i is a mix of i and the seed. */
static uint8_t *content(size_t n, uint32_t seed)
{
    uint8_t *p = mem_alloc(n + 1);
    uint32_t x = seed * 2654435761u + 1;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        p[i] = (uint8_t)(x >> 24);
    }
    return p;
}

static bool put(struct cas *c, bytes b, size_t step, const struct sha256 *promised, struct cas_object *out, struct err *e)
{
    struct cas_put *p;
    uint64_t size = b.n;
    if (!cas_put_begin(c, &p, e)) return false;
    for (size_t at = 0; at < b.n; at += step) {
        size_t n = b.n - at < step ? b.n - at : step;
        if (!cas_put_write(p, (bytes){ b.p + at, n }, e)) {
            cas_put_abort(p);
            return false;
        }
    }
    return cas_put_commit(p, promised, &size, out, e);
}

static void assert_content(struct cas *c, const struct sha256 *sha256, bytes want)
{
    struct err e;
    struct cas_reader *r;
    size_t at = 0, got;
    uint8_t block[1000];
    must_ok(cas_reader_open(c, sha256, 0, want.n, &r, &e));
    for (;; at += got) {
        must_ok(cas_reader_read(r, block, sizeof block, &got, &e));
        if (got == 0) break;
        assert_true(at + got <= want.n);
        assert_memory_equal(block, want.p + at, got);
    }
    assert_int_equal(at, want.n);
    cas_reader_close(r);
}

static void print_problem(void *ctx, const struct cas_problem *problem)
{
    (void)ctx;
    print_message("problem: %.*s\n", STR_ARG(problem->what));
}

static const struct cas_check_options quick = { .problem = print_problem }, deep = { .deep = true, .problem = print_problem };

static struct cas_check_result assert_sound(struct place *p, uint64_t objects)
{
    struct err e;
    struct cas_check_result r;
    must_ok(cas_check(p->cas, &deep, &r, &e));
    assert_int_equal(r.problems, 0);
    if (objects != UINT64_MAX) assert_int_equal(r.objects, objects);
    assert_int_equal(get_int(p, "SELECT count(*) FROM cas_object"), r.objects);
    assert_int_equal(get_int(p, "SELECT coalesce(sum(size_bytes), 0) FROM cas_object"), r.bytes);
    return r;
}

/* ------------------------------------------------------------------ one stream */

static void sizes_around_every_block_border_come_back_byte_for_byte(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, (128 << 10) - 1, 128 << 10, (128 << 10) + 1,
                                    (2 << 20) + (128 << 10), (6 << 20) + 5, (9 << 20) + 4096, (13 << 20) + 77 };
    static const size_t steps[] = { 1 << 20, 65536, 300007 };
    place_begin(&p);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        uint8_t *text = content(sizes[i], (uint32_t)i);
        struct sha256 want = sha256_of((bytes){ text, sizes[i] });
        struct cas_object o, again;
        bool found;
        must_ok(put(p.cas, (bytes){ text, sizes[i] }, steps[i % COUNT(steps)], &want, &o, &e));
        assert_true(sha256_eq(&o.sha256, &want));
        assert_int_equal(o.size_bytes, sizes[i]);
        assert_content(p.cas, &want, (bytes){ text, sizes[i] });
        must_ok(cas_find(p.cas, &want, &again, &found, &e));
        assert_true(found);
        assert_int_equal(again.created_ms, o.created_ms);
        mem_free(text);
    }
    assert_int_equal(files_in(p.tmp), 0);
    assert_int_equal(assert_sound(&p, COUNT(sizes)).strays, 0);
    place_end(&p);
}

static void what_was_not_promised_is_refused_and_leaves_nothing(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct cas_object o;
    struct cas_put *w;
    bool found;
    uint64_t other_size = 12;
    struct sha256 other = sha256_of(bytes_of(STR("something else")));
    struct sha256 real = sha256_of(bytes_of(STR("hello world")));
    place_begin(&p);
    assert_false(put(p.cas, bytes_of(STR("hello world")), 100, &other, &o, &e));
    assert_int_equal(e.code, ERR_INVALID);
    assert_true(str_find(str_c(e.msg), STR("b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9")) != STR_NONE);
    must_ok(cas_put_begin(p.cas, &w, &e));
    must_ok(cas_put_write(w, bytes_of(STR("hello world")), &e));
    assert_false(cas_put_commit(w, NULL, &other_size, &o, &e));
    assert_int_equal(e.code, ERR_INVALID);
    must_ok(cas_put_begin(p.cas, &w, &e));
    must_ok(cas_put_write(w, bytes_of(STR("hello")), &e));
    cas_put_abort(w);
    must_ok(cas_find(p.cas, &real, &o, &found, &e));
    assert_false(found);
    assert_int_equal(files_in(p.tmp), 0);
    assert_int_equal(assert_sound(&p, 0).strays, 0);
    place_end(&p);
}

static void a_second_upload_of_the_same_is_dropped_and_renews_the_first(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct cas_object first, second;
    struct stat before, after;
    struct db_conn *c;
    char path[256], hex[65];
    int64_t touched;
    place_begin(&p);
    must_ok(put(p.cas, bytes_of(STR("same")), 4, NULL, &first, &e));
    struct xet_hash hash; /* a xorb of one chunk has its name */
    xet_chunk_hash(bytes_of(STR("same")), &hash);
    xet_hash_hex(&hash, hex);
    snprintf(path, sizeof path, "%s/xorb/%.2s/%s", p.blobs, hex, hex);
    assert_int_equal(stat(path, &before), 0);
    run_sql(&p, "UPDATE cas_object SET touched_ms = 5, created_ms = 4");
    must_ok(put(p.cas, bytes_of(STR("same")), 1, NULL, &second, &e));
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(second.created_ms, 4);
    c = db_reader(p.db);
    must_ok(db_get_int(c, &touched, 0, &e, "SELECT touched_ms FROM cas_object"));
    db_give(p.db, c);
    assert_true(touched > 5);
    /* A row whose xorb was lost: the upload heals it. */
    assert_int_equal(unlink(path), 0);
    must_ok(put(p.cas, bytes_of(STR("same")), 1, NULL, &second, &e));
    assert_sound(&p, 1);
    place_end(&p);
}

static void ranges_are_those_of_the_object(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct cas_object o;
    uint8_t text[16];
    uint64_t offset;
    size_t got;
    int fd;
    struct cas_reader *r;
    struct sha256 absent = sha256_of(bytes_of(STR("absent")));
    place_begin(&p);
    must_ok(put(p.cas, bytes_of(STR("0123456789")), 3, NULL, &o, &e));
    must_ok(cas_open_range(p.cas, &o.sha256, 4, 3, &fd, &offset, &e));
    assert_int_equal(fd, -1); /* it is in a xorb */
    must_ok(cas_reader_open(p.cas, &o.sha256, 8, 2, &r, &e));
    must_ok(cas_reader_read(r, text, sizeof text, &got, &e));
    assert_int_equal(got, 2);
    assert_memory_equal(text, "89", 2);
    must_ok(cas_reader_read(r, text, sizeof text, &got, &e));
    assert_int_equal(got, 0);
    cas_reader_close(r);
    static const struct { uint64_t at, n; } outside[] = { { 0, 11 }, { 10, 1 }, { 11, 0 }, { UINT64_MAX, 2 }, { 2, UINT64_MAX } };
    for (size_t i = 0; i < COUNT(outside); i++) {
        assert_false(cas_open_range(p.cas, &o.sha256, outside[i].at, outside[i].n, &fd, &offset, &e));
        assert_int_equal(e.code, ERR_BAD_RANGE);
    }
    assert_false(cas_open_range(p.cas, &absent, 0, 0, &fd, &offset, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    assert_false(cas_touch(p.cas, &absent, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    must_ok(cas_touch(p.cas, &o.sha256, &e));
    place_end(&p);
}

/* Every call that writes fails in turn, once and for good: whole or absent, no temporary file, and the next
 * attempt works.  A stray may stay (published, not entered). */
static void a_failure_at_any_call_leaves_an_upload_whole_or_absent(void **state)
{
    (void)state;
    enum { SIZE = (5 << 20) + 123 };
    uint8_t *text = content(SIZE, 9);
    struct sha256 want = sha256_of((bytes){ text, SIZE });
    for (int kind = 0; kind < 3; kind++) {
        uint64_t n = 1;
        for (bool ok = false; !ok; n += UNIT_CALLS_STEP) {
            struct place p;
            struct err e;
            struct cas_object o;
            bool found;
            place_begin(&p);
            os_fault_after(n, kind == 2 ? EIO : ENOSPC, kind > 0);
            ok = put(p.cas, (bytes){ text, SIZE }, 1 << 20, &want, &o, &e);
            os_fault_after(0, 0, false);
            if (!ok) assert_int_equal(e.code, kind == 2 ? ERR_IO : ERR_NO_SPACE);
            assert_int_equal(files_in(p.tmp), 0);
            must_ok(cas_find(p.cas, &want, &o, &found, &e));
            assert_int_equal(found, ok);
            assert_sound(&p, ok);
            must_ok(put(p.cas, (bytes){ text, SIZE }, 1 << 20, &want, &o, &e));
            assert_int_equal(assert_sound(&p, 1).strays, 0);
            assert_content(p.cas, &want, (bytes){ text, SIZE });
            place_end(&p);
        }
        assert_true(n > 8);
    }
    mem_free(text);
}

struct racer {
    struct cas *cas;
    bytes content;
    bool ok;
};

static void *put_again_and_again(void *ctx)
{
    struct racer *r = ctx;
    struct err e;
    struct cas_object o;
    r->ok = true;
    for (int i = 0; i < 5; i++) r->ok = put(r->cas, r->content, 100000, NULL, &o, &e) && r->ok;
    return NULL;
}

static void concurrent_uploads_of_the_same_all_succeed(void **state)
{
    (void)state;
    enum { THREADS = 6, SIZE = 700001 };
    struct place p;
    pthread_t t[THREADS];
    struct racer r[THREADS];
    place_begin(&p);
    uint8_t *text = content(SIZE, 3);
    for (int i = 0; i < THREADS; i++) {
        r[i] = (struct racer){ .cas = p.cas, .content = { text + i % 2, SIZE - 1 } };
        assert_int_equal(pthread_create(&t[i], NULL, put_again_and_again, &r[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(t[i], NULL);
        assert_true(r[i].ok);
    }
    assert_int_equal(files_in(p.tmp), 0);
    assert_int_equal(assert_sound(&p, 2).strays, 0);
    mem_free(text);
    place_end(&p);
}

/* ------------------------------------------------------------------ parts */

enum { PART = 64 << 20 };

static bool put_part(struct cas *c, const struct cas_upload *u, uint64_t number, bytes b, char etag[33], struct err *e)
{
    struct cas_part *part;
    if (!cas_part_begin(c, u, number, &part, e)) return false;
    for (size_t at = 0, n = 0; at < b.n; at += n) {
        uint8_t *room;
        bool ok = cas_part_space(part, &room, &n, e);
        if (n > 100000) n = 100000; /* not as much as there is room for */
        if (n > b.n - at) n = b.n - at;
        if (ok) memcpy(room, b.p + at, n);
        if (!ok || !cas_part_filled(part, n, e)) {
            cas_part_abort(part);
            return false;
        }
    }
    return cas_part_commit(part, etag, e);
}

/* Parts are 64 MiB at least, too much for many rounds: the row is made to say a smaller size. */
static void shrink_parts(struct place *p, struct cas_upload *u, uint64_t part_bytes)
{
    struct err e;
    struct db_conn *tx;
    bool found;
    char id[33];
    memcpy(id, u->id, sizeof id);
    must_ok(db_begin(p->db, &tx, &e));
    must_ok(db_run(tx, &e, "UPDATE cas_upload SET part_bytes = ? WHERE id = ?", db_int((int64_t)part_bytes),
                   db_text(str_c(id))));
    must_ok(db_commit(p->db, tx, &e));
    must_ok(cas_upload_find(p->cas, str_c(id), u, &found, &e));
    assert_true(found);
}

static bytes part_of(bytes whole, const struct cas_upload *u, uint64_t number)
{
    uint64_t at = (number - 1) * u->part_bytes;
    uint64_t n = whole.n - at < u->part_bytes ? whole.n - at : u->part_bytes;
    return (bytes){ whole.p + at, (size_t)n };
}

static void parts_in_any_order_make_the_object(void **state)
{
    (void)state;
    enum { SIZE = (7 << 20) + 4321 };
    struct place p;
    struct err e;
    place_begin(&p);
    static const int orders[][9] = { { 1, 2, 3, 4 }, { 4, 3, 2, 1 }, { 2, 1, 3, 4, 1 }, { 1, 2, 3, 4, 2 }, { 1, 1, 2, 2, 4, 3 } };
    for (uint32_t i = 0; i < COUNT(orders); i++) {
        struct cas_upload u, again;
        struct cas_object o;
        char etag[33], old_etag[33] = "";
        bool found;
        uint8_t *text = content(SIZE, 100 + i);
        bytes whole = { text, SIZE };
        struct sha256 want = sha256_of(whole);
        must_ok(cas_upload_create(p.cas, 7, 1, &want, SIZE, &u, &e));
        assert_int_equal(u.part_bytes, PART);
        assert_int_equal(u.parts_count, 1);
        shrink_parts(&p, &u, 2 << 20);
        assert_int_equal(u.parts_count, 4);
        unsigned there = 0;
        for (size_t k = 0; orders[i][k]; k++) {
            uint64_t number = (uint64_t)orders[i][k];
            if (there != 15) {
                assert_false(cas_upload_complete(p.cas, &u, &o, &e));
                assert_int_equal(e.code, ERR_INVALID);
            }
            must_ok(put_part(p.cas, &u, number, part_of(whole, &u, number), etag, &e));
            assert_int_equal(strlen(etag), 32);
            assert_true(strcmp(etag, old_etag) != 0);
            memcpy(old_etag, etag, sizeof etag);
            there |= 1u << (number - 1);
            if (k == 1) { /* a restart in the middle: the upload is taken up again */
                place_close(&p);
                place_open(&p);
                must_ok(cas_upload_create(p.cas, 7, 1, &want, SIZE, &again, &e));
                assert_string_equal(again.id, u.id);
            }
        }
        must_ok(cas_upload_complete(p.cas, &u, &o, &e));
        assert_true(sha256_eq(&o.sha256, &want));
        assert_content(p.cas, &want, whole);
        assert_false(cas_upload_complete(p.cas, &u, &o, &e)); /* it is over */
        assert_int_equal(e.code, ERR_NOT_FOUND);
        must_ok(cas_upload_find(p.cas, str_c(u.id), &again, &found, &e));
        assert_false(found);
        assert_false(put_part(p.cas, &u, 1, part_of(whole, &u, 1), etag, &e));
        assert_int_equal(e.code, ERR_NOT_FOUND);
        mem_free(text);
    }
    assert_int_equal(files_in(p.uploads), 0);
    assert_int_equal(assert_sound(&p, COUNT(orders)).strays, 0);
    place_end(&p);
}

static void parts_of_the_wrong_size_or_number_are_refused(void **state)
{
    (void)state;
    enum { SIZE = (3 << 20) + 1 };
    struct place p;
    struct err e;
    struct cas_upload u;
    struct cas_part *part;
    struct cas_object o;
    char etag[33], etags[2][33];
    uint8_t *text = content(SIZE + 1, 1);
    struct sha256 want = sha256_of((bytes){ text, SIZE });
    place_begin(&p);
    must_ok(cas_upload_create(p.cas, 7, 1, &want, SIZE, &u, &e));
    shrink_parts(&p, &u, 2 << 20);
    static const uint64_t numbers[] = { 0, 3, UINT64_MAX };
    for (size_t i = 0; i < COUNT(numbers); i++) {
        assert_false(cas_part_begin(p.cas, &u, numbers[i], &part, &e));
        assert_int_equal(e.code, ERR_INVALID);
    }
    static const size_t lengths[] = { 0, 1, (2 << 20) - 1, (2 << 20) + 1 };
    must_ok(put_part(p.cas, &u, 2, (bytes){ text + (2 << 20), (1 << 20) + 1 }, etag, &e));
    for (size_t i = 0; i < COUNT(lengths); i++) {
        assert_false(put_part(p.cas, &u, 1, (bytes){ text, lengths[i] }, etag, &e));
        assert_int_equal(e.code, ERR_INVALID);
    }
    must_ok(cas_upload_parts(p.cas, &u, etags, &e));
    assert_string_equal(etags[0], "");
    assert_string_equal(etags[1], etag);
    struct cas_upload other;
    assert_false(cas_upload_create(p.cas, 7, 1, &want, 0, &other, &e));
    assert_int_equal(e.code, ERR_INVALID);
    assert_false(cas_upload_create(p.cas, 7, 1, &want, (uint64_t)1 << 60, &other, &e));
    assert_int_equal(e.code, ERR_NO_SPACE);
    /* An upload with wrong bytes in a part ends, so that the client can start afresh. */
    must_ok(put_part(p.cas, &u, 1, (bytes){ text + 1, 2 << 20 }, etag, &e));
    assert_false(cas_upload_complete(p.cas, &u, &o, &e));
    assert_int_equal(e.code, ERR_INVALID);
    assert_int_equal(files_in(p.uploads), 0);
    assert_int_equal(assert_sound(&p, 0).strays, 0);
    mem_free(text);
    place_end(&p);
}

/* Who knows a hash and a size, and sends nothing, or something else, must not get the object. */
static void an_object_that_is_there_must_be_sent_all_the_same(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct cas_object o;
    struct cas_upload u;
    char etag[33];
    place_begin(&p);
    must_ok(put(p.cas, bytes_of(STR("secret")), 9, NULL, &o, &e));
    for (int sends = 0; sends < 3; sends++) {
        struct cas_object out;
        must_ok(cas_upload_create(p.cas, 7, 1, &o.sha256, 6, &u, &e));
        if (sends) must_ok(put_part(p.cas, &u, 1, bytes_of(sends == 1 ? STR("guess!") : STR("secret")), etag, &e));
        assert_int_equal(cas_upload_complete(p.cas, &u, &out, &e), sends == 2);
        if (sends == 0) assert_int_equal(e.code, ERR_INVALID);
        if (sends == 0) continue;
        assert_false(cas_upload_complete(p.cas, &u, &out, &e)); /* over, one way or the other */
        assert_int_equal(e.code, ERR_NOT_FOUND);
    }
    assert_int_equal(files_in(p.uploads), 0);
    assert_int_equal(assert_sound(&p, 1).strays, 0);
    place_end(&p);
}

/* A part that is replaced after it went into the running digest must not be believed to be the old one. */
static void a_replaced_part_counts_in_the_digest(void **state)
{
    (void)state;
    enum { SIZE = 3 << 20 };
    struct place p;
    struct err e;
    struct cas_upload u;
    struct cas_object o;
    char etag[33];
    uint8_t *text = content(SIZE, 1);
    struct sha256 want = sha256_of((bytes){ text, SIZE });
    place_begin(&p);
    for (int good_last = 0; good_last < 2; good_last++) {
        must_ok(cas_upload_create(p.cas, 7, 1, &want, SIZE, &u, &e));
        shrink_parts(&p, &u, 1 << 20);
        must_ok(put_part(p.cas, &u, 1, (bytes){ text, 1 << 20 }, etag, &e));
        must_ok(put_part(p.cas, &u, 2, (bytes){ text + (good_last ? 7 : 1 << 20), 1 << 20 }, etag, &e));
        must_ok(put_part(p.cas, &u, 3, (bytes){ text + (2 << 20), 1 << 20 }, etag, &e));
        must_ok(put_part(p.cas, &u, 2, (bytes){ text + (good_last ? 1 << 20 : 7), 1 << 20 }, etag, &e));
        assert_int_equal(cas_upload_complete(p.cas, &u, &o, &e), good_last);
    }
    assert_content(p.cas, &want, (bytes){ text, SIZE });
    assert_int_equal(assert_sound(&p, 1).strays, 0);
    mem_free(text);
    place_end(&p);
}

static void completion_and_writing_exclude_each_other(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct cas_upload u;
    struct cas_object o;
    struct cas_part *part;
    char etag[33];
    struct sha256 want = sha256_of(bytes_of(STR("abcdef")));
    place_begin(&p);
    must_ok(cas_upload_create(p.cas, 7, 1, &want, 6, &u, &e));
    must_ok(put_part(p.cas, &u, 1, bytes_of(STR("abcdef")), etag, &e));
    must_ok(cas_part_begin(p.cas, &u, 1, &part, &e)); /* takes the part back: it will be written again */
    cas_part_abort(part);
    assert_false(cas_upload_complete(p.cas, &u, &o, &e));
    assert_int_equal(e.code, ERR_INVALID);
    must_ok(put_part(p.cas, &u, 1, bytes_of(STR("abcdef")), etag, &e));
    must_ok(cas_upload_complete(p.cas, &u, &o, &e));
    place_end(&p);
}

static void a_failure_at_any_call_of_a_multipart_upload_can_be_mended(void **state)
{
    (void)state;
    enum { SIZE = (2 << 20) + 5 };
    uint8_t *text = content(SIZE, 5);
    bytes whole = { text, SIZE };
    struct sha256 want = sha256_of(whole);
    for (int kind = 0; kind < 2; kind++) {
        uint64_t n = 1;
        for (bool ok = false; !ok; n += UNIT_CALLS_STEP) {
            struct place p;
            struct err e;
            struct cas_upload u;
            struct cas_object o;
            char etag[33];
            bool created, found;
            place_begin(&p);
            os_fault_after(n, kind ? EIO : ENOSPC, kind);
            created = ok = cas_upload_create(p.cas, 7, 1, &want, SIZE, &u, &e);
            if (created) shrink_parts(&p, &u, 1 << 20);
            for (uint64_t i = 3; ok && i >= 1; i--) ok = put_part(p.cas, &u, i, part_of(whole, &u, i), etag, &e);
            ok = ok && cas_upload_complete(p.cas, &u, &o, &e);
            os_fault_after(0, 0, false);
            if (!ok) assert_int_equal(e.code, kind ? ERR_IO : ERR_NO_SPACE);
            if (!created && !kind) assert_int_equal(files_in(p.uploads), 0);
            must_ok(cas_find(p.cas, &want, &o, &found, &e));
            assert_int_equal(found, ok);
            assert_sound(&p, ok);
            must_ok(cas_upload_create(p.cas, 7, 1, &want, SIZE, &u, &e));
            if (!found) { /* what is there need not be sent again, what is not can be */
                char etags[4][33];
                shrink_parts(&p, &u, 1 << 20);
                must_ok(cas_upload_parts(p.cas, &u, etags, &e));
                for (uint64_t i = 1; i <= 3; i++)
                    if (!etags[i - 1][0]) must_ok(put_part(p.cas, &u, i, part_of(whole, &u, i), etag, &e));
                must_ok(cas_upload_complete(p.cas, &u, &o, &e));
            }
            assert_int_equal(assert_sound(&p, 1).strays, 0);
            assert_content(p.cas, &want, whole);
            place_end(&p);
        }
        assert_true(n > 12);
    }
    mem_free(text);
}

/* ------------------------------------------------------------------ collection */

static bool alive_if_listed(void *ctx, struct db_conn *c, const struct sha256 *sha256, bool *alive, struct err *e)
{
    (void)c;
    (void)e;
    *alive = sha256_eq(ctx, sha256);
    return true;
}

static void count_report(void *ctx, const struct cas_object *o, const char *reason)
{
    (void)ctx;
    assert_true(o->size_bytes > 0);
    assert_true(reason[0]);
}

static void age_everything(struct place *p)
{
    char command[256];
    run_sql(p, "UPDATE cas_object SET touched_ms = touched_ms - 86400000");
    run_sql(p, "UPDATE cas_xorb SET touched_ms = touched_ms - 86400000");
    snprintf(command, sizeof command, "find %s -type f -exec touch -d yesterday {} +", p->blobs);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "find %s -type f -exec touch -d yesterday {} +", p->tmp);
    assert_int_equal(system(command), 0);
}

static void collection_takes_what_is_old_and_unnamed_and_nothing_else(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct cas_object alive, dead, young;
    struct cas_sweep_result r;
    struct cas_upload u;
    struct sha256 x = sha256_of(bytes_of(STR("x")));
    bool found;
    char path[256];
    place_begin(&p);
    must_ok(put(p.cas, bytes_of(STR("alive")), 9, NULL, &alive, &e));
    must_ok(put(p.cas, bytes_of(STR("dead!")), 9, NULL, &dead, &e));
    must_ok(cas_upload_create(p.cas, 7, 1, &x, 1, &u, &e));
    struct store_writer w; /* what a crash between blob and row leaves */
    must_ok(store_write_begin(p.store, &w, &e));
    must_ok(store_write_publish(p.store, &w,
                                STR("sha256/e3/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"), &e));
    assert_int_equal(assert_sound(&p, 2).strays, 1);
    struct cas_sweep_options o = { .grace_ms = 3600 * 1000, .xorb_grace_ms = 3600 * 1000, .is_alive = alive_if_listed,
                                   .ctx = &alive.sha256, .report = count_report };
    must_ok(cas_sweep(p.cas, &o, &r, &e)); /* all too young */
    assert_int_equal(r.objects_seen, 2);
    assert_int_equal(r.objects_removed + r.strays_removed + r.uploads_removed, 0);
    age_everything(&p);
    must_ok(put(p.cas, bytes_of(STR("young")), 9, NULL, &young, &e));
    run_sql(&p, "UPDATE cas_upload SET expires_ms = 1");
    o.dry_run = true;
    must_ok(cas_sweep(p.cas, &o, &r, &e));
    assert_int_equal(r.objects_removed, 1);
    assert_int_equal(r.bytes_removed, 5);
    assert_int_equal(r.strays_removed, 1);
    assert_int_equal(r.uploads_removed, 1);
    assert_int_equal(assert_sound(&p, 3).strays, 1); /* a dry run removes nothing */
    assert_int_equal(files_in(p.uploads), 2);
    o.dry_run = false;
    must_ok(cas_sweep(p.cas, &o, &r, &e));
    assert_int_equal(r.objects_seen, 3);
    assert_int_equal(r.objects_removed, 1);
    assert_int_equal(r.bytes_removed, 5);
    assert_int_equal(r.strays_removed, 1);
    assert_int_equal(r.uploads_removed, 1);
    assert_int_equal(files_in(p.uploads), 0);
    must_ok(cas_find(p.cas, &dead.sha256, &dead, &found, &e));
    assert_false(found);
    assert_content(p.cas, &alive.sha256, bytes_of(STR("alive")));
    assert_int_equal(assert_sound(&p, 2).strays, 0);
    snprintf(path, sizeof path, "%s/left-behind", p.uploads); /* no row, but too young to judge */
    must_ok(os_write_file(p.tmp, path, bytes_of(STR("?")), &e));
    must_ok(cas_sweep(p.cas, &o, &r, &e));
    assert_int_equal(files_in(p.uploads), 1);
    place_end(&p);
}

static void *sweep_again_and_again(void *ctx)
{
    struct racer *r = ctx;
    struct err e;
    struct cas_sweep_result result;
    struct sha256 nothing = { 0 };
    /* No grace at all, and nothing is named: the worst that can be done to uploads under way. */
    struct cas_sweep_options o = { .grace_ms = -1000, .xorb_grace_ms = -1000, .is_alive = alive_if_listed, .ctx = &nothing };
    r->ok = true;
    for (int i = 0; i < 20; i++) r->ok = cas_sweep(r->cas, &o, &result, &e) && r->ok;
    return NULL;
}

/* Put and collection at once: a put may say "busy", but never succeed and leave a row without its blob. */
static void collection_during_uploads_never_parts_row_and_blob(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    pthread_t t;
    struct racer r;
    place_begin(&p);
    r = (struct racer){ .cas = p.cas };
    assert_int_equal(pthread_create(&t, NULL, sweep_again_and_again, &r), 0);
    for (int i = 0; i < 60; i++) {
        struct cas_object o;
        char text[16];
        snprintf(text, sizeof text, "object %d", i % 3);
        if (!put(p.cas, bytes_of(str_c(text)), 100, NULL, &o, &e)) assert_int_equal(e.code, ERR_BUSY);
    }
    pthread_join(t, NULL);
    assert_true(r.ok);
    assert_sound(&p, UINT64_MAX);
    place_end(&p);
}

static void checking_finds_what_is_wrong(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct cas_object a, b, c;
    struct cas_check_result r;
    char path[3][256];
    place_begin(&p);
    must_ok(put(p.cas, bytes_of(STR("aaaa")), 9, NULL, &a, &e));
    must_ok(put(p.cas, bytes_of(STR("bbbb")), 9, NULL, &b, &e));
    must_ok(put(p.cas, bytes_of(STR("cccc")), 9, NULL, &c, &e));
    const char *text[] = { "aaaa", "bbbb", "cccc" };
    for (int i = 0; i < 3; i++) { /* a xorb of one chunk has its name */
        struct xet_hash hash;
        char hex[65];
        xet_chunk_hash(bytes_of(str_c(text[i])), &hash);
        xet_hash_hex(&hash, hex);
        snprintf(path[i], sizeof path[i], "%s/xorb/%.2s/%s", p.blobs, hex, hex);
    }
    assert_int_equal(unlink(path[0]), 0);
    assert_int_equal(truncate(path[1], 3), 0);
    int fd = open(path[2], O_WRONLY);
    assert_int_equal(pwrite(fd, "d", 1, 8 + 3), 1);
    close(fd);
    must_ok(cas_check(p.cas, &quick, &r, &e));
    assert_int_equal(r.problems, 2); /* bit rot is seen only by a deep check */
    must_ok(cas_check(p.cas, &deep, &r, &e));
    assert_int_equal(r.problems, 3);
    assert_int_equal(r.objects, 3);
    assert_int_equal(r.bytes, 12);
    place_end(&p);
}

/* A child uploads without pause and tells us of each success; it is killed at a random moment.  Whatever
 * it told of is there, and the store agrees with the database. */
static void child_uploads(struct place *p, uint32_t seed, int tell_fd)
{
    struct err e;
    place_open(p);
    for (uint32_t i = 0;; i++) {
        size_t n = 1000 + (seed * 7919 + i * 104729) % 400000;
        uint8_t *text = content(n, seed + i);
        struct sha256 sha = sha256_of((bytes){ text, n });
        struct cas_object o;
        if (i % 3 == 2) {
            struct cas_upload u;
            char etag[33];
            if (!cas_upload_create(p->cas, 7, 1, &sha, n, &u, &e) ||
                !put_part(p->cas, &u, 1, (bytes){ text, n }, etag, &e) || !cas_upload_complete(p->cas, &u, &o, &e))
                _exit(3);
        } else if (!put(p->cas, (bytes){ text, n }, 50000, &sha, &o, &e)) {
            _exit(3);
        }
        mem_free(text);
        if (write(tell_fd, o.sha256.b, 32) != 32) _exit(4);
    }
}

static void what_was_acknowledged_survives_a_kill_at_any_moment(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    uint64_t acknowledged = 0;
    place_begin(&p);
    place_close(&p);
    for (uint32_t round = 0; round < 12; round++) {
        int tell[2], status;
        struct sha256 sha;
        assert_int_equal(pipe(tell), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(tell[0]);
            child_uploads(&p, round * 1000, tell[1]);
        }
        close(tell[1]);
        assert_int_equal(read(tell[0], sha.b, 32), 32); /* it is at work now */
        usleep((useconds_t)(random_u64() % 60000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        place_open(&p);
        do {
            struct cas_object o;
            bool found;
            must_ok(cas_find(p.cas, &sha, &o, &found, &e));
            assert_true(found);
            acknowledged++;
        } while (read(tell[0], sha.b, 32) == 32);
        close(tell[0]);
        assert_sound(&p, UINT64_MAX);
        place_close(&p);
    }
    assert_true(acknowledged >= 12);
    place_open(&p);
    struct cas_sweep_result r;
    struct sha256 nothing = { 0 };
    struct cas_sweep_options o = { .grace_ms = -1000, .xorb_grace_ms = -1000, .is_alive = alive_if_listed, .ctx = &nothing };
    uint64_t removed;
    run_sql(&p, "UPDATE cas_upload SET expires_ms = 1");
    must_ok(cas_sweep(p.cas, &o, &r, &e));
    must_ok(store_sweep_tmp(p.store, -1000, &removed, &e));
    assert_int_equal(assert_sound(&p, 0).strays, 0);
    assert_int_equal(files_in(p.tmp) + files_in(p.uploads), 0);
    place_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_around_every_block_border_come_back_byte_for_byte),
        cmocka_unit_test(what_was_not_promised_is_refused_and_leaves_nothing),
        cmocka_unit_test(a_second_upload_of_the_same_is_dropped_and_renews_the_first),
        cmocka_unit_test(ranges_are_those_of_the_object),
        cmocka_unit_test(a_failure_at_any_call_leaves_an_upload_whole_or_absent),
        cmocka_unit_test(concurrent_uploads_of_the_same_all_succeed),
        cmocka_unit_test(parts_in_any_order_make_the_object),
        cmocka_unit_test(parts_of_the_wrong_size_or_number_are_refused),
        cmocka_unit_test(an_object_that_is_there_must_be_sent_all_the_same),
        cmocka_unit_test(a_replaced_part_counts_in_the_digest),
        cmocka_unit_test(completion_and_writing_exclude_each_other),
        cmocka_unit_test(a_failure_at_any_call_of_a_multipart_upload_can_be_mended),
        cmocka_unit_test(collection_takes_what_is_old_and_unnamed_and_nothing_else),
        cmocka_unit_test(collection_during_uploads_never_parts_row_and_blob),
        cmocka_unit_test(checking_finds_what_is_wrong),
        cmocka_unit_test(what_was_acknowledged_survives_a_kill_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
