/* web/repo/viewer.h - the first rows of a dataset, for its first page. */
#ifndef WEB_REPO_VIEWER_H
#define WEB_REPO_VIEWER_H

#include "web/frame/page.h"

/* Writes viewer: the rows, unless no file has any. */
bool write_viewer(struct page *p, struct err *e);

#endif
