/* api/space/page.c - what is said on a Space's host in the Space's place: it is not there, it sleeps, it failed.
 *
 * One small page without anything of the hub's: no script, no style from elsewhere, nothing to click. */
#include "api/api_priv.h"
#include "api/space/space_api.h"
#include "base/log.h"

bool space_is_navigation(struct call *c)
{
    str mode = http_header(c->http, "Sec-Fetch-Mode");
    enum http_method m = http_method_of(c->http);
    if (m != HTTP_GET && m != HTTP_HEAD) return false;
    return mode.n ? str_eq(mode, STR("navigate")) : str_find(http_header(c->http, "Accept"), STR("text/html")) != STR_NONE;
}

static void add_html(struct buf *b, str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        if (ch == '<') buf_lit(b, "&lt;");
        else if (ch == '&') buf_lit(b, "&amp;");
        else if (ch == '"') buf_lit(b, "&quot;");
        else buf_byte(b, ch);
    }
}

bool space_say(struct call *c, int status, str title, str text, bool comes_again)
{
    struct buf b = BUF_INIT(0);
    if (comes_again) http_add_header(c->http, "Retry-After", STR("2"));
    http_add_header(c->http, "Cache-Control", STR("no-store"));
    if (!space_is_navigation(c)) {
        struct json_writer w = json_writer(&b);
        jw_object(&w);
        jw_kstr(&w, "error", text);
        jw_object_end(&w);
        return http_reply_buf(c->http, status, "application/json; charset=utf-8", &b);
    }
    http_add_header(c->http, "Content-Security-Policy", STR("default-src 'none'; style-src 'unsafe-inline'"));
    buf_lit(&b, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>");
    add_html(&b, title);
    buf_lit(&b, "</title>");
    if (comes_again) buf_lit(&b, "<meta http-equiv=\"refresh\" content=\"2\">");
    buf_lit(&b, "<style>:root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;display:grid;place-content:center;min-height:90vh;"
                "margin:0 1.5rem;text-align:center}h1{font-size:1.3rem;margin:0 0 .4rem}p{margin:0;opacity:.75;max-width:36rem;overflow-wrap:anywhere;"
                "white-space:pre-line}</style></head><body><main><h1>");
    add_html(&b, title);
    buf_lit(&b, "</h1><p>");
    add_html(&b, text);
    buf_lit(&b, "</p></main></body></html>");
    return http_reply_buf(c->http, status, "text/html; charset=utf-8", &b);
}

void space_reply_error(struct call *c, const struct err *e)
{
    int status = api_status_of(e);
    str text = str_c(e->msg), id = http_request_id(c->http);
    str title = status == 404 ? STR("Nothing is here") : status == 503 ? STR("Come again in a moment") : STR("That did not work");
    if (status >= 500 && status != 501 && status != 502 && status != 503 && status != 504) {
        log_error("api.failed", "route=%s error=\"%s\" id=%.*s", c->route ? c->route->name : "-", e->msg, STR_ARG(id));
        text = STR("Something went wrong inside this Hearth. The operator finds the reason in the log under the request id.");
    }
    space_say(c, status, title, text, false);
}
