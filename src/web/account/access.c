/* web/account/access.c - gated repositories: asking for access with the form that the card describes, one's own requests, and the page on
 * which administrators decide.
 *
 * The card's extra_gated_fields: each a label with "text", "checkbox", "date_picker", "country", or {type: select, options: [..]}.  What
 * is not known is a line of text.  Answers are kept under the labels; a label that the card does not have is not taken. */
#include "hub/gate.h"
#include "hub/index/list.h"
#include "web/account/account.h"

enum { FIELDS_MAX = 40, ANSWER_MAX = 2000, PAGE = 100 };

/* ------------------------------------------------------------------ the card's form */

static str field_type(const struct json *field)
{
    static const str known[] = { STR_INIT("text"), STR_INIT("checkbox"), STR_INIT("date_picker"), STR_INIT("country"), STR_INIT("select") };
    str type = STR("");
    if (!json_str(field, &type)) type = json_str_or(field, STR("type"), STR("text"));
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_eq(type, known[i])) return known[i];
    return known[0];
}

static const char *answer_name(size_t n, struct arena *a) { return arena_fmt(a, "field%zu", n).p; }

/* An option is a text, or {label, value}. */
static str option_value(const struct json *option)
{
    str s;
    return json_str(option, &s) ? s : json_str_or(option, STR("value"), json_str_or(option, STR("label"), STR("")));
}

