/* model/task/task.c - the table of tasks, which one a repository is for, and the life of one. */
#include "model/task/task_priv.h"

#include <stdio.h>
#include <string.h>

#include "model/decoder/config.h"


#define CUTTING "truncation max_length truncation_side"
static const struct task_row rows[] = {
    { { "text-generation", NULL, "a prompt", "" }, HEAD_NONE, NULL, NULL, NULL },
    { { "fill-mask", NULL, "a text with a mask, or a list of texts", "top_k targets tokenizer_kwargs" },
      HEAD_MASKED, task_read_fill_mask, task_take_fill_mask, task_tell_fill_mask },
    { { "text-classification", "sentiment-analysis", "a text, or {\"text\", \"text_pair\"}, or a list of these",
        "top_k function_to_apply return_all_scores padding " CUTTING },
      HEAD_SEQUENCE, task_read_classification, task_take_labels, task_tell_classification },
    { { "token-classification", "ner", "a text, or a list of texts", "aggregation_strategy ignore_labels stride" },
      HEAD_TOKEN, task_read_labelling, task_take_labelling, task_tell_labelling },
    { { "question-answering", NULL, "{\"question\", \"context\"}, or a list of these",
        "top_k doc_stride max_answer_len max_seq_len max_question_len handle_impossible_answer align_to_words" },
      HEAD_QUESTION, task_read_questions, task_take_questions, task_tell_questions },
    { { "zero-shot-classification", NULL, "a text, or a list of texts",
        "candidate_labels hypothesis_template multi_label" },
      HEAD_SEQUENCE, task_read_zero_shot, task_take_labels, task_tell_zero_shot },
    { { "feature-extraction", NULL, "a text, or a list of texts",
        "pooling normalize prompt prompt_name truncate " CUTTING },
      HEAD_NONE, task_read_features, task_take_features, task_tell_features },
    { { "sentence-similarity", NULL, "{\"source_sentence\", \"sentences\"}", "prompt prompt_name truncate truncation_side" },
      HEAD_NONE, task_read_similarity, task_take_features, task_tell_similarity },
    { { "sparse-embedding", NULL, "a text, or a list of texts", "truncate " CUTTING },
      HEAD_MASKED, task_read_sparse, task_take_sparse, task_tell_sparse },
    { { "text-ranking", NULL, "{\"query\", \"documents\"}", "top_k return_documents apply_activation truncation max_length truncation_side" },
      HEAD_SEQUENCE, task_read_ranking, task_take_labels, task_tell_ranking },
};

const struct task_kind *task_kind(size_t i) { return i < COUNT(rows) ? &rows[i].kind : NULL; }

const struct task_kind *task_kind_find(str name)
{
    for (size_t i = 0; i < COUNT(rows); i++)
        if (str_eq(name, str_c(rows[i].kind.name)) || (rows[i].kind.also && str_eq(name, str_c(rows[i].kind.also))))
            return &rows[i].kind;
    return NULL;
}

/* ------------------------------------------------------------------ what a repository is for */

/* "pipeline_tag: fill-mask" between the two lines of dashes that a model card begins with. */
static str pipeline_tag(str card)
{
    str line, name = STR("pipeline_tag:");
    if (!str_cut(&card, '\n', &line) || !str_eq(str_trim(line), STR("---"))) return STR("");
    while (str_cut(&card, '\n', &line) && !str_eq(str_trim(line), STR("---"))) {
        if (!str_starts(line, name)) continue;
        str value = str_trim(str_from(line, name.n));
        bool quoted = value.n >= 2 && (value.p[0] == '"' || value.p[0] == '\'') && value.p[value.n - 1] == value.p[0];
        return quoted ? str_n(value.p + 1, value.n - 2) : value;
    }
    return STR("");
}

/* An encoder with one label that its maker used to score pairs. */
static bool is_cross_encoder(const struct json *config)
{
    const struct json *labels = json_get(config, STR("id2label"));
    bool has_one = json_is(labels, JSON_OBJECT) ? labels->count == 1 : json_int_or(config, STR("num_labels"), 2) == 1;
    return has_one && (json_get(config, STR("sentence_transformers")) ||
                       json_get(config, STR("sbert_ce_default_activation_function")));
}

/* Of neither kind, whether or not the model's files are there. */
static bool refuse_type(str type, struct err *e)
{
    const char *name;
    err_set(e, ERR_NOT_BUILT, "the model_type \"%.*s\" is not supported; supported are the decoders", STR_ARG(str_to(type, 60)));
    for (size_t i = 0, n = strlen(e->msg); (name = decoder_family(i)); i++, n = strlen(e->msg))
        snprintf(e->msg + n, sizeof e->msg - n, "%s %s", i ? "," : "", name);
    for (size_t i = 0, n = strlen(e->msg); (name = encoder_family(i)); i++, n = strlen(e->msg))
        snprintf(e->msg + n, sizeof e->msg - n, "%s %s", i ? "," : ", and the encoders", name);
    return false;
}

