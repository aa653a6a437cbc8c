/* gguf.c - a tokenizer from GGUF metadata: the same JSON tree as any other, built from lists of tokens.
 *
 * GGUF names a model (llama: SentencePiece BPE, gpt2: byte-level BPE, bert: WordPiece, t5: Unigram) and, for byte-level
 * ones, a splitting rule by name instead of by pattern. What it leaves out (normalisers, decoders) is what these models
 * have in tokenizer.json. SentencePiece BPE has scores in place of merges; they are written out as merges in the order
 * that Hugging Face's conversion gives them. */
#include "base/hash.h"
#include "base/log.h"
#include "model/token/token_priv.h"

enum { TYPE_UNKNOWN = 2, TYPE_CONTROL = 3, TYPE_USER = 4, TYPE_UNUSED = 5, TYPE_BYTE = 6 };

struct rule { /* tokenizer.ggml.pre */
    const char *names; /* between blanks */
    const char *pattern; /* of scan_named, or NULL */
    const char *before;  /* JSON of the pre-tokenizers that come first, each with a comma behind it */
    const char *after;   /* and of those that follow the pattern */
    bool ignore_merges, bos, nfc;
};
#define SPLIT(regex) "{\"type\":\"Split\",\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":\"" regex "\"}},"
static const struct rule rules[] = {
    { " llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 ", "llama3", "", "", true, true, false },
    { " tekken ", "tekken", "", "", true, true, false },
    { " qwen2 deepseek-r1-qwen ", "qwen2", "", "", false, false, true },
    { " qwen35 ", "qwen35", "", "", false, false, true },
    { " gpt-4o llama4 ", "o200k", "", "", false, false, false },
    { " chatglm-bpe glm4 ", "llama3", "", "", false, false, false },
    { " smollm starcoder refact command-r ", "gpt2", "{\"type\":\"Digits\",\"individual_digits\":true},", "", false, false, false },
    { " gpt-2 phi-2 modern-bert mellum roberta-bpe jina-v1 jina-v2-es jina-v2-de jina-v2-code ", "gpt2", "", "", false, false, false },
    { " falcon ", "gpt2", SPLIT("[\\\\p{P}\\\\$\\\\+<=>\\\\^~\\\\|`]+"), SPLIT("[0-9][0-9][0-9]"), false, false, false },
    { " bloom ", NULL, SPLIT(" ?[^(\\\\s|.,!?…。，、।۔،)]+"), "", false, false, false },
    { " deepseek-v3 ", NULL,
      SPLIT("\\\\p{N}{1,3}") SPLIT("[一-龥\\u3040-ゟ゠-ヿ]+")
      SPLIT("[!\\\"#$%&'()*+,\\\\-./:;<=>?@\\\\[\\\\\\\\\\\\]^_`{|}~][A-Za-z]+|[^\\\\r\\\\n\\\\p{L}\\\\p{P}\\\\p{S}]?"
            "[\\\\p{L}\\\\p{M}]+| ?[\\\\p{P}\\\\p{S}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"), "", false, true, false },
};

struct build {
    const struct token_gguf *g;
    struct arena *a;
    struct json *root, *model;
    bool bos, eos;        /* the model's default */
    int64_t first, last;  /* the tokens that they stand for */
};

static int32_t type_of(const struct token_gguf *g, size_t i) { return g->types ? g->types[i] : 1; }

static bool put_parsed(struct build *b, struct json *object, const char *key, str text, struct err *e)
{
    struct json *v;
    if (!json_parse(text, b->a, &v, e)) return false;
    json_put(object, str_c(key), v);
    return true;
}

static void put_vocab(struct build *b, str (*text_of)(struct build *, size_t))
{
    struct json_list vocab = json_list_new(b->a, JSON_OBJECT);
    for (size_t i = 0; i < b->g->count; i++) {
        struct json *id = json_new_int(b->a, (int64_t)i);
        id->key = text_of ? text_of(b, i) : b->g->tokens[i];
        json_list_add(&vocab, id);
    }
    json_put(b->model, STR("vocab"), vocab.container);
}

