/* web/pages.h - pages for people: tables of routes like those of the wire protocols, and templates.
 *
 * A page is a template, called by its path (repo/files/tree.html), rendered by jinja/ with a context that a handler wrote as JSON.  What is
 * printed is escaped unless the template says `|safe`, which stands only behind HTML that hub/text/clean.h made safe.
 * docs/WEB.md tells the rest. */
#ifndef WEB_PAGES_H
#define WEB_PAGES_H

#include "api/api.h"

/* For api_config. */
const struct api_table *const *web_tables(size_t *n);
/* Compiles templates and makes assets small, 7 ms that the first visitor would wait for; he may come in the middle of it. */
void web_warm(void);
void web_error_page(struct call *c, int status, str message);

#endif
