/* cli/model/task.c - hearth run on a model that answers instead of going on: labels, answers, vectors.
 *
 * What stands on the command line becomes a request as the inference service takes it; --json prints the answer as it
 * is, and for people it is drawn. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/machine.h"
#include "cli/model/local_run.h"
#include "model/task/task.h"

enum { INPUT_BYTES_MAX = 16 << 20, BAR_CELLS = 24, NAME_WIDTH_MAX = 40 };

/* ------------------------------------------------------------------ the request */

static bool read_input(struct cli *c, str *out, struct err *e)
{
    if (isatty(STDIN_FILENO)) return cli_usage(e, "an input is missing; give it as an argument or on standard input");
    if (!cli_input(c, "an input", INPUT_BYTES_MAX, out, e)) return false;
    *out = str_trim(*out);
    return str_is_utf8(*out) || err_set(e, ERR_INVALID, "the input is not UTF-8");
}

/* Inputs from the command line, the first from standard input where there is none. */
static bool read_inputs(struct cli *c, struct json **out, struct err *e)
{
    *out = json_new(c->arena, JSON_ARRAY);
    for (size_t i = 1; i < c->arguments_count; i++) {
        if (!str_is_utf8(c->argument[i])) return err_set(e, ERR_INVALID, "an input is not UTF-8");
        json_add(*out, json_new_str(c->arena, c->argument[i]));
    }
    if ((*out)->count) return true;
    str text;
    if (!read_input(c, &text, e)) return false;
    json_add(*out, json_new_str(c->arena, text));
    return true;
}

static struct json *rest_of(struct cli *c, const struct json *list)
{
    struct json *out = json_new(c->arena, JSON_ARRAY);
    json_each (item, list)
        if (item != json_first(list)) json_add(out, json_new_str(c->arena, item->s));
    return out;
}

/* The first input by one name, the others as a list by another. */
static struct json *first_and_rest(struct cli *c, const struct json *list, const char *first, const char *rest)
{
    struct json *out = json_new(c->arena, JSON_OBJECT);
    json_put(out, str_c(first), json_new_str(c->arena, json_first(list)->s));
    json_put(out, str_c(rest), rest_of(c, list));
    return out;
}

static bool is_task(const struct task_kind *kind, const char *name) { return strcmp(kind->name, name) == 0; }

static bool question_and_context(struct cli *c, const struct json *list, struct json **out, struct err *e)
{
    str context;
    if (list->count > 2) return cli_usage(e, "question-answering takes a question and a context");
    if (list->count == 2) context = json_at(list, 1)->s;
    else if (!read_input(c, &context, e)) return false;
    *out = json_new(c->arena, JSON_OBJECT);
    json_put(*out, STR("question"), json_new_str(c->arena, json_first(list)->s));
    json_put(*out, STR("context"), json_new_str(c->arena, context));
    return true;
}

static bool read_parameters(struct cli *c, const struct task_kind *kind, struct json **out, struct err *e)
{
    *out = json_new(c->arena, JSON_OBJECT);
    if (cli_given(c, "parameters")) {
        if (!json_parse(cli_str(c, "parameters"), c->arena, out, e)) return err_context(e, "--parameters");
        if ((*out)->type != JSON_OBJECT)
            return cli_usage(e, "--parameters wants a JSON object, such as {\"top_k\": 3}");
    }
    if (!cli_flag(c, "truncate")) return true;
    if (str_find(str_c(kind->parameters), STR("truncation")) == STR_NONE)
        return cli_usage(e, "%s has no truncation to ask for", kind->name);
    json_put(*out, STR("truncation"), json_new_bool(c->arena, true));
    return true;
}

/* *shown: the inputs, in the order of the answers. */
static bool make_request(struct cli *c, const struct task_kind *kind, struct json **out, struct json **shown,
                         struct err *e)
{
    struct json *list, *inputs, *parameters;
    if (!read_inputs(c, &list, e) || !read_parameters(c, kind, &parameters, e)) return false;
    *shown = list;
    inputs = list->count == 1 ? json_new_str(c->arena, json_first(list)->s) : list;
    if (is_task(kind, "question-answering") && !question_and_context(c, list, &inputs, e)) return false;
    if (is_task(kind, "sentence-similarity")) inputs = first_and_rest(c, list, "source_sentence", "sentences");
    if (is_task(kind, "text-ranking")) inputs = first_and_rest(c, list, "query", "documents");
    if (is_task(kind, "zero-shot-classification")) {
        inputs = json_new_str(c->arena, json_first(list)->s);
        if (list->count > 1) json_put(parameters, STR("candidate_labels"), rest_of(c, list));
    }
    *out = json_new(c->arena, JSON_OBJECT);
    json_put(*out, STR("inputs"), inputs);
    json_put(*out, STR("parameters"), parameters);
    return true;
}

/* ------------------------------------------------------------------ drawing the answer */

struct drawing {
    struct cli *c;
    FILE *out;
    const struct json *inputs;
};