static void put_added(struct build *b)
{
    struct json_list list = json_list_new(b->a, JSON_ARRAY);
    for (size_t i = 0; i < b->g->count; i++) {
        int32_t type = type_of(b->g, i);
        if ((type != TYPE_CONTROL && type != TYPE_USER && type != TYPE_UNKNOWN) || b->g->tokens[i].n == 0) continue;
        struct json *v = json_new(b->a, JSON_OBJECT);
        json_put(v, STR("content"), json_new_str(b->a, b->g->tokens[i]));
        json_put(v, STR("special"), json_new_bool(b->a, type != TYPE_USER));
        json_put(v, STR("normalized"), json_new_bool(b->a, false));
        json_list_add(&list, v);
    }
    json_put(b->root, STR("added_tokens"), list.container);
}

/* bos A eos [B eos], of which any may be missing. */
static bool put_template(struct build *b, struct err *e)
{
    const struct token_gguf *g = b->g;
    const int64_t count = (int64_t)g->count;
    bool bos = g->add_bos >= 0 ? g->add_bos : b->bos, eos = g->add_eos >= 0 ? g->add_eos : b->eos;
    if (bos && (b->first < 0 || b->first >= count)) return err_set(e, ERR_INVALID, "GGUF tokenizer: it begins texts with a token, but bos_token_id is not one of its %zu", g->count);
    if (eos && (b->last < 0 || b->last >= count)) return err_set(e, ERR_INVALID, "GGUF tokenizer: it ends texts with a token, but eos_token_id is not one of its %zu", g->count);
    const char *open = bos ? "{\"SpecialToken\":{\"id\":\"first\",\"type_id\":0}}," : "";
    const char *end[] = { eos ? ",{\"SpecialToken\":{\"id\":\"last\",\"type_id\":0}}" : "", eos ? ",{\"SpecialToken\":{\"id\":\"last\",\"type_id\":1}}" : "" };
    str text = arena_fmt(b->a,
                         "{\"type\":\"TemplateProcessing\",\"single\":[%s{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}%s],"
                         "\"pair\":[%s{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}%s,{\"Sequence\":{\"id\":\"B\",\"type_id\":1}}%s],"
                         "\"special_tokens\":{\"first\":{\"ids\":[%lld]},\"last\":{\"ids\":[%lld]}}}",
                         open, end[0], open, end[0], end[1], (long long)(bos ? b->first : 0), (long long)(eos ? b->last : 0));
    return put_parsed(b, b->root, "post_processor", text, e);
}

/* ---- gpt2 ------------------------------------------------------------------------------------------------------- */

static const struct rule *rule_of(str pre)
{
    char name[64];
    if (pre.n + 3 > sizeof name) return NULL;
    snprintf(name, sizeof name, " %.*s ", STR_ARG(pre));
    for (size_t i = 0; i < COUNT(rules); i++)
        if (str_find(str_c(rules[i].names), str_c(name)) != STR_NONE) return &rules[i];
    return NULL;
}

