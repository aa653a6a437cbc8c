/* infer/meter/meter.c - see infer/meter/meter.h.
 *
 * Sums live in memory, read from the records when an account is first seen in a month; every record that is written is
 * added to them.  Invariant, under the lock, for an account with bounds:
 *   held <= free_per_day - free_used + budget_per_month - budget_used   when the last hold was taken. */
#include "infer/meter/meter.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"

enum { BUCKETS = 256, BATCH_MAX = 1000 };
#define DAY_MS INT64_C(86400000)

struct tally { /* of an account */
    struct tally *next;
    int64_t account_id;
    struct meter_state s;
    int64_t month; /* its first day */
    bool is_known; /* the sums have been read for s.day and month */
};

struct meter_hold {
    int64_t account_id, most;
};

/* A record on its way to the disk; lies on the stack of who waits for it. */
struct record {
    struct record *next;
    const struct meter_call *call;
    int64_t day, cost, allowance;
    bool is_done, ok;
    struct err e;
};

struct meter {
    struct db *db;
    struct meter_config config;
    pthread_mutex_t lock;
    pthread_cond_t arrived, written;
    pthread_t writer;
    bool is_stopping;
    struct record *first, **last;
    struct tally *tally[BUCKETS];
};

/* ------------------------------------------------------------------ days */

static int64_t day_of(int64_t ms) { return ms / DAY_MS; }

/* The first day of the month of a day (Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days). */
static int64_t month_of(int64_t day)
{
    int64_t z = day + 719468, era = z / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), from_march = (5 * doy + 2) / 153;
    return day - (doy - (153 * from_march + 2) / 5);
}

/* ------------------------------------------------------------------ sums (under the lock) */

static struct tally *tally_of(struct meter *m, int64_t account_id)
{
    struct tally **b = &m->tally[(uint64_t)account_id % BUCKETS], *t;
    for (t = *b; t; t = t->next)
        if (t->account_id == account_id) return t;
    t = mem_one(struct tally);
    t->account_id = account_id;
    t->next = *b;
    *b = t;
    return t;
}

static bool read_bounds(struct meter *m, struct db_conn *c, struct tally *t, struct err *e)
{
    struct db_query q;
    t->s.free_per_day = m->config.free_per_day;
    t->s.budget_per_month = m->config.budget_per_month;
    if (!db_query(c, &q, e, "SELECT free_per_day, budget_per_month FROM inference_budget WHERE account_id = ?", db_int(t->account_id)))
        return false;
    if (db_next(&q, e)) {
        if (!db_col_is_null(&q, 0)) t->s.free_per_day = db_col_int(&q, 0);
        if (!db_col_is_null(&q, 1)) t->s.budget_per_month = db_col_int(&q, 1);
    }
    return db_end(&q);
}

static bool read_sums(struct db_conn *c, struct tally *t, struct err *e)
{
    static const char sql[] = "SELECT coalesce(sum(cost - allowance), 0), coalesce(sum(CASE WHEN day = ?2 THEN allowance END), 0)"
                              " FROM usage_day WHERE account_id = ?1 AND day >= ?3";
    struct db_query q;
    if (!db_query(c, &q, e, sql, db_int(t->account_id), db_int(t->s.day), db_int(t->month))) return false;
    if (db_next(&q, e)) {
        t->s.budget_used = db_col_int(&q, 0);
        t->s.free_used = db_col_int(&q, 1);
    }
    return db_end(&q);
}

/* To the sums of today and this month.  Records that wait to be written count already. */
static bool roll(struct meter *m, struct db_conn *c, struct tally *t, struct err *e)
{
    int64_t day = day_of(m->config.now_ms()), month = month_of(day);
    if (t->is_known && t->s.day == day) return true;
    bool is_new_month = t->month != month;
    t->s.day = day;
    t->month = month;
    t->s.free_used = 0;
    if (t->is_known && !is_new_month) return true;
    t->is_known = read_sums(c, t, e);
    return t->is_known;
}

/* Bounds are read each time: the command line may have changed them. */
static bool refresh(struct meter *m, struct tally *t, struct err *e)
{
    struct db_conn *c = db_reader(m->db);
    bool ok = read_bounds(m, c, t, e) && roll(m, c, t, e);
    db_give(m->db, c);
    return ok;
}

static bool is_unbounded(const struct tally *t) { return t->s.free_per_day < 0 || t->s.budget_per_month < 0; }

