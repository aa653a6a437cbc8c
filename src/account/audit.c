/* account/audit.c - the record of who did what. */
#include "account/account_priv.h"

#include "base/clock.h"

bool audit_add(struct db_conn *tx, const struct identity *actor, const char *type, int64_t account_id, str message, str ip,
               struct err *e)
{
    static const char sql[] = "INSERT INTO audit (at_ms, actor_id, type, account_id, message, ip) VALUES (?, ?, ?, ?, ?, ?)";
    return db_run(tx, e, sql, db_int(clock_now_ms()), actor && actor->user_id ? db_int(actor->user_id) : db_null(),
                  db_text(str_c(type)), account_id ? db_int(account_id) : db_null(), db_text(message), db_text_or_null(ip));
}

#define AUDIT_ROWS                                                                                                                \
    "SELECT u.id, u.at_ms, w.name, w.hex_id, u.type, s.name, u.message, u.ip FROM audit u LEFT JOIN account w ON w.id = u.actor_id" \
    " LEFT JOIN account s ON s.id = u.account_id"

static struct audit_row audit_read(struct db_query *q)
{
    return (struct audit_row){ .id = db_col_int(q, 0), .at_ms = db_col_int(q, 1), .actor = db_col_text(q, 2), .actor_hex = db_col_text(q, 3),
                               .type = db_col_text(q, 4), .account = db_col_text(q, 5), .message = db_col_text(q, 6), .ip = db_col_text(q, 7) };
}

bool audit_list(struct db_conn *c, const struct audit_query *q, struct arena *a, struct audit_row **out, size_t *n, struct err *e)
{
    static const char sql[] =
        AUDIT_ROWS " WHERE (?1 = 0 OR u.id < ?1) AND (?2 = '' OR u.type = ?2 OR u.type LIKE ?2 || '.%')"
        " AND (?3 = '' OR (SELECT n.id FROM account n WHERE n.name_key = lower(?3)) IN (u.actor_id, u.account_id)) AND (?4 = '' OR instr(lower(u.message), lower(?4)) > 0)"
        " ORDER BY u.id DESC LIMIT ?5";
    struct db_query rows;
    *n = 0;
    *out = arena_alloc(a, (q->limit + 1) * sizeof **out);
    if (!db_query(c, &rows, e, sql, db_int(q->before_id), db_text(q->type.p ? q->type : STR("")), db_text(q->name.p ? q->name : STR("")),
                  db_text(q->words.p ? q->words : STR("")), db_int((int64_t)q->limit)))
        return false;
    while (*n < q->limit && db_next(&rows, e)) {
        struct audit_row *row = &(*out)[(*n)++];
        str *text[] = { &row->actor, &row->actor_hex, &row->type, &row->account, &row->message, &row->ip };
        *row = audit_read(&rows);
        for (size_t i = 0; i < COUNT(text); i++)
            if (text[i]->p) *text[i] = arena_dup(a, *text[i]);
    }
    return db_end(&rows);
}

bool audit_of_each(struct db_conn *c, int64_t account_id, int64_t before_id, size_t limit, void (*fn)(void *ctx, const struct audit_row *row),
                   void *ctx, struct err *e)
{
    struct db_query q;
    if (!db_query(c, &q, e, AUDIT_ROWS " WHERE u.account_id = ? AND u.id < ? ORDER BY u.id DESC LIMIT ?", db_int(account_id), db_int(before_id),
                  db_int((int64_t)limit)))
        return false;
    while (db_next(&q, e)) {
        struct audit_row row = audit_read(&q);
        fn(ctx, &row);
    }
    return db_end(&q);
}
