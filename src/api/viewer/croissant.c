/* api/viewer/croissant.c - a data set in the words of Croissant (JSON-LD): files, configurations, splits and columns.
 *
 * What the public hub says of converted Parquet files is said of the repository's own. Ids are those of the public hub: a configuration's name, or
 * "CONFIG/COLUMN", with "_" for what is no letter, digit, "-", "." or "_". */
#include "api/viewer/viewer_api.h"
#include "base/clock.h"

enum { CONFIGS_MAX = 100, DEPTH_MAX = 20 };

/* Of CONFIG, or CONFIG/COLUMN; nothing is made unique that the card or the file made ambiguous. */
static str id_of(struct arena *a, str name)
{
    char *p = arena_alloc(a, name.n + 1);
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
        p[i] = is_plain ? c : '_';
    }
    return str_n(p, name.n);
}

static void write_id(struct json_writer *w, const char *key, str id)
{
    jw_kobject(w, key);
    jw_kstr(w, "@id", id);
    jw_object_end(w);
}

/* ------------------------------------------------------------------ columns */

/* NULL: Croissant has no word for it. */
static const char *data_type(const struct dataset_column *c, const struct parquet_node *n)
{
    static const char *const integer[2][4] = { { "cr:UInt8", "cr:UInt16", "cr:UInt32", "cr:UInt64" }, { "cr:Int8", "cr:Int16", "cr:Int32", "cr:Int64" } };
    if (c && c->kind == DATASET_LABEL) return "sc:Integer";
    if (c && c->kind == DATASET_IMAGE) return "sc:ImageObject";
    if (c && c->kind == DATASET_MEDIA) return str_eq(c->type, STR("audio")) ? "sc:AudioObject" : str_eq(c->type, STR("video")) ? "sc:VideoObject" : NULL;
    if (n->shape != PARQUET_LEAF) return NULL;
    switch (n->logical) {
    case PARQUET_STRING: case PARQUET_JSON: case PARQUET_ANY: case PARQUET_UUID: return "sc:Text";
    case PARQUET_DATE: return "sc:Date";
    case PARQUET_TIME: return "sc:Time";
    case PARQUET_TIMESTAMP: return "sc:DateTime";
    case PARQUET_FLOAT16: return "cr:Float16";
    case PARQUET_DECIMAL: return "sc:Float";
    case PARQUET_INTEGER: return integer[n->is_signed][n->width == 8 ? 0 : n->width == 16 ? 1 : n->width == 32 ? 2 : 3];
    case PARQUET_PLAIN: break;
    default: return NULL;
    }
    switch (n->physical) {
    case PARQUET_BOOLEAN: return "sc:Boolean";
    case PARQUET_INT32: return "cr:Int32";
    case PARQUET_INT64: return "cr:Int64";
    case PARQUET_INT96: return "sc:DateTime";
    case PARQUET_FLOAT: return "cr:Float32";
    case PARQUET_DOUBLE: return "cr:Float64";
    default: return NULL;
    }
}

struct writing {
    struct call *c;
    struct json_writer *w;
    const struct viewer *v;
    struct arena *a;
    str config, files_id, prefix; /* ids of the configuration, of its files, and of its columns */
};

static bool is_known(const struct dataset_column *c, const struct parquet_node *n, size_t depth)
{
    if (depth > DEPTH_MAX) return false;
    if (data_type(c, n)) return true;
    if (c && c->kind != DATASET_PLAIN) return false;
    for (size_t i = 0; n->shape != PARQUET_LEAF && n->shape != PARQUET_MAP && (i < n->children_count || (n->shape == PARQUET_LIST && i < 1)); i++)
        if (is_known(NULL, &n->child[i], depth + 1)) return true;
    return false;
}

