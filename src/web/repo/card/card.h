/* web/repo/card/card.h - the parts that a repository's first page is put together from; each writes members of the context. */
#ifndef WEB_REPO_CARD_H
#define WEB_REPO_CARD_H

#include "hub/card/eval.h"
#include "hub/card/metric.h"
#include "hub/index/list.h"
#include "web/frame/page.h"

/* A repository as its page needs it: the row, and the card that stands in it. */
struct repo_view {
    struct repo_summary row;
    const struct json *card; /* NULL: none */
    str task;                /* what this server does with it: "conversational", "fill-mask", ...; empty: nothing */
    bool may_read;           /* the files too */
};

bool write_about(struct page *p, const struct repo_view *v, struct err *e);    /* facts, downloads (about.c) */
bool write_lineage(struct page *p, const struct repo_view *v, struct err *e);  /* lineage: what was made of it (lineage.c) */
void write_hardware(struct page *p, const struct repo_view *v);                /* hardware (hardware.c) */
bool write_use(struct page *p, const struct repo_view *v, struct err *e);      /* use: what snippets go by (use.c) */
void write_try(struct page *p, const struct repo_view *v);                     /* try: the widget's task and examples (try.c) */
bool write_metrics(struct page *p, const struct repo_view *v, struct err *e);  /* metrics: the best of them (metrics.c) */

#endif
