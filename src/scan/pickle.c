/* scan/pickle.c - pickles: is it one, what does it import and call, and what stands where it cannot be read.
 *
 * A content may be several pickles one after the other.  Where the machine cannot go on, the bytes are searched for beginnings of imports and
 * the machine is tried at each: loaders run all that stands before an error, and may not see the error at all. */
#include "scan/pickle.h"

enum { PICKLES_MAX = 1 << 16, SHOWN = 200, TRIAL_OPCODES = 4000, HIDDEN_OPCODES = 2000, SURE_OPCODES = 16 };

/* Names that say so.  Others (.bin, .pt, .dat) may be anything. */
static const char *const pickle_names[] = { ".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".pck", ".pcl" };

/* ------------------------------------------------------------------ is it one? */

/* Could somebody have meant it?  In gigabytes of numbers opcodes come up by chance, names of modules do not. */
static bool is_meant(const struct pickle_import *i)
{
    str name = i->name;
    for (size_t k = 0; k < i->module.n; k++)
        if ((uint8_t)i->module.p[k] >= 0x80) return false;
    for (size_t k = 0; k < name.n; k++)
        if (name.p[k] != '.' && name.p[k] != '_' && !globals_is_module(str_n(name.p + k, 1)) && !(k && name.p[k] >= '0' && name.p[k] <= '9')) return false;
    return i->module.n > 1 && globals_is_module(i->module) && name.n && !str_eq(name, STR("unknown")) && !str_eq(i->module, STR("unknown")) &&
           !str_eq(i->module, PICKLE_EXTENSION_MODULE);
}

static bool has_meant(const struct pickle_run *r)
{
    for (size_t i = 0; i < r->imports_count; i++)
        if (is_meant(&r->import[i])) return true;
    return false;
}

/* Whatever it is called, these bytes are read by a loader without magic numbers; so it is a pickle if it does what pickles do. */
static bool is_sure(const struct pickle_run *r, bool is_named)
{
    bool stopped = r->how == PICKLE_STOPPED;
    if (r->imports_count) return r->has_proto || r->calls || is_named || (stopped && r->worst == SCAN_DANGEROUS && has_meant(r));
    if (r->calls || r->has_array_unknown) return r->has_proto || is_named;
    return (stopped && (r->has_proto || is_named)) || (r->has_proto && r->opcodes >= SURE_OPCODES) || (is_named && r->opcodes >= SURE_OPCODES);
}

static bool has_magic(bytes b)
{
    static const str magic[] = {
        STR_INIT("PK\3\4"), STR_INIT("PK\5\6"), STR_INIT("\x1f\x8b\x08"), STR_INIT("BZh"), STR_INIT("\xfd" "7zXZ"), STR_INIT("7z\xbc\xaf\x27\x1c"), STR_INIT("Rar!\x1a\x07"),
        STR_INIT("\x28\xb5\x2f\xfd"), STR_INIT("\x04\x22\x4d\x18"), STR_INIT("\x93NUMPY"),
    };
    for (size_t i = 0; i < COUNT(magic); i++)
        if (str_starts(str_of(b), magic[i])) return true;
    return b.n >= 262 && memcmp(b.p + 257, "ustar", 5) == 0;
}

bool pickle_may_hide(struct scan *s, bytes b, bool is_all)
{
    static const char begins[] = "(c]})IJKLMFGSTUVXNPBC";
    if (b.n < 2) return false;
    if ((b.p[0] == 0x80 && b.p[1] <= 5) || has_magic(b)) return true;
    bool is_plausible = b.p[0] ? strchr(begins, b.p[0]) != NULL || (b.p[0] >= 0x88 && b.p[0] <= 0x8f) || b.p[0] == 0x95 : false;
    if (!is_plausible || b.n < 8) return false;
    struct pickle_options o = { .opcodes_max = HIDDEN_OPCODES, .is_trial = true };
    struct pickle_run r;
    struct window w;
    struct err ignored;
    window_of(&w, s, b);
    struct arena *a = arena_new_small(0);
    bool ok = pickle_run(s, NULL, &w, b.n, 0, &o, a, &r, &ignored);
    arena_free(a);
    bool goes_on = (r.how == PICKLE_LIMIT || (!is_all && r.end + PICKLE_LINE_BYTES_MAX > b.n && r.how == PICKLE_BROKEN && r.opcodes > 3 && str_starts(str_c(r.why), STR("it ends"))));
    return ok && ((r.imports_count && (r.calls || r.how == PICKLE_STOPPED)) || goes_on);
}

/* ------------------------------------------------------------------ what it does */

static enum scan_level level_of(enum scan_safety s) { return s == SCAN_DANGEROUS ? SCAN_UNSAFE : s == SCAN_SUSPECT ? SCAN_SUSPICIOUS : SCAN_SAFE; }

static void tell_import(struct scan *s, const struct probe_input *in, const struct pickle_import *i)
{
    scan_add_import(s, i->module, i->name, i->safety);
    if (i->safety == SCAN_INNOCUOUS) return;
    const char *does = i->use & PICKLE_CALLED ? "imports and calls" : i->use & PICKLE_SET ? "imports and changes" : "imports";
    const char *why = i->safety == SCAN_DANGEROUS ? "which can run code or reach what does" : "which is on no list of what is harmless";
    scan_add(s, in, "pickle", level_of(i->safety), "%s %.*s.%.*s, %s (byte %llu)", does, STR_ARG(str_to(i->module, SHOWN / 2)), STR_ARG(str_to(i->name, SHOWN / 2)), why,
             (unsigned long long)i->at);
}

static void tell(struct scan *s, const struct probe_input *in, const struct pickle_run *r)
{
    scan_set_pickle(s);
    for (size_t i = 0; i < r->imports_count; i++) tell_import(s, in, &r->import[i]);
    if (r->has_unknown)
        scan_add(s, in, "pickle", SCAN_UNSAFE, "imports something whose name it computes (byte %llu)", (unsigned long long)r->unknown_at);
    if (r->has_extension)
        scan_add(s, in, "pickle", SCAN_UNSAFE, "imports by a number of the extension registry (byte %llu), behind which any name may stand", (unsigned long long)r->extension_at);
    if (r->calls_computed)
        scan_add(s, in, "pickle", SCAN_SUSPICIOUS, "calls something that another call gave it (byte %llu)", (unsigned long long)r->calls_computed_at);
    if (r->sets_import)
        scan_add(s, in, "pickle", SCAN_SUSPICIOUS, "changes what it imported (byte %llu)", (unsigned long long)r->sets_import_at);
    if (r->how != PICKLE_STOPPED)
        scan_add(s, in, "pickle", SCAN_CAUTION, "cannot be read past byte %llu: %s; what a loader would do before that is told, the rest was searched only",
                 (unsigned long long)r->end, r->why);
}

/* ------------------------------------------------------------------ the search */

struct search {
    struct scan *s;
    const struct probe_input *in;
    struct window *w; /* of the tries */
    uint64_t size;
    struct arena *a;
    uint64_t opcodes; /* of all tries */
    uint32_t found;
    uint8_t roots[65536 / 8]; /* the first two bytes of modules on the list */
};

enum { TRIED_OPCODES_MAX = 1 << 26, FOUND_MAX = 32, MODULE_SHOWN_MAX = 80, OVERLAP = 128, SEARCH_BYTES = 1 << 20 };

static void add_root(struct search *x, const char *module)
{
    unsigned two = (unsigned)(uint8_t)module[0] << 8 | (uint8_t)module[1];
    x->roots[two / 8] |= (uint8_t)(1u << two % 8);
}

static bool is_root(const struct search *x, const uint8_t *p)
{
    unsigned two = (unsigned)p[0] << 8 | p[1];
    return x->roots[two / 8] >> two % 8 & 1;
}

/* Does an import of something on the list begin here?  n bytes are there. */
static bool is_anchor(const struct search *x, const uint8_t *p, size_t n)
{
    size_t skip, length;
    if (n < 6) return false;
    switch (p[0]) {
    case 0x80: return p[1] >= 2 && p[1] <= 5 && p[2] != 0;
    case 'c': case 'i': {
        if (!is_root(x, p + 1)) return false;
        const uint8_t *end = memchr(p + 1, '\n', n - 1 < MODULE_SHOWN_MAX ? n - 1 : MODULE_SHOWN_MAX);
        return end && globals_names_danger(str_n((const char *)p + 1, (size_t)(end - p - 1)));
    }
    case 'U': case 0x8c: skip = 2, length = p[1]; break;
    case 'X': case 'T': skip = 5, length = p[2] | p[3] | p[4] ? 0 : p[1]; break;
    case 'S': case 'V': {
        size_t at = p[0] == 'S';
        if (!is_root(x, p + 1 + at)) return false;
        const uint8_t *end = memchr(p + 1 + at, p[0] == 'S' ? p[1] : '\n', n - 1 - at < MODULE_SHOWN_MAX ? n - 1 - at : MODULE_SHOWN_MAX);
        return end && globals_names_danger(str_n((const char *)p + 1 + at, (size_t)(end - p) - 1 - at));
    }
    default: return false;
    }
    if (length < 2 || length > MODULE_SHOWN_MAX || n < skip + length || !is_root(x, p + skip)) return false;
    return globals_names_danger(str_n((const char *)p + skip, length));
}

static bool try_at(struct search *x, uint64_t at, bool is_magic, struct err *e)
{
    struct pickle_options o = { .opcodes_max = TRIAL_OPCODES, .is_lenient = !is_magic, .is_trial = true };
    struct pickle_run r;
    if (x->found >= FOUND_MAX || x->opcodes > TRIED_OPCODES_MAX) return true;
    arena_reset(x->a);
    if (!pickle_run(x->s, x->in, x->w, x->size, at, &o, x->a, &r, e)) return false;
    x->opcodes += r.opcodes + 1;
    bool is_found = r.worst == SCAN_DANGEROUS && r.imports_count && (is_magic || r.import[0].at - at < 2 * MODULE_SHOWN_MAX);
    if (!is_found) return true;
    for (size_t i = 0; i < r.imports_count; i++) {
        const struct pickle_import *one = &r.import[i];
        if (one->safety != SCAN_DANGEROUS || !is_meant(one)) continue;
        x->found++;
        scan_set_pickle(x->s);
        scan_add_import(x->s, one->module, one->name, one->safety);
        scan_add(x->s, x->in, "pickle", one->use & PICKLE_CALLED ? SCAN_UNSAFE : SCAN_SUSPICIOUS, "bytes that no pickle read so far holds would import %s%.*s.%.*s (byte %llu)",
                 one->use & PICKLE_CALLED ? "and call " : "", STR_ARG(str_to(one->module, SHOWN / 2)), STR_ARG(str_to(one->name, SHOWN / 2)), (unsigned long long)one->at);
    }
    return true;
}

static bool search_range(struct search *x, uint64_t from, uint64_t to, struct err *e)
{
    struct window w;
    bool ok = true;
    static const uint8_t begins[256] = { [0x80] = 1, ['c'] = 1, ['i'] = 1, ['U'] = 1, [0x8c] = 1, ['X'] = 1, ['T'] = 1, ['S'] = 1, ['V'] = 1 };
    window_init(&w, x->s, x->in, SEARCH_BYTES);
    while (ok && from < to) {
        size_t n = to - from < SEARCH_BYTES ? (size_t)(to - from) : SEARCH_BYTES;
        bool is_last = n == to - from;
        const uint8_t *p = window_get(&w, from, n, e);
        size_t end = is_last ? n : n - OVERLAP;
        ok = p != NULL;
        for (size_t i = 0; ok && i < end; i++)
            if (begins[p[i]] && is_anchor(x, p + i, n - i)) ok = try_at(x, from + i, p[i] == 0x80, e);
        from += is_last ? n : end;
    }
    window_deinit(&w);
    return ok;
}

static bool search(struct scan *s, const struct probe_input *in, struct window *w, const struct pickle_range *range, size_t n, struct err *e)
{
    struct search *x = mem_one(struct search);
    *x = (struct search){ .s = s, .in = in, .w = w, .size = in->source->size_bytes, .a = arena_new(0) };
    for (const struct globals_row *r = globals_dangerous; r->module; r++) add_root(x, r->module);
    for (const struct globals_move *m = globals_moves; m->module; m++) add_root(x, m->module);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) ok = search_range(x, range[i].from, range[i].to, e);
    if (x->opcodes > TRIED_OPCODES_MAX) scan_add(s, in, "pickle", SCAN_CAUTION, "holds more that looks like pickles than is looked into");
    arena_free(x->a);
    mem_free(x);
    return ok;
}

