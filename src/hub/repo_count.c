/* hub/repo_count.c - downloads: counted in memory and written every few seconds.  A crash may lose some counts, never anything else.
 * What the counts mean for listings stands in index/index_counts.c. */
#include "base/clock.h"
#include "hub/hub_priv.h"
#include "hub/index/index.h"

/* A hash table of what was counted since the last flush: open addressing, id 0 is an empty slot. */
struct downloads {
    pthread_mutex_t lock;
    struct download {
        int64_t repo_id, count;
    } *slot;
    size_t n, cap;
};

struct downloads *downloads_new(void)
{
    struct downloads *d = mem_one(struct downloads);
    must(pthread_mutex_init(&d->lock, NULL) == 0);
    return d;
}

void downloads_free(struct downloads *d)
{
    if (!d) return;
    pthread_mutex_destroy(&d->lock);
    mem_free(d->slot);
    mem_free(d);
}

static struct download *slot_of(struct download *slot, size_t cap, int64_t id)
{
    size_t i = (size_t)((uint64_t)id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (cap - 1);
    while (slot[i].repo_id && slot[i].repo_id != id) i = (i + 1) & (cap - 1);
    return &slot[i];
}

static void make_room(struct downloads *d)
{
    if (d->n * 2 < d->cap) return;
    size_t cap = d->cap ? d->cap * 2 : 64;
    struct download *slot = mem_alloc(cap * sizeof *slot);
    for (size_t i = 0; i < d->cap; i++)
        if (d->slot[i].repo_id) *slot_of(slot, cap, d->slot[i].repo_id) = d->slot[i];
    mem_free(d->slot);
    d->slot = slot;
    d->cap = cap;
}

static void count(struct downloads *d, int64_t repo_id, int64_t n)
{
    pthread_mutex_lock(&d->lock);
    make_room(d);
    struct download *s = slot_of(d->slot, d->cap, repo_id);
    if (!s->repo_id) d->n++;
    s->repo_id = repo_id;
    s->count += n;
    pthread_mutex_unlock(&d->lock);
}

void repo_count_download(struct hub *h, int64_t repo_id) { count(h->downloads, repo_id, 1); }

static bool write_one(struct db_conn *tx, const struct download *s, int64_t day, struct err *e)
{
    static const char insert[] = /* only if it still exists */
        "INSERT INTO repo_download (repo_id, day, count) SELECT id, ?2, ?3 FROM repo WHERE id = ?1"
        " ON CONFLICT (repo_id, day) DO UPDATE SET count = count + excluded.count";
    return db_run(tx, e, insert, db_int(s->repo_id), db_int(day), db_int(s->count)) &&
           index_recount(tx, s->repo_id, e);
}

static bool write_all(struct hub *h, const struct download *slot, size_t cap, struct err *e)
{
    struct db_conn *tx;
    int64_t day = clock_day(clock_now_ms());
    bool ok = true;
    if (!db_begin(h->db, &tx, e)) return false;
    for (size_t i = 0; i < cap && ok; i++)
        if (slot[i].repo_id) ok = write_one(tx, &slot[i], day, e);
    return db_finish(h->db, tx, ok, e);
}

bool hub_flush(struct hub *h, struct err *e)
{
    struct downloads *d = h->downloads;
    pthread_mutex_lock(&d->lock);
    struct download *slot = d->slot;
    size_t cap = d->cap;
    d->slot = NULL;
    d->n = d->cap = 0;
    pthread_mutex_unlock(&d->lock);

    bool ok = !cap || write_all(h, slot, cap, e);
    for (size_t i = 0; i < cap && !ok; i++) /* nothing is lost: the next flush tries again */
        if (slot[i].repo_id) count(d, slot[i].repo_id, slot[i].count);
    mem_free(slot);
    return ok;
}
