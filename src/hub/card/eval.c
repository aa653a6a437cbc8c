/* hub/card/eval.c - see hub/card/eval.h: from the YAML that people wrote to entries and tasks.  Files come from anybody: no text is
 * longer than EVAL_TEXT_MAX, no list longer than EVAL_ENTRIES_MAX. */
#include "hub/card/eval.h"

#include <math.h>

#include "hub/card/card.h"
#include "hub/card/metric.h"

/* Ids are written as numbers, too. */
static bool take_text(const struct json *object, const char *key, struct arena *a, str *out)
{
    const struct json *v = json_get(object, str_c(key));
    *out = json_is(v, JSON_STRING) ? str_trim(v->s) : json_is(v, JSON_INT) ? arena_fmt(a, "%lld", (long long)v->i) : STR("");
    return out->n > 0 && out->n <= EVAL_TEXT_MAX;
}

static bool take_value(const struct json *v, double *out)
{
    double error;
    bool has_error;
    if (json_is(v, JSON_STRING)) return metric_parse(v->s, out, &error, &has_error);
    if (!json_is(v, JSON_INT) && !json_is(v, JSON_REAL)) return false;
    *out = v->type == JSON_INT ? (double)v->i : v->r;
    return isfinite(*out);
}

/* Copies a text that may be missing; false if it is there and is none. */
static bool copy_text(struct json *to, const struct json *from, const char *key, struct arena *a)
{
    const struct json *v = json_get(from, str_c(key));
    str text;
    if (!v || v->type == JSON_NULL) return true;
    if (!take_text(from, key, a, &text)) return false;
    json_put(to, str_c(key), json_new_str(a, text));
    return true;
}

static bool copy_source(struct json *to, const struct json *source, struct arena *a, struct err *e)
{
    static const char *const more[] = { "name", "user", "org" };
    struct json *out = json_new(a, JSON_OBJECT);
    str url;
    if (!source || source->type == JSON_NULL) return true;
    if (source->type != JSON_OBJECT || !take_text(source, "url", a, &url) || !(str_starts(url, STR("https://")) || str_starts(url, STR("http://"))))
        return err_set(e, ERR_INVALID, "source.url must be an address that begins with https://");
    json_put(out, STR("url"), json_new_str(a, url));
    for (size_t i = 0; i < COUNT(more); i++)
        if (!copy_text(out, source, more[i], a)) return err_set(e, ERR_INVALID, "source.%s must be a text of at most %d bytes", more[i], EVAL_TEXT_MAX);
    json_put(to, STR("source"), out);
    return true;
}

/* ------------------------------------------------------------------ results */

static bool take_entry(const struct json *v, struct arena *a, struct eval_entry *out, struct err *e)
{
    static const char *const more[] = { "date", "notes" };
    const struct json *data = json_get(v, STR("dataset")), *value = json_get(v, STR("value"));
    struct json *shown = json_new(a, JSON_OBJECT), *set = json_new(a, JSON_OBJECT);
    if (!take_text(data, "id", a, &out->dataset)) return err_set(e, ERR_INVALID, "dataset.id must be the name of a data set");
    if (!take_text(data, "task_id", a, &out->task)) return err_set(e, ERR_INVALID, "dataset.task_id must be the id of a task of its eval.yaml");
    if (!take_value(value, &out->value)) return err_set(e, ERR_INVALID, "value must be a number");
    json_put(set, STR("id"), json_new_str(a, out->dataset));
    json_put(set, STR("task_id"), json_new_str(a, out->task));
    if (!copy_text(set, data, "revision", a)) return err_set(e, ERR_INVALID, "dataset.revision must be a commit");
    json_put(shown, STR("dataset"), set);
    json_put(shown, STR("value"), json_share(a, value));
    for (size_t i = 0; i < COUNT(more); i++)
        if (!copy_text(shown, v, more[i], a)) return err_set(e, ERR_INVALID, "%s must be a text of at most %d bytes", more[i], EVAL_TEXT_MAX);
    out->shown = shown;
    return copy_source(shown, json_get(v, STR("source")), a, e);
}

static bool take_file(str filename, str yaml, struct arena *a, struct eval_entry *out, size_t room, size_t *n, struct err *e)
{
    struct json *list;
    struct err why;
    size_t at = 0;
    if (!card_yaml_parse(yaml, a, &list, e)) return false;
    if (list->type != JSON_ARRAY) return err_set(e, ERR_INVALID, "a list of results is expected");
    json_each (v, list) {
        if (at == room) return err_set(e, ERR_INVALID, "more than %d results", EVAL_ENTRIES_MAX);
        out[at] = (struct eval_entry){ .filename = filename };
        if (!take_entry(v, a, &out[at], &why)) return err_set(e, ERR_INVALID, "result %zu: %s", at + 1, why.msg);
        at++;
    }
    *n += at;
    return true;
}

void eval_results_parse(str filename, str yaml, struct arena *a, struct eval_entry *out, size_t room, size_t *n)
{
    struct err e;
    if (!room || take_file(filename, yaml, a, out, room, n, &e)) return;
    struct json *shown = json_new(a, JSON_OBJECT);
    json_put(shown, STR("filename"), json_new_str(a, filename));
    json_put(shown, STR("error"), json_new_str(a, arena_dup(a, str_c(e.msg))));
    out[0] = (struct eval_entry){ .filename = filename, .shown = shown };
    ++*n;
}

void eval_results_read(const struct facts_source *from, const struct facts_scan *s, struct arena *a, struct eval_entry **out, size_t *n)
{
    *n = 0;
    if (!s->results_count) return;
    *out = arena_alloc(a, EVAL_ENTRIES_MAX * sizeof **out);
    for (size_t i = 0; i < s->results_count; i++) {
        bytes text;
        facts_read(from, &s->result[i], EVAL_FILE_BYTES_MAX, a, &text);
        if (text.p) eval_results_parse(s->result[i].path, str_of(text), a, *out + *n, EVAL_ENTRIES_MAX - *n, n);
    }
}

/* ------------------------------------------------------------------ benchmarks */

const struct json *eval_benchmark_parse(str yaml, struct arena *a)
{
    struct json *said, *out = json_new(a, JSON_OBJECT);
    struct json_list tasks = json_list_new(a, JSON_ARRAY);
    struct err ignored;
    if (!card_yaml_parse(yaml, a, &said, &ignored) || said->type != JSON_OBJECT) return NULL;
    copy_text(out, said, "name", a);
    copy_text(out, said, "description", a);
    json_each (v, json_get(said, STR("tasks"))) {
        struct json *task = json_new(a, JSON_OBJECT);
        str id;
        if (tasks.container->count == EVAL_TASKS_MAX || !take_text(v, "id", a, &id)) continue;
        json_put(task, STR("id"), json_new_str(a, id));
        json_put(task, STR("lower_is_better"), json_new_bool(a, json_bool_or(v, STR("lower_is_better"), false)));
        json_list_add(&tasks, task);
    }
    if (!tasks.container->count) return NULL;
    json_put(out, STR("tasks"), tasks.container);
    return out;
}

const struct json *eval_benchmark_read(const struct facts_source *from, const struct facts_scan *s, struct arena *a)
{
    bytes text;
    facts_read(from, &s->named[FACTS_EVAL], EVAL_FILE_BYTES_MAX, a, &text);
    return text.p ? eval_benchmark_parse(str_of(text), a) : NULL;
}
