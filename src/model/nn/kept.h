/* model/nn/kept.h - tensors that are used as they are (norms, biases, embeddings), kept beside the packed weights.
 *
 * So the next start reads everything from one mapped file, and the files of the repository not at all. */
#ifndef MODEL_NN_KEPT_H
#define MODEL_NN_KEPT_H

#include "model/nn/packed.h"
#include "model/weights.h"

/* *t becomes the kept one (in a), from the file or copied now.  As it is: where nothing is kept, or blocks of a .gguf file. */
bool tensor_keep(struct packed *p, struct arena *a, const struct tensor **t, struct err *e);

#endif
