/* hub/card/metric.c - see hub/card/metric.h: from what people wrote to rows, and from two rows to a verdict.
 *
 * Cards come from anybody: no text is longer than METRIC_TEXT_MAX, no list longer than METRIC_ROWS_MAX, and a value that
 * is no finite number is a text. */
#include "hub/card/metric.h"

#include <math.h>
#include <stdlib.h>

void metric_list_init(struct metric_list *l, struct arena *a)
{
    *l = (struct metric_list){ .row = arena_alloc(a, METRIC_ROWS_MAX * sizeof *l->row) };
}

/* ------------------------------------------------------------------ values */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static str skip_blanks(str s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) s = str_from(s, 1);
    return s;
}

/* Sign, digits, fraction, exponent.  strtod alone would take "nan", "0x1" and more. */
static bool take_number(str *s, double *out)
{
    char text[64];
    size_t i = 0, digits = 0;
    if (i < s->n && (s->p[i] == '-' || s->p[i] == '+')) i++;
    while (i < s->n && is_digit(s->p[i])) i++, digits++;
    if (i < s->n && s->p[i] == '.') i++;
    while (i < s->n && is_digit(s->p[i])) i++, digits++;
    if (!digits) return false;
    if (i < s->n && (s->p[i] == 'e' || s->p[i] == 'E')) {
        size_t k = i + 1;
        if (k < s->n && (s->p[k] == '-' || s->p[k] == '+')) k++;
        if (k < s->n && is_digit(s->p[k])) {
            while (k < s->n && is_digit(s->p[k])) k++;
            i = k;
        }
    }
    if (i >= sizeof text) return false;
    memcpy(text, s->p, i);
    text[i] = '\0';
    *out = strtod(text, NULL);
    *s = skip_blanks(str_from(*s, i));
    return isfinite(*out);
}

bool metric_parse(str text, double *value, double *error, bool *has_error)
{
    static const str signs[] = { STR_INIT("±"), STR_INIT("+/-"), STR_INIT("+-") };
    str s = str_trim(text);
    *error = 0;
    *has_error = false;
    if (!take_number(&s, value)) return false;
    if (str_starts(s, STR("%"))) s = skip_blanks(str_from(s, 1));
    for (size_t i = 0; i < COUNT(signs) && !*has_error; i++) {
        if (!str_starts(s, signs[i])) continue;
        s = skip_blanks(str_from(s, signs[i].n));
        if (!take_number(&s, error) || *error < 0) return false;
        *has_error = true;
        if (str_starts(s, STR("%"))) s = skip_blanks(str_from(s, 1));
    }
    return s.n == 0;
}

static str cut(str s)
{
    if (s.n <= METRIC_TEXT_MAX) return s;
    size_t n = METRIC_TEXT_MAX;
    while (n && ((unsigned char)s.p[n] & 0xc0) == 0x80) n--; /* not inside a character */
    return str_to(s, n);
}

/* A text, or a number as text: ids are written either way. */
static str text_of(const struct json *object, const char *key, struct arena *a)
{
    const struct json *v = json_get(object, str_c(key));
    if (json_is(v, JSON_STRING)) return cut(str_trim(v->s));
    if (json_is(v, JSON_INT)) return arena_fmt(a, "%lld", (long long)v->i);
    if (json_is(v, JSON_REAL)) return arena_fmt(a, "%.10g", v->r);
    if (json_is(v, JSON_BOOL)) return v->b ? STR("true") : STR("false");
    return STR("");
}

static void read_value(struct metric_row *row, const struct json *v, struct arena *a)
{
    if (json_is(v, JSON_INT) || json_is(v, JSON_REAL)) {
        row->value = v->type == JSON_INT ? (double)v->i : v->r;
        row->has_value = isfinite(row->value);
        row->text = v->type == JSON_INT ? arena_fmt(a, "%lld", (long long)v->i) : arena_fmt(a, "%.10g", v->r);
    } else if (json_is(v, JSON_STRING)) {
        row->text = cut(str_trim(v->s));
        row->has_value = metric_parse(row->text, &row->value, &row->error, &row->has_error);
    } else if (json_is(v, JSON_BOOL)) {
        row->text = v->b ? STR("true") : STR("false");
    } else if (v && v->type != JSON_NULL) {
        struct buf b = BUF_INIT(METRIC_TEXT_MAX * 4);
        struct json_writer w = json_writer(&b);
        jw_value(&w, v);
        row->text = b.failed ? STR("…") : arena_dup(a, cut(buf_str(&b)));
        buf_deinit(&b);
    }
}

static struct metric_row *new_row(struct metric_list *l)
{
    if (l->n == METRIC_ROWS_MAX) {
        l->more = true;
        return NULL;
    }
    struct metric_row *row = &l->row[l->n++];
    *row = (struct metric_row){ 0 };
    return row;
}

