/* api/hub/billing.c - what a user or an organisation has used and spent, in the public hub's shapes.
 *
 * Hearth sells calls of models and nothing else: storage costs nothing, jobs, Spaces and endpoints are not run.  Those figures are
 * nought or empty, as the shapes have them.  A period is a month (UTC); its id is its number since year 0 in 24 digits.  Money is a
 * millionth of a dollar here, a billionth in the meter. */
#include <time.h>

#include "api/hub/hub_api.h"
#include "base/clock.h"
#include "hub/grouping.h"
#include "hub/index/owned.h"
#include "infer/meter/usage.h"

enum { NANO_PER_MICRO = 1000, NANO_PER_CENT = 10000000, DAYS_MAX = 370, LOOK_MS = 1000, LIVE_S = 600, QUIET_S = 15 };

/* ------------------------------------------------------------------ whose, and when */

/* The account of ":account", whose administrator the caller must be; without one the caller.  What he may not see is not there. */
static bool billed(struct call *c, struct account *out, struct err *e)
{
    enum account_role role;
    bool found = true;
    str name = call_param(c, "account");
    if (!account_find(call_db(c), name.n ? name : c->who.name, out, &found, c->a, e)) return false;
    if (found && !account_role_in(call_db(c), &c->who, out->id, &role, e)) return false;
    if (!found || role < ROLE_ADMIN) return err_set(e, ERR_NOT_FOUND, "There is no account \"%.*s\" whose usage you may see", STR_ARG(str_to(name, 60)));
    return call_may_see_spending(c, e);
}

static int64_t month_of(int64_t ms)
{
    time_t at = (time_t)(ms / 1000);
    struct tm t;
    gmtime_r(&at, &t);
    return (int64_t)(t.tm_year + 1900) * 12 + t.tm_mon;
}

static int64_t month_start_ms(int64_t month)
{
    struct tm t = { .tm_year = (int)(month / 12) - 1900, .tm_mon = (int)(month % 12), .tm_mday = 1 };
    return (int64_t)timegm(&t) * 1000;
}

struct span {
    int64_t from_ms, to_ms; /* to: behind the last */
};

static struct usage_question question_of(const struct account *who, struct span s, unsigned by)
{
    return (struct usage_question){ .account_id = who->id, .first_day = s.from_ms / 86400000, .last_day = (s.to_ms - 1) / 86400000, .by = by };
}

static struct span span_of_month(int64_t month) { return (struct span){ month_start_ms(month), month_start_ms(month + 1) }; }

static bool read_period(struct call *c, int64_t *month, struct err *e)
{
    str id = call_query(c, "periodId");
    uint64_t v;
    *month = month_of(clock_now_ms());
    if (!id.p) return true;
    if (id.n != 24 || !str_starts(id, STR("00000000000000")) || !str_u64(str_from(id, 14), &v) || v < 1970 * 12 || v > (uint64_t)*month) return err_set(e, ERR_INVALID, "\"periodId\" names no period");
    *month = (int64_t)v;
    return true;
}

/* Seconds or milliseconds since 1970: the document says "integer". */
static bool read_moment(struct call *c, const char *name, int64_t *ms, struct err *e)
{
    uint64_t v;
    if (!str_u64(call_query(c, name), &v) || v == 0 || v > UINT64_C(9007199254740991)) return err_set(e, ERR_INVALID, "\"%s\" is required: a moment as Unix time", name);
    *ms = v < UINT64_C(100000000000) ? (int64_t)v * 1000 : (int64_t)v;
    return *ms < INT64_C(253402300800000) || err_set(e, ERR_INVALID, "\"%s\" is no moment", name);
}

static bool check_span(struct span s, struct err *e)
{
    if (s.to_ms <= s.from_ms) return err_set(e, ERR_INVALID, "\"endDate\" must be later than \"startDate\"");
    return s.to_ms - s.from_ms <= INT64_C(86400000) * DAYS_MAX || err_set(e, ERR_INVALID, "at most %d days at a time", DAYS_MAX);
}

static bool read_dates(struct call *c, struct span *out, struct err *e)
{
    str from = call_query(c, "startDate"), to = call_query(c, "endDate");
    int64_t now = clock_now_ms();
    *out = (struct span){ month_start_ms(month_of(now)), now + 1 };
    if (from.n && !clock_iso_parse(from, &out->from_ms)) return err_set(e, ERR_INVALID, "\"startDate\" is no date such as 2026-11-01T00:00:00.000Z");
    if (to.n && !clock_iso_parse(to, &out->to_ms)) return err_set(e, ERR_INVALID, "\"endDate\" is no date such as 2026-11-30T00:00:00.000Z");
    return check_span(*out, e);
}

/* ------------------------------------------------------------------ usage, usage-v2 */

