/* infer/engine/read.c - a call from its JSON to tokens, and to the grammar of its answer: all of it that needs nothing that changes. */
#include <pthread.h>

#include "base/clock.h"
#include "infer/engine/engine_priv.h"

enum { WORK_BYTES_MAX = 1 << 30, GRAMMAR_MEMORY = 16 << 20 };

struct engine_vocabulary {
    pthread_mutex_t lock;
    struct grammar_tokens *plain, *with_markers; /* NULL: not made yet; the second has the markers of calls */
};

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

/* ------------------------------------------------------------------ tokens as grammars see them */

struct engine_vocabulary *engine_vocabulary_new(void)
{
    struct engine_vocabulary *v = mem_one(struct engine_vocabulary);
    must(pthread_mutex_init(&v->lock, NULL) == 0);
    return v;
}

void engine_vocabulary_free(struct engine_vocabulary *v)
{
    if (!v) return;
    grammar_tokens_free(v->plain);
    grammar_tokens_free(v->with_markers);
    pthread_mutex_destroy(&v->lock);
    mem_free(v);
}

static bool vocabulary_tokens(const struct engine *g, bool with_markers, const struct grammar_tokens **out, struct err *e)
{
    struct engine_vocabulary *v = g->vocabulary;
    struct grammar_tokens **tokens = with_markers ? &v->with_markers : &v->plain;
    pthread_mutex_lock(&v->lock);
    bool ok = *tokens || grammar_tokens_new(g->tokenizer, decoder_config(g->decoder)->vocab, g->defaults.stop, g->defaults.stop_count, g->marker, with_markers ? g->markers : 0, tokens, e);
    *out = *tokens;
    pthread_mutex_unlock(&v->lock);
    return ok;
}

/* ------------------------------------------------------------------ what the answer must look like */

static bool compile(const struct json *grammar, struct arena *a, struct grammar **out, struct err *e)
{
    enum { CHOICES_MAX = 1000 };
    str kind = json_str_or(grammar, STR("kind"), STR("")), text = json_str_or(grammar, STR("value"), STR("")), choice[CHOICES_MAX];
    const struct json *value = json_get(grammar, STR("value"));
    size_t n = 0;
    if (str_eq(kind, STR("json_object"))) return grammar_from_json_object(out, e);
    if (str_eq(kind, STR("json_schema"))) return grammar_from_json_schema(json_is(value, JSON_STRING) ? text : json_text(a, value), out, e);
    if (str_eq(kind, STR("regex"))) return grammar_from_regex(text, out, e);
    if (str_eq(kind, STR("gbnf"))) return grammar_from_gbnf(text, out, e);
    if (!str_eq(kind, STR("choice"))) return err_set(e, ERR_INVALID, "a grammar is json_schema, json_object, regex, gbnf or choice");
    json_each (item, value)
        if (n == CHOICES_MAX || !json_str(item, &choice[n++])) return err_set(e, ERR_INVALID, "choices must be at most %d texts", CHOICES_MAX);
    return grammar_from_choices(choice, n, out, e);
}

/* What the caller asks for by a grammar, or what its functions ask for. */
static bool compile_grammar(const struct engine *g, struct work *w, struct err *e)
{
    const struct grammar_tokens *tokens;
    bool is_theirs = true;
    if (w->tools && !engine_tools_grammar(w->tools, w->o.grammar, &w->grammar, &is_theirs, e)) return false;
    if (is_theirs && w->o.grammar && !compile(w->o.grammar, w->a, &w->grammar, e)) return false;
    w->o.grammar = NULL; /* it lies in the request */
    if (!w->grammar) return true;
    if (!vocabulary_tokens(g, w->tools, &tokens, e)) return false;
    w->matcher = grammar_matcher_new(w->grammar, tokens, GRAMMAR_MEMORY);
    w->o.sequence.matcher = w->matcher;
    return true;
}

static void read_think(const struct engine *g, struct work *w, const struct json *request)
{
    if (!g->thinks || !json_bool_or(request, STR("tells_thoughts"), false)) return;
    w->think = arena_alloc(w->a, w->choices * sizeof *w->think);
    for (size_t i = 0; i < w->choices; i++) think_init(&w->think[i], w->prompt[i / w->o.choices].is_thought);
}

static bool read_tools(const struct engine *g, struct work *w, const struct json *request, struct err *e)
{
    if (!engine_tools_new(g->chat, request, w->choices, &w->tools, e)) return false;
    w->o.sequence.shown = g->marker;
    w->o.sequence.shown_count = w->tools ? g->markers : w->think ? g->thought_markers : 0;
    return true;
}

/* What is too large here is invalid: ERR_TOO_LARGE tells clients that the prompt is too long. */
static bool read_rules(const struct engine *g, struct work *w, const struct json *request, struct err *e)
{
    read_think(g, w, request);
    if (read_tools(g, w, request, e) && compile_grammar(g, w, e)) return true;
    if (e->code == ERR_TOO_LARGE) e->code = ERR_INVALID;
    return false;
}

/* ------------------------------------------------------------------ calls */

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
    if (!call_options_read(json_get(request, STR("options")), &g->defaults, decoder_config(g->decoder)->vocab, a, &w->o, e) || !read_prompts(r, w, request, e) || !read_rules(g, w, request, e)) {
        engine_work_unread(w);
        return NULL;
    }
    w->o.sequence.owner = (uint64_t)json_int_or(request, STR("account"), 0);
    return read;
}

void engine_work_unread(struct work *w)
{
    for (size_t i = 0; w->think && i < w->choices; i++) think_deinit(&w->think[i]);
    grammar_matcher_free(w->matcher);
    grammar_free(w->grammar);
    engine_tools_free(w->tools);
    arena_free(w->a);
}

void engine_read_free(struct engine_read *read)
{
    if (read) engine_work_unread(&read->work);
}

struct work *engine_read_take(struct engine_read *read) { return &read->work; }
