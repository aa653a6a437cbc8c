/* hub/community/collection.c - reading collections: names, access, listing.  Changes are in collection_edit.c. */
#include "hub/community/collection.h"

#include "account/resource_group.h"
#include "base/hash.h"
#include "hub/hub_priv.h"

enum { ID_DIGITS = 24 };

/* ------------------------------------------------------------------ names */

static bool is_id(str s) { return s.n == ID_DIGITS && str_is_hex(s); }

/* "Llama 3 & friends" -> "llama-3-friends".  Letters outside of ASCII go; a title of those alone has no words. */
static str words_of(str title, struct arena *a)
{
    char *p = arena_alloc(a, title.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < title.n; i++) {
        char ch = title.p[i];
        if (ch >= 'A' && ch <= 'Z') ch = (char)(ch + 'a' - 'A');
        bool keeps = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9');
        if (keeps)
            p[n++] = ch;
        else if (n && p[n - 1] != '-')
            p[n++] = '-';
    }
    while (n && p[n - 1] == '-') n--;
    return n ? str_n(p, n) : STR("collection");
}

str collection_slug(str owner, str title, str hex_id, struct arena *a)
{
    str words = words_of(title, a);
    return arena_fmt(a, "%.*s/%.*s-%.*s", STR_ARG(owner), STR_ARG(words), STR_ARG(hex_id));
}

/* collection as "c", joined with its owner as "o": read by collection_read. */
#define COLLECTION_COLUMNS                                                                                   \
    "c.id, c.owner_id, c.position, c.created_ms, c.updated_ms, c.hex_id, o.name, c.title, c.description,"     \
    " c.theme, c.is_private, coalesce(c.group_id, 0)"
static void collection_read(struct db_query *q, struct collection *out, struct arena *a)
{
    *out = (struct collection){
        .id = db_col_int(q, 0),
        .owner_id = db_col_int(q, 1),
        .position = db_col_int(q, 2),
        .created_ms = db_col_int(q, 3),
        .updated_ms = db_col_int(q, 4),
        .hex_id = db_col_dup(q, 5, a),
        .owner = db_col_dup(q, 6, a),
        .title = db_col_dup(q, 7, a),
        .description = db_col_dup(q, 8, a),
        .theme = db_col_dup(q, 9, a),
        .is_private = db_col_int(q, 10) != 0,
        .group_id = db_col_int(q, 11),
    };
    out->slug = collection_slug(out->owner, out->title, out->hex_id, a);
}

/* ------------------------------------------------------------------ looking up */

static bool find_by_id(struct db_conn *c, str hex_id, struct collection *out, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " COLLECTION_COLUMNS " FROM collection c JOIN account o ON o.id = c.owner_id"
                              " WHERE c.hex_id = ?";
    struct db_query q;
    if (!db_query(c, &q, e, sql, db_text(hex_id))) return false;
    *found = db_next(&q, e);
    if (*found) collection_read(&q, out, a);
    return db_end(&q);
}

bool collection_get(struct db_conn *c, int64_t id, struct collection *out, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " COLLECTION_COLUMNS " FROM collection c JOIN account o ON o.id = c.owner_id"
                              " WHERE c.id = ?";
    struct db_query q;
    if (!db_query(c, &q, e, sql, db_int(id))) return false;
    bool found = db_next(&q, e);
    if (found) collection_read(&q, out, a);
    if (!db_end(&q)) return false;
    return found || err_set(e, ERR_NOT_FOUND, "Collection not found");
}

/* ------------------------------------------------------------------ access */

static bool refuse_unseen(struct err *e) { return err_set(e, ERR_NOT_FOUND, "Collection not found"); }

bool collection_allow(struct db_conn *c, const struct identity *who, const struct collection *col, enum collection_right right,
                      struct err *e)
{
    enum account_role role;
    if (right == COLLECTION_SEE && !col->is_private) return true;
    struct token_target target = { STR("collection"), col->slug, col->hex_id, col->owner };
    if (!resource_role_in(c, who, col->owner_id, col->group_id, &role, e)) return false;
    if (col->is_private && (role < ROLE_READ || !identity_token_allows(who, RIGHT_READ, &target))) return refuse_unseen(e);
    if (right == COLLECTION_SEE) return true;

    if (!who->user_id) return err_set(e, ERR_UNAUTHENTICATED, "Invalid username or password.");
    if (role < ROLE_WRITE) return err_set(e, ERR_DENIED, "You don't have the right to change the collections of %.*s", STR_ARG(col->owner));
    if (identity_token_allows(who, RIGHT_WRITE, &target)) return true;
    return err_set(e, ERR_DENIED, "This token has no right to change the collections of %.*s. "
                   "Use a token whose role or scopes include it", STR_ARG(col->owner));
}

