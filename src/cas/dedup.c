/* dedup.c - where chunks lie, and what clients are told of it.
 *
 * The table cas_dedup has a row for one chunk in sixteen and for the first of every file, by the first eight bytes of the
 * hash.  It is only a hint: a place counts when the xorb's own index has that hash there, so rows of collected xorbs
 * and accidents of eight bytes do no harm.
 *
 * Clients ask for one chunk and are told of a whole file: the answer lists the xorbs that make the oldest file that has
 * the chunk and that they may read, from the chunk's place on, so that mostly one round trip is enough.  Answers are
 * bounded (ANSWER_...); for what follows the client asks again.
 *
 * What an answer may say: access.c decides chunk by chunk.  Hashes are hidden under a key that is told with them, so
 * they serve who has the content and nobody else.  Everybody gets the same key, a new one every day: an answer is good
 * for a week, and a xorb that was advertised is not collected before (touched_ms, renewed here).
 *
 * A key in the table is a secret from which two are made: the one that answers contain, and one that never leaves, from
 * which the hashes that stand for hidden chunks are made up. */
#include "base/arena.h"
#include "base/clock.h"
#include "cas/xorb_priv.h"
#include "xet/blake3.h"

enum {
    PLACES_MAX = 256,         /* rows of one chunk that are looked at; a common one may have thousands */
    TRIES_MAX = 16,           /* of these, places whose xorb is asked about */
    ANSWER_XORBS_MAX = 256,   /* with the next: about 3 MiB, or 4 GiB of a file */
    ANSWER_CHUNKS_MAX = 65536,
    SLOTS = 1024,             /* a power of two above ANSWER_XORBS_MAX */
};
static const int64_t KEY_NEW_MS = 24 * 3600 * 1000, KEY_LIFE_MS = 7 * 24 * 3600 * 1000, TOUCH_EVERY_MS = 3600 * 1000;

static struct db_value key_of(const struct xet_hash *h) { return db_int((int64_t)xet_hash_u64(h, 0)); }

/* ------------------------------------------------------------------ the table */

/* One row is enough however often a xorb repeats a chunk: what follows a repeated chunk is as good from its first place. */
bool dedup_add_chunk(struct db_conn *tx, int64_t xorb_id, const struct xet_hash *hash, uint32_t chunk, struct err *e)
{
    struct db_value key = key_of(hash);
    return db_run(tx, e,
                  "INSERT INTO cas_dedup (key, xorb_id, chunk) SELECT ?, ?, ?"
                  " WHERE NOT EXISTS (SELECT 1 FROM cas_dedup WHERE key = ? AND xorb_id = ?)",
                  key, db_int(xorb_id), db_int(chunk), key, db_int(xorb_id));
}

bool dedup_add(struct db_conn *tx, int64_t xorb_id, const struct xet_xorb_index *x, uint32_t first, struct err *e)
{
    for (uint32_t i = 0; i < x->count; i++)
        if ((i == first || dedup_is_sampled(&x->chunk[i])) && !dedup_add_chunk(tx, xorb_id, &x->chunk[i], i, e)) return false;
    return true;
}

/* Which chunks were the first of a file is not remembered, so all are tried. */
bool dedup_remove(struct db_conn *tx, int64_t xorb_id, const struct xet_xorb_index *x, struct err *e)
{
    for (uint32_t i = 0; i < x->count; i++)
        if (!db_run(tx, e, "DELETE FROM cas_dedup WHERE key = ? AND xorb_id = ?", key_of(&x->chunk[i]), db_int(xorb_id)))
            return false;
    return true;
}

/* A xorb that was collected at this moment, or that is damaged (which the log has) or doubtful, is passed over: nobody is to be told
 * of it, and uploads go on. */
static bool borrow(struct cas *c, const struct xet_hash *xorb, const struct xet_xorb_index **out, bool *found, struct err *e)
{
    *found = false;
    if (xorb_is_doubtful(c, xorb)) return true;
    *found = xorb_borrow(c, xorb, out, e);
    return *found || e->code == ERR_NOT_FOUND || e->code == ERR_IO;
}

