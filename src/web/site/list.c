/* web/site/list.c - models, datasets and Spaces: lists with filters.
 *
 * What is chosen stands in the address, in our own parameters (tag, author, num_parameters, search, sort) or in those of
 * huggingface.co (pipeline_tag, library, language, license, other), so that addresses can be shared.  Filters are links:
 * each carries all that is chosen, and one more.  The filters that are offered are the groups of the most used tags, with
 * how many repositories have them; reading more than the first FACET_TAGS would cost more than the page itself. */
#include "hub/index/tag_offer.h"
#include "web/site/site.h"

enum { LIST_REPOS = 30, FACET_TAGS = 500, TAGS_SHOWN = 10, TAGS_SHOWN_OPEN = 400, MORE = 4 };

struct listing {
    struct call *c;
    struct list_query q;
    str plural, search, sort, sizes; /* sizes: num_parameters as it came */
    str tags[LIST_TERMS_MAX];
};

/* ------------------------------------------------------------------ addresses */

static void add_parameter(struct buf *b, const char *name, str value)
{
    if (!value.n) return;
    buf_addf(b, "%c%s=", memchr(b->p, '?', b->n) ? '&' : '?', name);
    http_encode(b, value, "");
}

/* The address of this list with something else chosen: `without` and `with` are tags, the others replace what is chosen
 * unless .p is NULL. */
