/* hub/index/facts_model.c - what the configuration files of a model say: library, task, the part of config.json that
 * model info shows.  Anything of the wrong shape is treated as absent. */
#include "hub/card/card.h"
#include "hub/index/facts.h"

enum {
    CONFIG_BYTES_MAX = 4 << 20,
    TOKENIZER_CONFIG_BYTES_MAX = 16 << 20,
    TEMPLATE_BYTES_MAX = 256 << 10,
};

/* By the end of the class name, the longest first where one ends like another. */
static const struct {
    const char *end, *auto_class, *task, *processor;
} head[] = {
    { "ForCausalLM", "AutoModelForCausalLM", "text-generation", "AutoTokenizer" },
    { "LMHeadModel", "AutoModelForCausalLM", "text-generation", "AutoTokenizer" },
    { "ForMaskedLM", "AutoModelForMaskedLM", "fill-mask", "AutoTokenizer" },
    { "ForSequenceClassification", "AutoModelForSequenceClassification", "text-classification", "AutoTokenizer" },
    { "ForTokenClassification", "AutoModelForTokenClassification", "token-classification", "AutoTokenizer" },
    { "ForTableQuestionAnswering", "AutoModelForTableQuestionAnswering", "table-question-answering", "AutoTokenizer" },
    { "ForVisualQuestionAnswering", "AutoModelForVisualQuestionAnswering", "visual-question-answering", "AutoProcessor" },
    { "ForDocumentQuestionAnswering", "AutoModelForDocumentQuestionAnswering", "document-question-answering",
      "AutoProcessor" },
    { "ForQuestionAnswering", "AutoModelForQuestionAnswering", "question-answering", "AutoTokenizer" },
    { "ForMultipleChoice", "AutoModelForMultipleChoice", "multiple-choice", "AutoTokenizer" },
    { "ForSpeechSeq2Seq", "AutoModelForSpeechSeq2Seq", "automatic-speech-recognition", "AutoProcessor" },
    { "WhisperForConditionalGeneration", "AutoModelForSpeechSeq2Seq", "automatic-speech-recognition", "AutoProcessor" },
    { "ForImageTextToText", "AutoModelForImageTextToText", "image-text-to-text", "AutoProcessor" },
    { "VLForConditionalGeneration", "AutoModelForImageTextToText", "image-text-to-text", "AutoProcessor" },
    { "VLMoeForConditionalGeneration", "AutoModelForImageTextToText", "image-text-to-text", "AutoProcessor" },
    { "LlavaForConditionalGeneration", "AutoModelForImageTextToText", "image-text-to-text", "AutoProcessor" },
    { "LlavaNextForConditionalGeneration", "AutoModelForImageTextToText", "image-text-to-text", "AutoProcessor" },
    { "PaliGemmaForConditionalGeneration", "AutoModelForImageTextToText", "image-text-to-text", "AutoProcessor" },
    { "Gemma3ForConditionalGeneration", "AutoModelForImageTextToText", "image-text-to-text", "AutoProcessor" },
    { "Idefics3ForConditionalGeneration", "AutoModelForImageTextToText", "image-text-to-text", "AutoProcessor" },
    { "MllamaForConditionalGeneration", "AutoModelForImageTextToText", "image-text-to-text", "AutoProcessor" },
    { "BlipForConditionalGeneration", "AutoModelForVision2Seq", "image-to-text", "AutoProcessor" },
    { "ForVision2Seq", "AutoModelForVision2Seq", "image-text-to-text", "AutoProcessor" },
    { "VisionEncoderDecoderModel", "AutoModelForVision2Seq", "image-to-text", "AutoTokenizer" },
    { "MarianMTModel", "AutoModelForSeq2SeqLM", "translation", "AutoTokenizer" },
    { "ForSeq2SeqLM", "AutoModelForSeq2SeqLM", "text2text-generation", "AutoTokenizer" },
    { "ForConditionalGeneration", "AutoModelForSeq2SeqLM", "text2text-generation", "AutoTokenizer" },
    { "ForCTC", "AutoModelForCTC", "automatic-speech-recognition", "AutoProcessor" },
    { "ForAudioClassification", "AutoModelForAudioClassification", "audio-classification", "AutoFeatureExtractor" },
    { "ForZeroShotImageClassification", "AutoModelForZeroShotImageClassification", "zero-shot-image-classification",
      "AutoProcessor" },
    { "CLIPModel", "AutoModelForZeroShotImageClassification", "zero-shot-image-classification", "AutoProcessor" },
    { "SiglipModel", "AutoModelForZeroShotImageClassification", "zero-shot-image-classification", "AutoProcessor" },
    { "ForVideoClassification", "AutoModelForVideoClassification", "video-classification", "AutoImageProcessor" },
    { "ForImageClassification", "AutoModelForImageClassification", "image-classification", "AutoImageProcessor" },
    { "ForZeroShotObjectDetection", "AutoModelForZeroShotObjectDetection", "zero-shot-object-detection",
      "AutoProcessor" },
    { "ForObjectDetection", "AutoModelForObjectDetection", "object-detection", "AutoImageProcessor" },
    { "ForSemanticSegmentation", "AutoModelForSemanticSegmentation", "image-segmentation", "AutoImageProcessor" },
    { "ForInstanceSegmentation", "AutoModelForInstanceSegmentation", "image-segmentation", "AutoImageProcessor" },
    { "ForUniversalSegmentation", "AutoModelForUniversalSegmentation", "image-segmentation", "AutoImageProcessor" },
    { "ForDepthEstimation", "AutoModelForDepthEstimation", "depth-estimation", "AutoImageProcessor" },
    { "ForKeypointDetection", "AutoModelForKeypointDetection", "keypoint-detection", "AutoImageProcessor" },
    { "ForMaskGeneration", "AutoModelForMaskGeneration", "mask-generation", "AutoProcessor" },
    { "SamModel", "AutoModelForMaskGeneration", "mask-generation", "AutoProcessor" },
    { "ForTextToSpeech", "AutoModelForTextToSpectrogram", "text-to-speech", "AutoProcessor" },
    { "VitsModel", "AutoModelForTextToWaveform", "text-to-speech", "AutoTokenizer" },
    { "ForTextToWaveform", "AutoModelForTextToWaveform", "text-to-audio", "AutoProcessor" },
    { "ForPreTraining", "AutoModelForPreTraining", "", "AutoTokenizer" },
    { "Model", "AutoModel", "feature-extraction", "AutoTokenizer" },
};

