/* cli/admin/group.c - hearth group create | list | show | add-member | remove-member | put | take-out | delete */
#include "cli/admin/home.h"
#include "hub/grouping.h"

/* The group that the first two arguments name. */
static bool find(struct cli *c, struct db_conn *conn, struct account *org, struct resource_group *g, struct err *e)
{
    bool found;
    if (!cli_account(c, conn, c->argument[0], ACCOUNT_ORG, org, e) || !resource_group_find_name(conn, org->id, c->argument[1], g, &found, c->arena, e)) return false;
    return found || err_set(e, ERR_NOT_FOUND, "%.*s has no resource group \"%.*s\" (see hearth group list)", STR_ARG(org->name), STR_ARG(c->argument[1]));
}

static bool noted(struct cli *c, struct db_conn *tx, const char *type, const struct resource_group *g, str what, struct err *e)
{
    str words = what.n ? arena_fmt(c->arena, "%.*s: %.*s", STR_ARG(g->name), STR_ARG(what)) : g->name;
    return audit_add(tx, NULL, type, g->org_id, words, str_n(NULL, 0), e);
}

static bool create(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)ctx;
    struct account org;
    struct resource_group g;
    if (!cli_account(c, tx, c->argument[0], ACCOUNT_ORG, &org, e) ||
        !resource_group_create(tx, org.id, c->argument[1], cli_str(c, "description"), &g, c->arena, e)) return false;
    buf_addf(say, "resource group \"%.*s\" of %.*s created\n", STR_ARG(g.name), STR_ARG(org.name));
    return noted(c, tx, "resource_group.create", &g, STR(""), e);
}

bool cli_group_create(struct cli *c, struct err *e) { return cli_in_tx(c, false, create, NULL, e); }

static bool list(struct cli *c, struct db_conn *reader, struct err *e)
{
    enum { COLUMNS = 4 };
    struct account org;
    struct resource_group *g;
    size_t count, n = 0;
    if (!cli_account(c, reader, c->argument[0], ACCOUNT_ORG, &org, e) || !resource_group_list(reader, org.id, 0, c->arena, &g, &count, e)) return false;
    str *cell = arena_alloc(c->arena, (count * COLUMNS + 1) * sizeof *cell);
    for (size_t i = 0; i < count; i++) {
        cell[n++] = g[i].name;
        cell[n++] = arena_fmt(c->arena, "%lld people", (long long)g[i].members_count);
        cell[n++] = cli_date(g[i].created_ms, c->arena);
        cell[n++] = g[i].description;
    }
    cli_columns(c->out, cell, n, COLUMNS);
    return true;
}

bool cli_group_list(struct cli *c, struct err *e) { return cli_in_reader(c, list, e); }

static bool print_thing(void *ctx, const struct grouped *g)
{
    struct cli *c = ctx;
    fprintf(c->out, "%.*s  %.*s%s%.*s%s\n", STR_ARG(g->type), STR_ARG(g->name), g->title.n ? ": " : "", STR_ARG(g->title), g->is_private ? "  private" : "");
    return true;
}

static bool show(struct cli *c, struct db_conn *reader, struct err *e)
{
    enum { COLUMNS = 2 };
    struct account org;
    struct resource_group g;
    struct account_member *m;
    size_t count, n = 0;
    if (!find(c, reader, &org, &g, e) || !resource_group_members(reader, g.id, c->arena, &m, &count, e)) return false;
    str *cell = arena_alloc(c->arena, (count * COLUMNS + 1) * sizeof *cell);
    for (size_t i = 0; i < count; i++) {
        cell[n++] = m[i].user.name;
        cell[n++] = account_role_name(m[i].role);
    }
    cli_columns(c->out, cell, n, COLUMNS);
    return grouping_each(reader, g.id, print_thing, c, e);
}

bool cli_group_show(struct cli *c, struct err *e) { return cli_in_reader(c, show, e); }

static bool set_member(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    enum account_role role = *(enum account_role *)ctx;
    struct account org, user;
    struct resource_group g;
    bool found;
    str name = account_role_name(role);
    if (!find(c, tx, &org, &g, e) || !account_find(tx, c->argument[2], &user, &found, c->arena, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "there is no user \"%.*s\"", STR_ARG(c->argument[2]));
    if (!resource_group_set_member(tx, &g, user.id, role, e)) return false;
    if (role == ROLE_NONE) {
        buf_addf(say, "%.*s is no longer in \"%.*s\"\n", STR_ARG(user.name), STR_ARG(g.name));
        return noted(c, tx, "resource_group.remove_users", &g, user.name, e);
    }
    buf_addf(say, "%.*s has the role %.*s in \"%.*s\"\n", STR_ARG(user.name), STR_ARG(name), STR_ARG(g.name));
    return noted(c, tx, "resource_group.add_users", &g, arena_fmt(c->arena, "%.*s as %.*s", STR_ARG(user.name), STR_ARG(name)), e);
}

bool cli_group_add_member(struct cli *c, struct err *e)
{
    enum account_role role;
    must(account_role_parse(cli_str(c, "role"), &role)); /* the table lets nothing else through */
    return cli_in_tx(c, false, set_member, &role, e);
}

bool cli_group_remove_member(struct cli *c, struct err *e)
{
    enum account_role none = ROLE_NONE;
    return cli_in_tx(c, false, set_member, &none, e);
}

static bool put(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)ctx;
    struct account org;
    struct resource_group g;
    struct grouped thing;
    if (!find(c, tx, &org, &g, e) || !cli_find_thing(c, tx, c->argument[2], &thing, e)) return false;
    if (thing.owner_id != org.id) return err_set(e, ERR_INVALID, "%.*s does not belong to %.*s", STR_ARG(thing.name), STR_ARG(org.name));
    buf_addf(say, "%.*s is in the resource group \"%.*s\"\n", STR_ARG(thing.name), STR_ARG(g.name));
    return grouping_set(tx, &thing, &g, NULL, e);
}

bool cli_group_put(struct cli *c, struct err *e) { return cli_in_tx(c, false, put, NULL, e); }

static bool take_out(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)ctx;
    struct grouped thing;
    if (!cli_find_thing(c, tx, c->argument[0], &thing, e)) return false;
    if (!thing.group_id) return err_set(e, ERR_CONFLICT, "%.*s is in no resource group", STR_ARG(thing.name));
    buf_addf(say, "%.*s is in no resource group any more\n", STR_ARG(thing.name));
    return grouping_set(tx, &thing, NULL, NULL, e);
}

bool cli_group_take_out(struct cli *c, struct err *e) { return cli_in_tx(c, false, take_out, NULL, e); }

static bool delete(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)ctx;
    struct account org;
    struct resource_group g;
    if (!find(c, tx, &org, &g, e) || !resource_group_delete(tx, &g, e)) return false;
    buf_addf(say, "resource group \"%.*s\" of %.*s deleted\n", STR_ARG(g.name), STR_ARG(org.name));
    return noted(c, tx, "resource_group.delete", &g, STR(""), e);
}

bool cli_group_delete(struct cli *c, struct err *e) { return cli_in_tx(c, false, delete, NULL, e); }
