/* Stored xorbs: names, indexes and the rows of files. */
#include "cas_help.h"

#include <pthread.h>

static void a_name_is_the_hash_as_text_below_its_first_two_digits(void **state)
{
    (void)state;
    static const char hex[] = "6f2ce16ca5e317f0100ff0e7e5bf40a0de9032e9ee1ad04b6b8ff4e36cdfbf6c";
    char name[CAS_NAME_MAX];
    struct xet_hash h = hash_of(hex), back;
    assert_str(xorb_name(&h, name), str_c("xorb/6f/6f2ce16ca5e317f0100ff0e7e5bf40a0de9032e9ee1ad04b6b8ff4e36cdfbf6c"));
    assert_true(xorb_name_parse(str_c(name), &back));
    assert_true(xet_hash_eq(&h, &back));
    static const char *const bad[] = {
        "",
        "xorb/6f/",
        "xorb/6e/6f2ce16ca5e317f0100ff0e7e5bf40a0de9032e9ee1ad04b6b8ff4e36cdfbf6c",
        "xorb/6f/6F2ce16ca5e317f0100ff0e7e5bf40a0de9032e9ee1ad04b6b8ff4e36cdfbf6c",
        "sha256/6f/6f2ce16ca5e317f0100ff0e7e5bf40a0de9032e9ee1ad04b6b8ff4e36cdfbf6c",
        "xorb/6f/6f2ce16ca5e317f0100ff0e7e5bf40a0de9032e9ee1ad04b6b8ff4e36cdfbf6c0",
    };
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(xorb_name_parse(str_c(bad[i]), &back));
}

static void assert_same_index(const struct xet_xorb_index *a, const struct xet_xorb_index *b)
{
    assert_true(xet_hash_eq(&a->hash, &b->hash));
    assert_int_equal(a->count, b->count);
    assert_memory_equal(a->chunk, b->chunk, a->count * sizeof *a->chunk);
    assert_memory_equal(a->stored_end, b->stored_end, a->count * sizeof *a->stored_end);
    assert_memory_equal(a->raw_end, b->raw_end, a->count * sizeof *a->raw_end);
}

