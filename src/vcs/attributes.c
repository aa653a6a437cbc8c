/* vcs/attributes.c - see vcs/attributes.h.
 *
 * Both files are lists of patterns whose last match decides; what differs is how a line is cut up and
 * what may match.  Attributes: a pattern, then settings; macros ("[attr]name ...") stand for settings;
 * folders match nothing.  Ignore rules: a pattern, perhaps negated; what lies in an ignored folder is
 * ignored whatever later lines say. */
#include "vcs/attributes.h"

#include "vcs/path.h"

enum {
    LINES_MAX = 20000,
    ATTRIBUTE_LINE_BYTES_MAX = 2048, /* git skips longer ones */
    MACROS_MAX = 64,
};

struct pattern {
    str glob;
    bool is_anchored; /* compared with the whole path, else with the last component */
    bool is_dir_only;
    bool is_negated;
};

static str without_bom(str text)
{
    return str_starts(text, STR("\xef\xbb\xbf")) ? str_from(text, 3) : text;
}

static bool pattern_parse(str p, struct pattern *out)
{
    *out = (struct pattern){ 0 };
    if (p.n > 0 && p.p[0] == '!') {
        out->is_negated = true;
        p = str_from(p, 1);
    }
    if (str_ends(p, STR("/"))) {
        out->is_dir_only = true;
        p.n--;
    }
    out->is_anchored = str_chr(p, '/') != STR_NONE;
    if (p.n > 0 && p.p[0] == '/') p = str_from(p, 1);
    out->glob = p;
    return p.n > 0;
}

/* Git compares what precedes the first special character by itself and matches only the rest; so in
 * "a/b**", which starts anew at "**", these mean more than two stars within a word would. */
static bool pattern_matches(const struct pattern *p, str path, bool is_dir)
{
    if (p->is_dir_only && !is_dir) return false;
    size_t slash = str_rchr(path, '/'), plain = 0;
    if (!p->is_anchored) return vcs_glob_match(p->glob, slash == STR_NONE ? path : str_from(path, slash + 1));
    while (plain < p->glob.n && !memchr("*?[\\", p->glob.p[plain], 4)) plain++;
    return str_starts(path, str_to(p->glob, plain)) && vcs_glob_match(str_from(p->glob, plain), str_from(path, plain));
}

/* ------------------------------------------------------------------ attributes */

struct line {
    struct pattern pattern;
    str macro;    /* the name that this line defines; the pattern is unused then */
    str settings; /* words */
};

