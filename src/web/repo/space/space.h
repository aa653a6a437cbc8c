/* web/repo/space/space.h - a Space on its page: its frame, its stage, and what its owner may do with it. */
#ifndef WEB_REPO_SPACE_H
#define WEB_REPO_SPACE_H

#include "hub/index/list.h"
#include "web/frame/page.h"

/* Member space, of a Space's first page. */
bool write_space(struct page *p, const struct json *card, bool may_read, struct err *e);

/* Members of a Space in a list: title, its sign (emoji, from, to) and stage. */
void page_write_space(struct page *p, const struct repo_summary *s);

#endif
