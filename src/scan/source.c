/* scan/source.c - see scan/source.h.  A scanner reads mostly forward: one reader of the store stays open, and a new one is opened where it
 * jumps, which costs a row and the index of a xorb. */
#include "scan/source.h"

enum { SMALL_BYTES_MAX = 64 << 20, FORWARD_BYTES_MAX = 256 << 10 };

static bool read_small(void *ctx, uint64_t at, void *out, size_t n, struct err *e)
{
    struct scan_stored *s = ctx;
    if (at > s->small.n || n > s->small.n - at) return err_set(e, ERR_IO, "bytes %llu to %llu lie outside of the file", (unsigned long long)at, (unsigned long long)at + n);
    if (n) memcpy(out, s->small.p + at, n);
    return true;
}

static bool take(struct scan_stored *s, void *out, size_t n, struct err *e)
{
    for (uint8_t *to = out; n;) {
        size_t got;
        if (!cas_reader_read(s->reader, to, n, &got, e)) return false;
        if (!got) return err_set(e, ERR_IO, "the stored file ends at %llu of %llu bytes", (unsigned long long)s->at, (unsigned long long)s->source.size_bytes);
        to += got;
        n -= got;
        s->at += got;
    }
    return true;
}

static bool skip(struct scan_stored *s, uint64_t to, struct err *e)
{
    uint8_t nowhere[8192];
    while (s->at < to)
        if (!take(s, nowhere, to - s->at < sizeof nowhere ? (size_t)(to - s->at) : sizeof nowhere, e)) return false;
    return true;
}

static bool read_large(void *ctx, uint64_t at, void *out, size_t n, struct err *e)
{
    struct scan_stored *s = ctx;
    uint64_t size = s->source.size_bytes;
    if (at > size || n > size - at) return err_set(e, ERR_IO, "bytes %llu to %llu lie outside of the file", (unsigned long long)at, (unsigned long long)at + n);
    if (!n) return true;
    if (s->reader && (at < s->at || at - s->at > FORWARD_BYTES_MAX)) {
        cas_reader_close(s->reader);
        s->reader = NULL;
    }
    if (!s->reader) {
        if (!cas_reader_open(hub_cas(s->hub), &s->sha256, at, size - at, &s->reader, e)) return false;
        s->at = at;
    }
    return skip(s, at, e) && take(s, out, n, e);
}

bool scan_stored_open(struct hub *h, struct vcs_repo *git, const struct scan_file *f, struct arena *a, struct scan_stored *out, struct err *e)
{
    *out = (struct scan_stored){ .hub = h, .sha256 = f->sha256, .source = { .size_bytes = f->size_bytes, .ctx = out } };
    out->source.read = f->is_large ? read_large : read_small;
    if (f->is_large) return true;
    if (!vcs_blob_read(git, &f->oid, SMALL_BYTES_MAX, a, &out->small, e)) return false;
    out->source.size_bytes = out->small.n;
    return true;
}

void scan_stored_close(struct scan_stored *s)
{
    cas_reader_close(s->reader);
    s->reader = NULL;
}
