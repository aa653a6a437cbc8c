/* cas/upload.c - one object in parts, in any order and at once, over restarts.
 *
 * On disk an upload is a row of cas_upload and two files under tmp/uploads/:
 *   <id>        the content, each part at its place; the space of a part is reserved when it begins
 *   <id>.parts  16 bytes for each part: its etag, or zeros while the part is not there
 *
 * Invariants:
 *  1. An etag is written after the part's bytes are on disk, and zeroed, on disk, before the part is
 *     written again.  So parts with an etag are whole whenever we look, after a crash too.
 *  2. Whoever writes a part holds a shared lock on <id>, whoever completes an exclusive one, and both then
 *     look whether the name still means this file.  So nobody writes into a file that is being packed.
 *  3. What is published was hashed from the first to the last byte.
 *  4. The row of an upload goes before its files do, and when it is completed in the transaction that enters the object.
 *     So files without a row are nobody's. */
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/os.h"
#include "cas/pack_priv.h"
#include "cas/sink_priv.h"

enum { ETAG_BYTES = 16, COMPLETE_WAIT_MS = 10 * 1000 };
static const uint64_t part_bytes_min = 64u << 20, mebibyte = 1 << 20;
static const int64_t upload_lives_ms = (int64_t)7 * 24 * 3600 * 1000, resume_margin_ms = 3600 * 1000;

/* Of its two files. */
static void upload_paths(const struct cas *c, str id, char data[512], char parts[512])
{
    snprintf(data, 512, "%s/%.*s", c->uploads_dir, STR_ARG(id));
    snprintf(parts, 512, "%s/%.*s.parts", c->uploads_dir, STR_ARG(id));
}

static uint64_t part_size(const struct cas_upload *u, uint64_t number)
{
    uint64_t at = (number - 1) * u->part_bytes;
    return u->size_bytes - at < u->part_bytes ? u->size_bytes - at : u->part_bytes;
}

/* ------------------------------------------------------------------ beginning and finding */

static bool read_upload(struct db_query *q, struct cas_upload *out, bool *found, struct err *e)
{
    *found = db_next(q, e);
    if (!*found) return db_end(q);
    str id = db_col_text(q, 0);
    *out = (struct cas_upload){ .repo_id = db_col_int(q, 1),
                                .user_id = db_col_int(q, 2),
                                .size_bytes = (uint64_t)db_col_int(q, 4),
                                .part_bytes = (uint64_t)db_col_int(q, 5),
                                .expires_ms = db_col_int(q, 6) };
    if (id.n != 32 || !db_col_sha256(q, 3, &out->sha256) || out->part_bytes == 0 || out->size_bytes == 0) {
        (void)db_end(q);
        return err_set(e, ERR_INTERNAL, "a row of cas_upload is malformed; run `hearth fsck`");
    }
    memcpy(out->id, id.p, id.n);
    out->parts_count = (out->size_bytes - 1) / out->part_bytes + 1;
    return db_end(q);
}

#define UPLOAD_COLUMNS "id, repo_id, coalesce(user_id, 0), sha256, size_bytes, part_bytes, expires_ms"

bool cas_upload_find(struct cas *c, str id, struct cas_upload *out, bool *found, struct err *e)
{
    struct db_query q;
    struct db_conn *reader = db_reader(c->db);
    bool ok = db_query(reader, &q, e, "SELECT " UPLOAD_COLUMNS " FROM cas_upload WHERE id = ? AND expires_ms > ?",
                       db_text(id), db_int(clock_now_ms())) &&
              read_upload(&q, out, found, e);
    db_give(c->db, reader);
    return ok;
}

static bool find_resumable(struct cas *c, int64_t repo_id, int64_t user_id, const struct sha256 *sha256,
                           uint64_t size_bytes, struct cas_upload *out, bool *found, struct err *e)
{
    struct db_query q;
    char data[512], parts[512];
    struct db_conn *reader = db_reader(c->db);
    bool ok = db_query(reader, &q, e,
                       "SELECT " UPLOAD_COLUMNS " FROM cas_upload WHERE repo_id = ? AND coalesce(user_id, 0) = ?"
                       " AND sha256 = ? AND size_bytes = ? AND expires_ms > ? ORDER BY created_ms DESC LIMIT 1",
                       db_int(repo_id), db_int(user_id), db_sha256(sha256),
                       db_int((int64_t)size_bytes), db_int(clock_now_ms() + resume_margin_ms)) &&
              read_upload(&q, out, found, e);
    db_give(c->db, reader);
    if (!ok || !*found) return ok;
    upload_paths(c, str_c(out->id), data, parts);
    return os_stat(data, NULL, NULL, found, e) && (!*found || os_stat(parts, NULL, NULL, found, e));
}