/* Is the chunk there?  *count is how many the xorb has; 0 for no. */
static bool confirm(struct cas *c, const struct dedup_place *p, const struct xet_hash *chunk, uint32_t *count, struct err *e)
{
    const struct xet_xorb_index *x;
    bool found;
    *count = 0;
    if (!borrow(c, &p->xorb, &x, &found, e)) return false;
    if (!found) return true;
    if (p->chunk < x->count && xet_hash_eq(&x->chunk[p->chunk], chunk)) *count = x->count;
    xorb_give(c, x);
    return true;
}

static bool place_of_row(struct db_query *q, struct dedup_place *out)
{
    int64_t chunk = db_col_int(q, 1);
    out->xorb_id = db_col_int(q, 0);
    out->chunk = (uint32_t)chunk;
    return chunk >= 0 && chunk < XET_XORB_CHUNKS_MAX && col_hash(q, 2, &out->xorb);
}

bool dedup_find(struct cas *c, struct db_conn *reader, const struct xet_hash *chunk, struct dedup_place *out, size_t max,
                size_t *n, struct err *e)
{
    struct db_query q;
    bool ok = true;
    *n = 0;
    if (!db_query(reader, &q, e,
                  "SELECT d.xorb_id, d.chunk, x.hash FROM cas_dedup d JOIN cas_xorb x ON x.id = d.xorb_id"
                  " WHERE d.key = ? ORDER BY d.xorb_id DESC LIMIT ?",
                  key_of(chunk), db_int(PLACES_MAX)))
        return false;
    while (ok && *n < max && db_next(&q, e)) {
        uint32_t count;
        if (!place_of_row(&q, &out[*n])) continue;
        ok = confirm(c, &out[*n], chunk, &count, e);
        if (ok && count > 0) ++*n;
    }
    return db_end(&q) && ok;
}

/* ------------------------------------------------------------------ the key of the day */

static bool read_key(struct db_conn *c, int64_t now, struct xet_dedup_key *out, bool *found, struct err *e)
{
    struct db_query q;
    struct xet_hash master;
    if (!db_query(c, &q, e, "SELECT key, created_ms, expires_ms FROM cas_dedup_key ORDER BY id DESC LIMIT 1")) return false;
    *found = db_next(&q, e) && col_hash(&q, 0, &master);
    if (*found) {
        int64_t created = db_col_int(&q, 1), expires = db_col_int(&q, 2);
        /* One from the future was made while the clock was wrong: answers would be kept for too long. */
        *found = now < created + KEY_NEW_MS && created < now + TOUCH_EVERY_MS && now < expires;
        out->created_s = (uint64_t)created / 1000;
        out->expires_s = (uint64_t)expires / 1000;
        blake3_keyed(master.b, bytes_of(STR("told in answers to dedup queries")), out->key.b);
        blake3_keyed(master.b, bytes_of(STR("never told")), out->secret.b);
    }
    return db_end(&q);
}

static bool new_key(struct db_conn *tx, int64_t now, struct err *e)
{
    struct xet_hash master;
    random_bytes(master.b, sizeof master.b);
    return db_run(tx, e, "DELETE FROM cas_dedup_key WHERE expires_ms < ?", db_int(now)) &&
           db_run(tx, e, "INSERT INTO cas_dedup_key (key, created_ms, expires_ms) VALUES (?, ?, ?)", hash_value(&master),
                  db_int(now), db_int(now + KEY_LIFE_MS));
}

static bool key_of_today(struct cas *c, struct db_conn *reader, struct xet_dedup_key *out, struct err *e)
{
    struct db_conn *tx;
    int64_t now = clock_now_ms();
    bool found;
    if (!read_key(reader, now, out, &found, e)) return false;
    if (found) return true;
    if (!db_begin(c->db, &tx, e)) return false;
    bool ok = read_key(tx, now, out, &found, e); /* another thread may have been quicker */
    if (ok && !found) ok = new_key(tx, now, e) && read_key(tx, now, out, &found, e);
    return db_finish(c->db, tx, ok, e);
}

/* ------------------------------------------------------------------ an answer */