struct change {
    str without, with, author, sizes, sort, search;
};
static str address(const struct listing *l, struct change ch)
{
    struct buf b = BUF_INIT(0);
    buf_byte(&b, '/');
    buf_add(&b, l->plural);
    add_parameter(&b, "search", ch.search.p ? ch.search : l->search);
    add_parameter(&b, "author", ch.author.p ? ch.author : l->q.author);
    add_parameter(&b, "num_parameters", ch.sizes.p ? ch.sizes : l->sizes);
    for (size_t i = 0; i < l->q.tags_count; i++)
        if (!str_eq(l->tags[i], ch.without)) add_parameter(&b, "tag", l->tags[i]);
    add_parameter(&b, "tag", ch.with);
    add_parameter(&b, "sort", ch.sort.p ? ch.sort : l->sort);
    str out = arena_dup(l->c->a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

/* ------------------------------------------------------------------ what is asked for */

static void add_tag(struct listing *l, const char *prefix, str tag)
{
    if (!tag.n || l->q.tags_count == COUNT(l->tags)) return;
    if (prefix && str_chr(tag, ':') == STR_NONE) tag = arena_fmt(l->c->a, "%s%.*s", prefix, STR_ARG(tag));
    for (size_t i = 0; i < l->q.tags_count; i++)
        if (str_eq(l->tags[i], tag)) return;
    l->tags[l->q.tags_count++] = tag;
}

static void read_tags(struct listing *l)
{
    static const struct {
        const char *parameter, *of_models, *of_others; /* prefixes; NULL: the bare word */
    } known[] = {
        { "tag", NULL, NULL },      { "other", NULL, NULL },          { "pipeline_tag", NULL, "task_categories:" },
        { "library", NULL, "library:" }, { "language", NULL, "language:" }, { "license", "license:", "license:" },
        { "dataset", "dataset:", NULL }, { "task_categories", NULL, "task_categories:" },
    };
    str value, piece;
    for (size_t k = 0; k < COUNT(known); k++)
        for (str rest = http_query_raw(l->c->http); http_form_next(&rest, l->c->a, known[k].parameter, &value);)
            while (value.n && str_cut(&value, ',', &piece)) add_tag(l, l->q.kind == REPO_MODEL ? known[k].of_models : known[k].of_others, piece);
}

static bool read_listing(struct call *c, struct listing *l, struct err *e)
{
    *l = (struct listing){ .c = c, .plural = call_param(c, "kind"), .search = str_trim(call_query(c, "search")), .sort = call_query(c, "sort"),
                           .sizes = call_query(c, "num_parameters") };
    l->q = (struct list_query){ .who = &c->who, .gated = -1, .sort = SORT_TRENDING, .limit = LIST_REPOS, .tags = l->tags,
                                .author = str_trim(call_query(c, "author")), .cursor = call_query(c, "cursor") };
    must(repo_kind_parse(l->plural, &l->q.kind));
    if (!l->q.author.n) l->q.author = (str){ 0 };
    if (l->search.n) l->q.search = &l->search, l->q.search_count = 1;
    if (l->sort.n && !list_sort_parse(l->sort, &l->q.sort)) return err_set(e, ERR_INVALID, "Lists cannot be sorted by \"%.*s\"", STR_ARG(l->sort));
    if (!list_parameters_parse(l->sizes, &l->q, e)) return false;
    l->q.ascending = l->q.sort == SORT_NAME;
    read_tags(l);
    return true;
}

/* ------------------------------------------------------------------ what is offered */

struct offered {
    enum tag_group group;
    const char *name;
};
static const struct offered model_groups[] = { { TAG_TASK, "Tasks" }, { TAG_LIBRARY, "Libraries" }, { TAG_LANGUAGE, "Languages" },
                                               { TAG_LICENSE, "Licences" }, { TAG_DATASET, "Trained on" }, { TAG_OTHER, "Other" } };
static const struct offered dataset_groups[] = { { TAG_TASK, "Tasks" }, { TAG_MODALITY, "Modalities" }, { TAG_SIZE, "Rows" }, { TAG_FORMAT, "Formats" },
                                                 { TAG_LANGUAGE, "Languages" }, { TAG_LICENSE, "Licences" }, { TAG_OTHER, "Other" } };
static const struct offered other_groups[] = { { TAG_LICENSE, "Licences" }, { TAG_OTHER, "Tags" } };

static bool is_chosen(const struct listing *l, str tag)
{
    for (size_t i = 0; i < l->q.tags_count; i++)
        if (str_eq(l->tags[i], tag)) return true;
    return false;
}

/* Those of a group that are not chosen already, in whose places others step: so MORE are offered than are shown. */
static void write_group(struct json_writer *w, const struct listing *l, const struct offered *o, const struct tag_offer *tag, size_t n, bool is_open)
{
    size_t shown = 0, of_group = 0;
    jw_object(w);
    jw_kstr(w, "name", str_c(o->name));
    jw_kbool(w, "is_open", is_open);
    jw_karray(w, "tags");
    for (size_t i = 0; i < n; i++) {
        if (tag[i].group != o->group || is_chosen(l, tag[i].name)) continue;
        if (of_group++ >= (size_t)(is_open ? TAGS_SHOWN_OPEN : TAGS_SHOWN)) continue;
        jw_object(w);
        jw_kstr(w, "label", tag[i].label);
        jw_kint(w, "repos", tag[i].repos);
        jw_kstr(w, "href", address(l, (struct change){ .with = tag[i].name }));
        jw_object_end(w);
        shown++;
    }
    jw_array_end(w);
    if (of_group > shown) jw_kstr(w, "all_href", arena_fmt(l->c->a, "%s%sfacet=%s", address(l, (struct change){ 0 }).p,
                                                           l->q.tags_count || l->search.n || l->sort.n || l->sizes.n || l->q.author.n ? "&" : "?",
                                                           tag_group_name(l->q.kind, o->group)));
    jw_object_end(w);
}

static bool write_groups(struct page *p, const struct listing *l, struct err *e)
{
    const struct offered *group = l->q.kind == REPO_MODEL ? model_groups : l->q.kind == REPO_DATASET ? dataset_groups : other_groups;
    size_t groups = l->q.kind == REPO_MODEL ? COUNT(model_groups) : l->q.kind == REPO_DATASET ? COUNT(dataset_groups) : COUNT(other_groups), n;
    str opened = call_query(l->c, "facet"); /* one group with all that it has */
    struct tag_offers_query q = { .kind = l->q.kind, .group = -1, .tags_max = FACET_TAGS, .offers_max = FACET_TAGS };
    struct tag_offer *tag;
    for (size_t i = 0; i < groups && opened.n; i++)
        if (str_eq(opened, str_c(tag_group_name(l->q.kind, group[i].group))))
            q = (struct tag_offers_query){ .kind = l->q.kind, .group = (int)group[i].group, .tags_max = LIST_TAGS_MAX, .offers_max = TAGS_SHOWN_OPEN + MORE };
    if (!tag_offers(call_db(l->c), &q, l->c->a, &tag, &n, e)) return false;
    jw_karray(&p->w, "facets");
    for (size_t i = 0; i < groups; i++) {
        bool is_open = q.group == (int)group[i].group;
        if (!opened.n || is_open) write_group(&p->w, l, &group[i], tag, n, is_open);
    }
    jw_array_end(&p->w);
    return true;
}

static const struct {
    const char *label, *value;
} size[] = { { "under 100M", "max:100M" }, { "100M to 1B", "min:100M,max:1B" }, { "1B to 3B", "min:1B,max:3B" }, { "3B to 9B", "min:3B,max:9B" },
             { "9B to 32B", "min:9B,max:32B" }, { "32B to 128B", "min:32B,max:128B" }, { "over 128B", "min:128B" } };

static str size_label(str value)
{
    for (size_t i = 0; i < COUNT(size); i++)
        if (str_eq(value, str_c(size[i].value))) return str_c(size[i].label);
    return value;
}

static void write_sizes(struct page *p, const struct listing *l)
{
    if (l->q.kind != REPO_MODEL) return;
    jw_karray(&p->w, "sizes");
    for (size_t i = 0; i < COUNT(size); i++) {
        bool is_on = str_eq(l->sizes, str_c(size[i].value));
        jw_object(&p->w);
        jw_kstr(&p->w, "label", str_c(size[i].label));
        jw_kbool(&p->w, "is_on", is_on);
        jw_kstr(&p->w, "href", address(l, (struct change){ .sizes = is_on ? STR("") : str_c(size[i].value) }));
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
}

/* tag: what stands in the address, where that is not what is shown. */
static void write_choice(struct json_writer *w, str label, str tag, str href)
{
    jw_object(w);
    jw_kstr(w, "label", label);
    jw_kstr(w, "tag", tag);
    jw_kstr(w, "href", href);
    jw_object_end(w);
}

static void write_chosen(struct page *p, const struct listing *l)
{
    struct json_writer *w = &p->w;
    jw_karray(w, "chosen");
    if (l->search.n) write_choice(w, arena_fmt(l->c->a, "\"%.*s\"", STR_ARG(l->search)), STR(""), address(l, (struct change){ .search = STR("") }));
    if (l->q.author.n) write_choice(w, arena_fmt(l->c->a, "by %.*s", STR_ARG(l->q.author)), STR(""), address(l, (struct change){ .author = STR("") }));
    if (l->sizes.n) write_choice(w, size_label(l->sizes), STR(""), address(l, (struct change){ .sizes = STR("") }));
    for (size_t i = 0; i < l->q.tags_count; i++) {
        str label;
        (void)tag_group_of(l->q.kind, l->tags[i], &label);
        write_choice(w, label, l->tags[i], address(l, (struct change){ .without = l->tags[i] }));
    }
    jw_array_end(w);
}

static void write_sorts(struct page *p, const struct listing *l)
{
    static const struct {
        enum list_sort sort;
        const char *key, *name;
    } sorts[] = { { SORT_TRENDING, "trending", "Trending" }, { SORT_LIKES, "likes", "Likes" }, { SORT_DOWNLOADS, "downloads", "Downloads" },
                  { SORT_MODIFIED, "lastModified", "Updated" }, { SORT_CREATED, "createdAt", "New" }, { SORT_PARAMETERS, "num_parameters", "Parameters" },
                  { SORT_NAME, "id", "Name" } };
    jw_karray(&p->w, "sorts");
    for (size_t i = 0; i < COUNT(sorts); i++) {
        if (sorts[i].sort == SORT_PARAMETERS && l->q.kind != REPO_MODEL) continue;
        jw_object(&p->w);
        jw_kstr(&p->w, "name", str_c(sorts[i].name));
        jw_kbool(&p->w, "is_on", sorts[i].sort == l->q.sort);
        jw_kstr(&p->w, "href", address(l, (struct change){ .sort = str_c(sorts[i].key) }));
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
}

/* ------------------------------------------------------------------ the page */

static bool get_list(struct call *c, struct err *e)
{
    static const str titles[] = { [REPO_MODEL] = STR_INIT("Models"), [REPO_DATASET] = STR_INIT("Datasets"), [REPO_SPACE] = STR_INIT("Spaces"), [REPO_KERNEL] = STR_INIT("Kernels") };
    struct listing l;
    struct list_page list;
    if (!read_listing(c, &l, e)) return false;
    struct page *p = page_new(c, titles[l.q.kind]);
    jw_kstr(&p->w, "plural", l.plural);
    jw_kstr(&p->w, "search", l.search);
    jw_kstr(&p->w, "author", l.q.author);
    jw_kstr(&p->w, "sort", l.sort);
    jw_kstr(&p->w, "asked_sizes", l.sizes);
    jw_karray(&p->w, "tags");
    for (size_t i = 0; i < l.q.tags_count; i++) jw_str(&p->w, l.tags[i]);
    jw_array_end(&p->w);
    write_chosen(p, &l);
    write_sorts(p, &l);
    write_sizes(p, &l);
    jw_kstr(&p->w, "here_href", address(&l, (struct change){ 0 }));
    jw_kbool(&p->w, "is_later", l.q.cursor.n > 0);
    if (!page_write_list(p, "repos", &l.q, &list, e) || !write_groups(p, &l, e)) return false;
    if (list.next.p) {
        struct buf b = BUF_INIT(0);
        buf_add(&b, address(&l, (struct change){ 0 }));
        add_parameter(&b, "cursor", list.next);
        jw_kstr(&p->w, "next_href", buf_str(&b));
        buf_deinit(&b);
    }
    return page_reply(p, 200, "site/list.html", e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/:kind(models|datasets|spaces|kernels)", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_list, "page.list", SHAPE_PAGE },
};
const struct api_table web_list = API_TABLE(rows);
