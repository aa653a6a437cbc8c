/* api/recall.h - see api/recall.c. */
#ifndef API_RECALL_H
#define API_RECALL_H

#include "api/api.h"
#include "hub/file.h"

void recall_begin(struct api *a); /* with a hub */
void recall_end(struct api *a);

/* Who was given a link, by numbers: may he still read there?  User 0 is nobody, token 0 a password or a session. */
struct reader {
    int64_t user_id, token_id, place_id; /* place: a repository, or a bucket */
    bool is_bucket;
};
bool recall_reader(struct call *c, const struct reader *r, struct err *e);

/* file_find_indexed in the call's repository. */
bool recall_file(struct call *c, str rev, str path, struct file_found *out, bool *known, struct err *e);

#endif
