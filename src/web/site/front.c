/* web/site/front.c - the front page: for a visitor what this is and which models are here; for who is signed in his own
 * repositories, what runs now, and a next step. */
#include "account/invite.h"
#include "api/infer/infer_api.h"
#include "hub/gate.h"
#include "web/site/site.h"

enum { MODELS_SHOWN = 9, OTHERS_SHOWN = 6, MINE_SHOWN = 6, RUNNING_SHOWN = 6, WAITING_SHOWN = 6 };

static struct list_query front_query(struct call *c, enum repo_kind kind, enum list_sort sort, size_t limit)
{
    return (struct list_query){ .kind = kind, .who = &c->who, .gated = -1, .sort = sort, .limit = limit };
}

static bool write_trending(struct page *p, bool *any, struct err *e)
{
    *any = false;
    static const enum repo_kind kinds[] = { REPO_MODEL, REPO_DATASET, REPO_SPACE };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        struct list_query q = front_query(p->c, kinds[i], SORT_TRENDING, kinds[i] == REPO_MODEL ? MODELS_SHOWN : OTHERS_SHOWN);
        struct list_page list;
        if (!page_write_list(p, repo_kind_plural(kinds[i]).p, &q, &list, e)) return false;
        *any |= list.n > 0;
    }
    return true;
}

/* The newest of all kinds together. */
static bool write_mine(struct page *p, bool *any, struct err *e)
{
    struct call *c = p->c;
    struct list_page list[REPO_KINDS];
    size_t at[REPO_KINDS] = { 0 };
    for (int k = 0; k < REPO_KINDS; k++) {
        struct list_query q = front_query(c, (enum repo_kind)k, SORT_MODIFIED, MINE_SHOWN);
        q.author = c->who.name;
        if (!list_repos(call_db(c), &q, c->a, &list[k], e)) return false;
    }
    jw_karray(&p->w, "mine");
    *any = false;
    for (size_t n = 0; n < MINE_SHOWN; n++) {
        int newest = -1;
        for (int k = 0; k < REPO_KINDS; k++)
            if (at[k] < list[k].n && (newest < 0 || list[k].row[at[k]].modified_ms > list[newest].row[at[newest]].modified_ms)) newest = k;
        if (newest < 0) break;
        page_write_summary(p, &list[newest].row[at[newest]++]);
        *any = true;
    }
    jw_array_end(&p->w);
    return true;
}

/* Models that are in memory now, of those that he may see. */
static bool write_running(struct page *p, struct err *e)
{
    struct call *c = p->c;
    struct infer_model *model = NULL;
    size_t n = 0, shown = 0;
    if (call_infer(c)) infer_models(call_infer(c), c->a, &model, &n);
    jw_karray(&p->w, "running");
    for (size_t i = 0; i < n && shown < RUNNING_SHOWN; i++) {
        struct repo_summary row;
        struct err ignored;
        if (model[i].state != INFER_READY && model[i].state != INFER_STARTING) continue;
        if (!repo_summary_get(call_db(c), model[i].repo_id, &row, c->a, &ignored)) continue;
        if (!call_allow(c, &row.repo, REPO_SEE, &ignored)) continue;
        jw_object(&p->w);
        page_write_repo(&p->w, &row.repo);
        jw_kbool(&p->w, "is_starting", model[i].state == INFER_STARTING);
        jw_kbool(&p->w, "is_chat", str_find(row.tags, STR("\"conversational\"")) != STR_NONE);
        jw_object_end(&p->w);
        shown++;
    }
    jw_array_end(&p->w);
    (void)e;
    return true;
}

/* What others wait for: an answer to an invitation, or to those who ask for access.  There is no mail that would tell. */
static bool write_waiting(struct page *p, struct err *e)
{
    struct call *c = p->c;
    struct org_invite *invite;
    struct gate_waiting *gate;
    size_t invites, gates;
    if (!org_invite_of_user(call_db(c), c->who.user_id, c->a, &invite, &invites, e) ||
        !gate_list_waiting(call_db(c), &c->who, WAITING_SHOWN, c->a, &gate, &gates, e))
        return false;
    jw_karray(&p->w, "invited_to");
    for (size_t i = 0; i < invites; i++) jw_str(&p->w, invite[i].other.name);
    jw_array_end(&p->w);
    jw_karray(&p->w, "asked_of");
    for (size_t i = 0; i < gates; i++) {
        jw_object(&p->w);
        page_write_repo(&p->w, &gate[i].repo);
        jw_kint(&p->w, "people", gate[i].people);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
    return true;
}

static bool write_member(struct page *p, struct err *e)
{
    struct call *c = p->c;
    struct token *token;
    size_t tokens;
    bool has_repos;
    if (!write_mine(p, &has_repos, e) || !write_waiting(p, e) || !write_running(p, e) || !token_list(call_db(c), c->who.user_id, c->a, &token, &tokens, e)) return false;
    jw_kbool(&p->w, "has_repos", has_repos);
    jw_kbool(&p->w, "has_token", tokens > 0);
    return true;
}

/* A visitor is shown how to begin: where nobody is yet, by making the first account. */
static bool write_visitor(struct page *p, bool is_empty, struct err *e)
{
    int64_t users = 1; /* where there is something to see, somebody made it */
    if (is_empty && !account_count(call_db(p->c), ACCOUNT_USER, &users, e)) return false;
    jw_kbool(&p->w, "is_first", users == 0);
    jw_kbool(&p->w, "may_join", api_config_of(p->c->api)->sign_up == SIGN_UP_OPEN);
    return true;
}

static bool get_front(struct call *c, struct err *e)
{
    struct page *p = page_new(c, STR("Hearth"));
    bool any;
    if (!write_trending(p, &any, e) || !(c->who.user_id ? write_member(p, e) : write_visitor(p, !any, e))) return false;
    jw_kbool(&p->w, "runs_models", call_infer(c) != NULL);
    return page_reply(p, 200, "site/front.html", e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_front, "page.front", SHAPE_PAGE },
};
const struct api_table web_front = API_TABLE(rows);
