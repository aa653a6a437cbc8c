/* infer/engine/text.c - see infer/engine/text.h. */
#include "infer/engine/text.h"

enum { TEXTS_MAX = 1024, IDS_MAX = 1 << 20 };

struct engine_text {
    struct source *source;
    const struct tokenizer *tokenizer;
    struct token_encoder *encoder;
    const struct chat *chat;
    struct tokenizer *own_tokenizer; /* which is to be freed */
    struct chat *own_chat;
    bool has_looked_for_chat;
};

bool engine_text_knows(str task)
{
    return str_eq(task, STR("tokenize")) || str_eq(task, STR("decode")) || str_eq(task, STR("chat-tokenize")) || str_eq(task, STR("describe"));
}

struct engine_text *engine_text_new(struct source *s, struct tokenizer *tokenizer, struct chat *chat)
{
    struct engine_text *t = mem_one(struct engine_text);
    *t = (struct engine_text){ .source = s, .tokenizer = tokenizer, .chat = chat, .has_looked_for_chat = tokenizer != NULL };
    return t;
}

void engine_text_free(struct engine_text *t)
{
    if (!t) return;
    token_encoder_free(t->encoder);
    tokenizer_free(t->own_tokenizer);
    chat_close(t->own_chat);
    mem_free(t);
}

static bool need_tokenizer(struct engine_text *t, struct err *e)
{
    if (!t->tokenizer) {
        if (!source_tokenizer(t->source, NULL, &t->own_tokenizer, e)) return false;
        t->tokenizer = t->own_tokenizer;
    }
    if (!t->encoder) t->encoder = token_encoder_new(t->tokenizer);
    return true;
}

static bool need_chat(struct engine_text *t, struct err *e)
{
    if (!t->has_looked_for_chat) {
        if (!chat_open(t->source, &t->own_chat, e)) return false;
        t->chat = t->own_chat;
        t->has_looked_for_chat = true;
    }
    return t->chat || err_set(e, ERR_UNPROCESSABLE, "the model has no chat template");
}

/* ------------------------------------------------------------------ text to tokens */

static void write_token(struct engine_text *t, struct json_writer *w, const struct encoding *x, size_t i, str text)
{
    str name;
    jw_object(w);
    jw_kint(w, "id", x->id[i]);
    jw_kstr(w, "text", !x->special[i] ? str_n(text.p + x->from[i], x->to[i] - x->from[i]) : tokenizer_token(t->tokenizer, x->id[i], &name) ? name : STR(""));
    jw_kbool(w, "special", x->special[i]);
    if (x->special[i]) {
        jw_knull(w, "start");
        jw_knull(w, "stop");
    } else {
        jw_kint(w, "start", x->from[i]);
        jw_kint(w, "stop", x->to[i]);
    }
    jw_object_end(w);
}

static bool write_tokens(struct engine_text *t, struct json_writer *w, str text, bool add_special, struct err *e)
{
    const struct token_options o = { .no_special = !add_special, .unit = TOKEN_BYTES, .no_truncation = true, .no_padding = true };
    struct encoding x = { 0 };
    bool ok = token_encode(t->encoder, text, &o, &x, e);
    jw_array(w);
    for (size_t i = 0; ok && i < x.n; i++) write_token(t, w, &x, i, text);
    jw_array_end(w);
    encoding_deinit(&x);
    return ok;
}

/* What a repository of sentence-transformers puts before its texts; .n 0: nothing was asked for. */
static bool find_prompt(struct engine_text *t, const struct json *parameters, str *out, struct err *e)
{
    const struct json *name = json_get(parameters, STR("prompt_name")), *config;
    str text;
    *out = STR("");
    if (!name || name->type == JSON_NULL) return true;
    if (!json_str(name, &text)) return err_set(e, ERR_INVALID, "\"prompt_name\" must be a text");
    if (!source_json(t->source, STR("config_sentence_transformers.json"), &config, e)) return false;
    return json_str(json_get(json_get(config, STR("prompts")), text), out) ||
           err_set(e, ERR_INVALID, "the model has no prompt \"%.*s\"", STR_ARG(str_to(text, 60)));
}

static bool tokenize_one(struct engine_text *t, struct json_writer *w, const struct json *v, str prompt, bool add_special, struct err *e)
{
    str text;
    if (!json_str(v, &text)) return err_set(e, ERR_INVALID, "what is to be tokenized must be a text or a list of texts");
    if (!prompt.n) return write_tokens(t, w, text, add_special, e);
    struct buf whole = BUF_INIT(0);
    buf_add(&whole, prompt);
    buf_add(&whole, text);
    bool ok = write_tokens(t, w, buf_str(&whole), add_special, e);
    buf_deinit(&whole);
    return ok;
}

