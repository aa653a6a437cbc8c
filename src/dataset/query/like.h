/* dataset/query/like.h - text in text: LIKE's patterns (% any text, _ one letter), and the search for words that they stand on. */
#ifndef DATASET_LIKE_H
#define DATASET_LIKE_H

#include "base/arena.h"

/* What is looked for: in one case, if in any. */
struct needle {
    str s;             /* any_case: of a to z the small ones */
    bool any_case;     /* of a to z */
};
/* The first place at or after `from`, or STR_NONE.  *steps_left, if there is one, is what may be compared where only the first and the last letter
 * fit; at 0 nothing is found any more. */
size_t needle_find(const struct needle *n, str s, size_t from, uint64_t *steps_left);

struct like;
struct like *like_new(str pattern, bool any_case, struct arena *a); /* borrows the pattern */
/* Text that is no UTF-8 has letters, too: a byte, and those behind it that can only continue one. */
bool like_matches(const struct like *l, str s, uint64_t *steps_left);

#endif
