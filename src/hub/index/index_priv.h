/* hub/index/index_priv.h - what the index's files share: the work prepared before the transaction. */
#ifndef HUB_INDEX_PRIV_H
#define HUB_INDEX_PRIV_H

#include "hub/hub_priv.h"
#include "hub/index/facts.h"

struct file_change {
    str path;
    bool is_gone;
    bool is_lfs;
    uint64_t size_bytes, pointer_bytes;
    struct vcs_oid oid;
    struct sha256 sha256;
};
/* A growing list in an arena. */
struct file_changes {
    struct arena *a;
    struct file_change *item;
    size_t n, cap;
};

struct ref_change {
    str name, sha, commit_sha; /* sha.p NULL: the ref is gone */
    str old_commit_sha;        /* .p NULL: it is new */
};

struct index_work {
    const struct repo *repo;
    const struct identity *who; /* moved the refs; NULL: nobody in particular */
    struct ref_change *refs;
    size_t refs_count;
    bool main_moved;
    str head_sha;            /* "" without a main */
    int64_t modified_ms;
    uint64_t files_count, used_bytes;
    struct file_changes files;
    bool has_facts;          /* false: what stands in the row stays true */
    struct repo_facts facts;
    bool from_nothing;       /* counters and flags are remade too */
};

/* How many changes may lie in memory; more are written in several transactions. */
enum { INDEX_CHANGES_MAX = 100000 };

/* Compares the tree of w->head_sha with the rows; fills files, files_count, used_bytes and, if something that
 * matters changed, scan (*scanned true).  Larger amounts go through flush. */
struct index_compare {
    struct hub *hub;
    struct vcs_repo *vcs;
    struct db_conn *reader;
    int64_t repo_id;
    str old_sha;             /* "" for none */
    struct vcs_oid head;
    uint64_t old_files_count, old_used_bytes;
    bool (*flush)(void *ctx, struct file_changes *list, struct err *e); /* writes and empties the list */
    void *ctx;
};
bool index_compare(const struct index_compare *q, struct index_work *w, struct facts_scan *scan, bool *scanned, struct err *e);

/* One transaction. */
bool index_write(struct hub *h, const struct index_work *w, struct err *e);
bool index_write_files(struct db_conn *tx, int64_t repo_id, const struct file_changes *list, struct err *e);
bool index_write_tags(struct db_conn *tx, const struct repo *r, const str *tags, size_t n, struct err *e);

#endif
