/* scan/form_hdf5.c - HDF5: is it one, and what it leads to outside of itself.
 *
 * A reader of HDF5 follows names of other files in three places, so a model can have it read what its maker cannot:
 *
 *     external link: link message, version 1: u8 1, u8 flags, u8 64, [u64 order], [u8 characters], length of the name, the name,
 *                    u16 length, u8 0, file NUL, object NUL
 *     external storage of a data set: u8 1, three of 0, u16 slots, u16 slots used, u64 place of a heap; then a slot: u64 place in the heap,
 *                    u64, u64.   Local heap: "HEAP", u8, three bytes, u64, u64, u64 place of its texts
 *     virtual data set: u8 4, u8 3, u64 place of a collection, u32 number in it.   Collection: "GCOL", u8, three bytes, u64 its size, then
 *                    objects: u16 number, u16, u32, u64 n, n bytes, padded to 8.   The object: u8, u64 entries, file NUL, ..
 *
 * Structures around them are not followed: these are looked for in all of the file, wherever they stand.  A link is long enough to be told from
 * numbers by chance; what points to a heap or a collection is kept until all of the file was seen, and counts if one stands there.  So
 * the content is read from its beginning to its end once, as it must be where it is unpacked meanwhile.  Places count from the file's mark. */
#include "scan/form_hdf5.h"

enum { MARK_BYTES = 8, FILES_MAX = 8, OBJECTS_MAX = 20000, LOOK = 24, POINTERS_MAX = 1 << 16, TARGETS_MAX = 1 << 20, TABLE = 4 * POINTERS_MAX };

struct hdf5_pointer {
    uint64_t place, what; /* in the heap, or the number in the collection */
    bool is_heap;
};

bool hdf5_is(struct scan *s, const struct probe_input *in, struct hdf5 *out, bool *is, struct err *e)
{
    static const uint8_t magic[MARK_BYTES] = { 0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n' };
    uint8_t got[MARK_BYTES];
    *out = (struct hdf5){ .s = s, .in = in };
    *is = in->head.n >= MARK_BYTES && memcmp(in->head.p, magic, MARK_BYTES) == 0;
    for (uint64_t at = 512; !*is && at + MARK_BYTES <= in->source->size_bytes && at <= (1 << 20); at *= 2) {
        if (at + MARK_BYTES <= in->head.n) memcpy(got, in->head.p + at, MARK_BYTES);
        else if (!scan_read(s, in, at, got, MARK_BYTES, e)) return false;
        *is = memcmp(got, magic, MARK_BYTES) == 0;
        out->base = at;
    }
    if (in->head.n >= MARK_BYTES && memcmp(in->head.p, magic, MARK_BYTES) == 0) out->base = 0;
    return true;
}

static uint64_t little(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = n; i-- > 0;) v = v << 8 | p[i];
    return v;
}

/* n bytes from a place that the file gives; *there false: it has no such place. */
static bool read_at(struct hdf5 *h, uint64_t place, void *out, size_t n, bool *there, struct err *e)
{
    uint64_t size = h->in->source->size_bytes;
    *there = place < size && h->base < size - place && n <= size - place - h->base;
    return !*there || scan_read(h->s, h->in, h->base + place, out, n, e);
}

/* As much as there is of the n. */
static bool read_some(struct hdf5 *h, uint64_t at, void *out, size_t *n, struct err *e)
{
    uint64_t size = h->in->source->size_bytes, left = at < size ? size - at : 0;
    if (*n > left) *n = (size_t)left;
    return *n == 0 || scan_read(h->s, h->in, at, out, *n, e);
}

