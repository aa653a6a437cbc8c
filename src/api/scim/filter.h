/* api/scim/filter.h - filters and paths of SCIM (RFC 7644 3.4.2.2 and 3.5.2), over resources as JSON.
 *
 *     userName eq "ann" and not (active eq false or emails[type eq "work" and value ew "@acme.org"])
 *
 * Names of attributes and operators compare without case.  Values may stand without quotes, as the public hub's own example has them. */
#ifndef API_SCIM_FILTER_H
#define API_SCIM_FILTER_H

#include "base/json.h"

#define SCIM_INVALID_FILTER "invalidFilter"
#define SCIM_INVALID_PATH "invalidPath"

enum { SCIM_FILTER_BYTES_MAX = 4096, SCIM_FILTER_DEPTH_MAX = 16, SCIM_FILTER_TERMS_MAX = 64 };

/* An attribute, and perhaps a part of it: "emails", "name.givenName".  The address of the core schema before it is left out. */
struct scim_attr {
    str name, sub;    /* sub.n 0: none */
    bool is_foreign;  /* of another schema: nothing here has it */
};
struct scim_filter;
bool scim_filter_parse(str text, struct arena *a, struct scim_filter **out, struct err *e); /* kind SCIM_INVALID_FILTER */
bool scim_filter_matches(const struct scim_filter *f, const struct json *resource);
/* The value that this attribute must have for any match; .p NULL: there is none. */
str scim_filter_needs(const struct scim_filter *f, const char *attr);
bool scim_filter_mentions(const struct scim_filter *f, const char *attr);

/* attr, attr.sub, attr[filter], attr[filter].sub */
struct scim_path {
    struct scim_attr attr;
    const struct scim_filter *where; /* NULL: none */
};
bool scim_path_parse(str text, struct arena *a, struct scim_path *out, struct err *e); /* kind SCIM_INVALID_PATH */
/* Of a filter that is one "x eq y": what it asks for, so that it can be made. */
bool scim_filter_is_eq(const struct scim_filter *f, str *attr, const struct json **value);

/* A member whatever its case; NULL: none. */
struct json *scim_get(const struct json *object, str name);
bool scim_bool(const struct json *v, bool *out); /* true and false; also as strings, as some write them */

#endif
