/* fuzz_frame.c - the decoders under a xorb: a payload of any scheme decodes to its size or is refused, the same each time,
 * and what we encode ourselves comes back.  The first byte chooses the scheme, the next three are the raw size. */
#include "base/arena.h"
#include "xet/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(enum xet_scheme scheme, uint32_t raw_bytes, bytes payload)
{
    struct xet_frame f;
    struct err e;
    bytes first, again;
    uint8_t head[XET_FRAME_HEADER] = { 0, (uint8_t)payload.n, (uint8_t)(payload.n >> 8), (uint8_t)(payload.n >> 16),
                                       (uint8_t)scheme, (uint8_t)raw_bytes, (uint8_t)(raw_bytes >> 8), (uint8_t)(raw_bytes >> 16) };
    if (!xet_frame_parse(head, &f, &e)) return;
    must(f.payload_bytes == payload.n && f.raw_bytes == raw_bytes && raw_bytes <= XET_CHUNK_MAX);
    uint8_t *out = mem_alloc(raw_bytes), *scratch = mem_alloc(raw_bytes), *copy = mem_alloc(raw_bytes);
    bool ok = xet_frame_decode(&f, payload, out, scratch, &first, &e);
    if (ok) {
        must(first.n == raw_bytes);
        memcpy(copy, first.p, raw_bytes);
        memset(out, 0xa5, raw_bytes);
        memset(scratch, 0x5a, raw_bytes);
    }
    must(xet_frame_decode(&f, payload, out, scratch, &again, &e) == ok);
    must(!ok || (again.n == raw_bytes && memcmp(again.p, copy, raw_bytes) == 0));
    mem_free(out), mem_free(scratch), mem_free(copy);
}

static void there_and_back(bytes raw)
{
    static uint8_t frame[XET_FRAME_BYTES_MAX], scratch[XET_CHUNK_MAX], out[XET_CHUNK_MAX];
    for (enum xet_scheme s = XET_SCHEME_AUTO; s <= XET_SCHEME_BG4; s++) {
        struct xet_frame f;
        struct err e;
        bytes back;
        size_t n = xet_frame_encode(raw, s, frame, scratch);
        must(n <= XET_FRAME_HEADER + raw.n && xet_frame_parse(frame, &f, &e) && XET_FRAME_HEADER + f.payload_bytes == n);
        must(xet_frame_decode(&f, (bytes){ frame + XET_FRAME_HEADER, f.payload_bytes }, out, scratch, &back, &e));
        must(back.n == raw.n && memcmp(back.p, raw.p, raw.n) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 5) return 0;
    decode((enum xet_scheme)data[0], (uint32_t)data[1] | (uint32_t)data[2] << 8 | (uint32_t)data[3] << 16,
           (bytes){ data + 4, size - 4 });
    if (size - 4 <= XET_CHUNK_MAX) there_and_back((bytes){ data + 4, size - 4 });
    return 0;
}
