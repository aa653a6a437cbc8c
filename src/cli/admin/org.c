/* cli/admin/org.c - hearth org create | list | members | add-member | remove-member | provision | delete */
#include "account/profile.h"
#include "account/scim.h"
#include "cli/admin/home.h"

static bool create(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)ctx;
    struct account org, owner;
    str name = cli_str(c, "owner");
    if (name.p && !cli_account(c, tx, name, ACCOUNT_USER, &owner, e)) return false;
    if (!account_create(tx, ACCOUNT_ORG, c->argument[0], true, &org, c->arena, e)) return false;
    if (cli_given(c, "fullname")) org.fullname = cli_str(c, "fullname");
    org.repos_private = cli_flag(c, "private");
    if (!profile_check(&org, e) || !account_update(tx, &org, e)) return false;
    if (name.p && !account_set_member(tx, org.id, owner.id, ROLE_ADMIN, e)) return false;
    buf_addf(say, "organisation %.*s created\n", STR_ARG(org.name));
    return audit_add(tx, NULL, "org.create", org.id, org.name, str_n(NULL, 0), e);
}

bool cli_org_create(struct cli *c, struct err *e) { return cli_in_tx(c, false, create, NULL, e); }

static bool find_both(struct cli *c, struct db_conn *conn, struct account *org, struct account *user, struct err *e)
{
    return cli_account(c, conn, c->argument[0], ACCOUNT_ORG, org, e) && cli_account(c, conn, c->argument[1], ACCOUNT_USER, user, e);
}

static bool add_member(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)ctx;
    struct account org, user;
    enum account_role role;
    must(account_role_parse(cli_str(c, "role"), &role)); /* the table lets nothing else through */
    if (!find_both(c, tx, &org, &user, e) || !account_set_member(tx, org.id, user.id, role, e)) return false;
    str what = arena_fmt(c->arena, "%.*s is %.*s in %.*s", STR_ARG(user.name), STR_ARG(account_role_name(role)), STR_ARG(org.name));
    buf_addf(say, "%.*s\n", STR_ARG(what));
    return audit_add(tx, NULL, "org.add_user", org.id, what, str_n(NULL, 0), e);
}

bool cli_org_add_member(struct cli *c, struct err *e) { return cli_in_tx(c, false, add_member, NULL, e); }

static bool remove_member(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)ctx;
    struct account org, user;
    if (!find_both(c, tx, &org, &user, e) || !account_set_member(tx, org.id, user.id, ROLE_NONE, e)) return false;
    buf_addf(say, "%.*s is no longer in %.*s\n", STR_ARG(user.name), STR_ARG(org.name));
    return audit_add(tx, NULL, "org.remove_user", org.id, user.name, str_n(NULL, 0), e);
}

bool cli_org_remove_member(struct cli *c, struct err *e) { return cli_in_tx(c, false, remove_member, NULL, e); }

static bool provision(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)ctx;
    struct account org;
    bool makes = !cli_flag(c, "off");
    if (!cli_account(c, tx, c->argument[0], ACCOUNT_ORG, &org, e)) return false;
    buf_addf(say, "%.*s %s accounts by SCIM\n", STR_ARG(org.name), makes ? "may make" : "makes no more");
    return scim_org_allow(tx, org.id, makes, NULL, str_n(NULL, 0), e);
}

bool cli_org_provision(struct cli *c, struct err *e) { return cli_in_tx(c, false, provision, NULL, e); }

static bool delete(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)ctx;
    struct account org;
    if (!cli_account(c, tx, c->argument[0], ACCOUNT_ORG, &org, e) || !account_delete(tx, org.id, e)) return false;
    buf_addf(say, "organisation %.*s is deleted\n", STR_ARG(org.name));
    return audit_add(tx, NULL, "org.delete", 0, org.name, str_n(NULL, 0), e);
}

bool cli_org_delete(struct cli *c, struct err *e) { return cli_in_tx(c, false, delete, NULL, e); }

static bool list(struct cli *c, struct db_conn *reader, struct err *e)
{
    enum { PAGE = 500, COLUMNS = 3 };
    str after = STR(""), *cell = arena_alloc(c->arena, PAGE * COLUMNS * sizeof *cell);
    struct account *org;
    size_t orgs;
    do {
        size_t n = 0;
        if (!account_list(reader, ACCOUNT_ORG, STR(""), after, PAGE, c->arena, &org, &orgs, e)) return false;
        for (size_t i = 0; i < orgs; i++) {
            cell[n++] = org[i].name;
            cell[n++] = cli_date(org[i].created_ms, c->arena);
            cell[n++] = org[i].fullname;
            after = org[i].name;
        }
        cli_columns(c->out, cell, n, COLUMNS);
    } while (orgs == PAGE);
    return true;
}

bool cli_org_list(struct cli *c, struct err *e) { return cli_in_reader(c, list, e); }

static bool members(struct cli *c, struct db_conn *reader, struct err *e)
{
    enum { PAGE = 500, COLUMNS = 2 };
    str after = STR(""), *cell = arena_alloc(c->arena, PAGE * COLUMNS * sizeof *cell);
    struct account org;
    struct account_member *member;
    size_t count;
    if (!cli_account(c, reader, c->argument[0], ACCOUNT_ORG, &org, e)) return false;
    do {
        size_t n = 0;
        if (!account_members(reader, org.id, STR(""), after, PAGE, c->arena, &member, &count, e)) return false;
        for (size_t i = 0; i < count; i++) {
            cell[n++] = member[i].user.name;
            cell[n++] = account_role_name(member[i].role);
            after = member[i].user.name;
        }
        cli_columns(c->out, cell, n, COLUMNS);
    } while (count == PAGE);
    return true;
}

bool cli_org_members(struct cli *c, struct err *e) { return cli_in_reader(c, members, e); }
