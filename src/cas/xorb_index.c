/* cas/xorb_index.c - the indexes of stored xorbs, read from their footers once and kept while memory allows.
 *
 * Invariants:
 *  1. An index in the table belongs to the file as it is now: every borrowing compares the file's identity, because
 *     another process may have collected the xorb and an upload may have brought it back in other frames.
 *  2. Its chunk hashes and lengths make the name.  Its offsets ascend and fill the file exactly.
 *  3. Only what nobody borrows stands in the row of the idle, which is what goes when there is too much.
 *  4. Which chunks were found right is remembered with the index, so it is forgotten when the file changes.
 * All fields of the table and of its entries are under the lock, but for an entry's index and identity, which never
 * change, and the bits of what was proven, which are only ever set. */
#include "cas/xorb_priv.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"

enum { TABLE_BYTES_MAX = 32 << 20, BUCKETS = 4096, FILE_TIME_STEP_MS = 20 };

struct entry {
    struct xet_xorb_index x; /* first: what a borrower holds; its arrays follow the entry in memory */
    struct os_identity identity;
    size_t size_bytes;
    uint32_t borrowers;
    bool in_table;
    _Atomic uint64_t *proven; /* a bit per chunk */
    struct entry *next;          /* of the bucket */
    struct entry *newer, *older; /* of the idle, while borrowers is 0 */
};

struct xorb_table {
    pthread_mutex_t lock;
    size_t size_bytes; /* of all entries in the table */
    struct entry *newest, *oldest;
    struct entry *bucket[BUCKETS];
};

struct xorb_table *xorb_table_new(void)
{
    struct xorb_table *t = mem_one(struct xorb_table);
    must(pthread_mutex_init(&t->lock, NULL) == 0);
    return t;
}

/* ------------------------------------------------------------------ the table, under its lock */

static struct entry **place_of(struct xorb_table *t, const struct xet_hash *hash)
{
    struct entry **p = &t->bucket[xet_hash_u64(hash, 0) % BUCKETS];
    while (*p && !xet_hash_eq(&(*p)->x.hash, hash)) p = &(*p)->next;
    return p;
}

static void idle_add(struct xorb_table *t, struct entry *n)
{
    n->older = t->newest;
    n->newer = NULL;
    *(t->newest ? &t->newest->newer : &t->oldest) = n;
    t->newest = n;
}

static void idle_remove(struct xorb_table *t, struct entry *n)
{
    *(n->newer ? &n->newer->older : &t->newest) = n->older;
    *(n->older ? &n->older->newer : &t->oldest) = n->newer;
}

/* Takes an entry out; it dies now, or when its last borrower gives it back. */
static void take_out(struct xorb_table *t, struct entry *n)
{
    struct entry **place = place_of(t, &n->x.hash);
    must(*place == n);
    *place = n->next;
    n->in_table = false;
    t->size_bytes -= n->size_bytes;
    if (n->borrowers > 0) return;
    idle_remove(t, n);
    mem_free(n);
}

static const struct xet_xorb_index *borrow(struct xorb_table *t, struct entry *n)
{
    if (n->borrowers++ == 0) idle_remove(t, n);
    return &n->x;
}

/* The entry for a file of this identity, borrowed; what belongs to an earlier file goes. */
static const struct xet_xorb_index *look_up(struct xorb_table *t, const struct xet_hash *hash,
                                            const struct os_identity *is)
{
    struct entry *n = *place_of(t, hash);
    if (n && !os_identity_eq(&n->identity, is)) {
        take_out(t, n);
        n = NULL;
    }
    return n ? borrow(t, n) : NULL;
}

/* The index is its entry's first member; we made it, so it is not constant. */
static struct entry *entry_with(const struct xet_xorb_index *x) { return (struct entry *)(uintptr_t)x; }

void xorb_give(struct cas *c, const struct xet_xorb_index *x)
{
    if (!x) return;
    struct xorb_table *t = c->xorbs;
    struct entry *n = entry_with(x);
    pthread_mutex_lock(&t->lock);
    must(n->borrowers > 0);
    if (--n->borrowers == 0) {
        if (n->in_table)
            idle_add(t, n);
        else
            mem_free(n);
    }
    while (t->size_bytes > TABLE_BYTES_MAX && t->oldest) take_out(t, t->oldest);
    pthread_mutex_unlock(&t->lock);
}

void xorb_forget(struct cas *c, const struct xet_hash *hash)
{
    pthread_mutex_lock(&c->xorbs->lock);
    struct entry *n = *place_of(c->xorbs, hash);
    if (n) take_out(c->xorbs, n);
    pthread_mutex_unlock(&c->xorbs->lock);
}

void xorb_table_free(struct xorb_table *t)
{
    if (!t) return;
    while (t->oldest) take_out(t, t->oldest);
    must(t->size_bytes == 0); /* nothing is borrowed */
    pthread_mutex_destroy(&t->lock);
    mem_free(t);
}

/* ------------------------------------------------------------------ reading footers */

static bool makes_its_name(const struct xet_xorb_index *x)
{
    struct xet_merkle tree;
    struct xet_hash root;
    xet_merkle_init(&tree);
    for (uint32_t i = 0; i < x->count; i++)
        xet_merkle_add(&tree, &x->chunk[i], xet_raw_at(x, i + 1) - xet_raw_at(x, i));
    xet_merkle_root(&tree, &root);
    return xet_hash_eq(&root, &x->hash);
}

