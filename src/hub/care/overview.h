/* hub/care/overview.h - how much of everything there is: what an operator looks at. */
#ifndef HUB_OVERVIEW_H
#define HUB_OVERVIEW_H

#include "hub/hub.h"

struct care_totals {
    int64_t users, orgs, repos[REPO_KINDS];
    uint64_t disk_free_bytes; /* of the file system that the home is on */
};
bool care_totals(struct hub *h, struct db_conn *c, struct care_totals *out, struct err *e);

struct care_size {
    str name;       /* "owner", or "owner/name" */
    enum repo_kind kind;
    int64_t bytes, repos;
};
/* What takes the most room at the heads of its main branches, the largest first. */
bool care_largest_repos(struct db_conn *c, size_t most, struct arena *a, struct care_size **out, size_t *n, struct err *e);
bool care_largest_owners(struct db_conn *c, size_t most, struct arena *a, struct care_size **out, size_t *n, struct err *e);

#endif
