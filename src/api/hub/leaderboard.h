/* api/hub/leaderboard.h - a data set's leaderboard, as the API and the page ask for it. */
#ifndef API_HUB_LEADERBOARD_H
#define API_HUB_LEADERBOARD_H

#include "api/hub/hub_api.h"
#include "hub/card/eval.h"

struct leaderboard {
    const struct json *benchmark; /* hub/card/eval.h; NULL: the data set has no eval.yaml, and n is 0 */
    str task;
    bool lower_is_better, roots_alone;
    struct leaderboard_row *row;
    size_t n;
};
/* Of c->repo, by the query's task_id (the first one), max_params ("7B") and base_model (true). */
bool leaderboard_ask(struct call *c, struct leaderboard *out, struct err *e);

#endif
