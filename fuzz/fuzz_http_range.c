/* fuzz_http_range.c - the Range header.  Input: 8 bytes of size, then the header.  Whatever is accepted lies
 * inside, and together is no more than there is. */
#include "base/err.h"
#include "http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_range range[HTTP_RANGES_MAX];
    uint64_t length = 0, sum = 0;
    size_t n;
    if (size < 8) return 0;
    memcpy(&length, data, 8);
    str header = str_n((const char *)data + 8, size - 8);
    enum http_range_kind kind = http_range_parse(header, length, range, &n);
    must((kind == HTTP_RANGE_SOME) == (n > 0 && kind != HTTP_RANGE_NONE));
    for (size_t i = 0; kind == HTTP_RANGE_SOME && i < n; i++) {
        must(range[i].first <= range[i].last && range[i].last < length);
        sum += range[i].last - range[i].first + 1;
        must(sum > 0 && sum <= length);
    }
    return 0;
}