/* A list is its item, with a shape; a struct has fields below it. */
static void write_field(struct writing *g, const struct dataset_column *c, const struct parquet_node *n, str id, str column, str json_path, size_t depth)
{
    struct json_writer *w = g->w;
    size_t lists = 0;
    while (n->shape == PARQUET_LIST && !data_type(c, n)) {
        n = &n->child[0];
        lists++;
        c = NULL;
    }
    const char *type = data_type(c, n);
    jw_object(w);
    jw_kstr(w, "@type", STR("cr:Field"));
    jw_kstr(w, "@id", id);
    if (type) jw_kstr(w, "dataType", str_c(type));
    if (type || n->shape != PARQUET_STRUCT) {
        jw_kobject(w, "source");
        write_id(w, "fileSet", g->files_id);
        jw_kobject(w, "extract");
        jw_kstr(w, "column", column);
        jw_object_end(w);
        if (json_path.n || (c && c->kind != DATASET_PLAIN && c->kind != DATASET_LABEL)) {
            jw_kobject(w, "transform");
            jw_kstr(w, "jsonPath", json_path.n ? json_path : STR("bytes"));
            jw_object_end(w);
        }
        jw_object_end(w);
    }
    if (lists) {
        struct buf shape = BUF_INIT(0);
        for (size_t i = 0; i < lists; i++) buf_add(&shape, i ? STR(",-1") : STR("-1"));
        jw_kbool(w, "isArray", true);
        jw_kstr(w, "arrayShape", buf_str(&shape));
        buf_deinit(&shape);
    }
    if (!type && n->shape == PARQUET_STRUCT) {
        jw_karray(w, "subField");
        for (size_t i = 0; i < n->children_count; i++) {
            const struct parquet_node *m = &n->child[i];
            if (!is_known(NULL, m, depth + 1)) continue;
            str path = json_path.n ? arena_fmt(g->a, "%.*s.%.*s", STR_ARG(json_path), STR_ARG(m->name)) : m->name;
            write_field(g, NULL, m, arena_fmt(g->a, "%.*s/%.*s", STR_ARG(id), STR_ARG(id_of(g->a, m->name))), column, path, depth + 1);
        }
        jw_array_end(w);
    }
    jw_object_end(w);
}

/* ------------------------------------------------------------------ configurations */

static void write_splits(struct writing *g, const struct dataset_split *s, size_t n)
{
    struct json_writer *w = g->w;
    str set = arena_fmt(g->a, "%.*s_splits", STR_ARG(g->prefix)), field = arena_fmt(g->a, "%.*s/split_name", STR_ARG(set));
    jw_object(w);
    jw_kstr(w, "@type", STR("cr:RecordSet"));
    jw_kstr(w, "dataType", STR("cr:Split"));
    write_id(w, "key", field);
    jw_kstr(w, "@id", set);
    jw_kstr(w, "name", set);
    jw_kstr(w, "description", arena_fmt(g->a, "Splits for the %.*s config.", STR_ARG(g->config)));
    jw_karray(w, "field");
    jw_object(w);
    jw_kstr(w, "@type", STR("cr:Field"));
    jw_kstr(w, "@id", field);
    jw_kstr(w, "dataType", STR("sc:Text"));
    jw_object_end(w);
    jw_array_end(w);
    jw_karray(w, "data");
    for (size_t i = 0; i < n; i++) {
        jw_object(w);
        jw_key(w, field);
        jw_str(w, s[i].split);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_object_end(w);
}

static void write_records(struct writing *g, const struct dataset_table *t)
{
    struct json_writer *w = g->w;
    jw_object(w);
    jw_kstr(w, "@type", STR("cr:RecordSet"));
    jw_kstr(w, "@id", g->prefix);
    jw_kstr(w, "name", g->prefix);
    jw_kstr(w, "description", arena_fmt(g->a, "%.*s - '%.*s' subset", STR_ARG(g->c->repo.full_name), STR_ARG(g->config)));
    jw_karray(w, "field");
    for (size_t k = 0; k < t->columns_count; k++) {
        const struct dataset_column *c = &t->column[k];
        if (is_known(c, c->node, 0))
            write_field(g, c, c->node, arena_fmt(g->a, "%.*s/%.*s", STR_ARG(g->prefix), STR_ARG(id_of(g->a, c->name))), c->name, STR(""), 0);
    }
    jw_array_end(w);
    jw_object_end(w);
}

static void write_files(struct writing *g, const struct dataset_split *s, size_t n)
{
    static const char *const type[] = { "application/x-parquet", "application/jsonlines", "text/csv", "text/plain", "image/*", "audio/*", "video/*", "application/x-tar" };
    struct json_writer *w = g->w;
    jw_object(w);
    jw_kstr(w, "@type", STR("cr:FileSet"));
    jw_kstr(w, "@id", g->files_id);
    write_id(w, "containedIn", STR("repo"));
    jw_kstr(w, "encodingFormat", str_c(type[s->format]));
    jw_karray(w, "includes");
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < s[i].files_count; k++) jw_str(w, s[i].file[k]->path);
    jw_array_end(w);
    jw_object_end(w);
}

