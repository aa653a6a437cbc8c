/* cli/model/generate.c - hearth run: a model on a prompt or a conversation, without a server. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/machine.h"
#include "base/os.h"
#include "cli/model/local_run.h"
#include "model/nn/linear.h"
#include "model/adapter/lora.h"

enum { PROMPT_BYTES_MAX = 16 << 20, FILE_BYTES_MAX = 64 << 20, KV_BYTES = 1 << 30, CHAT_TOKENS_MAX = 4096, DRAFT_TOKENS = 4 };

/* ------------------------------------------------------------------ what is asked */

/* The value of --NAME FILE, of the given type; NULL where it is not given. */
static bool read_json(struct cli *c, const char *name, enum json_type type, const struct json **out, struct err *e)
{
    struct json *j;
    char *text;
    size_t n;
    *out = NULL;
    if (!cli_given(c, name)) return true;
    if (!os_read_file(cli_cstr(c, name), FILE_BYTES_MAX, &text, &n, e)) return false;
    str kept = arena_dup(c->arena, str_n(text, n));
    mem_free(text);
    if (!json_parse(kept, c->arena, &j, e)) return err_context(e, "%s", cli_cstr(c, name));
    if (j->type != type) return err_set(e, ERR_INVALID, "%s: --%s wants a JSON %s", cli_cstr(c, name), name, type == JSON_ARRAY ? "list" : "object");
    *out = j;
    return true;
}

static bool read_number(struct cli *c, const char *name, double most, float *out, struct err *e)
{
    char *end;
    if (!cli_given(c, name)) return true;
    const char *text = cli_cstr(c, name);
    double v = strtod(text, &end);
    if (*text == '\0' || *end != '\0' || !(v >= 0 && v <= most)) return cli_usage(e, "--%s must be a number from 0 to %g", name, most);
    *out = (float)v;
    return true;
}

static bool read_options(struct local_run *r, struct err *e)
{
    struct cli *c = r->c;
    struct sampling *s = &r->o.sampling;
    float t = s->temperature;
    if (r->chat && !cli_given(c, "max-tokens")) r->o.new_tokens_max = CHAT_TOKENS_MAX;
    if (cli_given(c, "max-tokens")) r->o.new_tokens_max = (size_t)cli_int(c, "max-tokens"), r->o.length_max = 0; /* which it beats */
    if (!read_number(c, "temperature", 100, &t, e)) return false;
    if (cli_given(c, "temperature")) s->do_sample = t > 0;
    if (t > 0) s->temperature = t;
    if (!read_number(c, "top-p", 1, &s->top_p, e) || !read_number(c, "min-p", 1, &s->min_p, e) ||
        !read_number(c, "repetition-penalty", 100, &s->repetition_penalty, e))
        return false;
    if (cli_given(c, "top-k")) s->top_k = (uint32_t)cli_int(c, "top-k");
    if (!(s->top_p > 0) || !(s->repetition_penalty > 0)) return cli_usage(e, "--top-p and --repetition-penalty must be above 0");
    r->new_tokens_max = r->o.new_tokens_max;
    r->is_bounded = cli_given(c, "max-tokens");
    if (cli_given(c, "beams")) r->o.beams.beams = (uint32_t)cli_int(c, "beams");
    if (cli_given(c, "lookup")) r->o.lookup_tokens = (size_t)cli_int(c, "lookup");
    if (cli_given(c, "draft")) r->o.draft_tokens = DRAFT_TOKENS;
    if (cli_given(c, "seed")) s->seed = (uint64_t)cli_int(c, "seed");
    else if (s->do_sample) s->seed = (uint64_t)clock_now_ms() * 1000 + (uint64_t)clock_mono_us() % 1000;
    r->o.wants_logprobs = r->is_json;
    return true;
}

/* ------------------------------------------------------------------ loading */

