/* hub/community/webhook_send.c - the job that brings a delivery to its receiver, and what is written down about it.
 *
 * A delivery is sent outside of any transaction and noted afterwards; a crash in between sends it again.  Every attempt
 * reads the webhook anew: one that was switched off is sent nothing more. */
#include "base/clock.h"
#include "base/hash.h"
#include "hub/community/webhook_priv.h"
#include "hub/hub_priv.h"
#include "hub/sealed.h"

enum { RUNNING_MAX = WEBHOOK_RUNNING_MAX, SLOW_MS = 2000, CROWDED_MS = 200, CROWDED_MS_MAX = 30000, BY_HAND_MAX = 4 };

struct sending {
    struct hub *h;
    const struct webhook_sender *sender;
    struct arena *a;
    int64_t id, webhook_id, attempts, failing_ms, owner_id, last_took_ms;
    bool is_owner_disabled;
    str hex_id, payload, url, webhook_hex, webhook_state;
    str sealed; /* .p NULL: no secret */
    bool is_waiting, is_refused; /* refused: we do not send there, today or tomorrow */
    int status;
    int64_t took_ms;
    str answer;
};

static bool load(struct sending *x, struct db_conn *c, const char *sql, struct db_value key, int64_t webhook_id, bool *found, struct err *e)
{
    struct db_query q;
    if (!db_query(c, &q, e, sql, key, db_int(webhook_id))) return false;
    *found = db_next(&q, e);
    if (*found) {
        x->id = db_col_int(&q, 0);
        x->webhook_id = db_col_int(&q, 1);
        x->attempts = db_col_int(&q, 2);
        x->hex_id = db_col_dup(&q, 3, x->a);
        x->payload = db_col_dup(&q, 4, x->a);
        x->is_waiting = str_eq(db_col_text(&q, 5), STR("waiting"));
        x->url = db_col_dup(&q, 6, x->a);
        x->webhook_hex = db_col_dup(&q, 7, x->a);
        x->webhook_state = db_col_dup(&q, 8, x->a);
        x->failing_ms = db_col_int(&q, 9);
        x->sealed = db_col_is_null(&q, 10) ? (str){ 0 } : arena_dup(x->a, str_of(db_col_blob(&q, 10)));
        x->owner_id = db_col_int(&q, 11);
        x->is_owner_disabled = db_col_int(&q, 12) != 0;
        x->last_took_ms = db_col_int(&q, 13);
    }
    return db_end(&q);
}

#define DELIVERY_SQL                                                                                                        \
    "SELECT d.id, d.webhook_id, d.attempts, d.hex_id, d.payload, d.state, w.url, w.hex_id, w.state, w.failing_ms, w.sealed," \
    " w.owner_id, o.is_disabled, coalesce((SELECT l.took_ms FROM webhook_delivery l WHERE l.webhook_id = w.id AND l.tried_ms > 0"      \
    " ORDER BY l.tried_ms DESC LIMIT 1), 0)"                                                                                           \
    " FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook_id JOIN account o ON o.id = w.owner_id WHERE "

/* ------------------------------------------------------------------ one attempt */

static bool is_success(const struct sending *x) { return x->status >= 200 && x->status < 300; }

static void sign(struct sending *x, str secret, struct webhook_post *post)
{
    struct sha256 mac;
    char hex[SHA256_BYTES * 2 + 1];
    hmac_sha256(bytes_of(secret), bytes_of(x->payload), &mac);
    hex_encode((bytes){ mac.b, SHA256_BYTES }, hex);
    post->secret = secret;
    post->signature = arena_fmt(x->a, "sha256=%.*s", SHA256_BYTES * 2, hex);
}

/* Cut, and as UTF-8: it is shown to people. */
static str shown(struct arena *a, str s)
{
    s = str_trim(str_to(s, WEBHOOK_ANSWER_BYTES_MAX));
    while (s.n && !str_is_utf8(s)) s.n--;
    return arena_dup(a, s);
}

static bool attempt(struct sending *x, struct err *e)
{
    struct webhook_post post = { .url = x->url, .body = x->payload, .delivery = x->hex_id };
    struct buf answer = BUF_INIT(0);
    struct err why = { 0 };
    str secret;
    if (x->sealed.p) {
        if (!hub_unseal(x->h, webhook_secret_context(x->webhook_hex, x->a), bytes_of(x->sealed), &secret, x->a, e)) return false;
        sign(x, secret, &post);
    }
    int64_t began = clock_mono_us();
    bool ok = x->sender->post(x->sender->ctx, &post, &x->status, &answer, &why);
    if (!ok) x->status = 0;
    x->is_refused = !ok && why.code == ERR_DENIED;
    x->took_ms = (clock_mono_us() - began) / 1000;
    x->answer = shown(x->a, ok ? buf_str(&answer) : str_c(why.msg));
    buf_deinit(&answer);
    return true;
}

