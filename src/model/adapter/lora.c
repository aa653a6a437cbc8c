/* model/adapter/lora.c - see model/adapter/lora.h.
 *
 * The tensors say which layers are adapted and the config must agree: a tensor for a layer that target_modules do not
 * name would be passed over by PEFT, and is refused here, where it can only be a mistake. */
#include "model/adapter/lora.h"

#include <math.h>

#include "base/json.h"
#include "base/os.h"
#include "model/adapter/match.h"

enum { CONFIG_BYTES_MAX = 4 << 20, RANK_MAX = 65536, PATTERNS_MAX = 4096 /* each is compared with each module */ };

struct lora {
    struct arena *a;
    const char *path;
    const struct json *config;
    struct weights *weights;
    bool *is_found; /* by the number of the tensor */
    int64_t rank;
    double alpha;
    bool is_rank_stabilised; /* by = alpha / sqrt(rank) */
};

/* ------------------------------------------------------------------ adapter_config.json */

static bool is_nothing(const struct json *v)
{
    switch (v->type) {
    case JSON_NULL: return true;
    case JSON_BOOL: return !v->b;
    case JSON_ARRAY:
    case JSON_OBJECT: return v->count == 0;
    case JSON_STRING: return v->s.n == 0;
    case JSON_INT:
    case JSON_REAL: return false;
    }
    return false;
}

/* Read here, or without a say in what is computed from saved weights. */
static bool is_understood(str key)
{
    static const char *const keys[] = {
        "peft_type", "task_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision", "inference_mode", "r", "target_modules",
        "exclude_modules", "lora_alpha", "lora_dropout", "fan_in_fan_out", "bias", "use_rslora", "init_lora_weights", "layers_to_transform",
        "layers_pattern", "rank_pattern", "alpha_pattern", "megatron_core", "loftq_config", "eva_config", "corda_config", "lora_ga_config",
        "runtime_config", "ensure_weight_tying", "qalora_group_size",
    };
    for (size_t i = 0; i < COUNT(keys); i++)
        if (str_eq(key, str_c(keys[i]))) return true;
    return false;
}

/* Some ways to begin a training take from the base model what they give to the adapter. */
static bool keeps_base(const struct json *init)
{
    static const char *const keeping[] = { "gaussian", "eva", "orthogonal", "mica" };
    str name;
    if (!json_str(init, &name)) return true;
    for (size_t i = 0; i < COUNT(keeping); i++)
        if (str_eq(name, str_c(keeping[i]))) return true;
    return false;
}

static bool number(const struct json *v, double otherwise, double *out, struct err *e)
{
    *out = otherwise;
    if (!v || v->type == JSON_NULL) return true;
    *out = v->type == JSON_INT ? (double)v->i : v->type == JSON_REAL ? v->r : -1;
    return (fabs(*out) <= 1e9 && *out >= 0) || err_set(e, ERR_INVALID, "\"%.*s\" must be a number, and not below 0", STR_ARG(v->key));
}

static bool has_few_patterns(const struct json *config, const char *what, struct err *e)
{
    const struct json *patterns = json_get(config, str_c(what));
    return !json_is(patterns, JSON_OBJECT) || patterns->count <= PATTERNS_MAX || err_set(e, ERR_TOO_LARGE, "\"%s\" may have %d patterns", what, PATTERNS_MAX);
}

static bool check_config(struct lora *l, struct err *e)
{
    const struct json *c = l->config;
    str type = json_str_or(c, STR("peft_type"), STR("")), bias = json_str_or(c, STR("bias"), STR("none"));
    if (!str_eq(type, STR("LORA")))
        return err_set(e, ERR_NOT_BUILT, "the peft_type \"%.*s\" is not built; LORA is", STR_ARG(str_to(type, 60)));
    if (!str_eq(bias, STR("none"))) return err_set(e, ERR_NOT_BUILT, "an adapter with \"bias\": \"%.*s\" is not built", STR_ARG(str_to(bias, 60)));
    if (!keeps_base(json_get(c, STR("init_lora_weights"))))
        return err_set(e, ERR_NOT_BUILT, "an adapter with \"init_lora_weights\": \"%.*s\", which changes the base model, is not built; convert it to a plain one",
                       STR_ARG(str_to(json_get(c, STR("init_lora_weights"))->s, 60)));
    json_each (item, c)
        if (!is_understood(item->key) && !is_nothing(item))
            return err_set(e, ERR_NOT_BUILT, "an adapter with \"%.*s\" is not built", STR_ARG(str_to(item->key, 60)));
    if (!has_few_patterns(c, "rank_pattern", e) || !has_few_patterns(c, "alpha_pattern", e)) return false;
    l->rank = json_int_or(c, STR("r"), 8);
    l->is_rank_stabilised = json_bool_or(c, STR("use_rslora"), false);
    return number(json_get(c, STR("lora_alpha")), 8, &l->alpha, e);
}

static bool read_config(struct lora *l, const char *dir, struct err *e)
{
    const char *path = arena_cstr(l->a, arena_fmt(l->a, "%s/adapter_config.json", dir));
    char *text;
    size_t n;
    struct json *config;
    if (!os_read_file(path, CONFIG_BYTES_MAX, &text, &n, e)) return false;
    str kept = arena_dup(l->a, str_n(text, n));
    mem_free(text);
    if (!json_parse(kept, l->a, &config, e)) return err_context(e, "%s", path);
    l->config = config;
    return check_config(l, e) || err_context(e, "%s", path);
}

