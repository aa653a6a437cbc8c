/* jinja/native.h - what the functions of the language share: reading arguments, sorting, the tables. */
#ifndef JINJA_NATIVE_H
#define JINJA_NATIVE_H

#include "jinja/run.h"
#include "jinja/unicode.h"

struct native_table {
    const struct native *v;
    size_t n;
};
extern const struct native_table filters_text, filters_list, filters_pick, filters_number, filters_html;
extern const struct native_table methods_str, methods_str_is, methods_list, methods_dict, methods_real, methods_loop,
    methods_cycler;

/* Arguments.  Each says what is wrong in Python's manner. */
bool arg_text(struct run *r, val v, str *out);                         /* must be a string */
bool arg_whole(struct run *r, val v, int64_t otherwise, int64_t *out); /* `otherwise` if absent or none */
static inline bool arg_true(val v)
{
    return val_given(v) && val_truth(v);
}
bool soft_str(struct run *r, val v, val *out); /* str(v), and Markup stays; undefined is "" */

/* a.b.0 of an item, as `attribute=` of filters: the parts are looked up one after the other.  pick_attr_or puts
 * `otherwise` (unless it is absent or none) in the place of each that is undefined. */
bool pick_attr(struct run *r, val item, val attribute, val *out);
bool pick_attr_or(struct run *r, val item, val attribute, val otherwise, val *out);
bool fold_case(struct run *r, val v, val *out); /* strings in lower case, others as they are */

struct sort_item {
    val key, value;
};
bool sort_items(struct run *r, struct sort_item *v, size_t n, bool reverse); /* stable */

/* Case and white space over whole strings, added to the output. */
void text_case(str s, enum unicode_case to, struct buf *out);
void text_title(str s, struct buf *out);      /* str.title() */
void text_capitalize(str s, struct buf *out); /* str.capitalize() */
void text_swapcase(str s, struct buf *out);
bool text_splitlines(struct run *r, str s, bool keep_ends, struct vec *out);
str text_strip(str s, const str *chars, bool left, bool right); /* chars NULL: white space */
bool text_replace(struct run *r, str s, str old, str new, int64_t count, struct buf *out);

/* tojson.c */
struct tojson {
    bool ascii, sort_keys, html;
    const str *indent; /* of one level; NULL: all on one line */
    str item_separator, key_separator;
};
bool tojson(struct run *r, const struct tojson *o, val v, struct buf *out);

#endif
