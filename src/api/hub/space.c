/* api/hub/space.c - what lists show of Spaces; their variables and secrets, whose change starts an app anew (api/hub/space_run.c). */
#include "api/hub/hub_api.h"
#include "hub/space_setting.h"
#include "space/space.h"

static const struct json *card_of(struct call *c, const struct repo_summary *s)
{
    struct json *card;
    struct err ignored;
    return s->card.p && json_parse(s->card, c->a, &card, &ignored) ? card : NULL;
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
           space_setting_put(c->hub, &c->repo, &s, &c->who, e) && space_settings_changed(call_spaces(c), &c->repo, e);
}

static bool delete_setting(struct call *c, bool is_secret, struct err *e)
{
    struct json *body;
    str name;
    return call_json(c, &body, e) && json_need_str(body, "key", &name, e) &&
           space_setting_delete(c->hub, &c->repo, is_secret, name, &c->who, e) && space_settings_changed(call_spaces(c), &c->repo, e);
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
    { HTTP_GET, "/api/spaces/templates", PERM_ANYONE, HTTP_BODY_NONE, 0, HTTP_INLINE, get_templates, "space.templates", SHAPE_HUB },
    { HTTP_GET, SPACE "/secrets", PERM_REPO_ADMIN, HTTP_BODY_NONE, 0, 0, get_secrets, "space.secrets", SHAPE_HUB },
    { HTTP_POST, SPACE "/secrets", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, post_secret, "space.set-secret", SHAPE_HUB },
    { HTTP_DELETE, SPACE "/secrets", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_secret, "space.delete-secret", SHAPE_HUB },
    { HTTP_GET, SPACE "/variables", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_variables, "space.variables", SHAPE_HUB },
    { HTTP_POST, SPACE "/variables", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, JSON_BODY_MAX, 0, post_variable, "space.set-variable", SHAPE_HUB },
    { HTTP_DELETE, SPACE "/variables", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_variable, "space.delete-variable", SHAPE_HUB },
};
const struct api_table hub_space_table = API_TABLE(rows);