/* ------------------------------------------------------------------ writing it down */

static int64_t pause_ms(const struct sending *x)
{
    enum { PAUSE_MS_MAX = 3600000 };
    int64_t ms = x->sender->retry_ms;
    for (int64_t i = 1; i < x->attempts && ms < PAUSE_MS_MAX; i++) ms *= 3;
    return ms < PAUSE_MS_MAX ? ms : PAUSE_MS_MAX;
}

static bool note_webhook(const struct sending *x, struct db_conn *tx, int64_t now, struct err *e)
{
    static const char fine[] = "UPDATE webhook SET failing_ms = 0 WHERE id = ? AND failing_ms <> 0";
    static const char failing[] = "UPDATE webhook SET failing_ms = ?2 WHERE id = ?1 AND failing_ms = 0";
    static const char suspend[] = "UPDATE webhook SET state = 'suspended' WHERE id = ?1 AND state = 'enabled' AND failing_ms <> 0 AND failing_ms < ?2";
    if (is_success(x)) return db_run(tx, e, fine, db_int(x->webhook_id));
    return db_run(tx, e, failing, db_int(x->webhook_id), db_int(now)) &&
           db_run(tx, e, suspend, db_int(x->webhook_id), db_int(now - WEBHOOK_FAILING_MS));
}

static bool note(struct sending *x, bool tries_again, struct err *e)
{
    static const char sql[] = "UPDATE webhook_delivery SET state = ?, attempts = ?, status = ?, answer = ?, took_ms = ?, tried_ms = ? WHERE id = ?";
    int64_t now = clock_now_ms();
    struct db_conn *tx;
    x->attempts++;
    bool has_job = !tries_again && x->is_waiting; /* sent by hand, while it waits for its next attempt */
    tries_again = tries_again && !is_success(x) && !x->is_refused && x->attempts < WEBHOOK_ATTEMPTS_MAX;
    str state = is_success(x) ? STR("delivered") : tries_again || has_job ? STR("waiting") : STR("failed");
    if (!db_begin(x->h->db, &tx, e)) return false;
    bool ok = db_run(tx, e, sql, db_text(state), db_int(x->attempts), db_int(x->status), db_text(x->answer), db_int(x->took_ms), db_int(now),
                     db_int(x->id)) &&
              note_webhook(x, tx, now, e);
    if (ok && tries_again)
        ok = job_add(tx, WEBHOOK_JOB, arena_fmt(x->a, "{\"delivery\":%lld}", (long long)x->id), (str){ 0 }, now + pause_ms(x), e);
    return db_finish(x->h->db, tx, ok, e);
}

/* ------------------------------------------------------------------ the job, and once more by hand */

static bool give_up(struct sending *x, const char *why, struct err *e)
{
    static const char sql[] = "UPDATE webhook_delivery SET state = 'failed', answer = ? WHERE id = ?";
    struct db_conn *tx;
    if (!db_begin(x->h->db, &tx, e)) return false;
    return db_finish(x->h->db, tx, db_run(tx, e, sql, db_text(str_c(why)), db_int(x->id)), e);
}

static uint64_t host_of(const struct sending *x)
{
    size_t scheme = str_find(x->url, STR("://"));
    str rest = scheme == STR_NONE ? x->url : str_from(x->url, scheme + 3);
    size_t n = 0;
    uint64_t h = UINT64_C(14695981039346656037);
    while (n < rest.n && !memchr("/:?#", rest.p[n], 4)) h = (h ^ (uint8_t)(rest.p[n++] | 0x20)) * UINT64_C(1099511628211);
    return h | 1;
}

/* A place among those that are being sent.  One account, one host, and all that were slow the last time have no more than half of them, so
 * that a receiver that hangs keeps nobody else's deliveries.  Two that ask at the same moment may both be let in: a place is there for each. */
