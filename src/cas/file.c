/* cas/file.c - files as lists of terms: the rows cas_file and cas_file_xorb.
 *
 * A term as stored, 52 bytes: hash of the xorb (32), first chunk, end chunk, raw bytes, stored at, stored end (u32
 * each, little-endian).  The offsets could be had from the xorb's index; they stand here so that the plan for a file of
 * a thousand xorbs is made from one row.
 *
 * Invariants: the terms' lengths add up to size_bytes; every xorb that a term names has its row in cas_file_xorb, and
 * so is not collected; a row was entered only after the file had been read once and had this SHA-256. */
#include <stdlib.h>

#include "base/ckd.h"
#include "base/clock.h"
#include "cas/xorb_priv.h"
#include "xet/little.h"

/* ------------------------------------------------------------------ packed terms */

struct xet_stored_term cas_term_load(const uint8_t packed[CAS_TERM_BYTES])
{
    struct xet_stored_term t = { .first = little32(packed + 32),
                                 .end = little32(packed + 36),
                                 .raw_bytes = little32(packed + 40),
                                 .stored_at = little32(packed + 44),
                                 .stored_end = little32(packed + 48) };
    memcpy(t.xorb.b, packed, XET_HASH_BYTES);
    return t;
}

static void pack_term(const struct xet_stored_term *t, uint8_t out[CAS_TERM_BYTES])
{
    memcpy(out, t->xorb.b, XET_HASH_BYTES);
    little32_put(out + 32, t->first);
    little32_put(out + 36, t->end);
    little32_put(out + 40, t->raw_bytes);
    little32_put(out + 44, t->stored_at);
    little32_put(out + 48, t->stored_end);
}

/* What the file lacks to be one, or NULL. */
static const char *flaw_of(const struct cas_file *f)
{
    uint64_t total = 0;
    for (size_t i = 0; i < f->terms_count; i++) {
        const struct xet_stored_term *t = &f->term[i];
        if (t->first >= t->end || t->end > XET_XORB_CHUNKS_MAX || t->stored_at >= t->stored_end || t->raw_bytes == 0)
            return "a term is empty";
        total += t->raw_bytes; /* 2^20 terms of 2^32 bytes do not overflow */
    }
    return total == f->size_bytes ? NULL : "the terms do not add up to its size";
}

static bool unpack(bytes b, struct arena *a, struct cas_file *f, struct err *e)
{
    const char *flaw = "a term is cut short";
    f->terms_count = b.n / CAS_TERM_BYTES;
    struct xet_stored_term *t = arena_try_array(a, f->terms_count + 1, sizeof *t);
    if (!t) return err_set(e, ERR_TOO_LARGE, "no memory for the %zu terms of a file", f->terms_count);
    for (size_t i = 0; i < f->terms_count; i++) t[i] = cas_term_load(b.p + i * CAS_TERM_BYTES);
    f->term = t;
    if (b.n % CAS_TERM_BYTES == 0) flaw = b.n / CAS_TERM_BYTES <= CAS_TERMS_MAX ? flaw_of(f) : "too many terms";
    if (!flaw) return true;
    char hex[XET_HASH_HEX + 1];
    xet_hash_hex(&f->hash, hex);
    return err_set(e, ERR_INTERNAL, "the row of file %s is damaged: %s", hex, flaw);
}

/* ------------------------------------------------------------------ reading */

static bool file_by_hash(struct db_conn *c, const struct xet_hash *hash, struct arena *a, struct cas_file *out, bool *found,
                         struct err *e)
{
    struct db_query q;
    bool ok = true;
    *out = (struct cas_file){ .hash = *hash };
    if (!db_query(c, &q, e, "SELECT sha256, size_bytes, terms FROM cas_file WHERE hash = ?", hash_value(hash)))
        return false;
    *found = db_next(&q, e);
    if (*found) {
        out->size_bytes = (uint64_t)db_col_int(&q, 1);
        ok = db_col_sha256(&q, 0, &out->sha256) || err_set(e, ERR_INTERNAL, "a row of cas_file has no SHA-256");
        ok = ok && unpack(db_col_blob(&q, 2), a, out, e);
    }
    return db_end(&q) && ok;
}

