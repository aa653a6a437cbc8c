/* api/hub/gate.c - access requests of gated repositories. */
#include "hub/gate.h"

#include "api/hub/hub_api.h"

enum { BATCH_MAX = 100, FIELDS_BYTES_MAX = 32 << 10 };

/* ------------------------------------------------------------------ the person who asks */

/* A form from the page, or JSON: every member but the token of the form is an answer to the gate. */
static bool read_fields(struct call *c, str *out, struct err *e)
{
    str body = http_body(c->http), type = http_header(c->http, "Content-Type"), pair;
    struct buf b = BUF_INIT(FIELDS_BYTES_MAX);
    struct json_writer w = json_writer(&b);
    bool is_fine = true;
    if (str_starts_nocase(type, STR("application/json"))) {
        struct json *doc;
        if (!call_json(c, &doc, e)) return false;
        jw_value(&w, doc);
    } else {
        jw_object(&w);
        while (is_fine && body.n && str_cut(&body, '&', &pair)) {
            size_t eq = str_chr(pair, '=');
            str key, value;
            if (eq == STR_NONE) continue;
            is_fine = http_decode(str_to(pair, eq), true, c->a, &key) && http_decode(str_from(pair, eq + 1), true, c->a, &value);
            if (!is_fine || str_eq(key, STR("csrf"))) continue; /* whoever decides could send forms in the asker's name */
            jw_key(&w, key);
            jw_str(&w, value);
        }
        jw_object_end(&w);
    }
    bool fits = !b.failed;
    *out = arena_dup(c->a, buf_str(&b));
    buf_deinit(&b);
    if (!is_fine) return err_set(e, ERR_INVALID, "The form is malformed");
    return fits ? true : err_set(e, ERR_TOO_LARGE, "The answers have more than %d bytes", FIELDS_BYTES_MAX);
}

static bool post_ask(struct call *c, struct err *e)
{
    str fields;
    enum gate_status status;
    if (!read_fields(c, &fields, e) || !gate_ask(c->hub, &c->repo, &c->who, fields, &status, e)) return false;
    http_add_header(c->http, "Location", call_repo_url(c, &c->repo));
    return http_reply_empty(c->http, 303);
}

static bool post_cancel(struct call *c, struct err *e)
{
    return gate_cancel(c->hub, &c->repo, &c->who, e) && call_reply_ok(c);
}

/* ------------------------------------------------------------------ the people who decide */

static void write_request(struct call *c, struct json_writer *w, const struct gate_request *g)
{
    jw_object(w);
    jw_kobject(w, "user");
    jw_kstr(w, "_id", g->user.hex_id);
    jw_kstr(w, "user", g->user.name);
    jw_kstr(w, "fullname", g->user.fullname.n ? g->user.fullname : g->user.name);
    jw_kstr(w, "avatarUrl", call_avatar_url(c, g->user.name));
    jw_kbool(w, "isPro", false);
    jw_kstr(w, "type", STR("user"));
    jw_kraw(w, "verifiedOrgNames", STR("[]")); /* nobody verifies organisations here */
    if (g->user.email.p && !g->was_granted) jw_kstr(w, "email", g->user.email); /* shared by asking */
    jw_object_end(w);
    jw_kstr(w, "requestId", g->user.hex_id); /* a user asks a repository once: the user names the request */
    jw_kstr(w, "status", gate_status_name(g->status));
    jw_kdate(w, "timestamp", g->created_ms);
    if (g->reviewed_ms) jw_kdate(w, "reviewedAt", g->reviewed_ms);
    if (g->reason.n) jw_kstr(w, "rejectionReason", g->reason);
    if (g->granted_by.p) {
        jw_kobject(w, "grantedBy");
        jw_kstr(w, "user", g->granted_by);
        jw_object_end(w);
    }
    if (g->fields.n) jw_kraw(w, "fields", g->fields);
    jw_object_end(w);
}

static bool need_gate(struct call *c, struct err *e)
{
    return c->repo.gated.n ? true : err_set(e, ERR_INVALID, "This repository is not gated");
}

/* "MILLISECONDS.USER", as the link to the next page has it. */
static bool place_parse(str cursor, struct gate_place *out)
{
    str rest = cursor, ms;
    return str_cut(&rest, '.', &ms) && str_i64(ms, &out->created_ms) && str_i64(rest, &out->user_id);
}