static void an_index_is_read_once_and_shared(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct made_xorb m;
    const struct xet_xorb_index *a, *b, *c;
    bytes in = xet_d1();
    struct xet_hash nowhere = hash_of("0000000000000001000000000000000000000000000000000000000000000000");
    place_begin(&p);
    make_xorb(&m, in, 50000, XET_SCHEME_RAW);
    store_xorb(&p, &m, 1);
    must_ok(xorb_borrow(p.cas, &m.x.hash, &a, &e));
    assert_same_index(a, &m.x);
    must_ok(xorb_borrow(p.cas, &m.x.hash, &b, &e));
    assert_ptr_equal(a, b);
    xorb_give(p.cas, b);
    xorb_forget(p.cas, &m.x.hash); /* who has it may go on with it */
    assert_same_index(a, &m.x);
    must_ok(xorb_borrow(p.cas, &m.x.hash, &c, &e));
    assert_ptr_not_equal(a, c);
    xorb_give(p.cas, a);
    xorb_give(p.cas, c);
    xorb_give(p.cas, NULL);
    assert_false(xorb_borrow(p.cas, &nowhere, &a, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    place_close(&p); /* after a restart it is read from the footer */
    place_open(&p);
    must_ok(xorb_borrow(p.cas, &m.x.hash, &a, &e));
    assert_same_index(a, &m.x);
    xorb_give(p.cas, a);
    made_free(&m);
    mem_free((void *)in.p);
    place_end(&p);
}

static void a_damaged_footer_is_told_whether_the_index_is_known_or_not(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    char path[256];
    bytes in = xet_d1();
    static const int64_t at[] = { -1, -2, -4, -30, -90, -200, -816, -810, -770 }; /* footer of 18 chunks: 816 bytes */
    place_begin(&p);
    for (size_t i = 0; i < 2 * COUNT(at); i++) {
        struct made_xorb m;
        const struct xet_xorb_index *x;
        make_xorb(&m, (bytes){ in.p + 8 * i, 900000 }, 50000, XET_SCHEME_RAW);
        assert_int_equal(XET_FOOTER_BYTES(m.x.count), 816);
        store_xorb(&p, &m, 1); /* borrows it once */
        if (i % 2) xorb_forget(p.cas, &m.x.hash);
        blob_path(&p, &m.x.hash, path);
        flip_byte(path, at[i / 2]);
        if (xorb_borrow(p.cas, &m.x.hash, &x, &e)) {
            /* What it says of frames is not made certain by the name: see the test of sending. */
            assert_memory_equal(x->chunk, m.x.chunk, x->count * sizeof *x->chunk);
            assert_memory_equal(x->raw_end, m.x.raw_end, x->count * sizeof *x->raw_end);
            assert_in_range(-at[i / 2], 29, 30 + 8 * 18 + 12);
            xorb_give(p.cas, x);
        } else {
            assert_int_equal(e.code, ERR_IO);
            assert_non_null(strstr(e.msg, "damaged"));
        }
        made_free(&m);
    }
    mem_free((void *)in.p);
    place_end(&p);
}

static void a_file_that_was_cut_or_is_anothers_is_damaged(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct made_xorb m, other;
    char path[256], other_path[256];
    const struct xet_xorb_index *x;
    bytes in = xet_d1();
    static const uint64_t sizes[] = { 0, 3, 4, 100, 1000, 950000, 950812, 950813 };
    place_begin(&p);
    make_xorb(&m, in, 50000, XET_SCHEME_RAW);
    make_xorb(&other, (bytes){ in.p + 1, in.n - 1 }, 50000, XET_SCHEME_RAW);
    store_xorb(&p, &other, 1);
    blob_path(&p, &m.x.hash, path);
    blob_path(&p, &other.x.hash, other_path);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        store_xorb(&p, &m, 1);
        assert_int_equal(truncate(path, (off_t)sizes[i]), 0);
        assert_false(xorb_borrow(p.cas, &m.x.hash, &x, &e));
        assert_int_equal(e.code, ERR_IO);
        assert_int_equal(unlink(path), 0);
    }
    store_xorb(&p, &m, 1);
    assert_int_equal(rename(other_path, path), 0);
    assert_false(xorb_borrow(p.cas, &m.x.hash, &x, &e));
    assert_int_equal(e.code, ERR_IO);
    made_free(&m);
    made_free(&other);
    mem_free((void *)in.p);
    place_end(&p);
}

/* ------------------------------------------------------------------ publishing */

static void a_second_blob_of_a_name_does_not_replace_the_first(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct made_xorb raw, packed;
    struct store_writer w;
    const struct xet_xorb_index *stored;
    struct os_identity before, after;
    char name[CAS_NAME_MAX];
    bool found;
    bytes in = xet_d3();
    place_begin(&p);
    make_xorb(&raw, in, 100000, XET_SCHEME_RAW);
    make_xorb(&packed, in, 100000, XET_SCHEME_LZ4);
    assert_true(xet_hash_eq(&raw.x.hash, &packed.x.hash));
    assert_int_not_equal(raw.x.stored_end[0], packed.x.stored_end[0]);
    int64_t id = store_xorb(&p, &raw, 1);
    must_ok(store_identity(p.store, xorb_name(&raw.x.hash, name), &before, &found, &e));
    must_ok(store_write_begin(p.store, &w, &e));
    must_ok(os_pwrite(w.tmp.fd, bytes_of(buf_str(&packed.frames)), 0, &e));
    must_ok(xorb_publish(p.cas, &w, &packed.x, &stored, &e));
    assert_same_index(stored, &raw.x);
    xorb_give(p.cas, stored);
    must_ok(store_identity(p.store, str_c(name), &after, &found, &e));
    assert_true(os_identity_eq(&before, &after));
    assert_int_equal(store_xorb(&p, &packed, 2), id);
    assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_xorb_owner"), 2);
    assert_int_equal(get_int(&p, "SELECT stored_bytes FROM cas_xorb"), raw.x.stored_end[1]);
    made_free(&raw);
    made_free(&packed);
    mem_free((void *)in.p);
    place_end(&p);
}

static void a_row_is_made_only_for_a_blob_that_is_there(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct made_xorb m;
    struct db_conn *tx;
    int64_t id;
    bytes in = xet_d3();
    place_begin(&p);
    make_xorb(&m, in, 100000, XET_SCHEME_RAW);
    must_ok(db_begin(p.db, &tx, &e));
    assert_false(xorb_enter(p.cas, tx, &m.x, 1, &id, NULL, &e));
    assert_int_equal(e.code, ERR_BUSY);
    db_rollback(p.db, tx);
    made_free(&m);
    mem_free((void *)in.p);
    place_end(&p);
}

/* ------------------------------------------------------------------ the table is bounded and shared */

enum { CROWD = 24, CROWD_ROUNDS = 400 };
struct crowd {
    struct place *p;
    struct made_xorb *m;
    unsigned seed;
};

static void *borrow_and_give(void *ctx)
{
    struct crowd *w = ctx;
    unsigned x = w->seed;
    for (size_t i = 0; i < CROWD_ROUNDS; i++) {
        struct err e;
        const struct xet_xorb_index *got;
        x = x * 1664525u + 1013904223u;
        const struct xet_xorb_index *want = &w->m[(x >> 16) % CROWD].x;
        if (!xorb_borrow(w->p->cas, &want->hash, &got, &e)) return (void *)"failed";
        bool same = got->count == want->count && memcmp(got->chunk, want->chunk, 32 * (size_t)got->count) == 0;
        if (i % 7 == 0) xorb_forget(w->p->cas, &want->hash);
        same = same && memcmp(got->stored_end, want->stored_end, 4 * (size_t)got->count) == 0;
        xorb_give(w->p->cas, got);
        if (!same) return (void *)"differs";
    }
    return NULL;
}

static void many_threads_borrow_at_once(void **state)
{
    (void)state;
    struct place p;
    struct made_xorb m[CROWD];
    struct crowd who[4];
    pthread_t t[4];
    void *said;
    bytes in = xet_random(7, 80000);
    place_begin(&p);
    for (size_t i = 0; i < CROWD; i++) {
        make_xorb(&m[i], (bytes){ in.p + i, in.n - i }, 1000, XET_SCHEME_RAW);
        store_xorb(&p, &m[i], 1);
    }
    for (unsigned i = 0; i < 4; i++) {
        who[i] = (struct crowd){ &p, m, i };
        assert_int_equal(pthread_create(&t[i], NULL, borrow_and_give, &who[i]), 0);
    }
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(t[i], &said), 0);
        if (said) fail_msg("%s", (char *)said);
    }
    for (size_t i = 0; i < CROWD; i++) made_free(&m[i]);
    mem_free((void *)in.p);
    place_end(&p);
}

