/* model/constrain/schema_priv.h - what the files that read JSON schemas share. */
#ifndef MODEL_CONSTRAIN_SCHEMA_PRIV_H
#define MODEL_CONSTRAIN_SCHEMA_PRIV_H

#include "model/constrain/automaton.h"

enum json_types {
    TYPE_NULL = 1,
    TYPE_BOOLEAN = 2,
    TYPE_INTEGER = 4,
    TYPE_FRACTION = 8,
    TYPE_STRING = 16,
    TYPE_ARRAY = 32,
    TYPE_OBJECT = 64,
    TYPE_NUMBER = TYPE_INTEGER | TYPE_FRACTION, /* as in JSON Schema, an integer is a number */
    TYPE_ALL = 127,
};

enum schema_builtin {
    BUILTIN_SPACE,
    BUILTIN_VALUE,
    BUILTIN_STRING,
    BUILTIN_CHAR,
    BUILTIN_KEY_REST,
    BUILTIN_NUMBER,
    BUILTIN_INTEGER,
    BUILTINS
};
enum { SCHEMA_ALSO_MAX = 16, TEXT_PARTS_MAX = 2 * SCHEMA_ALSO_MAX };
struct schema {
    struct grammar_builder b;
    const struct json *root;
    struct err *e;
    struct known { /* what has a rule, in order: those from `done` on are still to be read */
        const struct json *of;
        uint32_t rule;
        str reference; /* by which it was met first, or empty */
    } *known;
    size_t knowns, knowns_room, done;
    uint32_t *slot; /* [2 * knowns_room]: 1 + where it is known, by its address */
    const struct json *indexed, **index; /* members of one large object by their names, and the first of them: for $ref */
    uint64_t compared; /* properties of one branch of a oneOf with those of another */
    uint64_t work_left; /* for automata */
    struct schema_texts_rule {
        str key;
        uint32_t rule;
    } *text; /* what is asked of texts has a rule */
    size_t texts;
    uint32_t builtin[BUILTINS]; /* 0: not made yet (rule 0 is the root) */
};

/* schema.c */
bool schema_init(struct schema *s, size_t source_bytes, struct err *e);
void schema_deinit(struct schema *s);
bool schema_read(struct schema *s, const struct json *j, size_t depth, struct expr **out);
struct expr *schema_builtin(struct schema *s, enum schema_builtin which);
struct expr *schema_string(struct schema *s, str text);            /* a JSON string of this value */
struct expr *schema_value(struct schema *s, const struct json *v); /* exactly this */
/* The values of its enum or const that its other keywords leave. */
bool schema_values_left(struct schema *s, const struct json *j, const struct json ***value, size_t *n);
bool schema_refuse(struct schema *s, const char *what);            /* ERR_NOT_BUILT: "`what` is not supported" */
/* false; the message then begins with the part of the schema in which it is wrong, of which the outer ones are left out where they are many. */
bool schema_in(struct schema *s, str part);
/* What a schema says, "#" being root, which it is part of or is itself.  Rule 0 must be there already. */
bool schema_whole(struct schema *s, const struct json *root, const struct json *j, struct expr **out);

bool schema_count(struct schema *s, const struct json *j, const char *name, uint32_t *out); /* a keyword that counts */
struct expr *schema_comma(struct schema *s);

/* schema_logic.c */
/* Keywords that hold beside those of the same name: a list of schemas of one keyword each.  Only merging makes it. */
extern const str schema_also;
/* The values of a keyword that hold together; out[SCHEMA_ALSO_MAX]. */
bool schema_all(struct schema *s, const struct json *j, str name, const struct json **out, size_t *n);
/* It has no keyword that speaks of other schemas, but for exceptions. */
bool schema_is_simple(const struct json *j, bool of_strings);
struct schema_not { /* what is not valid, by `not` */
    const struct json **value;
    size_t values;
    str pattern[SCHEMA_ALSO_MAX];
    size_t patterns;
};
bool schema_exceptions(struct schema *s, const struct json *j, struct schema_not *out);
struct json *schema_both_of(struct schema *s, const struct json *x, const struct json *y); /* { "allOf": [x, y] } */
struct json *schema_not(struct schema *s, const struct json *x);
bool schema_negate(struct schema *s, const struct json *x, struct json *out); /* adds schemas: one of them holds where x does not */
/* The rest together with any of the choices says what j does; no choices: j has no condition. */
bool schema_choices(struct schema *s, const struct json *j, struct json **rest, struct json **choices);

/* schema_object.c, schema_array.c */
bool schema_read_object(struct schema *s, const struct json *j, size_t depth, struct expr **out);
struct schema_member {
    str name;
    const struct json *schema; /* NULL: anything */
    bool required;
    uint32_t rule;
};
/* From min to max of these (those that are required, and others), with commas between them; other: a rule that may
 * follow any number of times, or 0. */
struct expr *schema_in_order(struct schema *s, const struct schema_member *member, size_t n, uint32_t min, uint32_t max, uint32_t other);
bool schema_read_array(struct schema *s, const struct json *j, size_t depth, struct expr **out);

/* schema_string.c */
struct texts { /* what is asked of a text; zeroed but for max, it is anything */
    struct text_part {
        str pattern;
        enum regex_mode mode;
        const str *text; /* instead of a pattern: one of these */
        size_t texts;
        bool negative; /* that it does not match */
    } part[TEXT_PARTS_MAX];
    size_t parts;
    uint32_t min, max; /* characters */
};
bool schema_texts_of(struct schema *s, const struct json *j, struct texts *t); /* adds */
bool schema_add_pattern(struct schema *s, struct texts *t, str pattern, bool negative);
bool schema_add_names(struct schema *s, struct texts *t, const str *name, size_t names); /* it is none of these, which stay the caller's */
struct language {
    struct alphabet alphabet;
    struct automaton automaton; /* to be freed, also after a refusal */
};
bool schema_language(struct schema *s, const struct texts *t, struct language *out);
bool schema_takes(const struct language *l, str text);
bool schema_text(struct schema *s, const struct texts *t, struct expr **out); /* what stands between the quotes */
bool schema_read_string(struct schema *s, const struct json *j, struct expr **out);

/* schema_number.c */
bool schema_read_number(struct schema *s, const struct json *j, unsigned types, struct expr **out);
bool schema_allows_number(struct schema *s, const struct json *j, const struct json *value, bool *allows);

/* schema_merge.c */
bool schema_resolve(struct schema *s, str reference, const struct json **out);
/* One schema that asks for what both ask for, without $ref and allOf at its top. */
bool schema_merge(struct schema *s, const struct json *x, const struct json *y, size_t depth, struct json **out);
bool schema_flatten(struct schema *s, const struct json *j, size_t depth, struct json **out);
/* Is it plain that no value is valid by both? */
bool schema_are_disjoint(struct schema *s, const struct json *x, const struct json *y, size_t depth);
unsigned schema_types_of(const struct json *j); /* by its `type`, `const` or `enum` */
struct json *schema_types_value(struct schema *s, unsigned types); /* for `type` */
unsigned schema_type_of_value(const struct json *v);
bool schema_values_equal(const struct json *x, const struct json *y);
bool schema_is_annotation(str keyword);

#endif