struct vcs_attributes {
    struct line *line;
    size_t count;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bool next_word(str *rest, str *word)
{
    while (rest->n > 0 && is_blank(rest->p[0])) *rest = str_from(*rest, 1);
    size_t n = 0;
    while (n < rest->n && !is_blank(rest->p[n])) n++;
    *word = str_to(*rest, n);
    *rest = str_from(*rest, n);
    return n > 0;
}

static bool last_word(str *rest, str *word)
{
    while (rest->n > 0 && is_blank(rest->p[rest->n - 1])) rest->n--;
    size_t at = rest->n;
    while (at > 0 && !is_blank(rest->p[at - 1])) at--;
    *word = str_from(*rest, at);
    *rest = str_to(*rest, at);
    return word->n > 0;
}

/* The name in "name", "-name", "!name" or "name=value"; false when git would not take it. */
static bool setting_parse(str word, str *name, str *value, char *sign)
{
    *sign = word.p[0] == '-' || word.p[0] == '!' ? word.p[0] : 0;
    if (*sign) word = str_from(word, 1);
    size_t equals = str_chr(word, '=');
    *name = str_to(word, equals);
    *value = equals == STR_NONE ? STR("") : str_from(word, equals + 1);
    if (equals != STR_NONE && !*sign) *sign = '='; /* of "-name=value" git drops the value */
    if (name->n == 0 || name->p[0] == '-' || str_starts(*name, STR("builtin_"))) return false;
    for (size_t i = 0; i < name->n; i++) {
        char c = name->p[i];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                    c == '_' || c == '.';
        if (!fine) return false;
    }
    return true;
}

static bool settings_are_valid(str settings)
{
    str word, name, value;
    char sign;
    while (next_word(&settings, &word))
        if (!setting_parse(word, &name, &value, &sign)) return false;
    return true;
}

static bool line_parse(str text, struct arena *a, struct line *out)
{
    str pattern, word = STR("");
    *out = (struct line){ 0 };
    if (text.n >= ATTRIBUTE_LINE_BYTES_MAX) return false;
    while (text.n > 0 && is_blank(text.p[0])) text = str_from(text, 1);
    if (text.n == 0 || text.p[0] == '#') return false;
    if (text.p[0] == '"') {
        str quoted = text;
        if (!vcs_unquote(&quoted, a, &pattern)) next_word(&text, &pattern); /* then the quote is part of it */
        else text = quoted;
    } else {
        next_word(&text, &pattern);
    }
    out->settings = text;
    if (str_starts(pattern, STR("[attr]"))) {
        out->macro = str_from(pattern, 6);
        if (out->macro.n == 0 && !next_word(&out->settings, &out->macro)) return false;
        word = out->macro;
        return settings_are_valid(word) && word.p[0] != '-' && word.p[0] != '!' && settings_are_valid(out->settings);
    }
    return pattern_parse(pattern, &out->pattern) && !out->pattern.is_negated && settings_are_valid(out->settings);
}

struct vcs_attributes *vcs_attributes_parse(str text, struct arena *a)
{
    struct vcs_attributes *t = arena_one(a, struct vcs_attributes);
    str rest = without_bom(text), piece;
    size_t cap = 0, lines = 0;
    if (!rest.p) return t;
    while (str_cut(&rest, '\n', &piece) && lines++ < LINES_MAX) {
        struct line l;
        if (!line_parse(piece, a, &l)) continue;
        if (t->count == cap) {
            size_t more = cap ? cap * 2 : 32;
            struct line *grown = arena_try_array(a, more, sizeof *grown);
            if (!grown) return t;
            if (cap) memcpy(grown, t->line, cap * sizeof *grown);
            t->line = grown;
            cap = more;
        }
        t->line[t->count++] = l;
    }
    return t;
}

/* The state of one question: what `filter` is.  Lines are asked last to first, words right to left, and
 * the first answer counts; that holds for the macros on the way, too. */
struct ask {
    const struct vcs_attributes *t;
    bool is_decided, is_lfs;
    str decided_macro[MACROS_MAX];
    size_t macros_count;
};

static const struct line *macro_find(const struct vcs_attributes *t, str name)
{
    for (size_t i = t->count; i-- > 0;)
        if (t->line[i].macro.n > 0 && str_eq(t->line[i].macro, name)) return &t->line[i];
    return NULL;
}

static void ask_settings(struct ask *q, str settings)
{
    str word, name, value;
    char sign;
    while (!q->is_decided && last_word(&settings, &word)) {
        if (!setting_parse(word, &name, &value, &sign)) continue;
        if (str_eq(name, STR("filter"))) {
            q->is_decided = true;
            q->is_lfs = sign == '=' && str_eq(value, STR("lfs"));
            return;
        }
        const struct line *macro = macro_find(q->t, name);
        bool seen = !macro;
        for (size_t i = 0; i < q->macros_count && !seen; i++) seen = str_eq(q->decided_macro[i], name);
        if (seen || q->macros_count == MACROS_MAX) continue;
        q->decided_macro[q->macros_count++] = name;
        if (sign == 0) ask_settings(q, macro->settings); /* ends: each macro is entered once */
    }
}

bool vcs_attributes_is_lfs(const struct vcs_attributes *t, str path)
{
    struct ask q = { .t = t };
    for (size_t i = t->count; i-- > 0 && !q.is_decided;)
        if (t->line[i].macro.n == 0 && pattern_matches(&t->line[i].pattern, path, false))
            ask_settings(&q, t->line[i].settings);
    return q.is_lfs;
}

/* ------------------------------------------------------------------ ignore rules */

struct vcs_ignore {
    struct pattern *rule;
    size_t count;
};

/* Blanks at the end do not count unless a backslash stands before them. */
static str without_trailing_blanks(str s)
{
    size_t keep = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ' ') continue;
        if (s.p[i] == '\\' && i + 1 < s.n) i++;
        keep = i + 1;
    }
    return str_to(s, keep);
}

struct vcs_ignore *vcs_ignore_parse(str text, struct arena *a)
{
    struct vcs_ignore *t = arena_one(a, struct vcs_ignore);
    str rest = without_bom(text), line;
    size_t cap = 0, lines = 0;
    if (!rest.p) return t;
    while (str_cut(&rest, '\n', &line) && lines++ < LINES_MAX) {
        struct pattern p;
        if (str_ends(line, STR("\r"))) line.n--;
        if (line.n == 0 || line.p[0] == '#') continue;
        line = without_trailing_blanks(line);
        if (!pattern_parse(line, &p)) continue;
        if (t->count == cap) {
            size_t more = cap ? cap * 2 : 32;
            struct pattern *grown = arena_try_array(a, more, sizeof *grown);
            if (!grown) return t;
            if (cap) memcpy(grown, t->rule, cap * sizeof *grown);
            t->rule = grown;
            cap = more;
        }
        t->rule[t->count++] = p;
    }
    return t;
}

static bool is_ignored(const struct vcs_ignore *t, str path, bool is_dir)
{
    for (size_t i = t->count; i-- > 0;)
        if (pattern_matches(&t->rule[i], path, is_dir)) return !t->rule[i].is_negated;
    return false;
}

bool vcs_ignore_matches(const struct vcs_ignore *t, str path)
{
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] == '/' && is_ignored(t, str_to(path, i), true)) return true;
    return is_ignored(t, path, false);
}
