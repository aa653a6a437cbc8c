/* pipeline.c - the components of a tokenizer.json, from its JSON to arrays.
 *
 * Sequences are flattened (their meaning is to run one after the other), nesting is bounded by the JSON parser's depth,
 * and the number of steps by STEPS_MAX.  Fields are read with the reference's defaults; an unknown type is refused. */
#include "model/token/token_priv.h"

enum { STEPS_MAX = 64, TEXT_MAX = 4096 };

static bool unknown(struct err *e, const char *what, str type)
{
    return err_set(e, ERR_INVALID, "tokenizer: %s \"%.*s\" is not known", what, (int)(type.n < 40 ? type.n : 40), type.p);
}

static bool field_text(const struct json *v, const char *key, str otherwise, str *out, struct err *e)
{
    *out = json_str_or(v, str_c(key), otherwise);
    return out->n <= TEXT_MAX ? true : err_set(e, ERR_TOO_LARGE, "tokenizer: \"%s\" has %zu bytes", key, out->n);
}

static bool field_char(const struct json *v, const char *key, uint32_t otherwise, uint32_t *out, struct err *e)
{
    str s = json_str_or(v, str_c(key), STR(""));
    *out = otherwise;
    if (s.n && str_utf8_decode(s, out) == s.n) return true;
    if (s.n == 0 && otherwise) return true;
    return err_set(e, ERR_INVALID, "tokenizer: \"%s\" must be one character", key);
}

/* ---- normalisers ------------------------------------------------------------------------------------------------ */

static bool bert_read(const struct json *v, struct normal *o)
{
    const struct json *strip = json_get(v, STR("strip_accents"));
    o->kind = NORMAL_BERT;
    o->clean = json_bool_or(v, STR("clean_text"), true);
    o->cjk = json_bool_or(v, STR("handle_chinese_chars"), true);
    o->lower = json_bool_or(v, STR("lowercase"), true);
    o->accents = json_is(strip, JSON_BOOL) ? strip->b : o->lower;
    return true;
}

static bool normal_fields(struct tokenizer *t, const struct json *v, str type, struct normal *o, struct err *e)
{
    static const struct {
        str type;
        enum normal_kind kind;
        uint16_t form;
    } plain[] = {
        { STR_INIT("NFC"), NORMAL_FORM, UF_NFC },        { STR_INIT("NFD"), NORMAL_FORM, UF_NFD },
        { STR_INIT("NFKC"), NORMAL_FORM, UF_NFKC },      { STR_INIT("NFKD"), NORMAL_FORM, UF_NFKD },
        { STR_INIT("Lowercase"), NORMAL_LOWER, 0 },      { STR_INIT("Nmt"), NORMAL_NMT, 0 },
        { STR_INIT("StripAccents"), NORMAL_STRIP_ACCENTS, 0 }, { STR_INIT("ByteLevel"), NORMAL_BYTES, 0 },
    };
    for (size_t i = 0; i < COUNT(plain); i++)
        if (str_eq(plain[i].type, type)) {
            *o = (struct normal){ .kind = plain[i].kind, .form = plain[i].form };
            return true;
        }
    if (str_eq(type, STR("BertNormalizer"))) return bert_read(v, o);
    if (str_eq(type, STR("Strip"))) {
        o->kind = NORMAL_STRIP;
        o->left = json_bool_or(v, STR("strip_left"), true);
        o->right = json_bool_or(v, STR("strip_right"), true);
        return true;
    }
    if (str_eq(type, STR("Replace"))) {
        o->kind = NORMAL_REPLACE;
        return field_text(v, "content", STR(""), &o->text, e) && pattern_new(json_get(v, STR("pattern")), t->arena, &o->pattern, e);
    }
    if (str_eq(type, STR("Prepend"))) {
        o->kind = NORMAL_PREPEND;
        return field_text(v, "prepend", STR(""), &o->text, e);
    }
    if (str_eq(type, STR("Precompiled"))) {
        o->kind = NORMAL_CHARSMAP;
        return charsmap_open(o, t->arena, json_str_or(v, STR("precompiled_charsmap"), STR("")), e);
    }
    return unknown(e, "normalizer", type);
}

static bool normal_read(struct tokenizer *t, const struct json *v, struct err *e)
{
    if (!v || v->type == JSON_NULL) return true;
    str type = json_str_or(v, STR("type"), STR(""));
    if (str_eq(type, STR("Sequence"))) {
        json_each (item, json_get(v, STR("normalizers")))
            if (!normal_read(t, item, e)) return false;
        return true;
    }
    if (t->normal_count == STEPS_MAX) return err_set(e, ERR_TOO_LARGE, "tokenizer: more than %d normalizers", STEPS_MAX);
    return normal_fields(t, v, type, &t->normal[t->normal_count++], e);
}

