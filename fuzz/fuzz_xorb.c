/* fuzz_xorb.c - an uploaded xorb, with its LZ4 frames and footer: whole and byte by byte must agree, and
 * the index that comes out is in order. */
#include "xet/xorb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_in_pieces(bytes in, size_t piece, struct arena *a, struct xet_xorb_index *x)
{
    struct xet_xorb_reader *r = xet_xorb_reader_new();
    struct err e;
    uint32_t frames;
    bool ok = true;
    for (size_t at = 0; ok && at < in.n; at += piece)
        ok = xet_xorb_reader_add(r, (bytes){ in.p + at, in.n - at < piece ? in.n - at : piece }, &e);
    ok = ok && xet_xorb_reader_end(r, NULL, a, x, &frames, &e);
    xet_xorb_reader_free(r);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(64 << 20);
    struct xet_xorb_index whole, pieces;
    bytes in = { data, size };
    bool ok = read_in_pieces(in, size ? size : 1, a, &whole);
    must(read_in_pieces(in, 7, a, &pieces) == ok);
    if (ok) {
        must(whole.count > 0 && whole.count == pieces.count && xet_hash_eq(&whole.hash, &pieces.hash));
        for (uint32_t i = 1; i < whole.count; i++)
            must(whole.stored_end[i] > whole.stored_end[i - 1] && whole.raw_end[i] > whole.raw_end[i - 1]);
    }
    arena_free(a);
    return 0;
}
