/* api/cas/cas_api.h - the Xet protocol over HTTP: what its files share.
 *
 * The address that clients are told (casUrl) is "{base}/cas".  Not the base alone: the protocol's names (/v1/files,
 * /reconstruction/x, /shards) would collide with the OpenAI-compatible API under /v1 and with pages of users who are
 * called "shards", and every generation of clients only appends to what it is told.  Except for the telemetry of hf_xet,
 * which goes to /v1/telemetry of the host whatever casUrl says.  Every operation is mounted under the names of all
 * generations: /v1/xorbs, /xorbs, /xorb.
 *
 * Two kinds of credentials, neither of them a hub token:
 *   token      for the calls; names user, hub token, repository, right and expiry.  What the user may is asked again at
 *              every use, so who loses his right loses it at once.
 *   fetch link for bytes of one xorb, without any header; exactly one range of bytes, for an hour. */
#ifndef API_CAS_CAS_API_H
#define API_CAS_CAS_API_H

#include "api/api_priv.h"
#include "cas/xorb.h"

extern const struct api_table cas_token_table, cas_xorb_table, cas_shard_table, cas_reconstruction_table, cas_fetch_table,
    cas_dedup_table;

/* One operation under the names of all generations of clients. */
#define CAS_ROW(method, pattern, perm, body, max, flags, fn, name) \
    { method, "/cas" pattern, perm, body, max, flags, fn, name, SHAPE_HUB }

str cas_url(struct call *c);

/* ------------------------------------------------------------------ tokens (token.c) */

enum { XET_TOKEN_LIVES_S = 3600 };
enum xet_right { XET_READ, XET_WRITE, XET_PROPOSE /* uploads for a pull request */, XET_RIGHTS };
struct xet_token {
    str text;
    int64_t expires_s;
    str refresh_url; /* where the next one is */
};
/* For the caller and the repository or bucket of this call; rev is what the client is after. */
void xet_token_make(struct call *c, enum xet_right right, str rev, struct xet_token *out);
str xet_token_url(struct call *c, const struct repo *r, enum xet_right right, str rev);
str xet_bucket_token_url(struct call *c, const struct bucket *b, enum xet_right right);

/* ------------------------------------------------------------------ for handlers */

/* Signs a text, in 32 hexadecimal digits.  What is signed begins with what it is for ("xet_", "/cas/fetch/"), so that
 * nothing passes for something else. */
enum { XET_SIGNATURE_HEX = 32 };
void xet_sign(const struct call *c, str text, char out[XET_SIGNATURE_HEX + 1]);
bool xet_signed(const struct call *c, str text, str signature);

/* The parameter "hash", 64 hexadecimal digits, and "prefix", which must be a known one. */
bool cas_param_hash(struct call *c, struct xet_hash *out, struct err *e);
bool cas_check_prefix(struct call *c, struct err *e);
/* Who uses chunks, for cas/. */
struct cas_viewer cas_viewer_of(struct call *c);
/* A link for bytes [first, last] of a xorb, in place of what is in *out; an answer may have a hundred thousand. */
void cas_fetch_link(struct call *c, const struct xet_hash *xorb, uint64_t first, uint64_t last, struct buf *out);
void jw_kxet_hash(struct json_writer *w, const char *key, const struct xet_hash *h);

#endif
