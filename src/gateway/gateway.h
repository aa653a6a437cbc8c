/* gateway/gateway.h - pull-through cache of an upstream hub: fetch once, verify, keep.
 *
 * Life of a question: somebody asks for a repository that is not here, or for a mirror (hub/mirror.h) that was last compared with the
 * upstream some time ago.  gateway_is_due says so without waiting for anything; gateway_ask then asks the upstream, and fetches what
 * changed, while whoever asks for the same repository waits for the same answer.  What the upstream does not have is remembered
 * as long as what it has.  When it cannot be reached, mirrors are served as they are.
 *
 * Large files come when they are first read.  One download serves all who wait for the file, at the place where each of them is;
 * it goes on when they leave.  Until the whole has the hash and size that git's pointer says, its last byte is held back.
 *
 * Everything here may be called from any thread. */
#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

#include "hub/mirror.h"

struct gateway;
struct gateway_config {
    str upstream;       /* http:// or https://, without a slash at its end; lives as long as the gateway */
    str token;          /* of an account there; empty: what everybody may see there */
    int64_t fresh_ms;   /* how long an answer of the upstream holds */
    bool for_users;     /* only who is signed in may make it ask for what is not here */
    uint64_t git_bytes_max; /* what git's part of one mirror may take on the disk; 0: no bound */
    size_t waiting_max; /* threads that wait for its answers at once; half as many more may wait for files */
};
bool gateway_new(struct hub *h, const struct gateway_config *config, struct gateway **out, struct err *e);
void gateway_stop(struct gateway *g); /* downloads end as soon as may be; waits for them.  NULL is fine, here and below */
void gateway_free(struct gateway *g);

/* The upstream cannot be reached, or answers with an error of its own: kind of the refusal, 502. */
#define GATEWAY_DOWN "UpstreamUnreachable"
/* It wants to be asked less often: 503. */
#define GATEWAY_BUSY "UpstreamBusy"
/* It answers, and what it has of one repository or file is wrong, or cannot be brought: 502, too. */
#define GATEWAY_FAILED "UpstreamFailed"

/* Is the upstream to be asked about this repository now?  here: NULL if it is not here.  owner: empty for an old name that has none,
 * as "gpt2"; what it leads to is then found under the owner "" as well as its own. */
bool gateway_is_due(struct gateway *g, struct db_conn *c, const struct identity *who, enum repo_kind kind, str owner, str name,
                    const struct repo *here, bool *due, struct arena *a, struct err *e);
/* The same of a mirror, without a look at the database. */
bool gateway_is_stale(struct gateway *g, const struct repo *mirror);
/* Asks, and brings what is new; seconds may pass.  True also where the upstream does not know it: look again.  A mirror that
 * could not be compared is no error.  ERR_BUSY: too many such questions at once, of what is not here.  who: asked while another's answer is
 * waited for; has he left, it is waited for no more. */
bool gateway_ask(struct gateway *g, enum repo_kind kind, str owner, str name, const struct mirror_waiter *who, struct err *e);

/* ------------------------------------------------------------------ large files (download.c) */

struct download;
/* Takes part in the download of a file that a mirror's pointer names, and begins it if nobody has.  *out NULL: everybody may read it
 * here already, and now through this mirror, too. */
bool download_join(struct gateway *g, const struct repo *mirror, const struct sha256 *sha256, uint64_t size_bytes, struct download **out,
                   struct err *e);
/* Up to n bytes at `at` that have come; *got 0: none yet, or `at` is the end.  The download failed: false, and why. */
bool download_read(struct download *d, uint64_t at, uint8_t *out, size_t n, size_t *got, struct err *e);
/* Waits until the file is in the store and in the mirror's register.  stops is asked meanwhile (true: ERR_CLOSED); NULL is fine. */
bool download_wait(struct download *d, bool (*stops)(void *ctx), void *ctx, struct err *e);
/* How much has come of the files of a repository that are on their way now, and how much they are; 0 and 0: none is. */
void download_progress(struct gateway *g, int64_t repo_id, uint64_t *have, uint64_t *of);
void download_leave(struct download *d); /* NULL is fine */

struct gateway_stats {
    uint64_t questions, failures;        /* to the upstream about repositories; of them without an answer */
    uint64_t fetches;                    /* of git */
    uint64_t files, files_failed, bytes; /* large files that came, that did not, and bytes that crossed the line */
    uint64_t xet_files, xet_faults, known_bytes; /* files that came by chunks; that did so wrongly, and were left to git-lfs; bytes that were here already */
    size_t downloads;                    /* now */
    int64_t answered_ms, failed_ms;      /* when it last answered a question, and when it last did not; 0: never since the start */
};
void gateway_stats(struct gateway *g, struct gateway_stats *out);
/* When a mirror was last compared with the upstream; 0: not since the start, as far as is remembered. */
int64_t gateway_compared_ms(struct gateway *g, const struct repo *mirror);
const struct gateway_config *gateway_config_of(const struct gateway *g);

#endif