static double number(const struct json *v)
{
    return v && v->type == JSON_INT ? (double)v->i : v && v->type == JSON_REAL ? v->r : 0;
}

static size_t width_of(str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((uint8_t)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* At most so many characters, on one line; what is cut shows. */
static str one_line(struct arena *a, str s, size_t most)
{
    struct buf b = BUF_INIT(0);
    size_t n = 0;
    bool cut = width_of(s) > most;
    for (size_t i = 0; i < s.n; i++) {
        if (((uint8_t)s.p[i] & 0xC0) != 0x80 && ++n > most - cut) break;
        buf_byte(&b, (uint8_t)s.p[i] < ' ' ? ' ' : s.p[i]); /* and no escape sequences */
    }
    if (cut) buf_lit(&b, "…");
    str out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

/* A share of BAR_CELLS, in eighths of a cell; scores that are no shares have no bar. */
static void draw_bar(FILE *out, double score)
{
    static const char *const part[] = { " ", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
    if (!(score >= 0 && score <= 1)) return;
    int eighths = (int)lround(score * BAR_CELLS * 8);
    for (int i = 0; i < BAR_CELLS; i++) {
        int left = eighths - 8 * i;
        fputs(left >= 8 ? "█" : left > 0 ? part[left] : " ", out);
    }
    fputs("  ", out);
}

struct bar {
    str name;
    double score;
};

static void draw_bars(const struct drawing *d, const struct bar *bar, size_t n)
{
    size_t width = 0;
    struct arena *a = d->c->arena;
    for (size_t i = 0; i < n; i++) {
        size_t w = width_of(one_line(a, bar[i].name, NAME_WIDTH_MAX));
        if (w > width) width = w;
    }
    for (size_t i = 0; i < n; i++) {
        str name = one_line(a, bar[i].name, NAME_WIDTH_MAX);
        fprintf(d->out, "%.*s%*s  ", STR_ARG(name), (int)(width - width_of(name)), "");
        draw_bar(d->out, bar[i].score);
        fprintf(d->out, "%.4f\n", bar[i].score);
    }
}

/* A list of objects, each with a name and a score. */
static void draw_scores(const struct drawing *d, const struct json *list, const char *name)
{
    struct bar *bar = arena_alloc(d->c->arena, (list->count + 1) * sizeof *bar);
    size_t n = 0;
    json_each (item, list)
        bar[n++] = (struct bar){ json_str_or(item, str_c(name), STR("")), number(json_get(item, STR("score"))) };
    draw_bars(d, bar, n);
}

/* Of several texts each has its label by itself, unless more were asked for. */
static void draw_labels(const struct drawing *d, const struct json *answer)
{
    struct bar bar = { json_str_or(answer, STR("label"), STR("")), number(json_get(answer, STR("score"))) };
    if (answer->type == JSON_ARRAY) draw_scores(d, answer, "label");
    else draw_bars(d, &bar, 1);
}

static void draw_fillings(const struct drawing *d, const struct json *answer)
{
    if (json_first(answer) && json_first(answer)->type == JSON_ARRAY) { /* of several masks */
        json_each (mask, answer) {
            draw_scores(d, mask, "token_str");
            if (mask->next) fputc('\n', d->out);
        }
        return;
    }
    draw_scores(d, answer, "sequence");
}

static void draw_entities(const struct drawing *d, const struct json *answer)
{
    str cell[5 * 64];
    size_t n = 0;
    struct arena *a = d->c->arena;
    json_each (x, answer) {
        cell[n++] = json_str_or(x, STR("entity_group"), json_str_or(x, STR("entity"), STR("")));
        cell[n++] = one_line(a, json_str_or(x, STR("word"), STR("")), NAME_WIDTH_MAX);
        cell[n++] = arena_fmt(a, "%.4f", number(json_get(x, STR("score"))));
        cell[n++] = arena_fmt(a, "%lld", (long long)json_int_or(x, STR("start"), 0));
        cell[n++] = arena_fmt(a, "%lld", (long long)json_int_or(x, STR("end"), 0));
        if (n < COUNT(cell) && x->next) continue;
        cli_columns(d->out, cell, n, 5);
        n = 0;
    }
    if (answer->count == 0) fputs("nothing found\n", d->out);
}

static void draw_answers(const struct drawing *d, const struct json *answer)
{
    if (answer->type == JSON_ARRAY) {
        draw_scores(d, answer, "answer");
        return;
    }
    struct bar bar = { json_str_or(answer, STR("answer"), STR("")), number(json_get(answer, STR("score"))) };
    draw_bars(d, &bar, 1);
}

static void draw_candidates(const struct drawing *d, const struct json *answer)
{
    const struct json *labels = json_get(answer, STR("labels")), *scores = json_get(answer, STR("scores"));
    struct bar *bar = arena_alloc(d->c->arena, (labels->count + 1) * sizeof *bar);
    size_t n = 0;
    const struct json *score = json_first(scores);
    json_each (label, labels) {
        bar[n++] = (struct bar){ label->s, number(score) };
        score = score->next;
    }
    draw_bars(d, bar, n);
}

/* A vector, or a vector a token. */
static void draw_vector(const struct drawing *d, const struct json *answer)
{
    double squares = 0;
    size_t n = 0;
    if (json_first(answer) && json_first(answer)->type == JSON_ARRAY) {
        json_each (row, answer) draw_vector(d, row);
        return;
    }
    json_each (x, answer) squares += number(x) * number(x);
    fprintf(d->out, "%zu %s, length %.4f:", answer->count, plural(answer->count, "number", "numbers"), sqrt(squares));
    json_each (x, answer) {
        if (n++ == 6) break;
        fprintf(d->out, " %.4f", number(x));
    }
    fputs(answer->count > 6 ? " …\n" : "\n", d->out);
}

static void draw_similarities(const struct drawing *d, const struct json *answer)
{
    struct bar *bar = arena_alloc(d->c->arena, (answer->count + 1) * sizeof *bar);
    size_t n = 0;
    json_each (x, answer) {
        bar[n] = (struct bar){ json_at(d->inputs, n + 1)->s, number(x) };
        n++;
    }
    draw_bars(d, bar, n);
}

static void draw_ranking(const struct drawing *d, const struct json *answer)
{
    struct bar *bar = arena_alloc(d->c->arena, (answer->count + 1) * sizeof *bar);
    size_t n = 0;
    json_each (x, answer)
        bar[n++] = (struct bar){ json_at(d->inputs, (size_t)json_int_or(x, STR("corpus_id"), 0) + 1)->s,
                                 number(json_get(x, STR("score"))) };
    draw_bars(d, bar, n);
}

static void draw(const struct drawing *d, const struct task_kind *kind, const struct json *answer)
{
    static const struct {
        const char *task;
        void (*fn)(const struct drawing *d, const struct json *answer);
        bool is_each;
    } how[] = {
        { "fill-mask", draw_fillings, true },
        { "text-classification", draw_labels, true },
        { "token-classification", draw_entities, true },
        { "feature-extraction", draw_vector, true },
        { "question-answering", draw_answers, false },
        { "zero-shot-classification", draw_candidates, false },
        { "sentence-similarity", draw_similarities, false },
        { "text-ranking", draw_ranking, false },
    };
    for (size_t i = 0; i < COUNT(how); i++) {
        if (!is_task(kind, how[i].task)) continue;
        if (!how[i].is_each || d->inputs->count == 1) {
            how[i].fn(d, answer);
            return;
        }
        size_t at = 0;
        json_each (one, answer) {
            str text = one_line(d->c->arena, json_at(d->inputs, at)->s, 100);
            fprintf(d->out, "%s%.*s\n", at ? "\n" : "", STR_ARG(text));
            at++;
            how[i].fn(d, one);
        }
    }
}

/* ------------------------------------------------------------------ the command */

/* Most options make sense only where text is generated. */
static bool refuse_options(struct cli *c, const struct task_kind *kind, struct err *e)
{
    static const char *const any[] = { "task", "parameters", "truncate", "dtype", "threads", "cache", "json" };
    for (size_t i = 0; c->command->options[i].name; i++) {
        const char *name = c->command->options[i].name;
        bool fits = !cli_given(c, name);
        for (size_t j = 0; j < COUNT(any); j++) fits |= strcmp(any[j], name) == 0;
        if (!fits) return cli_usage(e, "--%s is for text-generation, and the task is %s", name, kind->name);
    }
    return true;
}

bool cli_task(struct cli *c, struct source *s, const struct task_kind *kind, struct err *e)
{
    struct json *request, *inputs, *answer;
    struct buf out = BUF_INIT(0);
    struct task *t = NULL;
    if (!refuse_options(c, kind, e) || !make_request(c, kind, &request, &inputs, e)) return false;
    struct team *team = team_new(cli_given(c, "threads") ? (size_t)cli_int(c, "threads") : machine_now().processors);
    int64_t began_us = clock_mono_us(), loaded_us, ended_us;
    bool ok = task_open(s, kind, cli_dtype(c), team, &t, e);
    loaded_us = clock_mono_us();
    ok = ok && task_run(t, request, &out, e);
    ended_us = clock_mono_us();
    if (ok && cli_flag(c, "json")) fprintf(c->out, "%s\n", buf_cstr(&out));
    else if (ok && (ok = json_parse(arena_dup(c->arena, buf_str(&out)), c->arena, &answer, e))) {
        draw(&(struct drawing){ c, c->out, inputs }, kind, answer);
        fflush(c->out);
        fprintf(c->err, "%s; loaded in %.0f ms, answered in %.1f ms\n", kind->name,
                (double)(loaded_us - began_us) * 1e-3, (double)(ended_us - loaded_us) * 1e-3);
    }
    buf_deinit(&out);
    task_close(t);
    team_free(team);
    return ok;
}
