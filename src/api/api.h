/* api/api.h - the frame that every wire protocol hangs in: one call, its caller, its repository.
 *
 * Life of a request: http/ matches a row of a table below -> api_authorize finds out who asks (token,
 * password, nobody) and, for a row with ":repo", which repository, and refuses by the row's permission
 * before a byte of body is read -> the handler parses, calls one domain function, answers.  An error
 * becomes an answer in one place (api/error.c), in the shape that the row's protocol uses.
 *
 * A `struct call` lives as long as its request.  Its database reader and git handle are borrowed at
 * first use and given back as soon as the handler has returned; what is pulled later (file contents)
 * must not need them. */
#ifndef API_API_H
#define API_API_H

#include "account/account.h"
#include "base/json.h"
#include "http/http.h"
#include "hub/hub.h"

struct api_table;
struct bucket;
struct call;
struct external;
struct gateway;
struct infer;
struct scan_watch;
struct spaces;
struct webhook_sender;
struct api_setting { /* of the program, for the operator to see */
    const char *name, *help, *source;
    str value;
};
struct api_config {
    const struct api_setting *settings;
    size_t settings_count;
    /* Handed down from web/; NULL: no pages. */
    const struct api_table *const *pages;
    size_t pages_count;
    void (*error_page)(struct call *c, int status, str message);
    str public_url;  /* "https://hub.example.org", or empty: taken from each request */
    bool is_loopback;  /* it listens on such an address: api/host.c */
    bool trusts_proxy; /* X-Forwarded-Host and -Proto count */
    bool log_access;
    size_t git_processes_max; /* fetches and pushes at once */
    const struct webhook_sender *sender; /* NULL: deliveries cannot be repeated */
    struct infer *infer; /* NULL: no models are run */
    struct scan_watch *scan; /* judges files; NULL: nobody does */
    bool blocks_unsafe;      /* what it finds unsafe, writers alone may download */
    struct spaces *spaces;   /* their apps; NULL: none are run */
    str spaces_domain;       /* Spaces have hosts below it (api/space/space_api.h); empty: none */
    struct gateway *gateway; /* to an upstream hub; NULL: what is not here is nowhere */
    enum sign_up { SIGN_UP_CLOSED, SIGN_UP_INVITED, SIGN_UP_OPEN } sign_up; /* who may make an account by himself, after the first one */
    struct external *external; /* an outside OpenID provider to sign in through (api/oauth/external.h); NULL: none */
    str model_aliases; /* "@cf/meta/llama-3.1-8b-instruct=owner/name,..": other names of models, in calls */
};

struct api; /* one per server */
/* hub NULL: tables only, for listing them. */
bool api_new(struct hub *h, const struct api_config *config, struct api **out, struct err *e);
void api_free(struct api *a);
/* The table and hooks for http_server_new; they live as long as the api. */
const struct http_route *api_routes(struct api *a, size_t *n);
const struct http_hooks *api_hooks(void);
void api_set_server(struct api *a, struct http_server *s); /* for /metrics and compat */
const struct api_config *api_config_of(const struct api *a);

/* Who may call a row.  The router refuses before a handler runs. */
enum api_permission {
    PERM_ANYONE,       /* also anonymous; the handler shows each what he may see */
    PERM_USER,         /* signed in */
    PERM_USER_WRITE,   /* signed in with a token that may write */
    PERM_SITE_ADMIN,   /* administrator of the installation */
    PERM_SIGNED,       /* the link carries its own signature; the handler checks it */
    PERM_XET_READ,     /* a token of xet-read-token or xet-write-token; it names the repository */
    PERM_XET_WRITE,    /* one of xet-write-token */
    PERM_SPACE,        /* a visitor of a Space's own host, who may read the Space (api/space/visit.c) */
    PERM_CLIENT,       /* an application of OAuth, which says in the body or by Basic who it is; the handler checks it */
    PERM_REPO_SEE,     /* those from here on need ":ns" and ":repo" in the pattern; see hub.h for the rights */
    PERM_REPO_READ,
    PERM_REPO_CALL, /* read, by somebody who is signed in: calls are paid for */
    PERM_REPO_JOIN,
    PERM_REPO_DISCUSS,
    PERM_REPO_WRITE,
    PERM_REPO_ADMIN,
    PERM_REPO_BY_SERVICE, /* git and LFS: read or write, by what the body or query asks; handler checks */
    PERM_DATASET_READ,    /* as PERM_REPO_READ, of the data set that "?dataset=" names: the pattern has neither */
    PERM_BUCKET_READ,     /* the same two parameters name a bucket */
    PERM_BUCKET_WRITE,
    PERM_BUCKET_ADMIN,
};
str api_permission_name(int permission);

