/* infer/meter/usage.c - see infer/meter/usage.h.  The text of the query is put together from constants alone.  Triggers sum the calls of a
 * day by model and token (usage_day), so a report of a month reads some rows a day, not each call. */
#include "infer/meter/usage.h"

#include <time.h>

/* What a row is told apart by: a column to show, and what stands there when it is not asked for. */
static const struct {
    unsigned by;
    const char *column, *otherwise;
} groups[] = {
    { USAGE_BY_DAY, "u.day", "-1" },
    { USAGE_BY_MODEL, "u.model", "NULL" },
    { USAGE_BY_ACCOUNT, "account.name", "NULL" },
    { USAGE_BY_TOKEN, "u.token", "NULL" },
};

bool usage_by_parse(str list, unsigned *by, struct err *e)
{
    static const struct { str name; unsigned by; } words[] = {
        { STR_INIT("day"), USAGE_BY_DAY }, { STR_INIT("model"), USAGE_BY_MODEL }, { STR_INIT("token"), USAGE_BY_TOKEN }, { STR_INIT("account"), USAGE_BY_ACCOUNT },
    };
    str word;
    *by = 0;
    while (list.n && str_cut(&list, ',', &word)) {
        unsigned found = 0;
        for (size_t i = 0; i < COUNT(words); i++)
            if (str_eq(word, words[i].name)) found = words[i].by;
        if (!found) return err_set(e, ERR_INVALID, "usage is told apart by a list of day, model, token, account; not by \"%.*s\"", STR_ARG(str_to(word, 40)));
        *by |= found;
    }
    return true;
}

static void add_groups(struct buf *sql, unsigned by)
{
    bool any = false;
    for (size_t i = 0; i < COUNT(groups); i++) {
        if (!(by & groups[i].by)) continue;
        buf_addf(sql, "%s%zu", any ? ", " : " GROUP BY ", i + 1);
        any = true;
    }
    any = false;
    for (size_t i = 0; i < COUNT(groups); i++) {
        if (!(by & groups[i].by)) continue;
        buf_addf(sql, "%s%zu", any ? ", " : " ORDER BY ", i + 1);
        any = true;
    }
}

bool usage_report(struct db_conn *c, const struct usage_question *question, struct arena *a, struct usage_row **out, size_t *n, struct err *e)
{
    struct buf sql = BUF_INIT(0);
    struct db_query q;
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    buf_add(&sql, STR("SELECT "));
    for (size_t i = 0; i < COUNT(groups); i++)
        buf_addf(&sql, "%s, ", question->by & groups[i].by ? groups[i].column : groups[i].otherwise);
    buf_add(&sql, STR("coalesce(sum(u.requests), 0), coalesce(sum(u.errors), 0), coalesce(sum(u.prompt_tokens), 0), coalesce(sum(u.cached_tokens), 0),"
                      " coalesce(sum(u.completion_tokens), 0), coalesce(sum(u.compute_us), 0), coalesce(sum(u.cost), 0),"
                      " coalesce(sum(u.allowance), 0)"
                      " FROM usage_day AS u"));
    if (question->by & USAGE_BY_ACCOUNT) buf_add(&sql, STR(" JOIN account ON account.id = u.account_id"));
    buf_add(&sql, STR(" WHERE u.day BETWEEN ?1 AND ?2"));
    buf_add(&sql, question->account_id ? STR(" AND u.account_id = ?3") : STR(" AND ?3 = 0"));
    add_groups(&sql, question->by);
    buf_addf(&sql, " LIMIT %d", USAGE_ROWS_MAX);
    const struct db_value args[] = { db_int(question->first_day), db_int(question->last_day), db_int(question->account_id) };
    bool ok = db_query_once(c, &q, buf_str(&sql), args, COUNT(args), e);
    buf_deinit(&sql);
    if (!ok) return false;
    while (db_next(&q, e)) {
        if (*n == cap) {
            struct usage_row *more = arena_alloc(a, (cap = cap ? 2 * cap : 32) * sizeof *more);
            if (*n) memcpy(more, *out, *n * sizeof *more);
            *out = more;
        }
        (*out)[(*n)++] = (struct usage_row){
            .day = db_col_int(&q, 0), .model = db_col_dup(&q, 1, a), .account = db_col_dup(&q, 2, a), .token = db_col_dup(&q, 3, a),
            .requests = db_col_int(&q, 4), .errors = db_col_int(&q, 5), .prompt_tokens = db_col_int(&q, 6),
            .cached_tokens = db_col_int(&q, 7), .completion_tokens = db_col_int(&q, 8), .compute_us = db_col_int(&q, 9),
            .cost = db_col_int(&q, 10), .allowance = db_col_int(&q, 11),
        };
    }
    return db_end(&q);
}

