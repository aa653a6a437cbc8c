/* dataset/text/samples.c - samples of a WebDataset: members of a tar archive that stand side by side and have one name up to its first dot are a row, and what is
 * behind that dot is the column. The rules are those of `datasets`.
 *
 * Members are passed unread but for those that are shown. Text, numbers and JSON of a sample are put into an object, whose types and values are those of rows of JSON;
 * images, audio and video are {"bytes", "path"}, other members bytes. */
#include "dataset/file/format.h"
#include "dataset/file/media.h"
#include "dataset/file/tar.h"
#include "dataset/parquet/parquet_priv.h"
#include "dataset/text/text.h"

enum { FIELDS_MAX = 200, PASSED_MAX = 100000, FIRST_SAMPLES = 5, HEAD_BYTES = 64 << 10 };

/* ------------------------------------------------------------------ what a name says */

enum content { BYTES, TEXT, NUMBER, JSON, MEDIA, NOT_READ };

static str ending_of(str field) { return str_from(field, str_rchr(field, '.') + 1); }

static bool is_one_of(str s, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(s, str_c(list[i]))) return true;
    return false;
}

/* Not all that make folders of audio are known in archives. */
enum text_media text_tar_media(str field)
{
    static const char *const picture[] = { "h5", "hdf", "mpg" };
    static const char *const none[] = { "3g2", "3gp", "asf", "f4v", "flv", "m4v", "mxf", "nut", "ogm", "webm", "wma", "wmv" };
    char name[32];
    enum dataset_format f;
    str ending = ending_of(field);
    if (is_one_of(ending, picture, COUNT(picture))) return TEXT_IMAGE;
    if (is_one_of(ending, none, COUNT(none)) || ending.n > sizeof name - 2) return TEXT_NO_MEDIA;
    int n = snprintf(name, sizeof name, ".%.*s", STR_ARG(ending));
    if (!dataset_format_of(str_n(name, (size_t)n), &f)) return TEXT_NO_MEDIA;
    return f == DATASET_IMAGES ? TEXT_IMAGE : f == DATASET_AUDIO ? TEXT_AUDIO : f == DATASET_VIDEO ? TEXT_VIDEO : TEXT_NO_MEDIA;
}

static enum content content_of(str field)
{
    static const char *const text[] = { "txt", "text", "transcript" }, *const number[] = { "cls", "cls2", "index", "inx", "id" }, *const json[] = { "json", "jsn" };
    static const char *const not_read[] = { "ten", "tb", "mp", "msg", "npy", "npz", "cbor", "pth", "gz", "bz2", "xz", "lz4", "zst", "zip", "glb", "ply", "stl" };
    str ending = ending_of(field);
    if (is_one_of(ending, text, COUNT(text))) return TEXT;
    if (is_one_of(ending, number, COUNT(number))) return NUMBER;
    if (is_one_of(ending, json, COUNT(json))) return JSON;
    if (is_one_of(ending, not_read, COUNT(not_read))) return NOT_READ;
    return text_tar_media(field) ? MEDIA : BYTES;
}

/* "dir/0001.seg.png" is "dir/0001" and "seg.png"; hidden names, and those without a dot, are of no sample. */
static bool cut_name(str path, str *key, str *field)
{
    size_t base = str_rchr(path, '/') + 1, dot = str_chr(str_from(path, base), '.');
    str name = str_from(path, base);
    if (dot == STR_NONE || !dot || str_starts(name, STR("__"))) return false;
    *key = str_to(path, base + dot);
    *field = str_from(name, dot + 1);
    return true;
}

/* ------------------------------------------------------------------ samples */

struct field {
    str name;
    uint64_t at, size_bytes;
};
struct sample {
    str key;
    struct field field[FIELDS_MAX];
    size_t n; /* 0: there are no more */
    uint64_t begins_at;
};

/* Columns of every sample, besides its members. */
static bool is_own(str name) { return str_eq(name, STR("__key__")) || str_eq(name, STR("__url__")); }