/* A host of this name before ours stands for this folder: `datasets` asks "http://datasets-server.HOST/info". */
#define API_VIEWER_HOST "datasets-server."
#define API_VIEWER_FOLDER "/datasets-server"

/* The same of all hosts of Spaces; what they serve is at no other address (api/space/space_api.h). */
#define API_SPACE_FOLDER "/.space"

#define API_COOKIE "hearth_session"
#define API_COOKIE_SECURE "__Host-hearth_session" /* no other host, and nobody on the way, can put one into a browser */

/* Flags of a row, beside those of http/. */
enum {
    API_TAKES_PASSWORD = 1 << 8,    /* git's helpers ask here too: Basic may carry a password */
    API_MISSING_IF_FAILED = 1 << 9, /* 404 instead of any 5xx */
};

/* The shape of errors and challenges. */
enum api_shape {
    SHAPE_HUB, SHAPE_LFS, SHAPE_GIT, SHAPE_PAGE, SHAPE_OPENAI, SHAPE_SCIM,
    SHAPE_SPACE, /* api/space/page.c */
    SHAPE_TASK, SHAPE_TGI, SHAPE_TEI, SHAPE_CLOUDFLARE, /* api/infer/error.c */
};

struct call {
    struct http_req *http;
    struct arena *a;
    struct api *api;
    struct hub *hub;
    const struct api_route *route;
    struct identity who;
    bool has_repo;
    struct repo repo;        /* when the pattern has one and it may be seen */
    enum api_shape shape;    /* of errors, instead of the row's; SHAPE_HUB: the row's */
    struct bucket *bucket;   /* when the pattern, or a token, names one and it may be seen; NULL otherwise */
    bool repo_moved;         /* either of them was found under a former name, or in another case */
    str conflict_url;        /* shown beside a conflict: where the thing in the way is */
    str session;             /* the secret of the browser that is signed in; .p NULL otherwise */
    bool session_is_old;     /* session_renew is due */
    str space_label;         /* of the Space's host that was asked; .p NULL: the hub was */
    bool is_apps_answer;     /* headers are as the app of a Space has them */
    /* private to the frame */
    bool (*step)(struct call *c, struct err *e);
    void *step_ctx;
    str base_url; /* see call_base_url */
    struct db_conn *db_lent;
    struct db_mark since; /* taken before db_lent was used */
    bool waits_for_upstream; /* the answer depends on it, and this thread may not wait */
    bool wants_snapshot, has_snapshot; /* db_lent is in a read transaction */
    struct vcs_repo *git_lent;
};
typedef bool api_handler(struct call *c, struct err *e);

struct api_route {
    enum http_method method;
    const char *pattern; /* http.h's; a repository is ":kind(models|..)/:ns/:repo", or ":ns/:repo" for models */
    enum api_permission permission;
    enum http_body body;
    uint64_t body_bytes_max;
    unsigned flags; /* HTTP_INLINE, and those below */
    api_handler *handler;
    const char *name;
    enum api_shape shape;
};
/* The tables, one per protocol; api/routes.c joins them. */
struct api_table {
    const struct api_route *row;
    size_t n;
};
#define API_TABLE(rows) { rows, sizeof(rows) / sizeof((rows)[0]) }
const struct api_table *const *api_tables(size_t *n);

/* ------------------------------------------------------------------ for handlers */

const struct api_config *call_config(struct call *c);
int64_t call_started_ms(struct call *c);                               /* the server */
struct infer *call_infer(struct call *c);                              /* NULL: no models are run */
struct spaces *call_spaces(struct call *c);                            /* NULL: no apps of Spaces are run */
struct gateway *call_gateway(struct call *c);                          /* NULL: there is no upstream */
struct db_conn *call_db(struct call *c);                               /* a reader */
bool call_has_left(void *c);                                           /* the client of a struct call, which waits for what takes its time */
void call_give_back(struct call *c);                                   /* reader, snapshot and git handle, before what may take its time; again is fine */
bool call_git(struct call *c, struct vcs_repo **out, struct err *e);   /* of the call's repository */
str call_param(struct call *c, const char *name);                      /* decoded */
str call_query(struct call *c, const char *name);                      /* .p NULL when absent */
/* Asks for more than the row did (a gated file, another repository, a body that says "upload"). */
bool call_allow(struct call *c, const struct repo *r, enum repo_right right, struct err *e);
/* For what is the person's own and has no scope (webhooks, whose addresses are often secrets; notifications): no application, no
 * fine-grained token. */