/* Of those that may be seen: a stranger must not learn how many private ones have a name. */
static bool find_by_words(struct db_conn *c, const struct identity *who, int64_t owner_id, str words, struct collection *out,
                          bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " COLLECTION_COLUMNS " FROM collection c JOIN account o ON o.id = c.owner_id"
                              " WHERE c.owner_id = ?";
    struct db_query q;
    struct err refusal = { 0 };
    bool is_ambiguous = false, ok = true;
    *found = false;
    if (!db_query(c, &q, e, sql, db_int(owner_id))) return false;
    while (ok && !is_ambiguous && db_next(&q, e)) {
        struct collection col;
        if (!str_eq(words_of(db_col_text(&q, 7), a), words)) continue;
        collection_read(&q, &col, a);
        bool sees = collection_allow(c, who, &col, COLLECTION_SEE, &refusal);
        ok = sees || refusal.code == ERR_NOT_FOUND;
        is_ambiguous = sees && *found;
        if (sees) *out = col;
        *found = *found || sees;
    }
    if (!db_end(&q)) return false;
    if (!ok) *e = refusal;
    if (is_ambiguous)
        return err_set(e, ERR_CONFLICT, "Several collections are called \"%.*s\"; add the id of one of them",
                       STR_ARG(str_to(words, 100)));
    return ok;
}

bool collection_find(struct db_conn *c, const struct identity *who, str owner, str slug, enum collection_right right,
                     struct collection *out, struct arena *a, struct err *e)
{
    struct account account;
    bool found = false;
    if (slug.n >= ID_DIGITS && is_id(str_from(slug, slug.n - ID_DIGITS))) {
        if (!find_by_id(c, str_from(slug, slug.n - ID_DIGITS), out, &found, a, e)) return false;
        found = found && (!owner.n || str_eq_nocase(out->owner, owner));
    } else if (owner.n) {
        if (!account_find(c, owner, &account, &found, a, e)) return false;
        if (found && !find_by_words(c, who, account.id, slug, out, &found, a, e)) return false;
    }
    return found ? collection_allow(c, who, out, right, e) : refuse_unseen(e);
}

bool collection_allow_create(struct db_conn *c, const struct identity *who, const struct account *owner, int64_t group_id, struct err *e)
{
    enum account_role role;
    str name = owner->name;
    struct token_target target = { STR("collection"), STR(""), STR(""), name };
    if (!who->user_id) return err_set(e, ERR_UNAUTHENTICATED, "Invalid username or password.");
    if (!resource_role_in(c, who, owner->id, group_id, &role, e)) return false;
    if (role < ROLE_WRITE)
        return err_set(e, ERR_DENIED, "You don't have the rights to create a collection under the namespace \"%.*s\"", STR_ARG(name));
    if (identity_token_allows(who, RIGHT_WRITE, &target)) return true;
    return err_set(e, ERR_DENIED, "This token has no right to create a collection under the namespace \"%.*s\". "
                   "Use a token whose role or scopes include it", STR_ARG(name));
}

/* ------------------------------------------------------------------ items */

bool collection_items(struct db_conn *c, int64_t collection_id, size_t limit, struct arena *a, struct collection_item **out,
                      size_t *n, struct err *e)
{
    static const char sql[] = "SELECT id, position, repo_id, member_id, bucket_id, hex_id, note FROM collection_item"
                              " WHERE collection_id = ? ORDER BY position, id LIMIT ?";
    struct db_query q;
    if (limit > COLLECTION_ITEMS_MAX) limit = COLLECTION_ITEMS_MAX;
    struct collection_item *list = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(collection_id), db_int((int64_t)limit))) return false;
    while (db_next(&q, e)) {
        list = arena_grow(a, list, *n, sizeof *list);
        list[(*n)++] = (struct collection_item){
            .id = db_col_int(&q, 0),
            .position = db_col_int(&q, 1),
            .names = { .repo_id = db_col_int(&q, 2), .member_id = db_col_int(&q, 3), .bucket_id = db_col_int(&q, 4) },
            .hex_id = db_col_dup(&q, 5, a),
            .note = db_col_dup(&q, 6, a),
        };
    }
    *out = list;
    return db_end(&q);
}

bool collection_count_seen(struct db_conn *c, const struct identity *who, int64_t collection_id, int64_t *n, struct err *e)
{
    static const char sql[] =
        "SELECT count(*) FROM collection_item i LEFT JOIN repo r ON r.id = i.repo_id LEFT JOIN collection c ON c.id = i.member_id"
        " LEFT JOIN bucket b ON b.id = i.bucket_id WHERE i.collection_id = ?1 AND (coalesce(r.is_private, c.is_private, b.is_private) = 0"
        " OR ?2 = 1 OR " PRIVATE_SEEN_BY("coalesce(r.owner_id, c.owner_id, b.owner_id)", "coalesce(r.group_id, c.group_id, b.group_id)", "?3")
        " AND NOT EXISTS (SELECT 1 FROM org_token_revoked v WHERE v.token_id = ?4 AND v.org_id = coalesce(r.owner_id, c.owner_id, b.owner_id)))";
    return db_get_int(c, n, 0, e, sql, db_int(collection_id), db_int(who->is_admin), db_int(who->scopes ? 0 : who->user_id),
                      db_int(who->token.id));
}

