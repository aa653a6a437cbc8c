/* account/oauth_space.c - Spaces as applications: one each, made when its page is first served, kept as its card says. */
#include "account/oauth_priv.h"
#include "base/clock.h"
#include "db/credentials.h"

static bool find(struct db_conn *c, int64_t space_id, struct oauth_app *out, bool *found, struct arena *a, struct err *e)
{
    struct db_query q;
    *found = false;
    db_credentials_begin(c);
    bool ok = db_query(c, &q, e, "SELECT " OAUTH_APP_COLUMNS " FROM oauth_app p WHERE p.space_id = ?", db_int(space_id));
    if (ok) {
        *found = db_next(&q, e);
        if (*found) oauth_app_read(&q, 0, out, a);
        ok = db_end(&q);
    }
    db_credentials_end(c);
    return ok;
}

static bool is_same(const struct oauth_app *x, const struct oauth_app *y)
{
    return str_eq(x->name, y->name) && str_eq(x->home_url, y->home_url) && str_eq(x->redirect_uris, y->redirect_uris) && str_eq(x->scopes, y->scopes) &&
           x->token_seconds == y->token_seconds;
}

/* In a transaction of its own. */
static bool put(struct db *d, const struct oauth_app *app, struct err *e)
{
    static const char sql[] = "INSERT INTO oauth_app (hex_id, client_id, name, home_url, redirect_uris, scopes, token_seconds, created_ms, space_id)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (space_id) WHERE space_id IS NOT NULL DO UPDATE SET name = excluded.name,"
                              " home_url = excluded.home_url, redirect_uris = excluded.redirect_uris, scopes = excluded.scopes, token_seconds = excluded.token_seconds";
    char hex_id[25], id[33], client_id[37];
    struct db_conn *tx;
    random_hex(hex_id, 24);
    random_hex(id, 32);
    snprintf(client_id, sizeof client_id, "%.8s-%.4s-%.4s-%.4s-%.12s", id, id + 8, id + 12, id + 16, id + 20);
    if (!db_begin(d, &tx, e)) return false;
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, sql, db_text(str_c(hex_id)), db_text(str_c(client_id)), db_text(app->name), db_text(app->home_url), db_text(app->redirect_uris),
                     db_text(app->scopes), db_int(app->token_seconds), db_int(clock_now_ms()), db_int(app->space_id));
    db_credentials_end(tx);
    return db_finish(d, tx, ok, e);
}

bool oauth_app_of_space(struct db *d, const struct oauth_app *wanted, struct oauth_app *out, struct arena *a, struct err *e)
{
    struct oauth_app app = *wanted;
    bool found = false;
    app.scopes = oauth_scopes_within(wanted->scopes, (str){ 0 }, a);
    for (int try = 0; try < 2; try++) {
        struct db_conn *c = db_reader(d);
        bool ok = find(c, app.space_id, out, &found, a, e);
        db_give(d, c);
        if (!ok) return false;
        if (found && is_same(out, &app)) return true;
        if (!try && !put(d, &app, e)) return false;
    }
    return found || err_set(e, ERR_BUSY, "The Space is changing; try again in a moment");
}

bool oauth_app_forget_space(struct db_conn *tx, int64_t space_id, struct err *e)
{
    db_credentials_begin(tx);
    bool ok = db_run(tx, e, "DELETE FROM oauth_app WHERE space_id = ?", db_int(space_id));
    db_credentials_end(tx);
    return ok;
}
