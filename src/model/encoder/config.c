/* model/encoder/config.c - config.json into a description; see config.h.
 *
 * What every family has is read here, with BERT's names and defaults; a family's row then says how it differs. */
#include "model/encoder/config.h"

#include <stdio.h>

#include "model/decoder/family.h"
#include "model/encoder/family.h"

bool encoder_act_read(const struct json *config, const char *name, enum kernel_activation *out, struct err *e)
{
    static const struct { const char *name; enum kernel_activation act; } known[] = {
        { "gelu", KERNEL_GELU },           { "gelu_python", KERNEL_GELU },
        { "gelu_new", KERNEL_GELU_TANH },  { "gelu_pytorch_tanh", KERNEL_GELU_TANH },
        { "gelu_fast", KERNEL_GELU_TANH }, { "quick_gelu", KERNEL_GELU_QUICK },
        { "relu", KERNEL_RELU },           { "silu", KERNEL_SILU },
        { "swish", KERNEL_SILU },          { "tanh", KERNEL_TANH },
    };
    str text;
    if (!json_str(json_get(config, str_c(name)), &text)) return true;
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_eq(text, str_c(known[i].name))) {
            *out = known[i].act;
            return true;
        }
    return err_set(e, ERR_NOT_BUILT, "the activation \"%.*s\" is not built", STR_ARG(str_to(text, 60)));
}

/* ------------------------------------------------------------------ labels */

/* "id2label": {"0": "NEGATIVE", ...}: a label for each number from 0. */
static bool read_labels(const struct json *c, struct arena *a, struct encoder_config *d, struct err *e)
{
    const struct json *names = json_get(c, STR("id2label"));
    size_t named = json_is(names, JSON_OBJECT) ? names->count : 0;
    if (named) d->labels = named <= ENCODER_LABELS_MAX ? (uint32_t)named : ENCODER_LABELS_MAX + 1;
    else if (!config_count(c, "num_labels", 2, 1, ENCODER_LABELS_MAX, &d->labels, e)) return false;
    if (d->labels > ENCODER_LABELS_MAX)
        return err_set(e, ERR_TOO_LARGE, "config.json: more than %d labels", ENCODER_LABELS_MAX);
    d->label = arena_alloc(a, d->labels * sizeof *d->label);
    for (uint32_t i = 0; i < d->labels; i++) d->label[i] = arena_fmt(a, "LABEL_%u", i);
    json_each (entry, named ? names : NULL) {
        uint64_t id;
        if (!str_u64(entry->key, &id) || id >= d->labels || entry->type != JSON_STRING)
            return err_set(e, ERR_INVALID,
                           "config.json: \"id2label\" must give the numbers from 0 to %u names, and has \"%.*s\"",
                           d->labels - 1, STR_ARG(str_to(entry->key, 60)));
        d->label[id] = entry->s;
    }
    return true;
}

static bool read_problem(const struct json *c, struct encoder_config *d, struct err *e)
{
    static const struct { const char *name; enum problem_type p; } known[] = {
        { "regression", PROBLEM_REGRESSION }, { "single_label_classification", PROBLEM_SINGLE_LABEL },
        { "multi_label_classification", PROBLEM_MULTI_LABEL },
    };
    str text;
    if (!json_str(json_get(c, STR("problem_type")), &text)) return true;
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_eq(text, str_c(known[i].name))) {
            d->problem = known[i].p;
            return true;
        }
    return err_set(e, ERR_INVALID, "config.json: the \"problem_type\" \"%.*s\" is none that there is",
                   STR_ARG(str_to(text, 60)));
}

enum encoder_head_kind encoder_head_of(str architecture)
{
    static const struct { const char *ending; enum encoder_head_kind kind; } known[] = {
        { "ForSequenceClassification", HEAD_SEQUENCE }, { "ForTokenClassification", HEAD_TOKEN },
        { "ForQuestionAnswering", HEAD_QUESTION }, { "ForMaskedLM", HEAD_MASKED }, { "ForPreTraining", HEAD_MASKED },
    };
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_ends(architecture, str_c(known[i].ending))) return known[i].kind;
    return HEAD_NONE;
}

/* ------------------------------------------------------------------ sizes */

/* BERT's names, or those of DistilBERT. */
static bool count_of(const struct json *c, const char *name, const char *also, uint32_t otherwise, uint32_t least,
                     uint32_t most, uint32_t *out, struct err *e)
{
    return config_count(c, json_get(c, str_c(name)) || !json_get(c, str_c(also)) ? name : also, otherwise, least, most,
                        out, e);
}

