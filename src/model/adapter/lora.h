/* model/adapter/lora.h - a LoRA adapter as PEFT saves it: adapter_config.json and adapter_model.safetensors.
 *
 * For some linear layers it has A [rank, inputs] and B [outputs, rank]; such a layer gives x (W + by B A)^T + b instead of
 * x W^T + b.  This reads and checks; who packs a layer asks for what is added to it, by the name that the layer has in its
 * model.  What PEFT can do besides and what changes the result is refused by name.
 * Source: peft 0.21, tuners/lora/{config,layer}.py, tuners/tuners_utils.py, utils/save_and_load.py. */
#ifndef MODEL_ADAPTER_LORA_H
#define MODEL_ADAPTER_LORA_H

#include "model/nn/linear.h"

struct lora;
bool lora_open(const char *dir, struct lora **out, struct err *e);
void lora_close(struct lora *l); /* NULL is fine; what was found ends with it */

/* What is added to the layer `module` ("model.layers.3.self_attn.q_proj"); out->a NULL: nothing. */
bool lora_find(struct lora *l, str module, uint64_t outputs, uint64_t inputs, struct low_rank *out, struct err *e);
/* Whether every tensor has been found; if not, ERR_INVALID names one that nobody asked for. */
bool lora_all_found(const struct lora *l, struct err *e);

#endif
