/* hub/community/discussion_event.c - what happens in a discussion: comments, titles, states, pins, commits.
 *
 * An event's data is stored as the JSON that clients are shown, but for what is made of the text when it is read (its HTML,
 * hub/community/comment.h) and for reactions; clients compare what an edit answered with what they read later. */
#include "base/clock.h"
#include "hub/community/discussion_priv.h"
#include "hub/community/happening.h"

/* ------------------------------------------------------------------ rows */

static void read_row(struct db_query *q, struct discussion_event *out, struct arena *a)
{
    *out = (struct discussion_event){
        .hex_id = db_col_dup(q, 0, a),
        .type = db_col_dup(q, 1, a),
        .author = db_col_dup(q, 2, a),
        .author_fullname = db_col_dup(q, 3, a),
        .created_ms = db_col_int(q, 4),
        .data = db_col_dup(q, 5, a),
    };
}

#define EVENT_COLUMNS "v.hex_id, v.type, u.name, u.fullname, v.created_ms, v.data"
#define EVENT_TABLES " FROM discussion_event v LEFT JOIN account u ON u.id = v.author_id WHERE v.discussion_id = ?"

bool discussion_events(struct db_conn *c, int64_t discussion_id, struct arena *a, struct discussion_event **out, size_t *n,
                       struct err *e)
{
    static const char sql[] = "SELECT " EVENT_COLUMNS EVENT_TABLES " ORDER BY v.id";
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(discussion_id))) return false;
    while (db_next(&q, e)) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        read_row(&q, &(*out)[(*n)++], a);
    }
    return db_end(&q);
}

bool discussion_participants(struct db_conn *c, int64_t discussion_id, size_t most, struct arena *a, struct account **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT author_id FROM discussion_event WHERE discussion_id = ? AND author_id IS NOT NULL"
                              " GROUP BY author_id ORDER BY min(id) LIMIT ?";
    struct db_query q;
    int64_t *id = arena_alloc(a, (most + 1) * sizeof *id);
    *out = arena_alloc(a, (most + 1) * sizeof **out);
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(discussion_id), db_int((int64_t)most))) return false;
    while (*n < most && db_next(&q, e)) id[(*n)++] = db_col_int(&q, 0);
    if (!db_end(&q)) return false;
    for (size_t i = 0; i < *n; i++)
        if (!account_get(c, id[i], &(*out)[i], a, e)) return false;
    return true;
}

bool discussion_event_find(struct db_conn *c, int64_t discussion_id, str hex_id, struct discussion_event *out, bool *found,
                           struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " EVENT_COLUMNS EVENT_TABLES " AND v.hex_id = ?";
    struct db_query q;
    if (!db_query(c, &q, e, sql, db_int(discussion_id), db_text(hex_id))) return false;
    *found = db_next(&q, e);
    if (*found) read_row(&q, out, a);
    return db_end(&q);
}

bool discussion_event_add(struct db_conn *tx, int64_t discussion_id, const char *type, const struct identity *who, str data,
                          struct discussion_event *out, struct arena *a, struct err *e)
{
    static const char sql[] = "INSERT INTO discussion_event (hex_id, discussion_id, type, author_id, created_ms, data)"
                              " VALUES (?, ?, ?, ?, ?, ?)";
    char hex_id[25];
    bool found = false;
    random_hex(hex_id, 24);
    if (!db_run(tx, e, sql, db_text(str_c(hex_id)), db_int(discussion_id), db_text(str_c(type)),
                who && who->user_id ? db_int(who->user_id) : db_null(), db_int(clock_now_ms()), db_text(data))) return false;
    if (!discussion_event_find(tx, discussion_id, str_c(hex_id), out, &found, a, e)) return false;
    must(found);
    return true;
}

/* ------------------------------------------------------------------ comments as JSON */

struct version { /* of a comment's text */
    str raw, author;
    int64_t at_ms;
};
static const char hidden_text[] = "This comment has been hidden";

