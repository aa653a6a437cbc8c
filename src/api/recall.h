/* api/recall.h - see api/recall.c. */
#ifndef API_RECALL_H
#define API_RECALL_H

#include "api/api.h"
#include "hub/file.h"

void recall_begin(struct api *a); /* with a hub */
void recall_end(struct api *a);

/* file_find_indexed in the call's repository. */
bool recall_file(struct call *c, str rev, str path, struct file_found *out, bool *known, struct err *e);

#endif