bool cas_file_find(struct cas *c, const struct xet_hash *hash, struct arena *a, struct cas_file *out, bool *found,
                   struct err *e)
{
    struct db_conn *reader = db_reader(c->db);
    bool ok = file_by_hash(reader, hash, a, out, found, e);
    db_give(c->db, reader);
    return ok;
}

bool cas_file_named(struct db_conn *c, const struct xet_hash *hash, struct cas_object *out, bool *found, struct err *e)
{
    struct db_query q;
    *out = (struct cas_object){ 0 };
    if (!db_query(c, &q, e, "SELECT sha256, size_bytes, created_ms FROM cas_file WHERE hash = ?", hash_value(hash))) return false;
    *found = db_next(&q, e);
    if (*found) {
        *found = db_col_sha256(&q, 0, &out->sha256);
        out->size_bytes = (uint64_t)db_col_int(&q, 1);
        out->created_ms = db_col_int(&q, 2);
    }
    return db_end(&q);
}

/* The hash that the object's row names; the empty file's too. */
static bool hash_of_object(struct db_conn *c, const struct sha256 *sha256, struct xet_hash *out, bool *found,
                           struct err *e)
{
    struct db_query q;
    if (!db_query(c, &q, e, "SELECT xet_hash FROM cas_object WHERE sha256 = ? AND xet_hash IS NOT NULL", db_sha256(sha256)))
        return false;
    *found = db_next(&q, e) && col_hash(&q, 0, out);
    return db_end(&q);
}

bool cas_file_of(struct cas *c, const struct sha256 *sha256, struct arena *a, struct cas_file *out, bool *found,
                 struct err *e)
{
    struct xet_hash hash;
    struct db_conn *reader = db_reader(c->db);
    bool ok = db_snapshot_begin(reader, e);
    if (ok) {
        ok = hash_of_object(reader, sha256, &hash, found, e) &&
             (!*found || file_by_hash(reader, &hash, a, out, found, e));
        db_snapshot_end(reader);
    }
    db_give(c->db, reader);
    return ok;
}

bool cas_file_hash_of(struct db_conn *c, const struct sha256 *sha256, struct xet_hash *out, bool *found, struct err *e)
{
    if (!hash_of_object(c, sha256, out, found, e)) return false;
    *found = *found && !xet_hash_is_zero(out);
    return true;
}

/* ------------------------------------------------------------------ entering */

static int by_xorb(const void *a, const void *b)
{
    return xet_hash_cmp(*(const struct xet_hash *const *)a, *(const struct xet_hash *const *)b);
}

/* A row per xorb that the file needs. */
static bool enter_xorbs(struct db_conn *tx, int64_t file_id, const struct cas_file *f, struct err *e)
{
    const struct xet_hash **xorb = mem_alloc((f->terms_count + 1) * sizeof *xorb);
    bool ok = true;
    for (size_t i = 0; i < f->terms_count; i++) xorb[i] = &f->term[i].xorb;
    if (f->terms_count > 0) qsort(xorb, f->terms_count, sizeof *xorb, by_xorb);
    for (size_t i = 0; ok && i < f->terms_count; i++) {
        int64_t id = 0;
        if (i > 0 && xet_hash_eq(xorb[i], xorb[i - 1])) continue;
        ok = db_get_int(tx, &id, 0, e, "SELECT id FROM cas_xorb WHERE hash = ?", hash_value(xorb[i]));
        if (ok && id == 0) ok = err_set(e, ERR_BUSY, "a xorb of the file was collected meanwhile; send it again");
        ok = ok &&
             db_run(tx, e, "INSERT INTO cas_file_xorb (file_id, xorb_id) VALUES (?, ?)", db_int(file_id), db_int(id));
    }
    mem_free(xorb);
    return ok;
}