/* "loading 4.2 of 16.1 GB", on a terminal and for what takes a while. */
static void show_progress(void *ctx, uint64_t done, uint64_t total)
{
    struct local_run *r = ctx;
    if (clock_mono_us() - r->began_us < 500000 && done < total) return;
    if (done < total) fprintf(r->c->err, "\rloading %.1f of %.1f GB", (double)done * 1e-9, (double)total * 1e-9);
    else if (r->shows_progress) fputs("\r\033[K", r->c->err);
    r->shows_progress = done < total;
    fflush(r->c->err);
}

static bool open_decoder(struct local_run *r, enum kernel_type type, struct err *e)
{
    struct lora *adapter = NULL;
    if (cli_given(r->c, "adapter") && !lora_open(cli_cstr(r->c, "adapter"), &adapter, e)) return false;
    bool ok = decoder_open_adapted(r->source, adapter, type, r->team, &r->d, e);
    lora_close(adapter);
    if (ok && str_eq(cli_str(r->c, "kv"), STR("8bit"))) decoder_keep_small(r->d);
    return ok;
}

const char *cli_model_cache(struct cli *c)
{
    static const struct { const char *variable, *below; } places[] = { { "HEARTH_HOME", "models" }, { "XDG_CACHE_HOME", "hearth" }, { "HOME", ".cache/hearth" } };
    if (cli_given(c, "cache")) return cli_str(c, "cache").n ? arena_cstr(c->arena, cli_str(c, "cache")) : NULL;
    for (size_t i = 0; i < COUNT(places); i++) {
        const char *dir = getenv(places[i].variable);
        if (dir && *dir == '/') return arena_cstr(c->arena, arena_fmt(c->arena, "%s/%s", dir, places[i].below));
    }
    return NULL;
}

enum kernel_type cli_dtype(struct cli *c)
{
    enum kernel_type type;
    must(linear_type_parse(cli_str(c, "dtype"), &type)); /* the table lets nothing else through */
    return type;
}

static bool load(struct local_run *r, struct err *e)
{
    struct cli *c = r->c;
    r->team = team_new(cli_given(c, "threads") ? (size_t)cli_int(c, "threads") : machine_now().processors);
    if (isatty(STDERR_FILENO)) source_watch(r->source, show_progress, r);
    if (!source_tokenizer(r->source, NULL, &r->t, e) || !open_decoder(r, cli_dtype(c), e) ||
        !generation_config_read(r->source, decoder_config(r->d), c->arena, &r->o, e) || !read_options(r, e))
        return false;
    r->g = generator_new(r->d, r->team, KV_BYTES);
    r->encoder = token_encoder_new(r->t);
    if (cli_given(c, "draft") &&
        (!decoder_open(cli_cstr(c, "draft"), cli_dtype(c), r->team, &r->draft, e) || !generator_set_draft(r->g, r->draft, KV_BYTES / 4, e)))
        return err_context(e, "--draft");
    if (!cli_constraint_read(c, r->t, decoder_config(r->d)->vocab, &r->o, &r->constraint, e)) return false;
    r->loaded_us = clock_mono_us();
    return true;
}

static void unload(struct local_run *r)
{
    cli_constraint_deinit(&r->constraint);
    token_encoder_free(r->encoder);
    tokenizer_free(r->t);
    generator_free(r->g);
    decoder_close(r->draft);
    decoder_close(r->d);
    chat_close(r->chat);
    team_free(r->team);
    buf_deinit(&r->text);
}

/* ------------------------------------------------------------------ prompts */

static bool encode(struct local_run *r, str text, bool is_whole, struct arena *a, uint32_t **ids, size_t *n, struct err *e)
{
    struct token_options o = { .no_special = is_whole };
    size_t room = text.n + 64;
    *n = 0;
    *ids = arena_alloc(a, room * sizeof **ids);
    return token_encode_ids(r->encoder, text, &o, *ids, room, n, e);
}

/* How many tokens a prompt may have so that an answer has room, too. */
static size_t prompt_room(const struct local_run *r)
{
    size_t positions = decoder_config(r->d)->positions, half = positions / 2;
    return positions - (r->o.new_tokens_max < half ? r->o.new_tokens_max : half);
}

static bool too_long(const struct local_run *r, size_t n, struct err *e)
{
    return err_set(e, ERR_TOO_LARGE, "the prompt has %zu tokens, and the model was made for %u; --truncate leaves out what is oldest", n,
                   decoder_config(r->d)->positions);
}

