/* infer/engine/text.h - calls that ask a model's tokenizer and its templates, and compute nothing: answered at once, and free.
 *
 * "tokenize"       "inputs": a text or a list of texts; "parameters": {"add_special_tokens": true, "prompt_name"}
 *                  -> a list per text of {"id", "text", "special", "start", "stop"}, in bytes of the text; what the tokenizer
 *                     added has no place, and its own name as text
 * "decode"         "inputs": a list of ids, or a list of such lists; "parameters": {"skip_special_tokens": true} -> a list of texts
 * "chat-tokenize"  "inputs": {"messages", "tools", "template", "continues"} -> {"text", "tokens": as above}
 * "describe"       -> what engine_describe says */
#ifndef INFER_ENGINE_TEXT_H
#define INFER_ENGINE_TEXT_H

#include "model/chat/chat.h"
#include "model/source.h"
#include "model/token/token.h"

struct engine_text;
bool engine_text_knows(str task);
/* tokenizer, chat: NULL where the engine has none; they are then read from the source at first use. */
struct engine_text *engine_text_new(struct source *s, struct tokenizer *tokenizer, struct chat *chat);
void engine_text_free(struct engine_text *t); /* NULL is fine */
/* In the "inputs" of a call, in place: {"ids": [..]} becomes the text that these tokens spell.  Memory is a's. */
bool engine_text_spell(struct engine_text *t, struct json *inputs, struct arena *a, struct err *e);
/* Not "describe".  Adds the answer to out. */
bool engine_text_run(struct engine_text *t, const struct json *request, struct buf *out, struct err *e);

#endif
