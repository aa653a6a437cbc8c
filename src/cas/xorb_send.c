/* cas/xorb_send.c - stored xorbs for sending, which is done by the kernel from the file, so they are read before.
 *
 * Clients of the protocol do not check hashes when they download: a byte that goes bad on our disk would become a bad
 * byte in their models.  So a file is decoded, hashed and compared with its footer once, and again whenever its
 * identity has changed; what was found is remembered in a table of fixed size.  (Bytes that change on the disk while
 * the file's identity stays are the checks' business: `hearth fsck`.)
 *
 * Doubts are remembered here as well: a chunk that could not be read, by whoever tried.  What is doubtful is read again
 * before anybody believes it.
 *
 * Two requests for one xorb wait for one reading, and no more than READINGS_MAX go on at once, about a megabyte each.
 */
#include "cas/xorb_priv.h"

#include <pthread.h>
#include <unistd.h>

enum { SETS = 2048, WAYS = 4, READINGS_MAX = 4, PIECE = 256 << 10, DOUBTS_MAX = 256 };

struct seen {
    struct xet_hash hash;
    struct os_identity identity;
    uint64_t used; /* 0: the slot is free */
    uint32_t frames_bytes;
};

struct reading { /* on the stack of its thread */
    const struct xet_hash *hash;
    struct reading *next;
};

struct xorb_seen { /* all of it under the lock */
    pthread_mutex_t lock;
    pthread_cond_t over; /* a reading has ended */
    struct reading *readings;
    size_t readings_count;
    uint64_t uses;
    struct seen slot[SETS][WAYS];
    struct xet_hash doubt[DOUBTS_MAX]; /* the oldest goes when there is no room */
    size_t doubts;
};

struct xorb_seen *xorb_seen_new(void)
{
    struct xorb_seen *t = mem_one(struct xorb_seen);
    must(pthread_mutex_init(&t->lock, NULL) == 0 && pthread_cond_init(&t->over, NULL) == 0);
    return t;
}

void xorb_seen_free(struct xorb_seen *t)
{
    if (!t) return;
    pthread_cond_destroy(&t->over);
    pthread_mutex_destroy(&t->lock);
    mem_free(t);
}

/* ------------------------------------------------------------------ the table, under its lock */

static const struct seen *look_up(struct xorb_seen *t, const struct xet_hash *hash, const struct os_identity *is)
{
    struct seen *set = t->slot[xet_hash_u64(hash, 0) % SETS];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].used == 0 || !xet_hash_eq(&set[i].hash, hash) || !os_identity_eq(&set[i].identity, is)) continue;
        set[i].used = ++t->uses;
        return &set[i];
    }
    return NULL;
}

static size_t doubt_of(const struct xorb_seen *t, const struct xet_hash *hash) /* t->doubts: none */
{
    size_t i = 0;
    while (i < t->doubts && !xet_hash_eq(&t->doubt[i], hash)) i++;
    return i;
}

static void end_doubt(struct xorb_seen *t, size_t i)
{
    t->doubts--;
    memmove(&t->doubt[i], &t->doubt[i + 1], (t->doubts - i) * sizeof *t->doubt);
}

/* In the place of what was known of this xorb, or of what was used longest ago. */
static void remember(struct xorb_seen *t, struct seen what)
{
    struct seen *set = t->slot[xet_hash_u64(&what.hash, 0) % SETS], *place = set;
    for (size_t i = 1; i < WAYS; i++)
        if (set[i].used < place->used) place = &set[i];
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].used > 0 && xet_hash_eq(&set[i].hash, &what.hash)) place = &set[i];
    what.used = ++t->uses;
    *place = what;
    size_t doubt = doubt_of(t, &what.hash);
    if (doubt < t->doubts) end_doubt(t, doubt);
}

static void forget_seen(struct xorb_seen *t, const struct xet_hash *hash)
{
    struct seen *set = t->slot[xet_hash_u64(hash, 0) % SETS];
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].used > 0 && xet_hash_eq(&set[i].hash, hash)) set[i].used = 0;
}

void xorb_look_again(struct cas *c, const struct xet_hash *hash)
{
    pthread_mutex_lock(&c->seen->lock);
    forget_seen(c->seen, hash);
    pthread_mutex_unlock(&c->seen->lock);
}

void xorb_doubt(struct cas *c, const struct xet_hash *hash)
{
    struct xorb_seen *t = c->seen;
    pthread_mutex_lock(&t->lock);
    forget_seen(t, hash);
    if (doubt_of(t, hash) == t->doubts) {
        if (t->doubts == DOUBTS_MAX) end_doubt(t, 0);
        t->doubt[t->doubts++] = *hash;
    }
    pthread_mutex_unlock(&t->lock);
}

void xorb_doubt_no_more(struct cas *c, const struct xet_hash *hash)
{
    pthread_mutex_lock(&c->seen->lock);
    size_t i = doubt_of(c->seen, hash);
    if (i < c->seen->doubts) end_doubt(c->seen, i);
    pthread_mutex_unlock(&c->seen->lock);
}

bool xorb_any_doubtful(struct cas *c)
{
    pthread_mutex_lock(&c->seen->lock);
    bool yes = c->seen->doubts > 0;
    pthread_mutex_unlock(&c->seen->lock);
    return yes;
}

