/* api/hub/list.c - the lists of repositories and their parameters. */
#include "api/hub/repo_json.h"
#include "api/infer/infer_api.h"

void query_list(struct call *c, const char *name, bool splits_commas, str **out, size_t *n)
{
    enum { ITEMS_MAX = 64 };
    str value, piece;
    str *list = arena_alloc(c->a, ITEMS_MAX * sizeof *list);
    *n = 0;
    for (str rest = http_query_raw(c->http); http_form_next(&rest, c->a, name, &value);) {
        if (!splits_commas) {
            if (value.n && *n < ITEMS_MAX) list[(*n)++] = value;
            continue;
        }
        while (str_cut(&value, ',', &piece))
            if (piece.n && *n < ITEMS_MAX) list[(*n)++] = piece;
    }
    *out = list;
}

/* Dataset parameters that are tags with a prefix: language=en means the tag "language:en". */
static const char *const tag_parameters[] = { "language",        "language_creators", "multilinguality",
                                              "size_categories", "task_categories",   "task_ids" };

static bool parse_list_query(struct call *c, struct list_query *q, struct err *e)
{
    str *search, *tags, *extra, sort = call_query(c, "sort"), gated = call_query(c, "gated"), text;
    size_t n, extra_n;
    q->who = &c->who;
    q->gated = -1;
    query_list(c, "search", false, &search, &q->search_count);
    q->search = search;
    q->author = call_query(c, "author");
    if (q->author.p && q->author.n == 0) q->author.p = NULL;

    enum { TAGS_MAX = 256 };
    str *all = arena_alloc(c->a, TAGS_MAX * sizeof *all);
    query_list(c, "filter", true, &tags, &n);
    for (size_t i = 0; i < n; i++) all[q->tags_count++] = tags[i];
    if ((text = call_query(c, "library")).n) all[q->tags_count++] = text;
    for (size_t p = 0; p < COUNT(tag_parameters) && q->kind == REPO_DATASET; p++) {
        query_list(c, tag_parameters[p], true, &extra, &extra_n);
        for (size_t i = 0; i < extra_n && q->tags_count < TAGS_MAX; i++)
            all[q->tags_count++] = arena_fmt(c->a, "%s:%.*s", tag_parameters[p], STR_ARG(extra[i]));
    }
    if (q->kind == REPO_SPACE) { /* that use a model or a dataset */
        query_list(c, "models", true, &extra, &q->uses_models_count);
        q->uses_models = extra;
        query_list(c, "datasets", true, &extra, &q->uses_datasets_count);
        q->uses_datasets = extra;
    }
    q->tags = all;
    q->pipeline_tag = call_query(c, "pipeline_tag");
    q->sdk = call_query(c, "sdk");
    if (gated.n) q->gated = http_query_bool(c->http, "gated", false);
    q->has_gguf_only = call_query(c, "apps").n > 0;
    if (!list_parameters_parse(call_query(c, "num_parameters"), q, e)) return false;
    if (sort.n && !list_sort_parse(sort, &q->sort))
        return err_set(e, ERR_INVALID, "\"sort\" must be one of [createdAt, lastModified, downloads, likes, trendingScore, num_parameters, id]");
    q->ascending = str_eq(call_query(c, "direction"), STR("1"));
    q->limit = call_query_limit(c, 1000, 1000);
    q->cursor = call_query(c, "cursor");
    return true;
}

/* "inference_provider=a,b" or "all", "inference=warm": only what can be called here. */
static bool wants_callable(struct call *c, bool *nothing)
{
    str providers = call_query(c, "inference_provider"), inference = call_query(c, "inference"), name;
    bool is_ours = false;
    *nothing = inference.n && !str_eq(inference, STR("warm"));
    if (!providers.n) return inference.n;
    while (str_cut(&providers, ',', &name)) is_ours = is_ours || str_eq(name, STR("all")) || str_eq(name, STR("hf-inference"));
    *nothing = *nothing || !is_ours;
    return true;
}

/* The index does not know what can be called: pages are read on until there are enough that can. */
static bool list_callable(struct call *c, struct list_query *q, struct list_page *out, struct err *e)
{
    enum { READS_MAX = 20 };
    size_t limit = q->limit;
    struct list_page page;
    *out = (struct list_page){ .row = arena_alloc(c->a, (limit + 1) * sizeof *out->row) };
    for (size_t i = 0; i < READS_MAX && out->n < limit; i++) {
        q->limit = limit - out->n;
        if (!list_repos(call_db(c), q, c->a, &page, e)) return false;
        for (size_t k = 0; k < page.n; k++)
            if (model_task_served(c, &page.row[k]).n) out->row[out->n++] = page.row[k];
        q->cursor = out->next = page.next;
        if (!page.next.p) break;
    }
    return true;
}

static bool list_kind(struct call *c, enum repo_kind kind, struct err *e)
{
    enum { ANSWER_BYTES_MAX = 128 << 20 }; /* a thousand repositories may have a thousand files each, or many more */
    struct list_query q = { .kind = kind };
    struct list_page page;
    bool full = http_query_bool(c->http, "full", false), expands;
    repo_fields set = repo_fields_shown(kind, full ? SHOWN_IN_LIST | SHOWN_IN_FULL_LIST : SHOWN_IN_LIST);
    if (http_query_bool(c->http, "cardData", false)) repo_fields_add(kind, STR("cardData"), &set);
    if (http_query_bool(c->http, "config", false)) repo_fields_add(kind, STR("config"), &set);
    if (http_query_bool(c->http, "linked", false) && kind == REPO_SPACE) {
        repo_fields_add(kind, STR("models"), &set);
        repo_fields_add(kind, STR("datasets"), &set);
    }
    if (!repo_fields_expand(c, kind, &set, &expands, e)) return false;
    if (!parse_list_query(c, &q, e)) return false;
    bool nothing = false, callable = kind == REPO_MODEL && wants_callable(c, &nothing);
    if (nothing) page = (struct list_page){ 0 };
    else if (!(callable ? list_callable(c, &q, &page, e) : list_repos(call_db(c), &q, c->a, &page, e))) return false;

    struct buf b = BUF_INIT(ANSWER_BYTES_MAX);
    struct json_writer w = json_writer(&b);
    jw_array(&w);
    for (size_t i = 0; i < page.n && !b.failed; i++) {
        struct repo_shown s = { .row = &page.row[i], .set = set, .in_list = true, .names_model_id = !expands };
        if (!write_repo(c, &w, &s, e)) {
            buf_deinit(&b);
            return false;
        }
    }
    jw_array_end(&w);
    if (page.next.p) call_link_next(c, STR("cursor"), page.next);
    return call_reply_json(c, 200, &b);
}

static bool list_models(struct call *c, struct err *e) { return list_kind(c, REPO_MODEL, e); }
static bool list_datasets(struct call *c, struct err *e) { return list_kind(c, REPO_DATASET, e); }
static bool list_spaces(struct call *c, struct err *e) { return list_kind(c, REPO_SPACE, e); }
static bool list_kernels(struct call *c, struct err *e) { return list_kind(c, REPO_KERNEL, e); }

static const struct api_route rows[] = {
    { HTTP_GET, "/api/models", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, list_models, "model.list", SHAPE_HUB },
    { HTTP_GET, "/api/datasets", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, list_datasets, "dataset.list", SHAPE_HUB },
    { HTTP_GET, "/api/spaces", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, list_spaces, "space.list", SHAPE_HUB },
    { HTTP_GET, "/api/kernels", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, list_kernels, "kernel.list", SHAPE_HUB },
};
const struct api_table hub_list_table = API_TABLE(rows);
