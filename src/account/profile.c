/* account/profile.c - see account/profile.h. */
#include "account/profile.h"

#include "account/account_priv.h"
#include "account/picture.h"
#include "base/clock.h"

enum { FULLNAME_MAX = 100, DETAILS_MAX = 500, EMAIL_MAX = 254, WEBSITE_MAX = 300 };

bool website_get(struct db_conn *c, int64_t account_id, str *out, struct arena *a, struct err *e)
{
    struct db_query q;
    *out = STR("");
    if (!db_query(c, &q, e, "SELECT website FROM account WHERE id = ?", db_int(account_id))) return false;
    if (db_next(&q, e)) *out = db_col_dup(&q, 0, a);
    return db_end(&q);
}

static bool is_website(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '"' || s.p[i] == '<' || s.p[i] == '>' || s.p[i] == '\\') return false;
    return s.n <= WEBSITE_MAX && (str_starts(s, STR("https://")) || str_starts(s, STR("http://")));
}

bool website_set(struct db_conn *tx, int64_t account_id, str website, struct err *e)
{
    if (website.n && !is_website(website)) return err_set(e, ERR_INVALID, "a website begins with https:// or http:// and has at most %d characters", WEBSITE_MAX);
    return db_run(tx, e, "UPDATE account SET website = ? WHERE id = ?", db_text(website.p ? website : STR("")), db_int(account_id));
}

static bool is_line(str s, size_t most)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f) return false;
    return s.n <= most && str_is_utf8(s);
}

bool profile_check(const struct account *changed, struct err *e)
{
    size_t at = str_chr(changed->email, '@');
    if (!is_line(changed->fullname, FULLNAME_MAX)) return err_set(e, ERR_INVALID, "a full name is a line of at most %d bytes", FULLNAME_MAX);
    if (!is_line(changed->details, DETAILS_MAX)) return err_set(e, ERR_INVALID, "what is said about an account is a line of at most %d bytes", DETAILS_MAX);
    if (changed->email.n && (!is_line(changed->email, EMAIL_MAX) || at == STR_NONE || at == 0 || at + 1 == changed->email.n || str_chr(changed->email, ' ') != STR_NONE))
        return err_set(e, ERR_INVALID, "\"%.*s\" is no mail address", STR_ARG(str_to(changed->email, 100)));
    return true;
}

/* ------------------------------------------------------------------ pictures */

bool avatar_set(struct db_conn *tx, int64_t account_id, bytes picture, struct err *e)
{
    static const char sql[] = "INSERT INTO account_avatar (account_id, type, content, changed_ms) VALUES (?, ?, ?, ?) ON CONFLICT (account_id) DO UPDATE SET"
                              " type = excluded.type, content = excluded.content, changed_ms = excluded.changed_ms";
    struct picture is;
    if (picture.n > AVATAR_BYTES_MAX) return err_set(e, ERR_TOO_LARGE, "a picture may have %d KiB", AVATAR_BYTES_MAX >> 10);
    if (!picture_read(picture, &is)) return err_set(e, ERR_INVALID, "a picture is a PNG, JPEG, WebP or GIF file");
    if (is.width > AVATAR_SIDE_MAX || is.height > AVATAR_SIDE_MAX)
        return err_set(e, ERR_INVALID, "a picture may be %d pixels wide and high at most; this one has more", AVATAR_SIDE_MAX);
    return db_run(tx, e, sql, db_int(account_id), db_text(is.type), db_blob(picture), db_int(clock_now_ms()));
}

bool avatar_remove(struct db_conn *tx, int64_t account_id, struct err *e)
{
    return db_run(tx, e, "DELETE FROM account_avatar WHERE account_id = ?", db_int(account_id));
}

bool avatar_get(struct db_conn *c, str account, bytes *picture, str *type, bool *found, struct arena *a, struct err *e)
{
    struct db_query q;
    if (!db_query(c, &q, e, "SELECT v.type, v.content FROM account_avatar v JOIN account a ON a.id = v.account_id WHERE a.name_key = ?", db_text(account_key(account, a))))
        return false;
    *found = db_next(&q, e);
    if (*found) {
        *type = db_col_dup(&q, 0, a);
        *picture = bytes_of(arena_dup(a, str_of(db_col_blob(&q, 1))));
    }
    return db_end(&q);
}
