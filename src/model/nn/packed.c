/* model/nn/packed.c - see model/nn/packed.h and docs/formats/packed.md.
 *
 * The file is ours, but anybody may have written it: header and table are checked before anything in it is used, and the
 * weights themselves are numbers of which none is dangerous. */
#include "model/nn/packed.h"

#include <pthread.h>

#include "base/arena.h"
#include "base/ckd.h"
#include "base/machine.h"
#include "base/map.h"
#include "base/os.h"
#include "kernel/kernel.h"

enum { VERSION = 1, HEADER_BYTES = 128, ENTRIES_MAX = 1 << 20, ALIGN = 4096, SLAB_BYTES = 32 << 20, COPY_BYTES = 1 << 20 };

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

struct slab {
    struct slab *next;
    uint8_t *p;
    size_t used, size;
};

struct slot {
    struct packed_slot public; /* the first, so that one is the other */
    struct slot *next;
    struct sha256 key;
    size_t n;
    bool is_found, is_saved; /* comes from the file; goes into the next one */
};

struct packed {
    struct arena *a; /* slabs and slots */
    char dir[400], path[512]; /* path "": no file */
    struct sha256 identity;
    struct map map;
    const struct entry *entry; /* in the map */
    size_t entries, next; /* next: where to search first */
    struct slab *slab;
    struct slot *slot, **last; /* in the order in which they came */
    size_t slots_saved;
    bool is_changed, has_mover;
    pthread_t mover;
    atomic_bool ending;
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

struct packed *packed_new(void)
{
    struct packed *p = mem_one(struct packed);
    p->a = arena_new(0);
    p->last = &p->slot;
    return p;
}

struct packed *packed_open(const char *dir, str name, const struct sha256 *identity)
{
    struct packed *p = packed_new();
    struct err e;
    p->identity = *identity;
    int n = snprintf(p->dir, sizeof p->dir, "%s", dir), m = snprintf(p->path, sizeof p->path, "%s/%.*s.packed", dir, STR_ARG(name));
    if (n >= (int)sizeof p->dir || m >= (int)sizeof p->path) p->path[0] = '\0';
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
    atomic_store(&p->ending, true);
    packed_wait(p);
    for (struct slab *s = p->slab; s; s = s->next) pages_free(s->p, s->size);
    map_end(&p->map);
    arena_free(p->a);
    mem_free(p);
}

size_t packed_bytes(const struct packed *p) { return p->map.n; }

static struct slot *new_slot(struct packed *p, const struct sha256 *key, size_t n, const uint8_t *data)
{
    struct slot *s = arena_one(p->a, struct slot);
    *s = (struct slot){ .n = n, .is_saved = key != NULL };
    atomic_init(&s->public.data, data);
    if (key) s->key = *key;
    p->slots_saved += s->is_saved;
    *p->last = s;
    p->last = &s->next;
    return s;
}

/* Weights are asked for in the order in which they were kept, so the search begins behind the last one that was found. */
static const struct entry *entry_of(struct packed *p, const struct sha256 *key, size_t n)
{
    for (size_t i = 0; i < p->entries; i++) {
        size_t at = (p->next + i) % p->entries;
        if (p->entry[at].size != n || !sha256_eq(&p->entry[at].key, key)) continue;
        p->next = at + 1;
        return &p->entry[at];
    }
    return NULL;
}

struct packed_slot *packed_find(struct packed *p, const struct sha256 *key, size_t n)
{
    const struct entry *found = entry_of(p, key, n);
    if (!found) return NULL;
    struct slot *s = new_slot(p, key, n, p->map.p + found->offset);
    s->is_found = true;
    return &s->public;
}

static bool take(struct packed *p, size_t n, uint8_t **out, struct err *e)
{
    struct slab *s = p->slab;
    n = (n + ALIGN - 1) / ALIGN * ALIGN;
    if (!s || s->size - s->used < n) {
        void *memory;
        size_t size = n > SLAB_BYTES ? n : SLAB_BYTES;
        if (!pages_alloc(size, &memory, e)) return false;
        s = arena_one(p->a, struct slab);
        *s = (struct slab){ p->slab, memory, 0, size };
        p->slab = s;
    }
    *out = s->p + s->used;
    s->used += n;
    return true;
}

struct packed_slot *packed_room(struct packed *p, const struct sha256 *key, size_t n, uint8_t **room, struct err *e)
{
    if (!take(p, n, room, e)) return NULL;
    p->is_changed |= key != NULL;
    return &new_slot(p, p->path[0] ? key : NULL, n, *room)->public;
}

void packed_stay(struct packed_slot *s) { ((struct slot *)(void *)s)->is_found = false; }
bool packed_is_kept(const struct packed *p) { return p->path[0]; }

/* ------------------------------------------------------------------ into large pages */

static void *move(void *arg)
{
    struct packed *p = arg;
    for (struct slot *s = p->slot; s; s = s->next) {
        struct err e;
        uint8_t *to;
        const uint8_t *from = packed_data(&s->public);
        if (!s->is_found) continue;
        if (!take(p, s->n, &to, &e)) break; /* it runs from the file as well */
        for (size_t at = 0; at < s->n; at += COPY_BYTES) {
            if (atomic_load_explicit(&p->ending, memory_order_relaxed)) return NULL;
            memcpy(to + at, from + at, s->n - at < COPY_BYTES ? s->n - at : COPY_BYTES);
        }
        atomic_store_explicit(&s->public.data, to, memory_order_release);
    }
    return NULL;
}

void packed_settle(struct packed *p)
{
    if (!p->entries || p->has_mover || p->map.n >= machine_now().memory_free / 2) return; /* both copies fit into half of what is free */
    p->has_mover = pthread_create(&p->mover, NULL, move, p) == 0;
    if (p->has_mover) (void)pthread_setname_np(p->mover, "model-pages");
}

void packed_wait(struct packed *p)
{
    if (p->has_mover) pthread_join(p->mover, NULL);
    p->has_mover = false;
}

/* ------------------------------------------------------------------ the file */

static bool write_all(const struct packed *p, int fd, const struct header *h, const struct entry *table, struct err *e)
{
    static const uint8_t zeros[ALIGN];
    uint64_t at = HEADER_BYTES + h->entries * sizeof *table;
    if (!os_preallocate(fd, 0, h->file_bytes, e) || !os_write(fd, (bytes){ (const uint8_t *)h, sizeof *h }, e) ||
        !os_write(fd, (bytes){ (const uint8_t *)table, (size_t)h->entries * sizeof *table }, e))
        return false;
    for (const struct slot *s = p->slot; s; s = s->next) {
        if (!s->is_saved) continue;
        if (!os_write(fd, (bytes){ zeros, (size_t)(table->offset - at) }, e) || !os_write(fd, (bytes){ packed_data(&s->public), s->n }, e)) return false;
        at = table->offset + table->size;
        table++;
    }
    return true;
}

bool packed_save(struct packed *p, struct err *e)
{
    struct header h = { .version = VERSION, .layout = KERNEL_LAYOUT, .identity = p->identity, .entries = p->slots_saved };
    struct os_tmp tmp = { .fd = -1 };
    uint64_t free_bytes;
    size_t table_bytes = p->slots_saved * sizeof(struct entry), i = 0;
    if (!p->is_changed || !p->path[0] || p->slots_saved > ENTRIES_MAX) return true;
    struct entry *table = mem_alloc(table_bytes + 1);
    uint64_t at = HEADER_BYTES + table_bytes;
    for (const struct slot *s = p->slot; s; s = s->next) {
        if (!s->is_saved) continue;
        table[i] = (struct entry){ s->key, (at + ALIGN - 1) / ALIGN * ALIGN, s->n };
        at = table[i].offset + table[i].size;
        i++;
    }
    memcpy(h.magic, magic, sizeof magic);
    h.file_bytes = at;
    h.table = sha256_of((bytes){ (const uint8_t *)table, table_bytes });
    bool ok = os_mkdirs(p->dir, e) && os_disk_free(p->dir, &free_bytes, e);
    /* A cache may not be what fills the disk. */
    if (ok && free_bytes / 2 < at) ok = err_set(e, ERR_NO_SPACE, "%s has not twice the %llu bytes free that the packed weights take", p->dir, (unsigned long long)at);
    ok = ok && os_tmp_open(p->dir, "packed", &tmp, e) && write_all(p, tmp.fd, &h, table, e) && os_tmp_publish(&tmp, p->path, e);
    os_tmp_discard(&tmp);
    mem_free(table);
    if (ok) p->is_changed = false;
    return ok;
}
