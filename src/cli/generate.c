/* cli/generate.c - hearth run: a model on a prompt, without a server. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/os.h"
#include "cli/cli.h"
#include "model/generate/config.h"
#include "model/generate/generator.h"
#include "model/token/token.h"

enum { PROMPT_BYTES_MAX = 16 << 20, KV_BYTES = 1 << 30 };

struct local_run {
    struct cli *c;
    struct source *source;
    struct team *team;
    struct decoder *d;
    struct generator *g;
    struct tokenizer *t;
    struct token_encoder *encoder;
    struct token_stream *stream;
    struct sequence_options o;
    struct buf text; /* all that came, for --json */
    int64_t began_us, loaded_us, first_us, ended_us;
    size_t prompt_count, new_count;
    enum finish finish;
};

static bool read_prompt(struct cli *c, str *out, struct err *e)
{
    struct buf b = BUF_INIT(PROMPT_BYTES_MAX);
    uint8_t piece[4096];
    size_t got;
    if (c->arguments_count > 1) {
        *out = c->argument[1];
        return true;
    }
    if (isatty(STDIN_FILENO)) return cli_usage(e, "a prompt is missing; give it as an argument or on standard input");
    do {
        if (!os_read(STDIN_FILENO, piece, sizeof piece, &got, e)) return false;
        buf_add(&b, str_n((const char *)piece, got));
    } while (got);
    bool ok = !b.failed || err_set(e, ERR_TOO_LARGE, "a prompt may have %d bytes", PROMPT_BYTES_MAX);
    if (ok) *out = arena_dup(c->arena, buf_str(&b));
    buf_deinit(&b);
    return ok;
}

static bool read_options(struct local_run *r, struct err *e)
{
    struct cli *c = r->c;
    struct sampling *s = &r->o.sampling;
    if (cli_given(c, "max-tokens")) r->o.new_tokens_max = (size_t)cli_int(c, "max-tokens");
    if (cli_given(c, "temperature")) {
        char *end;
        const char *text = arena_cstr(c->arena, cli_str(c, "temperature"));
        double t = strtod(text, &end);
        if (*text == '\0' || *end != '\0' || !(t >= 0 && t <= 100)) return cli_usage(e, "--temperature must be a number from 0 to 100");
        s->do_sample = t > 0;
        if (t > 0) s->temperature = (float)t;
    }
    if (cli_given(c, "seed")) s->seed = (uint64_t)cli_int(c, "seed");
    else if (s->do_sample) s->seed = (uint64_t)clock_now_ms() * 1000 + (uint64_t)clock_mono_us() % 1000;
    r->o.wants_logprobs = cli_flag(c, "json");
    return true;
}

static bool load(struct local_run *r, struct err *e)
{
    static const struct { str name; enum kernel_type type; } types[] = {
        { STR_INIT("f32"), KERNEL_F32 }, { STR_INIT("bf16"), KERNEL_BF16 }, { STR_INIT("q8"), KERNEL_Q8 }, { STR_INIT("q4"), KERNEL_Q4 },
    };
    struct cli *c = r->c;
    enum kernel_type type = KERNEL_F32;
    str dtype = cli_str(c, "dtype");
    for (size_t i = 0; i < COUNT(types); i++)
        if (str_eq(dtype, types[i].name)) type = types[i].type;
    r->team = team_new(cli_given(c, "threads") ? (size_t)cli_int(c, "threads") : team_processors());
    if (!source_open(arena_cstr(c->arena, c->argument[0]), &r->source, e) || !source_tokenizer(r->source, NULL, &r->t, e) ||
        !decoder_open_source(r->source, type, r->team, &r->d, e) || !generation_config_read(r->source, decoder_config(r->d), c->arena, &r->o, e) || !read_options(r, e))
        return false;
    r->g = generator_new(r->d, r->team, KV_BYTES);
    r->encoder = token_encoder_new(r->t);
    r->stream = token_stream_new(r->t, true);
    r->loaded_us = clock_mono_us();
    return true;
}

