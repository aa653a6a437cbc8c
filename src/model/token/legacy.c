/* legacy.c - vocab.json + merges.txt, and vocab.txt: a tokenizer.json tree around what these files hold. */
#include "model/token/legacy.h"

#include "model/token/token_priv.h"

static void added_special(struct arena *a, struct json *list, str content, int64_t id)
{
    struct json *v = json_new(a, JSON_OBJECT);
    json_put(v, STR("id"), json_new_int(a, id));
    json_put(v, STR("content"), json_new_str(a, content));
    json_put(v, STR("special"), json_new_bool(a, true));
    json_put(v, STR("normalized"), json_new_bool(a, false));
    json_add(list, v);
}

bool legacy_compile_bpe(str vocab_json, str merges_txt, struct buf *out, struct err *e)
{
    struct arena *a = arena_new((size_t)1 << 31);
    struct json *root, *vocab, *model = json_new(a, JSON_OBJECT);
    struct json_list merges = json_list_new(a, JSON_ARRAY);
    str line, end = STR("<|endoftext|>");
    int64_t id;
    bool ok = json_parse(vocab_json, a, &vocab, e) || err_context(e, "vocab.json");
    ok = ok && json_parse(STR("{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
                               "\"decoder\":{\"type\":\"ByteLevel\"},"
                               "\"post_processor\":{\"type\":\"ByteLevel\",\"trim_offsets\":false}}"), a, &root, e);
    if (!ok) goto done;
    if (!merges_txt.p) merges_txt = STR("");
    while (str_cut(&merges_txt, '\n', &line)) {
        if (str_ends(line, STR("\r"))) line = str_to(line, line.n - 1);
        if (line.n == 0 || str_starts(line, STR("#version"))) continue;
        json_list_add(&merges, json_new_str(a, line));
    }
    json_put(model, STR("type"), json_new_str(a, STR("BPE")));
    vocab->key = STR("vocab");
    json_put(model, STR("vocab"), vocab);
    json_put(model, STR("merges"), merges.container);
    json_put(root, STR("model"), model);
    if (json_int(json_get(vocab, end), &id)) {
        struct json *added = json_new(a, JSON_ARRAY);
        added_special(a, added, end, id);
        json_put(root, STR("added_tokens"), added);
    }
    ok = compile_root(root, a, out, e);
done:
    arena_free(a);
    return ok;
}

bool legacy_compile_wordpiece(str vocab_txt, str tokenizer_config, struct buf *out, struct err *e)
{
    static const str special[] = { STR_INIT("[UNK]"), STR_INIT("[SEP]"), STR_INIT("[PAD]"), STR_INIT("[CLS]"), STR_INIT("[MASK]") };
    struct arena *a = arena_new((size_t)1 << 31);
    struct json *root, *config = NULL, *model = json_new(a, JSON_OBJECT), *added = json_new(a, JSON_ARRAY);
    struct json_list vocab = json_list_new(a, JSON_OBJECT);
    struct buf text = BUF_INIT(1 << 16);
    int64_t id = 0, found[COUNT(special)] = { -1, -1, -1, -1, -1 };
    str line;
    bool ok = true;
    if (tokenizer_config.n && !json_parse(tokenizer_config, a, &config, e)) ok = err_context(e, "tokenizer_config.json");
    if (!vocab_txt.p) vocab_txt = STR("");
    while (ok && vocab_txt.n && str_cut(&vocab_txt, '\n', &line)) {
        if (str_ends(line, STR("\r"))) line = str_to(line, line.n - 1);
        if (line.n == 0 && vocab_txt.n == 0) break;
        if (!str_is_utf8(line)) ok = err_set(e, ERR_INVALID, "vocab.txt: line %lld is not UTF-8", (long long)id + 1);
        if (id >= TOKEN_IDS_MAX) ok = err_set(e, ERR_TOO_LARGE, "vocab.txt: more than %d lines", TOKEN_IDS_MAX);
        if (line.n) {
            struct json *word = json_new_int(a, id);
            word->key = line;
            json_list_add(&vocab, word);
        }
        for (size_t i = 0; i < COUNT(special); i++)
            if (str_eq(line, special[i])) found[i] = id;
        id++;
    }
    if (ok && (found[1] < 0 || found[3] < 0)) ok = err_set(e, ERR_INVALID, "vocab.txt has no [CLS] or no [SEP]");
    if (!ok) goto done;
    for (size_t i = 0; i < COUNT(special); i++)
        if (found[i] >= 0) added_special(a, added, special[i], found[i]);
    const struct json *strip = json_get(config, STR("strip_accents"));
    buf_addf(&text,
             "{\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":%s,\"strip_accents\":%s,"
             "\"lowercase\":%s},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},\"decoder\":{\"type\":\"WordPiece\"},"
             "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"[CLS]\",\"type_id\":0}},"
             "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},{\"SpecialToken\":{\"id\":\"[SEP]\",\"type_id\":0}}],"
             "\"pair\":[{\"SpecialToken\":{\"id\":\"[CLS]\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
             "{\"SpecialToken\":{\"id\":\"[SEP]\",\"type_id\":0}},{\"Sequence\":{\"id\":\"B\",\"type_id\":1}},"
             "{\"SpecialToken\":{\"id\":\"[SEP]\",\"type_id\":1}}],\"special_tokens\":{\"[CLS]\":{\"id\":\"[CLS]\",\"ids\":[%lld]},"
             "\"[SEP]\":{\"id\":\"[SEP]\",\"ids\":[%lld]}}}}",
             json_bool_or(config, STR("tokenize_chinese_chars"), true) ? "true" : "false",
             json_is(strip, JSON_BOOL) ? (strip->b ? "true" : "false") : "null",
             json_bool_or(config, STR("do_lower_case"), true) ? "true" : "false", (long long)found[3], (long long)found[1]);
    ok = json_parse(buf_str(&text), a, &root, e);
    if (!ok) goto done;
    json_put(model, STR("type"), json_new_str(a, STR("WordPiece")));
    json_put(model, STR("unk_token"), json_new_str(a, STR("[UNK]")));
    json_put(model, STR("vocab"), vocab.container);
    json_put(root, STR("model"), model);
    json_put(root, STR("added_tokens"), added);
    ok = compile_root(root, a, out, e);
done:
    buf_deinit(&text);
    arena_free(a);
    return ok;
}
