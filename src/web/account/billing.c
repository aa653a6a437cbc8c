/* web/account/billing.c - what calls of models have used and cost: the month, its days, models, tokens, and what may still be spent. */
#include "base/clock.h"
#include "infer/infer.h"
#include "infer/meter/usage.h"
#include "web/account/account.h"

enum { DAYS_MAX = 90, SHOWN_MAX = 50 };

static void write_money(struct json_writer *w, const char *name, int64_t nano, struct arena *a)
{
    if (nano == METER_UNBOUNDED) jw_knull(w, name);
    else jw_kstr(w, name, price_text(nano, a));
}

static void write_sums(struct json_writer *w, const struct usage_row *r, struct arena *a)
{
    jw_kint(w, "requests", r->requests);
    jw_kint(w, "errors", r->errors);
    jw_kint(w, "prompt_tokens", r->prompt_tokens);
    jw_kint(w, "completion_tokens", r->completion_tokens);
    jw_kint(w, "compute_ms", r->compute_us / 1000);
    write_money(w, "cost", r->cost, a);
    jw_key(w, STR("dollars"));
    jw_real(w, (double)r->cost / (double)NANO_USD);
}

static bool write_rows(struct page *p, const char *name, const struct account *who, int64_t from, int64_t to, unsigned by, struct err *e)
{
    struct call *c = p->c;
    struct usage_question q = { .account_id = who->id, .first_day = from, .last_day = to, .by = by };
    struct usage_row *row;
    size_t n;
    if (!usage_report(call_db(c), &q, c->a, &row, &n, e)) return false;
    jw_karray(&p->w, name);
    for (size_t i = 0; i < n && i < SHOWN_MAX; i++) {
        jw_object(&p->w);
        jw_kstr(&p->w, "name", row[i].model.p ? row[i].model : row[i].token.p ? row[i].token : STR(""));
        write_sums(&p->w, &row[i], c->a);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return true;
}

/* Every day of the span, also those without calls: a chart has no holes. */
static bool write_days(struct page *p, const struct account *who, int64_t from, int64_t to, struct err *e)
{
    struct call *c = p->c;
    struct usage_question q = { .account_id = who->id, .first_day = from, .last_day = to, .by = USAGE_BY_DAY };
    struct usage_row *row;
    size_t n, at = 0;
    if (!usage_report(call_db(c), &q, c->a, &row, &n, e)) return false;
    jw_karray(&p->w, "days");
    for (int64_t day = from; day <= to; day++) {
        while (at < n && row[at].day < day) at++;
        struct usage_row none = { .day = day };
        jw_object(&p->w);
        jw_kstr(&p->w, "name", usage_day_text(day, c->a));
        write_sums(&p->w, at < n && row[at].day == day ? &row[at] : &none, c->a);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return true;
}

static bool write_limits(struct page *p, const struct account *who, struct err *e)
{
    struct call *c = p->c;
    struct infer *infer = api_config_of(c->api)->infer;
    struct meter_state s;
    if (!infer) return true;
    if (!meter_state(infer_meter(infer), who->id, &s, e)) return false;
    jw_kobject(&p->w, "limits");
    write_money(&p->w, "free_per_day", s.free_per_day, c->a);
    write_money(&p->w, "free_used", s.free_used, c->a);
    write_money(&p->w, "budget_per_month", s.budget_per_month, c->a);
    write_money(&p->w, "budget_used", s.budget_used, c->a);
    jw_kint(&p->w, "free_percent", s.free_per_day > 0 ? s.free_used * 100 / s.free_per_day : 0);
    jw_kint(&p->w, "budget_percent", s.budget_per_month > 0 ? s.budget_used * 100 / s.budget_per_month : 0);
    jw_object_end(&p->w);
    return true;
}

static bool usage_page(struct call *c, const struct account *who, const char *template_name, struct err *e)
{
    int64_t today = clock_now_ms() / 86400000;
    uint64_t days = 30;
    str asked = call_query(c, "days");
    if (asked.n && (!str_u64(asked, &days) || days < 1 || days > DAYS_MAX)) return err_set(e, ERR_INVALID, "\"days\" is from 1 to %d", DAYS_MAX);
    int64_t from = today - (int64_t)days + 1;
    struct page *p = page_new(c, STR("Usage and spending"));
    jw_kobject(&p->w, "org");
    jw_kstr(&p->w, "name", who->name);
    jw_kbool(&p->w, "may_manage", true);
    jw_object_end(&p->w);
    jw_kint(&p->w, "span", (int64_t)days);
    jw_kstr(&p->w, "from", usage_day_text(from, c->a));
    jw_kstr(&p->w, "to", usage_day_text(today, c->a));
    jw_kbool(&p->w, "is_org", who->kind == ACCOUNT_ORG);
    return write_rows(p, "sums", who, from, today, 0, e) && write_days(p, who, from, today, e) && write_rows(p, "models", who, from, today, USAGE_BY_MODEL, e) &&
           write_rows(p, "tokens", who, from, today, USAGE_BY_TOKEN, e) && write_limits(p, who, e) && page_reply(p, 200, template_name, e);
}

static bool get_billing(struct call *c, struct err *e)
{
    struct account me;
    return account_need_session(c, e) && account_get(call_db(c), c->who.user_id, &me, c->a, e) && usage_page(c, &me, "account/billing.html", e);
}

static bool get_org_billing(struct call *c, struct err *e)
{
    struct account org;
    enum account_role role;
    bool found;
    if (!account_need_session(c, e) || !account_find(call_db(c), call_param(c, "org"), &org, &found, c->a, e)) return false;
    if (found && !account_role_in(call_db(c), &c->who, org.id, &role, e)) return false;
    if (!found || org.kind != ACCOUNT_ORG || role < ROLE_ADMIN) return err_set(e, ERR_NOT_FOUND, "There is no organisation whose spending you may see");
    return usage_page(c, &org, "account/org_billing.html", e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/settings/billing", PERM_USER, HTTP_BODY_NONE, 0, 0, get_billing, "page.billing", SHAPE_PAGE },
    { HTTP_GET, "/organizations/:org/settings/billing", PERM_USER, HTTP_BODY_NONE, 0, 0, get_org_billing, "page.org.billing", SHAPE_PAGE },
};
const struct api_table web_billing = API_TABLE(rows);
