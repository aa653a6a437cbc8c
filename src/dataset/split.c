/* dataset/split.c - which files make up which split: by the card's `configs`, else by the names of files.
 *
 * The rules are those of the `datasets` library (specification of data files): data/SPLIT-00000-of-00003.parquet first; then folders
 * named by a keyword, then files whose names hold one, each keyword bounded by the ends, "-", ".", "_", a blank or a digit; else
 * everything is "train". */
#include <stdlib.h>

#include "dataset/cast.h"
#include "vcs/attributes.h"

/* A pattern is matched with each file in the time of their lengths multiplied, at worst: some two seconds for a card that wants it so.
 * Patterns that come behind are not asked, as those that are too long. */
enum { PATTERN_BYTES_MAX = 1000, PATTERN_STEPS_MAX = 500 << 20 };

struct splits {
    const struct dataset_files *files;
    struct dataset_split *split;
    uint8_t **has; /* of each split: a bit for each file */
    size_t n;
    uint64_t steps_left;
    struct arena *a;
};

static struct dataset_split *split_of(struct splits *s, str config, str split)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->split[i].config, config) && str_eq(s->split[i].split, split)) return &s->split[i];
    if (s->n == DATASET_SPLITS_MAX) return NULL;
    struct dataset_split *one = &s->split[s->n++];
    *one = (struct dataset_split){ .config = config, .split = split, .files = s->files };
    s->has[s->n - 1] = arena_alloc(s->a, s->files->n / 8 + 1);
    return one;
}

static void add_file(struct splits *s, struct dataset_split *to, const struct repo_file_row *f)
{
    if (!to) return;
    uint8_t *has = s->has[to - s->split];
    size_t i = (size_t)(f - s->files->file);
    if (has[i / 8] >> i % 8 & 1) return; /* two patterns of one split */
    has[i / 8] |= (uint8_t)(1 << i % 8);
    to->file = arena_grow(s->a, to->file, to->files_count, sizeof *to->file);
    to->file[to->files_count++] = f;
}

/* Names that begin with a dot, and folders that begin with "__", are no data, unless a pattern has as many of them. */
static size_t hidden_parts(str path)
{
    size_t n = 0;
    str part;
    while (str_cut(&path, '/', &part)) n += str_starts(part, STR(".")) || (path.p && str_starts(part, STR("__")));
    return n;
}

/* ------------------------------------------------------------------ what the card says */

/* vcs_glob_match knows "**" as a component, as people write it. */
static bool matches(struct splits *s, str pattern, size_t plain, str path)
{
    uint64_t steps = 1;
    bool begins = str_starts(path, str_to(pattern, plain));
    if (begins) steps += (uint64_t)(pattern.n - plain) * (path.n - plain);
    s->steps_left = steps < s->steps_left ? s->steps_left - steps : 0;
    return begins && s->steps_left && (str_eq(path, pattern) || vcs_glob_match(str_from(pattern, plain), str_from(path, plain)));
}

struct asked { /* by an entry of `configs` */
    str config, folder; /* data_dir, with a slash behind it, or empty: patterns begin below it */
    const struct repo_file_row *file;
    size_t n;
};

static void add_pattern(struct splits *s, const struct asked *k, str split, str pattern)
{
    size_t plain = 0; /* bytes of components that stand for themselves */
    if (str_starts(pattern, STR("./"))) pattern = str_from(pattern, 2);
    pattern = arena_fmt(s->a, "%.*s%.*s", STR_ARG(k->folder), STR_ARG(pattern));
    if (pattern.n > PATTERN_BYTES_MAX) return;
    while (plain < pattern.n && !memchr("*?[\\", pattern.p[plain], 4)) plain++;
    while (plain > 0 && pattern.p[plain - 1] != '/') plain--;
    size_t hidden = hidden_parts(pattern);
    for (size_t i = 0; i < k->n && s->steps_left; i++)
        if (matches(s, pattern, plain, k->file[i].path) && hidden_parts(k->file[i].path) == hidden) add_file(s, split_of(s, k->config, split), &k->file[i]);
}

