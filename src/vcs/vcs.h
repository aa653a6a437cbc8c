/* vcs/vcs.h - bare git repositories: objects, trees, commits, refs.  (git_ is libgit2's prefix.)
 *
 * libgit2 does all but pack transfer (vcs/pack.h), and no other folder sees its headers.  A handle
 * belongs to one thread at a time; any number of handles and git processes may have a repository open.
 * Refs change by compare-and-swap only.  Objects written here are durable before a ref names them
 * (fsync is on).  Object ids are SHA-1.  Paths are UTF-8 with '/' between components and no leading '/'. */
#ifndef VCS_VCS_H
#define VCS_VCS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

bool vcs_global_init(struct err *e); /* once per process, before anything else here */
void vcs_global_end(void);

struct vcs_repo;

struct vcs_oid {
    uint8_t b[20];
};
enum { VCS_OID_HEX = 40 };
bool vcs_oid_parse(str hex, struct vcs_oid *out); /* 40 lower-case digits */
str vcs_oid_hex(const struct vcs_oid *id, char out[VCS_OID_HEX + 1]);
bool vcs_oid_eq(const struct vcs_oid *a, const struct vcs_oid *b);
bool vcs_oid_is_zero(const struct vcs_oid *id);

/* Creates a bare repository with HEAD -> refs/heads/main and the configuration that hosting needs. */
bool vcs_create(const char *path, struct err *e);
bool vcs_open(const char *path, struct vcs_repo **out, struct err *e);
/* With objects in quarantine: for checks inside a push (vcs/pack.h says when).  Reads only. */
bool vcs_open_quarantined(const char *path, const char *quarantine_dir, struct vcs_repo **out, struct err *e);
void vcs_close(struct vcs_repo *r); /* NULL is fine */

/* ------------------------------------------------------------------ revisions and refs */

struct vcs_ref {
    str name;              /* full: refs/heads/main */
    struct vcs_oid target; /* may be an annotated tag */
    struct vcs_oid commit; /* peeled; zero if it does not lead to a commit */
};
bool vcs_ref_find(struct vcs_repo *r, str name, struct vcs_ref *out, bool *found, struct arena *a, struct err *e);
bool vcs_refs(struct vcs_repo *r, struct arena *a, struct vcs_ref **out, size_t *n, struct err *e); /* by name */
/* Without looking at what they lead to, which means to read an object for each: `commit` is zero until vcs_ref_peel. */
bool vcs_ref_targets(struct vcs_repo *r, struct arena *a, struct vcs_ref **out, size_t *n, struct err *e);
void vcs_ref_peel(struct vcs_repo *r, struct vcs_ref *ref);
/* Is this a well-formed full ref name under git's rules? */
bool vcs_ref_name_is_valid(str name);
/* old NULL: whatever it is; old all zero: must not exist.  new all zero: delete.  A mismatch is
 * ERR_PRECONDITION; a lock that stays taken for two seconds is ERR_BUSY. */
bool vcs_ref_set(struct vcs_repo *r, str name, const struct vcs_oid *old, const struct vcs_oid *new_id, str log_message,
                 struct err *e);
/* Branch, tag, full ref, full or abbreviated commit id (at least 5 digits), "HEAD".  Branches win over
 * tags, names over ids.  *ref is the full name if one was named.  An ambiguous abbreviation is not found. */
struct vcs_revision {
    struct vcs_oid commit;
    str ref;
};
bool vcs_resolve(struct vcs_repo *r, str rev, struct vcs_revision *out, bool *found, struct arena *a, struct err *e);
/* The commit that an object is or, being a tag, leads to.  Not found: a tree, a blob, nothing.  A tag too long to be one, or too
 * many tags of tags, are ERR_TOO_LARGE. */
bool vcs_peel(struct vcs_repo *r, const struct vcs_oid *id, struct vcs_oid *commit, bool *found, struct err *e);
/* Splits "rev/path" sent without escaping: refs/pr/N, refs/convert/X, refs/heads/X.., the longest branch
 * or tag that is a prefix, then the first segment.  *rev and *path are views of s. */
bool vcs_split_rev_path(struct vcs_repo *r, str s, str *rev, str *path, struct err *e);
/* Is this commit one of the tips, or does one of them lead to it? */
bool vcs_is_reachable(struct vcs_repo *r, const struct vcs_oid *commit, const struct vcs_oid *tip, size_t n, bool *yes, struct err *e);

