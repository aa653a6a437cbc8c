/* scan/form_template.c - templates that loaders render: chat templates, wherever they stand.
 *
 * A template of the common renderers reaches any function of the process from a string, by way of attributes whose names begin and end
 * with two underscores.  Ours has none of them, so no honest template needs one.  The template is parsed, not searched: what a string
 * constant says is known whatever its escapes; joined constants are joined.  What a renderer computes in other ways is told as such. */
#include "jinja/jinja.h"
#include "scan/form.h"

/* The ways from a value to everything.  What is only like them is SCAN_SUSPICIOUS. */
static const char *const ways[] = {
    "__class__",    "__base__",     "__bases__",   "__mro__",       "__subclasses__", "__globals__",     "__builtins__",    "__import__", "__init__",
    "__dict__",     "__getattribute__", "__getattr__", "__code__",  "__closure__",    "__func__",        "__self__",        "__module__", "__reduce__",
    "__reduce_ex__", "__loader__",  "__spec__",    "__call__",      "__new__",        "__init_subclass__", "__subclasshook__", "__getitem__", "__setattr__",
    "__wrapped__",  "__defaults__", "__kwdefaults__", "gi_frame",   "gi_code",        "f_globals",       "f_builtins",      "f_locals",   "f_back",
    "cr_frame",     "ag_frame",     "tb_frame",    "func_globals",  "func_code",      "im_func",         "_TemplateReference__context",
};

struct reached {
    struct scan *s;
    const struct probe_input *in;
    str name;
    unsigned told;
};

static bool is_way(str name)
{
    for (size_t i = 0; i < COUNT(ways); i++)
        if (str_eq(name, str_c(ways[i]))) return true;
    return false;
}

static bool is_like_a_way(str name) { return name.n > 4 && str_starts(name, STR("__")) && str_ends(name, STR("__")); }

/* "a.__class__.b", as map(attribute=..) takes it. */
static bool holds_way(str text)
{
    str piece;
    if (text.n > 4096 || str_find(text, STR("__")) == STR_NONE) return false;
    for (str rest = text; str_cut(&rest, '.', &piece);)
        if (is_like_a_way(piece) && is_way(piece)) return true;
    return false;
}

static void reached(void *ctx, enum jinja_reach how, str name, uint32_t line)
{
    struct reached *r = ctx;
    enum scan_level level = SCAN_SAFE;
    if (how == JINJA_ATTRIBUTE) level = is_way(name) ? SCAN_UNSAFE : is_like_a_way(name) ? SCAN_SUSPICIOUS : SCAN_SAFE;
    if (how == JINJA_TEXT && holds_way(name)) level = SCAN_UNSAFE;
    if (how == JINJA_COMPUTED) level = SCAN_SUSPICIOUS;
    if (level == SCAN_SAFE || r->told == 8) return;
    r->told++;
    if (how == JINJA_COMPUTED)
        scan_add(r->s, r->in, "template", level, "%.*s, line %u: reaches for an attribute whose name it computes", STR_ARG(r->name), line);
    else
        scan_add(r->s, r->in, "template", level, "%.*s, line %u: reaches for %.*s, as a template does that wants to run code", STR_ARG(r->name), line,
                 STR_ARG(str_to(name, 80)));
}

void form_template(struct scan *s, const struct probe_input *in, str name, str source, bool is_chat)
{
    struct reached r = { .s = s, .in = in, .name = str_to(name, 120) };
    struct err why;
    if (jinja_reaches(r.name, source, &jinja_chat, reached, &r, &why)) return;
    /* The rest of it may be read by another parser. */
    for (size_t i = 0; i < COUNT(ways) && !r.told; i++) {
        if (ways[i][0] != '_' || str_find(source, str_c(ways[i])) == STR_NONE) continue;
        scan_add(s, in, "template", SCAN_SUSPICIOUS, "%.*s: holds %s, and cannot be parsed", STR_ARG(r.name), ways[i]);
        r.told++;
    }
    if (is_chat && !r.told) scan_add(s, in, "template", SCAN_CAUTION, "is no template that can be read to its end: %.*s", STR_ARG(str_to(str_c(why.msg), 300)));
}

bool probe_template(struct scan *s, const struct probe_input *in, struct err *e)
{
    static const char *const ends[] = { ".jinja", ".jinja2", ".j2" };
    str text;
    if (!scan_path_ends(in->path, ends, COUNT(ends))) return true;
    bool is_chat = str_find_nocase(in->path, STR("chat_template")) != STR_NONE;
    if (!form_all(s, in, 1 << 20, &text, e)) return false;
    if (text.p) form_template(s, in, form_name(in->path), text, is_chat);
    else scan_add(s, in, "template", SCAN_CAUTION, "is a template of %llu bytes, which is too large to be judged", (unsigned long long)in->source->size_bytes);
    mem_free((char *)(uintptr_t)text.p);
    return true;
}
