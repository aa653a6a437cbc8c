/* cli/model/beams.c - hearth run with several beams: the best text comes at the end, and all at once. */
#include "base/clock.h"
#include "cli/model/local_run.h"
#include "model/generate/beam.h"

enum { PROMPT_CONTEXT = 16 };

/* As it goes on from the prompt, whose last tokens may decide whether a blank comes first. */
static bool decode(struct local_run *r, const uint32_t *prompt, size_t n, const struct beam_result *best, struct err *e)
{
    struct token_stream *stream = token_stream_new(r->t, true);
    bool ok = true;
    str piece;
    for (size_t i = n > PROMPT_CONTEXT ? n - PROMPT_CONTEXT : 0; i < n && ok; i++)
        ok = token_stream_add(stream, prompt[i], &piece, e);
    for (size_t i = 0; i < best->count && ok; i++)
        if ((ok = token_stream_add(stream, best->token[i], &piece, e))) buf_add(&r->text, piece);
    if (ok && (ok = token_stream_end(stream, &piece, e))) buf_add(&r->text, piece);
    token_stream_free(stream);
    if (ok && !r->is_json) converse_show(r->c, buf_str(&r->text));
    return ok;
}

bool local_beams(struct local_run *r, const uint32_t *prompt, size_t n, const volatile sig_atomic_t *stop,
                 struct err *e)
{
    struct beam_search *s;
    struct beam_result result[BEAMS_MAX];
    bool done = false, ok = true;
    if (!beam_search_new(r->g, prompt, n, &r->o, &s, e)) return false;
    while (ok && !done && !(stop && *stop)) ok = beam_search_step(s, &done, e);
    size_t found = ok ? beam_search_results(s, result) : 0;
    r->first_us = r->ended_us = clock_mono_us();
    r->prompt_count = n;
    r->new_count = 0;
    r->finish = FINISH_LENGTH;
    if (found) {
        uint32_t last = result[0].token[result[0].count - 1];
        r->new_count = result[0].count;
        for (size_t i = 0; i < r->o.stop_count; i++)
            if (r->o.stop[i] == last) r->finish = FINISH_EOS;
        ok = decode(r, prompt, n, &result[0], e);
    } else if (ok) {
        ok = err_set(e, ERR_INVALID, "no beam came to an end");
    }
    beam_search_free(s);
    return ok;
}
