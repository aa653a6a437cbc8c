/* model/token/token_priv.h - what the files of this folder share: the compiled block, the pipeline, the scratch.
 *
 * Life of a text (encode.c):
 *     added.c cuts out added tokens -> normal.c, form.c normalise what is left -> added.c again
 *     -> pretoken.c cuts words -> model.c, bpe.c, unigram.c turn a word into tokens (cache.c remembers)
 *     -> encode.c turns byte ranges into offsets -> encoding.c truncates, post.c adds, encoding.c pads. */
#ifndef MODEL_TOKEN_TOKEN_PRIV_H
#define MODEL_TOKEN_TOKEN_PRIV_H

#include "base/arena.h"
#include "base/json.h"
#include "model/token/scan.h"
#include "model/token/token.h"
#include "base/unicode.h"
#include "model/token/utf8.h"

#define NO_ID UINT32_MAX

/* ---- the compiled block (block.c writes and checks, compile.c fills) -------------------------------------------- */

enum token_model { MODEL_BPE = 1, MODEL_WORDPIECE, MODEL_UNIGRAM, MODEL_WORDLEVEL };

enum token_section {
    SEC_PIPELINE, /* JSON text: the tokenizer.json without vocabulary and merges */
    SEC_TEXT_AT,  /* u32[ids + 1], ascending: where a token's text begins in SEC_TEXT */
    SEC_TEXT,
    SEC_RAW_AT,   /* the same for the bytes that byte-level tokens stand for; empty for other models */
    SEC_RAW,
    SEC_PRESENT,  /* u8[ids]: 1 if the vocabulary has this id */
    SEC_WORDS,    /* struct word_slot[2^k]: text (byte level: raw bytes) -> id, open addressing */
    SEC_PAIRS,    /* struct pair_slot[2^k]: BPE merges by their parts, open addressing */
    SEC_SCORES,   /* f64[ids], Unigram */
    SEC_EDGES,    /* struct edge_slot[2^k]: the trie of Unigram and WordPiece, by (node, byte), open addressing */
    SEC_LEAVES,   /* u32[nodes]: the id that ends at a node, or NO_ID */
    SEC_COUNT
};

enum { BLOCK_VERSION = 1 };

struct word_slot { /* free: id == NO_ID */
    uint32_t hash, id;
};
struct pair_slot { /* free: left == NO_ID */
    uint32_t left, right, rank, id;
};
struct edge_slot { /* free: to == 0, for nothing leads to the root */
    uint32_t from, to; /* from = node << 8 | byte */
};
enum { TRIE_NODES_MAX = 1 << 24 };

struct block_header {
    char magic[8];
    uint32_t version, sections;
    uint64_t size;     /* of the whole block */
    uint64_t checksum; /* of all that follows this field */
    uint32_t model, ids, byte_level, unk_id; /* unk_id NO_ID: none */
    uint32_t fuse_unk, byte_fallback, ignore_merges, word_chars_max;
    uint32_t prefix_node, prefix_len; /* WordPiece: the node of "##"; BPE: bytes of the continuing prefix */
    uint32_t nodes, pad;
    struct {
        uint64_t at, n; /* bytes */
    } section[SEC_COUNT];
};

struct block { /* views into checked memory */
    const struct block_header *head;
    str pipeline;
    const uint32_t *text_at, *raw_at;
    const char *text, *raw;
    const uint8_t *present;
    const struct word_slot *words;
    const struct pair_slot *pairs;
    const double *scores;
    const struct edge_slot *edges;
    const uint32_t *leaves;
    uint32_t words_mask, pairs_mask, edges_mask;
};

bool block_check(bytes memory, struct block *out, struct err *e);
uint64_t block_checksum(bytes b);

/* ---- looking things up ------------------------------------------------------------------------------------------ */

static inline uint32_t hash_bytes(const uint8_t *p, size_t n)
{
    uint64_t h = 0x9E3779B97F4A7C15u ^ n, v;
    for (; n >= 8; p += 8, n -= 8) {
        memcpy(&v, p, 8);
        h = (h ^ v) * 0x9FB21C651E98DF25u;
        h ^= h >> 32;
    }
    v = 0;
    for (size_t i = 0; i < n; i++) v |= (uint64_t)p[i] << (8 * i);
    h = (h ^ v) * 0x9FB21C651E98DF25u;
    h ^= h >> 29;
    return (uint32_t)(h ^ h >> 32);
}
static inline uint32_t hash_pair(uint32_t a, uint32_t b)
{
    uint64_t h = ((uint64_t)a << 32 | b) * 0x9E3779B97F4A7C15u;
    return (uint32_t)(h >> 32) ^ (uint32_t)(h >> 15);
}

