/* model/decoder/adapter.h - LoRA adapters beside a decoder: several at once, one for each sequence (kv.adapter).
 *
 * The weights stay as they are; rows of a step are sorted by adapter, and each adapter's two thin products are computed
 * for all its rows together.  An adapter may be merged instead (decoder_open_adapted), which costs nothing afterwards and
 * reaches layers that this does not: experts, routers and the head.  Immutable once open; safe from any thread. */
#ifndef MODEL_DECODER_ADAPTER_H
#define MODEL_DECODER_ADAPTER_H

#include "model/decoder/decoder.h"

struct adapter;
/* dir: as PEFT saves it.  It serves sequences of this decoder only, which must stay open as long as it. */
bool adapter_open(const char *dir, const struct decoder *d, struct team *team, struct adapter **out, struct err *e);
void adapter_close(struct adapter *a); /* NULL is fine */

#endif
