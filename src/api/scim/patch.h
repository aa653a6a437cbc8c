/* api/scim/patch.h - the operations of a PATCH (RFC 7644 3.5.2) done to a resource as JSON.
 *
 * As identity providers send them: operations with a capital letter, truths as strings, values without a path whose members are paths,
 * and members taken out by a list of values. */
#ifndef API_SCIM_PATCH_H
#define API_SCIM_PATCH_H

#include "api/scim/filter.h"

#define SCIM_INVALID_SYNTAX "invalidSyntax"
#define SCIM_INVALID_VALUE "invalidValue"
#define SCIM_NO_TARGET "noTarget"

enum { SCIM_OPERATIONS_MAX = 1000 };

bool scim_patch(struct json *resource, const struct json *body, struct arena *a, struct err *e);

#endif
