/* scan/form.c - what the forms share; see scan/form.h. */
#include "scan/form.h"

#include "scan/globals.h"

bool form_all(struct scan *s, const struct probe_input *in, size_t n_max, str *out, struct err *e)
{
    *out = (str){ 0 };
    if (in->source->size_bytes > n_max) return true;
    size_t n = (size_t)in->source->size_bytes;
    char *text = mem_try(n + 1);
    if (!text) return true;
    if (!scan_read(s, in, 0, text, n, e)) {
        mem_free(text);
        return false;
    }
    *out = str_n(text, n);
    return true;
}

str form_name(str path)
{
    size_t slash = str_rchr(path, '/');
    return slash == STR_NONE ? path : str_from(path, slash + 1);
}

bool form_is(str path, const char *name) { return str_eq_nocase(form_name(path), str_c(name)); }

/* The list of pickles is stricter than settings can bear: these stand in many an honest recipe, and call nothing by themselves. */
static const char *const harmless[] = {
    "functools.partial", "os.path.", "os.getenv", "os.cpu_count", "os.getcwd", "glob.", "tempfile.", "multiprocessing.cpu_count", "logging.", "platform.",
    "torchvision.", "torch.compile", "torch.onnx.", "torch.export.", "torch.distributed.", "torch.utils.data.", "torch.multiprocessing.",
};
/* What loads files is dangerous with a file that somebody chose; it is the daily work of these. */
static const char *const frameworks[] = { "torch.", "transformers.", "tensorflow.", "keras.", "tf_keras.", "numpy.", "pandas.", "sklearn.", "joblib." };

static bool is_of(str dotted, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        str name = str_c(list[i]);
        if (name.p[name.n - 1] == '.' ? str_starts(dotted, name) : str_eq(dotted, name)) return true;
    }
    return false;
}

bool form_calls(struct scan *s, const struct probe_input *in, const char *probe, str dotted, const char *where)
{
    dotted = str_trim(dotted);
    size_t dot = str_rchr(dotted, '.');
    str module = dot == STR_NONE ? STR("builtins") : str_to(dotted, dot), name = dot == STR_NONE ? dotted : str_from(dotted, dot + 1);
    if (globals_judge(module, name) != SCAN_DANGEROUS || is_of(dotted, harmless, COUNT(harmless))) return false;
    scan_add(s, in, probe, is_of(dotted, frameworks, COUNT(frameworks)) ? SCAN_CAUTION : SCAN_UNSAFE, "%s calls %.*s when it is loaded", where,
             STR_ARG(str_to(dotted, 120)));
    return true;
}

bool form_leads_outside(str path)
{
    str piece;
    if (!path.n || path.p[0] == '/' || path.p[0] == '~' || memchr(path.p, '\\', path.n) || memchr(path.p, 0, path.n)) return true;
    if (path.n > 1 && path.p[1] == ':') return true;
    if (str_find(path, STR("://")) != STR_NONE) return true;
    for (str rest = path; str_cut(&rest, '/', &piece);)
        if (str_eq(piece, STR(".."))) return true;
    return false;
}
