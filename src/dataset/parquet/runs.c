/* dataset/parquet/runs.c - the two ways by which Parquet packs small integers: runs with bit-packed groups (levels, indexes of
 * dictionaries), and differences in blocks.
 *
 *   hybrid   varint h: h odd, (h >> 1) groups of 8 values in `width` bytes each, lowest bits first; h even, h >> 1 times the value
 *            that follows in ceil(width / 8) bytes.  The last run may be longer than what is needed.
 *   delta    varints: values of a block, miniblocks of a block, values in all; zigzag: the first value.  A block: zigzag smallest
 *            difference, a width per miniblock, and for those that have values the packed differences to the smallest. */
#include <endian.h>

#include "dataset/parquet/parquet_priv.h"

/* Bits [at, at + width) of a body of n bytes, lowest first; what lies behind the body is 0. */
static uint64_t bits_at(const uint8_t *p, size_t n, uint64_t at, unsigned width)
{
    uint64_t v = 0, byte = at / 8;
    unsigned shift = (unsigned)(at % 8), got = 0;
    if (!width) return 0;
    while (got < width && byte < n) {
        uint64_t part = p[byte++] >> shift;
        v |= got < 64 ? part << got : 0;
        got += 8 - shift;
        shift = 0;
    }
    return width == 64 ? v : v & (((uint64_t)1 << width) - 1);
}

static uint64_t varint(const uint8_t **p, const uint8_t *end, bool *bad)
{
    struct thrift t = { .p = *p, .end = end };
    uint64_t v = thrift_varint(&t);
    *bad |= t.bad;
    *p = t.p;
    return v;
}

/* ------------------------------------------------------------------ hybrid */

void pq_hybrid_init(struct pq_hybrid *h, bytes b, unsigned width)
{
    *h = (struct pq_hybrid){ .p = b.p, .end = b.p + b.n, .width = width, .bad = width > 32 };
}

/* Makes `left` more than 0, or is bad. */
static void next_run(struct pq_hybrid *h)
{
    while (!h->left && !h->bad) {
        uint64_t head = h->p == h->end ? (h->bad = true, 0) : varint(&h->p, h->end, &h->bad);
        size_t n = (size_t)(h->end - h->p), size = (h->width + 7) / 8;
        if (h->bad) return;
        h->is_packed = head & 1;
        if (h->is_packed) {
            uint64_t groups = head >> 1;
            if (h->width && groups > (n + h->width - 1) / h->width) groups = (n + h->width - 1) / h->width; /* the last may be cut short */
            if (groups > UINT32_MAX) groups = UINT32_MAX;
            uint64_t size_packed = groups * h->width;
            h->left = groups * 8;
            h->body = h->p;
            h->bit = 0;
            h->p += size_packed < n ? size_packed : n;
        } else if (n < size) {
            h->bad = true;
        } else {
            h->left = head >> 1;
            h->value = 0;
            for (size_t i = 0; i < size; i++) h->value |= (uint32_t)h->p[i] << (8 * i);
            h->p += size;
        }
    }
}

static uint32_t packed_at(const struct pq_hybrid *h)
{
    return (uint32_t)bits_at(h->body, (size_t)(h->p - h->body), h->bit, h->width);
}

uint32_t pq_hybrid_next(struct pq_hybrid *h)
{
    if (!h->left) next_run(h);
    if (h->bad) return 0;
    h->left--;
    if (!h->is_packed) return h->value;
    uint32_t v = packed_at(h);
    h->bit += h->width;
    return v;
}

/* Values that lie in eight bytes which are all there; the last ones of a body come one by one. */
static void take_packed(struct pq_hybrid *h, size_t n, uint32_t *out)
{
    size_t size = (size_t)(h->p - h->body), i = 0;
    uint64_t mask = ((uint64_t)1 << h->width) - 1, word;
    for (; i < n && h->bit / 8 + sizeof word <= size; i++, h->bit += h->width) {
        memcpy(&word, h->body + h->bit / 8, sizeof word);
        out[i] = (uint32_t)(le64toh(word) >> h->bit % 8 & mask);
    }
    for (; i < n; i++, h->bit += h->width) out[i] = packed_at(h);
}