static inline str block_text(const struct block *b, uint32_t id)
{
    return (str){ b->text + b->text_at[id], b->text_at[id + 1] - b->text_at[id] };
}
static inline str block_raw(const struct block *b, uint32_t id)
{
    return (str){ b->raw + b->raw_at[id], b->raw_at[id + 1] - b->raw_at[id] };
}
/* By text, or by bytes in byte-level models; NO_ID if absent. */
static inline uint32_t block_word(const struct block *b, const uint8_t *p, size_t n)
{
    uint32_t h = hash_bytes(p, n);
    for (uint32_t i = h & b->words_mask;; i = (i + 1) & b->words_mask) {
        const struct word_slot *w = &b->words[i];
        if (w->id == NO_ID) return NO_ID;
        if (w->hash != h) continue;
        str s = b->head->byte_level ? block_raw(b, w->id) : block_text(b, w->id);
        if (s.n == n && memcmp(s.p, p, n) == 0) return w->id;
    }
}
static inline const struct pair_slot *block_pair(const struct block *b, uint32_t left, uint32_t right)
{
    for (uint32_t i = hash_pair(left, right) & b->pairs_mask;; i = (i + 1) & b->pairs_mask) {
        const struct pair_slot *s = &b->pairs[i];
        if (s->left == left && s->right == right) return s;
        if (s->left == NO_ID) return NULL;
    }
}
static inline uint32_t block_edge(const struct block *b, uint32_t node, uint8_t byte) /* 0: none */
{
    uint32_t from = node << 8 | byte;
    for (uint32_t i = hash_pair(from, 0) & b->edges_mask;; i = (i + 1) & b->edges_mask) {
        const struct edge_slot *s = &b->edges[i];
        if (s->to == 0 || s->from == from) return s->to;
    }
}

/* ---- text on its way -------------------------------------------------------------------------------------------- */

struct span { /* bytes of the original text */
    uint32_t from, to;
};
struct norm { /* owned text with, per byte, the original range that it stands for */
    uint8_t *p;
    struct span *at;
    size_t n, cap;
};
struct change { /* a character of the new text; how: 0 replaces one, 1 is inserted, -k also removes the next k */
    uint32_t c;
    int32_t how;
};
struct changes {
    struct change *item;
    size_t n, cap;
};
struct view { /* at NULL: the bytes are the original's from `base` on */
    const uint8_t *p;
    const struct span *at;
    uint32_t n, base;
};
static inline struct span view_span(const struct view *v, uint32_t from, uint32_t to)
{
    if (v->at) return from < to ? (struct span){ v->at[from].from, v->at[to - 1].to } : (struct span){ 0, 0 };
    return (struct span){ v->base + from, v->base + to };
}
struct split { /* a word: bytes of the current view */
    uint32_t from, to;
};
struct splits {
    struct split *item;
    size_t n, cap;
};
struct tok { /* bytes of the original text; may begin and end inside of a character, and then means all of it */
    uint32_t id, from, to, word;
};
struct toks {
    struct tok *item;
    size_t n, cap;
};

/* Makes room for n more items behind array->n. */
#define need_room(array, more)                                                             \
    do {                                                                                   \
        if ((array)->cap - (array)->n < (more)) {                                          \
            (array)->cap = ((array)->n + (more)) * 3 / 2 + 16;                             \
            (array)->item = mem_grow((array)->item, (array)->cap * sizeof *(array)->item); \
        }                                                                                  \
    } while (0)

/* ---- the pipeline ----------------------------------------------------------------------------------------------- */

struct pattern; /* a literal, a known scanner, or a PCRE2 program (pattern.c) */
struct matcher; /* added tokens (added.c) */

enum normal_kind {
    NORMAL_FORM, NORMAL_LOWER, NORMAL_STRIP, NORMAL_STRIP_ACCENTS, NORMAL_REPLACE, NORMAL_PREPEND, NORMAL_NMT,
    NORMAL_BYTES, NORMAL_BERT, NORMAL_CHARSMAP,
};
struct normal {
    enum normal_kind kind;
    uint16_t form; /* UF_NFC ... */
    bool left, right;
    bool clean, cjk, accents, lower; /* Bert */
    str text;                        /* Replace: content; Prepend */
    struct pattern *pattern;
    const uint32_t *trie;            /* Precompiled charsmap */
    size_t trie_units;
    str replacements;
};