bool xorb_read_index(int fd, uint64_t file_bytes, const struct xet_hash *hash, struct arena *a,
                     struct xet_xorb_index *out, struct err *e)
{
    uint8_t last[4];
    size_t got;
    struct err why;
    if (file_bytes < XET_FRAME_HEADER + 1 + XET_FOOTER_BYTES(1) ||
        file_bytes > XET_XORB_BYTES_MAX + XET_FOOTER_BYTES_MAX)
        return xorb_damaged(hash, "no xorb has a file of this size", e);
    if (!os_pread(fd, last, 4, file_bytes - 4, &got, e)) return false;
    if (got != 4) return xorb_damaged(hash, "its file was cut short", e);
    uint64_t n = 4 + ((uint64_t)last[0] | (uint64_t)last[1] << 8 | (uint64_t)last[2] << 16 | (uint64_t)last[3] << 24);
    if (n > XET_FOOTER_BYTES_MAX || n > file_bytes) return xorb_damaged(hash, "it has no footer", e);
    uint8_t *footer = arena_alloc(a, n);
    if (!os_pread(fd, footer, n, file_bytes - n, &got, e)) return false;
    if (got != n) return xorb_damaged(hash, "its file was cut short", e);
    if (!xet_footer_parse((bytes){ footer, n }, (uint32_t)(file_bytes - n), a, out, &why))
        return xorb_damaged(hash, why.msg, e);
    if (!out->raw_end || !xet_hash_eq(&out->hash, hash) || !makes_its_name(out))
        return xorb_damaged(hash, "its footer is another xorb's", e);
    return true;
}

/* One piece of memory: the entry, and behind it the bits, the hashes and the two rows of offsets. */
static struct entry *entry_of(const struct xet_xorb_index *x, const struct os_identity *is)
{
    size_t hashes = x->count * sizeof *x->chunk, ends = x->count * sizeof *x->stored_end;
    size_t bits = (x->count + 63) / 64 * sizeof(uint64_t), size = sizeof(struct entry) + bits + hashes + 2 * ends;
    struct entry *n = mem_alloc(size);
    n->proven = (void *)(n + 1);
    for (size_t i = 0; i < bits / sizeof(uint64_t); i++) atomic_init(&n->proven[i], 0);
    uint8_t *p = (uint8_t *)(n + 1) + bits;
    memcpy(p, x->chunk, hashes);
    memcpy(p + hashes, x->stored_end, ends);
    memcpy(p + hashes + ends, x->raw_end, ends);
    n->x = (struct xet_xorb_index){ x->hash, x->count, (const void *)p, (const void *)(p + hashes),
                                    (const void *)(p + hashes + ends) };
    n->identity = *is;
    n->size_bytes = size;
    return n;
}

/* Times of files advance in steps of some milliseconds: two changes in one step look like one. */
static bool has_settled(const struct os_identity *is)
{
    return is->changed_ns / 1000000 + FILE_TIME_STEP_MS < clock_now_ms();
}

bool xorb_is_in(const struct xet_xorb_index *x, int fd)
{
    struct os_identity is;
    struct err ignored;
    return os_identity_of(fd, &is, &ignored) && os_identity_eq(&is, &entry_with(x)->identity) && has_settled(&is);
}

void xorb_prove(const struct xet_xorb_index *x, uint32_t first, uint32_t end)
{
    must(first <= end && end <= x->count);
    for (uint32_t i = first; i < end; i++)
        atomic_fetch_or_explicit(&entry_with(x)->proven[i / 64], UINT64_C(1) << (i % 64), memory_order_relaxed);
}

bool xorb_is_proven(const struct xet_xorb_index *x, uint32_t chunk)
{
    must(chunk < x->count);
    return atomic_load_explicit(&entry_with(x)->proven[chunk / 64], memory_order_relaxed) >> (chunk % 64) & 1;
}

static bool load(struct cas *c, const struct xet_hash *hash, str name, struct entry **out, struct err *e)
{
    struct os_identity is;
    struct xet_xorb_index x;
    struct arena *a = NULL;
    int fd = -1;
    bool ok = false;
    if (!store_open_blob(c->store, name, &fd, NULL, e)) return false;
    if (!os_identity_of(fd, &is, e)) goto done;
    a = arena_new(0);
    ok = xorb_read_index(fd, is.size_bytes, hash, a, &x, e);
    if (ok) *out = entry_of(&x, &is);
done:
    arena_free(a);
    close(fd);
    return ok;
}

bool xorb_borrow(struct cas *c, const struct xet_hash *hash, const struct xet_xorb_index **out, struct err *e)
{
    struct xorb_table *t = c->xorbs;
    struct os_identity is;
    struct entry *mine = NULL;
    char text[CAS_NAME_MAX];
    str name = xorb_name(hash, text);
    bool found;
    *out = NULL;
    if (!store_identity(c->store, name, &is, &found, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "there is no xorb %.*s", STR_ARG(str_from(name, 8)));
    pthread_mutex_lock(&t->lock);
    *out = look_up(t, hash, &is);
    pthread_mutex_unlock(&t->lock);
    if (*out) return true;

    if (!load(c, hash, name, &mine, e)) return false;
    pthread_mutex_lock(&t->lock);
    *out = look_up(t, hash, &mine->identity); /* another thread may have been quicker */
    if (!*out) {
        struct entry **place = place_of(t, hash);
        mine->borrowers = 1;
        mine->in_table = true;
        mine->next = *place;
        *place = mine;
        t->size_bytes += mine->size_bytes;
        *out = &mine->x;
        mine = NULL;
    }
    pthread_mutex_unlock(&t->lock);
    mem_free(mine);
    return true;
}