bool xorb_is_doubtful(struct cas *c, const struct xet_hash *hash)
{
    pthread_mutex_lock(&c->seen->lock);
    bool yes = doubt_of(c->seen, hash) < c->seen->doubts;
    pthread_mutex_unlock(&c->seen->lock);
    return yes;
}

void xorb_is_sound(struct cas *c, const struct xet_hash *hash, const struct os_identity *is, uint32_t frames_bytes)
{
    pthread_mutex_lock(&c->seen->lock);
    remember(c->seen, (struct seen){ .hash = *hash, .identity = *is, .frames_bytes = frames_bytes });
    pthread_mutex_unlock(&c->seen->lock);
}

/* ------------------------------------------------------------------ reading */

static bool same_index(const struct xet_xorb_index *a, const struct xet_xorb_index *b)
{
    size_t ends = a->count * sizeof *a->stored_end;
    return a->count == b->count && memcmp(a->chunk, b->chunk, a->count * sizeof *a->chunk) == 0 &&
           memcmp(a->stored_end, b->stored_end, ends) == 0 && memcmp(a->raw_end, b->raw_end, ends) == 0;
}

static bool read_frames(int fd, uint32_t frames_bytes, const struct xet_hash *hash, struct xet_xorb_reader *r,
                        struct err *e)
{
    uint8_t *piece = mem_alloc(PIECE);
    struct err why;
    bool ok = true;
    for (uint64_t at = 0; ok && at < frames_bytes;) {
        size_t got, n = frames_bytes - at < PIECE ? (size_t)(frames_bytes - at) : PIECE;
        ok = os_pread(fd, piece, n, at, &got, e) && (got == n || xorb_damaged(hash, "its file was cut short", e));
        if (ok && !xet_xorb_reader_add(r, (bytes){ piece, n }, &why)) ok = xorb_damaged(hash, why.msg, e);
        at += n;
    }
    mem_free(piece);
    return ok;
}

/* Is every chunk what the name says, and every frame where the footer says? */
bool xorb_read_whole(int fd, const struct os_identity *is, const struct xet_hash *hash, uint32_t *frames_bytes,
                     struct err *e)
{
    struct xet_xorb_index footer, frames;
    struct arena *a = arena_new(0);
    struct xet_xorb_reader *r = xet_xorb_reader_new();
    struct err why;
    bool ok = xorb_read_index(fd, is->size_bytes, hash, a, &footer, e) &&
              read_frames(fd, xorb_frames_bytes(&footer), hash, r, e);
    if (ok && !xet_xorb_reader_end(r, hash, a, &frames, frames_bytes, &why)) ok = xorb_damaged(hash, why.msg, e);
    if (ok && !same_index(&footer, &frames)) ok = xorb_damaged(hash, "its footer does not agree with its frames", e);
    xet_xorb_reader_free(r);
    arena_free(a);
    return ok;
}

static bool is_being_read(const struct xorb_seen *t, const struct xet_hash *hash)
{
    const struct reading *r = t->readings;
    while (r && !xet_hash_eq(r->hash, hash)) r = r->next;
    return r != NULL;
}

static void end_reading(struct xorb_seen *t, const struct reading *mine)
{
    struct reading **p = &t->readings;
    while (*p != mine) p = &(*p)->next;
    *p = mine->next;
    t->readings_count--;
    pthread_cond_broadcast(&t->over);
}

/* Fills *out from the table, or by reading.  An error that is not the xorb's fault is not remembered. */
static bool find_out(struct cas *c, int fd, const struct xet_hash *hash, const struct os_identity *is, struct seen *out,
                     struct err *e)
{
    struct xorb_seen *t = c->seen;
    struct reading mine = { hash, NULL };
    const struct seen *known;
    bool ok = true;
    pthread_mutex_lock(&t->lock);
    while (!(known = look_up(t, hash, is)) && (is_being_read(t, hash) || t->readings_count == READINGS_MAX))
        pthread_cond_wait(&t->over, &t->lock);
    if (known) {
        *out = *known;
    } else {
        mine.next = t->readings;
        t->readings = &mine;
        t->readings_count++;
        pthread_mutex_unlock(&t->lock);
        *out = (struct seen){ .hash = *hash, .identity = *is };
        ok = xorb_read_whole(fd, is, hash, &out->frames_bytes, e);
        pthread_mutex_lock(&t->lock);
        if (ok) remember(t, *out);
        end_reading(t, &mine);
    }
    pthread_mutex_unlock(&t->lock);
    if (!ok && e->code == ERR_IO) xorb_doubt(c, hash);
    return ok;
}

bool cas_xorb_open(struct cas *c, const struct xet_hash *hash, int *fd, uint64_t *frames_bytes, struct err *e)
{
    enum { TRIES = 3 };
    struct os_identity before, after;
    struct seen what;
    char name[CAS_NAME_MAX];
    *fd = -1;
    if (!store_open_blob(c->store, xorb_name(hash, name), fd, NULL, e)) return false;
    for (int i = 0; i < TRIES; i++) { /* a file just published loses its temporary name, which changes its identity */
        if (!os_identity_of(*fd, &before, e) || !find_out(c, *fd, hash, &before, &what, e) ||
            !os_identity_of(*fd, &after, e))
            goto failed;
        if (!os_identity_eq(&before, &after)) continue;
        *frames_bytes = what.frames_bytes;
        return true;
    }
    xorb_damaged(hash, "its file changes while it is read", e);
failed:
    close(*fd);
    *fd = -1;
    return false;
}
