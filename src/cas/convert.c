/* cas/convert.c - whole blobs become files in xorbs.
 *
 * Object by object, in the order of their hashes.  The blob goes after the rows are committed, and a descriptor that
 * somebody reads from stays good.  Whatever stops a conversion, the object is whole in one form or the other, and the next
 * run goes on where this one stopped: xorbs that were made already are found again. */
#include <unistd.h>

#include "base/log.h"
#include "cas/pack_priv.h"

/* ------------------------------------------------------------------ a file into the packer */

struct feed {
    struct pack *pack;
    uint64_t done;
    bool has_failed; /* the packer, or it was told to stop: no fault of the file's */
    bool (*progress)(void *ctx, uint64_t done);
    void *ctx;
};

static bool feed(void *ctx, bytes b, struct err *e)
{
    struct feed *f = ctx;
    while (b.n) {
        uint8_t *to;
        size_t n;
        pack_space(f->pack, &to, &n);
        if (n > b.n) n = b.n;
        memcpy(to, b.p, n);
        f->has_failed = !pack_filled(f->pack, n, e);
        if (f->has_failed) return false;
        b.p += n;
        b.n -= n;
        f->done += n;
    }
    f->has_failed = f->progress && !f->progress(f->ctx, f->done);
    return !f->has_failed || err_set(e, ERR_CLOSED, "it was told to stop");
}

bool pack_file(struct cas *c, struct pack *p, int fd, uint64_t size_bytes, bool (*progress)(void *ctx, uint64_t done),
               void *ctx, bool *is_bad, struct sha256 *out, struct err *e)
{
    struct feed f = { .pack = p, .progress = progress, .ctx = ctx };
    bool ok = cas_read_range(c->pool, fd, 0, size_bytes, feed, &f, e);
    *is_bad = !ok && !f.has_failed;
    return ok && pack_end(p, out, e);
}

/* ------------------------------------------------------------------ the whole store */

struct convert {
    struct cas *c;
    const struct cas_convert_options *o;
    struct cas_convert_result *out;
    uint64_t bytes_before; /* of the objects before this one */
};

static bool report_progress(void *ctx, uint64_t done)
{
    struct convert *v = ctx;
    v->out->bytes_done = v->bytes_before + done;
    return !v->o->progress || v->o->progress(v->o->ctx, v->out);
}

static bool next_object(struct cas *c, bytes after, struct cas_object *o, bool *found, struct err *e)
{
    struct db_query q;
    bool ok;
    struct db_conn *reader = db_reader(c->db);
    ok = db_query(reader, &q, e,
                  "SELECT sha256, size_bytes FROM cas_object WHERE xet_hash IS NULL AND sha256 > ? ORDER BY sha256 LIMIT 1",
                  db_blob(after));
    if (ok) {
        *found = db_next(&q, e);
        if (*found) {
            *o = (struct cas_object){ .size_bytes = (uint64_t)db_col_int(&q, 1) };
            ok = db_col_sha256(&q, 0, &o->sha256) || err_set(e, ERR_INTERNAL, "a row of cas_object has a key that is no SHA-256");
        }
        ok = db_end(&q) && ok;
    }
    db_give(c->db, reader);
    return ok;
}

static bool count_waiting(struct cas *c, struct cas_convert_result *out, struct err *e)
{
    struct db_query q;
    struct db_conn *reader = db_reader(c->db);
    bool ok = db_query(reader, &q, e, "SELECT count(*), coalesce(sum(size_bytes), 0) FROM cas_object WHERE xet_hash IS NULL");
    if (ok) {
        if (db_next(&q, e)) {
            out->objects_total = (uint64_t)db_col_int(&q, 0);
            out->bytes_total = (uint64_t)db_col_int(&q, 1);
        }
        ok = db_end(&q);
    }
    db_give(c->db, reader);
    return ok;
}

/* *flaw: what is wrong with the object, which then stays as it is; "" if nothing. */
static bool convert_object(struct convert *v, const struct cas_object *o, char flaw[ERR_MSG_MAX], struct err *e)
{
    char name[CAS_NAME_MAX];
    int fd = -1;
    uint64_t size;
    bool is_bad;
    struct sha256 sha256;
    struct cas_object entered;
    flaw[0] = 0;
    if (!store_open_blob(v->c->store, cas_name(&o->sha256, name), &fd, &size, e)) {
        if (e->code != ERR_NOT_FOUND) return false;
        struct cas_object again;
        bool found;
        if (!cas_find(v->c, &o->sha256, &again, &found, e)) return false;
        if (found) snprintf(flaw, ERR_MSG_MAX, "its blob is missing"); /* else it was collected just now */
        return true;
    }
    struct pack *p = pack_new(v->c);
    bool ok = pack_file(v->c, p, fd, size, report_progress, v, &is_bad, &sha256, e);
    if (ok && (size != o->size_bytes || !sha256_eq(&sha256, &o->sha256)))
        snprintf(flaw, ERR_MSG_MAX, "its blob has another content than its name says");
    else if (ok)
        ok = pack_commit(p, STR(""), &entered, e);
    else if (is_bad) {
        snprintf(flaw, ERR_MSG_MAX, "%s", e->msg);
        ok = true;
    }
    pack_free(p);
    close(fd);
    return ok;
}

bool cas_convert(struct cas *c, const struct cas_convert_options *o, struct cas_convert_result *out, struct err *e)
{
    struct convert v = { .c = c, .o = o, .out = out };
    struct cas_object object;
    bool found = false;
    char flaw[ERR_MSG_MAX];
    *out = (struct cas_convert_result){ 0 };
    if (!count_waiting(c, out, e) || !next_object(c, (bytes){ NULL, 0 }, &object, &found, e)) return false;
    while (found) {
        char hex[SHA256_HEX + 1];
        hex_encode((bytes){ object.sha256.b, SHA256_BYTES }, hex);
        if (!convert_object(&v, &object, flaw, e)) return err_context(e, "large file %s", hex);
        if (flaw[0]) {
            log_error("cas.convert", "sha256=%s problem=\"%s\"", hex, flaw);
            out->objects_damaged++;
        } else {
            out->objects_done++;
        }
        v.bytes_before += object.size_bytes;
        if (!report_progress(&v, 0)) return err_set(e, ERR_CLOSED, "it was told to stop");
        if (!next_object(c, (bytes){ object.sha256.b, SHA256_BYTES }, &object, &found, e)) return false;
    }
    return true;
}

bool cas_convert_is_due(struct cas *c, bool *due, struct err *e)
{
    struct cas_object o;
    *due = false;
    return next_object(c, (bytes){ NULL, 0 }, &o, due, e);
}
