/* base/arena.c - see base/arena.h.
 *
 * A list of blocks, newest first; the newest one is filled from the front.  A request for more than half
 * a block gets a block of its own behind the newest, so that the rest of the newest is not wasted. */
#include "base/arena.h"

#include <stdalign.h>

#include "base/ckd.h"
#include "base/err.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_SEPARATE 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_SEPARATE 1
#endif
#endif
#ifndef ARENA_SEPARATE
#define ARENA_SEPARATE 0
#endif

enum { BLOCK_BYTES = 8192, SMALL_BYTES = 480, ALIGN = alignof(max_align_t) };

struct block {
    struct block *next;
    size_t size;
    alignas(max_align_t) char data[];
};

struct cleanup {
    struct cleanup *next;
    void (*fn)(void *ctx);
    void *ctx;
};

struct arena {
    struct block *blocks; /* newest first */
    size_t at;            /* bytes used of the newest block */
    size_t used, bytes_max;
    bool begins_small;
    struct cleanup *cleanups;
};

struct arena *arena_new(size_t bytes_max)
{
    struct arena *a = mem_one(struct arena);
    a->bytes_max = bytes_max;
    return a;
}

struct arena *arena_new_small(size_t bytes_max)
{
    struct arena *a = arena_new(bytes_max);
    a->begins_small = true;
    return a;
}

static void run_cleanups(struct arena *a)
{
    while (a->cleanups) {
        struct cleanup *c = a->cleanups;
        a->cleanups = c->next;
        c->fn(c->ctx);
    }
}

void arena_free(struct arena *a)
{
    if (!a) return;
    run_cleanups(a);
    for (struct block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        mem_free(b);
    }
    mem_free(a);
}

void arena_reset(struct arena *a)
{
    run_cleanups(a);
    struct block *keep = NULL;
    size_t dirty = a->blocks && !a->blocks->next ? a->at : BLOCK_BYTES; /* of the block that is kept */
    for (struct block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        if (!next && b->size == BLOCK_BYTES)
            keep = b;
        else
            mem_free(b);
    }
    if (keep) memset(keep->data, 0, dirty);
    a->blocks = keep;
    a->at = a->used = 0;
}

size_t arena_used(const struct arena *a) { return a->used; }

static void *place(struct arena *a, size_t n)
{
    size_t padded;
    if (ckd_add(&padded, n ? n : 1, (size_t)ALIGN - 1)) return NULL;
    padded &= ~((size_t)ALIGN - 1);

    if (!ARENA_SEPARATE && a->blocks && a->blocks->size - a->at >= padded) {
        void *p = a->blocks->data + a->at;
        a->at += padded;
        a->used += padded;
        return p;
    }
    size_t block = a->begins_small && !a->blocks ? SMALL_BYTES : BLOCK_BYTES, total;
    bool own = ARENA_SEPARATE || padded > block / 2;
    size_t size = own ? (ARENA_SEPARATE ? (n ? n : 1) : padded) : block;
    if (ckd_add(&total, size, sizeof(struct block))) return NULL;
    struct block *b = mem_try(total);
    if (!b) return NULL;
    b->size = size;
    a->used += padded;
    if (own && a->blocks) { /* behind the newest, which goes on being filled */
        b->next = a->blocks->next;
        a->blocks->next = b;
        return b->data;
    }
    b->next = a->blocks;
    a->blocks = b;
    a->at = padded < size ? padded : size;
    return b->data;
}

void *arena_alloc(struct arena *a, size_t n)
{
    void *p = place(a, n);
    must(p != NULL);
    return p;
}

void *arena_try(struct arena *a, size_t n)
{
    if (a->bytes_max && (a->used > a->bytes_max || n > a->bytes_max - a->used)) return NULL;
    return place(a, n);
}

void *arena_try_array(struct arena *a, size_t count, size_t size)
{
    size_t n;
    return ckd_mul(&n, count, size) ? NULL : arena_try(a, n);
}

str arena_dup(struct arena *a, str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n) memcpy(p, s.p, s.n);
    return (str){ p, s.n };
}

const char *arena_cstr(struct arena *a, str s) { return arena_dup(a, s).p; }

str arena_fmt(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    must(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return (str){ p, (size_t)n };
}

str arena_lower(struct arena *a, str s)
{
    char *p = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++) p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + ('a' - 'A')) : s.p[i];
    return (str){ p, s.n };
}

void *arena_grow(struct arena *a, void *list, size_t n, size_t size)
{
    if (n && (n < 8 || (n & (n - 1)) != 0)) return list;
    void *larger = arena_alloc(a, (n ? n * 2 : 8) * size);
    if (n) memcpy(larger, list, n * size);
    return larger;
}

void arena_on_free(struct arena *a, void (*fn)(void *ctx), void *ctx)
{
    struct cleanup *c = arena_one(a, struct cleanup);
    *c = (struct cleanup){ a->cleanups, fn, ctx };
    a->cleanups = c;
}

void *mem_alloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    must(p != NULL);
    return p;
}

void *mem_try(size_t n) { return calloc(1, n ? n : 1); }

void *mem_grow(void *p, size_t n)
{
    p = realloc(p, n ? n : 1);
    must(p != NULL);
    return p;
}

void mem_free(void *p) { free(p); }

char *mem_dup(str s)
{
    char *p = mem_alloc(s.n + 1);
    if (s.n) memcpy(p, s.p, s.n);
    return p;
}