enum split_how { SPLIT_REMOVED, SPLIT_ISOLATED, SPLIT_PREVIOUS, SPLIT_NEXT, SPLIT_CONTIGUOUS };
enum cutter_kind {
    CUT_BYTES, CUT_METASPACE, CUT_SPLIT, CUT_WHITESPACE, CUT_WHITESPACE_SPLIT, CUT_BERT, CUT_PUNCTUATION, CUT_DIGITS,
    CUT_DELIMITER, CUT_SCRIPTS, CUT_LENGTH,
};
enum prepend_scheme { PREPEND_ALWAYS, PREPEND_FIRST, PREPEND_NEVER };
struct cutter {
    enum cutter_kind kind;
    enum split_how how;
    enum prepend_scheme prepend;
    bool add_prefix_space, use_regex, split, invert;
    uint32_t c; /* delimiter, or Metaspace's replacement */
    uint32_t length;
    struct pattern *pattern;
};

enum post_kind { POST_TEMPLATE, POST_BERT, POST_ROBERTA, POST_BYTES };
struct template_part { /* sequence 0 or 1, or the ids of a special token when 2 */
    uint8_t sequence, type;
    const uint32_t *id;
    uint32_t ids_count;
};
struct post {
    enum post_kind kind;
    struct template_part *single, *pair;
    size_t single_count, pair_count;
    bool trim_offsets, add_prefix_space;
};

enum decoder_kind {
    DECODE_BYTES, DECODE_METASPACE, DECODE_WORDPIECE, DECODE_BPE, DECODE_BYTE_FALLBACK, DECODE_FUSE, DECODE_STRIP,
    DECODE_REPLACE, DECODE_CTC,
};
struct decoder {
    enum decoder_kind kind;
    str text, other; /* prefix, suffix, content ... */
    bool flag;       /* cleanup; Metaspace: drop the first */
    uint32_t start, stop;
    struct pattern *pattern;
};

struct added {
    str content;
    uint32_t id;
    bool single_word, lstrip, rstrip, normalized, special;
};

struct tokenizer {
    struct arena *arena; /* the pipeline */
    struct block b;
    void *memory;        /* owned block, or NULL */
    void *map;           /* mapped block, or NULL */
    size_t map_size;

    struct added *added;
    size_t added_count;
    uint32_t *added_by_id; /* [added_ids]: index + 1 in added, 0 none */
    uint32_t added_ids;    /* ids below this may be added ones */
    struct matcher *raw, *normalized;

    struct normal *normal;
    size_t normal_count;
    struct cutter *cutter;
    size_t cutter_count;
    struct post *post;
    size_t post_count;
    struct decoder *decoder;
    size_t decoder_count;
    bool has_decoder;

    struct token_truncation truncation;
    struct token_padding padding;
    bool has_truncation, has_padding;

    /* What encode.c found out about the pipeline. */
    uint16_t quiet;     /* flags of unicode_of that a text must not have for the normalisers to leave it alone */
    bool normal_is_form; /* only normal forms: `quiet` decides */
    bool trims;         /* a post-processor trims offsets */
    bool bytes_last;    /* ByteLevel stands last: words stay bytes, and need no alphabet */
    scan_fn scan;       /* with bytes_last: the one scanner is all there is to cutting words */
    str bpe_prefix, bpe_suffix;
    double unk_score;      /* Unigram: below every piece */
    uint32_t byte_id[256]; /* byte level: the token of one byte; else of <0x..>; NO_ID: none */
};

/* oniguruma.c: adds to out what PCRE2 reads as the reference's engine reads regex. */
bool oniguruma_to_pcre(str regex, struct buf *out, struct err *e);

/* pattern.c */
bool pattern_new(const struct json *v, struct arena *a, struct pattern **out, struct err *e);
struct pattern *pattern_scan(scan_fn scan, struct arena *a);
scan_fn pattern_scanner(const struct pattern *p); /* NULL: not a known scanner */
struct pattern_use { /* one thread's; all searches in a text share its time */
    struct pattern_scratch *scratch;
    size_t bytes;     /* of the text */
    int64_t until_us; /* of the thread's time; 0 when a text begins */
    uint64_t seen;    /* bytes that were perhaps looked at since the clock was */
};
void pattern_use_end(struct pattern_use *u);
struct pattern_walk { /* {0} at the start of a text */
    size_t at, last_end;
    bool any;
};
/* The next match in s; *found false when there is none.  An empty match behind another does not count. */
bool pattern_next(const struct pattern *p, struct pattern_use *u, str s, struct pattern_walk *w, struct split *out, bool *found,
                  struct err *e);

/* pipeline.c: JSON to the arrays above. */
bool pipeline_read(struct tokenizer *t, const struct json *root, struct err *e);
bool pipeline_post(struct tokenizer *t, const struct json *v, struct err *e);    /* post.c */
bool pipeline_decoder(struct tokenizer *t, const struct json *v, struct err *e); /* decode.c */

