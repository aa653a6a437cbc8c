/* api/hub/hub_api.h - what the files of the hub's own API share. */
#ifndef API_HUB_HUB_API_H
#define API_HUB_HUB_API_H

#include "api/api.h"
#include "hub/index/list.h"
#include "vcs/vcs.h"

/* Pattern prefixes, so that the tables read well.  git repositories of every kind, and the two web forms. */
#define ANY_REPO "/api/:kind(models|datasets|spaces|kernels)/:ns/:repo"
#define GATED_REPO "/api/:kind(models|datasets)/:ns/:repo"
#define WEB_MODEL "/:ns/:repo"
#define WEB_OTHER "/:kind(datasets|spaces|kernels)/:ns/:repo"
/* Two rows for one web action. */
#define WEB_ROWS(method, tail, perm, body, max, flags, fn, name)                    \
    { method, WEB_MODEL tail, perm, body, max, flags, fn, name, SHAPE_HUB },        \
    { method, WEB_OTHER tail, perm, body, max, flags, fn, name, SHAPE_HUB }

enum { JSON_BODY_MAX = 1 << 20, SMALL_BODY_MAX = 64 << 10 };

extern const struct api_table hub_account_table, hub_repo_table, hub_info_table, hub_list_table, hub_tree_table, hub_ref_table,
    hub_commit_table, hub_file_table, hub_gate_table, hub_discussion_table, hub_search_table, hub_large_file_table,
    hub_misc_table, hub_collection_table, hub_space_table, hub_space_run_table, hub_avatar_table, hub_webhook_table, hub_social_table, hub_notification_table, hub_service_table;
extern const struct api_table hub_docs_table, hub_leaderboard_table, hub_resource_group_table, hub_security_table;

extern const struct api_table hub_billing_table, hub_bucket_table, hub_bucket_file_table;

/* Headers and type of a stored file, by its path (file.c): harmless in a browser whatever it holds. */
void file_add_disposition(struct call *c, str path);
void file_add_safety(struct call *c, str path);
const char *file_content_type(str path, bool is_lfs);
/* Should the answer to this request for a large file tell how to get it by Xet, instead of its bytes? */
bool file_wants_xet_info(struct call *c);
#define XET_FILE_INFO "application/vnd.xet-fileinfo+json"

/* Member "xetHash" of a large file, if Xet clients can have it. */
void write_xet_hash(struct call *c, struct json_writer *w, const uint8_t sha256[32], uint64_t size_bytes);
/* Member "securityFileStatus" of a file, and the whole value of "securityRepoStatus" (security.c).  is_due: scan_will_come, asked once for
 * a list. */
bool scan_will_come(struct call *c, bool *yes, struct err *e);
bool write_file_security(struct call *c, struct json_writer *w, const struct vcs_entry *entry, bool is_due, struct err *e);
bool write_repo_security(struct call *c, struct json_writer *w, struct err *e);
void write_oid(struct json_writer *w, const char *key, const struct vcs_oid *id);
/* What "base..head", "base...head" or one revision (against its parent; "x^" is the parent of x) stands for.  Without a base: a
 * first commit, against nothing. */
bool call_compare(struct call *c, str spec, struct vcs_oid *base, bool *has_base, struct vcs_oid *head, struct err *e);
/* The discussion or pull request that ":num" names. */
struct discussion;
bool call_find_discussion(struct call *c, struct discussion *out, struct err *e);
/* The account that ":account" names; one of the other kind is ERR_NOT_FOUND. */
bool call_find_account(struct call *c, enum account_kind kind, struct account *out, struct err *e);
/* The organisation that ":account" names, if the caller administers it and his token has the right there. */
bool call_need_org_admin(struct call *c, enum token_right right, struct account *org, struct err *e);
/* {"_id","user"/"name","fullname","avatarUrl","type",...} */
void write_user_object(struct call *c, struct json_writer *w, const struct account *who);

/* What runs of a Space: {"stage",...}. */
void write_space_runtime(struct call *c, struct json_writer *w, const struct repo_summary *s);
/* Members of an open object: what lists, search and collections show of a Space beside what every repository has. */
void write_space_tile(struct call *c, struct json_writer *w, const struct repo_summary *s);
/* "variables" and "secrets" of the body that creates a Space. */
struct space_setting;
bool read_space_settings(struct call *c, const struct json *body, struct space_setting **out, size_t *n, struct err *e);

/* A body of lines of JSON: each is given to `line` with an arena that lasts as long as it.  What is wrong with one is ERR_INVALID
 * "Line 7 of the WHAT: ...". */
struct ndjson {
    const char *what, *advice; /* advice: ends the message about a line that is too long */
    size_t line_bytes_max;
    bool (*line)(void *ctx, const struct json *doc, struct arena *scratch, struct err *e);
    void *ctx;
};
bool ndjson_read(struct call *c, const struct ndjson *form, struct err *e);
/* The same of whatever `read` brings, which ends with *got 0. */
typedef bool ndjson_source(void *ctx, uint8_t *out, size_t n, size_t *got, struct err *e);
bool ndjson_read_from(ndjson_source *read, void *ctx, const struct ndjson *form, struct err *e);
/* "private" or "visibility" of a body. */
bool read_visibility(const struct json *body, bool *has, bool *is_private, struct err *e);

/* "resourceGroupId" of a body that creates something of `owner`: one of his groups that the caller may see.  Absent or null: *id stays. */
bool read_resource_group(struct call *c, const struct json *body, const struct account *owner, int64_t *id, struct err *e);
/* Is it in a group, and may the caller see that? */
struct resource_group;
bool resource_group_seen(struct call *c, int64_t owner_id, int64_t group_id, struct resource_group *out, bool *yes, struct err *e);
void write_resource_group(struct json_writer *w, const struct resource_group *g); /* {"id","name","numUsers"} */

/* `items[]` of a repeated or comma-joined parameter, in the arena. */
void query_list(struct call *c, const char *name, bool splits_commas, str **out, size_t *n);

#endif
