/* dataset/folder.c - see folder.h. The rules are those of `datasets` (imagefolder, audiofolder, videofolder). */
#include "dataset/folder.h"

#include <stdlib.h>

#include "dataset/parquet/parquet_priv.h"
#include "hub/index/facts.h"
#include "vcs/vcs.h"

enum { HEAD_BYTES = 64 << 10 }; /* of a file: where its type and its size stand */

static const struct { const char *name, *feature; enum dataset_kind kind; } medium[] = {
    [DATASET_IMAGES] = { "image", "{\"_type\":\"Image\"}", DATASET_IMAGE },
    [DATASET_AUDIO] = { "audio", "{\"_type\":\"Audio\"}", DATASET_MEDIA },
    [DATASET_VIDEO] = { "video", "{\"_type\":\"Video\"}", DATASET_MEDIA },
};

struct folder {
    struct hub *h;
    const struct dataset_split *split;
    bool *names_files; /* joined tables: of each column, do its cells? */
};

/* ------------------------------------------------------------------ labels */

static str folder_of(str path)
{
    size_t slash = str_rchr(path, '/');
    return slash == STR_NONE ? STR("") : str_to(path, slash);
}

static str label_of(str path)
{
    str folder = folder_of(path);
    return str_from(folder, str_rchr(folder, '/') + 1);
}

static size_t depth_of(str path)
{
    size_t n = 0;
    for (size_t i = 0; i < path.n; i++) n += path.p[i] == '/';
    return n;
}

static int by_name(const void *a, const void *b) { return str_cmp(*(const str *)a, *(const str *)b); }

static size_t unique(str *s, size_t n)
{
    size_t kept = 0;
    qsort(s, n, sizeof *s, by_name);
    for (size_t i = 0; i < n; i++)
        if (!kept || !str_eq(s[i], s[kept - 1])) s[kept++] = s[i];
    return kept;
}

/* Splits are looked at in their order, and what was seen of those before is remembered: labels are there where there is more than one, and all files lie equally deep. */
void dataset_folder_describe(struct dataset_split *s, size_t n, struct arena *a)
{
    size_t files = 0, labels = 0, depth = 0, tables = 0;
    bool is_even = true, has_any = false;
    for (size_t i = 0; i < n; i++) files += s[i].files_count;
    str *label = arena_alloc(a, (files + 1) * sizeof *label);
    for (size_t i = 0; i < n; i++) {
        struct dataset_folder *d = &s[i].folder;
        for (size_t k = 0; k < s[i].files_count; k++) {
            str path = s[i].file[k]->path;
            if (!has_any) depth = depth_of(path);
            has_any = true;
            is_even &= depth_of(path) == depth;
            label[labels++] = label_of(path);
        }
        labels = unique(label, labels);
        tables += d->metadata_count;
        d->is_labelled = !tables && (d->drops_labels == DATASET_AS_IT_IS ? labels > 1 && is_even : d->drops_labels == DATASET_NO);
    }
    struct json *names = json_new(a, JSON_ARRAY), **end = &names->first;
    for (size_t i = 0; i < labels; i++, end = &(*end)->next, names->count++) *end = json_new_str(a, label[i]);
    for (size_t i = 0; i < n; i++) {
        struct dataset_folder *d = &s[i].folder;
        d->has_metadata_elsewhere = tables && !d->metadata_count && d->drops_metadata != DATASET_YES;
        if (d->drops_metadata == DATASET_YES) d->metadata_count = 0;
        if (!s[n - 1].folder.is_labelled) continue;
        d->names = names;
        d->label = label;
        d->labels_count = labels;
    }
}

/* ------------------------------------------------------------------ columns */

static const struct parquet_node *media_node(str name, struct arena *a)
{
    struct parquet_node *n = arena_one(a, struct parquet_node), *child = arena_alloc(a, 2 * sizeof *child);
    child[0] = (struct parquet_node){ .name = STR("bytes"), .is_optional = true, .physical = PARQUET_BYTES };
    child[1] = (struct parquet_node){ .name = STR("path"), .is_optional = true, .physical = PARQUET_BYTES, .logical = PARQUET_STRING };
    *n = (struct parquet_node){ .name = name, .shape = PARQUET_STRUCT, .is_optional = true, .child = child, .children_count = 2 };
    return n;
}

