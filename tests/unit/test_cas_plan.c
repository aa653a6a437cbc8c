/* What a client must fetch: right for every range, and made without the xorbs that the range does not cut. */
#include "cas_help.h"

enum { XORBS = 3, CHUNKS = 12, TERMS = 14 };

struct world {
    struct place p;
    bytes content[XORBS];
    struct made_xorb xorb[XORBS];
    struct xet_stored_term term[TERMS];
    struct cas_file file;
    uint8_t *whole; /* the file's bytes */
};

static uint32_t next(uint64_t *state, uint32_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33) % below;
}

/* Xorbs of chunks of 1000 to 1900 bytes, and a file of terms that overlap and repeat. */
static void world_begin(struct world *w)
{
    uint64_t rnd = 11;
    place_begin(&w->p);
    for (unsigned i = 0; i < XORBS; i++) {
        w->content[i] = xet_random(i + 1, 24000);
        make_xorb(&w->xorb[i], (bytes){ w->content[i].p, (size_t)CHUNKS * (1000 + 400 * i) - 7 }, 1000 + 400 * i,
                  i % 2 ? XET_SCHEME_LZ4 : XET_SCHEME_RAW);
        store_xorb(&w->p, &w->xorb[i], 1);
    }
    w->whole = mem_alloc(TERMS * CHUNKS * 2000);
    w->file = (struct cas_file){ .hash = { { 7 } }, .sha256 = { { 8 } }, .term = w->term, .terms_count = TERMS };
    for (unsigned i = 0; i < TERMS; i++) {
        const struct xet_xorb_index *x = &w->xorb[next(&rnd, XORBS)].x;
        uint32_t first = next(&rnd, CHUNKS), end = first + 1 + next(&rnd, CHUNKS - first);
        w->term[i] = xet_stored_term(x, first, end);
        for (unsigned k = 0; k < XORBS; k++)
            if (&w->xorb[k].x == x)
                memcpy(w->whole + w->file.size_bytes, w->content[k].p + xet_raw_at(x, first), w->term[i].raw_bytes);
        w->file.size_bytes += w->term[i].raw_bytes;
    }
}

static void world_end(struct world *w)
{
    for (unsigned i = 0; i < XORBS; i++) {
        made_free(&w->xorb[i]);
        mem_free((void *)w->content[i].p);
    }
    mem_free(w->whole);
    place_end(&w->p);
}

static unsigned xorb_of(const struct world *w, const struct xet_hash *h)
{
    unsigned i = 0;
    while (!xet_hash_eq(&w->xorb[i].x.hash, h)) assert_true(++i < XORBS);
    return i;
}

/* Does what a client does with the answer, and demands what it relies on. */
static void assert_plan(const struct world *w, const struct xet_plan *p, uint64_t begin, uint64_t end)
{
    uint64_t at = begin - p->offset_into_first_range, used[XORBS][CHUNKS] = { 0 };
    for (size_t i = 0; i < p->terms_count; i++) {
        const struct xet_stored_term *t = &p->term[i];
        unsigned k = xorb_of(w, &t->xorb);
        const struct xet_xorb_index *x = &w->xorb[k].x;
        assert_true(t->first < t->end && t->end <= x->count);
        assert_int_equal(t->raw_bytes, xet_raw_at(x, t->end) - xet_raw_at(x, t->first));
        assert_memory_equal(w->whole + at, w->content[k].p + xet_raw_at(x, t->first), t->raw_bytes);
        at += t->raw_bytes;
        /* No chunk more than needed. */
        if (i == 0) assert_true(p->offset_into_first_range < xet_raw_at(x, t->first + 1) - xet_raw_at(x, t->first));
        if (i + 1 == p->terms_count)
            assert_true(at >= end && at - (xet_raw_at(x, t->end) - xet_raw_at(x, t->end - 1)) < end);
        for (uint32_t c = t->first; c < t->end; c++) used[k][c] = 1;
        size_t inside = 0;
        for (size_t f = 0; f < p->fetches_count; f++)
            for (size_t r = 0; r < p->fetch[f].ranges_count && xet_hash_eq(&p->fetch[f].xorb, &t->xorb); r++)
                inside += p->fetch[f].range[r].first <= t->first && t->end <= p->fetch[f].range[r].end;
        assert_int_equal(inside, 1);
    }
    for (size_t f = 0; f < p->fetches_count; f++) {
        const struct xet_fetch *g = &p->fetch[f];
        unsigned k = xorb_of(w, &g->xorb);
        const struct xet_xorb_index *x = &w->xorb[k].x;
        assert_true(g->ranges_count > 0);
        if (f > 0) assert_true(xet_hash_cmp(&p->fetch[f - 1].xorb, &g->xorb) < 0);
        for (size_t r = 0; r < g->ranges_count; r++) {
            const struct xet_fetch_range *s = &g->range[r];
            if (r > 0) assert_true(g->range[r - 1].end < s->first); /* disjoint, and what touches is one */
            assert_int_equal(s->byte_first, xet_stored_at(x, s->first));
            assert_int_equal(s->byte_last, xet_stored_at(x, s->end) - 1);
            for (uint32_t c = s->first; c < s->end; c++) assert_int_equal(used[k][c], 1);
        }
    }
}

