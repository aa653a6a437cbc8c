/* cas/put.c - one stream, one object.
 *
 * The caller does no more than bring the bytes: SHA-256 and all else is the packer's, on another thread, so an upload runs at
 * the speed of the slower of the two, not of their sum.
 *
 * The packer's blocks lie in the caches of the processors that read them last.  Where these share no cache with the caller's, storing
 * into a block costs four times as much, for each line is asked back from there first.  So of what is large the caller fills a stage of
 * its own, which stays in its own cache, and that is copied into the block past all caches. */
#include "base/arena.h"
#include "cas/pack_priv.h"
#include "xet/copy.h"

enum { STAGE_FROM = 128 << 10, STAGE = 512 << 10 };

struct cas_put {
    struct cas *c;
    struct pack *pack;
    uint64_t size_bytes;
    uint8_t *stage; /* NULL: the blocks are filled directly */
    size_t staged;
};

static void put_free(struct cas_put *p)
{
    pack_free(p->pack);
    mem_free(p->stage);
    mem_free(p);
}

bool cas_put_begin(struct cas *c, struct cas_put **out, struct err *e)
{
    (void)e;
    struct cas_put *p = mem_one(struct cas_put);
    *p = (struct cas_put){ .c = c, .pack = pack_new(c) };
    *out = p;
    return true;
}

static bool unstage(struct cas_put *p, struct err *e)
{
    for (size_t done = 0; done < p->staged;) {
        uint8_t *at;
        size_t room;
        pack_space(p->pack, &at, &room);
        size_t n = p->staged - done < room ? p->staged - done : room;
        xet_copy_past_cache(at, p->stage + done, n);
        if (!pack_filled(p->pack, n, e)) return false;
        done += n;
    }
    p->staged = 0;
    return true;
}

bool cas_put_space(struct cas_put *p, uint8_t **out, size_t *n, struct err *e)
{
    (void)e;
    if (!p->stage && p->size_bytes >= STAGE_FROM) p->stage = mem_alloc(STAGE);
    if (p->stage) {
        *out = p->stage + p->staged;
        *n = STAGE - p->staged;
    } else {
        pack_space(p->pack, out, n);
    }
    return true;
}

bool cas_put_filled(struct cas_put *p, size_t n, struct err *e)
{
    p->size_bytes += n;
    if (!p->stage) return pack_filled(p->pack, n, e);
    p->staged += n;
    return p->staged < STAGE || unstage(p, e);
}

bool cas_put_write(struct cas_put *p, bytes b, struct err *e)
{
    while (b.n) {
        uint8_t *at;
        size_t room;
        if (!cas_put_space(p, &at, &room, e)) return false;
        size_t n = b.n < room ? b.n : room;
        memcpy(at, b.p, n);
        if (!cas_put_filled(p, n, e)) return false;
        b.p += n;
        b.n -= n;
    }
    return true;
}

static bool as_promised(uint64_t size_bytes, const struct sha256 *sha256, const struct sha256 *promised,
                        const uint64_t *promised_size, struct err *e)
{
    char got[SHA256_HEX + 1], want[SHA256_HEX + 1];
    if (promised_size && *promised_size != size_bytes)
        return err_set(e, ERR_INVALID, "the upload has %llu bytes, and %llu were announced",
                       (unsigned long long)size_bytes, (unsigned long long)*promised_size);
    if (!promised || sha256_eq(promised, sha256)) return true;
    hex_encode((bytes){ sha256->b, SHA256_BYTES }, got);
    hex_encode((bytes){ promised->b, SHA256_BYTES }, want);
    return err_set(e, ERR_INVALID, "the upload has the SHA-256 %s, and %s was announced", got, want);
}

bool cas_put_commit(struct cas_put *p, const struct sha256 *promised, const uint64_t *promised_size,
                    struct cas_object *out, struct err *e)
{
    struct sha256 sha256;
    bool there, ok = false;
    if (!unstage(p, e) || !pack_end(p->pack, &sha256, e) || !as_promised(p->size_bytes, &sha256, promised, promised_size, e)) goto done;
    if (!cas_renew(p->c, &sha256, p->size_bytes, STR(""), out, &there, e)) goto done;
    ok = there || pack_commit(p->pack, STR(""), out, e);
done:
    put_free(p);
    return ok;
}

void cas_put_abort(struct cas_put *p)
{
    if (p) put_free(p);
}

bool cas_put_bytes(struct cas *c, bytes b, struct cas_object *out, struct err *e)
{
    struct cas_put *p;
    if (!cas_put_begin(c, &p, e)) return false;
    if (cas_put_write(p, b, e)) return cas_put_commit(p, NULL, NULL, out, e);
    cas_put_abort(p);
    return false;
}
