/* hub/repo_seed.h - what stands in the first commit of a repository. */
#ifndef HUB_REPO_SEED_H
#define HUB_REPO_SEED_H

#include "hub/repo.h"

/* .gitattributes, the README.md of a Space, the page of a static one; a file that the caller brings takes
 * the place of ours. */
bool repo_seed_files(const struct repo_create *q, struct arena *a, struct repo_file_seed **out, size_t *n, struct err *e);

#endif
