/* web/frame/kept.h - pages as they were rendered, kept under a hash of all that they were made from.
 *
 * A page is a function of its template, its context and, where it says how long ago something was, of the time.  So a kept page
 * cannot be stale, nor be shown to whom it is not for: whoever asks has been let through and has had his own context
 * written, with his name and the token of his forms in it, before anybody looks here. */
#ifndef WEB_KEPT_H
#define WEB_KEPT_H

#include "base/buf.h"
#include "hub/file_cache.h"

enum { KEPT_TAG_BYTES = 2 * 12 + 1 };

/* A rendered page; after it come its bytes: HTML, or what deflate made of it. */
struct kept_page {
    int64_t until_ms; /* from then on its words about time are wrong */
    uint32_t crc, html_bytes; /* of the HTML, as the end of a gzip file says them */
    bool is_deflated;
    char tag[KEPT_TAG_BYTES]; /* a hash of the HTML */
};
const struct kept_page *kept_page_of(str page, str *content);

bool kept_make(str html, bool deflates, int64_t until_ms, struct buf *page, struct err *e);

/* Parts are hashed with their lengths. */
void kept_key(const str *part, size_t parts, struct vcs_oid *out);
/* The page under this key, held; NULL: none that is true at `now_ms`. */
struct file_blob *kept_find(const struct vcs_oid *key, int64_t now_ms);
void kept_put(const struct vcs_oid *key, str page);

#endif
