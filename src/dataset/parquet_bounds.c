/* dataset/parquet_bounds.c - row groups: where their rows lie, and between which values those of a column are. */
#include "dataset/parquet_priv.h"

enum { BOUND_BYTES_MAX = 1 << 10 };

void parquet_group_rows(const struct parquet *p, size_t group, uint64_t *first, uint64_t *n)
{
    *first = p->inner->group[group].first_row;
    *n = p->inner->group[group].rows;
}

static uint64_t little_endian(str s)
{
    uint64_t v = 0;
    for (size_t i = s.n; i-- > 0;) v = v << 8 | (uint8_t)s.p[i];
    return v;
}

/* As a page has it with the encoding PLAIN, without the length before text. */
static bool bound(const struct parquet_node *n, str s, struct arena *a, struct json **out)
{
    static const struct parquet_options o = { .text_bytes_max = BOUND_BYTES_MAX };
    union pq_value v;
    struct err ignored;
    size_t size = n->physical == PARQUET_INT32 || n->physical == PARQUET_FLOAT ? 4 : 8;
    if (!s.p || (n->physical == PARQUET_BYTES ? s.n > BOUND_BYTES_MAX : s.n != size)) return false;
    uint64_t bits = n->physical == PARQUET_BYTES ? 0 : little_endian(s);
    uint32_t low = (uint32_t)bits;
    switch (n->physical) {
    case PARQUET_INT32: v.i = (int32_t)low; break;
    case PARQUET_INT64: v.i = (int64_t)bits; break;
    case PARQUET_FLOAT: memcpy(&v.f, &low, sizeof v.f); break;
    case PARQUET_DOUBLE: memcpy(&v.d, &bits, sizeof v.d); break;
    default: v.b = bytes_of(s);
    }
    return (*out = pq_json(n, &v, &o, a, &ignored)) != NULL;
}

/* Only where the order of the file is that of what is shown: dates and times are compared as text. */
static bool has_order(const struct parquet_node *n)
{
    if (n->shape != PARQUET_LEAF || n->max_rep) return false;
    if (n->logical == PARQUET_STRING) return n->physical == PARQUET_BYTES;
    if (n->logical != PARQUET_PLAIN && n->logical != PARQUET_INTEGER) return false;
    return n->physical == PARQUET_INT32 || n->physical == PARQUET_INT64 || n->physical == PARQUET_FLOAT || n->physical == PARQUET_DOUBLE;
}

bool parquet_bounds(const struct parquet *p, size_t group, const struct parquet_node *n, struct arena *a, struct json **low, struct json **high)
{
    struct pq_chunk c;
    struct err ignored;
    if (!has_order(n) || !pq_chunk_find(p, group, n->leaf_first, &c, &ignored)) return false;
    return bound(n, c.low, a, low) && bound(n, c.high, a, high);
}