/* ------------------------------------------------------------------ the probe */

bool probe_pickle(struct scan *s, const struct probe_input *in, struct err *e)
{
    uint64_t size = in->source->size_bytes, at = 0, search_from = 0;
    bool is_named = scan_path_ends(in->path, pickle_names, COUNT(pickle_names)), ok = true, is_one = false;
    if (!size) return true;
    struct pickle_options o = { 0 };
    struct arena *a = arena_new(0); /* imports are counted and cut */
    struct window w;
    window_init(&w, s, in, PICKLE_WINDOW_BYTES);
    for (size_t n = 0; ok && at < size; n++) {
        struct pickle_run r;
        o.opcodes_max = scan_opcodes_left(s);
        if (!(ok = pickle_run(s, in, &w, size, at, &o, a, &r, e))) break;
        scan_spend_opcodes(s, r.opcodes);
        search_from = at;
        bool is_this = is_sure(&r, n ? is_one && has_meant(&r) : is_named); /* behind a pickle, what imports is one */
        if (is_this) tell(s, in, &r);
        if (is_this && r.arrays_count && !(ok = search(s, in, &w, r.array, r.arrays_count, e))) break;
        is_one |= is_this;
        if (r.how != PICKLE_STOPPED || r.opcodes < 2 || (n && !is_this)) break;
        at = search_from = r.end;
        arena_reset(a);
        if (n + 1 == PICKLES_MAX) break;
    }
    if (ok && is_named && !is_one && size > 1 && !has_magic(in->head) && !packed_begins(in->head))
        scan_add(s, in, "pickle", SCAN_CAUTION, "is called a pickle and cannot be read as one");
    const struct pickle_range rest = { search_from, size };
    if (ok && (is_one || is_named) && search_from < size) ok = search(s, in, &w, &rest, 1, e);
    window_deinit(&w);
    arena_free(a);
    return ok;
}
