/* hub/sealed.c - see hub/sealed.h. */
#include "hub/sealed.h"

#include "account/second_factor.h"
#include "account/secret_box.h"
#include "hub/hub_priv.h"

static bool read_key(struct hub *h, struct secret_key *out, bool *found, struct err *e)
{
    char path[HUB_PATH_BYTES];
    hub_path(h, "secret.key", path);
    return secret_key_read(path, out, found, e);
}

static bool need_key(struct hub *h, struct db_conn *tx, struct secret_key *out, struct err *e)
{
    static const char sql[] = "SELECT (SELECT count(*) FROM space_setting WHERE is_secret = 1) +"
                              " (SELECT count(*) FROM webhook WHERE sealed IS NOT NULL)";
    char path[HUB_PATH_BYTES], tmp[HUB_PATH_BYTES];
    bool found;
    int64_t sealed, factors;
    if (!read_key(h, out, &found, e)) return false;
    if (found) return true;
    if (!db_get_int(tx, &sealed, 0, e, sql) || !second_factor_count(tx, &factors, e)) return false;
    sealed += factors;
    hub_path(h, "secret.key", path);
    hub_path(h, "tmp/cas", tmp); /* what a crash leaves there is swept */
    if (sealed)
        return err_set(e, ERR_INTERNAL, "%s is missing, and %lld secrets are sealed with it: restore it from a backup", path,
                       (long long)sealed);
    return secret_key_make(tmp, path, out, e);
}

bool hub_seal(struct hub *h, struct db_conn *tx, str context, str value, struct buf *out, struct err *e)
{
    struct secret_key key;
    bool ok = need_key(h, tx, &key, e);
    if (ok) secret_seal(&key, context, value, out);
    secret_key_forget(&key);
    return ok;
}

bool hub_unseal(struct hub *h, str context, bytes sealed, str *out, struct arena *a, struct err *e)
{
    struct secret_key key;
    bool found;
    if (!read_key(h, &key, &found, e)) return false;
    if (!found) return err_set(e, ERR_INTERNAL, "secret.key is missing from the home folder: restore it from a backup");
    bool ok = secret_open(&key, context, sealed, out, a, e);
    secret_key_forget(&key);
    return ok;
}
