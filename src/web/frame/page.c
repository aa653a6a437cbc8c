/* web/frame/page.c - from a context to a page: templates, what they may call, and the headers of an answer.
 *
 * Templates are compiled once, at first use, and shared by all threads; a template that does not compile is a broken
 * invariant, which the first page of any test meets. */
#include "web/frame/page.h"

#include <inttypes.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/embedded.h"
#include "base/log.h"
#include "gateway/gateway.h"
#include "hub/text/highlight.h"
#include "hub/community/notification.h"
#include "jinja/jinja.h"
#include "web/frame/compress.h"
#include "web/frame/kept.h"
#include "web/frame/static.h"

extern const struct embedded web_templates[];

enum { TEMPLATES_MAX = 256, CONTEXT_BYTES_MAX = 32 << 20, PARSED_BYTES_MAX = 64 << 20 };

/* ------------------------------------------------------------------ templates */

static pthread_once_t compiled_once = PTHREAD_ONCE_INIT;
static struct arena *compiled_arena; /* lives as long as the process */
static struct {
    str name;
    const struct jinja *template;
} compiled[TEMPLATES_MAX];

static void compile_all(void)
{
    struct err e;
    size_t n = 0;
    compiled_arena = arena_new(0);
    for (const struct embedded *f = web_templates; f->name; f++, n++) {
        must(n < TEMPLATES_MAX);
        compiled[n].name = str_c(f->name);
        if (!jinja_compile(compiled[n].name, str_n((const char *)f->data, f->size), &jinja_page, compiled_arena, &compiled[n].template, &e)) {
            log_error("web.template", "error=\"%s\"", e.msg);
            must(!"a template of ours does not compile");
        }
    }
}

static const struct jinja *find_template(void *ctx, str name)
{
    (void)ctx;
    for (size_t i = 0; i < TEMPLATES_MAX && compiled[i].name.p; i++)
        if (str_eq(compiled[i].name, name)) return compiled[i].template;
    return NULL;
}

/* ------------------------------------------------------------------ what templates may call */

static bool give(struct json **out, struct arena *a, const char *text)
{
    *out = json_new_str(a, arena_dup(a, str_c(text)));
    return true;
}

static double number_of(const struct json *v)
{
    if (json_is(v, JSON_REAL)) return v->r;
    return json_is(v, JSON_INT) ? (double)v->i : 0;
}

/* Three digits at most, as people read sizes: 940 B, 1.2 MB, 13 GB. */
static bool scaled(double v, double step, const char *const *unit, size_t units, struct arena *a, struct json **out)
{
    char text[48];
    size_t u = 0;
    while (v >= step * 0.9995 && u + 1 < units) {
        v /= step;
        u++;
    }
    snprintf(text, sizeof text, u && v < 9.95 ? "%.1f%s" : "%.0f%s", v, unit[u]);
    return give(out, a, text);
}

static bool fn_size(void *ctx, const struct json *args, struct arena *a, struct json **out, struct err *e)
{
    static const char *const unit[] = { " B", " kB", " MB", " GB", " TB", " PB" };
    (void)ctx, (void)e;
    return scaled(number_of(json_at(args, 0)), 1000, unit, COUNT(unit), a, out);
}

static bool fn_count(void *ctx, const struct json *args, struct arena *a, struct json **out, struct err *e)
{
    static const char *const unit[] = { "", "k", "M", "B", "T" };
    (void)ctx, (void)e;
    return scaled(number_of(json_at(args, 0)), 1000, unit, COUNT(unit), a, out);
}