struct listed {
    struct xet_hash hash;
    int64_t id, touched_ms; /* id 0: not to be told of after all */
    struct chunk_set usable;
};
struct answer {
    struct arena *arena;
    struct db_conn *reader;
    int64_t user_id;
    struct listed *xorb[ANSWER_XORBS_MAX]; /* the one with the chunk first */
    uint32_t count, chunks;
    uint16_t slot[SLOTS]; /* by hash: 1 + place in xorb[] */
};

static uint16_t *slot_of(struct answer *a, const struct xet_hash *h)
{
    size_t at = xet_hash_u64(h, 0) % SLOTS;
    while (a->slot[at] && !xet_hash_eq(&a->xorb[a->slot[at] - 1]->hash, h)) at = (at + 1) % SLOTS;
    return &a->slot[at];
}

/* *out is NULL for a xorb without a row, and for one that has no room in the answer. */
static bool find_or_list(struct answer *a, const struct xet_hash *h, struct listed **out, struct err *e)
{
    struct db_query q;
    uint16_t *slot = slot_of(a, h);
    int64_t chunks = 0;
    *out = *slot ? a->xorb[*slot - 1] : NULL;
    if (*out || a->count == ANSWER_XORBS_MAX || a->chunks >= ANSWER_CHUNKS_MAX) return true;
    struct listed *x = arena_one(a->arena, struct listed);
    if (!db_query(a->reader, &q, e, "SELECT id, chunks_count, touched_ms FROM cas_xorb WHERE hash = ?", hash_value(h)))
        return false;
    if (db_next(&q, e)) {
        x->id = db_col_int(&q, 0);
        chunks = db_col_int(&q, 1);
        x->touched_ms = db_col_int(&q, 2);
    }
    if (!db_end(&q)) return false;
    if (x->id == 0 || chunks < 1 || chunks > XET_XORB_CHUNKS_MAX) return true;
    x->hash = *h;
    if (!access_begin(a->reader, x->id, (uint32_t)chunks, a->user_id, &x->usable, e)) return false;
    a->xorb[a->count++] = x;
    a->chunks += (uint32_t)chunks;
    *slot = (uint16_t)a->count;
    *out = x;
    return true;
}

/* The place of the chunk that the viewer may use: of the newest xorbs, his own before others'. */
static bool find_hit(struct cas *c, struct answer *a, const struct xet_hash *chunk, const struct cas_viewer *v,
                     struct dedup_place *hit, bool *found, struct err *e)
{
    struct db_query q;
    struct chunk_set usable;
    bool ok = true;
    *found = false;
    if (!db_query(a->reader, &q, e,
                  "SELECT p.xorb_id, p.chunk, p.hash FROM"
                  " (SELECT d.xorb_id, d.chunk, x.hash, EXISTS (SELECT 1 FROM cas_xorb_owner o"
                  "   WHERE o.xorb_id = d.xorb_id AND o.user_id = ?) AS own"
                  "  FROM cas_dedup d JOIN cas_xorb x ON x.id = d.xorb_id"
                  "  WHERE d.key = ? ORDER BY d.xorb_id DESC LIMIT ?) p"
                  " ORDER BY p.own DESC, p.xorb_id DESC LIMIT ?",
                  db_int(v->user_id), key_of(chunk), db_int(PLACES_MAX), db_int(TRIES_MAX)))
        return false;
    while (ok && !*found && db_next(&q, e)) {
        uint32_t count = 0;
        if (!place_of_row(&q, hit)) continue;
        ok = confirm(c, hit, chunk, &count, e);
        if (!ok || count == 0) continue;
        ok = access_of(c, a->reader, &hit->xorb, hit->xorb_id, count, v, &usable, e);
        if (!ok || !chunk_set_has(&usable, hit->chunk)) continue;
        struct listed *x;
        ok = find_or_list(a, &hit->xorb, &x, e);
        *found = ok && x && x->usable.count == count;
        if (*found) x->usable = usable;
    }
    return db_end(&q) && ok;
}

