/* compile.c - a tokenizer.json, parsed, becomes the block of block.c.
 *
 * The vocabulary comes first: texts by id and a table by text that lives for the compilation only.  With it the merges
 * become pairs of numbers and added tokens get their final ids.  Byte-level vocabularies are written in an alphabet of
 * visible characters; the block also has the bytes that they mean, and words are then looked up as they stand in the
 * text, without translation.
 *
 * Input is hostile: counts are bounded by TOKEN_IDS_MAX and by what the JSON holds, memory is arena_try's. */
#include "model/token/compile.h"

static const struct {
    str name;
    enum token_model model;
} models[] = {
    { STR_INIT("BPE"), MODEL_BPE },
    { STR_INIT("WordPiece"), MODEL_WORDPIECE },
    { STR_INIT("Unigram"), MODEL_UNIGRAM },
    { STR_INIT("WordLevel"), MODEL_WORDLEVEL },
};

/* Old files do not name their model; its fields do. */
static bool model_kind(const struct json *m, enum token_model *out, struct err *e)
{
    str type = json_str_or(m, STR("type"), STR(""));
    for (size_t i = 0; i < COUNT(models); i++)
        if (str_eq(models[i].name, type)) return *out = models[i].model, true;
    if (type.n) return err_set(e, ERR_INVALID, "tokenizer: model type \"%.*s\" is none of BPE, WordPiece, Unigram, "
                               "WordLevel", (int)(type.n < 40 ? type.n : 40), type.p);
    if (json_get(m, STR("merges"))) *out = MODEL_BPE;
    else if (json_is(json_get(m, STR("vocab")), JSON_ARRAY)) *out = MODEL_UNIGRAM;
    else if (json_get(m, STR("max_input_chars_per_word"))) *out = MODEL_WORDPIECE;
    else *out = MODEL_WORDLEVEL;
    return true;
}

uint32_t compile_find(const struct compile *c, str s)
{
    for (uint32_t i = hash_bytes((const uint8_t *)s.p, s.n) & c->by_text_mask;; i = (i + 1) & c->by_text_mask) {
        uint32_t id = c->by_text[i];
        if (id == NO_ID || str_eq(c->text[id], s)) return id;
    }
}
static void by_text_put(struct compile *c, str s, uint32_t id)
{
    uint32_t i = hash_bytes((const uint8_t *)s.p, s.n) & c->by_text_mask;
    while (c->by_text[i] != NO_ID && !str_eq(c->text[c->by_text[i]], s)) i = (i + 1) & c->by_text_mask;
    c->by_text[i] = id; /* the later of two wins, as in a map */
}

uint32_t table_size(size_t count) /* a power of two, at most half full */
{
    uint32_t n = 4;
    while (n < 2 * count) n *= 2;
    return n;
}

static bool no_memory(struct err *e) { return err_set(e, ERR_TOO_LARGE, "tokenizer: too large to compile"); }

static bool tables_new(struct compile *c, size_t ids, size_t entries, struct err *e)
{
    if (ids > TOKEN_IDS_MAX || entries > TOKEN_IDS_MAX)
        return err_set(e, ERR_TOO_LARGE, "tokenizer: a vocabulary of %zu ids; at most %d are supported", ids, TOKEN_IDS_MAX);
    c->ids = (uint32_t)ids;
    c->entries = entries;
    c->text = arena_try_array(c->a, ids + 1, sizeof *c->text);
    c->present = arena_try(c->a, ids + 1);
    c->by_text_mask = table_size(entries) - 1;
    c->by_text = arena_try_array(c->a, (size_t)c->by_text_mask + 1, sizeof *c->by_text);
    if (!c->text || !c->present || !c->by_text) return no_memory(e);
    memset(c->by_text, 0xFF, ((size_t)c->by_text_mask + 1) * sizeof *c->by_text);
    return true;
}

static bool vocab_object(struct compile *c, const struct json *vocab, struct err *e)
{
    size_t ids = 0;
    if (!json_is(vocab, JSON_OBJECT)) return err_set(e, ERR_INVALID, "tokenizer: model.vocab is not an object");
    json_each (v, vocab) {
        if (v->type != JSON_INT || v->i < 0 || v->i >= TOKEN_IDS_MAX)
            return err_set(e, ERR_INVALID, "tokenizer: the id of \"%.*s\" is not a number below %d",
                           (int)(v->key.n < 40 ? v->key.n : 40), v->key.p, TOKEN_IDS_MAX);
        if ((size_t)v->i >= ids) ids = (size_t)v->i + 1;
    }
    if (!tables_new(c, ids, vocab->count, e)) return false;
    json_each (v, vocab) {
        uint32_t id = (uint32_t)v->i;
        if (c->present[id])
            return err_set(e, ERR_INVALID, "tokenizer: \"%.*s\" and \"%.*s\" have the same id %u",
                           (int)(c->text[id].n < 40 ? c->text[id].n : 40), c->text[id].p,
                           (int)(v->key.n < 40 ? v->key.n : 40), v->key.p, (unsigned)id);
        c->text[id] = v->key;
        c->present[id] = 1;
        by_text_put(c, v->key, id);
    }
    return true;
}

