/* cas/xorb.c - xorbs as blobs of the store and rows of cas_xorb.
 *
 * A xorb's blob is its frames and a version 1 footer, so it describes itself.  One name stands for the same chunks
 * whoever compressed them, but their frames may differ in length, and terms of files remember where frames lie.
 * Invariants:
 *  1. A sound blob is never replaced: of two uploads at once, the first one's bytes stay, and the other's go.  A
 * damaged one is replaced by the next upload, and the terms follow.
 *  2. Blob first, row second; row first when it goes.  So a row always has its blob. */
#include "cas/xorb_priv.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

str xorb_name(const struct xet_hash *hash, char out[CAS_NAME_MAX])
{
    char hex[XET_HASH_HEX + 1];
    xet_hash_hex(hash, hex);
    int n = snprintf(out, CAS_NAME_MAX, "xorb/%.2s/%s", hex, hex);
    return str_n(out, (size_t)n);
}

bool xorb_name_parse(str name, struct xet_hash *out)
{
    str folder = STR("xorb/ab/");
    char again[CAS_NAME_MAX];
    return str_starts(name, str_to(folder, 5)) && xet_hash_parse(str_from(name, folder.n), out) &&
           str_eq(xorb_name(out, again), name);
}

bool xorb_damaged(const struct xet_hash *hash, const char *why, struct err *e)
{
    char hex[XET_HASH_HEX + 1];
    xet_hash_hex(hash, hex);
    log_error("xorb.damaged", "xorb=%s why=\"%s\"", hex, why);
    return err_set(e, ERR_IO, "the stored xorb %s is damaged: %s; restore its file from a backup", hex, why);
}

/* ------------------------------------------------------------------ publishing */

static bool write_footer(int fd, const struct xet_xorb_index *x, struct err *e)
{
    struct buf footer = BUF_INIT(XET_FOOTER_BYTES_MAX);
    xet_footer_put(&footer, x);
    bool ok = (!footer.failed || err_set(e, ERR_INTERNAL, "no memory for the footer of a xorb")) &&
              os_pwrite(fd, bytes_of(buf_str(&footer)), xorb_frames_bytes(x), e) &&
              os_set_size(fd, xorb_file_bytes(x), e);
    buf_deinit(&footer);
    return ok;
}

/* Does the name stand for a sound blob?  One that vanished is none, and no error. */
static bool is_sound(struct cas *c, const struct xet_hash *hash, bool *yes, bool *damaged, struct err *e)
{
    int fd;
    uint64_t frames_bytes;
    *yes = cas_xorb_open(c, hash, &fd, &frames_bytes, e);
    *damaged = !*yes && e->code == ERR_IO;
    if (*yes) close(fd);
    return *yes || *damaged || e->code == ERR_NOT_FOUND;
}

/* The name is taken: by a sound blob, which stays; or by a damaged one, which ours replaces (w is gone then).  One that
 * vanishes meanwhile is neither.  All of it is read to find out, whatever was found before: a chunk may go bad under a
 * footer and a date that stay, and whoever sends it again may do so because of that. */
static bool keep_or_replace(struct cas *c, struct store_writer *w, const struct xet_hash *hash, str name, bool *replaced,
                            struct err *e)
{
    bool sound, damaged;
    *replaced = false;
    xorb_look_again(c, hash);
    bool ok = is_sound(c, hash, &sound, &damaged, e);
    if (ok && damaged) {
        pthread_mutex_lock(&c->replace_lock); /* of several that see it at once the first one replaces it */
        ok = is_sound(c, hash, &sound, &damaged, e);
        if (ok && damaged) {
            log_warn("xorb.replaced", "blob=%.*s", STR_ARG(name));
            ok = *replaced = store_write_publish(c->store, w, name, e);
        }
        pthread_mutex_unlock(&c->replace_lock);
    }
    return ok && (!sound || store_settle(c->store, name, e)); /* its publisher may not have come so far yet */
}

