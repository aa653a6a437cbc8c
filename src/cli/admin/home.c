/* cli/admin/home.c - see cli/admin/home.h. */
#include "cli/admin/home.h"

#include <errno.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/os.h"
#include "hub/bucket/bucket.h"
#include "hub/grouping.h"

/* ------------------------------------------------------------------ opening */

/* A server often runs as a user of its own, and so must whoever works on its folder. */
static bool check_may_write(const char *path, struct err *e)
{
    struct stat is;
    if (access(path, R_OK | W_OK) == 0 || errno != EACCES || stat(path, &is) != 0) return true; /* opening it tells more */
    const struct passwd *owner = getpwuid(is.st_uid);
    return err_set(e, ERR_DENIED, "you may not write to %s; run this as the user %s, whom it belongs to", path, owner ? owner->pw_name : "(without a name)");
}

static bool cli_db_open(struct cli *c, bool may_create, struct db **out, struct err *e)
{
    enum { HOME_MAX = 400 }; /* leaves room for what lies below it within the 512 bytes of os.h */
    const char *home = cli_cstr(c, "home");
    char path[512];
    bool found;
    if (strlen(home) > HOME_MAX) return err_set(e, ERR_INVALID, "--home: the path has more than %d bytes", HOME_MAX);
    snprintf(path, sizeof path, "%s/hearth.db", home);
    if (!os_stat(path, NULL, NULL, &found, e)) return false;
    if (!found && !may_create) return err_set(e, ERR_NOT_FOUND, "%s holds no hearth data; --home DIR names another folder, and hearth user add begins one", home);
    if (found && !check_may_write(path, e)) return false;
    if (!found && !os_mkdirs(home, e)) return false;
    return db_open(path, out, e);
}

bool cli_in_tx(struct cli *c, bool may_create, cli_change *fn, void *ctx, struct err *e)
{
    struct db *db;
    struct db_conn *tx;
    struct buf say = BUF_INIT(0);
    bool ok = false;
    if (!cli_db_open(c, may_create, &db, e)) return false;
    if (!db_begin(db, &tx, e)) goto done;
    ok = fn(c, tx, &say, ctx, e);
    ok = db_finish(db, tx, ok, e);
    if (ok) fwrite(buf_cstr(&say), 1, say.n, c->out);
done:
    buf_deinit(&say);
    db_close(db);
    return ok;
}

bool cli_in_reader(struct cli *c, bool (*fn)(struct cli *c, struct db_conn *reader, struct err *e), struct err *e)
{
    struct db *db;
    if (!cli_db_open(c, false, &db, e)) return false;
    struct db_conn *reader = db_reader(db);
    bool ok = fn(c, reader, e);
    db_give(db, reader);
    db_close(db);
    return ok;
}

bool cli_hub_open(struct cli *c, bool may_create, struct hub **out, struct err *e)
{
    struct db *db; /* the folder is looked at first: hub_open would make one */
    if (!cli_db_open(c, may_create, &db, e)) return false;
    db_close(db);
    return hub_open(cli_cstr(c, "home"), out, e);
}

bool cli_in_hub(struct cli *c, bool (*fn)(struct cli *c, struct hub *h, struct err *e), struct err *e)
{
    struct hub *h;
    if (!cli_hub_open(c, false, &h, e)) return false;
    bool ok = fn(c, h, e);
    hub_close(h);
    return ok;
}

/* ------------------------------------------------------------------ names */

bool cli_owned_name(const char *what, str full, str *owner, str *name, struct err *e)
{
    size_t slash = str_chr(full, '/');
    if (slash == STR_NONE || !slash || slash + 1 == full.n) return cli_usage(e, "name the %s as OWNER/NAME", what);
    *owner = str_to(full, slash);
    *name = str_from(full, slash + 1);
    return true;
}

bool cli_find_thing(struct cli *c, struct db_conn *conn, str full, struct grouped *out, struct err *e)
{
    enum repo_kind kind = REPO_MODEL;
    struct repo r;
    struct bucket b;
    str owner, name, rest = full;
    bool found, moved, is_bucket = str_starts(full, STR("buckets/"));
    size_t slash = str_chr(full, '/');
    if (is_bucket || (slash != STR_NONE && str_chr(str_from(full, slash + 1), '/') != STR_NONE && repo_kind_parse(str_to(full, slash), &kind)))
        rest = str_from(full, slash + 1);
    if (!cli_owned_name("repository", rest, &owner, &name, e)) return false;
    if (is_bucket && !bucket_find(conn, owner, name, &b, &found, &moved, c->arena, e)) return false;
    if (!is_bucket && !repo_find(conn, kind, owner, name, &r, &found, &moved, c->arena, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "there is no \"%.*s\"", STR_ARG(full));
    *out = is_bucket ? grouped_bucket(&b) : grouped_repo(&r);
    return true;
}

bool cli_model(struct cli *c, struct db_conn *conn, str full, struct repo *out, struct err *e)
{
    str owner, name;
    bool found, moved;
    return cli_owned_name("model", full, &owner, &name, e) && repo_find(conn, REPO_MODEL, owner, name, out, &found, &moved, c->arena, e) &&
           (found || err_set(e, ERR_NOT_FOUND, "there is no model \"%.*s\"", STR_ARG(full)));
}

bool cli_owner(struct cli *c, struct hub *h, str name, struct account *out, struct err *e)
{
    bool found;
    struct db_conn *reader = db_reader(hub_db(h));
    bool ok = account_find(reader, name, out, &found, c->arena, e);
    db_give(hub_db(h), reader);
    found = found && out->kind != ACCOUNT_SERVICE; /* it owns nothing */
    return ok && (found || err_set(e, ERR_NOT_FOUND, "there is no user or organisation \"%.*s\"", STR_ARG(name)));
}

bool cli_account(struct cli *c, struct db_conn *conn, str name, enum account_kind kind, struct account *out, struct err *e)
{
    bool found;
    if (!account_find(conn, name, out, &found, c->arena, e)) return false;
    if (found && out->kind == kind) return true;
    static const char *const is[] = { "a user", "an organisation", "a service account" };
    if (found) return err_set(e, ERR_NOT_FOUND, "%.*s is %s", STR_ARG(name), is[out->kind]);
    return err_set(e, ERR_NOT_FOUND, "there is no %s \"%.*s\"", kind == ACCOUNT_USER ? "user" : "organisation", STR_ARG(name));
}
