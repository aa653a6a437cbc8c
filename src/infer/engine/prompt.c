/* infer/engine/prompt.c - see infer/engine/prompt.h. */
#include "infer/engine/prompt.h"

#include "model/chat/think.h"

enum { PROMPT_TOKENS_MAX = 16 << 20, EXTRA_TOKENS = 64 };

static bool make_room(struct prompt *p, size_t room, struct arena *a, struct err *e)
{
    p->id = room <= PROMPT_TOKENS_MAX ? arena_try_array(a, room, sizeof *p->id) : NULL;
    return p->id || err_set(e, ERR_TOO_LARGE, "a prompt of %zu tokens or bytes is too long", room);
}

static bool read_tokens(const struct prompt_reader *r, const struct json *list, struct arena *a, struct prompt *p, struct err *e)
{
    struct buf text = BUF_INIT(0);
    int64_t id;
    if (!make_room(p, list->count + 1, a, e)) return false;
    json_each (item, list) {
        if (!json_int(item, &id) || id < 0 || id >= r->vocab) return err_set(e, ERR_INVALID, "\"prompt\" of tokens must be numbers from 0 to %u", r->vocab - 1);
        p->id[p->n++] = (uint32_t)id;
    }
    bool ok = tokenizer_decode(r->tokenizer, p->id, p->n, false, &text, e);
    p->text = arena_dup(a, buf_str(&text));
    buf_deinit(&text);
    return ok;
}

static bool encode(const struct prompt_reader *r, str text, bool add_special, struct arena *a, struct prompt *p, struct err *e)
{
    const struct token_options o = { .no_special = !add_special };
    size_t room = text.n + EXTRA_TOKENS;
    return make_room(p, room, a, e) && token_encode_ids(r->encoder, text, &o, p->id, room, &p->n, e);
}

/* The template's variables; SmolLM3's reads functions under a name of its own. */
static const struct json *arguments_of(const struct prompt_reader *r, const struct json *request, struct arena *a)
{
    const struct json *given = json_get(request, STR("template")), *tools = json_get(request, STR("tools"));
    if (!tools || chat_reads(r->chat, STR("tools")) || !chat_reads(r->chat, STR("xml_tools")) || json_get(given, STR("xml_tools"))) return given;
    struct json_list all = json_list_new(a, JSON_OBJECT);
    struct json *xml_tools = json_share(a, tools);
    xml_tools->key = STR("xml_tools");
    json_each (item, given) json_list_add(&all, json_share(a, item));
    json_list_add(&all, xml_tools);
    return all.container;
}

static bool encode_chat(const struct prompt_reader *r, const struct json *request, struct arena *a, struct prompt *p, struct err *e)
{
    bool continues = json_bool_or(request, STR("continues"), false);
    if (!r->chat) return err_set(e, ERR_UNPROCESSABLE, "the model has no chat template; send a plain prompt");
    const struct chat_input in = { .messages = json_get(request, STR("messages")), .tools = json_get(request, STR("tools")),
                                   .arguments = arguments_of(r, request, a), .add_generation_prompt = !continues, .continue_final_message = continues };
    struct buf text = BUF_INIT(0);
    bool ok = chat_render(r->chat, &in, &text, e) && encode(r, buf_str(&text), false, a, p, e);
    p->is_thought = think_is_open(buf_str(&text));
    buf_deinit(&text);
    return ok;
}

/* ------------------------------------------------------------------ filling in */

/* Prefix, suffix, middle: the order in which these families were trained (Qwen Coder and CodeGemma, StarCoder and Granite Code,
 * SantaCoder, DeepSeek Coder). */
static bool find_fill_tokens(const struct tokenizer *t, uint32_t id[3])
{
    static const char *const names[][3] = {
        { "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>" },
        { "<fim_prefix>", "<fim_suffix>", "<fim_middle>" },
        { "<fim-prefix>", "<fim-suffix>", "<fim-middle>" },
        { "<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>" },
    };
    for (size_t i = 0; i < COUNT(names); i++)
        if (tokenizer_id(t, str_c(names[i][0]), &id[0]) && tokenizer_id(t, str_c(names[i][1]), &id[1]) && tokenizer_id(t, str_c(names[i][2]), &id[2])) return true;
    return false;
}