static void write_item(struct json_writer *w, const struct account *who, str label, const char *product, const char *pretty, const char *unit, double quantity,
                       int64_t cost_nano, struct span s, bool active)
{
    jw_object(w);
    jw_kstr(w, "entityId", who->hex_id);
    jw_kstr(w, "label", label);
    jw_kstr(w, "product", str_c(product));
    jw_kstr(w, "productPrettyName", str_c(pretty));
    jw_kstr(w, "unitLabel", str_c(unit));
    jw_key(w, STR("quantity"));
    jw_real(w, quantity);
    jw_kdate(w, "startedAt", s.from_ms);
    jw_kdate(w, "stoppedAt", s.to_ms);
    jw_key(w, STR("totalCostMicroUSD"));
    jw_real(w, (double)cost_nano / NANO_PER_MICRO);
    jw_key(w, STR("unitCostMicroUSD"));
    jw_real(w, quantity > 0 ? (double)cost_nano / NANO_PER_MICRO / quantity : 0);
    jw_kbool(w, "active", active);
    jw_kbool(w, "freeGrant", cost_nano == 0);
    jw_object_end(w);
}

/* Member "usage": calls by model, and what is stored now, which costs nothing. */
static bool write_usage(struct call *c, struct json_writer *w, const struct account *who, struct span s, struct err *e)
{
    struct usage_question q = question_of(who, s, USAGE_BY_MODEL);
    struct usage_row *row;
    size_t n;
    int64_t open_bytes, private_bytes;
    bool is_now = s.from_ms <= clock_now_ms() && clock_now_ms() <= s.to_ms;
    if (!usage_report(call_db(c), &q, c->a, &row, &n, e) || !owned_bytes(call_db(c), who->id, false, &open_bytes, e) || !owned_bytes(call_db(c), who->id, true, &private_bytes, e)) return false;
    jw_kobject(w, "usage");
    jw_karray(w, "Inference");
    for (size_t i = 0; i < n; i++)
        write_item(w, who, row[i].model, "inference/calls", "Calls of models", "requests", (double)row[i].requests, row[i].cost, s, is_now);
    jw_array_end(w);
    jw_karray(w, "Storage");
    if (is_now) write_item(w, who, STR("repositories"), "hf/repository-storage", "Storage of repositories", "GB", (double)(open_bytes + private_bytes) / 1e9, 0, s, true);
    jw_array_end(w);
    jw_object_end(w);
    return true;
}

static void write_period(struct json_writer *w, const struct account *who, int64_t month)
{
    char id[32];
    snprintf(id, sizeof id, "%024lld", (long long)month);
    jw_kobject(w, "period");
    jw_kstr(w, "_id", str_c(id));
    jw_kstr(w, "entityId", who->hex_id);
    jw_kstr(w, "entityType", who->kind == ACCOUNT_ORG ? STR("org") : STR("user"));
    jw_kstr(w, "entityName", who->name);
    jw_kdate(w, "periodStart", month_start_ms(month));
    jw_kdate(w, "periodEnd", month_start_ms(month + 1));
    jw_kraw(w, "invoice", STR("{\"type\":\"no-invoice\",\"id\":\"no-invoice\"}"));
    jw_karray(w, "charges");
    jw_array_end(w);
    jw_object_end(w);
}

