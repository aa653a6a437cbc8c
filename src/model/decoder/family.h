/* model/decoder/family.h - what the table of families and the reader of config.json share. */
#ifndef MODEL_DECODER_FAMILY_H
#define MODEL_DECODER_FAMILY_H

#include "model/decoder/config.h"

struct family {
    const char *model_type;
    /* What differs from Llama; NULL: nothing. */
    bool (*read)(const struct json *config, struct decoder_config *d, struct err *e);
    bool is_around; /* a model of images and text, whose text part is described inside, in "text_config" */
    /* Where config.json does not say; 0: as Llama. */
    uint32_t vocab, heads, kv_heads, head_dim, positions;
    float norm_eps;
    double rope_theta, rope_part; /* how much of a head is turned */
};
const struct family *family_find(str model_type);

/* Absent or null: otherwise.  Not a number, or out of bounds: ERR_INVALID. */
bool config_real(const struct json *o, const char *name, float otherwise, float *out, struct err *e);
/* The same, but null says that there is none: 0. */
bool config_cap(const struct json *o, const char *name, float otherwise, float *out, struct err *e);
bool config_count(const struct json *o, const char *name, uint32_t otherwise, uint32_t least, uint32_t most, uint32_t *out, struct err *e);
/* Absent: *out stays. */
bool config_activation(const struct json *c, const char *name, enum activation *out, struct err *e);
/* Layers with a window, which is null where there is none: by "layer_types", or else all but every so many. */
bool config_windows(const struct json *c, struct decoder_config *d, uint32_t every, uint32_t otherwise, struct err *e);

/* families.c */
void family_norm_heads(struct decoder_config *d); /* queries and keys are normed, under the names that most use */
bool family_clip(const struct json *c, struct decoder_config *d, struct err *e);
bool family_qwen2(const struct json *c, struct decoder_config *d, struct err *e);
bool family_qwen3(const struct json *c, struct decoder_config *d, struct err *e);
bool family_granite(const struct json *c, struct decoder_config *d, struct err *e);
bool family_ernie4_5(const struct json *c, struct decoder_config *d, struct err *e);

/* families_experts.c */
bool family_mixtral(const struct json *c, struct decoder_config *d, struct err *e);
bool family_qwen2_moe(const struct json *c, struct decoder_config *d, struct err *e);
bool family_qwen3_moe(const struct json *c, struct decoder_config *d, struct err *e);
bool family_olmoe(const struct json *c, struct decoder_config *d, struct err *e);
bool family_glm4_moe(const struct json *c, struct decoder_config *d, struct err *e);
bool family_dots1(const struct json *c, struct decoder_config *d, struct err *e);
bool family_ernie4_5_moe(const struct json *c, struct decoder_config *d, struct err *e);
bool family_granitemoe(const struct json *c, struct decoder_config *d, struct err *e);

/* families_gpt.c */
void family_layer_norm(struct decoder_config *d, bool has_bias);
void family_plain_mlp(struct decoder_config *d, const char *prefix, const char *up, const char *down);
bool family_gpt2(const struct json *c, struct decoder_config *d, struct err *e);
bool family_gpt_bigcode(const struct json *c, struct decoder_config *d, struct err *e);
bool family_gpt_neo(const struct json *c, struct decoder_config *d, struct err *e);
bool family_gptj(const struct json *c, struct decoder_config *d, struct err *e);
bool family_gpt_neox(const struct json *c, struct decoder_config *d, struct err *e);
bool family_phi(const struct json *c, struct decoder_config *d, struct err *e);
bool family_starcoder2(const struct json *c, struct decoder_config *d, struct err *e);
bool family_stablelm(const struct json *c, struct decoder_config *d, struct err *e);
bool family_falcon(const struct json *c, struct decoder_config *d, struct err *e);
bool family_bloom(const struct json *c, struct decoder_config *d, struct err *e);
bool family_mpt(const struct json *c, struct decoder_config *d, struct err *e);
bool family_opt(const struct json *c, struct decoder_config *d, struct err *e);
bool family_cohere(const struct json *c, struct decoder_config *d, struct err *e);
bool family_cohere2(const struct json *c, struct decoder_config *d, struct err *e);
bool family_nemotron(const struct json *c, struct decoder_config *d, struct err *e);

#endif
