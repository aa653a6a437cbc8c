/* model/decoder/decoder.h - a decoder from a repository: weights packed for this machine, and one step of many sequences.
 *
 * The decoder is immutable once open and may serve several runs; a run has the working memory of one step and belongs to
 * one thread at a time (its team helps).  With one table of kernels, the logits of a row depend on the tokens of its
 * sequence and on nothing else: neither on the number of threads nor on how the rows came in steps. */
#ifndef MODEL_DECODER_DECODER_H
#define MODEL_DECODER_DECODER_H

#include "kernel/kernel.h"
#include "model/decoder/config.h"
#include "model/decoder/kv.h"
#include "model/nn/team.h"
#include "model/source.h"

struct decoder;
/* type: what the weights of linear layers are packed as, or LINEAR_NEAREST.  The source must stay open as long as the decoder. */
bool decoder_open_source(struct source *source, enum kernel_type type, struct team *team, struct decoder **out, struct err *e);
/* The same with an adapter added to the weights; it is not needed afterwards.  NULL: none. */
struct lora;
bool decoder_open_adapted(struct source *source, struct lora *adapter, enum kernel_type type, struct team *team, struct decoder **out, struct err *e);
/* The same without a head: decoder_forward then answers with states after the last norm, of config.hidden floats. */
bool decoder_open_bare(struct source *source, enum kernel_type type, struct team *team, struct decoder **out, struct err *e);
/* With one, from a path, see source_open; the decoder keeps the source. */
bool decoder_open(const char *path, enum kernel_type type, struct team *team, struct decoder **out, struct err *e);
/* What the packed weights of such a decoder take. */
uint64_t decoder_memory(const struct decoder_config *c, enum kernel_type type);
/* Keys and values are kept in 8 bits each, half the room; before the first kv_pool is made. */
void decoder_keep_small(struct decoder *d);
void decoder_close(struct decoder *d); /* NULL is fine */
const struct decoder_config *decoder_config(const struct decoder *d);
uint64_t decoder_parameters(const struct decoder *d);
size_t decoder_packed_bytes(const struct decoder *d);
/* All that it reads lies in the cache that it was opened with: of the files it needs nothing any more. */
bool decoder_is_kept(const struct decoder *d);
/* What a step of so many rows reads of these, at most: of experts, those that the rows can have chosen. */
size_t decoder_step_bytes(const struct decoder *d, size_t rows);

/* The packed weights where they stand now, layer by layer as a step reads them: so many pieces, of which `most` are given. */
size_t decoder_packed_pieces(const struct decoder *d, bytes *out, size_t most);

struct decoder_run;
struct decoder_run *decoder_run_new(const struct decoder *d, struct team *team);
void decoder_run_free(struct decoder_run *r); /* NULL is fine */

/* One row: a token of a sequence.  The rows of a sequence stand together, in order, and continue where its kv ends. */
struct decoder_row {
    uint32_t token; /* below config.vocab */
    struct kv *kv;
    bool wants_logits;
};
enum { DECODER_ROWS_MAX = 512 };
/* Adds n rows to their sequences.  logits[i], of config.vocab floats in memory of the run that the next call takes back,
 * is set for every row that wants them and NULL for the others.  On failure the sequences are as they were; but one that
 * longrope began anew, because it grew too long for the short rope, may be empty. */
bool decoder_forward(struct decoder_run *r, const struct decoder_row *row, size_t n, const float **logits, struct err *e);

#endif
