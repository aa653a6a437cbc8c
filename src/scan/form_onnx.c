/* scan/form_onnx.c - ONNX: a graph whose large tensors may lie in other files, named by the model.
 *
 * A loader joins such a name to the folder of the model; so it must stay inside.  Operators of a domain that is neither ONNX's nor the
 * runtime's come from a library that the caller loads, which is a label; those that call Python are told. */
#include "scan/form.h"
#include "scan/protobuf.h"

enum message { MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, ENTRY, FUNCTION, OPSET, SPARSE, TRAINING };
enum { NODE_OP = 4, NODE_DOMAIN = 7, ENTRY_KEY = 1, ENTRY_VALUE = 2, OPSET_DOMAIN = 1, LABELS_MAX = 8, FIELDS_MAX = 20000000, HEAD_FIELDS_MAX = 20000 };

static const struct pb_rule rules[] = {
    { MODEL, 7, GRAPH },     { MODEL, 8, OPSET },       { MODEL, 20, TRAINING },   { MODEL, 25, FUNCTION },   { GRAPH, 1, NODE },       { GRAPH, 5, TENSOR },
    { GRAPH, 15, SPARSE },   { NODE, 4, PB_TEXT },      { NODE, 5, ATTRIBUTE },    { NODE, 7, PB_TEXT },      { ATTRIBUTE, 5, TENSOR }, { ATTRIBUTE, 6, GRAPH },
    { ATTRIBUTE, 10, TENSOR }, { ATTRIBUTE, 11, GRAPH }, { ATTRIBUTE, 22, SPARSE }, { ATTRIBUTE, 23, SPARSE }, { TENSOR, 13, ENTRY },    { ENTRY, 1, PB_TEXT },
    { ENTRY, 2, PB_TEXT },   { FUNCTION, 7, NODE },     { FUNCTION, 9, OPSET },    { FUNCTION, 11, ATTRIBUTE }, { OPSET, 1, PB_TEXT },  { SPARSE, 1, TENSOR },
    { SPARSE, 2, TENSOR },   { TRAINING, 1, GRAPH },    { TRAINING, 2, GRAPH },
};
/* ir_version, producer_name, producer_version, domain, model_version, doc_string, graph, opset_import, metadata_props, training_info, functions, configuration */
#define MODEL_FIELDS (1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6 | 1u << 7 | 1u << 8 | 1u << 14 | 1u << 20 | 1u << 25 | 1u << 26)
#define MODEL_MUST (1u << 1 | 1u << 7)

struct onnx {
    struct scan *s;
    const struct probe_input *in;
    char key[64], value[PB_TEXT_MAX], domain[LABELS_MAX][64];
    size_t key_n, value_n, domains, outside;
};

static void note_domain(struct onnx *o, str domain)
{
    static const char *const known[] = { "", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview", "ai.onnx.preview.training", "org.pytorch.aten", "local", "this" };
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_eq(domain, str_c(known[i]))) return;
    if (str_starts(domain, STR("com.microsoft")) || str_starts(domain, STR("com.ms")) || str_starts(domain, STR("pkg.")) || o->domains == LABELS_MAX) return;
    domain = str_to(domain, sizeof o->domain[0] - 1);
    for (size_t i = 0; i < o->domains; i++)
        if (str_eq(domain, str_c(o->domain[i]))) return;
    memcpy(o->domain[o->domains], domain.p, domain.n);
    o->domain[o->domains++][domain.n] = '\0';
    scan_add(o->s, o->in, "onnx", SCAN_SAFE, "uses operators of a library of its own: %.*s", STR_ARG(domain));
}

static void begin(void *ctx, uint8_t message)
{
    struct onnx *o = ctx;
    if (message == ENTRY) o->key_n = o->value_n = 0;
}

static void text(void *ctx, uint8_t message, uint32_t field, str t)
{
    struct onnx *o = ctx;
    if (message == ENTRY && field == ENTRY_KEY) memcpy(o->key, t.p, o->key_n = t.n < sizeof o->key ? t.n : sizeof o->key);
    else if (message == ENTRY) memcpy(o->value, t.p, o->value_n = t.n);
    else if (message == OPSET || field == NODE_DOMAIN) note_domain(o, t);
    else if (str_eq(t, STR("PyOp")) || str_eq(t, STR("PythonOp")) || str_eq(t, STR("PyCustomOp")) || str_eq(t, STR("PyFunc")))
        scan_add(o->s, o->in, "onnx", SCAN_SUSPICIOUS, "calls Python by the operator %.*s", STR_ARG(t));
}

static void end(void *ctx, uint8_t message)
{
    struct onnx *o = ctx;
    if (message != ENTRY || !str_eq(str_n(o->key, o->key_n), STR("location"))) return;
    str path = str_n(o->value, o->value_n);
    if (form_leads_outside(path) && o->outside++ < LABELS_MAX)
        scan_add(o->s, o->in, "onnx", SCAN_UNSAFE, "has a loader read outside of the model's folder: %.*s", STR_ARG(str_to(path, 200)));
}

bool probe_onnx(struct scan *s, const struct probe_input *in, struct err *e)
{
    static const char *const ends[] = { ".onnx", ".ort" };
    bool named = scan_path_ends(in->path, ends, 1), good = true, fits = named;
    /* ir_version comes first, and has not reached 20. */
    bool may_be = in->head.n > 4 && in->head.p[0] == 0x08 && in->head.p[1] < 20;
    if ((!named && !may_be) || str_starts(str_of(in->head), STR("version https://git-lfs"))) return true;
    struct onnx *o = mem_one(struct onnx);
    struct pb *p = mem_one(struct pb);
    o->s = s;
    o->in = in;
    *p = (struct pb){ .s = s, .in = in, .rule = rules, .rules = COUNT(rules), .begin = begin, .end = end, .text = text, .ctx = o };
    bool ok = named || pb_fits(p, MODEL_FIELDS, MODEL_MUST, HEAD_FIELDS_MAX, &fits, e);
    p->fields_left = FIELDS_MAX;
    if (ok && fits) ok = pb_walk(p, MODEL, &good, e);
    if (ok && fits && !good) scan_add(s, in, "onnx", SCAN_CAUTION, "is no ONNX model that can be read to its end");
    mem_free(p);
    mem_free(o);
    return ok;
}
