/* base/tar_block.c - see base/tar_block.h. */
#include "base/tar_block.h"

#include <string.h>

enum { CHECKSUM_AT = 148, CHECKSUM_BYTES = 8 };

str tar_text(const uint8_t *field, size_t n)
{
    const uint8_t *end = memchr(field, 0, n);
    return str_n((const char *)field, end ? (size_t)(end - field) : n);
}

bool tar_number(const uint8_t *field, size_t n, uint64_t *out)
{
    uint64_t v = 0;
    size_t i = 0;
    if (field[0] == 0x80) {
        for (i = 1; i < n; i++) {
            if (v >> 55) return false;
            v = v << 8 | field[i];
        }
        *out = v;
        return true;
    }
    while (i < n && field[i] == ' ') i++;
    for (; i < n && field[i] >= '0' && field[i] <= '7'; i++) v = v * 8 + (uint64_t)(field[i] - '0');
    *out = v; /* twelve digits at most */
    return i == n || !field[i] || field[i] == ' ';
}

bool tar_has_checksum(const uint8_t block[TAR_BLOCK])
{
    uint64_t want;
    uint32_t sum = CHECKSUM_BYTES * ' ';
    int32_t of_signed = CHECKSUM_BYTES * ' ';
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        if (i >= CHECKSUM_AT && i < CHECKSUM_AT + CHECKSUM_BYTES) continue;
        sum += block[i];
        of_signed += (int8_t)block[i];
    }
    return tar_number(block + CHECKSUM_AT, CHECKSUM_BYTES, &want) && (want == sum || (of_signed >= 0 && want == (uint64_t)of_signed));
}

bool tar_is_blank(const uint8_t block[TAR_BLOCK])
{
    for (size_t i = 0; i < TAR_BLOCK; i++)
        if (block[i]) return false;
    return true;
}
