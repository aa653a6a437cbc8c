/* infer/pin.h - models that are kept running although nobody calls them: rows that the command line writes.
 *
 * A server that runs looks at them every few seconds.  A pinned model is started at once, at the head of its branch main, neither
 * stopped when it is idle nor to make room for another, and started again, after its back-off, when its worker died. */
#ifndef INFER_PIN_H
#define INFER_PIN_H

#include "hub/hub.h"

struct pin {
    int64_t repo_id, created_ms;
    struct vcs_oid commit; /* of main */
    str full_name;
};
/* Again is fine; *changed false: it was so already. */
bool pin_set(struct db_conn *tx, int64_t repo_id, bool is_pinned, bool *changed, struct err *e);
/* By name; without those that have no main yet. */
bool pin_list(struct db_conn *c, struct arena *a, struct pin **out, size_t *n, struct err *e);

struct infer;
struct keeper; /* the thread that looks */
struct keeper *keeper_new(struct infer *f);
void keeper_free(struct keeper *k); /* NULL is fine */

#endif
