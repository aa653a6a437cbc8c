/* web/pages.c - the first pages: what is here, and one page per repository.
 * Plain documents without scripts; they read the index only, as the listings of the API do. */
#include "web/pages.h"

#include "base/embedded.h"
#include "hub/index/list.h"
#include "web/html.h"

extern const struct embedded web_files[];

enum { FRONT_REPOS = 12, FILES_SHOWN = 1000 };

/* ------------------------------------------------------------------ the frame of a page */

static void page_begin(struct buf *b, str title)
{
    html_raw_trusted(b, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
                        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>");
    html_text(b, title);
    html_raw_trusted(b, "</title><link rel=\"stylesheet\" href=\"/static/hearth.css\"></head><body>"
                        "<header><strong><a href=\"/\">Hearth</a></strong><nav><a href=\"/#models\">Models</a> "
                        "<a href=\"/#datasets\">Datasets</a> <a href=\"/#spaces\">Spaces</a></nav></header><main>");
}

static bool page_end(struct call *c, int status, struct buf *b)
{
    html_raw_trusted(b, "</main><footer class=\"soft\">Hearth " HEARTH_VERSION "</footer></body></html>");
    http_add_header(c->http, "Content-Security-Policy", STR("default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'"));
    http_add_header(c->http, "X-Content-Type-Options", STR("nosniff"));
    return http_reply_buf(c->http, status, "text/html; charset=utf-8", b);
}

static void write_size(struct buf *b, uint64_t bytes_count)
{
    static const char *const unit[] = { "B", "kB", "MB", "GB", "TB" };
    double v = (double)bytes_count;
    size_t u = 0;
    while (v >= 1000 && u + 1 < COUNT(unit)) {
        v /= 1000;
        u++;
    }
    buf_addf(b, u && v < 10 ? "%.1f %s" : "%.0f %s", v, unit[u]);
}

/* ------------------------------------------------------------------ front */

static bool write_kind(struct call *c, struct buf *b, enum repo_kind kind, const char *heading, struct err *e)
{
    struct list_query q = { .kind = kind, .who = &c->who, .gated = -1, .sort = SORT_MODIFIED, .limit = FRONT_REPOS };
    struct list_page page;
    if (!list_repos(c->hub, call_db(c), &q, c->a, &page, e)) return false;
    buf_addf(b, "<h2 id=\"%.*s\">%s</h2>", STR_ARG(repo_kind_plural(kind)), heading);
    if (page.n == 0) {
        html_raw_trusted(b, "<p class=\"soft\">None yet.</p>");
        return true;
    }
    html_raw_trusted(b, "<ul class=\"repos\">");
    for (size_t i = 0; i < page.n; i++) {
        const struct repo_summary *s = &page.row[i];
        html_raw_trusted(b, "<li><a href=\"/");
        buf_add(b, repo_web_prefix(kind));
        html_path(b, s->repo.full_name);
        html_raw_trusted(b, "\">");
        html_text(b, s->repo.full_name);
        html_raw_trusted(b, "</a><br><span class=\"soft\">");
        if (s->repo.is_private) html_raw_trusted(b, "private · ");
        if (s->pipeline_tag.n) {
            html_text(b, s->pipeline_tag);
            html_raw_trusted(b, " · ");
        }
        write_size(b, (uint64_t)s->used_bytes);
        html_raw_trusted(b, "</span></li>");
    }
    html_raw_trusted(b, "</ul>");
    return true;
}

static bool get_front(struct call *c, struct err *e)
{
    struct buf b = BUF_INIT(0);
    page_begin(&b, STR("Hearth"));
    html_raw_trusted(&b, "<h1>Models, datasets and Spaces of this house</h1>"
                         "<p>Your usual clients work here. Point them at this address:</p><pre>export HF_ENDPOINT=");
    html_text(&b, call_base_url(c));
    html_raw_trusted(&b, "\nhf upload NAME/my-model ./folder\nhf download NAME/my-model\ngit clone ");
    html_text(&b, call_base_url(c));
    html_raw_trusted(&b, "/NAME/my-model</pre>");
    bool ok = write_kind(c, &b, REPO_MODEL, "Models", e) && write_kind(c, &b, REPO_DATASET, "Datasets", e) &&
              write_kind(c, &b, REPO_SPACE, "Spaces", e);
    if (ok) return page_end(c, 200, &b);
    buf_deinit(&b);
    return false;
}

/* ------------------------------------------------------------------ one repository */

static void write_tags(struct call *c, struct buf *b, str tags)
{
    struct json *list;
    struct err ignored;
    if (!tags.n || !json_parse(tags, c->a, &list, &ignored) || !json_first(list)) return;
    html_raw_trusted(b, "<ul class=\"tags\">");
    json_each (tag, list) {
        html_raw_trusted(b, "<li>");
        html_text(b, tag->type == JSON_STRING ? tag->s : STR(""));
        html_raw_trusted(b, "</li>");
    }
    html_raw_trusted(b, "</ul>");
}

static void write_use(struct call *c, struct buf *b, const struct repo *r)
{
    static const char *const option[REPO_KINDS] = { "", " --repo-type dataset", " --repo-type space", " --repo-type kernel" };
    html_raw_trusted(b, "<h2>Use it</h2><pre>export HF_ENDPOINT=");
    html_text(b, call_base_url(c));
    html_raw_trusted(b, "\nhf download ");
    html_text(b, r->full_name);
    buf_add(b, str_c(option[r->kind]));
    html_raw_trusted(b, "\ngit clone ");
    html_text(b, call_repo_url(c, r));
    html_raw_trusted(b, "</pre>");
}

static void write_files(struct buf *b, const struct repo *r, const struct repo_file_row *file, size_t n)
{
    html_raw_trusted(b, "<h2>Files</h2><table><thead><tr><th>Name</th><th class=\"size\">Size</th></tr></thead><tbody>");
    for (size_t i = 0; i < n && i < FILES_SHOWN; i++) {
        html_raw_trusted(b, "<tr><td><a href=\"/");
        buf_add(b, repo_web_prefix(r->kind));
        html_path(b, r->full_name);
        html_raw_trusted(b, "/resolve/main/");
        html_path(b, file[i].path);
        html_raw_trusted(b, "\">");
        html_text(b, file[i].path);
        html_raw_trusted(b, "</a></td><td class=\"size\">");
        write_size(b, file[i].size_bytes);
        html_raw_trusted(b, "</td></tr>");
    }
    html_raw_trusted(b, "</tbody></table>");
    if (n > FILES_SHOWN) buf_addf(b, "<p class=\"soft\">%zu more files.</p>", n - FILES_SHOWN);
}

static bool get_repo(struct call *c, struct err *e)
{
    struct repo_summary row;
    struct repo_file_row *file;
    size_t n;
    if (!repo_summary_get(call_db(c), c->repo.id, &row, c->a, e) || !repo_files(call_db(c), c->repo.id, c->a, &file, &n, e))
        return false;
    struct buf b = BUF_INIT(0);
    page_begin(&b, c->repo.full_name);
    html_raw_trusted(&b, "<h1>");
    html_text(&b, c->repo.full_name);
    html_raw_trusted(&b, "</h1><p class=\"soft\">");
    buf_addf(&b, "%.*s%s%s · ", STR_ARG(repo_kind_name(c->repo.kind)), c->repo.is_private ? ", private" : "",
             c->repo.gated.n ? ", gated" : "");
    write_size(&b, (uint64_t)row.used_bytes);
    if (row.parameters) buf_addf(&b, " · %lld parameters", (long long)row.parameters);
    buf_addf(&b, " · %lld downloads in 30 days</p>", (long long)row.downloads);
    write_tags(c, &b, row.tags);
    write_use(c, &b, &c->repo);
    write_files(&b, &c->repo, file, n);
    return page_end(c, 200, &b);
}

void web_error_page(struct call *c, int status, str message)
{
    struct buf b = BUF_INIT(0);
    bool hidden = status == 401 || status == 404;
    page_begin(&b, hidden ? STR("Not found") : STR("Not possible"));
    html_raw_trusted(&b, "<h1>");
    html_text(&b, hidden ? STR("There is nothing here that you may see") : message);
    html_raw_trusted(&b, "</h1>");
    if (hidden) html_raw_trusted(&b, "<p>The address may be wrong, or the repository is private.</p>");
    html_raw_trusted(&b, "<p><a href=\"/\">To the front page</a></p>");
    page_end(c, status, &b);
}

static bool get_style(struct call *c, struct err *e)
{
    str name = call_param(c, "file");
    for (const struct embedded *f = web_files; f->name; f++) {
        if (!str_eq(name, str_c(f->name))) continue;
        http_add_header(c->http, "Cache-Control", STR("public, max-age=3600"));
        return http_reply_borrowed(c->http, 200, "text/css; charset=utf-8", str_n((const char *)f->data, f->size), NULL, NULL);
    }
    return err_set(e, ERR_NOT_FOUND, "There is no such file");
}

static const struct api_route rows[] = {
    { HTTP_GET, "/", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_front, "page.front", SHAPE_PAGE },
    { HTTP_GET, "/static/:file", PERM_ANYONE, HTTP_BODY_NONE, 0, HTTP_INLINE, get_style, "page.static", SHAPE_PAGE },
    { HTTP_GET, "/:ns/:repo", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_repo, "page.repo", SHAPE_PAGE },
    { HTTP_GET, "/:kind(datasets|spaces|kernels)/:ns/:repo", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_repo, "page.repo", SHAPE_PAGE },
};
const struct api_table web_table = API_TABLE(rows);
