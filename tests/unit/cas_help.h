/* cas_help.h - a store with its database in a fresh folder, and xorbs to put into it. */
#ifndef CAS_HELP_H
#define CAS_HELP_H

#include "xet_help.h"
#include "xet_write.h"

#include "base/buf.h"
#include "base/clock.h"
#include "cas/xorb_priv.h"

struct place {
    char dir[64], db_path[96], blobs[96], tmp[96], uploads[112];
    struct db *db;
    struct store *store;
    struct cas *cas;
};

static inline void place_open(struct place *p)
{
    struct err e;
    must_ok(db_open(p->db_path, &p->db, &e));
    must_ok(store_open(p->blobs, p->tmp, &p->store, &e));
    must_ok(cas_open(p->store, p->db, &p->cas, &e));
}

static inline void place_close(struct place *p)
{
    cas_close(p->cas);
    store_close(p->store);
    db_close(p->db);
}

static inline void run_sql(struct place *p, const char *sql)
{
    struct err e;
    struct db_conn *tx;
    must_ok(db_begin(p->db, &tx, &e));
    must_ok(db_run_n(tx, sql, NULL, 0, &e));
    must_ok(db_commit(p->db, tx, &e));
}

static inline int64_t get_int(struct place *p, const char *sql)
{
    struct err e;
    int64_t v;
    struct db_conn *reader = db_reader(p->db);
    must_ok(db_get_int_n(reader, &v, -1, sql, NULL, 0, &e));
    db_give(p->db, reader);
    return v;
}

/* Users 1, 2 and 3; a repository, 7, of the first. */
static inline void place_begin(struct place *p)
{
    unit_dir(p->dir);
    snprintf(p->db_path, sizeof p->db_path, "%s/hearth.db", p->dir);
    snprintf(p->blobs, sizeof p->blobs, "%s/cas", p->dir);
    snprintf(p->tmp, sizeof p->tmp, "%s/tmp", p->dir);
    snprintf(p->uploads, sizeof p->uploads, "%s/tmp/uploads", p->dir);
    place_open(p);
    static const char add[] = "INSERT INTO account (id, hex_id, kind, name, name_key, created_ms) VALUES (?1, ?2, 'user', ?2, ?2, 0)";
    static const char *const name[] = { "ann", "bob", "cy" };
    struct err e;
    struct db_conn *tx;
    must_ok(db_begin(p->db, &tx, &e));
    for (size_t i = 0; i < COUNT(name); i++) must_ok(db_run(tx, &e, add, db_int((int64_t)i + 1), db_text(str_c(name[i]))));
    must_ok(db_commit(p->db, tx, &e));
    run_sql(p, "INSERT INTO repo (id, hex_id, kind, owner_id, name, name_key, created_ms) VALUES (7, 'd', 'model', 1, 'r', 'r', 0)");
}

/* What triggers keep is what a count of all rows gives, whatever a test has done. */
static inline void totals_hold(struct place *p)
{
    assert_int_equal(get_int(p, "SELECT (objects, object_bytes, whole, whole_bytes) = (SELECT count(*), coalesce(sum(size_bytes), 0),"
                                " coalesce(sum(xet_hash IS NULL), 0), coalesce(sum((xet_hash IS NULL) * size_bytes), 0) FROM cas_object)"
                                " AND files = (SELECT count(*) FROM cas_file) AND (xorbs, chunks, raw_bytes, stored_bytes) = (SELECT count(*),"
                                " coalesce(sum(chunks_count), 0), coalesce(sum(raw_bytes), 0), coalesce(sum(stored_bytes), 0) FROM cas_xorb)"
                                " FROM cas_total"), 1);
}

static inline void place_end(struct place *p)
{
    totals_hold(p);
    place_close(p);
    unit_dir_end(p->dir);
}

static inline void blob_path(const struct place *p, const struct xet_hash *hash, char out[256])
{
    char name[CAS_NAME_MAX];
    snprintf(out, 256, "%s/%.*s", p->blobs, STR_ARG(xorb_name(hash, name)));
}

/* A xorb of the given content, one frame per `chunk_bytes`; frames holds it without a footer. */
struct made_xorb {
    struct arena *a;
    struct buf frames;
    struct xet_xorb_index x;
};
static inline void make_xorb(struct made_xorb *m, bytes content, size_t chunk_bytes, enum xet_scheme scheme)
{
    struct xet_xorb_writer *w = xet_xorb_writer_new();
    m->a = arena_new(0);
    buf_init(&m->frames, 0);
    for (size_t at = 0; at < content.n; at += chunk_bytes) {
        bytes raw = { content.p + at, content.n - at < chunk_bytes ? content.n - at : chunk_bytes };
        struct xet_hash hash;
        xet_chunk_hash(raw, &hash);
        xorb_add(w, raw, &hash, scheme, &m->frames);
    }
    xet_xorb_writer_end(w, m->a, &m->x);
    xet_xorb_writer_free(w);
}
static inline void made_free(struct made_xorb *m)
{
    buf_deinit(&m->frames);
    arena_free(m->a);
}

/* Its blob and its row, without an upload. */
static inline int64_t store_xorb(struct place *p, const struct made_xorb *m, int64_t user_id)
{
    struct err e;
    struct store_writer w;
    struct db_conn *tx;
    const struct xet_xorb_index *stored;
    int64_t id;
    must_ok(store_write_begin(p->store, &w, &e));
    must_ok(os_pwrite(w.tmp.fd, bytes_of(buf_str(&m->frames)), 0, &e));
    must_ok(xorb_publish(p->cas, &w, &m->x, &stored, &e));
    must_ok(db_begin(p->db, &tx, &e));
    must_ok(xorb_enter(p->cas, tx, stored, user_id, &id, NULL, &e));
    must_ok(db_commit(p->db, tx, &e));
    xorb_give(p->cas, stored);
    return id;
}

/* Changes a byte of a file behind everybody's back. */
static inline void flip_byte(const char *path, int64_t at)
{
    struct err e;
    int fd;
    bool found;
    uint8_t b;
    size_t got;
    uint64_t size;
    must_ok(os_open_write(path, &fd, &found, &e));
    must_ok(os_file_size(fd, &size, &e));
    uint64_t where = at >= 0 ? (uint64_t)at : size - (uint64_t)-at;
    must_ok(os_pread(fd, &b, 1, where, &got, &e));
    b ^= 0x40;
    must_ok(os_pwrite(fd, (bytes){ &b, 1 }, where, &e));
    close(fd);
}

#endif
