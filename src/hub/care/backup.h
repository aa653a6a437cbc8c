/* hub/care/backup.h - a copy of the home, made while the server works, that is itself a home.
 *
 * DIR/2026-01-31T02-00-00Z/   a copy; what never changes is shared with the copy before it (hard links)
 * DIR/latest                  a link to the newest
 * DIR/unfinished/             a copy that is being made, or was cut short: the next one takes from it what it can
 *
 * A copy holds hearth.db, repos/, cas/ and secret.key as of one moment.  What can be made anew (models/, uploads under way)
 * is left out. */
#ifndef HUB_CARE_BACKUP_H
#define HUB_CARE_BACKUP_H

#include "hub/hub.h"

enum { BACKUP_PATH_BYTES = 256 };

struct backup_result {
    char path[BACKUP_PATH_BYTES]; /* of the copy */
    uint64_t repos, copied_files, copied_bytes, shared_files, shared_bytes, removed /* older copies */;
};
/* keep: so many copies stay, the newest; 0: all.  ERR_BUSY while another one is being made. */
bool hub_backup(struct hub *h, const char *dir, uint64_t keep, struct backup_result *out, struct err *e);

/* When the last one ended well; 0: never. */
bool hub_backup_time(struct hub *h, int64_t *ms, struct err *e);

#endif
