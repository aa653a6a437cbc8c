/* model/tools/dialect.h - the ways to write a call, as rows. */
#ifndef MODEL_TOOLS_DIALECT_H
#define MODEL_TOOLS_DIALECT_H

#include "model/tools/tools.h"

enum { DIALECT_TELLS_MAX = 2, DIALECT_SKIPS_MAX = 3 };

struct tool_dialect {
    const char *name;
    const char *tells[DIALECT_TELLS_MAX]; /* a template that has all of these texts teaches it */
    const char *open, *close;             /* around a call, or a list of calls; close NULL: it ends by itself */
    bool may_be_bare;                     /* an answer that begins with { is a call of a known function, without `open` */
    bool may_be_named;                    /* open NAME...{...}: what stands between is `before`, `behind` or the like */
    const char *before_name;              /* of these: what may stand before the name, or NULL */
    const char *skips[DIALECT_SKIPS_MAX]; /* between calls, or NULL; behind the first a name may stand as behind `open` */
    bool is_xml;                          /* values stand in elements as they are: see xml.c */
    bool has_pairs;                       /* of these: NAME <arg_key>KEY</arg_key> <arg_value>VALUE</arg_value> */
    bool is_python;                       /* NAME(KEY=VALUE, ...), NAME{KEY:VALUE,...}: see python.c */
    bool has_short_ids;
    /* How it is written where a grammar says how: begin call (between call)* end, a call being
     * before NAME behind ARGUMENTS after. */
    const char *begin, *between, *end, *before, *behind, *after;
    /* Of is_xml and is_python, ARGUMENTS: key_before KEY key_after VALUE value_after, and members_between; around a text stands `quote`. */
    const char *key_before, *key_after, *value_after, *members_between, *quote;
};
extern const struct tool_dialect tool_dialects[]; /* ended by one without a name */

#endif
