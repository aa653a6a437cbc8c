/* model/chat/chat.c - see model/chat/chat.h.
 *
 * Source: transformers 4.53, tokenization_utils_base.py (where templates and special tokens are found) and
 * utils/chat_template_utils.py (what a template sees). */
#include "model/chat/chat.h"

#include "base/arena.h"
#include "jinja/jinja.h"

enum { TEMPLATES_MAX = 64, ARGUMENTS_MAX = 1000, ARENA_BYTES_MAX = 256 << 20 };

struct template {
    str name, text;
    const struct jinja *jinja;
};

struct chat {
    struct arena *a;
    struct template item[TEMPLATES_MAX];
    size_t count;
    struct json *tokens; /* {"bos_token": "<s>", ...} */
};

static bool add(struct chat *c, str name, str text, struct err *e)
{
    if (c->count == TEMPLATES_MAX) return err_set(e, ERR_TOO_LARGE, "more than %d chat templates", TEMPLATES_MAX);
    struct template *t = &c->item[c->count];
    t->name = arena_dup(c->a, name);
    t->text = arena_dup(c->a, text);
    str label = str_eq(name, STR("default")) ? STR("chat template") : arena_fmt(c->a, "chat template %.*s", STR_ARG(str_to(name, 100)));
    if (!jinja_compile(label, text, &jinja_chat, c->a, &t->jinja, e)) return false;
    c->count++;
    return true;
}

/* ------------------------------------------------------------------ where templates are */

struct folder {
    struct chat *c;
    struct source *s;
    bool ok;
    struct err *e;
};

static bool add_file(void *ctx, const char *name, bool is_dir)
{
    struct folder *f = ctx;
    str text, file = str_c(name);
    bool found;
    if (is_dir || !str_ends(file, STR(".jinja"))) return true;
    f->ok = source_text(f->s, arena_fmt(f->c->a, "additional_chat_templates/%s", name), &text, &found, f->e) &&
            (!found || add(f->c, str_to(file, file.n - 6), text, f->e));
    return f->ok;
}

static bool add_named(struct chat *c, const struct json *list, struct err *e)
{
    json_each (item, list) {
        str name, text;
        if (!json_str(json_get(item, STR("name")), &name) || !json_str(json_get(item, STR("template")), &text))
            return err_set(e, ERR_INVALID, "tokenizer_config.json: \"chat_template\" must be a text, or a list of {\"name\", \"template\"}");
        if (!add(c, name, text, e)) return false;
    }
    return true;
}

static bool find_templates(struct chat *c, struct source *s, const struct json *config, struct err *e)
{
    struct folder f = { .c = c, .s = s, .ok = true, .e = e };
    const struct json *in_config = json_get(config, STR("chat_template")), *older;
    bool found;
    str text;
    if (!source_text(s, STR("chat_template.jinja"), &text, &found, e) || (found && !add(c, STR("default"), text, e))) return false;
    if (!source_each(s, STR("additional_chat_templates"), add_file, &f, e) || !f.ok) return false;
    if (c->count) return true;
    if (json_str(in_config, &text)) return add(c, STR("default"), text, e);
    if (json_is(in_config, JSON_ARRAY)) return add_named(c, in_config, e);
    return source_json(s, STR("chat_template.json"), &older, e) &&
           (!json_str(json_get(older, STR("chat_template")), &text) || add(c, STR("default"), text, e));
}

/* ------------------------------------------------------------------ special tokens */

/* A token is a text, or an object with the text as "content". */
static bool token_text(const struct json *v, str *out)
{
    return json_str(v, out) || json_str(json_get(v, STR("content")), out);
}

static void put_token(struct chat *c, const struct json *from, str name)
{
    str text;
    if (json_get(c->tokens, name) || !token_text(json_get(from, name), &text)) return;
    json_put(c->tokens, arena_dup(c->a, name), json_new_str(c->a, arena_dup(c->a, text)));
}

static void put_tokens(struct chat *c, const struct json *from)
{
    static const str names[] = { STR_INIT("bos_token"), STR_INIT("eos_token"), STR_INIT("unk_token"), STR_INIT("sep_token"),
                                 STR_INIT("pad_token"), STR_INIT("cls_token"), STR_INIT("mask_token") };
    const struct json *more = json_get(from, STR("extra_special_tokens")), *list = json_get(from, STR("additional_special_tokens"));
    str text;
    for (size_t i = 0; i < COUNT(names); i++) put_token(c, from, names[i]);
    json_each (token, json_is(more, JSON_OBJECT) ? more : NULL) put_token(c, more, token->key);
    if (!json_is(list, JSON_ARRAY) || json_get(c->tokens, STR("additional_special_tokens"))) return;
    struct json_list copy = json_list_new(c->a, JSON_ARRAY);
    json_each (token, list)
        if (token_text(token, &text)) json_list_add(&copy, json_new_str(c->a, arena_dup(c->a, text)));
    json_put(c->tokens, STR("additional_special_tokens"), copy.container);
}