/* Of each configuration, its first split is opened for the columns; one that cannot be read has only its splits. */
static bool write_configs(struct call *c, struct json_writer *w, const struct viewer *v, bool of_files, struct arena *a, struct err *e)
{
    int64_t until_ms = clock_mono_ms() + VIEWER_OPENING_MS_MAX;
    for (size_t i = 0, n, count = 0; i < v->n && count < CONFIGS_MAX; i += n, count++) {
        const struct dataset_split *s = &v->split[i];
        struct dataset_table t;
        for (n = 1; i + n < v->n && str_eq(v->split[i + n].config, s->config);) n++;
        str id = id_of(a, s->config);
        struct writing g = { .c = c, .w = w, .v = v, .a = a, .config = s->config, .prefix = str_eq(s->config, c->repo.name) ? arena_fmt(a, "record_set_%.*s", STR_ARG(id)) : id,
                             .files_id = arena_fmt(a, "%.*s-files-for-config-%.*s", STR_ARG(dataset_builder(s->format)), STR_ARG(id)) };
        if (of_files) {
            write_files(&g, s, n);
            continue;
        }
        write_splits(&g, s, n);
        if (clock_mono_ms() > until_ms) continue;
        if (viewer_open(c, s, a, &t, e)) write_records(&g, &t);
        else if (e->code == ERR_IO || e->code == ERR_INTERNAL) return false;
    }
    return true;
}

/* ------------------------------------------------------------------ the data set */

static const char context[] =
    "{\"@language\":\"en\",\"@vocab\":\"https://schema.org/\",\"arrayShape\":\"cr:arrayShape\",\"citeAs\":\"cr:citeAs\",\"column\":\"cr:column\",\"conformsTo\":\"dct:conformsTo\","
    "\"containedIn\":\"cr:containedIn\",\"cr\":\"http://mlcommons.org/croissant/\",\"data\":{\"@id\":\"cr:data\",\"@type\":\"@json\"},\"dataType\":{\"@id\":\"cr:dataType\",\"@type\":\"@vocab\"},"
    "\"dct\":\"http://purl.org/dc/terms/\",\"extract\":\"cr:extract\",\"field\":\"cr:field\",\"fileProperty\":\"cr:fileProperty\",\"fileObject\":\"cr:fileObject\",\"fileSet\":\"cr:fileSet\","
    "\"format\":\"cr:format\",\"includes\":\"cr:includes\",\"isArray\":\"cr:isArray\",\"isLiveDataset\":\"cr:isLiveDataset\",\"jsonPath\":\"cr:jsonPath\",\"key\":\"cr:key\",\"md5\":\"cr:md5\","
    "\"parentField\":\"cr:parentField\",\"path\":\"cr:path\",\"recordSet\":\"cr:recordSet\",\"references\":\"cr:references\",\"regex\":\"cr:regex\",\"repeated\":\"cr:repeated\","
    "\"replace\":\"cr:replace\",\"sc\":\"https://schema.org/\",\"separator\":\"cr:separator\",\"source\":\"cr:source\",\"subField\":\"cr:subField\",\"transform\":\"cr:transform\"}";

