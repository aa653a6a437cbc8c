/* hub/community/feed_place.h - where a page of a list ends that is ordered by time: at a moment and a number, since several things may
 * happen in one millisecond.  As a cursor: "MS.NUMBER". */
#ifndef HUB_FEED_PLACE_H
#define HUB_FEED_PLACE_H

#include "hub/hub.h"

struct feed_place {
    int64_t at_ms, id;
};

/* Empty: before the newest. */
static inline bool feed_place_parse(str cursor, struct feed_place *out, struct err *e)
{
    str first;
    *out = (struct feed_place){ INT64_MAX, INT64_MAX };
    if (!cursor.n || (str_cut(&cursor, '.', &first) && str_i64(first, &out->at_ms) && str_i64(cursor, &out->id))) return true;
    return err_set(e, ERR_INVALID, "\"cursor\" is malformed");
}

static inline str feed_place_format(struct feed_place p, struct arena *a) { return arena_fmt(a, "%lld.%lld", (long long)p.at_ms, (long long)p.id); }

#endif
