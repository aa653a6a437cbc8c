/* post.c - post-processors: special tokens around the texts, and byte-level offsets without their spaces.
 *
 * Bert's and Roberta's are templates, so there is one way to add tokens.  Truncated texts keep their windows: every
 * window of the first is combined with every window of the second, in the reference's order. */
#include "model/token/token_priv.h"

enum { PARTS_MAX = 256, IDS_MAX = 4096 };

static const struct template_part plain_single[] = { { .sequence = 0 } };
static const struct template_part plain_pair[] = { { .sequence = 0 }, { .sequence = 1, .type = 1 } };

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static bool special_ids(struct tokenizer *t, const struct json *special, str name, struct template_part *out, struct err *e)
{
    const struct json *list = json_get(json_get(special, name), STR("ids"));
    size_t n = 0;
    if (!json_is(list, JSON_ARRAY)) return err_set(e, ERR_INVALID, "tokenizer: the template needs \"%.*s\", which special_tokens lacks",
                                                   (int)(name.n < 40 ? name.n : 40), name.p);
    if (list->count > IDS_MAX) return err_set(e, ERR_TOO_LARGE, "tokenizer: a special token of %zu ids", list->count);
    uint32_t *ids = arena_alloc(t->arena, (list->count + 1) * sizeof *ids);
    json_each (v, list) {
        int64_t id;
        if (!json_int(v, &id) || id < 0 || id >= TOKEN_IDS_MAX) return err_set(e, ERR_INVALID, "tokenizer: a special token's id is out of range");
        ids[n++] = (uint32_t)id;
    }
    out->id = ids;
    out->ids_count = (uint32_t)n;
    return true;
}

static bool template_read(struct tokenizer *t, const struct json *list, const struct json *special, bool pair,
                          struct template_part **out, size_t *count, struct err *e)
{
    size_t n = json_is(list, JSON_ARRAY) ? list->count : 0;
    if (n > PARTS_MAX) return err_set(e, ERR_TOO_LARGE, "tokenizer: a template of %zu parts", n);
    struct template_part *part = arena_alloc(t->arena, (n + 1) * sizeof *part);
    *out = part;
    *count = n;
    json_each (v, list) {
        const struct json *sequence = json_get(v, STR("Sequence")), *token = json_get(v, STR("SpecialToken"));
        const struct json *body = sequence ? sequence : token;
        int64_t type = json_int_or(body, STR("type_id"), 0);
        str id = json_str_or(body, STR("id"), STR(""));
        if (!body || type < 0 || type > 255) return err_set(e, ERR_INVALID, "tokenizer: a part of the template is neither Sequence nor SpecialToken");
        part->type = (uint8_t)type;
        part->sequence = token ? 2 : str_eq(id, STR("B"));
        if (part->sequence == 1 && !pair) return err_set(e, ERR_INVALID, "tokenizer: the template for one text names a second");
        if (token && !special_ids(t, special, id, part, e)) return false;
        part++;
    }
    return true;
}

static bool pair_of(struct tokenizer *t, const struct json *v, const char *key, struct template_part *out, struct err *e)
{
    const struct json *two = json_get(v, str_c(key));
    int64_t id;
    if (!json_int(json_at(two, 1), &id) || id < 0 || id >= TOKEN_IDS_MAX)
        return err_set(e, ERR_INVALID, "tokenizer: \"%s\" of the post-processor is not [token, id]", key);
    uint32_t *ids = arena_alloc(t->arena, sizeof *ids);
    *ids = (uint32_t)id;
    *out = (struct template_part){ .sequence = 2, .id = ids, .ids_count = 1 };
    return true;
}

static bool classic_read(struct tokenizer *t, const struct json *v, bool roberta, struct post *o, struct err *e)
{
    struct template_part cls, sep, *single = arena_alloc(t->arena, 3 * sizeof *single), *pair = arena_alloc(t->arena, 6 * sizeof *pair);
    const uint8_t second = !roberta;
    if (!pair_of(t, v, "cls", &cls, e) || !pair_of(t, v, "sep", &sep, e)) return false;
    size_t n = 0;
    single[0] = cls;
    single[2] = sep;
    pair[n++] = cls;
    pair[n++] = (struct template_part){ .sequence = 0 };
    pair[n++] = sep;
    if (roberta) pair[n++] = sep;
    pair[n++] = (struct template_part){ .sequence = 1, .type = second };
    pair[n] = sep;
    pair[n++].type = second;
    *o = (struct post){ .kind = roberta ? POST_ROBERTA : POST_BERT, .single = single, .single_count = 3, .pair = pair, .pair_count = n };
    if (roberta) {
        o->trim_offsets = json_bool_or(v, STR("trim_offsets"), true);
        o->add_prefix_space = json_bool_or(v, STR("add_prefix_space"), true);
    }
    return true;
}

