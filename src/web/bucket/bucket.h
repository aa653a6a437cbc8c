/* web/bucket/bucket.h - what the pages of buckets share. */
#ifndef WEB_BUCKET_H
#define WEB_BUCKET_H

#include "hub/bucket/bucket.h"
#include "web/frame/page.h"

/* "/buckets/ns/name/action/path", where action and path may be empty; for a Location. */
str bucket_href(struct call *c, str full_name, const char *action, str path);

/* Members owner, name, full_name, href, is_private, files, bytes, created_ms, updated_ms. */
void bucket_write(struct json_writer *w, const struct bucket *b);
/* A member `name`: an array of them. */
void bucket_write_list(struct page *p, const char *name, const struct bucket *b, size_t n);

/* A page with the members bucket (the call's), tab, may_write, may_administer. */
struct page *bucket_page_new(struct call *c, const char *tab, str title);
/* Members steps (name, path: to each folder above, and it), and for the commands that the page shows: place_shell ("hf://buckets/ns/name/path",
 * quoted for a shell), place_python, path_python, name_python. */
void bucket_write_place(struct page *p, str path);
/* A member: `text` as a word of a shell. */
void bucket_write_shell(struct page *p, const char *member, str text);

#endif
