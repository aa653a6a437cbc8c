/* hub/hub_priv.h - what the files of this folder share.
 *
 * Home:  hearth.db   cas/ (large files)   repos/ID (bare git)   tmp/ (half-made things)
 *        locks/ID    exists while somebody writes to that repository, or died doing so (lock.c) */
#ifndef HUB_HUB_PRIV_H
#define HUB_HUB_PRIV_H

#include <pthread.h>

#include "hub/file_cache.h"
#include "hub/hub.h"
#include "hub/mirror.h"
#include "hub/quota.h"
#include "hub/repo.h"
#include "store/store.h"

struct downloads; /* repo_count.c */

struct hub {
    char *home;
    int home_fd;                /* held shared as long as the hub is open; exclusive means nobody else is there */
    struct db *db;
    struct store *store;
    struct cas *cas;
    pthread_mutex_t lock;       /* guards the list below; never held across I/O */
    struct repo_lock *locks;
    struct downloads *downloads;
    struct written {            /* repositories written to since hub_maintain looked; guarded by lock, too */
        int64_t *id;
        size_t n, cap;
    } written;
    struct file_cache *files;   /* hub/file.c */
    struct file_cache *histories; /* history.c */
    int64_t quota[QUOTAS];      /* hub/quota.h; set before anybody asks */
    mirror_bring *bring;        /* hub/mirror.h; likewise */
    void *bring_ctx;
    struct mirror_uses *uses;   /* mirror_keep.c */
    _Atomic int sent_by_hand;   /* webhooks' deliveries, while a request waits for each: few, or slow receivers take all threads */
};

#define MAIN_REF STR("refs/heads/main")
#define PR_REFS STR("refs/pr/")

enum { MIRROR_USE_MS = 3600000 }; /* how exactly it is known when a mirror's file was last read */
struct mirror_uses *mirror_uses_new(void);
void mirror_uses_free(struct mirror_uses *u); /* NULL is fine */

enum { HUB_HOME_BYTES_MAX = 200, HUB_PATH_BYTES = 512 };
enum { REGISTERED_AT_ONCE = 4096 }; /* large files in a transaction: a shard may bring 400,000, and others write too */

/* repo, joined with its owner as "o": read by repo_read. */
#define REPO_COLUMNS                                                                                              \
    "r.id, r.owner_id, r.creator_id, r.kind, r.hex_id, o.name, r.name, r.is_private, r.is_disabled,"               \
    " r.gates_members, r.discussions_disabled, o.kind, r.gated, r.settings, r.sdk, r.created_ms, coalesce(r.group_id, 0), r.upstream, coalesce(r.label, '')"
enum { REPO_COLUMNS_COUNT = 19 };
void repo_read(struct db_query *q, struct repo *out, struct arena *a);

/* May a reader see what is private, of this owner and in this resource group (NULL: in none)?  What access.c decides by roles, for
 * queries: whoever lists, counts or searches asks here. */
#define PRIVATE_SEEN_BY(owner, group, reader)                                                                             \
    "(" owner " = " reader " OR EXISTS (SELECT 1 FROM account_member m WHERE m.org_id = " owner " AND m.user_id = " reader     \
    " AND m.lacks_factor = 0 AND CASE WHEN m.role = 'admin' OR " group " IS NULL THEN m.role <> 'no_access' ELSE EXISTS (SELECT 1"                  \
    " FROM resource_group_member gm WHERE gm.group_id = " group " AND gm.user_id = m.user_id AND gm.role <> 'no_access') END))"
/* In a query on repositories "r": those that a reader may see.  Two values: whether he is an administrator, and repo_reader.  Lists ask
 * here, so that what is hidden takes no place on a page. */
#define REPO_SEEN_BY(is_admin, reader)                                                                                   \
    "(" is_admin " = 1 OR r.is_disabled = 0 AND (r.is_private = 0 OR " PRIVATE_SEEN_BY("r.owner_id", "r.group_id", reader) "))"
/* A token for some repositories alone, or that some organisation has revoked, sees in such lists what everybody sees.  NULL: nobody in particular. */
static inline struct db_value repo_reader(const struct identity *who) { return db_int(who && !who->scopes && !who->is_kept_out ? who->user_id : 0); }

/* Answers about a history that never change are kept in h->histories, under a hash of the question (answer.c). */
__attribute__((format(printf, 1, 2))) struct vcs_oid answer_key(const char *question, ...);
bool answer_find(struct hub *h, int64_t repo_id, const struct vcs_oid *key, void *out, size_t n);
void answer_keep(struct hub *h, int64_t repo_id, const struct vcs_oid *key, const void *answer, size_t n);
bool history_read(struct vcs_repo *git, str ids, size_t n, struct arena *a, struct vcs_commit **out, struct err *e); /* commits by their ids */

