/* hub/list_plan.c - which rows, in which order: three ways to the same answer, and the choice between them.
 *
 *  walk   along the index of the sort order, testing each row, until the page is full.  Good when many rows
 *         match: costs page / (share that matches).
 *  fetch  all rows of one tag, one owner or the search words, testing each, and keep the first of them in
 *         order.  Good when few rows match: costs what the source holds.
 *  short  as fetch, for words too short for the search table: the three-letter pieces that begin with them.
 *
 * The estimate takes conditions as independent.  Where that is wrong (a tag that only obscure repositories
 * have), the walk would run on and on; so it has a budget, after which the best fetch takes over. */
#include "hub/list_priv.h"

enum {
    HITS_MAX = 5000,       /* so many search hits are counted exactly; more are extrapolated */
    OWNED_MAX = 5000,      /* the same for the repositories of an owner */
    SHORT_BUDGET = 20000,  /* rows walked for a short word before its pieces are looked up */
    PIECES_MAX = 2000,
};
/* Microseconds per row, measured with bench/list_bench; only their ratios matter. */
static const double cost_walk = 0.4, cost_fetch = 1.0, cost_hit = 1.5, cost_tag_test = 1.0, cost_name_test = 2.5;

void sql_arg(struct sql *s, struct db_value v)
{
    if (s->n == s->cap) {
        struct db_value *bigger = arena_alloc(s->a, (s->cap = s->cap ? s->cap * 2 : 32) * sizeof *bigger);
        if (s->n) memcpy(bigger, s->arg, s->n * sizeof *bigger);
        s->arg = bigger;
    }
    s->arg[s->n++] = v;
    buf_byte(&s->text, '?');
}

/* ------------------------------------------------------------------ conditions */

static const struct {
    const char *column, *index;
} order[] = {
    [SORT_TRENDING] = { "i.trending", "repo_index_by_trending" },
    [SORT_DOWNLOADS] = { "i.downloads", "repo_index_by_downloads" },
    [SORT_LIKES] = { "i.likes", "repo_index_by_likes" },
    [SORT_MODIFIED] = { "i.modified_ms", "repo_index_by_modified" },
    [SORT_CREATED] = { "i.created_ms", "repo_index_by_created" },
    [SORT_NAME] = { "i.full_name COLLATE NOCASE", "repo_index_by_name" },
    [SORT_PARAMETERS] = { "i.parameters", "repo_index_by_parameters" },
};

enum source { BY_WALK, BY_OWNER, BY_TAG, BY_WORDS, BY_PIECES };

struct plan {
    const struct list_query *q;
    const struct list_terms *t;
    const struct list_place *from;
    enum source source;
    str match;      /* BY_WORDS, BY_PIECES: the expression for the search table */
    bool as_case;   /* walk: conditions are told as a column, lazily, so that rows can be counted */
};

/* Opens one condition; the caller writes it and calls nothing more. */
static void also(const struct plan *p, struct sql *s)
{
    buf_add(&s->text, p->as_case ? STR(" THEN 0 WHEN NOT ") : STR(" AND "));
}

static void visible(const struct plan *p, struct sql *s)
{
    if (p->t->sees_all) return;
    also(p, s);
    buf_lit(&s->text, "(i.is_private = 0");
    for (size_t k = 0; k < p->t->owners_count; k++) {
        buf_lit(&s->text, " OR i.owner_id = ");
        sql_arg(s, db_int(p->t->owner[k]));
    }
    buf_lit(&s->text, ")");
}

static void numbers(const struct plan *p, struct sql *s)
{
    const struct list_query *q = p->q;
    if (q->gated >= 0) {
        also(p, s);
        buf_lit(&s->text, "i.is_gated = ");
        sql_arg(s, db_int(q->gated));
    }
    if (p->t->has_author && p->source != BY_OWNER) {
        also(p, s);
        buf_lit(&s->text, "i.owner_id = ");
        sql_arg(s, db_int(p->t->author_id));
    }
    if (q->parameters_min) {
        also(p, s);
        buf_lit(&s->text, "i.parameters >= ");
        sql_arg(s, db_int(q->parameters_min > INT64_MAX ? INT64_MAX : (int64_t)q->parameters_min));
    }
    if (q->parameters_max) { /* without known weights there is no number to compare */
        also(p, s);
        buf_lit(&s->text, "(i.parameters > 0 AND i.parameters <= ");
        sql_arg(s, db_int(q->parameters_max > INT64_MAX ? INT64_MAX : (int64_t)q->parameters_max));
        buf_lit(&s->text, ")");
    }
}

