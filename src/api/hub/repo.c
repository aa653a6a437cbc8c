/* api/hub/repo.c - the life of a repository: create, delete, move, settings, duplicate, likes. */
#include "api/hub/hub_api.h"
#include "base/hash.h"
#include "hub/bucket/bucket.h"
#include "hub/community/like.h"
#include "hub/repo.h"
#include "hub/space_setting.h"

enum { SEED_FILES_MAX = 100 };

/* The namespace that a body names, or the caller's own. */
static bool find_owner(struct call *c, str name, struct account *out, struct err *e)
{
    bool found;
    if (name.n == 0) name = c->who.name;
    if (!account_find(call_db(c), name, out, &found, c->a, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "There is no user or organisation \"%.*s\"", STR_ARG(str_to(name, 100)));
    return true;
}

static bool parse_kind(const struct json *body, enum repo_kind *out, struct err *e)
{
    str type;
    *out = REPO_MODEL;
    if (!json_str(json_get(body, STR("type")), &type) || repo_kind_parse(type, out)) return true;
    return err_set(e, ERR_INVALID, "\"type\" must be one of [model, dataset, space, kernel]");
}

bool read_visibility(const struct json *body, bool *has, bool *is_private, struct err *e)
{
    str v;
    *has = json_bool(json_get(body, STR("private")), is_private);
    if (!json_str(json_get(body, STR("visibility")), &v)) return true;
    *has = true;
    *is_private = str_eq(v, STR("private"));
    if (*is_private || str_eq(v, STR("public"))) return true;
    if (str_eq(v, STR("protected"))) return err_set(e, ERR_NOT_BUILT, "Protected Spaces are not built in this version of Hearth");
    return err_set(e, ERR_INVALID, "\"visibility\" must be one of [public, private]");
}

static bool read_seeds(struct call *c, const struct json *files, struct repo_file_seed **out, size_t *n, struct err *e)
{
    *n = 0;
    if (!json_is(files, JSON_ARRAY)) return true;
    if (files->count > SEED_FILES_MAX) return err_set(e, ERR_TOO_LARGE, "At most %d files can be given at creation", SEED_FILES_MAX);
    struct repo_file_seed *seed = arena_alloc(c->a, (files->count + 1) * sizeof *seed);
    json_each (item, files) {
        str content = json_str_or(item, STR("content"), STR(""));
        struct repo_file_seed *s = &seed[(*n)++];
        if (!json_need_str(item, "path", &s->path, e)) return false;
        s->content = bytes_of(content);
        if (str_eq(json_str_or(item, STR("encoding"), STR("")), STR("base64"))) {
            uint8_t *plain = arena_alloc(c->a, base64_decoded_max(content.n));
            if (!base64_decode(content, plain, &s->content.n)) return err_set(e, ERR_INVALID, "The content of %.*s is not base64", STR_ARG(str_to(s->path, 200)));
            s->content.p = plain;
        }
    }
    *out = seed;
    return true;
}

/* Settings of a Space that are kept as they were sent. */
static str space_settings(struct call *c, const struct json *body)
{
    static const char *const keys[] = { "sdkVersion", "template", "hardware", "storageTier", "sleepTimeSeconds", "region", "short_description" };
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    for (size_t i = 0; i < COUNT(keys); i++) {
        const struct json *v = json_get(body, str_c(keys[i]));
        if (v && v->type != JSON_NULL) jw_kvalue(&w, keys[i], v);
    }
    jw_object_end(&w);
    str out = arena_dup(c->a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static bool put_space_settings(struct call *c, const struct repo *r, const struct space_setting *s, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!space_setting_put(c->hub, r, &s[i], &c->who, e)) return false;
    return true;
}

static bool reply_created(struct call *c, const struct repo *r)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "url", call_repo_url(c, r));
    jw_kstr(&w, "name", r->full_name);
    jw_kstr(&w, "id", r->hex_id);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

/* Clients that say exist_ok read `url` from the conflict; its absence crashes them. */
static void remember_conflict(struct call *c, enum repo_kind kind, const struct account *owner, str name)
{
    str base = call_base_url(c), prefix = repo_web_prefix(kind);
    c->conflict_url = arena_fmt(c->a, "%.*s/%.*s%.*s/%.*s", STR_ARG(base), STR_ARG(prefix), STR_ARG(owner->name), STR_ARG(name));
}

static bool post_create(struct call *c, struct err *e)
{
    struct json *body;
    struct account owner;
    struct repo r;
    struct repo_create q = { .creator_id = c->who.user_id };
    str org, name;
    struct repo_file_seed *seeds = NULL;
    struct space_setting *setting = NULL;
    size_t settings_count = 0;
    if (!call_json(c, &body, e) || !json_need_str(body, "name", &name, e) || !parse_kind(body, &q.kind, e)) return false;
    org = json_str_or(body, STR("organization"), STR(""));
    size_t slash = str_chr(name, '/');
    if (slash != STR_NONE && org.n == 0) { /* "ns/name" in `name` */
        org = str_to(name, slash);
        name = str_from(name, slash + 1);
    }
    if (!find_owner(c, org, &owner, e) || !read_resource_group(c, body, &owner, &q.group_id, e) ||
        !namespace_allow_create(call_db(c), &c->who, &owner, q.group_id, q.kind, e)) return false;
    if (!repo_name_check(name, e) || !read_visibility(body, &q.has_private, &q.is_private, e)) return false;
    if (!read_seeds(c, json_get(body, STR("files")), &seeds, &q.files_count, e)) return false;
    q.owner = &owner;
    q.name = name;
    q.sdk = json_str_or(body, STR("sdk"), STR(""));
    if (q.kind == REPO_SPACE && q.sdk.n == 0) return err_set(e, ERR_INVALID, "\"sdk\" is required for a Space: one of [gradio, docker, static]");
    q.settings = q.kind == REPO_SPACE ? space_settings(c, body) : STR("");
    q.license = json_str_or(body, STR("license"), STR(""));
    q.license_name = json_str_or(body, STR("license_name"), STR(""));
    q.license_link = json_str_or(body, STR("license_link"), STR(""));
    q.files = seeds;
    remember_conflict(c, q.kind, &owner, name);
    if (q.kind == REPO_SPACE && !read_space_settings(c, body, &setting, &settings_count, e)) return false;
    if (!repo_create(c->hub, &q, &r, c->a, e)) return false;
    return put_space_settings(c, &r, setting, settings_count, e) && reply_created(c, &r);
}

static bool delete_repo(struct call *c, struct err *e)
{
    struct json *body;
    struct repo r;
    enum repo_kind kind;
    str name, org;
    if (!call_json(c, &body, e) || !json_need_str(body, "name", &name, e) || !parse_kind(body, &kind, e)) return false;
    org = json_str_or(body, STR("organization"), STR(""));
    if (org.n) name = arena_fmt(c->a, "%.*s/%.*s", STR_ARG(org), STR_ARG(name));
    if (!call_find_repo(c, kind, name, REPO_ADMIN, &r, e) || !repo_delete(c->hub, &r, &c->who, e)) return false;
    return http_reply(c->http, 200, "text/plain; charset=utf-8", STR("OK"));
}

static bool move_bucket(struct call *c, str from, str to_owner, str to_name, struct err *e)
{
    struct bucket b;
    struct account owner;
    bool moved;
    size_t slash = str_chr(from, '/');
    str from_owner = slash == STR_NONE ? c->who.name : str_to(from, slash), from_name = slash == STR_NONE ? from : str_from(from, slash + 1);
    if (!bucket_find_allowed(call_db(c), &c->who, from_owner, from_name, REPO_ADMIN, &b, &moved, c->a, e)) return false;
    if (!find_owner(c, to_owner, &owner, e) || !repo_name_check(to_name, e)) return false;
    if (owner.id != b.owner_id && !bucket_allow_create(call_db(c), &c->who, &owner, 0, e)) return false;
    return bucket_move(c->hub, &b, &owner, to_name, &c->who, e) && call_reply_ok(c);
}

static bool post_move(struct call *c, struct err *e)
{
    struct json *body;
    struct repo r;
    struct account owner;
    enum repo_kind kind = REPO_MODEL;
    str from, to;
    if (!call_json(c, &body, e)) return false;
    bool is_bucket = str_eq(json_str_or(body, STR("type"), STR("")), STR("bucket"));
    if (!is_bucket && !parse_kind(body, &kind, e)) return false;
    if (!json_need_str(body, "fromRepo", &from, e) || !json_need_str(body, "toRepo", &to, e)) return false;
    size_t slash = str_chr(to, '/');
    if (slash == STR_NONE) return err_set(e, ERR_INVALID, "\"toRepo\" must have the form \"namespace/name\"");
    if (is_bucket) return move_bucket(c, from, str_to(to, slash), str_from(to, slash + 1), e);
    if (!call_find_repo(c, kind, from, REPO_ADMIN, &r, e)) return false;
    if (!find_owner(c, str_to(to, slash), &owner, e) || !repo_name_check(str_from(to, slash + 1), e)) return false;
    if (owner.id != r.owner_id && !namespace_allow_create(call_db(c), &c->who, &owner, 0, kind, e)) return false;
    return repo_move(c->hub, &r, &owner, str_from(to, slash + 1), &c->who, e) && call_reply_ok(c);
}

static bool put_settings(struct call *c, struct err *e)
{
    /* Kept and shown again; nothing else depends on them yet. */
    static const char *const kept[] = { "discussionsSorting", "gatedNotificationsEmail", "gatedNotificationsMode" };
    struct json *body;
    struct repo_settings s = { 0 };
    if (!call_json(c, &body, e) || !read_visibility(body, &s.has_private, &s.is_private, e)) return false;
    const struct json *gated = json_get(body, STR("gated"));
    if (gated && gated->type != JSON_NULL) {
        bool closed = true;
        s.has_gated = json_str(gated, &s.gated) || json_bool(gated, &closed);
        if (json_is(gated, JSON_BOOL)) s.gated = STR("");
        bool known = s.has_gated && (str_eq(s.gated, STR("auto")) || str_eq(s.gated, STR("manual")) || (json_is(gated, JSON_BOOL) && !closed));
        if (!known) return err_set(e, ERR_INVALID, "\"gated\" must be one of [false, \"auto\", \"manual\"]");
    }
    s.has_gates_members = json_bool(json_get(body, STR("orgMembersGated")), &s.gates_members);
    s.has_discussions_disabled = json_bool(json_get(body, STR("discussionsDisabled")), &s.discussions_disabled);
    struct json *settings = json_new(c->a, JSON_OBJECT);
    for (size_t i = 0; i < COUNT(kept); i++) {
        str text;
        if (json_str(json_get(body, str_c(kept[i])), &text)) json_put(settings, str_c(kept[i]), json_new_str(c->a, text));
    }
    if (settings->count) s.settings = settings;
    if (!repo_set(c->hub, &c->repo, &s, &c->who, e)) return false;

    struct repo now;
    if (!repo_get(call_db(c), c->repo.id, &now, c->a, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kbool(&w, "private", now.is_private);
    jw_kstr(&w, "visibility", now.is_private ? STR("private") : STR("public"));
    if (now.gated.n)
        jw_kstr(&w, "gated", now.gated);
    else
        jw_kbool(&w, "gated", false);
    jw_kbool(&w, "discussionsDisabled", now.discussions_disabled);
    jw_kbool(&w, "orgMembersGated", now.gates_members);
    json_each (kept_value, settings) {
        jw_key(&w, kept_value->key);
        jw_value(&w, kept_value);
    }
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool post_duplicate(struct call *c, struct err *e)
{
    struct json *body;
    struct account owner;
    struct repo r;
    struct repo_create q = { .kind = c->repo.kind, .creator_id = c->who.user_id, .sdk = c->repo.sdk };
    struct space_setting *setting = NULL;
    size_t settings_count = 0;
    str target;
    if (!call_json(c, &body, e) || !json_need_str(body, "repository", &target, e)) return false;
    size_t slash = str_chr(target, '/');
    str org = slash == STR_NONE ? STR("") : str_to(target, slash);
    q.name = slash == STR_NONE ? target : str_from(target, slash + 1);
    if (!find_owner(c, org, &owner, e)) return false;
    if (owner.id == c->repo.owner_id) q.group_id = c->repo.group_id; /* not said otherwise, the copy is for the same people */
    if (!read_resource_group(c, body, &owner, &q.group_id, e) || !namespace_allow_create(call_db(c), &c->who, &owner, q.group_id, q.kind, e)) return false;
    if (!repo_name_check(q.name, e) || !read_visibility(body, &q.has_private, &q.is_private, e)) return false;
    q.owner = &owner;
    remember_conflict(c, q.kind, &owner, q.name);
    if (q.kind == REPO_SPACE && !read_space_settings(c, body, &setting, &settings_count, e)) return false;
    if (!repo_duplicate(c->hub, &c->repo, &q, &r, c->a, e)) return false;
    if (!put_space_settings(c, &r, setting, settings_count, e)) return false;
    if (q.kind == REPO_SPACE && !space_variables_copy(c->hub, c->repo.id, r.id, e)) return false; /* never the secrets */
    return reply_created(c, &r);
}

static bool post_like(struct call *c, struct err *e)
{
    return repo_set_like(c->hub, c->repo.id, c->who.user_id, true, e) && call_reply_ok(c);
}

static bool delete_like(struct call *c, struct err *e)
{
    return repo_set_like(c->hub, c->repo.id, c->who.user_id, false, e) && call_reply_ok(c);
}

static bool get_likers(struct call *c, struct err *e)
{
    struct account *who;
    size_t n;
    str next;
    if (!like_users(call_db(c), c->repo.id, call_query(c, "cursor"), (size_t)call_query_limit(c, 100, 1000), c->a, &who, &n, &next, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        jw_kstr(&w, "user", who[i].name);
        jw_kstr(&w, "fullname", who[i].fullname.n ? who[i].fullname : who[i].name);
        jw_kstr(&w, "avatarUrl", call_avatar_url(c, who[i].name));
        jw_kstr(&w, "type", STR("user"));
        jw_kbool(&w, "isPro", false);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    if (next.n) call_link_next(c, STR("cursor"), next);
    return call_reply_json(c, 200, &b);
}

/* Answers 200 with an empty body; the refusals are the row's permission. */
static bool get_auth_check(struct call *c, struct err *e)
{
    (void)e;
    return call_reply_ok(c);
}

static const struct api_route rows[] = {
    { HTTP_POST, "/api/repos/create", PERM_USER, HTTP_BODY_WHOLE, 16 << 20, 0, post_create, "repo.create", SHAPE_HUB },
    { HTTP_DELETE, "/api/repos/delete", PERM_USER, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_repo, "repo.delete", SHAPE_HUB },
    { HTTP_POST, "/api/repos/move", PERM_USER, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_move, "repo.move", SHAPE_HUB },
    { HTTP_PUT, ANY_REPO "/settings", PERM_REPO_ADMIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, put_settings, "repo.settings", SHAPE_HUB },
    { HTTP_POST, ANY_REPO "/duplicate", PERM_REPO_READ, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_duplicate, "repo.duplicate", SHAPE_HUB },
    { HTTP_POST, ANY_REPO "/like", PERM_REPO_JOIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_like, "repo.like", SHAPE_HUB },
    { HTTP_DELETE, ANY_REPO "/like", PERM_REPO_JOIN, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_like, "repo.unlike", SHAPE_HUB },
    { HTTP_GET, ANY_REPO "/likers", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_likers, "repo.likers", SHAPE_HUB },
    { HTTP_GET, ANY_REPO "/auth-check", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_auth_check, "repo.auth-check", SHAPE_HUB },
    { HTTP_GET, ANY_REPO "/auth-check/write", PERM_REPO_WRITE, HTTP_BODY_NONE, 0, 0, get_auth_check, "repo.auth-check-write", SHAPE_HUB },
};
const struct api_table hub_repo_table = API_TABLE(rows);
