/* Fuzz target of infer/engine/options.h: what is taken from a call's options is within the bounds that generation counts on. */
#include <math.h>

#include "infer/engine/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { VOCABULARY = 1000 };
    const struct sequence_options defaults = { .sampling = SAMPLING_DEFAULT, .new_tokens_max = 20 };
    struct arena *a = arena_new(16 << 20);
    struct call_options o;
    struct json *options;
    struct err e;
    if (json_parse(str_n((const char *)data, size), a, &options, &e) && call_options_read(options, &defaults, VOCABULARY, a, &o, &e)) {
        const struct sampling *s = &o.sequence.sampling;
        must(o.choices >= 1 && o.choices <= CALL_CHOICES_MAX && o.stops <= CALL_STOPS_MAX && o.sequence.top_logprobs <= SEQUENCE_TOP_MAX);
        must(isfinite(s->temperature) && s->temperature > 0 && s->top_p >= 0 && s->top_p <= 1 && s->min_p >= 0 && s->min_p <= 1);
        must(s->repetition_penalty > 0 && isfinite(s->repetition_penalty) && isfinite(s->presence) && isfinite(s->frequency));
        must(s->bias_count <= CALL_BIAS_MAX && o.sequence.stop_text_count == o.stops);
        for (size_t i = 0; i < s->bias_count; i++) must(s->bias[i].token < VOCABULARY);
        for (size_t i = 0; i < o.stops; i++) must(o.stop[i].n > 0);
    }
    arena_free(a);
    return 0;
}
