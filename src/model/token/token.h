/* model/token/token.h - text to token ids and back, exactly as Hugging Face tokenizers does it.
 *
 * A tokenizer is compiled once into one flat block of memory (vocabulary, hash tables, pipeline), which can be cached
 * on disk and mapped; every tokenizer in use, fresh or cached, is read from such a block.
 *
 * Threads: a struct tokenizer is immutable and may be shared by all.  A struct token_encoder holds the scratch memory
 * and the word cache of one thread.  A struct token_stream belongs to one generation.
 *
 * Text: what is not UTF-8 counts as U+FFFD, one per malformed sequence.  Offsets count Unicode scalar values of the
 * text (bytes on request).  Ids are at most TOKEN_IDS_MAX - 1.  Characters are those of Unicode 14; the reference's parts know
 * 8 (BERT's), 9 (normal forms) or 16 (regexes), so that characters which are new in between may come out otherwise. */
#ifndef MODEL_TOKEN_TOKEN_H
#define MODEL_TOKEN_TOKEN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct tokenizer;
struct token_encoder;

enum {
    TOKEN_JSON_MAX = 256 << 20, /* bytes of a tokenizer.json */
    TOKEN_IDS_MAX = 1 << 22,    /* the largest published vocabularies have 2^20 */
    TOKEN_TEXT_MAX = 1 << 30,   /* bytes of one text */
    TOKEN_ADDED_MAX = 1 << 18,
    TOKEN_PIECE_MAX = 1 << 10,  /* bytes of an added token, and of a piece that a text is searched for */
};

/* ---- getting one ---------------------------------------------------------------------------------------------- */

/* From the text of a tokenizer.json, which need not outlive the call. */
bool tokenizer_parse(str json, struct tokenizer **out, struct err *e);
/* From a model's folder: tokenizer.json, else vocab.json with merges.txt (GPT-2's kind), else vocab.txt (BERT's).  cache_dir (or NULL) keeps
 * compiled tokenizers by the BLAKE3 of their source; a cached one that is damaged or foreign is made anew. */
bool tokenizer_open(const char *dir, const char *cache_dir, struct tokenizer **out, struct err *e);

/* What a GGUF file says of its tokenizer (tokenizer.ggml.*); views are borrowed for the call. */
struct token_gguf {
    str model, pre;           /* "llama", "gpt2", "bert", "t5"; "llama-bpe", "qwen2" ... */
    const str *tokens;        /* [count] */
    const float *scores;      /* [count] or NULL */
    const int32_t *types;     /* [count] or NULL: 1 normal 2 unknown 3 control 4 user-defined 5 unused 6 byte */
    size_t count;
    const str *merges;        /* [merges_count], "a b" */
    size_t merges_count;
    int64_t bos_id, eos_id, unk_id, sep_id, cls_id; /* -1: not named */
    int add_bos, add_eos, add_space_prefix;         /* 0, 1, or -1: the model's default */
    bytes charsmap;           /* precompiled_charsmap, or empty */
    str huggingface_json;     /* a whole tokenizer.json, or empty; wins */
};
bool tokenizer_from_gguf(const struct token_gguf *g, struct tokenizer **out, struct err *e);

/* The compiled form by itself: made from JSON, and used from memory that outlives the tokenizer.  A block from
 * outside is checked as a whole (bounds, order, checksum) before anything of it is used. */
bool tokenizer_compile(str json, struct buf *out, struct err *e);
bool tokenizer_load(bytes block, struct tokenizer **out, struct err *e);

void tokenizer_free(struct tokenizer *t); /* NULL is fine; encoders and streams must be gone */

/* ---- asking it ------------------------------------------------------------------------------------------------ */

size_t tokenizer_size(const struct tokenizer *t);                         /* one more than the largest id */
bool tokenizer_id(const struct tokenizer *t, str token, uint32_t *id);    /* added tokens too */
bool tokenizer_token(const struct tokenizer *t, uint32_t id, str *token); /* as written in the vocabulary */
bool tokenizer_is_special(const struct tokenizer *t, uint32_t id);
bool tokenizer_marks_subwords(const struct tokenizer *t); /* tokens inside of a word have a prefix, such as "##" */
/* What the id stands for in running text, in the middle of it: the bytes of a byte-level token, the content of an added
 * one, the byte of <0x..>, " the" for a SentencePiece token that begins a word.  For constrained generation.  Writes to out, which is emptied first. */
