/* infer/engine/tools.h - the functions that a call may call: what of its text is a call, and what it may write.
 *
 * A call brings "tools" (OpenAI's list), "tool_choice": {"required": bool, "name": the only one or absent} and
 * "parallel_tool_calls". */
#ifndef INFER_ENGINE_TOOLS_H
#define INFER_ENGINE_TOOLS_H

#include "base/arena.h"
#include "base/buf.h"
#include "model/chat/chat.h"
#include "model/token/token.h"
#include "model/tools/tools.h"

struct engine_tools;
/* *out NULL: the request has no tools.  Nothing of the request is kept.  ERR_UNPROCESSABLE: the model's template takes none, or
 * teaches a way to call them that is not known. */
bool engine_tools_new(const struct chat *chat, const struct json *request, size_t choices, struct engine_tools **out, struct err *e);
void engine_tools_free(struct engine_tools *t); /* NULL is fine */
/* asked: the grammar of the call's options, or NULL: a JSON schema is for what is no call.  *out NULL: anything may be written.
 * *is_theirs: asked is of another kind, and is for all that is written. */
bool engine_tools_grammar(const struct engine_tools *t, const struct json *asked, struct grammar **out, bool *is_theirs, struct err *e);
/* The special tokens in which a template's way to call functions is written; answers how many. */
size_t engine_tools_markers(const struct chat *chat, const struct tokenizer *tokenizer, uint32_t *out, size_t most);
/* More text of a choice, and whether it was all.  Adds to `told` what is text, and writes to `calls`, which stands in an array, what
 * is told of calls: {"index", "id", "name"} and then {"index", "arguments"}. */
void engine_tools_add(struct engine_tools *t, size_t choice, str text, bool is_end, struct buf *told, struct json_writer *calls);
bool engine_tools_has_calls(const struct engine_tools *t, size_t choice);
bool engine_tools_is_done(const struct engine_tools *t, size_t choice); /* what it may still write will not be told */

#endif
