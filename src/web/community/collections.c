/* web/community/collections.c - collections: all of them, one, and what its owner does with it. */
#include "hub/community/collection.h"

#include "web/bucket/bucket.h"
#include "web/community/community.h"
#include "web/site/site.h"

enum { PAGE = 30, FORM_BYTES_MAX = 64 << 10 };

/* ------------------------------------------------------------------ what is shown */

struct named { /* what an item names; which of them, collection_item.names says */
    struct repo_summary repo;
    struct bucket bucket;
    struct collection member;
};

/* May the caller see it? */
static bool item_seen(struct call *c, const struct collection_item *item, struct named *out)
{
    struct err refusal;
    const struct collection_target *t = &item->names;
    if (t->repo_id)
        return repo_summary_get(call_db(c), t->repo_id, &out->repo, c->a, &refusal) &&
               repo_allow(call_db(c), &c->who, &out->repo.repo, REPO_SEE, &refusal);
    if (t->bucket_id)
        return bucket_get(call_db(c), t->bucket_id, &out->bucket, c->a, &refusal) &&
               bucket_allow(call_db(c), &c->who, &out->bucket, REPO_SEE, &refusal);
    return collection_get(call_db(c), t->member_id, &out->member, c->a, &refusal) &&
           collection_allow(call_db(c), &c->who, &out->member, COLLECTION_SEE, &refusal);
}

static void write_members(struct page *p, const struct collection *col)
{
    struct json_writer *w = &p->w;
    jw_kstr(w, "slug", col->slug);
    jw_kstr(w, "title", col->title);
    jw_kstr(w, "description", col->description);
    jw_kstr(w, "theme", col->theme);
    jw_kstr(w, "owner", col->owner);
    jw_kbool(w, "is_private", col->is_private);
    jw_kint(w, "updated_ms", col->updated_ms);
}

void web_write_collection(struct page *p, const struct collection *col)
{
    enum { LOOKS_AT = 100, NAMES = 3 };
    struct call *c = p->c;
    struct collection_item *item;
    struct named of;
    struct err ignored;
    size_t n = 0, named = 0;
    int64_t seen = 0;
    if (!collection_items(call_db(c), col->id, LOOKS_AT, c->a, &item, &n, &ignored)) n = 0;
    (void)collection_count_seen(call_db(c), &c->who, col->id, &seen, &ignored);
    jw_object(&p->w);
    write_members(p, col);
    jw_karray(&p->w, "names");
    for (size_t i = 0; i < n && named < NAMES; i++) {
        if (!item_seen(c, &item[i], &of)) continue;
        jw_str(&p->w, item[i].names.repo_id ? of.repo.repo.full_name : item[i].names.bucket_id ? of.bucket.full_name : of.member.title);
        named++;
    }
    jw_array_end(&p->w);
    jw_kint(&p->w, "items", seen);
    jw_object_end(&p->w);
}

static bool get_list(struct call *c, struct err *e)
{
    struct collection_query q = { .who = &c->who, .limit = PAGE, .cursor = call_query(c, "cursor"), .text = str_to(str_trim(call_query(c, "q")), 200) };
    struct collection_page list;
    if (!collection_list(call_db(c), &q, c->a, &list, e)) return false;
    struct page *p = page_new(c, STR("Collections"));
    jw_kstr(&p->w, "words", q.text.n ? q.text : STR(""));
    jw_kstr(&p->w, "next", list.next.p ? list.next : STR(""));
    jw_kbool(&p->w, "is_later", q.cursor.n > 0);
    jw_karray(&p->w, "collections");
    for (size_t i = 0; i < list.n; i++) web_write_collection(p, &list.row[i]);
    jw_array_end(&p->w);
    return page_reply(p, 200, "community/collections.html", e);
}

/* ------------------------------------------------------------------ one of them */

static bool find(struct call *c, enum collection_right right, struct collection *out, struct err *e)
{
    return collection_find(call_db(c), &c->who, call_param(c, "account"), call_param(c, "slug"), right, out, c->a, e);
}

static bool write_items(struct page *p, const struct collection *col, struct err *e)
{
    struct call *c = p->c;
    struct json_writer *w = &p->w;
    struct collection_item *item;
    size_t n;
    if (!collection_items(call_db(c), col->id, COLLECTION_ITEMS_MAX, c->a, &item, &n, e)) return false;
    jw_karray(w, "items");
    for (size_t i = 0; i < n; i++) {
        struct named of;
        if (!item_seen(c, &item[i], &of)) continue;
        jw_object(w);
        jw_kstr(w, "id", item[i].hex_id);
        jw_kint(w, "position", item[i].position);
        jw_kstr(w, "note", item[i].note);
        if (item[i].names.bucket_id) {
            jw_kobject(w, "bucket");
            bucket_write(w, &of.bucket);
            jw_object_end(w);
        } else if (item[i].names.repo_id) {
            jw_key(w, STR("repo_of"));
            page_write_summary(p, &of.repo);
        } else {
            jw_key(w, STR("collection"));
            web_write_collection(p, &of.member);
        }
        jw_object_end(w);
    }
    jw_array_end(w);
    return true;
}

