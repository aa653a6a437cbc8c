/* cli/model/bench.c - hearth bench model: how fast a model runs here, beside how fast memory can be read. */
#include "cli/cli.h"
#include "base/machine.h"
#include "cli/model/local_run.h"
#include "model/measure.h"

enum { STEPS_MAX = 8 };

struct figures {
    double bandwidth, prefill;     /* bytes and tokens a second */
    double step[STEPS_MAX];        /* seconds of one */
    double share[STEPS_MAX];       /* of what a plain loop reads meanwhile */
    uint64_t step_bytes[STEPS_MAX];
};

static const uint32_t sequences[] = { 1, 4, 16 };

static bool measure(struct cli *c, const struct decoder *d, struct team *team, struct figures *f, struct err *e)
{
    uint32_t prompt = (uint32_t)cli_int(c, "prompt"), context = (uint32_t)cli_int(c, "context");
    double budget_s = (double)cli_int(c, "time") / 1000 / (1 + COUNT(sequences)); /* shared by all */
    struct timing t;
    if (prompt > decoder_config(d)->positions || context + 9 > decoder_config(d)->positions)
        return err_set(e, ERR_TOO_LARGE, "the model was made for %u tokens; choose a smaller --prompt and --context", decoder_config(d)->positions);
    if (!measure_prefill(d, team, prompt, budget_s, &t, e)) return false;
    f->prefill = prompt / t.seconds;
    for (size_t i = 0; i < COUNT(sequences); i++) {
        struct sharing s;
        if (!measure_sharing(d, team, sequences[i], context, budget_s, &s, e)) return false;
        f->step[i] = s.seconds;
        f->share[i] = s.share;
        if (s.bandwidth > f->bandwidth) f->bandwidth = s.bandwidth;
        f->step_bytes[i] = measure_step_bytes(d, sequences[i], context);
    }
    return true;
}

static void print_json(struct cli *c, const struct decoder *d, struct team *team, const struct figures *f)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "model_type", decoder_config(d)->model_type);
    jw_kint(&w, "parameters", (int64_t)decoder_parameters(d));
    jw_kint(&w, "weights_bytes", (int64_t)decoder_packed_bytes(d));
    jw_kint(&w, "threads", (int64_t)team_size(team));
    jw_kstr(&w, "kernels", str_c(kernels()->name));
    jw_key(&w, STR("memory_bytes_per_second"));
    jw_real(&w, f->bandwidth);
    jw_key(&w, STR("prefill_tokens_per_second"));
    jw_real(&w, f->prefill);
    jw_key(&w, STR("decode"));
    jw_array(&w);
    for (size_t i = 0; i < COUNT(sequences); i++) {
        jw_object(&w);
        jw_kint(&w, "sequences", sequences[i]);
        jw_key(&w, STR("tokens_per_second"));
        jw_real(&w, sequences[i] / f->step[i]);
        jw_kint(&w, "bytes_per_step", (int64_t)f->step_bytes[i]);
        jw_key(&w, STR("share_of_memory"));
        jw_real(&w, f->share[i]);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    fprintf(c->out, "%s\n", buf_cstr(&b));
    buf_deinit(&b);
}

static void print_table(struct cli *c, const struct decoder *d, struct team *team, const struct figures *f)
{
    fprintf(c->out, "%.*s, %.1f M parameters, %.1f MB as packed; %zu %s, %s\n", STR_ARG(decoder_config(d)->model_type),
            (double)decoder_parameters(d) * 1e-6, (double)decoder_packed_bytes(d) * 1e-6, team_size(team), plural(team_size(team), "thread", "threads"), kernels()->name);
    fprintf(c->out, "memory, read by a plain loop  %8.1f GB/s\n", f->bandwidth * 1e-9);
    fprintf(c->out, "prefill of %4lld tokens        %8.1f tokens/s\n", (long long)cli_int(c, "prompt"), f->prefill);
    for (size_t i = 0; i < COUNT(sequences); i++)
        fprintf(c->out, "decode, %2u at once            %8.1f tokens/s, %.1f MB a step, %.1f GB/s: %.0f %% of the plain loop\n", sequences[i],
                sequences[i] / f->step[i], (double)f->step_bytes[i] * 1e-6, (double)f->step_bytes[i] / f->step[i] * 1e-9,
                100 * f->share[i]);
}

bool cli_bench_model(struct cli *c, struct err *e)
{
    struct source *source = NULL;
    struct decoder *d = NULL;
    struct figures f = { 0 };
    struct team *team = team_new(cli_given(c, "threads") ? (size_t)cli_int(c, "threads") : machine_now().processors);
    bool ok = source_open(arena_cstr(c->arena, c->argument[0]), &source, e) && decoder_open_source(source, cli_dtype(c), team, &d, e) &&
              measure(c, d, team, &f, e);
    if (ok && cli_flag(c, "json")) print_json(c, d, team, &f);
    else if (ok) print_table(c, d, team, &f);
    decoder_close(d);
    source_close(source);
    team_free(team);
    return ok;
}
