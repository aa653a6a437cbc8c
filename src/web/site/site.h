/* web/site/site.h - what pages share that show repositories in lists. */
#ifndef WEB_SITE_H
#define WEB_SITE_H

#include "hub/index/list.h"
#include "web/frame/page.h"

/* An object: what page_write_repo writes, and task, served (the task that this server does with it, or ""), library,
 * modified_ms, downloads, likes, parameters, bytes. */
void page_write_summary(struct page *p, const struct repo_summary *s);
/* A member `name`: an array of them. */
bool page_write_list(struct page *p, const char *name, const struct list_query *q, struct list_page *list, struct err *e);

#endif