static bool get_requests(struct call *c, struct err *e)
{
    enum gate_status status;
    struct gate_request *g;
    size_t n;
    struct gate_place after = { 0 };
    uint64_t limit = call_query_limit(c, 1000, 1000);
    str cursor = call_query(c, "after");
    if (limit < 10) limit = 10;
    if (cursor.p && !place_parse(cursor, &after)) return err_set(e, ERR_INVALID, "\"after\" is malformed");
    if (!need_gate(c, e)) return false;
    if (!gate_status_parse(call_param(c, "status"), &status)) return err_set(e, ERR_NOT_FOUND, "The list must be one of [pending, accepted, rejected]");
    if (!gate_list(call_db(c), &c->repo, status, after, (size_t)limit, c->a, &g, &n, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_array(&w);
    for (size_t i = 0; i < n; i++) write_request(c, &w, &g[i]);
    jw_array_end(&w);
    if (n == limit) call_link_next(c, STR("after"), arena_fmt(c->a, "%lld.%lld", (long long)g[n - 1].created_ms, (long long)g[n - 1].user.id));
    return call_reply_json(c, 200, &b);
}

static bool find_user(struct call *c, const struct json *body, struct account *out, bool *found, struct err *e)
{
    str name, hex;
    if (json_str(json_get(body, STR("user")), &name)) {
        if (!account_find(call_db(c), name, out, found, c->a, e)) return false;
    } else if (json_str(json_get(body, STR("userId")), &hex) || json_str(json_get(body, STR("requestId")), &hex)) {
        if (!account_find_hex(call_db(c), hex, out, found, c->a, e)) return false;
    } else {
        return err_set(e, ERR_INVALID, "\"user\", \"userId\" or \"requestId\" is required");
    }
    *found = *found && out->kind == ACCOUNT_USER;
    return true;
}

static bool read_decision(const struct json *body, enum gate_status *to, str *reason, struct err *e)
{
    str status;
    if (!json_need_str(body, "status", &status, e)) return false;
    if (!gate_status_parse(status, to)) return err_set(e, ERR_INVALID, "\"status\" must be one of [accepted, rejected, pending]");
    *reason = json_str_or(body, STR("rejectionReason"), STR(""));
    if (reason->n > GATE_REASON_BYTES_MAX) return err_set(e, ERR_INVALID, "\"rejectionReason\" may have at most %d bytes", GATE_REASON_BYTES_MAX);
    return true;
}

static bool post_handle(struct call *c, struct err *e)
{
    struct json *body;
    struct account user;
    enum gate_status to;
    str reason;
    bool found;
    if (!need_gate(c, e) || !call_json(c, &body, e) || !read_decision(body, &to, &reason, e)) return false;
    if (!find_user(c, body, &user, &found, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "There is no such user");
    return gate_handle(c->hub, &c->repo, user.id, to, reason, &c->who, e) && call_reply_ok(c);
}

static bool post_grant(struct call *c, struct err *e)
{
    struct json *body;
    struct account user;
    bool found;
    if (!need_gate(c, e) || !call_json(c, &body, e) || !find_user(c, body, &user, &found, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "There is no such user");
    return gate_grant(c->hub, &c->repo, user.id, &c->who, e) && call_reply_ok(c);
}

static bool post_batch(struct call *c, struct err *e)
{
    struct json *body;
    enum gate_status to;
    str reason;
    if (!need_gate(c, e) || !call_json(c, &body, e) || !read_decision(body, &to, &reason, e)) return false;
    const struct json *list = json_get(body, STR("requests"));
    if (!json_is(list, JSON_ARRAY) || list->count > BATCH_MAX)
        return err_set(e, ERR_INVALID, "\"requests\" is required: a list of at most %d", BATCH_MAX);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_array(&w);
    json_each (item, list) {
        struct account user = { 0 };
        bool found = false, ok = find_user(c, item, &user, &found, e);
        const char *problem = found ? NULL : "user_not_found";
        if (found && !(ok = gate_handle(c->hub, &c->repo, user.id, to, reason, &c->who, e))) problem = "request_not_found";
        if (!ok && e->code != ERR_NOT_FOUND && e->code != ERR_INVALID) {
            buf_deinit(&b);
            return false;
        }
        jw_object(&w);
        jw_kstr(&w, "user", found ? user.name : json_str_or(item, STR("user"), json_str_or(item, STR("userId"), STR(""))));
        jw_kbool(&w, "ok", !problem);
        if (problem) jw_kstr(&w, "error", str_c(problem));
        jw_object_end(&w);
    }
    jw_array_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool get_report(struct call *c, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (!need_gate(c, e)) return false;
    jw_array(&w);
    for (enum gate_status status = GATE_PENDING; status <= GATE_REJECTED; status++) {
        struct gate_request *g;
        size_t n;
        if (!gate_list(call_db(c), &c->repo, status, (struct gate_place){ 0 }, 100000, c->a, &g, &n, e)) {
            buf_deinit(&b);
            return false;
        }
        for (size_t i = 0; i < n; i++) write_request(c, &w, &g[i]);
    }
    jw_array_end(&w);
    http_add_header(c->http, "Content-Disposition", STR("attachment; filename=\"user-access-report.json\""));
    return call_reply_json(c, 200, &b);
}

#define REQUESTS GATED_REPO "/user-access-request"
static const struct api_route rows[] = {
    { HTTP_POST, WEB_MODEL "/ask-access", PERM_REPO_JOIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_ask, "gate.ask", SHAPE_HUB },
    { HTTP_POST, "/:kind(datasets)/:ns/:repo/ask-access", PERM_REPO_JOIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_ask, "gate.ask", SHAPE_HUB },
    { HTTP_GET, WEB_MODEL "/user-access-report", PERM_REPO_ADMIN, HTTP_BODY_NONE, 0, 0, get_report, "gate.report", SHAPE_HUB },
    { HTTP_GET, "/:kind(datasets)/:ns/:repo/user-access-report", PERM_REPO_ADMIN, HTTP_BODY_NONE, 0, 0, get_report, "gate.report", SHAPE_HUB },
    { HTTP_GET, REQUESTS "/:status", PERM_REPO_ADMIN, HTTP_BODY_NONE, 0, 0, get_requests, "gate.list", SHAPE_HUB },
    { HTTP_POST, REQUESTS "/cancel", PERM_REPO_JOIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_cancel, "gate.cancel", SHAPE_HUB },
    { HTTP_POST, REQUESTS "/handle", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_handle, "gate.handle", SHAPE_HUB },
    { HTTP_POST, REQUESTS "/grant", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_grant, "gate.grant", SHAPE_HUB },
    { HTTP_POST, REQUESTS "/batch", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_batch, "gate.batch", SHAPE_HUB },
};
const struct api_table hub_gate_table = API_TABLE(rows);
