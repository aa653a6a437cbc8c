/* hub/text/markdown.h - GitHub-flavoured Markdown, with the HTML that people write in it made safe (hub/text/clean.h). */
#ifndef WEB_MARKDOWN_H
#define WEB_MARKDOWN_H

#include "hub/text/clean.h"

/* Adds safe HTML to `out`. */
bool markdown_html(str text, const struct clean_base *base, struct buf *out, struct err *e);

#endif
