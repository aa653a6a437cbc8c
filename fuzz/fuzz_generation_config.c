/* fuzz_generation_config.c - a generation_config.json: what is taken names tokens of the model, and numbers that can be sampled by. */
#include "base/arena.h"
#include "model/generate/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tokens(const uint32_t *list, size_t n, uint32_t vocab)
{
    for (size_t i = 0; i < n; i++) must(list[i] < vocab);
}

static void check_words(const struct token_words *w, size_t n, uint32_t vocab)
{
    for (size_t i = 0; i < n; i++) {
        must(w[i].count > 0);
        check_tokens(w[i].token, w[i].count, vocab);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct decoder_config model = { .vocab = 100, .positions = 64, .eos = { 2, 7, 500 }, .eos_count = 3, .bos = 1 };
    struct arena *a = arena_new(16 << 20);
    struct sequence_options o;
    struct json *j;
    struct err e;
    if (json_parse(str_n((const char *)data, size), a, &j, &e) && generation_config_parse(j, &model, a, &o, &e)) {
        const struct sampling *s = &o.sampling;
        must(s->repetition_penalty > 0 && s->temperature >= 0 && o.stop_count <= SEQUENCE_STOP_MAX);
        check_tokens(o.stop, o.stop_count, model.vocab);
        check_tokens(s->eos, s->eos_count, model.vocab);
        check_tokens(s->suppress, s->suppress_count, model.vocab);
        check_tokens(s->begin_suppress, s->begin_suppress_count, model.vocab);
        check_tokens(s->forced_eos, s->forced_eos_count, model.vocab);
        check_words(s->sequence_bias, s->sequence_bias_count, model.vocab);
        check_words(s->bad_words, s->bad_words_count, model.vocab);
        must(!s->has_forced_bos || s->forced_bos < model.vocab);
    }
    arena_free(a);
    return 0;
}
