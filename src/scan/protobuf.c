/* scan/protobuf.c - see scan/protobuf.h. */
#include "scan/protobuf.h"

/* What became of a step: read, or the message is malformed, or the source failed. */
enum step { STEP_OK, STEP_END, STEP_BAD, STEP_FAILED };

struct field {
    uint32_t number, wire;
    uint64_t at, n; /* of wire type 2 */
};

static enum step get_byte(struct pb *p, uint64_t at, uint8_t *out, struct err *e)
{
    if (at < p->block_at || at - p->block_at >= p->block_n) {
        uint64_t left = p->in->source->size_bytes - at;
        size_t n = left < PB_BLOCK ? (size_t)left : PB_BLOCK;
        if (n == 0) return STEP_BAD;
        p->block_n = 0;
        if (!scan_read(p->s, p->in, at, p->block, n, e)) return STEP_FAILED;
        p->block_at = at;
        p->block_n = n;
    }
    *out = p->block[at - p->block_at];
    return STEP_OK;
}

static enum step get_varint(struct pb *p, uint64_t *at, uint64_t end, uint64_t *out, struct err *e)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t b;
        if (*at >= end) return STEP_BAD;
        enum step how = get_byte(p, *at, &b, e);
        if (how != STEP_OK) return how;
        (*at)++;
        *out |= (uint64_t)(b & 127) << shift;
        if (b < 128) return STEP_OK;
    }
    return STEP_BAD;
}

static enum step get_field(struct pb *p, uint64_t *at, uint64_t end, struct field *f, struct err *e)
{
    uint64_t tag, value;
    if (*at == end) return STEP_END;
    if (p->fields_left == 0) return STEP_BAD;
    p->fields_left--;
    enum step how = get_varint(p, at, end, &tag, e);
    if (how != STEP_OK) return how;
    *f = (struct field){ .number = (uint32_t)(tag >> 3), .wire = (uint32_t)(tag & 7) };
    if (tag >> 3 == 0 || tag >> 32) return STEP_BAD;
    switch (f->wire) {
    case 0: return get_varint(p, at, end, &value, e);
    case 1: f->n = 8; break;
    case 5: f->n = 4; break;
    case 2:
        if ((how = get_varint(p, at, end, &f->n, e)) != STEP_OK) return how;
        break;
    default: return STEP_BAD; /* groups are of another age */
    }
    if (f->n > end - *at) return STEP_BAD;
    f->at = *at;
    *at += f->n;
    return STEP_OK;
}

static const struct pb_rule *rule_of(const struct pb *p, uint8_t message, uint32_t field)
{
    for (size_t i = 0; i < p->rules; i++)
        if (p->rule[i].message == message && p->rule[i].field == field) return &p->rule[i];
    return NULL;
}

static enum step walk(struct pb *p, uint8_t message, uint64_t at, uint64_t end, unsigned depth, struct err *e)
{
    struct field f;
    enum step how;
    char text[PB_TEXT_MAX];
    if (depth == PB_DEPTH_MAX) return STEP_BAD;
    if (p->begin) p->begin(p->ctx, message);
    while ((how = get_field(p, &at, end, &f, e)) == STEP_OK) {
        const struct pb_rule *r = f.wire == 2 ? rule_of(p, message, f.number) : NULL;
        if (!r) continue;
        if (r->is != PB_TEXT) {
            if ((how = walk(p, r->is, f.at, f.at + f.n, depth + 1, e)) != STEP_OK) return how;
            continue;
        }
        size_t n = f.n < sizeof text ? (size_t)f.n : sizeof text;
        for (size_t i = 0; i < n; i++)
            if ((how = get_byte(p, f.at + i, (uint8_t *)text + i, e)) != STEP_OK) return how;
        p->text(p->ctx, message, f.number, str_n(text, n));
    }
    if (how != STEP_END) return how;
    if (p->end) p->end(p->ctx, message);
    return STEP_OK;
}

bool pb_walk(struct pb *p, uint8_t message, bool *good, struct err *e)
{
    p->block_n = 0;
    enum step how = walk(p, message, 0, p->in->source->size_bytes, 0, e);
    *good = how == STEP_OK;
    return how != STEP_FAILED;
}

bool pb_fits(struct pb *p, uint64_t fields, uint64_t must_have, uint64_t fields_max, bool *fits, struct err *e)
{
    uint64_t at = 0, seen = 0;
    struct field f;
    enum step how;
    p->block_n = 0;
    p->fields_left = fields_max;
    while ((how = get_field(p, &at, p->in->source->size_bytes, &f, e)) == STEP_OK) {
        if (f.number > 63 || !(fields >> f.number & 1)) break;
        seen |= UINT64_C(1) << f.number;
    }
    *fits = how == STEP_END && (seen & must_have) == must_have;
    return how != STEP_FAILED;
}
