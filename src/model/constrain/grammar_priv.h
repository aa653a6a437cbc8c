/* model/constrain/grammar_priv.h - expressions, which the readers of the notations build, and the automaton made of
 * them. */
#ifndef MODEL_CONSTRAIN_GRAMMAR_PRIV_H
#define MODEL_CONSTRAIN_GRAMMAR_PRIV_H

#include "base/arena.h"
#include "model/constrain/grammar.h"

/* ------------------------------------------------------------------ expressions */

struct byte_set {
    uint64_t word[4];
};
static inline bool byte_set_has(const struct byte_set *s, uint8_t b) { return s->word[b / 64] >> (b % 64) & 1; }
static inline void byte_set_add(struct byte_set *s, uint8_t b) { s->word[b / 64] |= UINT64_C(1) << (b % 64); }

enum expr_kind { EXPR_BYTES, EXPR_SEQUENCE, EXPR_CHOICE, EXPR_REPEAT, EXPR_RULE, EXPR_AUTOMATON };
enum { REPEAT_NO_MAX = UINT32_MAX };

/* An empty sequence matches "", an empty choice matches nothing at all.  An expression is part of one other at most. */
struct expr {
    enum expr_kind kind;
    struct expr *before; /* its neighbour in what it is part of: children are chained from the last to the first */
    union {
        struct byte_set set;
        struct expr *last; /* of sequence and choice */
        struct {
            struct expr *what;
            uint32_t min, max;
        };
        uint32_t rule;
        struct {
            const struct expr_state *state; /* the first is not used, the second is the start */
            uint32_t states;
        };
    };
};
struct expr_state {
    bool accepts;
    uint32_t edges;
    struct expr_edge {
        struct expr *on; /* may be that of several edges; never "" */
        uint32_t to;
    } *edge;
};

struct grammar_rule {
    str name; /* for messages; may be empty */
    struct expr *body;
};

/* Memory comes from one arena with a limit.  When it is used up, or a limit is reached, `failed` says so and all goes
 * on with harmless values; grammar_build() reports it. */
struct grammar_builder {
    struct arena *a;
    struct grammar_rule *rule;
    uint32_t rules, rules_room;
    bool json_text;    /* characters are those of a JSON string: expr_chars escapes what must be */
    struct alphabet *alphabet; /* or else symbols of this one, where it is there */
    const char *failed;
};

bool grammar_builder_init(struct grammar_builder *b, size_t source_bytes, struct err *e);
void grammar_builder_deinit(struct grammar_builder *b);
struct grammar *grammar_lower(struct grammar_builder *b); /* without judging; b->failed says whether it is whole */
/* Rule 0 is the start. */
bool grammar_build(struct grammar_builder *b, struct grammar **out, struct err *e);

uint32_t grammar_rule_new(struct grammar_builder *b, str name);

struct expr *expr_sequence(struct grammar_builder *b);
struct expr *expr_choice(struct grammar_builder *b);
void expr_add(struct expr *to, struct expr *child);
struct expr *expr_repeat(struct grammar_builder *b, struct expr *what, uint32_t min, uint32_t max);
struct expr *expr_rule(struct grammar_builder *b, uint32_t rule);
struct expr *expr_byte_range(struct grammar_builder *b, uint8_t first, uint8_t last);
struct expr *expr_text(struct grammar_builder *b, str text); /* these bytes */
struct expr *expr_automaton(struct grammar_builder *b, const struct expr_state *state, uint32_t states);

/* ------------------------------------------------------------------ characters */

enum { CHARS_RANGES_MAX = 512, CODE_POINT_MAX = 0x10ffff };
struct chars { /* code points, as ranges in any order */
    size_t n;
    struct char_range {
        uint32_t first, last;
    } range[CHARS_RANGES_MAX];
    bool overflow;
};
void chars_add(struct chars *c, uint32_t first, uint32_t last);
void chars_normalise(struct chars *c); /* sorted, disjoint, no surrogates */
void chars_invert(struct chars *c);
/* One character of these. */
struct expr *expr_chars(struct grammar_builder *b, struct chars *c);
struct expr *expr_char(struct grammar_builder *b, uint32_t code_point);
struct expr *expr_any_char(struct grammar_builder *b);

/* Characters that are told apart, as few as patterns need: the i-th symbol is the characters from first[i] to the next
 * one's.  All that is written in it is read twice: once to find out where to cut, then as sets of symbols. */
enum { ALPHABET_MAX = 256 };
struct alphabet {
    uint32_t first[ALPHABET_MAX], n; /* first[0] is 0 */
    bool is_known, overflow;
};
uint32_t alphabet_symbol(const struct alphabet *a, uint32_t code_point);
void alphabet_chars(const struct alphabet *a, const struct byte_set *symbols, struct chars *out);

/* search: JSON Schema's `pattern`, which may match anywhere in the text; ahead: what a look-ahead asks for at the start of a
 * text; otherwise all of the text matches. */
enum regex_mode { REGEX_WHOLE, REGEX_SEARCH, REGEX_AHEAD };
bool regex_read(struct grammar_builder *b, str pattern, enum regex_mode mode, struct expr **out, struct err *e);
/* Takes a look-ahead from the start of a pattern that is anchored there, and leaves the rest. */
bool regex_take_ahead(str *pattern, bool anchored, str *ahead, bool *negative);

/* ------------------------------------------------------------------ the automaton */

enum node_kind { NODE_BYTES, NODE_CALL, NODE_SPLIT, NODE_RETURN };
struct node {
    enum node_kind kind;
    uint32_t a; /* BYTES: index of the set; CALL: the rule; SPLIT: one way */
    uint32_t b; /* BYTES and CALL: what follows; SPLIT: the other way */
};
enum { HEIGHT_NEVER = UINT16_MAX };

/* Invariants: no rule can call itself before it has read a byte, so closures end; height[n] is the least number of
 * calls that must be under way together to get from n to the end of its rule, HEIGHT_NEVER where that cannot be. */
struct grammar {
    struct node *node;
    uint16_t *height;
    uint32_t nodes;
    uint32_t *start; /* [rules] */
    uint32_t rules;
    struct byte_set *set;
    uint32_t sets;
    uint8_t class_of[256]; /* bytes that no set tells apart are one class */
    uint8_t example[256];  /* a byte of each class */
    uint32_t classes;
};
/* A call whose rule ends right after it leaves nothing to come back to. */
static inline bool node_is_tail_call(const struct grammar *g, const struct node *n)
{
    return g->node[n->b].kind == NODE_RETURN;
}

#endif