void pq_hybrid_take(struct pq_hybrid *h, size_t n, uint32_t *out)
{
    while (n && !h->bad) {
        if (!h->left) next_run(h);
        size_t some = n < h->left ? n : (size_t)h->left;
        if (h->is_packed) take_packed(h, some, out);
        for (size_t i = 0; i < some && !h->is_packed; i++) out[i] = h->value;
        h->left -= some;
        out += some;
        n -= some;
    }
}

bool pq_hybrid_repeats(struct pq_hybrid *h, size_t n, uint32_t what)
{
    if (!h->left) next_run(h);
    if (h->bad || h->is_packed || h->value != what || h->left < n) return false;
    h->left -= n;
    return true;
}

void pq_hybrid_skip(struct pq_hybrid *h, uint64_t n)
{
    while (n && !h->bad) {
        if (!h->left) next_run(h);
        uint64_t some = n < h->left ? n : h->left;
        h->left -= some;
        h->bit += h->is_packed ? some * h->width : 0;
        n -= some;
    }
}

uint64_t pq_hybrid_count(struct pq_hybrid *h, uint64_t n, uint32_t what)
{
    uint64_t count = 0;
    while (n && !h->bad) {
        if (!h->left) next_run(h);
        uint64_t some = n < h->left ? n : h->left;
        if (!h->is_packed) {
            count += h->value == what ? some : 0;
        } else {
            for (uint64_t i = 0; i < some; i++, h->bit += h->width) count += packed_at(h) == what;
        }
        h->left -= some;
        n -= some;
    }
    return h->bad ? 0 : count;
}

/* ------------------------------------------------------------------ delta */

static int64_t zigzag(uint64_t v) { return (int64_t)(v >> 1 ^ (0 - (v & 1))); }

void pq_delta_init(struct pq_delta *d, bytes b)
{
    *d = (struct pq_delta){ .p = b.p, .end = b.p + b.n, .is_first = true };
    uint64_t block = varint(&d->p, d->end, &d->bad);
    d->minis = varint(&d->p, d->end, &d->bad);
    d->left = varint(&d->p, d->end, &d->bad);
    d->value = (uint64_t)zigzag(varint(&d->p, d->end, &d->bad));
    /* Written are 128 and 4.  The bounds keep a few bytes from standing for billions of values. */
    if (!block || block % 128 || block > 65536 || !d->minis || d->minis > 512 || block % d->minis || (block / d->minis) % 32) d->bad = true;
    else d->mini_values = block / d->minis;
    d->mini = d->minis;
}

static void next_mini(struct pq_delta *d)
{
    if (d->mini == d->minis) {
        d->min_delta = (uint64_t)zigzag(varint(&d->p, d->end, &d->bad));
        if (d->bad || (uint64_t)(d->end - d->p) < d->minis) {
            d->bad = true;
            return;
        }
        d->widths = d->p;
        d->p += d->minis;
        d->mini = 0;
    }
    d->width = d->widths[d->mini++];
    uint64_t size = d->mini_values / 8 * d->width;
    if (d->width > 64 || size > (uint64_t)(d->end - d->p)) {
        d->bad = true;
        return;
    }
    d->body = d->p;
    d->p += size;
    d->bit = 0;
    d->in_mini = d->mini_values;
}

int64_t pq_delta_next(struct pq_delta *d)
{
    if (!d->left) d->bad = true;
    if (d->bad) return 0;
    d->left--;
    if (d->is_first) {
        d->is_first = false;
        return (int64_t)d->value;
    }
    if (!d->in_mini) next_mini(d);
    if (d->bad) return 0;
    d->value += d->min_delta + bits_at(d->body, (size_t)(d->p - d->body), d->bit, d->width);
    d->bit += d->width;
    d->in_mini--;
    return (int64_t)d->value;
}
