/* model/nn/packed.c - see model/nn/packed.h and docs/formats/packed.md.
 *
 * The file is ours, but anybody may have written it: header and table are checked before anything in it is used, and the
 * weights themselves are numbers of which none is dangerous. */
#include "model/nn/packed.h"

#include "base/arena.h"
#include "base/ckd.h"
#include "base/map.h"
#include "base/os.h"
#include "kernel/kernel.h"

enum { VERSION = 1, HEADER_BYTES = 128, ENTRIES_MAX = 1 << 20, ALIGN = 4096 };

struct entry { /* 48 bytes, as in the file */
    struct sha256 key;
    uint64_t offset, size;
};
struct header { /* 128 bytes, as in the file */
    char magic[8];
    uint32_t version, layout;
    struct sha256 identity, table;
    uint64_t entries, file_bytes;
    uint8_t zero[32];
};
_Static_assert(sizeof(struct entry) == 48 && sizeof(struct header) == HEADER_BYTES, "padding would be written");
static const char magic[8] = "HEARTHPK";

struct added {
    struct entry entry;
    const uint8_t *data;
};

struct packed {
    char dir[400], path[512];
    struct sha256 identity;
    struct map map;
    const struct entry *entry; /* in the map */
    size_t entries;
    struct added *added; /* found or new: what the next file would hold */
    size_t added_count, added_room;
    bool is_changed;
};

static bool check(const struct packed *p, const struct map *m)
{
    const struct header *h = (const void *)m->p;
    if (m->n < HEADER_BYTES || memcmp(h->magic, magic, sizeof magic) != 0 || h->version != VERSION || h->layout != KERNEL_LAYOUT) return false;
    if (!sha256_eq(&h->identity, &p->identity) || h->file_bytes != m->n || h->entries > ENTRIES_MAX) return false;
    size_t table = (size_t)h->entries * sizeof(struct entry), before = HEADER_BYTES + table;
    if (before > m->n) return false;
    struct sha256 sum = sha256_of((bytes){ m->p + HEADER_BYTES, table });
    if (!sha256_eq(&sum, &h->table)) return false;
    const struct entry *entry = (const void *)(m->p + HEADER_BYTES);
    for (size_t i = 0; i < h->entries; i++) {
        uint64_t end;
        if (entry[i].offset % ALIGN || entry[i].offset < before || ckd_add(&end, entry[i].offset, entry[i].size) || end > m->n) return false;
        before = (size_t)end;
    }
    return true;
}

struct packed *packed_open(const char *dir, str name, const struct sha256 *identity)
{
    struct packed *p = mem_one(struct packed);
    struct err e;
    p->identity = *identity;
    int n = snprintf(p->dir, sizeof p->dir, "%s", dir), m = snprintf(p->path, sizeof p->path, "%s/%.*s.packed", dir, STR_ARG(name));
    if (n >= (int)sizeof p->dir || m >= (int)sizeof p->path) p->path[0] = '\0'; /* no such path: nothing is found, nothing can be saved */
    if (!p->path[0] || !map_file(p->path, &p->map, &e)) return p;
    if (!check(p, &p->map)) {
        map_end(&p->map);
        return p;
    }
    p->entry = (const void *)(p->map.p + HEADER_BYTES);
    p->entries = (size_t)((const struct header *)(const void *)p->map.p)->entries;
    return p;
}

void packed_close(struct packed *p)
{
    if (!p) return;
    map_end(&p->map);
    mem_free(p->added);
    mem_free(p);
}

size_t packed_bytes(const struct packed *p) { return p->map.n; }

bool packed_find(const struct packed *p, const struct sha256 *key, size_t n, const uint8_t **out)
{
    for (size_t i = 0; i < p->entries; i++)
        if (sha256_eq(&p->entry[i].key, key) && p->entry[i].size == n) {
            *out = p->map.p + p->entry[i].offset;
            return true;
        }
    return false;
}

void packed_add(struct packed *p, const struct sha256 *key, const uint8_t *data, size_t n)
{
    const uint8_t *found;
    if (p->added_count == p->added_room) {
        p->added_room = p->added_room ? 2 * p->added_room : 64;
        p->added = mem_grow(p->added, p->added_room * sizeof *p->added);
    }
    if (!packed_find(p, key, n, &found)) p->is_changed = true;
    p->added[p->added_count++] = (struct added){ { *key, 0, n }, data };
}

static bool write_all(const struct packed *p, int fd, const struct header *h, const struct entry *table, struct err *e)
{
    static const uint8_t zeros[ALIGN];
    uint64_t at = HEADER_BYTES + p->added_count * sizeof *table;
    if (!os_preallocate(fd, 0, h->file_bytes, e) || !os_write(fd, (bytes){ (const uint8_t *)h, sizeof *h }, e) ||
        !os_write(fd, (bytes){ (const uint8_t *)table, p->added_count * sizeof *table }, e))
        return false;
    for (size_t i = 0; i < p->added_count; i++) {
        if (!os_write(fd, (bytes){ zeros, (size_t)(table[i].offset - at) }, e) || !os_write(fd, (bytes){ p->added[i].data, (size_t)table[i].size }, e)) return false;
        at = table[i].offset + table[i].size;
    }
    return true;
}

bool packed_save(struct packed *p, struct err *e)
{
    struct header h = { .version = VERSION, .layout = KERNEL_LAYOUT, .identity = p->identity, .entries = p->added_count };
    struct os_tmp tmp = { .fd = -1 };
    uint64_t free_bytes;
    if (!p->is_changed || p->added_count > ENTRIES_MAX) return true;
    if (!p->path[0]) return err_set(e, ERR_INVALID, "the path of the cache is too long");
    struct entry *table = mem_alloc(p->added_count * sizeof *table);
    uint64_t at = HEADER_BYTES + p->added_count * sizeof *table;
    for (size_t i = 0; i < p->added_count; i++) {
        table[i] = p->added[i].entry;
        table[i].offset = (at + ALIGN - 1) / ALIGN * ALIGN;
        at = table[i].offset + table[i].size;
    }
    memcpy(h.magic, magic, sizeof magic);
    h.file_bytes = at;
    h.table = sha256_of((bytes){ (const uint8_t *)table, p->added_count * sizeof *table });
    bool ok = os_mkdirs(p->dir, e) && os_disk_free(p->dir, &free_bytes, e);
    /* A cache may not be what fills the disk. */
    if (ok && free_bytes / 2 < at) ok = err_set(e, ERR_NO_SPACE, "%s has not twice the %llu bytes free that the packed weights take", p->dir, (unsigned long long)at);
    ok = ok && os_tmp_open(p->dir, "packed", &tmp, e) && write_all(p, tmp.fd, &h, table, e) && os_tmp_publish(&tmp, p->path, e);
    os_tmp_discard(&tmp);
    mem_free(table);
    if (ok) p->is_changed = false;
    return ok;
}
