/* web/community/profile.c - the page of a user or an organisation: repositories, collections, likes, activity, people; and
 * what is done from there: following, liking. */
#include "hub/community/collection.h"
#include "hub/community/happening.h"
#include "hub/community/like.h"
#include "hub/community/profile.h"
#include "hub/community/watch.h"
#include "hub/repo.h"
#include "web/bucket/bucket.h"
#include "web/community/community.h"
#include "web/site/site.h"

enum { REPOS_SHOWN = 30, PEOPLE_SHOWN = 100, FOLLOWED_ORGS_SHOWN = 1000, LIKES_SHOWN = 60, ACTS_SHOWN = 40, COLLECTIONS_SHOWN = 100, BUCKETS_SHOWN = 60, FORM_BYTES_MAX = 16 << 10 };

static bool find(struct call *c, struct account *out, struct err *e)
{
    bool found;
    if (!account_find(call_db(c), call_param(c, "name"), out, &found, c->a, e)) return false;
    return (found && !out->is_disabled) || err_set(e, ERR_NOT_FOUND, "There is nobody of this name");
}

/* ------------------------------------------------------------------ tabs */

/* Where the page begins, of those behind the first; and where the next one does. */
static str page_after(struct page *p)
{
    str after = call_query(p->c, "after");
    return after.p ? after : STR("");
}

static void write_next(struct page *p, str next) { jw_kstr(&p->w, "next", next); }

static bool write_repos(struct page *p, const struct account *who, struct err *e)
{
    static const enum repo_kind kinds[] = { REPO_MODEL, REPO_DATASET, REPO_SPACE };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct list_query q = { .kind = kinds[i], .who = &p->c->who, .gated = -1, .author = who->name, .sort = SORT_MODIFIED, .limit = REPOS_SHOWN };
        struct list_page list;
        if (!page_write_list(p, repo_kind_plural(kinds[i]).p, &q, &list, e)) return false;
        if (list.next.p) jw_kbool(&p->w, arena_fmt(p->c->a, "more_%s", repo_kind_plural(kinds[i]).p).p, true);
    }
    return true;
}

static bool write_likes(struct page *p, const struct account *who, struct err *e)
{
    struct call *c = p->c;
    struct like *like;
    size_t n;
    str next;
    if (!like_repos(call_db(c), &c->who, who->id, page_after(p), LIKES_SHOWN, c->a, &like, &n, &next, e)) return false;
    write_next(p, next);
    jw_karray(&p->w, "liked");
    for (size_t i = 0; i < n; i++) {
        struct repo_summary s;
        if (!repo_summary_get(call_db(c), like[i].repo.id, &s, c->a, e)) return false;
        page_write_summary(p, &s);
    }
    jw_array_end(&p->w);
    return true;
}

static void write_act(struct page *p, const struct happening *x)
{
    struct json_writer *w = &p->w;
    struct json *data;
    struct err ignored;
    jw_object(w);
    jw_kstr(w, "what", happening_name(x->kind));
    jw_kint(w, "at_ms", x->at_ms);
    if (x->actor.p) jw_kstr(w, "actor", x->actor);
    jw_kstr(w, "repo", x->repo_name);
    jw_kstr(w, "href", arena_fmt(p->c->a, "/%.*s%.*s", STR_ARG(repo_web_prefix(x->repo_kind)), STR_ARG(x->repo_name)));
    jw_kstr(w, "kind", repo_kind_name(x->repo_kind));
    if (json_parse(x->data, p->c->a, &data, &ignored)) {
        const struct json *d = json_get(data, STR("discussion"));
        const struct json *ref = json_at(json_get(data, STR("updatedRefs")), 0);
        if (d) jw_kvalue(w, "discussion", d);
        if (ref) jw_kstr(w, "ref", json_str_or(ref, STR("ref"), STR("")));
        if (ref && json_str_or(ref, STR("newSha"), STR("")).n) jw_kstr(w, "sha", json_str_or(ref, STR("newSha"), STR("")));
    }
    jw_object_end(w);
}

static bool write_activity(struct page *p, const struct account *who, struct err *e)
{
    struct happening *x;
    size_t n;
    str next;
    if (!happening_feed(call_db(p->c), &p->c->who, who->id, who->kind == ACCOUNT_ORG, page_after(p), ACTS_SHOWN, p->c->a, &x, &n, &next, e)) return false;
    write_next(p, next);
    jw_karray(&p->w, "acts");
    for (size_t i = 0; i < n; i++) write_act(p, &x[i]);
    jw_array_end(&p->w);
    return true;
}

static void write_person(struct page *p, const struct account *who, str role)
{
    jw_object(&p->w);
    jw_kstr(&p->w, "name", who->name);
    jw_kstr(&p->w, "fullname", who->fullname.p ? who->fullname : STR(""));
    jw_kstr(&p->w, "avatar", call_avatar_url(p->c, who->name));
    jw_kstr(&p->w, "role", role);
    jw_object_end(&p->w);
}

