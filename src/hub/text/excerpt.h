/* hub/text/excerpt.h - the first words of what somebody wrote: what a link to it says where it is pasted. */
#ifndef WEB_EXCERPT_H
#define WEB_EXCERPT_H

#include "base/buf.h"

/* Adds, as plain text, the first paragraph of safe HTML (hub/text/clean.h) that says something: at most `max` bytes, cut
 * between words.  Nothing when there is none. */
void excerpt_add(struct buf *out, str html, size_t max);

#endif