static bool make_file(const char *path, uint64_t size_bytes, struct err *e)
{
    int fd = -1;
    if (!os_create(path, &fd, e)) return false;
    bool ok = os_set_size(fd, size_bytes, e) && os_sync(fd, e);
    close(fd);
    return ok;
}

static bool make_files(const struct cas *c, const struct cas_upload *u, struct err *e)
{
    char data[512], parts[512];
    struct err ignored;
    upload_paths(c, str_c(u->id), data, parts);
    if (make_file(data, u->size_bytes, e) && make_file(parts, u->parts_count * ETAG_BYTES, e) &&
        os_sync_dir(c->uploads_dir, e))
        return true;
    (void)os_remove(data, &ignored); /* else collection finds them: no row names them */
    (void)os_remove(parts, &ignored);
    return false;
}

bool cas_upload_create(struct cas *c, int64_t repo_id, int64_t user_id, const struct sha256 *sha256, uint64_t size_bytes,
                       struct cas_upload *out, struct err *e)
{
    struct db_conn *tx;
    bool found;
    int64_t now = clock_now_ms();
    if (size_bytes == 0 || size_bytes > INT64_MAX / 2)
        return err_set(e, ERR_INVALID, "%llu bytes cannot be uploaded in parts", (unsigned long long)size_bytes);
    if (!find_resumable(c, repo_id, user_id, sha256, size_bytes, out, &found, e)) return false;
    if (found) return true;
    if (!cas_room(c, size_bytes, e)) return false;

    uint64_t part_bytes = (size_bytes / CAS_PARTS_MAX / mebibyte + 1) * mebibyte; /* a whole number of direct blocks */
    if (part_bytes < part_bytes_min) part_bytes = part_bytes_min;
    *out = (struct cas_upload){ .sha256 = *sha256, .size_bytes = size_bytes, .part_bytes = part_bytes,
                                .parts_count = (size_bytes - 1) / part_bytes + 1, .repo_id = repo_id,
                                .user_id = user_id, .expires_ms = now + upload_lives_ms };
    random_hex(out->id, 32);
    if (!make_files(c, out, e)) return false;
    if (!db_begin(c->db, &tx, e)) goto failed;
    if (!db_run(tx, e,
                "INSERT INTO cas_upload (id, repo_id, user_id, sha256, size_bytes, part_bytes, created_ms, expires_ms)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                db_text(str_c(out->id)), db_int(repo_id), user_id ? db_int(user_id) : db_null(),
                db_sha256(sha256), db_int((int64_t)size_bytes), db_int((int64_t)part_bytes),
                db_int(now), db_int(out->expires_ms))) {
        db_rollback(c->db, tx);
        goto failed;
    }
    if (db_commit(c->db, tx, e)) return true;
failed:;
    char data[512], parts[512];
    struct err ignored;
    upload_paths(c, str_c(out->id), data, parts);
    (void)os_remove(data, &ignored);
    (void)os_remove(parts, &ignored);
    return false;
}

/* ------------------------------------------------------------------ a part */

struct cas_part {
    struct cas *c;
    char upload_id[33];
    uint64_t number, size_bytes, got;
    int data_fd, parts_fd;
    struct sink *sink;
};

static void part_free(struct cas_part *p)
{
    sink_free(p->sink);
    if (p->data_fd >= 0) close(p->data_fd); /* the lock goes with it */
    if (p->parts_fd >= 0) close(p->parts_fd);
    mem_free(p);
}

/* Opens and locks an upload's files.  *found false: it is over. */
static bool open_files(const struct cas *c, const char *id, bool exclusive, int *data_fd, int *parts_fd, bool *found,
                       struct err *e)
{
    char data[512], parts[512];
    bool got = false;
    upload_paths(c, str_c(id), data, parts);
    *data_fd = *parts_fd = -1;
    if (!os_open_write(data, data_fd, found, e)) return false;
    if (!*found) return true;
    if (!os_try_lock(*data_fd, exclusive, &got, e)) return false;
    if (!got)
        return err_set(e, ERR_BUSY, exclusive ? "a part of this upload is still being written"
                                              : "this upload is being completed");
    *found = os_same_file(*data_fd, data);
    return !*found || os_open_write(parts, parts_fd, found, e);
}

