/* dataset/parquet/thrift.c - see dataset/parquet/thrift.h. */
#include "dataset/parquet/thrift.h"

static uint8_t byte(struct thrift *t)
{
    if (t->bad || t->p == t->end) {
        t->is_short |= !t->bad;
        t->bad = true;
        return 0;
    }
    return *t->p++;
}

uint64_t thrift_varint(struct thrift *t)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t b = byte(t);
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) return t->bad ? 0 : v;
    }
    t->bad = true;
    return 0;
}

static int64_t thrift_int(struct thrift *t)
{
    uint64_t v = thrift_varint(t);
    return (int64_t)(v >> 1 ^ (0 - (v & 1)));
}

bool thrift_next(struct thrift *t, struct thrift_field *f)
{
    uint8_t head = byte(t);
    if (t->bad || !(head & 15)) return false;
    f->type = (enum thrift_type)(head & 15);
    f->id = (int16_t)(head >> 4 ? f->id + (head >> 4) : thrift_int(t));
    if (f->type > THRIFT_STRUCT) t->bad = true;
    return !t->bad;
}

static str take(struct thrift *t, uint64_t n)
{
    if (t->bad || n > (uint64_t)(t->end - t->p)) {
        t->is_short |= !t->bad;
        t->bad = true;
        return STR("");
    }
    str s = { (const char *)t->p, (size_t)n };
    t->p += n;
    return s;
}

size_t thrift_list(struct thrift *t, enum thrift_type *item)
{
    uint8_t head = byte(t);
    uint64_t n = head >> 4 == 15 ? thrift_varint(t) : head >> 4;
    *item = (enum thrift_type)(head & 15);
    if (!t->bad && n > (uint64_t)(t->end - t->p)) {
        t->bad = t->is_short = true;
        return 0;
    }
    return t->bad ? 0 : (size_t)n;
}

static void skip(struct thrift *t, enum thrift_type type, bool in_list, unsigned depth);

static void skip_items(struct thrift *t, enum thrift_type item, size_t n, unsigned depth)
{
    for (size_t i = 0; i < n && !t->bad; i++) skip(t, item, true, depth);
}

static void skip_map(struct thrift *t, unsigned depth)
{
    uint64_t n = thrift_varint(t);
    uint8_t types = n ? byte(t) : 0;
    for (uint64_t i = 0; i < n && !t->bad; i++) {
        skip(t, (enum thrift_type)(types >> 4), true, depth);
        skip(t, (enum thrift_type)(types & 15), true, depth);
    }
}

/* What takes no byte in a list would let a count of billions pass for nothing: there is no such type. */
static void skip(struct thrift *t, enum thrift_type type, bool in_list, unsigned depth)
{
    struct thrift_field f = { 0 };
    enum thrift_type item;
    if (depth > THRIFT_DEPTH_MAX) t->bad = true;
    if (t->bad) return;
    switch (type) {
    case THRIFT_TRUE:
    case THRIFT_FALSE:
        if (in_list) byte(t);
        break;
    case THRIFT_I8: byte(t); break;
    case THRIFT_I16:
    case THRIFT_I32:
    case THRIFT_I64: thrift_varint(t); break;
    case THRIFT_DOUBLE: take(t, 8); break;
    case THRIFT_BINARY: take(t, thrift_varint(t)); break;
    case THRIFT_LIST:
    case THRIFT_SET: {
        size_t n = thrift_list(t, &item);
        skip_items(t, item, n, depth + 1);
        break;
    }
    case THRIFT_MAP: skip_map(t, depth + 1); break;
    case THRIFT_STRUCT:
        while (thrift_next(t, &f)) skip(t, f.type, false, depth + 1);
        break;
    default: t->bad = true;
    }
}

void thrift_skip(struct thrift *t, enum thrift_type type) { skip(t, type, false, 0); }

int64_t thrift_get_int(struct thrift *t, const struct thrift_field *f)
{
    if (f->type == THRIFT_I8) return (int8_t)byte(t);
    if (f->type >= THRIFT_I16 && f->type <= THRIFT_I64) return thrift_int(t);
    thrift_skip(t, f->type);
    return 0;
}

bool thrift_get_bool(struct thrift *t, const struct thrift_field *f)
{
    if (f->type != THRIFT_TRUE) thrift_skip(t, f->type);
    return f->type == THRIFT_TRUE;
}

str thrift_get_str(struct thrift *t, const struct thrift_field *f)
{
    if (f->type == THRIFT_BINARY) return take(t, thrift_varint(t));
    thrift_skip(t, f->type);
    return STR("");
}

size_t thrift_get_list(struct thrift *t, const struct thrift_field *f, enum thrift_type want)
{
    enum thrift_type item;
    if (f->type != THRIFT_LIST) {
        thrift_skip(t, f->type);
        return 0;
    }
    size_t n = thrift_list(t, &item);
    if (n && item != want) t->bad = true;
    return n;
}