static const struct {
    const char *begin, *task;
} diffusers_class[] = {
    { "StableDiffusionImg2Img", "image-to-image" },    { "StableDiffusionInpaint", "image-to-image" },
    { "StableDiffusionUpscale", "image-to-image" },    { "StableVideoDiffusion", "image-to-video" },
    { "TextToVideo", "text-to-video" },                { "AnimateDiff", "text-to-video" },
    { "CogVideoXImageToVideo", "image-to-video" },     { "CogVideoX", "text-to-video" },
    { "WanImageToVideo", "image-to-video" },           { "Wan", "text-to-video" },
    { "LTXImageToVideo", "image-to-video" },           { "LTX", "text-to-video" },
    { "HunyuanVideo", "text-to-video" },               { "AudioLDM", "text-to-audio" },
    { "StableAudio", "text-to-audio" },                { "MusicLDM", "text-to-audio" },
    { "DDPM", "unconditional-image-generation" },      { "DDIM", "unconditional-image-generation" },
    { "ScoreSdeVe", "unconditional-image-generation" }, { "QwenImageEdit", "image-to-image" },
    { "FluxKontext", "image-to-image" },               { "Marigold", "depth-estimation" },
    { "StableDiffusion", "text-to-image" },            { "Flux", "text-to-image" },
    { "PixArt", "text-to-image" },                     { "Kandinsky", "text-to-image" },
    { "Sana", "text-to-image" },                       { "QwenImage", "text-to-image" },
    { "AuraFlow", "text-to-image" },                   { "LatentConsistency", "text-to-image" },
};

static const struct {
    const char *type, *task;
} peft_task[] = {
    { "CAUSAL_LM", "text-generation" },         { "SEQ_CLS", "text-classification" },
    { "TOKEN_CLS", "token-classification" },    { "SEQ_2_SEQ_LM", "text2text-generation" },
    { "QUESTION_ANS", "question-answering" },   { "FEATURE_EXTRACTION", "feature-extraction" },
};

/* ------------------------------------------------------------------ config.json and its neighbours */

static const struct json *read_object(const struct facts_source *from, const struct facts_file *f, size_t n_max,
                                      struct arena *a)
{
    struct json *v;
    struct err e;
    bytes b;
    facts_read(from, f, n_max, a, &b);
    if (!b.p || !json_parse(str_of(b), a, &v, &e)) return NULL;
    return json_is(v, JSON_OBJECT) ? v : NULL;
}

