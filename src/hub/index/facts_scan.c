/* hub/index/facts_scan.c - one look at each file name of a revision.
 * Keeps memory that does not grow with the number of files, apart from shards at the root (bounded). */
#include "hub/index/facts.h"

static const char *const named[FACTS_NAMES] = {
    [FACTS_README] = "README.md",
    [FACTS_CONFIG] = "config.json",
    [FACTS_TOKENIZER_CONFIG] = "tokenizer_config.json",
    [FACTS_SPECIAL_TOKENS] = "special_tokens_map.json",
    [FACTS_CHAT_TEMPLATE] = "chat_template.jinja",
    [FACTS_MODEL_INDEX] = "model_index.json",
    [FACTS_ADAPTER_CONFIG] = "adapter_config.json",
    [FACTS_MODULES] = "modules.json",
    [FACTS_SENTENCE_CONFIG] = "config_sentence_transformers.json",
    [FACTS_SETFIT] = "config_setfit.json",
    [FACTS_OPEN_CLIP] = "open_clip_config.json",
    [FACTS_KERAS_METADATA] = "keras_metadata.pb",
    [FACTS_SAVED_MODEL] = "saved_model.pb",
    [FACTS_SAFETENSORS] = "model.safetensors",
    [FACTS_SAFETENSORS_INDEX] = "model.safetensors.index.json",
    [FACTS_SAFETENSORS_ADAPTER] = "adapter_model.safetensors",
    [FACTS_META_YAML] = "meta.yaml",
    [FACTS_EVAL] = "eval.yaml",
};

/* By the end of the name, ignoring case. */
static const struct {
    const char *end;
    uint32_t format;
} by_end[] = {
    { ".safetensors", FORMAT_SAFETENSORS },
    { ".gguf", FORMAT_GGUF },
    { ".bin", FORMAT_PYTORCH },
    { ".pt", FORMAT_PYTORCH },
    { ".pth", FORMAT_PYTORCH },
    { ".ckpt", FORMAT_PYTORCH },
    { ".h5", FORMAT_TF },
    { "saved_model.pb", FORMAT_TF },
    { "tf_model.h5", FORMAT_TF },
    { "flax_model.msgpack", FORMAT_JAX },
    { ".onnx", FORMAT_ONNX },
    { "openvino_model.xml", FORMAT_OPENVINO },
    { "openvino_model.bin", FORMAT_OPENVINO },
    { ".mlmodel", FORMAT_COREML },
    { ".mlpackage/manifest.json", FORMAT_COREML },
    { ".tflite", FORMAT_TFLITE },
    { "rust_model.ot", FORMAT_RUST },
    { ".joblib", FORMAT_JOBLIB },
    { ".skops", FORMAT_SKOPS },
    { ".keras", FORMAT_KERAS },
    { "keras_metadata.pb", FORMAT_KERAS },
    { ".nemo", FORMAT_NEMO },
    { ".csv", FORMAT_CSV },
    { ".tsv", FORMAT_CSV },
    { ".csv.gz", FORMAT_CSV },
    { ".json", FORMAT_JSON },
    { ".jsonl", FORMAT_JSON },
    { ".jsonl.gz", FORMAT_JSON },
    { ".jsonl.zst", FORMAT_JSON },
    { ".json.gz", FORMAT_JSON },
    { ".parquet", FORMAT_PARQUET },
    { ".arrow", FORMAT_ARROW },
    { ".txt", FORMAT_TEXT },
    { ".tar", FORMAT_WEBDATASET },
    { ".jpg", FORMAT_IMAGE },
    { ".jpeg", FORMAT_IMAGE },
    { ".png", FORMAT_IMAGE },
    { ".webp", FORMAT_IMAGE },
    { ".tif", FORMAT_IMAGE },
    { ".tiff", FORMAT_IMAGE },
    { ".bmp", FORMAT_IMAGE },
    { ".wav", FORMAT_AUDIO },
    { ".mp3", FORMAT_AUDIO },
    { ".flac", FORMAT_AUDIO },
    { ".ogg", FORMAT_AUDIO },
    { ".opus", FORMAT_AUDIO },
    { ".mp4", FORMAT_VIDEO },
    { ".mkv", FORMAT_VIDEO },
    { ".avi", FORMAT_VIDEO },
    { ".webm", FORMAT_VIDEO },
    { ".mov", FORMAT_VIDEO },
    { ".pdf", FORMAT_PDF },
    { ".ply", FORMAT_3D },
    { ".obj", FORMAT_3D },
    { ".glb", FORMAT_3D },
    { ".gltf", FORMAT_3D },
    { ".geojson", FORMAT_GEO },
    { ".shp", FORMAT_GEO },
};

