/* web/account/account.h - what the pages of this room share. */
#ifndef WEB_ACCOUNT_ACCOUNT_H
#define WEB_ACCOUNT_ACCOUNT_H

#include "account/oauth.h"
#include "web/frame/page.h"

enum { ACCOUNT_FORM_MAX = 64 << 10 };

/* For what a token must not do, lest it make a wider one. */
bool account_need_session(struct call *c, struct err *e);
/* To signing in, and back to this very address. */
bool account_sign_in_first(struct call *c);
/* A page that goes on to `path` by itself.  After a form that may end at another site: a redirect would be stopped by form-action. */
bool account_onward(struct call *c, str path, struct err *e);
/* Begins a session and sets its cookie; inside a transaction. */
bool account_sign_in(struct call *c, struct db_conn *tx, int64_t account_id, struct err *e);
/* Members of the object that `w` is in: name and what of each scope in the list. */
void account_write_scopes(struct json_writer *w, const char *name, str scopes);

bool account_is_first(struct call *c, bool *first, struct err *e); /* there are no users yet */
/* Of a person or an organisation: member "profile"; what its form sent; the picture of a multipart form. */
bool account_write_profile(struct page *p, const struct account *who, struct err *e);
bool account_save_profile(struct call *c, struct account *who, struct err *e);
bool account_save_picture(struct call *c, const struct account *who, struct err *e);
/* Reads the choice "role"; ERR_INVALID. */
bool account_read_role(struct call *c, enum account_role *out, struct err *e);

#endif