/* The messages without the oldest that is not the system's; NULL: only the last is left. */
static const struct json *without_oldest(const struct json *messages, struct arena *a)
{
    struct json *list = json_new(a, JSON_ARRAY);
    const struct json *drop = NULL, *last = NULL;
    json_each (m, messages) {
        if (!drop && !str_eq(json_str_or(m, STR("role"), STR("")), STR("system"))) drop = m;
        last = m;
    }
    if (!drop || drop == last) return NULL;
    json_each (m, messages)
        if (m != drop) json_add(list, json_share(a, m));
    return list;
}

bool local_prompt(struct local_run *r, const struct json *messages, struct arena *a, uint32_t **ids, size_t *n, struct err *e)
{
    struct chat_input in = { .messages = messages, .tools = r->tools, .arguments = r->arguments, .add_generation_prompt = true };
    struct buf text = BUF_INIT(FILE_BYTES_MAX);
    bool ok;
    for (;;) {
        buf_reset(&text);
        ok = chat_render(r->chat, &in, &text, e) && encode(r, buf_str(&text), true, a, ids, n, e);
        if (!ok || *n < decoder_config(r->d)->positions) break;
        ok = cli_flag(r->c, "truncate") || too_long(r, *n, e);
        if (!ok) break;
        /* Dropping a question leaves its answer first, which many templates refuse: both go. */
        const struct json *fewer = without_oldest(in.messages, a), *fewest = fewer ? without_oldest(fewer, a) : NULL;
        if (!fewest) {
            ok = err_set(e, ERR_TOO_LARGE, "the last message alone makes %zu tokens, and the model was made for %u", *n, decoder_config(r->d)->positions);
            break;
        }
        in.messages = fewest;
    }
    buf_deinit(&text);
    return ok;
}

static bool plain_prompt(struct local_run *r, str text, uint32_t **ids, size_t *n, struct err *e)
{
    size_t room = prompt_room(r);
    if (!encode(r, text, false, r->c->arena, ids, n, e)) return false;
    int64_t bos = decoder_config(r->d)->bos;
    if (*n == 0 && bos >= 0) (*ids)[(*n)++] = (uint32_t)bos;
    if (*n < decoder_config(r->d)->positions && (!cli_flag(r->c, "truncate") || *n <= room)) return true;
    if (!cli_flag(r->c, "truncate")) return too_long(r, *n, e);
    bool has_bos = bos >= 0 && (*ids)[0] == (uint32_t)bos; /* which stays */
    memmove(*ids + has_bos, *ids + *n - (room - has_bos), (room - has_bos) * sizeof **ids);
    *n = room;
    return true;
}

/* ------------------------------------------------------------------ answers */

static void say(struct local_run *r, str text)
{
    buf_add(&r->text, text);
    if (!r->is_json) converse_show(r->c, text);
}

/* New tokens for which there is room with keys and values, where nobody asked for a number. */
static void fit_room(struct local_run *r, size_t n)
{
    size_t room = KV_BYTES / kv_page_bytes(decoder_config(r->d)) * KV_PAGE;
    r->o.new_tokens_max = r->new_tokens_max;
    if (!r->is_bounded && n < room && r->o.new_tokens_max > room - n) r->o.new_tokens_max = room - n;
}

bool local_generate(struct local_run *r, const uint32_t *prompt, size_t n, const volatile sig_atomic_t *stop, struct err *e)
{
    struct sequence *s;
    struct new_token t;
    bool idle = false, ok = true;
    buf_reset(&r->text);
    r->asked_us = clock_mono_us();
    r->first_us = 0;
    fit_room(r, n);
    if (r->o.beams.beams > 1) return local_beams(r, prompt, n, stop, e);
    uint64_t reused = generator_figures(r->g).reused_tokens;
    if (!generator_add(r->g, prompt, n, &r->o, &s, e)) return false;
    while (ok && !idle && !(stop && *stop)) {
        ok = generator_step(r->g, &idle, e);
        while (ok && sequence_take(s, &t)) {
            if (!r->first_us) r->first_us = clock_mono_us();
        }
        if (ok) say(r, sequence_take_text(s));
    }
    if (ok && sequence_finish(s) == FINISH_STUCK) ok = err_set(e, ERR_INVALID, "no token of this model can continue what the grammar asks for");
    r->ended_us = clock_mono_us();
    if (!r->first_us) r->first_us = r->ended_us;
    r->prompt_count = n;
    r->new_count = sequence_new_count(s);
    r->finish = sequence_finish(s);
    r->reused_count = (size_t)(generator_figures(r->g).reused_tokens - reused);
    generator_remove(r->g, s);
    return ok;
}

