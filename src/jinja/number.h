/* jinja/number.h - numbers from text, as Python's int() and float() read them. */
#ifndef JINJA_NUMBER_H
#define JINJA_NUMBER_H

#include "base/str.h"

/* Blanks around, a sign, underscores between digits.  Base 0 reads the prefixes 0x, 0o and 0b; 16, 8 and 2 allow
 * theirs.  False as well for what does not fit in 64 bits. */
bool number_int(str s, int base, int64_t *out);
bool number_real(str s, double *out); /* "inf", "nan" and exponents too */

#endif