/* ------------------------------------------------------------------ trees and blobs */

enum vcs_entry_kind { VCS_FILE, VCS_DIR, VCS_SUBMODULE };
struct vcs_lfs {
    bool is_lfs;
    uint8_t sha256[32];
    uint64_t size_bytes;
};
struct vcs_entry {
    enum vcs_entry_kind kind;
    uint32_t mode;         /* 0100644, 0100755, 0120000, 0040000, 0160000 */
    str path;              /* from the root of the repository */
    struct vcs_oid oid;    /* blob, tree or (submodule) commit */
    uint64_t blob_bytes;   /* of the git blob: the pointer's, for a large file; 0 for directories */
    struct vcs_lfs lfs;    /* recognised by content */
};
static inline uint64_t vcs_entry_size(const struct vcs_entry *e)
{
    return e->lfs.is_lfs ? e->lfs.size_bytes : e->blob_bytes;
}

/* Entries below `path` ("" is the root) in byte order of their full paths, directories mixed in, starting
 * behind the path `after` ("" from the start).  fn returns false to stop.  *found is false if path is no
 * directory of that commit.  Pointers are recognised among blobs shorter than 1024 bytes. */
struct vcs_walk {
    str path, after;
    bool recursive;
    bool (*fn)(void *ctx, const struct vcs_entry *entry); /* entry is borrowed for the call */
    void *ctx;
};
bool vcs_tree_walk(struct vcs_repo *r, const struct vcs_oid *commit, const struct vcs_walk *w, bool *found,
                   struct err *e);
/* Files by their paths alone, in git's order.  Reads trees, no files, and of folders only those that `enters` says yes to. */
bool vcs_tree_paths(struct vcs_repo *r, const struct vcs_oid *commit, bool (*enters)(void *ctx, str folder), void (*fn)(void *ctx, str path),
                    void *ctx, bool *found, struct err *e);
/* What the files of a folder and of those below it take together.  *found is false if path is no directory of that commit. */
struct vcs_known_sizes {
    bool (*find)(void *ctx, const struct vcs_oid *folder, uint64_t *bytes_count); /* is the sum of this folder known? */
    void (*keep)(void *ctx, const struct vcs_oid *folder, uint64_t bytes_count);  /* it took long */
    void *ctx;
};
bool vcs_tree_size(struct vcs_repo *r, const struct vcs_oid *commit, str path, const struct vcs_known_sizes *known, uint64_t *bytes_count, bool *found,
                   struct err *e);
bool vcs_entry_find(struct vcs_repo *r, const struct vcs_oid *commit, str path, struct vcs_entry *out, bool *found,
                    struct arena *a, struct err *e);
/* The whole blob, copied into a.  Larger than n_max: ERR_TOO_LARGE. */
bool vcs_blob_read(struct vcs_repo *r, const struct vcs_oid *oid, size_t n_max, struct arena *a, bytes *out,
                   struct err *e);
bool vcs_blob_write(struct vcs_repo *r, bytes content, struct vcs_oid *out, struct err *e);

struct vcs_commit {
    struct vcs_oid id, tree;
    str message, title, body;            /* message = title, blank line, body */
    str author_name, author_email;
    int64_t author_ms, committer_ms;
    size_t parents_count;
    struct vcs_oid parent;               /* the first one, if any */
};
/* For each of n paths: the newest commit reachable from `commit` that changed it (directories too).  known NULL: the caller knows none
 * of earlier commits. */
struct vcs_known_last {
    bool (*open)(void *ctx, const struct vcs_oid *commit);       /* are answers of this commit known? */
    bool (*find)(void *ctx, size_t path, struct vcs_oid *out);   /* among those: the one of this path */
    void *ctx;
};
bool vcs_last_commits(struct vcs_repo *r, const struct vcs_oid *commit, const str *paths, size_t n, const struct vcs_known_last *known,
                      struct vcs_commit *out, struct arena *a, struct err *e);

/* ------------------------------------------------------------------ history */

bool vcs_commit_read(struct vcs_repo *r, const struct vcs_oid *id, struct vcs_commit *out, bool *found, struct arena *a,
                     struct err *e);
/* Newest first (topological, then time): skip, then at most limit.  *total counts all, if not NULL. */
bool vcs_log(struct vcs_repo *r, const struct vcs_oid *from, size_t skip, size_t limit, struct arena *a,
             struct vcs_commit **out, size_t *n, size_t *total, struct err *e);
