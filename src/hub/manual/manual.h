/* hub/manual/manual.h - the documentation of this Hearth: the Markdown of docs/, embedded, as pages that can be searched.
 *
 * The pages are made at the first call and live as long as the process; after that everything is read-only and safe from
 * any thread. */
#ifndef HUB_MANUAL_H
#define HUB_MANUAL_H

#include "base/arena.h"
#include "base/str.h"

struct manual_heading {
    int level;    /* 1 to 6 */
    str id, text; /* id: the anchor */
};
struct manual_page {
    str id;       /* "inference", "formats/cas"; its address is /docs/ID */
    str title, group;
    str html;     /* safe: Markdown alone, and HTML in it is left out */
    const struct manual_heading *heading;
    size_t headings;
};
str manual_source(const struct manual_page *page); /* its Markdown */
/* In the order of the contents. */
const struct manual_page *manual_pages(size_t *n);
/* By id, or by the name of its file ("INFERENCE.md", "docs/formats/cas.md"); NULL: there is none. */
const struct manual_page *manual_find(str name);

enum { MANUAL_HITS_MAX = 100, MANUAL_QUERY_BYTES_MAX = 250, MANUAL_WORDS_MAX = 16 };
struct manual_hit {
    const struct manual_page *page;
    str heading[7]; /* by level, [1] is the title; .n 0: none */
    str anchor;     /* "" at the top */
    str text;       /* a piece of the section around what was found */
};
/* Sections that have all words of q, best first.  q: at most MANUAL_QUERY_BYTES_MAX are read. */
size_t manual_search(str q, size_t most, struct arena *a, struct manual_hit *out);

#endif
