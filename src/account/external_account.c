/* account/external_account.c - which account an outside provider's person is. */
#include "account/account_priv.h"
#include "account/external.h"
#include "account/profile.h"
#include "account/scim.h"
#include "base/clock.h"
#include "base/hash.h"
#include "db/credentials.h"

bool external_account_find(struct db_conn *tx, const struct external_person *p, struct account *out, bool *found, struct arena *a, struct err *e)
{
    int64_t id;
    db_credentials_begin(tx);
    bool ok = db_get_int(tx, &id, 0, e, "SELECT account_id FROM account_external WHERE issuer = ? AND subject = ?", db_text(p->issuer), db_text(p->subject)) &&
              (!id || db_run(tx, e, "UPDATE account_external SET used_ms = ? WHERE issuer = ? AND subject = ?", db_int(clock_now_ms()), db_text(p->issuer), db_text(p->subject)));
    db_credentials_end(tx);
    ok = ok && (id || scim_user_by_external(tx, p->scim_id, &id, e));
    *found = ok && id;
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

bool external_account_is_linked(struct db_conn *c, str issuer, int64_t account_id, bool *is_linked, struct err *e)
{
    int64_t n;
    db_credentials_begin(c);
    bool ok = db_get_int(c, &n, 0, e, "SELECT count(*) FROM account_external WHERE issuer = ? AND account_id = ?", db_text(issuer), db_int(account_id));
    db_credentials_end(c);
    *is_linked = ok && n;
    return ok;
}

bool external_account_make(struct db_conn *tx, const struct external_person *p, struct account *out, struct arena *a, struct err *e)
{
    size_t at = str_chr(p->name, '@');
    str name = account_plain_name(at == STR_NONE ? p->name : str_to(p->name, at), a);
    struct err why;
    if (!account_name_check(name, false, &why)) name = arena_fmt(a, "user-%.*s", STR_ARG(name));
    if (!account_name_check(name, false, &why)) name = STR("user");
    if (!account_create_like(tx, name, out, a, e)) return false;
    out->fullname = p->fullname;
    out->email = p->email.n ? p->email : (str){ 0 };
    if (!profile_check(out, &why)) out->fullname = STR(""), out->email = (str){ 0 };
    return account_update(tx, out, e) && external_account_link(tx, p, out->id, e);
}

bool external_use_once(struct db_conn *tx, str secret, int64_t until_ms, bool *is_first, struct err *e)
{
    struct sha256 digest = sha256_of(bytes_of(secret));
    struct db_value key = db_sha256(&digest);
    int64_t times;
    if (!db_run(tx, e, "DELETE FROM external_used WHERE expires_ms <= ?", db_int(clock_now_ms())) ||
        !db_get_int(tx, &times, 0, e, "SELECT count(*) FROM external_used WHERE digest = ?", key)) return false;
    *is_first = times == 0;
    return !*is_first || db_run(tx, e, "INSERT INTO external_used (digest, expires_ms) VALUES (?, ?)", key, db_int(until_ms));
}
