/* account/external_account.c - which account an outside provider's person is. */
#include "account/account_priv.h"
#include "account/external.h"
#include "account/profile.h"
#include "base/clock.h"
#include "base/hash.h"
#include "db/credentials.h"

enum { NAME_CHARS = 38, TRIES = 99 };

bool external_account_find(struct db_conn *tx, const struct external_person *p, struct account *out, bool *found, struct arena *a, struct err *e)
{
    int64_t id;
    db_credentials_begin(tx);
    bool ok = db_get_int(tx, &id, 0, e, "SELECT account_id FROM account_external WHERE issuer = ? AND subject = ?", db_text(p->issuer), db_text(p->subject)) &&
              (!id || db_run(tx, e, "UPDATE account_external SET used_ms = ? WHERE issuer = ? AND subject = ?", db_int(clock_now_ms()), db_text(p->issuer), db_text(p->subject)));
    db_credentials_end(tx);
    *found = id != 0;
    return ok && (!id || account_get(tx, id, out, a, e));
}

bool external_account_link(struct db_conn *tx, const struct external_person *p, int64_t account_id, struct err *e)
{
    static const char sql[] = "INSERT INTO account_external (issuer, subject, account_id, created_ms, used_ms) VALUES (?1, ?2, ?3, ?4, ?4)";
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, sql, db_text(p->issuer), db_text(p->subject), db_int(account_id), db_int(clock_now_ms()));
    db_credentials_end(tx);
    return ok || (e->code == ERR_CONFLICT ? err_set(e, ERR_CONFLICT, "This person of the provider belongs to another account here") : false);
}

/* "Ada.Lovelace@example.org" becomes "Ada-Lovelace": what the sign-up form would take. */
static str plain_name(str wished, struct arena *a)
{
    char *out = arena_alloc(a, NAME_CHARS + 1);
    size_t n = 0, at = str_chr(wished, '@');
    if (at != STR_NONE) wished = str_to(wished, at);
    for (size_t i = 0; i < wished.n && n < NAME_CHARS; i++) {
        char c = wished.p[i];
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (is_alnum) out[n++] = c;
        else if (n && out[n - 1] != '-') out[n++] = '-';
    }
    while (n && out[n - 1] == '-') n--;
    return str_n(out, n);
}

bool external_account_make(struct db_conn *tx, const struct external_person *p, struct account *out, struct arena *a, struct err *e)
{
    str name = plain_name(p->name, a);
    struct err why;
    bool found = true;
    if (!account_name_check(name, false, &why)) name = arena_fmt(a, "user-%.*s", STR_ARG(name));
    if (!account_name_check(name, false, &why)) name = STR("user");
    for (int i = 1; i <= TRIES && found; i++) {
        str tried = i == 1 ? name : arena_fmt(a, "%.*s-%d", STR_ARG(name), i);
        if (!account_name_check(tried, false, &why)) continue;
        if (!account_find(tx, tried, out, &found, a, e)) return false;
        if (found || account_create(tx, ACCOUNT_USER, tried, false, out, a, &why)) continue;
        if (why.code != ERR_CONFLICT) return (*e = why, false);
        found = true; /* nobody has it, and nobody may */
    }
    if (found) return err_set(e, ERR_CONFLICT, "There is no free name like \"%.*s\" here; ask the administrator for an account", STR_ARG(name));
    out->fullname = p->fullname;
    out->email = p->email.n ? p->email : (str){ 0 };
    if (!profile_check(out, &why)) out->fullname = STR(""), out->email = (str){ 0 };
    return account_update(tx, out, e) && external_account_link(tx, p, out->id, e);
}

bool external_use_once(struct db_conn *tx, str secret, int64_t until_ms, bool *is_first, struct err *e)
{
    struct sha256 digest = sha256_of(bytes_of(secret));
    struct db_value key = db_blob((bytes){ digest.b, SHA256_BYTES });
    int64_t times;
    if (!db_run(tx, e, "DELETE FROM external_used WHERE expires_ms <= ?", db_int(clock_now_ms())) ||
        !db_get_int(tx, &times, 0, e, "SELECT count(*) FROM external_used WHERE digest = ?", key)) return false;
    *is_first = times == 0;
    return !*is_first || db_run(tx, e, "INSERT INTO external_used (digest, expires_ms) VALUES (?, ?)", key, db_int(until_ms));
}
