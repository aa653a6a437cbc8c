/* hub/index/facts.h - what is worked out from the files of one revision (inside of src/hub).
 *
 * Two steps, so that a hundred thousand files never lie in memory: facts_scan_add sees each file once and
 * keeps what matters (a few named files, which formats there are, where the weights are); facts_derive then
 * reads those few files and concludes.  The files may come from a tree or from the rows of repo_file. */
#ifndef HUB_FACTS_H
#define HUB_FACTS_H

#include "hub/index/index.h"

struct facts_file {
    str path;
    struct vcs_oid oid;
    uint64_t size_bytes;
    bool is_lfs;
    struct sha256 sha256;
};

/* Files at the root that are read or whose presence says something. */
enum facts_name {
    FACTS_README, FACTS_CONFIG, FACTS_TOKENIZER_CONFIG, FACTS_SPECIAL_TOKENS, FACTS_CHAT_TEMPLATE, FACTS_MODEL_INDEX,
    FACTS_ADAPTER_CONFIG, FACTS_MODULES, FACTS_SENTENCE_CONFIG, FACTS_SETFIT, FACTS_OPEN_CLIP, FACTS_KERAS_METADATA,
    FACTS_SAVED_MODEL, FACTS_SAFETENSORS, FACTS_SAFETENSORS_INDEX, FACTS_SAFETENSORS_ADAPTER, FACTS_META_YAML, FACTS_EVAL,
    FACTS_NAMES
};

/* What extensions and names of files say, anywhere in the tree: bits. */
enum facts_format {
    FORMAT_PYTORCH = 1 << 0, FORMAT_TF = 1 << 1, FORMAT_JAX = 1 << 2, FORMAT_ONNX = 1 << 3, FORMAT_OPENVINO = 1 << 4,
    FORMAT_COREML = 1 << 5, FORMAT_SAFETENSORS = 1 << 6, FORMAT_GGUF = 1 << 7, FORMAT_TFLITE = 1 << 8,
    FORMAT_RUST = 1 << 9, FORMAT_TENSORBOARD = 1 << 10, FORMAT_JOBLIB = 1 << 11, FORMAT_KERAS = 1 << 12,
    FORMAT_NEMO = 1 << 13, FORMAT_SKOPS = 1 << 14,
    /* data sets */
    FORMAT_CSV = 1 << 16, FORMAT_JSON = 1 << 17, FORMAT_PARQUET = 1 << 18, FORMAT_ARROW = 1 << 19, FORMAT_TEXT = 1 << 20,
    FORMAT_IMAGE = 1 << 21, FORMAT_AUDIO = 1 << 22, FORMAT_VIDEO = 1 << 23, FORMAT_WEBDATASET = 1 << 24,
    FORMAT_PDF = 1 << 25, FORMAT_3D = 1 << 26, FORMAT_GEO = 1 << 27,
};

enum { FACTS_SHARDS_MAX = 2048, FACTS_RESULTS_MAX = 32 };

struct facts_scan {
    struct arena *a;
    uint64_t files_count, used_bytes;
    uint32_t formats;
    struct facts_file named[FACTS_NAMES]; /* path.p NULL: absent */
    struct facts_file *shard;             /* *.safetensors at the root, by path as they came */
    size_t shards_count;
    struct facts_file gguf;               /* the first one; not a projector if there is another */
    struct facts_file *result;            /* YAML of .eval_results/, as they came */
    size_t results_count;
};
void facts_scan_init(struct facts_scan *s, struct arena *a);
void facts_scan_add(struct facts_scan *s, const struct facts_file *f); /* borrowed for the call */
/* Could a file at this path change any fact but counts and sizes? */
bool facts_path_matters(str path);

/* Where contents come from. */
struct facts_source {
    struct hub *hub;
    int64_t repo_id;
    struct vcs_repo *vcs;
};
/* A whole small file; *out.p NULL if it is absent, larger than n_max, or cannot be read (that is logged). */
void facts_read(const struct facts_source *from, const struct facts_file *f, size_t n_max, struct arena *a, bytes *out);
/* Up to n bytes from the start. */
bool facts_read_prefix(const struct facts_source *from, const struct facts_file *f, size_t n, struct arena *a, bytes *out,
                       struct err *e);

/* card_before: the card that stood before, shown if the present one cannot be parsed; may be NULL. */
void facts_derive(const struct facts_source *from, const struct repo *r, const struct facts_scan *s,
                  const struct json *card_before, struct arena *a, struct repo_facts *out);

/* The parts of facts_derive, each in a file of its own. */
/* A member of another object, if it is there: what it holds is shared. */
void facts_share(struct json *to, const char *key, const struct json *v, struct arena *a);
const struct json *facts_safetensors(const struct facts_source *from, const struct facts_scan *s, struct arena *a,
                                     uint64_t *total);
const struct json *facts_gguf(const struct facts_source *from, const struct facts_scan *s, struct arena *a,
                              uint64_t *total);

struct facts_model { /* what config files say of a model */
    const struct json *config;            /* the part that model info shows; NULL without any */
    str model_type, architecture, auto_class, processor; /* empty when unknown */
    str mask_token, diffusers_class, peft_task;
    bool has_chat_template, has_custom_code, is_transformers, is_timm;
};
void facts_model_config(const struct facts_source *from, const struct facts_scan *s, struct arena *a,
                        struct facts_model *out);
str facts_library(const struct json *card, const struct facts_scan *s, const struct facts_model *m);
str facts_pipeline(const struct json *card, str library, const struct facts_model *m);
/* {"auto_model", "custom_class"?, "pipeline_tag"?, "processor"?}: clients accept no other key. */
const struct json *facts_transformers_info(const struct facts_model *m, str pipeline, struct arena *a);

/* hub/card/tags.c */
struct tags_input {
    enum repo_kind kind;
    const struct json *card;
    const struct facts_scan *scan;
    const struct facts_model *model; /* models only, else NULL */
    str library, pipeline, sdk, readme_body;
};
enum { TAGS_MAX = 500, TAG_BYTES_MAX = 200 };
void tags_derive(const struct tags_input *in, struct arena *a, str **out, size_t *n);

#endif