/* Of people PEOPLE_SHOWN + 1 are asked for: the last tells whether there is a next page, and is not shown. */
static size_t write_people_next(struct page *p, size_t n, const struct account *last_shown)
{
    write_next(p, n > PEOPLE_SHOWN ? last_shown->name : STR(""));
    return n > PEOPLE_SHOWN ? PEOPLE_SHOWN : n;
}

static bool write_followers(struct page *p, const struct account *who, struct err *e)
{
    struct account *row;
    size_t n;
    if (!follow_followers(call_db(p->c), who->id, page_after(p), PEOPLE_SHOWN + 1, p->c->a, &row, &n, e)) return false;
    n = write_people_next(p, n, &row[PEOPLE_SHOWN - 1]);
    jw_karray(&p->w, "people");
    for (size_t i = 0; i < n; i++) write_person(p, &row[i], STR(""));
    jw_array_end(&p->w);
    return true;
}

/* Organisations stand on the first page, all of them; people go on. */
static bool write_following(struct page *p, const struct account *who, struct err *e)
{
    struct account *org = NULL, *user;
    size_t orgs = 0, users;
    str after = page_after(p);
    if (!after.n && !follow_following(call_db(p->c), who->id, ACCOUNT_ORG, after, FOLLOWED_ORGS_SHOWN, p->c->a, &org, &orgs, e)) return false;
    if (!follow_following(call_db(p->c), who->id, ACCOUNT_USER, after, PEOPLE_SHOWN + 1, p->c->a, &user, &users, e)) return false;
    users = write_people_next(p, users, &user[PEOPLE_SHOWN - 1]);
    jw_karray(&p->w, "people");
    for (size_t i = 0; i < orgs; i++) write_person(p, &org[i], STR("organisation"));
    for (size_t i = 0; i < users; i++) write_person(p, &user[i], STR(""));
    jw_array_end(&p->w);
    return true;
}

static bool write_members(struct page *p, const struct account *who, struct err *e)
{
    struct account_member *m;
    size_t n;
    if (!account_members(call_db(p->c), who->id, (str){ 0 }, page_after(p), PEOPLE_SHOWN + 1, p->c->a, &m, &n, e)) return false;
    n = write_people_next(p, n, n > PEOPLE_SHOWN ? &m[PEOPLE_SHOWN - 1].user : NULL);
    jw_karray(&p->w, "people");
    for (size_t i = 0; i < n; i++) write_person(p, &m[i].user, account_role_name(m[i].role));
    jw_array_end(&p->w);
    return true;
}

static bool write_collections(struct page *p, const struct account *who, struct err *e)
{
    struct collection_query q = { .who = &p->c->who, .owners = &who->name, .owners_count = 1, .cursor = page_after(p), .limit = COLLECTIONS_SHOWN };
    struct collection_page page;
    if (!collection_list(call_db(p->c), &q, p->c->a, &page, e)) return false;
    write_next(p, page.next.n ? page.next : STR(""));
    jw_karray(&p->w, "collections");
    for (size_t i = 0; i < page.n; i++) web_write_collection(p, &page.row[i]);
    jw_array_end(&p->w);
    return true;
}

static bool write_buckets(struct page *p, const struct account *who, struct err *e)
{
    struct bucket_list_query q = { .owner_id = who->id, .search = STR(""), .sort = BUCKETS_BY_UPDATED, .cursor = page_after(p), .limit = BUCKETS_SHOWN };
    struct bucket *b;
    size_t n;
    str next;
    if (!bucket_list(call_db(p->c), &p->c->who, &q, p->c->a, &b, &n, &next, e)) return false;
    bucket_write_list(p, "buckets", b, n);
    write_next(p, next);
    return true;
}

static const struct {
    const char *name;
    bool (*write)(struct page *p, const struct account *who, struct err *e);
    bool of_users, of_orgs;
} tabs[] = {
    { "repos", write_repos, true, true },         { "buckets", write_buckets, true, true },
    { "collections", write_collections, true, true }, { "likes", write_likes, true, false },
    { "activity", write_activity, true, true },   { "members", write_members, false, true },        { "followers", write_followers, true, true },
    { "following", write_following, true, false },
};

/* ------------------------------------------------------------------ the page */

