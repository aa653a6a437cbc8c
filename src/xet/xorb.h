/* xet/xorb.h - a xorb: up to 8192 framed chunks in a row, some 64 MiB as stored, named by the merkle root over them.
 *
 * Uploads come without the footer since hf_xet 1.1.4, and with one before; both are read, and neither is trusted: names,
 * sizes and offsets are made from the frames, and a footer must agree.  Raw content may reach 1 GiB (TRAP 14). */
#ifndef XET_XORB_H
#define XET_XORB_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "xet/frame.h"
#include "xet/hash.h"

enum {
    XET_XORB_CHUNKS_MAX = 8192,
    XET_XORB_RAW_TARGET = 64 << 20, /* where hf_xet begins the next one: the headers of incompressible frames, and a
                                     * footer, come on top of this */
    XET_XORB_BYTES_MAX = 65 << 20,  /* frames and footer, as read */
};
/* What xet_footer_put writes for n chunks, the length word included. */
#define XET_FOOTER_BYTES(n) (92 + 40 * (size_t)(n) + 4)
#define XET_FOOTER_BYTES_MAX XET_FOOTER_BYTES(XET_XORB_CHUNKS_MAX)

/* What must be known of a xorb to read from it.  Offsets are cumulative ends: chunk i is stored in
 * [stored_end[i-1], stored_end[i]), its header included, and is raw_end[i] - raw_end[i-1] bytes long. */
struct xet_xorb_index {
    struct xet_hash hash;
    uint32_t count;
    const struct xet_hash *chunk;
    const uint32_t *stored_end, *raw_end;
};
static inline uint32_t xet_stored_at(const struct xet_xorb_index *x, uint32_t i) { return i ? x->stored_end[i - 1] : 0; }
static inline uint32_t xet_raw_at(const struct xet_xorb_index *x, uint32_t i) { return i ? x->raw_end[i - 1] : 0; }

/* ------------------------------------------------------------------ reading */

struct xet_xorb_reader;
/* Memory: about 0.9 MiB however large the xorb is. */
struct xet_xorb_reader *xet_xorb_reader_new(void);
void xet_xorb_reader_free(struct xet_xorb_reader *r); /* NULL is fine */
/* The next bytes of the upload, split in any way; 256 KiB and more at once is good.  After a failure every call fails. */
bool xet_xorb_reader_add(struct xet_xorb_reader *r, bytes in, struct err *e);
/* How much of what comes next are whole frames: who gives the reader no less and no more spares it the copy of a frame that
 * lies in two pieces.  All of it where the reader is inside of a frame, at a footer, or at what it will refuse. */
size_t xet_xorb_reader_whole(const struct xet_xorb_reader *r, bytes in);
/* The end of the upload: checks that it is complete and that its name is `expected` (NULL: any), and fills *out, whose
 * arrays lie in `a`.  *frames_bytes is the length without the footer. */
bool xet_xorb_reader_end(struct xet_xorb_reader *r, const struct xet_hash *expected, struct arena *a,
                         struct xet_xorb_index *out, uint32_t *frames_bytes, struct err *e);

/* Reads a footer (versions 0 and 1), its length word included, as it follows `frames_bytes` of frames.  What it says is
 * a claim.  raw_end is NULL where the footer has no raw sizes (version 0). */
bool xet_footer_parse(bytes footer, uint32_t frames_bytes, struct arena *a, struct xet_xorb_index *out, struct err *e);

/* ------------------------------------------------------------------ writing */

struct xet_xorb_writer;
struct xet_xorb_writer *xet_xorb_writer_new(void);
void xet_xorb_writer_free(struct xet_xorb_writer *w); /* NULL is fine */
/* Is there room for a chunk of so many bytes, however badly it compresses?  If not, end this xorb and begin another. */
bool xet_xorb_writer_fits(const struct xet_xorb_writer *w, size_t raw_bytes);
/* Writes the chunk's frame: out has XET_FRAME_BYTES_MAX; returns the frame's length. */
size_t xet_xorb_writer_put(struct xet_xorb_writer *w, bytes raw, const struct xet_hash *hash, enum xet_scheme scheme,
                           uint8_t *out);
uint32_t xet_xorb_writer_count(const struct xet_xorb_writer *w);
const struct xet_hash *xet_xorb_writer_hashes(const struct xet_xorb_writer *w); /* of the chunks so far */
/* Ends the xorb: fills *index, whose arrays lie in `a`, and makes the writer ready for the next one. */
void xet_xorb_writer_end(struct xet_xorb_writer *w, struct arena *a, struct xet_xorb_index *index);

void xet_footer_put(struct buf *out, const struct xet_xorb_index *x); /* version 1, and its length word */

#endif
