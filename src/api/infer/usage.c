/* api/infer/usage.c - what calls of models have cost: reports, the cost of single requests, prices.
 *
 * Everyone sees what he paid for himself; what an organisation paid for, its administrators; everything, the administrators
 * of the installation. */
#include "api/api.h"

#include "base/clock.h"
#include "infer/meter/price.h"
#include "infer/meter/usage.h"

enum { BODY_MAX = 1 << 20, REQUEST_IDS_MAX = 10000, DAYS_BY_DEFAULT = 30 };

/* Whose calls: 0 is everybody's. */
static bool read_account(struct call *c, int64_t *id, struct err *e)
{
    str name = call_query(c, "account");
    struct account who;
    enum account_role role;
    bool found;
    *id = c->who.user_id;
    if (!name.n || str_eq_nocase(name, c->who.name)) return true;
    if (str_eq(name, STR("*"))) {
        *id = 0;
        return c->who.is_admin || err_set(e, ERR_DENIED, "Only an administrator of this hub sees the usage of all accounts");
    }
    if (!account_find(call_db(c), name, &who, &found, c->a, e)) return false;
    if (found && !account_role_in(call_db(c), &c->who, who.id, &role, e)) return false;
    if (!found || role < ROLE_ADMIN) /* what he may not see does not exist */
        return err_set(e, ERR_NOT_FOUND, "There is no account \"%.*s\" whose usage you may see", STR_ARG(str_to(name, 60)));
    *id = who.id;
    return true;
}

static bool read_question(struct call *c, struct usage_question *q, struct err *e)
{
    int64_t today = clock_now_ms() / 86400000;
    str from = call_query(c, "from"), to = call_query(c, "to"), by = call_query(c, "group_by");
    *q = (struct usage_question){ .first_day = today - DAYS_BY_DEFAULT + 1, .last_day = today };
    if (!read_account(c, &q->account_id, e) || !usage_by_parse(by.p ? by : STR("model,day"), &q->by, e)) return false;
    if (from.n && !usage_day_parse(from, &q->first_day, e)) return false;
    return !to.n || usage_day_parse(to, &q->last_day, e);
}

/* ------------------------------------------------------------------ the answer, as JSON and as CSV */

static void write_numbers(struct json_writer *w, const struct usage_row *r)
{
    jw_kint(w, "requests", r->requests);
    jw_kint(w, "errors", r->errors);
    jw_kint(w, "prompt_tokens", r->prompt_tokens);
    jw_kint(w, "cached_tokens", r->cached_tokens);
    jw_kint(w, "completion_tokens", r->completion_tokens);
    jw_kint(w, "compute_ms", r->compute_us / 1000);
    jw_kint(w, "cost_nano_usd", r->cost);
    jw_kint(w, "allowance_nano_usd", r->allowance);
}

static void add_up(struct usage_row *sum, const struct usage_row *r)
{
    sum->requests += r->requests;
    sum->errors += r->errors;
    sum->prompt_tokens += r->prompt_tokens;
    sum->cached_tokens += r->cached_tokens;
    sum->completion_tokens += r->completion_tokens;
    sum->compute_us += r->compute_us;
    sum->cost += r->cost;
    sum->allowance += r->allowance;
}

static bool reply_json(struct call *c, const struct usage_question *q, const struct usage_row *row, size_t n)
{
    struct usage_row sum = { 0 };
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "from", usage_day_text(q->first_day, c->a));
    jw_kstr(&w, "to", usage_day_text(q->last_day, c->a));
    jw_kstr(&w, "currency", STR("USD"));
    jw_karray(&w, "rows");
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        if (row[i].day >= 0) jw_kstr(&w, "day", usage_day_text(row[i].day, c->a));
        if (row[i].model.p) jw_kstr(&w, "model", row[i].model);
        if (row[i].account.p) jw_kstr(&w, "account", row[i].account);
        if (row[i].token.p) jw_kstr(&w, "token", row[i].token);
        write_numbers(&w, &row[i]);
        jw_object_end(&w);
        add_up(&sum, &row[i]);
    }
    jw_array_end(&w);
    jw_kobject(&w, "total");
    write_numbers(&w, &sum);
    jw_object_end(&w);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool reply_csv(struct call *c, const struct usage_question *q, const struct usage_row *row, size_t n)
{
    struct buf b = BUF_INIT(0);
    usage_csv(row, n, q->by, &b);
    http_add_header(c->http, "Content-Disposition", STR("attachment; filename=\"usage.csv\""));
    return http_reply_buf(c->http, 200, "text/csv; charset=utf-8", &b);
}

