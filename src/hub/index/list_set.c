/* hub/index/list_set.c - sets of repository numbers: how large, what is in them, what is in all of them.
 *
 * Every source yields its numbers in ascending order (or is sorted here), so two sets meet in one pass.  Only
 * sets that the planner wants are read; a search word is probed for a few thousand hits, because nothing tells
 * how many it has. */
#include <stdlib.h>

#include "base/clock.h"
#include "hub/index/list_priv.h"

enum {
    PROBE_MAX = 2000,   /* search hits looked at before judging how many there are */
    FEW_HITS = 15000,   /* so many are read to the end at once */
    COUNT_MAX = 20000,  /* rows of an owner or of a range of sizes counted exactly */
};
static const double read_tag = 0.005, read_hit = 0.5, read_row = 0.2;

static void add(struct list_set *s, int64_t id, struct arena *a)
{
    if (s->ids_count == s->cap) {
        int64_t *bigger = arena_alloc(a, (s->cap = s->cap ? s->cap * 2 : 256) * sizeof *bigger);
        if (s->ids_count) memcpy(bigger, s->id, s->ids_count * sizeof *bigger);
        s->id = bigger;
    }
    s->id[s->ids_count++] = id;
}

static bool add_all(struct db_query *rows, size_t max, struct list_set *out, struct arena *a, struct err *e)
{
    while (out->ids_count < max && db_next(rows, e)) add(out, db_col_int(rows, 0), a);
    return db_end(rows);
}

/* A bit for each number, where that takes less room than INDEX_BYTES_MAX; else the numbers are searched. */
void list_set_index(struct list_set *s, struct arena *a)
{
    enum { INDEX_BYTES_MAX = 4 << 20 };
    size_t words = s->ids_count ? (size_t)s->id[s->ids_count - 1] / 64 + 1 : 0;
    if (s->bit || !words || words > INDEX_BYTES_MAX / 8) return;
    s->bit = arena_alloc(a, words * sizeof *s->bit);
    s->bit_count = 64 * (int64_t)words;
    memset(s->bit, 0, words * sizeof *s->bit);
    for (size_t i = 0; i < s->ids_count; i++) s->bit[s->id[i] / 64] |= UINT64_C(1) << s->id[i] % 64;
}

