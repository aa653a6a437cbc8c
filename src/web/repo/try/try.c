/* web/repo/try/try.c - what the widget on a model's page needs: its task, and examples, which its author may have put into the card
 * (`widget:`, a list of objects whose members go by the task). */
#include "web/repo/card/card.h"

enum { EXAMPLES_MAX = 12, EXAMPLE_BYTES_MAX = 4096 };

static str text_of(const struct json *o, const char *key)
{
    str s = json_str_or(o, str_c(key), STR(""));
    return s.n <= EXAMPLE_BYTES_MAX ? s : STR("");
}

/* The first of these that is there. */
static str any_of(const struct json *o, const char *const *keys)
{
    for (; *keys; keys++)
        if (text_of(o, *keys).n) return text_of(o, *keys);
    return STR("");
}

/* A list of texts as lines, or a text with commas. */
static void write_lines(struct json_writer *w, const char *as, const struct json *v)
{
    struct buf b = BUF_INIT(EXAMPLE_BYTES_MAX);
    str s, piece;
    if (json_str(v, &s))
        while (str_cut(&s, ',', &piece)) {
            buf_add(&b, str_trim(piece));
            buf_byte(&b, '\n');
        }
    json_each (item, json_is(v, JSON_ARRAY) ? v : NULL) {
        if (!json_str(item, &s)) continue;
        buf_add(&b, str_trim(s));
        buf_byte(&b, '\n');
    }
    if (b.n && !b.failed) jw_kstr(w, as, str_trim(buf_str(&b)));
    buf_deinit(&b);
}

static str last_of_user(const struct json *messages)
{
    str s = STR("");
    json_each (m, json_is(messages, JSON_ARRAY) ? messages : NULL)
        if (str_eq(json_str_or(m, STR("role"), STR("")), STR("user"))) s = text_of(m, "content");
    return s;
}

static void write_example(struct json_writer *w, const struct json *o)
{
    static const char *const texts[] = { "text", "source_sentence", "query", "question", NULL };
    str text = any_of(o, texts), title = text_of(o, "example_title");
    if (!text.n) text = last_of_user(json_get(o, STR("messages")));
    if (!text.n) return;
    jw_object(w);
    jw_kstr(w, "text", text);
    jw_kstr(w, "title", str_to(title.n ? title : text, 60));
    if (text_of(o, "context").n) jw_kstr(w, "context", text_of(o, "context"));
    write_lines(w, "labels", json_get(o, STR("candidate_labels")));
    write_lines(w, "others", json_get(o, json_get(o, STR("sentences")) ? STR("sentences") : STR("documents")));
    jw_object_end(w);
}

void write_try(struct page *p, const struct repo_view *v)
{
    struct json *extra = NULL;
    struct err ignored;
    size_t n = 0;
    if (v->row.repo.kind != REPO_MODEL || !v->task.n || !v->may_read) return;
    bool is_off = json_is(json_get(v->card, STR("inference")), JSON_BOOL) && !json_get(v->card, STR("inference"))->b;
    if (is_off) return; /* its author says so */
    if (v->row.extra.n && !json_parse(v->row.extra, p->c->a, &extra, &ignored)) extra = NULL;
    jw_kobject(&p->w, "try");
    jw_kstr(&p->w, "task", v->task);
    jw_kbool(&p->w, "may_call", p->c->session.n > 0);
    jw_kstr(&p->w, "mask", json_str_or(extra, STR("mask_token"), STR("[MASK]")));
    jw_karray(&p->w, "examples");
    const struct json *widget = json_get(v->card, STR("widget"));
    json_each (o, json_is(widget, JSON_ARRAY) ? widget : NULL) {
        if (n++ == EXAMPLES_MAX) break;
        write_example(&p->w, o);
    }
    jw_array_end(&p->w);
    jw_object_end(&p->w);
}