static bool build_gpt2(struct build *b, struct err *e)
{
    const struct rule *rule = rule_of(b->g->pre);
    struct json_list merges = json_list_new(b->a, JSON_ARRAY);
    struct buf text = BUF_INIT(1 << 16);
    str pattern;
    if (!rule) {
        log_warn("tokenizer_pre_unknown", "pre=\"%.*s\" used=gpt-2", (int)(b->g->pre.n < 40 ? b->g->pre.n : 40), b->g->pre.p);
        rule = rule_of(STR("gpt-2"));
    }
    json_put(b->model, STR("type"), json_new_str(b->a, STR("BPE")));
    json_put(b->model, STR("ignore_merges"), json_new_bool(b->a, rule->ignore_merges));
    put_vocab(b, NULL);
    for (size_t i = 0; i < b->g->merges_count; i++) json_list_add(&merges, json_new_str(b->a, b->g->merges[i]));
    json_put(b->model, STR("merges"), merges.container);
    buf_addf(&text, "{\"type\":\"Sequence\",\"pretokenizers\":[%s", rule->before);
    if (rule->pattern && scan_named(str_c(rule->pattern), &pattern)) {
        buf_lit(&text, "{\"type\":\"Split\",\"behavior\":\"Isolated\",\"pattern\":{\"Regex\":");
        buf_json_str(&text, pattern);
        buf_lit(&text, "}},");
    }
    buf_addf(&text, "%s{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]}", rule->after);
    bool ok = put_parsed(b, b->root, "pre_tokenizer", arena_dup(b->a, buf_str(&text)), e) &&
              put_parsed(b, b->root, "decoder", STR("{\"type\":\"ByteLevel\"}"), e) &&
              (!rule->nfc || put_parsed(b, b->root, "normalizer", STR("{\"type\":\"NFC\"}"), e));
    buf_deinit(&text);
    b->bos = rule->bos;
    if (str_starts(b->g->pre, STR("roberta")) || str_eq(b->g->pre, STR("jina-v1"))) b->bos = b->eos = true;
    return ok;
}

/* ---- llama: merges from scores ---------------------------------------------------------------------------------- */

struct index { /* text -> token, open addressing */
    const struct token_gguf *g;
    uint32_t *slot, mask;
};
static uint32_t index_find(const struct index *x, str s, uint32_t *at)
{
    uint32_t i = hash_bytes((const uint8_t *)s.p, s.n) & x->mask;
    while (x->slot[i] && !str_eq(x->g->tokens[x->slot[i] - 1], s)) i = (i + 1) & x->mask;
    *at = i;
    return x->slot[i] ? x->slot[i] - 1 : NO_ID;
}

