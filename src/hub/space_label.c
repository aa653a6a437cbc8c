/* hub/space_label.c - see hub/space_label.h. */
#include "hub/space_label.h"

#include "base/hash.h"
#include "hub/hub_priv.h"

enum { HASH_DIGITS = 8, CUT_BYTES = SPACE_LABEL_MAX - HASH_DIGITS - 1, TRIES_MAX = 16 };

/* Letters, digits and hyphens, no hyphen at either end.  "xn--" would be read as another script's name, so something stands before it. */
static str plain_label(str full_name, struct arena *a)
{
    char *p = arena_alloc(a, full_name.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < full_name.n; i++) {
        char ch = full_name.p[i];
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9');
        char to = plain ? ch : ch >= 'A' && ch <= 'Z' ? (char)(ch + 32) : '-';
        if (to != '-' || n) p[n++] = to;
    }
    while (n && p[n - 1] == '-') n--;
    str label = str_n(p, n);
    return str_starts(label, STR("xn--")) || !n ? arena_fmt(a, "s-%.*s", STR_ARG(label)) : label;
}

bool space_label_of(str full_name, unsigned try, char out[SPACE_LABEL_MAX + 1])
{
    struct arena *a = arena_new(0);
    str label = plain_label(full_name, a);
    bool fits = try || label.n <= SPACE_LABEL_MAX;
    if (fits && !try) {
        memcpy(out, label.p, label.n);
        out[label.n] = '\0';
    } else if (fits) {
        struct sha256 hash = sha256_of(bytes_of(arena_fmt(a, "%.*s#%u", STR_ARG(full_name), try)));
        char hex[SHA256_HEX + 1];
        hex_encode((bytes){ hash.b, SHA256_BYTES }, hex);
        snprintf(out, SPACE_LABEL_MAX + 1, "%.*s-%.*s", STR_ARG(str_to(label, label.n < CUT_BYTES ? label.n : CUT_BYTES)), HASH_DIGITS, hex);
    }
    arena_free(a);
    return fits;
}

bool space_label_give(struct db_conn *tx, int64_t repo_id, str full_name, struct err *e)
{
    static const char taken_sql[] = "SELECT count(*) FROM repo WHERE label = ? AND id <> ?";
    static const char give_sql[] = "UPDATE repo SET label = ? WHERE id = ?";
    char label[SPACE_LABEL_MAX + 1];
    for (unsigned try = 0; try < TRIES_MAX; try++) {
        int64_t taken;
        if (!space_label_of(full_name, try, label)) continue;
        if (!db_get_int(tx, &taken, 0, e, taken_sql, db_text(str_c(label)), db_int(repo_id))) return false;
        if (!taken) return db_run(tx, e, give_sql, db_text(str_c(label)), db_int(repo_id));
    }
    return err_set(e, ERR_CONFLICT, "No host could be found for %.*s: choose another name", STR_ARG(full_name));
}

bool space_label_fill(struct hub *h, struct err *e)
{
    static const char sql[] = "SELECT " REPO_COLUMNS " FROM repo r JOIN account o ON o.id = r.owner_id"
                              " WHERE r.kind = 'space' AND r.label IS NULL LIMIT 1000";
    for (size_t n = 1; n > 0;) {
        struct arena *a = arena_new(0);
        struct repo *list = NULL;
        struct db_conn *tx;
        struct db_query q;
        n = 0;
        bool ok = db_begin(h->db, &tx, e);
        if (ok) {
            ok = db_query(tx, &q, e, sql);
            while (ok && db_next(&q, e)) {
                list = arena_grow(a, list, n, sizeof *list);
                repo_read(&q, &list[n++], a);
            }
            ok = ok && db_end(&q);
            for (size_t i = 0; ok && i < n; i++) ok = space_label_give(tx, list[i].id, list[i].full_name, e);
            ok = db_finish(h->db, tx, ok, e);
        }
        arena_free(a);
        if (!ok) return false;
    }
    return true;
}

bool space_find_label(struct db_conn *c, str label, struct repo *out, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " REPO_COLUMNS " FROM repo r JOIN account o ON o.id = r.owner_id WHERE r.label = ?";
    struct db_query q;
    if (!db_query(c, &q, e, sql, db_text(label))) return false;
    *found = db_next(&q, e);
    if (*found) repo_read(&q, out, a);
    return db_end(&q);
}
