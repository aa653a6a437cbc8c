/* account/resource_group.h - resource groups: what of an organisation only some of its members have to do with.
 *
 * A repository, bucket or collection of an organisation is in one group or in none.  In none, a member's role in the organisation
 * counts; in one, only his role in that group, and nothing without one.  The organisation's administrators administer all groups.
 * What is public is seen by everybody either way. */
#ifndef ACCOUNT_RESOURCE_GROUP_H
#define ACCOUNT_RESOURCE_GROUP_H

#include "account/account.h"

/* What somebody may do with what `owner` has in this group (0: in none), without looking at the token's scopes.  The one place where
 * that is decided; the same for queries is PRIVATE_SEEN_BY (hub/hub_priv.h). */
bool resource_role_in(struct db_conn *c, const struct identity *who, int64_t owner_id, int64_t group_id, enum account_role *out, struct err *e);

/* What of an owner's private things somebody sees, so that lists need not ask of each: nothing, what PRIVATE_SEEN_BY lets through, or all. */
enum resource_view { SEES_NOTHING, SEES_SOME, SEES_ALL };
bool resource_view_of(struct db_conn *c, const struct identity *who, int64_t owner_id, enum resource_view *out, struct err *e);

enum { RESOURCE_GROUPS_MAX = 1000, RESOURCE_GROUP_NAME_MAX = 200, RESOURCE_GROUP_DESCRIPTION_MAX = 500 };
struct resource_group {
    int64_t id, org_id, created_ms, members_count;
    str hex_id, name, description;
    enum account_role auto_role; /* of who joins the organisation; ROLE_NONE: he does not join this by himself */
    bool auto_from_read;         /* but only if his role there is read or more */
};
/* A name that another group of the organisation has: ERR_CONFLICT. */
bool resource_group_create(struct db_conn *tx, int64_t org_id, str name, str description, struct resource_group *out, struct arena *a, struct err *e);
/* Name, description and auto-join; with that, all members whom it concerns join at once. */
bool resource_group_update(struct db_conn *tx, const struct resource_group *changed, struct err *e);
/* ERR_CONFLICT while something is in it: nothing becomes visible to more people because a group went. */
bool resource_group_delete(struct db_conn *tx, const struct resource_group *g, struct err *e);
bool resource_group_find(struct db_conn *c, int64_t org_id, str hex_id, struct resource_group *out, bool *found, struct arena *a, struct err *e);
bool resource_group_find_name(struct db_conn *c, int64_t org_id, str name, struct resource_group *out, bool *found, struct arena *a, struct err *e);
bool resource_group_get(struct db_conn *c, int64_t id, struct resource_group *out, struct arena *a, struct err *e);
/* By name; user_id 0: all, otherwise those in which he has a role other than no_access. */
bool resource_group_list(struct db_conn *c, int64_t org_id, int64_t user_id, struct arena *a, struct resource_group **out, size_t *n, struct err *e);

/* user_id: a member, or a service account, of the organisation, else ERR_INVALID.  ROLE_NONE removes; not in it: ERR_NOT_FOUND. */
bool resource_group_set_member(struct db_conn *tx, const struct resource_group *g, int64_t user_id, enum account_role role, struct err *e);
/* Of those into which an identity provider has put him (account/scim.h) nobody else takes him out: ERR_CONFLICT, and leave_all leaves them be. */
bool resource_group_leave_all(struct db_conn *tx, int64_t org_id, int64_t user_id, struct err *e);
bool resource_group_members(struct db_conn *c, int64_t group_id, struct arena *a, struct account_member **out, size_t *n, struct err *e); /* by name */

#endif