static struct dataset_column media_column(str name, enum dataset_format f, struct arena *a)
{
    struct json *feature;
    struct err none;
    must(json_parse(str_c(medium[f].feature), a, &feature, &none));
    return (struct dataset_column){ .name = name, .type = str_c(medium[f].name), .kind = medium[f].kind, .node = media_node(name, a), .feature = feature };
}

static struct dataset_column label_column(const struct json *names, struct arena *a)
{
    struct parquet_node *node = arena_one(a, struct parquet_node);
    struct json *feature = json_new(a, JSON_OBJECT);
    json_put(feature, STR("names"), json_share(a, names));
    json_put(feature, STR("_type"), json_new_str(a, STR("ClassLabel")));
    *node = (struct parquet_node){ .name = STR("label"), .is_optional = true, .physical = PARQUET_INT64 };
    return (struct dataset_column){ .name = STR("label"), .kind = DATASET_LABEL, .node = node, .names = names, .feature = feature,
                                    .type = arena_fmt(a, "class label, %zu %s", names->count, plural(names->count, "name", "names")) };
}

void folder_open(struct hub *h, const struct dataset_split *s, struct arena *a, struct dataset_part *part, struct dataset_column **column, size_t *columns)
{
    struct folder *f = arena_one(a, struct folder);
    *f = (struct folder){ .h = h, .split = s };
    *part = (struct dataset_part){ .file = s->file[0], .folder = f, .rows_count = s->files_count };
    *columns = s->folder.names ? 2 : 1;
    *column = arena_alloc(a, 2 * sizeof **column);
    (*column)[0] = media_column(str_c(medium[s->format].name), s->format, a);
    if (s->folder.names) (*column)[1] = label_column(s->folder.names, a);
}

/* ------------------------------------------------------------------ cells */

struct looking { /* into files, for what their first bytes say */
    const struct folder *f;
    const struct parquet_options *o;
    struct vcs_repo *git;
    uint64_t bytes_spent;
};

/* Files that are looked into cost what has to be read of them: those of git are unpacked whole. Past the budget nothing is known of them. */
static bool look_into(struct looking *l, const struct repo_file_row *row, struct buf *out, struct err *e)
{
    struct facts_file file = { .path = row->path, .size_bytes = row->size_bytes, .is_lfs = row->is_lfs, .sha256 = row->sha256 };
    uint64_t cost = row->is_lfs && row->size_bytes > HEAD_BYTES ? HEAD_BYTES : row->size_bytes;
    struct media m = { .type = "application/octet-stream" };
    if (!l->git && !hub_repo_open(l->f->h, l->f->split->files->repo_id, &l->git, e)) return false;
    if (!row->is_lfs && !vcs_oid_parse(row->oid, &file.oid)) return err_set(e, ERR_INTERNAL, "The file's row in the index is malformed");
    if (cost <= l->o->bytes_max - l->bytes_spent) {
        struct arena *scratch = arena_new(0);
        struct facts_source from = { l->f->h, l->f->split->files->repo_id, l->git };
        bytes head;
        bool ok = facts_read_prefix(&from, &file, HEAD_BYTES, scratch, &head, e);
        if (ok) media_look(head, &m);
        arena_free(scratch);
        if (!ok) return err_context(e, "%.*s", STR_ARG(str_to(row->path, 200)));
        l->bytes_spent += cost;
    }
    m.size_bytes = row->size_bytes;
    media_format(out, &m);
    return true;
}

static bool add_text(struct json_list *to, str key, str text, struct arena *a, struct err *e)
{
    struct json *v = pq_json_new(a, JSON_STRING, e);
    char *copy = v ? arena_try(a, text.n + 1) : NULL;
    if (v && !copy) err_set(e, ERR_TOO_LARGE, "the values are too large to be shown");
    if (!copy) return false;
    if (text.n) memcpy(copy, text.p, text.n);
    v->s = str_n(copy, text.n);
    v->key = key;
    json_list_add(to, v);
    return true;
}

