/* api/space/space_api.h - Spaces at work: each has a host of its own, on which its files (a static one) or its app answer.
 *
 * What is on that host is a stranger's: it shares no cookie with the hub, no row of the hub answers there, and nothing of it is to be seen
 * at the hub's own address.  A request for such a host is routed to one folder (API_SPACE_FOLDER) by its Host header, and who may see the
 * Space is found out there (visit.c): by an access token, by what /api/spaces/../jwt signed, or by the cookie that came of it. */
#ifndef API_SPACE_API_H
#define API_SPACE_API_H

#include "api/api.h"

/* host.c */
/* Does this host, as a client wrote it, belong to the Spaces?  *label: what stands before their domain, in lower case. */
bool space_host_label(str domain, str host, struct arena *a, str *label);
/* Is `domain` one that Spaces may have, with the hub at `public_url` (empty: wherever it is reached)? */
bool space_domain_check(str domain, str public_url, struct err *e);
/* "acme-app.spaces.example.org:8080": with the port of `hub_url`; empty: it has none. */
str space_host(str domain, str hub_url, const struct repo *r, struct arena *a);

/* All that the hub goes by, for a policy that names it. */
str space_hub_origins(struct call *c);

/* visit.c */
enum { SPACE_PASS_S = 3600, SPACE_PASS_MAX_S = 86400 };
/* What `who` shows on the Space's host to be let in, until then. */
str space_pass(struct call *c, const struct repo *r, int64_t ends_s);
/* The visitor's own cookies alone, without ours; empty: none. */
str space_cookies_for_app(struct call *c);
/* The query without what let the visitor in. */
str space_query_for_app(struct call *c);
/* Is this credential of the hub, and nothing that the app should see? */
bool space_is_hub_credential(str authorization, struct arena *a);

/* page.c: what the Space itself cannot say now, for a person or a program. */
bool space_say(struct call *c, int status, str title, str text, bool comes_again);
void space_reply_error(struct call *c, const struct err *e);
bool space_is_navigation(struct call *c); /* a person's browser wants a page */

/* static.c */
bool space_serve_static(struct call *c, const struct json *card, struct err *e);
/* Headers that the card asks for, for files and apps alike. */
void space_add_card_headers(struct call *c, const struct json *card);

/* sign_in.c */
/* Members of the variables of a Space whose card says hf_oauth: OAUTH_CLIENT_ID, OAUTH_SCOPES, OPENID_PROVIDER_URL. */
bool space_write_sign_in(struct call *c, struct json_writer *w, const struct json *card, struct err *e);
/* May the caller sign in to this Space?  hf_oauth_authorized_org names whose members may. */
bool space_admits(struct call *c, int64_t space_id, bool *yes, struct err *e);

/* proxy.c */
#define SPACE_SPEAKS_BADLY "SpaceSpeaksBadly" /* kinds of refusal: 502, the app answered with no HTTP */
#define SPACE_STALLED "SpaceStalled"          /* 504 */
bool space_serve_app(struct call *c, const struct json *card, struct err *e);

extern const struct api_table space_visit_table, space_info_table;

#endif
