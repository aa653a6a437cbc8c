/* hub/repo.h - the life of a repository: create, settings, rename, duplicate, delete. */
#ifndef HUB_REPO_H
#define HUB_REPO_H

#include "hub/hub.h"

struct repo_file_seed { /* a file of the first commit */
    str path;
    bytes content;
};
struct repo_create {
    enum repo_kind kind;
    const struct account *owner;
    str name;
    int64_t creator_id;      /* 0: the command line */
    int64_t group_id;        /* 0: in no resource group */
    bool has_private, is_private; /* not given: the owner's default */
    str sdk;                 /* spaces: gradio, docker, static, streamlit */
    str settings;            /* JSON object text, or empty */
    str upstream, gated;     /* of a mirror; see hub/mirror.h */
    int64_t created_ms;      /* 0: now */
    str license, license_name, license_link; /* for the card's head; the first as card_licenses() has it, or empty */
    const struct repo_file_seed *files;
    size_t files_count;
};
/* One commit "initial commit" on main with .gitattributes (and what a Space needs).  If the name is
 * taken: ERR_CONFLICT "You already created this model repo".  Folder first, then the row, then the index:
 * a crash leaves a folder without a row, which recovery removes.  Numbers are never used twice. */
bool repo_create(struct hub *h, const struct repo_create *q, struct repo *out, struct arena *a, struct err *e);
/* Row first, then the folder. */
bool repo_delete(struct hub *h, const struct repo *r, const struct identity *who, struct err *e);
/* The old name goes on redirecting.  Taken: ERR_CONFLICT "A model repository called x/y already exists". */
bool repo_move(struct hub *h, const struct repo *r, const struct account *to_owner, str to_name,
               const struct identity *who, struct err *e);
/* All branches, tags and large files, no discussions.  Not said otherwise, the copy of what not everybody may read is private. */
bool repo_duplicate(struct hub *h, const struct repo *from, const struct repo_create *q, struct repo *out,
                    struct arena *a, struct err *e);

struct repo_settings { /* what is set changes; settings: members are merged */
    bool has_private, is_private;
    bool has_gated;
    str gated; /* "", "auto", "manual" */
    bool has_gates_members, gates_members;
    bool has_discussions_disabled, discussions_disabled;
    const struct json *settings;
};
bool repo_set(struct hub *h, const struct repo *r, const struct repo_settings *s, const struct identity *who, struct err *e);

bool repo_set_like(struct hub *h, int64_t repo_id, int64_t user_id, bool likes, struct err *e);
/* Counted in memory, written by hub_flush (a job, every few seconds, and at shutdown). */
void repo_count_download(struct hub *h, int64_t repo_id);
bool hub_flush(struct hub *h, struct err *e);

/* A repository's writers take turns, also across processes.  Blocks up to 30 s, then ERR_BUSY.  Whoever gets
 * it finds an index that agrees with git. */
struct repo_lock;
bool repo_lock(struct hub *h, int64_t repo_id, struct repo_lock **out, struct err *e);
void repo_unlock(struct hub *h, struct repo_lock *l);

#endif
