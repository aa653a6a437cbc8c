/* web/frame/prose.c - what people wrote in Markdown, as part of a page.
 *
 * Parsing it twice (Markdown, then the HTML in it) is most of what a page costs, and the same few cards are asked for again and
 * again.  So what came out is kept, in bounded memory, under a hash of all that it was made from: it can never be stale, and
 * who may read it was settled before anybody asks here. */
#include <pthread.h>

#include "hub/file_cache.h"
#include "hub/text/markdown.h"
#include "web/frame/page.h"

enum { KEPT_BYTES_MAX = 16 << 20 };

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

static bool rendered(str text, const struct clean_base *base, struct buf *out, struct err *e)
{
    pthread_once(&kept_once, make_cache);
    struct vcs_oid key = key_of(text, base);
    struct file_blob *held = file_cache_find(kept, 0, &key);
    if (held) {
        buf_add(out, file_blob_content(held));
    } else {
        struct buf html = BUF_INIT(0);
        if (!markdown_html(text, base, &html, e)) return buf_deinit(&html), false;
        held = file_cache_add(kept, 0, &key, bytes_of(buf_str(&html)));
        buf_add(out, buf_str(&html));
        buf_deinit(&html);
    }
    file_blob_release(held);
    return true;
}

bool page_markdown(struct call *c, str text, const char *rev, str path, struct buf *out, struct err *e)
{
    size_t slash = str_rchr(path, '/');
    struct buf link = BUF_INIT(0), picture = BUF_INIT(0);
    buf_addf(&link, "/%.*s", STR_ARG(repo_web_prefix(c->repo.kind)));
    http_encode(&link, c->repo.full_name, "/");
    buf_add(&picture, buf_str(&link));
    buf_lit(&link, "/blob/");
    buf_lit(&picture, "/resolve/");
    http_encode(&link, str_c(rev), "");
    http_encode(&picture, str_c(rev), "");
    buf_byte(&link, '/');
    buf_byte(&picture, '/');
    struct clean_base base = { buf_str(&link), buf_str(&picture), slash == STR_NONE ? STR("") : str_to(path, slash + 1) };
    bool ok = rendered(markdown_body(text), &base, out, e);
    buf_deinit(&link);
    buf_deinit(&picture);
    return ok;
}
