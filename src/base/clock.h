/* base/clock.h - time of day, elapsed time, and the date formats of the wire. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/buf.h"
#include "base/str.h"

int64_t clock_now_ms(void);  /* Unix time, milliseconds */
int64_t clock_mono_us(void); /* only differences mean anything */

enum { ISO_DATE_BYTES = 25 };
/* "2026-01-31T09:30:00.000Z", always UTC with milliseconds: some clients accept nothing else. */
str clock_iso(int64_t unix_ms, char out[ISO_DATE_BYTES]);
bool clock_iso_parse(str s, int64_t *unix_ms); /* with or without fraction; "Z", +hh:mm or +hhmm */

int64_t clock_day(int64_t unix_ms); /* days since 1970-01-01 */

#endif