/* The tar stands behind it then. Names lie in tar.names. */
static bool next_sample(struct tar *t, struct sample *s, struct err *e)
{
    s->n = 0;
    for (size_t passed = 0;;) {
        struct tar_member m;
        uint64_t before = t->at;
        str key, name;
        bool found;
        if (!tar_next(t, &m, &found, e)) return false;
        if (!found) return true;
        if (!m.is_file || !cut_name(m.name, &key, &name)) {
            if (++passed > PASSED_MAX) return err_set(e, ERR_UNPROCESSABLE, "more than %d members side by side are of no sample", PASSED_MAX);
            continue;
        }
        if (s->n && !str_eq(key, s->key)) {
            t->at = before;
            return true;
        }
        if (!s->n) {
            s->key = key;
            s->begins_at = before;
        }
        bool is_twice = is_own(name);
        for (size_t i = 0; i < s->n; i++) is_twice |= str_eq(s->field[i].name, name);
        if (is_twice) return err_set(e, ERR_UNPROCESSABLE, "sample \"%.*s\" has \"%.*s\" twice", STR_ARG(str_to(key, 200)), STR_ARG(str_to(name, 100)));
        if (s->n == FIELDS_MAX) return err_set(e, ERR_UNPROCESSABLE, "sample \"%.*s\" has more than %d members", STR_ARG(str_to(key, 200)), FIELDS_MAX);
        s->field[s->n++] = (struct field){ name, m.at, m.size_bytes };
    }
}

static const struct field *find_field(const struct sample *s, str name)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eq(s->field[i].name, name)) return &s->field[i];
    return NULL;
}

static bool read_field(struct tar *t, const struct field *f, size_t n, struct arena *a, bytes *out, struct err *e)
{
    uint8_t *p = arena_try(a, n + 1);
    *out = (bytes){ p, n };
    return p ? tar_read(t, f->at, p, n, e) : err_set(e, ERR_TOO_LARGE, "the values are too large to be shown");
}

/* ------------------------------------------------------------------ as an object */

/* "+7" and blanks are Python's. */
static bool read_number(str s, int64_t *out)
{
    s = str_trim(s);
    if (str_starts(s, STR("+")) && !str_starts(s, STR("+-"))) s = str_from(s, 1);
    return str_i64(s, out);
}

/* NULL: it was written; else why it cannot be. */
static const char *write_content(struct json_writer *w, enum content c, str text, struct arena *scratch)
{
    struct json *v;
    struct err ignored;
    int64_t i;
    if (c != NUMBER && !str_is_utf8(text)) return "it is no UTF-8";
    if (c == TEXT) {
        jw_str(w, text);
    } else if (c == NUMBER) {
        if (!read_number(text, &i)) return "it is no number";
        jw_int(w, i);
    } else if (!json_parse(text, scratch, &v, &ignored)) {
        return "it is no JSON";
    } else {
        jw_raw(w, str_trim(text));
    }
    return NULL;
}

struct writing {
    const struct text *t;
    struct tar *tar;
    const struct sample *s;
    struct json_writer w;
    struct arena *scratch;
};

/* A member of the object; what is no text is null there, and so is what cannot be read, which *problem says. */
static bool write_field(struct writing *g, str name, const char **problem, struct err *e)
{
    struct buf one = BUF_INIT(TEXT_ROW_BYTES_MAX);
    struct json_writer w = json_writer(&one);
    const struct field *f = find_field(g->s, name);
    enum content c = content_of(name);
    bool is_read = f && (c == TEXT || c == NUMBER || c == JSON), ok = true;
    bytes b;
    *problem = NULL;
    if (is_own(name)) {
        jw_str(&w, str_eq(name, STR("__key__")) ? g->s->key : g->t->way.address);
    } else if (is_read && f->size_bytes > TEXT_ROW_BYTES_MAX) {
        *problem = "it has more than 16 MiB";
    } else if (is_read) {
        ok = read_field(g->tar, f, (size_t)f->size_bytes, g->scratch, &b, e);
        if (ok) *problem = write_content(&w, c, str_of(b), g->scratch);
    }
    if (one.failed && !*problem) *problem = "it has more than 16 MiB";
    jw_key(&g->w, name);
    if (one.n && !*problem) jw_raw(&g->w, buf_str(&one));
    else jw_null(&g->w);
    buf_deinit(&one);
    return ok;
}

/* ------------------------------------------------------------------ opening */

/* As for the first: the same members, in any order. */
static bool has_members(const struct text *t, const struct sample *s)
{
    if (s->n + 2 != t->columns_count) return false;
    for (size_t i = 0; i < s->n; i++) {
        size_t k = 0;
        while (k < t->columns_count && !str_eq(t->column[k].name, s->field[i].name)) k++;
        if (k == t->columns_count) return false;
    }
    return true;
}