static int64_t left(const struct tally *t)
{
    int64_t free_left = t->s.free_per_day > t->s.free_used ? t->s.free_per_day - t->s.free_used : 0;
    int64_t budget_left = t->s.budget_per_month > t->s.budget_used ? t->s.budget_per_month - t->s.budget_used : 0;
    return free_left + budget_left - t->s.held;
}

/* ------------------------------------------------------------------ holding */

bool meter_hold(struct meter *m, int64_t account_id, int64_t least, int64_t most, struct meter_hold **out, int64_t *held, struct err *e)
{
    must(least >= 0 && most >= least);
    pthread_mutex_lock(&m->lock);
    struct tally *t = tally_of(m, account_id);
    bool ok = refresh(m, t, e), is_free = ok && is_unbounded(t);
    if (ok && !is_free && most > left(t) && least <= left(t)) most = left(t);
    if (ok && !is_free && most > left(t)) {
        struct arena *a = arena_new(0);
        str rest = price_text(left(t) > 0 ? left(t) : 0, a), wanted = price_text(most, a);
        ok = err_kind(e, ERR_DENIED, METER_EXHAUSTED,
                      "%.*s are left of your allowance and budget, and this call may cost %.*s; ask for fewer tokens, raise the budget, or wait for "
                      "the allowance of the next day (00:00 UTC)", STR_ARG(rest), STR_ARG(wanted));
        arena_free(a);
    }
    if (ok) {
        t->s.held += most;
        *held = is_free ? METER_UNBOUNDED : most;
        *out = mem_one(struct meter_hold);
        **out = (struct meter_hold){ account_id, most };
    }
    pthread_mutex_unlock(&m->lock);
    return ok;
}

static void end_hold(struct meter *m, struct meter_hold *h)
{
    tally_of(m, h->account_id)->s.held -= h->most;
    mem_free(h);
}

void meter_shrink(struct meter *m, struct meter_hold *h, int64_t most)
{
    pthread_mutex_lock(&m->lock);
    if (most < h->most) {
        tally_of(m, h->account_id)->s.held -= h->most - most;
        h->most = most;
    }
    pthread_mutex_unlock(&m->lock);
}

void meter_release(struct meter *m, struct meter_hold *h)
{
    pthread_mutex_lock(&m->lock);
    end_hold(m, h);
    pthread_mutex_unlock(&m->lock);
}

/* ------------------------------------------------------------------ recording */

static bool insert(struct db_conn *tx, const struct record *r, struct err *e)
{
    static const char sql[] =
        "INSERT INTO inference_call (request_id, at_ms, day, account_id, user_id, token_id, token, route, model, revision, status, is_stream,"
        " is_cold, prompt_tokens, cached_tokens, completion_tokens, queue_us, first_us, compute_us, price_card_id, cost, allowance, finish)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    const struct meter_call *c = r->call;
    return db_run(tx, e, sql, db_text(c->request_id), db_int(c->at_ms), db_int(r->day), db_int(c->account_id), db_int(c->user_id),
                  c->token_id ? db_int(c->token_id) : db_null(), db_text_or_null(c->token), db_text(c->route), db_text(c->model), db_text(c->revision),
                  db_int(c->status), db_int(c->is_stream), db_int(c->is_cold), db_int((int64_t)c->units.prompt),
                  db_int((int64_t)c->units.cached), db_int((int64_t)c->units.completion), db_int((int64_t)c->queue_us),
                  db_int((int64_t)c->first_us), db_int((int64_t)c->units.compute_us), db_int(c->card.id), db_int(r->cost),
                  db_int(r->allowance), db_text(c->finish));
}

/* One bad record (an account that is gone, a number used twice) must not take the others with it. */
static bool write_batch(struct meter *m, struct record *first, struct err *e)
{
    struct db_conn *tx;
    struct err inner;
    bool ok = true;
    if (!db_begin(m->db, &tx, e)) return false;
    for (struct record *r = first; r && ok; r = r->next) {
        ok = db_savepoint(tx, e);
        if (!ok) break;
        r->ok = insert(tx, r, &r->e);
        ok = db_savepoint_end(tx, r->ok, &inner);
        if (!ok) *e = inner;
    }
    return db_finish(m->db, tx, ok, e);
}

static struct record *take_batch(struct meter *m)
{
    struct record *first = m->first, *r = first;
    for (size_t n = 1; r && r->next && n < BATCH_MAX; n++) r = r->next;
    m->first = r ? r->next : NULL;
    if (r) r->next = NULL;
    if (!m->first) m->last = &m->first;
    return first;
}

