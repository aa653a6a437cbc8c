/* api/hub/collection.c - collections on the wire.
 *
 * An answer about one collection has "position"; entries of a list must not: a client sets it from the
 * place in the list and trips over a second one.  Items that the caller may not see are left out, wherever
 * they stand.  Nobody can vote for a collection in this version: upvotes are 0, and every sort order comes
 * down to the last update. */
#include "hub/bucket/bucket.h"
#include "hub/community/collection.h"
#include "hub/community/like.h"

#include "api/hub/hub_api.h"
#include "api/infer/infer_api.h"

enum { PAGE = 10, PAGE_MAX = 100, BRIEF_PAGE_MAX = 1000, PREVIEW_ITEMS = 4, PREVIEW_LOOKS_AT = 32, BATCH_MAX = 100 };

static bool find(struct call *c, enum collection_right right, struct collection *out, struct err *e)
{
    return collection_find(call_db(c), &c->who, call_param(c, "account"), call_param(c, "slug"), right, out, c->a, e);
}

/* ------------------------------------------------------------------ what is shown: read first, then written */

struct shown_item {
    const struct collection_item *item;
    struct repo_summary repo; /* a repository */
    bool is_liked;
    struct bucket bucket;     /* a bucket */
    struct collection member; /* a collection */
    struct account member_owner;
    int64_t member_items;
};
struct shown {
    struct collection col;
    struct account owner;
    struct shown_item *item;
    size_t items_count;
};

/* A refusal, and no fault of ours: what was asked for is passed over in silence. */
static bool is_refusal(const struct err *e)
{
    return e->code == ERR_NOT_FOUND || e->code == ERR_UNAUTHENTICATED || e->code == ERR_DENIED;
}

static bool hand_on(const struct err *from, struct err *e)
{
    *e = *from;
    return false;
}

/* *sees false: the caller may not, and the item is passed over. */
static bool read_item(struct call *c, const struct collection_item *item, struct shown_item *out, bool *sees, struct err *e)
{
    struct db_conn *db = call_db(c);
    struct err refusal = { 0 };
    struct like_state like;
    *out = (struct shown_item){ .item = item };
    if (item->names.bucket_id) {
        if (!bucket_get(db, item->names.bucket_id, &out->bucket, c->a, e)) return false;
        *sees = bucket_allow(db, &c->who, &out->bucket, REPO_SEE, &refusal);
        return *sees || is_refusal(&refusal) || hand_on(&refusal, e);
    }
    if (item->names.repo_id) {
        if (!repo_summary_get(db, item->names.repo_id, &out->repo, c->a, e)) return false;
        *sees = repo_allow(db, &c->who, &out->repo.repo, REPO_SEE, &refusal);
        if (!*sees) return is_refusal(&refusal) || hand_on(&refusal, e);
        if (!like_get(db, item->names.repo_id, c->who.user_id, &like, e)) return false;
        out->is_liked = like.is_mine;
        return true;
    }
    if (!collection_get(db, item->names.member_id, &out->member, c->a, e)) return false;
    *sees = collection_allow(db, &c->who, &out->member, COLLECTION_SEE, &refusal);
    if (!*sees) return is_refusal(&refusal) || hand_on(&refusal, e);
    return account_get(db, out->member.owner_id, &out->member_owner, c->a, e) &&
           collection_count_seen(db, &c->who, out->member.id, &out->member_items, e);
}

static bool read_shown(struct call *c, const struct collection *col, size_t looks_at, size_t items_max, struct shown *out,
                       struct err *e)
{
    struct collection_item *item;
    size_t n;
    *out = (struct shown){ .col = *col };
    if (!account_get(call_db(c), col->owner_id, &out->owner, c->a, e)) return false;
    if (!collection_items(call_db(c), col->id, looks_at, c->a, &item, &n, e)) return false;
    out->item = arena_alloc(c->a, ((n < items_max ? n : items_max) + 1) * sizeof *out->item);
    for (size_t i = 0; i < n && out->items_count < items_max; i++) {
        bool sees = false;
        if (!read_item(c, &item[i], &out->item[out->items_count], &sees, e)) {
            if (e->code == ERR_NOT_FOUND) continue; /* deleted since the list was read */
            return false;
        }
        out->items_count += sees;
    }
    return true;
}

