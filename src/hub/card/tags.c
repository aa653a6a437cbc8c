/* hub/card/tags.c - the tags of a repository, in the order that the public hub shows them.
 * A tag stands once; texts that are empty, too long or not UTF-8 never become tags. */
#include "hub/index/facts.h"

enum { ARXIV_MAX = 50 };

struct tags {
    struct arena *a;
    str *item;
    size_t n;
};

static void add(struct tags *t, str s)
{
    s = str_trim(s);
    if (s.n == 0 || s.n > TAG_BYTES_MAX || t->n == TAGS_MAX || !str_is_utf8(s)) return;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20) return;
    for (size_t i = 0; i < t->n; i++)
        if (str_eq(t->item[i], s)) return;
    t->item[t->n++] = s;
}

static void add_with(struct tags *t, const char *prefix, str s)
{
    if (s.n && s.n <= TAG_BYTES_MAX) add(t, arena_fmt(t->a, "%s%.*s", prefix, STR_ARG(s)));
}

/* A card value that is text or a list of texts: each as prefix + text. */
static void add_all(struct tags *t, const struct json *card, const char *key, const char *prefix)
{
    const struct json *v = json_get(card, str_c(key));
    if (json_is(v, JSON_STRING)) add_with(t, prefix, v->s);
    if (!json_is(v, JSON_ARRAY)) return;
    json_each(item, v)
    {
        if (item->type == JSON_STRING) add_with(t, prefix, item->s);
    }
}

/* ------------------------------------------------------------------ arXiv */

static size_t digits(str s, size_t at)
{
    size_t n = 0;
    while (at + n < s.n && s.p[at + n] >= '0' && s.p[at + n] <= '9') n++;
    return n;
}

/* NNNN.NNNN or NNNN.NNNNN at the start of s. */
static str arxiv_id(str s)
{
    size_t n;
    if (digits(s, 0) != 4 || s.n < 5 || s.p[4] != '.') return (str){ NULL, 0 };
    n = digits(s, 5);
    return n == 4 || n == 5 ? str_to(s, 5 + n) : (str){ NULL, 0 };
}

/* Links to papers anywhere in the text. */
static void add_arxiv(struct tags *t, str text)
{
    static const char *const before[] = { "arxiv.org/abs/", "arxiv.org/pdf/", "huggingface.co/papers/", "hf.co/papers/" };
    size_t found = 0;
    for (str rest = text; rest.n && found < ARXIV_MAX;) {
        size_t at = str_chr(rest, '/'); /* all that we look for ends with a slash */
        str so_far, id;
        if (at == STR_NONE) return;
        at++;
        id = arxiv_id(str_from(rest, at));
        if (id.n) {
            so_far = str_n(text.p, (size_t)(rest.p - text.p) + at);
            for (size_t i = 0; i < COUNT(before); i++) {
                if (!str_ends_nocase(so_far, str_c(before[i]))) continue;
                add_with(t, "arxiv:", id);
                found++;
                break;
            }
        }
        rest = str_from(rest, at);
    }
}

/* ------------------------------------------------------------------ models */

static void add_frameworks(struct tags *t, uint32_t formats)
{
    static const struct {
        uint32_t format;
        const char *tag;
    } known[] = {
        { FORMAT_PYTORCH, "pytorch" },   { FORMAT_TF, "tf" },         { FORMAT_JAX, "jax" },
        { FORMAT_RUST, "rust" },         { FORMAT_COREML, "coreml" }, { FORMAT_ONNX, "onnx" },
        { FORMAT_OPENVINO, "openvino" }, { FORMAT_TFLITE, "tflite" }, { FORMAT_TENSORBOARD, "tensorboard" },
        { FORMAT_KERAS, "keras" },       { FORMAT_JOBLIB, "joblib" }, { FORMAT_SKOPS, "skops" },
        { FORMAT_NEMO, "nemo" },         { FORMAT_SAFETENSORS, "safetensors" }, { FORMAT_GGUF, "gguf" },
    };
    for (size_t i = 0; i < COUNT(known); i++)
        if (formats & known[i].format) add(t, str_c(known[i].tag));
}

static str relation_of(const struct tags_input *in)
{
    str said = json_str_or(in->card, STR("base_model_relation"), STR(""));
    const struct json *base = json_get(in->card, STR("base_model"));
    if (said.n) return said;
    if (json_is(base, JSON_ARRAY) && base->count > 1) return STR("merge");
    if (in->scan->named[FACTS_ADAPTER_CONFIG].path.p) return STR("adapter");
    if ((in->scan->formats & FORMAT_GGUF) || json_get(in->model->config, STR("quantization_config")))
        return STR("quantized");
    return STR("finetune");
}

static void add_base_models(struct tags *t, const struct tags_input *in)
{
    str relation = relation_of(in);
    if (relation.n > 40) return;
    add_all(t, in->card, "base_model", "base_model:");
    add_all(t, in->card, "base_model", arena_cstr(t->a, arena_fmt(t->a, "base_model:%.*s:", STR_ARG(relation))));
}

