/* cli/admin/token.c - hearth token create | list | revoke */
#include "cli/admin/home.h"

#include "base/clock.h"
#include "base/os.h"

enum { SCOPES_BYTES_MAX = 64 << 10 };

struct wish {
    str secret; /* .p NULL: a fresh one */
    str scopes;
};

static bool create(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    const struct wish *wish = ctx;
    struct account user;
    struct token token;
    enum token_role role;
    str text;
    int64_t expires_ms = cli_given(c, "expires") ? clock_now_ms() + cli_int(c, "expires") : 0;
    must(token_role_parse(cli_str(c, "role"), &role)); /* the table lets nothing else through */
    if (!cli_account(c, tx, c->argument[0], ACCOUNT_USER, &user, e)) return false;
    if (!token_create(tx, user.id, role, cli_str(c, "name"), wish->scopes, expires_ms, wish->secret, &token, &text, c->arena, e))
        return false;
    buf_addf(say, "%.*s\n", STR_ARG(text)); /* alone, so that a script can take it as it is */
    return audit_add(tx, NULL, "token.create", user.id, token.hex_id, str_n(NULL, 0), e);
}

bool cli_token_create(struct cli *c, struct err *e)
{
    struct wish wish = { 0 };
    bool is_fine = str_eq(cli_str(c, "role"), STR("fineGrained"));
    if (is_fine != cli_given(c, "scopes")) return cli_usage(e, "--scopes FILE belongs to --role fineGrained");
    if (is_fine) {
        char *file;
        size_t n;
        if (!os_read_file(cli_cstr(c, "scopes"), SCOPES_BYTES_MAX, &file, &n, e)) return false;
        wish.scopes = arena_dup(c->arena, str_trim(str_n(file, n)));
        mem_free(file);
    }
    if (cli_flag(c, "value-stdin") && !cli_line(c, &wish.secret, e)) return false;
    return cli_in_tx(c, false, create, &wish, e);
}

static bool revoke(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    const str *secret = ctx;
    struct account user;
    bool found;
    if (secret->p) {
        if (!token_revoke_secret(tx, *secret, &found, e)) return false;
    } else {
        if (!cli_account(c, tx, c->argument[0], ACCOUNT_USER, &user, e)) return false;
        if (!token_revoke(tx, user.id, c->argument[1], &found, e)) return false;
    }
    if (!found) return err_set(e, ERR_NOT_FOUND, "there is no such token (see hearth token list)");
    buf_lit(say, "the token is revoked\n");
    return audit_add(tx, NULL, "token.revoke", secret->p ? 0 : user.id, c->argument[1], str_n(NULL, 0), e);
}

bool cli_token_revoke(struct cli *c, struct err *e)
{
    str secret = { 0 };
    bool by_value = cli_flag(c, "value-stdin");
    if (c->arguments_count != (by_value ? 0 : 2)) return cli_usage(e, "name USER and ID, or give the token with --value-stdin");
    if (by_value && !cli_line(c, &secret, e)) return false;
    return cli_in_tx(c, false, revoke, &secret, e);
}

bool cli_print_tokens(struct cli *c, struct db_conn *reader, int64_t account_id, struct err *e)
{
    enum { COLUMNS = 7 };
    struct token *token;
    size_t tokens, n = 0;
    if (!token_list(reader, account_id, c->arena, &token, &tokens, e)) return false;
    str *cell = arena_alloc(c->arena, (tokens + 1) * COLUMNS * sizeof *cell);
    static const str head[COLUMNS] = { STR_INIT("ID"), STR_INIT("ROLE"), STR_INIT("TOKEN"), STR_INIT("CREATED"),
                                       STR_INIT("EXPIRES"), STR_INIT("USED"), STR_INIT("NAME") };
    if (tokens)
        for (; n < COLUMNS; n++) cell[n] = head[n];
    for (size_t i = 0; i < tokens; i++) {
        const struct token *t = &token[i];
        cell[n++] = t->hex_id;
        cell[n++] = token_role_name(t->role);
        cell[n++] = arena_fmt(c->arena, "hf_...%.*s", STR_ARG(t->last4));
        cell[n++] = cli_date(t->created_ms, c->arena);
        cell[n++] = t->expires_ms ? cli_date(t->expires_ms, c->arena) : STR("never");
        cell[n++] = t->used_ms ? cli_date(t->used_ms, c->arena) : STR("never");
        cell[n++] = t->label;
    }
    cli_columns(c->out, cell, n, COLUMNS);
    return true;
}

static bool list(struct cli *c, struct db_conn *reader, struct err *e)
{
    struct account user;
    return cli_account(c, reader, c->argument[0], ACCOUNT_USER, &user, e) && cli_print_tokens(c, reader, user.id, e);
}

bool cli_token_list(struct cli *c, struct err *e) { return cli_in_reader(c, list, e); }

static bool ending(struct cli *c, struct db_conn *reader, struct err *e)
{
    enum { COLUMNS = 5 };
    struct token_end *end;
    size_t ends, n = 0;
    int64_t now = clock_now_ms();
    if (!token_ending(reader, now, now + cli_int(c, "within"), c->arena, &end, &ends, e)) return false;
    str *cell = arena_alloc(c->arena, (ends + 1) * COLUMNS * sizeof *cell);
    static const str head[COLUMNS] = { STR_INIT("ACCOUNT"), STR_INIT("ID"), STR_INIT("EXPIRES"), STR_INIT("USED"), STR_INIT("NAME") };
    if (ends)
        for (; n < COLUMNS; n++) cell[n] = head[n];
    for (size_t i = 0; i < ends; i++) {
        const struct token *t = &end[i].token;
        cell[n++] = end[i].account;
        cell[n++] = t->hex_id;
        cell[n++] = cli_date(t->expires_ms, c->arena);
        cell[n++] = t->used_ms ? cli_date(t->used_ms, c->arena) : STR("never");
        cell[n++] = t->label;
    }
    cli_columns(c->out, cell, n, COLUMNS);
    return true;
}

bool cli_token_ending(struct cli *c, struct err *e) { return cli_in_reader(c, ending, e); }