static bool one_page(struct call *c, int status, const struct collection *col, str problem, struct err *e)
{
    struct err ignored;
    struct page *p = page_new(c, col->title);
    jw_kstr(&p->w, "problem_text", problem);
    page_write_typed(p, problem.n > 0, "item", "note", "title", "description", "theme", "is_private");
    jw_kobject(&p->w, "collection");
    write_members(p, col);
    jw_object_end(&p->w);
    jw_kbool(&p->w, "may_change", c->who.user_id && collection_allow(call_db(c), &c->who, col, COLLECTION_WRITE, &ignored));
    return write_items(p, col, e) && page_reply(p, status, "community/collection.html", e);
}

static bool get_one(struct call *c, struct err *e)
{
    struct collection col;
    return find(c, COLLECTION_SEE, &col, e) && one_page(c, 200, &col, STR(""), e);
}

/* ------------------------------------------------------------------ what its owner does */

static bool to(struct call *c, const struct collection *col) { return page_redirect(c, arena_fmt(c->a, "/collections/%.*s", STR_ARG(col->slug))); }

/* After a change: the page anew, or, if it was the words that were wrong, the page with that said. */
static bool answer(struct call *c, bool ok, int64_t id, const struct err *why, struct err *e)
{
    struct collection now;
    if (!ok && why->code != ERR_INVALID && why->code != ERR_CONFLICT && why->code != ERR_NOT_FOUND) {
        *e = *why;
        return false;
    }
    if (!collection_get(call_db(c), id, &now, c->a, e)) return false;
    return ok ? to(c, &now) : one_page(c, api_status_of(why), &now, str_c(why->msg), e);
}

static bool new_page(struct call *c, int status, str problem, struct err *e)
{
    struct page *p = page_new(c, STR("New collection"));
    jw_kstr(&p->w, "problem_text", problem);
    page_write_typed(p, problem.n > 0, "title", "description", "theme", "is_private");
    return page_write_owners(p, ROLE_WRITE, e) && page_reply(p, status, "community/collection_new.html", e);
}

static bool get_new(struct call *c, struct err *e) { return new_page(c, 200, STR(""), e); }

static bool make(struct call *c, struct collection *out, struct err *e)
{
    struct collection_new q = { .title = page_text(c, "title"), .description = page_text(c, "description"), .theme = page_text(c, "theme"),
                                .is_private = page_field(c, "is_private").n > 0 };
    struct account owner;
    bool found;
    if (!account_find(call_db(c), page_text(c, "owner"), &owner, &found, c->a, e)) return false;
    if (!found) return err_set(e, ERR_INVALID, "There is no such owner");
    if (!collection_allow_create(call_db(c), &c->who, &owner, 0, e)) return false;
    q.owner_id = owner.id;
    return collection_create(c->hub, &q, &c->who, out, c->a, e);
}

/* What has the title already has all else that the form says, too: it was made by this form, sent before. */
static bool is_as_sent(struct call *c, const struct collection *made)
{
    return made->id && str_eq(made->description, page_text(c, "description")) && str_eq(made->theme, page_text(c, "theme")) &&
           made->is_private == (page_field(c, "is_private").n > 0);
}

static bool post_new(struct call *c, struct err *e)
{
    struct collection made = { 0 };
    struct err why;
    if (make(c, &made, &why) || is_as_sent(c, &made)) return to(c, &made);
    if (api_status_of(&why) < 500) return new_page(c, api_status_of(&why), str_c(why.msg), e);
    *e = why;
    return false;
}

static bool post_change(struct call *c, struct err *e)
{
    struct collection col;
    struct err why;
    if (!find(c, COLLECTION_WRITE, &col, e)) return false;
    struct collection_change change = { .has_title = true, .has_description = true, .has_theme = page_field(c, "theme").n > 0, .has_private = true,
                                        .title = page_text(c, "title"), .description = page_text(c, "description"), .theme = page_text(c, "theme"),
                                        .is_private = page_field(c, "is_private").n > 0 };
    return answer(c, collection_update(hub_db(c->hub), col.id, &change, &why), col.id, &why, e);
}

