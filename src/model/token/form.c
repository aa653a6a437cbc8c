/* form.c - NFC, NFD, NFKC and NFKD as a list of changes, so that every character keeps its place in the original.
 *
 * utf8proc decomposes one character and composes two; the canonical order between them is kept here, because the
 * library's own loop forgets where characters came from.  Only segments with a character that the form may change are
 * looked at: from the last quiet character before it to the next quiet one after it (see unicode.h).
 *
 * Bookkeeping follows the reference: decomposing one character gives `how` 0 and then 1s; composing two adds their
 * hows and takes one off. */
#include <utf8proc.h>

#include "model/token/token_priv.h"

enum { SEGMENT_MAX = 1024 }; /* code points; longer runs of marks are cut, as Unicode's Stream-Safe format allows */

struct item {
    uint32_t c;
    int32_t how;
    int ccc;
};

static int ccc_of(uint32_t c) { return utf8proc_get_property((utf8proc_int32_t)c)->combining_class; }

static size_t decompose(uint32_t c, bool compat, struct item *out, size_t room)
{
    const utf8proc_option_t canonical = UTF8PROC_DECOMPOSE, compatible = UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT;
    utf8proc_int32_t part[32];
    int last_class = UTF8PROC_BOUNDCLASS_START;
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)c, part, 32, compat ? compatible : canonical, &last_class);
    if (n <= 0 || n > 32 || (size_t)n > room) return 0;
    for (utf8proc_ssize_t i = 0; i < n; i++) out[i] = (struct item){ (uint32_t)part[i], i > 0, ccc_of((uint32_t)part[i]) };
    return (size_t)n;
}

static bool compose_two(uint32_t a, uint32_t b, uint32_t *out)
{
    utf8proc_int32_t pair[3] = { (utf8proc_int32_t)a, (utf8proc_int32_t)b, 0 };
    if (utf8proc_normalize_utf32(pair, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE) != 1) return false;
    *out = (uint32_t)pair[0];
    return true;
}

/* Characters between starters go by their class, stable. */
static void reorder(struct item *item, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct item v = item[i];
        size_t k = i;
        if (v.ccc == 0) continue;
        for (; k > 0 && item[k - 1].ccc > v.ccc; k--) {
            item[k].c = item[k - 1].c;
            item[k].how = item[k - 1].how;
            item[k].ccc = item[k - 1].ccc;
        }
        item[k] = v;
    }
}

static size_t compose(struct item *item, size_t n)
{
    size_t out = 0, starter = SIZE_MAX;
    int last = 0; /* class of what stands between the starter and here; 0: nothing */
    for (size_t i = 0; i < n; i++) {
        uint32_t c;
        bool adjacent = starter != SIZE_MAX && out == starter + 1;
        if (starter != SIZE_MAX && (adjacent || (last != 0 && last < item[i].ccc)) && compose_two(item[starter].c, item[i].c, &c)) {
            item[starter].c = c;
            item[starter].how += item[i].how - 1;
            continue;
        }
        item[out] = item[i];
        last = item[i].ccc;
        if (item[i].ccc == 0) starter = out;
        out++;
    }
    return out;
}

static void segment(struct changes *c, const uint8_t *p, size_t n, bool compat, bool composed)
{
    struct item item[SEGMENT_MAX];
    size_t count = 0, size;
    for (size_t i = 0; i < n;) {
        for (; i < n && count + 32 <= SEGMENT_MAX; i += size) {
            size_t got = decompose(utf8_get(p + i, &size), compat, item + count, SEGMENT_MAX - count);
            if (got == 0) item[count] = (struct item){ utf8_get(p + i, &size), 0, 0 }, got = 1;
            count += got;
        }
        reorder(item, count);
        if (composed) count = compose(item, count);
        for (size_t k = 0; k < count; k++) change_push(c, item[k].c, item[k].how);
        count = 0;
    }
}

void form_changes(struct changes *c, const struct norm *n, unsigned flag)
{
    const bool compat = flag & (UF_NFKC | UF_NFKD), composed = flag & (UF_NFC | UF_NFKC);
    size_t size, next;
    for (size_t i = 0; i < n->n;) {
        unsigned v = unicode_of(utf8_get(n->p + i, &size));
        size_t end = i + size;
        bool loud = v & flag;
        while (end < n->n && (unicode_of(utf8_get(n->p + end, &next)) & flag)) {
            loud = true;
            end += next;
        }
        if (loud) segment(c, n->p + i, end - i, compat, composed);
        else change_push(c, utf8_get(n->p + i, &size), 0);
        i = end;
    }
}