static void tags_and_words(const struct plan *p, struct sql *s)
{
    const struct list_terms *t = p->t;
    for (size_t k = p->source == BY_TAG ? 1 : 0; k < t->tags_count; k++) {
        also(p, s);
        buf_lit(&s->text, "EXISTS (SELECT 1 FROM repo_tag x WHERE x.tag_id = ");
        sql_arg(s, db_int(t->tag[k].id));
        buf_lit(&s->text, " AND x.repo_id = i.repo_id)");
    }
    for (size_t k = p->source == BY_WORDS ? t->long_words : 0; k < t->words_count; k++) {
        also(p, s);
        buf_lit(&s->text, "instr(lower(i.full_name), ");
        sql_arg(s, db_text(t->word[k]));
        buf_lit(&s->text, ") > 0");
    }
}

static void behind(const struct plan *p, struct sql *s)
{
    if (!p->from->is_set) return;
    buf_addf(&s->text, " AND (%s, i.repo_id) %s (", order[p->q->sort].column, p->q->ascending ? ">" : "<");
    sql_arg(s, p->from->key);
    buf_lit(&s->text, ", ");
    sql_arg(s, db_int(p->from->repo_id));
    buf_lit(&s->text, ")");
}

static void order_by(const struct plan *p, struct sql *s)
{
    const char *way = p->q->ascending ? "ASC" : "DESC";
    buf_addf(&s->text, " ORDER BY %s %s, i.repo_id %s", order[p->q->sort].column, way, way);
}

/* ------------------------------------------------------------------ running */

static struct db_value key_of(const struct list_query *q, struct db_query *rows, struct arena *a)
{
    if (q->sort == SORT_TRENDING) return db_real(db_col_real(rows, 1));
    if (q->sort == SORT_NAME) return db_text(db_col_dup(rows, 1, a));
    return db_int(db_col_int(rows, 1));
}

/* A fine-grained token may see less than its owner: its private rows are asked for one by one. */
static bool token_sees(struct db_conn *c, const struct list_query *q, struct db_query *rows, bool *yes, struct err *e)
{
    struct arena *a;
    struct repo r;
    struct err why;
    bool ok;

    *yes = true;
    if (!q->who || !q->who->via_token || q->who->token.role != TOKEN_FINE_GRAINED || db_col_int(rows, 2) == 0) return true;
    a = arena_new(0);
    ok = repo_get(c, db_col_int(rows, 0), &r, a, e);
    if (ok) *yes = repo_allow(c, q->who, &r, REPO_SEE, &why);
    arena_free(a);
    return ok;
}

static bool keep(struct db_conn *c, const struct list_query *q, struct db_query *rows, struct arena *a, struct list_ids *out,
                 struct err *e)
{
    bool yes;
    if (!token_sees(c, q, rows, &yes, e)) return false;
    if (!yes) return true;
    out->key[out->n] = key_of(q, rows, a);
    out->id[out->n++] = db_col_int(rows, 0);
    return true;
}

/* *finished false: the budget ran out before the page was full; out is then empty again. */
static bool walk(struct db_conn *c, struct plan *p, double budget, struct arena *a, struct list_ids *out, bool *finished,
                 struct err *e)
{
    struct sql s = { .a = a };
    struct db_query rows;
    double walked = 0;
    bool ok = true;

    p->source = BY_WALK;
    p->as_case = true;
    buf_addf(&s.text, "SELECT i.repo_id, %s, i.is_private, CASE WHEN 0", order[p->q->sort].column);
    visible(p, &s);
    numbers(p, &s);
    tags_and_words(p, &s);
    buf_addf(&s.text, " THEN 0 ELSE 1 END FROM repo_index i INDEXED BY %s WHERE i.kind = ", order[p->q->sort].index);
    sql_arg(&s, db_text(repo_kind_name(p->q->kind)));
    p->as_case = false;
    behind(p, &s);
    order_by(p, &s);
    if (!db_query_once(c, &rows, buf_str(&s.text), s.arg, s.n, e)) {
        buf_deinit(&s.text);
        return false;
    }
    *finished = true;
    while (ok && out->n < out->max && db_next(&rows, e)) {
        if (db_col_int(&rows, 3)) ok = keep(c, p->q, &rows, a, out, e);
        if (++walked < budget) continue;
        *finished = out->n == out->max;
        break;
    }
    ok = db_end(&rows) && ok;
    buf_deinit(&s.text);
    if (!*finished) out->n = 0;
    return ok;
}

