/* hub/access.c - who may do what with a repository, or a bucket.
 *
 * right = what the user may AND what his token allows.  What a caller may not see is refused exactly like
 * what does not exist.  The table of refusals is the clients' (hub-api 1.7); its texts are matched by
 * programs, so they stand here once.  Lists ask the same of all at once: PRIVATE_SEEN_BY (hub/hub_priv.h). */
#include "account/resource_group.h"
#include "hub/bucket/bucket.h"
#include "hub/gate.h"
#include "hub/hub_priv.h"

struct asker {
    const struct identity *who;
    const struct repo *repo; /* of a bucket: what it has in common with one */
    str kind;                /* "model" .. "bucket" */
    enum account_role role; /* in the namespace of the repository, or in its resource group */
    bool is_user;
    struct token_target target;
};

static bool token_allows(const struct asker *k, enum token_right right)
{
    return identity_token_allows(k->who, right, &k->target);
}

/* ------------------------------------------------------------------ refusals */

static bool refuse_unseen(bool is_user, struct err *e)
{
    if (!is_user) return err_kind(e, ERR_UNAUTHENTICATED, HUB_NO_REPO, "Invalid username or password.");
    return err_kind(e, ERR_NOT_FOUND, HUB_NO_REPO, "Repository not found");
}

static bool refuse_token(const struct asker *k, const char *what, struct err *e)
{
    return err_set(e, ERR_DENIED, "This token has no right to %s %.*s %.*s. Use a token whose role or scopes include it", what,
                   STR_ARG(k->kind), STR_ARG(k->repo->full_name));
}

static bool refuse_gated(const struct asker *k, enum gate_status status, bool by_token, struct err *e)
{
    str kind = k->kind, name = k->repo->full_name;
    if (!k->is_user)
        return err_kind(e, ERR_UNAUTHENTICATED, HUB_GATED,
                        "Access to %.*s %.*s is restricted. You must have access to it and be authenticated to access it. "
                        "Please log in.", STR_ARG(kind), STR_ARG(name));
    if (by_token)
        return err_kind(e, ERR_DENIED, HUB_GATED,
                        "Access to %.*s %.*s is restricted and this token may not read gated repositories. "
                        "Allow it in the settings of the token.", STR_ARG(kind), STR_ARG(name));
    if (status == GATE_PENDING)
        return err_kind(e, ERR_DENIED, HUB_GATED, "Your request to access %.*s %.*s is awaiting a review from its owner.",
                        STR_ARG(kind), STR_ARG(name));
    if (status == GATE_REJECTED)
        return err_kind(e, ERR_DENIED, HUB_GATED, "Your request to access %.*s %.*s has been rejected by its owner.",
                        STR_ARG(kind), STR_ARG(name));
    return err_kind(e, ERR_DENIED, HUB_GATED,
                    "Access to %.*s %.*s is restricted and you are not in the authorized list. Ask for access on its page.",
                    STR_ARG(kind), STR_ARG(name));
}

/* ------------------------------------------------------------------ rules */

static bool may_see(const struct asker *k)
{
    if (!k->repo->is_private) return true;
    return k->role >= ROLE_READ && token_allows(k, RIGHT_READ);
}

/* A contributor writes to what he created himself, and to nothing else. */
static bool user_may_write(const struct asker *k)
{
    bool is_own = k->is_user && k->repo->creator_id == k->who->user_id;
    return k->role >= ROLE_WRITE || (k->role == ROLE_CONTRIBUTOR && is_own);
}

static bool passes_gate_by_role(const struct asker *k)
{
    if (k->role == ROLE_ADMIN) return true;
    if (k->repo->gates_members) return k->role >= ROLE_READ && k->repo->creator_id == k->who->user_id;
    return k->role >= ROLE_READ;
}

static bool allow_content(struct db_conn *c, const struct asker *k, struct err *e)
{
    enum gate_status status = GATE_NONE;
    if (!k->repo->gated.n) return true;
    if (!k->is_user) return refuse_gated(k, status, false, e);
    if (!passes_gate_by_role(k)) {
        if (!gate_status_of(c, k->repo->id, k->who->user_id, &status, e)) return false;
        if (status != GATE_ACCEPTED) return refuse_gated(k, status, false, e);
    }
    bool token = token_allows(k, RIGHT_GATED) || (k->repo->is_private && token_allows(k, RIGHT_READ));
    return token || refuse_gated(k, status, true, e);
}

/* What is told of the upstream is told by it alone. */
static bool refuse_mirror(const struct asker *k, struct err *e)
{
    return err_set(e, ERR_DENIED, "%.*s is a mirror of a repository of %.*s: it changes there, and is read here", STR_ARG(k->repo->full_name),
                   STR_ARG(k->repo->upstream));
}

static bool allow_join(const struct asker *k, const char *what, struct err *e)
{
    if (!k->is_user) return refuse_unseen(false, e);
    return token_allows(k, RIGHT_DISCUSS) || token_allows(k, RIGHT_WRITE) || refuse_token(k, what, e);
}

