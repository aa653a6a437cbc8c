/* api/reference.c - the table of routes as an OpenAPI 3.1 document, and as entries for the reference page.
 *
 * Path, method and permission come from the rows; what a route is for, and which query parameters and members it reads, from
 * reference.json, which tools/api_reference.py reads out of the handlers when this is built.  So the document names nothing
 * that is not there.  Answers are not described: which shape they have, the clients' own documents say. */
#include "api/reference.h"

#include "api/api_priv.h"
#include "base/embedded.h"

extern const struct embedded api_files[];

/* ------------------------------------------------------------------ entries */

static const struct json *reference(struct call *c)
{
    struct json *out;
    struct err e;
    for (const struct embedded *f = api_files; f->name; f++) {
        if (!str_eq(str_c(f->name), STR("reference.json"))) continue;
        if (json_parse(str_n((const char *)f->data, f->size), c->a, &out, &e)) return out;
    }
    must(!"the reference was not embedded");
    return NULL;
}

const struct json *api_sections(struct call *c) { return json_get(reference(c), STR("sections")); }

/* The pattern of a row as OpenAPI has it, and its parameters. */
static void read_pattern(struct call *c, struct api_entry *out)
{
    struct buf b = BUF_INIT(0);
    str rest = str_from(str_c(out->row->pattern), 1), segment;
    while (str_cut(&rest, '/', &segment)) {
        buf_byte(&b, '/');
        size_t colon = str_chr(segment, ':'), star = str_chr(segment, '*'), at = colon < star ? colon : star;
        if (at == STR_NONE) {
            buf_add(&b, segment);
            continue;
        }
        struct api_parameter p = { .is_rest = segment.p[at] == '*' };
        size_t open = str_chr(segment, '('), end = at + 1;
        while (end < segment.n && (segment.p[end] == '_' || (segment.p[end] >= 'a' && segment.p[end] <= 'z') || (segment.p[end] >= 'A' && segment.p[end] <= 'Z'))) end++;
        p.name = str_n(segment.p + at + 1, end - at - 1);
        size_t close = str_chr(segment, ')');
        if (open != STR_NONE && close != STR_NONE) p.choices = str_n(segment.p + open + 1, close - open - 1), end = close + 1;
        buf_add(&b, str_to(segment, at));
        if (p.choices.n && str_chr(p.choices, '|') == STR_NONE) { /* one choice is a word of the path */
            buf_add(&b, p.choices);
        } else {
            buf_addf(&b, "{%.*s}", STR_ARG(p.name));
            if (out->parameters < API_PARAMETERS_MAX) out->parameter[out->parameters++] = p;
        }
        buf_add(&b, str_from(segment, end));
    }
    out->path = arena_dup(c->a, buf_str(&b));
    buf_deinit(&b);
}

static size_t section_of(const struct json *sections, str name)
{
    str prefix = str_to(name, str_chr(name, '.'));
    size_t at = 0;
    json_each (s, sections) {
        json_each (p, json_get(s, STR("prefixes")))
            if (str_eq(p->s, prefix)) return at;
        at++;
    }
    return STR_NONE; /* a page */
}

void api_entries(struct call *c, struct api_entry **out, size_t *n)
{
    struct api *a = c->api;
    const struct json *all = reference(c), *sections = json_get(all, STR("sections")), *routes = json_get(all, STR("routes"));
    size_t *section = arena_alloc(c->a, a->routes_count * sizeof *section);
    *out = arena_alloc(c->a, a->routes_count * sizeof **out);
    *n = 0;
    for (size_t i = 0; i < a->routes_count; i++) section[i] = section_of(sections, str_c(a->rows[i]->name));
    for (size_t s = 0; s < sections->count; s++) {
        for (size_t i = 0; i < a->routes_count; i++) {
            const struct api_route *row = a->rows[i];
            if (section[i] != s) continue;
            const struct json *known = json_get(routes, str_c(row->name));
            struct api_entry *entry = &(*out)[(*n)++];
            *entry = (struct api_entry){ .row = row, .section = s, .line = json_str_or(known, STR("line"), STR("")),
                                         .query = json_get(known, STR("query")), .members = json_get(known, STR("members")) };
            read_pattern(c, entry);
        }
    }
}

/* ------------------------------------------------------------------ the document */

static void write_parameter(struct json_writer *w, const char *in, str name, str choices, bool is_needed)
{
    jw_object(w);
    jw_kstr(w, "name", name);
    jw_kstr(w, "in", str_c(in));
    if (is_needed) jw_kbool(w, "required", true);
    jw_kobject(w, "schema");
    jw_kstr(w, "type", STR("string"));
    if (choices.n) {
        str piece;
        jw_karray(w, "enum");
        while (str_cut(&choices, '|', &piece)) jw_str(w, piece);
        jw_array_end(w);
    }
    jw_object_end(w);
    jw_object_end(w);
}

