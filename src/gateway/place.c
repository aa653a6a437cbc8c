/* gateway/place.c - where chunks of the upstream's xorbs lie in our files.
 *
 * The upstream says what a file is made of by the numbers of chunks in its xorbs, and not what they hash to.  So what came once is
 * remembered under these numbers, with its place in the file that it came for: a later file that names the same chunks has them read there.
 * Only what that upstream sent under a number stands there, so nobody is given what he could not have had from it; and the file that is
 * put together so has to have the hash that its pointer says, as any other. */
#include "base/hash.h"
#include "gateway/gateway_priv.h"
#include "xet/little.h"
#include "xet/xorb.h"

enum { CHUNKS_MAX = 1 << 22, PLACES_MAX = 1 << 16 /* more of one file are not remembered */, SEARCHED_MAX = 4096, ROWS_AT_ONCE = 256 };

void places_add(struct places *p, const struct xet_hash *xorb, uint32_t chunk, uint64_t at, uint32_t size_bytes)
{
    struct place *last = p->n ? &p->place[p->n - 1] : NULL;
    if (p->chunks >= CHUNKS_MAX) return;
    bool goes_on = last && xet_hash_eq(&last->xorb, xorb) && last->first + last->count == chunk && last->end == at;
    if (!goes_on && p->n >= PLACES_MAX) return;
    if (!goes_on) {
        if (p->n == p->cap) {
            p->cap = p->cap ? 2 * p->cap : 16;
            p->place = mem_grow(p->place, p->cap * sizeof *p->place);
        }
        last = &p->place[p->n++];
        *last = (struct place){ .xorb = *xorb, .first = chunk, .at = at, .end = at };
    }
    if (last->count == last->cap) {
        last->cap = last->cap ? 2 * last->cap : 4;
        last->size = mem_grow(last->size, last->cap * sizeof *last->size);
    }
    last->size[last->count++] = size_bytes;
    last->end += size_bytes;
    p->chunks++;
}

const struct place *places_find(const struct places *p, const struct xet_hash *xorb, uint32_t chunk)
{
    size_t oldest = p->n > SEARCHED_MAX ? p->n - SEARCHED_MAX : 0;
    for (size_t i = p->n; i-- > oldest;) {
        const struct place *at = &p->place[i];
        if (xet_hash_eq(&at->xorb, xorb) && chunk >= at->first && chunk - at->first < at->count) return at;
    }
    return NULL;
}

static struct db_value hash_value(const struct xet_hash *h) { return db_blob((bytes){ h->b, XET_HASH_BYTES }); }

static bool read_row(struct db_query *q, uint32_t chunk, struct place *out, struct arena *a)
{
    int64_t first = db_col_int(q, 0), at = db_col_int(q, 2);
    bytes sizes = db_col_blob(q, 3);
    size_t n = sizes.n / 4;
    if (first < 0 || first > chunk || chunk - first >= (int64_t)n || n > XET_XORB_CHUNKS_MAX || at < 0 || !db_col_sha256(q, 1, &out->sha256)) return false;
    out->first = (uint32_t)first;
    out->count = (uint32_t)n;
    out->at = out->end = (uint64_t)at;
    out->size = arena_alloc(a, n * sizeof *out->size);
    for (size_t i = 0; i < n; i++) {
        out->size[i] = little32(sizes.p + 4 * i);
        if (!out->size[i] || out->size[i] > XET_CHUNK_MAX) return false;
        out->end += out->size[i];
    }
    return true;
}

bool place_look_up(struct gateway *g, const struct xet_hash *xorb, uint32_t chunk, struct place *out, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT first, sha256, at_byte, sizes FROM upstream_chunk WHERE upstream = ? AND xorb = ? AND first <= ? ORDER BY first DESC LIMIT 8";
    struct db_conn *c = db_reader(hub_db(g->hub));
    struct db_query q;
    *found = false;
    *out = (struct place){ .xorb = *xorb };
    bool ok = db_query(c, &q, e, sql, db_text(g->config.upstream), hash_value(xorb), db_int(chunk));
    if (ok) {
        while (!*found && db_next(&q, e)) *found = read_row(&q, chunk, out, a);
        ok = db_end(&q);
    }
    db_give(hub_db(g->hub), c);
    return ok;
}

static bool write_one(struct db_conn *tx, str upstream, const struct place *p, const struct sha256 *sha256, struct err *e)
{
    static const char sql[] = "INSERT INTO upstream_chunk (upstream, xorb, first, sha256, at_byte, sizes) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
    struct buf sizes = BUF_INIT(0);
    for (uint32_t i = 0; i < p->count; i++) buf_little32(&sizes, p->size[i]);
    bool ok = db_run(tx, e, sql, db_text(upstream), hash_value(&p->xorb), db_int(p->first), db_sha256(sha256), db_int((int64_t)p->at), db_blob(bytes_of(buf_str(&sizes))));
    buf_deinit(&sizes);
    return ok;
}

bool places_write(struct gateway *g, const struct places *p, const struct sha256 *sha256, struct err *e)
{
    bool ok = true;
    for (size_t i = 0; ok && i < p->n;) {
        struct db_conn *tx;
        if (!db_begin(hub_db(g->hub), &tx, e)) return false;
        for (size_t end = i + ROWS_AT_ONCE; ok && i < p->n && i < end; i++) ok = write_one(tx, g->config.upstream, &p->place[i], sha256, e);
        ok = db_finish(hub_db(g->hub), tx, ok, e);
    }
    return ok;
}

void places_free(struct places *p)
{
    if (!p) return;
    for (size_t i = 0; i < p->n; i++) mem_free(p->place[i].size);
    mem_free(p->place);
    mem_free(p);
}
