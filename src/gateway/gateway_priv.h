/* gateway/gateway_priv.h - what the files of this folder share. */
#ifndef GATEWAY_GATEWAY_PRIV_H
#define GATEWAY_GATEWAY_PRIV_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "gateway/gateway.h"

enum { ASKED_SLOTS = 1 << 14, ASKS_MAX = 32, DOWNLOADS_MAX = 16 /* at once */, DOWNLOADS_QUEUED_MAX = 1000 };

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
    _Atomic uint64_t questions, failures, fetches, files, files_failed, bytes;
};

static inline bool gateway_is_stopping(const struct gateway *g) { return __atomic_load_n(&g->stopping, __ATOMIC_RELAXED); }

/* This thread is about to wait for a file: may it? */
bool gateway_wait_begin(struct gateway *g, struct err *e);
void gateway_wait_end(struct gateway *g);

size_t downloads_now(const struct gateway *g); /* that are not done, with those that wait for their turn; under the lock */
bool download_bring(void *gateway, const struct repo *mirror, const struct sha256 *sha256, uint64_t size_bytes, struct err *e); /* joins, and waits */

/* ------------------------------------------------------------------ upstream.c: the questions */

/* *found false: the upstream says that there is no such thing, or that it is not for us.  head: of its main branch; zero without one. */
bool upstream_repo(struct gateway *g, enum repo_kind kind, str owner, str name, struct mirror *out, bool *found, struct arena *a, struct err *e);
/* Branches, tags and converted branches, with full names; commit is set. */
bool upstream_refs(struct gateway *g, const struct mirror *m, struct vcs_ref **out, size_t *n, struct arena *a, struct err *e);
/* Where the bytes of a large file are to be had, and the headers to be sent along (NULL at the end). */
struct upstream_object {
    const char *url;
    const char **header;
};
bool upstream_object(struct gateway *g, const struct repo *mirror, const struct sha256 *sha256, uint64_t size_bytes,
                     struct upstream_object *out, struct arena *a, struct err *e);
const char *upstream_git_url(struct gateway *g, enum repo_kind kind, str owner, str name, struct arena *a);

#endif