static void tell(struct hdf5 *h, str file, const char *how)
{
    if (str_eq(file, STR(".")) || h->told == FILES_MAX) return;
    for (unsigned i = 0; i < h->told; i++)
        if (str_eq(str_c(h->file[i]), str_to(file, sizeof h->file[0] - 1))) return;
    snprintf(h->file[h->told++], sizeof h->file[0], "%.*s", STR_ARG(str_to(file, sizeof h->file[0] - 1)));
    bool outside = form_leads_outside(file);
    scan_add(h->s, h->in, "hdf5", outside ? SCAN_UNSAFE : SCAN_CAUTION, "%s %s: %.*s", how, outside ? "outside of the model's folder" : "in another file", STR_ARG(str_to(file, 200)));
}

/* Text up to a NUL, of characters that stand in names. */
static bool name_at(const uint8_t *p, size_t n, str *out)
{
    const uint8_t *end = n ? memchr(p, 0, n) : NULL;
    if (!end || end == p) return false;
    *out = str_n((const char *)p, (size_t)(end - p));
    for (size_t i = 0; i < out->n; i++)
        if ((uint8_t)out->p[i] < 32 || out->p[i] == 127) return false;
    return str_is_utf8(*out);
}

static void look_at_link(struct hdf5 *h, const uint8_t *p, size_t n)
{
    size_t i = 3, width = (size_t)1 << (p[1] & 3);
    str name, file, object;
    i += (p[1] & 4 ? 8u : 0u) + (p[1] & 16 ? 1u : 0u);
    if (i + width > n) return;
    uint64_t name_n = little(p + i, width);
    i += width;
    if (name_n == 0 || name_n > n - i || n - i - name_n < 5) return;
    name = str_n((const char *)p + i, (size_t)name_n);
    if (!str_is_utf8(name)) return;
    i += (size_t)name_n;
    uint64_t info = little(p + i, 2);
    i += 2;
    if (info < 5 || info > n - i || p[i] != 0) return;
    if (!name_at(p + i + 1, (size_t)info - 1, &file) || !name_at(p + i + 2 + file.n, (size_t)info - 2 - file.n, &object)) return;
    if (info == 3 + file.n + object.n) tell(h, file, "has a reader follow a link");
}

/* Each once: arrays of small numbers look like some few of them, again and again. */
static void keep_pointer(struct hdf5 *h, bool is_heap, uint64_t place, uint64_t what)
{
    uint64_t size = h->in->source->size_bytes;
    if (place == 0 || place >= size || what >= size) return;
    if (!h->table) h->table = arena_alloc(h->arena, TABLE * sizeof *h->table);
    uint64_t mix = (place * 0x9e3779b97f4a7c15u) ^ (what * 0xc2b2ae3d27d4eb4fu) ^ is_heap;
    for (size_t k = (size_t)(mix ^ mix >> 29) % TABLE;; k = (k + 1) % TABLE) {
        if (!h->table[k]) {
            if (h->pointers == POINTERS_MAX) {
                h->is_full = true;
                return;
            }
            h->pointer = arena_grow(h->arena, h->pointer, h->pointers, sizeof *h->pointer);
            h->pointer[h->pointers++] = (struct hdf5_pointer){ place, what, is_heap };
            h->table[k] = (uint32_t)h->pointers;
            return;
        }
        const struct hdf5_pointer *q = &h->pointer[h->table[k] - 1];
        if (q->place == place && q->what == what && q->is_heap == is_heap) return;
    }
}

static void keep_target(struct hdf5 *h, uint64_t at)
{
    if (at < h->base || h->targets == TARGETS_MAX) {
        h->is_full |= at >= h->base;
        return;
    }
    h->target = arena_grow(h->arena, h->target, h->targets, sizeof *h->target);
    h->target[h->targets++] = at - h->base;
}

static void look_at_storage(struct hdf5 *h, const uint8_t *p, size_t n)
{
    uint64_t slots = little(p + 4, 2), used = little(p + 6, 2);
    if (used == 0 || used > slots) return;
    for (size_t i = 0; i < used && i < FILES_MAX && 24 + 24 * i <= n; i++) keep_pointer(h, true, little(p + 8, 8), little(p + 16 + 24 * i, 8));
}

