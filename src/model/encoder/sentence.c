/* model/encoder/sentence.c - see sentence.h.
 *
 * Modules stand in the order of modules.json; each takes the vector that the one before gave.  A type of module that is
 * not known is refused by name, for leaving one out would give vectors that look right. */
#include "model/encoder/sentence.h"

#include <math.h>
#include <string.h>

#include "model/decoder/family.h"
#include "model/nn/linear.h"

enum { MODULES_MAX = 16, WIDTH_MAX = 1 << 20 };

enum pooling { POOL_CLS, POOL_MAX, POOL_MEAN, POOL_MEAN_SQRT, POOL_WEIGHTED_MEAN, POOL_LAST, POOLINGS };
enum dense_act { DENSE_IDENTITY, DENSE_TANH, DENSE_SIGMOID, DENSE_RELU, DENSE_GELU };

struct dense {
    struct weights *weights;
    struct linear linear;
    enum dense_act act;
};
struct module {
    enum { MODULE_DENSE, MODULE_NORMALIZE } kind;
    struct dense dense;
};

struct sentence {
    struct arena *a;
    struct source *source;
    struct team *team;
    enum kernel_type type;
    struct sentence_config config;
    enum pooling pooling[POOLINGS];
    size_t poolings, hidden, pooled, width;
    struct module module[MODULES_MAX]; /* after the pooling */
    size_t modules;
    struct scratch scratch;
    float *space[2]; /* [rows_room][stride] */
    size_t stride, rows_room;
};

const struct sentence_config *sentence_config(const struct sentence *t) { return &t->config; }
size_t sentence_width(const struct sentence *t) { return t->width; }

/* ------------------------------------------------------------------ reading */

/* In the order in which sentence-transformers puts their vectors beside each other. */
static const struct { const char *name, *old; } poolings[POOLINGS] = {
    [POOL_CLS] = { "cls", "pooling_mode_cls_token" },
    [POOL_MAX] = { "max", "pooling_mode_max_tokens" },
    [POOL_MEAN] = { "mean", "pooling_mode_mean_tokens" },
    [POOL_MEAN_SQRT] = { "mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens" },
    [POOL_WEIGHTED_MEAN] = { "weightedmean", "pooling_mode_weightedmean_tokens" },
    [POOL_LAST] = { "lasttoken", "pooling_mode_lasttoken" },
};

static bool add_pooling(struct sentence *t, const struct json *mode, struct err *e)
{
    str name = mode->type == JSON_STRING ? mode->s : STR("");
    for (size_t i = 0; i < POOLINGS; i++)
        if (str_eq(name, str_c(poolings[i].name))) {
            if (t->poolings == POOLINGS) return err_set(e, ERR_INVALID, "a pooling names more modes than there are");
            t->pooling[t->poolings++] = (enum pooling)i;
            return true;
        }
    return err_set(e, ERR_NOT_BUILT, "the pooling mode \"%.*s\" is not built", STR_ARG(str_to(name, 60)));
}

static bool read_pooling(struct sentence *t, const struct json *c, struct err *e)
{
    const struct json *mode = json_get(c, STR("pooling_mode"));
    uint32_t width;
    if (!config_count(c, json_get(c, STR("embedding_dimension")) ? "embedding_dimension" : "word_embedding_dimension",
                      (uint32_t)t->hidden, 1, WIDTH_MAX, &width, e))
        return false;
    if (width != t->hidden)
        return err_set(e, ERR_INVALID, "the pooling expects %u numbers a token, and the encoder gives %zu", width,
                       t->hidden);
    t->config.pools_prompt = json_bool_or(c, STR("include_prompt"), true);
    if (json_is(mode, JSON_STRING)) {
        if (!add_pooling(t, mode, e)) return false;
    } else if (json_is(mode, JSON_ARRAY)) {
        json_each (item, mode)
            if (!add_pooling(t, item, e)) return false;
    } else {
        for (size_t i = 0; i < POOLINGS; i++)
            if (json_bool_or(c, str_c(poolings[i].old), false)) t->pooling[t->poolings++] = (enum pooling)i;
    }
    if (t->poolings == 0) t->pooling[t->poolings++] = POOL_MEAN;
    t->width = t->pooled = t->poolings * t->hidden;
    return true;
}