static bool read_sizes(const struct json *c, struct encoder_config *d, struct err *e)
{
    if (!config_count(c, "vocab_size", 30522, 1, 1u << 24, &d->vocab, e) ||
        !count_of(c, "hidden_size", "dim", 768, 1, 1u << 16, &d->hidden, e) ||
        !count_of(c, "intermediate_size", "hidden_dim", 3072, 1, 1u << 18, &d->intermediate, e) ||
        !count_of(c, "num_hidden_layers", "n_layers", 12, 1, ENCODER_LAYERS_MAX, &d->layers, e) ||
        !count_of(c, "num_attention_heads", "n_heads", 12, 1, 4096, &d->heads, e) ||
        !config_count(c, "max_position_embeddings", 512, 1, 1u << 24, &d->position_rows, e) ||
        !config_count(c, "type_vocab_size", 2, 0, 256, &d->types, e) ||
        !config_real(c, "layer_norm_eps", d->norm_eps, &d->norm_eps, e))
        return false;
    if (d->hidden % d->heads)
        return err_set(e, ERR_INVALID, "config.json: %u numbers cannot be shared by %u attention heads", d->hidden,
                       d->heads);
    if (!(d->norm_eps >= 0)) return err_set(e, ERR_INVALID, "config.json: \"layer_norm_eps\" must not be negative");
    d->head_dim = d->hidden / d->heads;
    d->positions = d->position_rows;
    d->groups = d->layers;
    d->embedding = d->hidden;
    d->pad = json_int_or(c, STR("pad_token_id"), 0);
    return true;
}

/* What would change the arithmetic, and is not built for any family. */
static bool refuse_unknown(const struct json *c, struct err *e)
{
    if (json_bool_or(c, STR("is_decoder"), false) || json_bool_or(c, STR("add_cross_attention"), false))
        return err_set(e, ERR_NOT_BUILT, "encoders as decoders (\"is_decoder\") are not built");
    if (json_is(json_get(c, STR("quantization_config")), JSON_OBJECT))
        return err_set(e, ERR_NOT_BUILT,
                       "weights quantised by other programs (\"quantization_config\") are not read yet; use the "
                       "original ones with --dtype");
    return true;
}

static bool check_positions(const struct json *c, const struct encoder_config *d, struct err *e)
{
    str type;
    return !json_str(json_get(c, STR("position_embedding_type")), &type) || str_eq(type, d->has_rope ? STR("rope") : STR("absolute")) ||
           (d->has_rope && str_eq(type, STR("absolute")) && d->window_every) || /* ModernBERT's files say so, and mean nothing */
           err_set(e, ERR_NOT_BUILT, "the \"position_embedding_type\" \"%.*s\" is not built", STR_ARG(str_to(type, 60)));
}

bool encoder_labels_read(const struct json *config, struct arena *a, struct encoder_config *out, struct err *e)
{
    return read_labels(config, a, out, e) && read_problem(config, out, e);
}

bool encoder_knows(str model_type) { return encoder_family_find(model_type) != NULL; }

bool encoder_config_read(const struct json *config, struct arena *a, struct encoder_config *d, struct err *e)
{
    *d = (struct encoder_config){ .act = KERNEL_GELU,
                                  .rope_stretch = 1,
                                  .norm_eps = 1e-12f,
                                  .norm_bias = true,
                                  .qkv_bias = true,
                                  .o_bias = true,
                                  .mlp_bias = true,
                                  .decoder_bias = true,
                                  .classifier_bias = true };
    d->model_type = json_str_or(config, STR("model_type"), STR(""));
    json_str(json_at(json_get(config, STR("architectures")), 0), &d->architecture);
    const struct encoder_family *f = encoder_family_find(d->model_type);
    if (!f) {
        err_set(e, ERR_NOT_BUILT,
                "the model_type \"%.*s\" is not supported; encoders that are:", STR_ARG(str_to(d->model_type, 60)));
        for (size_t i = 0, n = strlen(e->msg); encoder_family(i); i++, n = strlen(e->msg))
            snprintf(e->msg + n, sizeof e->msg - n, "%s %s", i ? "," : "", encoder_family(i));
        return false;
    }
    d->names = f->names;
    if (!refuse_unknown(config, e) || !read_sizes(config, d, e) ||
        !encoder_act_read(config, json_get(config, STR("hidden_act")) ? "hidden_act" : "activation", &d->act, e) ||
        !encoder_labels_read(config, a, d, e))
        return false;
    return (!f->read || f->read(config, d, e)) && check_positions(config, d, e);
}