/* With what was answered, if the form was sent and refused. */
static void write_fields(struct call *c, struct json_writer *w, const struct json *card)
{
    size_t n = 0;
    jw_karray(w, "fields");
    json_each (field, json_get(card, STR("extra_gated_fields"))) {
        if (n == FIELDS_MAX) break;
        str answer = page_field(c, answer_name(n++, c->a));
        jw_object(w);
        jw_kstr(w, "answer", answer.p ? answer : STR(""));
        jw_kstr(w, "label", field->key);
        jw_kstr(w, "type", field_type(field));
        jw_karray(w, "options");
        json_each (option, json_get(field, STR("options"))) {
            jw_object(w);
            jw_kstr(w, "value", option_value(option));
            jw_kstr(w, "label", json_str_or(option, STR("label"), option_value(option)));
            jw_object_end(w);
        }
        jw_array_end(w);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static bool is_option(const struct json *field, str value)
{
    json_each (option, json_get(field, STR("options")))
        if (str_eq(option_value(option), value)) return true;
    return false;
}

/* The answers as JSON; every question must have one, a box must be ticked. */
static bool read_answers(struct call *c, const struct json *card, str *out, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    size_t n = 0;
    bool ok = true;
    jw_object(&w);
    json_each (field, json_get(card, STR("extra_gated_fields"))) {
        if (n == FIELDS_MAX || !ok) break;
        str value = page_field(c, answer_name(n++, c->a)), type = field_type(field);
        bool is_box = str_eq(type, STR("checkbox"));
        if (!value.n) ok = err_set(e, ERR_INVALID, is_box ? "\"%.*s\" must be ticked" : "\"%.*s\" needs an answer", STR_ARG(str_to(field->key, 200)));
        else if (value.n > ANSWER_MAX || !str_is_utf8(value)) ok = err_set(e, ERR_INVALID, "An answer has at most %d bytes", ANSWER_MAX);
        else if (str_eq(type, STR("select")) && !is_option(field, value)) ok = err_set(e, ERR_INVALID, "\"%.*s\" is not offered", STR_ARG(str_to(value, 100)));
        jw_key(&w, field->key);
        if (is_box) jw_bool(&w, true);
        else jw_str(&w, value.p ? value : STR(""));
    }
    jw_object_end(&w);
    *out = arena_dup(c->a, buf_str(&b));
    buf_deinit(&b);
    return ok;
}

/* ------------------------------------------------------------------ asking */

static str repo_path(struct call *c, const char *tail)
{
    return arena_fmt(c->a, "/%.*s%.*s%s", STR_ARG(repo_web_prefix(c->repo.kind)), STR_ARG(c->repo.full_name), tail);
}

static bool ask_page(struct call *c, int code, str problem, struct err *e)
{
    const struct json *card;
    enum gate_status status = GATE_NONE;
    struct err ignored;
    if (!repo_card(call_db(c), c->repo.id, &card, c->a, e)) return false;
    str reason = STR("");
    if (c->who.user_id && (!gate_status_of(call_db(c), c->repo.id, c->who.user_id, &status, e) ||
                           !gate_reason_of(call_db(c), c->repo.id, c->who.user_id, &reason, c->a, e)))
        return false;
    struct page *p = page_new(c, STR("Ask for access"));
    page_write_repo_frame(p, "card");
    jw_kstr(&p->w, "problem_text", problem);
    jw_kstr(&p->w, "status", gate_status_name(status));
    jw_kstr(&p->w, "reason", reason);
    jw_kbool(&p->w, "may_read", call_allow(c, &c->repo, REPO_READ, &ignored));
    jw_kbool(&p->w, "is_auto", str_eq(c->repo.gated, STR("auto")));
    jw_kstr(&p->w, "heading", json_str_or(card, STR("extra_gated_heading"), STR("")));
    jw_kstr(&p->w, "description", json_str_or(card, STR("extra_gated_description"), STR("")));
    jw_kstr(&p->w, "prompt", json_str_or(card, STR("extra_gated_prompt"), STR("")));
    jw_kstr(&p->w, "button", json_str_or(card, STR("extra_gated_button_content"), STR("")));
    write_fields(c, &p->w, card);
    return page_reply(p, code, "account/ask.html", e);
}

static bool get_ask(struct call *c, struct err *e)
{
    if (!c->repo.gated.n) return page_redirect(c, repo_path(c, ""));
    return c->who.user_id ? ask_page(c, 200, STR(""), e) : account_sign_in_first(c);
}

static bool post_ask(struct call *c, struct err *e)
{
    const struct json *card;
    enum gate_status status;
    struct err why = { 0 };
    str answers;
    if (!account_need_session(c, e) || !repo_card(call_db(c), c->repo.id, &card, c->a, e)) return false;
    bool ok = read_answers(c, card, &answers, &why) && gate_ask(c->hub, &c->repo, &c->who, answers, &status, &why);
    if (ok) return page_redirect(c, repo_path(c, status == GATE_ACCEPTED ? "" : "/access"));
    if (api_status_of(&why) < 500) return ask_page(c, api_status_of(&why), str_c(why.msg), e);
    *e = why;
    return false;
}

static bool post_cancel(struct call *c, struct err *e)
{
    return account_need_session(c, e) && gate_cancel(c->hub, &c->repo, &c->who, e) && page_redirect(c, repo_path(c, "/access"));
}

/* ------------------------------------------------------------------ one's own requests */

static bool get_mine(struct call *c, struct err *e)
{
    struct gate_mine *g;
    size_t n;
    str after = call_query(c, "after"), next;
    if (!account_need_session(c, e) || !gate_list_mine(call_db(c), &c->who, after.p ? after : STR(""), PAGE, c->a, &g, &n, &next, e)) return false;
    struct page *p = page_new(c, STR("Gated repositories"));
    jw_kbool(&p->w, "is_later", after.n > 0);
    jw_kstr(&p->w, "next", next);
    jw_karray(&p->w, "requests");
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        page_write_repo(&p->w, &g[i].repo);
        jw_kstr(&p->w, "status", gate_status_name(g[i].status));
        jw_kstr(&p->w, "reason", g[i].reason.p ? g[i].reason : STR(""));
        jw_kint(&p->w, "created_ms", g[i].created_ms);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return page_reply(p, 200, "account/access_mine.html", e);
}

/* ------------------------------------------------------------------ deciding */

static void write_answers(struct json_writer *w, str fields, struct arena *a)
{
    struct json *doc;
    struct err ignored;
    str s;
    bool b;
    jw_karray(w, "answers");
    if (fields.n && json_parse(fields, a, &doc, &ignored)) {
        json_each (f, doc) {
            jw_object(w);
            jw_kstr(w, "label", f->key);
            jw_kstr(w, "value", json_str(f, &s) ? s : json_bool(f, &b) ? (b ? STR("yes") : STR("no")) : STR("(something else)"));
            jw_object_end(w);
        }
    }
    jw_array_end(w);
}

/* Which list, and where its page begins: of the address, or of the form that comes from there. */
struct shown {
    enum gate_status status;
    struct gate_place after;
};

static bool read_shown(struct call *c, bool is_form, struct shown *out, struct err *e)
{
    str show = is_form ? page_field(c, "show") : call_query(c, "show"), after = is_form ? STR("") : call_query(c, "after"), ms;
    *out = (struct shown){ .status = GATE_PENDING };
    if (show.n && !gate_status_parse(show, &out->status)) return err_set(e, ERR_NOT_FOUND, "The list is one of pending, accepted, rejected");
    return !after.n || (str_cut(&after, '.', &ms) && str_i64(ms, &out->after.created_ms) && str_i64(after, &out->after.user_id)) ||
           err_set(e, ERR_INVALID, "\"after\" is malformed");
}

static void write_request(struct page *p, const struct gate_request *g)
{
    struct json_writer *w = &p->w;
    jw_object(w);
    jw_kstr(w, "user", g->user.name);
    jw_kstr(w, "fullname", g->user.fullname);
    jw_kstr(w, "email", g->was_granted || !g->user.email.p ? STR("") : g->user.email);
    jw_kstr(w, "granted_by", g->granted_by.p ? g->granted_by : STR(""));
    jw_kstr(w, "reason", g->reason.p ? g->reason : STR(""));
    jw_kint(w, "created_ms", g->created_ms);
    write_answers(w, g->fields, p->c->a);
    jw_object_end(w);
}

static bool decide_page(struct call *c, int code, const struct shown *s, str problem, struct err *e)
{
    struct gate_request *g;
    size_t n;
    if (!gate_list(call_db(c), &c->repo, s->status, s->after, PAGE + 1, c->a, &g, &n, e)) return false;
    struct page *p = page_new(c, STR("Access requests"));
    page_write_repo_frame(p, "settings");
    jw_kstr(&p->w, "problem_text", problem);
    page_write_typed(p, problem.n > 0, "user", "reason", "to");
    jw_kstr(&p->w, "show", gate_status_name(s->status));
    jw_kbool(&p->w, "is_later", s->after.user_id != 0);
    if (n > PAGE)
        jw_kstr(&p->w, "next", arena_fmt(c->a, "%lld.%lld", (long long)g[PAGE - 1].created_ms, (long long)g[PAGE - 1].user.id));
    jw_karray(&p->w, "lists");
    for (enum gate_status status = GATE_PENDING; status <= GATE_REJECTED; status++) {
        int64_t count;
        if (!gate_count(call_db(c), &c->repo, status, &count, e)) return false;
        jw_object(&p->w);
        jw_kstr(&p->w, "status", gate_status_name(status));
        jw_kint(&p->w, "count", count);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    jw_karray(&p->w, "requests");
    for (size_t i = 0; i < n && i < PAGE; i++) write_request(p, &g[i]);
    jw_array_end(&p->w);
    return page_reply(p, code, "account/access.html", e);
}

static bool get_decide(struct call *c, struct err *e)
{
    struct shown s;
    return read_shown(c, false, &s, e) && decide_page(c, 200, &s, STR(""), e);
}

static bool decide(struct call *c, struct err *e)
{
    struct account user;
    enum gate_status to;
    bool found;
    str name = page_field(c, "user"), what = page_field(c, "to"), reason = page_field(c, "reason");
    if (!account_find(call_db(c), name.p ? name : STR(""), &user, &found, c->a, e)) return false;
    if (!found || user.kind != ACCOUNT_USER) return err_set(e, ERR_INVALID, "There is no user \"%.*s\"", STR_ARG(str_to(name, 100)));
    if (str_eq(what, STR("grant"))) return gate_grant(c->hub, &c->repo, user.id, &c->who, e);
    if (!gate_status_parse(what, &to)) return err_set(e, ERR_INVALID, "A request is accepted, rejected, or pending again");
    return gate_handle(c->hub, &c->repo, user.id, to, reason.n ? reason : (str){ 0 }, &c->who, e);
}

static bool post_decide(struct call *c, struct err *e)
{
    struct err why = { 0 };
    struct shown s;
    if (!read_shown(c, true, &s, e)) return false;
    if (decide(c, &why)) return page_redirect(c, arena_fmt(c->a, "%.*s?show=%s", STR_ARG(repo_path(c, "/settings/access")), gate_status_name(s.status).p));
    if (api_status_of(&why) < 500) return decide_page(c, api_status_of(&why), &s, str_c(why.msg), e);
    *e = why;
    return false;
}

#define ROWS_OF(prefix)                                                                                                                       \
    { HTTP_GET, prefix "/access", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_ask, "page.access", SHAPE_PAGE },                                  \
    { HTTP_POST, prefix "/access", PERM_REPO_SEE, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, post_ask, "page.access.ask", SHAPE_PAGE },            \
    { HTTP_POST, prefix "/access/cancel", PERM_REPO_SEE, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, post_cancel, "page.access.cancel", SHAPE_PAGE }, \
    { HTTP_GET, prefix "/settings/access", PERM_REPO_ADMIN, HTTP_BODY_NONE, 0, 0, get_decide, "page.access.list", SHAPE_PAGE },               \
    { HTTP_POST, prefix "/settings/access", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, ACCOUNT_FORM_MAX, 0, post_decide, "page.access.decide", SHAPE_PAGE }

static const struct api_route rows[] = {
    ROWS_OF("/:ns/:repo"),
    ROWS_OF("/:kind(datasets)/:ns/:repo"),
    { HTTP_GET, "/settings/access", PERM_USER, HTTP_BODY_NONE, 0, 0, get_mine, "page.access.mine", SHAPE_PAGE },
};
const struct api_table web_access = API_TABLE(rows);