static void from_source(const struct plan *p, struct sql *s)
{
    const char *narrow = p->q->sort == SORT_NAME ? "" : " INDEXED BY repo_index_narrow";
    switch (p->source) {
    case BY_TAG:
        buf_addf(&s->text, " FROM repo_tag g CROSS JOIN repo_index i%s ON i.repo_id = g.repo_id WHERE g.tag_id = ", narrow);
        sql_arg(s, db_int(p->t->tag[0].id));
        break;
    case BY_OWNER:
        buf_lit(&s->text, " FROM repo_index i INDEXED BY repo_index_by_owner WHERE i.owner_id = ");
        sql_arg(s, db_int(p->t->author_id));
        break;
    default:
        buf_addf(&s->text, " FROM repo_search f CROSS JOIN repo_index i%s ON i.repo_id = f.rowid WHERE f.repo_search MATCH ",
                 narrow);
        sql_arg(s, db_text(p->match));
    }
}

static bool fetch(struct db_conn *c, struct plan *p, struct arena *a, struct list_ids *out, struct err *e)
{
    struct sql s = { .a = a };
    struct db_query rows;
    bool all = p->q->who && p->q->who->via_token && p->q->who->token.role == TOKEN_FINE_GRAINED, ok;

    p->as_case = false;
    buf_addf(&s.text, "SELECT i.repo_id, %s, i.is_private", order[p->q->sort].column);
    from_source(p, &s);
    buf_lit(&s.text, " AND i.kind = ");
    sql_arg(&s, db_text(repo_kind_name(p->q->kind)));
    visible(p, &s);
    numbers(p, &s);
    tags_and_words(p, &s);
    behind(p, &s);
    order_by(p, &s);
    buf_lit(&s.text, " LIMIT ");
    sql_arg(&s, db_int(all ? -1 : (int64_t)out->max));
    ok = db_query_once(c, &rows, buf_str(&s.text), s.arg, s.n, e);
    if (ok) {
        while (ok && out->n < out->max && db_next(&rows, e)) ok = keep(c, p->q, &rows, a, out, e);
        ok = db_end(&rows) && ok;
    }
    buf_deinit(&s.text);
    return ok;
}

/* ------------------------------------------------------------------ estimates */