static bool tokenize(struct engine_text *t, const struct json *inputs, const struct json *parameters, struct json_writer *w, struct err *e)
{
    bool add_special = json_bool_or(parameters, STR("add_special_tokens"), true), ok = true;
    str prompt;
    if (json_is(inputs, JSON_ARRAY) && (inputs->count == 0 || inputs->count > TEXTS_MAX)) return err_set(e, ERR_INVALID, "a batch has from 1 to %d texts", TEXTS_MAX);
    if (!need_tokenizer(t, e) || !find_prompt(t, parameters, &prompt, e)) return false;
    jw_array(w);
    if (!json_is(inputs, JSON_ARRAY)) ok = tokenize_one(t, w, inputs, prompt, add_special, e);
    else json_each (item, inputs) ok = ok && tokenize_one(t, w, item, prompt, add_special, e);
    jw_array_end(w);
    return ok;
}

static bool chat_tokenize(struct engine_text *t, const struct json *inputs, struct json_writer *w, struct err *e)
{
    bool continues = json_bool_or(inputs, STR("continues"), false);
    const struct chat_input in = { .messages = json_get(inputs, STR("messages")), .tools = json_get(inputs, STR("tools")),
                                   .arguments = json_get(inputs, STR("template")), .add_generation_prompt = !continues, .continue_final_message = continues };
    struct buf text = BUF_INIT(0);
    bool ok = need_tokenizer(t, e) && need_chat(t, e) && chat_render(t->chat, &in, &text, e);
    if (ok) {
        jw_object(w);
        jw_kstr(w, "text", buf_str(&text));
        jw_key(w, STR("tokens"));
        ok = write_tokens(t, w, buf_str(&text), false, e); /* the template says its special tokens itself */
        jw_object_end(w);
    }
    buf_deinit(&text);
    return ok;
}

/* ------------------------------------------------------------------ tokens to text */

static bool spell(struct engine_text *t, const struct json *list, bool skip_special, struct buf *text, struct err *e)
{
    size_t n = 0;
    int64_t id;
    if (!json_is(list, JSON_ARRAY) || list->count > IDS_MAX) return err_set(e, ERR_INVALID, "what is to be decoded must be a list of at most %d ids, or a list of such lists", IDS_MAX);
    uint32_t *ids = mem_alloc((list->count + 1) * sizeof *ids);
    bool ok = true;
    json_each (item, list) {
        if (!ok) break;
        ok = json_int(item, &id) && id >= 0 && (uint64_t)id < tokenizer_size(t->tokenizer);
        if (ok) ids[n++] = (uint32_t)id;
        else err_set(e, ERR_INVALID, "ids must be whole numbers from 0 to %zu", tokenizer_size(t->tokenizer) - 1);
    }
    ok = ok && tokenizer_decode(t->tokenizer, ids, n, skip_special, text, e);
    mem_free(ids);
    return ok;
}

static bool decode_one(struct engine_text *t, struct json_writer *w, const struct json *list, bool skip_special, struct err *e)
{
    struct buf text = BUF_INIT(0);
    bool ok = spell(t, list, skip_special, &text, e);
    if (ok) jw_str(w, buf_str(&text));
    buf_deinit(&text);
    return ok;
}

bool engine_text_spell(struct engine_text *t, struct json *inputs, struct arena *a, struct err *e)
{
    const struct json *ids = json_get(inputs, STR("ids"));
    if (json_is(inputs, JSON_ARRAY)) {
        for (struct json *item = inputs->first; item; item = item->next)
            if (json_is(item, JSON_OBJECT) && !engine_text_spell(t, item, a, e)) return false;
    } else if (ids) {
        struct buf text = BUF_INIT(0);
        bool ok = need_tokenizer(t, e) && spell(t, ids, true, &text, e); /* what was added is added again */
        inputs->type = JSON_STRING;
        inputs->s = arena_dup(a, buf_str(&text));
        buf_deinit(&text);
        return ok;
    }
    return true;
}

static bool decode(struct engine_text *t, const struct json *inputs, const struct json *parameters, struct json_writer *w, struct err *e)
{
    bool skip = json_bool_or(parameters, STR("skip_special_tokens"), true), ok = true;
    bool is_batch = json_is(json_at(inputs, 0), JSON_ARRAY);
    if (is_batch && inputs->count > TEXTS_MAX) return err_set(e, ERR_INVALID, "a batch has from 1 to %d texts", TEXTS_MAX);
    if (!need_tokenizer(t, e)) return false;
    jw_array(w);
    if (!is_batch) ok = decode_one(t, w, inputs, skip, e);
    else json_each (item, inputs) ok = ok && decode_one(t, w, item, skip, e);
    jw_array_end(w);
    return ok;
}

bool engine_text_run(struct engine_text *t, const struct json *request, struct buf *out, struct err *e)
{
    const struct json *inputs = json_get(request, STR("inputs")), *parameters = json_get(request, STR("parameters"));
    str task = json_str_or(request, STR("task"), STR(""));
    struct json_writer w = json_writer(out);
    if (str_eq(task, STR("tokenize"))) return tokenize(t, inputs, parameters, &w, e);
    if (str_eq(task, STR("decode"))) return decode(t, inputs, parameters, &w, e);
    if (str_eq(task, STR("chat-tokenize"))) return chat_tokenize(t, inputs, &w, e);
    return err_set(e, ERR_INTERNAL, "\"%.*s\" is none of a tokenizer's tasks", STR_ARG(task));
}
