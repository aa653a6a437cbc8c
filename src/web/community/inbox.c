/* web/community/inbox.c - notifications: what somebody should look at. */
#include "hub/community/notification.h"
#include "web/community/community.h"

enum { PAGE = 30, FORM_BYTES_MAX = 64 << 10 };

static bool get_inbox(struct call *c, struct err *e)
{
    struct notification_query q = { .repo_kind = -1, .limit = PAGE };
    struct notification_page page;
    uint64_t number = 0;
    static const str shows[] = { STR_INIT("unread"), STR_INIT("mentions"), STR_INIT("participating") };
    str asked = call_query(c, "show"), show = STR("all");
    for (size_t i = 0; i < COUNT(shows); i++)
        if (str_eq(asked, shows[i])) show = shows[i];
    bool watched, participating;
    q.unread_only = str_eq(show, STR("unread"));
    if (str_eq(show, STR("mentions"))) q.reason_min = REASON_MENTION;
    if (str_eq(show, STR("participating"))) q.reason_min = REASON_PARTICIPATING;
    if (str_u64(call_query(c, "p"), &number) && number > 100000) return err_set(e, ERR_INVALID, "No list is that long");
    q.skip = (size_t)number * PAGE;
    if (!call_need_whole_token(c, e) || !notification_list(call_db(c), &c->who, &q, c->a, &page, e) ||
        !notification_setting_get(call_db(c), c->who.user_id, NOTIFY_WATCHED, &watched, e) ||
        !notification_setting_get(call_db(c), c->who.user_id, NOTIFY_PARTICIPATING, &participating, e))
        return false;
    struct page *p = page_new(c, STR("Notifications"));
    struct json_writer *w = &p->w;
    jw_kstr(w, "show", show);
    jw_kint(w, "unread", page.unread);
    jw_kint(w, "all", page.all);
    jw_kint(w, "page_number", (int64_t)number);
    jw_kbool(w, "more", (int64_t)(q.skip + PAGE) < page.view);
    jw_kbool(w, "wants_watched", watched);
    jw_kbool(w, "wants_participating", participating);
    jw_karray(w, "list");
    for (size_t i = 0; i < page.n; i++) {
        const struct notification *n = &page.row[i];
        jw_object(w);
        jw_kstr(w, "id", n->discussion_hex);
        jw_kint(w, "num", n->num);
        jw_kstr(w, "title", n->title);
        jw_kstr(w, "status", n->status);
        jw_kbool(w, "is_pull_request", n->is_pull_request);
        jw_kbool(w, "is_read", n->is_read);
        jw_kstr(w, "reason", notification_reason_name(n->reason));
        jw_kint(w, "at_ms", n->updated_ms);
        jw_kstr(w, "event", n->event_hex);
        jw_kobject(w, "repo_of");
        page_write_repo(w, &n->repo);
        jw_object_end(w);
        jw_object_end(w);
    }
    jw_array_end(w);
    return page_reply(p, 200, "community/inbox.html", e);
}

static bool post_act(struct call *c, struct err *e)
{
    const struct notification_query all = { .repo_kind = -1 };
    str act = page_field(c, "act"), id = page_field(c, "id");
    bool reads = str_eq(act, STR("read")), unreads = str_eq(act, STR("unread"));
    if (!reads && !unreads && !str_eq(act, STR("remove"))) return err_set(e, ERR_INVALID, "Notifications are read, unread or removed");
    if (!id.n && !reads) return err_set(e, ERR_INVALID, "Which one? Only marking as read is done to all at once");
    enum notification_act what = reads ? NOTIFICATION_READ : unreads ? NOTIFICATION_UNREAD : NOTIFICATION_REMOVE;
    return notification_do(c->hub, &c->who, what, &id, id.n ? 1 : 0, id.n ? NULL : &all, e) && page_redirect(c, page_next(page_field(c, "next"), STR("/notifications")));
}

static bool post_settings(struct call *c, struct err *e)
{
    struct db_conn *tx;
    if (!db_begin(hub_db(c->hub), &tx, e)) return false;
    bool ok = notification_setting_set(tx, c->who.user_id, NOTIFY_WATCHED, page_field(c, "watched").n > 0, e) &&
              notification_setting_set(tx, c->who.user_id, NOTIFY_PARTICIPATING, page_field(c, "participating").n > 0, e);
    return page_commit(c, ok, tx, e) && page_redirect(c, page_saved(c, STR("/notifications")));
}

/* From a notification to what it is about; it is read by that.  A link must change nothing, so it is a form's button. */
static bool post_open(struct call *c, struct err *e)
{
    str id = page_field(c, "id");
    return notification_do(c->hub, &c->who, NOTIFICATION_READ, &id, 1, NULL, e) && page_redirect(c, page_next(page_field(c, "next"), STR("/notifications")));
}

static const struct api_route rows[] = {
    { HTTP_GET, "/notifications", PERM_USER, HTTP_BODY_NONE, 0, 0, get_inbox, "page.notifications", SHAPE_PAGE },
    { HTTP_POST, "/notifications", PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_act, "page.notifications.act", SHAPE_PAGE },
    { HTTP_POST, "/notifications/open", PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_open, "page.notifications.open", SHAPE_PAGE },
    { HTTP_POST, "/notifications/settings", PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_settings, "page.notifications.settings", SHAPE_PAGE },
};
const struct api_table web_inbox = API_TABLE(rows);
