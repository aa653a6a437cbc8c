/* cli/admin/usage.c - hearth usage, hearth price list | set, hearth budget: what calls of models cost. */
#include <time.h>

#include "base/clock.h"
#include "cli/admin/home.h"
#include "infer/meter/meter.h"
#include "infer/meter/usage.h"

/* ------------------------------------------------------------------ usage */

static str count_text(struct cli *c, int64_t n) { return arena_fmt(c->arena, "%lld", (long long)n); }

static void print_table(struct cli *c, const struct usage_row *row, size_t rows, unsigned by)
{
    enum { COLUMNS = 9 };
    static const struct { unsigned by; str head; } keys[] = {
        { USAGE_BY_DAY, STR_INIT("DAY") }, { USAGE_BY_MODEL, STR_INIT("MODEL") }, { USAGE_BY_ACCOUNT, STR_INIT("ACCOUNT") }, { USAGE_BY_TOKEN, STR_INIT("TOKEN") },
    };
    static const str numbers[] = { STR_INIT("REQUESTS"), STR_INIT("TOKENS IN"), STR_INIT("OUT"), STR_INIT("SECONDS"), STR_INIT("COST") };
    str *cell = arena_alloc(c->arena, (rows + 1) * COLUMNS * sizeof *cell);
    size_t n = 0;
    for (size_t i = 0; i < COUNT(keys); i++)
        if (by & keys[i].by) cell[n++] = keys[i].head;
    for (size_t i = 0; i < COUNT(numbers); i++) cell[n++] = numbers[i];
    size_t columns = n;
    for (const struct usage_row *r = row; r < row + rows; r++) {
        if (by & USAGE_BY_DAY) cell[n++] = usage_day_text(r->day, c->arena);
        if (by & USAGE_BY_MODEL) cell[n++] = r->model;
        if (by & USAGE_BY_ACCOUNT) cell[n++] = r->account;
        if (by & USAGE_BY_TOKEN) cell[n++] = r->token;
        cell[n++] = count_text(c, r->requests);
        cell[n++] = count_text(c, r->prompt_tokens);
        cell[n++] = count_text(c, r->completion_tokens);
        cell[n++] = arena_fmt(c->arena, "%.1f", (double)r->compute_us / 1e6);
        cell[n++] = price_text(r->cost, c->arena);
    }
    cli_columns(c->out, cell, n, columns);
}

static bool show(struct cli *c, struct db_conn *reader, struct err *e)
{
    int64_t today = clock_now_ms() / 86400000;
    struct usage_question q = { .first_day = today - 29, .last_day = today };
    struct usage_row *row;
    size_t n;
    struct account who;
    bool found = true;
    if (!usage_by_parse(cli_str(c, "by"), &q.by, e)) return cli_option_refuse(e, "by");
    if (cli_given(c, "from") && !usage_day_parse(cli_str(c, "from"), &q.first_day, e)) return cli_option_refuse(e, "from");
    if (cli_given(c, "to") && !usage_day_parse(cli_str(c, "to"), &q.last_day, e)) return cli_option_refuse(e, "to");
    if (q.first_day > q.last_day) return cli_usage(e, "--from is a day after --to");
    if (cli_given(c, "account")) {
        if (!account_find(reader, cli_str(c, "account"), &who, &found, c->arena, e)) return false;
        if (!found) return err_set(e, ERR_NOT_FOUND, "there is no account \"%.*s\"", STR_ARG(cli_str(c, "account")));
        q.account_id = who.id;
    }
    if (!usage_report(reader, &q, c->arena, &row, &n, e)) return false;
    if (cli_flag(c, "csv")) {
        struct buf b = BUF_INIT(0);
        usage_csv(row, n, q.by, &b);
        fwrite(buf_str(&b).p, 1, buf_str(&b).n, c->out);
        buf_deinit(&b);
    } else {
        print_table(c, row, n, q.by);
    }
    return true;
}

