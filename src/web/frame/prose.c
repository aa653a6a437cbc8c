/* web/frame/prose.c - Markdown of a file in a repository, as part of a page. */
#include "hub/card/card.h"
#include "hub/text/prose.h"
#include "web/frame/page.h"

bool page_markdown(struct call *c, str text, const char *rev, str path, struct buf *out, struct err *e)
{
    size_t slash = str_rchr(path, '/');
    struct buf link = BUF_INIT(0), picture = BUF_INIT(0);
    buf_addf(&link, "/%.*s", STR_ARG(repo_web_prefix(c->repo.kind)));
    http_encode(&link, c->repo.full_name, "/");
    buf_add(&picture, buf_str(&link));
    buf_lit(&link, "/blob/");
    buf_lit(&picture, "/resolve/");
    http_encode(&link, str_c(rev), "");
    http_encode(&picture, str_c(rev), "");
    buf_byte(&link, '/');
    buf_byte(&picture, '/');
    struct clean_base base = { buf_str(&link), buf_str(&picture), slash == STR_NONE ? STR("") : str_to(path, slash + 1) };
    str yaml, body;
    bool has_yaml;
    (void)card_front_matter(text, &yaml, &body, &has_yaml);
    bool ok = prose_html(body, &base, out, e);
    buf_deinit(&link);
    buf_deinit(&picture);
    return ok;
}