bool pipeline_post(struct tokenizer *t, const struct json *v, struct err *e)
{
    if (!v || v->type == JSON_NULL) return true;
    str type = json_str_or(v, STR("type"), STR(""));
    if (str_eq(type, STR("Sequence"))) {
        json_each (item, json_get(v, STR("processors")))
            if (!pipeline_post(t, item, e)) return false;
        return true;
    }
    if (!t->post) t->post = arena_alloc(t->arena, 8 * sizeof *t->post);
    if (t->post_count == 8) return err_set(e, ERR_TOO_LARGE, "tokenizer: more than 8 post-processors");
    struct post *o = &t->post[t->post_count];
    if (!str_eq(type, STR("ByteLevel")))
        for (size_t i = 0; i < t->post_count; i++)
            if (t->post[i].kind != POST_BYTES) return err_set(e, ERR_NOT_BUILT, "tokenizer: two post-processors that add tokens");
    t->post_count++;
    if (str_eq(type, STR("BertProcessing"))) return classic_read(t, v, false, o, e);
    if (str_eq(type, STR("RobertaProcessing"))) return classic_read(t, v, true, o, e);
    if (str_eq(type, STR("ByteLevel"))) {
        *o = (struct post){ .kind = POST_BYTES, .trim_offsets = json_bool_or(v, STR("trim_offsets"), true),
                            .add_prefix_space = json_bool_or(v, STR("add_prefix_space"), true) };
        return true;
    }
    if (!str_eq(type, STR("TemplateProcessing")))
        return err_set(e, ERR_INVALID, "tokenizer: post_processor \"%.*s\" is not known", (int)(type.n < 40 ? type.n : 40), type.p);
    const struct json *special = json_get(v, STR("special_tokens"));
    o->kind = POST_TEMPLATE;
    return template_read(t, json_get(v, STR("single")), special, false, &o->single, &o->single_count, e) &&
           template_read(t, json_get(v, STR("pair")), special, true, &o->pair, &o->pair_count, e);
}

/* ---- offsets of byte-level tokens ------------------------------------------------------------------------------- */

static bool is_blank(uint32_t c) { return c == 0x120 || unicode_is_space(c); } /* U+0120 is the alphabet's space */

/* Blanks that an added token took in on its left (encode.c has cut those on its right off already). */
static uint32_t swallowed(const struct tokenizer *t, const struct encoding *x, size_t i, str content)
{
    uint32_t id = x->id[i], units = (uint32_t)utf8_count(content);
    if (id >= t->added_ids || !t->added_by_id[id] || !t->added[t->added_by_id[id] - 1].lstrip) return 0;
    return x->to[i] - x->from[i] > units ? x->to[i] - x->from[i] - units : 0;
}

static void trim(const struct tokenizer *t, const struct post *o, struct encoding *x)
{
    for (size_t i = 0; i < x->n; i++) {
        uint32_t lead = 0, tail = 0;
        size_t size;
        str s;
        if (!tokenizer_token(t, x->id[i], &s)) continue;
        for (size_t k = 0; k < s.n && is_blank(utf8_get((const uint8_t *)s.p + k, &size)); k += size) lead++;
        lead += swallowed(t, x, i, s);
        for (size_t k = s.n; k > 0; tail++) {
            do k--;
            while (k > 0 && !utf8_is_lead((uint8_t)s.p[k]));
            if (!is_blank(utf8_get((const uint8_t *)s.p + k, &size))) break;
        }
        if (lead > 0) {
            /* One may be the space that we put there; more are the text's. */
            if ((i == 0 || x->from[i] == 0) && o->add_prefix_space && lead == 1) lead = 0;
            x->from[i] = x->to[i] - x->from[i] < lead ? x->to[i] : x->from[i] + lead;
        }
        if (tail > 0 && x->to[i] >= tail) x->to[i] = x->to[i] - tail < x->from[i] ? x->from[i] : x->to[i] - tail;
    }
}

/* ---- putting it together ---------------------------------------------------------------------------------------- */