static bool look_at(struct text *t, struct tar *tar, const struct sample *s, struct text_types *ty, struct arena *scratch, struct err *e)
{
    struct buf row = BUF_INIT(2 * TEXT_ROW_BYTES_MAX);
    struct writing g = { .t = t, .tar = tar, .s = s, .w = json_writer(&row), .scratch = scratch };
    const char *problem;
    bool ok = true;
    jw_object(&g.w);
    for (size_t i = 0; i < t->columns_count && ok; i++) {
        str name = t->column[i].name;
        if (content_of(name) == NOT_READ)
            ok = err_set(e, ERR_NOT_BUILT, "Members \"%.*s\" are of a kind that is not read by this version of Hearth", STR_ARG(str_to(name, 100)));
        ok = ok && write_field(&g, name, &problem, e);
        if (ok && problem) ok = err_set(e, ERR_UNPROCESSABLE, "\"%.*s\" of sample \"%.*s\": %s", STR_ARG(str_to(name, 100)), STR_ARG(str_to(s->key, 200)), problem);
    }
    jw_object_end(&g.w);
    if (ok && row.failed) ok = err_set(e, ERR_UNPROCESSABLE, "sample \"%.*s\" has too much text", STR_ARG(str_to(s->key, 200)));
    ok = ok && text_json_look(ty, buf_str(&row), scratch, e);
    buf_deinit(&row);
    return ok;
}

/* Dates in JSON are text here, and nothing is of two types. */
static bool settle(struct parquet_node *n)
{
    if (n->logical == PARQUET_ANY) return false;
    if (n->shape == PARQUET_LEAF && n->logical == PARQUET_TIMESTAMP) {
        n->physical = PARQUET_BYTES;
        n->logical = PARQUET_STRING;
    }
    for (size_t i = 0; i < n->children_count; i++)
        if (!settle(&n->child[i])) return false;
    return true;
}

static struct parquet_node *media_children(struct arena *a)
{
    struct parquet_node *child = arena_alloc(a, 2 * sizeof *child);
    child[0] = (struct parquet_node){ .name = STR("bytes"), .is_optional = true, .physical = PARQUET_BYTES };
    child[1] = (struct parquet_node){ .name = STR("path"), .is_optional = true, .physical = PARQUET_BYTES, .logical = PARQUET_STRING };
    return child;
}

static bool make_columns(struct text *t, struct text_types *ty, struct err *e)
{
    if (!text_json_types(ty, t, e)) return false;
    for (size_t i = 0; i < t->columns_count; i++) {
        struct parquet_node *n = &t->column[i];
        enum content c = content_of(n->name);
        if (c == MEDIA) *n = (struct parquet_node){ .name = n->name, .shape = PARQUET_STRUCT, .is_optional = true, .child = media_children(t->a), .children_count = 2 };
        else if (c == BYTES && !is_own(n->name)) *n = (struct parquet_node){ .name = n->name, .is_optional = true, .physical = PARQUET_BYTES };
        else if (!settle(n)) return err_set(e, ERR_UNPROCESSABLE, "\"%.*s\" of the first samples has values of different types", STR_ARG(str_to(n->name, 100)));
    }
    return true;
}

/* `datasets` puts its own columns behind the others when the next sample begins. */
static void name_columns(struct text *t, const struct sample *s, bool is_only_one, struct arena *a)
{
    size_t own = is_only_one ? 0 : s->n, first = is_only_one ? 2 : 0;
    t->columns_count = s->n + 2;
    t->column = arena_alloc(a, t->columns_count * sizeof *t->column);
    for (size_t i = 0; i < s->n; i++) t->column[first + i].name = arena_dup(a, s->field[i].name);
    t->column[own].name = STR("__key__");
    t->column[own + 1].name = STR("__url__");
}

static bool is_last(struct tar *t, struct sample *scratch, bool *out, struct err *e)
{
    uint64_t at = t->at;
    bool ok = next_sample(t, scratch, e);
    *out = ok && !scratch->n;
    t->at = at;
    return ok;
}

