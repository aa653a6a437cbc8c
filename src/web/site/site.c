/* web/site/site.c - the front page and the lists of models, datasets and Spaces.  They read the index only. */
#include "hub/index/list.h"
#include "web/frame/page.h"

enum { FRONT_REPOS = 8, LIST_REPOS = 30, TAGS_SHOWN = 12 };

/* ------------------------------------------------------------------ what stands in a list */

static void write_summary(struct json_writer *w, const struct repo_summary *s)
{
    jw_object(w);
    page_write_repo(w, &s->repo);
    jw_kstr(w, "task", s->pipeline_tag.n ? s->pipeline_tag : STR(""));
    jw_kstr(w, "library", s->library_name.n ? s->library_name : STR(""));
    jw_kint(w, "modified_ms", s->modified_ms);
    jw_kint(w, "downloads", s->downloads);
    jw_kint(w, "likes", s->likes);
    jw_kint(w, "parameters", s->parameters);
    jw_kint(w, "bytes", s->used_bytes);
    jw_object_end(w);
}

static bool write_list(struct page *p, const char *name, const struct list_query *q, struct list_page *list, struct err *e)
{
    struct call *c = p->c;
    if (!list_repos(c->hub, call_db(c), q, c->a, list, e)) return false;
    jw_karray(&p->w, name);
    for (size_t i = 0; i < list->n; i++) write_summary(&p->w, &list->row[i]);
    jw_array_end(&p->w);
    return true;
}

/* ------------------------------------------------------------------ front */

static bool get_front(struct call *c, struct err *e)
{
    static const enum repo_kind kinds[] = { REPO_MODEL, REPO_DATASET, REPO_SPACE };
    struct page *p = page_new(c, STR("Hearth"));
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct list_query q = { .kind = kinds[i], .who = &c->who, .gated = -1, .sort = SORT_TRENDING, .limit = FRONT_REPOS };
        struct list_page list;
        if (!write_list(p, repo_kind_plural(kinds[i]).p, &q, &list, e)) return false;
    }
    return page_reply(p, 200, "site/front.html", e);
}

/* ------------------------------------------------------------------ lists */

struct facet {
    const char *group, *prefix; /* the tags that begin so; NULL: those without a colon that are tasks */
};
static const struct facet facets[] = { { "Language", "language:" }, { "Licence", "license:" }, { "Dataset", "dataset:" } };

static bool is_known_task(str name)
{
    static const char *const tasks[] = {
        "text-generation", "text-classification", "token-classification", "question-answering", "zero-shot-classification",
        "fill-mask", "feature-extraction", "sentence-similarity", "text-ranking", "summarization", "translation",
        "text2text-generation", "image-classification", "object-detection", "image-segmentation", "text-to-image",
        "image-to-text", "image-text-to-text", "automatic-speech-recognition", "text-to-speech", "audio-classification",
        "reinforcement-learning", "tabular-classification", "time-series-forecasting",
    };
    for (size_t i = 0; i < COUNT(tasks); i++)
        if (str_eq(name, str_c(tasks[i]))) return true;
    return false;
}

static bool is_in_facet(str tag, const char *prefix)
{
    return prefix ? str_starts(tag, str_c(prefix)) : is_known_task(tag);
}

static void write_facet(struct json_writer *w, const char *group, const char *prefix, const struct tag_row *tag, size_t n)
{
    size_t shown = 0;
    jw_object(w);
    jw_kstr(w, "name", str_c(group));
    jw_karray(w, "tags");
    for (size_t i = 0; i < n && shown < TAGS_SHOWN; i++) {
        if (!is_in_facet(tag[i].name, prefix)) continue;
        jw_object(w);
        jw_kstr(w, "tag", tag[i].name);
        jw_kstr(w, "label", prefix ? str_from(tag[i].name, strlen(prefix)) : tag[i].name);
        jw_kint(w, "repos", tag[i].repos_count);
        jw_object_end(w);
        shown++;
    }
    jw_array_end(w);
    jw_object_end(w);
}

