/* base/json.h - JSON into an arena, and JSON out of a writer.
 *
 * Why our own: values live and die with a request's arena and its byte limit, strings are views of the
 * input where nothing was escaped, object keys keep their order and their duplicates (a safetensors
 * header must be refused for them), and depth is bounded.
 *
 * The parser is strict RFC 8259: UTF-8, no comments, no trailing commas, one value and nothing after
 * it.  It never recurses.  Parsed values borrow from the input text, which must outlive them. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum json_type { JSON_NULL, JSON_BOOL, JSON_INT, JSON_REAL, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_type type;
    str key;           /* of a member of an object */
    struct json *next; /* the next item or member */
    union {
        bool b;
        int64_t i;
        double r;
        str s;
        struct {
            struct json *first;
            size_t count;
        };
    };
};

enum { JSON_DEPTH_MAX = 128 };

/* NULL-free on success.  A message names the byte offset.  Memory is arena_try's, so the arena's limit
 * bounds what a hostile text can make us use. */
bool json_parse(str text, struct arena *a, struct json **out, struct err *e);
bool json_parse_depth(str text, size_t depth_max, struct arena *a, struct json **out, struct err *e);

/* Looking around.  All accept NULL and the wrong type, and then find nothing. */
const struct json *json_get(const struct json *object, str key); /* the last of duplicates */
const struct json *json_at(const struct json *array, size_t i);
#define json_each(item, container) \
    for (const struct json *item = json_first(container); item; item = item->next)
const struct json *json_first(const struct json *container);
bool json_str(const struct json *v, str *out);
bool json_int(const struct json *v, int64_t *out); /* also a real with an integral value */
bool json_bool(const struct json *v, bool *out);
str json_str_or(const struct json *object, str key, str otherwise);
int64_t json_int_or(const struct json *object, str key, int64_t otherwise);
bool json_bool_or(const struct json *object, str key, bool otherwise);
static inline bool json_is(const struct json *v, enum json_type type) { return v && v->type == type; }

/* Building values by hand, in an arena. */
struct json *json_new(struct arena *a, enum json_type type);
struct json *json_new_str(struct arena *a, str s); /* borrows s */
struct json *json_new_int(struct arena *a, int64_t i);
struct json *json_new_bool(struct arena *a, bool b);
struct json *json_share(struct arena *a, const struct json *v); /* to put into another container: a head of its own, the same contents; NULL: null */
void json_add(struct json *array, struct json *item); /* looks for the end: for a few */
struct json *json_copy(struct arena *a, const struct json *v); /* all of it, with its texts */
void json_put(struct json *object, str key, struct json *value); /* appends; does not look for duplicates */
/* For many: remembers the end.  Items of an object have their keys already. */
struct json_list {
    struct json *container, **end;
};
struct json_list json_list_new(struct arena *a, enum json_type type);
void json_list_add(struct json_list *l, struct json *item);

/* The writer puts commas and quotes where they belong; the caller opens and closes.  Strings that are
 * not UTF-8 are written with U+FFFD in place of what is malformed. */
struct json_writer {
    struct buf *out;
    bool comma; /* a value stands before this place in the same container */
};
static inline struct json_writer json_writer(struct buf *out) { return (struct json_writer){ out, false }; }
void jw_object(struct json_writer *w);
void jw_array(struct json_writer *w);
void jw_object_end(struct json_writer *w);
void jw_array_end(struct json_writer *w);
void jw_key(struct json_writer *w, str key);
void jw_str(struct json_writer *w, str s);
void jw_int(struct json_writer *w, int64_t i);
void jw_real(struct json_writer *w, double r); /* not finite: null */
void jw_float(struct json_writer *w, float x); /* in few digits that are read back as x; not finite: null */
void jw_bool(struct json_writer *w, bool b);
void jw_null(struct json_writer *w);
void jw_raw(struct json_writer *w, str json); /* text that is JSON already */
void jw_value(struct json_writer *w, const struct json *v);
str json_text(struct arena *a, const struct json *v); /* what jw_value writes; v NULL: no text */
void jw_date(struct json_writer *w, int64_t unix_ms); /* clock_iso */
/* Members: key and value in one. */
void jw_kstr(struct json_writer *w, const char *key, str s);
void jw_kint(struct json_writer *w, const char *key, int64_t i);
void jw_kbool(struct json_writer *w, const char *key, bool b);
void jw_kraw(struct json_writer *w, const char *key, str json);
void jw_kdate(struct json_writer *w, const char *key, int64_t unix_ms);
void jw_kvalue(struct json_writer *w, const char *key, const struct json *v);
void jw_kobject(struct json_writer *w, const char *key);
void jw_karray(struct json_writer *w, const char *key);
void jw_knull(struct json_writer *w, const char *key);

void buf_json_str(struct buf *out, str s); /* quoted and escaped */

#endif
