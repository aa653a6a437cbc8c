/* api/infer/workers_ai_catalogue.c - which models Workers AI has here: search, schemas, tasks, authors, finetunes.
 *
 * They are the models of the hub that the caller may see and the runtime knows.  Clients page on until a page is empty. */
#include "api/infer/workers_ai.h"

#include "base/hash.h"
#include "hub/index/list.h"
#include "infer/meter/price.h"

enum { PER_PAGE = 20, PER_PAGE_MAX = 100, LOOKED_AT = 20000 };

/* What Workers AI calls the tasks that ai/run does. */
static const struct task { const char *pipeline, *name, *description; } tasks[] = {
    { "text-generation", "Text Generation", "Family of generative text models, such as large language models (LLM)." },
    { "feature-extraction", "Text Embeddings", "Text as vectors that stand near each other when they mean the same." },
    { "sentence-similarity", "Text Embeddings", "Text as vectors that stand near each other when they mean the same." },
    { "text-classification", "Text Classification", "Labels of a text, with how likely each is." },
    { "text-ranking", "Text Ranking", "Texts by how well they answer a query." },
};

static const struct task *task_of(const struct repo_summary *s)
{
    for (size_t i = 0; i < COUNT(tasks); i++)
        if (str_eq(s->pipeline_tag, str_c(tasks[i].pipeline))) return &tasks[i];
    return NULL;
}

/* An id that stays, in the form of a UUID. */
static str uuid_of(str what, struct arena *a)
{
    struct sha256 h = sha256_of(bytes_of(what));
    const uint8_t *x = h.b;
    return arena_fmt(a, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", x[0], x[1], x[2], x[3], x[4], x[5], x[6], x[7], x[8], x[9], x[10], x[11],
                     x[12], x[13], x[14], x[15]);
}

static void write_task(struct json_writer *w, const struct task *t, struct arena *a)
{
    jw_kstr(w, "id", uuid_of(str_c(t->name), a));
    jw_kstr(w, "name", str_c(t->name));
    jw_kstr(w, "description", str_c(t->description));
}

/* ------------------------------------------------------------------ pages */

struct page {
    int64_t number, size;
    int64_t seen, written; /* of all that there is; of this page */
};

static bool read_page(struct call *c, struct page *p, struct err *e)
{
    str page = call_query(c, "page"), size = call_query(c, "per_page");
    uint64_t n = 1, k = PER_PAGE;
    if ((page.n && (!str_u64(page, &n) || n < 1 || n > 1 << 20)) || (size.n && (!str_u64(size, &k) || k < 1)))
        return err_set(e, ERR_INVALID, "\"page\" and \"per_page\" must be whole numbers from 1 on");
    *p = (struct page){ .number = (int64_t)n, .size = (int64_t)(k < PER_PAGE_MAX ? k : PER_PAGE_MAX) };
    return true;
}

/* Counts an item; does it stand on this page? */
static bool is_on_page(struct page *p)
{
    int64_t at = p->seen++;
    bool is = at >= (p->number - 1) * p->size && at < p->number * p->size;
    p->written += is;
    return is;
}

static bool reply_page(struct call *c, struct json_writer *w, const struct page *p, struct buf *b)
{
    jw_array_end(w);
    jw_kobject(w, "result_info");
    jw_kint(w, "page", p->number);
    jw_kint(w, "per_page", p->size);
    jw_kint(w, "count", p->written);
    jw_kint(w, "total_count", p->seen);
    jw_object_end(w);
    workers_ai_end(w);
    return call_reply_json(c, 200, b);
}

/* Is the account one for which the caller may act? */
static bool check_account(struct call *c, struct err *e)
{
    struct model_call m = { .c = c };
    return model_bill_to(&m, call_param(c, "account"), e);
}

/* ------------------------------------------------------------------ models */

static void write_property(struct json_writer *w, const char *name, str value)
{
    jw_object(w);
    jw_kstr(w, "property_id", str_c(name));
    jw_kstr(w, "value", value);
    jw_object_end(w);
}

