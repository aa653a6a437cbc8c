/* api/infer/embeddings.c - OpenAI's embeddings, by the task feature-extraction. */
#include "api/infer/openai.h"

#include "base/hash.h"

enum { INPUTS_MAX = 2048, DIMENSIONS_MAX = 1 << 20 };

struct request {
    struct model_call m;
    str model;
    bool is_base64;
    int64_t dimensions; /* 0: all */
};

static const struct field fields[] = {
    { "input", FIELD_TEXT | FIELD_LIST, 1, INPUTS_MAX * 4096.0 }, { "encoding_format", FIELD_TEXT, 0, 0 }, { "dimensions", FIELD_INT, 1, DIMENSIONS_MAX }, { "user", FIELD_TEXT, 0, 0 },
};

static bool is_tokens(const struct json *v)
{
    if (!json_is(v, JSON_ARRAY)) return false;
    json_each (item, v)
        if (item->type != JSON_INT || item->i < 0) return false;
    return v->count > 0;
}

static bool write_input(struct json_writer *w, const struct json *v, struct err *e)
{
    if (json_is(v, JSON_STRING) && v->s.n) {
        jw_value(w, v);
        return true;
    }
    if (!is_tokens(v)) return err_set(e, ERR_INVALID, "\"input\" must be texts or lists of tokens that are not empty");
    jw_object(w); /* the worker spells them, and reads the text: so special tokens stand where the model expects them */
    jw_kvalue(w, "ids", v);
    jw_object_end(w);
    return true;
}

static bool write_call(const struct json *body, struct buf *out, struct request *q, struct err *e)
{
    struct json_writer w = json_writer(out);
    const struct json *input = field_of(body, "input");
    if (!fields_check(body, fields, COUNT(fields), e)) return false;
    str format = json_str_or(body, STR("encoding_format"), STR("float"));
    q->is_base64 = str_eq(format, STR("base64"));
    if (!q->is_base64 && !str_eq(format, STR("float"))) return err_set(e, ERR_INVALID, "\"encoding_format\" must be float or base64");
    q->dimensions = json_int_or(body, STR("dimensions"), 0);
    if (!input) return err_set(e, ERR_INVALID, "\"input\" is required: a text, a list of texts, or tokens");
    bool is_one = json_is(input, JSON_STRING) || is_tokens(input);
    if (!is_one && input->count > INPUTS_MAX) return err_set(e, ERR_INVALID, "\"input\" may have at most %d entries", INPUTS_MAX);
    jw_object(&w);
    jw_kstr(&w, "task", STR("feature-extraction"));
    jw_karray(&w, "inputs");
    if (is_one && !write_input(&w, input, e)) return false;
    json_each (item, is_one ? NULL : input)
        if (!write_input(&w, item, e)) return false;
    jw_array_end(&w);
    jw_kobject(&w, "parameters");
    jw_kbool(&w, "truncate", true);
    jw_kbool(&w, "normalize", q->dimensions == 0); /* of a part: after it was cut */
    jw_object_end(&w);
    jw_object_end(&w);
    return true;
}

/* The first dimensions, of length 1 again; 0: all, as they are. */
static bool cut_vector(float *v, size_t *n, int64_t dimensions, struct err *e)
{
    double sum = 0;
    if (!dimensions) return true;
    if (*n < (size_t)dimensions) return err_set(e, ERR_INVALID, "\"dimensions\" may be at most %zu: the model gives no more", *n);
    *n = (size_t)dimensions;
    for (size_t i = 0; i < *n; i++) sum += (double)v[i] * (double)v[i];
    double scale = sum > 0 ? 1 / __builtin_sqrt(sum) : 0;
    for (size_t i = 0; i < *n; i++) v[i] = (float)(v[i] * scale);
    return true;
}

/* Little-endian floats, as this machine has them. */
static void write_vector(struct json_writer *w, bool is_base64, const float *v, size_t n)
{
    if (is_base64) {
        struct buf b = BUF_INIT(0);
        buf_base64(&b, (bytes){ (const uint8_t *)v, n * sizeof *v });
        jw_kstr(w, "embedding", buf_str(&b));
        buf_deinit(&b);
        return;
    }
    jw_key(w, STR("embedding"));
    vector_write(w, v, n);
}

static bool reply(struct model_call *m, const struct json *end, struct err *e)
{
    const struct request *q = m->ctx;
    const struct json *result = json_get(end, STR("result"));
    int64_t tokens = json_int_or(end, STR("prompt_tokens"), 0);
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    int64_t index = 0;
    bool ok = true;
    jw_object(&w);
    jw_kstr(&w, "object", STR("list"));
    jw_kstr(&w, "model", q->model);
    jw_karray(&w, "data");
    json_each (vector, result) {
        size_t n;
        float *v;
        if (json_is(vector, JSON_ARRAY)) ok = err_set(e, ERR_UNPROCESSABLE, "the model gives a vector per token: it is not one for embeddings (it has no modules.json)");
        else ok = vector_read(vector, m->c->a, &v, &n, e) && cut_vector(v, &n, q->dimensions, e);
        if (!ok) break;
        jw_object(&w);
        jw_kstr(&w, "object", STR("embedding"));
        jw_kint(&w, "index", index++);
        write_vector(&w, q->is_base64, v, n);
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_kobject(&w, "usage");
    jw_kint(&w, "prompt_tokens", tokens);
    jw_kint(&w, "total_tokens", tokens);
    jw_object_end(&w);
    jw_object_end(&w);
    if (ok) return call_reply_json(m->c, 200, &b);
    buf_deinit(&b);
    return false;
}

static bool post_embeddings(struct call *c, struct err *e)
{
    static const struct model_sink sink = { .end = reply };
    struct request *q = arena_one(c->a, struct request);
    struct buf call = BUF_INIT(0);
    struct json *body;
    if (!call_json(c, &body, e) || !model_of_request(c, body, &q->model, &q->m, e)) return false;
    q->m.ctx = q;
    bool ok = write_call(body, &call, q, e) && model_run(&q->m, buf_str(&call), http_body(c->http).n, "embeddings", &sink, e);
    buf_deinit(&call);
    return ok;
}

static const struct api_route rows[] = {
    OPENAI_ROWS("embeddings", post_embeddings, "openai.embeddings"),
};
const struct api_table infer_embeddings_table = API_TABLE(rows);