/* ---- pre-tokenisers --------------------------------------------------------------------------------------------- */

static bool behaviour(const struct json *v, enum split_how otherwise, enum split_how *out, struct err *e)
{
    static const str name[] = { STR_INIT("Removed"), STR_INIT("Isolated"), STR_INIT("MergedWithPrevious"),
                                STR_INIT("MergedWithNext"), STR_INIT("Contiguous") };
    str s = json_str_or(v, STR("behavior"), STR(""));
    *out = otherwise;
    for (size_t i = 0; i < COUNT(name); i++)
        if (str_eq_nocase(name[i], s)) return *out = (enum split_how)i, true;
    return s.n == 0 ? true : unknown(e, "behavior", s);
}

static bool metaspace_read(const struct json *v, struct cutter *o, struct err *e)
{
    str scheme = json_str_or(v, STR("prepend_scheme"), STR("always"));
    bool legacy;
    o->kind = CUT_METASPACE;
    o->how = SPLIT_NEXT;
    o->split = json_bool_or(v, STR("split"), true);
    if (str_eq(scheme, STR("always"))) o->prepend = PREPEND_ALWAYS;
    else if (str_eq(scheme, STR("first"))) o->prepend = PREPEND_FIRST;
    else if (str_eq(scheme, STR("never"))) o->prepend = PREPEND_NEVER;
    else return unknown(e, "prepend_scheme", scheme);
    if (json_bool(json_get(v, STR("add_prefix_space")), &legacy) && !legacy) {
        if (json_get(v, STR("prepend_scheme")) && o->prepend != PREPEND_NEVER)
            return err_set(e, ERR_INVALID, "tokenizer: add_prefix_space contradicts prepend_scheme");
        o->prepend = PREPEND_NEVER;
    }
    return field_char(v, "replacement", 0x2581, &o->c, e);
}

static bool cutter_fields(struct tokenizer *t, const struct json *v, str type, struct cutter *o, struct err *e)
{
    if (str_eq(type, STR("ByteLevel"))) {
        o->kind = CUT_BYTES;
        o->how = SPLIT_ISOLATED;
        o->add_prefix_space = json_bool_or(v, STR("add_prefix_space"), true);
        o->use_regex = json_bool_or(v, STR("use_regex"), true);
        o->pattern = pattern_scan(scan_gpt2, t->arena);
        return true;
    }
    if (str_eq(type, STR("Metaspace"))) return metaspace_read(v, o, e);
    if (str_eq(type, STR("Split"))) {
        o->kind = CUT_SPLIT;
        o->invert = json_bool_or(v, STR("invert"), false);
        return behaviour(v, SPLIT_ISOLATED, &o->how, e) && pattern_new(json_get(v, STR("pattern")), t->arena, &o->pattern, e);
    }
    if (str_eq(type, STR("Whitespace"))) return o->kind = CUT_WHITESPACE, true;
    if (str_eq(type, STR("WhitespaceSplit"))) return o->kind = CUT_WHITESPACE_SPLIT, o->how = SPLIT_REMOVED, true;
    if (str_eq(type, STR("BertPreTokenizer"))) return o->kind = CUT_BERT, true;
    if (str_eq(type, STR("Punctuation"))) return o->kind = CUT_PUNCTUATION, behaviour(v, SPLIT_ISOLATED, &o->how, e);
    if (str_eq(type, STR("Digits"))) {
        o->kind = CUT_DIGITS;
        o->how = json_bool_or(v, STR("individual_digits"), false) ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS;
        return true;
    }
    if (str_eq(type, STR("CharDelimiterSplit"))) {
        o->kind = CUT_DELIMITER;
        o->how = SPLIT_REMOVED;
        return field_char(v, "delimiter", 0, &o->c, e);
    }
    if (str_eq(type, STR("UnicodeScripts"))) return o->kind = CUT_SCRIPTS, true;
    if (str_eq(type, STR("FixedLength"))) {
        int64_t n = json_int_or(v, STR("length"), 5);
        if (n < 1 || n > UINT32_MAX) return err_set(e, ERR_INVALID, "tokenizer: FixedLength needs a length");
        o->kind = CUT_LENGTH;
        o->length = (uint32_t)n;
        return true;
    }
    return unknown(e, "pre_tokenizer", type);
}