static void write_price(struct json_writer *w, const char *unit, int64_t nano)
{
    jw_object(w);
    jw_kstr(w, "unit", str_c(unit));
    jw_key(w, STR("price"));
    jw_real(w, (double)nano / (double)NANO_USD);
    jw_kstr(w, "currency", STR("USD"));
    jw_object_end(w);
}

/* Models that the caller may see, by name: of most it is enough to count them, and those of a page are read and written. */
struct search {
    bool (*is_wanted)(struct search *q, const struct repo_summary *s);
    bool (*write)(struct search *q, const struct repo_summary *s, struct err *e);
    struct call *c;
    struct page page;
    struct json_writer w;
    str task;
    bool only_public;
    struct buf author; /* the last one */
    struct arena *a;   /* for one model */
    struct err *e;
    bool failed;
};

static bool look_at(void *ctx, const struct repo_summary *glance)
{
    struct search *q = ctx;
    struct repo_summary s;
    if (q->is_wanted(q, glance) && is_on_page(&q->page))
        q->failed = !repo_summary_get(call_db(q->c), glance->repo.id, &s, q->c->a, q->e) || !q->write(q, &s, q->e);
    arena_reset(q->a);
    return !q->failed;
}

static bool reply_search(struct call *c, str author, const str *search, struct search *q, struct err *e)
{
    struct list_query query = { .kind = REPO_MODEL, .who = &c->who, .gated = -1, .sort = SORT_NAME, .ascending = true, .author = author,
                                .search = search, .search_count = search && search->n ? 1 : 0 };
    struct buf b = BUF_INIT(0);
    if (!read_page(c, &q->page, e)) return false;
    q->c = c;
    q->e = e;
    q->a = arena_new(0);
    q->w = json_writer(&b);
    workers_ai_begin(&q->w);
    jw_array(&q->w);
    bool ok = list_glance(call_db(c), &query, LOOKED_AT, look_at, q, c->a, e) && !q->failed;
    arena_free(q->a);
    buf_deinit(&q->author);
    if (ok) return reply_page(c, &q->w, &q->page, &b);
    buf_deinit(&b);
    return false;
}

static bool is_callable(struct search *q, const struct repo_summary *s)
{
    const struct task *t = task_of(s);
    bool is_asked = t && (!q->task.n || str_eq_nocase(q->task, str_c(t->name)) || str_eq_nocase(q->task, str_c(t->pipeline)));
    return is_asked && model_is_callable(s, q->a);
}

static bool write_model(struct search *q, const struct repo_summary *s, struct err *e)
{
    const struct task *t = task_of(s);
    struct json_writer *w = &q->w;
    struct call *c = q->c;
    struct price_card card;
    if (!price_find(call_db(c), s->repo.full_name, s->parameters > 0 ? (uint64_t)s->parameters : 0, &card, c->a, e)) return false;
    jw_object(w);
    jw_kstr(w, "id", uuid_of(s->repo.hex_id, c->a));
    jw_kint(w, "source", 2); /* as the hub's models have it there */
    jw_kstr(w, "name", arena_fmt(c->a, "@hf/%.*s", STR_ARG(s->repo.full_name)));
    jw_kstr(w, "description", arena_fmt(c->a, "%.*s of this hub", STR_ARG(s->repo.full_name)));
    jw_kobject(w, "task");
    write_task(w, t, c->a);
    jw_object_end(w);
    jw_kdate(w, "created_at", s->repo.created_ms);
    jw_kraw(w, "tags", STR("[]"));
    jw_karray(w, "properties");
    jw_object(w);
    jw_kstr(w, "property_id", STR("price"));
    jw_karray(w, "value");
    write_price(w, "per M input tokens", card.input);
    if (t == &tasks[0]) write_price(w, "per M output tokens", card.output);
    jw_array_end(w);
    jw_object_end(w);
    if (s->parameters > 0) write_property(w, "parameters", arena_fmt(c->a, "%lld", (long long)s->parameters));
    jw_array_end(w);
    jw_object_end(w);
    return true;
}

static bool get_models(struct call *c, struct err *e)
{
    struct search q = { .is_wanted = is_callable, .write = write_model, .task = call_query(c, "task") };
    str search = call_query(c, "search"), author = call_query(c, "author");
    if (str_starts(search, STR("@hf/"))) search = str_from(search, 4);
    if (author.p && !author.n) author.p = NULL;
    return check_account(c, e) && reply_search(c, author, &search, &q, e);
}