static void derive_model(struct tags *t, const struct tags_input *in)
{
    const struct json *results = json_get(in->card, STR("model-index"));

    add(t, in->library);
    add_frameworks(t, in->scan->formats);
    add(t, in->model->model_type);
    add(t, in->pipeline);
    add_all(t, in->card, "tags", "");
    if (in->model->has_chat_template) add(t, STR("conversational"));
    if (in->model->has_custom_code) add(t, STR("custom_code"));
    add_all(t, in->card, "language", "");
    add_all(t, in->card, "datasets", "dataset:");
    add_all(t, in->card, "buckets", "bucket:");
    add_arxiv(t, in->readme_body);
    add_base_models(t, in);
    add_all(t, in->card, "license", "license:");
    if (json_is(results, JSON_ARRAY) && results->count) add(t, STR("model-index"));
    if (json_get(in->card, STR("co2_eq_emissions"))) add(t, STR("co2_eq_emissions"));
    add(t, STR("region:us"));
}

/* ------------------------------------------------------------------ data sets */

static const char *data_format(uint32_t formats)
{
    static const struct {
        uint32_t format;
        const char *name;
    } best_first[] = {
        { FORMAT_PARQUET, "parquet" },     { FORMAT_ARROW, "arrow" }, { FORMAT_WEBDATASET, "webdataset" },
        { FORMAT_CSV, "csv" },             { FORMAT_JSON, "json" },   { FORMAT_IMAGE, "imagefolder" },
        { FORMAT_AUDIO, "audiofolder" },   { FORMAT_TEXT, "text" },
    };
    for (size_t i = 0; i < COUNT(best_first); i++)
        if (formats & best_first[i].format) return best_first[i].name;
    return NULL;
}

static void add_modalities(struct tags *t, const struct tags_input *in)
{
    static const char *const forced[] = { "3d",      "audio", "document",   "geospatial", "image",
                                          "tabular", "text",  "timeseries", "video" };
    static const struct {
        uint32_t format;
        const char *tag;
    } seen[] = {
        { FORMAT_3D, "modality:3d" },       { FORMAT_AUDIO, "modality:audio" },    { FORMAT_PDF, "modality:document" },
        { FORMAT_GEO, "modality:geospatial" }, { FORMAT_IMAGE, "modality:image" }, { FORMAT_CSV, "modality:tabular" },
        { FORMAT_TEXT, "modality:text" },   { FORMAT_VIDEO, "modality:video" },
    };
    size_t before = t->n;
    json_each(tag, json_get(in->card, STR("tags")))
    {
        for (size_t i = 0; i < COUNT(forced); i++)
            if (tag->type == JSON_STRING && str_eq(tag->s, str_c(forced[i]))) add_with(t, "modality:", tag->s);
    }
    if (t->n > before) return;
    for (size_t i = 0; i < COUNT(seen); i++)
        if (in->scan->formats & seen[i].format) add(t, str_c(seen[i].tag));
}

static void add_data_files(struct tags *t, const struct tags_input *in)
{
    const char *format = data_format(in->scan->formats);
    if (format) add_with(t, "format:", str_c(format));
    add_modalities(t, in);
    if (!format) return;
    add(t, STR("library:datasets"));
    if (in->scan->formats & (FORMAT_PARQUET | FORMAT_CSV | FORMAT_JSON)) {
        add(t, STR("library:pandas"));
        add(t, STR("library:polars"));
    }
}

static void derive_dataset(struct tags *t, const struct tags_input *in)
{
    static const char *const key[] = { "task_categories",   "task_ids",        "annotations_creators",
                                       "language_creators", "multilinguality", "source_datasets" };
    const struct json *arxiv = json_get(in->card, STR("arxiv"));

    for (size_t i = 0; i < COUNT(key); i++)
        add_all(t, in->card, key[i], arena_cstr(t->a, arena_fmt(t->a, "%s:", key[i])));
    add_all(t, in->card, "language", "language:");
    add_all(t, in->card, "license", "license:");
    add_all(t, in->card, "size_categories", "size_categories:");
    add_data_files(t, in);
    add_all(t, in->card, "arxiv", "arxiv:");
    if (json_is(arxiv, JSON_REAL)) add_with(t, "arxiv:", arena_fmt(t->a, "%010.5f", arxiv->r)); /* 1606.05250, unquoted */
    add_arxiv(t, in->readme_body);
    add(t, STR("region:us"));
    add_all(t, in->card, "tags", "");
}

static void derive_space(struct tags *t, const struct tags_input *in)
{
    add(t, in->sdk);
    add_all(t, in->card, "tags", "");
    add_all(t, in->card, "license", "license:");
    add(t, STR("region:us"));
}

void tags_derive(const struct tags_input *in, struct arena *a, str **out, size_t *n)
{
    struct tags t = { .a = a, .item = arena_alloc(a, TAGS_MAX * sizeof(str)) };
    switch (in->kind) {
    case REPO_DATASET: derive_dataset(&t, in); break;
    case REPO_SPACE: derive_space(&t, in); break;
    default: derive_model(&t, in); break;
    }
    *out = t.item;
    *n = t.n;
}
