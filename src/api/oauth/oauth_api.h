/* api/oauth/oauth_api.h - what the files of OAuth share. */
#ifndef API_OAUTH_OAUTH_API_H
#define API_OAUTH_OAUTH_API_H

#include "account/oauth.h"
#include "api/api.h"

extern const struct api_table oauth_provider_table, oauth_token_table;

/* What a token, or an ID token, tells about its person: members of the object that `w` is in, by the scopes. */
bool oauth_write_person(struct call *c, struct json_writer *w, int64_t user_id, str scopes, struct err *e);
/* {"error","error_description"}: err.kind where there is one. */
bool oauth_refuse(struct call *c, const struct err *why, struct err *e);

#endif