/* ------------------------------------------------------------------ tasks and authors */

static bool get_tasks(struct call *c, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    struct page page;
    if (!check_account(c, e) || !read_page(c, &page, e)) return false;
    workers_ai_begin(&w);
    jw_array(&w);
    for (size_t i = 0; i < COUNT(tasks); i++) {
        bool is_again = i && str_eq(str_c(tasks[i].name), str_c(tasks[i - 1].name));
        if (is_again || !is_on_page(&page)) continue;
        jw_object(&w);
        write_task(&w, &tasks[i], c->a);
        jw_object_end(&w);
    }
    return reply_page(c, &w, &page, &b);
}

/* They come by name: one that has a model. */
static bool is_new_author(struct search *q, const struct repo_summary *s)
{
    str author = str_to(s->repo.full_name, str_find(s->repo.full_name, STR("/")));
    if (str_eq(author, buf_str(&q->author)) || !is_callable(q, s)) return false;
    buf_reset(&q->author);
    buf_add(&q->author, author);
    return true;
}

static bool write_author(struct search *q, const struct repo_summary *s, struct err *e)
{
    (void)e;
    jw_object(&q->w);
    jw_kstr(&q->w, "id", uuid_of(s->repo.owner, q->c->a));
    jw_kstr(&q->w, "name", s->repo.owner);
    jw_object_end(&q->w);
    return true;
}

static bool get_authors(struct call *c, struct err *e)
{
    struct search q = { .is_wanted = is_new_author, .write = write_author };
    return check_account(c, e) && reply_search(c, (str){ 0 }, NULL, &q, e);
}

/* ------------------------------------------------------------------ finetunes: repositories with adapters */

/* What it is an adapter of; empty: it is none. */
static str base_of(const struct repo_summary *s, struct arena *a)
{
    struct json *config;
    struct err ignored;
    if (!s->config.n || !json_parse(s->config, a, &config, &ignored)) return STR("");
    return json_str_or(json_get(config, STR("peft")), STR("base_model_name_or_path"), STR(""));
}

static bool is_finetune(struct search *q, const struct repo_summary *s) { return !(q->only_public && s->repo.is_private) && base_of(s, q->a).n; }

static bool write_finetune(struct search *q, const struct repo_summary *s, struct err *e)
{
    struct json_writer *w = &q->w;
    struct arena *a = q->c->a;
    (void)e;
    jw_object(w);
    jw_kstr(w, "id", uuid_of(s->repo.hex_id, a));
    jw_kstr(w, "name", s->repo.full_name); /* what "lora" of a call takes */
    jw_kstr(w, "model", arena_fmt(a, "@hf/%.*s", STR_ARG(base_of(s, a))));
    jw_kstr(w, "description", arena_fmt(a, "%.*s of this hub", STR_ARG(s->repo.full_name)));
    jw_kdate(w, "created_at", s->repo.created_ms);
    jw_kdate(w, "modified_at", s->modified_ms);
    jw_kbool(w, "public", !s->repo.is_private);
    jw_object_end(w);
    return true;
}

/* author.p NULL: everybody's that are public. */
static bool reply_finetunes(struct call *c, str author, struct err *e)
{
    struct search q = { .is_wanted = is_finetune, .write = write_finetune, .only_public = !author.p };
    return reply_search(c, author, NULL, &q, e);
}

static bool get_finetunes(struct call *c, struct err *e)
{
    str name = call_param(c, "account");
    struct account account;
    bool found;
    return check_account(c, e) && account_find(call_db(c), name, &account, &found, c->a, e) &&
           (found || account_find_hex(call_db(c), name, &account, &found, c->a, e)) && reply_finetunes(c, account.name, e);
}

static bool get_public_finetunes(struct call *c, struct err *e) { return check_account(c, e) && reply_finetunes(c, (str){ 0 }, e); }

/* ------------------------------------------------------------------ schemas */

