/* web/frame/static.h - styles, scripts and pictures, embedded in the binary. */
#ifndef WEB_STATIC_H
#define WEB_STATIC_H

#include "api/api.h"

/* "/static/hearth.css?v=…": the address changes with the content, so that browsers may keep it for ever. */
str static_url(str file, struct arena *a);
void static_make(void); /* what would otherwise be made at the first use of any of them */
extern const struct api_table static_table;

#endif
