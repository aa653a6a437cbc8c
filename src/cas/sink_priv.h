/* cas/sink_priv.h - bytes in order into a file, written behind the caller's back.
 *
 * The caller fills blocks in place; full ones are written by the pool while the caller goes on (it hashes,
 * say).  Two or four blocks exist, so a slow disk holds the caller back.  A sink belongs to one
 * thread.  An error of the disk is told at one of the next calls, at the latest by sink_end. */
#ifndef CAS_SINK_PRIV_H
#define CAS_SINK_PRIV_H

#include "base/err.h"
#include "base/pool.h"

struct sink;
/* Takes 128 KiB for what is small, and 4 MiB more for the rest. */
struct sink *sink_new(struct pool *pool);
/* The same with two blocks, for files of which many arrive at once: 2 MiB. */
struct sink *sink_new_small(struct pool *pool);
/* A file, from offset `at` on, a multiple of OS_DIRECT_ALIGN; fd is borrowed.  The first cached_bytes go through the page
 * cache, the rest past it.  Unless grown_to is 0, the file may be made so long beforehand, and whoever ends it sets its size.  After
 * sink_end, if that went well, another may begin. */
void sink_begin(struct sink *s, int fd, uint64_t at, uint64_t cached_bytes, uint64_t grown_to);
bool sink_space(struct sink *s, uint8_t **out, size_t *n, struct err *e); /* *n > 0 */
bool sink_filled(struct sink *s, size_t n, struct err *e);
bool sink_end(struct sink *s, struct err *e); /* all is written (not synced) when it returns, or has failed */
void sink_free(struct sink *s);               /* waits for writes under way; NULL is fine */

#endif
