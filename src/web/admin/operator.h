/* web/admin/operator.h - what the operator's pages share. */
#ifndef WEB_OPERATOR_H
#define WEB_OPERATOR_H

#include "web/frame/page.h"

enum { OPERATOR_FORM_MAX = 16 << 10 };
struct page *operator_page(struct call *c, const char *tab, str title);

#endif
