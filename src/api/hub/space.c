/* api/hub/space.c - settings of Spaces, and the little that can be said about one that does not run.
 *
 * This version builds and runs no Spaces: whatever would change a running one stays without a row and is
 * answered 501 by name. */
#include "api/hub/hub_api.h"
#include "hub/space_setting.h"

/* ------------------------------------------------------------------ runtime */

static const struct json *card_of(struct call *c, const struct repo_summary *s)
{
    struct json *card;
    struct err ignored;
    return s->card.p && json_parse(s->card, c->a, &card, &ignored) ? card : NULL;
}

/* The file that the Space's program starts with, as its card and its sdk have it. */
static str app_file(struct call *c, const struct repo_summary *s)
{
    str named;
    if (str_eq(s->repo.sdk, STR("docker"))) return STR("Dockerfile");
    if (json_str(json_get(card_of(c, s), STR("app_file")), &named) && named.n) return named;
    return str_eq(s->repo.sdk, STR("static")) ? STR("index.html") : STR("app.py");
}

void write_space_runtime(struct call *c, struct json_writer *w, const struct repo_summary *s)
{
    struct repo_file_row file;
    struct err ignored;
    bool found, has_app = repo_file_find(call_db(c), s->repo.id, app_file(c, s), &file, &found, c->a, &ignored) && found;
    jw_object(w);
    jw_kstr(w, "stage", has_app ? STR("STOPPED") : STR("NO_APP_FILE"));
    if (has_app) jw_kstr(w, "errorMessage", STR("This version of Hearth runs no Spaces"));
    jw_kobject(w, "hardware"); /* the object must be there: a client reads its members */
    jw_knull(w, "current");
    jw_knull(w, "requested");
    jw_object_end(w);
    jw_knull(w, "storage");
    jw_kobject(w, "replicas");
    jw_kint(w, "requested", 0);
    jw_object_end(w);
    jw_object_end(w);
}

void write_space_tile(struct call *c, struct json_writer *w, const struct repo_summary *s)
{
    const struct json *card = card_of(c, s);
    jw_kstr(w, "title", json_str_or(card, STR("title"), s->repo.name));
    jw_kstr(w, "emoji", json_str_or(card, STR("emoji"), STR("")));
    jw_kstr(w, "colorFrom", json_str_or(card, STR("colorFrom"), STR("gray")));
    jw_kstr(w, "colorTo", json_str_or(card, STR("colorTo"), STR("gray")));
    jw_kbool(w, "pinned", json_bool_or(card, STR("pinned"), false));
    jw_kdate(w, "createdAt", s->repo.created_ms);
    if (s->repo.sdk.n) jw_kstr(w, "sdk", s->repo.sdk);
    jw_kbool(w, "disabled", s->repo.is_disabled);
    jw_kbool(w, "featured", false);
    jw_kstr(w, "visibility", s->repo.is_private ? STR("private") : STR("public"));
    jw_kraw(w, "tags", s->tags.n ? s->tags : STR("[]"));
    jw_key(w, STR("runtime"));
    write_space_runtime(c, w, s);
}