static bool write_facets(struct page *p, enum repo_kind kind, struct err *e)
{
    struct tag_row *tag;
    size_t n;
    if (!list_tags(call_db(p->c), kind, p->c->a, &tag, &n, e)) return false;
    jw_karray(&p->w, "facets");
    write_facet(&p->w, "Task", NULL, tag, n);
    for (size_t i = 0; i < COUNT(facets); i++) write_facet(&p->w, facets[i].group, facets[i].prefix, tag, n);
    jw_array_end(&p->w);
    return true;
}

static bool get_list(struct call *c, struct err *e)
{
    static const str sort_names[] = { STR_INIT("trendingScore"), STR_INIT("downloads"), STR_INIT("likes"), STR_INIT("lastModified"),
                                      STR_INIT("createdAt") };
    enum repo_kind kind;
    struct list_page list;
    str plural = call_param(c, "kind"), search = call_query(c, "search"), sort = call_query(c, "sort"), tags[LIST_TERMS_MAX];
    must(repo_kind_parse(plural, &kind));
    struct list_query q = { .kind = kind, .who = &c->who, .gated = -1, .sort = SORT_TRENDING, .limit = LIST_REPOS, .tags = tags,
                            .author = call_query(c, "author"), .cursor = call_query(c, "cursor") };
    if (search.n) q.search = &search, q.search_count = 1;
    if (sort.n && !list_sort_parse(sort, &q.sort)) return err_set(e, ERR_INVALID, "Lists cannot be sorted by \"%.*s\"", STR_ARG(sort));
    while (q.tags_count < COUNT(tags) && http_query_nth(c->http, "tag", q.tags_count, &tags[q.tags_count])) q.tags_count++;

    static const str titles[] = { [REPO_MODEL] = STR_INIT("Models"), [REPO_DATASET] = STR_INIT("Datasets"), [REPO_SPACE] = STR_INIT("Spaces"), [REPO_KERNEL] = STR_INIT("Kernels") };
    struct page *p = page_new(c, titles[kind]);
    jw_kstr(&p->w, "plural", plural);
    jw_kstr(&p->w, "search", search.p ? search : STR(""));
    jw_kstr(&p->w, "author", q.author.p ? q.author : STR(""));
    jw_kstr(&p->w, "sort", sort.n ? sort : sort_names[0]);
    jw_karray(&p->w, "chosen");
    for (size_t i = 0; i < q.tags_count; i++) jw_str(&p->w, tags[i]);
    jw_array_end(&p->w);
    if (!write_list(p, "repos", &q, &list, e) || !write_facets(p, kind, e)) return false;
    jw_kstr(&p->w, "next", list.next.p ? list.next : STR(""));
    return page_reply(p, 200, "site/list.html", e);
}

/* ------------------------------------------------------------------ people */

static bool get_account(struct call *c, struct err *e)
{
    static const enum repo_kind kinds[] = { REPO_MODEL, REPO_DATASET, REPO_SPACE };
    struct account who;
    bool found;
    if (!account_find(call_db(c), call_param(c, "name"), &who, &found, c->a, e)) return false;
    if (!found || who.is_disabled) return err_set(e, ERR_NOT_FOUND, "There is nobody of this name");
    struct page *p = page_new(c, who.name);
    jw_kobject(&p->w, "account");
    jw_kstr(&p->w, "name", who.name);
    jw_kstr(&p->w, "fullname", who.fullname.p ? who.fullname : STR(""));
    jw_kstr(&p->w, "details", who.details.p ? who.details : STR(""));
    jw_kbool(&p->w, "is_org", who.kind == ACCOUNT_ORG);
    jw_kint(&p->w, "created_ms", who.created_ms);
    jw_kstr(&p->w, "avatar", call_avatar_url(c, who.name));
    jw_object_end(&p->w);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct list_query q = { .kind = kinds[i], .who = &c->who, .gated = -1, .author = who.name, .sort = SORT_MODIFIED, .limit = LIST_REPOS };
        struct list_page list;
        if (!write_list(p, repo_kind_plural(kinds[i]).p, &q, &list, e)) return false;
    }
    return page_reply(p, 200, "community/profile.html", e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_front, "page.front", SHAPE_PAGE },
    { HTTP_GET, "/:kind(models|datasets|spaces)", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_list, "page.list", SHAPE_PAGE },
    { HTTP_GET, "/:name", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_account, "page.account", SHAPE_PAGE },
};
const struct api_table web_site = API_TABLE(rows);
