/* api/hub/search.c - finding things: tags by type, tasks, trending, quick search. */
#include "api/hub/hub_api.h"
#include "api/api_priv.h"
#include "api/infer/infer_api.h"
#include "hub/bucket/bucket.h"
#include "hub/card/card.h"
#include "hub/community/collection.h"
#include "hub/community/like.h"
#include "hub/index/tag_group.h"
#include "model/task/task.h"

enum { QUICK_LIMIT = 10, QUICK_LIMIT_MAX = 20 };

/* ------------------------------------------------------------------ tags by type */

static bool reply_tags(struct call *c, enum repo_kind kind, struct err *e)
{
    static const char *const model_types[] = { "pipeline_tag", "library", "dataset", "language", "license", "arxiv", "doi", "region", "other" };
    static const char *const dataset_types[] = { "task_categories", "size_categories", "modality", "format", "library", "language",
                                                 "license", "arxiv", "doi", "region", "other" };
    const char *const *types = kind == REPO_MODEL ? model_types : dataset_types;
    size_t types_count = kind == REPO_MODEL ? COUNT(model_types) : COUNT(dataset_types), n;
    struct tag_row *tag;
    str only = call_query(c, "type");
    if (!list_tags(call_db(c), kind, LIST_TAGS_MAX, c->a, &tag, &n, e)) return false;
    struct {
        const char *type;
        str label;
    } *of = arena_alloc(c->a, (n + 1) * sizeof *of);
    for (size_t i = 0; i < n; i++) of[i].type = tag_group_name(kind, tag_group_of(kind, tag[i].name, &of[i].label));
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    for (size_t t = 0; t < types_count; t++) {
        if (only.n && !str_eq(only, str_c(types[t]))) continue;
        jw_karray(&w, types[t]);
        for (size_t i = 0; i < n; i++) {
            if (strcmp(of[i].type, types[t]) != 0) continue;
            jw_object(&w);
            jw_kstr(&w, "id", tag[i].name);
            jw_kstr(&w, "label", of[i].label);
            jw_kstr(&w, "type", str_c(of[i].type));
            jw_object_end(&w);
        }
        jw_array_end(&w);
    }
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool get_model_tags(struct call *c, struct err *e) { return reply_tags(c, REPO_MODEL, e); }
static bool get_dataset_tags(struct call *c, struct err *e) { return reply_tags(c, REPO_DATASET, e); }

/* What clients call when they are told no model: the most downloaded one that can be called. */
static bool write_task_models(struct call *c, struct json_writer *w, str task, struct err *e)
{
    enum { LOOKED_AT = 20, SHOWN = 3 };
    const struct list_query q = { .kind = REPO_MODEL, .who = &c->who, .gated = -1, .sort = SORT_DOWNLOADS, .limit = LOOKED_AT, .pipeline_tag = task };
    struct list_page page = { 0 };
    str name[SHOWN];
    size_t n = 0;
    if (c->api->config.infer && task_kind_find(task) && !list_repos(call_db(c), &q, c->a, &page, e)) return false;
    for (size_t i = 0; i < page.n && n < SHOWN; i++)
        if (model_task_served(c, &page.row[i]).n) name[n++] = page.row[i].repo.full_name;
    jw_karray(w, "widgetModels");
    for (size_t i = 0; i < n; i++) jw_str(w, name[i]);
    jw_array_end(w);
    jw_karray(w, "models");
    for (size_t i = 0; i < n; i++) {
        jw_object(w);
        jw_kstr(w, "id", name[i]);
        jw_kstr(w, "description", STR("A model of this hub."));
        jw_object_end(w);
    }
    jw_array_end(w);
    return true;
}

static bool get_tasks(struct call *c, struct err *e)
{
    size_t n;
    bool ok = true;
    const struct card_term *task = card_tasks(&n);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    for (size_t i = 0; i < n; i++) {
        jw_kobject(&w, task[i].id);
        jw_kstr(&w, "id", str_c(task[i].id));
        jw_kstr(&w, "label", str_c(task[i].label));
        ok = ok && write_task_models(c, &w, str_c(task[i].id), e);
        jw_object_end(&w);
    }
    jw_object_end(&w);
    if (ok) return call_reply_json(c, 200, &b);
    buf_deinit(&b);
    return false;
}

/* ------------------------------------------------------------------ trending, quick search */

static bool is_liked(struct call *c, int64_t repo_id)
{
    struct like_state like;
    struct err ignored;
    return like_get(call_db(c), repo_id, c->who.user_id, &like, &ignored) && like.is_mine;
}

static void write_summary(struct call *c, struct json_writer *w, const struct repo_summary *s)
{
    jw_object(w);
    jw_kstr(w, "repoType", repo_kind_name(s->repo.kind));
    jw_kbool(w, "isLikedByUser", is_liked(c, s->repo.id));
    if (s->repo.kind == REPO_MODEL) model_write_available(c, w, s);
    if (s->repo.kind == REPO_SPACE) write_space_tile(c, w, s);
    jw_kstr(w, "_id", s->repo.hex_id);
    jw_kstr(w, "id", s->repo.full_name);
    jw_kstr(w, "author", s->repo.owner);
    jw_kbool(w, "private", s->repo.is_private);
    if (s->repo.kind != REPO_SPACE) {
        jw_kint(w, "downloads", s->downloads);
        if (s->repo.gated.n)
            jw_kstr(w, "gated", s->repo.gated);
        else
            jw_kbool(w, "gated", false);
    }
    jw_kint(w, "likes", s->likes);
    jw_kdate(w, "lastModified", s->modified_ms);
    if (s->pipeline_tag.n) jw_kstr(w, "pipeline_tag", s->pipeline_tag);
    jw_key(w, STR("trendingWeight"));
    jw_real(w, s->trending);
    jw_object_end(w);
}

static bool get_trending(struct call *c, struct err *e)
{
    static const enum repo_kind kinds[] = { REPO_MODEL, REPO_DATASET, REPO_SPACE };
    str type = call_query(c, "type");
    uint64_t limit = call_query_limit(c, QUICK_LIMIT, QUICK_LIMIT_MAX);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_karray(&w, "recentlyTrending");
    for (size_t k = 0; k < COUNT(kinds); k++) {
        if (type.n && !str_eq(type, STR("all")) && !str_eq(type, repo_kind_name(kinds[k]))) continue;
        struct list_query q = { .kind = kinds[k], .who = &c->who, .gated = -1, .sort = SORT_TRENDING, .limit = (size_t)limit };
        struct list_page page;
        if (!list_repos(call_db(c), &q, c->a, &page, e)) {
            buf_deinit(&b);
            return false;
        }
        for (size_t i = 0; i < page.n; i++) {
            jw_object(&w);
            jw_kstr(&w, "repoType", repo_kind_name(kinds[k]));
            jw_key(&w, STR("repoData"));
            write_summary(c, &w, &page.row[i]);
            jw_object_end(&w);
        }
    }
    jw_array_end(&w);
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static bool write_found_repos(struct call *c, struct json_writer *w, str q, enum repo_kind kind, uint64_t limit, struct list_hits **hits, struct err *e)
{
    struct repo_summary *row;
    size_t n;
    str plural = repo_kind_plural(kind);
    if (!quick_search(call_db(c), &c->who, q, kind, (size_t)limit, hits, c->a, &row, &n, e)) return false;
    jw_key(w, plural);
    jw_array(w);
    for (size_t i = 0; i < n; i++) write_summary(c, w, &row[i]);
    jw_array_end(w);
    jw_key(w, arena_fmt(c->a, "%.*sCount", STR_ARG(plural)));
    jw_int(w, (int64_t)n);
    return true;
}

static bool write_found_accounts(struct call *c, struct json_writer *w, str q, enum account_kind kind, uint64_t limit, struct err *e)
{
    struct account *row;
    size_t n;
    if (!account_list(call_db(c), kind, q, STR(""), (size_t)limit, c->a, &row, &n, e)) return false;
    int64_t shown = 0;
    jw_karray(w, kind == ACCOUNT_USER ? "users" : "orgs");
    for (size_t i = 0; i < n; i++) {
        if (row[i].is_disabled) continue;
        write_user_object(c, w, &row[i]);
        shown++;
    }
    jw_array_end(w);
    jw_kint(w, kind == ACCOUNT_USER ? "usersCount" : "orgsCount", shown);
    return true;
}

static bool write_found_kernels(struct call *c, struct json_writer *w, str q, uint64_t limit, struct list_hits **hits, struct err *e)
{
    struct repo_summary *row;
    size_t n;
    if (!quick_search(call_db(c), &c->who, q, REPO_KERNEL, (size_t)limit, hits, c->a, &row, &n, e)) return false;
    jw_karray(w, "kernels");
    for (size_t i = 0; i < n; i++) {
        jw_object(w);
        jw_kstr(w, "id", row[i].repo.full_name);
        jw_kbool(w, "private", row[i].repo.is_private);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_kint(w, "kernelsCount", (int64_t)n);
    return true;
}

static bool write_found_collections(struct call *c, struct json_writer *w, str q, uint64_t limit, struct err *e)
{
    struct collection_query query = { .who = &c->who, .text = q, .limit = (size_t)limit };
    struct collection_page page;
    if (!collection_list(call_db(c), &query, c->a, &page, e)) return false;
    jw_karray(w, "collections");
    for (size_t i = 0; i < page.n; i++) {
        jw_object(w);
        jw_kstr(w, "_id", page.row[i].hex_id);
        jw_kstr(w, "title", page.row[i].title);
        if (page.row[i].description.n) jw_kstr(w, "description", page.row[i].description);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_kint(w, "collectionsCount", (int64_t)page.n);
    return true;
}

static bool write_found_buckets(struct call *c, struct json_writer *w, str q, uint64_t limit, struct err *e)
{
    struct bucket_list_query query = { .search = q, .sort = BUCKETS_BY_UPDATED, .cursor = STR(""), .limit = (size_t)limit };
    struct bucket *b;
    size_t n;
    str next;
    if (!bucket_list(call_db(c), &c->who, &query, c->a, &b, &n, &next, e)) return false;
    jw_karray(w, "buckets");
    for (size_t i = 0; i < n; i++) {
        jw_object(w);
        jw_kstr(w, "_id", b[i].hex_id);
        jw_kstr(w, "id", b[i].full_name);
        jw_kbool(w, "private", b[i].is_private);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_kint(w, "bucketsCount", (int64_t)n);
    return true;
}

/* Of GET parameters, or of the members of a JSON body (POST). */
static bool quick_reply(struct call *c, str q, uint64_t limit, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    struct list_hits *hits = NULL;
    jw_object(&w);
    jw_kstr(&w, "q", q);
    bool ok = write_found_repos(c, &w, q, REPO_MODEL, limit, &hits, e) && write_found_repos(c, &w, q, REPO_DATASET, limit, &hits, e) &&
              write_found_repos(c, &w, q, REPO_SPACE, limit, &hits, e) && write_found_accounts(c, &w, q, ACCOUNT_ORG, limit, e) &&
              write_found_accounts(c, &w, q, ACCOUNT_USER, limit, e) && write_found_kernels(c, &w, q, limit, &hits, e) &&
              write_found_collections(c, &w, q, limit, e) && write_found_buckets(c, &w, q, limit, e);
    if (ok) { /* there are none in this Hearth */
        jw_kraw(&w, "papers", STR("[]"));
        jw_kint(&w, "papersCount", 0);
    }
    jw_object_end(&w);
    if (ok) return call_reply_json(c, 200, &b);
    buf_deinit(&b);
    return false;
}

static bool get_quick(struct call *c, struct err *e)
{
    str q = call_query(c, "q");
    return quick_reply(c, q.p ? q : STR(""), call_query_limit(c, QUICK_LIMIT, QUICK_LIMIT_MAX), e);
}

static bool post_quick(struct call *c, struct err *e)
{
    struct json *body;
    if (!call_json(c, &body, e)) return false;
    int64_t limit = json_int_or(body, STR("limit"), QUICK_LIMIT);
    if (limit < 1 || limit > QUICK_LIMIT_MAX) limit = QUICK_LIMIT;
    return quick_reply(c, json_str_or(body, STR("q"), STR("")), (uint64_t)limit, e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/api/models-tags-by-type", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_model_tags, "search.model-tags", SHAPE_HUB },
    { HTTP_GET, "/api/datasets-tags-by-type", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_dataset_tags, "search.dataset-tags", SHAPE_HUB },
    { HTTP_GET, "/api/tasks", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_tasks, "search.tasks", SHAPE_HUB },
    { HTTP_GET, "/api/trending", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_trending, "search.trending", SHAPE_HUB },
    { HTTP_GET, "/api/quicksearch", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_quick, "search.quick", SHAPE_HUB },
    { HTTP_POST, "/api/quicksearch", PERM_ANYONE, HTTP_BODY_WHOLE, SMALL_BODY_MAX, 0, post_quick, "search.quick", SHAPE_HUB },
};
const struct api_table hub_search_table = API_TABLE(rows);
