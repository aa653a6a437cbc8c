/* scan/source.h - a stored file as something that the scanner reads (inside of src/scan). */
#ifndef SCAN_SOURCE_H
#define SCAN_SOURCE_H

#include "scan/verdict.h"

struct scan_stored {
    struct scan_source source; /* reads through the rest; stays where it is */
    struct hub *hub;
    struct sha256 sha256;
    bytes small;               /* of a small file: all of it */
    struct cas_reader *reader; /* of a large one: stands at `at` */
    uint64_t at;
};
/* Small ones are read into the arena: what is larger than git is meant for is ERR_TOO_LARGE. */
bool scan_stored_open(struct hub *h, struct vcs_repo *git, const struct scan_file *f, struct arena *a, struct scan_stored *out, struct err *e);
void scan_stored_close(struct scan_stored *s);

#endif
