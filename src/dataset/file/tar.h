/* dataset/file/tar.h - walks the headers of a tar file: the format alone, over any bytes that can be read by range. Contents are passed unread.
 *
 * Read: ustar, GNU's long names, pax (path and size of a member), sizes of 8 bytes. Refused by name: sparse files, pax headers for all members that change paths
 * or sizes, compressed archives (which begin with no header).  Links, folders and devices are members without content.
 *
 * An archive is a stranger's work: a header has to have its checksum, a member to lie within the file, and names and what stands before a header have limits. */
#ifndef DATASET_TAR_H
#define DATASET_TAR_H

#include "dataset/parquet/parquet.h"

enum { TAR_NAME_BYTES_MAX = 4096, TAR_EXTRA_BYTES_MAX = 64 << 10, TAR_EXTRAS_MAX = 8, TAR_WINDOW_BYTES = 64 << 10 };

struct tar {
    const struct parquet_source *source;
    uint64_t at;        /* of the next header, or what stands before it */
    uint8_t *window;    /* of the file, from window_at on */
    uint64_t window_at;
    size_t window_n;
    uint64_t bytes_read;
    struct arena *names;
};
struct tar_member {
    str name;           /* UTF-8 */
    uint64_t at, size_bytes;
    bool is_file;
};

/* Names lie in an arena that the caller may reset between members. */
void tar_init(struct tar *t, const struct parquet_source *source, uint64_t at, struct arena *a, struct arena *names);
/* *found false: the archive has ended. */
bool tar_next(struct tar *t, struct tar_member *out, bool *found, struct err *e);
/* n bytes from `at` on, which have to be there. */
bool tar_read(struct tar *t, uint64_t at, uint8_t *out, size_t n, struct err *e);

#endif