/* All digits, in threes with narrow blanks between them. */
static bool fn_digits(void *ctx, const struct json *args, struct arena *a, struct json **out, struct err *e)
{
    char plain[24];
    struct buf b = BUF_INIT(0);
    (void)ctx, (void)e;
    const struct json *v = json_at(args, 0);
    int n = snprintf(plain, sizeof plain, "%" PRId64, json_is(v, JSON_INT) ? v->i : INT64_C(0)); /* whole: a double is not, from 2^53 on */
    for (int i = 0; i < n; i++) {
        bool follows_digit = i > 0 && plain[i - 1] != '-';
        if (follows_digit && (n - i) % 3 == 0) buf_lit(&b, "\xe2\x80\xaf");
        buf_byte(&b, plain[i]);
    }
    *out = json_new_str(a, arena_dup(a, buf_str(&b)));
    buf_deinit(&b);
    return true;
}

/* When a render is, and until when it would say the same. */
struct moment {
    int64_t now_ms, until_ms;
};
static void good_until(struct moment *m, int64_t ms)
{
    if (ms < m->until_ms) m->until_ms = ms;
}

static bool fn_ago(void *ctx, const struct json *args, struct arena *a, struct json **out, struct err *e)
{
    static const struct { int64_t seconds; const char *name; } unit[] = {
        { 31557600, "year" }, { 2629800, "month" }, { 86400, "day" }, { 3600, "hour" }, { 60, "minute" },
    };
    struct moment *m = ctx;
    char text[48];
    (void)e;
    double asked = number_of(json_at(args, 0));
    int64_t then = asked > 0 && asked < 1e15 ? (int64_t)asked : 0, s = (m->now_ms - then) / 1000, next = then + 60000;
    snprintf(text, sizeof text, "just now");
    for (size_t i = 0; i < COUNT(unit); i++) {
        if (s < unit[i].seconds) continue;
        int64_t n = s / unit[i].seconds;
        snprintf(text, sizeof text, "%" PRId64 " %s%s ago", n, unit[i].name, n == 1 ? "" : "s");
        next = then + (n + 1) * unit[i].seconds * 1000;
        if (i) good_until(m, then + unit[i - 1].seconds * 1000);
        break;
    }
    good_until(m, next);
    return give(out, a, text);
}

static bool fn_date(void *ctx, const struct json *args, struct arena *a, struct json **out, struct err *e)
{
    char text[ISO_DATE_BYTES];
    (void)ctx, (void)e;
    clock_iso((int64_t)number_of(json_at(args, 0)), text);
    return give(out, a, text);
}

static bool fn_path(void *ctx, const struct json *args, struct arena *a, struct json **out, struct err *e)
{
    struct buf b = BUF_INIT(0);
    str s = { "", 0 };
    (void)ctx, (void)e;
    json_str(json_at(args, 0), &s);
    http_encode(&b, s, "/");
    *out = json_new_str(a, arena_dup(a, buf_str(&b)));
    buf_deinit(&b);
    return true;
}

static bool fn_asset(void *ctx, const struct json *args, struct arena *a, struct json **out, struct err *e)
{
    str name = { "", 0 };
    (void)ctx, (void)e;
    json_str(json_at(args, 0), &name);
    *out = json_new_str(a, static_url(name, a));
    return true;
}

/* code(text, language): with spans for its colours. */
static bool fn_code(void *ctx, const struct json *args, struct arena *a, struct json **out, struct err *e)
{
    struct buf b = BUF_INIT(0);
    str text = { "", 0 }, language = { "", 0 };
    (void)ctx, (void)e;
    json_str(json_at(args, 0), &text);
    json_str(json_at(args, 1), &language);
    highlight_add(&b, language, text);
    *out = json_new_str(a, arena_dup(a, buf_str(&b)));
    buf_deinit(&b);
    return true;
}

static const struct jinja_function functions[] = {
    { .name = "code", .call = fn_code, .returns_html = true },
    { .name = "digits", .call = fn_digits },
    { .name = "size", .call = fn_size }, { .name = "count", .call = fn_count }, { .name = "ago", .call = fn_ago },
    { .name = "date", .call = fn_date }, { .name = "path", .call = fn_path },   { .name = "asset", .call = fn_asset },
};

/* ------------------------------------------------------------------ a page */

