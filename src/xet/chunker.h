/* xet/chunker.h - where files are cut: content-defined chunking as every Xet client does it.
 *
 * A cut falls where the sum of the last 64 bytes, each looked up in a table and shifted by its age, begins with 16 zero
 * bits.  So equal content is cut equally wherever it stands.  How the input is split over calls makes no difference. */
#ifndef XET_CHUNKER_H
#define XET_CHUNKER_H

#include "base/str.h"

enum {
    XET_CHUNK_TARGET = 65536,
    XET_CHUNK_MIN = 8192,   /* of a chunk that does not end the file, current dialect; nothing may rely on it */
    XET_CHUNK_MAX = 131072,
};

/* Clients before September 2025, and the JavaScript client still, also accept a cut after 8128 to 8191 bytes.  Both
 * make valid files, so stored chunks are never cut anew to check them.  We write the current one. */
enum xet_dialect { XET_DIALECT_CURRENT, XET_DIALECT_OLD };

struct xet_chunker {
    uint64_t gear;  /* sum over the last 64 bytes */
    uint32_t size_bytes; /* of the chunk so far, always below XET_CHUNK_MAX */
    enum xet_dialect dialect;
};
static inline void xet_chunker_init(struct xet_chunker *c, enum xet_dialect d) { *c = (struct xet_chunker){ .dialect = d }; }

/* Takes bytes from the front of `in` up to the next cut and returns how many; *cut says whether a chunk ends after them
 * (else all of `in` was taken).  At the end of the input what is open (size_bytes > 0) is the last chunk. */
size_t xet_chunker_next(struct xet_chunker *c, bytes in, bool *cut);

#endif