static void every_range_is_planned_as_clients_rely_on(void **state)
{
    (void)state;
    struct world w;
    struct err e;
    struct xet_plan p;
    struct arena *a = arena_new(0);
    uint64_t rnd = 5;
    world_begin(&w);
    for (unsigned i = 0; i < 3000; i++) {
        uint64_t begin = next(&rnd, (uint32_t)w.file.size_bytes),
                 end = begin + 1 + next(&rnd, (uint32_t)(w.file.size_bytes - begin));
        if (i % 5 == 0) end = begin + 1 + next(&rnd, 50);
        if (i % 7 == 0) end = UINT64_MAX;
        if (i % 11 == 0) begin = 0;
        must_ok(cas_plan(w.p.cas, &w.file, begin, end, a, &p, &e));
        assert_plan(&w, &p, begin, end < w.file.size_bytes ? end : w.file.size_bytes);
        arena_reset(a);
    }
    for (uint64_t past = 0; past < 3; past++) {
        assert_false(cas_plan(w.p.cas, &w.file, w.file.size_bytes + past, UINT64_MAX, a, &p, &e));
        assert_int_equal(e.code, ERR_BAD_RANGE);
    }
    struct cas_file empty = { .size_bytes = 0 };
    must_ok(cas_plan(w.p.cas, &empty, 0, UINT64_MAX, a, &p, &e));
    assert_int_equal(p.terms_count + p.fetches_count, 0);
    arena_free(a);
    world_end(&w);
}

static void only_xorbs_that_are_cut_are_looked_at(void **state)
{
    (void)state;
    struct world w;
    struct err e;
    struct xet_plan p;
    struct arena *a = arena_new(0);
    char path[256];
    world_begin(&w);
    for (unsigned i = 0; i < XORBS; i++) {
        blob_path(&w.p, &w.xorb[i].x.hash, path);
        assert_int_equal(unlink(path), 0);
    }
    must_ok(cas_plan(w.p.cas, &w.file, 0, UINT64_MAX, a, &p, &e));
    assert_plan(&w, &p, 0, w.file.size_bytes);
    uint64_t at = w.term[0].raw_bytes;
    must_ok(cas_plan(w.p.cas, &w.file, at, at + w.term[1].raw_bytes, a, &p, &e));
    assert_plan(&w, &p, at, at + w.term[1].raw_bytes);
    assert_false(cas_plan(w.p.cas, &w.file, 1, UINT64_MAX, a, &p, &e));
    assert_int_equal(e.code, ERR_INTERNAL); /* the store has lost what the file needs */
    assert_false(cas_plan(w.p.cas, &w.file, 0, w.file.size_bytes - 1, a, &p, &e));
    for (unsigned i = 0; i < XORBS; i++) store_xorb(&w.p, &w.xorb[i], 1);
    blob_path(&w.p, &w.term[0].xorb, path);
    flip_byte(path, -200);
    assert_false(cas_plan(w.p.cas, &w.file, 1, 2, a, &p, &e));
    assert_int_equal(e.code, ERR_IO);
    arena_free(a);
    world_end(&w);
}

/* 50 GB in 800 xorbs, each used in pieces of 8 to 64 chunks in turns; the xorbs need not be there. */
static void a_large_file_is_planned_from_its_row_alone(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct arena *a = arena_new(0);
    struct cas_file f = { .hash = { { 1 } }, .sha256 = { { 2 } } }, stored;
    struct xet_plan plan;
    struct cas_object o;
    struct db_conn *tx;
    bool found;
    uint64_t rnd = 1;
    enum { BIG = 30000, WIDE = 800 };
    struct xet_stored_term *t = arena_alloc(a, BIG * sizeof *t);
    place_begin(&p);
    for (uint32_t i = 0; i < BIG; i++) {
        uint32_t n = 8 + next(&rnd, 57), first = next(&rnd, 900);
        t[i] = (struct xet_stored_term){ .first = first,
                                         .end = first + n,
                                         .raw_bytes = n * 46000,
                                         .stored_at = first * 40000,
                                         .stored_end = (first + n) * 40000 };
        uint32_t xorb = i % WIDE + 1;
        memcpy(t[i].xorb.b, &xorb, 4);
        f.size_bytes += t[i].raw_bytes;
    }
    assert_true(f.size_bytes > 45u * 1000000000u);
    f.term = t;
    f.terms_count = BIG;
    must_ok(db_begin(p.db, &tx, &e));
    for (uint32_t i = 1; i <= WIDE; i++) {
        struct xet_hash h = { { 0 } };
        memcpy(h.b, &i, 4);
        must_ok(db_run(tx, &e,
                       "INSERT INTO cas_xorb (hash, chunks_count, raw_bytes, stored_bytes, created_ms, touched_ms)"
                       " VALUES (?, 1000, 46000000, 40000000, 1, 1)",
                       db_blob((bytes){ h.b, 32 })));
    }
    must_ok(file_enter_object(tx, &f, &o, &e));
    must_ok(db_commit(p.db, tx, &e));
    must_ok(cas_file_find(p.cas, &f.hash, a, &stored, &found, &e));
    assert_true(found && stored.terms_count == BIG);
    must_ok(cas_plan(p.cas, &stored, 0, UINT64_MAX, a, &plan, &e));
    assert_int_equal(plan.terms_count, BIG);
    assert_int_equal(plan.fetches_count, WIDE);
    assert_int_equal(get_int(&p, "SELECT count(*) FROM cas_file_xorb"), WIDE);
    arena_free(a);
    place_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_range_is_planned_as_clients_rely_on),
        cmocka_unit_test(only_xorbs_that_are_cut_are_looked_at),
        cmocka_unit_test(a_large_file_is_planned_from_its_row_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
