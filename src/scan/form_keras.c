/* scan/form_keras.c - Keras: a model is settings that name classes, and a Lambda layer brings compiled Python with it.
 *
 * In a .keras archive they are config.json, which form_config.c reads; in HDF5 a text somewhere in the file (attribute model_config), and in
 * a SavedModel a text in keras_metadata.pb.  HDF5 is not parsed here: the text stands in one piece whatever the structure around it, so
 * it is searched for, and what looks like the beginning of such settings is read as JSON. */
#include "scan/form_hdf5.h"

enum { CHUNK = 1 << 20, KEPT = 2 * HDF5_AHEAD, CONFIG_BYTES = 16 << 20, CONFIGS_MAX = 64, ARENA_BYTES = 160 << 20 };
#define SEARCH_BYTES (UINT64_C(4) << 30)

/* ------------------------------------------------------------------ settings */

static bool is_below(str module, const char *package)
{
    str p = str_c(package);
    return str_starts(module, p) && (module.n == p.n || module.p[p.n] == '.');
}

static bool is_known_module(str module)
{
    static const char *const packages[] = { "tensorflow", "keras_nlp", "keras_cv", "keras_hub", "builtins", "numpy", "keras_tuner", "tensorflow_addons" };
    for (size_t i = 0; i < COUNT(packages); i++)
        if (is_below(module, packages[i])) return true;
    return module.n == 0;
}

/* Functions of Keras itself that fetch, unpack or load. */
static bool is_harmful_keras(str name)
{
    static const char *const names[] = { "get_file", "load_model", "load_weights", "enable_unsafe_deserialization", "model_from_json", "extract_open_archive", "save_model", "deserialize_keras_object" };
    for (size_t i = 0; i < COUNT(names); i++)
        if (str_ends(name, str_c(names[i]))) return true;
    return false;
}

struct keras {
    struct scan *s;
    const struct probe_input *in;
    const char *probe;
    bool is_h5;
    unsigned told;
};

static void judge_lambda(struct keras *k, const struct json *layer)
{
    const struct json *config = json_get(layer, STR("config")), *function = json_get(config, STR("function"));
    str name = json_str_or(config, STR("name"), STR("without a name"));
    bool has_code = json_is(function, JSON_ARRAY) || str_eq(json_str_or(config, STR("function_type"), STR("")), STR("lambda")) ||
                    str_eq(json_str_or(function, STR("class_name"), STR("")), STR("__lambda__"));
    if (has_code) scan_add(k->s, k->in, k->probe, SCAN_UNSAFE, "brings compiled Python code: the Lambda layer %.*s", STR_ARG(str_to(name, 100)));
    else scan_add(k->s, k->in, k->probe, k->is_h5 ? SCAN_UNSAFE : SCAN_SUSPICIOUS, "has a Lambda layer, %.*s, which calls a function by its name", STR_ARG(str_to(name, 100)));
}

static void judge_class(struct keras *k, const struct json *o)
{
    str class = json_str_or(o, STR("class_name"), STR("")), module = json_str_or(o, STR("module"), STR("")), name = class;
    char dotted[400];
    if (!class.n || k->told > 50) return;
    if (str_eq(class, STR("Lambda"))) {
        k->told++;
        judge_lambda(k, o);
    } else if (str_eq(class, STR("__lambda__"))) {
        k->told++;
        scan_add(k->s, k->in, k->probe, SCAN_UNSAFE, "brings compiled Python code: a lambda");
    }
    if (!module.n) return;
    if (str_eq(class, STR("function"))) json_str(json_get(o, STR("config")), &name);
    snprintf(dotted, sizeof dotted, "%.*s.%.*s", STR_ARG(str_to(module, 190)), STR_ARG(str_to(name, 190)));
    bool is_keras = is_below(module, "keras") || is_below(module, "tf_keras") || is_below(module, "keras_core");
    if (is_keras && !is_harmful_keras(name)) return;
    k->told++;
    if (is_keras) scan_add(k->s, k->in, k->probe, SCAN_UNSAFE, "calls %s when it is loaded", dotted);
    else if (form_calls(k->s, k->in, k->probe, str_c(dotted), "the model") || is_known_module(module)) return;
    else scan_add(k->s, k->in, k->probe, SCAN_CAUTION, "needs code from outside of Keras: %s", dotted);
}

static void walk(struct keras *k, const struct json *v)
{
    if (json_is(v, JSON_OBJECT)) judge_class(k, v);
    if (json_is(v, JSON_OBJECT) || json_is(v, JSON_ARRAY))
        json_each (m, v) walk(k, m);
}

void form_keras(struct scan *s, const struct probe_input *in, const struct json *config, const char *probe, bool is_h5)
{
    walk(&(struct keras){ .s = s, .in = in, .probe = probe, .is_h5 = is_h5 }, config);
}

/* ------------------------------------------------------------------ settings in a file of another form */

/* Where the object at the beginning of the text ends, or 0. */
static size_t object_end(str t)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < t.n; i++) {
        char c = t.p[i];
        if (quoted && c == '\\') i++;
        else if (c == '"') quoted = !quoted;
        else if (!quoted && c == '{') depth++;
        else if (!quoted && c == '}' && --depth == 0) return i + 1;
    }
    return 0;
}

