/* cas/cas.c - see cas/cas.h.  Opening and closing; the rows of objects.
 *
 * An object is a row of cas_object and a file in xorbs; until it is converted, a row and a whole blob.  Blobs first when
 * they come, rows first when they go: so a row always has what it needs, and a crash leaves at most a blob without a row,
 * a "stray", which collection takes after the grace time.  Reading does not ask who may: whether a caller may name an
 * object was decided above, from rows that refer to it. */
#include "cas/cas_priv.h"


#include "base/arena.h"
#include "base/clock.h"
#include "base/machine.h"
#include "base/os.h"
#include "cas/xorb_priv.h"

/* Writers mostly wait for the disk; two would keep one busy, a few more keep an array busy. */
enum { WRITE_THREADS = 4, WRITE_QUEUE = 256, WORK_QUEUE = 1024, TOUCH_EVERY_MS = 60 * 1000 };

bool cas_open(struct store *store, struct db *db, struct cas **out, struct err *e)
{
    struct cas *c = mem_one(struct cas);
    c->store = store;
    c->db = db;
    snprintf(c->uploads_dir, sizeof c->uploads_dir, "%s/uploads", store_tmp_dir(store));
    if (!os_mkdirs(c->uploads_dir, e) || !os_sync_dir(store_tmp_dir(store), e)) {
        mem_free(c);
        return false;
    }
    size_t processors = machine_now().processors;
    c->pool = pool_new("cas-write", WRITE_THREADS, WRITE_QUEUE);
    c->work = pool_new("cas-work", processors > 2 ? processors : 2, WORK_QUEUE);
    c->xorbs = xorb_table_new();
    c->seen = xorb_seen_new();
    must(pthread_mutex_init(&c->replace_lock, NULL) == 0);
    *out = c;
    return true;
}

void cas_close(struct cas *c)
{
    if (!c) return;
    pool_free(c->work);
    pool_free(c->pool);
    xorb_table_free(c->xorbs);
    xorb_seen_free(c->seen);
    pthread_mutex_destroy(&c->replace_lock);
    mem_free(c);
}

bool cas_room(struct cas *c, uint64_t size_bytes, struct err *e)
{
    uint64_t bytes_free;
    if (!os_disk_free(c->uploads_dir, &bytes_free, e)) return false;
    return size_bytes <= bytes_free ||
           err_set(e, ERR_NO_SPACE, "%llu bytes do not fit: the server's disk has %llu left",
                   (unsigned long long)size_bytes, (unsigned long long)bytes_free);
}

str cas_name(const struct sha256 *sha256, char out[CAS_NAME_MAX])
{
    char hex[SHA256_HEX + 1];
    hex_encode((bytes){ sha256->b, SHA256_BYTES }, hex);
    int n = snprintf(out, CAS_NAME_MAX, "sha256/%.2s/%s", hex, hex);
    return str_n(out, (size_t)n);
}

bool cas_name_parse(str name, struct sha256 *out)
{
    str folder = STR("sha256/ab/");
    char again[CAS_NAME_MAX];
    return str_starts(name, str_to(folder, 7)) && sha256_parse(str_from(name, folder.n), out) &&
           str_eq(cas_name(out, again), name);
}

/* ------------------------------------------------------------------ rows */

bool cas_end_upload(struct db_conn *tx, str upload_id, struct err *e)
{
    if (upload_id.n == 0) return true;
    return db_run(tx, e, "DELETE FROM cas_upload WHERE id = ?", db_text(upload_id)) &&
           (db_changes(tx) == 1 || err_set(e, ERR_NOT_FOUND, "this upload is over; ask for a new one"));
}

static bool read_row(struct db_conn *c, const struct sha256 *sha256, struct cas_object *out, int64_t *touched_ms,
                     bool *found, struct err *e)
{
    struct db_query q;
    if (!db_query(c, &q, e, "SELECT size_bytes, created_ms, touched_ms FROM cas_object WHERE sha256 = ?", db_sha256(sha256)))
        return false;
    *found = db_next(&q, e);
    if (*found) {
        *out = (struct cas_object){ *sha256, (uint64_t)db_col_int(&q, 0), db_col_int(&q, 1) };
        *touched_ms = db_col_int(&q, 2);
    }
    return db_end(&q);
}

/* If not, or if that cannot be found out, sending the object again mends it. */
static bool is_readable(struct cas *c, const struct sha256 *sha256)
{
    struct arena *a = arena_new(0);
    struct cas_file f;
    struct err ignored;
    bool found, yes = cas_file_of(c, sha256, a, &f, &found, &ignored) && found && file_is_readable(c, &f);
    arena_free(a);
    return yes;
}

bool cas_is_doubtful(struct cas *c, const struct sha256 *sha256, bool *yes, struct err *e)
{
    struct db_conn *reader = db_reader(c->db);
    bool ok = object_is_doubtful(c, reader, sha256, yes, e);
    db_give(c->db, reader);
    return ok;
}

bool cas_renew(struct cas *c, const struct sha256 *sha256, uint64_t size_bytes, str upload_id, struct cas_object *out,
               bool *there, struct err *e)
{
    struct db_conn *tx;
    *there = false;
    if (!cas_find(c, sha256, out, there, e)) return false; /* a reader's look first: most uploads are new */
    *there = *there && is_readable(c, sha256);
    if (!*there) return true;
    if (!db_begin(c->db, &tx, e)) return false;
    if (!db_run(tx, e, "UPDATE cas_object SET touched_ms = ? WHERE sha256 = ? AND size_bytes = ? AND xet_hash IS NOT NULL",
                db_int(clock_now_ms()), db_sha256(sha256), db_int((int64_t)size_bytes)))
        goto failed;
    *there = db_changes(tx) == 1;
    if (!*there) {
        db_rollback(c->db, tx);
        return true;
    }
    if (!cas_end_upload(tx, upload_id, e)) goto failed;
    return db_commit(c->db, tx, e);
failed:
    db_rollback(c->db, tx);
    return false;
}

bool cas_find(struct cas *c, const struct sha256 *sha256, struct cas_object *out, bool *found, struct err *e)
{
    int64_t touched;
    struct db_conn *reader = db_reader(c->db);
    bool ok = read_row(reader, sha256, out, &touched, found, e);
    db_give(c->db, reader);
    return ok;
}

bool cas_touch(struct cas *c, const struct sha256 *sha256, struct err *e)
{
    struct cas_object object;
    struct db_conn *tx, *reader = db_reader(c->db);
    int64_t touched = 0, now = clock_now_ms();
    bool found, ok = read_row(reader, sha256, &object, &touched, &found, e);
    db_give(c->db, reader);
    if (!ok) return false;
    if (found && now - touched < TOUCH_EVERY_MS) return true;
    if (!found || !db_begin(c->db, &tx, e)) return found ? false : err_set(e, ERR_NOT_FOUND, "there is no such object");
    if (!db_run(tx, e, "UPDATE cas_object SET touched_ms = ? WHERE sha256 = ?", db_int(now), db_sha256(sha256))) {
        db_rollback(c->db, tx);
        return false;
    }
    if (db_changes(tx) == 1) return db_commit(c->db, tx, e);
    db_rollback(c->db, tx);
    return err_set(e, ERR_NOT_FOUND, "the object was collected");
}
