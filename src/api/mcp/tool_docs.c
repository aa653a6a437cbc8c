/* api/mcp/tool_docs.c - tools about this hub's own documentation. */
#include "api/mcp/mcp_api.h"
#include "hub/manual/manual.h"

enum { HITS_MAX = 30 };

static bool search(struct call *c, const struct json *args, struct buf *out, struct err *e)
{
    str query;
    int64_t most;
    if (!mcp_str(args, "query", (str){ 0 }, &query, e) || !mcp_int(args, "limit", 8, 1, HITS_MAX, &most, e)) return false;
    struct manual_hit *hit = arena_alloc(c->a, HITS_MAX * sizeof *hit);
    size_t n = manual_search(query, (size_t)most, c->a, hit);
    for (size_t i = 0; i < n; i++) {
        buf_addf(out, "%.*s: ", STR_ARG(hit[i].page->id));
        for (int l = 1; l < 7; l++)
            if (hit[i].heading[l].n) buf_addf(out, "%s%.*s", l > 1 ? " > " : "", STR_ARG(hit[i].heading[l]));
        buf_addf(out, "\n%.*s\n\n", STR_ARG(hit[i].text));
    }
    if (!n) buf_lit(out, "No section has all of these words.");
    return true;
}

static bool fetch(struct call *c, const struct json *args, struct buf *out, struct err *e)
{
    str name;
    size_t n;
    if (!mcp_str(args, "page", (str){ 0 }, &name, e)) return false;
    const struct manual_page *page = manual_find(name), *all = manual_pages(&n);
    if (page) {
        buf_add(out, manual_source(page));
        return true;
    }
    struct buf names = BUF_INIT(0);
    for (size_t i = 0; i < n; i++) buf_addf(&names, "%s%.*s", i ? ", " : "", STR_ARG(all[i].id));
    err_set(e, ERR_NOT_FOUND, "There is no page of that name; there are %.*s", STR_ARG(buf_str(&names)));
    buf_deinit(&names);
    (void)c;
    return false;
}

static const struct mcp_tool tools[] = {
    { "hf_doc_search", "Search the documentation", "Search the documentation of this hub: commands, settings, API, formats. Returns pieces of the sections that have all words.",
      "{\"type\":\"object\",\"properties\":{\"query\":{\"type\":\"string\"},\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":30,\"default\":8}},\"required\":[\"query\"]}", search },
    { "hf_doc_fetch", "Read a page of the documentation", "A whole page of the documentation of this hub, as Markdown.",
      "{\"type\":\"object\",\"properties\":{\"page\":{\"type\":\"string\",\"description\":\"as hf_doc_search names it: operations, inference, ..\"}},\"required\":[\"page\"]}", fetch },
};
const struct mcp_tools mcp_docs_tools = { tools, COUNT(tools) };
