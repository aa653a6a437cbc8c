/* dataset/file/unpack.h - what is packed in a file of gzip or zstd, from any byte of it on.
 *
 * Such a file can be unpacked from its beginning, or from a point where the state of the unpacker is known: of gzip the end of any block, with the 32 KiB
 * before it; of zstd the beginning of a frame.  Points are taken on the way, one every few megabytes, and can be kept.  A file of zstd is often one frame,
 * which has one point.
 *
 * Files are strangers' work.  Nothing is unpacked but what is asked for, into the reader's own memory; what has to be gone through to get there has a limit,
 * and so have bytes that unpack to nothing. */
#ifndef DATASET_UNPACK_H
#define DATASET_UNPACK_H

#include "dataset/parquet/parquet.h"

enum packing { PACKED_NOT, PACKED_GZIP, PACKED_ZSTD };
/* By the ending of a file's name, which is cut off. */
enum packing packing_of(str *path);

enum { UNPACK_POINTS_MAX = 128, UNPACK_WINDOW_BYTES = 32 << 10, UNPACK_STEP_BYTES = 4 << 20 };
struct unpack_point {
    uint64_t at, packed_at; /* of the next byte */
    uint8_t bits;           /* gzip: of the byte before packed_at, which are not taken yet */
    size_t window_bytes;    /* gzip: 0 at the beginning of a member */
    uint8_t *window;
};
/* Of a file, as far as it was unpacked. */
struct unpack_points {
    struct unpack_point *point;
    size_t n;
    uint64_t step;                    /* between them, at least; it grows with the file */
    uint64_t reached, packed_reached; /* the furthest place */
};

/* Unpacks one file at a time. */
struct unpack;
struct unpack *unpack_new(struct arena *a);
/* The next reads are of this file.  What is borrowed has to last until they are over, or another file's turn. */
void unpack_aim(struct unpack *u, const struct parquet_source *source, enum packing how, struct unpack_points *points, struct arena *a);
/* Bytes from `at` on, which need not follow the last ones; *got < n: the file ends there. */
bool unpack_read(struct unpack *u, uint64_t at, uint8_t *out, size_t n, size_t *got, struct err *e);

/* To be kept.  What cannot be points is refused: then they are made again. */
void unpack_points_format(const struct unpack_points *p, struct buf *out);
bool unpack_points_parse(bytes b, uint64_t packed_bytes, struct arena *a, struct unpack_points *out);

#endif
