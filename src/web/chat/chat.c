/* web/chat/chat.c - conversations with a hosted model.  The page is a frame; chat.js talks to the API that programs
 * use and keeps conversations in the browser: nobody else has them, and this server has no copy. */
#include "hub/index/list.h"
#include "web/frame/page.h"

enum { MODELS_SHOWN = 100 };

static bool get_chat(struct call *c, struct err *e)
{
    static const str tag = STR_INIT("conversational");
    struct list_query q = { .kind = REPO_MODEL, .who = &c->who, .gated = -1, .tags = &tag, .tags_count = 1, .sort = SORT_TRENDING,
                            .limit = MODELS_SHOWN };
    struct list_page list;
    if (!list_repos(c->hub, call_db(c), &q, c->a, &list, e)) return false;
    struct page *p = page_new(c, STR("Chat"));
    str wanted = call_query(c, "model");
    jw_kstr(&p->w, "wanted", wanted.p ? wanted : STR(""));
    jw_karray(&p->w, "models");
    for (size_t i = 0; i < list.n; i++) jw_str(&p->w, list.row[i].repo.full_name);
    jw_array_end(&p->w);
    return page_reply(p, 200, "chat/chat.html", e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/chat", PERM_USER, HTTP_BODY_NONE, 0, 0, get_chat, "page.chat", SHAPE_PAGE },
};
const struct api_table web_chat = API_TABLE(rows);