/* Is there a row?  Equal chunks make equal bytes, so it has the same SHA-256. */
static bool known(struct db_conn *tx, const struct cas_file *f, int64_t *id, struct err *e)
{
    struct db_query q;
    bool same = true;
    *id = 0;
    if (!db_query(tx, &q, e, "SELECT id, sha256 FROM cas_file WHERE hash = ?", hash_value(&f->hash))) return false;
    if (db_next(&q, e)) {
        *id = db_col_int(&q, 0);
        same = str_eq(str_of(db_col_blob(&q, 1)), str_n((const char *)f->sha256.b, SHA256_BYTES));
    }
    return db_end(&q) && (same || err_set(e, ERR_INTERNAL, "a file is in the tables under another SHA-256"));
}

bool file_is_doubtful(struct cas *c, struct db_conn *reader, const struct xet_hash *hash, bool *yes, struct err *e)
{
    struct cas_file f;
    bool found;
    *yes = false;
    if (!xorb_any_doubtful(c)) return true;
    struct arena *a = arena_new(0);
    bool ok = file_by_hash(reader, hash, a, &f, &found, e);
    for (size_t i = 0; ok && found && !*yes && i < f.terms_count; i++) *yes = xorb_is_doubtful(c, &f.term[i].xorb);
    arena_free(a);
    return ok;
}

bool object_is_doubtful(struct cas *c, struct db_conn *reader, const struct sha256 *sha256, bool *yes, struct err *e)
{
    struct xet_hash hash;
    bool found;
    *yes = false;
    if (!xorb_any_doubtful(c)) return true;
    return hash_of_object(reader, sha256, &hash, &found, e) && (!found || file_is_doubtful(c, reader, &hash, yes, e));
}

/* Rows cas_file and cas_file_xorb.  Known already: nothing happens.  The object's row must be there.  A xorb that was
 * collected meanwhile is ERR_BUSY.  *id is the file's row. */
static bool file_enter(struct db_conn *tx, const struct cas_file *f, int64_t *id, struct err *e)
{
    size_t n;
    must(!flaw_of(f)); /* whoever made it has read it */
    if (f->terms_count > CAS_TERMS_MAX || ckd_mul(&n, f->terms_count, (size_t)CAS_TERM_BYTES))
        return err_set(e, ERR_TOO_LARGE, "a file of %zu terms; at most %d are kept", f->terms_count, CAS_TERMS_MAX);
    if (!known(tx, f, id, e)) return false;
    if (*id != 0) return true;
    uint8_t *terms = mem_alloc(n + 1);
    for (size_t i = 0; i < f->terms_count; i++) pack_term(&f->term[i], terms + i * CAS_TERM_BYTES);
    bool ok = db_run(tx, e, "INSERT INTO cas_file (hash, sha256, size_bytes, created_ms, terms) VALUES (?, ?, ?, ?, ?)",
                     hash_value(&f->hash), db_sha256(&f->sha256), db_int((int64_t)f->size_bytes),
                     db_int(clock_now_ms()), db_blob((bytes){ terms, n }));
    mem_free(terms);
    if (!ok) return false;
    *id = db_last_id(tx);
    return enter_xorbs(tx, *id, f, e);
}

bool file_enter_object(struct db_conn *tx, const struct cas_file *f, struct cas_object *out, struct err *e)
{
    int64_t id, now = clock_now_ms();
    if (!db_run(tx, e,
                "INSERT INTO cas_object (sha256, size_bytes, created_ms, touched_ms, xet_hash) VALUES (?1, ?2, ?3, ?3, ?4)"
                " ON CONFLICT (sha256) DO UPDATE SET touched_ms = excluded.touched_ms, xet_hash = CASE WHEN EXISTS"
                " (SELECT 1 FROM cas_file WHERE hash = cas_object.xet_hash) THEN cas_object.xet_hash ELSE excluded.xet_hash END",
                db_sha256(&f->sha256), db_int((int64_t)f->size_bytes), db_int(now), hash_value(&f->hash)) ||
        !file_enter(tx, f, &id, e))
        return false;
    *out = (struct cas_object){ .sha256 = f->sha256, .size_bytes = f->size_bytes };
    return db_get_int(tx, &out->created_ms, now, e, "SELECT created_ms FROM cas_object WHERE sha256 = ?", db_sha256(&f->sha256));
}