static bool read_dense_act(const struct json *c, enum dense_act *out, struct err *e)
{
    static const struct { const char *name; enum dense_act act; } known[] = {
        { "Tanh", DENSE_TANH }, { "Identity", DENSE_IDENTITY }, { "Sigmoid", DENSE_SIGMOID },
        { "ReLU", DENSE_RELU }, { "GELU", DENSE_GELU },
    };
    str name = json_str_or(c, STR("activation_function"), STR("torch.nn.modules.activation.Tanh"));
    size_t dot = str_rchr(name, '.');
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_eq(dot == STR_NONE ? name : str_from(name, dot + 1), str_c(known[i].name))) {
            *out = known[i].act;
            return true;
        }
    return err_set(e, ERR_NOT_BUILT, "the activation \"%.*s\" of a dense layer is not built",
                   STR_ARG(str_to(name, 100)));
}

static bool read_dense(struct sentence *t, str path, const struct json *c, struct dense *d, struct err *e)
{
    uint32_t in, out;
    struct linear_part part = { 0 };
    if (!config_count(c, "in_features", (uint32_t)t->width, 1, WIDTH_MAX, &in, e) ||
        !config_count(c, "out_features", 0, 1, WIDTH_MAX, &out, e) || !read_dense_act(c, &d->act, e))
        return false;
    if (in != t->width) return err_set(e, ERR_INVALID, "a dense layer expects %u numbers, and gets %zu", in, t->width);
    if (!str_eq(json_str_or(c, STR("module_input_name"), STR("sentence_embedding")), STR("sentence_embedding")))
        return err_set(e, ERR_NOT_BUILT, "a dense layer over tokens is not built");
    const char *folder = arena_cstr(t->a, arena_fmt(t->a, "%s/%.*s", source_path(t->source), STR_ARG(path)));
    if (!weights_open(folder, &d->weights, e) ||
        !weights_need(d->weights, STR("linear.weight"), out, in, &part.weight, e))
        return false;
    if (json_bool_or(c, STR("bias"), true) && !weights_need(d->weights, STR("linear.bias"), 1, out, &part.bias, e))
        return false;
    t->width = out;
    return linear_pack(t->team, t->type, in, &part, 1, &d->linear, e);
}

static bool read_module(struct sentence *t, const struct json *entry, size_t at, struct err *e)
{
    str type = json_str_or(entry, STR("type"), STR("")), path = json_str_or(entry, STR("path"), STR(""));
    size_t dot = str_rchr(type, '.');
    str kind = dot == STR_NONE ? type : str_from(type, dot + 1);
    const struct json *config = NULL;
    if (at == 0)
        return str_eq(kind, STR("Transformer")) ||
               err_set(e, ERR_NOT_BUILT, "modules.json begins with \"%.*s\"; a Transformer is what is built",
                       STR_ARG(str_to(type, 100)));
    if (path.n && !source_json(t->source, arena_fmt(t->a, "%.*s/config.json", STR_ARG(path)), &config, e)) return false;
    if (str_eq(kind, STR("Pooling")) && t->poolings == 0 && t->modules == 0)
        return read_pooling(t, config, e) || err_context(e, "%.*s", STR_ARG(path));
    struct module *m = &t->module[t->modules];
    if (t->modules == MODULES_MAX) return err_set(e, ERR_TOO_LARGE, "modules.json: more than %d modules", MODULES_MAX);
    if (str_eq(kind, STR("Normalize")) && t->poolings) {
        m->kind = MODULE_NORMALIZE;
        t->modules++;
        return true;
    }
    if (str_eq(kind, STR("Dense")) && t->poolings) {
        m->kind = MODULE_DENSE;
        t->modules++; /* so that what it opened is closed */
        return read_dense(t, path, config, &m->dense, e) || err_context(e, "%.*s", STR_ARG(path));
    }
    return err_set(
        e, ERR_NOT_BUILT,
        "modules.json: a module \"%.*s\" in this place is not built; Transformer, Pooling, Dense and Normalize are",
        STR_ARG(str_to(type, 100)));
}

