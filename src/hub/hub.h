/* hub/hub.h - repositories: what they are and what can be done with them.  Knows no HTTP.
 *
 * Truth is the git repository (refs, trees), the large-file store, and the tables marked truth.  Derived
 * rows (repo_index, repo_file, repo_ref, repo_tag, search) are brought up to date after every change of a
 * ref, in the same critical section: a repository's writers are serialised by a lock keyed by its number
 * (repo.h; it holds across processes), and an answer is given only after refs and rows agree.  Should the
 * process die between the two, the lock's file stays as a mark, and the next start, or the next writer,
 * brings the rows up to date.
 *
 * Order of locks: repository lock, then database writer.  Neither is held while a client is waited for. */
#ifndef HUB_HUB_H
#define HUB_HUB_H

#include "account/account.h"
#include "base/json.h"
#include "cas/cas.h"
#include "db/db.h"
#include "vcs/vcs.h"

enum repo_kind { REPO_MODEL, REPO_DATASET, REPO_SPACE, REPO_KERNEL, REPO_KINDS };
str repo_kind_name(enum repo_kind k);   /* "model" */
str repo_kind_plural(enum repo_kind k); /* "models" */
str repo_web_prefix(enum repo_kind k);  /* of its pages: "", "datasets/", "spaces/", "kernels/" */
bool repo_kind_parse(str singular_or_plural, enum repo_kind *out);

/* Kinds of refusal that clients know by name; they go into err.kind. */
#define HUB_NO_REPO "RepoNotFound"
#define HUB_NO_REVISION "RevisionNotFound"
#define HUB_NO_ENTRY "EntryNotFound"
#define HUB_GATED "GatedRepo"

struct hub; /* one per process: database, store, folder of repositories, repository locks */
/* Creates what is missing.  Other processes may have the same home open.  home: at most 200 bytes. */
bool hub_open(const char *home, struct hub **out, struct err *e);
void hub_close(struct hub *h);
struct db *hub_db(struct hub *h);
struct cas *hub_cas(struct hub *h);
/* Finishes what a crash left half done: indexes behind git, folders to remove, half-made things under tmp/.
 * Looks only where a writer left its mark, so it costs nothing after a clean stop.  Called once by `serve`. */
bool hub_recover(struct hub *h, struct err *e);

struct repo {
    int64_t id, owner_id, creator_id, group_id; /* group: account/resource_group.h; 0: in none */
    enum repo_kind kind;
    str hex_id, owner, name, full_name; /* as displayed */
    bool is_private, is_disabled, gates_members, discussions_disabled, owner_is_org;
    str gated;    /* "", "auto", "manual" */
    str settings; /* JSON object text */
    str sdk;
    str upstream; /* the hub that it mirrors (hub/mirror.h); empty: it is ours */
    str label;    /* of a Space's host (hub/space_label.h) */
    int64_t created_ms;
};

/* "ns/name" under the rules of the clients; ERR_INVALID says which rule. */
bool repo_name_check(str name, struct err *e);

/* Looks a repository up, ignoring case.  *moved: it was found under a former name, or another case. */
bool repo_find(struct db_conn *c, enum repo_kind kind, str owner, str name, struct repo *out, bool *found, bool *moved,
               struct arena *a, struct err *e);
bool repo_get(struct db_conn *c, int64_t id, struct repo *out, struct arena *a, struct err *e);
bool repo_find_hex(struct db_conn *c, str hex_id, struct repo *out, bool *found, struct arena *a, struct err *e);
bool repo_count(struct db_conn *c, int64_t *n, struct err *e);
void hub_repo_path(struct hub *h, int64_t repo_id, char out[512]);
void hub_tmp_path(struct hub *h, char out[512]); /* for half-made things; swept at the start */
bool hub_repo_open(struct hub *h, int64_t repo_id, struct vcs_repo **out, struct err *e);

/* A revision that a caller named: by a ref's name, or a commit that some ref reaches.
 * Otherwise HUB_NO_REVISION "Invalid rev id: x". */
bool hub_resolve(struct hub *h, int64_t repo_id, struct vcs_repo *v, str rev, struct vcs_revision *out, struct arena *a, struct err *e);
/* All refs, by name, with the commits behind them: from the index, for pages and answers. */
bool hub_refs(struct db_conn *c, int64_t repo_id, struct arena *a, struct vcs_ref **out, size_t *n, struct err *e);

/* ------------------------------------------------------------------ access (hub/access.c) */

enum repo_right {
    REPO_SEE,     /* metadata: info, list, tree, refs; public gated repositories too */
    REPO_READ,    /* content: gated repositories only for those on the list */
    REPO_JOIN,    /* like, watch, ask for access: any signed-in reader */
    REPO_DISCUSS, /* open a discussion or a pull request: any signed-in reader */
    REPO_WRITE,
    REPO_ADMIN,   /* rename, delete, settings, access requests */
};
/* True: allowed.  Otherwise the refusal that the clients' table asks for: ERR_UNAUTHENTICATED or
 * ERR_NOT_FOUND with HUB_NO_REPO, ERR_UNAUTHENTICATED or ERR_DENIED with HUB_GATED, ERR_DENIED.
 * repo NULL: it does not exist, and the refusal is the same as for one that may not be seen. */
bool repo_allow(struct db_conn *c, const struct identity *who, const struct repo *repo, enum repo_right right,
                struct err *e);
/* May `who` create repositories in this namespace, in this resource group of it (0: in none)? */
bool namespace_allow_create(struct db_conn *c, const struct identity *who, const struct account *owner, int64_t group_id,
                            enum repo_kind kind, struct err *e);

#endif