static void put_version(struct json_writer *w, const struct version *v)
{
    jw_object(w);
    jw_kstr(w, "raw", v->raw);
    jw_kdate(w, "updatedAt", v->at_ms);
    if (v->author.n) {
        jw_kobject(w, "author");
        jw_kstr(w, "name", v->author);
        jw_kstr(w, "type", STR("user"));
        jw_object_end(w);
    }
    jw_object_end(w);
}

/* old: the data before an edit, or NULL.  The texts that a comment had before stand in "history". */
static str comment_json(const struct version *latest, const struct json *old, bool hide, str hidden_by, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    int64_t edits = json_int_or(old, STR("numEdits"), 0) + (old && !hide);
    jw_object(&w);
    jw_kbool(&w, "edited", edits > 0);
    jw_kbool(&w, "hidden", hide);
    if (hide) jw_kstr(&w, "hiddenBy", hidden_by);
    jw_key(&w, STR("latest"));
    put_version(&w, latest);
    jw_kint(&w, "numEdits", edits);
    jw_karray(&w, "history");
    if (old && !hide) { /* what was hidden stays hidden in the past, too */
        jw_value(&w, json_get(old, STR("latest")));
        json_each(v, json_get(old, STR("history"))) jw_value(&w, v);
    }
    jw_array_end(&w);
    jw_karray(&w, "editors");
    if (latest->author.n) jw_str(&w, latest->author);
    jw_array_end(&w);
    jw_karray(&w, "editorAvatarUrls");
    jw_array_end(&w);
    jw_karray(&w, "reactions");
    jw_array_end(&w);
    jw_object_end(&w);
    str out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static bool user_name(struct db_conn *c, const struct identity *who, str *out, struct arena *a, struct err *e)
{
    struct account account;
    *out = STR("");
    if (!who || !who->user_id) return true;
    if (!account_get(c, who->user_id, &account, a, e)) return false;
    *out = account.name;
    return true;
}

/* A discussion is read and answered whole.  What is said and edited has an end; merging, hiding and pushing to it have none. */
static bool check_room(struct db_conn *tx, int64_t discussion_id, size_t more, struct err *e)
{
    static const char sql[] = "SELECT coalesce(sum(length(CAST(data AS BLOB))), 0) FROM discussion_event WHERE discussion_id = ?";
    int64_t n;
    if (!db_get_int(tx, &n, 0, e, sql, db_int(discussion_id))) return false;
    return n + (int64_t)more <= DISCUSSION_BYTES_MAX ||
           err_set(e, ERR_INVALID, "A discussion may have %d MiB; open another one", DISCUSSION_BYTES_MAX >> 20);
}

bool discussion_comment_add(struct db_conn *tx, int64_t discussion_id, str text, const struct identity *who,
                            struct discussion_event *out, struct arena *a, struct err *e)
{
    struct version v = { .raw = text, .at_ms = clock_now_ms() };
    return check_room(tx, discussion_id, text.n, e) && user_name(tx, who, &v.author, a, e) &&
           discussion_event_add(tx, discussion_id, "comment", who, comment_json(&v, NULL, false, STR(""), a), out, a, e);
}

static bool check_comment(str text, struct err *e)
{
    if (!str_trim(text).n) return err_set(e, ERR_INVALID, "The comment is empty");
    return text.n <= COMMENT_BYTES_MAX || err_set(e, ERR_INVALID, "A comment may have %d bytes", COMMENT_BYTES_MAX);
}

/* A hidden comment has other words. */
static bool find_sent(struct db_conn *c, int64_t discussion_id, str text, str after, int64_t author_id, struct discussion_event *out,
                      bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " EVENT_COLUMNS EVENT_TABLES " AND v.type = 'comment' AND v.author_id = ?"
                              " AND v.id > (SELECT id FROM discussion_event WHERE hex_id = ?) AND json_extract(v.data, '$.latest.raw') = ?";
    struct db_query q;
    if (!db_query(c, &q, e, sql, db_int(discussion_id), db_int(author_id), db_text(after), db_text(text))) return false;
    *found = db_next(&q, e);
    if (*found) read_row(&q, out, a);
    return db_end(&q);
}

/* ------------------------------------------------------------------ one transaction each */

bool discussion_comment(struct hub *h, const struct repo *r, const struct discussion *d, str text, str after,
                        const struct identity *who, struct discussion_event *out, struct arena *a, struct err *e)
{
    struct db_conn *tx;
    bool sent = false;
    if (!check_comment(text, e) || !db_begin(h->db, &tx, e)) return false;
    bool ok = discussion_allow_speak(tx, who, r, d, e) && find_sent(tx, d->id, text, after, who->user_id, out, &sent, a, e) &&
              (sent || (discussion_comment_add(tx, d->id, text, who, out, a, e) &&
                        happening_add_discussion(tx, r, HAPPENED_COMMENT_CREATE, who, d->num, out->hex_id, e)));
    return db_finish(h->db, tx, ok, e);
}

struct change {
    struct db_conn *tx;
    const struct repo *repo;
    const struct discussion *d;
    const struct identity *who;
    struct arena *a;
};

/* The comment, its parsed data, and whether it is the caller's own. */
static bool find_comment(const struct change *x, str event_hex, struct discussion_event *out, struct json **data, bool *is_own,
                         struct err *e)
{
    static const char owner[] = "SELECT coalesce(author_id, 0) FROM discussion_event WHERE discussion_id = ? AND hex_id = ?";
    bool found = false;
    int64_t author_id;
    if (!discussion_event_find(x->tx, x->d->id, event_hex, out, &found, x->a, e)) return false;
    if (!found || !str_eq(out->type, STR("comment"))) return err_set(e, ERR_NOT_FOUND, "There is no such comment");
    if (!db_get_int(x->tx, &author_id, 0, e, owner, db_int(x->d->id), db_text(event_hex))) return false;
    *is_own = x->who && x->who->user_id && x->who->user_id == author_id;
    return json_parse(out->data, x->a, data, e);
}

static bool store_data(const struct change *x, struct discussion_event *event, str data, struct err *e)
{
    static const char sql[] = "UPDATE discussion_event SET data = ? WHERE discussion_id = ? AND hex_id = ?";
    event->data = data;
    return db_run(x->tx, e, sql, db_text(data), db_int(x->d->id), db_text(event->hex_id));
}

static bool edit_comment(const struct change *x, str event_hex, str text, struct discussion_event *out, struct err *e)
{
    struct json *data;
    bool is_own;
    struct version v = { .raw = text, .at_ms = clock_now_ms() };
    if (!discussion_allow_speak(x->tx, x->who, x->repo, x->d, e)) return false;
    if (!find_comment(x, event_hex, out, &data, &is_own, e)) return false;
    if (x->who && !is_own) return err_set(e, ERR_DENIED, "Only its author may edit a comment");
    if (json_bool_or(data, STR("hidden"), false)) return err_set(e, ERR_INVALID, "A hidden comment cannot be edited");
    if (json_int_or(data, STR("numEdits"), 0) >= COMMENT_EDITS_MAX) /* each keeps the text before, in one row */
        return err_set(e, ERR_INVALID, "A comment can be edited %d times; say it in a new one", COMMENT_EDITS_MAX);
    return check_room(x->tx, x->d->id, text.n, e) && user_name(x->tx, x->who, &v.author, x->a, e) && store_data(x, out, comment_json(&v, data, false, STR(""), x->a), e) &&
           happening_add_discussion(x->tx, x->repo, HAPPENED_COMMENT_UPDATE, x->who, x->d->num, out->hex_id, e);
}

bool discussion_edit(struct hub *h, const struct repo *r, const struct discussion *d, str event_hex, str text,
                     const struct identity *who, struct discussion_event *out, struct arena *a, struct err *e)
{
    struct change x = { .repo = r, .d = d, .who = who, .a = a };
    if (!check_comment(text, e) || !db_begin(h->db, &x.tx, e)) return false;
    return db_finish(h->db, x.tx, edit_comment(&x, event_hex, text, out, e), e);
}

static bool hide_comment(const struct change *x, str event_hex, struct discussion_event *out, struct err *e)
{
    struct json *data;
    bool is_own;
    str by;
    if (!find_comment(x, event_hex, out, &data, &is_own, e)) return false;
    if (x->who && !repo_allow(x->tx, x->who, x->repo, is_own ? REPO_DISCUSS : REPO_WRITE, e)) return false;
    if (json_bool_or(data, STR("hidden"), false)) return true;
    const struct json *latest = json_get(data, STR("latest"));
    struct version v = { .raw = str_n(hidden_text, sizeof hidden_text - 1), .at_ms = clock_now_ms(),
                         .author = json_str_or(json_get(latest, STR("author")), STR("name"), STR("")) };
    return user_name(x->tx, x->who, &by, x->a, e) && store_data(x, out, comment_json(&v, data, true, by, x->a), e) &&
           happening_add_discussion(x->tx, x->repo, HAPPENED_COMMENT_UPDATE, x->who, x->d->num, out->hex_id, e);
}

bool discussion_hide(struct hub *h, const struct repo *r, const struct discussion *d, str event_hex,
                     const struct identity *who, struct discussion_event *out, struct arena *a, struct err *e)
{
    struct change x = { .repo = r, .d = d, .who = who, .a = a };
    if (!db_begin(h->db, &x.tx, e)) return false;
    return db_finish(h->db, x.tx, hide_comment(&x, event_hex, out, e), e);
}

/* ------------------------------------------------------------------ title, state, pin */

static str two_texts(struct arena *a, const char *k1, str v1, const char *k2, str v2)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, k1, v1);
    if (v2.n) jw_kstr(&w, k2, v2);
    jw_object_end(&w);
    str out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