bool usage_cost(struct db_conn *c, str request_id, int64_t user_id, int64_t *cost, bool *found, struct err *e)
{
    static const char sql[] = "SELECT cost FROM inference_call WHERE request_id = ? AND user_id = ?";
    if (!db_get_int(c, cost, -1, e, sql, db_text(request_id), db_int(user_id))) return false;
    *found = *cost >= 0;
    return true;
}

bool usage_speed(struct db_conn *c, str model, int64_t since_ms, struct usage_speed *out, struct err *e)
{
    static const char sql[] = "SELECT prompt_tokens, completion_tokens, compute_us FROM inference_call"
                              " WHERE model = ?1 AND at_ms >= ?2 AND status < 300 AND compute_us > 0 ORDER BY at_ms DESC LIMIT 32";
    double written = 0, writing_us = 0, read = 0, reading_us = 0;
    struct db_query q;
    *out = (struct usage_speed){ 0 };
    if (!db_query(c, &q, e, sql, db_text(model), db_int(since_ms))) return false;
    while (db_next(&q, e)) {
        double completion = (double)db_col_int(&q, 1), us = (double)db_col_int(&q, 2);
        written += completion;
        writing_us += completion > 0 ? us : 0;
        read += completion > 0 ? 0 : (double)db_col_int(&q, 0);
        reading_us += completion > 0 ? 0 : us;
    }
    if (written > 0) out->written_per_s = written / writing_us * 1e6;
    if (read > 0) out->read_per_s = read / reading_us * 1e6;
    return db_end(&q);
}

/* ------------------------------------------------------------------ CSV (RFC 4180) */

static void add_quoted(struct buf *out, str s)
{
    buf_lit(out, "\"");
    if (s.n && memchr("=+-@\t\r", s.p[0], 6)) buf_lit(out, "'");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"') buf_lit(out, "\"");
        buf_add(out, str_n(s.p + i, 1));
    }
    buf_lit(out, "\",");
}

void usage_csv(const struct usage_row *row, size_t n, unsigned by, struct buf *out)
{
    struct arena *a = arena_new(0);
    if (by & USAGE_BY_DAY) buf_lit(out, "day,");
    if (by & USAGE_BY_MODEL) buf_lit(out, "model,");
    if (by & USAGE_BY_ACCOUNT) buf_lit(out, "account,");
    if (by & USAGE_BY_TOKEN) buf_lit(out, "token,");
    buf_lit(out, "requests,errors,prompt_tokens,cached_tokens,completion_tokens,compute_ms,cost_nano_usd,allowance_nano_usd\r\n");
    for (const struct usage_row *r = row; r < row + n; r++) {
        if (by & USAGE_BY_DAY) buf_addf(out, "%.*s,", STR_ARG(usage_day_text(r->day, a)));
        if (by & USAGE_BY_MODEL) add_quoted(out, r->model);
        if (by & USAGE_BY_ACCOUNT) add_quoted(out, r->account);
        if (by & USAGE_BY_TOKEN) add_quoted(out, r->token);
        buf_addf(out, "%lld,%lld,%lld,%lld,%lld,%lld,%lld,%lld\r\n", (long long)r->requests, (long long)r->errors, (long long)r->prompt_tokens,
                 (long long)r->cached_tokens, (long long)r->completion_tokens, (long long)(r->compute_us / 1000), (long long)r->cost,
                 (long long)r->allowance);
        arena_reset(a);
    }
    arena_free(a);
}

/* ------------------------------------------------------------------ days */

bool usage_day_parse(str text, int64_t *day, struct err *e)
{
    uint64_t year, month, of_month;
    bool ok = text.n == 10 && text.p[4] == '-' && text.p[7] == '-' && str_u64(str_to(text, 4), &year) &&
              str_u64(str_to(str_from(text, 5), 2), &month) && str_u64(str_from(text, 8), &of_month) && year >= 1970;
    if (ok) {
        struct tm t = { .tm_year = (int)year - 1900, .tm_mon = (int)month - 1, .tm_mday = (int)of_month };
        *day = (int64_t)timegm(&t) / 86400;
        ok = t.tm_mon == (int)month - 1 && t.tm_mday == (int)of_month; /* else timegm has carried: no such day */
    }
    return ok || err_set(e, ERR_INVALID, "\"%.*s\" is no day such as 2026-11-21", STR_ARG(str_to(text, 40)));
}

str usage_day_text(int64_t day, struct arena *a)
{
    time_t at = (time_t)(day * 86400);
    struct tm t;
    gmtime_r(&at, &t);
    return arena_fmt(a, "%04d-%02d-%02d", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday);
}
