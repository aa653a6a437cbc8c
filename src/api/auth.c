/* api/auth.c - who asks, for which repository, and may he?  Runs before the body is read.
 *
 * Credentials: "Authorization: Bearer T", "Authorization: Basic base64(name:T)", nothing.  A password
 * instead of a token is accepted for git and git-lfs only: their rows run on worker threads, where the
 * tenth of a second that Argon2id takes on purpose holds up nobody else. */
#include "api/api_priv.h"
#include "base/hash.h"

static const char bad_credentials[] = "Invalid credentials in Authorization header";

static bool identify(struct call *c, struct db_conn *db, struct err *e)
{
    str header = http_header(c->http, "Authorization"), text = { NULL, 0 };
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
            return identity_from_password(db, user, text, &c->who, c->a, e);
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
    case PERM_REPO_DISCUSS: return REPO_DISCUSS;
    case PERM_REPO_WRITE: return REPO_WRITE;
    case PERM_REPO_ADMIN: return REPO_ADMIN;
    default: return REPO_SEE;
    }
}

static bool check_account(struct call *c, struct err *e)
{
    enum api_permission p = c->route->permission;
    if (p == PERM_ANYONE || p == PERM_SIGNED) return true;
    if (c->who.user_id == 0) return err_set(e, ERR_UNAUTHENTICATED, "Invalid username or password.");
    if (p == PERM_SITE_ADMIN && !c->who.is_admin)
        return err_set(e, ERR_DENIED, "Only an administrator of this Hearth may do this, with a token of role admin");
    struct token_target self = { STR("user"), c->who.name, STR(""), c->who.name };
    if (p == PERM_USER_WRITE && !identity_token_allows(&c->who, RIGHT_ACCOUNT, &self))
        return err_set(e, ERR_DENIED, "This token may only read. Create one with role \"write\" and use that.");
    return true;
}

static bool check_repo(struct call *c, struct db_conn *db, struct err *e)
{
    enum repo_kind kind = REPO_MODEL;
    str word = http_param(c->http, "kind");
    if (word.n && !repo_kind_parse(word, &kind)) return err_set(e, ERR_NOT_FOUND, "There is no repository type \"%.*s\"", STR_ARG(word));
    bool found, moved;
    if (!repo_find(db, kind, http_param(c->http, "ns"), http_param(c->http, "repo"), &c->repo, &found, &moved, c->a, e))
        return false;
    if (!found && account_name_is_reserved(http_param(c->http, "ns"))) { /* "/api/docs" is no repository */
        api_unrouted_hook(c->http, 0, e);
        return false;
    }
    if (!repo_allow(db, &c->who, found ? &c->repo : NULL, right_of(c->route->permission), e)) return false;
    c->has_repo = true;
    c->repo_moved = moved;
    return true;
}

static bool permit(struct call *c, struct db_conn *db, struct err *e)
{
    if (c->route->permission < PERM_REPO_SEE) return check_account(c, e);
    if (!check_repo(c, db, e)) return false;
    return c->route->permission != PERM_REPO_CALL || c->who.user_id ||
           err_set(e, ERR_UNAUTHENTICATED, "Models are called by people who are signed in: send a token");
}

/* What was found out for an earlier request need not be asked again (recall.c).
 *
 * On an inline row the handler follows at once, on this thread: it goes on with the same reader and the
 * same view of the database.  On other rows a body may take its time before the handler runs. */
bool api_authorize(struct http_req *r, const struct http_route *route, struct err *e)
{
    struct call *c = call_of(r);
    bool keeps = route->flags & HTTP_INLINE;
    bool is_xet = c->route->permission == PERM_XET_READ || c->route->permission == PERM_XET_WRITE;
    c->wants_snapshot = keeps;
    if (!is_xet && recall_permission(c)) {
        identity_note_use(&c->who);
        return true;
    }
    struct db_conn *db = call_db(c);
    bool ok = is_xet ? xet_authorize(c, db, e) : identify(c, db, e) && permit(c, db, e);
    if (ok && !is_xet) remember_permission(c);
    if (!ok || !keeps) call_give_back(c);
    return ok;
}
