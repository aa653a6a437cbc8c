/* api/auth.c - who asks, for which repository, and may he?  Runs before the body is read.
 *
 * Credentials: "Authorization: Bearer T", "Authorization: Basic base64(name:T)", the cookie of a browser that has
 * signed in, nothing.  A password
 * instead of a token is accepted for git and git-lfs only: their rows run on worker threads, where the
 * tenth of a second that Argon2id takes on purpose holds up nobody else. */
#include "account/tries.h"
#include "api/api_priv.h"
#include "base/hash.h"
#include "gateway/gateway.h"
#include "hub/bucket/bucket.h"

static const char bad_credentials[] = "Invalid credentials in Authorization header";

static bool is_safe(enum http_method m) { return m == HTTP_GET || m == HTTP_HEAD || m == HTTP_OPTIONS; }

static str after_scheme(str url)
{
    size_t at = str_find(url, STR("://"));
    return at == STR_NONE ? url : str_from(url, at + 3);
}

/* Did one of our own pages make the browser ask?  What is no browser says neither and has no cookies to be abused. */
static bool is_from_here(struct call *c)
{
    str site = http_header(c->http, "Sec-Fetch-Site"), origin = http_header(c->http, "Origin");
    if (site.n && !str_eq(site, STR("same-origin")) && !str_eq(site, STR("none"))) return false;
    return !origin.n || str_eq_nocase(after_scheme(origin), after_scheme(call_base_url(c)));
}

static bool takes_cookies(const struct call *c)
{
    enum api_shape s = c->route->shape; /* not git's, whose clients are no browsers; LFS takes uploads from our pages */
    return c->route->permission != PERM_SIGNED && c->route->permission != PERM_CLIENT && c->route->permission != PERM_SPACE && s != SHAPE_GIT;
}

static bool api_is_browser(struct call *c)
{
    return c->route && takes_cookies(c) && !http_header(c->http, "Authorization").n && http_header(c->http, "Cookie").n &&
           http_cookie(c->http, call_session_cookie(c)).n;
}

/* A browser sends its cookie whoever made it ask.  So what changes something must also carry what only our pages
 * know: scripts in a header, forms in a field (api_check_form). */
static bool identify_browser(struct call *c, struct db_conn *db, struct err *e)
{
    bool found, is_old;
    str secret = http_cookie(c->http, call_session_cookie(c));
    if (!identity_from_session(db, secret, &c->who, &found, &is_old, c->a, e)) return false;
    if (!found) return true;
    c->session = secret;
    c->session_is_old = is_old;
    if (is_safe(http_method_of(c->http)) || c->route->shape == SHAPE_PAGE) return true;
    if (is_from_here(c) && session_form_token_is(secret, http_header(c->http, "X-CSRF-Token"))) return true;
    return err_set(e, ERR_DENIED, "A browser's cookie alone may not change anything: send X-CSRF-Token, or use an access token");
}

bool api_check_form(struct call *c, struct err *e)
{
    str given = http_header(c->http, "X-CSRF-Token");
    if (c->route->shape != SHAPE_PAGE || is_safe(http_method_of(c->http))) return true;
    if (!is_from_here(c)) return err_set(e, ERR_DENIED, "This form was sent from another site's page; nothing was done");
    if (!c->session.n) return true; /* nobody's rights to be abused */
    if (!given.n) http_form_field(c->http, "csrf", &given);
    if (session_form_token_is(c->session, given)) return true;
    return err_set(e, ERR_DENIED, "This form is of an earlier visit; go back, reload the page, and send it again");
}

static bool identify_by_password(struct call *c, struct db_conn *db, str user, str password, struct err *e)
{
    if (!tries_password_may(user, call_peer(c), e)) return false;
    if (identity_from_password(db, user, password, &c->who, c->a, e)) return true;
    bool was_right = e->kind && str_eq(str_c(e->kind), STR(SECOND_FACTOR_MISSING));
    if (e->code == ERR_UNAUTHENTICATED && !was_right) tries_password_note(user, call_peer(c));
    return false;
}

