/* api/git_api.h - what git over HTTP and LFS share: their rows, who may push, and links that authorise themselves. */
#ifndef API_GIT_API_H
#define API_GIT_API_H

#include "api/api.h"
#include "base/hash.h"

extern const struct api_table git_table, lfs_table, lfs_multipart_table, lfs_lock_table;

/* A repository's git addresses: with and without ".git", models with and without their kind. */
#define GIT_ROWS(method, tail, body, max, fn, name, shape)                                                       \
    { method, "/:ns/:repo.git" tail, PERM_REPO_BY_SERVICE, body, max, 0, fn, name, shape },                      \
    { method, "/:ns/:repo" tail, PERM_REPO_BY_SERVICE, body, max, 0, fn, name, shape },                          \
    { method, "/:kind(models|datasets|spaces|kernels)/:ns/:repo.git" tail, PERM_REPO_BY_SERVICE, body, max, 0,   \
      fn, name, shape },                                                                                         \
    { method, "/:kind(models|datasets|spaces|kernels)/:ns/:repo" tail, PERM_REPO_BY_SERVICE, body, max, 0, fn,   \
      name, shape }

/* May the caller push at all?  Who may write may; and who has a pull request open, to that. */
bool call_allow_push(struct call *c, struct err *e);

/* ------------------------------------------------------------------ links (api/link.c) */

/* Clients send no credentials when they move the bytes of large files, so the link says who may do what:
 *     PATH?repo=7&user=3&token=9&size=123&expires=1700000000&sig=0123456789abcdef0123456789abcdef
 * sig is an HMAC over method, path and everything before it, so that nothing can be bent.  Whoever has
 * the link may use it until it expires, or until that user, with that token, may no longer do this there. */
struct link {
    int64_t repo_id, user_id, token_id; /* user 0: nobody; token 0: a password, or a session */
    uint64_t size_bytes;
};
enum { LINK_UPLOAD_S = 24 * 3600, LINK_DOWNLOAD_S = 3600 };
str link_make(struct call *c, enum http_method m, str path, const struct link *l, int64_t lives_s); /* absolute */
/* Checks the request's own link, and asks for the rights again.  ERR_DENIED, which makes git-lfs ask for a new one. */
bool link_check(struct call *c, struct link *out, struct err *e);
bool link_oid(struct call *c, struct sha256 *out, struct err *e); /* parameter "oid" */

/* ------------------------------------------------------------------ LFS answers */

bool lfs_reply(struct call *c, int status, struct buf *b); /* takes b's memory */

/* Multipart (api/lfs_multipart.c): writes the members of actions.upload; tells_parts: also which parts are there. */
bool lfs_write_multipart(struct call *c, struct json_writer *w, const struct sha256 *sha256, const struct link *l,
                         bool tells_parts, struct err *e);

#endif
