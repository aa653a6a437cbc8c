/* hub/text/prose.c - see hub/text/prose.h.
 *
 * Parsing it twice (Markdown, then the HTML in it) is most of what a page costs, and the same few texts are asked for again and
 * again.  So what came out is kept, in bounded memory, under a hash of all that it was made from: it can never be stale, and
 * who may read it was settled before anybody asks here.  That a text is not shown is kept as well: finding out takes longest. */
#include "hub/text/prose.h"

#include <pthread.h>

#include "base/hash.h"
#include "hub/file_cache.h"

enum { KEPT_BYTES_MAX = 16 << 20 };
static const str refused = STR_INIT("\xff"); /* before a reason instead of HTML, which is UTF-8 */

static pthread_once_t kept_once = PTHREAD_ONCE_INIT;
static struct file_cache *kept; /* lives as long as the process */

static void make_cache(void) { kept = file_cache_new(KEPT_BYTES_MAX); }

/* Each part with its length before it, so that no two lists of parts look alike. */
static struct vcs_oid key_of(str text, const struct clean_base *base)
{
    const str parts[] = { base->link, base->picture, base->folder, text };
    struct hasher *h = hasher_new_sha256();
    struct sha256 sum;
    struct vcs_oid key;
    for (size_t i = 0; i < COUNT(parts); i++) {
        uint64_t n = parts[i].n;
        hasher_add(h, (bytes){ (const uint8_t *)&n, sizeof n });
        hasher_add(h, bytes_of(parts[i]));
    }
    hasher_end(h, sum.b);
    memcpy(key.b, sum.b, sizeof key.b);
    return key;
}

bool prose_html(str text, const struct clean_base *base, struct buf *out, struct err *e)
{
    pthread_once(&kept_once, make_cache);
    struct vcs_oid key = key_of(text, base);
    struct file_blob *held = file_cache_find(kept, 0, &key);
    if (!held) {
        struct buf html = BUF_INIT(0);
        if (!markdown_html(text, base, &html, e)) {
            buf_reset(&html);
            buf_add(&html, refused);
            buf_add(&html, str_c(e->msg));
        }
        held = file_cache_add(kept, 0, &key, bytes_of(buf_str(&html)));
        buf_deinit(&html);
    }
    str html = file_blob_content(held);
    bool ok = !str_starts(html, refused);
    if (ok) buf_add(out, html);
    else err_set(e, ERR_TOO_LARGE, "%.*s", STR_ARG(str_from(html, refused.n)));
    file_blob_release(held);
    return ok;
}