static const struct post *adder(const struct tokenizer *t)
{
    for (size_t i = 0; i < t->post_count; i++)
        if (t->post[i].kind != POST_BYTES) return &t->post[i];
    return NULL;
}

size_t post_template(const struct tokenizer *t, bool is_pair, const struct template_part **out)
{
    const struct post *o = adder(t);
    if (!o) return *out = is_pair ? plain_pair : plain_single, is_pair ? 2 : 1;
    return *out = is_pair ? o->pair : o->single, is_pair ? o->pair_count : o->single_count;
}

size_t post_added_count(const struct tokenizer *t, bool is_pair)
{
    const struct template_part *part;
    size_t count = post_template(t, is_pair, &part), n = 0;
    for (size_t i = 0; i < count; i++) n += part[i].sequence == 2 ? part[i].ids_count : 0;
    return n;
}

static void add_ids(struct encoding *out, const struct template_part *p)
{
    encoding_room(out, out->n + p->ids_count);
    for (uint32_t i = 0; i < p->ids_count; i++, out->n++) {
        out->id[out->n] = p->id[i];
        out->from[out->n] = out->to[out->n] = 0;
        out->word[out->n] = TOKEN_NO_WORD;
        out->type[out->n] = p->type;
        out->special[out->n] = out->attention[out->n] = 1;
        out->sequence[out->n] = 2;
    }
}

struct window {
    const struct encoding *text[2];
    bool is_first[2]; /* the texts' own first windows take the template's type; the others keep theirs, as upstream */
};

static void combine(const struct tokenizer *t, struct window w, bool add_special, struct encoding *out)
{
    const struct post *o = adder(t);
    const bool is_pair = w.text[1] != NULL, classic = add_special && o && o->kind != POST_TEMPLATE;
    const struct template_part *part;
    size_t count = post_template(t, is_pair, &part);
    if (!add_special && o && o->kind == POST_BERT) count = is_pair ? 2 : 1, part = is_pair ? plain_pair : plain_single;
    out->n = 0;
    for (size_t i = 0; i < count; i++) {
        if (part[i].sequence == 2) {
            if (add_special) add_ids(out, &part[i]);
            continue;
        }
        const struct encoding *text = w.text[part[i].sequence];
        size_t at = out->n;
        if (!text) continue;
        encoding_append(out, text, 0, text->n);
        if (classic || w.is_first[part[i].sequence]) memset(out->type + at, part[i].type, text->n);
    }
}

static bool leads_with_second(const struct tokenizer *t)
{
    const struct template_part *part;
    size_t count = post_template(t, true, &part), i = 0;
    while (i < count && part[i].sequence == 2) i++;
    return i < count && part[i].sequence == 1;
}

bool post_process(const struct tokenizer *t, struct encoding *first, struct encoding *second, bool add_special, struct encoding *out,
                  struct err *e)
{
    struct encoding *text[2] = { first, second };
    const int outer = second && leads_with_second(t), inner = !outer; /* whose windows change slowest */
    const size_t rows = text[outer]->overflow_count + 1, columns = text[inner] ? text[inner]->overflow_count + 1 : 1;
    if (rows > ((size_t)1 << 20) / columns) return err_set(e, ERR_TOO_LARGE, "truncation would leave %zu times %zu windows", rows, columns);
    for (size_t p = 0; p < t->post_count; p++)
        for (int i = 0; i < 2 && t->post[p].trim_offsets && text[i]; i++) {
            trim(t, &t->post[p], text[i]);
            for (size_t k = 0; k < text[i]->overflow_count; k++) trim(t, &t->post[p], &text[i]->overflow[k]);
        }
    for (size_t i = 0; i < out->overflow_count; i++) encoding_deinit(&out->overflow[i]);
    mem_free(out->overflow);
    out->overflow_count = rows * columns - 1;
    out->overflow = out->overflow_count ? mem_alloc(out->overflow_count * sizeof *out->overflow) : NULL;
    size_t n = 0;
    for (size_t i = 1; i <= rows; i++) /* a text's own window comes after its others */
        for (size_t k = 0; k < columns; k++) {
            size_t row = i % rows;
            struct window w = { 0 };
            w.text[outer] = row ? &text[outer]->overflow[row - 1] : text[outer];
            w.is_first[outer] = row == 0;
            if (text[inner]) w.text[inner] = k ? &text[inner]->overflow[k - 1] : text[inner];
            w.is_first[inner] = k == 0;
            combine(t, w, add_special, row == 0 && k == 0 ? out : &out->overflow[n++]);
        }
    return true;
}