static double seconds(int64_t from_us, int64_t to_us) { return (double)(to_us - from_us) / 1e6; }
static double rate(double n, double s) { return s > 0 ? n / s : 0; }

void local_report(const struct local_run *r, FILE *out)
{
    double first = seconds(r->asked_us, r->first_us), rest = seconds(r->first_us, r->ended_us);
    double each = r->new_count > 1 ? rate((double)(r->new_count - 1), rest) : 0;
    fprintf(out, "%zu %s of prompt", r->prompt_count, plural(r->prompt_count, "token", "tokens"));
    if (r->reused_count) fprintf(out, ", %zu of them known from before,", r->reused_count);
    fprintf(out, " at %.0f a second; %zu new %s", rate((double)(r->prompt_count - r->reused_count), first), r->new_count,
            plural(r->new_count, "one", "ones"));
    /* Every token reads the packed weights once, of experts those that it chooses. */
    if (each > 0) fprintf(out, " at %.1f a second, reading %.1f GB/s", each, each * (double)decoder_step_bytes(r->d, 1) * 1e-9);
    struct generator_figures f = generator_figures(r->g);
    if (f.guessed) fprintf(out, "; %" PRIu64 " of %" PRIu64 " guesses were right", f.accepted, f.guessed);
    fputc('\n', out);
}

static void print_json(struct local_run *r)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_object(&w);
    jw_kstr(&w, "generated_text", buf_str(&r->text));
    jw_kstr(&w, "finish_reason", r->finish == FINISH_EOS ? STR("eos_token") : r->finish == FINISH_STOP ? STR("stop") : STR("length"));
    jw_kint(&w, "prompt_tokens", (int64_t)r->prompt_count);
    jw_kint(&w, "generated_tokens", (int64_t)r->new_count);
    jw_key(&w, STR("load_seconds"));
    jw_real(&w, seconds(r->began_us, r->loaded_us));
    jw_key(&w, STR("first_token_seconds"));
    jw_real(&w, seconds(r->asked_us, r->first_us));
    jw_key(&w, STR("seconds"));
    jw_real(&w, seconds(r->asked_us, r->ended_us));
    jw_kint(&w, "weights_bytes", (int64_t)decoder_packed_bytes(r->d));
    if (r->o.sampling.do_sample) jw_kint(&w, "seed", (int64_t)r->o.sampling.seed);
    jw_object_end(&w);
    fprintf(r->c->out, "%s\n", buf_cstr(&b));
    buf_deinit(&b);
}

static bool answer(struct local_run *r, struct json *messages, str prompt, struct err *e)
{
    uint32_t *ids;
    size_t n;
    bool ok = r->chat ? local_prompt(r, messages, r->c->arena, &ids, &n, e) : plain_prompt(r, prompt, &ids, &n, e);
    if (!ok || !local_generate(r, ids, n, NULL, e)) return false;
    if (r->is_json) {
        print_json(r);
        return true;
    }
    fputc('\n', r->c->out);
    fflush(r->c->out);
    /* For people, on standard error, so that the text alone can be piped on. */
    const struct decoder_config *c = decoder_config(r->d);
    fprintf(r->c->err, "%.*s, %.1f M parameters; ", STR_ARG(c->model_type), (double)decoder_parameters(r->d) * 1e-6);
    local_report(r, r->c->err);
    return true;
}

/* ------------------------------------------------------------------ the command */