static bool write_account(struct page *p, const struct account *who, struct err *e)
{
    struct call *c = p->c;
    struct json_writer *w = &p->w;
    struct follow_counts follows;
    str handle[SOCIAL_NETWORKS];
    int is_following;
    enum account_role role, own; /* an administrator of the site has rights everywhere, but creates in his own name and his organisations' */
    bool is_org = who->kind == ACCOUNT_ORG, is_me = who->id == c->who.user_id;
    if (!follow_count(call_db(c), who->id, &follows, e) || !social_get(call_db(c), who->id, handle, c->a, e) ||
        !watch_get(call_db(c), c->who.user_id, WATCH_ACCOUNT, who->id, &is_following, e) ||
        !account_role_in(call_db(c), &c->who, who->id, &role, e) || !account_member_role(call_db(c), who->id, c->who.user_id, &own, e))
        return false;
    jw_kobject(w, "account");
    jw_kstr(w, "name", who->name);
    jw_kstr(w, "fullname", who->fullname.p ? who->fullname : STR(""));
    jw_kstr(w, "details", who->details.p ? who->details : STR(""));
    jw_kbool(w, "is_org", is_org);
    jw_kbool(w, "is_me", is_me);
    if (who->upstream.n) jw_kstr(w, "upstream", who->upstream);
    jw_kbool(w, "may_change", is_org ? role == ROLE_ADMIN : is_me);
    jw_kbool(w, "may_create", is_org ? own >= ROLE_WRITE && role >= ROLE_WRITE : is_me);
    jw_kint(w, "created_ms", who->created_ms);
    jw_kstr(w, "avatar", call_avatar_url(c, who->name));
    jw_kint(w, "followers", follows.followers);
    jw_kint(w, "following", follows.users + follows.orgs);
    jw_kbool(w, "is_followed", is_following == 1);
    jw_karray(w, "socials");
    for (size_t i = 0; i < SOCIAL_NETWORKS; i++) {
        jw_object(w);
        jw_kstr(w, "network", social_network[i]);
        jw_kstr(w, "handle", handle[i].n ? handle[i] : STR(""));
        jw_kstr(w, "url", handle[i].n ? social_url(i, handle[i], c->a) : STR(""));
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_object_end(w);
    return true;
}

static bool get_account(struct call *c, struct err *e)
{
    struct account who;
    str tab = call_query(c, "tab");
    size_t at = 0;
    if (!find(c, &who, e)) return false;
    if (who.kind == ACCOUNT_SERVICE) { /* it has no page; who follows its name from a commit finds whose it is */
        struct account org;
        return account_get(call_db(c), who.service_of, &org, c->a, e) && page_redirect(c, arena_fmt(c->a, "/%.*s", STR_ARG(org.name)));
    }
    for (size_t i = 0; i < COUNT(tabs); i++)
        if (str_eq(tab, str_c(tabs[i].name)) && (who.kind == ACCOUNT_ORG ? tabs[i].of_orgs : tabs[i].of_users)) at = i;
    struct page *p = page_new(c, who.name);
    jw_kstr(&p->w, "tab", str_c(tabs[at].name));
    jw_kbool(&p->w, "is_later", page_after(p).n > 0);
    return write_account(p, &who, e) && tabs[at].write(p, &who, e) && page_reply(p, 200, "community/profile.html", e);
}

/* ------------------------------------------------------------------ following */

static bool post_follow(struct call *c, struct err *e)
{
    struct account who;
    if (!find(c, &who, e)) return false;
    if (who.id == c->who.user_id) return err_set(e, ERR_INVALID, "Nobody follows himself");
    return watch_change(c->hub, c->who.user_id, WATCH_ACCOUNT, who.id, str_eq(page_field(c, "on"), STR("yes")), e) &&
           page_redirect(c, arena_fmt(c->a, "/%.*s", STR_ARG(who.name)));
}

/* ------------------------------------------------------------------ liking and watching a repository */

static bool to_repo(struct call *c)
{
    str home = arena_fmt(c->a, "/%.*s%.*s", STR_ARG(repo_web_prefix(c->repo.kind)), STR_ARG(c->repo.full_name));
    return page_redirect(c, page_next(page_field(c, "next"), home));
}

static bool post_like(struct call *c, struct err *e)
{
    return repo_set_like(c->hub, c->repo.id, c->who.user_id, str_eq(page_field(c, "on"), STR("yes")), e) && to_repo(c);
}

static bool post_watch(struct call *c, struct err *e)
{
    return watch_change(c->hub, c->who.user_id, WATCH_REPO, c->repo.id, str_eq(page_field(c, "on"), STR("yes")), e) && to_repo(c);
}

static bool get_likers(struct call *c, struct err *e)
{
    struct account *who;
    size_t n;
    str next;
    struct page *p = page_new(c, STR("Likes"));
    if (!like_users(call_db(c), c->repo.id, page_after(p), PEOPLE_SHOWN, c->a, &who, &n, &next, e)) return false;
    page_write_repo_frame(p, "likes");
    jw_kbool(&p->w, "is_later", page_after(p).n > 0);
    write_next(p, next);
    jw_karray(&p->w, "people");
    for (size_t i = 0; i < n; i++) write_person(p, &who[i], STR(""));
    jw_array_end(&p->w);
    return page_reply(p, 200, "community/likers.html", e);
}

#define ROWS_OF(prefix)                                                                                                       \
    { HTTP_GET, prefix "/likers", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_likers, "page.likers", SHAPE_PAGE },               \
    { HTTP_POST, prefix "/like", PERM_REPO_JOIN, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_like, "page.like", SHAPE_PAGE }, \
    { HTTP_POST, prefix "/watch", PERM_REPO_JOIN, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_watch, "page.watch", SHAPE_PAGE }

static const struct api_route rows[] = {
    { HTTP_GET, "/:name", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_account, "page.account", SHAPE_PAGE },
    { HTTP_POST, "/:name/-/follow", PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_follow, "page.follow", SHAPE_PAGE },
    ROWS_OF("/:ns/:repo"),
    ROWS_OF("/:kind(datasets|spaces|kernels)/:ns/:repo"),
};
const struct api_table web_people = API_TABLE(rows);
