/* base/banned.h - string calls that have no place here: each of them loses a length.
 * Included by base/str.h, so every file sees it.  Use base/buf.h and base/arena.h. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#pragma GCC poison strcpy strcat strncat sprintf vsprintf strtok gets atoi atol

#endif
