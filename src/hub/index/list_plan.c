/* hub/index/list_plan.c - which rows, in which order: two ways to the same answer, and the choice between them.
 *
 *  walk   along the index of the sort order, testing each row, until the page is full.  Good when many rows
 *         match: costs page / (share that matches).
 *  sets   the numbers of the repositories of a tag, an owner, the search words or a range of sizes, intersected
 *         in memory; those that are left are looked up and sorted, or, if they are many, serve as the test of
 *         a walk.  Good when few rows match: costs what the smaller sets hold.  (list_set.c)
 *
 * The estimate takes conditions as independent.  Where that is wrong (two tags that never go together), the
 * walk would run on and on; so it has a budget, after which the sets take over. */
#include "hub/hub_priv.h"
#include "hub/index/list_priv.h"

enum {
    SHORT_BUDGET = 500,    /* rows walked for a word of one or two letters, to see how frequent it is */
    SHORT_BY_NAME = 6000,  /* the same in the order of names: ten times cheaper, and neighbours are alike, so that a few tell little */
    SHORT_SET = 300,       /* so few rows are tested for it one by one */
    SEEN_FEW = 64,         /* private rows of a reader: so few are sorted each time, */
    SEEN_SOME = 4000,      /* and so many, */
    HIDDEN_BUDGET = 5000,  /* once this many rows were walked and most were not for him */
};
/* Microseconds per row, from bench/list_bench; only their ratios matter. */
static const double cost_walk = 0.2, cost_lookup = 3.0, cost_member = 0.1, cost_tag_test = 0.8, cost_name_test = 4.5, cost_name_in_index = 0.6;
/* What the search table takes for a hit of a word of two letters, of one, and for its 1,681 pieces. */
static const double cost_short_hit = 0.4, cost_letter_hit = 1.5, cost_letter = 8000;

/* A statement whose text depends on the query.  Values are bound all the same: every sql_arg writes a '?'. */
struct sql {
    struct buf text;
    struct arena *a;
    struct db_value *arg;
    size_t n, cap;
};

static void sql_bind(struct sql *s, struct db_value v)
{
    if (s->n == s->cap) {
        struct db_value *bigger = arena_alloc(s->a, (s->cap = s->cap ? s->cap * 2 : 32) * sizeof *bigger);
        if (s->n) memcpy(bigger, s->arg, s->n * sizeof *bigger);
        s->arg = bigger;
    }
    s->arg[s->n++] = v;
}