/* What the page is made from; of a page that was made, before a slow client has had it. */
static void drop(void *ctx)
{
    struct page *p = ctx;
    buf_deinit(&p->b);
    while (p->html_count > 0) mem_free((void *)(uintptr_t)p->html[--p->html_count].text.p);
}

/* Discussions that somebody should look at; a page does without them rather than fail. */
static int64_t unread_of(struct call *c)
{
    struct err ignored;
    int64_t n = 0;
    return notification_unread(call_db(c), c->who.user_id, &n, &ignored) ? n : 0;
}

/* The page that a form of ours stood on; else the front page. */
static str form_page(struct call *c)
{
    str from = http_header(c->http, "Referer"), base = call_base_url(c);
    return str_starts_nocase(from, base) ? page_next(str_from(from, base.n), STR("/")) : STR("/");
}

/* Where one was about to go: signing in leads back there.  Not to what a form did: to its page. */
static str wanted_page(struct call *c)
{
    str path = http_path(c->http), query = http_query_raw(c->http);
    if (http_method_of(c->http) != HTTP_GET) return form_page(c);
    return query.n ? arena_fmt(c->a, "%.*s?%.*s", STR_ARG(path), STR_ARG(query)) : path;
}

struct page *page_new(struct call *c, str title)
{
    struct page *p = arena_one(c->a, struct page);
    char csrf[SESSION_FORM_TOKEN + 1];
    p->c = c;
    p->b = (struct buf)BUF_INIT(CONTEXT_BYTES_MAX);
    p->w = json_writer(&p->b);
    arena_on_free(c->a, drop, p);
    jw_object(&p->w);
    jw_kstr(&p->w, "title", title);
    jw_kobject(&p->w, "site");
    jw_kstr(&p->w, "version", STR(HEARTH_VERSION));
    jw_kstr(&p->w, "url", call_base_url(c));
    jw_object_end(&p->w);
    jw_kstr(&p->w, "page_path", http_path(c->http));
    if (c->who.user_id) {
        jw_kobject(&p->w, "me");
        jw_kstr(&p->w, "name", c->who.name);
        jw_kbool(&p->w, "is_admin", c->who.is_admin);
        jw_kint(&p->w, "unread", unread_of(c));
        jw_object_end(&p->w);
    } else {
        jw_kstr(&p->w, "sign_in_next", wanted_page(c));
    }
    if (str_eq(call_query(c, "saved"), STR("1"))) jw_kbool(&p->w, "just_saved", true);
    if (c->session.n) {
        session_form_token(c->session, csrf);
        jw_kstr(&p->w, "csrf", str_c(csrf));
    }
    return p;
}

/* Scripts, styles and pictures of our own alone; no frames around us; forms go to us. */
static void add_headers(const struct page *p)
{
    struct call *c = p->c;
    http_add_headerf(c->http, "Content-Security-Policy",
                     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
                     "connect-src 'self'; %s%.*s%sform-action 'self' %.*s; base-uri 'none'; frame-ancestors 'none'",
                     p->shows_frames ? "frame-src 'self' " : p->frames_of.n ? "frame-src " : "", STR_ARG(p->frames_of),
                     p->shows_frames || p->frames_of.n ? "; " : "", STR_ARG(p->form_to));
    http_add_header(c->http, "Referrer-Policy", STR("same-origin"));
    http_add_header(c->http, "Vary", STR("Cookie, Accept-Encoding"));
    http_add_header(c->http, "Cache-Control", STR("private, no-cache"));
}

/* A browser that comes back keeps its session. */
static void renew_session(struct call *c)
{
    struct err e;
    if (c->session_is_old && !session_renew(hub_db(c->hub), c->session, &e)) log_warn("session.renew", "reason=\"%s\"", e.msg);
}