static bool get_runtime(struct call *c, struct err *e)
{
    struct repo_summary s;
    if (!repo_summary_get(call_db(c), c->repo.id, &s, c->a, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    write_space_runtime(c, &w, &s);
    return call_reply_json(c, 200, &b);
}

/* Nothing is on offer. */
static bool get_hardware(struct call *c, struct err *e)
{
    (void)e;
    return http_reply(c->http, 200, "application/json; charset=utf-8", STR("[]"));
}

static bool get_templates(struct call *c, struct err *e)
{
    (void)e;
    return http_reply(c->http, 200, "application/json; charset=utf-8", STR("{\"templates\":[]}"));
}

/* ------------------------------------------------------------------ variables and secrets */

static bool reply_settings(struct call *c, bool secrets, struct err *e)
{
    struct space_setting *s;
    size_t n;
    if (!space_setting_list(call_db(c), c->repo.id, secrets, c->a, &s, &n, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    for (size_t i = 0; i < n; i++) {
        jw_key(&w, s[i].name);
        jw_object(&w);
        jw_kstr(&w, "key", s[i].name);
        if (!secrets) jw_kstr(&w, "value", s[i].value);
        if (s[i].description.n) jw_kstr(&w, "description", s[i].description);
        jw_kdate(&w, "updatedAt", s[i].updated_ms);
        jw_object_end(&w);
    }
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool read_setting(const struct json *o, bool is_secret, struct space_setting *out, struct err *e)
{
    const struct json *value = json_get(o, STR("value"));
    *out = (struct space_setting){ .is_secret = is_secret, .description = json_str_or(o, STR("description"), STR("")) };
    if (!json_need_str(o, "key", &out->name, e)) return false;
    if (value && !json_str(value, &out->value)) return err_set(e, ERR_INVALID, "\"value\" must be a string");
    return true;
}

static bool put_setting(struct call *c, bool is_secret, struct err *e)
{
    struct json *body;
    struct space_setting s;
    return call_json(c, &body, e) && read_setting(body, is_secret, &s, e) &&
           space_setting_put(c->hub, &c->repo, &s, &c->who, e);
}

static bool delete_setting(struct call *c, bool is_secret, struct err *e)
{
    struct json *body;
    str name;
    return call_json(c, &body, e) && json_need_str(body, "key", &name, e) &&
           space_setting_delete(c->hub, &c->repo, is_secret, name, &c->who, e);
}

static bool get_secrets(struct call *c, struct err *e) { return reply_settings(c, true, e); }
static bool post_secret(struct call *c, struct err *e) { return put_setting(c, true, e) && call_reply_ok(c); }
static bool delete_secret(struct call *c, struct err *e) { return delete_setting(c, true, e) && call_reply_ok(c); }

static bool get_variables(struct call *c, struct err *e) { return reply_settings(c, false, e); }
static bool post_variable(struct call *c, struct err *e) { return put_setting(c, false, e) && reply_settings(c, false, e); }
static bool delete_variable(struct call *c, struct err *e) { return delete_setting(c, false, e) && reply_settings(c, false, e); }

/* ------------------------------------------------------------------ with the creation of a Space */

/* "variables" and "secrets" of a body: [{"key","value","description"}], checked before anything is made. */
static bool read_list(const struct json *list, bool is_secret, struct space_setting *out, size_t *n, struct err *e)
{
    if (!list || list->type == JSON_NULL) return true;
    if (list->type != JSON_ARRAY || list->count > SPACE_SETTINGS_MAX)
        return err_set(e, ERR_INVALID, "\"%s\" must be a list of at most %d", is_secret ? "secrets" : "variables", SPACE_SETTINGS_MAX);
    json_each (item, list) {
        if (!read_setting(item, is_secret, &out[*n], e) || !space_setting_check(&out[*n], e)) return false;
        if (!out[*n].value.p) return err_set(e, ERR_INVALID, "\"value\" is required and must be a string");
        for (size_t i = 0; i < *n; i++)
            if (str_eq(out[i].name, out[*n].name)) return err_set(e, ERR_INVALID, "The key %.*s is given twice", STR_ARG(out[i].name));
        (*n)++;
    }
    return true;
}

bool read_space_settings(struct call *c, const struct json *body, struct space_setting **out, size_t *n, struct err *e)
{
    *n = 0;
    *out = arena_alloc(c->a, 2 * SPACE_SETTINGS_MAX * sizeof **out);
    if (!read_list(json_get(body, STR("variables")), false, *out, n, e) || !read_list(json_get(body, STR("secrets")), true, *out, n, e))
        return false;
    return *n <= SPACE_SETTINGS_MAX ||
           err_set(e, ERR_UNPROCESSABLE, "A Space has at most %d variables and secrets", SPACE_SETTINGS_MAX);
}

#define SPACE "/api/:kind(spaces)/:ns/:repo"
static const struct api_route rows[] = {
    { HTTP_GET, "/api/spaces/hardware", PERM_ANYONE, HTTP_BODY_NONE, 0, HTTP_INLINE, get_hardware, "space.hardware", SHAPE_HUB },
    { HTTP_GET, "/api/spaces/templates", PERM_ANYONE, HTTP_BODY_NONE, 0, HTTP_INLINE, get_templates, "space.templates", SHAPE_HUB },
    { HTTP_GET, SPACE "/runtime", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_runtime, "space.runtime", SHAPE_HUB },
    { HTTP_GET, SPACE "/secrets", PERM_REPO_ADMIN, HTTP_BODY_NONE, 0, 0, get_secrets, "space.secrets", SHAPE_HUB },
    { HTTP_POST, SPACE "/secrets", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, post_secret, "space.set-secret", SHAPE_HUB },
    { HTTP_DELETE, SPACE "/secrets", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_secret, "space.delete-secret", SHAPE_HUB },
    { HTTP_GET, SPACE "/variables", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_variables, "space.variables", SHAPE_HUB },
    { HTTP_POST, SPACE "/variables", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, post_variable, "space.set-variable", SHAPE_HUB },
    { HTTP_DELETE, SPACE "/variables", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_variable, "space.delete-variable", SHAPE_HUB },
};
const struct api_table hub_space_table = API_TABLE(rows);
