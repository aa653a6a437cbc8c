/* model/gguf/gguf.h - a .gguf file as the repository that it was made from.
 *
 * GGUF has names and conventions of its own.  What comes out here has those of Transformers: a config.json, a
 * generation_config.json and a tokenizer_config.json made of the metadata, and tensors with the names, shapes and values
 * that the repository's safetensors had before the conversion (see arch.h), so that nothing above knows of GGUF.
 * A file is immutable once open; it may be one of several (NAME-00001-of-00003.gguf), which are then all opened. */
#ifndef MODEL_GGUF_GGUF_H
#define MODEL_GGUF_GGUF_H

#include "base/json.h"
#include "model/token/token.h"
#include "model/weights.h"

struct gguf;
bool gguf_open(const char *path, struct gguf **out, struct err *e);
void gguf_close(struct gguf *g); /* NULL is fine; all that it gave ends with it, but a tokenizer */

/* "config.json", "generation_config.json", "tokenizer_config.json"; of encoders "modules.json" and "1_Pooling/config.json".
 * NULL: there is no such file in here. */
const struct json *gguf_json(const struct gguf *g, str name);
/* The caller's, to be closed before the file. */
bool gguf_weights(const struct gguf *g, struct weights **out, struct err *e);
bool gguf_tokenizer(const struct gguf *g, struct tokenizer **out, struct err *e);

#endif
