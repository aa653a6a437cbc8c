/* scan/form_tensorflow.c - TensorFlow's graphs: operators that read and write files, or call Python.
 *
 *     saved_model.pb: SavedModel { 2: MetaGraphDef { 2: GraphDef } }; a frozen graph is a GraphDef
 *     GraphDef { 1: NodeDef { 2: op }, 2: FunctionDefLibrary { 1: FunctionDef { 3: NodeDef } } }
 *
 * A loader runs a graph as a whole, and a graph may write where the process may. */
#include "scan/form.h"
#include "scan/protobuf.h"

enum message { SAVED_MODEL, META_GRAPH, GRAPH, LIBRARY, FUNCTION, NODE };
enum { FIELDS_MAX = 20000000, TOLD_MAX = 20, TFLITE_CODES_MAX = 20000, FLAT_BLOCK = 128 << 10 };

static const struct pb_rule rules[] = {
    { SAVED_MODEL, 2, META_GRAPH }, { META_GRAPH, 2, GRAPH }, { GRAPH, 1, NODE }, { GRAPH, 2, LIBRARY }, { LIBRARY, 1, FUNCTION }, { FUNCTION, 3, NODE }, { NODE, 2, PB_TEXT },
};

static const struct {
    const char *op;
    enum scan_level level;
    const char *does;
} ops[] = {
    { "WriteFile", SCAN_UNSAFE, "writes files" },
    { "ReadFile", SCAN_UNSAFE, "reads files" },
    { "PyFunc", SCAN_SUSPICIOUS, "calls Python" },
    { "PyFuncStateless", SCAN_SUSPICIOUS, "calls Python" },
    { "EagerPyFunc", SCAN_SUSPICIOUS, "calls Python" },
    { "MatchingFiles", SCAN_SUSPICIOUS, "lists files" },
    { "ImmutableConst", SCAN_SUSPICIOUS, "maps files into memory" },
    { "PrintV2", SCAN_CAUTION, "prints, also into a file" },
};

struct graph {
    struct scan *s;
    const struct probe_input *in;
    const char *probe;
    uint64_t count[COUNT(ops)];
};

static void note_op(struct graph *g, str op)
{
    for (size_t i = 0; i < COUNT(ops); i++)
        if (str_eq(op, str_c(ops[i].op))) g->count[i]++;
}

static void tell_ops(const struct graph *g)
{
    for (size_t i = 0; i < COUNT(ops); i++)
        if (g->count[i])
            scan_add(g->s, g->in, g->probe, ops[i].level, "has the operator %s, which %s (%llu %s)", ops[i].op, ops[i].does, (unsigned long long)g->count[i],
                     plural(g->count[i], "time", "times"));
}

static void text(void *ctx, uint8_t message, uint32_t field, str t)
{
    (void)message, (void)field;
    note_op(ctx, t);
}

bool probe_saved_model(struct scan *s, const struct probe_input *in, struct err *e)
{
    static const char *const ends[] = { ".pb" };
    if (!scan_path_ends(in->path, ends, COUNT(ends)) || in->head.n < 2 || (in->head.p[0] != 0x08 && in->head.p[0] != 0x0a && in->head.p[0] != 0x12)) return true;
    bool is_whole = form_is(in->path, "saved_model.pb"), good, ok;
    struct graph *g = mem_one(struct graph);
    struct pb *p = mem_one(struct pb);
    *g = (struct graph){ .s = s, .in = in, .probe = "tensorflow" };
    *p = (struct pb){ .s = s, .in = in, .rule = rules, .rules = COUNT(rules), .text = text, .ctx = g, .fields_left = FIELDS_MAX };
    ok = pb_walk(p, is_whole || in->head.p[0] != 0x0a ? SAVED_MODEL : GRAPH, &good, e);
    if (ok) tell_ops(g);
    if (ok && !good && is_whole) scan_add(s, in, "tensorflow", SCAN_CAUTION, "is no SavedModel that can be read to its end");
    mem_free(p);
    mem_free(g);
    return ok;
}

/* ------------------------------------------------------------------ TFLite */

