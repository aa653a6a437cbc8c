/* hub/manual/manual_priv.h - the sections that the search looks through. */
#ifndef HUB_MANUAL_PRIV_H
#define HUB_MANUAL_PRIV_H

#include "hub/manual/manual.h"

struct manual_section {
    const struct manual_page *page;
    str heading[7]; /* as manual_hit */
    str anchor, text;
};
const struct manual_section *manual_sections(size_t *n);

#endif
