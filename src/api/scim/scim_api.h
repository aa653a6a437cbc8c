/* api/scim/scim_api.h - SCIM 2.0 (RFC 7643, 7644) as the public hub speaks it; docs/SCIM.md.
 *
 * Two families of the same operations: /scim/v2 for users whose accounts the organisation makes, /scim-provisioning/v2 for users who have
 * one and are invited.  A resource is built as JSON; filters match it, PATCH changes a copy of it, and what comes out is read as a PUT is. */
#ifndef API_SCIM_SCIM_API_H
#define API_SCIM_SCIM_API_H

#include "account/scim.h"
#include "api/api.h"
#include "api/scim/filter.h"
#include "api/scim/patch.h"

#define SCIM_BASE "/api/organizations/:account/:family(scim|scim-provisioning)/v2"
#define SCIM_USER_SCHEMA "urn:ietf:params:scim:schemas:core:2.0:User"
#define SCIM_GROUP_SCHEMA "urn:ietf:params:scim:schemas:core:2.0:Group"

enum { SCIM_USER_BODY_MAX = 64 << 10, SCIM_GROUP_BODY_MAX = 2 << 20, SCIM_COUNT_MAX = 1000, SCIM_PAGE_BYTES_MAX = 16 << 20 };

extern const struct api_table scim_about_table, scim_user_table, scim_group_table;

/* Whose, of which family; the caller administers the organisation. */
struct scim_call {
    struct account org;
    enum scim_kind kind;
    struct scim_by by;
    str base; /* address of the family */
};
bool scim_begin(struct call *c, struct scim_call *s, struct err *e);
bool scim_body(struct call *c, struct json **out, struct err *e);
/* A string of a resource; null is none.  False: it is something else. */
bool scim_text(const struct json *resource, const char *name, str *out, struct err *e);

/* "meta", at the end of a resource. */
void scim_put_meta(struct json *resource, const char *type, str location, struct arena *a);
/* The resource, as the query's `attributes` and `excludedAttributes` ask for it. */
void scim_write(struct call *c, struct json_writer *w, const struct json *resource);
bool scim_excludes(struct call *c, str attr); /* all of it */
bool scim_wants_plain(struct call *c); /* application/json, as the public hub's document says, and not the RFC's application/scim+json */
bool scim_reply(struct call *c, int status, struct buf *b); /* takes b's memory */
bool scim_reply_resource(struct call *c, int status, const struct json *resource);
bool scim_reply_list(struct call *c, str resources, int64_t total, int64_t shown, int64_t start);

/* startIndex, count and filter of a list. */
struct scim_query {
    int64_t from, count; /* from 0 */
    const struct scim_filter *filter; /* NULL: none */
};
bool scim_read_query(struct call *c, struct scim_query *out, struct err *e);

#endif
