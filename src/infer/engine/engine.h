/* infer/engine/engine.h - one model that answers many calls at once: what a worker is around.
 *
 * A call is a JSON object, whatever protocol it came by:
 *   what it continues, as infer/engine/prompt.h says, with what infer/engine/tools.h says, and "echo": prompts are told as text, too
 *   "options": max_new_tokens, min_new_tokens, temperature (0: the likeliest), top_k, top_p, min_p, typical_p, repetition_penalty,
 *              presence_penalty, frequency_penalty, seed, stop (list of texts), logprobs, top_logprobs, n, bias ([[token, number]]),
 *              truncate (so many tokens of the prompt's end count), room (for so many new tokens there must be positions), prefill (true: how likely each token of the prompt was)
 *   "tells_thoughts": true: of a conversation with a model that thinks (model/chat/think.h), what it thinks is told apart from what it says
 *   "adapter": the number of a slot that engine_adapter has filled
 * or, of a model that is an encoder, what infer/engine/task.h says, whose end is {"task", "result", "prompt_tokens", "queue_us", "compute_us"}; the result of
 * one that was cancelled is null, and vectors in it are packed (model/task/task.h).
 * Either answers what infer/engine/text.h says: tokens, templates, itself.
 * "account": whose call it is: what was computed for a prompt serves later ones of the same account, and no other's, for how fast an
 * answer comes, and "cached_tokens", would tell others what somebody has asked.
 * "hold": {"most", "input", "cached_input", "output"}: what it may cost and the prices (price.h); one that could cost more fails with
 * ERR_DENIED once its tokens are counted, and before anything is computed.
 * What comes out, through the sink, for each call: parts, then one end or one failure.
 *   part  {"choice", "text", "thought", "new": tokens since the last part, "prompt_tokens", "tokens": [{"id", "text", "logprob", "special", "top": [{"id", "text", "logprob", "special"}]}],
 *          "calls": [{"index", "id", "name"} | {"index", "arguments"}],
 *          "prefill": with the text of a prompt, for the first choice that continues it, as in an end, when both were asked for}
 *         tokens only when logprobs were asked for, with "bytes" where these are no text by themselves; calls of functions are not part of the text
 *   end   {"choices": [{"finish": "stop" | "length" | "tool_calls", "reason": "eos_token" | "stop_sequence" | "length"}], "prompt_tokens", "cached_tokens", "completion_tokens", "thought_tokens",
 *          "queue_us", "first_us", "compute_us", "prefills": [[{"id", "text", "logprob"}]], a list per prompt, when they were asked for}
 * One thread. */
#ifndef INFER_ENGINE_H
#define INFER_ENGINE_H

#include "base/buf.h"
#include "kernel/kernel.h"
#include "model/nn/team.h"
#include "model/source.h"

enum { ENGINE_ANSWER_MAX = 15 << 20, ENGINE_ADAPTERS_MAX = 16 };

struct engine_config {
    enum kernel_type type;
    size_t threads, kv_bytes;
    const char *cache_dir; /* NULL: none */
    str content;           /* names what the files hold, for the cache */
};
struct engine_sink {
    void *ctx;
    void (*counted)(void *ctx, uint64_t call, str json); /* {"prompt_tokens", "completion_tokens" at most}; of calls with a "hold" */
    void (*part)(void *ctx, uint64_t call, str json);
    void (*end)(void *ctx, uint64_t call, str json);
    void (*fail)(void *ctx, uint64_t call, const struct err *why);
};

struct engine;
bool engine_open(const char *folder, const struct engine_config *config, const struct engine_sink *sink, struct engine **out, struct err *e);
void engine_close(struct engine *g); /* calls that run are forgotten; NULL is fine */
/* {"task", "model_type", "positions", "vocabulary", "parameters", "has_chat", "needs_files", "bytes"} */
void engine_describe(const struct engine *g, struct buf *out);
bool engine_needs_files(const struct engine *g); /* the large ones; false: all that it reads lies in the cache */

/* A LoRA adapter from a folder, for calls that name its slot; what was there before must be in no call. */
bool engine_adapter(struct engine *g, size_t slot, const char *dir, struct err *e);

/* What of a call needs nothing that changes: its options, its prompts as tokens, its grammar compiled.  A thread of its own may do it, one for each reader, while
 * the engine runs.  NULL: the model is an encoder, which reads while it answers. */
struct engine_reader;
struct engine_read;
bool engine_generates(const struct engine *g, const struct json *request); /* it is such a call, and of a model that generates */
struct engine_reader *engine_reader_new(const struct engine *g);
void engine_reader_free(struct engine_reader *r); /* NULL is fine; before the engine is closed */
struct engine_read *engine_read(struct engine_reader *r, const struct json *request, struct err *e); /* NULL: it cannot be */
void engine_read_free(struct engine_read *read); /* one that no call was made of; NULL is fine */

/* engine_call of a request that was read, or could not be: read NULL, and why. */
void engine_call_read(struct engine *g, uint64_t call, const struct json *request, struct engine_read *read, const struct err *why);

/* Failures of the call itself go to the sink. */
void engine_call(struct engine *g, uint64_t call, const struct json *request);
void engine_cancel(struct engine *g, uint64_t call); /* one that is over, or never was, is fine; the sink hears the end, as of a stop */
/* One step of all that runs.  *idle: nothing does. */
bool engine_step(struct engine *g, bool *idle, struct err *e);

#endif
