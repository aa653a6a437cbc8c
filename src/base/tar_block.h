/* base/tar_block.h - the header of a member of a tar archive (POSIX ustar, and what GNU tar and pax make of it): one block, whose fields
 * are text that ends with a zero byte or with the field.  What the headers mean together is their readers' business. */
#ifndef BASE_TAR_BLOCK_H
#define BASE_TAR_BLOCK_H

#include "base/str.h"

enum { TAR_BLOCK = 512 };

str tar_text(const uint8_t *field, size_t n);
/* Octal digits behind blanks, or behind 0x80 a number in the last bytes; below 2^63. */
bool tar_number(const uint8_t *field, size_t n, uint64_t *out);
/* Over all bytes, its own as blanks; some writers took bytes for signed. */
bool tar_has_checksum(const uint8_t block[TAR_BLOCK]);
bool tar_is_blank(const uint8_t block[TAR_BLOCK]);

#endif
