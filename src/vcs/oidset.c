/* vcs/oidset.c - a set (or map) of object ids: open addressing, at most three quarters full.
 * Ids are SHA-1 already, so eight of their bytes are the hash. */
#include "base/arena.h"
#include "vcs/vcs_priv.h"

static size_t slot_of(const struct oidset *s, const struct vcs_oid *id)
{
    uint64_t h;
    memcpy(&h, id->b + 8, sizeof h);
    size_t at = (size_t)h & (s->cap - 1);
    while (s->slot[at].is_used && !vcs_oid_eq(&s->slot[at].id, id)) at = (at + 1) & (s->cap - 1);
    return at;
}

static void grow(struct oidset *s)
{
    struct oidset old = *s;
    s->cap = old.cap ? old.cap * 2 : 64;
    s->slot = mem_alloc(s->cap * sizeof *s->slot);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slot[i].is_used) s->slot[slot_of(s, &old.slot[i].id)] = old.slot[i];
    mem_free(old.slot);
}

struct oidset_slot *oidset_find(const struct oidset *s, const struct vcs_oid *id)
{
    if (s->cap == 0) return NULL;
    size_t at = slot_of(s, id);
    return s->slot[at].is_used ? &s->slot[at] : NULL;
}

bool oidset_add(struct oidset *s, const struct vcs_oid *id)
{
    if (s->count * 4 >= s->cap * 3) grow(s);
    size_t at = slot_of(s, id);
    if (s->slot[at].is_used) return false;
    s->slot[at].id = *id;
    s->slot[at].is_used = true;
    s->count++;
    return true;
}

void oidset_put(struct oidset *s, const struct vcs_oid *id, const struct vcs_oid *value)
{
    (void)oidset_add(s, id);
    oidset_find(s, id)->value = *value;
}

void oidset_put_index(struct oidset *s, const struct vcs_oid *id, size_t index)
{
    (void)oidset_add(s, id);
    oidset_find(s, id)->index = index;
}

void oidset_deinit(struct oidset *s)
{
    mem_free(s->slot);
    *s = (struct oidset){ 0 };
}
