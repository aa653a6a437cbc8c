/* web/community/community.h - what the pages of this room share. */
#ifndef WEB_COMMUNITY_H
#define WEB_COMMUNITY_H

#include "hub/community/discussion.h"
#include "web/frame/page.h"

enum { COMMUNITY_TEXT_MAX = 65536 };

/* Members num, title, status, is_pull_request, is_pinned, is_locked, author (none: somebody who left), at_ms, comments, reactors. */
void web_write_discussion(struct json_writer *w, const struct discussion *d);
/* An object: slug, title, description, theme, is_private, owner, updated_ms, items (how many that the caller may see). */
struct collection;
void web_write_collection(struct page *p, const struct collection *col);
/* A field of a form; absent is empty. */
bool web_read_text(struct call *c, const char *name, str *out, struct err *e);

#endif