static bool read_settings(struct sentence *t, struct err *e)
{
    static const struct { const char *name; enum similarity kind; } known[] = {
        { "cosine", SIMILARITY_COSINE },
        { "dot", SIMILARITY_DOT },
        { "euclidean", SIMILARITY_EUCLIDEAN },
        { "manhattan", SIMILARITY_MANHATTAN },
    };
    const struct json *bert, *c;
    str name;
    if (!source_json(t->source, STR("sentence_bert_config.json"), &bert, e) ||
        !source_json(t->source, STR("config_sentence_transformers.json"), &c, e) ||
        !config_count(bert, "max_seq_length", 0, 0, 1u << 30, &t->config.tokens_max, e))
        return false;
    t->config.lower_case = json_bool_or(bert, STR("do_lower_case"), false);
    t->config.prompts = json_is(json_get(c, STR("prompts")), JSON_OBJECT) ? json_get(c, STR("prompts")) : NULL;
    t->config.default_prompt = json_str_or(c, STR("default_prompt_name"), STR(""));
    if (!json_str(json_get(c, STR("similarity_fn_name")), &name)) return true;
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_eq(name, str_c(known[i].name))) {
            t->config.similarity = known[i].kind;
            return true;
        }
    return err_set(e, ERR_NOT_BUILT, "the similarity \"%.*s\" is not built", STR_ARG(str_to(name, 60)));
}

static bool read_modules(struct sentence *t, const struct json *modules, struct err *e)
{
    size_t at = 0;
    if (!json_is(modules, JSON_ARRAY)) return err_set(e, ERR_INVALID, "modules.json must be a list");
    json_each (entry, modules)
        if (!read_module(t, entry, at++, e)) return false;
    if (t->poolings == 0) return err_set(e, ERR_NOT_BUILT, "modules.json names no Pooling");
    t->stride = linear_stride(t->pooled);
    for (size_t i = 0; i < t->modules; i++)
        if (t->module[i].kind == MODULE_DENSE && linear_stride(t->module[i].dense.linear.n) > t->stride)
            t->stride = linear_stride(t->module[i].dense.linear.n);
    return read_settings(t, e);
}

bool sentence_open(struct source *s, size_t hidden, enum kernel_type type, struct team *team,
                   struct sentence **out, struct err *e)
{
    const struct json *modules;
    *out = NULL;
    if (!source_json(s, STR("modules.json"), &modules, e)) return false;
    if (!modules) return true;
    struct sentence *t = mem_one(struct sentence);
    *t = (struct sentence){
        .a = arena_new(0), .source = s, .team = team, .type = type, .hidden = hidden
    };
    if (read_modules(t, modules, e)) {
        *out = t;
        return true;
    }
    sentence_close(t);
    return err_context(e, "%s", source_path(s));
}

void sentence_close(struct sentence *t)
{
    if (!t) return;
    for (size_t i = 0; i < t->modules; i++) {
        linear_free(&t->module[i].dense.linear);
        weights_close(t->module[i].dense.weights);
    }
    mem_free(t->space[0]);
    mem_free(t->space[1]);
    scratch_free(&t->scratch);
    arena_free(t->a);
    mem_free(t);
}

/* ------------------------------------------------------------------ pooling */

/* Sum over tokens [first, n) of weight(i) x_i, divided by what `divisor` says of the sum of the weights. */
static void pool_mean(const struct encoder_rows *x, size_t row, size_t first, size_t n, enum pooling how, float *out)
{
    float weights = 0;
    memset(out, 0, x->width * sizeof *out);
    for (size_t i = first; i < n; i++) {
        float weight = how == POOL_WEIGHTED_MEAN ? (float)(i + 1) : 1;
        kernels()->axpy(weight, x->p + (row + i) * x->stride, out, x->width);
        weights += weight;
    }
    float divisor = fmaxf(weights, 1e-9f);
    if (how == POOL_MEAN_SQRT) divisor = sqrtf(divisor);
    for (size_t j = 0; j < x->width; j++) out[j] /= divisor;
}

