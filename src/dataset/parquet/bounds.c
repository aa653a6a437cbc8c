/* dataset/parquet/bounds.c - row groups: where their rows lie, and between which values those of a column are. */
#include "dataset/parquet/parquet_priv.h"

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

/* As a page has it with the encoding PLAIN; text without the length before it. */
static bool bound(const struct parquet_node *n, str s, int64_t *out)
{
    bool is_half = n->physical == PARQUET_INT32 || n->physical == PARQUET_FLOAT;
    size_t size = n->physical == PARQUET_BOOLEAN ? 1 : is_half ? 4 : 8;
    if (!s.p || s.n != size) return false;
    *out = pq_ordinal(n, is_half ? (int32_t)(uint32_t)little_endian(s) : (int64_t)little_endian(s));
    return true;
}

/* Only where the order of the file is that of ordinals, or of bytes. */
static bool has_order(const struct parquet_node *n) { return n->shape == PARQUET_LEAF && !n->max_rep && (parquet_has_ordinals(n) || n->logical == PARQUET_STRING); }

bool parquet_bounds(const struct parquet *p, size_t group, const struct parquet_node *n, struct parquet_bounds *out)
{
    struct pq_chunk c;
    struct err ignored;
    if (!has_order(n) || !pq_chunk_find(p, group, n->leaf_first, &c, &ignored)) return false;
    *out = (struct parquet_bounds){ .is_text = !parquet_has_ordinals(n), .low_text = c.low, .high_text = c.high };
    return out->is_text ? c.low.p && c.high.p : bound(n, c.low, &out->low) && bound(n, c.high, &out->high);
}