static bool allow_discuss(const struct asker *k, struct err *e)
{
    if (k->is_user && k->repo->discussions_disabled && !user_may_write(k))
        return err_set(e, ERR_DENIED, "Discussions are disabled for this repository");
    return allow_join(k, "open discussions in", e);
}

static bool allow_write(const struct asker *k, enum token_right right, const char *what, struct err *e)
{
    if (!k->is_user) return refuse_unseen(false, e);
    if (!user_may_write(k))
        return err_set(e, ERR_DENIED, "You don't have the right to %s %.*s %.*s", what, STR_ARG(k->kind),
                       STR_ARG(k->repo->full_name));
    return token_allows(k, right) || refuse_token(k, what, e);
}

static bool allow(struct db_conn *c, const struct identity *who, const struct repo *repo, str kind, enum repo_right right,
                  struct err *e)
{
    struct asker k = { .who = who, .repo = repo, .kind = kind, .is_user = who->user_id != 0 };
    if (!repo) return refuse_unseen(k.is_user, e);
    k.target = (struct token_target){ kind, repo->full_name, repo->hex_id, repo->owner };
    if (!resource_role_in(c, who, repo->owner_id, repo->group_id, &k.role, e)) return false;
    if (!may_see(&k)) return refuse_unseen(k.is_user, e);
    if (repo->is_disabled && !who->is_admin) return err_set(e, ERR_DENIED, "Access to this resource is disabled.");

    switch (right) {
    case REPO_SEE: return true;
    case REPO_READ: return allow_content(c, &k, e);
    case REPO_JOIN:
        if (who->service_of) return err_set(e, ERR_DENIED, "A service account does not like or watch repositories, nor ask for them: people do");
        return allow_join(&k, "like, watch or ask for", e);
    case REPO_DISCUSS: return k.is_user && repo->upstream.n ? refuse_mirror(&k, e) : allow_discuss(&k, e);
    case REPO_WRITE: return k.is_user && repo->upstream.n ? refuse_mirror(&k, e) : allow_write(&k, RIGHT_WRITE, "write to", e);
    case REPO_ADMIN: return allow_write(&k, RIGHT_MANAGE, "change the settings of", e);
    }
    return err_set(e, ERR_INTERNAL, "right %d has no rule", (int)right);
}

bool repo_allow(struct db_conn *c, const struct identity *who, const struct repo *repo, enum repo_right right,
                struct err *e)
{
    return allow(c, who, repo, repo ? repo_kind_name(repo->kind) : STR(""), right, e);
}

bool bucket_allow(struct db_conn *c, const struct identity *who, const struct bucket *b, enum repo_right right,
                  struct err *e)
{
    if (!b) return allow(c, who, NULL, STR("bucket"), right, e);
    struct repo common = { .owner_id = b->owner_id, .creator_id = b->creator_id, .group_id = b->group_id, .hex_id = b->hex_id,
                           .owner = b->owner, .full_name = b->full_name, .is_private = b->is_private };
    return allow(c, who, &common, STR("bucket"), right, e);
}

static bool allow_create(struct db_conn *c, const struct identity *who, const struct account *owner, int64_t group_id, str kind, struct err *e)
{
    enum account_role role;
    if (!who->user_id) return refuse_unseen(false, e);
    if (!resource_role_in(c, who, owner->id, group_id, &role, e)) return false;
    str name = owner->name;
    if (owner->kind == ACCOUNT_SERVICE)
        return err_set(e, ERR_DENIED, "\"%.*s\" is a service account and owns nothing: name the organisation that the %.*s is for", STR_ARG(name), STR_ARG(kind));
    if (role < ROLE_CONTRIBUTOR && group_id)
        return err_set(e, ERR_DENIED, "You don't have the rights to create a %.*s in this resource group of \"%.*s\"", STR_ARG(kind), STR_ARG(name));
    if (role < ROLE_CONTRIBUTOR)
        return err_set(e, ERR_DENIED, "You don't have the rights to create a %.*s under the namespace \"%.*s\"",
                       STR_ARG(kind), STR_ARG(name));
    struct token_target target = { owner->kind == ACCOUNT_ORG ? STR("org") : STR("user"), name, owner->hex_id, name };
    if (identity_token_allows(who, RIGHT_WRITE, &target)) return true;
    return err_set(e, ERR_DENIED, "This token has no right to create a %.*s under the namespace \"%.*s\". "
                   "Use a token whose role or scopes include it", STR_ARG(kind), STR_ARG(name));
}

bool namespace_allow_create(struct db_conn *c, const struct identity *who, const struct account *owner, int64_t group_id,
                            enum repo_kind kind, struct err *e)
{
    return allow_create(c, who, owner, group_id, repo_kind_name(kind), e);
}

bool bucket_allow_create(struct db_conn *c, const struct identity *who, const struct account *owner, int64_t group_id, struct err *e)
{
    return allow_create(c, who, owner, group_id, STR("bucket"), e);
}
