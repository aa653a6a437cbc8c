/* account/service.h - service accounts: what an organisation's programs sign in as.
 *
 * One belongs to its organisation and ends with it, has no password, and acts by fine-grained tokens alone.  Its role there says
 * how far any of its tokens can reach, and each token names less or as much: right = role AND token, as for everybody. */
#ifndef ACCOUNT_SERVICE_H
#define ACCOUNT_SERVICE_H

#include "account/account.h"

enum { SERVICE_ACCOUNTS_MAX = 100, SERVICE_REPOS_MAX = 100 };

/* fullname: 1 to 50 characters; the name is made from the organisation's and this one. */
bool service_create(struct db_conn *tx, const struct account *org, str fullname, str details, enum account_role role, struct account *out,
                    struct arena *a, struct err *e);
bool service_list(struct db_conn *c, int64_t org_id, struct arena *a, struct account_member **out, size_t *n, struct err *e); /* by name */
bool service_find(struct db_conn *c, int64_t org_id, str name_or_hex_id, struct account *out, bool *found, struct arena *a, struct err *e);

/* What a token may: `permission` in the whole organisation, and `of_repo` in each repository instead. */
struct service_repo {
    str type, hex_id, full_name, owner;
};
struct service_grant {
    const char **permission, **of_repo;
    size_t permissions, of_repos;
    struct service_repo *repo;
    size_t repos;
};
extern const char *const service_permission[]; /* NULL ends it; the first SERVICE_OF_REPO are for repositories, too */
enum { SERVICE_OF_REPO = 2 };
/* Adds one by its name.  ERR_NOT_BUILT: the public hub has it, and here is nothing that it would permit. */
bool service_permit(struct service_grant *g, bool of_repo, str permission, struct arena *a, struct err *e);
/* What the role does not reach is refused, lest a token promise it; so is what the caller's own token lacks. */
bool service_grant_check(const struct service_grant *g, const struct identity *by, const struct account *org, enum account_role role, struct err *e);
str service_grant_scopes(const struct service_grant *g, const struct account *org, struct arena *a); /* JSON, as token_create takes it */
bool service_grant_of(const struct token *t, struct service_grant *out, struct arena *a, struct err *e);

#endif
