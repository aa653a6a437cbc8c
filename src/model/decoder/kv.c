/* model/decoder/kv.c - see model/decoder/kv.h.  A page that only one sequence holds may be written; a shared one never:
 * sharing covers full pages, and a sequence that is cut back into a shared page gets a copy of it. */
#include "model/decoder/kv.h"

#include <string.h>

#include "base/arena.h"
#include "base/map.h"

struct kv_page {
    struct kv_page *next; /* while it is free */
    size_t holders;
    uint8_t *data;
};

/* Pages are smaller than the large pages of the machine, in which they are read at twice the speed: so they come by the
 * slab. */
enum { SLAB_BYTES = 8 << 20 };
struct slab {
    struct slab *next;
    uint8_t *p;
    size_t pages, used;
};

struct kv_pool {
    struct slab *slab; /* the first has what is left */
    size_t page_bytes, pages_max, made, free_count;
    enum kernel_type type;
    uint32_t kv_heads, head_dim;
    size_t key_bytes, value_bytes; /* of a block */
    struct kv_page *free;
};

size_t kv_page_bytes(const struct decoder_config *c)
{
    return (size_t)c->layers * c->kv_heads *
           (attention_key_block_bytes(c->kv_type, c->head_dim) + attention_value_block_bytes(c->kv_type, c->head_dim));
}

struct kv_pool *kv_pool_new(const struct decoder_config *c, size_t pages_max)
{
    struct kv_pool *p = mem_one(struct kv_pool);
    *p = (struct kv_pool){ .page_bytes = kv_page_bytes(c), .pages_max = pages_max, .type = c->kv_type, .kv_heads = c->kv_heads,
                           .head_dim = c->head_dim, .key_bytes = attention_key_block_bytes(c->kv_type, c->head_dim),
                           .value_bytes = attention_value_block_bytes(c->kv_type, c->head_dim) };
    return p;
}

void kv_pool_free(struct kv_pool *p)
{
    if (!p) return;
    must(p->free_count == p->made);
    for (struct kv_page *page = p->free, *next; page; page = next) {
        next = page->next;
        mem_free(page);
    }
    for (struct slab *slab = p->slab, *next; slab; slab = next) {
        next = slab->next;
        pages_free(slab->p, slab->pages * p->page_bytes);
        mem_free(slab);
    }
    mem_free(p);
}

size_t kv_pages_free(const struct kv_pool *p) { return p->pages_max - p->made + p->free_count; }

static bool cut_page(struct kv_pool *p, uint8_t **out, struct err *e)
{
    struct slab *s = p->slab;
    if (!s || s->used == s->pages) {
        size_t most = p->pages_max - p->made, pages = SLAB_BYTES / p->page_bytes;
        void *memory;
        if (pages > most) pages = most;
        if (pages == 0) pages = 1;
        if (!pages_alloc(pages * p->page_bytes, &memory, e)) return false;
        s = mem_one(struct slab);
        *s = (struct slab){ p->slab, memory, pages, 0 };
        p->slab = s;
    }
    *out = s->p + s->used++ * p->page_bytes;
    return true;
}

static bool take(struct kv_pool *p, struct kv_page **out, struct err *e)
{
    uint8_t *data;
    if (!p->free && p->made == p->pages_max)
        return err_set(e, ERR_BUSY, "all %zu pages of %d positions are taken", p->pages_max, KV_PAGE);
    if (p->free) {
        *out = p->free;
        p->free = p->free->next;
        p->free_count--;
        memset((*out)->data, 0, p->page_bytes); /* places that nobody fills are finite, whatever was here */
    } else {
        if (!cut_page(p, &data, e)) return false;
        *out = mem_one(struct kv_page);
        (*out)->data = data;
        p->made++;
    }
    (*out)->holders = 1;
    return true;
}

static void give(struct kv_pool *p, struct kv_page *page)
{
    if (--page->holders) return;
    page->next = p->free;
    p->free = page;
    p->free_count++;
}

