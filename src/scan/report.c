/* scan/report.c - see scan/report.h; and the report as JSON, and back. */
#include "scan/report.h"

#include "base/json.h"
#include "scan/globals.h"

enum { TABLE = 4096 }; /* of imports, by hash: more than twice SCAN_IMPORTS_MAX */

struct report {
    struct arena *arena;
    enum scan_level pickle_level, format_level;
    bool is_pickle, has_secret;
    struct scan_import *import;
    size_t imports_count, of_safety[3];
    struct scan_finding *finding;
    size_t findings_count;
    uint16_t by_hash[TABLE]; /* 1 + index of an import; 0: none */
};

/* ------------------------------------------------------------------ words */

static const str level_names[] = {
    [SCAN_SAFE] = STR_INIT("safe"),       [SCAN_UNSCANNED] = STR_INIT("unscanned"),   [SCAN_QUEUED] = STR_INIT("queued"), [SCAN_ERROR] = STR_INIT("error"),
    [SCAN_CAUTION] = STR_INIT("caution"), [SCAN_SUSPICIOUS] = STR_INIT("suspicious"), [SCAN_UNSAFE] = STR_INIT("unsafe"),
};
static const str safety_names[] = { [SCAN_INNOCUOUS] = STR_INIT("innocuous"), [SCAN_SUSPECT] = STR_INIT("suspicious"), [SCAN_DANGEROUS] = STR_INIT("dangerous") };

str scan_level_name(enum scan_level l) { return level_names[l]; }
str scan_safety_name(enum scan_safety s) { return safety_names[s]; }

bool scan_level_parse(str name, enum scan_level *out)
{
    for (size_t i = 0; i < COUNT(level_names); i++)
        if (str_eq(name, level_names[i])) {
            *out = (enum scan_level)i;
            return true;
        }
    return false;
}

static bool safety_parse(str name, enum scan_safety *out)
{
    for (size_t i = 0; i < COUNT(safety_names); i++)
        if (str_eq(name, safety_names[i])) {
            *out = (enum scan_safety)i;
            return true;
        }
    return false;
}

/* ------------------------------------------------------------------ growing */

struct report *report_new(void)
{
    struct report *r = mem_one(struct report);
    r->arena = arena_new(0); /* all that goes into it is counted and cut */
    r->import = arena_alloc(r->arena, SCAN_IMPORTS_MAX * sizeof *r->import);
    r->finding = arena_alloc(r->arena, SCAN_FINDINGS_MAX * sizeof *r->finding);
    return r;
}

void report_free(struct report *r)
{
    arena_free(r->arena);
    mem_free(r);
}

/* At most n_max bytes of UTF-8 without control characters; what is cut or is no text shows as U+FFFD. */
static str clean(struct arena *a, str s, size_t n_max)
{
    static const char mark[] = "\xef\xbf\xbd";
    char *out = arena_alloc(a, (s.n < n_max ? s.n * 3 : n_max) + sizeof mark);
    size_t n = 0;
    while (s.n) {
        uint32_t cp;
        size_t k = str_utf8_decode(s, &cp);
        bool is_text = k && cp >= 0x20 && cp != 0x7f && (cp < 0x80 || cp >= 0xa0);
        size_t room = is_text ? k : sizeof mark - 1;
        if (n + room > n_max) {
            memcpy(out + n, mark, sizeof mark - 1);
            return str_n(out, n + sizeof mark - 1);
        }
        memcpy(out + n, is_text ? s.p : mark, room);
        n += room;
        s = str_from(s, k ? k : 1);
    }
    return str_n(out, n);
}

static void raise_to(enum scan_level *l, enum scan_level to)
{
    if (to > *l) *l = to;
}

void report_add(struct report *r, str probe, str member, enum scan_level level, const char *fmt, va_list ap)
{
    bool is_pickle = str_eq(probe, STR("pickle"));
    raise_to(is_pickle ? &r->pickle_level : &r->format_level, level);
    char text[2 * REPORT_MESSAGE_BYTES];
    int n = vsnprintf(text, sizeof text, fmt, ap);
    size_t slot = r->findings_count;
    if (slot == SCAN_FINDINGS_MAX) { /* a worse one takes the place of the first of the mildest */
        slot = 0;
        for (size_t i = 1; i < r->findings_count; i++)
            if (r->finding[i].level < r->finding[slot].level) slot = i;
        if (r->finding[slot].level >= level) return;
        memmove(r->finding + slot, r->finding + slot + 1, (SCAN_FINDINGS_MAX - slot - 1) * sizeof *r->finding);
        slot = SCAN_FINDINGS_MAX - 1;
    }
    struct scan_finding f = { level, arena_dup(r->arena, probe), clean(r->arena, member, SCAN_PATH_MAX - 4),
                              clean(r->arena, str_n(text, n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1), REPORT_MESSAGE_BYTES) };
    r->finding[slot] = f;
    if (slot == r->findings_count) r->findings_count++;
}