/* What users wrote is text, whatever special tokens it spells. */
static bool encode_around(const struct prompt_reader *r, str before, str behind, struct arena *a, struct prompt *p, struct err *e)
{
    static const struct token_options plain = { .no_special = true, .plain = true };
    uint32_t mark[3];
    size_t room = before.n + behind.n + EXTRA_TOKENS;
    if (!find_fill_tokens(r->tokenizer, mark)) return err_set(e, ERR_UNPROCESSABLE, "\"suffix\": the tokenizer of this model has no tokens for filling in");
    if (!make_room(p, room, a, e) || !token_encode_ids(r->encoder, STR(""), NULL, p->id, room, &p->n, e)) return false;
    p->n = p->n && r->bos >= 0 && p->id[0] == r->bos; /* it begins every text with that */
    p->id[p->n++] = mark[0];
    if (!token_encode_ids(r->encoder, before, &plain, p->id, room - 2, &p->n, e)) return false;
    p->id[p->n++] = mark[1];
    if (!token_encode_ids(r->encoder, behind, &plain, p->id, room - 1, &p->n, e)) return false;
    p->id[p->n++] = mark[2];
    return true;
}

/* ------------------------------------------------------------------ all of them */

static bool read_one(const struct prompt_reader *r, const struct json *v, const struct json *suffix, struct arena *a, struct prompt *p, struct err *e)
{
    str text, behind;
    if (json_is(v, JSON_ARRAY)) return suffix ? err_set(e, ERR_INVALID, "\"suffix\" goes with a \"prompt\" that is a text") : read_tokens(r, v, a, p, e);
    if (!json_str(v, &text)) return err_set(e, ERR_INVALID, "\"prompt\" must be a text or a list of tokens");
    p->text = arena_dup(a, text);
    if (!suffix) return encode(r, text, r->add_special, a, p, e);
    return json_str(suffix, &behind) ? encode_around(r, text, behind, a, p, e) : err_set(e, ERR_INVALID, "\"suffix\" must be a text");
}

bool prompts_read(const struct prompt_reader *r, const struct json *request, struct arena *a, struct prompt **out, size_t *n, struct err *e)
{
    const struct json *list = json_get(request, STR("prompts")), *one = json_get(request, STR("prompt")), *suffix = json_get(request, STR("suffix"));
    bool is_list = json_is(list, JSON_ARRAY), ok = true;
    bool is_chat = json_get(request, STR("messages")) && (r->chat || !one); /* both: the prompt is for who has no template */
    *n = is_list ? list->count : 1;
    if (json_is(suffix, JSON_NULL)) suffix = NULL;
    if (!is_chat && !is_list && !one) return err_set(e, ERR_INVALID, "a call needs \"messages\", or \"prompt\" as a text or a list of tokens");
    if (*n == 0 || *n > PROMPTS_MAX) return err_set(e, ERR_INVALID, "a call may have from 1 to %d prompts", PROMPTS_MAX);
    *out = arena_alloc(a, *n * sizeof **out);
    for (size_t i = 0; i < *n; i++) (*out)[i] = (struct prompt){ .text = STR("") };
    if (is_chat) ok = encode_chat(r, request, a, *out, e);
    else if (!is_list) ok = read_one(r, one, suffix, a, *out, e);
    size_t i = 0;
    json_each (item, is_list && !is_chat ? list : NULL) ok = ok && read_one(r, item, suffix, a, &(*out)[i++], e);
    for (i = 0; ok && i < *n; i++)
        if ((*out)[i].n == 0 && r->bos >= 0) (*out)[i].id[(*out)[i].n++] = (uint32_t)r->bos;
    return ok;
}

bool prompt_fit(struct prompt *p, size_t truncate, size_t room, size_t positions, struct err *e)
{
    if (truncate && p->n > truncate) {
        p->id += p->n - truncate; /* what was said last stays */
        p->n = truncate;
    }
    if (room && p->n + room > positions) return err_set(e, ERR_TOO_LARGE, "%zu tokens of input and %zu new ones are more than the model's %zu", p->n, room, positions);
    return true;
}