/* ------------------------------------------------------------------ files */

static struct cas_file file_of_terms(const struct xet_stored_term *t, size_t n, uint8_t name)
{
    struct cas_file f = { .term = t, .terms_count = n };
    memset(f.hash.b, name, 32);
    memset(f.sha256.b, name + 1, 32);
    for (size_t i = 0; i < n; i++) f.size_bytes += t[i].raw_bytes;
    return f;
}

static bool enter(struct place *p, const struct cas_file *f, struct cas_object *out, struct err *e)
{
    struct db_conn *tx;
    if (!db_begin(p->db, &tx, e)) return false;
    if (file_enter_object(tx, f, out, e)) return db_commit(p->db, tx, e);
    db_rollback(p->db, tx);
    return false;
}

static void a_file_is_found_by_both_names_with_its_terms(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct made_xorb m;
    struct cas_object o;
    struct cas_file got;
    struct xet_hash hash;
    struct db_conn *reader;
    struct arena *a = arena_new(0);
    bytes in = xet_d1();
    bool found;
    place_begin(&p);
    make_xorb(&m, in, 50000, XET_SCHEME_RAW);
    store_xorb(&p, &m, 1);
    struct xet_stored_term t[] = { xet_stored_term(&m.x, 3, 20), xet_stored_term(&m.x, 0, 1),
                                   xet_stored_term(&m.x, 19, 20) };
    assert_int_equal(t[1].stored_end, 50008);
    assert_int_equal(t[2].stored_at, 19 * 50008);
    struct cas_file f = file_of_terms(t, 3, 0x11);
    must_ok(enter(&p, &f, &o, &e));
    assert_int_equal(o.size_bytes, 19 * 50000);
    must_ok(cas_file_find(p.cas, &f.hash, a, &got, &found, &e));
    assert_true(found);
    assert_int_equal(got.terms_count, 3);
    assert_memory_equal(got.term, t, sizeof t);
    assert_true(sha256_eq(&got.sha256, &f.sha256));
    assert_int_equal(got.size_bytes, f.size_bytes);
    must_ok(cas_file_of(p.cas, &f.sha256, a, &got, &found, &e));
    assert_true(found && xet_hash_eq(&got.hash, &f.hash));
    reader = db_reader(p.db);
    must_ok(cas_file_hash_of(reader, &f.sha256, &hash, &found, &e));
    assert_true(found && xet_hash_eq(&hash, &f.hash));
    db_give(p.db, reader);
    assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_file_xorb"), 1); /* three terms, one xorb */
    must_ok(enter(&p, &f, &o, &e));                                         /* again: nothing happens */
    assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_file"), 1);

    struct cas_file second = file_of_terms(t, 3, 0x21); /* cut elsewhere, the same bytes: the object keeps its file */
    second.sha256 = f.sha256;
    must_ok(enter(&p, &second, &o, &e));
    must_ok(cas_file_of(p.cas, &f.sha256, a, &got, &found, &e));
    assert_true(xet_hash_eq(&got.hash, &f.hash));
    must_ok(cas_file_find(p.cas, &second.hash, a, &got, &found, &e));
    assert_true(found);

    memset(second.hash.b, 0x99, 32);
    must_ok(cas_file_find(p.cas, &second.hash, a, &got, &found, &e));
    assert_false(found);
    second = f;
    memset(second.sha256.b, 0x77, 32); /* cannot be: the chunks are the same */
    assert_false(enter(&p, &second, &o, &e));
    assert_int_equal(e.code, ERR_INTERNAL);
    made_free(&m);
    mem_free((void *)in.p);
    arena_free(a);
    place_end(&p);
}

