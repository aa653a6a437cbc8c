/* hub/card/card.h - the front matter of README.md: YAML to JSON, validation, and the tags that follow.
 * Source of keys and rules: the sheet's section 8.  The parsers are total and bounded (bytes, depth, nodes,
 * no aliases that multiply). */
#ifndef HUB_CARD_H
#define HUB_CARD_H

#include "base/arena.h"
#include "base/json.h"
#include "hub/hub.h"

enum { CARD_BYTES_MAX = 1 << 20 };
/* The text between a first line "---" and the next, and what follows; *found false without front matter (the
 * body is then the whole text).  Answers *found. */
bool card_front_matter(str readme, str *yaml, str *body, bool *found);
/* YAML 1.2 core scalars (yes/no stay text, dates stay text), into JSON in `a`.  Messages end with (line:column)
 * within the text. */
bool card_yaml_parse(str yaml, struct arena *a, struct json **out, struct err *e);

struct card_report {
    str *errors, *warnings;
    size_t errors_count, warnings_count;
    struct json *data; /* the parsed card, shapes mended so that strict clients can read it; NULL without one */
};
/* False only when the card cannot be looked at (too large); what is wrong with it goes into the report, and
 * data is then NULL if it could not be parsed. */
bool card_check(str readme, enum repo_kind kind, struct arena *a, struct card_report *out, struct err *e);
/* The values that strict clients accept for a key of a kind: see card_mend.c. */
void card_mend(struct json *card, enum repo_kind kind, struct arena *a);
bool card_license_is_known(str id);
bool card_task_is_known(str id);
bool card_library_is_known(str id);

/* Known tasks and libraries (static tables), for tags-by-type and for derivation. */
struct card_term {
    const char *id, *label, *group;
};
const struct card_term *card_tasks(size_t *n);
const struct card_term *card_libraries(size_t *n);
const struct card_term *card_licenses(size_t *n);

#endif