static bool identify(struct call *c, struct db_conn *db, struct err *e)
{
    str header = http_header(c->http, "Authorization"), text = { NULL, 0 };
    if (c->route && c->route->permission == PERM_CLIENT) return true; /* Authorization is the application's own */
    if (api_is_browser(c)) return identify_browser(c, db, e);
    if (!header.p || header.n == 0) return true;
    if (str_starts_nocase(header, STR("Bearer "))) {
        text = str_trim(str_from(header, 7));
    } else if (str_starts_nocase(header, STR("Basic "))) {
        str coded = str_trim(str_from(header, 6));
        uint8_t *plain = arena_try(c->a, base64_decoded_max(coded.n));
        size_t n;
        if (!plain || !base64_decode(coded, plain, &n)) return err_set(e, ERR_UNAUTHENTICATED, "%s", bad_credentials);
        str pair = str_n((const char *)plain, n);
        size_t colon = str_chr(pair, ':');
        if (colon == STR_NONE) return err_set(e, ERR_UNAUTHENTICATED, "%s", bad_credentials);
        str user = str_to(pair, colon);
        text = str_from(pair, colon + 1);
        /* "git clone https://TOKEN@host/..." sends the token as the user and nothing as the password. */
        if (text.n == 0 && str_starts(user, STR("hf_"))) text = user;
        bool takes_passwords = c->route && (c->route->shape == SHAPE_GIT || c->route->shape == SHAPE_LFS ||
                                            (c->route->flags & API_TAKES_PASSWORD));
        if (!str_starts(text, STR("hf_")) && takes_passwords)
            return identify_by_password(c, db, user, text, e);
    } else {
        return err_set(e, ERR_UNAUTHENTICATED, "%s", bad_credentials);
    }
    if (!identity_from_token(db, text, &c->who, c->a, e)) return false;
    identity_note_use(&c->who);
    return true;
}

static enum repo_right right_of(enum api_permission p)
{
    switch (p) {
    case PERM_REPO_READ:
    case PERM_REPO_CALL: return REPO_READ;
    case PERM_REPO_JOIN: return REPO_JOIN;
    case PERM_REPO_DISCUSS: return REPO_DISCUSS;
    case PERM_REPO_WRITE: return REPO_WRITE;
    case PERM_REPO_ADMIN: return REPO_ADMIN;
    default: return REPO_SEE;
    }
}

static bool check_account(struct call *c, struct err *e)
{
    enum api_permission p = c->route->permission;
    if (p == PERM_ANYONE || p == PERM_SIGNED || p == PERM_CLIENT) return true;
    if (p == PERM_SITE_ADMIN && !c->who.is_admin && c->route->shape == SHAPE_PAGE) return err_set(e, ERR_NOT_FOUND, "There is no such page");
    if (c->who.user_id == 0) return err_set(e, ERR_UNAUTHENTICATED, "Invalid username or password.");
    if (p == PERM_SITE_ADMIN && !c->who.is_admin)
        return err_set(e, ERR_DENIED, "Only an administrator of this Hearth may do this, with a token of role admin");
    struct token_target self = { STR("user"), c->who.name, STR(""), c->who.name };
    if (p == PERM_USER_WRITE && !identity_token_allows(&c->who, RIGHT_ACCOUNT, &self))
        return err_set(e, ERR_DENIED, "This token may only read. Create one with role \"write\" and use that.");
    return true;
}

/* As repo_find, with the upstream behind it: what is not here may be there, and a mirror may have changed there.  On an event thread
 * nobody waits for that (c->waits_for_upstream): the question is asked again on a worker. */
static bool find_repo(struct call *c, enum repo_kind kind, str owner, str name, bool *found, bool *moved, struct err *e)
{
    struct gateway *g = call_gateway(c);
    bool due = false;
    if (!repo_find(call_db(c), kind, owner, name, &c->repo, found, moved, c->a, e)) return false;
    if (!g) return true;
    if (!gateway_is_due(g, call_db(c), &c->who, kind, owner, name, *found ? &c->repo : NULL, &due, c->a, e)) return false;
    if (!due) return true;
    c->waits_for_upstream = (c->route->flags & HTTP_INLINE) && !http_is_deferred(c->http);
    if (c->waits_for_upstream) return true;
    bool keeps = c->wants_snapshot;
    call_give_back(c); /* what is brought is not in a view of before */
    c->wants_snapshot = keeps;
    if (*found) owner = c->repo.owner, name = c->repo.name;
    return gateway_ask(g, kind, owner, name, &(struct mirror_waiter){ call_has_left, c }, e) && repo_find(call_db(c), kind, owner, name, &c->repo, found, moved, c->a, e);
}