bool text_tar_open(struct text *t, struct err *e)
{
    struct arena *own = arena_new(64 << 20), *scratch = arena_new(256 << 20), *names = arena_new(64 << 20);
    struct text_types ty = { .t = t, .a = own };
    struct sample *s = arena_one(own, struct sample), *next = arena_one(own, struct sample);
    struct tar tar;
    bool ok = true, is_only_one;
    tar_init(&tar, t->source, 0, own, names);
    for (size_t i = 0; i < FIRST_SAMPLES && ok; i++) {
        ok = next_sample(&tar, s, e);
        if (!ok || !s->n) break;
        if (!i && (ok = is_last(&tar, next, &is_only_one, e))) name_columns(t, s, is_only_one, own);
        if (!ok) break;
        if (!has_members(t, s)) ok = err_set(e, ERR_UNPROCESSABLE, "The first samples have different members: \"%.*s\" is not like those before", STR_ARG(str_to(s->key, 200)));
        ok = ok && look_at(t, &tar, s, &ty, scratch, e);
        arena_reset(scratch);
        arena_reset(names);
    }
    if (ok && !ty.root) ok = err_set(e, ERR_UNPROCESSABLE, "the archive has no samples: files with a dot in their names");
    ok = ok && make_columns(t, &ty, e);
    if (ok) ok = text_tar_extend(t, FIRST_SAMPLES, TEXT_TYPES_BYTES, e);
    t->types_are_whole = ok && t->index.is_whole && t->index.rows <= FIRST_SAMPLES;
    if (!ok) t->columns_count = 0;
    arena_free(names);
    arena_free(scratch);
    arena_free(own);
    return ok;
}

bool text_tar_extend(struct text *t, uint64_t row, uint64_t bytes_max, struct err *e)
{
    struct arena *own = arena_new(0), *names = arena_new(64 << 20);
    struct sample *s = arena_one(own, struct sample);
    uint64_t end = bytes_max > UINT64_MAX - t->index.at ? UINT64_MAX : t->index.at + bytes_max;
    struct tar tar;
    bool ok = true;
    tar_init(&tar, t->source, t->index.at, own, names);
    while (ok && !t->index.is_whole && t->index.rows <= row && t->index.at < end) {
        ok = next_sample(&tar, s, e);
        if (!ok) break;
        if (s->n) {
            text_add_place(t, s->begins_at);
            t->index.rows++;
        }
        t->index.at = tar.at < t->source->size_bytes ? tar.at : t->source->size_bytes;
        t->index.is_whole = !s->n;
        arena_reset(names);
    }
    arena_free(names);
    arena_free(own);
    return ok;
}

/* ------------------------------------------------------------------ rows */

struct taking {
    struct text *t;
    struct tar tar;
    struct sample sample;
    const size_t *column;
    size_t columns;
    const struct parquet_options *o;
    struct arena *a, *scratch;
    struct parquet_cells *out;
};

/* Of media that are only looked at, the beginning does. */
static struct json *bytes_cell(struct taking *k, const struct field *f, struct err *e)
{
    const struct parquet_options *o = k->o;
    struct buf b = BUF_INIT(o->binary ? o->text_bytes_max : 0);
    struct json *v = pq_json_new(k->a, JSON_STRING, e);
    bool is_looked_at = o->binary == media_write, ok = v != NULL;
    size_t n = is_looked_at && f->size_bytes > HEAD_BYTES ? HEAD_BYTES : (size_t)f->size_bytes;
    bytes content;
    if (ok && !o->binary && f->size_bytes > o->binary_bytes_max) {
        buf_addf(&b, "%llu bytes", (unsigned long long)f->size_bytes);
    } else if (ok && !is_looked_at && n > o->text_bytes_max) {
        ok = err_set(e, ERR_TOO_LARGE, "a value has %llu bytes", (unsigned long long)f->size_bytes);
    } else if (ok && (ok = read_field(&k->tar, f, n, k->scratch, &content, e))) {
        struct media m;
        if (is_looked_at) {
            media_look(content, &m);
            m.size_bytes = f->size_bytes;
            media_format(&b, &m);
        } else if (o->binary) {
            o->binary(&b, content);
        } else {
            buf_lit(&b, "0x");
            for (size_t i = 0; i < n; i++) buf_addf(&b, "%02x", content.p[i]);
        }
    }
    char *copy = ok && !b.failed ? arena_try(k->a, b.n + 1) : NULL;
    if (ok && !copy) err_set(e, ERR_TOO_LARGE, "the values are too large to be shown");
    if (copy) {
        memcpy(copy, buf_str(&b).p, b.n);
        v->s = str_n(copy, b.n);
    }
    buf_deinit(&b);
    return copy ? v : NULL;
}

static struct json *media_cell(struct taking *k, const struct field *f, struct err *e)
{
    struct json *v = pq_json_new(k->a, JSON_OBJECT, e), *content = v ? bytes_cell(k, f, e) : NULL, *path = content ? pq_json_new(k->a, JSON_STRING, e) : NULL;
    size_t n = k->sample.key.n + 1 + f->name.n;
    char *name = path ? arena_try(k->a, n + 1) : NULL;
    if (path && !name) err_set(e, ERR_TOO_LARGE, "the values are too large to be shown");
    if (!name) return NULL;
    snprintf(name, n + 1, "%.*s.%.*s", STR_ARG(k->sample.key), STR_ARG(f->name));
    path->s = str_n(name, n);
    json_put(v, STR("bytes"), content);
    json_put(v, STR("path"), path);
    return v;
}