/* Small, for who reads gzip; and not at all for who has this very page already.  What was not asked for by GET has no tag. */
static bool reply_kept(struct call *c, int status, str page, struct err *e)
{
    static const char type[] = "text/html; charset=utf-8";
    struct buf out = BUF_INIT(0);
    size_t n;
    str content;
    const struct kept_page *k = kept_page_of(page, &content);
    bool is_known = status == 200 && str_find(http_header(c->http, "If-None-Match"), str_c(k->tag)) != STR_NONE;
    if (k->is_deflated && !is_known) {
        compress_wrap(content, k->crc, k->html_bytes, true, &out);
        http_add_header(c->http, "Content-Encoding", STR("gzip"));
    } else {
        buf_add(&out, content);
    }
    if (status != 200) return http_reply_buf(c->http, status, type, &out);
    char *data = buf_take(&out, &n);
    http_own(c->http, data, n);
    struct http_content answer = { .content_type = type, .etag = arena_fmt(c->a, "\"%s%s\"", k->tag, k->is_deflated ? "-gz" : ""), .size = n, .data = str_n(data, n) };
    return http_reply_content(c->http, &answer, e);
}

/* Makes the page that p->b is the context of. */
static bool render(struct page *p, const char *template_name, bool deflates, struct buf *page, struct err *e)
{
    struct moment m = { .now_ms = clock_now_ms(), .until_ms = INT64_MAX };
    struct jinja_function lent[COUNT(functions)];
    struct jinja_input in = { .functions = lent, .functions_count = COUNT(functions), .html = p->html, .html_count = p->html_count, .load = find_template };
    struct buf html = BUF_INIT(0);
    struct arena *a = arena_new(PARSED_BYTES_MAX);
    struct json *context;
    bool ok = false;
    pthread_once(&compiled_once, compile_all);
    memcpy(lent, functions, sizeof lent);
    for (size_t i = 0; i < COUNT(lent); i++) lent[i].ctx = &m;
    if (!json_parse(buf_str(&p->b), a, &context, e)) {
        err_context(e, "page");
        goto done;
    }
    in.context = context;
    const struct jinja *t = find_template(NULL, str_c(template_name));
    must(t);
    ok = jinja_render(t, &in, &html, e);
    if (!ok) err_set(e, ERR_INTERNAL, "%s", arena_fmt(a, "%s", e->msg).p);
    ok = ok && kept_make(buf_str(&html), deflates && html.n >= COMPRESS_BYTES_MIN, m.until_ms, page, e);
done:
    buf_deinit(&html);
    arena_free(a);
    return ok;
}

/* All that a page is made from. */
static struct vcs_oid key_of(const struct page *p, const char *template_name, bool deflates)
{
    struct vcs_oid key;
    str part[3 + 2 * PAGE_HTML_MAX] = { str_c(template_name), deflates ? STR("gzip") : STR(""), buf_str(&p->b) };
    size_t n = 3;
    for (size_t i = 0; i < p->html_count; i++) {
        part[n++] = str_c(p->html[i].name);
        part[n++] = p->html[i].text;
    }
    kept_key(part, n, &key);
    return key;
}

bool page_reply(struct page *p, int status, const char *template_name, struct err *e)
{
    struct call *c = p->c;
    struct buf made = BUF_INIT(0);
    struct file_blob *held = NULL;
    bool deflates = compress_is_accepted(http_header(c->http, "Accept-Encoding"));
    bool keeps = status == 200 && http_method_of(c->http) == HTTP_GET; /* what a form is answered with may be said once only, as a new token is */
    jw_object_end(&p->w);
    if (p->b.failed) return err_set(e, ERR_TOO_LARGE, "This page would be too large");
    struct vcs_oid key = key_of(p, template_name, deflates);
    if (keeps) held = kept_find(&key, clock_now_ms());
    bool ok = held || render(p, template_name, deflates, &made, e);
    if (ok && keeps && !held) kept_put(&key, buf_str(&made));
    if (ok) {
        renew_session(c);
        add_headers(p);
        ok = reply_kept(c, status, held ? file_blob_content(held) : buf_str(&made), e);
    }
    file_blob_release(held);
    buf_deinit(&made);
    if (ok) drop(p);
    return ok;
}