str name_key(str name, struct arena *a); /* lower case: how names are compared */
/* "models/x/y" is what people call it; in messages and the audit log: "model x/y". */
str repo_label(const struct repo *r, struct arena *a);


/* Who a commit says it is from.  NULL, and user_id 0: the server itself.  Addresses of accounts are not
 * published. */
bool hub_person(struct db_conn *c, const struct identity *who, struct vcs_person *out, struct arena *a, struct err *e);
struct vcs_person hub_server_person(void);

/* ------------------------------------------------------------------ writing (lock.c)
 *
 * A writer: repo_lock, any number of hub_set_ref, hub_index, repo_unlock.  Between the first hub_set_ref
 * and a successful hub_index the repository is "dirty": its mark under locks/ stays if the process or the machine dies
 * or the index cannot be written, and whoever takes the lock next updates the index first. */
bool hub_set_ref(struct hub *h, int64_t repo_id, struct vcs_repo *v, str name, const struct vcs_oid *old,
                 const struct vcs_oid *new_id, str log_message, struct err *e);
bool hub_mark_dirty(struct hub *h, int64_t repo_id, struct err *e);
/* who: by whom the refs were moved, for the record; NULL: nobody in particular. */
bool hub_index(struct hub *h, int64_t repo_id, const struct identity *who, struct err *e);
/* For a repository that has no row yet, or none any more: the index is left alone. */
bool repo_lock_bare(struct hub *h, int64_t repo_id, int64_t wait_ms, struct repo_lock **out, struct err *e);
void hub_mark_clean(struct hub *h, int64_t repo_id);
bool hub_is_dirty(struct hub *h, int64_t repo_id); /* for who holds the lock: is the index behind because of a writer that did not finish? */

/* The removal lock: who removes or repacks what others may want to read has it together with others like him, a backup
 * (care/backup.c) has it alone, and a check that looks again (care/fsck.c).  *fd: to be closed; -1: not to be had now. */
bool hub_removal_lock(struct hub *h, bool alone, int *fd, struct err *e);
/* Waits for it.  stops is asked meanwhile (true: ERR_CLOSED); it may be NULL. */
bool hub_removal_wait(struct hub *h, bool alone, bool (*stops)(void *ctx), void *ctx, int *fd, struct err *e);

/* Git's own collection, if nobody else is at it: many small packs become one. */
bool hub_maintain_repo(struct hub *h, int64_t repo_id, struct err *e);

/* ------------------------------------------------------------------ folders */

void hub_path(const struct hub *h, const char *below, char out[HUB_PATH_BYTES]); /* HOME/below */
/* The folder of a repository whose row is gone, and then its row in repo_to_remove.  While a backup is made both stay, for
 * the next collection. */
bool hub_remove_folder(struct hub *h, int64_t repo_id, struct err *e);
/* Has the number a row? */
bool hub_repo_exists(struct hub *h, int64_t repo_id, bool *yes, struct err *e);
/* Ids in a folder of numbered entries (repos/, locks/); other names are left out. */
bool hub_numbered(struct hub *h, const char *below, struct arena *a, int64_t **out, size_t *n, struct err *e);

/* A repository whose folder was made complete under a name of repo_new_folder gets its row, its number and its index (repo.c). */
struct repo_create;
void repo_new_folder(struct hub *h, char out[HUB_PATH_BYTES]);
bool repo_enter(struct hub *h, const char *folder, const struct repo_create *q, struct repo *out, struct arena *a, struct err *e);

/* Every repository, by number, each with an arena of its own; no reader is held during fn. */
typedef bool hub_repo_fn(void *ctx, const struct repo *r, struct arena *a, struct err *e);
bool hub_each_repo(struct hub *h, hub_repo_fn *fn, void *ctx, struct err *e);

/* ------------------------------------------------------------------ revisions */

bool hub_no_revision(str rev, struct err *e); /* says so */
/* May a new branch or tag be called so?  Not what reads as an option, a full name or the id of a commit. */
bool ref_name_is_fine(str name);
/* The full name of a branch given as "x" or "refs/heads/x"; .p NULL if it can be none. */
str branch_ref(str name, struct arena *a);
int64_t pr_number(str ref); /* of refs/pr/N; 0 for any other ref */

struct downloads *downloads_new(void);
void downloads_free(struct downloads *d);

#endif