/* Words are letters, digits, '-', '_', '.' and '/' only, so quoting needs no escapes. */
static str words_expression(const struct list_terms *t, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    str out;
    for (size_t i = 0; i < t->long_words; i++) buf_addf(&b, "%s\"%.*s\"", i ? " AND " : "", STR_ARG(t->word[i]));
    out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

/* Hits come by repository number: if the first HITS_MAX reach up to number x, about HITS_MAX * last / x exist. */
static bool count_hits(struct db_conn *c, str match, int64_t last_id, double *out, struct err *e)
{
    static const char sql[] = "SELECT rowid FROM repo_search WHERE repo_search MATCH ?";
    struct db_query rows;
    int64_t n = 0, id = 0;
    if (!db_query(c, &rows, e, sql, db_text(match))) return false;
    while (n < HITS_MAX && db_next(&rows, e)) {
        id = db_col_int(&rows, 0);
        n++;
    }
    *out = n < HITS_MAX || id == 0 ? (double)n : (double)n * (double)last_id / (double)id;
    return db_end(&rows);
}

static bool count_owned(struct db_conn *c, const struct list_query *q, int64_t owner_id, double *out, struct err *e)
{
    static const char sql[] = "SELECT count(*) FROM (SELECT 1 FROM repo_index WHERE owner_id = ? AND kind = ? LIMIT ?)";
    int64_t n;
    if (!db_get_int(c, &n, 0, e, sql, db_int(owner_id), db_text(repo_kind_name(q->kind)), db_int(OWNED_MAX))) return false;
    *out = (double)n;
    return true;
}

struct estimate {
    double rows;          /* of this kind */
    double match;         /* share of them that matches, thought independent */
    double walk, best;    /* microseconds */
    enum source source;   /* of best; BY_WALK: there is none */
};

static void consider(struct estimate *x, enum source source, double rows, double each)
{
    double cost = rows * each;
    x->match *= x->rows > 0 ? (rows < x->rows ? rows / x->rows : 1) : 1;
    if (x->source != BY_WALK && cost >= x->best) return;
    x->best = cost;
    x->source = source;
}

static bool estimate(struct db_conn *c, struct plan *p, size_t page, struct estimate *x, struct err *e)
{
    static const char last_sql[] = "SELECT max(repo_id) FROM repo_index";
    const struct list_terms *t = p->t;
    double tests = cost_tag_test * (double)t->tags_count + cost_name_test * (t->words_count ? 1 : 0), n;
    int64_t last, of_kind;

    *x = (struct estimate){ .match = 1, .source = BY_WALK };
    /* Every repository has this tag: its count is the number of repositories. */
    if (!db_get_int(c, &last, 0, e, last_sql) || !list_tag_count(c, p->q->kind, STR("region:us"), &of_kind, e)) return false;
    x->rows = (double)(of_kind ? of_kind : last);
    for (size_t i = 0; i < t->tags_count; i++)
        consider(x, BY_TAG, (double)t->tag[i].repos_count, cost_fetch + tests - cost_tag_test);
    if (t->tags_count) x->best = (double)t->tag[0].repos_count * (cost_fetch + tests - cost_tag_test);
    if (t->has_author) {
        if (!count_owned(c, p->q, t->author_id, &n, e)) return false;
        consider(x, BY_OWNER, n, cost_name_test + tests);
    }
    if (t->long_words) {
        if (!count_hits(c, p->match, last, &n, e)) return false;
        consider(x, BY_WORDS, n, cost_hit + cost_fetch + cost_tag_test * (double)t->tags_count);
    }
    x->walk = (double)page / (x->match > 1e-9 ? x->match : 1e-9) * (cost_walk + tests);
    if (x->walk > x->rows * (cost_walk + tests)) x->walk = x->rows * (cost_walk + tests);
    return true;
}

/* ------------------------------------------------------------------ short words */

static bool pieces_expression(struct db_conn *c, str word, struct arena *a, str *out, struct err *e)
{
    static const char sql[] = "SELECT term FROM repo_search_piece WHERE term >= ? AND term < ?";
    struct buf b = BUF_INIT(0);
    char *end = arena_alloc(a, word.n + 1);
    struct db_query rows;
    size_t n = 0;

    memcpy(end, word.p, word.n);
    end[word.n - 1]++;
    if (!db_query(c, &rows, e, sql, db_text(word), db_text(str_n(end, word.n)))) return false;
    while (n < PIECES_MAX && db_next(&rows, e)) {
        buf_addf(&b, "%s\"", n++ ? " OR " : "");
        buf_add(&b, db_col_text(&rows, 0));
        buf_byte(&b, '"');
    }
    *out = n && n < PIECES_MAX ? arena_dup(a, buf_str(&b)) : (str){ NULL, 0 };
    buf_deinit(&b);
    return db_end(&rows);
}

/* Nothing but short words narrows this query. */
static bool find_short(struct db_conn *c, struct plan *p, struct arena *a, struct list_ids *out, struct err *e)
{
    bool finished;
    if (!walk(c, p, SHORT_BUDGET, a, out, &finished, e)) return false;
    if (finished) return true;
    if (!pieces_expression(c, p->t->word[p->t->words_count - 1], a, &p->match, e)) return false;
    if (!p->match.p) return walk(c, p, 1e18, a, out, &finished, e);
    p->source = BY_PIECES;
    return fetch(c, p, a, out, e);
}

bool list_find(struct db_conn *c, const struct list_query *q, const struct list_terms *t, const struct list_place *from,
               struct arena *a, struct list_ids *out, struct err *e)
{
    struct plan p = { .q = q, .t = t, .from = from };
    struct estimate x;
    bool finished;
    double each;

    if (t->long_words) p.match = words_expression(t, a);
    if (!estimate(c, &p, out->max, &x, e)) return false;
    if (x.source == BY_WALK) {
        if (t->words_count) return find_short(c, &p, a, out, e);
        return walk(c, &p, 1e18, a, out, &finished, e);
    }
    if (x.walk < x.best) {
        each = x.walk * x.match / (double)(out->max ? out->max : 1);
        if (!walk(c, &p, 2 * x.best / (each > cost_walk ? each : cost_walk), a, out, &finished, e)) return false;
        if (finished) return true;
    }
    p.source = x.source;
    return fetch(c, &p, a, out, e);
}
