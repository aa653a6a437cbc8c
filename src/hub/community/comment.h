/* hub/community/comment.h - the text of a comment as safe HTML, and whom it mentions.
 *
 * @name becomes a link where there is such an account, #12 where the repository has such a discussion; neither in code
 * nor inside links.  The text is kept as it was written and made HTML whenever it is read, so that what is made safe
 * is made safe by today's rules. */
#ifndef HUB_COMMENT_H
#define HUB_COMMENT_H

#include "base/buf.h"
#include "hub/hub.h"

enum { COMMENT_MENTIONS_MAX = 50 };
struct comment_mentions {
    int64_t user_id[COMMENT_MENTIONS_MAX]; /* each once; organisations are linked, not told */
    size_t n;
};
/* web_path: "/owner/name" or "/datasets/owner/name".  mentions may be NULL.  What cannot be made HTML is shown as it is. */
void comment_html(struct db_conn *c, const struct repo *r, str web_path, str raw, struct buf *out, struct comment_mentions *mentions);

#endif