static str address_of(const struct json *source, struct arena *a)
{
    str url = text_of(source, "url", a);
    bool is_plain = str_starts(url, STR("https://")) || str_starts(url, STR("http://"));
    return is_plain && url.n < METRIC_TEXT_MAX ? url : STR("");
}

/* ------------------------------------------------------------------ the two sources */

static void add_result(struct metric_list *l, const struct json *result, struct arena *a)
{
    const struct json *task = json_get(result, STR("task")), *data = json_get(result, STR("dataset")), *source = json_get(result, STR("source"));
    const struct json *metrics = json_get(result, STR("metrics"));
    json_each (m, json_is(metrics, JSON_ARRAY) ? metrics : NULL) {
        if (m->type != JSON_OBJECT) continue;
        struct metric_row *row = new_row(l);
        if (!row) return;
        row->task = text_of(task, "type", a);
        row->dataset = text_of(data, "type", a);
        row->dataset_name = text_of(data, "name", a);
        row->config = text_of(data, "config", a);
        row->split = text_of(data, "split", a);
        row->revision = text_of(data, "revision", a);
        row->metric = text_of(m, "type", a);
        row->name = text_of(m, "name", a);
        row->source_url = address_of(source, a);
        row->source_name = text_of(source, "name", a);
        read_value(row, json_get(m, STR("value")), a);
        if (!row->name.n) row->name = row->metric;
        if (!row->dataset_name.n) row->dataset_name = row->dataset;
    }
}

void metric_add_card(struct metric_list *l, const struct json *card, struct arena *a)
{
    const struct json *index = json_get(card, STR("model-index"));
    json_each (model, json_is(index, JSON_ARRAY) ? index : NULL) {
        const struct json *results = json_get(model, STR("results"));
        json_each (result, json_is(results, JSON_ARRAY) ? results : NULL) add_result(l, result, a);
    }
}

void metric_add_results(struct metric_list *l, const struct json *entries, struct arena *a)
{
    json_each (entry, json_is(entries, JSON_ARRAY) ? entries : NULL) {
        const struct json *data = json_get(entry, STR("dataset")), *source = json_get(entry, STR("source"));
        if (entry->type != JSON_OBJECT || !json_is(data, JSON_OBJECT)) continue;
        struct metric_row *row = new_row(l);
        if (!row) return;
        row->dataset = row->dataset_name = text_of(data, "id", a);
        row->revision = text_of(data, "revision", a);
        row->metric = row->name = text_of(data, "task_id", a);
        row->source_url = address_of(source, a);
        row->source_name = text_of(source, "name", a);
        read_value(row, json_get(entry, STR("value")), a);
    }
}

/* ------------------------------------------------------------------ side by side */

/* 1: higher is better, -1: lower is, 0: nobody said. */
static int metric_direction(str metric)
{
    static const char *const lower[] = { "loss", "perplexity", "ppl", "wer", "cer", "ter", "mse", "rmse", "mae", "mape", "fid", "fvd", "eer",
                                         "brier", "bits_per_byte", "word_perplexity", "byte_perplexity" };
    static const char *const higher[] = { "accuracy", "acc", "acc_norm", "f1", "precision", "recall", "bleu", "sacrebleu", "chrf", "rouge", "rouge1",
                                          "rouge2", "rougel", "rougelsum", "meteor", "exact_match", "em", "map", "mrr", "ndcg", "auc", "roc_auc",
                                          "matthews_correlation", "pearson", "pearsonr", "spearman", "spearmanr", "pass@1", "pass@10", "mean_reward",
                                          "iou", "mean_iou", "cos_sim_spearman", "cosine_spearman", "cosine_pearson", "v_measure", "r2", "ap", "bertscore" };
    for (size_t i = 0; i < COUNT(lower); i++)
        if (str_eq_nocase(metric, str_c(lower[i]))) return -1;
    if (str_starts_nocase(metric, STR("latency"))) return -1;
    for (size_t i = 0; i < COUNT(higher); i++)
        if (str_eq_nocase(metric, str_c(higher[i]))) return 1;
    return 0;
}

bool metric_same(const struct metric_row *a, const struct metric_row *b)
{
    return str_eq(a->metric, b->metric) && str_eq(a->dataset, b->dataset) && str_eq(a->task, b->task) && str_eq(a->config, b->config) &&
           str_eq(a->split, b->split) && str_eq(a->name, b->name);
}

struct metric_change metric_compare(const struct metric_row *base, const struct metric_row *head)
{
    struct metric_change out = { .significant = -1 };
    out.comparable = base->has_value && head->has_value && str_eq(base->revision, head->revision);
    if (!out.comparable) return out;
    out.delta = head->value - base->value;
    if (!isfinite(out.delta)) return (struct metric_change){ .significant = -1 };
    if (out.delta != 0) out.better = metric_direction(head->metric) * (out.delta > 0 ? 1 : -1);
    if (base->has_error && head->has_error)
        out.significant = fabs(out.delta) > 1.96 * sqrt(base->error * base->error + head->error * head->error);
    return out;
}
