/* model/task/body.h - what makes states of tokens for a task: an encoder, or a decoder without its head.
 *
 * Texts go in as for an encoder, side by side and without padding.  A decoder's states are those after its last norm, and
 * its head for texts is a linear layer ("score") that sees the state of the last token.  Belongs to one thread at a time. */
#ifndef MODEL_TASK_BODY_H
#define MODEL_TASK_BODY_H

#include "model/encoder/encoder.h"
#include "model/source.h"

struct body;
/* Checks memory first.  s must outlive it. */
bool body_open(struct source *s, enum encoder_head_kind head, enum kernel_type type, struct team *team, struct body **out, struct err *e);
void body_close(struct body *b); /* NULL is fine */
/* Of a decoder: vocab, hidden, positions, labels and problem; the rest is 0. */
const struct encoder_config *body_config(const struct body *b);

/* As those of encoder.h; a decoder has no heads for rows. */
bool body_forward(struct body *b, const struct encoder_text *text, size_t n, struct encoder_rows *hidden, struct err *e);
bool body_head_rows(struct body *b, const size_t *row, size_t n, struct encoder_rows *out, struct err *e);
bool body_head_texts(struct body *b, struct encoder_rows *out, struct err *e);

#endif