static const struct json *tokenizer_part(const struct json *t, struct arena *a)
{
    static const char *const key[] = { "bos_token", "chat_template", "eos_token", "pad_token", "unk_token",
                                       "mask_token", "use_default_system_prompt" };
    struct json *out = json_new(a, JSON_OBJECT);
    for (size_t i = 0; i < COUNT(key); i++) facts_share(out, key[i], json_get(t, str_c(key[i])), a);
    return out;
}

/* A token is text or {"content": text}. */
static str token_text(const struct json *object, const char *key)
{
    const struct json *v = json_get(object, str_c(key));
    return json_is(v, JSON_STRING) ? v->s : json_str_or(v, STR("content"), STR(""));
}

static void read_tokenizer(const struct facts_source *from, const struct facts_scan *s, struct arena *a,
                           struct facts_model *out, struct json *config)
{
    const struct json *t = read_object(from, &s->named[FACTS_TOKENIZER_CONFIG], TOKENIZER_CONFIG_BYTES_MAX, a);
    bytes jinja;

    if (t) {
        struct json *part = (struct json *)tokenizer_part(t, a);
        if (part->count) json_put(config, STR("tokenizer_config"), part);
        out->has_chat_template = json_get(t, STR("chat_template")) && !json_is(json_get(t, STR("chat_template")), JSON_NULL);
        out->mask_token = token_text(t, "mask_token");
    }
    if (out->mask_token.n == 0 && s->named[FACTS_SPECIAL_TOKENS].path.p)
        out->mask_token = token_text(read_object(from, &s->named[FACTS_SPECIAL_TOKENS], CONFIG_BYTES_MAX, a), "mask_token");
    facts_read(from, &s->named[FACTS_CHAT_TEMPLATE], TEMPLATE_BYTES_MAX, a, &jinja);
    if (jinja.p && str_is_utf8(str_of(jinja))) {
        json_put(config, STR("chat_template_jinja"), json_new_str(a, str_of(jinja)));
        out->has_chat_template = true;
    }
}

static void read_config(const struct facts_source *from, const struct facts_scan *s, struct arena *a,
                        struct facts_model *out, struct json *config)
{
    const struct json *c = read_object(from, &s->named[FACTS_CONFIG], CONFIG_BYTES_MAX, a);
    const struct json *architectures = json_get(c, STR("architectures")), *first = json_at(architectures, 0);

    if (!c) return;
    if (json_is(architectures, JSON_ARRAY)) facts_share(config, "architectures", json_get(c, STR("architectures")), a);
    facts_share(config, "model_type", json_get(c, STR("model_type")), a);
    facts_share(config, "auto_map", json_get(c, STR("auto_map")), a);
    facts_share(config, "quantization_config", json_get(c, STR("quantization_config")), a);
    out->model_type = json_str_or(c, STR("model_type"), STR(""));
    if (json_is(first, JSON_STRING)) out->architecture = first->s;
    out->has_custom_code = json_is(json_get(c, STR("auto_map")), JSON_OBJECT);
    out->is_timm = json_get(c, STR("pretrained_cfg")) && json_get(c, STR("architecture"));
    out->is_transformers = out->model_type.n > 0 || out->architecture.n > 0;
}

static void read_others(const struct facts_source *from, const struct facts_scan *s, struct arena *a,
                        struct facts_model *out, struct json *config)
{
    const struct json *c = read_object(from, &s->named[FACTS_MODEL_INDEX], CONFIG_BYTES_MAX, a);
    struct json *part;

    if (c) {
        part = json_new(a, JSON_OBJECT);
        facts_share(part, "_class_name", json_get(c, STR("_class_name")), a);
        if (part->count) json_put(config, STR("diffusers"), part);
        out->diffusers_class = json_str_or(c, STR("_class_name"), STR(""));
    }
    c = read_object(from, &s->named[FACTS_ADAPTER_CONFIG], CONFIG_BYTES_MAX, a);
    if (c) {
        part = json_new(a, JSON_OBJECT);
        facts_share(part, "base_model_name_or_path", json_get(c, STR("base_model_name_or_path")), a);
        facts_share(part, "task_type", json_get(c, STR("task_type")), a);
        if (part->count) json_put(config, STR("peft"), part);
        out->peft_task = json_str_or(c, STR("task_type"), STR(""));
    }
}

