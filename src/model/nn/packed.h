/* model/nn/packed.h - the packed form of a model's weights in a file, mapped at the next start (docs/formats/packed.md).
 *
 * What is packed is looked up by a key, which says what it was made from; the file is used only while the identity that
 * it names is that of its source.  Whatever cannot be used, or not be written, is packed again: a cache never fails a load.
 * Belongs to one thread; what it gave may be read by any until packed_close. */
#ifndef MODEL_NN_PACKED_H
#define MODEL_NN_PACKED_H

#include "base/err.h"
#include "base/hash.h"

struct packed;
/* DIR/NAME.packed; an absent file, or one that is not of this identity, is an empty cache. */
struct packed *packed_open(const char *dir, str name, const struct sha256 *identity);
void packed_close(struct packed *p); /* NULL is fine */

size_t packed_bytes(const struct packed *p); /* of the file that is mapped; 0: none */
/* *out: n bytes, aligned to a page; false: there is nothing of that key and size. */
bool packed_find(const struct packed *p, const struct sha256 *key, size_t n, const uint8_t **out);
/* To be in the file that packed_save writes; the bytes must stay until then. */
void packed_add(struct packed *p, const struct sha256 *key, const uint8_t *data, size_t n);
/* Writes the file anew when something was added.  Failure says why; the old file is then still there. */
bool packed_save(struct packed *p, struct err *e);

#endif