static void index_imports(struct report *r)
{
    memset(r->by_hash, 0, sizeof r->by_hash);
    for (size_t i = 0; i < r->imports_count; i++) {
        uint32_t at = globals_hash(r->import[i].module, r->import[i].name) % TABLE;
        while (r->by_hash[at]) at = (at + 1) % TABLE;
        r->by_hash[at] = (uint16_t)(i + 1);
    }
}

void report_add_import(struct report *r, str module, str name, enum scan_safety safety)
{
    char m[REPORT_NAME_BYTES + 8], k[REPORT_NAME_BYTES + 8];
    struct arena *small = arena_new_small(0);
    str cm = clean(small, module, REPORT_NAME_BYTES), ck = clean(small, name, REPORT_NAME_BYTES);
    memcpy(m, cm.p, cm.n);
    memcpy(k, ck.p, ck.n);
    cm.p = m;
    ck.p = k;
    arena_free(small);
    uint32_t at = globals_hash(cm, ck) % TABLE;
    for (; r->by_hash[at]; at = (at + 1) % TABLE) {
        struct scan_import *i = &r->import[r->by_hash[at] - 1];
        if (!str_eq(i->module, cm) || !str_eq(i->name, ck)) continue;
        if (safety > i->safety) {
            r->of_safety[i->safety]--;
            r->of_safety[safety]++;
            i->safety = safety;
        }
        return;
    }
    size_t slot = r->imports_count;
    if (slot == SCAN_IMPORTS_MAX) { /* the last one that is milder goes */
        size_t milder = 0;
        for (size_t i = 0; i < (size_t)safety; i++) milder += r->of_safety[i];
        if (!milder) return;
        while (r->import[--slot].safety >= safety) continue;
        r->of_safety[r->import[slot].safety]--;
        memmove(r->import + slot, r->import + slot + 1, (SCAN_IMPORTS_MAX - slot - 1) * sizeof *r->import);
        slot = SCAN_IMPORTS_MAX - 1;
        r->imports_count--;
    }
    r->import[slot] = (struct scan_import){ arena_dup(r->arena, cm), arena_dup(r->arena, ck), safety };
    r->imports_count++;
    r->of_safety[safety]++;
    if (r->imports_count == SCAN_IMPORTS_MAX) index_imports(r);
    else r->by_hash[at] = (uint16_t)(slot + 1);
}

void report_set_pickle(struct report *r) { r->is_pickle = true; }
void report_set_secret(struct report *r) { r->has_secret = true; }

void report_end(struct report *r, struct arena *a, struct scan_report *out)
{
    *out = (struct scan_report){ .is_pickle = r->is_pickle, .pickle_level = r->pickle_level, .format_level = r->format_level, .has_secret = r->has_secret };
    out->level = r->pickle_level > r->format_level ? r->pickle_level : r->format_level;
    out->imports = arena_alloc(a, (r->imports_count + 1) * sizeof *out->imports);
    for (int safety = SCAN_DANGEROUS; safety >= 0; safety--) /* the worst first, otherwise as they were found */
        for (size_t i = 0; i < r->imports_count; i++)
            if (r->import[i].safety == (enum scan_safety)safety)
                out->imports[out->imports_count++] = (struct scan_import){ arena_dup(a, r->import[i].module), arena_dup(a, r->import[i].name), r->import[i].safety };
    out->findings = arena_alloc(a, (r->findings_count + 1) * sizeof *out->findings);
    for (int level = SCAN_UNSAFE; level >= 0; level--)
        for (size_t i = 0; i < r->findings_count; i++) {
            const struct scan_finding *f = &r->finding[i];
            if (f->level != (enum scan_level)level) continue;
            out->findings[out->findings_count++] = (struct scan_finding){ f->level, arena_dup(a, f->probe), arena_dup(a, f->member), arena_dup(a, f->message) };
        }
}

