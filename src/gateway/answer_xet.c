/* gateway/answer_xet.c - what an upstream answers about Xet, read: numbers in bounds, ranges that hold their terms, links that are links. */
#include <stdlib.h>

#include "gateway/gateway_priv.h"
#include "xet/xorb.h"

enum { TERMS_MAX = 1 << 16, URL_BYTES_MAX = 16 << 10, TOKEN_BYTES_MAX = 16 << 10 };

static bool is_url(str s)
{
    if (!str_starts(s, STR("http://")) && !str_starts(s, STR("https://"))) return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f) return false;
    return s.n <= URL_BYTES_MAX;
}

bool answer_xet_hash(const struct json *paths, const struct sha256 *sha256, uint64_t size_bytes, struct xet_hash *out)
{
    char hex[SHA256_HEX + 1];
    hex_encode((bytes){ sha256->b, SHA256_BYTES }, hex);
    json_each (file, paths) {
        const struct json *lfs = json_get(file, STR("lfs"));
        bool is_it = str_eq(json_str_or(lfs, STR("oid"), STR("")), str_c(hex)) && json_int_or(lfs, STR("size"), -1) == (int64_t)size_bytes;
        if (is_it && xet_hash_parse(json_str_or(file, STR("xetHash"), STR("")), out)) return true;
    }
    return false;
}

bool answer_xet_token(const struct json *token, struct upstream_xet *out, struct arena *a)
{
    str url = json_str_or(token, STR("casUrl"), STR(""));
    out->token = json_str_or(token, STR("accessToken"), STR(""));
    if (!is_url(url) || !out->token.n || out->token.n > TOKEN_BYTES_MAX) return false;
    for (size_t i = 0; i < out->token.n; i++)
        if ((unsigned char)out->token.p[i] <= ' ' || (unsigned char)out->token.p[i] >= 0x7f) return false;
    out->cas_url = arena_cstr(a, url);
    return true;
}

struct range {
    struct xet_hash xorb;
    uint32_t first, end;
    uint64_t at, length;
    str url;
};

static int by_place(const void *x, const void *y)
{
    const struct range *a = x, *b = y;
    int order = xet_hash_cmp(&a->xorb, &b->xorb);
    return order ? order : a->first < b->first ? -1 : a->first > b->first;
}

static bool read_span(const struct json *of, str name, int64_t most, int64_t *start, int64_t *end)
{
    const struct json *span = json_get(of, name);
    return json_int(json_get(span, STR("start")), start) && json_int(json_get(span, STR("end")), end) && *start >= 0 && *end >= *start && *end <= most;
}

static bool read_ranges(const struct json *xorbs, struct range **out, size_t *n, struct arena *a)
{
    *out = NULL;
    *n = 0;
    json_each (xorb, xorbs) {
        struct range r;
        if (!xet_hash_parse(xorb->key, &r.xorb)) return false;
        json_each (entry, xorb) {
            int64_t first, end, at, last;
            r.url = json_str_or(entry, STR("url"), STR(""));
            if (*n >= TERMS_MAX || !is_url(r.url) || !read_span(entry, STR("range"), XET_XORB_CHUNKS_MAX, &first, &end) || first == end ||
                !read_span(entry, STR("url_range"), XET_XORB_BYTES_MAX, &at, &last))
                return false;
            r.first = (uint32_t)first, r.end = (uint32_t)end;
            r.at = (uint64_t)at, r.length = (uint64_t)(last - at) + 1; /* both ends are in it */
            *out = arena_grow(a, *out, *n, sizeof **out);
            (*out)[(*n)++] = r;
        }
    }
    if (*n) qsort(*out, *n, sizeof **out, by_place);
    return true;
}

/* The last one that begins at or before it, if it holds all of it. */
static const struct range *range_of(const struct range *r, size_t n, const struct upstream_term *t)
{
    struct range key = { .xorb = t->xorb, .first = t->first };
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (by_place(&r[middle], &key) <= 0) low = middle + 1;
        else high = middle;
    }
    return low && xet_hash_eq(&r[low - 1].xorb, &t->xorb) && r[low - 1].end >= t->end ? &r[low - 1] : NULL;
}

static bool read_term(const struct json *v, struct upstream_term *t)
{
    int64_t first, end, raw;
    if (!xet_hash_parse(json_str_or(v, STR("hash"), STR("")), &t->xorb) || !read_span(v, STR("range"), XET_XORB_CHUNKS_MAX, &first, &end) || first == end ||
        !json_int(json_get(v, STR("unpacked_length")), &raw) || raw < end - first || raw > (end - first) * XET_CHUNK_MAX)
        return false;
    t->first = (uint32_t)first, t->end = (uint32_t)end, t->raw_bytes = (uint64_t)raw;
    return true;
}

bool answer_window(const struct json *answer, uint64_t size_bytes, struct upstream_window *out, struct arena *a)
{
    struct range *range;
    size_t ranges;
    uint64_t all = 0;
    int64_t skip = json_int_or(answer, STR("offset_into_first_range"), 0);
    *out = (struct upstream_window){ .skip = (uint64_t)skip };
    if (skip < 0 || skip >= XET_CHUNK_MAX || !read_ranges(json_get(answer, STR("fetch_info")), &range, &ranges, a)) return false;
    json_each (v, json_get(answer, STR("terms"))) {
        struct upstream_term t;
        if (out->n >= TERMS_MAX || !read_term(v, &t)) return false;
        const struct range *r = range_of(range, ranges, &t);
        if (!r) return false;
        t.range_first = r->first, t.range_end = r->end, t.at = r->at, t.length = r->length;
        t.url = arena_cstr(a, r->url);
        all += t.raw_bytes; /* of TERMS_MAX terms of a GiB each */
        out->term = arena_grow(a, out->term, out->n, sizeof *out->term);
        out->term[out->n++] = t;
    }
    /* All that was asked for is there; the last chunk may reach beyond. */
    return out->n && out->skip < out->term[0].raw_bytes && all - out->skip >= size_bytes && all - out->skip < size_bytes + XET_CHUNK_MAX;
}
