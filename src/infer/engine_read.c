/* infer/engine_read.c - a call from its JSON to tokens: all of it that needs nothing that changes. */
#include "base/clock.h"
#include "infer/engine_priv.h"

enum { WORK_BYTES_MAX = 1 << 30 };

struct engine_reader {
    const struct engine *engine;
    struct token_encoder *encoder;
};
struct engine_read {
    struct work work; /* the first thing in its own arena */
};

struct engine_reader *engine_reader_new(const struct engine *g)
{
    if (!g->decoder) return NULL;
    struct engine_reader *r = mem_one(struct engine_reader);
    r->engine = g;
    r->encoder = token_encoder_new(g->tokenizer);
    return r;
}

void engine_reader_free(struct engine_reader *r)
{
    if (!r) return;
    token_encoder_free(r->encoder);
    mem_free(r);
}

static bool read_prompts(struct engine_reader *r, struct work *w, const struct json *request, struct err *e)
{
    const struct engine *g = r->engine;
    const struct decoder_config *c = decoder_config(g->decoder);
    const struct prompt_reader with = { .chat = g->chat, .tokenizer = g->tokenizer, .encoder = r->encoder, .vocab = c->vocab, .bos = c->bos, .add_special = w->o.add_special };
    if (!prompts_read(&with, request, w->a, &w->prompt, &w->prompts, e)) return false;
    for (size_t i = 0; i < w->prompts; i++)
        if (!prompt_fit(&w->prompt[i], w->o.truncate, w->o.room, c->positions, e)) return false;
    for (size_t i = 0; i < w->prompts; i++) w->prompt_count += w->prompt[i].n;
    w->is_echo = json_bool_or(request, STR("echo"), false);
    w->choice = arena_alloc(w->a, w->prompts * w->o.choices * sizeof *w->choice);
    w->choices = w->choices_running = w->prompts * w->o.choices;
    return true;
}

struct engine_read *engine_read(struct engine_reader *r, const struct json *request, struct err *e)
{
    const struct engine *g = r->engine;
    struct arena *a = arena_new(WORK_BYTES_MAX);
    struct engine_read *read = arena_one(a, struct engine_read);
    struct work *w = &read->work;
    *w = (struct work){ .a = a, .came_us = clock_mono_us() };
    if (!call_options_read(json_get(request, STR("options")), &g->defaults, decoder_config(g->decoder)->vocab, a, &w->o, e) || !read_prompts(r, w, request, e)) {
        arena_free(a);
        return NULL;
    }
    w->o.sequence.owner = (uint64_t)json_int_or(request, STR("account"), 0);
    return read;
}

void engine_read_free(struct engine_read *read)
{
    if (read) arena_free(read->work.a);
}

struct work *engine_read_take(struct engine_read *read) { return &read->work; }
