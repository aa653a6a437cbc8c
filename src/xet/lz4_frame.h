/* xet/lz4_frame.h - one LZ4 frame, read strictly and written plainly.
 *
 * The frame is taken apart here and only its blocks go to liblz4: so nothing is allocated, decoding stops at the size
 * that was promised, and what the Xet formats do not allow is refused by name. */
#ifndef XET_LZ4_FRAME_H
#define XET_LZ4_FRAME_H

#include "base/err.h"
#include "base/str.h"

/* Decodes a frame that fills `in` exactly into exactly `n` bytes.  Linked and independent blocks, raw blocks, sizes and
 * checksums (which are verified) are taken; dictionaries, skippable and legacy frames are not. */
bool lz4_frame_decode(bytes in, uint8_t *out, size_t n, struct err *e);

/* Writes raw as a frame of one block and returns its size, or 0 when it would exceed `room`.  raw.n is 1 to 262144. */
size_t lz4_frame_encode(bytes raw, uint8_t *out, size_t room);

uint32_t lz4_xxh32(bytes in); /* xxHash32 with seed 0 */

#endif