static void classify(struct facts_model *m)
{
    for (size_t i = 0; m->architecture.n && i < COUNT(head); i++) {
        if (!str_ends(m->architecture, str_c(head[i].end))) continue;
        m->auto_class = str_c(head[i].auto_class);
        m->processor = str_c(head[i].processor);
        return;
    }
}

void facts_model_config(const struct facts_source *from, const struct facts_scan *s, struct arena *a,
                        struct facts_model *out)
{
    struct json *config = json_new(a, JSON_OBJECT);

    *out = (struct facts_model){ 0 };
    read_config(from, s, a, out, config);
    read_tokenizer(from, s, a, out, config);
    read_others(from, s, a, out, config);
    classify(out);
    if (config->count) out->config = config;
}

/* ------------------------------------------------------------------ library and task */

static str first_tag(const struct json *card, bool (*is_wanted)(str))
{
    json_each(t, json_get(card, STR("tags")))
    {
        if (t->type == JSON_STRING && is_wanted(t->s)) return t->s;
    }
    return STR("");
}

str facts_library(const struct json *card, const struct facts_scan *s, const struct facts_model *m)
{
    str named = json_str_or(card, STR("library_name"), STR(""));
    if (named.n) return named;
    if ((named = first_tag(card, card_library_is_known)).n) return named;
    if (s->named[FACTS_MODEL_INDEX].path.p) return STR("diffusers");
    if (s->named[FACTS_SETFIT].path.p) return STR("setfit");
    if (s->named[FACTS_MODULES].path.p || s->named[FACTS_SENTENCE_CONFIG].path.p) return STR("sentence-transformers");
    if (s->named[FACTS_ADAPTER_CONFIG].path.p) return STR("peft");
    if (s->named[FACTS_OPEN_CLIP].path.p) return STR("open_clip");
    if (m->is_timm) return STR("timm");
    if (m->is_transformers) return STR("transformers");
    if (s->formats & FORMAT_NEMO) return STR("nemo");
    if (s->formats & FORMAT_KERAS) return STR("keras");
    if (s->formats & (FORMAT_JOBLIB | FORMAT_SKOPS)) return STR("sklearn");
    return STR("");
}

static str architecture_task(const struct facts_model *m)
{
    for (size_t i = 0; m->architecture.n && i < COUNT(head); i++)
        if (str_ends(m->architecture, str_c(head[i].end))) return str_c(head[i].task);
    return STR("");
}

static str diffusers_task(const struct facts_model *m)
{
    for (size_t i = 0; i < COUNT(diffusers_class); i++)
        if (str_starts(m->diffusers_class, str_c(diffusers_class[i].begin))) return str_c(diffusers_class[i].task);
    return STR("");
}

str facts_pipeline(const struct json *card, str library, const struct facts_model *m)
{
    str named = json_str_or(card, STR("pipeline_tag"), STR(""));
    if (named.n) return named;
    if ((named = first_tag(card, card_task_is_known)).n) return named;
    if (str_eq(library, STR("diffusers"))) return diffusers_task(m);
    if (str_eq(library, STR("sentence-transformers"))) return STR("sentence-similarity");
    if (str_eq(library, STR("setfit"))) return STR("text-classification");
    if (str_eq(library, STR("timm"))) return STR("image-classification");
    if (str_eq(library, STR("open_clip"))) return STR("zero-shot-image-classification");
    for (size_t i = 0; m->peft_task.n && i < COUNT(peft_task); i++)
        if (str_eq(m->peft_task, str_c(peft_task[i].type))) return str_c(peft_task[i].task);
    if (str_eq(library, STR("transformers"))) return architecture_task(m);
    return STR("");
}

const struct json *facts_transformers_info(const struct facts_model *m, str pipeline, struct arena *a)
{
    struct json *out;
    const struct json *map;
    str custom;

    if (m->auto_class.n == 0) return NULL;
    out = json_new(a, JSON_OBJECT);
    json_put(out, STR("auto_model"), json_new_str(a, m->auto_class));
    map = json_get(m->config, STR("auto_map"));
    custom = json_str_or(map, m->auto_class, STR(""));
    if (custom.n) json_put(out, STR("custom_class"), json_new_str(a, custom));
    if (pipeline.n) json_put(out, STR("pipeline_tag"), json_new_str(a, pipeline));
    if (m->processor.n) json_put(out, STR("processor"), json_new_str(a, m->processor));
    return out;
}
