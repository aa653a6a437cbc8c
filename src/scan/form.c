/* scan/form.c - what the forms share; see scan/form.h. */
#include "scan/form.h"

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

/* What the standard library and the frameworks offer to who can only name a function; the list of pickles is judged where pickles are.
 * "a.b." covers all below. */
static const char *const harmful[] = {
    "os.",        "posix.",     "nt.",          "sys.",        "subprocess.", "shutil.",   "socket.",   "pty.",       "ctypes.",  "runpy.",     "pip.",
    "importlib.", "imp.",       "code.",        "codeop.",     "pdb.",        "bdb.",      "pickle.",   "_pickle.",   "dill.",    "cloudpickle.", "marshal.",
    "shelve.",    "webbrowser.", "multiprocessing.", "builtins.eval", "builtins.exec", "builtins.compile", "builtins.getattr", "builtins.setattr", "builtins.open",
    "builtins.__import__", "builtins.breakpoint", "eval", "exec", "compile", "__import__", "operator.attrgetter", "operator.methodcaller", "types.CodeType",
    "types.FunctionType", "functools.reduce", "timeit.", "cProfile.", "profile.", "trace.", "platform.popen", "commands.", "torch.hub.", "numpy.f2py.",
    "torch.utils.cpp_extension.", "torch.ops.load_library", "setuptools.", "distutils.", "ensurepip.", "site.", "pkgutil.", "zipimport.", "tempfile.", "asyncio.",
};

bool form_calls(struct scan *s, const struct probe_input *in, const char *probe, str dotted, const char *where)
{
    dotted = str_trim(dotted);
    for (size_t i = 0; i < COUNT(harmful); i++) {
        str name = str_c(harmful[i]), bare = str_to(name, name.n - 1);
        bool below = name.p[name.n - 1] == '.';
        if (below ? !str_starts(dotted, name) && !str_eq(dotted, bare) : !str_eq(dotted, name)) continue;
        scan_add(s, in, probe, SCAN_UNSAFE, "%s calls %.*s when it is loaded", where, STR_ARG(str_to(dotted, 120)));
        return true;
    }
    return false;
}