struct merge {
    float score;
    uint32_t left, right, left_chars, right_chars, order;
};
static int merge_cmp(const void *pa, const void *pb)
{
    const struct merge *a = pa, *b = pb;
    if (a->score != b->score) return a->score > b->score ? -1 : 1;
    if (a->left_chars != b->left_chars) return a->left_chars > b->left_chars ? -1 : 1;
    if (a->right_chars != b->right_chars) return a->right_chars > b->right_chars ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

enum { PIECE_BYTES_MAX = 1024, MERGES_MAX = 1 << 24 };

static bool is_piece(const struct token_gguf *g, size_t i) { return type_of(g, i) == 1 || type_of(g, i) == TYPE_USER; }

static bool merges_from_scores(struct build *b, struct merge **out, size_t *out_n, struct err *e)
{
    const struct token_gguf *g = b->g;
    struct index x = { .g = g, .mask = 1 };
    struct { struct merge *item; size_t n, cap; } m = { 0 };
    uint32_t at;
    while (x.mask < 2 * g->count + 2) x.mask = x.mask * 2 + 1;
    x.slot = arena_try_array(b->a, (size_t)x.mask + 1, sizeof *x.slot);
    if (!x.slot) return err_set(e, ERR_TOO_LARGE, "GGUF tokenizer: too large");
    for (size_t i = 0; i < g->count; i++)
        if (index_find(&x, g->tokens[i], &at) == NO_ID) x.slot[at] = (uint32_t)i + 1;
    for (size_t i = 0; i < g->count; i++) {
        str s = g->tokens[i];
        if (!is_piece(g, i) || s.n > PIECE_BYTES_MAX) continue;
        uint32_t chars = (uint32_t)utf8_count(s), left_chars = 0;
        for (size_t k = 1; k < s.n; k++) {
            if (!utf8_is_lead((uint8_t)s.p[k])) continue;
            left_chars++;
            uint32_t left = index_find(&x, str_to(s, k), &at), right = index_find(&x, str_from(s, k), &at);
            if (left == NO_ID || right == NO_ID) continue;
            if (m.n == MERGES_MAX) {
                mem_free(m.item);
                return err_set(e, ERR_TOO_LARGE, "GGUF tokenizer: its pieces make more than %d merges", MERGES_MAX);
            }
            need_room(&m, 1);
            m.item[m.n] = (struct merge){ g->scores[i], left, right, left_chars, chars - left_chars, (uint32_t)m.n };
            m.n++;
        }
    }
    if (m.n) qsort(m.item, m.n, sizeof *m.item, merge_cmp);
    *out = m.item;
    *out_n = m.n;
    return true;
}

static bool build_llama(struct build *b, struct err *e)
{
    const struct token_gguf *g = b->g;
    const bool prefix = g->add_space_prefix != 0;
    struct json_list merges = json_list_new(b->a, JSON_ARRAY);
    struct merge *m = NULL;
    size_t n = 0;
    if (!g->scores) return err_set(e, ERR_INVALID, "GGUF tokenizer: model llama needs scores");
    for (size_t i = 0; i < g->count; i++)
        if (!(g->scores[i] == g->scores[i])) return err_set(e, ERR_INVALID, "GGUF tokenizer: the score of token %zu is not a number", i);
    if (!merges_from_scores(b, &m, &n, e)) return false;
    for (size_t i = 0; i < n; i++) {
        struct json *pair = json_new(b->a, JSON_ARRAY);
        json_add(pair, json_new_str(b->a, g->tokens[m[i].left]));
        json_add(pair, json_new_str(b->a, g->tokens[m[i].right]));
        json_list_add(&merges, pair);
    }
    mem_free(m);
    json_put(b->model, STR("type"), json_new_str(b->a, STR("BPE")));
    json_put(b->model, STR("byte_fallback"), json_new_bool(b->a, true));
    json_put(b->model, STR("fuse_unk"), json_new_bool(b->a, true));
    if (g->unk_id >= 0 && g->unk_id < (int64_t)g->count) json_put(b->model, STR("unk_token"), json_new_str(b->a, g->tokens[g->unk_id]));
    put_vocab(b, NULL);
    json_put(b->model, STR("merges"), merges.container);
    b->bos = true;
    return put_parsed(b, b->root, "normalizer",
                      prefix ? STR("{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"\xE2\x96\x81\"},"
                                   "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\xE2\x96\x81\"}]}")
                             : STR("{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\xE2\x96\x81\"}"), e) &&
           put_parsed(b, b->root, "decoder",
                      prefix ? STR("{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"\xE2\x96\x81\"},\"content\":\" \"},"
                                   "{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"},{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}]}")
                             : STR("{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":\"\xE2\x96\x81\"},\"content\":\" \"},"
                                   "{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}]}"), e);
}

/* ---- bert and t5 ------------------------------------------------------------------------------------------------ */

/* GGUF marks the pieces that begin a word (with U+2581), the original those that go on (with ##). */
static str bert_text(struct build *b, size_t i)
{
    str s = b->g->tokens[i];
    if (type_of(b->g, i) != 1) return s;
    if (str_starts(s, STR("\xE2\x96\x81"))) return str_from(s, 3);
    if (str_starts(s, STR("[")) && str_ends(s, STR("]")) && s.n > 2) return s;
    return arena_fmt(b->a, "##%.*s", STR_ARG(s));
}

static bool build_bert(struct build *b, struct err *e)
{
    const struct token_gguf *g = b->g;
    json_put(b->model, STR("type"), json_new_str(b->a, STR("WordPiece")));
    if (g->unk_id >= 0 && g->unk_id < (int64_t)g->count) json_put(b->model, STR("unk_token"), json_new_str(b->a, bert_text(b, (size_t)g->unk_id)));
    put_vocab(b, bert_text);
    b->bos = b->eos = true;
    b->first = g->cls_id >= 0 ? g->cls_id : g->bos_id;
    b->last = g->sep_id >= 0 ? g->sep_id : g->eos_id;
    return put_parsed(b, b->root, "normalizer", STR("{\"type\":\"BertNormalizer\"}"), e) &&
           put_parsed(b, b->root, "pre_tokenizer", STR("{\"type\":\"BertPreTokenizer\"}"), e) &&
           put_parsed(b, b->root, "decoder", STR("{\"type\":\"WordPiece\"}"), e);
}

