/* hub/bucket/bucket.h - buckets: places for files without git.  Knows no HTTP.
 *
 * A bucket belongs to an account, has a name of its own beside the repositories' ("ns/name", the same rules, the same
 * letter case of look-ups), is public or private, and holds files by path.  There are no revisions, no cards, no gates and
 * no discussions: a file is replaced in place, and what is deleted is gone.
 *
 * Why tables of their own (bucket, bucket_file, bucket_content) and no rows of `repo`: everything about `repo` believes in
 * a folder under repos/, in refs and in an index derived from them.  Here the rows are the truth, and one transaction is
 * one change: totals in the bucket's row always agree with its files.
 *
 * A file's content is a file of the CAS: named by its Xet hash, read by its SHA-256.  What a bucket has, as a file or as an
 * upload, stands in bucket_content, which keeps the object alive until collection finds that no file names it (hub/care/gc.c).
 * Who may name a hash: see bucket_batch.  The empty file has the hash 0 and no object.
 *
 * Rights are the repositories' (hub.h): the same roles, the same scopes of tokens, the same refusals.  What may not be
 * seen does not exist. */
#ifndef HUB_BUCKET_H
#define HUB_BUCKET_H

#include "cas/xorb.h"
#include "hub/hub.h"

struct bucket {
    int64_t id, owner_id, creator_id, group_id; /* group: as in struct repo */
    str hex_id, owner, name, full_name; /* as displayed */
    bool is_private, owner_is_org;
    int64_t files_count;
    uint64_t size_bytes; /* of its files, each as a whole file */
    int64_t created_ms, updated_ms; /* updated: a file, a setting or the name changed */
};

/* ------------------------------------------------------------------ finding */

/* Ignores case.  *moved: found under a former name, or in another case.  Says nothing of rights. */
bool bucket_find(struct db_conn *c, str owner, str name, struct bucket *out, bool *found, bool *moved, struct arena *a,
                 struct err *e);
bool bucket_find_hex(struct db_conn *c, str hex_id, struct bucket *out, bool *found, struct arena *a, struct err *e);
bool bucket_get(struct db_conn *c, int64_t id, struct bucket *out, struct arena *a, struct err *e); /* gone: HUB_NO_REPO */
/* As repo_allow, with the same refusals; REPO_SEE and REPO_READ are the same here.  b NULL: it does not exist. */
bool bucket_allow(struct db_conn *c, const struct identity *who, const struct bucket *b, enum repo_right right,
                  struct err *e);
/* The two together: refuses what may not be done, and what is not there in the same words. */
bool bucket_find_allowed(struct db_conn *c, const struct identity *who, str owner, str name, enum repo_right right,
                         struct bucket *out, bool *moved, struct arena *a, struct err *e);
/* May `who` create buckets in this namespace, in this resource group of it (0: in none)? */
bool bucket_allow_create(struct db_conn *c, const struct identity *who, const struct account *owner, int64_t group_id, struct err *e);

enum bucket_sort { BUCKETS_BY_CREATED, BUCKETS_BY_UPDATED }; /* newest first; by updated, pages may miss what changes meanwhile */
struct bucket_list_query {
    int64_t owner_id; /* 0: everybody's */
    str search;       /* part of the name, or of "ns/name"; empty: any */
    enum bucket_sort sort;
    str cursor;       /* the answer's `next` of the page before; empty: from the beginning */
    size_t limit;
};
/* Only what `who` may see.  *next: .n 0 when this was the last page.  A cursor that is none: ERR_INVALID. */
bool bucket_list(struct db_conn *c, const struct identity *who, const struct bucket_list_query *q, struct arena *a,
                 struct bucket **out, size_t *n, str *next, struct err *e);

/* ------------------------------------------------------------------ the life of a bucket */