static bool vocab_pieces(struct compile *c, const struct json *vocab, struct err *e)
{
    if (!json_is(vocab, JSON_ARRAY) || vocab->count == 0)
        return err_set(e, ERR_INVALID, "tokenizer: model.vocab is not a list of pieces");
    if (!tables_new(c, vocab->count, vocab->count, e)) return false;
    c->scores = arena_try_array(c->a, c->ids, sizeof *c->scores);
    if (!c->scores) return no_memory(e);
    uint32_t id = 0;
    json_each (v, vocab) {
        const struct json *score = json_at(v, 1);
        if (!json_str(json_at(v, 0), &c->text[id]) || !score || (score->type != JSON_INT && score->type != JSON_REAL))
            return err_set(e, ERR_INVALID, "tokenizer: piece %u is not [text, score]", (unsigned)id);
        c->scores[id] = score->type == JSON_INT ? (double)score->i : score->r;
        c->present[id] = 1;
        by_text_put(c, c->text[id], id);
        id++;
    }
    return true;
}

/* ---- merges ----------------------------------------------------------------------------------------------------- */

static bool merge_parts(const struct json *v, size_t rank, str *a, str *b, struct err *e)
{
    str s;
    size_t at;
    if (json_is(v, JSON_ARRAY) && v->count == 2 && json_str(json_at(v, 0), a) && json_str(json_at(v, 1), b)) return true;
    if (json_str(v, &s) && (at = str_chr(s, ' ')) != STR_NONE && str_rchr(s, ' ') == at) {
        *a = str_to(s, at);
        *b = str_from(s, at + 1);
        return true;
    }
    return err_set(e, ERR_INVALID, "tokenizer: merge %zu is not two tokens", rank);
}

static bool merge_put(struct compile *c, str a, str b, uint32_t rank, struct err *e)
{
    char joined[4096];
    str tail = str_from(b, c->head.prefix_len);
    if (a.n > sizeof joined || tail.n > sizeof joined - a.n)
        return err_set(e, ERR_TOO_LARGE, "tokenizer: merge %u is longer than %zu bytes", (unsigned)rank, sizeof joined);
    if (a.n) memcpy(joined, a.p, a.n);
    if (tail.n) memcpy(joined + a.n, tail.p, tail.n);
    str whole = str_n(joined, a.n + tail.n);
    uint32_t left = compile_find(c, a), right = compile_find(c, b), id = compile_find(c, whole);
    if (left == NO_ID || right == NO_ID || id == NO_ID) {
        str lost = left == NO_ID ? a : right == NO_ID ? b : whole;
        return err_set(e, ERR_INVALID, "tokenizer: merge %u needs \"%.*s\", which the vocabulary lacks", (unsigned)rank,
                       (int)(lost.n < 60 ? lost.n : 60), lost.p);
    }
    uint32_t i = hash_pair(left, right) & c->pairs_mask;
    while (c->pairs[i].left != NO_ID && (c->pairs[i].left != left || c->pairs[i].right != right)) i = (i + 1) & c->pairs_mask;
    c->pairs[i] = (struct pair_slot){ left, right, rank, id };
    return true;
}

static bool merges_read(struct compile *c, const struct json *merges, struct err *e)
{
    size_t count = json_is(merges, JSON_ARRAY) ? merges->count : 0;
    if (count > 4 * (size_t)TOKEN_IDS_MAX) return err_set(e, ERR_TOO_LARGE, "tokenizer: %zu merges", count);
    c->pairs_mask = table_size(count) - 1;
    c->pairs = arena_try_array(c->a, (size_t)c->pairs_mask + 1, sizeof *c->pairs);
    if (!c->pairs) return no_memory(e);
    for (uint32_t i = 0; i <= c->pairs_mask; i++) c->pairs[i].left = NO_ID;
    uint32_t rank = 0;
    json_each (v, merges) {
        str a, b, s;
        if (json_str(v, &s) && str_starts(s, STR("#version"))) continue;
        if (!merge_parts(v, rank, &a, &b, e) || !merge_put(c, a, b, rank, e)) return false;
        rank++;
    }
    return true;
}

