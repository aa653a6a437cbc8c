/* infer/engine/options.h - the options of a call, read from its JSON. */
#ifndef INFER_ENGINE_OPTIONS_H
#define INFER_ENGINE_OPTIONS_H

#include "base/json.h"
#include "model/generate/generator.h"

enum { CALL_STOPS_MAX = 16, CALL_CHOICES_MAX = 16, CALL_BIAS_MAX = 4096 };

struct call_options {
    struct sequence_options sequence;
    str stop[CALL_STOPS_MAX];
    size_t stops, choices;
    const struct json *grammar; /* {"kind": "json_schema" | "json_object" | "regex" | "gbnf" | "choice", "value"}; NULL: none */
    size_t truncate;  /* so many tokens of the prompt's end count; 0: all */
    size_t room;      /* for so many new tokens there must be positions */
    bool wants_prefill; /* how likely each token of the prompt was */
    bool add_special; /* the special tokens that the tokenizer puts around a text */
};
/* On top of `defaults`; lists and texts lie in a, grammar in `options`.  ERR_INVALID names the option and its bounds. */
bool call_options_read(const struct json *options, const struct sequence_options *defaults, size_t vocabulary, struct arena *a,
                       struct call_options *out, struct err *e);

#endif