void tokenizer_piece(const struct tokenizer *t, uint32_t id, struct buf *out);

/* ---- encoding ------------------------------------------------------------------------------------------------- */

enum token_unit { TOKEN_CHARS, TOKEN_BYTES };
enum token_side { TOKEN_RIGHT, TOKEN_LEFT };
enum token_cut { TOKEN_LONGEST_FIRST, TOKEN_ONLY_FIRST, TOKEN_ONLY_SECOND };
#define TOKEN_NO_WORD UINT32_MAX

struct token_truncation {
    size_t length_max, stride;
    enum token_cut cut;
    enum token_side side;
    bool drops_rest; /* what is cut off is gone; otherwise it stands in overflow, in windows */
};
struct token_padding {
    size_t length;      /* 0: the longest of the batch */
    size_t multiple_of; /* 0: any */
    uint32_t id, type;
    enum token_side side;
};
struct token_range { /* bytes [from, to) of the text */
    size_t from, to;
};

/* One encoded text: parallel arrays of n, and the windows that truncation cut off.  Owned by the caller: {0} before
 * the first use, encoding_deinit after the last; a second token_encode reuses the memory. */
struct encoding {
    size_t n, cap;
    uint32_t *id;
    uint32_t *from, *to;  /* in the text that sequence[] names; 0, 0 for what was added */
    uint32_t *word;       /* index of the word, or TOKEN_NO_WORD */
    uint8_t *type;        /* token_type_ids */
    uint8_t *special;     /* special_tokens_mask */
    uint8_t *attention;   /* attention_mask: 0 is padding */
    uint8_t *sequence;    /* 0 first text, 1 second, 2 neither */
    struct encoding *overflow;
    size_t overflow_count;
};
void encoding_deinit(struct encoding *x);

struct token_options {
    bool no_special;      /* leave out what the post-processor adds */
    bool plain;           /* text of users: special tokens spelt in it are ordinary text ... */
    const struct token_range *literal; /* ... except inside these ranges of the first text (sorted); implies plain */
    size_t literal_count;
    enum token_unit unit;
    const struct token_truncation *truncation; /* NULL: what the file says */
    const struct token_padding *padding;       /* NULL: what the file says */
    bool no_truncation, no_padding;            /* not even what the file says */
};

struct token_encoder *token_encoder_new(const struct tokenizer *t);
void token_encoder_free(struct token_encoder *x); /* NULL is fine */

/* options may be NULL.  pair NULL: one text. */
bool token_encode(struct token_encoder *x, str text, const struct token_options *options, struct encoding *out,
                  struct err *e);
bool token_encode_pair(struct token_encoder *x, str text, str pair, const struct token_options *options,
                       struct encoding *out, struct err *e);
/* Only the ids, added to ids[0..*n) which has room for `room`; needs none of the arrays above, no truncation, no
 * padding.  Room for text.n + 16 always suffices for byte-level models; otherwise ERR_TOO_LARGE says what is missing. */
bool token_encode_ids(struct token_encoder *x, str text, const struct token_options *options, uint32_t *ids,
                      size_t room, size_t *n, struct err *e);
/* Pads all to one length, as `padding` or the file says (nothing happens when neither does). */
void encoding_pad_batch(const struct tokenizer *t, const struct token_padding *padding, struct encoding *x, size_t n);

/* ---- decoding ------------------------------------------------------------------------------------------------- */

/* Adds to out.  Unknown ids are skipped, as the reference does. */
bool tokenizer_decode(const struct tokenizer *t, const uint32_t *ids, size_t n, bool skip_special, struct buf *out,
                      struct err *e);

/* The same for tokens as they are written, whether the vocabulary has them or not (UTF-8). */
bool tokenizer_join(const struct tokenizer *t, const str *token, size_t n, struct buf *out, struct err *e);

/* Text as it is generated.  What token_stream_add gives is never half a character, and all pieces together are what
 * tokenizer_decode gives for all ids (but for a malformed end, which token_stream_end adds, and where tokens of single
 * bytes (<0x41>) make malformed text: the reference then gives up the whole run of them, of which some have been told). */
struct token_stream;
struct token_stream *token_stream_new(const struct tokenizer *t, bool skip_special);
void token_stream_free(struct token_stream *s);
bool token_stream_add(struct token_stream *s, uint32_t id, str *text, struct err *e); /* borrowed until the next call */
bool token_stream_end(struct token_stream *s, str *text, struct err *e);

#endif