static bool get_usage(struct call *c, struct err *e)
{
    struct account who;
    int64_t month;
    if (!billed(c, &who, e) || !read_period(c, &month, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    bool ok = write_usage(c, &w, &who, span_of_month(month), e);
    write_period(&w, &who, month);
    jw_object_end(&w);
    if (ok) return call_reply_json(c, 200, &b);
    buf_deinit(&b);
    return false;
}

/* The document gives no shape: that of `usage`, over the days asked for, and each day's sum. */
static bool get_usage_v2(struct call *c, struct err *e)
{
    struct account who;
    struct span s;
    struct usage_row *row;
    size_t n;
    if (!billed(c, &who, e) || !read_moment(c, "startDate", &s.from_ms, e) || !read_moment(c, "endDate", &s.to_ms, e) || !check_span(s, e)) return false;
    struct usage_question q = question_of(&who, s, USAGE_BY_DAY);
    if (!usage_report(call_db(c), &q, c->a, &row, &n, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    bool ok = write_usage(c, &w, &who, s, e);
    jw_karray(&w, "days");
    for (size_t i = 0; i < n; i++) {
        jw_object(&w);
        jw_kstr(&w, "date", usage_day_text(row[i].day, c->a));
        jw_kint(&w, "requestCount", row[i].requests);
        jw_key(&w, STR("totalCostMicroUSD"));
        jw_real(&w, (double)row[i].cost / NANO_PER_MICRO);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_kdate(&w, "startDate", s.from_ms);
    jw_kdate(&w, "endDate", s.to_ms);
    jw_object_end(&w);
    if (ok) return call_reply_json(c, 200, &b);
    buf_deinit(&b);
    return false;
}

/* ------------------------------------------------------------------ by session, by resource group, jobs */

/* {"currency","periods":[{"period",..}]}, a period for each month that the span touches. */
typedef bool write_month(struct call *c, struct json_writer *w, const struct account *who, struct span s, struct err *e);
static bool reply_months(struct call *c, write_month *write, struct err *e)
{
    struct account who;
    struct span s;
    if (!billed(c, &who, e) || !read_dates(c, &s, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    bool ok = true;
    jw_object(&w);
    jw_kstr(&w, "currency", STR("usd"));
    jw_karray(&w, "periods");
    for (int64_t month = month_of(s.from_ms); ok && month <= month_of(s.to_ms - 1); month++) {
        struct span of_month = span_of_month(month);
        if (of_month.from_ms < s.from_ms) of_month.from_ms = s.from_ms;
        if (of_month.to_ms > s.to_ms) of_month.to_ms = s.to_ms;
        jw_object(&w);
        jw_kdate(&w, "period", month_start_ms(month));
        ok = write(c, &w, &who, of_month, e);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    if (ok) return call_reply_json(c, 200, &b);
    buf_deinit(&b);
    return false;
}

/* Calls carry no session here. */
static bool write_sessions(struct call *c, struct json_writer *w, const struct account *who, struct span s, struct err *e)
{
    (void)c, (void)who, (void)s, (void)e;
    jw_karray(w, "sessions");
    jw_array_end(w);
    return true;
}

static bool get_by_session(struct call *c, struct err *e) { return reply_months(c, write_sessions, e); }

static void write_compute(struct json_writer *w)
{
    static const char *const kinds[] = { "spaces", "endpoints", "jobs" };
    jw_kobject(w, "compute");
    for (size_t i = 0; i < COUNT(kinds); i++) jw_kraw(w, kinds[i], STR("{\"uptimeSec\":0,\"costCents\":0}"));
    jw_object_end(w);
}

/* What is stored is of the group that it is in.  Calls are the organisation's: the meter knows no groups. */
static bool write_groups(struct call *c, struct json_writer *w, const struct account *who, struct span s, struct err *e)
{
    struct usage_question q = question_of(who, s, 0);
    struct usage_row *row;
    struct grouping_bytes *g;
    size_t n, groups;
    if (!usage_report(call_db(c), &q, c->a, &row, &n, e) || !grouping_bytes_list(call_db(c), who->id, c->a, &g, &groups, e)) return false;
    bool is_now = s.to_ms > clock_now_ms() - 86400000; /* of the past nobody has written down what was stored */
    jw_karray(w, "resourceGroups");
    for (size_t i = 0; i < groups; i++) {
        bool has_calls = !g[i].group_id && n;
        jw_object(w);
        jw_key(w, STR("id"));
        if (g[i].group_id) jw_str(w, g[i].hex_id); else jw_null(w);
        jw_key(w, STR("name"));
        if (g[i].group_id) jw_str(w, g[i].name); else jw_null(w);
        jw_kobject(w, "storage");
        jw_key(w, STR("privateGB"));
        jw_real(w, is_now ? (double)g[i].private_bytes / 1e9 : 0);
        jw_key(w, STR("publicGB"));
        jw_real(w, is_now ? (double)g[i].open_bytes / 1e9 : 0);
        jw_object_end(w);
        jw_kobject(w, "inference");
        jw_kint(w, "requestCount", has_calls ? row[0].requests : 0);
        jw_key(w, STR("costCents"));
        jw_real(w, has_calls ? (double)row[0].cost / NANO_PER_CENT : 0);
        jw_object_end(w);
        write_compute(w);
        jw_object_end(w);
    }
    jw_array_end(w);
    return true;
}

static bool get_by_group(struct call *c, struct err *e) { return reply_months(c, write_groups, e); }

static bool get_jobs(struct call *c, struct err *e)
{
    struct account who;
    if (!billed(c, &who, e)) return false;
    int64_t month = month_of(clock_now_ms());
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kbool(&w, "hasAccess", false); /* this Hearth runs no jobs */
    jw_kobject(&w, "usage");
    jw_kint(&w, "usedMicroUsd", 0);
    jw_kint(&w, "totalMinutes", 0);
    jw_kdate(&w, "periodStart", month_start_ms(month));
    jw_kdate(&w, "periodEnd", month_start_ms(month + 1));
    jw_karray(&w, "jobDetails");
    jw_array_end(&w);
    jw_object_end(&w);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

/* ------------------------------------------------------------------ live (server-sent events) */

struct live {
    struct account who;
    int64_t until_ms, said_ms, requests, cost;
    bool has_begun, with_jobs;
};

static bool read_month(struct call *c, const struct live *l, struct usage_row *sum, struct err *e)
{
    struct usage_question q = question_of(&l->who, span_of_month(month_of(clock_now_ms())), 0);
    struct usage_row *row;
    size_t n;
    if (!usage_report(call_db(c), &q, c->a, &row, &n, e)) return false;
    *sum = n ? row[0] : (struct usage_row){ 0 };
    return true;
}

static bool say_usage(struct call *c, const struct live *l, const struct usage_row *sum, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    int64_t month = month_of(clock_now_ms());
    buf_lit(&b, "event: usage\ndata: ");
    jw_object(&w);
    jw_kdate(&w, "periodStart", month_start_ms(month));
    jw_kdate(&w, "periodEnd", month_start_ms(month + 1));
    jw_kint(&w, "requestCount", sum->requests);
    jw_key(&w, STR("usedMicroUSD"));
    jw_real(&w, (double)sum->cost / NANO_PER_MICRO);
    if (l->with_jobs) jw_kint(&w, "runningJobs", 0);
    jw_object_end(&w);
    buf_lit(&b, "\n\n");
    bool ok = http_write(c->http, bytes_of(buf_str(&b)), e);
    buf_deinit(&b);
    return ok;
}

/* Whoever was signed out, or administers the account no longer, is told no more. */
static bool is_still_allowed(struct call *c, struct live *l, struct err *e)
{
    bool found = true, is_old;
    bool ok = c->session.n ? identity_from_session(call_db(c), c->session, &c->who, &found, &is_old, c->a, e)
                           : identity_again(call_db(c), c->who.user_id, c->who.token.id, &c->who, c->a, e);
    return ok && (found || err_set(e, ERR_UNAUTHENTICATED, "You are signed out")) && billed(c, &l->who, e);
}

/* Each second: has it changed?  The arena is the request's, which lives for ten minutes; a look takes some hundred bytes of it. */
static bool live_step(struct call *c, struct err *e)
{
    struct live *l = c->step_ctx;
    struct usage_row sum;
    int64_t now = clock_now_ms();
    if (http_has_left(c->http)) return err_set(e, ERR_CLOSED, "the client has left");
    if (!l->has_begun) {
        http_add_header(c->http, "Cache-Control", STR("no-store"));
        if (!http_begin(c->http, 200, "text/event-stream", HTTP_LENGTH_UNKNOWN, e)) return false;
        l->has_begun = true;
    }
    if (now >= l->until_ms) return true;
    if (!is_still_allowed(c, l, e) || !read_month(c, l, &sum, e)) return false;
    if (sum.requests != l->requests || sum.cost != l->cost) {
        l->requests = sum.requests, l->cost = sum.cost, l->said_ms = now;
        if (!say_usage(c, l, &sum, e)) return false;
    } else if (now - l->said_ms > 1000 * QUIET_S) { /* so that what stands between does not give up */
        l->said_ms = now;
        if (!http_write(c->http, bytes_of(STR(": still here\n\n")), e)) return false;
    }
    return call_pause(c, live_step, l, LOOK_MS);
}

static bool begin_live(struct call *c, bool with_jobs, struct err *e)
{
    struct live *l = arena_one(c->a, struct live);
    if (!billed(c, &l->who, e)) return false;
    l->until_ms = clock_now_ms() + 1000 * LIVE_S;
    l->requests = -1;
    l->with_jobs = with_jobs;
    return call_pause(c, live_step, l, 0);
}

static bool get_live(struct call *c, struct err *e) { return begin_live(c, false, e); }
static bool get_metrics_live(struct call *c, struct err *e) { return begin_live(c, true, e); }

#define ORG "/api/organizations/:account/billing/"
#define ME "/api/settings/billing/"
#define GET(pattern, fn, name) { HTTP_GET, pattern, PERM_USER, HTTP_BODY_NONE, 0, 0, fn, name, SHAPE_HUB }
static const struct api_route rows[] = {
    GET(ME "usage", get_usage, "billing.usage"),
    GET(ME "usage-v2", get_usage_v2, "billing.usage-v2"),
    GET(ME "usage-by-inference-session", get_by_session, "billing.by-session"),
    GET(ME "usage/jobs", get_jobs, "billing.jobs"),
    GET(ME "usage/live", get_live, "billing.live"),
    GET("/api/settings/metrics/live", get_metrics_live, "billing.metrics-live"),
    GET("/api/users/:account/billing/usage/live", get_live, "billing.live"),
    GET(ORG "usage", get_usage, "billing.usage"),
    GET(ORG "usage-v2", get_usage_v2, "billing.usage-v2"),
    GET(ORG "usage-by-resource-group", get_by_group, "billing.by-group"),
    GET(ORG "usage-by-inference-session", get_by_session, "billing.by-session"),
    GET(ORG "usage/live", get_live, "billing.live"),
};
const struct api_table hub_billing_table = API_TABLE(rows);