bool cli_usage_show(struct cli *c, struct err *e) { return cli_in_reader(c, show, e); }

/* ------------------------------------------------------------------ prices */

static bool list_prices(struct cli *c, struct db_conn *reader, struct err *e)
{
    enum { COLUMNS = 7 };
    static const str head[COLUMNS] = { STR_INIT("CARD"), STR_INIT("VERSION"), STR_INIT("FOR"), STR_INIT("INPUT"), STR_INIT("CACHED"), STR_INIT("OUTPUT"),
                                       STR_INIT("A SECOND") };
    struct price_card *card;
    size_t cards, n = 0;
    if (!price_list(reader, c->arena, &card, &cards, e)) return false;
    str *cell = arena_alloc(c->arena, (cards + 1) * COLUMNS * sizeof *cell);
    for (; n < COLUMNS; n++) cell[n] = head[n];
    for (size_t i = 0; i < cards; i++) {
        cell[n++] = card[i].name;
        cell[n++] = count_text(c, card[i].version);
        cell[n++] = card[i].model.p ? card[i].model
                    : card[i].parameters_max ? arena_fmt(c->arena, "up to %.3g B parameters", (double)card[i].parameters_max / 1e9)
                                             : STR("all others");
        cell[n++] = price_text(card[i].input, c->arena);
        cell[n++] = price_text(card[i].cached_input, c->arena);
        cell[n++] = price_text(card[i].output, c->arena);
        cell[n++] = price_text(card[i].second, c->arena);
    }
    cli_columns(c->out, cell, n, COLUMNS);
    fprintf(c->out, "per million tokens\n");
    return true;
}

bool cli_price_list(struct cli *c, struct err *e) { return cli_in_reader(c, list_prices, e); }

static bool set_price(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    struct price_card *card = ctx;
    struct repo model;
    if (card->model.p) { /* calls are priced by the name that it has now */
        if (!cli_model(c, tx, card->model, &model, e)) return false;
        card->model = model.full_name;
    }
    if (!price_put(tx, card, e)) return false;
    buf_addf(say, "card \"%.*s\", version %lld, counts from now on\n", STR_ARG(card->name), (long long)card->version);
    return audit_add(tx, NULL, "price.set", 0, card->name, str_n(NULL, 0), e);
}

bool cli_price_set(struct cli *c, struct err *e)
{
    struct price_card card = { .name = c->argument[0], .model = cli_str(c, "model"), .input = cli_int(c, "input"), .output = cli_int(c, "output"),
                               .second = cli_int(c, "second") };
    if (cli_given(c, "parameters-max")) card.parameters_max = cli_int(c, "parameters-max");
    if (card.model.p && card.parameters_max) return cli_usage(e, "a card is for a model or for a size: --model or --parameters-max");
    card.cached_input = cli_int(c, cli_given(c, "cached-input") ? "cached-input" : "input");
    return cli_in_tx(c, false, set_price, &card, e);
}

/* ------------------------------------------------------------------ budgets */

static bool set_budget(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e)
{
    (void)ctx;
    struct account who;
    bool found, has_free = cli_given(c, "free-per-day"), has_budget = cli_given(c, "per-month");
    int64_t free_per_day = cli_int(c, "free-per-day"), per_month = cli_int(c, "per-month");
    if (!account_find(tx, c->argument[0], &who, &found, c->arena, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "there is no account \"%.*s\"", STR_ARG(c->argument[0]));
    if (!meter_set_budget(tx, who.id, has_free ? &free_per_day : NULL, has_budget ? &per_month : NULL, e)) return false;
    buf_addf(say, "the budget of %.*s is set%s%s\n", STR_ARG(who.name), has_free ? "" : "; its daily allowance is the server's",
             has_budget ? "" : "; its monthly budget is the server's");
    return audit_add(tx, NULL, "budget.set", who.id, who.name, str_n(NULL, 0), e);
}

bool cli_budget_set(struct cli *c, struct err *e) { return cli_in_tx(c, false, set_budget, NULL, e); }
