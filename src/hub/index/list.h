/* hub/index/list.h - listings and search.  Reads the index only; never opens a repository.
 *
 * A page costs about limit + what must be skipped: each sort order has its index, and the planner chooses
 * between walking the order and testing each row, and fetching the rows of the rarest tag or search term
 * and sorting them, by the counts in `tag` and a bounded count of search hits. */
#ifndef HUB_LIST_H
#define HUB_LIST_H

#include "hub/hub.h"

enum { LIST_LIMIT_MAX = 1000, LIST_TERMS_MAX = 32 };

enum list_sort { SORT_TRENDING, SORT_DOWNLOADS, SORT_LIKES, SORT_MODIFIED, SORT_CREATED, SORT_NAME, SORT_PARAMETERS };
bool list_sort_parse(str s, enum list_sort *out);

/* What the search table has found, newest first: lists of several kinds that ask for the same words need ask it once. */
struct list_hits {
    struct list_hits *next;
    str expression;
    int64_t *id;
    size_t n;
};
struct list_query {
    enum repo_kind kind;
    const struct identity *who; /* only what he may see */
    const str *search;          /* each word of each must be part of "owner/name", ignoring case */
    size_t search_count;
    struct list_hits **hits;    /* shared with queries of the same arena; NULL: with none */
    str author;                 /* .p NULL: any */
    const str *tags;            /* each must be among the tags, or be the pipeline tag or library */
    size_t tags_count;
    str pipeline_tag, sdk;      /* exact; empty: any */
    const str *uses_models, *uses_datasets; /* spaces: each must be named by the space */
    size_t uses_models_count, uses_datasets_count;
    int gated;                  /* -1 any, 0 not gated, 1 gated */
    uint64_t parameters_min, parameters_max; /* 0: open */
    bool has_gguf_only;         /* apps=ollama and the like */
    enum list_sort sort;
    bool ascending;
    size_t limit;               /* 0: LIST_LIMIT_MAX, which also bounds it */
    str cursor;                 /* opaque, from the page before; a malformed one is ERR_INVALID */
};
struct repo_summary { /* a row of repo + repo_index; texts are JSON where the table says so */
    struct repo repo;
    str head_sha, pipeline_tag, library_name, tags, card, config, safetensors, gguf, extra; /* .p NULL for SQL NULL */
    int64_t modified_ms, downloads, downloads_all, likes, parameters, used_bytes, files_count;
    double trending;
};
struct list_page {
    struct repo_summary *row;
    size_t n;
    str next; /* cursor of the next page; .p NULL on the last */
};
bool list_repos(struct db_conn *c, const struct list_query *q, struct arena *a, struct list_page *out, struct err *e);
/* Of all that a query finds, `most` at most and without pages, what tells a model that can be called: number, full name, is_private,
 * pipeline_tag, parameters, gguf, config.  Views, for as long as fn runs, which returns false to stop. */
bool list_glance(struct db_conn *c, const struct list_query *q, size_t most, bool (*fn)(void *ctx, const struct repo_summary *s), void *ctx,
                 struct arena *a, struct err *e);
bool repo_summary_get(struct db_conn *c, int64_t repo_id, struct repo_summary *out, struct arena *a, struct err *e);
/* What its card says in front, of main; *out NULL: nothing. */
bool repo_card(struct db_conn *c, int64_t repo_id, const struct json **out, struct arena *a, struct err *e);

struct repo_file_row { /* of a callback: views, for as long as it runs */
    str path, oid;
    uint64_t size_bytes, pointer_bytes;
    bool is_lfs;
    struct sha256 sha256;
};
/* The files at the head of main, by path; fn returns false to stop. */
bool repo_files_each(struct db_conn *c, int64_t repo_id, bool (*fn)(void *ctx, const struct repo_file_row *f), void *ctx, struct err *e);
bool repo_file_find(struct db_conn *c, int64_t repo_id, str path, struct repo_file_row *out, bool *found, struct arena *a, struct err *e);
/* Those whose paths end so, ignoring case, by path; `most` at most. */
enum { FILE_ENDINGS_MAX = 6 };
bool repo_files_ending(struct db_conn *c, int64_t repo_id, const str *ending, size_t endings, size_t most, struct arena *a,
                       struct repo_file_row **out, size_t *n, struct err *e);

/* Counted downloads of each of `days` days up to today, oldest first. */
bool repo_downloads_daily(struct db_conn *c, int64_t repo_id, size_t days, int64_t *out, struct err *e);

struct tag_row {
    str name;
    int64_t repos; /* public ones, as in all that is told of tags */
};
/* The tags that most repositories have, most first: at most `most`, which is LIST_TAGS_MAX or less. */
enum { LIST_TAGS_MAX = 10000 };
bool list_tags(struct db_conn *c, enum repo_kind kind, size_t most, struct arena *a, struct tag_row **out, size_t *n, struct err *e);
bool list_count_parse(str text, uint64_t *out); /* "6B", "1.5M", "500" parameters */
/* "min:1.5B,max:8B", each alone too, into the bounds of a query. */
bool list_parameters_parse(str text, struct list_query *q, struct err *e);
/* How many public repositories have the tag. */
bool list_tag_public_count(struct db_conn *c, enum repo_kind kind, str name, int64_t *out, struct err *e);
/* How many repositories have the tag, those that one may not see included; 0 for an unknown one. */
bool list_tag_count(struct db_conn *c, enum repo_kind kind, str name, int64_t *out, struct err *e);
/* Repositories whose name starts with or contains q, best first, at most `limit`.  hits: see list_query. */
bool quick_search(struct db_conn *c, const struct identity *who, str q, enum repo_kind kind, size_t limit, struct list_hits **hits,
                  struct arena *a, struct repo_summary **out, size_t *n, struct err *e);

#endif