/* ------------------------------------------------------------------ opening */

static bool open_parts(struct lora *l, const char *dir, struct err *e)
{
    bool found;
    if (!read_config(l, dir, e)) return false;
    if (!os_stat(arena_cstr(l->a, arena_fmt(l->a, "%s/adapter_model.safetensors", dir)), NULL, NULL, &found, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "%s has no adapter_model.safetensors; pickles (adapter_model.bin) are not read", dir);
    if (!weights_open_file(dir, "adapter_model.safetensors", &l->weights, e)) return false;
    weights_are_here(l->weights); /* an adapter's file comes whole, or not at all */
    l->is_found = arena_alloc(l->a, (weights_count(l->weights) + 1) * sizeof *l->is_found);
    return true;
}

bool lora_open(const char *dir, struct lora **out, struct err *e)
{
    struct lora *l = mem_one(struct lora);
    l->a = arena_new(0);
    l->path = arena_cstr(l->a, str_c(dir));
    if (open_parts(l, dir, e)) {
        *out = l;
        return true;
    }
    lora_close(l);
    return false;
}

void lora_close(struct lora *l)
{
    if (!l) return;
    weights_close(l->weights);
    arena_free(l->a);
    mem_free(l);
}


/* ------------------------------------------------------------------ finding */

/* The first number in a module's name is that of its layer. */
static bool layer_of(str module, int64_t *out)
{
    str piece;
    while (str_cut(&module, '.', &piece))
        if (str_i64(piece, out)) return true;
    return str_i64(module, out);
}

static bool is_in_layers(const struct lora *l, str module)
{
    const struct json *layers = json_get(l->config, STR("layers_to_transform"));
    int64_t layer, n;
    if (!layers || is_nothing(layers)) return true;
    if (!layer_of(module, &layer)) return false;
    if (json_int(layers, &n)) return n == layer;
    json_each (item, layers)
        if (json_int(item, &n) && n == layer) return true;
    return false;
}

static bool is_target(const struct lora *l, str module, bool *out, struct err *e)
{
    const struct json *names = json_get(l->config, STR("target_modules"));
    bool is_excluded;
    if (!match_module(json_get(l->config, STR("exclude_modules")), module, &is_excluded, e)) return false;
    *out = true;
    if (!json_is(names, JSON_STRING) || !str_eq_nocase(names->s, STR("all-linear")))
        if (!match_module(names, module, out, e)) return false;
    *out = *out && !is_excluded && (json_is(names, JSON_STRING) || is_in_layers(l, module));
    return true;
}

/* The value of the first pattern that means the module. */
static bool by_pattern(const struct lora *l, const char *what, str module, double otherwise, double *out, struct err *e)
{
    *out = otherwise;
    json_each (item, json_get(l->config, str_c(what))) {
        bool is_meant;
        if (!match_whole("(.*\\.)?(", item->key, ")", module, &is_meant, e)) return false;
        if (is_meant) return number(item, otherwise, out, e);
    }
    return true;
}

static const struct tensor *take(struct lora *l, str module, const char *which)
{
    const struct tensor *t = weights_find(l->weights, arena_fmt(l->a, "base_model.model.%.*s.%s.weight", STR_ARG(module), which));
    if (t) l->is_found[t - weights_nth(l->weights, 0)] = true;
    return t;
}

bool lora_find(struct lora *l, str module, uint64_t outputs, uint64_t inputs, struct low_rank *out, struct err *e)
{
    bool is_meant;
    double rank, alpha;
    *out = (struct low_rank){ take(l, module, "lora_A"), take(l, module, "lora_B"), 0 };
    if (!out->a && !out->b) return true;
    if (!out->a || !out->b) return err_set(e, ERR_INVALID, "%s: %.*s has lora_A or lora_B alone", l->path, STR_ARG(module));
    if (!is_target(l, module, &is_meant, e) || !by_pattern(l, "rank_pattern", module, (double)l->rank, &rank, e) ||
        !by_pattern(l, "alpha_pattern", module, l->alpha, &alpha, e))
        return false;
    if (!is_meant) return err_set(e, ERR_INVALID, "%s: there are tensors for %.*s, which target_modules do not mean", l->path, STR_ARG(module));
    if (!(rank >= 1 && rank <= RANK_MAX)) return err_set(e, ERR_INVALID, "%s: the rank of %.*s is %g", l->path, STR_ARG(module), rank);
    out->by = (float)(alpha / (l->is_rank_stabilised ? sqrt(rank) : rank));
    return (weights_need(l->weights, out->a->name, (uint64_t)rank, inputs, &out->a, e) &&
            weights_need(l->weights, out->b->name, outputs, (uint64_t)rank, &out->b, e)) ||
           err_context(e, "%s", l->path);
}

bool lora_all_found(const struct lora *l, struct err *e)
{
    for (size_t i = 0; i < weights_count(l->weights); i++)
        if (!l->is_found[i])
            return err_set(e, ERR_INVALID, "%s: the model has no place for the tensor \"%.*s\"", l->path, STR_ARG(str_to(weights_nth(l->weights, i)->name, 150)));
    return true;
}