/* The object that begins at `at`, of which the window has these bytes; *end: where to go on. */
static bool judge_object(struct scan *s, const struct probe_input *in, const char *probe, uint64_t at, str window, uint64_t *end, struct err *e)
{
    uint64_t left = in->source->size_bytes - at;
    size_t n = left < CONFIG_BYTES ? (size_t)left : CONFIG_BYTES, stop = object_end(window);
    char *text = NULL;
    struct json *v;
    struct err why;
    bool ok = true;
    *end = at + 1;
    if (!stop && n > window.n) {
        if (!(text = mem_try(n))) return err_set(e, ERR_NO_SPACE, "not enough memory to judge the settings of a model");
        ok = scan_read(s, in, at, text, n, e);
        window = str_n(text, n);
        stop = ok ? object_end(window) : 0;
    }
    struct arena *a = arena_new(ARENA_BYTES);
    if (stop && json_parse(str_to(window, stop), a, &v, &why)) {
        form_keras(s, in, v, probe, true);
        *end = at + stop;
    } else if (stop && str_find(str_to(window, stop), STR("\"Lambda\"")) != STR_NONE) {
        scan_add(s, in, probe, SCAN_UNSAFE, "has settings of a model with a Lambda layer, in a form that cannot be read");
    } else if (ok) {
        scan_add(s, in, probe, SCAN_CAUTION, stop ? "has settings of a model that cannot be read" : "has settings of a model without an end");
    }
    arena_free(a);
    mem_free(text);
    return ok;
}

/* {"class_name" and {"module": how all of Keras' objects begin; as in JSON there may be blanks. */
static bool begins_object(str t, size_t quote, size_t *brace)
{
    size_t i = quote;
    while (i && (t.p[i - 1] == ' ' || t.p[i - 1] == '\n')) i--;
    if (!i || t.p[i - 1] != '{') return false;
    *brace = i - 1;
    return str_starts(str_from(t, quote), STR("\"class_name\"")) || str_starts(str_from(t, quote), STR("\"module\""));
}

struct window {
    char *p;
    uint64_t at; /* of its first byte */
    size_t n;
};

static void forget(struct window *w, uint64_t before)
{
    size_t gone = before - w->at < w->n ? (size_t)(before - w->at) : w->n;
    memmove(w->p, w->p + gone, w->n - gone);
    w->n -= gone;
    w->at = before;
}

static bool find_object(const struct window *w, size_t *brace)
{
    for (const char *q = w->p; (q = memchr(q, '"', w->n - (size_t)(q - w->p))) != NULL; q++)
        if (begins_object(str_n(w->p, w->n), (size_t)(q - w->p), brace)) return true;
    return false;
}

/* h NULL: it is no HDF5. */
static bool search(struct scan *s, const struct probe_input *in, const char *probe, struct hdf5 *h, struct err *e)
{
    uint64_t size = in->source->size_bytes, most = size < SEARCH_BYTES ? size : SEARCH_BYTES, next;
    struct window w = { .p = mem_alloc(most < CHUNK + KEPT ? (size_t)most : CHUNK + KEPT) };
    unsigned configs = 0;
    bool ok = true, is_last = false;
    size_t brace;
    while (ok && !is_last && w.at < most) {
        uint64_t left = most - w.at - w.n;
        size_t room = CHUNK + KEPT - w.n, more = left < room ? (size_t)left : room;
        if (!(ok = scan_read(s, in, w.at + w.n, w.p + w.n, more, e))) break;
        w.n += more;
        is_last = w.at + w.n == most;
        if (h) hdf5_look(h, w.at, (const uint8_t *)w.p, w.n, is_last);
        while (ok && configs < CONFIGS_MAX && find_object(&w, &brace)) {
            if (h && !is_last && w.at + brace > h->next) { /* what stands before it was not looked at yet */
                forget(&w, h->next);
                break;
            }
            configs++;
            ok = judge_object(s, in, probe, w.at + brace, str_n(w.p + brace, w.n - brace), &next, e);
            if (next > w.at + w.n) is_last = false; /* more is read behind it */
            forget(&w, next);
        }
        if (!is_last && w.n > KEPT) forget(&w, w.at + w.n - KEPT); /* what begins at the end of this piece */
    }
    mem_free(w.p);
    if (ok && h) ok = hdf5_end(h, e);
    else if (h) arena_free(h->arena);
    if (ok && configs == CONFIGS_MAX) scan_add(s, in, probe, SCAN_CAUTION, "has more settings of models than are judged");
    if (ok && most < size) scan_add(s, in, probe, SCAN_CAUTION, "was searched for settings of a model in its first %llu bytes alone", (unsigned long long)most);
    return ok;
}

bool probe_hdf5(struct scan *s, const struct probe_input *in, struct err *e)
{
    static const char *const ends[] = { ".h5", ".hdf5", ".keras" };
    struct hdf5 h;
    bool is;
    if (form_is(in->path, "keras_metadata.pb")) return search(s, in, "keras", NULL, e);
    if (in->head.n < 8 || (in->head.p[0] != 0x89 && in->depth && !scan_path_ends(in->path, ends, COUNT(ends)))) return true;
    if (!hdf5_is(s, in, &h, &is, e)) return false;
    if (!is) return true;
    h.arena = arena_new(0);
    return search(s, in, "hdf5", &h, e);
}
