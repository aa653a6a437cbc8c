/* cas/match_priv.h - which chunks of an upload are stored already, and where.
 *
 * Asked chunk by chunk, in the order of the file.  A chunk that is sampled, or the first of its file, is looked up in the
 * index of chunks; the xorb that has it is then known whole, so the chunks around it are found without the index, and
 * what follows that xorb in a file that has it is followed.  So the same file again is found to its last chunk.
 * Belongs to one thread at a time.  Takes at most about 3 MiB, and nothing before the first find. */
#ifndef CAS_MATCH_PRIV_H
#define CAS_MATCH_PRIV_H

#include "cas/xorb_priv.h"

struct match_place {
    const struct xet_xorb_index *x; /* valid until the next question */
    uint32_t chunk;
    size_t run; /* so many of the chunks that were asked for follow one another from here */
};

struct match;
struct match *match_new(struct cas *c);
void match_free(struct match *m); /* NULL is fine */
/* Does the chunk follow the one that was found last?  Costs nothing mostly. */
bool match_next(struct match *m, const struct xet_hash *hash, struct match_place *out, bool *found, struct err *e);
/* Anywhere?  hash[0..n): the chunk and those after it, as far as they are known. */
bool match_find(struct match *m, const struct xet_hash *hash, size_t n, bool is_first, struct match_place *out, bool *found,
                struct err *e);
void match_take(struct match *m, const struct match_place *p); /* the place is used: match_next goes on from it */
void match_break(struct match *m);                             /* the chunk was stored anew */

#endif