/* ------------------------------------------------------------------ JSON */

void scan_report_json(const struct scan_report *r, struct buf *out)
{
    struct json_writer w = json_writer(out);
    jw_object(&w);
    jw_kstr(&w, "level", scan_level_name(r->level));
    jw_kbool(&w, "isPickle", r->is_pickle);
    jw_kstr(&w, "pickleLevel", scan_level_name(r->pickle_level));
    jw_kstr(&w, "formatLevel", scan_level_name(r->format_level));
    jw_karray(&w, "pickleImports");
    for (size_t i = 0; i < r->imports_count; i++) {
        jw_object(&w);
        jw_kstr(&w, "module", r->imports[i].module);
        jw_kstr(&w, "name", r->imports[i].name);
        jw_kstr(&w, "safety", scan_safety_name(r->imports[i].safety));
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_karray(&w, "findings");
    for (size_t i = 0; i < r->findings_count; i++) {
        jw_object(&w);
        jw_kstr(&w, "level", scan_level_name(r->findings[i].level));
        jw_kstr(&w, "probe", r->findings[i].probe);
        jw_kstr(&w, "member", r->findings[i].member);
        jw_kstr(&w, "message", r->findings[i].message);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_kbool(&w, "hasSecret", r->has_secret);
    jw_object_end(&w);
}

static bool bad(struct err *e, const char *what) { return err_set(e, ERR_INVALID, "the report of a scan has no valid %s", what); }

static bool take_level(const struct json *o, const char *key, enum scan_level *out, struct err *e)
{
    return scan_level_parse(json_str_or(o, str_c(key), STR("")), out) || bad(e, key);
}

static bool take_text(const struct json *o, const char *key, size_t n_max, struct arena *a, str *out, struct err *e)
{
    str s;
    if (!json_str(json_get(o, str_c(key)), &s) || s.n > n_max) return bad(e, key);
    *out = arena_dup(a, s);
    return true;
}

static bool take_imports(const struct json *list, struct arena *a, struct scan_report *out, struct err *e)
{
    if (!json_is(list, JSON_ARRAY) || list->count > SCAN_IMPORTS_MAX) return bad(e, "pickleImports");
    out->imports = arena_alloc(a, (list->count + 1) * sizeof *out->imports);
    json_each(item, list) {
        struct scan_import *i = &out->imports[out->imports_count++];
        if (!take_text(item, "module", REPORT_NAME_BYTES + 8, a, &i->module, e) || !take_text(item, "name", REPORT_NAME_BYTES + 8, a, &i->name, e)) return false;
        if (!safety_parse(json_str_or(item, STR("safety"), STR("")), &i->safety)) return bad(e, "safety");
    }
    return true;
}

static bool take_findings(const struct json *list, struct arena *a, struct scan_report *out, struct err *e)
{
    if (!json_is(list, JSON_ARRAY) || list->count > SCAN_FINDINGS_MAX) return bad(e, "findings");
    out->findings = arena_alloc(a, (list->count + 1) * sizeof *out->findings);
    json_each(item, list) {
        struct scan_finding *f = &out->findings[out->findings_count++];
        if (!take_level(item, "level", &f->level, e) || !take_text(item, "probe", 64, a, &f->probe, e)) return false;
        if (!take_text(item, "member", SCAN_PATH_MAX, a, &f->member, e) || !take_text(item, "message", REPORT_MESSAGE_BYTES + 8, a, &f->message, e)) return false;
    }
    return true;
}

bool scan_report_parse(str json, struct arena *a, struct scan_report *out, struct err *e)
{
    struct json *v;
    *out = (struct scan_report){ 0 };
    if (!json_parse_depth(json, 8, a, &v, e)) return err_context(e, "the report of a scan");
    if (!take_level(v, "level", &out->level, e) || !take_level(v, "pickleLevel", &out->pickle_level, e) || !take_level(v, "formatLevel", &out->format_level, e))
        return false;
    if (out->level != (out->pickle_level > out->format_level ? out->pickle_level : out->format_level)) return bad(e, "level");
    if (!json_bool(json_get(v, STR("isPickle")), &out->is_pickle) || !json_bool(json_get(v, STR("hasSecret")), &out->has_secret)) return bad(e, "answer to yes or no");
    return take_imports(json_get(v, STR("pickleImports")), a, out, e) && take_findings(json_get(v, STR("findings")), a, out, e);
}
