/* jinja/jinja.h - the template language of chat templates and of our pages.
 *
 * A template is compiled once into an arena and rendered many times.  A compiled template never changes: any
 * number of threads may render it at once, as long as the arena lives.
 * A render has memory of its own, which is gone when it returns; what remains is the text added to `out`.
 * The deepest templates that the limits allow need about 1 MiB of stack.
 *
 * Templates are hostile input.  They see only the context that they are given, can call nothing but the functions
 * of the language and those that the caller lends, cannot change a list or dict that they were given, and are stopped
 * by the limits below with an error.  Errors read "NAME:LINE: what was wrong".
 *
 * The language is that of Jinja 3.1 with the loop controls extension and `generation` blocks; values behave and
 * print as Python's.  docs/jinja.md lists what differs. */
#ifndef JINJA_JINJA_H
#define JINJA_JINJA_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct jinja; /* a compiled template */

/* Each limit ends a compilation or a render with ERR_TOO_LARGE.  0 stands for the default. */
struct jinja_limits {
    size_t source_bytes_max;  /* of one template; default 1 MiB */
    uint64_t steps_max;       /* of one render: nodes evaluated, and bulk work by size; default 2 million */
    size_t output_bytes_max;  /* of one render; default 16 MiB */
    size_t memory_bytes_max;  /* of one render: values that live while it runs; default 256 MiB */
    uint32_t calls_depth_max; /* macros, includes and recursive loops inside each other; default 64 */
    uint32_t time_ms_max;     /* of one render; default 10 seconds */
};

struct jinja_options {
    bool trim_blocks;           /* a newline right after a block tag is not text */
    bool lstrip_blocks;         /* nor are blanks between the start of a line and a block tag */
    bool keep_trailing_newline; /* otherwise one newline at the end of the source is dropped */
    bool autoescape;            /* HTML: what is printed is escaped unless it is marked safe, and so is tojson */
    struct jinja_limits limits;
};

extern const struct jinja_options jinja_chat; /* as Transformers renders chat templates */
extern const struct jinja_options jinja_page; /* HTML */

/* `name` stands in error messages and may be anything.  The result borrows nothing of `source` or `name`.
 * Refuses a template with ERR_INVALID, or ERR_TOO_LARGE where a limit or the arena's is met. */
bool jinja_compile(str name, str source, const struct jinja_options *o, struct arena *a, const struct jinja **out,
                   struct err *e);

/* True if the template reads a variable of this name anywhere ("tools", "enable_thinking"), or reads more than a
 * thousand names. */
bool jinja_reads(const struct jinja *t, str name);

/* What a template reaches for, told while it is parsed and before an error in it, for who judges a template without running
 * it.  Filters and tests that we do not know are no error here.  String constants are joined where ~, + or * joins them. */
enum jinja_reach {
    JINJA_ATTRIBUTE, /* x.name, x['name'], x | attr('name') */
    JINJA_TEXT,      /* any string constant */
    JINJA_COMPUTED,  /* the name of an attribute is what a filter, a slice or % makes of constants; or attr() of no constant: name is empty */
};
typedef void jinja_reach_fn(void *ctx, enum jinja_reach how, str name, uint32_t line); /* name: until it returns */
bool jinja_reaches(str name, str source, const struct jinja_options *o, jinja_reach_fn *fn, void *ctx, struct err *e);

/* A function that the caller lends to a template.  `args` is an array: the positional arguments, and after them an
 * object of the keyword arguments if there are any.  *out is made in `a`, which lives until the render ends. */
struct jinja_function {
    const char *name;
    bool (*call)(void *ctx, const struct json *args, struct arena *a, struct json **out, struct err *e);
    void *ctx;
    bool returns_html; /* its strings are safe as they are */
};

/* A stretch of the output, in bytes from where the render began to write. */
struct jinja_span {
    size_t first, end;
};

/* A variable that is HTML already, too long to go through JSON. */
struct jinja_html {
    const char *name;
    str text;
};

struct jinja_input {
    const struct json *context; /* an object: the variables; NULL for none */

    const struct jinja_html *html; /* found after the context; safe as they are; borrowed until the render ends */
    size_t html_count;

    const struct jinja_function *functions; /* found after those */
    size_t functions_count;

    /* For include, import and extends: the template of this name, or NULL where there is none.  It is borrowed until
     * the render ends.  A NULL loader knows no template. */
    const struct jinja *(*load)(void *ctx, str name);
    void *load_ctx;

    int64_t now_unix_s; /* what strftime_now calls now; 0: the clock */

    /* Receives what the `generation` blocks wrote, in order; those past the capacity are counted only. */
    struct jinja_span *spans;
    size_t spans_cap, spans_count;
};

/* Adds to `out`, which is as it was before if this fails.  ERR_UNPROCESSABLE: the template went wrong, or
 * (kind "TemplateRaised") called raise_exception, whose message stands in e->msg; ERR_TOO_LARGE: a limit.
 * `in` may be NULL. */
bool jinja_render(const struct jinja *t, struct jinja_input *in, struct buf *out, struct err *e);

#endif
