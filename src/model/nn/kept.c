/* model/nn/kept.c - see model/nn/kept.h. */
#include "model/nn/kept.h"

#include <string.h>

static struct sha256 key_of(const struct tensor *t)
{
    const uint64_t shape[] = { t->dtype, t->rank, t->elements, t->data.n };
    struct hasher *h = hasher_new_sha256();
    struct sha256 key;
    hasher_add(h, bytes_of(STR("as it is")));
    hasher_add(h, (bytes){ (const uint8_t *)shape, sizeof shape });
    hasher_add(h, bytes_of(t->name));
    hasher_end(h, key.b);
    return key;
}

bool tensor_keep(struct packed *p, struct arena *a, const struct tensor **t, struct err *e)
{
    const struct tensor *from = *t;
    uint8_t *room;
    float first;
    if (!p || !packed_is_kept(p) || from->block || from->is_kept || from->data.n == 0 || from->elements == 0) return true;
    struct sha256 key = key_of(from);
    struct packed_slot *slot = packed_find(p, &key, from->data.n);
    if (!slot) {
        if (!tensor_floats(from, 0, 1, &first, e)) return false; /* which has the file brought here */
        if (!(slot = packed_room(p, &key, from->data.n, &room, e))) return false;
        memcpy(room, from->data.p, from->data.n);
    }
    packed_stay(slot);
    struct tensor *kept = arena_one(a, struct tensor);
    *kept = *from;
    kept->data.p = packed_data(slot);
    kept->is_kept = true;
    *t = kept;
    return true;
}
