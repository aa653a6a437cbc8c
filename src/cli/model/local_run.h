/* cli/model/local_run.h - a model in this process, between hearth run's one prompt (generate.c) and its conversation (converse.c). */
#ifndef CLI_LOCAL_RUN_H
#define CLI_LOCAL_RUN_H

#include <signal.h>

#include "base/json.h"
#include "cli/cli.h"
#include "cli/model/constrain.h"
#include "cli/model/converse.h"
#include "model/chat/chat.h"
#include "model/generate/config.h"
#include "model/generate/generator.h"

struct local_run {
    struct cli *c;
    struct source *source;
    struct chat *chat; /* NULL: prompts are continued as they stand */
    struct team *team;
    struct decoder *d, *draft;
    struct generator *g;
    struct tokenizer *t;
    struct token_encoder *encoder;
    struct sequence_options o;
    struct cli_constraint constraint;
    const struct json *tools, *arguments;
    struct buf text; /* what came */
    int64_t began_us, loaded_us, asked_us, first_us, ended_us;
    size_t new_tokens_max; /* as asked */
    bool is_bounded;       /* somebody asked for that number */
    size_t prompt_count, reused_count, new_count; /* of the last answer; reused: of the prompt, known from the turn before */
    enum finish finish;
    bool shows_progress, is_json;
};

/* --dtype, LINEAR_NEAREST for auto. */
enum kernel_type cli_dtype(struct cli *c);
/* Where packed weights are kept, by --cache and the environment; NULL: nowhere. */
const char *cli_model_cache(struct cli *c);
/* open_model.c: calls `use` with the model that the first argument names.  *found false: it reads as OWNER/NAME, and the data folder
 * has no such model. */
typedef bool cli_model_use(struct cli *c, struct source *s, struct err *e);
bool cli_use_model(struct cli *c, cli_model_use *use, bool *found, struct err *e);
/* The prompt that a conversation makes, as tokens in `a`.  With --truncate what is oldest is left out until it fits. */
bool local_prompt(struct local_run *r, const struct json *messages, struct arena *a, uint32_t **ids, size_t *n, struct err *e);
/* Generates into r->text, and to standard output as it comes, until the end or until *stop is set. */
bool local_generate(struct local_run *r, const uint32_t *prompt, size_t n, const volatile sig_atomic_t *stop, struct err *e);
/* The same with several beams (beams.c): all of it comes at the end. */
bool local_beams(struct local_run *r, const uint32_t *prompt, size_t n, const volatile sig_atomic_t *stop, struct err *e);
/* How it went, in a line for people. */
void local_report(const struct local_run *r, FILE *out);

/* chat_here.c: on the terminal, until the end of input. */
bool local_converse(struct local_run *r, const struct json *messages, struct err *e);
/* What hearth run does for text-generation (generate.c), and for every other task (task.c). */
struct task_kind;
bool cli_generate(struct cli *c, struct source *s, struct err *e);
bool cli_task(struct cli *c, struct source *s, const struct task_kind *kind, struct err *e);
/* generate.c: hearth chat with a model in this process. */
bool cli_chat_here(struct cli *c, struct source *s, struct err *e);

#endif
