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
 * Structures around them are not followed: these texts are looked for in all of the file, wherever they stand, and each is long enough to be told
 * from numbers by chance.  Places count from the file's mark. */
#include "scan/form_hdf5.h"

enum { MARK_BYTES = 8, LINK_MAX = 4096, FILES_MAX = 8, OBJECTS_MAX = 20000, LOOK = 20 };

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

static bool look_at_link(struct hdf5 *h, uint64_t at, struct err *e)
{
    uint8_t p[LINK_MAX];
    size_t n = sizeof p, i = 3;
    str name, file, object;
    if (!read_some(h, at, p, &n, e)) return false;
    if (n < LOOK) return true;
    size_t width = (size_t)1 << (p[1] & 3);
    i += (p[1] & 4 ? 8u : 0u) + (p[1] & 16 ? 1u : 0u);
    if (i + width > n) return true;
    uint64_t name_n = little(p + i, width);
    i += width;
    if (name_n == 0 || name_n > n - i || n - i - name_n < 5) return true;
    name = str_n((const char *)p + i, (size_t)name_n);
    if (!str_is_utf8(name)) return true;
    i += (size_t)name_n;
    uint64_t info = little(p + i, 2);
    i += 2;
    if (info < 5 || info > n - i || p[i] != 0) return true;
    if (!name_at(p + i + 1, (size_t)info - 1, &file) || !name_at(p + i + 2 + file.n, (size_t)info - 2 - file.n, &object)) return true;
    if (info == 3 + file.n + object.n) tell(h, file, "has a reader follow a link");
    return true;
}

static bool look_at_storage(struct hdf5 *h, const uint8_t *p, uint64_t at, struct err *e)
{
    uint8_t heap[32], slot[8], text[512];
    uint64_t slots = little(p + 4, 2), used = little(p + 6, 2), place = little(p + 8, 8);
    bool there;
    str file;
    if (used == 0 || used > slots || place == 0) return true;
    if (!read_at(h, place, heap, sizeof heap, &there, e)) return false;
    if (!there || memcmp(heap, "HEAP", 4) != 0) return true;
    for (uint64_t i = 0; i < used && i < FILES_MAX; i++) {
        size_t n = sizeof slot, text_n = sizeof text;
        uint64_t texts = little(heap + 24, 8), from;
        if (!read_some(h, at + 16 + 24 * i, slot, &n, e)) return false;
        if (n < sizeof slot || texts > h->in->source->size_bytes || little(slot, 8) > h->in->source->size_bytes) break;
        from = h->base + texts + little(slot, 8);
        if (!read_some(h, from, text, &text_n, e)) return false;
        if (name_at(text, text_n, &file)) tell(h, file, "has a reader take data from");
    }
    return true;
}

static bool look_at_virtual(struct hdf5 *h, const uint8_t *p, struct err *e)
{
    uint8_t head[16], text[600];
    uint64_t place = little(p + 2, 8), wanted = little(p + 10, 4);
    bool there;
    str file;
    if (!read_at(h, place, head, 16, &there, e)) return false;
    if (!there || memcmp(head, "GCOL", 4) != 0) return true;
    uint64_t end = little(head + 8, 8), at = 16;
    for (unsigned i = 0; i < OBJECTS_MAX && at < end; i++) {
        if (!read_at(h, place + at, head, 16, &there, e)) return false;
        uint64_t n = little(head + 8, 8);
        if (!there || n > h->in->source->size_bytes || little(head, 2) == 0) break;
        if (little(head, 2) == wanted) {
            size_t text_n = sizeof text;
            if (!read_some(h, h->base + place + at + 16, text, &text_n, e)) return false;
            if (text_n > 9 && name_at(text + 9, text_n - 9, &file)) tell(h, file, "has a reader take data from");
            break;
        }
        at += 16 + (n + 7) / 8 * 8;
    }
    return true;
}

bool hdf5_look(struct hdf5 *h, uint64_t at, const uint8_t *p, size_t n, struct err *e)
{
    for (size_t i = h->next > at ? (size_t)(h->next - at) : 0; i + LOOK <= n; i++) {
        bool ok = true;
        if (p[i] == 1 && p[i + 2] == 64 && (p[i + 1] & 0xe8) == 8) ok = look_at_link(h, at + i, e);
        else if (p[i] == 1 && p[i + 1] == 0 && p[i + 2] == 0 && p[i + 3] == 0) ok = look_at_storage(h, p + i, at + i, e);
        else if (p[i] == 4 && p[i + 1] == 3) ok = look_at_virtual(h, p + i, e);
        if (!ok) return false;
        h->next = at + i + 1;
    }
    return true;
}
