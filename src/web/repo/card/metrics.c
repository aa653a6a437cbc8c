/* web/repo/card/metrics.c - a model's own account of how good it is: a few rows on its card, all of them on a page of their own,
 * where two revisions stand side by side.  What a row is, hub/card/metric.h says. */
#include "web/repo/card/card.h"

enum { SHOWN_ON_CARD = 8, REFS_MAX = 200 };

static void write_number(struct json_writer *w, const char *key, double v)
{
    jw_key(w, str_c(key));
    jw_real(w, v);
}

static void write_row(struct json_writer *w, const struct metric_row *r)
{
    jw_object(w);
    jw_kstr(w, "task", r->task);
    jw_kstr(w, "dataset", r->dataset);
    jw_kstr(w, "dataset_name", r->dataset_name);
    jw_kstr(w, "config", r->config);
    jw_kstr(w, "split", r->split);
    jw_kstr(w, "metric", r->metric);
    jw_kstr(w, "label", r->name);
    jw_kstr(w, "text", r->text);
    if (r->has_value) write_number(w, "value", r->value);
    if (r->source_url.n) jw_kstr(w, "source_url", r->source_url);
    if (r->source_name.n) jw_kstr(w, "source_name", r->source_name);
}

/* Of the row at the head of main; what is there beside the card (.eval_results/) asks for a look into git, and at files. */
static bool read_head(struct call *c, const struct repo_view *v, struct metric_list *out, struct err *e)
{
    struct vcs_repo *git;
    struct vcs_revision rev;
    bool has_results;
    if (!metric_has_results(call_db(c), v->row.repo.id, &has_results, e)) return false;
    if (has_results && v->may_read) return call_git(c, &git, e) && call_revision(c, STR("main"), &rev, e) && metric_read(git, &rev.commit, c->a, out, e);
    metric_list_init(out, c->a);
    metric_add_card(out, v->card, c->a);
    return true;
}

bool write_metrics(struct page *p, const struct repo_view *v, struct err *e)
{
    struct metric_list list;
    if (v->row.repo.kind != REPO_MODEL) return true;
    if (!read_head(p->c, v, &list, e)) return false;
    jw_kint(&p->w, "metrics_count", (int64_t)list.n);
    jw_karray(&p->w, "metrics");
    for (size_t i = 0; i < list.n && i < SHOWN_ON_CARD; i++) {
        write_row(&p->w, &list.row[i]);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return true;
}

/* ------------------------------------------------------------------ two revisions */

static void write_change(struct json_writer *w, const struct metric_row *base, const struct metric_row *head)
{
    static const char *const verdict[] = { "worse", "", "better" };
    struct metric_change change = metric_compare(base, head);
    jw_kstr(w, "base_text", base->text);
    if (base->has_value) write_number(w, "base_value", base->value);
    jw_kbool(w, "comparable", change.comparable);
    if (!change.comparable) return;
    write_number(w, "delta", change.delta);
    jw_kstr(w, "verdict", str_c(verdict[change.better + 1]));
    if (change.significant >= 0) jw_kbool(w, "significant", change.significant);
}

static const struct metric_row *find_same(const struct metric_list *list, const struct metric_row *row)
{
    for (size_t i = 0; i < list->n; i++)
        if (metric_same(&list->row[i], row)) return &list->row[i];
    return NULL;
}

/* Rows of `head`, each with what `base` (or nobody) says of the same, then those that only base has. */
static void write_both(struct json_writer *w, const struct metric_list *head, const struct metric_list *base)
{
    jw_karray(w, "metrics");
    for (size_t i = 0; i < head->n; i++) {
        const struct metric_row *was = base ? find_same(base, &head->row[i]) : NULL;
        write_row(w, &head->row[i]);
        if (was) write_change(w, was, &head->row[i]);
        jw_object_end(w);
    }
    for (size_t i = 0; base && i < base->n; i++) {
        struct metric_row gone = base->row[i];
        if (find_same(head, &gone)) continue;
        gone.has_value = false;
        gone.text = STR("");
        write_row(w, &gone);
        jw_kstr(w, "base_text", base->row[i].text);
        if (base->row[i].has_value) write_number(w, "base_value", base->row[i].value);
        jw_kbool(w, "comparable", false);
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_kbool(w, "more", head->more || (base && base->more));
}

static bool write_refs(struct page *p, struct err *e)
{
    struct vcs_ref *ref;
    size_t n, shown = 0;
    if (!hub_refs(call_db(p->c), p->c->repo.id, p->c->a, &ref, &n, e)) return false;
    jw_karray(&p->w, "refs");
    for (size_t i = 0; i < n && shown < REFS_MAX; i++) {
        bool is_branch = str_starts(ref[i].name, STR("refs/heads/")), is_tag = str_starts(ref[i].name, STR("refs/tags/"));
        bool is_pull = str_starts(ref[i].name, STR("refs/pr/"));
        if (!is_branch && !is_tag && !is_pull) continue;
        jw_str(&p->w, is_pull ? ref[i].name : str_from(ref[i].name, is_branch ? 11 : 10));
        shown++;
    }
    jw_array_end(&p->w);
    return true;
}

static bool read_revision(struct call *c, str rev, struct metric_list *out, struct err *e)
{
    struct vcs_repo *git;
    struct vcs_revision at;
    return call_git(c, &git, e) && call_revision(c, rev, &at, e) && metric_read(git, &at.commit, c->a, out, e);
}

static bool get_metrics(struct call *c, struct err *e)
{
    struct metric_list head, base;
    struct err why;
    str rev = call_query(c, "rev"), against = call_query(c, "base");
    if (!rev.n) rev = STR("main");
    struct page *p = page_new(c, STR("Metrics"));
    page_write_repo_frame(p, "metrics");
    jw_kstr(&p->w, "rev", rev);
    jw_kstr(&p->w, "base", against.n ? against : STR(""));
    if (!write_refs(p, e)) return false;
    metric_list_init(&head, c->a);
    metric_list_init(&base, c->a);
    bool has_head = read_revision(c, rev, &head, &why);
    if (!has_head && !str_eq(rev, STR("main"))) { /* of a repository that nobody has pushed to, "main" is empty and no mistake */
        *e = why;
        return false;
    }
    if (against.n && !read_revision(c, against, &base, e)) return false;
    write_both(&p->w, &head, against.n ? &base : NULL);
    return page_reply(p, 200, "repo/card/metrics.html", e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/:ns/:repo/metrics", PERM_REPO_READ, HTTP_BODY_NONE, 0, 0, get_metrics, "page.metrics", SHAPE_PAGE },
};
const struct api_table web_metrics = API_TABLE(rows);