static void add_patterns(struct splits *s, const struct asked *k, str split, const struct json *v)
{
    str pattern;
    if (json_str(v, &pattern)) add_pattern(s, k, split, pattern);
    else if (json_is(v, JSON_ARRAY)) json_each (item, v)
            if (json_str(item, &pattern)) add_pattern(s, k, split, pattern);
}

static void add_by_names(struct splits *s, const struct asked *k);

static void add_config(struct splits *s, const struct json *config, const struct repo_file_row *file, size_t n)
{
    str folder = json_str_or(config, STR("data_dir"), STR(""));
    const struct json *files = json_get(config, STR("data_files")), *first = json_first(files);
    if (str_starts(folder, STR("./"))) folder = str_from(folder, 2);
    if (str_eq(folder, STR("."))) folder = STR("");
    if (folder.n && !str_ends(folder, STR("/"))) folder = arena_fmt(s->a, "%.*s/", STR_ARG(folder));
    struct asked k = { json_str_or(config, STR("config_name"), STR("default")), folder, file, n };
    if (json_is(files, JSON_ARRAY) && json_is(first, JSON_OBJECT)) {
        json_each (one, files) add_patterns(s, &k, json_str_or(one, STR("split"), STR("train")), json_get(one, STR("path")));
    } else if (json_is(files, JSON_OBJECT)) {
        json_each (one, files) add_patterns(s, &k, one->key, one);
    } else if (files) {
        add_patterns(s, &k, STR("train"), files);
    } else {
        add_by_names(s, &k);
    }
}

/* ------------------------------------------------------------------ what the names say */

static const struct { const char *split, *word; } keyword[] = {
    { "train", "train" }, { "train", "training" }, { "validation", "validation" }, { "validation", "valid" }, { "validation", "dev" },
    { "validation", "val" }, { "test", "test" }, { "test", "testing" }, { "test", "eval" }, { "test", "evaluation" },
};

static bool is_edge(char c) { return c == '-' || c == '.' || c == '_' || c == ' ' || c == '/' || (c >= '0' && c <= '9'); }

static bool has_word(str s, str word)
{
    for (size_t from = 0; from + word.n <= s.n;) {
        size_t at = str_find(str_from(s, from), word);
        if (at == STR_NONE) return false;
        at += from;
        if ((!at || is_edge(s.p[at - 1])) && (at + word.n == s.n || is_edge(s.p[at + word.n]))) return true;
        from = at + 1;
    }
    return false;
}

static str word_of(str s)
{
    for (size_t i = 0; i < COUNT(keyword); i++)
        if (has_word(s, str_c(keyword[i].word))) return str_c(keyword[i].split);
    return STR("");
}

static size_t digits(str s)
{
    size_t n = 0;
    while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9') n++;
    return n;
}

/* data/SPLIT-ddddd-of-ddddd….parquet: the split; else empty. */
static str sharded(str path)
{
    if (!str_starts(path, STR("data/")) || str_chr(str_from(path, 5), '/') != STR_NONE) return STR("");
    str name = str_from(path, 5);
    size_t of = str_find(name, STR("-of-"));
    if (of == STR_NONE || of < 7 || digits(str_from(name, of - 5)) != 5 || name.p[of - 6] != '-' || digits(str_from(name, of + 4)) < 5) return STR("");
    return str_to(name, of - 6);
}

static str folder_word(str path)
{
    size_t slash = str_rchr(path, '/');
    return slash == STR_NONE ? STR("") : word_of(str_to(path, slash));
}

static str name_word(str path)
{
    size_t slash = str_rchr(path, '/');
    return word_of(slash == STR_NONE ? path : str_from(path, slash + 1));
}

static str everything(str path)
{
    (void)path;
    return STR("train");
}

