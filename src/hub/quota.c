/* hub/quota.c - see hub/quota.h.  One row per quota: what is counted, and what it is called. */
#include "hub/quota.h"

#include "base/clock.h"
#include "hub/hub_priv.h"

enum { DAY_MS = 86400000 };

static const struct {
    const char *setting, *what, *sql; /* ?1: the account, ?2: a day ago */
} row[QUOTAS] = {
    [QUOTA_ORGANISATIONS] = { "quota-organisations", "A person may administer at most %lld organisations",
                              "SELECT count(*) FROM account_member WHERE user_id = ?1 AND role = 'admin' AND ?2 = ?2" },
    [QUOTA_TOKENS] = { "quota-tokens", "An account has at most %lld access tokens", NULL },
    [QUOTA_WEBHOOKS] = { "quota-webhooks", "An account has at most %lld webhooks", "SELECT count(*) FROM webhook WHERE owner_id = ?1 AND ?2 = ?2" },
    [QUOTA_COLLECTIONS] = { "quota-collections", "An account has at most %lld collections",
                            "SELECT count(*) FROM collection WHERE owner_id = ?1 AND ?2 = ?2" },
    [QUOTA_REPOSITORIES] = { "quota-repositories", "An account has at most %lld repositories and buckets",
                             "SELECT (SELECT count(*) FROM repo WHERE owner_id = ?1) + (SELECT count(*) FROM bucket WHERE owner_id = ?1 AND ?2 = ?2)" },
    [QUOTA_DISCUSSIONS] = { "quota-discussions", "A person opens at most %lld discussions and pull requests within a day",
                            "SELECT count(*) FROM happening WHERE actor_id = ?1 AND at_ms > ?2 AND kind = 'discussion.create'" },
};

const char *quota_setting(enum quota q) { return row[q].setting; }

void quota_set(struct hub *h, const int64_t most[QUOTAS]) { memcpy(h->quota, most, sizeof h->quota); }

/* Tokens are read by account/ alone. */
static bool count_tokens(struct db_conn *c, int64_t account_id, int64_t *out, struct err *e)
{
    struct arena *a = arena_new(0);
    struct token *list;
    size_t n = 0;
    bool ok = token_list(c, account_id, a, &list, &n, e);
    *out = (int64_t)n;
    arena_free(a);
    return ok;
}

bool quota_allow(struct hub *h, struct db_conn *c, enum quota q, int64_t account_id, struct err *e)
{
    int64_t n = 0, most = h->quota[q];
    char what[120];
    if (most <= 0 || !account_id) return true;
    bool ok = row[q].sql ? db_get_int(c, &n, 0, e, row[q].sql, db_int(account_id), db_int(clock_now_ms() - DAY_MS)) : count_tokens(c, account_id, &n, e);
    if (!ok) return false;
    if (n < most) return true;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(what, sizeof what, row[q].what, (long long)most);
#pragma GCC diagnostic pop
    return err_set(e, ERR_DENIED, "%s here. The operator's setting is %s", what, row[q].setting);
}
