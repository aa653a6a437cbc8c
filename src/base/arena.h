/* base/arena.h - memory that dies together.
 *
 * An arena hands out memory that is never freed piece by piece; arena_free ends all of it.  Not safe for
 * use by two threads at once.
 *
 * Two ways to allocate: arena_alloc for sizes that we choose (it aborts when the machine has no memory),
 * arena_try for sizes that come from outside (it answers NULL past the arena's limit or when memory is
 * short).  Memory is zeroed and aligned for any type.  Under the address sanitizer every allocation is
 * a block of its own, so that an overrun is seen. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>

#include "base/str.h"

struct arena;

struct arena *arena_new(size_t bytes_max); /* bytes_max bounds arena_try; 0 means no bound */
struct arena *arena_new_small(size_t bytes_max); /* the same, for some hundred bytes that wait for long: its first block is small */
void arena_free(struct arena *a);          /* NULL is fine */
void arena_reset(struct arena *a);         /* forgets everything, keeps the first block */
size_t arena_used(const struct arena *a);

void *arena_alloc(struct arena *a, size_t n);
void *arena_try(struct arena *a, size_t n);
void *arena_try_array(struct arena *a, size_t count, size_t size); /* NULL on overflow too */

#define arena_one(a, type) ((type *)arena_alloc((a), sizeof(type)))

/* Copies are followed by a NUL that is not counted, so that .p can be given to libc. */
str arena_dup(struct arena *a, str s);
const char *arena_cstr(struct arena *a, str s);
__attribute__((format(printf, 2, 3))) str arena_fmt(struct arena *a, const char *fmt, ...);
str arena_lower(struct arena *a, str s); /* ASCII letters alone */

/* Before the n-th item (from 0) is written to a list: the list, or a larger copy.  It has room for 8, 16, 32, ... */
void *arena_grow(struct arena *a, void *list, size_t n, size_t size);

/* Calls fn(ctx) when the arena is freed or reset; the last one added runs first. */
void arena_on_free(struct arena *a, void (*fn)(void *ctx), void *ctx);

/* Heap memory for what outlives a request; aborts when the machine has none.  Free with mem_free. */
void *mem_alloc(size_t n); /* zeroed */
void *mem_try(size_t n);   /* zeroed, NULL when there is none */
void *mem_grow(void *p, size_t n); /* what is new is not zeroed */
void mem_free(void *p);
char *mem_dup(str s); /* NUL-terminated copy */
#define mem_one(type) ((type *)mem_alloc(sizeof(type)))

#endif