struct kv *kv_new(struct kv_pool *p)
{
    struct kv *k = mem_one(struct kv);
    k->pool = p;
    return k;
}

void kv_free(struct kv *k)
{
    if (!k) return;
    for (size_t i = 0; i < k->pages; i++) give(k->pool, k->page[i]);
    mem_free(k->page);
    mem_free(k->data);
    mem_free(k->token);
    mem_free(k);
}

/* The page in which the next position falls must be ours alone. */
static bool own_last(struct kv *k, struct err *e)
{
    struct kv_page *copy = NULL;
    size_t last = k->length / KV_PAGE;
    if (k->length % KV_PAGE == 0 || k->page[last]->holders == 1) return true;
    if (!take(k->pool, &copy, e)) return false;
    memcpy(copy->data, k->page[last]->data, k->pool->page_bytes);
    give(k->pool, k->page[last]);
    k->page[last] = copy;
    k->data[last] = copy->data;
    return true;
}

bool kv_reserve(struct kv *k, uint32_t more, struct err *e)
{
    size_t wanted = ((size_t)k->length + more + KV_PAGE - 1) / KV_PAGE;
    if (more && !own_last(k, e)) return false;
    if (wanted > k->pages) {
        k->page = mem_grow(k->page, wanted * sizeof *k->page);
        k->data = mem_grow(k->data, wanted * sizeof *k->data);
        k->token = mem_grow(k->token, wanted * KV_PAGE * sizeof *k->token);
    }
    while (k->pages < wanted) {
        if (!take(k->pool, &k->page[k->pages], e)) return false;
        k->data[k->pages] = k->page[k->pages]->data;
        k->pages++;
    }
    return true;
}

bool kv_fork(const struct kv *k, uint32_t length, struct kv **out, struct err *e)
{
    must(length <= k->length);
    struct kv *copy = kv_new(k->pool);
    copy->pages = ((size_t)length + KV_PAGE - 1) / KV_PAGE;
    copy->length = length;
    copy->adapter = k->adapter;
    copy->is_long = k->is_long;
    copy->token = mem_alloc((copy->pages + 1) * KV_PAGE * sizeof *copy->token);
    if (length) memcpy(copy->token, k->token, length * sizeof *copy->token);
    copy->page = mem_alloc((copy->pages + 1) * sizeof *copy->page);
    copy->data = mem_alloc((copy->pages + 1) * sizeof *copy->data);
    for (size_t i = 0; i < copy->pages; i++) {
        copy->page[i] = k->page[i];
        copy->data[i] = k->data[i];
        copy->page[i]->holders++;
    }
    /* The page that is partly filled is not shared: its owner goes on writing into it. */
    if (!own_last(copy, e)) {
        kv_free(copy);
        return false;
    }
    *out = copy;
    return true;
}

void kv_truncate(struct kv *k, uint32_t length)
{
    must(length <= k->length);
    size_t keep = ((size_t)length + KV_PAGE - 1) / KV_PAGE;
    while (k->pages > keep) give(k->pool, k->page[--k->pages]);
    k->length = length;
}

struct attention_pages kv_layer(const struct kv_pool *p, uint32_t layer)
{
    size_t keys = layer * p->kv_heads * (p->key_bytes + p->value_bytes);
    return (struct attention_pages){ keys, keys + p->kv_heads * p->key_bytes };
}

void kv_store(struct kv *k, uint32_t layer, uint32_t head, uint32_t position, const float *key, const float *value)
{
    const struct kv_pool *p = k->pool;
    struct attention_pages at = kv_layer(p, layer);
    uint8_t *data = k->page[position / KV_PAGE]->data;
    attention_store(p->type, p->head_dim, position % KV_PAGE, key, value, data + at.keys + head * p->key_bytes, data + at.values + head * p->value_bytes);
}
