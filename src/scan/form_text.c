/* scan/form_text.c - YAML that builds Python objects, and scripts that load data sets.
 *
 * YAML is not parsed: a tag or a `_target_` works wherever it stands, and a comment that names one is no harm to tell. */
#include "scan/form.h"

enum { TEXT_BYTES = 16 << 20, TOLD_MAX = 20 };

struct yaml {
    struct scan *s;
    const struct probe_input *in;
    unsigned told;
};

static str word_at(str line)
{
    size_t n = 0;
    while (n < line.n && line.p[n] != ' ' && line.p[n] != '\t' && line.p[n] != '\r' && line.p[n] != '>' && line.p[n] != '"' && line.p[n] != '\'' && line.p[n] != ',' &&
           line.p[n] != '}' && line.p[n] != ']' && line.p[n] != '{' && line.p[n] != '[')
        n++;
    return str_to(line, n);
}

/* What stands behind "!!python/" or the same in long: "tuple", "object/apply:os.system". */
static void judge_tag(struct yaml *y, str tag, uint64_t line)
{
    static const char *const kinds[] = { "object/apply:", "object/new:", "object:", "name:", "module:" };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (!str_starts(tag, str_c(kinds[i])) || y->told++ >= TOLD_MAX) continue;
        str name = str_from(tag, strlen(kinds[i]));
        char where[80];
        snprintf(where, sizeof where, "!!python/%s in line %llu", i == 1 || i == 0 ? "object" : i == 2 ? "object" : i == 3 ? "name" : "module", (unsigned long long)line);
        if (!form_calls(y->s, y->in, "yaml", name, where))
            scan_add(y->s, y->in, "yaml", SCAN_SUSPICIOUS, "line %llu: builds a Python object of %.*s", (unsigned long long)line, STR_ARG(str_to(name, 120)));
        return;
    }
}

static void judge_line(struct yaml *y, str line, uint64_t number)
{
    static const char *const tags[] = { "!!python/", "tag:yaml.org,2002:python/" };
    char where[48];
    for (size_t i = 0; i < COUNT(tags); i++)
        for (str rest = line;;) {
            size_t at = str_find(rest, str_c(tags[i]));
            if (at == STR_NONE) break;
            rest = str_from(rest, at + strlen(tags[i]));
            judge_tag(y, word_at(rest), number);
        }
    size_t at = str_find(line, STR("_target_"));
    if (at == STR_NONE) return;
    str rest = str_trim(str_from(line, at + 8));
    if (rest.n && (rest.p[0] == '"' || rest.p[0] == '\'')) rest = str_trim(str_from(rest, 1));
    if (!rest.n || rest.p[0] != ':') return;
    rest = str_trim(str_from(rest, 1));
    if (rest.n && (rest.p[0] == '"' || rest.p[0] == '\'')) rest = str_from(rest, 1);
    snprintf(where, sizeof where, "_target_ in line %llu", (unsigned long long)number);
    if (y->told < TOLD_MAX && form_calls(y->s, y->in, "yaml", word_at(rest), where)) y->told++;
}

bool probe_yaml(struct scan *s, const struct probe_input *in, struct err *e)
{
    static const char *const ends[] = { ".yaml", ".yml" };
    struct yaml y = { .s = s, .in = in };
    str text, line;
    if (!scan_path_ends(in->path, ends, COUNT(ends)) || in->source->size_bytes == 0) return true;
    if (!form_all(s, in, TEXT_BYTES, &text, e)) return false;
    if (!text.p) {
        scan_add(s, in, "yaml", SCAN_CAUTION, "is a file of settings of %llu bytes, which is too large to be judged", (unsigned long long)in->source->size_bytes);
        return true;
    }
    uint64_t number = 1;
    for (str rest = text; str_cut(&rest, '\n', &line); number++) judge_line(&y, line, number);
    mem_free((char *)(uintptr_t)text.p);
    return true;
}

bool probe_script(struct scan *s, const struct probe_input *in, struct err *e)
{
    static const char *const ends[] = { ".py" };
    static const char *const words[] = { "GeneratorBasedBuilder", "ArrowBasedBuilder", "BeamBasedBuilder" };
    str text;
    if (in->depth || !scan_path_ends(in->path, ends, COUNT(ends)) || in->source->size_bytes == 0) return true;
    if (!form_all(s, in, 1 << 20, &text, e)) return false;
    for (size_t i = 0; text.p && i < COUNT(words); i++) {
        if (str_find(text, str_c(words[i])) == STR_NONE) continue;
        scan_add(s, in, "script", SCAN_SAFE, "is a script that loads a data set; it is not run here");
        break;
    }
    mem_free((char *)(uintptr_t)text.p);
    return true;
}