/* Columns of text, in one object. */
static bool take_text(struct taking *k, size_t row, struct err *e)
{
    struct buf text = BUF_INIT(2 * TEXT_ROW_BYTES_MAX);
    struct writing g = { .t = k->t, .tar = &k->tar, .s = &k->sample, .w = json_writer(&text), .scratch = k->scratch };
    size_t *column = arena_alloc(k->scratch, (k->columns + 1) * sizeof *column), *at = arena_alloc(k->scratch, (k->columns + 1) * sizeof *at), n = 0;
    struct json **value = arena_alloc(k->scratch, (k->columns + 1) * sizeof *value);
    const char **problem = arena_alloc(k->scratch, (k->columns + 1) * sizeof *problem), **own = arena_alloc(k->scratch, (k->columns + 1) * sizeof *own);
    bool ok = true;
    jw_object(&g.w);
    for (size_t i = 0; i < k->columns && ok; i++) {
        const struct parquet_node *node = &k->t->column[k->column[i]];
        enum content c = content_of(node->name);
        if (c == MEDIA || (c == BYTES && !is_own(node->name))) continue;
        ok = write_field(&g, node->name, &own[n], e);
        column[n] = k->column[i];
        at[n++] = i;
    }
    jw_object_end(&g.w);
    if (ok && text.failed) ok = err_set(e, ERR_TOO_LARGE, "sample \"%.*s\" has too much text", STR_ARG(str_to(k->sample.key, 200)));
    ok = ok && (!n || text_json_values(k->t, buf_str(&text), column, n, k->o, k->scratch, k->a, value, problem, e));
    for (size_t i = 0; i < n && ok; i++) {
        const char *why = own[i] ? own[i] : problem[i];
        k->out->cell[row * k->columns + at[i]] = value[i];
        if (why && !k->out->problem[at[i]]) k->out->problem[at[i]] = arena_fmt(k->a, "sample \"%.*s\": %s", STR_ARG(str_to(k->sample.key, 200)), why).p;
    }
    buf_deinit(&text);
    return ok;
}

static bool take_sample(struct taking *k, size_t row, struct err *e)
{
    if (!take_text(k, row, e)) return false;
    for (size_t i = 0; i < k->columns; i++) {
        const struct parquet_node *node = &k->t->column[k->column[i]];
        const struct field *f = find_field(&k->sample, node->name);
        struct json **cell = &k->out->cell[row * k->columns + i];
        if (*cell || k->out->problem[i]) continue;
        *cell = !f ? pq_json_new(k->a, JSON_NULL, e) : node->shape == PARQUET_STRUCT ? media_cell(k, f, e) : bytes_cell(k, f, e);
        if (!*cell) return false;
    }
    return true;
}

bool text_tar_read(struct text *t, uint64_t first, size_t n, const size_t *column, size_t columns, const struct parquet_options *o, struct arena *a,
                   struct parquet_cells *out, struct err *e)
{
    if (!text_cells(t, first, &n, columns, a, out, e)) return false;
    if (!n || !columns) return true;
    struct arena *own = arena_new(0), *names = arena_new(64 << 20);
    struct taking *k = arena_one(own, struct taking);
    const struct text_place *from = text_place_before(&t->index, first);
    *k = (struct taking){ .t = t, .column = column, .columns = columns, .o = o, .a = a, .scratch = arena_new(256 << 20), .out = out };
    bool ok = true;
    tar_init(&k->tar, t->source, from->at, own, names);
    for (uint64_t row = from->row; ok && row < first + n; row++) {
        ok = next_sample(&k->tar, &k->sample, e);
        if (ok && !k->sample.n) ok = err_set(e, ERR_IO, "the file ends early");
        if (ok && row >= first) ok = take_sample(k, (size_t)(row - first), e);
        if (ok && k->tar.bytes_read > o->bytes_max)
            ok = err_set(e, ERR_TOO_LARGE, "reading these rows takes more work than is done for a page; the file can be downloaded");
        arena_reset(k->scratch);
        arena_reset(names);
    }
    out->bytes_spent = k->tar.bytes_read;
    out->steps_spent = (uint64_t)n * columns;
    text_clear_problems(out, columns);
    arena_free(k->scratch);
    arena_free(names);
    arena_free(own);
    return ok;
}
