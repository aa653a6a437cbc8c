/* hub/care/care.h - fsck, collection, reindex: the operator's tools, safe beside a running server. */
#ifndef HUB_CARE_H
#define HUB_CARE_H

#include "hub/hub.h"

struct care_report {
    void (*line)(void *ctx, str text); /* problems, and what is or would be removed, with the reason */
    void (*progress)(void *ctx, str what, uint64_t done, uint64_t total); /* may be NULL */
    void *ctx;
};
struct fsck_options {
    bool deep;               /* every stored byte is hashed again; */
    unsigned sample_percent; /* of so many of a hundred xorbs, if not 0 */
    bool (*stops)(void *ctx); /* asked between repositories: true ends it with ERR_CLOSED; may be NULL */
    void *stops_ctx;
    bool repair;             /* rows about large files that follow from others, or from what is stored, are made again */
};
struct fsck_result {
    uint64_t repos, buckets, objects, bytes, xorbs, problems, repaired, strays;
};
/* Every object, reference and row agrees: database integrity, each repository under git's own check, each
 * ref against repo_ref, each LFS pointer of each ref against register and store, each file of each bucket, each stored file against
 * its hash (deep).  problems 0 is the only good answer. */
bool hub_fsck(struct hub *h, const struct fsck_options *o, const struct care_report *report, struct fsck_result *out, struct err *e);

struct gc_options {
    int64_t grace_ms; /* default: 24 hours */
    int64_t xorb_grace_ms; /* for xorbs that no file needs; default: 28 days, because clients remember theirs for 21 */
    bool dry_run;
    bool (*stops)(void *ctx); /* asked between repositories: true ends the collection with ERR_CLOSED; may be NULL */
    void *stops_ctx;
};
struct gc_result {
    uint64_t objects_removed, bytes_removed; /* of the files, whatever they shared */
    uint64_t xorbs_removed, xorb_bytes_removed, repos_removed, uploads_removed;
};
/* Mark from all refs of all repositories and all files of buckets, then sweep what nothing names and nobody touched lately. */
bool hub_gc(struct hub *h, const struct gc_options *o, const struct care_report *report, struct gc_result *out, struct err *e);

/* Repacks the repositories written to since the last call, where writers left many small packs: every commit
 * leaves one, and each makes every look-up a little slower.  A timer's work, every minute or so. */
bool hub_maintain(struct hub *h, struct err *e);
/* In between, of the same ones: many small packs, as commits in a loop leave them, become one. */
bool hub_gather_packs(struct hub *h, struct err *e);

bool hub_reindex(struct hub *h, str only_repo /* .p NULL: all */, const struct care_report *report, uint64_t *repos,
                 struct err *e);

#endif
