/* api/infer/models.c - /v1/models: which models can be called, in the form of OpenAI and of Hugging Face's router. */
#include "api/infer/infer_api.h"

#include "api/api_priv.h"
#include "hub/index/list.h"
#include "infer/meter/price.h"
#include "model/decoder/config.h"
#include "model/encoder/encoder.h"
#include "model/task/task.h"

static bool has_tag(const struct repo_summary *s, str tag, struct arena *a)
{
    struct json *tags;
    struct err ignored;
    if (!s->tags.n || !json_parse(s->tags, a, &tags, &ignored)) return false;
    json_each (item, tags)
        if (json_is(item, JSON_STRING) && str_eq(item->s, tag)) return true;
    return false;
}

/* The weights of a mirror come at the first call (hub/mirror.h); until then its tags say what they are. */
static bool is_gguf(const struct repo_summary *s, struct arena *a) { return s->gguf.n || (s->repo.upstream.n && !s->parameters && has_tag(s, STR("gguf"), a)); }
static bool has_weights(const struct repo_summary *s, struct arena *a) { return s->parameters > 0 || (s->repo.upstream.n && has_tag(s, STR("safetensors"), a)); }

bool model_is_callable(const struct repo_summary *s, struct arena *a)
{
    struct json *config;
    struct err ignored;
    if (is_gguf(s, a)) return true;
    if (!s->config.n || !json_parse(s->config, a, &config, &ignored)) return false;
    str type = json_str_or(config, STR("model_type"), STR(""));
    if (!type.n && json_get(config, STR("peft"))) return true; /* an adapter: whether its base can be called, calling it tells */
    return has_weights(s, a) && (decoder_knows(type) || encoder_knows(type)); /* without weights in safetensors there is nothing to run */
}

str model_task_served(struct call *c, const struct repo_summary *s)
{
    if (!c->api->config.infer || !model_is_callable(s, c->a)) return STR("");
    str task = s->pipeline_tag.n || !is_gguf(s, c->a) ? s->pipeline_tag : STR("text-generation");
    if (!task_kind_find(task)) return STR("");
    return str_eq(task, STR("text-generation")) && has_tag(s, STR("conversational"), c->a) ? STR("conversational") : task;
}

void model_write_providers(struct call *c, struct json_writer *w, const struct repo_summary *s, bool in_list)
{
    str task = model_task_served(c, s);
    if (in_list) jw_array(w);
    else jw_object(w);
    if (task.n && in_list) {
        jw_object(w);
        jw_kstr(w, "provider", STR("hf-inference"));
    } else if (task.n) {
        jw_kobject(w, "hf-inference");
    }
    if (task.n) {
        jw_kstr(w, "status", STR("live"));
        jw_kstr(w, "providerId", s->repo.full_name);
        jw_kstr(w, "task", task);
        jw_kstr(w, "type", STR("single-model"));
        jw_object_end(w);
    }
    if (in_list) jw_array_end(w);
    else jw_object_end(w);
}

/* As tiles of lists have it.  There is one provider, so it is the cheapest and the fastest. */
void model_write_available(struct call *c, struct json_writer *w, const struct repo_summary *s)
{
    str task = model_task_served(c, s);
    jw_karray(w, "availableInferenceProviders");
    if (task.n) {
        jw_object(w);
        jw_kstr(w, "provider", STR("hf-inference"));
        jw_kstr(w, "providerStatus", STR("live"));
        jw_kstr(w, "modelStatus", STR("live"));
        jw_kstr(w, "providerId", s->repo.full_name);
        jw_kstr(w, "task", task);
        jw_kbool(w, "isCheapestPricingOutput", true);
        jw_kbool(w, "isFastestThroughput", true);
        jw_kbool(w, "isModelAuthor", false);
        jw_object_end(w);
    }
    jw_array_end(w);
}

static bool write_model(struct call *c, struct json_writer *w, const struct repo_summary *s, struct err *e)
{
    struct price_card card;
    if (!price_find(call_db(c), s->repo.full_name, s->parameters > 0 ? (uint64_t)s->parameters : 0, &card, c->a, e)) return false;
    jw_object(w);
    jw_kstr(w, "id", s->repo.full_name);
    jw_kstr(w, "object", STR("model"));
    jw_kint(w, "created", s->repo.created_ms / 1000);
    jw_kstr(w, "owned_by", s->repo.owner);
    jw_karray(w, "providers");
    jw_object(w);
    jw_kstr(w, "provider", STR("hf-inference"));
    jw_kstr(w, "status", STR("live"));
    jw_kobject(w, "pricing"); /* dollars per million tokens */
    jw_key(w, STR("input"));
    jw_real(w, (double)card.input / (double)NANO_USD);
    jw_key(w, STR("output"));
    jw_real(w, (double)card.output / (double)NANO_USD);
    jw_object_end(w);
    jw_object_end(w);
    jw_array_end(w);
    jw_object_end(w);
    return true;
}

static bool get_models(struct call *c, struct err *e)
{
    struct list_query q = { .kind = REPO_MODEL, .who = &c->who, .gated = -1, .sort = SORT_DOWNLOADS, .limit = LIST_LIMIT_MAX };
    struct list_page page;
    if (!list_repos(call_db(c), &q, c->a, &page, e)) return false;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    bool ok = true;
    jw_object(&w);
    jw_kstr(&w, "object", STR("list"));
    jw_karray(&w, "data");
    for (size_t i = 0; i < page.n && ok; i++)
        if (model_is_callable(&page.row[i], c->a)) ok = write_model(c, &w, &page.row[i], e);
    jw_array_end(&w);
    jw_object_end(&w);
    if (ok) return call_reply_json(c, 200, &b);
    buf_deinit(&b);
    return false;
}

static bool reply_model(struct call *c, const struct repo *repo, struct err *e)
{
    struct repo_summary s;
    if (!repo_summary_get(call_db(c), repo->id, &s, c->a, e)) return false;
    s.repo = *repo;
    if (!model_is_callable(&s, c->a))
        return err_set(e, ERR_NOT_FOUND, "%.*s is not a model that this server can run", STR_ARG(repo->full_name));
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (write_model(c, &w, &s, e)) return call_reply_json(c, 200, &b);
    buf_deinit(&b);
    return false;
}

static bool get_model(struct call *c, struct err *e) { return reply_model(c, &c->repo, e); }

/* OpenAI's clients escape the slash: "owner%2Fname". */
static bool get_escaped(struct call *c, struct err *e)
{
    struct repo repo;
    return call_find_repo(c, REPO_MODEL, call_param(c, "id"), REPO_SEE, &repo, e) && reply_model(c, &repo, e);
}

static const struct api_route rows[] = {
    { HTTP_GET, "/v1/models", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_models, "openai.models", SHAPE_OPENAI },
    { HTTP_GET, "/v1/models/:ns/:repo", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_model, "openai.model", SHAPE_OPENAI },
    { HTTP_GET, "/v1/models/:id", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, get_escaped, "openai.model", SHAPE_OPENAI },
};
const struct api_table infer_models_table = API_TABLE(rows);
