/* api/reference.h - what this Hearth's API has, told by the table of routes: for the reference page and the OpenAPI document. */
#ifndef API_REFERENCE_H
#define API_REFERENCE_H

#include "api/api.h"

enum { API_PARAMETERS_MAX = 8 };
struct api_parameter { /* of the path */
    str name, choices; /* choices: "models|datasets", or empty */
    bool is_rest;      /* takes slashes */
};
struct api_entry {
    const struct api_route *row;
    str path;          /* "/api/{kind}/{ns}/{repo}" */
    str line;          /* what it is for */
    size_t section;    /* index into the array of api_sections */
    struct api_parameter parameter[API_PARAMETERS_MAX];
    size_t parameters;
    const struct json *query, *members; /* arrays of names: query parameters, members of a JSON body */
};
/* Every route but pages, in the order of sections and of the table. */
void api_entries(struct call *c, struct api_entry **out, size_t *n);
/* [{"prefixes":["repo"],"title":"Repositories","text":""}, ...]; the first prefix is the section's name in addresses. */
const struct json *api_sections(struct call *c);

extern const struct api_table reference_table;

#endif
