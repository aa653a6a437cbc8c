/* infer/worker/aside.h - calls that are long, or have a grammar, are read on a thread of their own: tokenizing megabytes and compiling a schema
 * take longer than a step, and those that generate would wait for it.
 *
 * One is read after the other, in the order of arrival.  Everything but the reading is the thread's that serves. */
#ifndef INFER_ASIDE_H
#define INFER_ASIDE_H

#include "infer/engine/engine.h"
#include "infer/worker/frame.h"

enum { ASIDE_BYTES = 64 << 10, ASIDE_CALLS_MAX = 16 };

struct aside;
/* channel is woken when a call has been read. */
struct aside *aside_new(const struct engine *g, struct channel *c);
void aside_free(struct aside *a); /* NULL is fine; before the engine is closed */

/* A copy is taken.  False: it is soon read, or enough are being read already; then the caller reads it himself. */
bool aside_take(struct aside *a, uint64_t call, str text);
bool aside_cancel(struct aside *a, uint64_t call); /* it will be cancelled when it has been read; false: there is no such call */
void aside_tend(struct aside *a, struct engine *g); /* gives the engine what has been read */

#endif