static bool check_repo(struct call *c, struct err *e)
{
    enum repo_kind kind = REPO_MODEL;
    str word = http_param(c->http, "kind");
    if (word.n && !repo_kind_parse(word, &kind)) return err_set(e, ERR_NOT_FOUND, "There is no repository type \"%.*s\"", STR_ARG(word));
    bool found, moved;
    if (!find_repo(c, kind, http_param(c->http, "ns"), http_param(c->http, "repo"), &found, &moved, e)) return false;
    if (c->waits_for_upstream) return true;
    if (!found && account_name_is_reserved(http_param(c->http, "ns"))) { /* "/api/docs" is no repository */
        api_unrouted_hook(c->http, 0, e);
        return false;
    }
    if (!repo_allow(call_db(c), &c->who, found ? &c->repo : NULL, right_of(c->route->permission), e)) return false;
    c->has_repo = true;
    c->repo_moved = moved;
    return true;
}

/* Under a former name too: the answer has the one of today. */
static bool check_dataset(struct call *c, struct err *e)
{
    str name = str_trim(http_query(c->http, "dataset"));
    size_t slash = str_chr(name, '/');
    bool found, moved;
    if (!name.n) return err_kind(e, ERR_UNPROCESSABLE, "MissingRequiredParameter", "Parameter 'dataset' is required");
    if (slash == STR_NONE) slash = 0; /* no owner: found by nobody */
    if (!find_repo(c, REPO_DATASET, str_to(name, slash), str_from(name, slash + 1), &found, &moved, e)) return false;
    if (c->waits_for_upstream) return true;
    if (!repo_allow(call_db(c), &c->who, found ? &c->repo : NULL, REPO_READ, e)) return false;
    c->has_repo = true;
    return true;
}

static bool check_bucket(struct call *c, struct db_conn *db, struct err *e)
{
    enum repo_right right = c->route->permission == PERM_BUCKET_READ ? REPO_READ : c->route->permission == PERM_BUCKET_WRITE ? REPO_WRITE : REPO_ADMIN;
    struct bucket *b = arena_one(c->a, struct bucket);
    if (!bucket_find_allowed(db, &c->who, http_param(c->http, "ns"), http_param(c->http, "repo"), right, b, &c->repo_moved, c->a, e)) return false;
    c->bucket = b;
    return true;
}

static bool permit(struct call *c, struct db_conn *db, struct err *e)
{
    if (c->route->permission < PERM_REPO_SEE) return check_account(c, e);
    if (c->route->permission >= PERM_BUCKET_READ) return check_bucket(c, db, e);
    if (c->route->permission == PERM_DATASET_READ) return check_dataset(c, e);
    if (!check_repo(c, e)) return false;
    return c->waits_for_upstream || c->route->permission != PERM_REPO_CALL || c->who.user_id ||
           err_set(e, ERR_UNAUTHENTICATED, "Models are called by people who are signed in: send a token");
}

/* It is found out again. */
static void forget_permission(struct call *c)
{
    c->who = (struct identity){ 0 };
    c->repo = (struct repo){ 0 };
    c->has_repo = c->repo_moved = c->waits_for_upstream = false;
}

/* What was found out for an earlier request need not be asked again (recall.c).
 *
 * On an inline row the handler follows at once, on this thread: it goes on with the same reader and the
 * same view of the database.  On other rows a body may take its time before the handler runs. */
bool api_authorize(struct http_req *r, const struct http_route *route, struct err *e)
{
    struct call *c = call_of(r);
    if (!api_host_is_ours(c, e)) return false;
    bool keeps = route->flags & HTTP_INLINE;
    if (c->space_label.p && c->route->permission != PERM_SPACE) return err_set(e, ERR_NOT_FOUND, "There is nothing at this address");
    bool is_xet = c->route->permission == PERM_XET_READ || c->route->permission == PERM_XET_WRITE;
    c->wants_snapshot = keeps;
    bool is_space = c->route->permission == PERM_SPACE, is_recalled = !is_xet && !is_space && c->route->permission < PERM_BUCKET_READ && !api_is_browser(c);
    if (is_recalled && recall_permission(c)) {
        identity_note_use(&c->who);
        bool is_stale = c->has_repo && call_gateway(c) && gateway_is_stale(call_gateway(c), &c->repo);
        if (!is_stale) return true;
        forget_permission(c);
    }
    struct db_conn *db = call_db(c);
    bool ok = is_space ? space_authorize(c, db, e) : is_xet ? xet_authorize(c, db, e) : identify(c, db, e) && permit(c, db, e);
    if (ok && c->waits_for_upstream) {
        forget_permission(c);
        call_give_back(c);
        return http_defer(r);
    }
    if (ok && is_recalled) remember_permission(c);
    if (!ok || !keeps) call_give_back(c);
    return ok;
}
