/* hub/community/reaction.c - see reaction.h. */
#include "hub/community/reaction.h"

#include "base/clock.h"
#include "hub/community/discussion_priv.h"

const struct reaction_kind reaction_kind[REACTIONS] = {
    { STR_INIT("thumbsup"), STR_INIT("👍") }, { STR_INIT("heart"), STR_INIT("❤️") },    { STR_INIT("fire"), STR_INIT("🔥") },
    { STR_INIT("rocket"), STR_INIT("🚀") },   { STR_INIT("eyes"), STR_INIT("👀") },     { STR_INIT("hugs"), STR_INIT("🤗") },
    { STR_INIT("plus"), STR_INIT("➕") },     { STR_INIT("cool"), STR_INIT("😎") },     { STR_INIT("brain"), STR_INIT("🧠") },
    { STR_INIT("handshake"), STR_INIT("🤝") }, { STR_INIT("sad"), STR_INIT("😔") },     { STR_INIT("mindblown"), STR_INIT("🤯") },
};

static const struct reaction_kind *find_kind(str name)
{
    for (size_t i = 0; i < REACTIONS; i++)
        if (str_eq(reaction_kind[i].name, name)) return &reaction_kind[i];
    return NULL;
}

static struct reaction *entry_of(struct reaction **list, size_t *n, str event_hex, const struct reaction_kind *kind, struct arena *a)
{
    for (size_t i = *n; i-- > 0 && str_eq((*list)[i].event_hex, event_hex);)
        if ((*list)[i].kind == kind) return &(*list)[i];
    *list = arena_grow(a, *list, *n, sizeof **list);
    (*list)[*n] = (struct reaction){ .event_hex = arena_dup(a, event_hex), .kind = kind };
    return &(*list)[(*n)++];
}

bool reaction_list(struct db_conn *c, int64_t discussion_id, const struct identity *who, struct arena *a, struct reaction **out, size_t *n,
                   struct err *e)
{
    static const char sql[] = "SELECT v.hex_id, x.reaction, u.name, u.id FROM discussion_event v JOIN discussion_reaction x ON x.event_id = v.id"
                              " JOIN account u ON u.id = x.user_id WHERE v.discussion_id = ? ORDER BY v.id, x.created_ms, u.id";
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(discussion_id))) return false;
    while (db_next(&q, e)) {
        const struct reaction_kind *kind = find_kind(db_col_text(&q, 1));
        if (!kind) continue; /* of a version that knew more */
        struct reaction *r = entry_of(out, n, db_col_text(&q, 0), kind, a);
        r->count++;
        r->is_mine = r->is_mine || (who && who->user_id && who->user_id == db_col_int(&q, 3));
        if (r->users < REACTION_USERS_SHOWN) r->user[r->users++] = db_col_dup(&q, 2, a);
    }
    return db_end(&q);
}

static bool set(struct db_conn *tx, const struct discussion *d, str event_hex, str name, bool is_on, int64_t user_id, struct err *e)
{
    static const char find[] = "SELECT id FROM discussion_event WHERE discussion_id = ? AND hex_id = ? AND type = 'comment'";
    static const char put[] = "INSERT INTO discussion_reaction (event_id, user_id, reaction, created_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
    static const char drop[] = "DELETE FROM discussion_reaction WHERE event_id = ? AND user_id = ? AND reaction = ?";
    int64_t id;
    if (!db_get_int(tx, &id, 0, e, find, db_int(d->id), db_text(event_hex))) return false;
    if (!id) return err_set(e, ERR_NOT_FOUND, "There is no such comment");
    if (is_on) return db_run(tx, e, put, db_int(id), db_int(user_id), db_text(name), db_int(clock_now_ms()));
    return db_run(tx, e, drop, db_int(id), db_int(user_id), db_text(name));
}

bool reaction_set(struct hub *h, const struct repo *r, const struct discussion *d, str event_hex, str name, bool is_on,
                  const struct identity *who, struct err *e)
{
    struct db_conn *tx;
    if (!find_kind(name)) return err_set(e, ERR_INVALID, "There is no such reaction");
    if (!db_begin(h->db, &tx, e)) return false;
    bool ok = discussion_allow_speak(tx, who, r, d, e) && set(tx, d, event_hex, name, is_on, who->user_id, e);
    return db_finish(h->db, tx, ok, e);
}
