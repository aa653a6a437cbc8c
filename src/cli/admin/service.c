/* cli/admin/service.c - hearth service create | list | token | tokens | rotate | revoke | delete */
#include "account/service.h"
#include "cli/admin/home.h"

#include "base/clock.h"
#include "hub/grouping.h"

/* The service account that the first argument names, and its organisation. */
static bool find(struct cli *c, struct db_conn *conn, struct account *org, struct account *who, struct err *e)
{
    return cli_account(c, conn, c->argument[0], ACCOUNT_SERVICE, who, e) && account_get(conn, who->service_of, org, c->arena, e);
}

static bool noted(struct cli *c, struct db_conn *tx, const char *type, const struct account *org, const struct account *who, str what, struct err *e)
{
    str words = what.n ? arena_fmt(c->arena, "%.*s: %.*s", STR_ARG(who->name), STR_ARG(what)) : who->name;
    return audit_add(tx, NULL, type, org->id, words, str_n(NULL, 0), e);
}

static bool create(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)ctx;
    struct account org, who;
    enum account_role role;
    must(account_role_parse(cli_str(c, "role"), &role)); /* the table lets nothing else through */
    if (!cli_account(c, tx, c->argument[0], ACCOUNT_ORG, &org, e)) return false;
    if (!service_create(tx, &org, c->argument[1], cli_str(c, "description"), role, &who, c->arena, e)) return false;
    buf_addf(say, "%.*s\n", STR_ARG(who.name)); /* alone, so that a script can take it as it is */
    return noted(c, tx, "org.service_account.create", &org, &who, cli_str(c, "role"), e);
}

bool cli_service_create(struct cli *c, struct err *e) { return cli_in_tx(c, false, create, NULL, e); }

static bool list(struct cli *c, struct db_conn *reader, struct err *e)
{
    enum { COLUMNS = 4 };
    struct account org;
    struct account_member *m;
    size_t count, n = 0;
    if (!cli_account(c, reader, c->argument[0], ACCOUNT_ORG, &org, e) || !service_list(reader, org.id, c->arena, &m, &count, e)) return false;
    str *cell = arena_alloc(c->arena, (count * COLUMNS + 1) * sizeof *cell);
    for (size_t i = 0; i < count; i++) {
        cell[n++] = m[i].user.name;
        cell[n++] = account_role_name(m[i].role);
        cell[n++] = cli_date(m[i].user.created_ms, c->arena);
        cell[n++] = m[i].user.fullname;
    }
    cli_columns(c->out, cell, n, COLUMNS);
    return true;
}

bool cli_service_list(struct cli *c, struct err *e) { return cli_in_reader(c, list, e); }

/* ------------------------------------------------------------------ tokens */

static bool find_named(struct cli *c, struct db_conn *tx, str full, struct service_repo *out, struct err *e)
{
    struct grouped g;
    if (!cli_find_thing(c, tx, full, &g, e)) return false;
    *out = (struct service_repo){ g.type, g.hex_id, g.name, str_to(g.name, str_chr(g.name, '/')) };
    return true;
}

static bool read_permissions(struct cli *c, const char *option, bool of_repo, struct service_grant *g, struct err *e)
{
    str rest = cli_str(c, option), piece;
    while (rest.p && str_cut(&rest, ',', &piece))
        if (!service_permit(g, of_repo, str_trim(piece), c->arena, e)) return false;
    return true;
}

static bool make_token(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)ctx;
    struct account org, who;
    struct service_grant g = { 0 };
    struct token token;
    enum account_role role;
    str text, piece, rest = cli_str(c, "repos"), label = cli_str(c, "name");
    int64_t expires_ms = cli_given(c, "expires") ? clock_now_ms() + cli_int(c, "expires") : 0;
    if (!find(c, tx, &org, &who, e) || !account_member_role(tx, org.id, who.id, &role, e)) return false;
    if (!read_permissions(c, "permissions", false, &g, e) || !read_permissions(c, "repo-permissions", true, &g, e)) return false;
    while (rest.p && str_cut(&rest, ',', &piece)) {
        if (g.repos == SERVICE_REPOS_MAX) return err_set(e, ERR_INVALID, "--repos takes at most %d", SERVICE_REPOS_MAX);
        g.repo = arena_grow(c->arena, g.repo, g.repos, sizeof *g.repo);
        if (!find_named(c, tx, str_trim(piece), &g.repo[g.repos++], e)) return false;
    }
    if (!service_grant_check(&g, NULL, &org, role, e)) return false;
    if (!token_create(tx, who.id, TOKEN_FINE_GRAINED, label, service_grant_scopes(&g, &org, c->arena), expires_ms, (str){ 0 }, &token, &text, c->arena, e))
        return false;
    buf_addf(say, "%.*s\n", STR_ARG(text)); /* alone, so that a script can take it as it is */
    return noted(c, tx, "org.service_account.token.create", &org, &who, label, e);
}

bool cli_service_token(struct cli *c, struct err *e)
{
    if (!cli_given(c, "permissions") && !cli_given(c, "repos")) return cli_usage(e, "say what the token may: --permissions, or --repos with --repo-permissions");
    if (cli_given(c, "repos") != cli_given(c, "repo-permissions")) return cli_usage(e, "--repos and --repo-permissions belong together");
    return cli_in_tx(c, false, make_token, NULL, e);
}

static bool tokens(struct cli *c, struct db_conn *reader, struct err *e)
{
    struct account org, who;
    return find(c, reader, &org, &who, e) && cli_print_tokens(c, reader, who.id, e);
}

bool cli_service_tokens(struct cli *c, struct err *e) { return cli_in_reader(c, tokens, e); }

static bool no_such_token(struct err *e) { return err_set(e, ERR_NOT_FOUND, "there is no such token (see hearth service tokens)"); }

static bool rotate(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)ctx;
    struct account org, who;
    str text;
    bool found;
    if (!find(c, tx, &org, &who, e) || !token_rotate(tx, who.id, c->argument[1], &text, &found, c->arena, e)) return false;
    if (!found) return no_such_token(e);
    buf_addf(say, "%.*s\n", STR_ARG(text));
    return noted(c, tx, "org.service_account.token.rotate", &org, &who, c->argument[1], e);
}

bool cli_service_rotate(struct cli *c, struct err *e) { return cli_in_tx(c, false, rotate, NULL, e); }

static bool revoke(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)ctx;
    struct account org, who;
    bool found;
    if (!find(c, tx, &org, &who, e) || !token_revoke(tx, who.id, c->argument[1], &found, e)) return false;
    if (!found) return no_such_token(e);
    buf_lit(say, "the token is revoked\n");
    return noted(c, tx, "org.service_account.token.delete", &org, &who, c->argument[1], e);
}

bool cli_service_revoke(struct cli *c, struct err *e) { return cli_in_tx(c, false, revoke, NULL, e); }

static bool delete(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)ctx;
    struct account org, who;
    if (!find(c, tx, &org, &who, e) || !account_delete(tx, who.id, e)) return false;
    buf_addf(say, "service account %.*s is deleted\n", STR_ARG(who.name));
    return noted(c, tx, "org.service_account.delete", &org, &who, STR(""), e);
}

bool cli_service_delete(struct cli *c, struct err *e) { return cli_in_tx(c, false, delete, NULL, e); }
