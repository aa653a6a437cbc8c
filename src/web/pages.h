/* web/pages.h - the table of pages; cli/serve.c hands it to the api. */
#ifndef WEB_PAGES_H
#define WEB_PAGES_H

#include "api/api.h"

extern const struct api_table web_table;

#endif