static struct webhook_slot *enter(struct webhook_runner *r, const struct sending *x)
{
    uint64_t owner = (uint64_t)x->owner_id, host = host_of(x);
    bool is_slow = x->failing_ms != 0 || x->last_took_ms > SLOW_MS;
    int of_owner = 0, to_host = 0, slow = 0;
    for (size_t i = 0; i < RUNNING_MAX; i++) {
        if (!atomic_load(&r->slot[i].owner)) continue;
        of_owner += atomic_load(&r->slot[i].owner) == owner;
        to_host += atomic_load(&r->slot[i].host) == host;
        slow += atomic_load(&r->slot[i].is_slow);
    }
    if (of_owner >= WEBHOOK_RUNNING_EACH || to_host >= WEBHOOK_RUNNING_EACH || (is_slow && slow >= WEBHOOK_RUNNING_EACH)) return NULL;
    for (size_t i = 0; i < RUNNING_MAX; i++) {
        uint64_t none = 0;
        if (!atomic_compare_exchange_strong(&r->slot[i].owner, &none, owner)) continue;
        atomic_store(&r->slot[i].host, host);
        atomic_store(&r->slot[i].is_slow, is_slow);
        return &r->slot[i];
    }
    return NULL;
}

static bool deliver(struct sending *x, struct webhook_runner *r, int64_t id, bool *crowded, struct err *e)
{
    bool found;
    *crowded = false;
    struct db_conn *c = db_reader(x->h->db);
    bool ok = load(x, c, DELIVERY_SQL "d.id = ?1 AND ?2 = ?2", db_int(id), 0, &found, e);
    db_give(x->h->db, c);
    if (!ok || !found || !x->is_waiting) return ok; /* removed with its webhook, or brought by hand meanwhile */
    if (!str_eq(x->webhook_state, STR("enabled"))) return give_up(x, "the webhook is switched off", e);
    if (x->is_owner_disabled) return give_up(x, "the account is disabled", e);
    struct webhook_slot *slot = enter(r, x);
    *crowded = !slot;
    if (!slot) return true;
    ok = attempt(x, e) && note(x, true, e);
    atomic_store(&slot->owner, 0);
    return ok;
}

/* The more there are, the later: each of those that come back is a write. */
static bool come_later(struct hub *h, const struct job *j, struct err *e)
{
    struct db_conn *tx;
    int64_t waiting;
    if (!db_begin(h->db, &tx, e)) return false;
    bool ok = job_count_waiting(tx, RUNNING_MAX * (CROWDED_MS_MAX / CROWDED_MS), &waiting, e);
    if (ok) {
        int64_t ms = CROWDED_MS * (1 + waiting / RUNNING_MAX), due = clock_now_ms() + (ms < CROWDED_MS_MAX ? ms : CROWDED_MS_MAX);
        ok = job_add(tx, WEBHOOK_JOB, j->payload, (str){ 0 }, due, e);
    }
    return db_finish(h->db, tx, ok, e);
}

bool webhook_run(struct job_queue *q, void *ctx, const struct job *j, struct err *e)
{
    struct webhook_runner *r = ctx;
    struct sending x = { .h = r->hub, .sender = r->sender, .a = arena_new(0) };
    struct json *payload;
    (void)q;
    bool crowded = atomic_fetch_add(&r->running, 1) >= RUNNING_MAX, ok = json_parse(j->payload, x.a, &payload, e);
    if (ok && !crowded) ok = deliver(&x, r, json_int_or(payload, STR("delivery"), 0), &crowded, e);
    if (ok && crowded) ok = come_later(r->hub, j, e);
    atomic_fetch_sub(&r->running, 1);
    arena_free(x.a);
    return ok;
}

bool webhook_replay(struct hub *h, const struct webhook_sender *s, const struct webhook *w, str delivery_hex, int *status, bool *found,
                    struct err *e)
{
    struct sending x = { .h = h, .sender = s, .a = arena_new(0) };
    struct db_conn *c = db_reader(h->db);
    bool ok = load(&x, c, DELIVERY_SQL "d.hex_id = ?1 AND d.webhook_id = ?2", db_text(delivery_hex), w->id, found, e);
    db_give(h->db, c);
    if (ok && *found) {
        ok = atomic_fetch_add(&h->sent_by_hand, 1) < BY_HAND_MAX || err_set(e, ERR_BUSY, "Others are sending deliveries again; wait some seconds");
        ok = ok && attempt(&x, e) && note(&x, false, e);
        atomic_fetch_sub(&h->sent_by_hand, 1);
    }
    *status = x.status;
    arena_free(x.a);
    return ok;
}
