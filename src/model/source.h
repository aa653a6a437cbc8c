/* model/source.h - what a model is read from: the folder of a repository, or one .gguf file.
 *
 * Pipelines and architectures ask for the files of a repository by name, for its tensors by the names that Transformers
 * gives them, and for its tokenizer.  A .gguf file looks like the repository that it was made from: its metadata as
 * config.json, generation_config.json and tokenizer_config.json, its tensors by Transformers' names.  A source belongs
 * to one thread; what it has given may be read from any. */
#ifndef MODEL_SOURCE_H
#define MODEL_SOURCE_H

#include "base/err.h"
#include "base/json.h"
#include "model/token/token.h"
#include "model/weights.h"

struct packed;
struct source;
/* path: a folder with a config.json, or a file whose name ends in .gguf (of several, the first). */
bool source_open(const char *path, struct source **out, struct err *e);
void source_close(struct source *s); /* NULL is fine; texts, JSON and weights end with it, a tokenizer does not */
const char *source_path(const struct source *s);

/* config.json. */
const struct json *source_config(const struct source *s);
/* A text file by its path in the repository ("chat_template.jinja", "1_Pooling/config.json"); *found false: it has none.
 * A name that leads out of the repository is refused, so it may come from a file of the repository. */
bool source_text(struct source *s, str name, str *out, bool *found, struct err *e);
bool source_json(struct source *s, str name, const struct json **out, struct err *e); /* *out NULL: it has none */
/* The names of the files of a folder of the repository (".": its root; of a .gguf file none) are given to fn one by one. */
bool source_each(struct source *s, str folder, bool (*fn)(void *ctx, const char *name, bool is_dir), void *ctx, struct err *e);
/* Whoever loads the weights tells how far it is, in bytes of the files; fn is called on its thread. */
void source_watch(struct source *s, void (*fn)(void *ctx, uint64_t done, uint64_t total), void *ctx);
void source_progress(struct source *s, uint64_t part, uint64_t parts);
/* Mapped at the first call. */
bool source_weights(struct source *s, const struct weights **out, struct err *e);
/* The caller's.  cache_dir: see tokenizer_open. */
bool source_tokenizer(struct source *s, const char *cache_dir, struct tokenizer **out, struct err *e);

/* Where derived forms of this source may be kept (NULL, as at first: nowhere); the text is copied. */
void source_keep_in(struct source *s, const char *cache_dir);
/* A name for what the files hold, from whoever knows it; without one the cache goes by path, size and time. */
void source_name_content(struct source *s, str name);
/* The cache of its weights packed as `type` ("q8"), for model/nn/packed.h; only memory when nothing
 * is kept.  The caller's. */
struct packed *source_packed(struct source *s, const char *type);

#endif