bool call_need_whole_token(struct call *c, struct err *e);
/* Usage and what it has cost: not for every token that may do something else. */
bool call_may_see_spending(struct call *c, struct err *e);
/* Not where the operator keeps unsafe files from everybody but those who may write: ERR_DENIED. */
struct scan_file;
bool call_allow_file(struct call *c, const struct scan_file *f, struct err *e);
/* Finds a repository named in a body ("ns/name" or name alone for the caller's own), with a right. */
bool call_find_repo(struct call *c, enum repo_kind kind, str full_name, enum repo_right right, struct repo *out,
                    struct err *e);
/* The whole body as JSON; empty is an empty object.  ERR_INVALID with the place of the fault. */
bool call_json(struct call *c, struct json **out, struct err *e);
/* A member that must be there: ERR_INVALID "\"name\" is required and must be a string". */
bool json_need_str(const struct json *o, const char *name, str *out, struct err *e);

/* Revision parameters.  Missing: HUB_NO_REVISION "Invalid rev id: x".  A private history that no ref
 * reaches is missing too. */
bool call_revision(struct call *c, str rev, struct vcs_revision *out, struct err *e);
/* From "*rest": "{rev}/{path}" or "{rev}", in any of the clients' spellings (escaped or not). */
bool call_rev_path(struct call *c, const char *param, struct vcs_revision *rev, str *rev_text, str *path, struct err *e);

/* As http_pause: the handler's thread is given back, with reader and git handle, and `step` goes on later; ctx is its c->step_ctx. */
bool call_pause(struct call *c, api_handler *step, void *ctx, int timeout_ms);

/* Answers. */
bool call_reply_json(struct call *c, int status, struct buf *b); /* takes b's memory; a failed buf is an error */
bool call_reply_ok(struct call *c);                                   /* 200 {} */
/* A stored large file, with its SHA-256 as ETag; ranges as asked for. */
bool call_reply_object(struct call *c, const char *content_type, const struct sha256 *sha256, uint64_t size_bytes,
                       struct err *e);
/* The same of one that is on its way from the upstream (gateway/gateway.h), which is left at the end. */
struct download;
bool call_reply_download(struct call *c, const char *content_type, const struct sha256 *sha256, uint64_t size_bytes, struct download *d,
                         struct err *e);
void call_link_next(struct call *c, str cursor_key, str cursor);     /* Link: <...>; rel="next" with all parameters */
str call_peer(struct call *c);                                        /* the address that asks, behind a proxy of ours too */
const char *call_session_cookie(struct call *c);                      /* its name: one of API_COOKIE and API_COOKIE_SECURE */
str call_base_url(struct call *c);                                    /* as the client wrote it, no trailing slash */
str call_repo_url(struct call *c, const struct repo *r);              /* base/[datasets/]ns/name */
str call_space_url(struct call *c, const struct repo *r);             /* where the Space itself is; empty: at no address that the caller reaches */
str call_hub_url(struct call *c);                                     /* as call_base_url, also where a Space's host was asked */
str call_bucket_url(struct call *c, const struct bucket *b);          /* base/buckets/ns/name */
str call_avatar_url(struct call *c, str account);
const struct webhook_sender *call_sender(struct call *c);             /* NULL: this server sends nothing */
uint64_t call_query_limit(struct call *c, uint64_t otherwise, uint64_t most); /* "limit", bounded */

/* ------------------------------------------------------------------ errors (api/error.c) */

int api_status_of(const struct err *e);
void api_reply_error(struct call *c, const struct err *e);
void api_openai_error(struct call *c, const struct err *e, struct buf *out); /* {"error":{...}} */

/* ------------------------------------------------------------------ operations of the public hub (api/compat.c) */

struct api_operation {
    enum http_method method;
    str path; /* "/api/models/{namespace}/{repo}/refs" */
    str summary;
    bool is_built; /* a row serves it */
};
bool api_operations(struct api *a, struct arena *arena, struct api_operation **out, size_t *n);
/* Which operation, built or not, an encoded path means; NULL for none. */
const struct api_operation *api_operation_of(const struct api_operation *list, size_t n, enum http_method m, str path);

#endif