/* What classes of tokenizers have without saying so in their files. */
static void put_defaults(struct chat *c, str class)
{
    static const struct { const char *class, *bos, *eos, *unk, *pad; } defaults[] = {
        { "Llama", "<s>", "</s>", "<unk>", NULL },
        { "CodeLlama", "<s>", "</s>", "<unk>", NULL },
        { "GPT2", "<|endoftext|>", "<|endoftext|>", "<|endoftext|>", NULL },
        { "GPTNeoX", "<|endoftext|>", "<|endoftext|>", "<|endoftext|>", NULL },
        { "Gemma", "<bos>", "<eos>", "<unk>", "<pad>" },
        { "Qwen2", NULL, "<|endoftext|>", NULL, "<|endoftext|>" },
    };
    if (str_ends(class, STR("Fast"))) class.n -= 4;
    if (!str_ends(class, STR("Tokenizer"))) return;
    class.n -= 9;
    for (size_t i = 0; i < COUNT(defaults); i++) {
        const struct { const char *key, *text; } token[] = {
            { "bos_token", defaults[i].bos }, { "eos_token", defaults[i].eos }, { "unk_token", defaults[i].unk }, { "pad_token", defaults[i].pad } };
        if (!str_eq(class, str_c(defaults[i].class))) continue;
        for (size_t k = 0; k < COUNT(token); k++)
            if (token[k].text && !json_get(c->tokens, str_c(token[k].key))) json_put(c->tokens, str_c(token[k].key), json_new_str(c->a, str_c(token[k].text)));
    }
}

static bool find_tokens(struct chat *c, struct source *s, const struct json *config, struct err *e)
{
    const struct json *map;
    c->tokens = json_new(c->a, JSON_OBJECT);
    put_tokens(c, config);
    /* Older repositories say them there. */
    if (!json_get(config, STR("added_tokens_decoder"))) {
        if (!source_json(s, STR("special_tokens_map.json"), &map, e)) return false;
        put_tokens(c, map);
    }
    put_defaults(c, json_str_or(config, STR("tokenizer_class"), STR("")));
    return true;
}

/* ------------------------------------------------------------------ opening */

bool chat_open(struct source *s, struct chat **out, struct err *e)
{
    struct chat *c = mem_one(struct chat);
    const struct json *config;
    *out = NULL;
    c->a = arena_new(ARENA_BYTES_MAX);
    if (!source_json(s, STR("tokenizer_config.json"), &config, e) || !find_templates(c, s, config, e) || !find_tokens(c, s, config, e)) {
        chat_close(c);
        return err_context(e, "%s", source_path(s));
    }
    if (c->count) *out = c;
    else chat_close(c);
    return true;
}

void chat_close(struct chat *c)
{
    if (!c) return;
    arena_free(c->a);
    mem_free(c);
}

bool chat_reads(const struct chat *c, str name)
{
    for (size_t i = 0; i < c->count; i++)
        if (jinja_reads(c->item[i].jinja, name)) return true;
    return false;
}

/* ------------------------------------------------------------------ rendering */

static const struct template *named(const struct chat *c, str name)
{
    for (size_t i = 0; i < c->count; i++)
        if (str_eq(c->item[i].name, name)) return &c->item[i];
    return NULL;
}

str chat_template(const struct chat *c, bool with_tools)
{
    const struct template *t = with_tools ? named(c, STR("tool_use")) : NULL;
    if (!t) t = named(c, STR("default"));
    return t ? t->text : STR("");
}

static bool choose(const struct chat *c, const struct chat_input *in, const struct template **out, struct err *e)
{
    *out = in->name.n ? named(c, in->name) : NULL;
    if (*out) return true;
    if (!in->name.n && ((in->tools && (*out = named(c, STR("tool_use")))) || (*out = named(c, STR("default"))))) return true;
    err_set(e, ERR_NOT_FOUND, "there is no chat template \"%.*s\"; there are", STR_ARG(in->name.n ? str_to(in->name, 100) : STR("default")));
    for (size_t i = 0, n = strlen(e->msg); i < c->count; i++, n = strlen(e->msg))
        snprintf(e->msg + n, sizeof e->msg - n, "%s \"%.*s\"", i ? "," : "", STR_ARG(str_to(c->item[i].name, 60)));
    return false;
}

