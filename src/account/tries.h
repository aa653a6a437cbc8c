/* account/tries.h - how often somebody was wrong: passwords, codes that are typed, secrets of applications.
 *
 * Counted in memory, by keyed hash of a text such as a name or an address, for a quarter of an hour from the first.  A collision
 * makes somebody wait too soon, never too late.  Safe from any thread. */
#ifndef ACCOUNT_TRIES_H
#define ACCOUNT_TRIES_H

#include "base/err.h"
#include "base/str.h"

#define TRIES_SPENT "too_many_tries" /* the kind of the error */

bool tries_may(str key, unsigned most); /* fewer than `most` so far */
void tries_note(str key);

/* Wrong passwords, wherever they are sent: ten for a name from one address, a hundred for a name from anywhere, and a hundred
 * from one address for whatever names.  An IPv6 network of 64 bits is one address, since one person has all of it. */
bool tries_password_may(str name, str address, struct err *e);
void tries_password_note(str name, str address);

#endif