#define TEXT_IN                                                                                                                              \
    "\"max_tokens\":{\"type\":\"integer\",\"default\":256},\"temperature\":{\"type\":\"number\",\"default\":0.6,\"minimum\":0,\"maximum\":5}," \
    "\"top_p\":{\"type\":\"number\",\"minimum\":0,\"maximum\":2},\"top_k\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":50},"               \
    "\"seed\":{\"type\":\"integer\"},\"stream\":{\"type\":\"boolean\",\"default\":false},\"raw\":{\"type\":\"boolean\",\"default\":false}"
static const struct { const char *pipeline, *input, *output; } schemas[] = {
    { "text-generation",
      "{\"type\":\"object\",\"properties\":{\"prompt\":{\"type\":\"string\",\"minLength\":1},\"messages\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
      "\"properties\":{\"role\":{\"type\":\"string\"},\"content\":{\"type\":\"string\"}},\"required\":[\"role\",\"content\"]}}," TEXT_IN "}}",
      "{\"type\":\"object\",\"properties\":{\"response\":{\"type\":\"string\"},\"usage\":{\"type\":\"object\"}}}" },
    { "text-classification", "{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\",\"minLength\":1}},\"required\":[\"text\"]}",
      "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"label\":{\"type\":\"string\"},\"score\":{\"type\":\"number\"}}}}" },
    { "text-ranking",
      "{\"type\":\"object\",\"properties\":{\"query\":{\"type\":\"string\",\"minLength\":1},\"top_k\":{\"type\":\"integer\",\"minimum\":1},\"contexts\":{\"type\":\"array\","
      "\"items\":{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"}}}}},\"required\":[\"query\",\"contexts\"]}",
      "{\"type\":\"object\",\"properties\":{\"response\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"},\"score\":{\"type\":\"number\"}}}}}}" },
    { "", /* vectors */
      "{\"type\":\"object\",\"properties\":{\"text\":{\"oneOf\":[{\"type\":\"string\",\"minLength\":1},{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"maxItems\":100}]}},\"required\":[\"text\"]}",
      "{\"type\":\"object\",\"properties\":{\"shape\":{\"type\":\"array\",\"items\":{\"type\":\"number\"}},\"data\":{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":{\"type\":\"number\"}}}}}" },
};

static bool get_schema(struct call *c, struct err *e)
{
    struct model_call m;
    struct repo_summary s;
    str model = call_query(c, "model");
    if (!model.n) return err_kind(e, ERR_INVALID, INFER_EMPTY, "\"model\" is required");
    if (!model_find(c, model, &m, e)) return e->code == ERR_NOT_FOUND ? err_kind(e, ERR_NOT_FOUND, INFER_NO_MODEL, "No such model %.*s or task", STR_ARG(str_to(model, 120))) : false;
    if (!repo_summary_get(call_db(c), m.repo.id, &s, c->a, e)) return false;
    if (!task_of(&s)) return err_kind(e, ERR_NOT_FOUND, INFER_NO_MODEL, "No such model %.*s or task", STR_ARG(str_to(model, 120)));
    size_t i = 0;
    while (i + 1 < COUNT(schemas) && !str_eq(s.pipeline_tag, str_c(schemas[i].pipeline))) i++;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    workers_ai_begin(&w);
    jw_object(&w);
    jw_kraw(&w, "input", str_c(schemas[i].input));
    jw_kraw(&w, "output", str_c(schemas[i].output));
    jw_object_end(&w);
    workers_ai_end(&w);
    return call_reply_json(c, 200, &b);
}

#define ROW(what, fn, name) { HTTP_GET, "/client/v4/accounts/:account/ai/" what, PERM_USER, HTTP_BODY_NONE, 0, 0, fn, name, SHAPE_CLOUDFLARE }
static const struct api_route rows[] = {
    ROW("models/search", get_models, "workers-ai.models"), ROW("models/schema", get_schema, "workers-ai.schema"),
    ROW("tasks/search", get_tasks, "workers-ai.tasks"), ROW("authors/search", get_authors, "workers-ai.authors"),
    ROW("finetunes", get_finetunes, "workers-ai.finetunes"), ROW("finetunes/public", get_public_finetunes, "workers-ai.finetunes-public"),
};
const struct api_table infer_catalogue_table = API_TABLE(rows);
