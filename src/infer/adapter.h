/* infer/adapter.h - LoRA adapters beside a running model: repositories of their own, loaded by the worker of their base.
 *
 * A worker has ENGINE_ADAPTERS_MAX slots.  A call for an adapter waits until a slot has it; the one unused for longest gives way.  One is
 * loaded at a time, through two files of the staging that are filled for it and emptied afterwards. */
#ifndef INFER_ADAPTER_H
#define INFER_ADAPTER_H

#include "infer/infer_priv.h"

/* Under the lock. */
bool adapter_is_there(struct model *m, struct infer_call *c); /* the call's; true if it wants none.  Sets c->slot */
void adapter_begin(struct model *m, struct infer_call *c);          /* a call with a slot is sent, and is over */
void adapter_end(struct model *m, struct infer_call *c);
bool adapter_is_wanted(struct model *m); /* some call waits for one that nobody loads */
bool adapter_is_loading(const struct model *m);
void adapter_forget_all(struct model *m); /* the worker is gone */

/* The model's thread, without the lock: begins to load what is waited for, and hears of the end. */
bool adapter_tend(struct model *m, struct staging *s, struct channel *c, struct err *e);
void adapter_loaded(struct model *m, struct staging *s, uint64_t slot, str answer);

#endif
