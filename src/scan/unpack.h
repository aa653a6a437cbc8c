/* scan/unpack.h - packed bytes as a content.  Inside this folder alone.
 *
 * All is unpacked once to know how long it is: some MiB are kept, so what is small is read from memory, and what is larger is unpacked again
 * as it is read.  What one scan unpacks is bounded in all. */
#ifndef SCAN_UNPACK_H
#define SCAN_UNPACK_H

#include "scan/probe.h"

enum unpack_how { UNPACK_DEFLATE, UNPACK_ZLIB, UNPACK_GZIP, UNPACK_ZSTD, UNPACK_LZ4 };

struct unpack_result {
    uint64_t bytes;    /* that came out */
    uint64_t consumed; /* packed bytes that were used */
    const char *why;   /* NULL: all was unpacked */
};

/* Unpacks bytes [at, at + n) of the content and runs all probes on what comes out, named `name`.  Of fewer than `least` bytes it is taken that
 * they are not packed at all: no probe is run. */
bool unpack_nested(struct scan *s, const struct probe_input *in, enum unpack_how how, uint64_t at, uint64_t n, uint64_t least, str name, struct unpack_result *out,
                   struct err *e);

#endif