static bool cutter_read(struct tokenizer *t, const struct json *v, struct err *e)
{
    if (!v || v->type == JSON_NULL) return true;
    str type = json_str_or(v, STR("type"), STR(""));
    if (str_eq(type, STR("Sequence"))) {
        json_each (item, json_get(v, STR("pretokenizers")))
            if (!cutter_read(t, item, e)) return false;
        return true;
    }
    if (t->cutter_count == STEPS_MAX) return err_set(e, ERR_TOO_LARGE, "tokenizer: more than %d pre-tokenizers", STEPS_MAX);
    return cutter_fields(t, v, type, &t->cutter[t->cutter_count++], e);
}

/* ---- added tokens ----------------------------------------------------------------------------------------------- */

/* compile.c has settled the ids and removed duplicates. */
static bool added_read(struct tokenizer *t, const struct json *list, struct err *e)
{
    size_t count = json_is(list, JSON_ARRAY) ? list->count : 0;
    if (count > TOKEN_ADDED_MAX) return err_set(e, ERR_TOO_LARGE, "tokenizer: %zu added tokens", count);
    t->added = arena_alloc(t->arena, (count + 1) * sizeof *t->added);
    json_each (v, list) {
        int64_t id = json_int_or(v, STR("id"), -1);
        str content = json_str_or(v, STR("content"), STR(""));
        if (id < 0 || id >= TOKEN_IDS_MAX || content.n == 0)
            return err_set(e, ERR_INVALID, "tokenizer: added token %zu has no id or no content", t->added_count);
        bool special = json_bool_or(v, STR("special"), false);
        t->added[t->added_count++] = (struct added){
            .content = content, .id = (uint32_t)id, .special = special,
            .single_word = json_bool_or(v, STR("single_word"), false),
            .lstrip = json_bool_or(v, STR("lstrip"), false), .rstrip = json_bool_or(v, STR("rstrip"), false),
            .normalized = json_bool_or(v, STR("normalized"), !special),
        };
        if (id >= t->added_ids) t->added_ids = (uint32_t)id + 1;
    }
    t->added_by_id = arena_alloc(t->arena, ((size_t)t->added_ids + 1) * sizeof *t->added_by_id);
    for (size_t i = 0; i < t->added_count; i++) t->added_by_id[t->added[i].id] = (uint32_t)i + 1;
    return true;
}

/* Normalised tokens are looked for as they look after normalisation.  Of two that look alike then the first counts, and
 * special ones come first. */
static bool matchers_make(struct tokenizer *t, struct err *e)
{
    struct token_encoder x = { .t = t };
    bool ok = true;
    t->raw = matcher_new(t->arena);
    t->normalized = matcher_new(t->arena);
    for (size_t k = 0; ok && k < 2 * t->added_count; k++) {
        const size_t i = k % t->added_count;
        const struct added *a = &t->added[i];
        if (a->special != (k < t->added_count)) continue;
        struct view v = { (const uint8_t *)a->content.p, NULL, (uint32_t)a->content.n, 0 };
        if (!a->normalized) ok = matcher_add(t->raw, a->content, (uint32_t)i, e);
        else ok = normalise(&x, &v, e) && matcher_add(t->normalized, str_n((const char *)v.p, v.n), (uint32_t)i, e);
    }
    for (size_t i = 0; i < COUNT(x.norm); i++) norm_free(&x.norm[i]);
    mem_free(x.changes.item);
    pattern_use_end(&x.regex);
    return ok;
}

/* ---- truncation, padding, and what follows from it all ---------------------------------------------------------- */

static bool side_is_left(const struct json *v) { return str_eq_nocase(json_str_or(v, STR("direction"), STR("Right")), STR("Left")); }

static bool length_field(const struct json *v, const char *key, size_t *out, struct err *e)
{
    int64_t n = json_int_or(v, str_c(key), 0);
    if (n < 0 || n > TOKEN_TEXT_MAX) return err_set(e, ERR_INVALID, "tokenizer: \"%s\" is out of range", key);
    *out = (size_t)n;
    return true;
}

static bool truncation_read(struct tokenizer *t, const struct json *v, struct err *e)
{
    if (!json_is(v, JSON_OBJECT)) return true;
    str cut = json_str_or(v, STR("strategy"), STR("LongestFirst"));
    t->has_truncation = true;
    t->truncation.side = side_is_left(v) ? TOKEN_LEFT : TOKEN_RIGHT;
    if (str_eq(cut, STR("OnlyFirst"))) t->truncation.cut = TOKEN_ONLY_FIRST;
    else if (str_eq(cut, STR("OnlySecond"))) t->truncation.cut = TOKEN_ONLY_SECOND;
    else if (!str_eq(cut, STR("LongestFirst"))) return unknown(e, "truncation strategy", cut);
    return length_field(v, "max_length", &t->truncation.length_max, e) && length_field(v, "stride", &t->truncation.stride, e);
}

