/* hub/second_factor.c - see hub/second_factor.h. */
#include "hub/second_factor.h"

#include "account/totp.h"
#include "account/tries.h"
#include "base/clock.h"
#include "base/hash.h"
#include "hub/sealed.h"

enum { WRONG_MAX = 10, TYPED_MAX = 40 };

static str context_of(const struct identity *who, struct arena *a) { return arena_fmt(a, "second factor/%lld", (long long)who->user_id); }

static bool note(struct db_conn *tx, const struct identity *who, const char *type, str message, str ip, struct err *e)
{
    return audit_add(tx, who, type, who->user_id, message, ip, e);
}

/* Codes are shown in groups: what people type between them is left out. */
static str without_gaps(str typed, struct arena *a)
{
    char *out = arena_alloc(a, TYPED_MAX);
    size_t n = 0;
    for (size_t i = 0; i < typed.n && n < TYPED_MAX; i++)
        if (typed.p[i] != ' ' && typed.p[i] != '-') out[n++] = typed.p[i];
    return str_n(out, n);
}

str second_factor_secret(struct arena *a)
{
    uint8_t secret[TOTP_SECRET_BYTES];
    struct buf text = BUF_INIT(0);
    random_bytes(secret, sizeof secret);
    buf_base32(&text, (bytes){ secret, sizeof secret });
    str out = arena_dup(a, buf_str(&text));
    buf_deinit(&text);
    return out;
}

bool second_factor_turn_on(struct hub *h, struct db_conn *tx, const struct identity *who, str secret, str code, str ip, bool *right,
                           str recovery[RECOVERY_CODES], struct arena *a, struct err *e)
{
    uint8_t b[TOTP_SECRET_BYTES];
    struct buf sealed = BUF_INIT(0);
    *right = false;
    if (!base32_decode(secret, b, sizeof b)) return err_set(e, ERR_INVALID, "The secret of this form is damaged; reload the page");
    int64_t step = totp_find((bytes){ b, sizeof b }, without_gaps(code, a), clock_now_ms(), 0);
    if (!step) return true;
    bool ok = hub_seal(h, tx, context_of(who, a), str_n((const char *)b, sizeof b), &sealed, e) &&
              second_factor_put(tx, who->user_id, bytes_of(buf_str(&sealed)), step, e) && recovery_codes_make(tx, who->user_id, recovery, a, e) &&
              note(tx, who, "user.factor.on", STR("turned the second factor on"), ip, e);
    buf_deinit(&sealed);
    return *right = ok;
}

/* ------------------------------------------------------------------ codes */

static bool check_code(struct hub *h, struct db_conn *tx, const struct identity *who, const struct second_factor *f, str code, bool *right,
                       struct arena *a, struct err *e)
{
    str secret;
    if (!hub_unseal(h, context_of(who, a), f->sealed, &secret, a, e)) return false;
    int64_t step = totp_find(bytes_of(secret), code, clock_now_ms(), f->used_step);
    *right = false;
    return !step || second_factor_use(tx, who->user_id, step, right, e);
}

static bool check_recovery(struct db_conn *tx, const struct identity *who, str code, str ip, bool *right, struct err *e)
{
    return recovery_code_use(tx, who->user_id, code, right, e) &&
           (!*right || note(tx, who, "user.factor.recovery", STR("used a recovery code"), ip, e));
}

bool second_factor_check(struct hub *h, struct db_conn *tx, const struct identity *who, str typed, str ip, bool *right, struct arena *a, struct err *e)
{
    struct second_factor f;
    bool found;
    str code = without_gaps(typed, a), count = arena_fmt(a, "code %lld", (long long)who->user_id);
    *right = false;
    if (!tries_may(count, WRONG_MAX)) return err_kind(e, ERR_BUSY, TRIES_SPENT, "Too many wrong codes. Wait a quarter of an hour, then try again.");
    if (!second_factor_find(tx, who->user_id, &f, &found, a, e)) return false;
    if (!found) return err_set(e, ERR_CONFLICT, "The second factor was turned off meanwhile");
    if (!(code.n == TOTP_DIGITS ? check_code(h, tx, who, &f, code, right, a, e) : check_recovery(tx, who, code, ip, right, e))) return false;
    if (*right) return true;
    tries_note(count); /* in the transaction: writers take turns, so that many at once get no more tries */
    return note(tx, who, "user.factor.wrong", STR("a code that is not right, or was used before"), ip, e);
}

bool second_factor_renew_codes(struct db_conn *tx, const struct identity *who, str ip, str recovery[RECOVERY_CODES], struct arena *a, struct err *e)
{
    return recovery_codes_make(tx, who->user_id, recovery, a, e) && note(tx, who, "user.factor.codes", STR("made new recovery codes"), ip, e);
}

bool second_factor_turn_off(struct db_conn *tx, const struct identity *actor, int64_t account_id, str ip, bool *was_on, struct err *e)
{
    return second_factor_remove(tx, account_id, was_on, e) &&
           (!*was_on || audit_add(tx, actor, "user.factor.off", account_id, STR("turned the second factor off"), ip, e));
}