/* ------------------------------------------------------------------ what cannot be read */

bool file_is_readable(struct cas *c, const struct cas_file *f)
{
    const struct xet_xorb_index *x = NULL;
    struct err ignored;
    bool yes = true;
    for (size_t i = 0; yes && i < f->terms_count; i++) {
        const struct xet_stored_term *t = &f->term[i];
        if (!x || !xet_hash_eq(&x->hash, &t->xorb)) {
            xorb_give(c, x);
            x = NULL;
            yes = !xorb_is_doubtful(c, &t->xorb) && xorb_borrow(c, &t->xorb, &x, &ignored);
        }
        yes = yes && xorb_has_term(x, t);
    }
    xorb_give(c, x);
    return yes;
}

/* The object's next file, behind *id. */
static bool next_file(struct db_conn *tx, const struct sha256 *sha256, int64_t *id, struct xet_hash *hash, bool *found, struct err *e)
{
    struct db_query q;
    if (!db_query(tx, &q, e, "SELECT id, hash FROM cas_file WHERE sha256 = ? AND id > ? ORDER BY id LIMIT 1", db_sha256(sha256), db_int(*id)))
        return false;
    *found = db_next(&q, e);
    if (*found) {
        *id = db_col_int(&q, 0);
        (void)col_hash(&q, 1, hash);
    }
    return db_end(&q);
}

bool files_drop_unreadable(struct cas *c, struct db_conn *tx, const struct sha256 *sha256, struct err *e)
{
    struct arena *a = arena_new(0);
    struct xet_hash hash = { { 0 } };
    int64_t id = 0;
    bool ok, found;
    while ((ok = next_file(tx, sha256, &id, &hash, &found, e)) && found) {
        struct cas_file f;
        arena_reset(a);
        bool there, makes_sense = file_by_hash(tx, &hash, a, &f, &there, e);
        if (!makes_sense && e->code != ERR_INTERNAL) break;
        if (makes_sense && there && file_is_readable(c, &f)) continue;
        if (!db_run(tx, e, "DELETE FROM cas_file WHERE id = ?", db_int(id))) break;
    }
    arena_free(a);
    return ok && !found;
}

/* ------------------------------------------------------------------ xorbs that moved */

/* Corrects the offsets of a file's terms in this xorb; *moved: there was something to correct. */
static bool follow(struct db_conn *tx, int64_t file_id, bytes terms, const struct xet_xorb_index *stored, bool *moved,
                   struct err *e)
{
    uint8_t *copy = mem_alloc(terms.n + 1);
    bool ok = true;
    *moved = false;
    if (terms.n > 0) memcpy(copy, terms.p, terms.n);
    for (size_t at = 0; at + CAS_TERM_BYTES <= terms.n; at += CAS_TERM_BYTES) {
        struct xet_stored_term t = cas_term_load(copy + at);
        if (!xet_hash_eq(&t.xorb, &stored->hash) || t.first >= t.end || t.end > stored->count) continue;
        struct xet_stored_term now = xet_stored_term(stored, t.first, t.end);
        *moved = *moved || now.stored_at != t.stored_at || now.stored_end != t.stored_end;
        pack_term(&now, copy + at);
    }
    if (*moved)
        ok = db_run(tx, e, "UPDATE cas_file SET terms = ? WHERE id = ?", db_blob((bytes){ copy, terms.n }),
                    db_int(file_id));
    mem_free(copy);
    return ok;
}

bool files_follow(struct db_conn *tx, int64_t xorb_id, const struct xet_xorb_index *stored, bool has_moved, struct err *e)
{
    struct db_query q;
    bool ok = true, moved = true;
    if (!db_query(tx, &q, e,
                  "SELECT f.id, f.terms FROM cas_file_xorb x JOIN cas_file f ON f.id = x.file_id WHERE x.xorb_id = ?",
                  db_int(xorb_id)))
        return false;
    while (ok && (moved || has_moved) && db_next(&q, e)) /* else, when one is right, so are the others */
        ok = follow(tx, db_col_int(&q, 0), db_col_blob(&q, 1), stored, &moved, e);
    return db_end(&q) && ok;
}