static void a_file_of_a_collected_xorb_is_not_entered(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct cas_object o;
    struct xet_stored_term t = { .first = 0, .end = 1, .raw_bytes = 10, .stored_at = 0, .stored_end = 18 };
    struct cas_file f = file_of_terms(&t, 1, 1);
    place_begin(&p);
    assert_false(enter(&p, &f, &o, &e));
    assert_int_equal(e.code, ERR_BUSY);
    assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_object"), 0);
    place_end(&p);
}

static void a_whole_blob_becomes_a_file_and_the_empty_file_has_no_hash_to_fetch(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct made_xorb m;
    struct cas_object o;
    struct cas_file f, got;
    struct xet_hash hash;
    bool found;
    struct arena *a = arena_new(0);
    bytes in = xet_d3();
    place_begin(&p);
    make_xorb(&m, in, 100000, XET_SCHEME_RAW);
    store_xorb(&p, &m, 1);
    struct xet_stored_term t = xet_stored_term(&m.x, 0, 2);
    f = file_of_terms(&t, 1, 0x40);
    run_sql(&p, "INSERT INTO cas_object (sha256, size_bytes, created_ms, touched_ms) VALUES"
                " (x'4141414141414141414141414141414141414141414141414141414141414141', 200000, 5, 5)");
    must_ok(cas_file_of(p.cas, &f.sha256, a, &got, &found, &e));
    assert_false(found);
    must_ok(enter(&p, &f, &o, &e));
    assert_int_equal(o.created_ms, 5);
    must_ok(cas_file_of(p.cas, &f.sha256, a, &got, &found, &e));
    assert_true(found);
    assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_object WHERE touched_ms > 5"), 1);

    f = (struct cas_file){ .sha256 = sha256_of((bytes){ NULL, 0 }) };
    must_ok(enter(&p, &f, &o, &e));
    struct db_conn *reader = db_reader(p.db);
    must_ok(cas_file_hash_of(reader, &f.sha256, &hash, &found, &e));
    assert_false(found);
    db_give(p.db, reader);
    must_ok(cas_file_of(p.cas, &f.sha256, a, &got, &found, &e));
    assert_true(found && got.terms_count == 0 && got.size_bytes == 0);
    made_free(&m);
    mem_free((void *)in.p);
    arena_free(a);
    place_end(&p);
}

static void a_damaged_row_is_told_not_believed(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct cas_file got;
    struct xet_hash h = { { 0 } };
    bool found;
    struct arena *a = arena_new(0);
    static const char *const terms[] = {
        "UPDATE cas_file SET terms = zeroblob(51)",
        "UPDATE cas_file SET terms = zeroblob(52)",
        "UPDATE cas_file SET size_bytes = 1",
        "UPDATE cas_file SET sha256 = x'00'",
    };
    place_begin(&p);
    for (size_t i = 0; i < COUNT(terms); i++) {
        run_sql(&p, "DELETE FROM cas_file");
        run_sql(&p, "INSERT INTO cas_object VALUES (zeroblob(32), 0, 5, 5, NULL) ON CONFLICT DO NOTHING");
        run_sql(&p, "INSERT INTO cas_object VALUES (x'00', 0, 5, 5, NULL) ON CONFLICT DO NOTHING");
        run_sql(&p, "INSERT INTO cas_file (hash, sha256, size_bytes, created_ms, terms)"
                    " VALUES (zeroblob(32), zeroblob(32), 0, 0, x'')");
        must_ok(cas_file_find(p.cas, &h, a, &got, &found, &e));
        run_sql(&p, terms[i]);
        assert_false(cas_file_find(p.cas, &h, a, &got, &found, &e));
        assert_int_equal(e.code, ERR_INTERNAL);
    }
    arena_free(a);
    place_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_the_hash_as_text_below_its_first_two_digits),
        cmocka_unit_test(an_index_is_read_once_and_shared),
        cmocka_unit_test(a_damaged_footer_is_told_whether_the_index_is_known_or_not),
        cmocka_unit_test(a_file_that_was_cut_or_is_anothers_is_damaged),
        cmocka_unit_test(a_second_blob_of_a_name_does_not_replace_the_first),
        cmocka_unit_test(a_row_is_made_only_for_a_blob_that_is_there),
        cmocka_unit_test(many_threads_borrow_at_once),
        cmocka_unit_test(a_file_is_found_by_both_names_with_its_terms),
        cmocka_unit_test(a_file_of_a_collected_xorb_is_not_entered),
        cmocka_unit_test(a_whole_blob_becomes_a_file_and_the_empty_file_has_no_hash_to_fetch),
        cmocka_unit_test(a_damaged_row_is_told_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
