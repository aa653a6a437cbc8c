/* hub/card/card.c - the front matter of README.md: where it stands, and what is wrong with it.
 *
 * Errors are what the public hub refuses too and clients show to people: YAML that cannot be read, a license
 * that is not on the list, a model-index that is no list, a pipeline_tag that is no text, a Space's sdk and
 * colours.  Everything else that looks wrong is a warning: a card that was accepted elsewhere must not stop
 * a push here. */
#include "hub/card/card.h"

enum { MESSAGES_MAX = 50 };

struct report {
    struct arena *a;
    struct card_report *out;
};

static void add(struct report *r, str **list, size_t *n, str text)
{
    if (*n == MESSAGES_MAX) return;
    if (!*list) *list = arena_alloc(r->a, MESSAGES_MAX * sizeof **list);
    (*list)[(*n)++] = text;
}

static void error(struct report *r, str text)
{
    add(r, &r->out->errors, &r->out->errors_count, text);
}

static void warning(struct report *r, str text)
{
    add(r, &r->out->warnings, &r->out->warnings_count, text);
}

/* ------------------------------------------------------------------ front matter */

/* Cuts one line off; the line is without its end.  False at the end of the text. */
static bool cut_line(str *rest, str *line)
{
    size_t lf = str_chr(*rest, '\n');
    if (rest->n == 0) return false;
    *line = str_to(*rest, lf == STR_NONE ? rest->n : lf);
    *rest = str_from(*rest, lf == STR_NONE ? rest->n : lf + 1);
    if (str_ends(*line, STR("\r"))) line->n--;
    return true;
}

static bool is_fence(str line)
{
    return str_starts(line, STR("---")) && str_trim(str_from(line, 3)).n == 0;
}