static void write_body(struct json_writer *w, const struct api_entry *entry)
{
    if (entry->row->body == HTTP_BODY_NONE) return;
    jw_kobject(w, "requestBody");
    jw_kobject(w, "content");
    jw_kobject(w, json_first(entry->members) ? "application/json" : "*/*");
    jw_kobject(w, "schema");
    if (json_first(entry->members)) {
        jw_kstr(w, "type", STR("object"));
        jw_kobject(w, "properties");
        json_each (m, entry->members) {
            jw_key(w, m->s);
            jw_object(w);
            jw_object_end(w);
        }
        jw_object_end(w);
    }
    jw_object_end(w);
    jw_object_end(w);
    jw_object_end(w);
    jw_object_end(w);
}

static void write_operation(struct json_writer *w, const struct api_entry *entry, str method, str tag)
{
    jw_key(w, method);
    jw_object(w);
    jw_kstr(w, "summary", entry->line);
    jw_karray(w, "tags");
    jw_str(w, tag);
    jw_array_end(w);
    jw_kstr(w, "x-permission", api_permission_name(entry->row->permission));
    jw_karray(w, "parameters");
    for (size_t i = 0; i < entry->parameters; i++) write_parameter(w, "path", entry->parameter[i].name, entry->parameter[i].choices, true);
    json_each (q, entry->query) write_parameter(w, "query", q->s, STR(""), false);
    jw_array_end(w);
    write_body(w, entry);
    if (entry->row->permission == PERM_ANYONE) {
        jw_karray(w, "security");
        jw_object(w); /* nothing is needed, a token is heeded */
        jw_object_end(w);
        jw_object(w);
        jw_karray(w, "token");
        jw_array_end(w);
        jw_object_end(w);
        jw_array_end(w);
    }
    jw_kobject(w, "responses");
    jw_kobject(w, "default");
    jw_kstr(w, "description", STR("The answer, or an error"));
    jw_object_end(w);
    jw_object_end(w);
    jw_object_end(w);
}

static int by_path(const void *a, const void *b)
{
    const struct api_entry *const *x = a, *const *y = b;
    int way = str_cmp((*x)->path, (*y)->path);
    return way ? way : *x < *y ? -1 : *x > *y; /* of one path as the table has them */
}

static void write_paths(struct call *c, struct json_writer *w, const struct json *sections)
{
    struct api_entry *entry;
    size_t n;
    api_entries(c, &entry, &n);
    const struct api_entry **order = arena_alloc(c->a, (n + 1) * sizeof *order);
    for (size_t i = 0; i < n; i++) order[i] = &entry[i];
    qsort(order, n, sizeof *order, by_path);
    jw_kobject(w, "paths");
    for (size_t i = 0; i < n;) {
        size_t end = i;
        unsigned seen = 0;
        jw_key(w, order[i]->path);
        jw_object(w);
        for (; end < n && str_eq(order[end]->path, order[i]->path); end++) {
            static const char *const names[] = { [HTTP_GET] = "get", [HTTP_HEAD] = "head", [HTTP_POST] = "post", [HTTP_PUT] = "put",
                                                 [HTTP_PATCH] = "patch", [HTTP_DELETE] = "delete", [HTTP_OPTIONS] = "options" };
            enum http_method m = order[end]->row->method;
            if (seen & 1u << m) continue;
            seen |= 1u << m;
            write_operation(w, order[end], str_c(names[m]), json_str_or(json_at(sections, order[end]->section), STR("title"), STR("")));
        }
        jw_object_end(w);
        i = end;
    }
    jw_object_end(w);
}

static bool get_openapi(struct call *c, struct err *e)
{
    const struct json *sections = api_sections(c);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    (void)e;
    jw_object(&w);
    jw_kstr(&w, "openapi", STR("3.1.0"));
    jw_kobject(&w, "info");
    jw_kstr(&w, "title", STR("Hearth"));
    jw_kstr(&w, "version", STR(HEARTH_VERSION));
    jw_kstr(&w, "description", STR("The operations that this server has, made of its own table of routes."));
    jw_object_end(&w);
    jw_karray(&w, "servers");
    jw_object(&w);
    jw_kstr(&w, "url", call_base_url(c));
    jw_object_end(&w);
    jw_array_end(&w);
    jw_kobject(&w, "components");
    jw_kobject(&w, "securitySchemes");
    jw_kobject(&w, "token");
    jw_kstr(&w, "type", STR("http"));
    jw_kstr(&w, "scheme", STR("bearer"));
    jw_object_end(&w);
    jw_object_end(&w);
    jw_object_end(&w);
    jw_karray(&w, "security");
    jw_object(&w);
    jw_karray(&w, "token");
    jw_array_end(&w);
    jw_object_end(&w);
    jw_array_end(&w);
    jw_karray(&w, "tags");
    json_each (s, sections) {
        jw_object(&w);
        jw_kstr(&w, "name", json_str_or(s, STR("title"), STR("")));
        jw_kstr(&w, "description", json_str_or(s, STR("text"), STR("")));
        jw_object_end(&w);
    }
    jw_array_end(&w);
    write_paths(c, &w, sections);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/.well-known/openapi.json", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_openapi, "docs.openapi", SHAPE_HUB },
    { HTTP_GET, "/api/openapi.json", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_openapi, "docs.openapi", SHAPE_HUB },
};
const struct api_table reference_table = API_TABLE(rows);