static void unload(struct local_run *r)
{
    token_stream_free(r->stream);
    token_encoder_free(r->encoder);
    tokenizer_free(r->t);
    generator_free(r->g);
    decoder_close(r->d);
    source_close(r->source);
    team_free(r->team);
    buf_deinit(&r->text);
}

static void say(struct local_run *r, str text)
{
    if (cli_flag(r->c, "json")) {
        buf_add(&r->text, text);
        return;
    }
    fwrite(text.p, 1, text.n, r->c->out);
    fflush(r->c->out);
}

static bool generate(struct local_run *r, const uint32_t *prompt, size_t n, struct err *e)
{
    struct sequence *s;
    struct new_token t;
    bool idle = false, ok = true;
    str piece;
    if (!generator_add(r->g, prompt, n, &r->o, &s, e)) return false;
    while (ok && !idle) {
        ok = generator_step(r->g, &idle, e);
        while (ok && sequence_take(s, &t)) {
            if (!r->first_us) r->first_us = clock_mono_us();
            ok = token_stream_add(r->stream, t.id, &piece, e);
            if (ok) say(r, piece);
        }
    }
    if (ok && (ok = token_stream_end(r->stream, &piece, e))) say(r, piece);
    r->ended_us = clock_mono_us();
    r->prompt_count = n;
    r->new_count = sequence_new_count(s);
    r->finish = sequence_finish(s);
    generator_remove(r->g, s);
    return ok;
}

static double seconds(int64_t from_us, int64_t to_us) { return (double)(to_us - from_us) * 1e-6; }

/* How it went: for people on standard error, so that the text alone can be piped on. */
static void report(struct local_run *r)
{
    const struct decoder_config *c = decoder_config(r->d);
    double first = seconds(r->loaded_us, r->first_us), rest = seconds(r->first_us, r->ended_us);
    if (cli_flag(r->c, "json")) {
        struct buf b = BUF_INIT(0);
        struct json_writer w = json_writer(&b);
        jw_object(&w);
        jw_kstr(&w, "generated_text", buf_str(&r->text));
        jw_kstr(&w, "finish_reason", r->finish == FINISH_EOS ? STR("eos_token") : STR("length"));
        jw_kint(&w, "prompt_tokens", (int64_t)r->prompt_count);
        jw_kint(&w, "generated_tokens", (int64_t)r->new_count);
        jw_key(&w, STR("load_seconds"));
        jw_real(&w, seconds(r->began_us, r->loaded_us));
        jw_key(&w, STR("first_token_seconds"));
        jw_real(&w, first);
        jw_key(&w, STR("seconds"));
        jw_real(&w, seconds(r->loaded_us, r->ended_us));
        if (r->o.sampling.do_sample) jw_kint(&w, "seed", (int64_t)r->o.sampling.seed);
        jw_object_end(&w);
        fprintf(r->c->out, "%s\n", buf_cstr(&b));
        buf_deinit(&b);
        return;
    }
    fputc('\n', r->c->out);
    fflush(r->c->out);
    fprintf(r->c->err, "%.*s, %.1f M parameters; %zu + %zu tokens; first after %.0f ms, then %.1f a second\n", STR_ARG(c->model_type),
            (double)decoder_parameters(r->d) * 1e-6, r->prompt_count, r->new_count, first * 1e3,
            r->new_count > 1 && rest > 0 ? (double)(r->new_count - 1) / rest : 0);
}

bool cli_generate(struct cli *c, struct err *e)
{
    struct local_run r = { .c = c, .text = BUF_INIT(0), .began_us = clock_mono_us() };
    str prompt;
    size_t n = 0;
    if (!read_prompt(c, &prompt, e)) return false;
    bool ok = load(&r, e);
    if (ok) {
        size_t room = prompt.n + 64;
        uint32_t *ids = arena_alloc(c->arena, room * sizeof *ids);
        ok = token_encode_ids(r.encoder, prompt, NULL, ids, room, &n, e);
        if (ok && n == 0 && decoder_config(r.d)->bos >= 0) ids[n++] = (uint32_t)decoder_config(r.d)->bos;
        ok = ok && generate(&r, ids, n, e);
    }
    if (ok) report(&r);
    unload(&r);
    return ok;
}