/* Of what lies in the folder, as if it were the repository. */
static void add_by_names(struct splits *s, const struct asked *k)
{
    static str (*const rule[])(str path) = { sharded, folder_word, name_word, everything };
    bool found = false;
    size_t hidden = hidden_parts(k->folder);
    for (size_t r = 0; r < COUNT(rule) && !found; r++) /* once a rule finds anything, the others are not asked */
        for (size_t i = 0; i < k->n; i++) {
            if (!str_starts(k->file[i].path, k->folder) || hidden_parts(k->file[i].path) != hidden) continue;
            str split = rule[r](str_from(k->file[i].path, k->folder.n));
            if (split.n) add_file(s, split_of(s, k->config, arena_dup(s->a, split)), &k->file[i]);
            found |= split.n > 0;
        }
}

/* ------------------------------------------------------------------ one format */

static bool read_names(const struct json *v, struct arena *a, struct text_way *way)
{
    if (!json_is(v, JSON_ARRAY) || !v->count || v->count > TEXT_COLUMNS_MAX) return false;
    str *name = arena_alloc(a, v->count * sizeof *name);
    way->names_count = 0;
    json_each (item, v)
        if (!json_str(item, &name[way->names_count++])) return false;
    way->name = name;
    return true;
}

/* What the card says of how text is read; false: it is not known here. Names without a header say that there is none, as pandas has it. */
static bool read_setting(const struct json *m, const struct json *config, struct arena *a, struct text_way *way)
{
    static const char *const known[] = { "config_name", "data_files", "data_dir", "default", "drop_labels", "description", "version" };
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_eq(m->key, str_c(known[i]))) return true;
    if (str_eq(m->key, STR("sep")) || str_eq(m->key, STR("delimiter"))) {
        if (m->type != JSON_STRING || m->s.n != 1 || memchr("\"\r\n", m->s.p[0], 3)) return false;
        way->separator = m->s.p[0];
        return true;
    }
    if (str_eq(m->key, STR("names")) || str_eq(m->key, STR("column_names"))) {
        if (!json_get(config, STR("header"))) way->has_no_header = true;
        return read_names(m, a, way);
    }
    if (!str_eq(m->key, STR("header"))) return false;
    way->has_no_header = m->type == JSON_NULL;
    return m->type == JSON_NULL || (m->type == JSON_INT && m->i == 0) || (m->type == JSON_STRING && str_eq(m->s, STR("infer")) && !json_get(config, STR("names")));
}

/* The same of media. What else stands there `datasets` ignores, too. */
static bool read_folder_setting(const struct json *m, struct dataset_folder *f)
{
    static const char *const unknown[] = { "metadata_filenames", "filters", "features" };
    enum dataset_wish wish = m->type != JSON_BOOL ? DATASET_AS_IT_IS : m->b ? DATASET_YES : DATASET_NO;
    if (str_eq(m->key, STR("drop_labels"))) f->drops_labels = wish;
    if (str_eq(m->key, STR("drop_metadata"))) f->drops_metadata = wish;
    for (size_t i = 0; i < COUNT(unknown); i++)
        if (str_eq(m->key, str_c(unknown[i]))) return m->type == JSON_NULL;
    return true;
}

static void read_settings(struct dataset_split *s, const struct json *card, struct arena *a)
{
    const struct json *configs = json_get(card, STR("configs"));
    bool is_folder = dataset_is_folder(s->format);
    if (s->format == DATASET_PARQUET || s->format == DATASET_TAR) return;
    if (!is_folder && !cast_card_features(card, s->config, a, &s->features)) s->unknown = STR("dataset_info");
    if (json_is(configs, JSON_ARRAY)) json_each (config, configs) {
        if (!str_eq(json_str_or(config, STR("config_name"), STR("default")), s->config)) continue;
        json_each (m, config)
            if (!(is_folder ? read_folder_setting(m, &s->folder) : read_setting(m, config, a, &s->way))) s->unknown = m->key;
    }
}

