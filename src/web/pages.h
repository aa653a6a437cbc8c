/* web/pages.h - the table of pages, and the page of a refusal; cli/serve.c hands them to the api. */
#ifndef WEB_PAGES_H
#define WEB_PAGES_H

#include "api/api.h"

extern const struct api_table web_table;
void web_error_page(struct call *c, int status, str message);

#endif
