/* model/encoder/encoder.h - an encoder from a repository: texts as tokens in, hidden states and what a head makes of
 * them out.
 *
 * Texts of any lengths go through together without padding: their tokens are rows of one matrix, and attention alone
 * knows where a text begins and ends.  The encoder is immutable once open and may serve several runs; a run has the
 * working memory and the results of one call, and belongs to one thread at a time (its team helps). */
#ifndef MODEL_ENCODER_ENCODER_H
#define MODEL_ENCODER_ENCODER_H

#include "kernel/kernel.h"
#include "model/encoder/config.h"
#include "model/nn/packed.h"
#include "model/nn/team.h"
#include "model/weights.h"

struct encoder;
/* config: config.json, parsed; config and weights must outlive the encoder.  type: what the weights of linear layers
 * are packed as; LINEAR_NEAREST is BF16.  kept: where they are found or put, to be closed after the encoder; NULL:
 * nowhere.  A missing tensor is named. */
bool encoder_open(const struct json *config, const struct weights *weights, enum encoder_head_kind head,
                  enum kernel_type type, struct packed *kept, struct team *team, struct encoder **out, struct err *e);
/* Bytes that the packed layers of such an encoder take, without its head. */
uint64_t encoder_memory(const struct encoder_config *c, enum kernel_type type);
void encoder_close(struct encoder *m); /* NULL is fine */
const struct encoder_config *encoder_config(const struct encoder *m);

struct encoder_run;
struct encoder_run *encoder_run_new(const struct encoder *m, struct team *team);
void encoder_run_free(struct encoder_run *r); /* NULL is fine */

struct encoder_text {
    const uint32_t *id;  /* [n], below config.vocab */
    const uint8_t *type; /* [n], below config.types; NULL: all 0 */
    size_t n;            /* at least 1, at most config.positions */
};

/* Is it what the fields above say? */
bool encoder_takes(const struct encoder_config *c, const struct encoder_text *t, struct err *e);

/* Numbers of a run, valid until its next call of the same name: row i begins at p + i * stride. */
struct encoder_rows {
    const float *p;
    size_t stride, width, rows;
};

/* Hidden states after the last layer, of all tokens of all texts, one text after the other. */
bool encoder_forward(struct encoder_run *r, const struct encoder_text *text, size_t n, struct encoder_rows *hidden,
                     struct err *e);
/* What the head says of these rows of the last encoder_forward (token, question, masked). */
bool encoder_head_rows(struct encoder_run *r, const size_t *row, size_t n, struct encoder_rows *out, struct err *e);
/* What the head says of each text of the last encoder_forward (pooler, sequence): a row a text. */
bool encoder_head_texts(struct encoder_run *r, struct encoder_rows *out, struct err *e);

#endif