static bool build_t5(struct build *b, struct err *e)
{
    const struct token_gguf *g = b->g;
    struct json_list vocab = json_list_new(b->a, JSON_ARRAY);
    struct buf text = BUF_INIT(TOKEN_JSON_MAX);
    if (!g->scores) return err_set(e, ERR_INVALID, "GGUF tokenizer: model t5 needs scores");
    json_put(b->model, STR("type"), json_new_str(b->a, STR("Unigram")));
    for (size_t i = 0; i < g->count; i++) {
        struct json *piece = json_new(b->a, JSON_ARRAY), *score = json_new(b->a, JSON_REAL);
        score->r = (double)g->scores[i];
        json_add(piece, json_new_str(b->a, g->tokens[i]));
        json_add(piece, score);
        json_list_add(&vocab, piece);
    }
    json_put(b->model, STR("vocab"), vocab.container);
    if (g->unk_id >= 0) json_put(b->model, STR("unk_id"), json_new_int(b->a, g->unk_id));
    buf_lit(&text, "{\"type\":\"Sequence\",\"normalizers\":[");
    if (g->charsmap.n) {
        buf_lit(&text, "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"");
        buf_base64(&text, g->charsmap);
        buf_lit(&text, "\"},");
    }
    buf_lit(&text, "{\"type\":\"Strip\",\"strip_left\":false,\"strip_right\":true},{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\" \"}]}");
    bool ok = put_parsed(b, b->root, "normalizer", arena_dup(b->a, buf_str(&text)), e) &&
              put_parsed(b, b->root, "pre_tokenizer", STR("{\"type\":\"Metaspace\",\"prepend_scheme\":\"always\",\"split\":true}"), e) &&
              put_parsed(b, b->root, "decoder", STR("{\"type\":\"Metaspace\",\"prepend_scheme\":\"always\"}"), e);
    buf_deinit(&text);
    b->eos = true;
    return ok;
}

bool tokenizer_from_gguf(const struct token_gguf *g, struct tokenizer **out, struct err *e)
{
    static const struct {
        str model;
        bool (*build)(struct build *b, struct err *e);
    } kind[] = { { STR_INIT("gpt2"), build_gpt2 }, { STR_INIT("llama"), build_llama }, { STR_INIT("bert"), build_bert }, { STR_INIT("t5"), build_t5 } };
    if (g->huggingface_json.n) return tokenizer_parse(g->huggingface_json, out, e);
    size_t k = 0;
    while (k < COUNT(kind) && !str_eq(kind[k].model, g->model)) k++;
    if (k == COUNT(kind)) return err_set(e, ERR_NOT_BUILT, "GGUF tokenizer: model \"%.*s\" is none of gpt2, llama, bert, t5", (int)(g->model.n < 40 ? g->model.n : 40), g->model.p);
    if (g->count == 0 || g->count > TOKEN_IDS_MAX) return err_set(e, ERR_INVALID, "GGUF tokenizer: %zu tokens", g->count);
    for (size_t i = 0; i < g->count; i++)
        if (!str_is_utf8(g->tokens[i])) return err_set(e, ERR_INVALID, "GGUF tokenizer: token %zu is not UTF-8", i);
    for (size_t i = 0; i < g->merges_count; i++)
        if (!str_is_utf8(g->merges[i])) return err_set(e, ERR_INVALID, "GGUF tokenizer: merge %zu is not UTF-8", i);
    struct build b = { .g = g, .a = arena_new((size_t)1 << 31), .first = g->bos_id, .last = g->eos_id };
    struct buf block;
    b.root = json_new(b.a, JSON_OBJECT);
    b.model = json_new(b.a, JSON_OBJECT);
    bool ok = kind[k].build(&b, e) && put_template(&b, e);
    if (ok) {
        put_added(&b);
        json_put(b.root, STR("model"), b.model);
        ok = compile_root(b.root, b.a, &block, e);
    }
    arena_free(b.a);
    return ok && tokenizer_of(&block, out, e);
}
