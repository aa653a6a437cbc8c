/* cli/model/converse.h - a conversation on the terminal, whoever answers: a model in this process, or a server. */
#ifndef CLI_CONVERSE_H
#define CLI_CONVERSE_H

#include <signal.h>

#include "base/json.h"
#include "cli/cli.h"

/* What /set changes, by the names that the options have. */
enum converse_setting { SET_TEMPERATURE, SET_TOP_P, SET_TOP_K, SET_MIN_P, SET_REPETITION_PENALTY, SET_MAX_TOKENS, SET_SEED, CONVERSE_SETTINGS };
struct converse_settings {
    bool given[CONVERSE_SETTINGS];
    double value[CONVERSE_SETTINGS];
};

struct converse_answer {
    struct buf text; /* what came, which has been shown */
    bool was_cut;    /* no more tokens were allowed */
};
struct converser {
    void *ctx;
    /* Answers the messages, showing what comes as it comes, until *stop. */
    bool (*answer)(void *ctx, const struct json *messages, const struct converse_settings *s, const volatile sig_atomic_t *stop,
                   struct converse_answer *out, struct err *e);
    void (*report)(void *ctx, FILE *out); /* on the last answer */
    str greeting;                         /* who it is */
};
/* Until the end of input. */
bool cli_converse(struct cli *c, const struct converser *who, const struct json *messages, struct err *e);

/* To standard output at once; on a terminal without what would steer it. */
void converse_show(struct cli *c, str text);
/* Made in an arena that outlives it. */
struct json *converse_message(struct arena *a, str role, str content);
/* What a conversation begins with: --system, and --messages. */
bool converse_opening(struct cli *c, struct json **out, struct err *e);

#endif