bool card_front_matter(str readme, str *yaml, str *body, bool *found)
{
    str rest = readme, line;

    *found = false;
    *yaml = (str){ "", 0 };
    *body = readme;
    if (str_starts(rest, STR("\xEF\xBB\xBF"))) rest = str_from(rest, 3);
    for (;;) {
        if (!cut_line(&rest, &line)) return false;
        if (str_trim(line).n == 0) continue;
        break;
    }
    if (!is_fence(str_trim(line))) return false;
    for (str from = rest; cut_line(&rest, &line);) {
        if (!is_fence(line)) continue;
        *yaml = str_n(from.p, (size_t)(line.p - from.p));
        *body = rest;
        *found = true;
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------ rules */

static str one_of(struct arena *a, const char *key, const struct card_term *term, size_t n)
{
    struct buf b = BUF_INIT(0);
    str out;
    buf_addf(&b, "\"%s\" must be one of [", key);
    for (size_t i = 0; i < n; i++) {
        if (i) buf_lit(&b, ", ");
        buf_add(&b, str_c(term[i].id));
    }
    buf_lit(&b, "]");
    out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static void check_license(struct report *r, const struct json *card)
{
    const struct json *v = json_get(card, STR("license"));
    size_t n;
    const struct card_term *term = card_licenses(&n);
    bool wrong = false, is_other = false;

    if (!v || v->type == JSON_NULL) return;
    if (v->type == JSON_STRING) {
        wrong = !card_license_is_known(v->s);
        is_other = str_eq(v->s, STR("other"));
    } else if (v->type == JSON_ARRAY) {
        json_each(item, v) wrong |= item->type != JSON_STRING || !card_license_is_known(item->s);
    } else {
        wrong = true;
    }
    if (wrong) error(r, one_of(r->a, "license", term, n));
    if (is_other && (json_str_or(card, STR("license_name"), STR("")).n == 0 ||
                     json_str_or(card, STR("license_link"), STR("")).n == 0))
        warning(r, STR("\"license: other\" should come with \"license_name\" and \"license_link\""));
}

static bool is_text_or_texts(const struct json *v)
{
    if (!v || v->type == JSON_STRING || v->type == JSON_NULL) return true;
    if (v->type != JSON_ARRAY) return false;
    json_each(item, v)
    {
        if (item->type != JSON_STRING) return false;
    }
    return true;
}

static bool is_language_code(str s)
{
    size_t letters = 0;
    while (letters < s.n && s.p[letters] >= 'a' && s.p[letters] <= 'z') letters++;
    if (letters < 2) return false;
    if (letters == s.n) return letters <= 3 || str_eq(s, STR("code")) || str_eq(s, STR("multilingual"));
    return letters <= 3 && (s.p[letters] == '-' || s.p[letters] == '_'); /* BCP 47 */
}

static void check_language(struct report *r, const struct json *card)
{
    const struct json *v = json_get(card, STR("language"));
    const struct json *first = json_is(v, JSON_ARRAY) ? v->first : v;
    if (!is_text_or_texts(v)) {
        warning(r, STR("\"language\" must be a string or a list of strings; quote codes that YAML would read as something "
                       "else"));
        return;
    }
    for (const struct json *item = first; item; item = json_is(v, JSON_ARRAY) ? item->next : NULL) {
        if (item->type != JSON_STRING || is_language_code(item->s)) continue;
        warning(r, arena_fmt(r->a,
                             "\"language\" with value \"%.*s\" is not valid. It must be an ISO 639-1, 639-2 or 639-3 code "
                             "(two/three letters), or a special value like \"code\", \"multilingual\".",
                             (int)(item->s.n < 60 ? item->s.n : 60), item->s.p));
    }
}

static void check_texts(struct report *r, const struct json *card, const char *key)
{
    const struct json *v = json_get(card, str_c(key));
    if (!is_text_or_texts(v)) warning(r, arena_fmt(r->a, "\"%s\" must be a string or a list of strings", key));
}

static void check_model(struct report *r, const struct json *card)
{
    const struct json *v;
    size_t n = 0;

    v = json_get(card, STR("model-index"));
    if (v && v->type != JSON_NULL && v->type != JSON_ARRAY) error(r, STR("\"model-index\" must be an array"));
    if (json_is(v, JSON_ARRAY)) {
        json_each(item, v)
        {
            if (json_str_or(item, STR("name"), STR("")).n == 0)
                warning(r, arena_fmt(r->a, "\"model-index[%zu].name\" is required", n));
            if (!json_is(json_get(item, STR("results")), JSON_ARRAY))
                warning(r, arena_fmt(r->a, "\"model-index[%zu].results\" must be an array", n));
            n++;
        }
    }
    v = json_get(card, STR("pipeline_tag"));
    if (v && v->type != JSON_NULL && v->type != JSON_STRING) error(r, STR("\"pipeline_tag\" must be a string"));
    if (json_is(v, JSON_STRING) && !card_task_is_known(v->s))
        warning(r, arena_fmt(r->a, "\"pipeline_tag\" with value \"%.*s\" is not a known task",
                             (int)(v->s.n < 60 ? v->s.n : 60), v->s.p));
    v = json_get(card, STR("library_name"));
    if (v && v->type != JSON_NULL && v->type != JSON_STRING) error(r, STR("\"library_name\" must be a string"));
    check_texts(r, card, "base_model");
    check_texts(r, card, "datasets");
}

static void check_dataset(struct report *r, const struct json *card)
{
    static const char *const key[] = { "annotations_creators", "language_creators", "multilinguality", "size_categories",
                                       "source_datasets",      "task_categories",   "task_ids" };
    const struct json *v = json_get(card, STR("configs"));
    for (size_t i = 0; i < COUNT(key); i++) check_texts(r, card, key[i]);
    if (v && v->type != JSON_NULL && v->type != JSON_ARRAY) error(r, STR("\"configs\" must be an array"));
}

static void check_choice(struct report *r, const struct json *card, const char *key, const struct card_term *term, size_t n)
{
    const struct json *v = json_get(card, str_c(key));
    if (!v || v->type == JSON_NULL) return;
    for (size_t i = 0; i < n; i++)
        if (v->type == JSON_STRING && str_eq(v->s, str_c(term[i].id))) return;
    error(r, one_of(r->a, key, term, n));
}

static void check_space(struct report *r, const struct json *card)
{
    static const struct card_term sdk[] = { { .id = "gradio" }, { .id = "docker" },
                                            { .id = "static" }, { .id = "streamlit" } };
    static const struct card_term colour[] = { { .id = "red" },    { .id = "yellow" },
                                               { .id = "green" },  { .id = "blue" },
                                               { .id = "indigo" }, { .id = "purple" },
                                               { .id = "pink" },   { .id = "gray" } };
    check_choice(r, card, "sdk", sdk, COUNT(sdk));
    check_choice(r, card, "colorFrom", colour, COUNT(colour));
    check_choice(r, card, "colorTo", colour, COUNT(colour));
    if (!json_get(card, STR("sdk"))) warning(r, STR("\"sdk\" is missing: the Space will not run"));
}

static void check_keys(struct report *r, const struct json *card, enum repo_kind kind)
{
    const struct json *tags = json_get(card, STR("tags"));
    check_license(r, card);
    check_language(r, card);
    if (tags && tags->type != JSON_NULL && (tags->type != JSON_ARRAY || !is_text_or_texts(tags)))
        warning(r, STR("\"tags\" must be a list of strings"));
    switch (kind) {
    case REPO_DATASET: check_dataset(r, card); break;
    case REPO_SPACE: check_space(r, card); break;
    default: check_model(r, card); break;
    }
}

bool card_check(str readme, enum repo_kind kind, struct arena *a, struct card_report *out, struct err *e)
{
    struct report r = { a, out };
    struct err why;
    struct json *card;
    str yaml, body;
    bool found;

    *out = (struct card_report){ 0 };
    if (readme.n > CARD_BYTES_MAX)
        return err_set(e, ERR_TOO_LARGE, "README.md is larger than %d bytes", CARD_BYTES_MAX);
    if (!card_front_matter(readme, &yaml, &body, &found)) {
        warning(&r, STR("empty or missing yaml metadata in repo card"));
        return true;
    }
    if (!card_yaml_parse(yaml, a, &card, &why)) {
        error(&r, arena_fmt(a, "YAML metadata cannot be read: %s", why.msg));
        return true;
    }
    if (card->type == JSON_NULL) {
        warning(&r, STR("empty or missing yaml metadata in repo card"));
        return true;
    }
    if (card->type != JSON_OBJECT) {
        error(&r, STR("YAML metadata must be a mapping of keys to values"));
        return true;
    }
    check_keys(&r, card, kind);
    card_mend(card, kind, a);
    out->data = card;
    return true;
}