struct bucket_create {
    const struct account *owner;
    str name;
    int64_t creator_id;           /* 0: the command line */
    int64_t group_id;             /* 0: in no resource group */
    bool has_private, is_private; /* not given: the owner's default */
};
/* Taken: ERR_CONFLICT "You already created this bucket". */
bool bucket_create(struct hub *h, const struct bucket_create *q, struct bucket *out, struct arena *a, struct err *e);
/* The row first: from then on it is gone.  Its files' rows follow, a few at a time. */
bool bucket_delete(struct hub *h, const struct bucket *b, const struct identity *who, struct err *e);
bool bucket_set_private(struct hub *h, const struct bucket *b, bool is_private, const struct identity *who, struct err *e);
/* The old name goes on redirecting until somebody takes it.  Taken: ERR_CONFLICT "A bucket called x/y already exists". */
bool bucket_move(struct hub *h, const struct bucket *b, const struct account *to_owner, str to_name,
                 const struct identity *who, struct err *e);

/* ------------------------------------------------------------------ files */

struct bucket_entry {
    bool is_folder;
    str path; /* of a folder: without a '/' at its end */
    uint64_t size_bytes;
    struct xet_hash xet;
    struct sha256 sha256;
    int64_t mtime_ms;    /* as the client said; 0: it did not */
    int64_t uploaded_ms; /* of a folder: of what came last into it; of very large ones, of their first files (bucket_file.c) */
    str content_type;    /* as the client said, empty if not: a stranger's word, never to be sent as the type of an answer */
};
bool bucket_file_find(struct db_conn *c, int64_t bucket_id, str path, struct bucket_entry *out, bool *found, struct arena *a,
                      struct err *e);
/* Those of the paths that are files, in the order of the question. */
bool bucket_paths_info(struct db_conn *c, int64_t bucket_id, const str *path, size_t n, struct arena *a,
                       struct bucket_entry **out, size_t *found_count, struct err *e);

enum { BUCKET_PAGE_MAX = 5000 };
struct bucket_tree_query {
    str prefix;     /* plain text that paths begin with: "logs" finds "logs/a" and "logs.txt" */
    bool by_folder; /* what lies deeper than the prefix, or than the '/' that follows it, is told as its folder */
    str cursor;     /* the answer's `next` of the page before */
    size_t limit;   /* at most BUCKET_PAGE_MAX */
};
/* By path, bytewise. */
bool bucket_tree(struct db_conn *c, int64_t bucket_id, const struct bucket_tree_query *q, struct arena *a,
                 struct bucket_entry **out, size_t *n, str *next, struct err *e);

enum bucket_op { BUCKET_ADD, BUCKET_COPY, BUCKET_DELETE };
struct bucket_edit {
    enum bucket_op op;
    str path;
    struct xet_hash xet;   /* to be added or copied */
    int64_t mtime_ms;      /* 0: not said */
    str content_type;
    str source_kind, source_name; /* of a copy: "model" .. "bucket", "ns/name" */
    str problem;           /* why it was not done, in words; .n 0: done.  What has one beforehand is not tried */
};
enum { BUCKET_EDITS_AT_ONCE = 1000 };
/* In the order given, at most BUCKET_EDITS_AT_ONCE, one transaction: durable when it returns.  Each edit succeeds or fails
 * by itself; false only if the store failed, and then none is done.
 *   add     the content was uploaded to this bucket, or `who` may read it in a repository or bucket
 *   copy    the source has it and `who` may read the source
 *   delete  the file is there
 * A hash that is not there and one that `who` may not use are refused in the same words. */
bool bucket_batch(struct hub *h, const struct bucket *b, const struct identity *who, struct bucket_edit *edit, size_t n,
                  struct arena *a, struct err *e);

/* ------------------------------------------------------------------ contents, for the CAS's side */

/* What an upload with a token for this bucket brought: may be added there from now on, and is kept for the grace time. */
bool bucket_register_many(struct hub *h, int64_t bucket_id, int64_t user_id, const struct cas_object *list, size_t n,
                          struct err *e);
/* Has the bucket this content, as a file or as an upload? */
bool bucket_has(struct db_conn *c, int64_t bucket_id, const struct sha256 *sha256, bool *has, struct err *e);
/* May this identity read some bucket that has it?  The counterpart of large_file_may_read, which asks it too. */
bool bucket_may_read(const struct identity *who, struct db_conn *c, const struct sha256 *sha256, bool *may, struct err *e);

#endif