bool cas_part_begin(struct cas *c, const struct cas_upload *u, uint64_t number, struct cas_part **out, struct err *e)
{
    uint8_t etag[ETAG_BYTES] = { 0 };
    static const uint8_t absent[ETAG_BYTES];
    size_t got;
    bool found;
    if (number < 1 || number > u->parts_count)
        return err_set(e, ERR_INVALID, "there is no part %llu of %llu", (unsigned long long)number,
                       (unsigned long long)u->parts_count);
    struct cas_part *p = mem_one(struct cas_part);
    p->c = c;
    p->number = number;
    p->size_bytes = part_size(u, number);
    snprintf(p->upload_id, sizeof p->upload_id, "%s", u->id);
    if (!open_files(c, u->id, false, &p->data_fd, &p->parts_fd, &found, e)) goto failed;
    if (!found) {
        err_set(e, ERR_NOT_FOUND, "this upload is over; ask for a new one");
        goto failed;
    }
    uint64_t slot = (number - 1) * ETAG_BYTES;
    if (!os_pread(p->parts_fd, etag, ETAG_BYTES, slot, &got, e)) goto failed;
    if (memcmp(etag, absent, ETAG_BYTES) != 0 &&
        (!os_pwrite(p->parts_fd, (bytes){ absent, ETAG_BYTES }, slot, e) || !os_sync(p->parts_fd, e)))
        goto failed;
    if (!os_preallocate(p->data_fd, (number - 1) * u->part_bytes, p->size_bytes, e)) goto failed;
    p->sink = sink_new(c->pool);
    sink_begin(p->sink, p->data_fd, (number - 1) * u->part_bytes, 0, 0);
    *out = p;
    return true;
failed:
    part_free(p);
    return false;
}

uint64_t cas_part_size(const struct cas_part *p) { return p->size_bytes; }

bool cas_part_space(struct cas_part *p, uint8_t **out, size_t *n, struct err *e) { return sink_space(p->sink, out, n, e); }

bool cas_part_filled(struct cas_part *p, size_t n, struct err *e)
{
    if (n > p->size_bytes - p->got)
        return err_set(e, ERR_INVALID, "part %llu has more than its %llu bytes", (unsigned long long)p->number,
                       (unsigned long long)p->size_bytes);
    p->got += n;
    return sink_filled(p->sink, n, e);
}

bool cas_part_commit(struct cas_part *p, char etag[33], struct err *e)
{
    uint8_t random[ETAG_BYTES];
    bool ok = false;
    if (p->got != p->size_bytes) {
        err_set(e, ERR_INVALID, "part %llu has %llu bytes instead of %llu", (unsigned long long)p->number,
                (unsigned long long)p->got, (unsigned long long)p->size_bytes);
        goto done;
    }
    random_bytes(random, sizeof random);
    random[0] |= 1; /* never the zeros that mean absence */
    if (!sink_end(p->sink, e) || !os_sync(p->data_fd, e)) goto done;
    if (!os_pwrite(p->parts_fd, (bytes){ random, ETAG_BYTES }, (p->number - 1) * ETAG_BYTES, e)) goto done;
    if (!os_sync(p->parts_fd, e)) goto done;
    hex_encode((bytes){ random, ETAG_BYTES }, etag);
    ok = true;
done:
    part_free(p);
    return ok;
}

void cas_part_abort(struct cas_part *p)
{
    if (p) part_free(p);
}

/* ------------------------------------------------------------------ completing */

static bool read_etags(int parts_fd, uint64_t parts_count, uint8_t **out, struct err *e)
{
    size_t n = (size_t)parts_count * ETAG_BYTES, got;
    uint8_t *etags = mem_alloc(n); /* parts_count is from our own row: at most CAS_PARTS_MAX */
    if (os_pread(parts_fd, etags, n, 0, &got, e)) {
        *out = etags; /* what is missing at the end of the file is zero: absent */
        return true;
    }
    mem_free(etags);
    return false;
}

