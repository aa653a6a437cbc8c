/* jinja/unicode.h - characters as Python's str sees them.  All text here is valid UTF-8. */
#ifndef JINJA_UNICODE_H
#define JINJA_UNICODE_H

#include "base/str.h"
#include "base/unicode.h"

enum unicode_case { UC_TO_UPPER, UC_TO_LOWER, UC_TO_TITLE };

size_t unicode_case(uint32_t cp, enum unicode_case to, uint32_t out[3]); /* how many it becomes */
bool unicode_is_blank(uint32_t cp);             /* isspace: White_Space and four separators of ASCII */

uint32_t unicode_next(str s, size_t *at);       /* the character at *at, which moves behind it */
uint32_t unicode_last(str s, size_t *end);      /* the character before *end, which moves to its start */
size_t unicode_count(str s);                    /* characters */
size_t unicode_at(str s, size_t i);             /* the byte where character i begins; s.n past the end */
size_t unicode_space_at(str s);                 /* bytes of the white space at the front, 0 if there is none */
str unicode_trim(str s, bool left, bool right); /* without white space */
bool unicode_is_ascii(str s);

#endif
