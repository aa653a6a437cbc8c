/* cli/admin/user.c - hearth user add | list | passwd | remove-factor | disable | enable | delete */
#include "account/oauth.h"
#include "account/profile.h"
#include "cli/admin/home.h"
#include "hub/second_factor.h"

struct secret {
    char hash[PASSWORD_HASH_BYTES];
    bool is_given;
};

/* Hashing takes its time, so it is done before the transaction begins. */
static bool read_password(struct cli *c, struct secret *out, struct err *e)
{
    str password;
    out->is_given = true;
    if (cli_flag(c, "password-stdin")) {
        if (!cli_line(c, &password, e)) return false;
    } else {
        if (!cli_ask_password(c, &password, &out->is_given, e)) return false;
        if (!out->is_given) return true;
    }
    return password_hash(password, out->hash, e);
}

static bool add(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    const struct secret *secret = ctx;
    struct account user;
    if (!account_create(tx, ACCOUNT_USER, c->argument[0], true, &user, c->arena, e)) return false;
    bool is_admin = cli_flag(c, "admin");
    if (cli_given(c, "email")) user.email = cli_str(c, "email");
    if (cli_given(c, "fullname")) user.fullname = cli_str(c, "fullname");
    if (!account_update(tx, &user, e) || !account_set_admin(tx, user.id, is_admin, e)) return false;
    if (secret->is_given && !account_store_password(tx, user.id, secret->hash, e)) return false;
    buf_addf(say, "user %.*s added%s%s\n", STR_ARG(user.name), is_admin ? " as administrator" : "",
             secret->is_given ? "" : ", without a password");
    return audit_add(tx, NULL, "user.create", user.id, user.name, str_n(NULL, 0), e);
}

bool cli_user_add(struct cli *c, struct err *e)
{
    struct secret secret;
    struct account wished = { .fullname = cli_str(c, "fullname"), .email = cli_str(c, "email") };
    if (!account_name_check(c->argument[0], true, e) || !profile_check(&wished, e)) return false; /* before anybody types a password */
    return read_password(c, &secret, e) && cli_in_tx(c, true, add, &secret, e);
}

static bool passwd(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    const struct secret *secret = ctx;
    struct account user;
    if (!cli_account(c, tx, c->argument[0], ACCOUNT_USER, &user, e)) return false;
    if (!account_store_password(tx, user.id, secret->hash, e) || !session_end_others(tx, user.id, STR(""), e)) return false;
    buf_addf(say, "the password of %.*s is changed\n", STR_ARG(user.name));
    if (cli_flag(c, "revoke-tokens")) {
        int64_t revoked;
        if (!oauth_revoke_all(tx, user.id, &revoked, e) || !audit_add(tx, NULL, "token.revoke", user.id, STR("all"), str_n(NULL, 0), e)) return false;
        buf_addf(say, "%lld access token%s revoked, and applications are allowed nothing any more\n", (long long)revoked, revoked == 1 ? " is" : "s are");
    }
    return audit_add(tx, NULL, "user.password", user.id, user.name, str_n(NULL, 0), e);
}

bool cli_user_passwd(struct cli *c, struct err *e)
{
    struct secret secret;
    if (!read_password(c, &secret, e)) return false;
    if (!secret.is_given) return cli_usage(e, "give the password with --password-stdin, or run this on a terminal");
    return cli_in_tx(c, false, passwd, &secret, e);
}

static bool remove_factor(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)ctx;
    struct account user;
    bool was_on;
    if (!cli_account(c, tx, c->argument[0], ACCOUNT_USER, &user, e)) return false;
    if (!second_factor_turn_off(tx, NULL, user.id, str_n(NULL, 0), &was_on, e)) return false;
    buf_addf(say, was_on ? "the second factor of %.*s is off: the password alone signs in\n" : "%.*s has no second factor\n", STR_ARG(user.name));
    return true;
}

bool cli_user_remove_factor(struct cli *c, struct err *e) { return cli_in_tx(c, false, remove_factor, NULL, e); }

static bool set_disabled(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    const bool *disabled = ctx;
    struct account user;
    if (!cli_account(c, tx, c->argument[0], ACCOUNT_USER, &user, e)) return false;
    if (!account_set_disabled(tx, user.id, *disabled, e)) return false;
    buf_addf(say, "user %.*s is %s\n", STR_ARG(user.name), *disabled ? "disabled" : "enabled");
    return audit_add(tx, NULL, *disabled ? "user.disable" : "user.enable", user.id, user.name, str_n(NULL, 0), e);
}

bool cli_user_disable(struct cli *c, struct err *e)
{
    bool disabled = true;
    return cli_in_tx(c, false, set_disabled, &disabled, e);
}

bool cli_user_enable(struct cli *c, struct err *e)
{
    bool disabled = false;
    return cli_in_tx(c, false, set_disabled, &disabled, e);
}

static bool delete(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)ctx;
    struct account user;
    if (!cli_account(c, tx, c->argument[0], ACCOUNT_USER, &user, e) || !account_delete(tx, user.id, e)) return false;
    buf_addf(say, "user %.*s is deleted\n", STR_ARG(user.name));
    return audit_add(tx, NULL, "user.delete", 0, user.name, str_n(NULL, 0), e);
}

bool cli_user_delete(struct cli *c, struct err *e) { return cli_in_tx(c, false, delete, NULL, e); }

static bool list(struct cli *c, struct db_conn *reader, struct err *e)
{
    enum { PAGE = 500, COLUMNS = 5 };
    str after = STR(""), *cell = arena_alloc(c->arena, PAGE * COLUMNS * sizeof *cell);
    struct account *user;
    struct second_factor factor;
    size_t users;
    bool has_factor;
    do { /* page by page: widths hold within one, memory stays small with many */
        size_t n = 0;
        if (!account_list(reader, ACCOUNT_USER, STR(""), after, PAGE, c->arena, &user, &users, e)) return false;
        for (size_t i = 0; i < users; i++) {
            if (!second_factor_find(reader, user[i].id, &factor, &has_factor, c->arena, e)) return false;
            cell[n++] = user[i].name;
            cell[n++] = user[i].is_disabled ? STR("disabled") : user[i].is_admin ? STR("admin") : STR("user");
            cell[n++] = has_factor ? STR("second factor") : STR("-");
            cell[n++] = cli_date(user[i].created_ms, c->arena);
            cell[n++] = user[i].email;
            after = user[i].name;
        }
        cli_columns(c->out, cell, n, COLUMNS);
    } while (users == PAGE);
    return true;
}

bool cli_user_list(struct cli *c, struct err *e) { return cli_in_reader(c, list, e); }