static void *write_records(void *arg)
{
    struct meter *m = arg;
    pthread_mutex_lock(&m->lock);
    for (;;) {
        while (!m->first && !m->is_stopping) pthread_cond_wait(&m->arrived, &m->lock);
        struct record *batch = take_batch(m), *next;
        if (!batch) break;
        pthread_mutex_unlock(&m->lock);
        struct err e;
        bool ok = write_batch(m, batch, &e);
        pthread_mutex_lock(&m->lock);
        for (struct record *r = batch; r; r = next) {
            next = r->next; /* once it is done, its owner takes it away */
            if (!ok) {
                r->ok = false;
                r->e = e;
            }
            r->is_done = true;
        }
        pthread_cond_broadcast(&m->written);
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

/* Moves the price from "held" to "spent". */
static void spend(struct tally *t, struct record *r)
{
    int64_t free_left = t->s.free_per_day < 0 ? r->cost : t->s.free_per_day - t->s.free_used;
    r->allowance = r->cost < free_left ? r->cost : free_left > 0 ? free_left : 0;
    r->day = t->s.day;
    t->s.free_used += r->allowance;
    t->s.budget_used += r->cost - r->allowance;
}

bool meter_settle(struct meter *m, struct meter_hold *h, const struct meter_call *call, int64_t *cost, struct err *e)
{
    struct record r = { .call = call };
    bool ok = price_of(&call->card, &call->units, &r.cost, e);
    pthread_mutex_lock(&m->lock);
    struct tally *t = tally_of(m, call->account_id);
    ok = ok && refresh(m, t, e);
    end_hold(m, h);
    if (ok) {
        spend(t, &r);
        *m->last = &r;
        m->last = &r.next;
        pthread_cond_signal(&m->arrived);
        while (!r.is_done) pthread_cond_wait(&m->written, &m->lock);
        if (!r.ok) { /* nothing was recorded, so nothing is spent */
            if (t->s.day == r.day) t->s.free_used -= r.allowance;
            t->s.budget_used -= r.cost - r.allowance;
            *e = r.e;
            ok = false;
        }
    }
    pthread_mutex_unlock(&m->lock);
    if (ok && cost) *cost = r.cost;
    return ok;
}

/* ------------------------------------------------------------------ bounds */

bool meter_state(struct meter *m, int64_t account_id, struct meter_state *out, struct err *e)
{
    pthread_mutex_lock(&m->lock);
    struct tally *t = tally_of(m, account_id);
    bool ok = refresh(m, t, e);
    if (ok) *out = t->s;
    pthread_mutex_unlock(&m->lock);
    return ok;
}

bool meter_set_budget(struct db_conn *tx, int64_t account_id, const int64_t *free_per_day, const int64_t *budget_per_month, struct err *e)
{
    static const char sql[] = "INSERT INTO inference_budget (account_id, free_per_day, budget_per_month) VALUES (?1, ?2, ?3)"
                              " ON CONFLICT (account_id) DO UPDATE SET free_per_day = ?2, budget_per_month = ?3";
    return db_run(tx, e, sql, db_int(account_id), free_per_day ? db_int(*free_per_day) : db_null(),
                  budget_per_month ? db_int(*budget_per_month) : db_null());
}

/* ------------------------------------------------------------------ life */

void meter_new(struct db *d, const struct meter_config *config, struct meter **out)
{
    struct meter *m = mem_one(struct meter);
    m->db = d;
    m->config = *config;
    if (!m->config.now_ms) m->config.now_ms = clock_now_ms;
    m->last = &m->first;
    pthread_mutex_init(&m->lock, NULL);
    pthread_cond_init(&m->arrived, NULL);
    pthread_cond_init(&m->written, NULL);
    must(pthread_create(&m->writer, NULL, write_records, m) == 0);
    *out = m;
}

void meter_free(struct meter *m)
{
    if (!m) return;
    pthread_mutex_lock(&m->lock);
    m->is_stopping = true;
    pthread_cond_signal(&m->arrived);
    pthread_mutex_unlock(&m->lock);
    pthread_join(m->writer, NULL);
    for (size_t i = 0; i < BUCKETS; i++)
        for (struct tally *t = m->tally[i], *next; t; t = next) {
            must(t->s.held == 0);
            next = t->next;
            mem_free(t);
        }
    pthread_cond_destroy(&m->written);
    pthread_cond_destroy(&m->arrived);
    pthread_mutex_destroy(&m->lock);
    mem_free(m);
}