bool list_set_has(const struct list_set *s, int64_t id)
{
    size_t low = 0, high = s->ids_count;
    if (s->bit) return id < s->bit_count && s->bit[id / 64] >> id % 64 & 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->id[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->ids_count && s->id[low] == id;
}

/* ------------------------------------------------------------------ sources */

static const char match_sql[] = "SELECT rowid FROM repo_search WHERE repo_search MATCH ?";

static void share(const struct list_query *q, str expression, const struct list_set *s, struct arena *a)
{
    if (!q->hits) return;
    struct list_hits *f = arena_alloc(a, sizeof *f);
    *f = (struct list_hits){ *q->hits, expression, arena_alloc(a, (s->ids_count + 1) * sizeof *f->id), s->ids_count };
    if (f->n) memcpy(f->id, s->id, f->n * sizeof *f->id);
    *q->hits = f;
}

/* A copy, for sets are changed in place. */
static bool was_found(const struct list_query *q, str expression, struct list_set *out, struct arena *a)
{
    const struct list_hits *f = q->hits ? *q->hits : NULL;
    while (f && !str_eq(f->expression, expression)) f = f->next;
    if (!f) return false;
    out->id = arena_alloc(a, (f->n + 1) * sizeof *out->id);
    if (f->n) memcpy(out->id, f->id, f->n * sizeof *f->id);
    out->ids_count = out->cap = f->n;
    return true;
}

bool list_set_match(struct db_conn *c, const struct list_query *q, str expression, struct list_set *out, struct arena *a, struct err *e)
{
    struct db_query rows;
    if (was_found(q, expression, out, a)) return true;
    if (!db_query(c, &rows, e, match_sql, db_text(expression)) || !add_all(&rows, SIZE_MAX, out, a, e)) return false;
    share(q, expression, out, a);
    return true;
}

/* A word of more than three letters is a phrase of overlapping pieces to the search table, which then compares places
 * in all their lists.  Of several words so few names have a piece of each, that it is cheaper to ask for the first and
 * the last piece of each word, wherever they stand, and to look at the names of those that are wanted. */
static void add_pieces(struct buf *b, str word)
{
    buf_addf(b, "%s\"%.3s\"", b->n ? " AND " : "", word.p);
    if (word.n > 3) buf_addf(b, " AND \"%.3s\"", word.p + word.n - 3);
}

/* Words are letters, digits, '-', '_', '.' and '/' only, so quoting needs no escapes. */
str list_words_expression(const struct list_terms *t, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    str out;
    for (size_t i = 0; i < t->long_words; i++)
        if (t->by_pieces)
            add_pieces(&b, t->word[i]);
        else
            buf_addf(&b, "%s\"%.*s\"", i ? " AND " : "", STR_ARG(t->word[i]));
    out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

#define OWNED "FROM repo_index INDEXED BY repo_index_by_owner WHERE owner_id = ? AND kind = ?"
#define SIZED "FROM repo_index INDEXED BY repo_index_by_parameters WHERE kind = ? AND is_private IN (0, 1) AND parameters >= ? AND parameters <= ?"

static struct db_value size_min(const struct list_query *q)
{
    uint64_t n = q->parameters_min ? q->parameters_min : 1; /* unknown weights are in no range */
    return db_int(n > INT64_MAX ? INT64_MAX : (int64_t)n);
}

static struct db_value size_max(const struct list_query *q)
{
    uint64_t n = q->parameters_max ? q->parameters_max : INT64_MAX;
    return db_int(n > INT64_MAX ? INT64_MAX : (int64_t)n);
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static bool read_set(struct db_conn *c, const struct list_query *q, const struct list_terms *t, struct list_set *s,
                     struct arena *a, struct err *e)
{
    static const char owned[] = "SELECT repo_id " OWNED " ORDER BY repo_id";
    static const char sized[] = "SELECT repo_id " SIZED;
    struct db_value kind = db_text(repo_kind_name(q->kind));
    struct db_query rows;

    s->ids_count = 0;
    s->is_read = true;
    switch (s->kind) {
    case SET_TAG: return tag_bits_read(c, t->tag[s->which].id, a, &s->bits, e);
    case SET_WORDS: return list_set_match(c, q, list_words_expression(t, a), s, a, e);
    case SET_OWNER: return db_query(c, &rows, e, owned, db_int(t->author_id), kind) && add_all(&rows, SIZE_MAX, s, a, e);
    case SET_SIZE:
        if (!db_query(c, &rows, e, sized, kind, size_min(q), size_max(q)) || !add_all(&rows, SIZE_MAX, s, a, e)) return false;
        if (s->ids_count) qsort(s->id, s->ids_count, sizeof *s->id, by_number);
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------ how large */

static struct list_set *new_set(struct list_sets *sets, enum list_set_kind kind, size_t which, double rows, double cost_read)
{
    struct list_set *s = &sets->set[sets->n++];
    *s = (struct list_set){ .kind = kind, .which = which, .rows = rows, .cost_read = cost_read };
    return s;
}

/* Hits come by repository number: if PROBE_MAX of them reach up to number x, about PROBE_MAX * last / x exist. */
static bool probe_words(struct db_conn *c, const struct list_query *q, const struct list_terms *t, int64_t last, struct list_sets *out,
                        struct arena *a, struct err *e)
{
    struct list_set *s = new_set(out, SET_WORDS, 0, 0, read_hit);
    str expression = list_words_expression(t, a);
    int64_t begin = clock_mono_us();
    struct db_query rows;

    s->is_read = true;
    if (was_found(q, expression, s, a)) {
        s->rows = (double)s->ids_count;
        return true;
    }
    if (!db_query(c, &rows, e, match_sql, db_text(expression))) return false;
    while (db_next(&rows, e)) {
        add(s, db_col_int(&rows, 0), a);
        s->rows = (double)s->ids_count;
        if (s->ids_count != PROBE_MAX) continue;
        s->rows *= (double)last / (double)s->id[s->ids_count - 1];
        if (s->rows < FEW_HITS) continue;
        s->is_read = false;
        /* A frequent piece costs little per hit, a rare phrase of frequent pieces much: the probe has shown it. */
        s->cost_read = (double)(clock_mono_us() - begin) / PROBE_MAX;
        if (s->cost_read > 2) s->cost_read = 2; /* the machine was busy */
        break;
    }
    if (!db_end(&rows)) return false;
    if (s->is_read) share(q, expression, s, a);
    return true;
}

static int by_rows(const void *a, const void *b)
{
    double x = ((const struct list_set *)a)->rows, y = ((const struct list_set *)b)->rows;
    return x < y ? -1 : x > y;
}

bool list_sets_open(struct db_conn *c, const struct list_query *q, const struct list_terms *t, struct list_sets *out,
                    double *rows, bool *nothing, struct arena *a, struct err *e)
{
    static const char last_sql[] = "SELECT max(repo_id) FROM repo_index", all[] = "SELECT count FROM repo_total WHERE kind = ?";
    static const char owned[] = "SELECT count(*) FROM (SELECT 1 " OWNED " LIMIT ?)";
    static const char sized[] = "SELECT count(*) FROM (SELECT 1 " SIZED " LIMIT ?)";
    struct db_value kind = db_text(repo_kind_name(q->kind)), bound = db_int(COUNT_MAX);
    int64_t last, of_kind, n;

    out->n = 0;
    if (!db_get_int(c, &last, 0, e, last_sql) || !db_get_int(c, &of_kind, 0, e, all, kind)) return false;
    *rows = (double)of_kind;
    *nothing = of_kind == 0;
    if (*nothing) return true;
    for (size_t i = 0; i < t->tags_count; i++) new_set(out, SET_TAG, i, (double)t->tag[i].repos_count, read_tag);
    if (t->has_author) {
        if (!db_get_int(c, &n, 0, e, owned, db_int(t->author_id), kind, bound)) return false;
        new_set(out, SET_OWNER, 0, (double)n, read_row);
    }
    if (q->parameters_min || q->parameters_max) {
        if (!db_get_int(c, &n, 0, e, sized, kind, size_min(q), size_max(q), bound)) return false;
        if (n < COUNT_MAX) new_set(out, SET_SIZE, 0, (double)n, read_row); /* otherwise nothing is gained */
    }
    if (t->long_words && !probe_words(c, q, t, last, out, a, e)) return false;
    qsort(out->set, out->n, sizeof *out->set, by_rows);
    *nothing = out->n && out->set[0].rows < 1;
    return true;
}

/* ------------------------------------------------------------------ what is in all of them */

static void intersect(struct list_set *left, const struct list_set *with)
{
    size_t kept = 0;
    if (with->kind == SET_TAG) {
        left->ids_count = tag_bits_filter(&with->bits, left->id, left->ids_count);
        return;
    }
    for (size_t i = 0, k = 0; i < left->ids_count; i++) {
        while (k < with->ids_count && with->id[k] < left->id[i]) k++;
        if (k == with->ids_count) break;
        if (with->id[k] == left->id[i]) left->id[kept++] = left->id[i];
    }
    left->ids_count = kept;
}

bool list_sets_intersect(struct db_conn *c, const struct list_query *q, const struct list_terms *t, struct list_sets *sets,
                         struct list_set *left, struct arena *a, struct err *e)
{
    bool any = false;
    for (size_t i = 0; i < sets->n; i++) {
        struct list_set *s = &sets->set[i];
        if (!s->is_wanted) continue;
        if (!s->is_read && !read_set(c, q, t, s, a, e)) return false;
        s->is_settled = true;
        if (any) {
            intersect(left, s);
        } else {
            if (s->kind == SET_TAG) {
                s->ids_count = tag_bits_count(&s->bits);
                s->id = arena_alloc(a, (s->ids_count + 1) * sizeof *s->id);
                tag_bits_list(&s->bits, s->id);
            }
            *left = *s;
            any = true;
        }
        if (left->ids_count == 0) return true;
    }
    must(any);
    return true;
}