static void write_names(struct call *c, struct json_writer *w, const struct repo_summary *row)
{
    struct json *card = NULL, *tags = NULL;
    struct err ignored;
    str owner = c->repo.owner, license;
    if (row->card.n && !json_parse(row->card, c->a, &card, &ignored)) card = NULL;
    if (row->tags.n && !json_parse(row->tags, c->a, &tags, &ignored)) tags = NULL;
    str pretty = json_str_or(card, STR("pretty_name"), STR(""));
    jw_kstr(w, "name", c->repo.name);
    jw_karray(w, "alternateName");
    jw_str(w, c->repo.full_name);
    if (pretty.n) jw_str(w, pretty);
    jw_array_end(w);
    jw_kstr(w, "description", pretty.n ? pretty : c->repo.full_name);
    jw_kobject(w, "creator");
    jw_kstr(w, "@type", c->repo.owner_is_org ? STR("Organization") : STR("Person"));
    jw_kstr(w, "name", owner);
    jw_kstr(w, "url", arena_fmt(c->a, "%.*s/%.*s", STR_ARG(call_base_url(c)), STR_ARG(owner)));
    jw_object_end(w);
    jw_karray(w, "keywords");
    json_each (tag, tags)
        if (tag->type == JSON_STRING) jw_str(w, tag->s);
    jw_array_end(w);
    if (json_str(json_get(card, STR("license")), &license) && license.n) jw_kstr(w, "license", arena_fmt(c->a, "https://choosealicense.com/licenses/%.*s/", STR_ARG(license)));
    jw_kstr(w, "url", call_repo_url(c, &c->repo));
}

static bool write_all(struct call *c, struct json_writer *w, const struct viewer *v, const struct repo_summary *row, struct arena *a, struct err *e)
{
    jw_object(w);
    jw_kraw(w, "@context", str_c(context));
    jw_kstr(w, "@type", STR("sc:Dataset"));
    jw_karray(w, "distribution");
    jw_object(w);
    jw_kstr(w, "@type", STR("cr:FileObject"));
    jw_kstr(w, "@id", STR("repo"));
    jw_kstr(w, "name", STR("repo"));
    jw_kstr(w, "description", STR("The git repository."));
    jw_kstr(w, "contentUrl", arena_fmt(c->a, "%.*s/tree/%.*s", STR_ARG(call_repo_url(c, &c->repo)), STR_ARG(v->sha)));
    jw_kstr(w, "encodingFormat", STR("git+https"));
    jw_kstr(w, "sha256", STR("https://github.com/mlcommons/croissant/issues/80")); /* a repository has none: what the public hub says, too */
    jw_object_end(w);
    if (!write_configs(c, w, v, true, a, e)) return false;
    jw_array_end(w);
    jw_karray(w, "recordSet");
    if (!write_configs(c, w, v, false, a, e)) return false;
    jw_array_end(w);
    jw_kstr(w, "conformsTo", STR("http://mlcommons.org/croissant/1.1"));
    write_names(c, w, row);
    jw_object_end(w);
    return true;
}

static bool get_croissant(struct call *c, struct err *e)
{
    struct viewer v;
    struct repo_summary row;
    struct arena *a;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (!repo_summary_get(call_db(c), c->repo.id, &row, c->a, e) || !viewer_load_rows(c, &v, e) || !dataset_reading_begin(&a, e)) return false;
    bool ok = write_all(c, &w, &v, &row, a, e);
    dataset_reading_end(a);
    if (ok) return call_reply_json(c, 200, &b);
    buf_deinit(&b);
    return false;
}

static const struct api_route rows[] = {
    { HTTP_GET, "/api/:kind(datasets)/:ns/:repo/croissant", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_croissant, "viewer.croissant", SHAPE_HUB },
};
const struct api_table viewer_croissant_table = API_TABLE(rows);