/* ------------------------------------------------------------------ writing */

static void write_owner(struct call *c, struct json_writer *w, const struct account *owner)
{
    jw_kobject(w, "owner");
    jw_kstr(w, "_id", owner->hex_id);
    jw_kstr(w, "avatarUrl", call_avatar_url(c, owner->name));
    jw_kstr(w, "fullname", owner->fullname.n ? owner->fullname : owner->name);
    jw_kstr(w, "name", owner->name);
    jw_kbool(w, "isHf", false);
    jw_kbool(w, "isHfAdmin", false);
    jw_kbool(w, "isMod", false);
    jw_kstr(w, "type", owner->kind == ACCOUNT_ORG ? STR("org") : STR("user"));
    if (owner->kind == ACCOUNT_USER) jw_kbool(w, "isPro", false);
    jw_object_end(w);
}

static void write_head(struct call *c, struct json_writer *w, const struct collection *col, const struct account *owner)
{
    jw_kstr(w, "slug", col->slug);
    jw_kstr(w, "title", col->title);
    if (col->description.n) jw_kstr(w, "description", col->description);
    jw_kdate(w, "lastUpdated", col->updated_ms);
    write_owner(c, w, owner);
    jw_kstr(w, "theme", col->theme);
    jw_kint(w, "upvotes", 0);
    jw_kbool(w, "isUpvotedByUser", false);
}

static void write_share_url(struct call *c, struct json_writer *w, const struct collection *col)
{
    str base = call_base_url(c);
    jw_kstr(w, "shareUrl", arena_fmt(c->a, "%.*s/collections/%.*s", STR_ARG(base), STR_ARG(col->slug)));
}

/* Notes are plain text; "html" is that text, escaped. */
static void write_note(struct json_writer *w, str note)
{
    struct buf html = BUF_INIT(0);
    str rest = note, line;
    while (str_cut(&rest, '\n', &line)) {
        buf_html(&html, line);
        if (rest.p) buf_lit(&html, "<br>");
    }
    jw_kobject(w, "note");
    jw_kstr(w, "text", note);
    jw_kstr(w, "html", buf_str(&html));
    jw_object_end(w);
    buf_deinit(&html);
}

static void write_repo_fields(struct call *c, struct json_writer *w, const struct shown_item *shown)
{
    const struct repo_summary *s = &shown->repo;
    const struct repo *r = &s->repo;
    jw_kstr(w, "id", r->full_name);
    jw_kstr(w, "type", repo_kind_name(r->kind));
    jw_kstr(w, "repoType", repo_kind_name(r->kind));
    jw_kstr(w, "author", r->owner);
    jw_kbool(w, "private", r->is_private);
    jw_kint(w, "likes", s->likes);
    jw_kbool(w, "isLikedByUser", shown->is_liked);
    jw_kdate(w, "lastModified", s->modified_ms);
    if (r->kind == REPO_SPACE) {
        write_space_tile(c, w, s);
        return;
    }
    jw_kint(w, "downloads", s->downloads);
    if (r->gated.n)
        jw_kstr(w, "gated", r->gated);
    else
        jw_kbool(w, "gated", false);
    if (r->kind != REPO_MODEL) return;
    if (s->pipeline_tag.n) jw_kstr(w, "pipeline_tag", s->pipeline_tag);
    if (s->parameters) jw_kint(w, "numParameters", s->parameters);
    model_write_available(c, w, s);
}

