/* cli/model/constrain.h - options of `hearth run` that say what the text must look like. */
#ifndef CLI_CONSTRAIN_H
#define CLI_CONSTRAIN_H

#include "cli/cli.h"
#include "model/generate/generator.h"

struct cli_constraint {
    struct grammar *grammar;
    struct grammar_tokens *tokens;
    struct grammar_matcher *matcher;
    str stop;
};
/* Reads --json-schema, --regex, --grammar and --stop into o, which borrows from *x: that must outlive it. */
bool cli_constraint_read(struct cli *c, const struct tokenizer *t, size_t vocab, struct sequence_options *o,
                         struct cli_constraint *x, struct err *e);
void cli_constraint_deinit(struct cli_constraint *x);

#endif
