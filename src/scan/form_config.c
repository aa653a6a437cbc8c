/* scan/form_config.c - settings in JSON that a loader reads by name: config.json and its like.
 *
 * They hold no code, and can name it: `auto_map` a class in a file of this repository (a label: Transformers asks before it runs that) or
 * of another one, which nobody who looks here can see; `_target_` a function; `chat_template` a template; a Keras model is
 * settings throughout.  Duplicate keys are all judged.  Python writes numbers that are no JSON (NaN, Infinity). */
#include "scan/form.h"

enum { CONFIG_BYTES = 16 << 20, ARENA_BYTES = 160 << 20, LABELS_MAX = 20 };

static bool is_settings(str path)
{
    static const char *const ends[] = { "config.json", "chat_template.json", "model.json", "architecture.json", "model_index.json", "configs.json" };
    return scan_path_ends(path, ends, COUNT(ends));
}

/* Numbers that are no JSON become 0, in place. */
static void mend_numbers(char *p, size_t n)
{
    bool quoted = false;
    for (size_t i = 0; i < n; i++) {
        if (quoted && p[i] == '\\') i++;
        else if (p[i] == '"') quoted = !quoted;
        else if (!quoted && (p[i] == 'N' || p[i] == 'I')) {
            str rest = str_n(p + i, n - i);
            size_t word = str_starts(rest, STR("NaN")) ? 3 : str_starts(rest, STR("Infinity")) ? 8 : 0;
            if (!word) continue;
            memset(p + i, ' ', word);
            p[i] = '0';
        }
    }
}

struct settings {
    struct scan *s;
    const struct probe_input *in;
    unsigned labels;
};

static void judge_class(struct settings *c, const struct json *v)
{
    str name;
    if (json_is(v, JSON_ARRAY)) {
        json_each (item, v) judge_class(c, json_is(item, JSON_STRING) ? item : NULL);
        return;
    }
    if (!json_str(v, &name) || c->labels++ >= LABELS_MAX) return;
    size_t foreign = str_find(name, STR("--"));
    if (foreign != STR_NONE)
        scan_add(c->s, c->in, "config", SCAN_CAUTION, "names code of another repository, %.*s, which may change at any time: %.*s", STR_ARG(str_to(name, foreign < 100 ? foreign : 100)),
                 STR_ARG(str_to(name, 200)));
    else scan_add(c->s, c->in, "config", SCAN_SAFE, "names code of this repository: %.*s", STR_ARG(str_to(name, 200)));
}

static void judge_templates(struct settings *c, const struct json *v)
{
    str text;
    if (json_str(v, &text)) form_template(c->s, c->in, STR("chat_template"), text, true);
    json_each (item, json_is(v, JSON_ARRAY) ? v : NULL)
        if (json_str(json_get(item, STR("template")), &text)) form_template(c->s, c->in, json_str_or(item, STR("name"), STR("chat_template")), text, true);
}

/* As deep as the parser lets a text be. */
static void walk(struct settings *c, const struct json *v)
{
    str text;
    if (!json_is(v, JSON_ARRAY) && !json_is(v, JSON_OBJECT)) return;
    json_each (m, v) {
        if (json_is(v, JSON_OBJECT) && str_eq(m->key, STR("auto_map"))) {
            json_each (class, json_is(m, JSON_OBJECT) ? m : NULL) judge_class(c, class);
            judge_class(c, json_is(m, JSON_STRING) ? m : NULL);
        } else if (json_is(v, JSON_OBJECT) && str_eq(m->key, STR("chat_template"))) {
            judge_templates(c, m);
        } else if (json_is(v, JSON_OBJECT) && str_eq(m->key, STR("_target_")) && json_str(m, &text)) {
            form_calls(c->s, c->in, "config", text, "_target_");
        } else {
            walk(c, m);
        }
    }
}

bool probe_config(struct scan *s, const struct probe_input *in, struct err *e)
{
    struct settings c = { .s = s, .in = in };
    struct json *v;
    struct err why;
    str text;
    if (!is_settings(in->path) || in->source->size_bytes == 0) return true;
    if (!form_all(s, in, CONFIG_BYTES, &text, e)) return false;
    if (!text.p) {
        scan_add(s, in, "config", SCAN_CAUTION, "is a file of settings of %llu bytes, which is too large to be judged", (unsigned long long)in->source->size_bytes);
        return true;
    }
    char *own = (char *)(uintptr_t)text.p;
    struct arena *a = arena_new(ARENA_BYTES);
    if (str_starts(text, STR("\xef\xbb\xbf"))) text = str_from(text, 3);
    bool ok = json_parse(text, a, &v, &why);
    if (!ok) {
        mend_numbers(own, text.n + (size_t)(text.p - own));
        ok = json_parse(text, a, &v, &why);
    }
    if (ok) {
        walk(&c, v);
        if (json_is(json_get(v, STR("config")), JSON_OBJECT) && json_is(json_get(v, STR("class_name")), JSON_STRING)) form_keras(s, in, v, "keras", false);
    } else if (!str_starts(text, STR("version https://git-lfs"))) {
        const char *what = why.code == ERR_TOO_LARGE ? "is a file of settings that is too large to be judged" : "is no JSON that can be read to its end";
        scan_add(s, in, "config", SCAN_CAUTION, "%s: %.*s", what, STR_ARG(str_to(str_c(why.msg), 200)));
    }
    arena_free(a);
    mem_free(own);
    return true;
}
