/* web/site/find.c - what the search field at the head of every page finds, as a page: for who has no scripts, and for all of it. */
#include "web/bucket/bucket.h"
#include "web/site/site.h"

enum { REPOS_SHOWN = 12, PEOPLE_SHOWN = 12 };

static bool write_found(struct page *p, enum repo_kind kind, str q, struct list_hits **hits, size_t *found, struct err *e)
{
    struct call *c = p->c;
    struct repo_summary *row;
    size_t n;
    if (!quick_search(call_db(c), &c->who, q, kind, REPOS_SHOWN, hits, c->a, &row, &n, e)) return false;
    jw_key(&p->w, repo_kind_plural(kind));
    jw_array(&p->w);
    for (size_t i = 0; i < n; i++) page_write_summary(p, &row[i]);
    jw_array_end(&p->w);
    *found += n;
    return true;
}

static bool write_buckets(struct page *p, str q, size_t *found, struct err *e)
{
    struct call *c = p->c;
    struct bucket_list_query query = { .search = q, .sort = BUCKETS_BY_UPDATED, .cursor = STR(""), .limit = REPOS_SHOWN };
    struct bucket *b;
    size_t n;
    str next;
    if (!bucket_list(call_db(c), &c->who, &query, c->a, &b, &n, &next, e)) return false;
    bucket_write_list(p, "buckets", b, n);
    *found += n;
    return true;
}

static bool write_people(struct page *p, enum account_kind kind, const char *name, str q, size_t *found, struct err *e)
{
    struct call *c = p->c;
    struct account *row;
    size_t n;
    if (!account_list(call_db(c), kind, q, STR(""), PEOPLE_SHOWN, c->a, &row, &n, e)) return false;
    jw_karray(&p->w, name);
    for (size_t i = 0; i < n; i++) {
        if (row[i].is_disabled) continue;
        jw_object(&p->w);
        jw_kstr(&p->w, "name", row[i].name);
        jw_kstr(&p->w, "fullname", row[i].fullname.p ? row[i].fullname : STR(""));
        jw_kstr(&p->w, "avatar", call_avatar_url(c, row[i].name));
        jw_object_end(&p->w);
        ++*found;
    }
    jw_array_end(&p->w);
    return true;
}

static bool get_search(struct call *c, struct err *e)
{
    static const enum repo_kind kinds[] = { REPO_MODEL, REPO_DATASET, REPO_SPACE };
    str q = str_to(str_trim(call_query(c, "q")), 250);
    struct list_hits *hits = NULL;
    size_t found = 0;
    struct page *p = page_new(c, q.n ? arena_fmt(c->a, "\xe2\x80\x9c%.*s\xe2\x80\x9d", STR_ARG(q)) : STR("Search"));
    jw_kstr(&p->w, "sought", q);
    for (size_t i = 0; i < COUNT(kinds) && q.n; i++)
        if (!write_found(p, kinds[i], q, &hits, &found, e)) return false;
    if (q.n && !write_buckets(p, q, &found, e)) return false;
    if (q.n && (!write_people(p, ACCOUNT_USER, "people", q, &found, e) || !write_people(p, ACCOUNT_ORG, "orgs", q, &found, e))) return false;
    jw_kint(&p->w, "found", (int64_t)found);
    return page_reply(p, 200, "site/search.html", e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/search", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_search, "page.search", SHAPE_PAGE },
};
const struct api_table web_find = API_TABLE(rows);
