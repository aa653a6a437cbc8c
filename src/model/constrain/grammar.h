/* model/constrain/grammar.h - what generated text must look like, compiled from what people write it in.
 *
 * A grammar is a set of rules over bytes: regular expressions that may call each other.  All the notations below become
 * this one form; what is made of it at run time is in matcher.h.  Text is UTF-8: a character class matches whole
 * characters, never a part of one, and never what is not UTF-8.
 *
 * A compiled grammar is immutable and may be shared by threads and sequences.  Sources are hostile: they have limits,
 * and what is not understood is refused by name, never passed over. */
#ifndef MODEL_CONSTRAIN_GRAMMAR_H
#define MODEL_CONSTRAIN_GRAMMAR_H

#include "base/err.h"
#include "base/json.h"
#include "base/str.h"

enum {
    GRAMMAR_SOURCE_MAX = 1 << 20, /* bytes of what it is compiled from */
    GRAMMAR_RULES_MAX = 1 << 14,
    GRAMMAR_NODES_MAX = 1 << 18, /* of the automaton; repetitions are unrolled, so {1000} takes a thousand */
    GRAMMAR_NESTING_MAX = 100,   /* of parentheses and schemas in the source */
    GRAMMAR_DEPTH_MAX = 200,     /* of rules under way in the text: deeper nesting is not generated */
};

struct grammar;
void grammar_free(struct grammar *g); /* NULL is fine */

/* llama.cpp's notation; the text is what `root` matches.  Left recursion and token references are refused. */
bool grammar_from_gbnf(str source, struct grammar **out, struct err *e);

/* The text as a whole matches.  ECMA 262's notation without what is not regular: see docs/MODELS.md. */
bool grammar_from_regex(str pattern, struct grammar **out, struct err *e);

/* JSON Schema, draft 2020-12, the part that docs/MODELS.md lists.  All that the grammar matches is valid by the
 * schema; not all that is valid is matched (members come in the schema's order, white space is bounded, and so on). */
bool grammar_from_json_schema(str schema, struct grammar **out, struct err *e);

bool grammar_from_json_object(struct grammar **out, struct err *e); /* any object */
bool grammar_from_choices(const str *choice, size_t n, struct grammar **out, struct err *e);

/* Values inside of given texts, as models write the calls of functions: begin call (between call)* end, a call being
 * before value after. */
struct grammar_call {
    str before, after;
    const struct json *schema; /* of the value; NULL: any object */
    const struct grammar_member *member; /* instead of the value: its members one by one, each in a text of its own */
    size_t members;
};
struct grammar_member { /* before value after, or nothing where it may be left out */
    str before, after;  /* `after` ends a plain text, and does not occur in it */
    const struct json *schema; /* part of the call's */
    bool is_plain, is_optional; /* plain: a text without quotes */
};
struct grammar_calls {
    const struct grammar_call *call;
    size_t n;
    str begin, between, end;
    bool only_one;
    /* Where no call need come: text in which `trigger`, with which begin begins, does not occur, then calls or not; and where
     * begin is empty, either a call or a text that does not begin with the trigger. */
    bool is_optional;
    str trigger;
    const struct json *otherwise; /* or, where no call need come, a value of this schema instead of any text; NULL: any text */
};
bool grammar_from_calls(const struct grammar_calls *c, struct grammar **out, struct err *e);

#endif