void page_give_html(struct page *p, const char *name, struct buf *html)
{
    size_t n;
    must(p->html_count < PAGE_HTML_MAX);
    char *text = buf_take(html, &n);
    if (!text) return;
    p->html[p->html_count++] = (struct jinja_html){ name, str_n(text, n) };
}

bool page_redirect(struct call *c, str path)
{
    http_add_header(c->http, "Location", path);
    http_add_header(c->http, "Cache-Control", STR("no-store"));
    return http_reply_empty(c->http, 303);
}

str page_saved(struct call *c, str path) { return arena_fmt(c->a, "%.*s?saved=1", STR_ARG(path)); }

str page_next(str asked, str otherwise)
{
    /* "//host" and "/\host" lead elsewhere, and browsers leave tabs and line ends out before they look. */
    bool ours = asked.n && asked.p[0] == '/' && !(asked.n > 1 && (asked.p[1] == '/' || asked.p[1] == '\\'));
    for (size_t i = 0; i < asked.n; i++) ours = ours && (unsigned char)asked.p[i] >= 0x20 && asked.p[i] != 0x7f;
    return ours ? asked : otherwise;
}

str page_field(struct call *c, const char *name)
{
    str value;
    return http_form_field(c->http, name, &value) ? str_trim(value) : (str){ 0 };
}

str page_text(struct call *c, const char *name)
{
    str s = page_field(c, name);
    return s.p ? s : STR("");
}

int64_t page_form_since_ms(struct call *c)
{
    int64_t newest_ms;
    return str_i64(page_text(c, "newest"), &newest_ms) && newest_ms >= 0 && newest_ms < INT64_MAX ? newest_ms + 1 : 0;
}

bool page_confirm(struct call *c, str name, struct err *e)
{
    return (name.n && str_eq(page_field(c, "confirm"), name)) || err_set(e, ERR_INVALID, "Nothing was deleted: type %.*s to delete it", STR_ARG(str_to(name, 200)));
}

void page_write_fields(struct page *p, bool is_refused, const char *const *names)
{
    jw_kobject(&p->w, "typed");
    for (; is_refused && *names; names++) {
        str value = page_field(p->c, *names);
        if (value.p) jw_kstr(&p->w, *names, value);
    }
    jw_object_end(&p->w);
}

bool page_commit(struct call *c, bool ok, struct db_conn *tx, struct err *e)
{
    return db_finish(hub_db(c->hub), tx, ok, e);
}

bool page_write_owners(struct page *p, enum account_role least, struct err *e)
{
    struct call *c = p->c;
    struct account_org *org;
    struct account owner;
    size_t n;
    bool found;
    str asked = page_field(c, "owner"), chosen = c->who.name, visibility = page_field(c, "visibility");
    if (!asked.n) asked = call_query(c, "owner");
    if (!account_orgs(call_db(c), c->who.user_id, c->a, &org, &n, e)) return false;
    jw_karray(&p->w, "owners");
    jw_str(&p->w, chosen);
    for (size_t i = 0; i < n; i++) {
        if (org[i].role < least || org[i].lacks_factor) continue;
        jw_str(&p->w, org[i].org.name);
        if (str_eq_nocase(asked, org[i].org.name)) chosen = org[i].org.name;
    }
    jw_array_end(&p->w);
    if (!account_find(call_db(c), chosen, &owner, &found, c->a, e)) return false;
    jw_kstr(&p->w, "owner", chosen);
    jw_kbool(&p->w, "is_private", visibility.n ? str_eq(visibility, STR("private")) : found && owner.repos_private);
    return true;
}

