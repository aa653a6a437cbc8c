/* hub/index/tag_block.h - the repositories of a tag, packed: table tag_block. */
#ifndef HUB_TAG_BLOCK_H
#define HUB_TAG_BLOCK_H

#include "base/arena.h"
#include "db/db.h"

/* Says that the repository has the tag now, or has not; in the transaction that says so in repo_tag. */
bool tag_block_put(struct db_conn *tx, int64_t tag_id, int64_t repo_id, bool has, struct err *e);
/* Packs all of repo_tag: anew, or only if nothing is packed yet. */
bool tag_block_fill(struct db *d, bool anew, struct err *e);

enum { TAG_BLOCK_NUMBERS = 1 << 15, TAG_BLOCK_WORDS = TAG_BLOCK_NUMBERS / 64 };
struct tag_bits {
    struct tag_bits_block {
        int64_t first; /* repository number of bit 0 */
        uint64_t word[TAG_BLOCK_WORDS];
    } **block; /* ascending; those without any are left out */
    size_t n;
};
bool tag_bits_read(struct db_conn *c, int64_t tag_id, struct arena *a, struct tag_bits *out, struct err *e);
/* Keeps those of the ascending numbers that are in the set; returns how many. */
size_t tag_bits_filter(const struct tag_bits *s, int64_t *id, size_t n);
size_t tag_bits_count(const struct tag_bits *s);
void tag_bits_list(const struct tag_bits *s, int64_t *out); /* tag_bits_count() numbers, ascending */

#endif