static void write_bucket_fields(struct json_writer *w, const struct bucket *b)
{
    jw_kstr(w, "id", b->full_name);
    jw_kstr(w, "type", STR("bucket"));
    jw_kstr(w, "repoType", STR("bucket"));
    jw_kstr(w, "author", b->owner);
    jw_kbool(w, "private", b->is_private);
    jw_kint(w, "size", (int64_t)b->size_bytes);
    jw_kint(w, "totalFiles", b->files_count);
    jw_kdate(w, "createdAt", b->created_ms);
    jw_kdate(w, "lastModified", b->updated_ms);
}

/* place: among those that are shown; a gap would tell of the others. */
static void write_item(struct call *c, struct json_writer *w, const struct shown_item *s, size_t place)
{
    jw_object(w);
    jw_kstr(w, "_id", s->item->hex_id);
    jw_kint(w, "position", (int64_t)place);
    if (s->item->note.n) write_note(w, s->item->note);
    if (s->item->names.bucket_id) {
        write_bucket_fields(w, &s->bucket);
    } else if (s->item->names.repo_id) {
        write_repo_fields(c, w, s);
    } else {
        jw_kstr(w, "id", s->member.hex_id);
        jw_kstr(w, "type", STR("collection"));
        write_head(c, w, &s->member, &s->member_owner);
        write_share_url(c, w, &s->member);
        jw_kint(w, "numberItems", s->member_items);
    }
    jw_object_end(w);
}

static void write_collection(struct call *c, struct json_writer *w, const struct shown *s, bool in_list)
{
    jw_object(w);
    write_head(c, w, &s->col, &s->owner);
    jw_kbool(w, "private", s->col.is_private);
    jw_kbool(w, "gating", false);
    if (!in_list) {
        jw_kint(w, "position", s->col.position);
        write_share_url(c, w, &s->col);
    }
    jw_karray(w, "items");
    for (size_t i = 0; i < s->items_count; i++) write_item(c, w, &s->item[i], i);
    jw_array_end(w);
    jw_object_end(w);
}

