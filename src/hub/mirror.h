/* hub/mirror.h - repositories of another hub, kept here.
 *
 * A mirror is a repository whose git comes from elsewhere, whole and with the same commit ids, and whose large files come when they
 * are first asked for.  Nobody changes it here.  It lies in a namespace of its own: one that stands here for the other hub's, or
 * none.  What is ours goes before: a name that belongs to somebody here is never looked for elsewhere.
 *
 * A pointer in a mirror is somebody else's word.  A large file may be read through a mirror only once it came from
 * the upstream by way of that mirror (the register, hub/large_file.h): else whoever can push there could name our private files. */
#ifndef HUB_MIRROR_H
#define HUB_MIRROR_H

#include "hub/hub.h"

struct mirror { /* as the upstream tells of it */
    enum repo_kind kind;
    str upstream;     /* "https://huggingface.co" */
    str owner, name;  /* as it spells them */
    str sdk;          /* of a Space */
    bool is_private, is_gated; /* gated: to be let in is for an administrator here to say */
    int64_t created_ms;
};

/* May a repository of this name be looked for at the upstream?  Not where the namespace is somebody's here. */
bool mirror_may_be(struct db_conn *c, str owner, str upstream, bool *yes, struct arena *a, struct err *e);
/* fetch: brings git's objects and refs into the folder. */
typedef bool mirror_fetch(void *ctx, const char *folder, struct err *e);
bool mirror_create(struct hub *h, const struct mirror *m, mirror_fetch *fetch, void *ctx, struct repo *out, struct arena *a, struct err *e);
/* It is found under this name, too, unless that is its own or another's. */
bool mirror_known_as(struct hub *h, const struct repo *mirror, str owner, str name, struct err *e);
/* Its refs and its visibility as they are now. */
bool mirror_update(struct hub *h, const struct repo *r, const struct mirror *m, mirror_fetch *fetch, void *ctx, struct err *e);
/* Whether it is gated or private may change without a commit. */
bool mirror_set_visibility(struct hub *h, const struct repo *r, const struct mirror *m, struct err *e);

/* Is the content that a pointer tells of here, for readers of this repository?  Of our own repositories always: no commit names what is
 * not.  A mirror's pointer may lie about the size, too. */
bool mirror_has_file(struct hub *h, struct db_conn *c, const struct repo *r, const struct sha256 *sha256, uint64_t size_bytes, bool *yes, struct err *e);

/* The same for who reads it next, by the repository's number; 0: of a bucket, always.  It is not here: brought now, if somebody waits for it and
 * there is a gateway that does so; else ERR_NOT_FOUND. */
struct mirror_waiter {
    bool (*has_left)(void *ctx); /* asked meanwhile; true: ERR_CLOSED, and the file goes on coming.  NULL: he stays */
    void *ctx;
};
bool mirror_need_file(struct hub *h, int64_t repo_id, const struct sha256 *sha256, uint64_t size_bytes, const struct mirror_waiter *who /* NULL: nobody */,
                      struct err *e);
/* A file has come: it enters the register.  What is derived from the headers of weights can be said now, and is due until it is. */
bool mirror_file_came(struct hub *h, int64_t repo_id, const struct cas_object *o, struct err *e);
/* What is due of this mirror, or (0) of all, after a crash too. */
bool mirror_derive(struct hub *h, int64_t repo_id, struct err *e);
/* Of large files of mirrors the register says when they came or were last read, to the hour: what was read is remembered, and written
 * every few seconds (mirror_keep.c). */
void mirror_note_use(struct hub *h, int64_t repo_id, const struct sha256 *sha256);
bool mirror_flush(struct hub *h, struct err *e);
/* Those that were read longest ago are forgotten until the rest has `bytes_max` bytes at most; collection frees what nothing else
 * names.  What was read in the last minutes stays. */
struct mirror_trimmed {
    uint64_t files, bytes, bytes_left;
};
bool mirror_trim(struct hub *h, uint64_t bytes_max, struct mirror_trimmed *out, struct err *e);

/* Who brings files; set before anybody asks, and not again.  NULL: nobody. */
typedef bool mirror_bring(void *ctx, const struct repo *mirror, const struct sha256 *sha256, uint64_t size_bytes, const struct mirror_waiter *who, struct err *e);
void hub_set_bringer(struct hub *h, mirror_bring *bring, void *ctx);

#endif
