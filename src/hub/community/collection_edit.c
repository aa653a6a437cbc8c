/* hub/community/collection_edit.c - changing collections.  Each change is one transaction that checks its own
 * conditions again, since the row in the caller's hand may be old.
 *
 * Invariant: whoever moves, adds or removes leaves the positions of that list as 0, 1, 2, ... */
#include "base/clock.h"
#include "base/hash.h"
#include "hub/community/collection.h"
#include "hub/quota.h"

static const str themes[] = { STR_INIT("orange"), STR_INIT("blue"), STR_INIT("green"), STR_INIT("purple"),
                              STR_INIT("pink"), STR_INIT("indigo") };
#define THEME_DEFAULT STR("purple")

/* ------------------------------------------------------------------ checks */

static size_t characters(str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

static bool text_check(str s, const char *what, size_t characters_max, struct err *e)
{
    if (!str_is_utf8(s)) return err_set(e, ERR_INVALID, "The %s is not UTF-8", what);
    if (characters(s) > characters_max)
        return err_set(e, ERR_INVALID, "The %s has %zu characters; %zu is the most", what, characters(s), characters_max);
    return true;
}

static bool title_check(str title, struct err *e)
{
    if (title.n == 0) return err_set(e, ERR_INVALID, "The title is empty");
    for (size_t i = 0; i < title.n; i++)
        if ((unsigned char)title.p[i] < 0x20) return err_set(e, ERR_INVALID, "The title must be one line");
    return text_check(title, "title", COLLECTION_TITLE_MAX, e);
}

static bool theme_check(str theme, struct err *e)
{
    for (size_t i = 0; i < COUNT(themes); i++)
        if (str_eq(theme, themes[i])) return true;
    return err_set(e, ERR_INVALID, "The colour (\"theme\") must be one of [orange, blue, green, purple, pink, indigo]");
}

/* ------------------------------------------------------------------ transactions */

static bool end(struct db *d, struct db_conn *tx, bool ok, struct err *e)
{
    return db_finish(d, tx, ok, e);
}

/* Lists begin with what was changed last.  So a change is later than all others, also of the same millisecond, or when the clock went
 * back a little. */
static bool next_ms(struct db_conn *tx, int64_t *out, struct err *e)
{
    enum { SET_BACK_MS = 60000 };
    int64_t last = 0, now = clock_now_ms();
    bool ok = db_get_int(tx, &last, 0, e, "SELECT max(updated_ms) FROM collection WHERE updated_ms <= ?", db_int(now + SET_BACK_MS));
    *out = last < now ? now : last + 1;
    return ok;
}

static bool touch(struct db_conn *tx, int64_t id, struct err *e)
{
    static const char sql[] = "UPDATE collection SET updated_ms = max(updated_ms, ?) WHERE id = ?";
    int64_t now;
    if (!next_ms(tx, &now, e) || !db_run(tx, e, sql, db_int(now), db_int(id))) return false;
    return db_changes(tx) > 0 || err_set(e, ERR_NOT_FOUND, "Collection not found");
}

/* Two lists have positions: an owner's collections, and the items of a collection. */
struct order {
    const char *select, *update;
};
static const struct order order_of_owner = {
    "SELECT id, position FROM collection WHERE owner_id = ? ORDER BY position, id",
    "UPDATE collection SET position = ? WHERE id = ?",
};
static const struct order order_of_items = {
    "SELECT id, position FROM collection_item WHERE collection_id = ? ORDER BY position, id",
    "UPDATE collection_item SET position = ? WHERE id = ?",
};
#define ORDER_MAX ((int)COLLECTION_ITEMS_MAX)
_Static_assert((int)COLLECTIONS_PER_OWNER_MAX <= ORDER_MAX, "one array serves both lists");

/* Renumbers a list; the row `moved` (0: none) goes to place `to`, or to the end if that is beyond. */
static bool renumber(struct db_conn *tx, const struct order *order, int64_t list_id, int64_t moved, int64_t to, struct err *e)
{
    int64_t id[ORDER_MAX + 1], was[ORDER_MAX + 1];
    size_t n = 0, at = 0;
    struct db_query q;
    if (!db_query(tx, &q, e, order->select, db_int(list_id))) return false;
    while (n < (size_t)ORDER_MAX && db_next(&q, e)) {
        if (db_col_int(&q, 0) == moved) at = n;
        id[n] = db_col_int(&q, 0);
        was[n++] = db_col_int(&q, 1);
    }
    if (!db_end(&q)) return false;
    if (moved && n) {
        size_t place = to < 0 ? 0 : (uint64_t)to >= n ? n - 1 : (size_t)to;
        int64_t was_moved = was[at];
        for (; at < place; at++) id[at] = id[at + 1], was[at] = was[at + 1];
        for (; at > place; at--) id[at] = id[at - 1], was[at] = was[at - 1];
        id[place] = moved;
        was[place] = was_moved;
    }
    for (size_t i = 0; i < n; i++)
        if (was[i] != (int64_t)i && !db_run(tx, e, order->update, db_int((int64_t)i), db_int(id[i]))) return false;
    return true;
}

/* ------------------------------------------------------------------ one collection */

static bool names_one(const struct collection_target *t) { return (t->repo_id != 0) + (t->member_id != 0) + (t->bucket_id != 0) == 1; }

static struct db_value or_null(int64_t id) { return id ? db_int(id) : db_null(); }

static bool add(struct db_conn *tx, int64_t collection_id, const struct collection_target *what, str note, struct err *e)
{
    static const char is_there[] = "SELECT count(*) FROM collection_item WHERE collection_id = ? AND (repo_id = ? OR member_id = ? OR bucket_id = ?)";
    static const char count[] = "SELECT count(*) FROM collection_item WHERE collection_id = ?";
    static const char sql[] = "INSERT INTO collection_item (hex_id, collection_id, repo_id, member_id, bucket_id, position, note, created_ms)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    int64_t there, n;
    char hex_id[25];
    if (!touch(tx, collection_id, e)) return false;
    if (!db_get_int(tx, &there, 0, e, is_there, db_int(collection_id), db_int(what->repo_id), db_int(what->member_id),
                    db_int(what->bucket_id))) return false;
    if (there) return err_set(e, ERR_CONFLICT, "This item is in the collection already");
    if (!renumber(tx, &order_of_items, collection_id, 0, 0, e) || !db_get_int(tx, &n, 0, e, count, db_int(collection_id))) return false;
    if (n >= COLLECTION_ITEMS_MAX)
        return err_set(e, ERR_UNPROCESSABLE, "A collection has at most %d items", COLLECTION_ITEMS_MAX);
    random_hex(hex_id, 24);
    return db_run(tx, e, sql, db_text(str_c(hex_id)), db_int(collection_id), or_null(what->repo_id), or_null(what->member_id),
                  or_null(what->bucket_id), db_int(n), db_text(note), db_int(clock_now_ms()));
}

static bool find_title(struct db_conn *c, int64_t owner_id, str title, int64_t *id, struct err *e)
{
    return db_get_int(c, id, 0, e, "SELECT id FROM collection WHERE owner_id = ? AND title = ?", db_int(owner_id), db_text(title));
}

static bool refuse_title(struct err *e) { return err_set(e, ERR_CONFLICT, "A collection with this title already exists"); }

static bool insert(struct db_conn *tx, const struct collection_new *q, const struct identity *who, struct collection *out,
                   struct arena *a, struct err *e)
{
    static const char sql[] =
        "INSERT INTO collection (hex_id, owner_id, title, description, theme, is_private, position, created_ms, updated_ms, group_id)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, nullif(?9, 0))";
    int64_t existing, n, now;
    char hex_id[25];
    if (!find_title(tx, q->owner_id, q->title, &existing, e)) return false;
    if (existing) return collection_get(tx, existing, out, a, e) && refuse_title(e);
    if (!renumber(tx, &order_of_owner, q->owner_id, 0, 0, e)) return false;
    if (!db_get_int(tx, &n, 0, e, "SELECT count(*) FROM collection WHERE owner_id = ?", db_int(q->owner_id))) return false;
    if (n >= COLLECTIONS_PER_OWNER_MAX)
        return err_set(e, ERR_UNPROCESSABLE, "An account has at most %d collections", COLLECTIONS_PER_OWNER_MAX);
    random_hex(hex_id, 24);
    if (!next_ms(tx, &now, e) ||
        !db_run(tx, e, sql, db_text(str_c(hex_id)), db_int(q->owner_id), db_text(q->title), db_text(q->description),
                db_text(q->theme.n ? q->theme : THEME_DEFAULT), db_int(q->is_private), db_int(n), db_int(now),
                db_int(q->group_id)))
        return false;
    if (!collection_get(tx, db_last_id(tx), out, a, e)) return false;
    if (names_one(&q->first) && !add(tx, out->id, &q->first, STR(""), e)) return false;
    str what = arena_fmt(a, "created the collection %.*s", STR_ARG(out->slug));
    return audit_add(tx, who, "collection.create", q->owner_id, what, (str){ 0 }, e);
}

bool collection_create(struct hub *h, const struct collection_new *q, const struct identity *who, struct collection *out,
                       struct arena *a, struct err *e)
{
    struct db_conn *tx;
    struct collection_new fine = *q;
    fine.title = str_trim(q->title);
    fine.description = str_trim(q->description);
    if (!title_check(fine.title, e) || !text_check(fine.description, "description", COLLECTION_DESCRIPTION_MAX, e) ||
        (q->theme.n && !theme_check(q->theme, e)) || !db_begin(hub_db(h), &tx, e))
        return false;
    return end(hub_db(h), tx, quota_allow(h, tx, QUOTA_COLLECTIONS, q->owner_id, e) && insert(tx, &fine, who, out, a, e), e);
}

static bool change_row(struct db_conn *tx, struct collection *now, const struct collection_change *change, struct err *e)
{
    static const char sql[] = "UPDATE collection SET title = ?, description = ?, theme = ?, is_private = ? WHERE id = ?";
    int64_t other;
    if (change->has_title) {
        now->title = str_trim(change->title);
        if (!find_title(tx, now->owner_id, now->title, &other, e)) return false;
        if (other && other != now->id) return refuse_title(e);
    }
    if (change->has_description) now->description = str_trim(change->description);
    if (change->has_theme) now->theme = change->theme;
    if (change->has_private) now->is_private = change->is_private;
    if (!db_run(tx, e, sql, db_text(now->title), db_text(now->description), db_text(now->theme), db_int(now->is_private),
                db_int(now->id)))
        return false;
    return !change->has_position || renumber(tx, &order_of_owner, now->owner_id, now->id, change->position, e);
}

bool collection_update(struct db *d, int64_t id, const struct collection_change *change, struct err *e)
{
    struct db_conn *tx;
    struct collection now;
    if ((change->has_title && !title_check(str_trim(change->title), e)) ||
        (change->has_description && !text_check(str_trim(change->description), "description", COLLECTION_DESCRIPTION_MAX, e)) ||
        (change->has_theme && !theme_check(change->theme, e)) || !db_begin(d, &tx, e))
        return false;
    struct arena *a = arena_new(0);
    bool ok = end(d, tx, collection_get(tx, id, &now, a, e) && change_row(tx, &now, change, e) && touch(tx, id, e), e);
    arena_free(a);
    return ok;
}

static bool delete_row(struct db_conn *tx, const struct collection *col, const struct identity *who, struct arena *a,
                       struct err *e)
{
    if (!db_run(tx, e, "DELETE FROM collection WHERE id = ?", db_int(col->id))) return false;
    if (!db_changes(tx)) return err_set(e, ERR_NOT_FOUND, "Collection not found");
    str what = arena_fmt(a, "deleted the collection %.*s", STR_ARG(col->slug));
    return renumber(tx, &order_of_owner, col->owner_id, 0, 0, e) &&
           audit_add(tx, who, "collection.delete", col->owner_id, what, (str){ 0 }, e);
}

bool collection_delete(struct db *d, const struct collection *col, const struct identity *who, struct err *e)
{
    struct db_conn *tx;
    if (!db_begin(d, &tx, e)) return false;
    struct arena *a = arena_new(0);
    bool ok = end(d, tx, delete_row(tx, col, who, a, e), e);
    arena_free(a);
    return ok;
}

/* ------------------------------------------------------------------ items */

bool collection_add(struct db *d, int64_t collection_id, const struct collection_target *what, str note, struct err *e)
{
    struct db_conn *tx;
    must(names_one(what));
    if (what->member_id == collection_id) return err_set(e, ERR_INVALID, "A collection cannot be in itself");
    if (!text_check(note, "note", COLLECTION_NOTE_MAX, e) || !db_begin(d, &tx, e)) return false;
    return end(d, tx, add(tx, collection_id, what, note, e), e);
}

static bool find_item(struct db_conn *c, int64_t collection_id, str hex_id, int64_t *id, struct err *e)
{
    static const char sql[] = "SELECT id FROM collection_item WHERE collection_id = ? AND hex_id = ?";
    if (!db_get_int(c, id, 0, e, sql, db_int(collection_id), db_text(hex_id))) return false;
    return *id || err_set(e, ERR_NOT_FOUND, "The collection has no item \"%.*s\"", STR_ARG(str_to(hex_id, 30)));
}

static bool change_item(struct db_conn *tx, int64_t collection_id, const struct collection_item_change *change, struct err *e)
{
    int64_t id;
    if (!find_item(tx, collection_id, change->hex_id, &id, e)) return false;
    if (change->has_note && !db_run(tx, e, "UPDATE collection_item SET note = ? WHERE id = ?", db_text(change->note), db_int(id)))
        return false;
    return !change->has_position || renumber(tx, &order_of_items, collection_id, id, change->position, e);
}

bool collection_update_items(struct db *d, int64_t collection_id, const struct collection_item_change *change, size_t n,
                             struct err *e)
{
    struct db_conn *tx;
    for (size_t i = 0; i < n; i++)
        if (change[i].has_note && !text_check(change[i].note, "note", COLLECTION_NOTE_MAX, e)) return false;
    if (!db_begin(d, &tx, e)) return false;
    bool ok = touch(tx, collection_id, e);
    for (size_t i = 0; i < n && ok; i++) ok = change_item(tx, collection_id, &change[i], e);
    return end(d, tx, ok, e);
}

bool collection_remove(struct db *d, int64_t collection_id, str item_hex_id, struct err *e)
{
    struct db_conn *tx;
    int64_t id;
    if (!db_begin(d, &tx, e)) return false;
    bool ok = touch(tx, collection_id, e) && find_item(tx, collection_id, item_hex_id, &id, e) &&
              db_run(tx, e, "DELETE FROM collection_item WHERE id = ?", db_int(id)) &&
              renumber(tx, &order_of_items, collection_id, 0, 0, e);
    return end(d, tx, ok, e);
}
