/* model/constrain/schema_priv.h - what the files that read JSON schemas share. */
#ifndef MODEL_CONSTRAIN_SCHEMA_PRIV_H
#define MODEL_CONSTRAIN_SCHEMA_PRIV_H

#include "model/constrain/grammar_priv.h"

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
    BUILTINS
};
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
    uint64_t compared; /* properties of one branch of a oneOf with those of another */
    uint32_t builtin[BUILTINS]; /* 0: not made yet (rule 0 is the root) */
};

/* schema.c */
bool schema_read(struct schema *s, const struct json *j, size_t depth, struct expr **out);
struct expr *schema_builtin(struct schema *s, enum schema_builtin which);
struct expr *schema_string(struct schema *s, str text);            /* a JSON string of this value */
struct expr *schema_value(struct schema *s, const struct json *v); /* exactly this */
bool schema_refuse(struct schema *s, const char *what);            /* ERR_NOT_BUILT: "`what` is not supported" */
/* false; the message then begins with the part of the schema in which it is wrong, of which the outer ones are left out where they are many. */
bool schema_in(struct schema *s, str part);
/* What a schema says, "#" being root, which it is part of or is itself.  Rule 0 must be there already. */
bool schema_whole(struct schema *s, const struct json *root, const struct json *j, struct expr **out);

/* schema_types.c */
bool schema_read_object(struct schema *s, const struct json *j, size_t depth, struct expr **out);
bool schema_read_array(struct schema *s, const struct json *j, size_t depth, struct expr **out);
bool schema_read_string(struct schema *s, const struct json *j, struct expr **out);

/* schema_number.c */
bool schema_read_number(struct schema *s, const struct json *j, bool integer, struct expr **out);

/* schema_merge.c */
bool schema_resolve(struct schema *s, str reference, const struct json **out);
/* One schema that asks for what both ask for, without $ref and allOf at its top. */
bool schema_merge(struct schema *s, const struct json *x, const struct json *y, size_t depth, struct json **out);
bool schema_flatten(struct schema *s, const struct json *j, size_t depth, struct json **out);
/* Is it plain that no value is valid by both? */
bool schema_are_disjoint(struct schema *s, const struct json *x, const struct json *y, size_t depth);
unsigned schema_types_of(const struct json *j); /* by its `type`, `const` or `enum` */
unsigned schema_type_of_value(const struct json *v);
bool schema_values_equal(const struct json *x, const struct json *y);
bool schema_is_annotation(str keyword);

#endif