bool xorb_publish(struct cas *c, struct store_writer *w, const struct xet_xorb_index *x,
                  const struct xet_xorb_index **stored, struct err *e)
{
    enum { TRIES = 3 };
    char text[CAS_NAME_MAX];
    str name = xorb_name(&x->hash, text);
    bool was_there = false, replaced = false, ok = false, again = write_footer(w->tmp.fd, x, e);
    for (int i = 0; again && i < TRIES; i++) {
        if (!store_write_publish_new(c->store, w, name, &was_there, e)) break;
        if (was_there && !keep_or_replace(c, w, &x->hash, name, &replaced, e)) break;
        if (!was_there || replaced) xorb_doubt_no_more(c, &x->hash);
        ok = xorb_borrow(c, &x->hash, stored, e);
        again =
            !ok && was_there && e->code == ERR_NOT_FOUND; /* collected between two looks: its name is free for ours */
    }
    store_write_discard(w);
    if (!ok && e->code == ERR_NOT_FOUND)
        err_set(e, ERR_BUSY, "the xorb was collected at the very moment of its upload; send it again");
    return ok;
}

/* ------------------------------------------------------------------ rows */

static bool own(struct db_conn *tx, int64_t id, int64_t user_id, bool *was_new, struct err *e)
{
    if (was_new) *was_new = true;
    if (user_id == 0) return true;
    if (!db_run(tx, e, "INSERT INTO cas_xorb_owner (xorb_id, user_id) VALUES (?, ?) ON CONFLICT DO NOTHING", db_int(id),
                db_int(user_id)))
        return false;
    if (was_new) *was_new = db_changes(tx) == 1;
    return true;
}

/* The row of a name, if there is one; else *id is 0. */
static bool find_row(struct db_conn *tx, struct db_value hash, int64_t *id, int64_t *frames_bytes, struct err *e)
{
    struct db_query q;
    *id = *frames_bytes = 0;
    if (!db_query(tx, &q, e, "SELECT id, stored_bytes FROM cas_xorb WHERE hash = ?", hash)) return false;
    if (db_next(&q, e)) {
        *id = db_col_int(&q, 0);
        *frames_bytes = db_col_int(&q, 1);
    }
    return db_end(&q);
}

bool xorb_enter(struct cas *c, struct db_conn *tx, const struct xet_xorb_index *stored, int64_t user_id, int64_t *id,
                bool *was_new, struct err *e)
{
    char name[CAS_NAME_MAX];
    uint64_t size = 0;
    int64_t modified, were_bytes, now = clock_now_ms();
    bool found;
    struct db_value hash = hash_value(&stored->hash);
    if (!store_find(c->store, xorb_name(&stored->hash, name), &size, &modified, &found, e)) return false;
    if (!found || size != xorb_file_bytes(stored))
        return err_set(e, ERR_BUSY, "the xorb was collected at the very moment of its upload; send it again");
    if (!find_row(tx, hash, id, &were_bytes, e) ||
        (*id != 0 && !files_follow(tx, *id, stored, were_bytes != xorb_frames_bytes(stored), e)) ||
        !db_run(tx, e,
                "INSERT INTO cas_xorb (hash, chunks_count, raw_bytes, stored_bytes, created_ms, touched_ms)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (hash) DO UPDATE"
                " SET stored_bytes = excluded.stored_bytes, touched_ms = excluded.touched_ms",
                hash, db_int(stored->count), db_int(xet_raw_at(stored, stored->count)),
                db_int(xorb_frames_bytes(stored)), db_int(now), db_int(now)))
        return false;
    if (*id == 0) *id = db_last_id(tx);
    return own(tx, *id, user_id, was_new, e);
}

bool cas_xorb_find(struct cas *c, const struct xet_hash *hash, const struct cas_viewer *v, bool *found, struct err *e)
{
    struct db_query q;
    struct chunk_set *may = mem_one(struct chunk_set);
    struct db_conn *reader = db_reader(c->db);
    int64_t id = 0, count = 0;
    bool ok = db_query(reader, &q, e, "SELECT id, chunks_count FROM cas_xorb WHERE hash = ?", hash_value(hash));
    *found = false;
    if (ok && db_next(&q, e)) {
        id = db_col_int(&q, 0);
        count = db_col_int(&q, 1);
    }
    ok = ok && db_end(&q);
    if (ok && id != 0) {
        must(count > 0 && count <= XET_XORB_CHUNKS_MAX);
        ok = access_of(c, reader, hash, id, (uint32_t)count, v, may, e);
        *found = ok;
        for (uint32_t i = 0; *found && i < (uint32_t)count; i++) *found = chunk_set_has(may, i);
    }
    db_give(c->db, reader);
    mem_free(may);
    return ok;
}