/* The collection as it is now. */
static bool reply_collection(struct call *c, int64_t id, bool in_data, struct err *e)
{
    struct collection col;
    struct shown s;
    if (!collection_get(call_db(c), id, &col, c->a, e)) return false;
    if (!read_shown(c, &col, COLLECTION_ITEMS_MAX, COLLECTION_ITEMS_MAX, &s, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (in_data) {
        jw_object(&w);
        jw_kbool(&w, "success", true);
        jw_key(&w, STR("data"));
    }
    write_collection(c, &w, &s, false);
    if (in_data) jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

/* ------------------------------------------------------------------ listing */

/* "ns/name", or the name of one of the caller's own. */
static bool find_bucket(struct call *c, str id, struct bucket *out, struct err *e)
{
    bool moved;
    size_t slash = str_chr(id, '/');
    str owner = slash == STR_NONE ? c->who.name : str_to(id, slash), name = slash == STR_NONE ? id : str_from(id, slash + 1);
    return bucket_find_allowed(call_db(c), &c->who, owner, name, REPO_SEE, out, &moved, c->a, e);
}

/* "models/ns/name" -> its number; what does not exist or may not be seen is in no collection. */
static bool read_item_filter(struct call *c, struct collection_query *q, struct err *e)
{
    str *item;
    size_t n;
    query_list(c, "item", true, &item, &n);
    int64_t *repo = arena_alloc(c->a, (n + 1) * sizeof *repo), *bucket = arena_alloc(c->a, (n + 1) * sizeof *bucket);
    for (size_t i = 0; i < n; i++) {
        str rest = item[i], type;
        enum repo_kind kind;
        struct repo r;
        struct bucket b;
        struct err refusal = { 0 };
        if (!str_cut(&rest, '/', &type) || !rest.n) return err_set(e, ERR_INVALID, "\"item\" must have the form \"models/namespace/name\"");
        if (str_eq(type, STR("buckets"))) {
            if (find_bucket(c, rest, &b, &refusal)) bucket[q->buckets_count++] = b.id;
            else if (!is_refusal(&refusal)) return hand_on(&refusal, e);
        } else if (repo_kind_parse(type, &kind)) {
            if (call_find_repo(c, kind, rest, REPO_SEE, &r, &refusal)) repo[q->repos_count++] = r.id;
            else if (!is_refusal(&refusal)) return hand_on(&refusal, e);
        }
    }
    q->has_items = n > 0;
    q->repos = repo;
    q->buckets = bucket;
    return true;
}

static bool read_query(struct call *c, struct collection_query *q, struct err *e)
{
    static const char *const sorts[] = { "lastModified", "trending", "upvotes" };
    str sort = call_query(c, "sort"), *owners;
    bool is_known = sort.n == 0;
    for (size_t i = 0; i < COUNT(sorts); i++) is_known = is_known || str_eq(sort, str_c(sorts[i]));
    if (!is_known) return err_set(e, ERR_INVALID, "\"sort\" must be one of [lastModified, trending, upvotes]");
    query_list(c, "owner", false, &owners, &q->owners_count);
    q->who = &c->who;
    q->owners = owners;
    q->text = str_to(str_trim(call_query(c, "q")), 200);
    q->cursor = call_query(c, "cursor");
    return read_item_filter(c, q, e);
}

static bool reply_brief(struct call *c, const struct collection_page *page)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_array(&w);
    for (size_t i = 0; i < page->n; i++) {
        jw_object(&w);
        jw_kstr(&w, "name", page->row[i].slug);
        jw_kstr(&w, "title", page->row[i].title);
        jw_kbool(&w, "private", page->row[i].is_private);
        jw_kint(&w, "upvotes", 0);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool get_list(struct call *c, struct err *e)
{
    struct collection_query q = { 0 };
    struct collection_page page;
    struct shown s;
    bool is_brief = !http_query_bool(c->http, "expand", true);
    q.limit = (size_t)call_query_limit(c, PAGE, is_brief ? BRIEF_PAGE_MAX : PAGE_MAX);
    if (!read_query(c, &q, e) || !collection_list(call_db(c), &q, c->a, &page, e)) return false;
    if (page.next.p) call_link_next(c, STR("cursor"), page.next);
    if (is_brief) return reply_brief(c, &page);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_array(&w);
    for (size_t i = 0; i < page.n; i++) {
        if (!read_shown(c, &page.row[i], PREVIEW_LOOKS_AT, PREVIEW_ITEMS, &s, e)) {
            buf_deinit(&b);
            return false;
        }
        write_collection(c, &w, &s, true);
    }
    jw_array_end(&w);
    return call_reply_json(c, 200, &b);
}

/* ------------------------------------------------------------------ one collection */

/* {"type","id"} -> the repository or the collection that it names. */
static bool find_target(struct call *c, const struct json *item, struct collection_target *out, struct err *e)
{
    str type, id;
    enum repo_kind kind;
    struct repo r;
    struct bucket b;
    struct collection member;
    *out = (struct collection_target){ 0 };
    if (!json_is(item, JSON_OBJECT)) return err_set(e, ERR_INVALID, "\"item\" is required: an object with \"type\" and \"id\"");
    if (!json_need_str(item, "type", &type, e) || !json_need_str(item, "id", &id, e)) return false;
    if (str_eq(type, STR("collection"))) {
        size_t slash = str_chr(id, '/'); /* "owner/title-id", or the id alone */
        str owner = slash == STR_NONE ? STR("") : str_to(id, slash), slug = slash == STR_NONE ? id : str_from(id, slash + 1);
        if (!collection_find(call_db(c), &c->who, owner, slug, COLLECTION_SEE, &member, c->a, e)) return false;
        out->member_id = member.id;
        return true;
    }
    if (str_eq(type, STR("bucket"))) {
        if (!find_bucket(c, id, &b, e)) return false;
        out->bucket_id = b.id;
        return true;
    }
    if (str_eq(type, STR("paper"))) return err_set(e, ERR_NOT_BUILT, "Items of type \"paper\" are not built in this version of Hearth");
    if (!repo_kind_parse(type, &kind) || kind == REPO_KERNEL)
        return err_set(e, ERR_INVALID, "The type of an item must be one of [model, dataset, space, bucket, collection]");
    if (!call_find_repo(c, kind, id, REPO_SEE, &r, e)) return false;
    out->repo_id = r.id;
    return true;
}

/* Clients that say exists_ok read `slug` from the conflict. */
static bool reply_conflict(struct call *c, const struct collection *existing, const struct err *why)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    http_add_header(c->http, "X-Error-Message", str_c(why->msg));
    jw_object(&w);
    jw_kstr(&w, "error", str_c(why->msg));
    jw_kstr(&w, "slug", existing->slug);
    jw_object_end(&w);
    return call_reply_json(c, 409, &b);
}

static bool post_create(struct call *c, struct err *e)
{
    struct json *body;
    struct account owner;
    struct collection_new q = { 0 };
    struct collection col = { 0 };
    struct err hidden;
    str namespace;
    bool found;
    if (!call_json(c, &body, e) || !json_need_str(body, "title", &q.title, e)) return false;
    namespace = json_str_or(body, STR("namespace"), c->who.name);
    if (!account_find(call_db(c), namespace, &owner, &found, c->a, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "There is no user or organisation \"%.*s\"", STR_ARG(str_to(namespace, 100)));
    if (!read_resource_group(c, body, &owner, &q.group_id, e) || !collection_allow_create(call_db(c), &c->who, &owner, q.group_id, e)) return false;
    q.owner_id = owner.id;
    q.description = json_str_or(body, STR("description"), STR(""));
    q.theme = json_str_or(body, STR("theme"), STR(""));
    q.is_private = json_bool_or(body, STR("private"), false);
    const struct json *item = json_get(body, STR("item"));
    if (item && item->type != JSON_NULL && !find_target(c, item, &q.first, e)) return false;
    if (!collection_create(c->hub, &q, &c->who, &col, c->a, e))
        return e->code == ERR_CONFLICT && col.id && collection_allow(call_db(c), &c->who, &col, COLLECTION_SEE, &hidden) ? reply_conflict(c, &col, e) : false;
    return reply_collection(c, col.id, false, e);
}

static bool get_collection(struct call *c, struct err *e)
{
    struct collection col;
    return find(c, COLLECTION_SEE, &col, e) && reply_collection(c, col.id, false, e);
}

static bool read_position(const struct json *body, bool *has, int64_t *out, struct err *e)
{
    const struct json *v = json_get(body, STR("position"));
    *has = v && v->type != JSON_NULL;
    if (!*has || (json_int(v, out) && *out >= 0)) return true;
    return err_set(e, ERR_INVALID, "\"position\" must be a whole number from 0");
}

static bool patch_collection(struct call *c, struct err *e)
{
    struct json *body;
    struct collection col;
    struct collection_change change = { 0 };
    bool gates;
    if (!find(c, COLLECTION_WRITE, &col, e) || !call_json(c, &body, e)) return false;
    change.has_title = json_str(json_get(body, STR("title")), &change.title);
    change.has_description = json_str(json_get(body, STR("description")), &change.description);
    change.has_theme = json_str(json_get(body, STR("theme")), &change.theme);
    change.has_private = json_bool(json_get(body, STR("private")), &change.is_private);
    if (!read_position(body, &change.has_position, &change.position, e)) return false;
    const struct json *gating = json_get(body, STR("gating"));
    if (gating && gating->type != JSON_NULL && (!json_bool(gating, &gates) || gates))
        return err_set(e, ERR_NOT_BUILT, "Gated collections are not built in this version of Hearth");
    return collection_update(hub_db(c->hub), col.id, &change, e) && reply_collection(c, col.id, true, e);
}

static bool delete_collection(struct call *c, struct err *e)
{
    struct collection col;
    return find(c, COLLECTION_WRITE, &col, e) && collection_delete(hub_db(c->hub), &col, &c->who, e) && call_reply_ok(c);
}

/* ------------------------------------------------------------------ items */

static bool post_item(struct call *c, struct err *e)
{
    struct json *body;
    struct collection col;
    struct collection_target what;
    if (!find(c, COLLECTION_WRITE, &col, e) || !call_json(c, &body, e)) return false;
    if (!find_target(c, json_get(body, STR("item")), &what, e)) return false;
    str note = json_str_or(body, STR("note"), STR(""));
    return collection_add(hub_db(c->hub), col.id, &what, note, e) && reply_collection(c, col.id, false, e);
}

static bool read_item_change(const struct json *data, struct collection_item_change *out, struct err *e)
{
    const struct json *gallery = json_get(data, STR("gallery"));
    if (json_is(gallery, JSON_ARRAY) && gallery->count)
        return err_set(e, ERR_NOT_BUILT, "Galleries of items are not built in this version of Hearth");
    out->has_note = json_str(json_get(data, STR("note")), &out->note);
    return read_position(data, &out->has_position, &out->position, e);
}

static bool patch_item(struct call *c, struct err *e)
{
    struct json *body;
    struct collection col;
    struct collection_item_change change = { .hex_id = call_param(c, "item") };
    if (!find(c, COLLECTION_WRITE, &col, e) || !call_json(c, &body, e) || !read_item_change(body, &change, e)) return false;
    return collection_update_items(hub_db(c->hub), col.id, &change, 1, e) && call_reply_ok(c);
}

static bool delete_item(struct call *c, struct err *e)
{
    struct collection col;
    return find(c, COLLECTION_WRITE, &col, e) && collection_remove(hub_db(c->hub), col.id, call_param(c, "item"), e) &&
           call_reply_ok(c);
}

/* [{"action":"update","_id","data":{...}}], all or none. */
static bool post_batch(struct call *c, struct err *e)
{
    struct json *body;
    struct collection col;
    size_t n = 0;
    if (!find(c, COLLECTION_WRITE, &col, e) || !json_parse(http_body(c->http), c->a, &body, e)) return false;
    if (!json_is(body, JSON_ARRAY) || body->count > BATCH_MAX)
        return err_set(e, ERR_INVALID, "The body must be a list of at most %d changes", BATCH_MAX);
    struct collection_item_change *change = arena_alloc(c->a, (body->count + 1) * sizeof *change);
    json_each (item, body) {
        str action;
        if (!json_need_str(item, "action", &action, e) || !json_need_str(item, "_id", &change[n].hex_id, e)) return false;
        if (!str_eq(action, STR("update"))) return err_set(e, ERR_INVALID, "\"action\" must be one of [update]");
        if (!read_item_change(json_get(item, STR("data")), &change[n++], e)) return false;
    }
    return collection_update_items(hub_db(c->hub), col.id, change, n, e) && call_reply_ok(c);
}

#define ONE "/api/collections/:account/:slug"
static const struct api_route rows[] = {
    { HTTP_GET, "/api/collections", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_list, "collection.list", SHAPE_HUB },
    { HTTP_POST, "/api/collections", PERM_USER, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_create, "collection.create", SHAPE_HUB },
    { HTTP_GET, ONE, PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_collection, "collection.get", SHAPE_HUB },
    { HTTP_PATCH, ONE, PERM_USER, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, patch_collection, "collection.update", SHAPE_HUB },
    { HTTP_DELETE, ONE, PERM_USER, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_collection, "collection.delete", SHAPE_HUB },
    { HTTP_POST, ONE "/items", PERM_USER, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_item, "collection.add-item", SHAPE_HUB },
    { HTTP_POST, ONE "/items/batch", PERM_USER, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_batch, "collection.update-items", SHAPE_HUB },
    { HTTP_PATCH, ONE "/items/:item", PERM_USER, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, patch_item, "collection.update-item", SHAPE_HUB },
    { HTTP_DELETE, ONE "/items/:item", PERM_USER, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, delete_item, "collection.remove-item", SHAPE_HUB },
};
const struct api_table hub_collection_table = API_TABLE(rows);
