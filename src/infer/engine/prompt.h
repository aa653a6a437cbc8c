/* infer/engine/prompt.h - what a call continues: a conversation, a text or several, or tokens.
 *
 *   "messages" (with "tools", "template", "continues": the last message is not over; with "prompt" for a model without a template)
 *   "prompt": a text or a list of tokens, or "prompts": a list of these
 *   "suffix": what comes after what is asked for; the tokenizer must have tokens for filling in */
#ifndef INFER_ENGINE_PROMPT_H
#define INFER_ENGINE_PROMPT_H

#include "model/chat/chat.h"
#include "model/token/token.h"

enum { PROMPTS_MAX = 128 };

struct prompt {
    uint32_t *id;
    size_t n;
    str text; /* as it came, or what its tokens stand for; of a conversation empty */
    bool is_thought; /* of a conversation: it ends behind the opening of a thought */
    float *log_probability; /* [n], where they were asked for */
};
struct prompt_reader {
    const struct chat *chat; /* NULL: the model has no template */
    const struct tokenizer *tokenizer;
    struct token_encoder *encoder;
    uint32_t vocab;
    int64_t bos;      /* of a prompt without tokens; -1: none */
    bool add_special; /* what the tokenizer puts around a text */
};
/* What is read lies in a. */
bool prompts_read(const struct prompt_reader *r, const struct json *request, struct arena *a, struct prompt **out, size_t *n, struct err *e);

/* Only the last truncate tokens count (0: all); ERR_TOO_LARGE: there is no room for so many new ones behind them. */
bool prompt_fit(struct prompt *p, size_t truncate, size_t room, size_t positions, struct err *e);

#endif
