/* web/frame/kept.c - see web/frame/kept.h.  The hash is keyed with what only this process knows, so that nobody can make two
 * pages meet.  Least recently used pages go first. */
#include "web/frame/kept.h"

#include <pthread.h>

#include "base/hash.h"
#include "web/frame/compress.h"
#include "xet/blake3.h"

enum { KEPT_BYTES_MAX = 32 << 20, LEVEL = 4 }; /* half a millisecond for 40 kB; 9 takes thrice that and is 3 % smaller */

static pthread_once_t begun_once = PTHREAD_ONCE_INIT;
static struct file_cache *kept; /* lives as long as the process */
static uint8_t secret[BLAKE3_BYTES];

static void begin(void)
{
    random_bytes(secret, sizeof secret);
    kept = file_cache_new(KEPT_BYTES_MAX);
}

const struct kept_page *kept_page_of(str page, str *content)
{
    must(page.n >= sizeof(struct kept_page));
    *content = str_from(page, sizeof(struct kept_page));
    return (const struct kept_page *)(const void *)page.p;
}

bool kept_make(str html, bool deflates, int64_t until_ms, struct buf *page, struct err *e)
{
    struct kept_page p;
    struct sha256 sha = sha256_of(bytes_of(html));
    memset(&p, 0, sizeof p);
    p.until_ms = until_ms;
    p.html_bytes = (uint32_t)html.n;
    p.is_deflated = deflates;
    if (deflates) p.crc = compress_crc(html);
    hex_encode((bytes){ sha.b, (KEPT_TAG_BYTES - 1) / 2 }, p.tag);
    buf_add(page, str_n((const char *)&p, sizeof p));
    if (deflates) return compress_deflate(html, LEVEL, page, e);
    buf_add(page, html);
    return !page->failed || err_set(e, ERR_TOO_LARGE, "This page would be too large");
}

void kept_key(const str *part, size_t parts, struct vcs_oid *out)
{
    struct blake3 h;
    uint8_t sum[BLAKE3_BYTES];
    pthread_once(&begun_once, begin);
    blake3_init(&h, secret);
    for (size_t i = 0; i < parts; i++) {
        uint64_t n = part[i].n;
        blake3_add(&h, (bytes){ (const uint8_t *)&n, sizeof n });
        blake3_add(&h, bytes_of(part[i]));
    }
    blake3_end(&h, sum);
    memcpy(out->b, sum, sizeof out->b);
}

struct file_blob *kept_find(const struct vcs_oid *key, int64_t now_ms)
{
    str ignored;
    struct file_blob *b = file_cache_find(kept, 0, key);
    if (!b || now_ms < kept_page_of(file_blob_content(b), &ignored)->until_ms) return b;
    file_blob_release(b);
    file_cache_drop(kept, 0, key);
    return NULL;
}

void kept_put(const struct vcs_oid *key, str page) { file_blob_release(file_cache_add(kept, 0, key, bytes_of(page))); }
