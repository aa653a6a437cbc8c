/* api/hub/docs.c - the documentation of this Hearth, for programs: the list of its pages, and what is found in them. */
#include "api/hub/hub_api.h"
#include "hub/manual/manual.h"

static str url_of(struct call *c, const struct manual_page *page, str anchor)
{
    str base = call_base_url(c);
    return arena_fmt(c->a, "%.*s/docs/%.*s%s%.*s", STR_ARG(base), STR_ARG(page->id), anchor.n ? "#" : "", STR_ARG(anchor));
}

static bool get_docs(struct call *c, struct err *e)
{
    size_t n;
    const struct manual_page *page = manual_pages(&n);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    (void)e;
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        jw_kstr(&w, "id", page[i].id);
        jw_kstr(&w, "url", url_of(c, &page[i], STR("")));
        jw_kstr(&w, "category", page[i].group);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool find(struct call *c, uint64_t otherwise, uint64_t most, struct manual_hit **out, size_t *n, struct err *e)
{
    str q = call_query(c, "q");
    if (!q.p) return err_set(e, ERR_INVALID, "\"q\" is required: the words to look for");
    if (q.n > MANUAL_QUERY_BYTES_MAX) return err_set(e, ERR_INVALID, "\"q\" has at most %d characters", MANUAL_QUERY_BYTES_MAX);
    *out = arena_alloc(c->a, MANUAL_HITS_MAX * sizeof **out);
    *n = manual_search(q, (size_t)call_query_limit(c, otherwise, most), c->a, *out);
    return true;
}

/* All pages are of one product, which is this one: others find nothing. */
static bool get_search(struct call *c, struct err *e)
{
    struct manual_hit *hit;
    size_t n;
    if (!find(c, 10, 25, &hit, &n, e)) return false;
    if (call_query(c, "product").n && !str_eq(call_query(c, "product"), STR("hub"))) n = 0;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        jw_kstr(&w, "id", arena_fmt(c->a, "%.*s#%.*s", STR_ARG(hit[i].page->id), STR_ARG(hit[i].anchor)));
        jw_kobject(&w, "_vectors"); /* there are none */
        jw_object_end(&w);
        jw_kstr(&w, "heading1", hit[i].page->title);
        for (int l = 2; l < 6; l++)
            if (hit[i].heading[l].n) jw_kstr(&w, (const char *[]){ "heading2", "heading3", "heading4", "heading5" }[l - 2], hit[i].heading[l]);
        jw_kstr(&w, "text", hit[i].text);
        jw_kstr(&w, "product", STR("hub"));
        jw_kstr(&w, "source_page_url", url_of(c, hit[i].page, hit[i].anchor));
        jw_kstr(&w, "source_page_title", hit[i].page->title);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool get_full_text(struct call *c, struct err *e)
{
    static const char *const level[] = { "hierarchy_lvl1", "hierarchy_lvl2", "hierarchy_lvl3", "hierarchy_lvl4", "hierarchy_lvl5", "hierarchy_lvl6" };
    struct manual_hit *hit;
    size_t n;
    if (!find(c, 9, 100, &hit, &n, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_karray(&w, "hits");
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        jw_kstr(&w, "url", url_of(c, hit[i].page, hit[i].anchor));
        jw_kstr(&w, "hierarchy_lvl0", hit[i].page->group);
        for (int l = 1; l < 7; l++)
            if (hit[i].heading[l].n) jw_kstr(&w, level[l - 1], hit[i].heading[l]);
        jw_kstr(&w, "content", hit[i].text);
        jw_kstr(&w, "anchor", hit[i].anchor);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/api/docs", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_docs, "docs.list", SHAPE_HUB },
    { HTTP_GET, "/api/docs/search", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_search, "docs.search", SHAPE_HUB },
    { HTTP_GET, "/api/docs/search/full-text", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_full_text, "docs.search-text", SHAPE_HUB },
};
const struct api_table hub_docs_table = API_TABLE(rows);
