/* gateway/gateway_priv.h - what the files of this folder share. */
#ifndef GATEWAY_GATEWAY_PRIV_H
#define GATEWAY_GATEWAY_PRIV_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "base/hash.h"
#include "cas/cas.h"
#include "gateway/gateway.h"
#include "xet/hash.h"

enum { ASKED_SLOTS = 1 << 14, ASKS_MAX = 32, DOWNLOADS_MAX = 16 /* at once */, DOWNLOADS_QUEUED_MAX = 1000, WRONG_MAX = 64,
       ANSWER_MEMORY_MAX = 128 << 20 /* of an arena that answers are parsed in */ };

struct asked { /* when the upstream last answered about a repository, also that it has none; another of the same slot takes its place */
    uint8_t key[16];
    int64_t at_ms; /* by the clock that nobody sets; 0: never */
    bool failed;   /* it could not be brought: tried again after a while, not at every question */
};

struct ask; /* a question under way, gateway.c */

struct gateway {
    struct hub *hub;
    struct gateway_config config;
    volatile sig_atomic_t stopping; /* of the kind that http/client.h looks at; gateway_is_stopping */
    pthread_mutex_t lock; /* guards all below; never held across I/O */
    struct asked asked[ASKED_SLOTS];
    int64_t down_until_ms;
    int64_t answered_ms, failed_ms; /* by the clock of the wall */
    struct ask *asks;
    size_t asks_count;
    size_t waiting, bringing;   /* threads that wait for the answer to a question, or for a file */
    struct download *downloads; /* the youngest first */
    size_t downloads_count, downloads_queued; /* threads; those that wait for one */
    pthread_cond_t quieter; /* a download has ended */
    enum { REACH_UNKNOWN, REACH_ALL, REACH_PUBLIC } reach; /* where its links may lead */
    struct sha256 wrong[WRONG_MAX]; /* files whose chunks made something else: they come by git-lfs.  The oldest is forgotten */
    size_t wrong_count;
    _Atomic uint64_t questions, failures, fetches, files, files_failed, bytes, xet_files, xet_faults, known_bytes;
};

static inline bool gateway_is_stopping(const struct gateway *g) { return __atomic_load_n(&g->stopping, __ATOMIC_RELAXED); }

/* This thread is about to wait for a file: may it? */
bool gateway_wait_begin(struct gateway *g, struct err *e);
void gateway_wait_end(struct gateway *g);

/* ------------------------------------------------------------------ download.c: a file on its way */

struct download {
    struct gateway *g;
    struct download *next;
    struct arena *a;   /* of the mirror's names */
    struct repo mirror;
    struct sha256 sha256;
    uint64_t size_bytes;
    int fd;
    char path[640];          /* of that file; empty: it has no name */
    struct cas_put *put;
    struct places *learnt;   /* where the upstream's chunks lie in it */
    uint64_t skip;           /* of the try at hand: what of the answer we have already */
    struct err fault;        /* our own, which ends all tries; the thread's alone */
    /* under the lock */
    pthread_cond_t changed;
    uint64_t have;
    bool is_queued, is_done, has_failed;
    struct err err;
    size_t users;
};
/* What comes next of it. */
bool download_keep(struct download *d, bytes piece);

size_t downloads_now(const struct gateway *g); /* that are not done, with those that wait for their turn; under the lock */
mirror_bring download_bring; /* joins, and waits */

/* ------------------------------------------------------------------ upstream.c: the questions */

/* *found false: the upstream says that there is no such thing, or that it is not for us.  head: of its main branch; zero without one. */
bool upstream_repo(struct gateway *g, enum repo_kind kind, str owner, str name, struct mirror *out, bool *found, struct arena *a, struct err *e);
/* Branches, tags, converted branches and pull requests, with full names; commit is set. */
bool upstream_refs(struct gateway *g, const struct mirror *m, struct vcs_ref **out, size_t *n, struct arena *a, struct err *e);
/* Where the bytes of a large file are to be had, and the headers to be sent along (NULL at the end). */
struct upstream_object {
    const char *url; /* NULL, in answer_object alone: it is not given out */
    const char **header;
};