enum chat_wish { CHAT_IF_IT_CAN, CHAT_MUST, CHAT_NOT };
static enum chat_wish chat_wish(struct cli *c) { return !cli_given(c, "chat") ? CHAT_IF_IT_CAN : cli_flag(c, "chat") ? CHAT_MUST : CHAT_NOT; }

/* A template makes a conversation of it, unless --chat=false; what only a conversation has needs one. */
static bool open_chat(struct local_run *r, enum chat_wish wish, struct err *e)
{
    static const char *const only_chat[] = { "system", "messages", "tools", "template-args" };
    struct cli *c = r->c;
    if (wish != CHAT_NOT) {
        if (!chat_open(r->source, &r->chat, e)) return false;
        if (!r->chat && wish == CHAT_MUST)
            return err_set(e, ERR_UNPROCESSABLE, "%.*s has no chat template, so it cannot converse; it goes on with a text: hearth run %.*s \"Once upon a time\"", STR_ARG(c->argument[0]), STR_ARG(c->argument[0]));
    }
    for (size_t i = 0; !r->chat && i < COUNT(only_chat); i++)
        if (cli_given(c, only_chat[i])) return cli_usage(e, "--%s needs a model with a chat template", only_chat[i]);
    if (!read_json(c, "tools", JSON_ARRAY, &r->tools, e)) return false;
    if (cli_given(c, "template-args")) {
        struct json *arguments;
        if (!json_parse(cli_str(c, "template-args"), c->arena, &arguments, e)) return err_context(e, "--template-args");
        if (arguments->type != JSON_OBJECT) return cli_usage(e, "--template-args wants a JSON object, such as {\"enable_thinking\": false}");
        r->arguments = arguments;
    }
    return true;
}

/* What the conversation begins with, and the prompt as the user's. */
static bool read_messages(struct local_run *r, str prompt, struct json **out, struct err *e)
{
    if (!converse_opening(r->c, out, e)) return false;
    if (!str_is_utf8(prompt)) return err_set(e, ERR_INVALID, "the prompt is not UTF-8");
    if (prompt.p) json_add(*out, converse_message(r->c->arena, STR("user"), prompt));
    return true;
}

bool cli_chat_here(struct cli *c, struct source *source, struct err *e)
{
    struct local_run r = { .c = c, .source = source, .text = BUF_INIT(0), .began_us = clock_mono_us() };
    struct json *messages;
    bool ok = open_chat(&r, CHAT_MUST, e) && read_messages(&r, (str){ 0 }, &messages, e) && load(&r, e) && local_converse(&r, messages, e);
    unload(&r);
    return ok;
}

bool cli_generate(struct cli *c, struct source *source, struct err *e)
{
    struct local_run r = { .c = c, .source = source, .text = BUF_INIT(0), .began_us = clock_mono_us() };
    struct json *messages = NULL;
    str prompt = { 0 };
    r.is_json = cli_flag(c, "json");
    bool ok = open_chat(&r, chat_wish(c), e);
    if (ok && c->arguments_count > 1) prompt = c->argument[1];
    bool has_prompt = prompt.p || (ok && cli_given(c, "messages")), is_terminal = isatty(STDIN_FILENO);
    if (ok && !has_prompt && is_terminal && !r.chat)
        ok = cli_usage(e, "a prompt is missing; give it as an argument or on standard input (the model has no chat template to converse by)");
    else if (ok && !has_prompt && is_terminal && r.is_json) ok = cli_usage(e, "--json wants a prompt, as an argument or on standard input");
    else if (ok && !has_prompt && !is_terminal) ok = cli_input(c, "a prompt", PROMPT_BYTES_MAX, &prompt, e);
    if (ok && r.chat && !has_prompt && prompt.n && prompt.p[prompt.n - 1] == '\n') prompt.n--; /* the line's end is not the message's */
    ok = ok && read_messages(&r, prompt, &messages, e) && load(&r, e);
    if (ok) ok = has_prompt || !is_terminal ? answer(&r, messages, prompt, e) : local_converse(&r, messages, e);
    unload(&r);
    return ok;
}