void page_write_repo(struct json_writer *w, const struct repo *r)
{
    str prefix = repo_web_prefix(r->kind);
    char href[512];
    snprintf(href, sizeof href, "/%.*s%.*s", STR_ARG(prefix), STR_ARG(r->full_name));
    jw_kstr(w, "kind", repo_kind_name(r->kind));
    jw_kstr(w, "plural", repo_kind_plural(r->kind));
    jw_kstr(w, "owner", r->owner);
    jw_kstr(w, "name", r->name);
    jw_kstr(w, "full_name", r->full_name);
    jw_kstr(w, "href", str_c(href));
    jw_kbool(w, "is_private", r->is_private);
    jw_kstr(w, "gated", r->gated);
    if (r->upstream.n) jw_kstr(w, "upstream", r->upstream);
}

/* A file of a repository that one may see, but not read: there is a form to ask for that. */
static bool is_at_gate(struct call *c)
{
    struct err ignored;
    return c->repo.id && c->repo.gated.n && c->route && c->route->permission == PERM_REPO_READ && call_allow(c, &c->repo, REPO_SEE, &ignored) &&
           !call_allow(c, &c->repo, REPO_READ, &ignored);
}

/* Which page it is.  Of what may not be seen nothing is said, not even that it is there. */
static str refusal_kind(struct call *c, int status)
{
    struct err ignored;
    enum api_permission p = c->route ? c->route->permission : PERM_ANYONE;
    bool sees_repo = c->repo.id && call_allow(c, &c->repo, REPO_SEE, &ignored);
    if (status == 401 && http_method_of(c->http) == HTTP_POST) return STR("ended");
    if (is_at_gate(c)) return STR("gate");
    if (status == 401 && (p == PERM_USER || p == PERM_USER_WRITE || sees_repo)) return STR("visitor");
    if (status == 404 && sees_repo) return STR("part");
    return status == 401 || status == 404 ? STR("hidden") : STR("other");
}

static void write_upstream(struct page *p, struct gateway *g)
{
    struct gateway_stats s;
    gateway_stats(g, &s);
    jw_kstr(&p->w, "upstream", gateway_config_of(g)->upstream);
    jw_kbool(&p->w, "upstream_is_down", s.failed_ms > s.answered_ms);
}

void web_error_page(struct call *c, int status, str message)
{
    struct err e;
    struct page *p = page_new(c, STR(""));
    str kind = refusal_kind(c, status);
    jw_kstr(&p->w, "refusal", kind);
    if (str_eq(kind, STR("gate")) || str_eq(kind, STR("part"))) {
        jw_kobject(&p->w, "about");
        page_write_repo(&p->w, &c->repo);
        jw_object_end(&p->w);
    }
    jw_kint(&p->w, "status", status);
    if (call_gateway(c)) write_upstream(p, call_gateway(c));
    jw_kbool(&p->w, "is_form", http_method_of(c->http) == HTTP_POST);
    jw_kstr(&p->w, "wanted", wanted_page(c));
    jw_kstr(&p->w, "message", message);
    if (!page_reply(p, status, "frame/error.html", &e)) http_reply(c->http, status, "text/plain; charset=utf-8", message);
}

void web_warm(void)
{
    pthread_once(&compiled_once, compile_all);
    static_make();
}

const struct api_table *const *web_tables(size_t *n)
{
    static const struct api_table *const tables[] = { &static_table,
                                                      &web_docs, &web_operator, &web_operator_work, &web_operator_people,
                                                      &web_front, &web_list, &web_find, &web_people, &web_thread, &web_collections, &web_inbox, &web_webhooks, &web_repo,
                                                      &web_login,    &web_authorize, &web_applications, &web_tokens,
                                                      &web_profile, &web_orgs, &web_join, &web_billing, &web_access, &web_external, &web_services, &web_groups, &web_scim, &web_second_factor,
                                                      &web_community, &web_settings, &web_create, &web_repo_settings,
                                                      &web_chat,
                                                      &web_tree, &web_blob, &web_safety, &web_blame, &web_history, &web_edit, &web_upload, &web_refs,
                                                      &web_metrics, &web_leaderboard, &web_viewer, &web_space, &web_space_settings,
                                                      &web_bucket, &web_bucket_settings, &web_bucket_upload, &web_buckets };
    *n = COUNT(tables);
    return tables;
}