static bool post_delete(struct call *c, struct err *e)
{
    struct collection col;
    return find(c, COLLECTION_WRITE, &col, e) && collection_delete(hub_db(c->hub), &col, &c->who, e) &&
           page_redirect(c, arena_fmt(c->a, "/%.*s?tab=collections", STR_ARG(col.owner)));
}

/* "owner/name", "datasets/owner/name", "buckets/owner/name", a whole address of ours, or "collections/owner/slug". */
static bool find_target(struct call *c, str asked, struct collection_target *out, struct err *e)
{
    str base = call_base_url(c), first, rest;
    enum repo_kind kind = REPO_MODEL;
    struct repo r;
    struct bucket b;
    struct collection member;
    bool moved;
    *out = (struct collection_target){ 0 };
    if (str_starts(asked, base)) asked = str_from(asked, base.n);
    while (asked.n && asked.p[0] == '/') asked = str_from(asked, 1);
    rest = asked;
    bool has_more = str_cut(&rest, '/', &first);
    size_t slash = str_chr(rest, '/');
    str owner = str_to(rest, slash == STR_NONE ? rest.n : slash), slug = slash == STR_NONE ? STR("") : str_from(rest, slash + 1);
    if (has_more && slug.n && str_eq(first, STR("buckets"))) {
        if (!bucket_find_allowed(call_db(c), &c->who, owner, slug, REPO_SEE, &b, &moved, c->a, e)) return false;
        out->bucket_id = b.id;
        return true;
    }
    if (has_more && str_eq(first, STR("collections"))) {
        if (!collection_find(call_db(c), &c->who, owner, slug, COLLECTION_SEE, &member, c->a, e)) return false;
        out->member_id = member.id;
        return true;
    }
    if (str_chr(rest, '/') != STR_NONE && repo_kind_parse(first, &kind)) asked = rest;
    if (!call_find_repo(c, kind, asked, REPO_SEE, &r, e)) return false;
    out->repo_id = r.id;
    return true;
}

static bool post_add(struct call *c, struct err *e)
{
    struct collection col;
    struct err why;
    struct collection_target what;
    if (!find(c, COLLECTION_WRITE, &col, e)) return false;
    bool ok = find_target(c, page_text(c, "item"), &what, &why) &&
              collection_add(hub_db(c->hub), col.id, &what, page_text(c, "note"), &why);
    return answer(c, ok, col.id, &why, e);
}

static bool post_item(struct call *c, struct err *e)
{
    struct collection col;
    struct err why;
    uint64_t position;
    str act = page_text(c, "act");
    if (!find(c, COLLECTION_WRITE, &col, e)) return false;
    if (str_eq(act, STR("remove"))) return answer(c, collection_remove(hub_db(c->hub), col.id, call_param(c, "item"), &why), col.id, &why, e);
    struct collection_item_change change = { .hex_id = call_param(c, "item"), .has_note = str_eq(act, STR("note")), .note = page_text(c, "note") };
    change.has_position = str_eq(act, STR("move")) && str_u64(page_text(c, "position"), &position) && position < COLLECTION_ITEMS_MAX;
    if (!change.has_note && !change.has_position) return err_set(e, ERR_INVALID, "An item is moved, noted or removed");
    if (change.has_position) change.position = (int64_t)position;
    return answer(c, collection_update_items(hub_db(c->hub), col.id, &change, 1, &why), col.id, &why, e);
}

#define ONE "/collections/:account/:slug"
static const struct api_route rows[] = {
    { HTTP_GET, "/collections", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_list, "page.collections", SHAPE_PAGE },
    { HTTP_GET, "/collections/new", PERM_USER, HTTP_BODY_NONE, 0, 0, get_new, "page.collection.new", SHAPE_PAGE },
    { HTTP_POST, "/collections/new", PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_new, "page.collection.create", SHAPE_PAGE },
    { HTTP_GET, ONE, PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_one, "page.collection", SHAPE_PAGE },
    { HTTP_POST, ONE, PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_change, "page.collection.change", SHAPE_PAGE },
    { HTTP_POST, ONE "/delete", PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_delete, "page.collection.delete", SHAPE_PAGE },
    { HTTP_POST, ONE "/items", PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_add, "page.collection.add", SHAPE_PAGE },
    { HTTP_POST, ONE "/items/:item", PERM_USER_WRITE, HTTP_BODY_WHOLE, FORM_BYTES_MAX, 0, post_item, "page.collection.item", SHAPE_PAGE },
};
const struct api_table web_collections = API_TABLE(rows);
