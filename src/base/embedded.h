/* base/embedded.h - files that the build put into the binary (tools/embed.py). */
#ifndef BASE_EMBEDDED_H
#define BASE_EMBEDDED_H

#include <stddef.h>

struct embedded {
    const char *name; /* NULL ends a table; tables are sorted by name */
    const unsigned char *data;
    size_t size; /* a NUL that is not counted follows */
};

#endif
