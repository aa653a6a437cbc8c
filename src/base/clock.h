/* base/clock.h - time of day, elapsed time, and the date formats of the wire. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <pthread.h>

#include "base/buf.h"
#include "base/str.h"

int64_t clock_now_ms(void);  /* Unix time, milliseconds */
int64_t clock_mono_us(void); /* only differences mean anything; nobody sets it */
static inline int64_t clock_mono_ms(void) { return clock_mono_us() / 1000; }
int64_t clock_thread_us(void); /* processor time of the calling thread */

/* pthread_cond_timedwait by that clock, whatever the condition was made with: nobody who sets the machine's time makes a wait end
 * early, or last.  False: `until_us` has come.  True tells nothing: look again. */
bool clock_wait(pthread_cond_t *c, pthread_mutex_t *held, int64_t until_us);

enum { ISO_DATE_BYTES = 25 };
/* "2026-01-31T09:30:00.000Z", always UTC with milliseconds: some clients accept nothing else. */
str clock_iso(int64_t unix_ms, char out[ISO_DATE_BYTES]);
bool clock_iso_parse(str s, int64_t *unix_ms); /* with or without fraction; "Z", +hh:mm or +hhmm */

int64_t clock_day(int64_t unix_ms); /* days since 1970-01-01 */

#endif
