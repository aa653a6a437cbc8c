/* hub/mirror_list.h - which mirrors there are (hub/mirror.h), and how much of each is here. */
#ifndef HUB_MIRROR_LIST_H
#define HUB_MIRROR_LIST_H

#include "hub/hub.h"

/* Its page at the upstream: "https://huggingface.co/datasets/acme/text". */
str mirror_url(const struct repo *mirror, struct arena *a);

struct mirror_kept { /* of the files at the head of main */
    uint64_t files, bytes;
    uint64_t files_missing, bytes_missing; /* large ones that nobody has asked for yet */
};
bool mirror_kept(struct db_conn *c, int64_t repo_id, struct mirror_kept *out, struct err *e);

/* Is this file here?  To say so, not to read it: what is looked at in a list stays no longer for that (mirror_has_file). */
bool mirror_shows_file(struct hub *h, struct db_conn *c, const struct repo *r, const struct sha256 *sha256, uint64_t size_bytes, bool *yes, struct err *e);

struct mirror_row {
    struct repo repo;
    int64_t read_ms; /* when a large file of it came or was last read, to the hour; 0: none is here */
    struct mirror_kept kept;
};
/* All, by kind and name. */
bool mirror_list(struct db_conn *c, struct mirror_row **out, size_t *n, struct arena *a, struct err *e);

struct mirror_totals {
    uint64_t mirrors, files, bytes; /* large files that came by way of them */
};
bool mirror_totals(struct db_conn *c, struct mirror_totals *out, struct err *e);

#endif