void hdf5_look(struct hdf5 *h, uint64_t at, const uint8_t *p, size_t n, bool is_last)
{
    size_t end = is_last ? n : n > HDF5_AHEAD ? n - HDF5_AHEAD : 0;
    for (size_t i = h->next > at ? (size_t)(h->next - at) : 0; i < end; i++) {
        const uint8_t *q = p + i;
        size_t left = n - i;
        h->next = at + i + 1;
        if (left < LOOK) continue;
        if (q[0] == 1 && q[2] == 64 && (q[1] & 0xe8) == 8) look_at_link(h, q, left < HDF5_AHEAD ? left : HDF5_AHEAD);
        else if (q[0] == 1 && q[1] == 0 && q[2] == 0 && q[3] == 0) look_at_storage(h, q, left);
        else if (q[0] == 4 && q[1] == 3) keep_pointer(h, false, little(q + 2, 8), little(q + 10, 4));
        else if ((q[0] == 'H' && memcmp(q, "HEAP", 4) == 0) || (q[0] == 'G' && memcmp(q, "GCOL", 4) == 0)) keep_target(h, at + i);
    }
}

/* ------------------------------------------------------------------ what was kept */

static bool is_target(const struct hdf5 *h, uint64_t place)
{
    size_t low = 0, high = h->targets;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (h->target[mid] == place) return true;
        if (h->target[mid] < place) low = mid + 1;
        else high = mid;
    }
    return false;
}

static bool read_heap(struct hdf5 *h, const struct hdf5_pointer *q, struct err *e)
{
    uint8_t heap[32], text[512];
    size_t text_n = sizeof text;
    bool there;
    str file;
    if (!read_at(h, q->place, heap, sizeof heap, &there, e)) return false;
    if (!there || memcmp(heap, "HEAP", 4) != 0) return true;
    uint64_t texts = little(heap + 24, 8);
    if (texts > h->in->source->size_bytes) return true;
    if (!read_some(h, h->base + texts + q->what, text, &text_n, e)) return false;
    if (name_at(text, text_n, &file)) tell(h, file, "has a reader take data from");
    return true;
}

static bool read_collection(struct hdf5 *h, const struct hdf5_pointer *q, struct err *e)
{
    uint8_t head[16], text[600];
    bool there;
    str file;
    if (!read_at(h, q->place, head, 16, &there, e)) return false;
    if (!there || memcmp(head, "GCOL", 4) != 0) return true;
    uint64_t end = little(head + 8, 8), at = 16;
    for (unsigned i = 0; i < OBJECTS_MAX && at < end; i++) {
        if (!read_at(h, q->place + at, head, 16, &there, e)) return false;
        uint64_t n = little(head + 8, 8);
        if (!there || n > h->in->source->size_bytes || little(head, 2) == 0) break;
        if (little(head, 2) == q->what) {
            size_t text_n = sizeof text;
            if (!read_some(h, h->base + q->place + at + 16, text, &text_n, e)) return false;
            if (text_n > 9 && name_at(text + 9, text_n - 9, &file)) tell(h, file, "has a reader take data from");
            break;
        }
        at += 16 + (n + 7) / 8 * 8;
    }
    return true;
}

bool hdf5_end(struct hdf5 *h, struct err *e)
{
    bool ok = true;
    for (size_t i = 0; ok && i < h->pointers && h->told < FILES_MAX; i++) {
        if (!is_target(h, h->pointer[i].place)) continue;
        ok = h->pointer[i].is_heap ? read_heap(h, &h->pointer[i], e) : read_collection(h, &h->pointer[i], e);
    }
    if (ok && h->is_full) scan_add(h->s, h->in, "hdf5", SCAN_CAUTION, "has more places that may lead to other files than are looked at");
    arena_free(h->arena);
    h->arena = NULL;
    return ok;
}
