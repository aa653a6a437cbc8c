/* web/docs/docs.c - the documentation of this Hearth, its search, and the reference of its API. */
#include "api/reference.h"
#include "hub/manual/manual.h"
#include "web/frame/page.h"

enum { HITS_SHOWN = 30 };

/* ------------------------------------------------------------------ pages */

static void write_contents(struct page *p, str here)
{
    size_t n;
    const struct manual_page *page = manual_pages(&n);
    jw_karray(&p->w, "contents");
    for (size_t i = 0; i < n; i++) {
        if (!i || !str_eq(page[i].group, page[i - 1].group)) {
            if (i) jw_array_end(&p->w), jw_object_end(&p->w);
            jw_object(&p->w);
            jw_kstr(&p->w, "name", page[i].group);
            jw_karray(&p->w, "pages");
        }
        jw_object(&p->w);
        jw_kstr(&p->w, "id", page[i].id);
        jw_kstr(&p->w, "title", page[i].title);
        jw_kbool(&p->w, "is_here", str_eq(page[i].id, here));
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w), jw_object_end(&p->w);
    jw_array_end(&p->w);
    jw_kstr(&p->w, "plural", STR("docs")); /* where the head says we are */
}

static bool show(struct call *c, const struct manual_page *page, struct err *e)
{
    struct page *p = page_new(c, page->title);
    write_contents(p, page->id);
    jw_kstr(&p->w, "html", page->html);
    jw_karray(&p->w, "headings");
    for (size_t i = 0; i < page->headings; i++) {
        if (page->heading[i].level != 2) continue;
        jw_object(&p->w);
        jw_kstr(&p->w, "id", page->heading[i].id);
        jw_kstr(&p->w, "text", page->heading[i].text);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return page_reply(p, 200, "docs/page.html", e);
}

static bool get_docs(struct call *c, struct err *e) { return show(c, manual_find(STR("readme")), e); }

static bool get_page(struct call *c, struct err *e)
{
    str name = call_param(c, "page");
    const struct manual_page *page = manual_find(name);
    if (!page) return err_set(e, ERR_NOT_FOUND, "There is no such page");
    if (!str_eq(page->id, name)) return page_redirect(c, arena_fmt(c->a, "/docs/%.*s", STR_ARG(page->id)));
    return show(c, page, e);
}

static bool get_search(struct call *c, struct err *e)
{
    str q = str_to(str_trim(call_query(c, "q")), MANUAL_QUERY_BYTES_MAX);
    struct manual_hit *hit = arena_alloc(c->a, MANUAL_HITS_MAX * sizeof *hit);
    size_t n = manual_search(q, HITS_SHOWN, c->a, hit);
    struct page *p = page_new(c, STR("Search the documentation"));
    write_contents(p, STR(""));
    jw_kstr(&p->w, "asked", q);
    jw_karray(&p->w, "hits");
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        jw_kstr(&p->w, "page", hit[i].page->title);
        jw_kstr(&p->w, "id", hit[i].page->id);
        jw_kstr(&p->w, "anchor", hit[i].anchor);
        str deepest = hit[i].page->title;
        for (int l = 2; l < 7; l++)
            if (hit[i].heading[l].n) deepest = hit[i].heading[l];
        jw_kstr(&p->w, "heading", deepest);
        jw_kstr(&p->w, "text", hit[i].text);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return page_reply(p, 200, "docs/search.html", e);
}

/* ------------------------------------------------------------------ the reference */

static str section_name(const struct json *section)
{
    const struct json *first = json_at(json_get(section, STR("prefixes")), 0);
    return json_is(first, JSON_STRING) ? first->s : STR("");
}

static void write_sections(struct page *p, const struct json *sections, const size_t *counts, str here)
{
    size_t at = 0;
    jw_karray(&p->w, "sections");
    json_each (s, sections) {
        size_t n = counts[at++];
        if (!n) continue;
        jw_object(&p->w);
        jw_kstr(&p->w, "id", section_name(s));
        jw_kstr(&p->w, "title", json_str_or(s, STR("title"), STR("")));
        jw_kint(&p->w, "count", (int64_t)n);
        jw_kbool(&p->w, "is_here", str_eq(section_name(s), here));
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
}

/* The call as a person would type it, with what is to be filled in left in braces. */
static str curl_of(struct call *c, const struct api_entry *entry)
{
    struct buf b = BUF_INIT(0);
    str base = call_base_url(c);
    bool has_members = json_first(entry->members) != NULL, takes_body = entry->row->body != HTTP_BODY_NONE;
    buf_lit(&b, "curl");
    if (entry->row->method == HTTP_HEAD) buf_lit(&b, " -I");
    else if (entry->row->method != HTTP_GET && !(entry->row->method == HTTP_POST && takes_body)) buf_addf(&b, " -X %.*s", STR_ARG(http_method_name(entry->row->method)));
    if (entry->row->permission != PERM_SIGNED) buf_lit(&b, " -H \"Authorization: Bearer $HF_TOKEN\"");
    if (takes_body && has_members) {
        size_t n = 0;
        buf_lit(&b, " \\\n  -H \"Content-Type: application/json\" -d '{");
        json_each (m, entry->members) {
            if (n == 4) break; /* enough to see how it goes */
            buf_addf(&b, "%s\"%.*s\": ...", n++ ? ", " : "", STR_ARG(m->s));
        }
        buf_lit(&b, "}'");
    } else if (takes_body) {
        buf_lit(&b, " \\\n  --data-binary @FILE");
    }
    buf_addf(&b, " \\\n  \"%.*s%.*s\"", STR_ARG(base), STR_ARG(entry->path));
    str out = arena_dup(c->a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static void write_names(struct json_writer *w, const char *key, const struct json *names)
{
    jw_karray(w, key);
    json_each (name, names) jw_str(w, name->s);
    jw_array_end(w);
}

static void write_entry(struct page *p, const struct api_entry *entry, size_t number)
{
    struct json_writer *w = &p->w;
    jw_object(w);
    jw_kstr(w, "id", arena_fmt(p->c->a, "op-%zu", number));
    jw_kstr(w, "name", str_c(entry->row->name));
    jw_kstr(w, "method", http_method_name(entry->row->method));
    jw_kstr(w, "path", entry->path);
    jw_kstr(w, "line", entry->line);
    jw_kstr(w, "permission", api_permission_name(entry->row->permission));
    jw_kint(w, "body_max", (int64_t)entry->row->body_bytes_max);
    jw_kbool(w, "has_body", entry->row->body != HTTP_BODY_NONE);
    jw_kbool(w, "may_try", entry->row->method == HTTP_GET && entry->row->permission != PERM_SIGNED && entry->row->permission != PERM_XET_READ &&
                               entry->row->permission != PERM_XET_WRITE);
    jw_kstr(w, "curl", curl_of(p->c, entry));
    jw_karray(w, "parameters");
    for (size_t i = 0; i < entry->parameters; i++) {
        str rest = entry->parameter[i].choices, choice;
        jw_object(w);
        jw_kstr(w, "name", entry->parameter[i].name);
        jw_kbool(w, "is_rest", entry->parameter[i].is_rest);
        jw_karray(w, "choices");
        while (rest.n && str_cut(&rest, '|', &choice)) jw_str(w, choice);
        jw_array_end(w);
        jw_object_end(w);
    }
    jw_array_end(w);
    write_names(w, "query", entry->query);
    write_names(w, "members", entry->members);
    jw_object_end(w);
}

static bool reference(struct call *c, str here, struct err *e)
{
    struct api_entry *entry;
    size_t n, found = STR_NONE, at = 0;
    const struct json *sections = api_sections(c);
    api_entries(c, &entry, &n);
    json_each (s, sections) {
        if (found == STR_NONE && str_eq(section_name(s), here)) found = at;
        at++;
    }
    size_t *counts = arena_alloc(c->a, (sections->count + 1) * sizeof *counts);
    memset(counts, 0, (sections->count + 1) * sizeof *counts);
    for (size_t i = 0; i < n; i++) counts[entry[i].section]++;
    if (here.n && (found == STR_NONE || !counts[found])) return err_set(e, ERR_NOT_FOUND, "The reference has no such section");
    struct page *p = page_new(c, here.n ? json_str_or(json_at(sections, found), STR("title"), STR("")) : STR("API reference"));
    write_contents(p, STR("api"));
    write_sections(p, sections, counts, here);
    jw_kstr(&p->w, "section", here);
    jw_kint(&p->w, "operations", (int64_t)n);
    if (here.n) jw_kstr(&p->w, "text", json_str_or(json_at(sections, found), STR("text"), STR("")));
    jw_karray(&p->w, "entries");
    for (size_t i = 0; i < n && here.n; i++)
        if (entry[i].section == found) write_entry(p, &entry[i], i);
    jw_array_end(&p->w);
    return page_reply(p, 200, "docs/api.html", e);
}

static bool get_reference(struct call *c, struct err *e) { return reference(c, STR(""), e); }
static bool get_section(struct call *c, struct err *e) { return reference(c, call_param(c, "section"), e); }

static const struct api_route rows[] = {
    { HTTP_GET, "/docs", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_docs, "page.docs", SHAPE_PAGE },
    { HTTP_GET, "/docs/search", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_search, "page.docs.search", SHAPE_PAGE },
    { HTTP_GET, "/docs/api", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_reference, "page.docs.api", SHAPE_PAGE },
    { HTTP_GET, "/docs/api/:section", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_section, "page.docs.api", SHAPE_PAGE },
    { HTTP_GET, "/docs/*page", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_page, "page.docs.page", SHAPE_PAGE },
};
const struct api_table web_docs = API_TABLE(rows);