static void sql_arg(struct sql *s, struct db_value v)
{
    sql_bind(s, v);
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

struct plan {
    const struct list_query *q;
    const struct list_terms *t;
    const struct list_place *from;
    struct list_sets sets;
    const char *id;  /* how a condition names the repository, so that it is tested before the row is read */
    bool words_settled; /* the short ones too */
    double matched;  /* how many rows the last walk found */
    bool as_case;    /* walk: conditions are told as a column, lazily, so that rows can be counted */
    str own;         /* walk: the private rows that the reader sees, as JSON: they are sorted.  .p NULL: all private ones are walked */
};

/* Is this condition already true of every number in the set? */
static bool is_settled(const struct plan *p, enum list_set_kind kind, size_t which)
{
    for (size_t i = 0; i < p->sets.n; i++)
        if (p->sets.set[i].kind == kind && p->sets.set[i].which == which) return p->sets.set[i].is_settled;
    return false;
}

/* The sets hold names with the pieces of the words; whether these are the words is still to be seen. */
static bool words_unproven(const struct plan *p)
{
    return p->t->by_pieces && !p->words_settled && is_settled(p, SET_WORDS, 0);
}

/* Opens one condition; the caller writes it and calls nothing more. */
static void also(const struct plan *p, struct sql *s)
{
    buf_add(&s->text, p->as_case ? STR(" THEN 0 WHEN NOT ") : STR(" AND "));
}

/* What of what is private does the reader see?  As PRIVATE_SEEN_BY, with what he is in his organisations read beforehand (list_terms.c):
 * a question to one row, and all such rows, from an index. */
#define OWNERS(list) "IN (SELECT value FROM json_each(" list "))"
#define HIS_GROUPS(grouped_of, reader)                                                                                       \
    "IN (SELECT gm.group_id FROM resource_group_member gm WHERE gm.org_id " OWNERS(grouped_of) " AND gm.user_id = " reader    \
    " AND gm.role <> 'no_access')"
#define IS_SEEN                                                                                                              \
    "(i.owner_id " OWNERS("?") " OR CASE WHEN i.group_id IS NULL THEN i.owner_id " OWNERS("?")                               \
    " ELSE i.group_id " HIS_GROUPS("?", "?") " END)"
#define OF_OWNER(list) "SELECT repo_id FROM repo_index INDEXED BY repo_index_by_owner WHERE owner_id " OWNERS(list) " AND kind = ?5 AND is_private = 1"
#define ALL_SEEN                                                                                                             \
    OF_OWNER("?1") " UNION ALL " OF_OWNER("?2") " AND group_id IS NULL UNION ALL " OF_OWNER("?3") " AND group_id " HIS_GROUPS("?3", "?4")

static void seen(const struct plan *p, struct sql *s)
{
    buf_lit(&s->text, IS_SEEN);
    sql_bind(s, db_text(p->t->all_of));
    sql_bind(s, db_text(p->t->ungrouped_of));
    sql_bind(s, db_text(p->t->grouped_of));
    sql_bind(s, db_int(p->t->reader_id));
}

static void visible(const struct plan *p, struct sql *s)
{
    if (p->t->sees_all) return;
    also(p, s);
    buf_lit(&s->text, "(i.is_private = 0");
    if (p->t->reader_id) {
        buf_lit(&s->text, " OR ");
        seen(p, s);
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
    if (p->t->has_author && !is_settled(p, SET_OWNER, 0)) {
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

static void tags_of(const struct plan *p, struct sql *s)
{
    const struct list_terms *t = p->t;
    for (size_t k = 0; k < t->tags_count; k++) {
        if (is_settled(p, SET_TAG, k)) continue;
        also(p, s);
        buf_lit(&s->text, "EXISTS (SELECT 1 FROM repo_tag x WHERE x.tag_id = ");
        sql_arg(s, db_int(t->tag[k].id));
        buf_addf(&s->text, " AND x.repo_id = %s)", p->id);
    }
}

static void words_of(const struct plan *p, struct sql *s)
{
    const struct list_terms *t = p->t;
    if (p->words_settled) return;
    for (size_t k = is_settled(p, SET_WORDS, 0) && !t->by_pieces ? t->long_words : 0; k < t->words_count; k++) {
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

/* For rows by their number: all but names stands in it. */
static const char *narrow(const struct plan *p) { return p->q->sort == SORT_NAME ? "" : " INDEXED BY repo_index_narrow"; }

static void order_by(const struct plan *p, struct sql *s)
{
    const char *way = p->q->ascending ? "ASC" : "DESC";
    buf_addf(&s->text, " ORDER BY 2 %s, 1 %s", way, way);
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

static bool has_words(struct db_conn *c, const struct plan *p, int64_t id, bool *yes, struct err *e)
{
    static const char sql[] = "SELECT full_name FROM repo_index WHERE repo_id = ?";
    struct db_query rows;
    if (!db_query(c, &rows, e, sql, db_int(id))) return false;
    *yes = db_next(&rows, e);
    for (size_t k = 0; *yes && k < p->t->words_count; k++)
        *yes = str_find_nocase(db_col_text(&rows, 0), p->t->word[k]) != STR_NONE;
    return db_end(&rows);
}

/* One side of a walk: what is public, or what is private, in the order of the index; the reader's few private ones are sorted into it. */
static void walk_side(const struct plan *p, struct sql *s, bool is_private, bool by_name)
{
    struct plan side = *p;
    bool is_own = is_private && p->own.p;
    side.id = "i.repo_id";
    side.as_case = true;
    buf_addf(&s->text, "SELECT i.repo_id, %s, i.is_private, CASE WHEN 0", order[p->q->sort].column);
    if (is_private && !is_own && !p->t->sees_all) {
        also(&side, s);
        seen(p, s);
    }
    numbers(&side, s);
    tags_of(&side, s);
    if (!by_name) words_of(&side, s);
    buf_lit(&s->text, " THEN 0 ELSE 1 END FROM ");
    if (is_own) {
        buf_lit(&s->text, "json_each(");
        sql_arg(s, db_text(p->own));
        buf_addf(&s->text, ") j CROSS JOIN repo_index i%s ON i.repo_id = j.value", narrow(p));
    } else {
        buf_addf(&s->text, "repo_index i INDEXED BY %s", order[p->q->sort].index);
    }
    buf_addf(&s->text, " WHERE i.is_private = %d AND i.kind = ", is_private);
    sql_arg(s, db_text(repo_kind_name(p->q->kind)));
    side.as_case = false;
    if (p->q->sort == SORT_PARAMETERS) numbers(&side, s); /* a range of the order itself: nothing outside of it is passed */
    behind(&side, s);
}

/* members NULL: every row is a candidate.  *finished false: the budget ran out before the page was full; out is
 * then empty again. */
static bool walk(struct db_conn *c, struct plan *p, const struct list_set *members, double budget, struct arena *a,
                 struct list_ids *out, bool *finished, struct err *e)
{
    struct sql s = { .a = a };
    struct db_query rows;
    double walked = 0;
    bool ok, by_name = members && words_unproven(p); /* the few that are members, one by one */

    walk_side(p, &s, false, by_name);
    if (p->t->sees_all || p->t->reader_id) { /* SQLite merges the two as they are read */
        buf_lit(&s.text, " UNION ALL ");
        walk_side(p, &s, true, by_name);
    }
    order_by(p, &s);
    *finished = true;
    ok = db_query_once(c, &rows, buf_str(&s.text), s.arg, s.n, e);
    if (ok) {
        while (ok && out->n < out->max && db_next(&rows, e)) {
            bool is_match = (!members || list_set_has(members, db_col_int(&rows, 0))) && db_col_int(&rows, 3);
            if (is_match && by_name) ok = has_words(c, p, db_col_int(&rows, 0), &is_match, e);
            if (ok && is_match) ok = keep(c, p->q, &rows, a, out, e);
            if (++walked < budget) continue;
            *finished = out->n == out->max;
            break;
        }
        ok = db_end(&rows) && ok;
    }
    buf_deinit(&s.text);
    p->matched = (double)out->n;
    if (!*finished) out->n = 0;
    return ok;
}

/* A set of numbers as JSON: one statement whatever their count. */
static void numbers_json(const struct list_set *set, struct buf *out)
{
    buf_byte(out, '[');
    for (size_t i = 0; i < set->ids_count; i++) {
        if (i) buf_byte(out, ',');
        buf_u64(out, (uint64_t)set->id[i]);
    }
    buf_byte(out, ']');
}

/* The rows of a set of numbers, sorted. */
static bool look_up(struct db_conn *c, struct plan *p, const struct list_set *set, struct arena *a, struct list_ids *out,
                    struct err *e)
{
    bool by_name = words_unproven(p), ok; /* in their order, until the page is full */
    bool all = by_name || (p->q->who && p->q->who->via_token && p->q->who->token.role == TOKEN_FINE_GRAINED);
    struct buf ids = BUF_INIT(0);
    struct sql s = { .a = a };
    struct db_query rows;

    numbers_json(set, &ids);
    p->id = "j.value";
    p->as_case = false;
    buf_addf(&s.text, "SELECT i.repo_id, %s, i.is_private FROM json_each(", order[p->q->sort].column);
    sql_arg(&s, db_text(buf_str(&ids)));
    buf_addf(&s.text, ") j CROSS JOIN repo_index i%s ON i.repo_id = j.value WHERE i.kind = ", narrow(p));
    sql_arg(&s, db_text(repo_kind_name(p->q->kind)));
    visible(p, &s);
    numbers(p, &s);
    tags_of(p, &s);
    if (!by_name) words_of(p, &s);
    behind(p, &s);
    order_by(p, &s);
    buf_lit(&s.text, " LIMIT ");
    sql_arg(&s, db_int(all ? -1 : (int64_t)out->max));
    ok = db_query_once(c, &rows, buf_str(&s.text), s.arg, s.n, e);
    if (ok) {
        while (ok && out->n < out->max && db_next(&rows, e)) {
            bool is_match = true;
            if (by_name) ok = has_words(c, p, db_col_int(&rows, 0), &is_match, e);
            if (ok && is_match) ok = keep(c, p->q, &rows, a, out, e);
        }
        ok = db_end(&rows) && ok;
    }
    buf_deinit(&s.text);
    buf_deinit(&ids);
    return ok;
}

static bool has_open_tags(const struct plan *p)
{
    for (size_t k = 0; k < p->t->tags_count; k++)
        if (!is_settled(p, SET_TAG, k)) return true;
    return false;
}

/* Keeps the numbers that have the tags, and the words too if it is told so. */
static bool keep_only(struct db_conn *c, struct plan *p, struct list_set *set, bool tests_words, struct arena *a, struct err *e)
{
    struct buf ids = BUF_INIT(0);
    struct sql s = { .a = a };
    struct db_query rows;
    size_t kept = 0;
    bool ok;

    numbers_json(set, &ids);
    p->id = "j.value";
    p->as_case = false;
    buf_lit(&s.text, "SELECT j.value FROM json_each(");
    sql_arg(&s, db_text(buf_str(&ids)));
    buf_add(&s.text, tests_words ? STR(") j CROSS JOIN repo_index i ON i.repo_id = j.value WHERE 1") : STR(") j WHERE 1"));
    tags_of(p, &s);
    if (tests_words) words_of(p, &s);
    ok = db_query_once(c, &rows, buf_str(&s.text), s.arg, s.n, e);
    if (ok) {
        while (db_next(&rows, e)) set->id[kept++] = db_col_int(&rows, 0); /* never ahead of the reading */
        set->ids_count = kept;
        ok = db_end(&rows);
    }
    buf_deinit(&s.text);
    buf_deinit(&ids);
    return ok;
}

/* Drops the numbers that lack a tag or a word whose set was not worth reading. */
static bool drop_others(struct db_conn *c, struct plan *p, struct list_set *set, struct arena *a, struct err *e)
{
    bool later = words_unproven(p); /* that is left to whoever makes the page */
    bool tests_words = !later && !p->words_settled && p->t->words_count > (is_settled(p, SET_WORDS, 0) ? p->t->long_words : 0);
    if (set->ids_count && (tests_words || has_open_tags(p)) && !keep_only(c, p, set, tests_words, a, e)) return false;
    for (size_t i = 0; i < p->sets.n; i++)
        if (p->sets.set[i].kind == SET_TAG) p->sets.set[i].is_settled = true;
    p->words_settled = !later;
    return true;
}

/* ------------------------------------------------------------------ choosing */

/* How much a walk to a full page costs, if `share` of the rows match and each is tested so dearly. */
static double walk_cost(double page, double share, double rows, double each)
{
    double steps = share * rows < 1 ? rows : page / share;
    return (steps < rows ? steps : rows) * each;
}

static double test_cost(const struct list_set *s)
{
    return s->kind == SET_TAG ? cost_tag_test : s->kind == SET_WORDS ? cost_name_test : cost_member;
}

/* Marks which sets to read: the smallest, and each further one that is cheaper to read than to test for.
 * Returns the cost of all that, and of making a page of what is left; *share of the rows that match. */
static double sets_plan(struct list_sets *sets, double page, double rows, double *share)
{
    double cost = 0, left = rows, by_walk;
    *share = 1;
    for (size_t i = 0; i < sets->n; i++) { /* they stand in the order of their size */
        struct list_set *s = &sets->set[i];
        double part = rows > 0 && s->rows < rows ? s->rows / rows : 1, read = s->is_read ? 0 : s->rows * s->cost_read;
        s->is_wanted = i == 0 || read < left * test_cost(s);
        cost += s->is_wanted ? read : left * test_cost(s);
        left *= part;
        *share *= part;
    }
    by_walk = walk_cost(page, *share, rows, cost_walk + cost_member);
    return cost + (by_walk < left * cost_lookup ? by_walk : left * cost_lookup);
}

/* The page out of a set in which everything but visibility, sizes and unproven words is settled. */
static bool page_of(struct db_conn *c, struct plan *p, struct list_set *set, double rows, struct arena *a,
                    struct list_ids *out, struct err *e)
{
    bool finished;
    double each = cost_walk + cost_member, k = (double)set->ids_count;

    if (set->ids_count == 0) return true;
    if (walk_cost((double)out->max, k / (rows > k ? rows : k), rows, each) < k * cost_lookup) {
        list_set_index(set, a);
        if (!walk(c, p, set, 2 * k * cost_lookup / each, a, out, &finished, e)) return false;
        if (finished) return true;
    }
    return look_up(c, p, set, a, out, e);
}

static bool by_sets(struct db_conn *c, struct plan *p, double rows, struct arena *a, struct list_ids *out, struct err *e)
{
    struct list_set left;
    return list_sets_intersect(c, p->q, p->t, &p->sets, &left, a, e) && drop_others(c, p, &left, a, e) &&
           page_of(c, p, &left, rows, a, out, e);
}

/* ------------------------------------------------------------------ short words */

/* Names with the last word, of one or two letters, exactly: two blanks are appended to what the search table knows, so that every
 * such piece of a name begins one of three letters.  And with the long words, as SET_WORDS has them. */
static str short_expression(const struct list_terms *t, struct arena *a)
{
    static const char letter[] = "abcdefghijklmnopqrstuvwxyz0123456789-_./ ";
    str word = t->word[t->words_count - 1], out;
    struct buf b = BUF_INIT(0);
    if (t->long_words) buf_addf(&b, "%.*s AND ", STR_ARG(list_words_expression(t, a)));
    buf_byte(&b, '(');
    for (size_t i = 0; letter[i]; i++)
        for (size_t k = 0; letter[k]; k++) {
            if (word.n == 2 && k) break;
            buf_addf(&b, "%s\"%.*s%c", i || k ? " OR " : "", STR_ARG(word), letter[i]);
            if (word.n == 1) buf_byte(&b, (uint8_t)letter[k]);
            buf_byte(&b, '"');
        }
    buf_byte(&b, ')');
    out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

/* Keeps of the hits what has all the tags, whose packed sets cost nearly nothing. */
static bool keep_tagged(struct db_conn *c, struct plan *p, struct list_set *hits, struct arena *a, struct err *e)
{
    for (size_t i = 0; i < p->sets.n; i++) {
        struct list_set *s = &p->sets.set[i];
        if (s->kind != SET_TAG) continue;
        if (!tag_bits_read(c, p->t->tag[s->which].id, a, &s->bits, e)) return false;
        hits->ids_count = tag_bits_filter(&s->bits, hits->id, hits->ids_count);
        s->is_settled = true;
    }
    return true;
}

/* What is frequent is found by walking, what is not by asking the search table.  The first rows of the walk tell which. */
static bool find_short(struct db_conn *c, struct plan *p, double rows, struct arena *a, struct list_ids *out, struct err *e)
{
    str word = p->t->word[p->t->words_count - 1];
    struct list_set hits = { .kind = SET_WORDS };
    bool by_name = p->q->sort == SORT_NAME && p->t->tags_count == 0; /* all that is tested stands in the index */
    bool finished, is_letter = word.n == 1;
    double budget = by_name ? SHORT_BY_NAME : SHORT_BUDGET;

    if (!walk(c, p, NULL, budget, a, out, &finished, e)) return false;
    if (finished) return true;
    double share = (p->matched + 0.5) / budget, further = (double)out->max / share;
    double by_set = share * rows * (is_letter ? cost_letter_hit : cost_short_hit) + further * (cost_walk + cost_member) + (is_letter ? cost_letter : 0);
    if (further * (by_name ? cost_name_in_index : cost_name_test) < by_set) {
        if (!walk(c, p, NULL, 2 * further, a, out, &finished, e)) return false;
        if (finished) return true;
    }
    if (!list_set_match(c, p->q, short_expression(p->t, a), &hits, a, e) || !keep_tagged(c, p, &hits, a, e)) return false;
    p->words_settled = !p->t->by_pieces && p->t->words_count == p->t->long_words + 1;
    return drop_others(c, p, &hits, a, e) && page_of(c, p, &hits, rows, a, out, e);
}

/* Reads which private rows the reader sees, if they are fewer than `most`. */
static bool read_own(struct db_conn *c, struct plan *p, size_t most, struct arena *a, struct err *e)
{
    static const char sql[] = ALL_SEEN " LIMIT ?6";
    struct buf ids = BUF_INIT(0);
    struct db_query rows;
    size_t n = 0;
    if (!p->t->reader_id) return true;
    if (!db_query(c, &rows, e, sql, db_text(p->t->all_of), db_text(p->t->ungrouped_of), db_text(p->t->grouped_of), db_int(p->t->reader_id),
                  db_text(repo_kind_name(p->q->kind)), db_int((int64_t)most)))
        return false;
    for (; db_next(&rows, e); n++) buf_addf(&ids, "%c%lld", n ? ',' : '[', (long long)db_col_int(&rows, 0));
    if (n < most) p->own = arena_fmt(a, "%.*s]", STR_ARG(n ? buf_str(&ids) : STR("[")));
    buf_deinit(&ids);
    return db_end(&rows);
}

/* Everything in its order.  Behind a front of rows that are hidden from the reader stands what he sees: his own few are sorted into what is
 * public instead. */
static bool walk_all(struct db_conn *c, struct plan *p, struct arena *a, struct list_ids *out, struct err *e)
{
    bool finished = false;
    if (p->t->reader_id && !p->own.p) {
        if (!walk(c, p, NULL, HIDDEN_BUDGET, a, out, &finished, e)) return false;
        if (finished) return true;
        if (!read_own(c, p, SEEN_SOME, a, e)) return false;
    }
    return walk(c, p, NULL, 1e18, a, out, &finished, e);
}

bool list_find(struct db_conn *c, const struct list_query *q, const struct list_terms *t, const struct list_place *from,
               struct arena *a, struct list_ids *out, struct err *e)
{
    struct plan p = { .q = q, .t = t, .from = from };
    double rows, share, by_walk, with_sets, each;
    bool finished, nothing;

    if (!read_own(c, &p, SEEN_FEW, a, e)) return false;
    if (!list_sets_open(c, q, t, &p.sets, &rows, &nothing, a, e)) return false;
    if (nothing) return true;
    bool has_short = t->words_count > t->long_words; /* no set is worth reading that holds much more than them */
    if (has_short && (p.sets.n == 0 || p.sets.set[0].rows > SHORT_SET)) return find_short(c, &p, rows, a, out, e);
    if (p.sets.n == 0) return walk_all(c, &p, a, out, e);
    with_sets = sets_plan(&p.sets, (double)out->max, rows, &share);
    each = cost_walk + (t->tags_count ? cost_tag_test : 0) + (t->words_count ? cost_name_test * (t->tags_count ? 0.2 : 1) : 0);
    by_walk = walk_cost((double)out->max, share, rows, each);
    if (by_walk < with_sets) {
        if (!walk(c, &p, NULL, 2 * with_sets / each, a, out, &finished, e)) return false;
        if (finished) return true;
    }
    return by_sets(c, &p, rows, a, out, e);
}
