/* model/nn/packed.h - the packed weights of a model: their memory, and a file that keeps them for the next start.
 *
 * Memory comes in large pages, which hold many layers each: with small ones a processor reads weights at half the speed.
 * With a directory the file is mapped (docs/formats/packed.md).  What is packed is looked up by a key, which says what it
 * was made from; the file is used only while the identity that it names is that of its source.  Whatever cannot be used,
 * or not be written, is packed again: a cache never fails a load.  A file's pages are small; so once the model is loaded
 * packed_settle copies them into large ones, on a thread of its own, and each slot then changes its pointer.
 *
 * Belongs to one thread; slots may be read by any until packed_close. */
#ifndef MODEL_NN_PACKED_H
#define MODEL_NN_PACKED_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/hash.h"

struct packed;
/* Where the panels of a layer are now: load it once a step.  What it was before stays readable. */
struct packed_slot {
    _Atomic(const uint8_t *) data;
};
static inline const uint8_t *packed_data(const struct packed_slot *s) { return atomic_load_explicit(&s->data, memory_order_acquire); }

/* DIR/NAME.packed; an absent file, or one that is not of this identity, is an empty cache. */
struct packed *packed_open(const char *dir, str name, const struct sha256 *identity);
struct packed *packed_new(void); /* only memory: nothing is found and nothing saved */
void packed_close(struct packed *p); /* NULL is fine */
size_t packed_bytes(const struct packed *p); /* of the file that is mapped; 0: none */

/* What the file has of that key and size, aligned to a page; NULL: nothing. */
struct packed_slot *packed_find(struct packed *p, const struct sha256 *key, size_t n);
/* Zeroed memory for n bytes, aligned to a page, that the caller fills before packed_save; ERR_NO_SPACE.  key NULL: not to
 * be saved. */
struct packed_slot *packed_room(struct packed *p, const struct sha256 *key, size_t n, uint8_t **room, struct err *e);
/* The same for bytes as they are: what packed_find and packed_room gave stays where it is, whatever packed_settle moves. */
void packed_stay(struct packed_slot *s);
bool packed_is_kept(const struct packed *p); /* there is a file, or may be one */
/* Writes the file anew when something was added.  Failure says why; the old file is then still there. */
bool packed_save(struct packed *p, struct err *e);
/* Begins to move what was found into large pages, where there is memory for both. */
void packed_settle(struct packed *p);
void packed_wait(struct packed *p); /* until that is done */

#endif