/* compile.c */
bool compile_root(const struct json *root, struct arena *a, struct buf *out, struct err *e);
bool tokenizer_of(struct buf *block, struct tokenizer **out, struct err *e); /* takes the memory */

/* added.c */
struct matcher *matcher_new(struct arena *a);
bool matcher_add(struct matcher *m, str pattern, uint32_t index, struct err *e); /* index in t->added */
bool matcher_is_empty(const struct matcher *m);
/* The longest match that begins first at or after `at`; *index of the token. */
bool matcher_next(const struct matcher *m, str s, size_t at, struct split *out, uint32_t *index);

/* ---- one thread's scratch --------------------------------------------------------------------------------------- */

struct word_cache; /* cache.c */
struct token_encoder {
    const struct tokenizer *t;
    struct norm norm[3]; /* 0: the normalised text; 1, 2: what pre-tokenisers write */
    struct changes changes;
    struct splits splits[2];
    struct toks toks;
    struct buf clean; /* the text, when it was not UTF-8 */
    struct pattern_use regex;
    struct word_cache *cache;
    /* BPE: symbols of a word, and the heap of pairs that may be joined. */
    struct {
        uint32_t *id, *len, *prev, *next, *rank;
        uint64_t *heap;
        size_t cap, heap_cap;
    } bpe;
    struct {
        double *score;
        uint32_t *id, *from;
        size_t cap;
    } lattice;
};

/* normal.c, form.c: v becomes the normalised view (in x->norm[0]). */
bool normalise(struct token_encoder *x, struct view *v, struct err *e);
void norm_free(struct norm *n);
bool norm_room(struct norm *n, size_t more, struct err *e);
void change_push(struct changes *c, uint32_t ch, int32_t how);
void form_changes(struct changes *c, const struct norm *n, unsigned flag);          /* form.c */
bool charsmap_open(struct normal *o, struct arena *a, str base64, struct err *e);   /* charsmap.c */
void charsmap_changes(const struct normal *o, struct changes *c, const struct norm *n);

/* pretoken.c: v becomes the view that the splits refer to. */
bool cut_words(struct token_encoder *x, struct view *v, struct splits **out, struct err *e);

void cut_scripts(const struct view *v, struct split w, struct splits *out); /* scripts.c */

/* model.c and below: adds a word's tokens to x->toks, as ranges of the word's own bytes [0, n). */
bool model_word(struct token_encoder *x, const uint8_t *p, size_t n, struct err *e);
bool bpe_word(struct token_encoder *x, const uint8_t *p, size_t n, struct err *e);
bool unigram_word(struct token_encoder *x, const uint8_t *p, size_t n, struct err *e);
static inline void tok_push(struct token_encoder *x, uint32_t id, uint32_t from, uint32_t to)
{
    need_room(&x->toks, 1);
    x->toks.item[x->toks.n++] = (struct tok){ id, from, to, TOKEN_NO_WORD };
}

/* cache.c: words seen lately.  Texts that miss all the time cost one probe. */
struct word_cache *cache_new(void);
void cache_free(struct word_cache *c);
bool cache_find(struct word_cache *c, const uint8_t *p, size_t n, struct toks *out);
void cache_keep(struct word_cache *c, const uint8_t *p, size_t n, const struct tok *tok, size_t count);

/* encoding.c, post.c */
void encoding_room(struct encoding *x, size_t n);
void encoding_append(struct encoding *to, const struct encoding *from, size_t at, size_t n);
bool encoding_truncate(struct encoding *x, size_t max, const struct token_truncation *cut, struct err *e);
size_t post_added_count(const struct tokenizer *t, bool is_pair);
size_t post_template(const struct tokenizer *t, bool is_pair, const struct template_part **out); /* how many parts */
bool post_process(const struct tokenizer *t, struct encoding *first, struct encoding *second, bool add_special,
                  struct encoding *out, struct err *e);

/* decode.c */
bool decode_is_bytes(const struct tokenizer *t); /* tokens are bytes, and adding them up is all there is to it */
void decode_bytes_add(const struct tokenizer *t, uint32_t id, bool skip_special, struct buf *out);
bool decode_piece(const struct tokenizer *t, str token, struct buf *out); /* of one token in the middle of a text */
/* Adds s with U+FFFD for what is malformed.  Unless `all`, an end that more bytes could complete is left out.  Returns
 * how much of s was used. */
size_t utf8_lossy(str s, struct buf *out, bool all);

#endif
