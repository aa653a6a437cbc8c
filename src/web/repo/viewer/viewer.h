/* web/repo/viewer/viewer.h - the rows of a dataset: for its first page, and its viewer. */
#ifndef WEB_REPO_VIEWER_H
#define WEB_REPO_VIEWER_H

#include "dataset/query/scan.h"
#include "hub/view/view.h"
#include "web/frame/page.h"

/* Writes viewer: the first rows, unless no file has any. card: NULL for none. */
bool write_viewer(struct page *p, const struct json *card, struct err *e);

/* ------------------------------------------------------------------ splits (viewer_split.c) */

enum { VIEWER_PICTURE_BYTES_MAX = 8 << 20 };

struct viewer_splits {
    struct dataset_files files;
    struct dataset_split *split;
    size_t n;
};
bool viewer_splits_read(struct call *c, const struct json *card, struct viewer_splits *out, struct err *e);
/* asked: "CONFIG/SPLIT"; empty: the first. NULL: there is no such split. */
const struct dataset_split *viewer_split_asked(const struct viewer_splits *s, str asked, struct arena *a);
str viewer_split_name(const struct dataset_split *s, struct arena *a); /* "CONFIG/SPLIT" */
/* What somebody looks for; all empty: nothing, the rows as they stand. */
struct viewer_query {
    str words, where, order;
};
/* Members of the object viewer, of one split or one file. */
bool viewer_write_split(struct page *p, const struct dataset_split *s, const struct viewer_query *q, struct view_window window, struct err *e);
/* A picture of a cell: ?file=&row=&column=. */
bool viewer_get_picture(struct call *c, struct err *e);

#endif
