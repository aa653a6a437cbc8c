/* cas/shard_xorbs.c - see cas/shard_priv.h.
 *
 * A shard of 64 MiB can have 700 000 terms, and what a viewer may use of a xorb can take a while to find out, so it is
 * found out once per xorb.  The answers take at most 1 KiB each, and none for what does not exist or was sent by the
 * viewer himself; names are collected first, so that a table of the right size is made once. */
#include <stdlib.h>

#include "cas/shard_priv.h"

static int by_hash(const void *a, const void *b)
{
    return xet_hash_cmp(*(const struct xet_hash *const *)a, *(const struct xet_hash *const *)b);
}

/* Where the hashes stand in the shard itself: a term and a xorb's header both begin with one. */
struct names {
    const struct xet_hash **at; /* NULL while counting */
    size_t n;
};
static void name(struct names *l, const uint8_t *record)
{
    if (l->at) l->at[l->n] = (const struct xet_hash *)(const void *)record; /* an array of bytes, of no alignment */
    l->n++;
}

static bool collect(bytes shard, struct names *out, struct err *e)
{
    struct xet_shard_reader r;
    struct xet_shard_file f;
    struct xet_shard_xorb x;
    bool found = true;
    out->n = 0;
    if (!xet_shard_open(shard, &r, e)) return false;
    for (;;) {
        if (!xet_shard_next_file(&r, &f, &found, e)) return false;
        if (!found) break;
        for (uint32_t i = 0; i < f.terms_count; i++) name(out, f.terms + (size_t)i * XET_RECORD);
    }
    for (;;) {
        const uint8_t *head = r.rest.p;
        if (!xet_shard_next_xorb(&r, &x, &found, e)) return false;
        if (!found) return true;
        name(out, head);
    }
}

bool named_begin(struct named_xorbs *n, bytes shard, struct err *e)
{
    struct names all = { NULL, 0 };
    bool ok = collect(shard, &all, e);
    if (!ok) return false;
    all.at = mem_alloc((all.n + 1) * sizeof *all.at);
    ok = collect(shard, &all, e);
    must(ok);
    if (all.n > 0) qsort(all.at, all.n, sizeof *all.at, by_hash);
    for (size_t i = 0; i < all.n; i++) n->count += i == 0 || !xet_hash_eq(all.at[i], all.at[i - 1]);
    n->xorb = arena_try_array(n->a, n->count + 1, sizeof *n->xorb);
    for (size_t i = 0, at = 0; n->xorb && i < all.n; i++)
        if (i == 0 || !xet_hash_eq(all.at[i], all.at[i - 1])) n->xorb[at++].hash = *all.at[i];
    mem_free(all.at);
    return n->xorb || err_set(e, ERR_TOO_LARGE, "the shard names %zu xorbs; send it in parts", n->count);
}

void named_end(struct named_xorbs *n)
{
    xorb_give(n->c, n->borrowed);
    n->borrowed = NULL;
}

static int of_name(const void *key, const void *xorb)
{
    return xet_hash_cmp(key, &((const struct named_xorb *)xorb)->hash);
}

struct named_xorb *named_xorb(struct named_xorbs *n, const struct xet_hash *hash)
{
    struct named_xorb *x = bsearch(hash, n->xorb, n->count, sizeof *n->xorb, of_name);
    must(x);
    return x;
}

/* ------------------------------------------------------------------ permission */

static bool read_row(struct named_xorbs *n, struct named_xorb *x, struct err *e)
{
    struct db_query q;
    if (!db_query(n->reader, &q, e, "SELECT id, chunks_count FROM cas_xorb WHERE hash = ?", hash_value(&x->hash)))
        return false;
    if (db_next(&q, e)) {
        x->id = db_col_int(&q, 0);
        x->count = (uint32_t)db_col_int(&q, 1);
    }
    return db_end(&q);
}

/* What the viewer may use of a xorb that has a row. */
static bool ask(struct named_xorbs *n, struct named_xorb *x, struct err *e)
{
    struct chunk_set *may = mem_one(struct chunk_set);
    uint32_t allowed = 0;
    bool ok = access_of(n->c, n->reader, &x->hash, x->id, x->count, n->viewer, may, e);
    for (uint32_t i = 0; i < x->count; i++) allowed += chunk_set_has(may, i);
    x->use = allowed == x->count ? XORB_WHOLE : allowed == 0 ? XORB_REFUSED : XORB_IN_PART;
    if (ok && x->use == XORB_IN_PART) {
        size_t size = (x->count + 7) / 8;
        uint8_t *bit = arena_try(n->a, size);
        ok = bit || err_set(e, ERR_TOO_LARGE, "the shard names too many xorbs; send it in parts");
        if (ok) memcpy(bit, may->bit, size);
        x->bit = bit;
    }
    mem_free(may);
    return ok;
}

static bool look_up(struct named_xorbs *n, const struct xet_hash *hash, struct named_xorb **out, struct err *e)
{
    struct named_xorb *x = *out = named_xorb(n, hash);
    if (x->use != XORB_NOT_ASKED) return true;
    if (!read_row(n, x, e)) return false;
    if (x->id != 0) return ask(n, x, e);
    x->use = XORB_REFUSED;
    return true;
}

bool named_may_use(struct named_xorbs *n, const struct xet_hash *hash, uint32_t first, uint32_t end, struct err *e)
{
    struct named_xorb *x;
    if (!look_up(n, hash, &x, e)) return false;
    bool may = x->use == XORB_WHOLE || (x->use == XORB_IN_PART && first < end && end <= x->count);
    for (uint32_t i = first; may && x->use == XORB_IN_PART && i < end; i++) may = x->bit[i / 8] >> (i % 8) & 1;
    if (may) return true;
    char hex[XET_HASH_HEX + 1];
    xet_hash_hex(hash, hex);
    return err_set(
        e, ERR_INVALID,
        "chunks %lu to %lu of xorb %s are not there: neither have you uploaded this xorb, nor are they in a file "
        "that you may read; upload the xorb, then send the shard again",
        (unsigned long)first, (unsigned long)end, hex);
}

bool named_may_use_all(struct named_xorbs *n, const struct xet_hash *hash, struct err *e)
{
    struct named_xorb *x;
    if (!look_up(n, hash, &x, e)) return false;
    if (x->use == XORB_WHOLE) return true;
    char hex[XET_HASH_HEX + 1];
    xet_hash_hex(hash, hex);
    return err_set(e, ERR_INVALID,
                   "the shard lists xorb %s, which you have not uploaded; upload it, then send the shard again", hex);
}

/* ------------------------------------------------------------------ indexes */

const struct xet_xorb_index *named_index(struct named_xorbs *n, const struct xet_hash *hash)
{
    if (n->borrowed && xet_hash_eq(&n->borrowed->hash, hash)) return n->borrowed;
    named_end(n);
    if (xorb_borrow(n->c, hash, &n->borrowed, &n->err)) {
        struct named_xorb *x = named_xorb(n, hash);
        if (!x->frames_bytes) x->frames_bytes = xorb_frames_bytes(n->borrowed);
        return n->borrowed;
    }
    char hex[XET_HASH_HEX + 1];
    xet_hash_hex(hash, hex);
    if (n->err.code == ERR_NOT_FOUND) /* a row without a blob */
        err_set(&n->err, ERR_IO, "xorb %s is missing from the store; restore its file from a backup", hex);
    return NULL;
}
