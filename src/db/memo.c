/* db/memo.c - see db/memo.h.  One place per key: what hashes there later takes it.  Locks are tried only: who finds one
 * taken asks the database, as he would have to anyway. */
#include "db/memo.h"

#include <pthread.h>

enum { SHARDS = 16 };

struct slot {
    uint8_t key[DB_MEMO_KEY_BYTES];
    struct db_mark mark;
    uint8_t *value; /* NULL: nothing here yet */
    size_t n, room;
};

struct db_memo {
    struct db *d;
    size_t slots, value_bytes_max;
    pthread_mutex_t lock[SHARDS]; /* slot i is guarded by lock i % SHARDS */
    struct slot slot[];
};

struct db_memo *db_memo_new(struct db *d, size_t slots, size_t value_bytes_max)
{
    must(slots > 0 && slots < 1 << 20);
    struct db_memo *m = mem_alloc(sizeof *m + slots * sizeof m->slot[0]);
    m->d = d;
    m->slots = slots;
    m->value_bytes_max = value_bytes_max;
    for (size_t i = 0; i < SHARDS; i++) must(pthread_mutex_init(&m->lock[i], NULL) == 0);
    return m;
}

void db_memo_free(struct db_memo *m)
{
    if (!m) return;
    for (size_t i = 0; i < m->slots; i++) mem_free(m->slot[i].value);
    for (size_t i = 0; i < SHARDS; i++) pthread_mutex_destroy(&m->lock[i]);
    mem_free(m);
}

static size_t place_of(const struct db_memo *m, const uint8_t key[DB_MEMO_KEY_BYTES])
{
    uint64_t h;
    memcpy(&h, key, sizeof h);
    return (size_t)(h % m->slots);
}

bool db_memo_find(struct db_memo *m, const uint8_t key[DB_MEMO_KEY_BYTES], struct arena *a, bytes *out)
{
    struct db_mark now;
    size_t at = place_of(m, key);
    struct slot *s = &m->slot[at];
    if (!db_mark_take(m->d, &now) || pthread_mutex_trylock(&m->lock[at % SHARDS]) != 0) return false;
    bool found = s->value && db_mark_eq(&s->mark, &now) && memcmp(s->key, key, DB_MEMO_KEY_BYTES) == 0;
    if (found) {
        uint8_t *copy = arena_alloc(a, s->n + 1);
        memcpy(copy, s->value, s->n);
        *out = (bytes){ copy, s->n };
    }
    pthread_mutex_unlock(&m->lock[at % SHARDS]);
    return found;
}

void db_memo_keep(struct db_memo *m, const uint8_t key[DB_MEMO_KEY_BYTES], const struct db_mark *since, bytes value)
{
    struct db_mark now;
    size_t at = place_of(m, key);
    struct slot *s = &m->slot[at];
    if (value.n > m->value_bytes_max || !db_mark_take(m->d, &now) || !db_mark_eq(&now, since)) return;
    if (pthread_mutex_trylock(&m->lock[at % SHARDS]) != 0) return;
    if (!s->value || s->room < value.n) {
        mem_free(s->value);
        s->value = mem_alloc(value.n + 1);
        s->room = value.n;
    }
    if (value.n) memcpy(s->value, value.p, value.n); /* nothing is a value, too */
    memcpy(s->key, key, DB_MEMO_KEY_BYTES);
    s->n = value.n;
    s->mark = now;
    pthread_mutex_unlock(&m->lock[at % SHARDS]);
}