bool discussion_rename(struct hub *h, const struct repo *r, const struct discussion *d, str title,
                       const struct identity *who, struct discussion_event *out, struct arena *a, struct err *e)
{
    static const char sql[] = "UPDATE discussion SET title = ? WHERE id = ?";
    struct db_conn *tx;
    struct discussion now;
    bool found;
    title = str_trim(title);
    if (title.n < TITLE_BYTES_MIN || title.n > TITLE_BYTES_MAX)
        return err_set(e, ERR_INVALID, "The title must have %d to %d characters", TITLE_BYTES_MIN, TITLE_BYTES_MAX);
    if (!db_begin(h->db, &tx, e)) return false;
    bool ok = discussion_find(tx, r->id, d->num, &now, &found, a, e);
    if (ok && !found) ok = err_set(e, ERR_NOT_FOUND, "There is no such discussion");
    ok = ok && discussion_allow_manage(tx, who, r, &now, e) && check_room(tx, now.id, title.n, e) &&
         db_run(tx, e, sql, db_text(title), db_int(now.id)) &&
         discussion_event_add(tx, now.id, "title-change", who, two_texts(a, "from", now.title, "to", title), out, a, e) &&
         happening_add_discussion(tx, r, HAPPENED_DISCUSSION_UPDATE, who, d->num, STR(""), e);
    return db_finish(h->db, tx, ok, e);
}