/* The way by Xet to one file. */
struct upstream_xet {
    struct xet_hash hash;
    const char *cas_url;
    str token;
};
/* *found false: the upstream has no such way to it. */
bool upstream_xet(struct gateway *g, const struct repo *mirror, str path, const struct sha256 *sha256, uint64_t size_bytes, struct upstream_xet *out, bool *found,
                  struct arena *a, struct err *e);
/* Bytes [from, to) of a file: chunks [first, end) of one xorb after another, raw_bytes in all; they lie in chunks [range_first, range_end), which are
 * `length` bytes from `at` of what the link leads to.  Of the first term the first `skip` bytes come before `from`. */
struct upstream_term {
    struct xet_hash xorb;
    uint32_t first, end, range_first, range_end;
    uint64_t raw_bytes, at, length;
    const char *url;
};
struct upstream_window {
    uint64_t skip;
    struct upstream_term *term;
    size_t n;
};
/* *is_stale: the token is not taken any more. */
bool upstream_window(struct gateway *g, const struct upstream_xet *x, uint64_t from, uint64_t to, struct upstream_window *out, bool *is_stale, struct arena *a, struct err *e);
/* Links of an upstream of the open internet lead there alone; one that is in a private network itself may name what it likes. */
bool upstream_is_kept_out(struct gateway *g);
bool upstream_object(struct gateway *g, const struct repo *mirror, const struct sha256 *sha256, uint64_t size_bytes,
                     struct upstream_object *out, struct arena *a, struct err *e);
const char *upstream_git_url(struct gateway *g, enum repo_kind kind, str owner, str name, struct arena *a);

/* ------------------------------------------------------------------ answer.c: their answers; false: not of the form that they must have */

bool answer_repo(const struct json *info, struct mirror *out); /* kind and upstream stay */
bool answer_refs(const struct json *refs, struct vcs_ref **out, size_t *n, struct arena *a);
bool answer_object(const struct json *answer, const struct sha256 *sha256, struct upstream_object *out, str *why /* there is no url */, struct arena *a);

/* answer_xet.c: the same of the way by Xet */
bool answer_xet_hash(const struct json *paths, const struct sha256 *sha256, uint64_t size_bytes, struct xet_hash *out);
bool answer_xet_token(const struct json *token, struct upstream_xet *out, struct arena *a);
/* For so many bytes. */
bool answer_window(const struct json *answer, uint64_t size_bytes, struct upstream_window *out, struct arena *a);

/* ------------------------------------------------------------------ xet.c, place.c */

/* Brings as much of the file as comes by Xet: what is here already is not asked for.  What does not come so, or is odd, is left to git-lfs. */
void xet_bring(struct download *d);

/* Where chunks of the upstream's xorbs lie in our files: runs of chunks. */
struct place {
    struct xet_hash xorb;
    uint32_t first, count, cap;
    uint32_t *size;        /* of each */
    struct sha256 sha256;  /* of the object; in `places`, those of the file at hand */
    uint64_t at, end;      /* its bytes there */
};
struct places {
    struct place *place;
    size_t n, cap, chunks;
};
/* A chunk has been put at these bytes of the file at hand. */
void places_add(struct places *p, const struct xet_hash *xorb, uint32_t chunk, uint64_t at, uint32_t size_bytes);
/* A run that has this chunk; NULL: none. */
const struct place *places_find(const struct places *p, const struct xet_hash *xorb, uint32_t chunk);
/* The same in files that are in the store, with memory of `a`. */
bool place_look_up(struct gateway *g, const struct xet_hash *xorb, uint32_t chunk, struct place *out, bool *found, struct arena *a, struct err *e);
bool places_write(struct gateway *g, const struct places *p, const struct sha256 *sha256, struct err *e);
void places_free(struct places *p); /* NULL is fine */

#endif
