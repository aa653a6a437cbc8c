/* cli/model/chat_here.c - a conversation with a model in this process. */
#include "base/clock.h"
#include "cli/model/local_run.h"

static void apply(struct local_run *r, const struct converse_settings *s)
{
    struct sampling *p = &r->o.sampling;
    const double *v = s->value;
    if (s->given[SET_TEMPERATURE]) {
        p->do_sample = v[SET_TEMPERATURE] > 0;
        if (p->do_sample) p->temperature = (float)v[SET_TEMPERATURE];
    }
    if (s->given[SET_TOP_P]) p->top_p = (float)v[SET_TOP_P];
    if (s->given[SET_TOP_K]) p->top_k = (uint32_t)v[SET_TOP_K];
    if (s->given[SET_MIN_P]) p->min_p = (float)v[SET_MIN_P];
    if (s->given[SET_REPETITION_PENALTY]) p->repetition_penalty = (float)v[SET_REPETITION_PENALTY];
    p->seed = s->given[SET_SEED] ? (uint64_t)v[SET_SEED] : (uint64_t)clock_mono_us();
    if (!s->given[SET_MAX_TOKENS]) return;
    r->new_tokens_max = (size_t)v[SET_MAX_TOKENS];
    r->o.length_max = 0; /* which it beats */
    r->is_bounded = true;
}

static bool answer_here(void *ctx, const struct json *messages, const struct converse_settings *s, const volatile sig_atomic_t *stop,
                        struct converse_answer *out, struct err *e)
{
    struct local_run *r = ctx;
    struct sequence_options at_start = r->o;
    size_t most = r->new_tokens_max;
    bool is_bounded = r->is_bounded;
    struct arena *scratch = arena_new(0);
    uint32_t *ids;
    size_t n;
    apply(r, s);
    bool ok = local_prompt(r, messages, scratch, &ids, &n, e) && local_generate(r, ids, n, stop, e);
    if (ok) buf_add(&out->text, buf_str(&r->text));
    out->was_cut = r->finish == FINISH_LENGTH;
    r->o = at_start;
    r->new_tokens_max = most;
    r->is_bounded = is_bounded;
    arena_free(scratch);
    return ok;
}

static void report_here(void *ctx, FILE *out) { local_report(ctx, out); }

bool local_converse(struct local_run *r, const struct json *messages, struct err *e)
{
    const struct decoder_config *d = decoder_config(r->d);
    struct converser me = { r, answer_here, report_here,
                            arena_fmt(r->c->arena, "%.*s, %.1f M parameters, %u tokens of context", STR_ARG(d->model_type), (double)decoder_parameters(r->d) * 1e-6, d->positions) };
    return cli_converse(r->c, &me, messages, e);
}
