/* infer/engine/engine_priv.h - a call that runs, as the files that run it and that tell of it share it. */
#ifndef INFER_ENGINE_PRIV_H
#define INFER_ENGINE_PRIV_H

#include "infer/engine/engine.h"
#include "infer/engine/options.h"
#include "infer/engine/prompt.h"
#include "infer/engine/score.h"
#include "infer/engine/tools.h"
#include "model/chat/chat.h"
#include "model/chat/think.h"
#include "model/constrain/matcher.h"
#include "model/generate/generator.h"

struct choice {
    struct sequence *s; /* NULL: waits, or is over */
    size_t untold; /* tokens since the last part */
    enum finish finish;
};

struct work {
    struct work *next;
    struct arena *a;
    uint64_t call;
    struct call_options o;
    struct prompt *prompt; /* [prompts]; choices are those of the first, then those of the second ... */
    size_t prompts, choices, choices_begun, choices_running;
    size_t prompt_count, reused, new_count; /* tokens of all; reused: by the first choices that are over */
    struct grammar *grammar; /* NULL: anything goes */
    struct grammar_matcher *matcher;
    struct choice *choice; /* [choices] */
    struct think *think; /* [choices]: what is thought is told apart; NULL: it is not */
    size_t thought_count; /* tokens of thoughts */
    struct engine_tools *tools; /* functions that it may call; NULL: none */
    size_t scored; /* prompts, where it was asked for how likely their tokens are */
    bool has_begun, is_echo; /* prompts are told as text before what continues them */
    int64_t came_us, began_us, first_us;
};

struct engine {
    struct engine_sink sink;
    struct source *source;
    struct tokenizer *tokenizer;
    struct engine_reader *reader; /* of calls that are not read aside; NULL: it is an encoder */
    struct team *team;
    struct engine_text *text;
    struct engine_tasks *tasks; /* NULL: it is a decoder, and what follows is there */
    struct decoder *decoder;
    struct generator *generator;
    struct chat *chat; /* NULL: the model has no template */
    struct engine_vocabulary *vocabulary;
    uint32_t marker[SEQUENCE_SHOWN_MAX]; /* special tokens that are told as text: of thoughts, then of calls */
    size_t thought_markers, markers;
    bool thinks; /* as its template has it */
    struct arena *a;
    struct sequence_options defaults;
    struct adapter *adapter[ENGINE_ADAPTERS_MAX]; /* NULL: nothing is in that slot */
    size_t kv_bytes;
    size_t running; /* sequences */
    struct work *first, **last;
    struct work *scorer; /* whose prompt[scored] is in `score`; NULL: nobody's */
    struct score *score;
};

/* Its prompts are told with how likely their tokens are, and so before what continues them. */
static inline bool engine_scores_first(const struct work *w) { return w->is_echo && w->o.wants_prefill; }

/* read.c: the work that was read, which is the caller's, and the end of what reading made of it, itself included. */
struct work *engine_read_take(struct engine_read *read);
void engine_work_unread(struct work *w);

/* The tokens as grammars see them, which the first call that has one makes; shared by all readers, on whichever threads. */
struct engine_vocabulary *engine_vocabulary_new(void);
void engine_vocabulary_free(struct engine_vocabulary *v); /* NULL is fine; when no call is left */

/* part.c: a prompt, as the text before what continues it; what a step brought to a choice; the end of a call. */
void engine_send_echo(struct engine *g, struct work *w, size_t choice);
void engine_send_part(struct engine *g, struct work *w, size_t choice);
void engine_send_end(struct engine *g, struct work *w);

#endif