/* Lists the other xorbs of a file that the viewer may read, from the chunk on and round: what follows it comes first. */
static bool list_file(struct answer *a, int64_t file_id, const struct dedup_place *hit, struct err *e)
{
    struct db_query q;
    bytes terms = { NULL, 0 };
    size_t at = 0;
    if (!db_query(a->reader, &q, e, "SELECT terms FROM cas_file WHERE id = ?", db_int(file_id))) return false;
    if (db_next(&q, e)) terms = bytes_of(db_col_dup(&q, 0, a->arena));
    if (!db_end(&q)) return false;

    size_t n = terms.n / CAS_TERM_BYTES;
    for (size_t i = 0; i < n; i++) {
        struct xet_stored_term t = cas_term_load(terms.p + i * CAS_TERM_BYTES);
        if (t.first <= hit->chunk && hit->chunk < t.end && xet_hash_eq(&t.xorb, &hit->xorb)) at = i;
    }
    for (size_t i = 0; i < n; i++) {
        struct xet_stored_term t = cas_term_load(terms.p + (at + i) % n * CAS_TERM_BYTES);
        struct listed *x;
        if (!find_or_list(a, &t.xorb, &x, e)) return false;
        if (x) chunk_set_add(&x->usable, t.first, t.end);
    }
    return true;
}

static bool gather(struct cas *c, struct answer *a, const struct xet_hash *chunk, const struct cas_viewer *v, bool *found,
                   struct err *e)
{
    struct dedup_place hit;
    int64_t file_id = 0;
    bool ok = false;
    if (!db_snapshot_begin(a->reader, e)) return false;
    if (!find_hit(c, a, chunk, v, &hit, found, e)) goto done;
    ok = !*found || (access_file(a->reader, &hit.xorb, hit.xorb_id, hit.chunk, v, &file_id, e) &&
                     (file_id == 0 || list_file(a, file_id, &hit, e)));
done:
    db_snapshot_end(a->reader);
    return ok;
}

/* Makes every listed xorb young enough to outlive the answer; one that is gone meanwhile is taken off the list. */
static bool renew(struct cas *c, struct answer *a, struct err *e)
{
    struct db_conn *tx = NULL;
    int64_t now = clock_now_ms();
    bool ok = true;
    for (uint32_t i = 0; ok && i < a->count; i++) {
        struct listed *x = a->xorb[i];
        if (x->touched_ms > now - TOUCH_EVERY_MS) continue;
        if (!tx && !db_begin(c->db, &tx, e)) return false;
        ok = db_run(tx, e, "UPDATE cas_xorb SET touched_ms = ? WHERE id = ?", db_int(now), db_int(x->id));
        if (ok && db_changes(tx) == 0) x->id = 0;
    }
    return tx ? db_finish(c->db, tx, ok, e) : ok;
}

static bool write_answer(struct cas *c, const struct answer *a, const struct xet_dedup_key *key, struct buf *out,
                         bool *found, struct err *e)
{
    struct xet_dedup_xorb *xorb = arena_alloc(a->arena, sizeof *xorb * (a->count + 1));
    size_t n = 0;
    bool ok = true, there;
    for (uint32_t i = 0; i < a->count && ok; i++) {
        const struct listed *x = a->xorb[i];
        if (x->id == 0) continue;
        ok = borrow(c, &x->hash, &xorb[n].index, &there, e);
        if (!ok || !there) continue;
        xorb[n].usable = x->usable.bit;
        if (xorb[n].index->count == x->usable.count) n++;
        else xorb_give(c, xorb[n].index); /* a row that contradicts its blob: fsck's business */
    }
    *found = ok && n > 0;
    if (*found) xet_dedup_answer(out, xorb, n, key);
    for (size_t i = 0; i < n; i++) xorb_give(c, xorb[i].index);
    return ok && (!out->failed || err_set(e, ERR_TOO_LARGE, "the answer does not fit"));
}

bool cas_dedup_query(struct cas *c, const struct xet_hash *chunk, const struct cas_viewer *v, struct buf *out, bool *found,
                     struct err *e)
{
    struct arena *arena = arena_new(0);
    struct answer *a = arena_one(arena, struct answer);
    struct xet_dedup_key key;
    *a = (struct answer){ .arena = arena, .reader = db_reader(c->db), .user_id = v->user_id };
    *found = false;
    bool ok = gather(c, a, chunk, v, found, e) &&
              (!*found || (key_of_today(c, a->reader, &key, e) && renew(c, a, e) && write_answer(c, a, &key, out, found, e)));
    db_give(c->db, a->reader);
    arena_free(arena);
    return ok;
}