static void keep_format(struct dataset_split *s, enum dataset_format format, struct arena *a)
{
    size_t kept = 0;
    struct dataset_folder *d = &s->folder;
    s->format = format;
    for (size_t i = 0; i < s->files_count; i++) {
        enum dataset_format f;
        bool is_metadata = dataset_is_folder(format) && dataset_is_metadata(s->file[i]->path);
        if (is_metadata && d->metadata_count == DATASET_SPLIT_FILES_MAX) {
            s->has_more = true;
        } else if (is_metadata) {
            d->metadata = arena_grow(a, d->metadata, d->metadata_count, sizeof *d->metadata);
            d->metadata[d->metadata_count++] = s->file[i];
        } else if (dataset_format_of(s->file[i]->path, &f) && f == format) {
            s->file[kept++] = s->file[i];
        }
    }
    s->has_more |= !dataset_is_folder(format) && kept > DATASET_SPLIT_FILES_MAX;
    s->files_count = s->has_more && !dataset_is_folder(format) ? DATASET_SPLIT_FILES_MAX : kept;
}

/* Of the splits of a configuration, which stand side by side from here on. */
static size_t choose_format(struct dataset_split *s, size_t n, const struct json *card, struct arena *a)
{
    struct dataset_endings *endings = arena_one(a, struct dataset_endings);
    size_t of_config = 0;
    for (; of_config < n && str_eq(s[of_config].config, s[0].config); of_config++)
        for (size_t i = 0; i < s[of_config].files_count; i++) dataset_endings_add(endings, s[of_config].file[i]->path);
    enum dataset_format best = dataset_endings_most(endings);
    for (size_t i = 0; i < of_config; i++) {
        keep_format(&s[i], best, a);
        read_settings(&s[i], card, a);
    }
    if (dataset_is_folder(best)) dataset_folder_describe(s, of_config, a);
    return of_config;
}

/* ------------------------------------------------------------------ both */

static int place_of(str split)
{
    static const char *const order[] = { "train", "validation", "test" };
    for (int i = 0; i < (int)COUNT(order); i++)
        if (str_eq(split, str_c(order[i]))) return i;
    return (int)COUNT(order);
}

static int by_config(const void *a, const void *b)
{
    const struct dataset_split *x = a, *y = b;
    int order = y->is_default - x->is_default;
    if (!order) order = str_cmp(x->config, y->config);
    if (!order) order = place_of(x->split) - place_of(y->split);
    return order ? order : str_cmp(x->split, y->split);
}

static void mark_default(struct splits *s, const struct json *configs)
{
    str name = STR("default");
    if (json_is(configs, JSON_ARRAY))
        json_each (config, configs)
            if (json_bool_or(config, STR("default"), false)) name = json_str_or(config, STR("config_name"), name);
    for (size_t i = 0; i < s->n; i++) s->split[i].is_default = str_eq(s->split[i].config, name);
}

void dataset_splits(const struct json *card, const struct dataset_files *files, struct arena *a, struct dataset_split **out, size_t *count)
{
    struct splits s = { .files = files, .split = arena_alloc(a, DATASET_SPLITS_MAX * sizeof *s.split), .has = arena_alloc(a, DATASET_SPLITS_MAX * sizeof *s.has),
                        .steps_left = PATTERN_STEPS_MAX, .a = a };
    const struct json *configs = json_get(card, STR("configs"));
    struct asked all = { STR("default"), STR(""), files->file, files->n };
    if (json_is(configs, JSON_ARRAY))
        json_each (config, configs) add_config(&s, config, files->file, files->n);
    if (!s.n) add_by_names(&s, &all);
    mark_default(&s, configs);
    qsort(s.split, s.n, sizeof *s.split, by_config);
    for (size_t i = 0; i < s.n;) i += choose_format(s.split + i, s.n - i, card, a);
    *out = s.split;
    *count = 0;
    for (size_t i = 0; i < s.n; i++)
        if (s.split[i].files_count) s.split[(*count)++] = s.split[i];
}