/* ---- the model's other fields ----------------------------------------------------------------------------------- */

/* ByteLevel as the last step of cutting words: then words can stay bytes. */
static bool ends_in_bytes(const struct json *root)
{
    const struct json *v = json_get(root, STR("pre_tokenizer")), *list = json_get(v, STR("pretokenizers")), *last = v;
    json_each (item, list) last = item;
    return str_eq(json_str_or(last, STR("type"), STR("")), STR("ByteLevel"));
}

static bool bpe_read(struct compile *c, const struct json *root, const struct json *m, struct err *e)
{
    str prefix = json_str_or(m, STR("continuing_subword_prefix"), STR(""));
    str suffix = json_str_or(m, STR("end_of_word_suffix"), STR("")), unk = json_str_or(m, STR("unk_token"), STR(""));
    if (prefix.n > 256 || suffix.n > 256) return err_set(e, ERR_TOO_LARGE, "tokenizer: a prefix or suffix of that length");
    c->head.prefix_len = (uint32_t)prefix.n;
    c->head.fuse_unk = json_bool_or(m, STR("fuse_unk"), false);
    c->head.byte_fallback = json_bool_or(m, STR("byte_fallback"), false);
    c->head.ignore_merges = json_bool_or(m, STR("ignore_merges"), false);
    c->head.byte_level = ends_in_bytes(root) && !prefix.n && !suffix.n && !c->head.byte_fallback;
    if (unk.n && (c->head.unk_id = compile_find(c, unk)) == NO_ID)
        return err_set(e, ERR_INVALID, "tokenizer: unk_token \"%.*s\" is not in the vocabulary",
                       (int)(unk.n < 40 ? unk.n : 40), unk.p);
    return merges_read(c, json_get(m, STR("merges")), e);
}

static bool unigram_read(struct compile *c, const struct json *m, struct err *e)
{
    const struct json *unk = json_get(m, STR("unk_id"));
    int64_t id;
    if (unk && unk->type != JSON_NULL) {
        if (!json_int(unk, &id) || id < 0 || id >= c->ids)
            return err_set(e, ERR_INVALID, "tokenizer: unk_id is not an id of the vocabulary");
        c->head.unk_id = (uint32_t)id;
    }
    c->head.fuse_unk = true;
    c->head.byte_fallback = json_bool_or(m, STR("byte_fallback"), false);
    return compile_trie(c, STR(""), e);
}

static bool word_models_read(struct compile *c, const struct json *m, struct err *e)
{
    int64_t chars = json_int_or(m, STR("max_input_chars_per_word"), 100);
    if (chars < 0 || chars > UINT32_MAX) return err_set(e, ERR_INVALID, "tokenizer: max_input_chars_per_word is out of range");
    c->head.word_chars_max = (uint32_t)chars;
    str unk = json_str_or(m, STR("unk_token"), c->head.model == MODEL_WORDPIECE ? STR("[UNK]") : STR("<unk>"));
    c->head.unk_id = compile_find(c, unk);
    if (c->head.model == MODEL_WORDLEVEL) return true;
    return compile_trie(c, json_str_or(m, STR("continuing_subword_prefix"), STR("##")), e);
}

/* ---- added tokens and the pipeline ------------------------------------------------------------------------------ */

/* The file's ids are checked, not obeyed: the vocabulary's id wins; others follow in file order.  Writes the list anew
 * with the ids that hold. */
