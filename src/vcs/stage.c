/* vcs/stage.c - new objects on their way to disk: many of them become one pack.
 *
 * An object written by itself costs a file, its fsync and the fsync of a folder; a commit of 100,000
 * files would take minutes and leave 100,000 files.  So new objects are deflated into a pack in memory
 * and reach the disk together, when a commit or a ref asks for it or when 32 MiB have gathered:
 *
 *     1. the pack under a temporary name, fsync, rename to pack-<checksum>.pack
 *     2. the same with the index, and fsync of the folder; only the index makes the pack visible to git
 *
 * No deltas are searched for: that is left to maintenance.  Until the flush the objects exist for this
 * handle alone, through an object store backend of libgit2 that stands before the ones on disk. */
#include <zlib.h>

#include <git2/sys/odb_backend.h>

#include "base/hash.h"
#include "base/os.h"
#include "vcs/vcs_priv.h"

enum { FLUSH_BYTES = 32 << 20, OBJECT_BYTES_MAX = 512 << 20, PACK_HEAD_BYTES = 12 };

struct staged {
    struct vcs_oid id;
    uint32_t at, bytes_count; /* the entry in the pack */
    uint32_t body;            /* offset of the deflated content within the entry */
    uint32_t crc;
    uint32_t size;            /* of the content */
    git_object_t type;
};

struct stage {
    git_odb_backend backend; /* first: libgit2 knows us by it */
    struct oidset index;     /* id -> place in object[] */
    struct staged *object;
    size_t count, cap;
    struct buf pack;         /* header, entries; the trailer is added by the flush */
    z_stream deflater[3];    /* kept: making one costs more than deflating a small file; one per kind */
};

/* Starting over costs the clearing of the window's tables, more than the work on a small object; so those
 * get small tables.  A large tree is mostly ids, on which effort is wasted. */
enum { SMALL, LARGE, LARGE_TREE, SMALL_BYTES = 4096 };
static const struct {
    int level, window_bits, mem_level;
} deflater_kind[] = { [SMALL] = { Z_DEFAULT_COMPRESSION, 12, 5 },
                      [LARGE] = { Z_DEFAULT_COMPRESSION, 15, 8 },
                      [LARGE_TREE] = { Z_BEST_SPEED, 15, 8 } };

static const struct staged *staged_find(const struct stage *s, const git_oid *id)
{
    const struct oidset_slot *slot = oidset_find(&s->index, (const struct vcs_oid *)id);
    return slot ? &s->object[slot->index] : NULL;
}

/* ------------------------------------------------------------------ the pack in memory */

static void pack_start(struct stage *s)
{
    buf_reset(&s->pack);
    buf_add(&s->pack, str_n("PACK\0\0\0\2\0\0\0\0", PACK_HEAD_BYTES));
    s->count = 0;
    oidset_deinit(&s->index);
}

/* Entry head: type and size in base 128, the first byte holding four bits of the size. */
static void entry_head(struct buf *out, git_object_t type, size_t size)
{
    unsigned c = (unsigned)type << 4 | (unsigned)(size & 15);
    for (size >>= 4; size; size >>= 7) {
        buf_byte(out, (char)(c | 0x80));
        c = (unsigned)(size & 0x7f);
    }
    buf_byte(out, (char)c);
}

static bool deflate_into(struct stage *s, git_object_t type, bytes content)
{
    z_stream *z = &s->deflater[content.n <= SMALL_BYTES ? SMALL : type == GIT_OBJECT_TREE ? LARGE_TREE : LARGE];
    deflateReset(z);
    size_t room = deflateBound(z, content.n);
    char *to = buf_reserve(&s->pack, room);
    if (!to) return false;
    z->next_in = (Bytef *)(uintptr_t)content.p;
    z->avail_in = (uInt)content.n;
    z->next_out = (Bytef *)to;
    z->avail_out = (uInt)room;
    must(deflate(z, Z_FINISH) == Z_STREAM_END);
    s->pack.n += room - z->avail_out;
    return true;
}

static bool stage_add(struct stage *s, const struct vcs_oid *id, git_object_t type, bytes content)
{
    if (!oidset_add(&s->index, id)) return true;
    oidset_find(&s->index, id)->index = s->count;
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->object = mem_grow(s->object, s->cap * sizeof *s->object);
    }
    struct staged *o = &s->object[s->count++];
    *o = (struct staged){ .id = *id, .at = (uint32_t)s->pack.n, .size = (uint32_t)content.n, .type = type };
    entry_head(&s->pack, type, content.n);
    o->body = (uint32_t)s->pack.n - o->at;
    if (!deflate_into(s, type, content)) return false;
    o->bytes_count = (uint32_t)s->pack.n - o->at;
    o->crc = (uint32_t)crc32(0, (const Bytef *)s->pack.p + o->at, o->bytes_count);
    return true;
}