bool cas_upload_parts(struct cas *c, const struct cas_upload *u, char (*out)[33], struct err *e)
{
    char data[512], parts[512];
    uint8_t *etags = NULL;
    static const uint8_t absent[ETAG_BYTES];
    bool found;
    int fd;
    upload_paths(c, str_c(u->id), data, parts);
    if (!os_open_read(parts, &fd, &found, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "this upload is over; ask for a new one");
    bool ok = read_etags(fd, u->parts_count, &etags, e);
    close(fd);
    for (uint64_t i = 0; ok && i < u->parts_count; i++) {
        out[i][0] = 0;
        if (memcmp(etags + i * ETAG_BYTES, absent, ETAG_BYTES) != 0)
            hex_encode((bytes){ etags + i * ETAG_BYTES, ETAG_BYTES }, out[i]);
    }
    mem_free(etags);
    return ok;
}

/* The row goes, then the files; a crash in between leaves files without a row, which collection takes. */
static bool give_up(struct cas *c, const struct cas_upload *u, struct err *e)
{
    struct db_conn *tx;
    char data[512], parts[512];
    if (!db_begin(c->db, &tx, e)) return false;
    if (!db_run(tx, e, "DELETE FROM cas_upload WHERE id = ?", db_text(str_c(u->id)))) {
        db_rollback(c->db, tx);
        return false;
    }
    if (!db_commit(c->db, tx, e)) return false;
    upload_paths(c, str_c(u->id), data, parts);
    return os_remove(parts, e) && os_remove(data, e);
}

static bool all_parts_there(const uint8_t *etags, uint64_t count, struct err *e)
{
    static const uint8_t absent[ETAG_BYTES];
    for (uint64_t i = 0; i < count; i++)
        if (memcmp(etags + i * ETAG_BYTES, absent, ETAG_BYTES) == 0)
            return err_set(e, ERR_INVALID, "part %llu of %llu has not been uploaded", (unsigned long long)(i + 1),
                           (unsigned long long)count);
    return true;
}

static bool put_together(struct cas *c, const struct cas_upload *u, int data_fd, int parts_fd, struct cas_object *out,
                         struct err *e)
{
    uint8_t *etags = NULL;
    struct pack *pack = NULL;
    struct sha256 sha256;
    char data[512], parts[512];
    struct err second;
    bool there, is_bad, ok = false;
    if (!read_etags(parts_fd, u->parts_count, &etags, e) || !all_parts_there(etags, u->parts_count, e)) goto done;
    pack = pack_new(c);
    if (!pack_file(c, pack, data_fd, u->size_bytes, NULL, NULL, &is_bad, &sha256, e)) goto done;
    if (!sha256_eq(&sha256, &u->sha256)) {
        char hex[SHA256_HEX + 1];
        hex_encode((bytes){ sha256.b, SHA256_BYTES }, hex);
        err_set(e, ERR_INVALID, "the parts together have the SHA-256 %s, which is not what was announced; start again",
                hex);
        if (!give_up(c, u, &second)) log_warn("cas.upload.stays", "id=%s reason=\"%s\"", u->id, second.msg);
        goto done;
    }
    if (!cas_renew(c, &sha256, u->size_bytes, str_c(u->id), out, &there, e)) goto done;
    if (!there && !pack_commit(pack, str_c(u->id), out, e)) goto done;
    upload_paths(c, str_c(u->id), data, parts);
    if (!os_remove(data, &second) || !os_remove(parts, &second))
        log_warn("cas.upload.stays", "id=%s reason=\"%s\"", u->id, second.msg);
    ok = true;
done:
    pack_free(pack);
    mem_free(etags);
    return ok;
}

bool cas_upload_complete(struct cas *c, const struct cas_upload *u, struct cas_object *out, struct err *e)
{
    int data_fd = -1, parts_fd = -1;
    bool found = false, ok = false;
    int64_t deadline_us = clock_mono_us() + COMPLETE_WAIT_MS * 1000;
    for (;;) { /* a part whose sender has just gone may take a moment to notice */
        if (open_files(c, u->id, true, &data_fd, &parts_fd, &found, e)) break;
        if (data_fd >= 0) close(data_fd);
        data_fd = -1;
        if (e->code != ERR_BUSY || clock_mono_us() > deadline_us) return false;
        usleep(20 * 1000);
    }
    ok = found ? put_together(c, u, data_fd, parts_fd, out, e) : err_set(e, ERR_NOT_FOUND, "this upload is over; ask for a new one");
    if (data_fd >= 0) close(data_fd);
    if (parts_fd >= 0) close(parts_fd);
    return ok;
}