static bool padding_read(struct tokenizer *t, const struct json *v, struct err *e)
{
    if (!json_is(v, JSON_OBJECT)) return true;
    int64_t id = json_int_or(v, STR("pad_id"), 0), type = json_int_or(v, STR("pad_type_id"), 0);
    if (id < 0 || id >= TOKEN_IDS_MAX || type < 0 || type > 255) return err_set(e, ERR_INVALID, "tokenizer: pad_id or pad_type_id is out of range");
    t->has_padding = true;
    t->padding = (struct token_padding){ .id = (uint32_t)id, .type = (uint32_t)type, .side = side_is_left(v) ? TOKEN_LEFT : TOKEN_RIGHT };
    return length_field(json_get(v, STR("strategy")), "Fixed", &t->padding.length, e) && length_field(v, "pad_to_multiple_of", &t->padding.multiple_of, e);
}

/* Which shortcuts encode.c may take. */
static void shortcuts(struct tokenizer *t)
{
    t->normal_is_form = true;
    for (size_t i = 0; i < t->normal_count; i++) {
        t->normal_is_form &= t->normal[i].kind == NORMAL_FORM;
        t->quiet |= t->normal[i].form;
    }
    const struct cutter *last = t->cutter_count ? &t->cutter[t->cutter_count - 1] : NULL;
    t->bytes_last = t->b.head->byte_level && last && last->kind == CUT_BYTES;
    if (!t->bytes_last || last->add_prefix_space) return;
    const struct cutter *first = &t->cutter[0];
    if (t->cutter_count == 1 && last->use_regex) t->scan = scan_gpt2;
    if (t->cutter_count == 2 && !last->use_regex && first->kind == CUT_SPLIT && first->how == SPLIT_ISOLATED && !first->invert)
        t->scan = pattern_scanner(first->pattern);
}

static void byte_ids(struct tokenizer *t)
{
    char name[8];
    for (unsigned b = 0; b < 256; b++) {
        uint8_t byte = (uint8_t)b;
        if (t->b.head->byte_level) {
            t->byte_id[b] = block_word(&t->b, &byte, 1);
        } else {
            snprintf(name, sizeof name, "<0x%02X>", b);
            t->byte_id[b] = block_word(&t->b, (const uint8_t *)name, 6);
        }
    }
}

bool pipeline_read(struct tokenizer *t, const struct json *root, struct err *e)
{
    const struct json *model = json_get(root, STR("model"));
    t->normal = arena_alloc(t->arena, STEPS_MAX * sizeof *t->normal);
    t->cutter = arena_alloc(t->arena, STEPS_MAX * sizeof *t->cutter);
    if (!normal_read(t, json_get(root, STR("normalizer")), e) || !cutter_read(t, json_get(root, STR("pre_tokenizer")), e)) return false;
    if (t->b.head->model == MODEL_BPE && (!field_text(model, "continuing_subword_prefix", STR(""), &t->bpe_prefix, e) ||
                                          !field_text(model, "end_of_word_suffix", STR(""), &t->bpe_suffix, e)))
        return false;
    if (t->bpe_prefix.n > 256 || t->bpe_suffix.n > 256) return err_set(e, ERR_TOO_LARGE, "tokenizer: a prefix or suffix of that length");
    if (t->b.head->byte_level && (t->bpe_prefix.n || t->bpe_suffix.n)) return err_set(e, ERR_INVALID, "compiled tokenizer: contradicts itself");
    shortcuts(t);
    if (t->b.head->byte_level && !t->bytes_last) return err_set(e, ERR_INVALID, "compiled tokenizer: contradicts itself");
    byte_ids(t);
    if (t->b.head->model == MODEL_UNIGRAM) {
        t->unk_score = t->b.head->ids ? t->b.scores[0] : 0;
        for (uint32_t i = 1; i < t->b.head->ids; i++)
            if (t->b.scores[i] < t->unk_score) t->unk_score = t->b.scores[i];
        t->unk_score -= 10;
    }
    if (!pipeline_post(t, json_get(root, STR("post_processor")), e)) return false;
    for (size_t i = 0; i < t->post_count; i++) t->trims |= t->post[i].trim_offsets;
    return added_read(t, json_get(root, STR("added_tokens")), e) && matchers_make(t, e) &&
           truncation_read(t, json_get(root, STR("truncation")), e) && padding_read(t, json_get(root, STR("padding")), e) &&
           pipeline_decoder(t, json_get(root, STR("decoder")), e);
}