/* row NULL: there is no such file. */
static struct json *media_cell(struct looking *l, str name, const struct repo_file_row *row, struct arena *a, struct err *e)
{
    struct json *v = pq_json_new(a, JSON_OBJECT, e);
    if (!v) return NULL;
    struct json_list list = { v, &v->first };
    struct buf b = BUF_INIT(0);
    bool ok = true;
    if (row && l->o->binary) ok = look_into(l, row, &b, e);
    else if (row) buf_addf(&b, "%llu bytes", (unsigned long long)row->size_bytes);
    ok = ok && (!row || add_text(&list, STR("bytes"), buf_str(&b), a, e)) && add_text(&list, STR("path"), name, a, e) &&
         (!row || add_text(&list, STR("file"), row->path, a, e));
    buf_deinit(&b);
    return ok ? v : NULL;
}

static struct json *label_cell(const struct dataset_folder *d, str path, struct arena *a, struct err *e)
{
    str label = label_of(path);
    struct json *v = pq_json_new(a, d->is_labelled ? JSON_INT : JSON_NULL, e);
    const str *found = d->is_labelled ? bsearch(&label, d->label, d->labels_count, sizeof label, by_name) : NULL;
    if (v && found) v->i = found - d->label;
    return v;
}

bool folder_read(struct dataset_part *p, uint64_t first, size_t n, const size_t *column, size_t columns, const struct parquet_options *o, struct arena *a,
                 struct parquet_cells *out, struct err *e)
{
    const struct dataset_split *s = p->folder->split;
    struct looking l = { .f = p->folder, .o = o };
    uint64_t there = first < s->files_count ? s->files_count - first : 0;
    bool ok = true;
    if (n > PARQUET_ROWS_MAX) return err_set(e, ERR_INVALID, "at most %d rows are read at a time", PARQUET_ROWS_MAX);
    if (n > there) n = (size_t)there;
    *out = (struct parquet_cells){ .rows_count = n };
    out->cell = arena_try_array(a, n * columns + 1, sizeof *out->cell);
    out->problem = arena_try_array(a, columns + 1, sizeof *out->problem);
    if (!out->cell || !out->problem) return err_set(e, ERR_TOO_LARGE, "too many cells");
    for (size_t r = 0; r < n && ok; r++) {
        const struct repo_file_row *row = s->file[first + r];
        for (size_t k = 0; k < columns && ok; k++) {
            struct json **cell = &out->cell[r * columns + k];
            *cell = column[k] ? label_cell(&s->folder, row->path, a, e) : media_cell(&l, str_from(row->path, str_rchr(row->path, '/') + 1), row, a, e);
            ok = *cell != NULL;
        }
    }
    vcs_close(l.git);
    out->bytes_spent = l.bytes_spent;
    out->steps_spent = (uint64_t)n * columns;
    return ok;
}

/* ------------------------------------------------------------------ tables that name files */

bool folder_check_tables(const struct dataset_split *s, struct err *e)
{
    const struct dataset_folder *d = &s->folder;
    if (d->has_metadata_elsewhere)
        return err_set(e, ERR_NOT_BUILT, "Another split has a table of metadata and this one has none: such rows are not served by this version of Hearth");
    for (size_t i = 1; i < d->metadata_count; i++) {
        str a = d->metadata[0]->path, b = d->metadata[i]->path;
        if (!str_eq(str_from(a, str_rchr(a, '.')), str_from(b, str_rchr(b, '.'))))
            return err_set(e, ERR_INVALID, "Tables of metadata are of different formats: %.*s, %.*s", STR_ARG(str_to(a, 200)), STR_ARG(str_to(b, 200)));
    }
    return true;
}

/* "file_name" is the file itself, "mask_file_name" another, called mask. */
static bool names_file(str column, const char *word, str *name)
{
    size_t n = strlen(word);
    if (!str_ends(column, str_c(word))) return false;
    *name = str_to(column, column.n - n);
    if (!name->n) return true;
    if (!str_ends(*name, STR("_"))) return false;
    name->n--;
    return true;
}

static bool is_text(const struct parquet_node *n) { return n->shape == PARQUET_LEAF && n->logical == PARQUET_STRING; }

