/* hub/index/list_priv.h - a listing in the making: the query resolved, the plan, the statement that is assembled. */
#ifndef HUB_LIST_PRIV_H
#define HUB_LIST_PRIV_H

#include "hub/index/list.h"
#include "hub/index/tag_block.h"

struct wanted_tag {
    int64_t id, repos_count;
};
struct list_terms { /* the query, resolved against the tables */
    bool nothing;                   /* an unknown tag, author or impossible word: no row can match */
    struct wanted_tag tag[LIST_TERMS_MAX]; /* rarest first */
    size_t tags_count;
    str word[LIST_TERMS_MAX];       /* lower case */
    size_t words_count, long_words; /* long: three letters or more; they come first */
    bool by_pieces;                 /* SET_WORDS holds names that have the long words' pieces, perhaps not the words */
    bool has_author;
    int64_t author_id;
    bool sees_all;                  /* an administrator */
    int64_t reader_id;              /* 0: a stranger, who sees nothing private */
    /* Which private repositories he sees, as JSON lists of owners: all of these; of these what is in no resource group; of these what
     * is in his groups. */
    str all_of, ungrouped_of, grouped_of;
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

/* hub/index/list_set.c: numbers of repositories, ascending, for which one condition holds. */
enum list_set_kind { SET_TAG, SET_WORDS, SET_OWNER, SET_SIZE };
struct list_set {
    enum list_set_kind kind;
    size_t which;          /* SET_TAG: index into list_terms.tag */
    double rows;           /* how many there are; for words and sizes beyond a bound an estimate */
    double cost_read;      /* microseconds per row */
    bool is_wanted, is_read, is_settled;
    struct tag_bits bits;  /* SET_TAG: as they are read */
    int64_t *id;
    size_t ids_count, cap;
    uint64_t *bit;         /* once it is indexed: that of number n is n % 64 of word n / 64 */
    int64_t bit_count;
};
enum { LIST_SETS_MAX = LIST_TERMS_MAX + 3 };
struct list_sets {
    struct list_set set[LIST_SETS_MAX]; /* smallest first */
    size_t n;
};
/* Finds out how large the sets of a query are; *rows: repositories of the kind.  *nothing: one of them is empty. */
bool list_sets_open(struct db_conn *c, const struct list_query *q, const struct list_terms *t, struct list_sets *out,
                    double *rows, bool *nothing, struct arena *a, struct err *e);
/* Reads the wanted ones, marks them settled, and leaves what is in all of them. */
bool list_sets_intersect(struct db_conn *c, const struct list_query *q, const struct list_terms *t, struct list_sets *sets,
                         struct list_set *left, struct arena *a, struct err *e);
/* For many questions: makes list_set_has quick.  The set does not change any more. */
void list_set_index(struct list_set *s, struct arena *a);
bool list_set_has(const struct list_set *s, int64_t id);
/* What to ask the search table for the long words. */
str list_words_expression(const struct list_terms *t, struct arena *a);
/* All that the search table finds. */
bool list_set_match(struct db_conn *c, const struct list_query *q, str expression, struct list_set *out, struct arena *a, struct err *e);

/* hub/index/list_plan.c: the ids of a page, in order. */
struct list_ids {
    int64_t *id;
    struct db_value *key;
    size_t n, max;
};
bool list_find(struct db_conn *c, const struct list_query *q, const struct list_terms *t, const struct list_place *from,
               struct arena *a, struct list_ids *out, struct err *e);

#endif
