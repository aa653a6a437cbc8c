/* cli/model/edit.h - a line from a terminal, with arrows, history and pastes of several lines. */
#ifndef CLI_EDIT_H
#define CLI_EDIT_H

#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"

struct editor;
/* NULL: this is no terminal that a line can be edited on, and it is left as it is.  wake: whoever waits for a key waits for this
 * descriptor, too, and takes what comes there for an interrupt. */
struct editor *editor_new(FILE *in, FILE *out, int wake);
void editor_free(struct editor *d); /* NULL is fine */

enum edit_end { EDIT_LINE, EDIT_INTERRUPT, EDIT_NO_MORE };
/* A line without its end into *line, which pasted line ends may be in.  The terminal is as it was before, whatever comes. */
bool editor_read(struct editor *d, const char *prompt, struct buf *line, enum edit_end *how, struct err *e);
/* So that the arrows bring it back. */
void editor_remember(struct editor *d, str line);

#endif
