/* infer/adapter_base.h - which model a repository with a LoRA adapter belongs to. */
#ifndef INFER_ADAPTER_BASE_H
#define INFER_ADAPTER_BASE_H

#include "hub/hub.h"
#include "vcs/vcs.h"

/* Of a repository without config.json that has an adapter_config.json, the name of the model that it belongs to.  *is_one false: it is
 * no adapter.  ERR_UNPROCESSABLE: it does not say. */
bool adapter_base(struct hub *h, const struct repo *r, const struct vcs_oid *commit, struct arena *a, str *base, bool *is_one, struct err *e);

#endif
