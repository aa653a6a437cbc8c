/* hub/shared_chat.c - see hub/shared_chat.h.  What is stored is written anew from what was read: only the members that we know. */
#include "hub/shared_chat.h"

#include "base/clock.h"
#include "base/hash.h"

static bool write_messages(const struct json *messages, struct buf *out, struct err *e)
{
    static const char *const roles[] = { "system", "user", "assistant" };
    struct json_writer w = json_writer(out);
    if (!json_is(messages, JSON_ARRAY) || !messages->count || messages->count > SHARED_CHAT_MESSAGES_MAX)
        return err_set(e, ERR_INVALID, "\"messages\" must be a list of 1 to %d messages", SHARED_CHAT_MESSAGES_MAX);
    jw_array(&w);
    json_each (m, messages) {
        str role = json_str_or(m, STR("role"), STR("")), content = { 0 }, model = json_str_or(m, STR("model"), STR(""));
        bool is_role = false;
        for (size_t i = 0; i < COUNT(roles); i++) is_role = is_role || str_eq(role, str_c(roles[i]));
        if (!is_role) return err_set(e, ERR_INVALID, "a message's \"role\" is system, user or assistant");
        if (!json_str(json_get(m, STR("content")), &content)) return err_set(e, ERR_INVALID, "a message's \"content\" must be a text");
        jw_object(&w);
        jw_kstr(&w, "role", role);
        jw_kstr(&w, "content", content);
        if (model.n) jw_kstr(&w, "model", str_to(model, 200));
        jw_object_end(&w);
    }
    jw_array_end(&w);
    return !out->failed || err_set(e, ERR_TOO_LARGE, "a conversation of more than %d MiB is not shared", SHARED_CHAT_BYTES_MAX >> 20);
}

bool shared_chat_create(struct db_conn *tx, const struct identity *who, const struct repo *model, str title, const struct json *messages,
                        struct shared_chat *out, struct arena *a, struct err *e)
{
    static const char sql[] = "INSERT INTO shared_chat (hex_id, owner_id, repo_id, title, messages, created_ms) VALUES (?, ?, ?, ?, ?, ?)";
    struct buf b = BUF_INIT(SHARED_CHAT_BYTES_MAX);
    char hex_id[25];
    int64_t have;
    bool ok = false, found;
    title = str_trim(title);
    if (title.n > SHARED_CHAT_TITLE_MAX || !str_is_utf8(title)) {
        err_set(e, ERR_INVALID, "a title has at most %d bytes", SHARED_CHAT_TITLE_MAX);
        goto done;
    }
    if (!write_messages(messages, &b, e)) goto done;
    if (!db_get_int(tx, &have, 0, e, "SELECT count(*) FROM shared_chat WHERE owner_id = ?", db_int(who->user_id))) goto done;
    if (have >= SHARED_CHATS_MAX) {
        err_set(e, ERR_CONFLICT, "You have shared %d conversations, which is the most: remove some", SHARED_CHATS_MAX);
        goto done;
    }
    random_hex(hex_id, 24);
    ok = db_run(tx, e, sql, db_text(str_c(hex_id)), db_int(who->user_id), db_int(model->id), db_text(title.n ? title : STR("A conversation")),
                db_text(buf_str(&b)), db_int(clock_now_ms())) &&
         shared_chat_find(tx, str_c(hex_id), out, &found, a, e);
done:
    buf_deinit(&b);
    return ok;
}

#define COLUMNS "s.id, s.owner_id, s.repo_id, s.created_ms, s.hex_id, u.name, s.title, o.name || '/' || r.name"
#define TABLES " FROM shared_chat s JOIN account u ON u.id = s.owner_id JOIN repo r ON r.id = s.repo_id JOIN account o ON o.id = r.owner_id"

static void read_row(struct db_query *q, struct shared_chat *out, struct arena *a)
{
    *out = (struct shared_chat){ .id = db_col_int(q, 0), .owner_id = db_col_int(q, 1), .repo_id = db_col_int(q, 2), .created_ms = db_col_int(q, 3),
                                 .hex_id = db_col_dup(q, 4, a), .owner = db_col_dup(q, 5, a), .title = db_col_dup(q, 6, a), .model = db_col_dup(q, 7, a) };
}

bool shared_chat_find(struct db_conn *c, str hex_id, struct shared_chat *out, bool *found, struct arena *a, struct err *e)
{
    struct db_query q;
    if (!db_query(c, &q, e, "SELECT " COLUMNS ", s.messages" TABLES " WHERE s.hex_id = ?", db_text(hex_id))) return false;
    if ((*found = db_next(&q, e))) {
        read_row(&q, out, a);
        out->messages = db_col_dup(&q, 8, a);
    }
    return db_end(&q);
}

bool shared_chat_list(struct db_conn *c, int64_t owner_id, struct arena *a, struct shared_chat **out, size_t *n, struct err *e)
{
    struct db_query q;
    *n = 0;
    *out = arena_alloc(a, SHARED_CHATS_MAX * sizeof **out);
    if (!db_query(c, &q, e, "SELECT " COLUMNS TABLES " WHERE s.owner_id = ? ORDER BY s.id DESC LIMIT 1000", db_int(owner_id))) return false;
    while (*n < SHARED_CHATS_MAX && db_next(&q, e)) read_row(&q, &(*out)[(*n)++], a);
    return db_end(&q);
}

bool shared_chat_remove(struct db_conn *tx, const struct identity *who, str hex_id, bool *found, struct err *e)
{
    static const char sql[] = "DELETE FROM shared_chat WHERE hex_id = ?1 AND (owner_id = ?2 OR ?3)";
    if (!db_run(tx, e, sql, db_text(hex_id), db_int(who->user_id), db_int(who->is_admin))) return false;
    *found = db_changes(tx) > 0;
    return true;
}