/* All of them in that order, which never changes for a commit. */
bool vcs_log_ids(struct vcs_repo *r, const struct vcs_oid *from, struct arena *a, struct vcs_oid **out, size_t *n, struct err *e);
/* The same of those that lead to head and not to base. */
bool vcs_log_between(struct vcs_repo *r, const struct vcs_oid *base, const struct vcs_oid *head, size_t limit, struct arena *a,
                     struct vcs_commit **out, size_t *n, size_t *total, struct err *e);
bool vcs_merge_base(struct vcs_repo *r, const struct vcs_oid *a, const struct vcs_oid *b, struct vcs_oid *out,
                    bool *found, struct err *e);

/* Which commit brought each line of a file, renames followed.  Two steps, for the first is costly and its text may be kept: lines 1 to
 * `lines`, which the file must have, within timeout_ms.  *is_whole false: there was no time for all of them. */
struct vcs_blame_run {
    size_t line, count;     /* the first, from 1 */
    struct vcs_oid commit;  /* zero: there was no time to find it */
    struct vcs_oid before;  /* what that commit changed: the file in its parent; zero: it was not there */
    str before_path;
};
bool vcs_blame_text(struct vcs_repo *r, const struct vcs_oid *commit, str path, size_t lines, int64_t timeout_ms, struct buf *out, bool *is_whole,
                    struct err *e);
/* Every line is in one run; views of text and path. */
void vcs_blame_parse(str text, str path, size_t lines, struct arena *a, struct vcs_blame_run **out, size_t *n);

/* A commit made from a base tree and a list of edits.  The last edit of a path wins; a file may take a
 * directory's place and the other way round.  Nothing is visible until a ref is set. */
enum vcs_edit_kind { VCS_PUT, VCS_REMOVE_FILE, VCS_REMOVE_DIR, VCS_REMOVE_ANY };
struct vcs_edit {
    enum vcs_edit_kind kind;
    str path;
    struct vcs_oid oid;  /* VCS_PUT: a blob that exists */
    uint32_t mode;       /* VCS_PUT: 0 keeps the old mode, or 0100644 */
};
struct vcs_person {
    str name, email;
    int64_t when_ms;
};
struct vcs_commit_request {
    const struct vcs_oid *base;      /* commit whose tree is edited, or NULL for an empty tree */
    const struct vcs_oid *parents;   /* usually one: base */
    size_t parents_count;
    const struct vcs_edit *edits;
    size_t edits_count;
    size_t folder_entries_max; /* no folder grows beyond; one that is wider already may shrink.  0: no limit */
    struct vcs_person author, committer;
    str message;
};
/* Removing what is not there is ERR_NOT_FOUND with kind "EntryNotFound"; a bad path or too wide a folder
 * ERR_UNPROCESSABLE. */
bool vcs_commit_create(struct vcs_repo *r, const struct vcs_commit_request *q, struct vcs_oid *out, struct err *e);
/* Merge commit of `theirs` into `ours` (or fast-forward: *out = theirs).  Conflicts: *clean false and
 * *conflicts lists paths.  `out` NULL: only looks for conflicts, and writes nothing. */
bool vcs_merge(struct vcs_repo *r, const struct vcs_oid *ours, const struct vcs_oid *theirs,
               const struct vcs_person *who, str message, struct vcs_oid *out, bool *clean, str **conflicts,
               size_t *conflicts_count, struct arena *a, struct err *e);
/* A new root commit with the tree of `commit`. */
bool vcs_squash(struct vcs_repo *r, const struct vcs_oid *commit, const struct vcs_person *who, str message,
                struct vcs_oid *out, struct err *e);
/* Rewrites history of `tip` so that no commit has a blob that `drop` chooses; *out = the new tip. */
bool vcs_rewrite_without(struct vcs_repo *r, const struct vcs_oid *tip,
                         bool (*drop)(void *ctx, const struct vcs_entry *entry), void *ctx, struct vcs_oid *out,
                         struct err *e);
bool vcs_annotated_tag(struct vcs_repo *r, str name, const struct vcs_oid *target, const struct vcs_person *who,
                       str message, struct vcs_oid *out, struct err *e);

/* ------------------------------------------------------------------ differences */

