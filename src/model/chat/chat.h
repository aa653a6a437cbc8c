/* model/chat/chat.h - a conversation as a prompt, by the template that a repository brings.
 *
 * What comes out is what Transformers' apply_chat_template gives, character by character.  It says its special tokens
 * itself: encode it without adding any (token_options.no_special), or the text begins twice.
 *
 * Templates are looked for where Transformers looks: chat_template.jinja and additional_chat_templates/NAME.jinja, else
 * "chat_template" of tokenizer_config.json (one, or a list of named ones), else chat_template.json; a .gguf file has its
 * own in its metadata.  Immutable once open; any number of threads may render at once. */
#ifndef MODEL_CHAT_CHAT_H
#define MODEL_CHAT_CHAT_H

#include "base/buf.h"
#include "model/source.h"

struct chat;
/* *out NULL: the repository has no template.  Nothing is borrowed of the source. */
bool chat_open(struct source *s, struct chat **out, struct err *e);
void chat_close(struct chat *c); /* NULL is fine */

struct chat_input {
    const struct json *messages;  /* [{"role", "content", ...}, ...] */
    const struct json *tools;     /* list of {"type": "function", "function": {...}}, or NULL */
    const struct json *documents; /* list of objects, or NULL */
    const struct json *arguments; /* further variables by name ({"enable_thinking": false}), or NULL */
    str name;                     /* which of several templates; .n 0: "tool_use" with tools, else "default" */
    bool add_generation_prompt;   /* end where the assistant's answer begins */
    bool continue_final_message;  /* end inside of the last message, to be continued; not with the former */
    int64_t now_unix_s;           /* for templates that tell the date; 0: the clock */
};
/* Adds to out.  ERR_UNPROCESSABLE: the template refuses the conversation, and says why. */
bool chat_render(const struct chat *c, const struct chat_input *in, struct buf *out, struct err *e);
/* The source of the template that renders a conversation with tools, or without. */
str chat_template(const struct chat *c, bool with_tools);
/* Does a template read this variable ("tools", "enable_thinking")? */
bool chat_reads(const struct chat *c, str name);

#endif
