/* charsmap.c - SentencePiece's precompiled normalisation, applied the way the reference does.
 *
 * The blob: u32 trie_bytes, a Darts double array of u32 units, then texts that each end in NUL.
 * Unit: bit 8 has a leaf; value = u & 0x7FFFFFFF; label = u & 0x800000FF; offset = (u >> 10) << ((u & 0x200) >> 6).
 *
 * The walk over a hostile array is safe because each step checks its place and consumes a byte of the text. */
#include <utf8proc.h>

#include "base/hash.h"
#include "model/token/token_priv.h"

bool charsmap_open(struct normal *o, struct arena *a, str base64, struct err *e)
{
    size_t n = 0;
    uint8_t *raw = arena_try(a, base64_decoded_max(base64.n));
    uint32_t trie_bytes;
    if (!raw || !base64_decode(base64, raw, &n)) return err_set(e, ERR_INVALID, "tokenizer: precompiled_charsmap is not base64");
    if (n == 0) return true; /* nothing is mapped */
    if (n < 4) return err_set(e, ERR_INVALID, "tokenizer: precompiled_charsmap is cut short");
    memcpy(&trie_bytes, raw, 4);
    if (trie_bytes % 4 || trie_bytes > n - 4) return err_set(e, ERR_INVALID, "tokenizer: precompiled_charsmap lies about its size");
    o->trie = (const uint32_t *)(const void *)(raw + 4);
    o->trie_units = trie_bytes / 4;
    o->replacements = str_n((const char *)raw + 4 + trie_bytes, n - 4 - trie_bytes);
    return true;
}

static uint32_t unit_offset(uint32_t u) { return (u >> 10) << ((u & 0x200) >> 6); }

/* The replacement of the shortest prefix of s that has one. */
static bool lookup(const struct normal *o, str s, str *out)
{
    if (o->trie_units == 0) return false;
    uint32_t at = unit_offset(o->trie[0]);
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = (uint8_t)s.p[i];
        if (c == 0) return false;
        at ^= c;
        if (at >= o->trie_units) return false;
        uint32_t u = o->trie[at];
        if ((u & 0x800000FFu) != c) return false;
        at ^= unit_offset(u);
        if (!(u >> 8 & 1)) continue;
        if (at >= o->trie_units) return false;
        size_t from = o->trie[at] & 0x7FFFFFFF;
        if (from >= o->replacements.n) return false;
        str tail = str_from(o->replacements, from);
        size_t end = str_chr(tail, 0);
        *out = str_to(tail, end == STR_NONE ? tail.n : end);
        return str_is_utf8(*out);
    }
    return false;
}

static void replace(struct changes *c, str old, str with)
{
    int32_t diff = (int32_t)utf8_count(with) - (int32_t)utf8_count(old);
    size_t n;
    for (size_t i = 0; i < with.n; i += n) change_push(c, utf8_get((const uint8_t *)with.p + i, &n), 0);
    if (diff > 0)
        for (int32_t i = 1; i <= diff; i++) c->item[c->n - (size_t)i].how = 1;
    else if (diff < 0 && c->n) c->item[c->n - 1].how += diff;
}

void charsmap_changes(const struct normal *o, struct changes *c, const struct norm *n)
{
    size_t size, end;
    str with;
    for (size_t i = 0; i < n->n; i = end) {
        /* The extended grapheme cluster that begins here. */
        utf8proc_int32_t state = 0;
        uint32_t a = utf8_get(n->p + i, &size), b;
        for (end = i + size; end < n->n; end += size, a = b) {
            b = utf8_get(n->p + end, &size);
            if ((a < 0x80 && b < 0x80 && !(a == '\r' && b == '\n')) ||
                utf8proc_grapheme_break_stateful((utf8proc_int32_t)a, (utf8proc_int32_t)b, &state))
                break;
        }
        str cluster = str_n((const char *)n->p + i, end - i);
        if (cluster.n < 6 && lookup(o, cluster, &with)) {
            replace(c, cluster, with);
            continue;
        }
        for (size_t k = i; k < end; k += size) {
            uint32_t ch = utf8_get(n->p + k, &size);
            str part = str_n((const char *)n->p + k, size);
            if (lookup(o, part, &with)) replace(c, part, with);
            else change_push(c, ch, 0);
        }
    }
}