struct vcs_change {
    char status;                 /* 'A' 'C' 'D' 'M' 'R' 'T' */
    int score;                   /* of a rename or copy, in percent */
    uint32_t old_mode, new_mode;
    struct vcs_oid old_oid, new_oid;
    str old_path, new_path;
    bool is_binary;
    uint64_t new_bytes;          /* real size, of the large file behind a pointer too */
};
/* base NULL: against the empty tree.  limit bounds how many are told. */
bool vcs_diff(struct vcs_repo *r, const struct vcs_oid *base, const struct vcs_oid *head, size_t limit, struct arena *a,
              struct vcs_change **out, size_t *n, struct err *e);
bool vcs_diff_text(struct vcs_repo *r, const struct vcs_oid *base, const struct vcs_oid *head, struct buf *out,
                   struct err *e); /* unified; the buf's maximum bounds it: ERR_TOO_LARGE, with what fits in it */
/* The same of one file. */
bool vcs_diff_text_of(struct vcs_repo *r, const struct vcs_oid *base, const struct vcs_oid *head, str path, struct buf *out,
                      struct err *e);

/* What the file at `path` was called in base; empty: it is there under this name, or new. */
bool vcs_renamed_from(struct vcs_repo *r, const struct vcs_oid *base, const struct vcs_oid *head, str path, struct arena *a, str *old_path, struct err *e);

/* Every blob that the new commits bring: commits reachable from one of n tips and from none of the repository's
 * refs, children first.  fn sees each added or changed entry once per commit, with the first tip that leads there; false
 * stops and fails with what fn put in *e.
 * *work is what has been looked at: 0 before; ERR_TOO_LARGE past VCS_WORK_MAX, or for a commit that is itself too large. */
enum { VCS_WORK_MAX = 512 << 20 }; /* sixteen million changes: some ten seconds */
bool vcs_new_blobs(struct vcs_repo *r, const struct vcs_oid *tip, size_t n, uint64_t *work,
                   bool (*fn)(void *ctx, size_t tip, const struct vcs_commit *c, const struct vcs_entry *entry, struct err *e),
                   void *ctx, struct err *e);
/* Which folders of a commit have more than `max` entries?  Goes into those that `enters` says yes to, and the root. */
bool vcs_wide_folders(struct vcs_repo *r, const struct vcs_oid *commit, size_t max, bool (*enters)(void *ctx, str path),
                      void (*found)(void *ctx, str path), void *ctx, struct err *e);
/* Every blob reachable from any ref, each once. */
bool vcs_all_blobs(struct vcs_repo *r, bool (*fn)(void *ctx, const struct vcs_entry *entry), void *ctx, struct err *e);
/* Runs git's own check of the object store and refs; problem(ctx, line) per finding. */
bool vcs_check(const char *path, void (*problem)(void *ctx, str what), void *ctx, struct err *e);
/* Packs loose objects and prunes unreachable ones older than grace_s; leaves refs as they are. */
bool vcs_maintain(const char *path, int64_t grace_s, struct err *e);
/* Many packs or loose objects make reading slow: time for vcs_maintain?  (A push or commit adds a pack.) */
bool vcs_wants_maintenance(const char *path, bool *yes, struct err *e);
/* The same for small packs alone, and soon: where there are many, they become one, which takes a moment however large the rest is.
 * Not beside vcs_maintain. */
bool vcs_gather_packs(const char *path, struct err *e);
/* A ref that changed is a file until refs are packed, and a list of refs opens each: wanted when there are many.  For who holds off
 * writers: while refs move into the pack, a list that is read may miss one. */
bool vcs_wants_packed_refs(const char *path, bool *yes, struct err *e);
bool vcs_pack_refs(const char *path, struct err *e);
/* A long history is unpacked commit by commit until it is in the commit graph.  Wanted when much was pushed since it was written;
 * vcs_maintain writes it, too. */
bool vcs_wants_graph(const char *path, bool *yes, struct err *e);
bool vcs_write_graph(const char *path, struct err *e);
/* After a crash, with no git process running: removes *.lock files, unfinished packs and quarantines last
 * touched before older_than_ms (Unix time; usually the time of the start). */
bool vcs_remove_stale_locks(const char *path, int64_t older_than_ms, struct err *e);
bool vcs_copy(const char *from, const char *to, struct err *e); /* all refs and objects, nothing shared */

#endif
