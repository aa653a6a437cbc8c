/* web/repo/card/card.c - a repository's first page: its card, and beside it what other files here write: facts, downloads, the
 * widget, hardware, metrics, snippets. */
#include "api/infer/infer_api.h"
#include "gateway/gateway.h"
#include "hub/card/card.h"
#include "hub/community/discussion.h"
#include "hub/community/like.h"
#include "hub/community/watch.h"
#include "hub/file.h"
#include "hub/text/excerpt.h"
#include "web/repo/card/card.h"
#include "web/repo/files/safety.h"
#include "web/repo/space/space.h"
#include "web/repo/viewer/viewer.h"

/* Beside the name: how many like it, and whether the reader does, or watches it. */
static void write_likes(struct page *p)
{
    struct call *c = p->c;
    struct err ignored;
    struct like_state like = { 0 };
    int watches = -1;
    (void)(like_get(call_db(c), c->repo.id, c->who.user_id, &like, &ignored) &&
           watch_get(call_db(c), c->who.user_id, WATCH_REPO, c->repo.id, &watches, &ignored));
    jw_kint(&p->w, "likes", like.likes);
    jw_kbool(&p->w, "is_liked", like.is_mine);
    jw_kbool(&p->w, "is_watched", watches == 1);
}

void page_write_repo_frame(struct page *p, const char *tab)
{
    struct call *c = p->c;
    struct err ignored;
    int64_t open;
    bool is_benchmark;
    jw_kstr(&p->w, "tab", str_c(tab));
    jw_kbool(&p->w, "may_administer", c->who.user_id && call_allow(c, &c->repo, REPO_ADMIN, &ignored));
    jw_kobject(&p->w, "repo");
    page_write_repo(&p->w, &c->repo);
    if (c->repo.upstream.n && call_gateway(c)) jw_kint(&p->w, "compared_ms", gateway_compared_ms(call_gateway(c), &c->repo));
    jw_kbool(&p->w, "has_discussions", !c->repo.discussions_disabled);
    if (discussion_count_open(call_db(c), c->repo.id, &open, &ignored)) jw_kint(&p->w, "discussions_open", open);
    if (c->repo.kind == REPO_DATASET && eval_is_benchmark(call_db(c), c->repo.id, &is_benchmark, &ignored)) jw_kbool(&p->w, "is_benchmark", is_benchmark);
    write_likes(p);
    safety_write_repo(p);
    jw_object_end(&p->w);
}

/* What a link to this page says where it is pasted: the first words of the card, else what it is.  Of what is private, nothing. */
static void write_summary(struct page *p, const struct repo_view *v, str html)
{
    enum { SUMMARY_BYTES_MAX = 240 };
    struct buf b = BUF_INIT(0);
    const struct repo *r = &p->c->repo;
    if (r->is_private) return;
    excerpt_add(&b, html, SUMMARY_BYTES_MAX);
    if (!b.n) {
        buf_addf(&b, "A %s by %.*s", repo_kind_name(r->kind).p, STR_ARG(r->owner));
        if (v->row.pipeline_tag.n) buf_addf(&b, ", for %.*s", STR_ARG(v->row.pipeline_tag));
    }
    jw_kstr(&p->w, "summary", buf_str(&b));
    buf_deinit(&b);
}

/* The card, or what hinders it: a page without its card is still a page. */
static bool write_card(struct page *p, const struct repo_view *v, struct err *e)
{
    struct call *c = p->c;
    struct file_found file;
    struct vcs_repo *git = NULL;
    struct file_blob *blob = NULL;
    struct buf html = BUF_INIT(16 << 20);
    bool ok = false, has_card = false;
    if (!file_find(c->hub, call_db(c), &c->repo, STR("main"), STR("README.md"), &git, &file, c->a, e)) {
        ok = e->code == ERR_NOT_FOUND;
        goto done;
    }
    jw_kbool(&p->w, "has_readme", true);
    if (file.is_lfs || file.size_bytes > CARD_BYTES_MAX) {
        jw_kstr(&p->w, "card_error", STR("The card is too large to be shown here; it is among the files."));
        ok = true;
        goto done;
    }
    if (!file_hold(c->hub, &c->repo, &file.oid, &git, &blob, e)) goto done;
    if (page_markdown(c, file_blob_content(blob), "main", STR("README.md"), &html, e)) {
        write_summary(p, v, buf_str(&html)); /* before the page takes the text */
        page_give_html(p, "card", &html);
        has_card = true;
    } else {
        jw_kstr(&p->w, "card_error", str_c(e->msg));
    }
    ok = true;
done:
    if (ok && !has_card) write_summary(p, v, STR(""));
    if (blob) file_blob_release(blob);
    vcs_close(git);
    buf_deinit(&html);
    return ok;
}

static bool read_view(struct call *c, struct repo_view *v, struct err *e)
{
    struct json *card;
    struct err ignored; /* gated: the card may be read, the weights not */
    *v = (struct repo_view){ .task = STR("") };
    if (!repo_summary_get(call_db(c), c->repo.id, &v->row, c->a, e)) return false;
    v->row.repo = c->repo;
    if (v->row.card.n && json_parse(v->row.card, c->a, &card, &ignored)) v->card = card;
    if (c->repo.kind == REPO_MODEL) v->task = model_task_served(c, &v->row);
    v->may_read = call_allow(c, &c->repo, REPO_READ, &ignored);
    return true;
}

static bool get_repo(struct call *c, struct err *e)
{
    struct repo_view v;
    struct err ignored;
    if (!read_view(c, &v, e)) return false;
    struct page *p = page_new(c, c->repo.full_name);
    page_write_repo_frame(p, "card");
    jw_kbool(&p->w, "may_read", v.may_read);
    jw_kbool(&p->w, "may_write", c->who.user_id && call_allow(c, &c->repo, REPO_WRITE, &ignored));
    if (c->repo.kind == REPO_DATASET && v.may_read && !write_viewer(p, v.card, e)) return false;
    if (c->repo.kind == REPO_SPACE && !write_space(p, v.card, v.may_read, e)) return false;
    write_hardware(p, &v);
    write_try(p, &v);
    return write_about(p, &v, e) && write_lineage(p, &v, e) && write_use(p, &v, e) && write_metrics(p, &v, e) && write_card(p, &v, e) && page_reply(p, 200, "repo/card/card.html", e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/:ns/:repo", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_repo, "page.repo", SHAPE_PAGE },
    { HTTP_GET, "/:kind(datasets|spaces|kernels)/:ns/:repo", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_repo, "page.repo", SHAPE_PAGE },
};
const struct api_table web_repo = API_TABLE(rows);