/* ------------------------------------------------------------------ listing */

/* A statement that grows with its values; the text holds one '?' for each. */
struct statement {
    struct buf text;
    struct db_value *value;
    size_t n, room;
};

static void bind(struct statement *s, struct db_value v)
{
    must(s->n < s->room);
    s->value[s->n++] = v;
}

static void open_list(struct statement *s, size_t n)
{
    for (size_t i = 0; i < n; i++) buf_add(&s->text, i ? STR(", ?") : STR("?"));
    buf_lit(&s->text, ")");
}

static bool add_cursor(struct statement *s, str cursor, struct err *e)
{
    int64_t at_ms, id;
    str rest = cursor, first;
    if (!str_cut(&rest, '.', &first) || !str_i64(first, &at_ms) || !str_i64(rest, &id))
        return err_set(e, ERR_INVALID, "\"cursor\" is malformed");
    buf_lit(&s->text, " AND (c.updated_ms < ? OR (c.updated_ms = ? AND c.id < ?))");
    bind(s, db_int(at_ms));
    bind(s, db_int(at_ms));
    bind(s, db_int(id));
    return true;
}

static bool compose(struct statement *s, const struct collection_query *q, struct arena *a, struct err *e)
{
    /* Private rows of strangers never leave the database; what is left is checked against the token too. */
    buf_lit(&s->text, "SELECT " COLLECTION_COLUMNS " FROM collection c JOIN account o ON o.id = c.owner_id WHERE"
                      " (c.is_private = 0 OR ? = 1 OR " PRIVATE_SEEN_BY("c.owner_id", "c.group_id", "?") ")");
    bind(s, db_int(q->who->is_admin));
    bind(s, db_int(q->who->user_id));
    bind(s, db_int(q->who->user_id));
    if (q->owners_count) {
        buf_lit(&s->text, " AND o.name_key IN (");
        open_list(s, q->owners_count);
        for (size_t i = 0; i < q->owners_count; i++) bind(s, db_text(arena_lower(a, q->owners[i])));
    }
    if (q->has_items) {
        buf_lit(&s->text, " AND EXISTS (SELECT 1 FROM collection_item i WHERE i.collection_id = c.id AND (i.repo_id IN (");
        open_list(s, q->repos_count);
        buf_lit(&s->text, " OR i.bucket_id IN (");
        open_list(s, q->buckets_count);
        buf_lit(&s->text, "))");
        for (size_t i = 0; i < q->repos_count; i++) bind(s, db_int(q->repos[i]));
        for (size_t i = 0; i < q->buckets_count; i++) bind(s, db_int(q->buckets[i]));
    }
    if (q->text.n) {
        buf_lit(&s->text, " AND (instr(lower(c.title), ?) > 0 OR instr(lower(c.description), ?) > 0)");
        bind(s, db_text(arena_lower(a, q->text)));
        bind(s, db_text(arena_lower(a, q->text)));
    }
    if (q->cursor.n && !add_cursor(s, q->cursor, e)) return false;
    buf_lit(&s->text, " ORDER BY c.updated_ms DESC, c.id DESC");
    return true;
}

static bool fetch(struct db_conn *c, const struct statement *s, const struct collection_query *q, struct arena *a,
                  struct collection_page *out, struct err *e)
{
    struct db_query rows;
    struct err refusal = { 0 };
    bool more = false, ok = true;
    if (!db_query_once(c, &rows, buf_str(&s->text), s->value, s->n, e)) return false;
    out->row = arena_alloc(a, (q->limit + 1) * sizeof *out->row);
    while (ok && !more && db_next(&rows, e)) {
        struct collection col;
        collection_read(&rows, &col, a);
        bool sees = collection_allow(c, q->who, &col, COLLECTION_SEE, &refusal);
        ok = sees || refusal.code == ERR_NOT_FOUND;
        more = sees && out->n == q->limit;
        if (sees && !more) out->row[out->n++] = col;
    }
    if (!db_end(&rows)) return false;
    if (!ok) *e = refusal;
    if (!ok) return false;
    if (more && out->n) {
        const struct collection *last = &out->row[out->n - 1];
        out->next = arena_fmt(a, "%lld.%lld", (long long)last->updated_ms, (long long)last->id);
    }
    return true;
}

bool collection_list(struct db_conn *c, const struct collection_query *q, struct arena *a, struct collection_page *out,
                     struct err *e)
{
    struct statement s = { .text = BUF_INIT(64 << 10), .room = q->owners_count + q->repos_count + q->buckets_count + 16 };
    s.value = arena_alloc(a, s.room * sizeof *s.value);
    *out = (struct collection_page){ 0 };
    bool ok = compose(&s, q, a, e);
    if (ok) ok = !s.text.failed || err_set(e, ERR_TOO_LARGE, "The query names too many owners or items");
    if (ok) ok = fetch(c, &s, q, a, out, e);
    buf_deinit(&s.text);
    return ok;
}