/* ------------------------------------------------------------------ libgit2's view */

static int backend_exists(git_odb_backend *b, const git_oid *id)
{
    return staged_find((struct stage *)b, id) != NULL;
}

static int backend_read_header(size_t *n, git_object_t *type, git_odb_backend *b, const git_oid *id)
{
    const struct staged *o = staged_find((struct stage *)b, id);
    if (!o) return GIT_ENOTFOUND;
    *n = o->size;
    *type = o->type;
    return 0;
}

static int backend_read(void **data, size_t *n, git_object_t *type, git_odb_backend *b, const git_oid *id)
{
    const struct stage *s = (struct stage *)b;
    const struct staged *o = staged_find(s, id);
    if (!o) return GIT_ENOTFOUND;
    void *out = git_odb_backend_data_alloc(b, (size_t)o->size + 1);
    if (!out) return -1;
    uLongf size = o->size;
    if (uncompress(out, &size, (const Bytef *)s->pack.p + o->at + o->body, o->bytes_count - o->body) != Z_OK ||
        size != o->size) {
        git_odb_backend_data_free(b, out);
        return -1;
    }
    *data = out;
    *n = o->size;
    *type = o->type;
    return 0;
}

static int backend_write(git_odb_backend *b, const git_oid *id, const void *data, size_t n, git_object_t type)
{
    struct vcs_oid own = oid_from(id);
    return n <= OBJECT_BYTES_MAX && stage_add((struct stage *)b, &own, type, (bytes){ data, n }) ? 0 : -1;
}

static int backend_foreach(git_odb_backend *b, git_odb_foreach_cb fn, void *ctx)
{
    const struct stage *s = (struct stage *)b;
    for (size_t i = 0; i < s->count; i++) {
        int rc = fn(oid_git(&s->object[i].id), ctx);
        if (rc != 0) return rc;
    }
    return 0;
}

static void backend_free(git_odb_backend *b)
{
    struct stage *s = (struct stage *)b;
    for (size_t i = 0; i < COUNT(s->deflater); i++) deflateEnd(&s->deflater[i]);
    oidset_deinit(&s->index);
    buf_deinit(&s->pack);
    mem_free(s->object);
    mem_free(s);
}

bool stage_attach(struct vcs_repo *r, struct err *e)
{
    if (r->read_only) return err_set(e, ERR_INTERNAL, "a repository with a quarantine is for reading only");
    if (r->stage) return true;
    struct stage *s = mem_one(struct stage);
    must(git_odb_init_backend(&s->backend, GIT_ODB_BACKEND_VERSION) == 0);
    s->backend.exists = backend_exists;
    s->backend.read_header = backend_read_header;
    s->backend.read = backend_read;
    s->backend.write = backend_write;
    s->backend.foreach = backend_foreach;
    s->backend.free = backend_free;
    for (size_t i = 0; i < COUNT(s->deflater); i++)
        must(deflateInit2(&s->deflater[i], deflater_kind[i].level, Z_DEFLATED, deflater_kind[i].window_bits,
                          deflater_kind[i].mem_level, Z_DEFAULT_STRATEGY) == Z_OK);
    buf_init(&s->pack, 0);
    pack_start(s);
    int rc = git_odb_add_backend(r->odb, &s->backend, 1000); /* before the ones on disk */
    if (rc != 0) {
        backend_free(&s->backend);
        return vcs_fail(e, rc, "cannot prepare for writing");
    }
    r->stage = s;
    return true;
}

/* ------------------------------------------------------------------ to disk */

static int by_id(const void *a, const void *b)
{
    return memcmp(((const struct staged *)a)->id.b, ((const struct staged *)b)->id.b, sizeof(struct vcs_oid));
}

static void put_u32(struct buf *out, uint32_t v)
{
    char be[4] = { (char)(v >> 24), (char)(v >> 16), (char)(v >> 8), (char)v };
    buf_add(out, str_n(be, 4));
}

static void put_sha1(struct buf *out, uint8_t sum[SHA1_BYTES])
{
    struct hasher *h = hasher_new_sha1();
    hasher_add(h, bytes_of(buf_str(out)));
    hasher_end(h, sum);
    buf_add(out, str_n((const char *)sum, SHA1_BYTES));
}