static void put(struct json *context, str name, const struct json *value, struct arena *a)
{
    if (!json_get(context, name)) json_put(context, name, json_share(a, value));
}

/* The text of the last message that is to be continued. */
static bool final_text(const struct json *messages, str *out)
{
    const struct json *last = NULL, *content;
    bool found = false;
    json_each (m, messages) last = m;
    content = json_get(last, STR("content"));
    if (json_str(content, out)) return true;
    json_each (part, json_is(content, JSON_ARRAY) ? content : NULL) found |= json_str(json_get(part, STR("text")), out);
    return found;
}

/* Blanks as Python's str.strip has them, as far as templates produce them. */
static str without_blanks(str s, bool left, bool right)
{
    static const char blanks[] = " \t\n\r\v\f\x1c\x1d\x1e\x1f";
    while (left && s.n && memchr(blanks, s.p[0], sizeof blanks - 1)) s = str_from(s, 1);
    while (right && s.n && memchr(blanks, s.p[s.n - 1], sizeof blanks - 1)) s.n--;
    return s;
}

static size_t find_last(str s, str what)
{
    for (size_t at = s.n - what.n + 1; what.n <= s.n && at-- > 0;)
        if (memcmp(s.p + at, what.p, what.n) == 0) return at;
    return STR_NONE;
}

/* Cuts off what the template wrote behind the last message. */
static bool cut_after_final(const struct json *messages, struct buf *out, size_t from, struct err *e)
{
    str text = STR(""), all = str_from(buf_str(out), from);
    if (!final_text(messages, &text)) return err_set(e, ERR_UNPROCESSABLE, "the last message has no text that could be continued");
    str bare = without_blanks(text, true, true), open = without_blanks(text, true, false);
    size_t at = bare.n ? find_last(all, bare) : all.n;
    if (at == STR_NONE) return err_set(e, ERR_UNPROCESSABLE, "the last message cannot be continued: the chat template changes its text");
    bool keeps_blanks = text.n == open.n && str_eq(str_to(str_from(all, at), open.n), text);
    out->n = from + at + (keeps_blanks ? open.n : bare.n);
    if (out->p) out->p[out->n] = '\0'; /* else the template wrote nothing at all */
    return true;
}

bool chat_render(const struct chat *c, const struct chat_input *in, struct buf *out, struct err *e)
{
    const struct template *t;
    struct jinja_input input = { .now_unix_s = in->now_unix_s };
    struct json generation = { .type = JSON_BOOL, .b = in->add_generation_prompt };
    size_t from = out->n;
    if (!json_is(in->messages, JSON_ARRAY)) return err_set(e, ERR_INVALID, "messages must be a list of objects with \"role\" and \"content\"");
    if (!json_first(in->messages)) return err_set(e, ERR_INVALID, "a conversation needs a message");
    json_each (m, in->messages)
        if (m->type != JSON_OBJECT) return err_set(e, ERR_INVALID, "messages must be a list of objects with \"role\" and \"content\"");
    if (in->tools && !json_is(in->tools, JSON_ARRAY)) return err_set(e, ERR_INVALID, "tools must be a list");
    if (in->arguments && !json_is(in->arguments, JSON_OBJECT)) return err_set(e, ERR_INVALID, "arguments of a chat template must be an object");
    if (in->arguments && in->arguments->count > ARGUMENTS_MAX) return err_set(e, ERR_INVALID, "a chat template may have %d arguments", ARGUMENTS_MAX);
    if (in->add_generation_prompt && in->continue_final_message)
        return err_set(e, ERR_INVALID, "a conversation ends in a new answer or in a message that is continued, not in both");
    if (!choose(c, in, &t, e)) return false;
    struct arena *a = arena_new(0);
    struct json *context = json_new(a, JSON_OBJECT);
    put(context, STR("messages"), in->messages, a);
    put(context, STR("tools"), in->tools, a);
    put(context, STR("documents"), in->documents, a);
    put(context, STR("add_generation_prompt"), &generation, a);
    json_each (v, in->arguments) put(context, v->key, v, a);
    json_each (v, c->tokens) put(context, v->key, v, a);
    input.context = context;
    bool ok = jinja_render(t->jinja, &input, out, e) && (!in->continue_final_message || cut_after_final(in->messages, out, from, e));
    if (!ok) out->n = from;
    arena_free(a);
    return ok;
}
