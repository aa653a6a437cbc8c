/* cas/xorb_put.c - a client's xorb on its way to the disk.
 *
 * Bytes come into a stage that stays in the cache of the processor that fills it.  When it is full the frames that lie whole in
 * it are decoded and hashed, on the caller's thread, and copied past the cache to the sink, which writes them behind its back:
 * to receive into memory that the disk, or another processor, has read costs twice as much (docs/perf/xet.md).  A bad frame
 * ends the upload with the stage that it stands in.  What is kept is the frames, as they came, and a footer of our own: a
 * client's footer is compared and then dropped, and most send none.  Nothing has a name before all of it was found sound.
 *
 * All but the beginning is written past the page cache: to fill pages that nobody reads again costs more than all else
 * together (docs/perf/xet.md).  Whoever registers the file reads past the cache as well.
 *
 * An upload takes some 3 MiB (0.9 the reader, 0.4 the stage, 2 the sink), however large the xorb: 64 clients send at once. */
#include "cas/sink_priv.h"
#include "cas/xorb_priv.h"
#include "xet/copy.h"

enum {
    CACHED_BYTES = 128 << 10, /* small files, and headers */
    STAGE_BYTES = 384 << 10,  /* a part of a processor's own cache */
};
_Static_assert((int)STAGE_BYTES > (int)XET_PAYLOAD_MAX + (int)XET_FRAME_HEADER, "a full stage has a whole frame");

struct cas_xorb_put {
    struct cas *c;
    struct xet_hash hash;
    int64_t user_id;
    struct store_writer file;
    struct sink *sink;
    struct xet_xorb_reader *reader;
    uint8_t *stage; /* what the reader has not seen */
    size_t staged;
};

static void put_free(struct cas_xorb_put *p)
{
    sink_free(p->sink); /* before the descriptor goes: a block may be on its way */
    store_write_discard(&p->file);
    xet_xorb_reader_free(p->reader);
    mem_free(p->stage);
    mem_free(p);
}

bool cas_xorb_begin(struct cas *c, const struct xet_hash *hash, int64_t user_id, uint64_t length, struct cas_xorb_put **out,
                    struct err *e)
{
    struct store_writer file;
    if (xet_hash_is_zero(hash) || xet_hash_is_bookend(hash))
        return err_set(e, ERR_INVALID, "no xorb has this hash: all zeros and all ones are reserved");
    if (!store_write_begin(c->store, &file, e)) return false;
    struct cas_xorb_put *p = mem_one(struct cas_xorb_put);
    p->c = c;
    p->hash = *hash;
    p->user_id = user_id;
    p->file = file;
    p->sink = sink_new_small(c->pool);
    sink_begin(p->sink, file.tmp.fd, 0, CACHED_BYTES, length && length < XET_XORB_BYTES_MAX ? length : XET_XORB_BYTES_MAX);
    p->reader = xet_xorb_reader_new();
    p->stage = mem_alloc(STAGE_BYTES);
    *out = p;
    return true;
}

bool cas_xorb_space(struct cas_xorb_put *p, uint8_t **out, size_t *n, struct err *e)
{
    (void)e;
    *out = p->stage + p->staged;
    *n = STAGE_BYTES - p->staged;
    return true;
}

static bool give_sink(struct cas_xorb_put *p, bytes in, struct err *e)
{
    while (in.n) {
        uint8_t *to;
        size_t room;
        if (!sink_space(p->sink, &to, &room, e)) return false;
        if (room > in.n) room = in.n;
        xet_copy_past_cache(to, in.p, room);
        if (!sink_filled(p->sink, room, e)) return false;
        in = (bytes){ in.p + room, in.n - room };
    }
    return true;
}

/* The first n bytes of the stage leave it: the reader sees them while they are in the cache. */
static bool pass_on(struct cas_xorb_put *p, size_t n, struct err *e)
{
    bytes in = { p->stage, n };
    if (!xet_xorb_reader_add(p->reader, in, e) || !give_sink(p, in, e)) return false;
    memmove(p->stage, p->stage + n, p->staged -= n);
    return true;
}

bool cas_xorb_filled(struct cas_xorb_put *p, size_t n, struct err *e)
{
    must(n <= STAGE_BYTES - p->staged);
    p->staged += n;
    if (p->staged < STAGE_BYTES) return true;
    return pass_on(p, xet_xorb_reader_whole(p->reader, (bytes){ p->stage, p->staged }), e);
}

/* When the file that now has the name is the one that we wrote, it need not be read again before it is sent. */
static void tell_it_is_sound(struct cas *c, const struct xet_hash *hash, const struct os_identity *written,
                             uint32_t frames_bytes)
{
    struct os_identity is;
    struct err ignored;
    char name[CAS_NAME_MAX];
    bool found;
    if (store_identity(c->store, xorb_name(hash, name), &is, &found, &ignored) && found && is.inode == written->inode &&
        is.device == written->device)
        xorb_is_sound(c, hash, &is, frames_bytes);
}

static bool enter(struct cas_xorb_put *p, const struct xet_xorb_index *stored, bool *was_new, struct err *e)
{
    struct db_conn *tx;
    int64_t id;
    if (!db_begin(p->c->db, &tx, e)) return false;
    if (xorb_enter(p->c, tx, stored, p->user_id, &id, was_new, e)) return db_commit(p->c->db, tx, e);
    db_rollback(p->c->db, tx);
    return false;
}

bool cas_xorb_commit(struct cas_xorb_put *p, bool *was_new, struct err *e)
{
    struct xet_xorb_index x;
    const struct xet_xorb_index *stored = NULL;
    struct os_identity written;
    uint32_t frames_bytes;
    struct arena *a = arena_new(0);
    bool ok = false;
    if (!pass_on(p, p->staged, e) || !xet_xorb_reader_end(p->reader, &p->hash, a, &x, &frames_bytes, e)) goto done;
    if (!sink_end(p->sink, e) || !os_identity_of(p->file.tmp.fd, &written, e)) goto done;
    if (!xorb_publish(p->c, &p->file, &x, &stored, e)) goto done;
    tell_it_is_sound(p->c, &p->hash, &written, frames_bytes);
    ok = enter(p, stored, was_new, e);
done:
    xorb_give(p->c, stored);
    arena_free(a);
    put_free(p);
    return ok;
}

void cas_xorb_abort(struct cas_xorb_put *p)
{
    if (p) put_free(p);
}