/* gitformat-pack, version 2 of the index: magic, fan-out, ids, CRCs, offsets, both checksums. */
static void index_format(struct stage *s, const uint8_t pack_sum[SHA1_BYTES], struct buf *out)
{
    qsort(s->object, s->count, sizeof *s->object, by_id);
    buf_add(out, str_n("\377tOc\0\0\0\2", 8));
    size_t at = 0;
    for (unsigned first = 0; first < 256; first++) {
        while (at < s->count && s->object[at].id.b[0] <= first) at++;
        put_u32(out, (uint32_t)at);
    }
    for (size_t i = 0; i < s->count; i++) buf_add(out, str_n((const char *)s->object[i].id.b, SHA1_BYTES));
    for (size_t i = 0; i < s->count; i++) put_u32(out, s->object[i].crc);
    for (size_t i = 0; i < s->count; i++) put_u32(out, s->object[i].at);
    buf_add(out, str_n((const char *)pack_sum, SHA1_BYTES));
    uint8_t unused[SHA1_BYTES];
    put_sha1(out, unused);
}

/* The folder is synced once, after the second name: an index without its pack is passed over, and so is a pack without index. */
static bool publish(const char *dir, const char *hex, const char *ending, bytes b, bool (*how)(struct os_tmp *t, const char *path, struct err *e),
                    struct err *e)
{
    char path[512];
    struct os_tmp t;
    int n = snprintf(path, sizeof path, "%s/pack-%s.%s", dir, hex, ending);
    if (n < 0 || (size_t)n >= sizeof path) return err_set(e, ERR_INVALID, "the path %s is too long", dir);
    if (!os_tmp_open(dir, "stage", &t, e)) return false;
    if (!os_write(t.fd, b, e)) {
        os_tmp_discard(&t);
        return false;
    }
    return how(&t, path, e);
}

bool stage_flush(struct vcs_repo *r, struct err *e)
{
    struct stage *s = r->stage;
    if (!s || s->count == 0) return true;
    char dir[512], hex[SHA1_HEX + 1];
    uint8_t sum[SHA1_BYTES];
    struct buf index = BUF_INIT(0);
    bool ok = false;

    int n = snprintf(dir, sizeof dir, "%s/objects/pack", r->path);
    must(n > 0 && (size_t)n < sizeof dir);
    for (int i = 0; i < 4; i++) s->pack.p[8 + i] = (char)(s->count >> (24 - 8 * i));
    size_t pack_bytes = s->pack.n;
    put_sha1(&s->pack, sum);
    index_format(s, sum, &index);
    hex_encode((bytes){ sum, sizeof sum }, hex);
    if (index.failed || s->pack.failed) {
        err_set(e, ERR_INTERNAL, "no memory for %zu new objects", s->count);
        goto done;
    }
    if (!publish(dir, hex, "pack", bytes_of(buf_str(&s->pack)), os_tmp_name, e)) goto done;
    if (!publish(dir, hex, "idx", bytes_of(buf_str(&index)), os_tmp_publish, e)) goto done;
    int rc = git_odb_refresh(r->odb);
    if (rc != 0) {
        vcs_fail(e, rc, "cannot read the new objects");
        goto done;
    }
    ok = true;
done:
    buf_deinit(&index);
    if (ok) {
        pack_start(s);
    } else { /* still staged, so that a later flush can succeed; the sort moved the objects */
        s->pack.n = pack_bytes;
        for (size_t i = 0; i < s->count; i++) oidset_find(&s->index, &s->object[i].id)->index = i;
    }
    return ok;
}

bool stage_write(struct vcs_repo *r, git_object_t type, bytes content, struct vcs_oid *out, struct err *e)
{
    if (content.n > OBJECT_BYTES_MAX)
        return err_set(e, ERR_TOO_LARGE, "%zu bytes are too many for git; at most %d go in", content.n,
                       OBJECT_BYTES_MAX);
    if (!stage_attach(r, e)) return false;
    git_oid id;
    int rc =
        git_odb_hash(&id, content.p ? (const void *)content.p : "", content.n, type); /* detects SHA-1 collisions */
    if (rc != 0) return vcs_fail(e, rc, "cannot name a new object");
    *out = oid_from(&id);
    if (staged_find(r->stage, &id)) return true;
    if (git_odb_exists_ext(r->odb, &id, GIT_ODB_LOOKUP_NO_REFRESH)) {
        /* Old, perhaps unreachable: libgit2's write makes it young again, so that no prune takes it. */
        rc = git_odb_write(&id, r->odb, content.p ? (const void *)content.p : "", content.n, type);
        return rc == 0 || vcs_fail(e, rc, "cannot keep an object");
    }
    if (!stage_add(r->stage, out, type, content)) return err_set(e, ERR_INTERNAL, "no memory for a new object");
    return r->stage->pack.n < FLUSH_BYTES || stage_flush(r, e);
}

bool vcs_blob_write(struct vcs_repo *r, bytes content, struct vcs_oid *out, struct err *e)
{
    return stage_write(r, GIT_OBJECT_BLOB, content, out, e);
}