/* FlatBuffers: a table begins with the distance back to its list of fields; all are little-endian.
 *     root: u32 at 0; list of fields: u16 its bytes, u16 of the table, then u16 the place of each field, 0: absent
 *     Model { 1: [OperatorCode] }   OperatorCode { 1: custom_code }
 * What Flex runs is an operator of TensorFlow. */
struct flat {
    struct scan *s;
    const struct probe_input *in;
    bool bad;
    struct err *e;
    bool failed;
    uint64_t block_at; /* tables stand close together, and where a content is unpacked meanwhile going back is dear */
    size_t block_n;
    uint8_t *block;
};

static uint64_t little(struct flat *f, uint64_t at, size_t n)
{
    uint64_t v = 0, size = f->in->source->size_bytes;
    if (f->bad || f->failed) return 0;
    if (at > size || n > size - at) {
        f->bad = true;
        return 0;
    }
    if (at < f->block_at || at + n > f->block_at + f->block_n) {
        uint64_t from = at < FLAT_BLOCK / 2 ? 0 : at - FLAT_BLOCK / 2;
        f->block_at = from;
        f->block_n = size - from < FLAT_BLOCK ? (size_t)(size - from) : FLAT_BLOCK;
        if (!scan_read(f->s, f->in, from, f->block, f->block_n, f->e)) {
            f->failed = true;
            return 0;
        }
    }
    for (size_t i = n; i-- > 0;) v = v << 8 | f->block[at - f->block_at + i];
    return v;
}

/* The place of a field of the table at `table`, or 0: it has none. */
static uint64_t field_at(struct flat *f, uint64_t table, unsigned field)
{
    int64_t list = (int64_t)table - (int32_t)(uint32_t)little(f, table, 4);
    if (list < 0) f->bad = true;
    uint64_t bytes_of = f->bad ? 0 : little(f, (uint64_t)list, 2);
    if (bytes_of < 4 + 2 * (field + 1u)) return 0;
    uint64_t at = little(f, (uint64_t)list + 4 + 2 * field, 2);
    return at && !f->bad ? table + at : 0;
}

static uint64_t follow(struct flat *f, uint64_t at) { return at + little(f, at, 4); }

static void judge_codes(struct flat *f, struct graph *g)
{
    uint64_t model = follow(f, 0), at = field_at(f, model, 1);
    unsigned told = 0;
    if (!at) return;
    uint64_t list = follow(f, at), n = little(f, list, 4);
    if (n > TFLITE_CODES_MAX) f->bad = true;
    for (uint64_t i = 0; i < n && !f->bad && !f->failed; i++) {
        char name[PB_TEXT_MAX];
        uint64_t place = field_at(f, follow(f, list + 4 + 4 * i), 1);
        if (!place) continue;
        uint64_t text_at = follow(f, place), bytes_of = little(f, text_at, 4);
        size_t n_name = bytes_of < sizeof name ? (size_t)bytes_of : sizeof name;
        if (f->bad || f->failed || text_at + 4 > f->in->source->size_bytes || n_name > f->in->source->size_bytes - text_at - 4) {
            f->bad = true;
            break;
        }
        for (size_t k = 0; k < n_name; k++) name[k] = (char)little(f, text_at + 4 + k, 1);
        str op = str_n(name, n_name);
        if (str_starts(op, STR("Flex"))) note_op(g, str_from(op, 4));
        else if (op.n && told++ < TOLD_MAX) scan_add(f->s, f->in, "tflite", SCAN_SAFE, "uses an operator of a library of its own: %.*s", STR_ARG(str_to(op, 100)));
    }
}

bool probe_tflite(struct scan *s, const struct probe_input *in, struct err *e)
{
    if (in->head.n < 8 || memcmp(in->head.p + 4, "TFL3", 4) != 0) return true;
    struct flat f = { .s = s, .in = in, .e = e, .block = mem_alloc(FLAT_BLOCK) };
    struct graph g = { .s = s, .in = in, .probe = "tflite" };
    judge_codes(&f, &g);
    mem_free(f.block);
    tell_ops(&g);
    if (f.bad) scan_add(s, in, "tflite", SCAN_CAUTION, "is no TFLite model that can be read to its end");
    return !f.failed;
}
