/* xet/frame.h - one chunk as it stands in a xorb: an 8-byte header and the payload, raw or compressed.
 *
 *   off size field
 *   0   1    version 0
 *   1   3    payload bytes, little-endian
 *   4   1    scheme
 *   5   3    raw bytes, 1 to 131072 */
#ifndef XET_FRAME_H
#define XET_FRAME_H

#include "base/err.h"
#include "base/str.h"
#include "xet/chunker.h"

enum {
    XET_FRAME_HEADER = 8,
    XET_PAYLOAD_MAX = 2 * XET_CHUNK_MAX, /* what the reference reader takes */
};
#define XET_FRAME_BYTES_MAX (XET_FRAME_HEADER + XET_CHUNK_MAX) /* what we write: a payload is never larger than raw */

enum xet_scheme {
    XET_SCHEME_RAW = 0,
    XET_SCHEME_LZ4 = 1,  /* an LZ4 frame */
    XET_SCHEME_BG4 = 2,  /* an LZ4 frame of the bytes grouped by position modulo 4: for arrays of floats */
    XET_SCHEME_AUTO = -1 /* for the writer alone: LZ4 or BG4 by xet_scheme_guess */
};

struct xet_frame {
    uint32_t payload_bytes, raw_bytes;
    enum xet_scheme scheme;
};

bool xet_frame_parse(const uint8_t head[XET_FRAME_HEADER], struct xet_frame *out, struct err *e);

/* Decodes the payload into out[0..raw_bytes).  scratch has raw_bytes too.  *raw is where the chunk then lies: in `out`,
 * or, for a raw payload, where it was.  The content is not checked against any hash here. */
bool xet_frame_decode(const struct xet_frame *f, bytes payload, uint8_t *out, uint8_t *scratch, bytes *raw, struct err *e);

/* Writes header and payload into out[XET_FRAME_BYTES_MAX] and returns their size.  A payload that does not become
 * smaller is stored raw.  scratch has XET_CHUNK_MAX bytes.  raw.n is 1 to XET_CHUNK_MAX. */
size_t xet_frame_encode(bytes raw, enum xet_scheme scheme, uint8_t *out, uint8_t *scratch);

/* Does grouping help?  Compares how many bits are set in the bytes at each position modulo 4: in arrays of floats the
 * four differ.  A client asks this at the start of a file and every 32 chunks. */
enum xet_scheme xet_scheme_guess(bytes raw);

/* Byte i goes to group i mod 4; the groups follow one another. */
void xet_bg4_group(bytes raw, uint8_t *out);
void xet_bg4_ungroup(bytes grouped, uint8_t *out);

#endif
