/* hub/text/prose.h - what people wrote in Markdown, made HTML once. */
#ifndef HUB_TEXT_PROSE_H
#define HUB_TEXT_PROSE_H

#include "hub/text/markdown.h"

/* As markdown_html; keeps what it made.  Safe from any thread. */
bool prose_html(str text, const struct clean_base *base, struct buf *out, struct err *e);

#endif
