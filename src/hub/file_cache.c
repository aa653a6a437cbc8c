/* hub/file_cache.c - see hub/file_cache.h.
 *
 * SHARDS independent tables, each a chained hash with a list in order of use.  Invariants of a shard,
 * under its lock: every entry in a bucket is in the list and the other way round; `bytes` is the sum of
 * what they take; an entry that is in the table has one reference for that. */
#include "hub/file_cache.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/err.h"

enum { SHARDS = 8, BUCKETS = 1024 };

struct file_blob {
    struct file_cache *of;
    _Atomic int references;
    int64_t repo_id;
    struct vcs_oid oid;
    struct file_blob *chain, *newer, *older;
    size_t size;
    char data[];
};

struct shard {
    pthread_mutex_t lock;
    struct file_blob *bucket[BUCKETS];
    struct file_blob *newest, *oldest;
    size_t bytes;
};

struct file_cache {
    size_t shard_bytes_max;
    _Atomic size_t made, kept; /* bytes of all blobs, of those in the tables */
    struct shard shard[SHARDS];
};

struct file_cache *file_cache_new(size_t bytes_max)
{
    struct file_cache *c = mem_one(struct file_cache);
    c->shard_bytes_max = bytes_max / SHARDS;
    for (size_t i = 0; i < SHARDS; i++) must(pthread_mutex_init(&c->shard[i].lock, NULL) == 0);
    return c;
}

void file_blob_release(void *held)
{
    struct file_blob *b = held;
    if (!b || atomic_fetch_sub(&b->references, 1) != 1) return;
    atomic_fetch_sub(&b->of->made, b->size);
    mem_free(b);
}

void file_cache_free(struct file_cache *c)
{
    if (!c) return;
    for (size_t i = 0; i < SHARDS; i++) {
        for (struct file_blob *b = c->shard[i].newest, *next; b; b = next) {
            next = b->older;
            file_blob_release(b);
        }
        pthread_mutex_destroy(&c->shard[i].lock);
    }
    mem_free(c);
}

size_t file_cache_lent(struct file_cache *c)
{
    size_t kept = atomic_load(&c->kept), made = atomic_load(&c->made); /* not at one moment */
    return made > kept ? made - kept : 0;
}

str file_blob_content(const struct file_blob *b) { return str_n(b->data, b->size); }

/* A blob id is a hash already; the repository only has to be mixed in. */
static uint64_t hash_of(int64_t repo_id, const struct vcs_oid *oid)
{
    uint64_t h;
    memcpy(&h, oid->b, sizeof h);
    return h ^ (uint64_t)repo_id * UINT64_C(0x9E3779B97F4A7C15);
}

static struct shard *shard_of(struct file_cache *c, uint64_t h) { return &c->shard[h >> 8 & (SHARDS - 1)]; }
static struct file_blob **bucket_of(struct shard *s, uint64_t h) { return &s->bucket[h >> 16 & (BUCKETS - 1)]; }

static void list_remove(struct shard *s, struct file_blob *b)
{
    *(b->newer ? &b->newer->older : &s->newest) = b->older;
    *(b->older ? &b->older->newer : &s->oldest) = b->newer;
    b->newer = b->older = NULL;
}

static void list_put_first(struct shard *s, struct file_blob *b)
{
    b->older = s->newest;
    *(s->newest ? &s->newest->newer : &s->oldest) = b;
    s->newest = b;
}

static struct file_blob *find_locked(struct shard *s, uint64_t h, int64_t repo_id, const struct vcs_oid *oid)
{
    struct file_blob *b = *bucket_of(s, h);
    while (b && !(b->repo_id == repo_id && vcs_oid_eq(&b->oid, oid))) b = b->chain;
    return b;
}

struct file_blob *file_cache_find(struct file_cache *c, int64_t repo_id, const struct vcs_oid *oid)
{
    uint64_t h = hash_of(repo_id, oid);
    struct shard *s = shard_of(c, h);
    pthread_mutex_lock(&s->lock);
    struct file_blob *b = find_locked(s, h, repo_id, oid);
    if (b) {
        atomic_fetch_add(&b->references, 1);
        list_remove(s, b);
        list_put_first(s, b);
    }
    pthread_mutex_unlock(&s->lock);
    return b;
}

static size_t taken(const struct file_blob *b) { return sizeof *b + b->size; } /* many small ones take more than their contents */

static void evict(struct shard *s, struct file_blob *b)
{
    struct file_blob **link = bucket_of(s, hash_of(b->repo_id, &b->oid));
    while (*link != b) link = &(*link)->chain;
    *link = b->chain;
    list_remove(s, b);
    s->bytes -= taken(b);
    atomic_fetch_sub(&b->of->kept, b->size);
    file_blob_release(b);
}

struct file_blob *file_cache_add(struct file_cache *c, int64_t repo_id, const struct vcs_oid *oid, bytes content)
{
    struct file_blob *b = mem_alloc(sizeof *b + content.n);
    b->of = c;
    b->references = 1;
    b->repo_id = repo_id;
    b->oid = *oid;
    b->size = content.n;
    atomic_fetch_add(&c->made, b->size);
    if (content.n) memcpy(b->data, content.p, content.n);
    if (content.n > c->shard_bytes_max / 2) return b;

    uint64_t h = hash_of(repo_id, oid);
    struct shard *s = shard_of(c, h);
    pthread_mutex_lock(&s->lock);
    if (!find_locked(s, h, repo_id, oid)) { /* another thread may have been quicker: then ours stays our own */
        atomic_fetch_add(&b->references, 1);
        b->chain = *bucket_of(s, h);
        *bucket_of(s, h) = b;
        list_put_first(s, b);
        s->bytes += taken(b);
        atomic_fetch_add(&c->kept, b->size);
        while (s->bytes > c->shard_bytes_max) evict(s, s->oldest);
    }
    pthread_mutex_unlock(&s->lock);
    return b;
}

void file_cache_drop(struct file_cache *c, int64_t repo_id, const struct vcs_oid *oid)
{
    uint64_t h = hash_of(repo_id, oid);
    struct shard *s = shard_of(c, h);
    pthread_mutex_lock(&s->lock);
    struct file_blob *b = find_locked(s, h, repo_id, oid);
    if (b) evict(s, b);
    pthread_mutex_unlock(&s->lock);
}
