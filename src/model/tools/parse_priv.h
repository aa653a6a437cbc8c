/* model/tools/parse_priv.h - the parser, as the files that read the payloads share it. */
#ifndef MODEL_TOOLS_PARSE_PRIV_H
#define MODEL_TOOLS_PARSE_PRIV_H

#include "base/arena.h"
#include "base/buf.h"
#include "model/tools/dialect.h"

enum { TOKEN_BYTES_MAX = 1 << 20, EVENTS_MAX = 64 };

enum state {
    AT_START,  /* nothing but blanks so far: a bare call may come */
    IN_TEXT,
    IN_MARKED, /* behind a marker, or behind a call of a list */
    IN_NAMED,  /* reading NAME of NAME[ARGS] */
    IN_OBJECT, /* of a call: a key, or the end */
    IN_KEY,
    AT_COLON,
    AT_VALUE,
    IN_VALUE,
    IN_TAG,    /* of XML: see xml.c */
    IN_PARAMETER,
    IN_PYTHON, /* see python.c */
    IN_REST,   /* what a broken call leaves: dropped up to its closing marker */
    IS_DONE,
};
enum role { ROLE_NAME, ROLE_ARGUMENTS, ROLE_OTHER };

struct tool_parser {
    const struct tool_dialect *d;
    const struct json *tools;
    bool only_one, is_end;
    enum state state;
    struct buf in;    /* what has not been consumed is in[at..n) */
    size_t at;
    struct buf raw;   /* since the marker, until the name is told: given back as text if it is no call */
    struct buf token; /* a key, a value that is needed whole */
    struct buf held;  /* arguments that came before the name */
    /* the call that is being read */
    bool is_told, has_arguments, is_bare, is_named;
    enum role role;
    size_t depth, lists;
    size_t calls_before; /* the marker */
    bool is_composite, is_string, in_string, is_escaped;
    /* XML */
    size_t parameters;
    size_t calls;
    /* what is to be taken; events name ranges of `out` */
    struct buf out;
    struct { enum tool_event_kind kind; size_t index, from, n; } event[EVENTS_MAX];
    size_t events, taken;
};

static inline str parser_rest(const struct tool_parser *p) { return str_from(buf_str(&p->in), p->at); }
/* Consumes; what may have to be given back is kept. */
void parser_eat(struct tool_parser *p, size_t n);
bool parser_tell_name(struct tool_parser *p, str name); /* false: no function has such a name */
void parser_arguments(struct tool_parser *p, str text);
void parser_begin_call(struct tool_parser *p);
void parser_end_call(struct tool_parser *p);
void parser_break(struct tool_parser *p);               /* what is read is no call, or a broken one */
/* xml.c: one step; false: more text is needed. */
bool xml_step(struct tool_parser *p);
bool python_step(struct tool_parser *p); /* python.c: the same */
bool parser_at_close(struct tool_parser *p, bool *is_more); /* takes the closing marker; *is_more: it may still become one */

#endif