/* Lists of files, and files in structs. */
static bool names_deeper(const struct parquet_node *n, size_t depth)
{
    str name;
    if (n->shape == PARQUET_LIST && is_text(&n->child[0]) && names_file(n->name, "file_names", &name)) return true;
    if (depth && is_text(n) && names_file(n->name, "file_name", &name)) return true;
    for (size_t i = 0; n->shape == PARQUET_STRUCT && i < n->children_count; i++)
        if (names_deeper(&n->child[i], depth + 1)) return true;
    return n->shape == PARQUET_LIST && names_deeper(&n->child[0], depth + 1);
}

bool folder_name_columns(struct hub *h, const struct dataset_split *s, struct arena *a, struct dataset_table *t, struct err *e)
{
    struct folder *f = arena_one(a, struct folder);
    bool has_any = false;
    str name;
    *f = (struct folder){ .h = h, .split = s, .names_files = arena_alloc(a, t->columns_count + 1) };
    for (size_t i = 0; i < t->columns_count; i++) {
        struct dataset_column *c = &t->column[i];
        if (names_deeper(c->node, 0))
            return err_set(e, ERR_NOT_BUILT, "Column \"%.*s\" has lists of files, or files in structs, which this version of Hearth does not serve", STR_ARG(str_to(c->name, 100)));
        if (!is_text(c->node) || !names_file(c->name, "file_name", &name)) continue;
        f->names_files[i] = has_any = true;
        *c = media_column(name.n ? name : str_c(medium[s->format].name), s->format, a);
    }
    for (size_t i = 0; i < t->parts_count; i++) t->part[i].folder = f;
    return has_any || err_set(e, ERR_INVALID, "%.*s has no column file_name, or one whose name ends with _file_name, of text", STR_ARG(str_to(t->part[0].file->path, 200)));
}

static const struct repo_file_row *find_file(const struct dataset_files *files, str path)
{
    size_t low = 0, high = files->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(files->file[middle].path, path);
        if (!order) return &files->file[middle];
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

/* "a/./b//../c" as "a/c"; false: it leads out of where it begins, or to another place of the world. */
static bool normal_path(str path, struct buf *out)
{
    str part;
    if (str_starts(path, STR("/")) || str_starts(path, STR("\\")) || str_find(path, STR("://")) != STR_NONE) return false;
    size_t base = out->n;
    for (size_t depth = 0; str_cut(&path, '/', &part);) {
        if (!part.n || str_eq(part, STR("."))) continue;
        if (str_eq(part, STR(".."))) {
            if (!depth--) return false;
            size_t slash = str_rchr(str_from(buf_str(out), base), '/');
            out->n = slash == STR_NONE ? base : base + slash;
            continue;
        }
        if (depth++) buf_byte(out, '/');
        buf_add(out, part);
    }
    return true;
}

bool folder_join(const struct dataset_part *p, const size_t *column, size_t columns, const struct parquet_options *o, struct arena *a,
                 struct parquet_cells *cells, struct err *e)
{
    struct looking l = { .f = p->folder, .o = o, .bytes_spent = cells->bytes_spent };
    str folder = folder_of(p->file->path);
    bool ok = true;
    for (size_t k = 0; k < columns && ok; k++)
        for (size_t r = 0; r < cells->rows_count && ok && p->folder->names_files[column[k]] && !cells->problem[k]; r++) {
            struct json **cell = &cells->cell[r * columns + k];
            struct buf b = BUF_INIT(0);
            if (!json_is(*cell, JSON_STRING) || !(*cell)->s.n) continue;
            str name = (*cell)->s;
            if (folder.n) buf_addf(&b, "%.*s/", STR_ARG(folder));
            if (normal_path(name, &b)) ok = (*cell = media_cell(&l, name, find_file(p->folder->split->files, buf_str(&b)), a, e)) != NULL;
            else cells->problem[k] = arena_fmt(a, "\"%.*s\" leads out of the folder of its table", STR_ARG(str_to(name, 200))).p;
            buf_deinit(&b);
        }
    for (size_t k = 0; k < columns; k++)
        for (size_t r = 0; cells->problem[k] && r < cells->rows_count; r++) cells->cell[r * columns + k] = NULL;
    vcs_close(l.git);
    cells->bytes_spent = l.bytes_spent;
    return ok;
}