bool discussion_status_add(struct db_conn *tx, const struct repo *r, const struct discussion *d, const char *status, str comment,
                           const struct identity *who, struct discussion_event *out, struct arena *a, struct err *e)
{
    static const char sql[] = "UPDATE discussion SET status = ? WHERE id = ?";
    struct discussion_event said;
    if (str_trim(comment).n && (!check_comment(comment, e) || !discussion_comment_add(tx, d->id, comment, who, &said, a, e) ||
                                !happening_add_discussion(tx, r, HAPPENED_COMMENT_CREATE, who, d->num, said.hex_id, e)))
        return false;
    return db_run(tx, e, sql, db_text(str_c(status)), db_int(d->id)) &&
           discussion_event_add(tx, d->id, "status-change", who, two_texts(a, "status", str_c(status), "", STR("")), out, a, e) &&
           happening_add_discussion(tx, r, HAPPENED_DISCUSSION_UPDATE, who, d->num, STR(""), e);
}

static bool set_status(const struct change *x, str status, str comment, struct discussion_event *out, struct err *e)
{
    struct discussion now;
    bool found = false;
    if (!discussion_allow_manage(x->tx, x->who, x->repo, x->d, e)) return false;
    if (!discussion_find(x->tx, x->repo->id, x->d->num, &now, &found, x->a, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "This discussion is gone");
    bool opens = str_eq(status, STR("open"));
    if (opens && !check_room(x->tx, now.id, 0, e)) return false; /* it would be closed and opened for ever */
    if (str_trim(comment).n && !discussion_allow_speak(x->tx, x->who, x->repo, &now, e)) return false;
    if (!opens && !str_eq(status, STR("closed"))) return err_set(e, ERR_INVALID, "\"status\" must be one of [open, closed]");
    if (str_eq(now.status, STR("merged"))) return err_set(e, ERR_INVALID, "This pull request is merged; its status stays");
    if (str_eq(now.status, status)) return err_set(e, ERR_INVALID, "This discussion is %.*s already", STR_ARG(status));
    return discussion_status_add(x->tx, x->repo, x->d, opens ? "open" : "closed", comment, x->who, out, x->a, e);
}

bool discussion_set_status(struct hub *h, const struct repo *r, const struct discussion *d, str status, str comment,
                           const struct identity *who, struct discussion_event *out, struct arena *a, struct err *e)
{
    struct change x = { .repo = r, .d = d, .who = who, .a = a };
    if (!db_begin(h->db, &x.tx, e)) return false;
    return db_finish(h->db, x.tx, set_status(&x, status, comment, out, e), e);
}

/* A mark of the row and the event that tells it; nothing when it stands so already. */
static bool set_mark(struct hub *h, const struct repo *r, const struct discussion *d, const char *sql, const char *type, const char *member,
                     bool value, const struct identity *who, struct err *e)
{
    struct discussion_event event;
    struct db_conn *tx;
    if (!db_begin(h->db, &tx, e)) return false;
    struct arena *a = arena_new(0);
    bool ok = (!who || repo_allow(tx, who, r, REPO_WRITE, e)) && db_run(tx, e, sql, db_int(value), db_int(d->id));
    if (ok && db_changes(tx))
        ok = discussion_event_add(tx, d->id, type, who, arena_fmt(a, "{\"%s\":%s}", member, value ? "true" : "false"), &event, a, e) &&
             happening_add_discussion(tx, r, HAPPENED_DISCUSSION_UPDATE, who, d->num, STR(""), e);
    arena_free(a);
    return db_finish(h->db, tx, ok, e);
}

bool discussion_pin(struct hub *h, const struct repo *r, const struct discussion *d, bool pinned,
                    const struct identity *who, struct err *e)
{
    static const char sql[] = "UPDATE discussion SET is_pinned = ?1 WHERE id = ?2 AND is_pinned <> ?1";
    return set_mark(h, r, d, sql, "pinning-change", "pinned", pinned, who, e);
}

bool discussion_lock(struct hub *h, const struct repo *r, const struct discussion *d, bool locked, const struct identity *who, struct err *e)
{
    static const char sql[] = "UPDATE discussion SET is_locked = ?1 WHERE id = ?2 AND is_locked <> ?1";
    return set_mark(h, r, d, sql, "locking-change", "locked", locked, who, e);
}
