/* model/tools/tools.h - functions that a model may call: how it writes a call, what it wrote, what it may write.
 *
 * Every family has a way of its own to write that a function is to be called, and its chat template teaches it.  A dialect is
 * one such way: found by what stands in the template, read back by a parser as text comes, and turned into a grammar where
 * a call must come, or must be valid.
 *
 * Functions are OpenAI's: a list of {"type": "function", "function": {"name", "description", "parameters", "strict"}}. */
#ifndef MODEL_TOOLS_TOOLS_H
#define MODEL_TOOLS_TOOLS_H

#include "base/err.h"
#include "base/json.h"
#include "model/constrain/grammar.h"

enum { TOOL_CALLS_MAX = 128, TOOL_NAME_BYTES_MAX = 256 };

struct tool_dialect;
/* NULL: this template teaches none that is known. */
const struct tool_dialect *tool_dialect_of(str chat_template);
/* The i-th text that opens or closes a call and may be a special token, which then must be told as text; NULL behind the last. */
const char *tool_dialect_marker(const struct tool_dialect *d, size_t i);
/* Templates of some families take ids of nine letters and digits only. */
bool tool_dialect_has_short_ids(const struct tool_dialect *d);

/* ---- reading -------------------------------------------------------------------------------------------------- */

enum tool_event_kind {
    TOOL_TEXT,      /* what is no part of a call */
    TOOL_NAME,      /* a call begins: its name, once and whole */
    TOOL_ARGUMENTS, /* more of the text of its arguments, as the model wrote them */
};
struct tool_event {
    enum tool_event_kind kind;
    size_t index; /* of the call, from 0 on */
    str text;     /* borrowed until the next is taken */
};

struct tool_parser;
/* tools are borrowed.  only_one: what comes after the first call is dropped. */
struct tool_parser *tool_parser_new(const struct tool_dialect *d, const struct json *tools, bool only_one);
void tool_parser_free(struct tool_parser *p); /* NULL is fine */
/* What may be the beginning of a marker is held back.  What looked like a call and turns out to be none before its name was
 * told, is told as text. */
void tool_parser_add(struct tool_parser *p, str text);
void tool_parser_end(struct tool_parser *p);
bool tool_parser_take(struct tool_parser *p, struct tool_event *out);
size_t tool_parser_calls(const struct tool_parser *p);
bool tool_parser_is_done(const struct tool_parser *p); /* nothing that may still come will be told */

/* ---- constraining --------------------------------------------------------------------------------------------- */

struct tool_rules {
    const struct json *tools;
    str name;         /* of the only one that may be called; .n 0: any */
    bool is_required; /* a call must come; otherwise text, calls, or both */
    bool only_one;
    const struct json *otherwise; /* the schema of an answer that is no call; NULL: any text */
};
/* Does any of these functions ask for valid arguments ("strict": true)? */
bool tool_is_any_strict(const struct json *tools);
/* What the model may write.  Where a call is required its arguments are valid by the function's schema; where it is not,
 * those of strict functions are, and others get any object.  ERR_NOT_BUILT: a schema has what grammars do not know. */
bool tool_grammar(const struct tool_dialect *d, const struct tool_rules *rules, struct grammar **out, struct err *e);

#endif
