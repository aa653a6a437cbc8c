/* hub/community/profile.c - see profile.h. */
#include "hub/community/profile.h"

#include "hub/hub_priv.h"

const str social_network[SOCIAL_NETWORKS] = { STR_INIT("twitter"), STR_INIT("github"), STR_INIT("linkedin"), STR_INIT("bluesky") };
static const char *const before[SOCIAL_NETWORKS] = { "https://x.com/", "https://github.com/", "https://www.linkedin.com/in/",
                                                     "https://bsky.app/profile/" };

str social_url(size_t network, str handle, struct arena *a) { return arena_fmt(a, "%s%.*s", before[network], STR_ARG(handle)); }

bool social_get(struct db_conn *c, int64_t account_id, str handle[SOCIAL_NETWORKS], struct arena *a, struct err *e)
{
    struct db_query q;
    for (size_t i = 0; i < SOCIAL_NETWORKS; i++) handle[i] = (str){ 0 };
    if (!db_query(c, &q, e, "SELECT network, handle FROM account_social WHERE account_id = ?", db_int(account_id))) return false;
    while (db_next(&q, e))
        for (size_t i = 0; i < SOCIAL_NETWORKS; i++)
            if (str_eq(db_col_text(&q, 0), social_network[i])) handle[i] = db_col_dup(&q, 1, a);
    return db_end(&q);
}

static bool handle_check(str s, struct err *e)
{
    if (s.n > SOCIAL_HANDLE_BYTES_MAX) return err_set(e, ERR_INVALID, "A name elsewhere has %d characters at most", SOCIAL_HANDLE_BYTES_MAX);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'))
            return err_set(e, ERR_INVALID, "Give the name alone, not the address: letters, digits, '.', '-' and '_'");
    }
    return true;
}

bool social_set(struct db_conn *tx, int64_t account_id, const str handle[SOCIAL_NETWORKS], struct err *e)
{
    static const char sql[] = "INSERT INTO account_social (account_id, network, handle) VALUES (?, ?, ?)";
    for (size_t i = 0; i < SOCIAL_NETWORKS; i++)
        if (!handle_check(handle[i], e)) return false;
    if (!db_run(tx, e, "DELETE FROM account_social WHERE account_id = ?", db_int(account_id))) return false;
    for (size_t i = 0; i < SOCIAL_NETWORKS; i++)
        if (handle[i].n && !db_run(tx, e, sql, db_int(account_id), db_text(social_network[i]), db_text(handle[i]))) return false;
    return true;
}