void facts_scan_init(struct facts_scan *s, struct arena *a)
{
    *s = (struct facts_scan){ .a = a };
}

static uint32_t formats_of(str path)
{
    size_t slash = str_rchr(path, '/');
    str name = slash == STR_NONE ? path : str_from(path, slash + 1);
    uint32_t bits = 0;

    for (size_t i = 0; i < COUNT(by_end); i++)
        if (str_ends_nocase(path, str_c(by_end[i].end))) bits |= by_end[i].format;
    if (str_find(name, STR("tfevents")) != STR_NONE) bits |= FORMAT_TENSORBOARD;
    /* Names that end like weights and are something else. */
    if (str_starts(name, STR("training_args")) || str_starts(name, STR("optimizer.")) ||
        str_starts(name, STR("scheduler.")) || str_starts(name, STR("rng_state")))
        bits &= ~(uint32_t)FORMAT_PYTORCH;
    if (bits & (FORMAT_OPENVINO)) bits &= ~(uint32_t)FORMAT_PYTORCH;
    return bits;
}

static int name_of(str path)
{
    for (int i = 0; i < FACTS_NAMES; i++)
        if (str_eq(path, str_c(named[i]))) return i;
    return -1;
}

/* Not those in folders of that folder. */
static bool is_result(str path)
{
    static const str folder = STR_INIT(".eval_results/");
    return str_starts(path, folder) && str_chr(str_from(path, folder.n), '/') == STR_NONE && (str_ends(path, STR(".yaml")) || str_ends(path, STR(".yml")));
}

static struct facts_file keep(struct facts_scan *s, const struct facts_file *f)
{
    struct facts_file copy = *f;
    copy.path = arena_dup(s->a, f->path);
    return copy;
}

static bool is_projector(str path)
{
    return str_find_nocase(path, STR("mmproj")) != STR_NONE;
}

void facts_scan_add(struct facts_scan *s, const struct facts_file *f)
{
    int name = name_of(f->path);
    bool at_root = str_chr(f->path, '/') == STR_NONE;

    s->files_count++;
    s->used_bytes += f->size_bytes;
    s->formats |= formats_of(f->path);
    if (name >= 0) s->named[name] = keep(s, f);
    if (at_root && str_ends(f->path, STR(".safetensors")) && s->shards_count < FACTS_SHARDS_MAX) {
        if (!s->shard) s->shard = arena_alloc(s->a, FACTS_SHARDS_MAX * sizeof *s->shard);
        s->shard[s->shards_count++] = keep(s, f);
    }
    if (is_result(f->path) && !f->is_lfs && s->results_count < FACTS_RESULTS_MAX) {
        if (!s->result) s->result = arena_alloc(s->a, FACTS_RESULTS_MAX * sizeof *s->result);
        s->result[s->results_count++] = keep(s, f);
    }
    if (str_ends_nocase(f->path, STR(".gguf")) &&
        (!s->gguf.path.p || (is_projector(s->gguf.path) && !is_projector(f->path))))
        s->gguf = keep(s, f);
}

bool facts_path_matters(str path)
{
    return name_of(path) >= 0 || formats_of(path) != 0 || is_result(path);
}