bool task_detect(struct source *s, const struct task_kind **out, struct err *e)
{
    static const char *const of_head[HEAD_KINDS] = {
        [HEAD_NONE] = "feature-extraction",    [HEAD_SEQUENCE] = "text-classification",
        [HEAD_TOKEN] = "token-classification", [HEAD_QUESTION] = "question-answering",
        [HEAD_MASKED] = "fill-mask",
    };
    const struct json *config = source_config(s);
    const struct json *modules;
    str card, architecture = STR("");
    bool found;
    json_str(json_at(json_get(config, STR("architectures")), 0), &architecture);
    enum encoder_head_kind head = encoder_head_of(architecture);
    if (!source_json(s, STR("modules.json"), &modules, e)) return false;
    *out = task_kind_find(STR("text-generation"));
    str type = json_str_or(config, STR("model_type"), STR(""));
    bool is_encoder = encoder_knows(type);
    if (type.n && !is_encoder && !decoder_knows(type)) return refuse_type(type, e) || err_context(e, "%s", source_path(s));
    if (!is_encoder && !modules && head != HEAD_SEQUENCE) return true;
    if (modules) head = HEAD_NONE;
    *out = task_kind_find(str_c(of_head[head]));
    if (task_splade_module(modules)) {
        *out = task_kind_find(STR("sparse-embedding"));
        return true;
    }
    if (head == HEAD_SEQUENCE && is_cross_encoder(config)) *out = task_kind_find(STR("text-ranking"));
    if (!source_text(s, STR("README.md"), &card, &found, e)) return false;
    const struct task_kind *tagged = found ? task_kind_find(pipeline_tag(card)) : NULL;
    /* A tag that the weights cannot serve is not followed: sentence-similarity on a plain encoder, say. */
    for (size_t i = 0; tagged && i < COUNT(rows); i++)
        if (tagged == &rows[i].kind && rows[i].read && rows[i].head == head) *out = tagged;
    if (*out == task_kind_find(STR("sentence-similarity")))
        *out = task_kind_find(STR("feature-extraction")); /* which takes one text */
    return true;
}

/* ------------------------------------------------------------------ life */

static bool no_task(const struct task_kind *kind, struct err *e)
{
    return err_set(e, ERR_NOT_BUILT, "%s is done by the generator, not by a task", kind->name);
}

/* As many tokens as tokenizer_config.json and the table of positions allow. */
static void read_limits(struct task *t)
{
    const struct json *most = json_get(t->token_config, STR("model_max_length"));
    int64_t n;
    t->tokens_max = body_config(t->body)->positions;
    if (!json_int(most, &n) || n < 1 || n >= 1 << 30) return; /* 1e30 says "unknown" */
    t->limit_is_files = true;
    if ((uint64_t)n < t->tokens_max) t->tokens_max = (size_t)n;
}

/* A model without the head that the task needs is mostly one that was made for another task. */
static bool open_body(struct task *t, enum kernel_type type, struct err *e)
{
    str architecture = STR("");
    if (body_open(t->source, t->row->head, type, t->team, &t->body, e)) return true;
    json_str(json_at(json_get(source_config(t->source), STR("architectures")), 0), &architecture);
    if (e->code == ERR_NOT_FOUND && architecture.n && encoder_head_of(architecture) != t->row->head)
        err_context(e, "a %.*s, which is not made for %s", STR_ARG(str_to(architecture, 60)), t->row->kind.name);
    return false;
}

static bool open(struct task *t, enum kernel_type type, struct err *e)
{
    bool wants_sentence = t->row->take == task_take_features;
    if (!open_body(t, type, e) || !source_tokenizer(t->source, NULL, &t->tokenizer, e) ||
        !source_json(t->source, STR("tokenizer_config.json"), &t->token_config, e) || !task_special_ids(t, e))
        return false;
    if (wants_sentence && !sentence_open(t->source, body_config(t->body)->hidden, type, t->team, &t->sentence, e)) return false;
    if (t->row->take == task_take_sparse && !task_open_sparse(t, e)) return false;
    t->encoder = token_encoder_new(t->tokenizer);
    read_limits(t);
    return true;
}

bool task_open(struct source *s, const struct task_kind *kind, enum kernel_type type, struct team *team,
               struct task **out, struct err *e)
{
    struct task *t = mem_one(struct task);
    *t = (struct task){ .source = s, .team = team };
    for (size_t i = 0; i < COUNT(rows); i++)
        if (kind == &rows[i].kind) t->row = &rows[i];
    must(t->row);
    if (t->row->read ? open(t, type, e) : no_task(kind, e)) {
        *out = t;
        return true;
    }
    task_close(t);
    if (str_starts(str_c(e->msg), str_c(source_path(s)))) return false; /* it is named already */
    return err_context(e, "%s", source_path(s));
}

void task_close(struct task *t)
{
    if (!t) return;
    token_encoder_free(t->encoder);
    tokenizer_free(t->tokenizer);
    sentence_close(t->sentence);
    body_close(t->body);
    mem_free(t);
}
