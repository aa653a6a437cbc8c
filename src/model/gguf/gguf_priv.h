/* model/gguf/gguf_priv.h - what the parts of model/gguf/ share: the open files, and the table of architectures. */
#ifndef MODEL_GGUF_GGUF_PRIV_H
#define MODEL_GGUF_GGUF_PRIV_H

#include "base/arena.h"
#include "base/map.h"
#include "model/format/gguf_header.h"
#include "model/gguf/gguf.h"

struct gguf_name {      /* suffixes .weight and .bias follow both */
    const char *gguf;   /* "attn_q" */
    const char *hub;    /* "self_attn.q_proj" */
};

/* How an architecture differs from the model_type that it was made from. */
struct gguf_arch {
    const char *name;        /* general.architecture */
    const char *model_type;  /* of config.json */
    const char *prefix;      /* "model.layers." */
    const struct gguf_name *whole; /* tensors outside of layers; NULL: Llama's; ended by a row of NULLs */
    const struct gguf_name *layer; /* tensors of a layer that are called otherwise than Llama's; NULL: none */
    const struct gguf_name *keys;  /* metadata and keys of config.json; NULL: Llama's */
    const struct gguf_name *more;  /* and besides; NULL: none */
    bool pairs_rows;         /* rows of queries and keys are TENSOR_PAIRS */
    bool adds_one;           /* norms are stored with 1 added */
    bool is_encoder;
    bool by_head;            /* attn_qkv is TENSOR_BY_HEAD in the repository */
    bool transposes;         /* linear layers are [in, out] in the repository */
};

struct gguf {
    struct arena *a;
    const char *path;
    struct map *map; /* [parts] */
    struct gguf_header *part; /* [parts]; metadata is the first one's */
    size_t parts;
    const struct gguf_arch *arch;
    struct json *config, *generation, *tokenizer; /* parsed forms of what has no file here */
    struct json *modules, *pooling; /* of encoders that say how to make one vector of a text; or NULL */
    uint32_t heads, kv_heads, head_dim;
};

/* arch.c */
bool gguf_arch_find(const struct gguf_header *h, const struct gguf_arch **out, struct err *e);
const struct gguf_tensor *gguf_find(const struct gguf *g, str name, bytes *data); /* NULL: there is none; data may be NULL */
/* config.c; fills the three JSON values and the sizes. */
bool gguf_describe(struct gguf *g, struct err *e);

#endif
