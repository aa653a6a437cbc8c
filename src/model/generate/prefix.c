/* model/generate/prefix.c - see model/generate/prefix.h.  Entries stand in the order of their use. */
#include "model/generate/prefix.h"

#include <string.h>

#include "base/arena.h"

struct entry {
    uint64_t owner;
    uint32_t *token;
    struct kv *kv;
};

struct prefix_store {
    struct entry entry[PREFIX_ENTRIES_MAX]; /* the oldest first */
    size_t n, most;
};

struct prefix_store *prefix_store_new(size_t entries_max)
{
    struct prefix_store *p = mem_one(struct prefix_store);
    p->most = entries_max < PREFIX_ENTRIES_MAX ? entries_max : PREFIX_ENTRIES_MAX;
    return p;
}

void prefix_store_free(struct prefix_store *p)
{
    if (!p) return;
    while (prefix_drop_oldest(p)) {}
    mem_free(p);
}

size_t prefix_common(const uint32_t *a, size_t a_count, const uint32_t *b, size_t b_count)
{
    size_t n = 0;
    while (n < a_count && n < b_count && a[n] == b[n]) n++;
    return n;
}

static void drop(struct prefix_store *p, size_t at)
{
    kv_free(p->entry[at].kv);
    mem_free(p->entry[at].token);
    memmove(&p->entry[at], &p->entry[at + 1], (--p->n - at) * sizeof p->entry[0]);
}

bool prefix_drop_oldest(struct prefix_store *p)
{
    if (p->n) drop(p, 0);
    else return false;
    return true;
}

void prefix_keep(struct prefix_store *p, uint64_t owner, const uint32_t *token, struct kv *kv)
{
    size_t length = kv->length;
    for (size_t i = p->n; i-- > 0;) { /* what one of the two says is not kept twice */
        if (p->entry[i].owner != owner) continue;
        size_t other = p->entry[i].kv->length, common = prefix_common(p->entry[i].token, other, token, length);
        if (common == length) {
            kv_free(kv);
            return;
        }
        if (common == other) drop(p, i);
    }
    if (length < PREFIX_TOKENS_MIN || p->most == 0) {
        kv_free(kv);
        return;
    }
    if (p->n == p->most) drop(p, 0);
    struct entry *e = &p->entry[p->n++];
    e->kv = kv;
    e->owner = owner;
    e->token = mem_alloc(length * sizeof *token);
    memcpy(e->token, token, length * sizeof *token);
}

const struct kv *prefix_find(struct prefix_store *p, uint64_t owner, const uint32_t *token, size_t n, size_t *common)
{
    size_t best = 0, at = 0;
    for (size_t i = 0; i < p->n; i++) {
        if (p->entry[i].owner != owner) continue;
        size_t here = prefix_common(p->entry[i].token, p->entry[i].kv->length, token, n);
        if (here >= best && here) best = here, at = i;
    }
    if (best < PREFIX_TOKENS_MIN) return NULL;
    struct entry used = p->entry[at];
    memmove(&p->entry[at], &p->entry[at + 1], (p->n - 1 - at) * sizeof used);
    p->entry[p->n - 1] = used;
    *common = best;
    return used.kv;
}