/* Tokens [first, n) of the text that begins at `row`. */
static void pool(const struct encoder_rows *x, size_t row, size_t first, size_t n, enum pooling how, float *out)
{
    switch ((int)how) {
    case POOL_CLS: memcpy(out, x->p + (row + first) * x->stride, x->width * sizeof *out); return;
    case POOL_LAST: memcpy(out, x->p + (row + n - 1) * x->stride, x->width * sizeof *out); return;
    case POOL_MAX:
        for (size_t j = 0; j < x->width; j++) {
            out[j] = -INFINITY;
            for (size_t i = first; i < n; i++) out[j] = fmaxf(out[j], x->p[(row + i) * x->stride + j]);
        }
        return;
    }
    pool_mean(x, row, first, n, how, out);
}

static void activate(enum dense_act act, float *x, size_t n)
{
    static const enum kernel_activation known[] = {
        [DENSE_TANH] = KERNEL_TANH, [DENSE_RELU] = KERNEL_RELU, [DENSE_GELU] = KERNEL_GELU
    };
    if (act == DENSE_IDENTITY) return;
    if (act != DENSE_SIGMOID) kernels()->activate[known[act]](x, NULL, n, x);
    else
        for (size_t i = 0; i < n; i++) x[i] = 1 / (1 + expf(-x[i]));
}

bool sentence_pool(struct sentence *t, const struct encoder_text *text, size_t n, const struct encoder_rows *hidden,
                   size_t skip, float *out, struct err *e)
{
    if (n > t->rows_room) {
        for (size_t i = 0; i < 2; i++) t->space[i] = mem_grow(t->space[i], n * t->stride * sizeof(float));
        t->rows_room = n;
    }
    float *now = t->space[0], *next = t->space[1];
    size_t width = t->pooled;
    for (size_t i = 0, row = 0; i < n; row += text[i++].n) {
        /* With nothing left the prompt counts after all. */
        size_t first = t->config.pools_prompt || skip >= text[i].n ? 0 : skip;
        for (size_t p = 0; p < t->poolings; p++)
            pool(hidden, row, first, text[i].n, t->pooling[p], now + i * t->stride + p * t->hidden);
    }
    for (size_t m = 0; m < t->modules; m++) {
        const struct module *module = &t->module[m];
        if (module->kind == MODULE_DENSE) {
            if (!linear_run(t->team, &t->scratch, &module->dense.linear, now, t->stride, n, next, t->stride, e))
                return false;
            width = module->dense.linear.n;
            float *last = now;
            now = next;
            next = last;
            for (size_t i = 0; i < n; i++) activate(module->dense.act, now + i * t->stride, width);
            continue;
        }
        for (size_t i = 0; i < n; i++) {
            float *v = now + i * t->stride, length = fmaxf(sqrtf(kernels()->dot(v, v, width)), 1e-12f);
            for (size_t j = 0; j < width; j++) v[j] /= length;
        }
    }
    for (size_t i = 0; i < n; i++) memcpy(out + i * t->width, now + i * t->stride, t->width * sizeof *out);
    return true;
}

float similarity_of(enum similarity kind, const float *a, const float *b, size_t n)
{
    double dot = kernels()->dot(a, b, n), distance = 0;
    switch (kind) {
    case SIMILARITY_DOT: return (float)dot;
    case SIMILARITY_COSINE: {
        float of_a = fmaxf(sqrtf(kernels()->dot(a, a, n)), 1e-12f),
              of_b = fmaxf(sqrtf(kernels()->dot(b, b, n)), 1e-12f);
        return (float)(dot / of_a / of_b);
    }
    case SIMILARITY_EUCLIDEAN:
        for (size_t i = 0; i < n; i++) distance += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        return (float)-sqrt(distance);
    case SIMILARITY_MANHATTAN:
        for (size_t i = 0; i < n; i++) distance += fabs((double)a[i] - b[i]);
        return (float)-distance;
    }
    return 0;
}
