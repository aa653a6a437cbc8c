/* account/profile.h - what an account tells about itself: its website, a picture. */
#ifndef ACCOUNT_PROFILE_H
#define ACCOUNT_PROFILE_H

#include "account/account.h"

bool website_get(struct db_conn *c, int64_t account_id, str *out, struct arena *a, struct err *e);
bool website_set(struct db_conn *tx, int64_t account_id, str website, struct err *e); /* begins with http:// or https://; empty: none */
/* fullname, details, email: texts without control characters, at most 100, 500 and 254 bytes. */
bool profile_check(const struct account *changed, struct err *e);

enum { AVATAR_BYTES_MAX = 512 << 10, AVATAR_SIDE_MAX = 1024 };
/* PNG, JPEG, WebP or GIF, known by its first bytes and never by what a form says of it. */
bool avatar_set(struct db_conn *tx, int64_t account_id, bytes picture, struct err *e);
bool avatar_remove(struct db_conn *tx, int64_t account_id, struct err *e);
bool avatar_get(struct db_conn *c, str account, bytes *picture, str *type, bool *found, struct arena *a, struct err *e);

#endif
