/* web/bucket/list.c - all buckets that one may see, and a new one. */
#include "web/bucket/bucket.h"

enum { SHOWN = 60, FORM_BYTES_MAX = 16 << 10 };

static str query(struct call *c, const char *name)
{
    str s = str_trim(call_query(c, name));
    return s.n ? str_to(s, 250) : STR("");
}

/* ------------------------------------------------------------------ the list */

static bool get_list(struct call *c, struct err *e)
{
    struct bucket_list_query q = { .search = query(c, "search"), .sort = BUCKETS_BY_UPDATED, .cursor = query(c, "cursor"), .limit = SHOWN };
    str owner = query(c, "owner"), next = STR("");
    struct bucket *b = NULL;
    struct account who;
    bool found = true;
    size_t n = 0;
    if (owner.n && !account_find(call_db(c), owner, &who, &found, c->a, e)) return false;
    if (owner.n && found) q.owner_id = who.id;
    if (found && !bucket_list(call_db(c), &c->who, &q, c->a, &b, &n, &next, e)) return false;
    struct page *p = page_new(c, STR("Buckets"));
    jw_kstr(&p->w, "plural", STR("buckets"));
    jw_kstr(&p->w, "words", q.search);
    jw_kstr(&p->w, "owner", owner);
    jw_kstr(&p->w, "next", next.n ? next : STR(""));
    jw_kbool(&p->w, "is_later", q.cursor.n > 0);
    bucket_write_list(p, "buckets", b, n);
    return page_reply(p, 200, "bucket/list.html", e);
}

/* "/buckets/ada", which is what is left when a name is taken off an address. */
static bool get_of_owner(struct call *c, struct err *e)
{
    struct buf to = BUF_INIT(0);
    (void)e;
    buf_byte(&to, '/');
    http_encode(&to, call_param(c, "ns"), "");
    buf_lit(&to, "?tab=buckets");
    bool ok = page_redirect(c, buf_str(&to));
    buf_deinit(&to);
    return ok;
}

/* ------------------------------------------------------------------ a new one */

static bool new_page(struct call *c, int status, str problem, struct err *e)
{
    struct page *p = page_new(c, STR("New bucket"));
    jw_kstr(&p->w, "plural", STR("buckets"));
    jw_kstr(&p->w, "problem_text", problem);
    page_write_typed(p, problem.n > 0, "name");
    return page_write_owners(p, ROLE_CONTRIBUTOR, e) && page_reply(p, status, "bucket/new.html", e);
}

static bool get_new(struct call *c, struct err *e) { return new_page(c, 200, STR(""), e); }

static bool create(struct call *c, struct bucket *out, struct err *e)
{
    struct account owner;
    str owner_name = page_field(c, "owner"), name = page_field(c, "name");
    bool found;
    if (!account_find(call_db(c), owner_name, &owner, &found, c->a, e)) return false;
    if (!found) return err_set(e, ERR_INVALID, "There is no owner \"%.*s\"", STR_ARG(str_to(owner_name, 100)));
    struct bucket_create q = { .owner = &owner, .name = name.p ? name : STR(""), .creator_id = c->who.user_id, .has_private = true,
                               .is_private = str_eq(page_field(c, "visibility"), STR("private")) };
    return bucket_allow_create(call_db(c), &c->who, &owner, 0, e) && bucket_create(c->hub, &q, out, c->a, e);
}

static bool post_new(struct call *c, struct err *e)
{
    struct bucket made;
    struct err why = { 0 };
    if (create(c, &made, &why)) return page_redirect(c, bucket_href(c, made.full_name, "", STR("")));
    if (api_status_of(&why) < 500) return new_page(c, api_status_of(&why), str_c(why.msg), e);
    *e = why;
    return false;
}

static const struct api_route rows[] = {
    { HTTP_GET, "/buckets", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_list, "page.buckets", SHAPE_PAGE },
    { HTTP_GET, "/buckets/:ns", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_of_owner, "page.buckets.owner", SHAPE_PAGE },
    { HTTP_GET, "/buckets/new", PERM_USER, HTTP_BODY_NONE, 0, 0, get_new, "page.bucket.new", SHAPE_PAGE },
    { HTTP_POST, "/buckets/new", PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_new, "page.bucket.create", SHAPE_PAGE },
};
const struct api_table web_buckets = API_TABLE(rows);
