/* copy_x86.c - see xet/copy.h.  SSE2, which every x86-64 has. */
#include <emmintrin.h>

#include "xet/copy.h"

enum { LINE = 64, NOT_WORTH_IT = 4096 };

void xet_copy_past_cache(uint8_t *out, const uint8_t *p, size_t n)
{
    size_t head = n < NOT_WORTH_IT ? n : -(uintptr_t)out % LINE;
    memcpy(out, p, head);
    out += head, p += head, n -= head;
    if (n == 0) return;
    for (; n >= LINE; n -= LINE, p += LINE, out += LINE)
        for (unsigned i = 0; i < LINE; i += 16)
            _mm_stream_si128((__m128i *)(void *)(out + i), _mm_loadu_si128((const __m128i *)(const void *)(p + i)));
    _mm_sfence(); /* such stores are not in order with others */
    memcpy(out, p, n);
}
