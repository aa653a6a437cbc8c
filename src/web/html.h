/* web/html.h - HTML that cannot be broken by what is written into it: text and attribute values are
 * escaped here; raw output has an ugly name. */
#ifndef WEB_HTML_H
#define WEB_HTML_H

#include "base/buf.h"

void html_text(struct buf *out, str s);           /* between tags, and between double quotes in attributes */
void html_path(struct buf *out, str s);           /* a path inside href="...": percent-encoded, '/' kept */
#define html_raw_trusted(out, literal) buf_lit((out), literal) /* literals of ours only */

#endif
