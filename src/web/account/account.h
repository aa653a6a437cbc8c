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
/* Begins a session and sets its cookie; inside a transaction.  Of who has shown all that the account asks for. */
bool account_sign_in(struct call *c, struct db_conn *tx, int64_t account_id, struct err *e);

/* Why what a form says of its sender is not enough; text .n 0: it is. */
struct account_refusal {
    int status;
    str text;
};
/* Is the form's field the password of whoever is signed in? */
bool account_own_password(struct call *c, const char *field, struct account_refusal *out, struct err *e);
/* Is its field "code" one of the account's second factor?  Commit in either case: what was used is used, and what was wrong is on record. */
bool account_check_code(struct call *c, struct db_conn *tx, const struct identity *who, struct account_refusal *out, struct err *e);

bool account_is_first(struct call *c, bool *first, struct err *e); /* there are no users yet */
/* Of a person or an organisation: member "profile"; what its form sent; the picture of a multipart form. */
bool account_write_profile(struct page *p, const struct account *who, struct err *e);
bool account_save_profile(struct call *c, struct account *who, struct err *e);
bool account_save_picture(struct call *c, const struct account *who, struct err *e);
/* The organisation that ":org" names, and the caller's role there.  Settings are its administrators'; for members they exist, for others
 * they do not. */
bool account_find_org(struct call *c, enum account_role least, struct account *org, enum account_role *role, struct err *e);
void account_write_org(struct page *p, const struct account *org, enum account_role role); /* member org */
/* "owner/name", "datasets/owner/name", "buckets/owner/name" of a form: what the person may see. */
struct account_named {
    str type, hex_id, full_name, owner;
    bool is_private;
};
bool account_find_named(struct call *c, str line, struct account_named *out, struct err *e);
/* Members of the object of a token in a list: id, label, when it was made and used and ends. */
void account_write_token(struct json_writer *w, const struct token *t);
/* Was this form of a new token sent before?  ERR_CONFLICT, since its secret cannot be shown again. */
bool account_refuse_sent_token(struct call *c, struct db_conn *tx, int64_t account_id, str label, struct err *e);
/* Reads the choice "days": when a new token ends, 0 never. */
bool account_read_days(struct call *c, int64_t *expires_ms, struct err *e);
/* Reads the choice "role"; ERR_INVALID. */
bool account_read_role(struct call *c, enum account_role *out, struct err *e);

#endif