static bool get_usage(struct call *c, struct err *e)
{
    struct usage_question q;
    struct usage_row *row;
    size_t n;
    str format = call_query(c, "format");
    if (format.n && !str_eq(format, STR("json")) && !str_eq(format, STR("csv"))) return err_set(e, ERR_INVALID, "\"format\" is json or csv");
    if (!call_may_see_spending(c, e) || !read_question(c, &q, e) || !usage_report(call_db(c), &q, c->a, &row, &n, e)) return false;
    if (n == USAGE_ROWS_MAX) return err_set(e, ERR_TOO_LARGE, "That is more than %d rows; ask for fewer days, or group by less", USAGE_ROWS_MAX);
    return str_eq(format, STR("csv")) ? reply_csv(c, &q, row, n) : reply_json(c, &q, row, n);
}

/* ------------------------------------------------------------------ single requests, prices */

/* {"requestIds":[..]} -> {"requests":[{"requestId","costNanoUsd"}]}; what is unknown, or another's, is left out. */
static bool post_costs(struct call *c, struct err *e)
{
    struct json *body;
    if (!call_may_see_spending(c, e) || !call_json(c, &body, e)) return false;
    const struct json *ids = json_get(body, STR("requestIds"));
    if (!json_is(ids, JSON_ARRAY) || ids->count > REQUEST_IDS_MAX)
        return err_set(e, ERR_INVALID, "\"requestIds\" must be a list of at most %d texts", REQUEST_IDS_MAX);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    bool ok = true;
    jw_object(&w);
    jw_karray(&w, "requests");
    json_each (item, ids) {
        str id;
        int64_t cost;
        if (!ok || !json_str(item, &id)) continue;
        bool found = false;
        ok = usage_cost(call_db(c), id, c->who.user_id, &cost, &found, e);
        if (!found) continue;
        jw_object(&w);
        jw_kstr(&w, "requestId", id);
        jw_kint(&w, "costNanoUsd", cost);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    if (!ok) {
        buf_deinit(&b);
        return false;
    }
    return call_reply_json(c, 200, &b);
}

static bool get_prices(struct call *c, struct err *e)
{
    struct price_card *card;
    size_t n;
    if (!price_list(call_db(c), c->a, &card, &n, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "currency", STR("USD"));
    jw_karray(&w, "cards");
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        jw_kstr(&w, "name", card[i].name);
        jw_kint(&w, "version", card[i].version);
        if (card[i].model.p) jw_kstr(&w, "model", card[i].model);
        if (card[i].parameters_max) jw_kint(&w, "parameters_max", card[i].parameters_max);
        jw_kint(&w, "input_nano_usd_per_million", card[i].input);
        jw_kint(&w, "cached_input_nano_usd_per_million", card[i].cached_input);
        jw_kint(&w, "output_nano_usd_per_million", card[i].output);
        jw_kint(&w, "compute_nano_usd_per_second", card[i].second);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/api/usage/inference", PERM_USER, HTTP_BODY_NONE, 0, 0, get_usage, "inference.usage", SHAPE_HUB },
    { HTTP_POST, "/api/billing/costs", PERM_USER, HTTP_BODY_WHOLE, BODY_MAX, 0, post_costs, "inference.costs", SHAPE_HUB },
    { HTTP_GET, "/api/inference/prices", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_prices, "inference.prices", SHAPE_HUB },
};
const struct api_table infer_usage_table = API_TABLE(rows);
