/* fuzz_tokenizer.c - a tokenizer.json from outside: whatever is accepted encodes and decodes any text without harm,
 * gives ids that it knows and ranges that lie inside of the text; and a compiled form, damaged or not, is checked first.
 *
 * The input is the JSON; what follows its first NUL, if any, is the text.  Behind a first byte 1 stands a vocab.txt; behind 2 a
 * vocab.json, a NUL and a merges.txt. */
#include "base/arena.h"
#include "model/token/legacy.h"
#include "model/token/token_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct tokenizer *t, str text)
{
    struct token_encoder *x = token_encoder_new(t);
    struct token_options o = { .unit = TOKEN_BYTES, .no_padding = true };
    struct encoding got = { 0 };
    struct buf out = BUF_INIT(1 << 20);
    struct err e;
    str piece;
    struct token_stream *s = token_stream_new(t, false);
    if (token_encode_pair(x, text, text, &o, &got, &e)) {
        bool clean = str_is_utf8(text);
        for (size_t i = 0; i < got.n; i++) must(got.from[i] <= got.to[i] && (!clean || got.to[i] <= text.n));
        tokenizer_decode(t, got.id, got.n, false, &out, &e);
        for (size_t i = 0; i < got.n && i < 64; i++)
            if (!token_stream_add(s, got.id[i], &piece, &e)) break;
        (void)token_stream_end(s, &piece, &e);
        for (size_t i = 0; i < got.n && i < 64; i++) tokenizer_piece(t, got.id[i], &out);
    }
    uint32_t ids[256];
    size_t n = 0; /* what does not fit is refused */
    if (token_encode_ids(x, text, &o, ids, COUNT(ids), &n, &e)) must(n <= COUNT(ids));
    token_stream_free(s);
    buf_deinit(&out);
    encoding_deinit(&got);
    token_encoder_free(x);
}

static bool from_files(bool is_bpe, str files, struct tokenizer **out, struct err *e)
{
    struct buf block;
    str vocab;
    str_cut(&files, '\0', &vocab);
    return (is_bpe ? legacy_compile_bpe(vocab, files, &block, e) : legacy_compile_wordpiece(vocab, STR(""), &block, e)) && tokenizer_of(&block, out, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char some[] = " Hello, wo\xCC\x81rld! \xE4\xBD\xA0\xE5\xA5\xBD 123\n\xF0\x9F\x98\x80\xFF<s> aab ab";
    str json = str_n((const char *)data, size), text = str_n(some, sizeof some - 1);
    struct tokenizer *t;
    struct buf block;
    struct err e;
    if (size && (data[0] == 1 || data[0] == 2)) {
        if (!from_files(data[0] == 2, str_from(json, 1), &t, &e)) return 0;
        use(t, text);
        tokenizer_free(t);
        return 0;
    }
    size_t end = str_chr(json, 0);
    if (end != STR_NONE) {
        text = str_from(json, end + 1);
        json = str_to(json, end);
    }
    if (text.n > 4096) text = str_to(text, 4096);
    if (!tokenizer_compile(json, &block, &e)) return 0;
    if (tokenizer_load((bytes){ (const uint8_t *)block.p, block.n }, &t, &e)) {
        use(t, text);
        tokenizer_free(t);
    }
    buf_deinit(&block);
    return 0;
}
