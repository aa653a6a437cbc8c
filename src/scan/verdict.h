/* scan/verdict.h - what was said of files: the rows behind levels on pages and in the API.
 *
 * A verdict is about a content under a name in one repository, and a reader sees it only as part of a repository that he may see.
 * Rows are derived: what makes them is scan/watch.h.  All calls take a connection; who asks has checked rights. */
#ifndef SCAN_VERDICT_H
#define SCAN_VERDICT_H

#include "hub/hub.h"
#include "scan/scan.h"

/* A file of a revision, as a tree has it. */
struct scan_file {
    str path;
    struct vcs_oid oid; /* of the git blob, a pointer for a large file */
    bool is_large;
    struct sha256 sha256;
    uint64_t size_bytes;
};

struct scan_verdict {
    enum scan_level level;
    int64_t version, scanned_ms;
    /* JSON, .p NULL where there is nothing to say: what the API calls pickleImportScan and avScan; {"level", "probe", "member",
     * "message"} each; the same, for who pushed alone. */
    str pickle, av, findings, secrets;
};
/* found false: nobody has looked. */
bool scan_verdict_find(struct db_conn *c, int64_t repo_id, const struct scan_file *f, struct scan_verdict *out, bool *found, struct arena *a, struct err *e);
/* The level alone, for lists. */
bool scan_level_find(struct db_conn *c, int64_t repo_id, const struct scan_file *f, enum scan_level *level, bool *is_pickle, bool *found, struct err *e);
/* What is said of the same large file, under the same name, in a repository that everybody may read: to be said here, too.  Not of what
 * only some may read: how soon an answer comes would tell others that it is stored. */
bool scan_verdict_elsewhere(struct db_conn *c, const struct scan_file *f, struct scan_verdict *out, bool *found, struct arena *a, struct err *e);
bool scan_verdict_put(struct db_conn *tx, int64_t repo_id, const struct scan_file *f, const struct scan_verdict *v, struct err *e);
void scan_verdict_of_report(const struct scan_report *r, struct arena *a, struct scan_verdict *out);

/* Levels that are told of a repository: caution and worse, and what could not be looked at. */
static inline bool scan_is_issue(enum scan_level l) { return l >= SCAN_ERROR; }

struct scan_issue {
    str path;
    enum scan_level level;
};
/* The head of main. */
struct scan_status {
    bool is_done;            /* every file that is here was looked at */
    bool is_due;             /* something of the repository is to be looked at */
    struct scan_issue *issue; /* by path; at most so many as were asked for */
    size_t n;
    bool has_more;
    enum scan_level worst;    /* of all; SCAN_SAFE also while it is not done */
};
bool scan_status_get(struct db_conn *c, const struct repo *r, size_t most, struct arena *a, struct scan_status *out, struct err *e);
/* Files of main that are unsafe: the first `most` by path, and how many there are. */
bool scan_unsafe_files(struct db_conn *c, int64_t repo_id, size_t most, struct arena *a, struct scan_issue **out, size_t *n, uint64_t *all, struct err *e);
/* Is this content unsafe under any name that it has, or had, in the repository?  For whoever must know before it is read. */
bool scan_is_unsafe(struct db_conn *c, int64_t repo_id, const struct scan_file *f, bool *yes, struct err *e);

/* What a person pushed that may hold a secret; nobody else may ask. */
struct scan_secret {
    str path, ref, message;
    int64_t found_ms;
};
bool scan_secrets_of(struct db_conn *c, int64_t repo_id, int64_t user_id, struct arena *a, struct scan_secret **out, size_t *n, struct err *e);
/* He knows; path .p NULL: all of the repository. */
bool scan_secrets_forget(struct hub *h, int64_t repo_id, int64_t user_id, str path, struct err *e);

#endif