static bool added_write(struct compile *c, const struct json *added, struct json_writer *w, struct err *e)
{
    struct json **list = NULL; /* distinct contents, in order */
    size_t n = 0, count = json_is(added, JSON_ARRAY) ? added->count : 0;
    int64_t id_max = -1;
    if (count > TOKEN_ADDED_MAX) return err_set(e, ERR_TOO_LARGE, "tokenizer: %zu added tokens", count);
    uint32_t mask = table_size(count) - 1, *slot = arena_try_array(c->a, (size_t)mask + 1, sizeof *slot);
    list = arena_try_array(c->a, count + 1, sizeof *list);
    int64_t *ids = arena_try_array(c->a, count + 1, sizeof *ids);
    if (!slot || !list || !ids) return no_memory(e);
    json_each (v, added) {
        str text = json_str_or(v, STR("content"), STR(""));
        if (!text.n) continue;
        if (text.n > 4096) return err_set(e, ERR_TOO_LARGE, "tokenizer: an added token of %zu bytes", text.n);
        uint32_t i = hash_bytes((const uint8_t *)text.p, text.n) & mask;
        while (slot[i] && !str_eq(json_str_or(list[slot[i] - 1], STR("content"), STR("")), text)) i = (i + 1) & mask;
        if (slot[i]) { /* said again: the later flags hold */
            list[slot[i] - 1] = (struct json *)(uintptr_t)v;
            continue;
        }
        uint32_t known = compile_find(c, text);
        ids[n] = known != NO_ID ? known : id_max >= (int64_t)c->entries || c->entries == 0 ? id_max + 1 : (int64_t)c->entries;
        if (ids[n] >= TOKEN_IDS_MAX) return err_set(e, ERR_TOO_LARGE, "tokenizer: an added token with id %lld", (long long)ids[n]);
        if (ids[n] > id_max) id_max = ids[n];
        list[n++] = (struct json *)(uintptr_t)v;
        slot[i] = (uint32_t)n;
    }
    jw_key(w, STR("added_tokens"));
    jw_array(w);
    for (size_t i = 0; i < n; i++) {
        jw_object(w);
        jw_kint(w, "id", ids[i]);
        json_each (field, list[i])
            if (!str_eq(field->key, STR("id"))) {
                jw_key(w, field->key);
                jw_value(w, field);
            }
        jw_object_end(w);
    }
    jw_array_end(w);
    return true;
}

static bool pipeline_write(struct compile *c, const struct json *root, const struct json *m, struct buf *out, struct err *e)
{
    struct json_writer w = json_writer(out);
    jw_object(&w);
    if (!added_write(c, json_get(root, STR("added_tokens")), &w, e)) return false;
    json_each (v, root) {
        if (str_eq(v->key, STR("added_tokens")) || str_eq(v->key, STR("model"))) continue;
        jw_key(&w, v->key);
        jw_value(&w, v);
    }
    jw_kobject(&w, "model");
    json_each (v, m)
        if (!str_eq(v->key, STR("vocab")) && !str_eq(v->key, STR("merges"))) {
            jw_key(&w, v->key);
            jw_value(&w, v);
        }
    jw_object_end(&w);
    jw_object_end(&w);
    return out->failed ? no_memory(e) : true;
}

bool compile_root(const struct json *root, struct arena *a, struct buf *out, struct err *e)
{
    const struct json *m = json_get(root, STR("model")), *vocab = json_get(m, STR("vocab"));
    struct compile c = { .a = a, .head = { .unk_id = NO_ID, .prefix_node = NO_ID } };
    struct buf pipeline = BUF_INIT(TOKEN_JSON_MAX);
    enum token_model kind = MODEL_BPE;
    bool ok = false;
    if (!json_is(m, JSON_OBJECT)) return err_set(e, ERR_INVALID, "tokenizer: there is no \"model\" in it");
    str version = json_str_or(root, STR("version"), STR("1.0"));
    if (!str_eq(version, STR("1.0")))
        return err_set(e, ERR_INVALID, "tokenizer: version is \"%.*s\", must be \"1.0\"", (int)(version.n < 20 ? version.n : 20), version.p);
    if (!model_kind(m, &kind, e)) return false;
    c.head.model = kind;
    if (!(kind == MODEL_UNIGRAM ? vocab_pieces(&c, vocab, e) : vocab_object(&c, vocab, e))) return false;
    if (kind == MODEL_BPE && !bpe_read(&c, root, m, e)) return false;
    if (kind == MODEL_UNIGRAM && !unigram_read(&c, m, e)) return false;
    if ((kind == MODEL_WORDPIECE || kind == MODEL_WORDLEVEL) && !word_models_read(&c, m, e)) return false;
    if (!pipeline_write(&c, root, m, &pipeline, e)) goto done;
    ok = compile_write(&c, buf_str(&pipeline), out, e);
done:
    buf_deinit(&pipeline);
    return ok;
}

bool tokenizer_compile(str json, struct buf *out, struct err *e)
{
    if (json.n > TOKEN_JSON_MAX) return err_set(e, ERR_TOO_LARGE, "tokenizer.json has %zu bytes; at most %d", json.n, TOKEN_JSON_MAX);
    struct arena *a = arena_new((size_t)1 << 31);
    struct json *root;
    bool ok = json_parse(json, a, &root, e) ? compile_root(root, a, out, e) : err_context(e, "tokenizer.json");
    arena_free(a);
    return ok;
}
