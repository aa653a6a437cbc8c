/* account/tries.h - how often somebody was wrong: passwords, codes that are typed, secrets of applications.
 *
 * Counted in memory, by keyed hash of a text such as a name or an address, for a quarter of an hour from the first.  A collision
 * makes somebody wait too soon, never too late.  Safe from any thread. */
#ifndef ACCOUNT_TRIES_H
#define ACCOUNT_TRIES_H

#include "base/str.h"

bool tries_may(str key, unsigned most); /* fewer than `most` so far */
void tries_note(str key);

#endif
