/* hub/list_priv.h - a listing in the making: the query resolved, the plan, the statement that is assembled. */
#ifndef HUB_LIST_PRIV_H
#define HUB_LIST_PRIV_H

#include "hub/list.h"

/* A statement whose text depends on the query.  Values are bound all the same: every sql_arg writes a '?'. */
struct sql {
    struct buf text;
    struct arena *a;
    struct db_value *arg;
    size_t n, cap;
};
void sql_arg(struct sql *s, struct db_value v);

struct wanted_tag {
    int64_t id, repos_count;
};
struct list_terms { /* the query, resolved against the tables */
    bool nothing;                   /* an unknown tag, author or impossible word: no row can match */
    struct wanted_tag tag[LIST_TERMS_MAX]; /* rarest first */
    size_t tags_count;
    str word[LIST_TERMS_MAX];       /* lower case */
    size_t words_count, long_words; /* long: three letters or more; they come first */
    bool has_author;
    int64_t author_id;
    bool sees_all;                  /* an administrator */
    int64_t *owner;                 /* whose private repositories he sees too */
    size_t owners_count;
};
bool list_terms_read(struct db_conn *c, const struct list_query *q, struct arena *a, struct list_terms *out, struct err *e);

/* Where the search goes on: behind this key and repository. */
struct list_place {
    bool is_set;
    struct db_value key;
    int64_t repo_id;
};
bool list_cursor_parse(const struct list_query *q, struct list_place *out, struct arena *a, struct err *e);
str list_cursor_format(const struct list_query *q, const struct list_place *p, struct arena *a);

/* hub/list_plan.c: the ids of a page, in order. */
struct list_ids {
    int64_t *id;
    struct db_value *key;
    size_t n, max;
};
bool list_find(struct db_conn *c, const struct list_query *q, const struct list_terms *t, const struct list_place *from,
               struct arena *a, struct list_ids *out, struct err *e);

#endif
