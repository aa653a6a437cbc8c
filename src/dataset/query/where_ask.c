/* dataset/query/where_ask.c - a condition asked of batches of rows.
 *
 * Truth is a byte a row: NO < UNKNOWN < YES, so that AND is the lesser, OR the greater, and NOT what is left to 2.  What compares a column with values is
 * decided for the values that lie in a piece, then spread over its rows; of a dictionary each entry is decided once.
 *
 * Ordinals are compared as integers: before the first batch it is found out by halving which of them are less than the value of the condition, equal
 * to it, or greater, each asked as it would be shown.  So one comparison serves integers, floats by the text that they are shown as, decimals, dates. Of
 * times that have parts of a second, only those of one second are not known before: they are asked as text. */
#include "dataset/query/like.h"
#include "dataset/query/where_priv.h"

enum { ASK = 3, SCRATCH_BYTES_MAX = 64 << 20 };

/* What is said of ordinals: below `from`, from it to `to`, and above; and of those that lie outside of [low, high]. */
struct zones {
    int64_t from, to, low, high;
    uint8_t below, within, above, outside;
};

/* A part of the condition that compares a column. */
struct asked {
    const struct condition *c;
    enum where_class class;      /* of the condition's column */
    const struct parquet_node *leaf; /* of the file */
    struct zones *zones;         /* of each value, where the leaf has ordinals */
    struct like **like;          /* of each value */
    uint8_t *verdict;            /* of each entry of the dictionary */
    uint8_t there, missing;      /* what is said of rows with a value that is not looked at, and without one */
    uint8_t *truth;              /* of each row of the batch */
    struct asked *next;          /* of the same column */
};
struct slot { /* a column that is read */
    struct asked *asked;
    bool is_answered; /* in this batch */
};
/* The tree once more, with the parts that compare. */
struct node {
    const struct condition *c;
    struct node *left, *right;
    struct asked *asked;
    size_t slot;    /* of what is asked; STR_NONE: the file has no such column */
    uint8_t *truth; /* of a join */
};
struct where_asked {
    struct where *where;
    const struct dataset_part *part;
    struct node *root;
    struct batch_column *column;
    struct slot *slot;
    size_t columns;
    struct batches *batches;
    size_t rows; /* of the batch */
    struct arena *a, *scratch;
    uint8_t *all;   /* YES: without a condition */
    uint8_t *dense; /* what is said of the values of a piece */
};

/* ------------------------------------------------------------------ one value */

static uint8_t truth_of(bool yes) { return yes ? WHERE_YES : WHERE_NO; }

static uint8_t truth_of_order(enum op op, int order)
{
    switch (op) {
    case OP_NE: return truth_of(order != 0);
    case OP_LT: return truth_of(order < 0);
    case OP_LE: return truth_of(order <= 0);
    case OP_GT: return truth_of(order > 0);
    case OP_GE: return truth_of(order >= 0);
    default: return truth_of(order == 0);
    }
}

static uint8_t compare_text(struct where_asked *q, const struct asked *d, size_t value, str s)
{
    const struct where_key *v = &d->c->value[value];
    if (v->is_null) return WHERE_UNKNOWN;
    if (d->like) return truth_of(like_matches(d->like[value], s, &q->where->steps_left));
    if (d->c->op == OP_EQ || d->c->op == OP_IN) return truth_of(str_eq(s, v->text));
    return truth_of_order(d->c->op, str_cmp(s, v->text));
}

static uint8_t compare(struct where_asked *q, const struct asked *d, size_t value, const struct where_key *x)
{
    const struct where_key *v = &d->c->value[value];
    if (x->is_null || v->is_null) return WHERE_UNKNOWN;
    return d->like ? compare_text(q, d, value, x->text) : truth_of_order(d->c->op, where_key_cmp(x, v));
}

/* ------------------------------------------------------------------ ordinals */

/* How the value that an ordinal stands for is ordered before the condition's; of times, by what stands before the parts of a second. */
struct compared {
    struct where_asked *q;
    const struct asked *d;
    const struct where_key *v;
    size_t first_bytes;  /* of text that are compared; 0: numbers */
    bool is_all_of_it;   /* no more text follows these */
};

static int order_of(const struct compared *k, int64_t ordinal)
{
    struct where_key x;
    struct parquet_vector one = { .ordinal = &ordinal };
    arena_reset(k->q->scratch);
    where_key_at(k->d->class, k->d->leaf, &one, 0, k->q->scratch, &x);
    if (!k->first_bytes) return where_key_cmp(&x, k->v);
    str text = str_to(x.text, k->first_bytes), with = k->is_all_of_it ? k->v->text : str_to(k->v->text, k->first_bytes);
    int order = str_cmp(text, with);
    return order;
}

/* The first ordinal of [low, high] that is ordered at `least` or above; false: none is. */
static bool first_at(const struct compared *k, int64_t low, int64_t high, int least, int64_t *out)
{
    if (order_of(k, high) < least) return false;
    while (low < high) {
        int64_t middle = low + (int64_t)(((uint64_t)high - (uint64_t)low) / 2);
        if (order_of(k, middle) < least) low = middle + 1;
        else high = middle;
    }
    *out = low;
    return true;
}

static void find_zones(const struct compared *k, struct zones *z)
{
    enum op op = k->d->c->op;
    int64_t equal, greater;
    z->below = truth_of_order(op, -1);
    z->above = truth_of_order(op, 1);
    z->within = k->first_bytes && !k->is_all_of_it ? (uint8_t)ASK : truth_of_order(op, 0);
    bool has_equal = first_at(k, z->low, z->high, 0, &equal), has_greater = has_equal && first_at(k, z->low, z->high, 1, &greater);
    z->from = has_equal ? equal : INT64_MIN;
    z->to = has_greater && greater > INT64_MIN ? greater - 1 : INT64_MAX;
    if (!has_equal) z->within = z->below;
    if (has_greater && greater == INT64_MIN) z->within = z->above;
}

/* Between these, text is in the order of the ordinals: years of four digits.  first_bytes: as far as it is. */
static bool has_text_order(const struct parquet_node *n, struct zones *z, struct compared *k)
{
    const int64_t first_day = -719528, end_day = 2932897, second = n->unit == 3 ? 1000 : n->unit == 6 ? 1000000 : 1000000000;
    k->first_bytes = n->logical == PARQUET_DATE ? 10 : n->logical == PARQUET_TIME ? 8 : 19;
    k->is_all_of_it = n->logical == PARQUET_DATE;
    z->outside = ASK;
    if (n->logical == PARQUET_DATE) {
        z->low = first_day;
        z->high = end_day - 1;
        return true;
    }
    if (n->unit != 3 && n->unit != 6 && n->unit != 9) return false;
    z->low = 0;
    z->high = second * 86400 - 1;
    if (n->logical == PARQUET_TIME) return true;
    bool all_fit = n->unit == 9; /* 292 years before and after 1970 */
    z->low = all_fit ? INT64_MIN : first_day * 86400 * second;
    z->high = all_fit ? INT64_MAX : end_day * 86400 * second - 1;
    return n->logical == PARQUET_TIMESTAMP;
}

static bool has_number_order(const struct parquet_node *n, struct zones *z)
{
    const double infinity = __builtin_inf();
    z->outside = WHERE_UNKNOWN;
    if (n->physical == PARQUET_DOUBLE || n->physical == PARQUET_FLOAT) {
        int64_t bits = n->physical == PARQUET_DOUBLE ? parquet_ordinal_of_double(infinity) : 0x7f800000;
        z->high = bits;
        z->low = ~bits;
        return n->logical == PARQUET_PLAIN;
    }
    if (n->physical == PARQUET_BOOLEAN) z->low = 0, z->high = 1;
    else if (n->physical == PARQUET_INT32) z->low = n->is_signed || n->logical != PARQUET_INTEGER ? INT32_MIN : 0, z->high = z->low ? INT32_MAX : UINT32_MAX;
    return n->logical == PARQUET_PLAIN || n->logical == PARQUET_INTEGER || (n->logical == PARQUET_DECIMAL && n->scale <= 100);
}

static void make_zones(struct where_asked *q, const struct asked *d, size_t value, struct zones *z)
{
    struct compared k = { .q = q, .d = d, .v = &d->c->value[value] };
    bool is_text = d->class == WHERE_TEXTS, has_order;
    *z = (struct zones){ .from = INT64_MIN, .to = INT64_MAX, .low = INT64_MIN, .high = INT64_MAX, .within = k.v->is_null ? WHERE_UNKNOWN : ASK };
    if (k.v->is_null || d->like || where_class_of(d->leaf) != d->class) return;
    struct zones found = *z;
    has_order = is_text ? has_text_order(d->leaf, &found, &k) : has_number_order(d->leaf, &found);
    if (!has_order) return;
    find_zones(&k, &found);
    *z = found;
}

static void ask_ordinals(const struct zones *z, const int64_t *x, size_t n, uint8_t *out)
{
    const struct zones k = *z;
    for (size_t i = 0; i < n; i++) {
        uint8_t t = x[i] < k.from ? k.below : x[i] > k.to ? k.above : k.within;
        out[i] = x[i] < k.low || x[i] > k.high ? k.outside : t;
    }
}

/* ------------------------------------------------------------------ the values of a piece */

static void decide_value(struct where_asked *q, const struct asked *d, size_t value, const struct parquet_vector *v, size_t n, uint8_t *out)
{
    struct where_key x;
    if (v->text && d->class == WHERE_TEXTS) {
        for (size_t i = 0; i < n; i++) out[i] = compare_text(q, d, value, v->text[i]);
        return;
    }
    if (v->ordinal) ask_ordinals(&d->zones[value], v->ordinal, n, out);
    for (size_t i = 0; i < n; i++) {
        if (v->ordinal && out[i] != ASK) continue;
        arena_reset(q->scratch);
        where_key_at(d->class, d->leaf, v, i, q->scratch, &x);
        out[i] = compare(q, d, value, &x);
    }
}

/* NaN is null, and so is text that is no number where there should be one. */
static void decide_null(struct where_asked *q, const struct asked *d, const struct parquet_vector *v, size_t n, uint8_t *out)
{
    bool is_real = d->leaf->physical == PARQUET_DOUBLE || d->leaf->physical == PARQUET_FLOAT;
    struct where_key x;
    memset(out, WHERE_NO, n);
    if ((v->text && d->class == WHERE_TEXTS) || (v->ordinal && !is_real && where_class_of(d->leaf) == d->class && d->leaf->logical != PARQUET_DECIMAL)) return;
    for (size_t i = 0; i < n; i++) {
        arena_reset(q->scratch);
        where_key_at(d->class, d->leaf, v, i, q->scratch, &x);
        out[i] = truth_of(x.is_null);
    }
}

static void decide(struct where_asked *q, const struct asked *d, const struct parquet_vector *v, size_t n, uint8_t *out)
{
    enum { PART = 512 };
    uint8_t one[PART];
    if (d->c->op == OP_NULL) {
        decide_null(q, d, v, n, out);
        return;
    }
    decide_value(q, d, 0, v, n, out);
    for (size_t k = 1; k < d->c->values; k++) { /* IN: the best of several */
        for (size_t at = 0, some; at < n; at += some) {
            some = n - at < PART ? n - at : PART;
            struct parquet_vector part = { v->ordinal ? v->ordinal + at : NULL, v->text ? v->text + at : NULL, v->json ? v->json + at : NULL };
            decide_value(q, d, k, &part, some, one);
            for (size_t i = 0; i < some; i++) out[at + i] = out[at + i] > one[i] ? out[at + i] : one[i];
        }
    }
}

/* Of the values of a piece, one after the other. */
static const uint8_t *decide_piece(struct where_asked *q, struct asked *d, const struct parquet_piece *piece)
{
    if (!piece->index) {
        decide(q, d, &piece->value, piece->n, q->dense);
        return q->dense;
    }
    if (piece->is_new) {
        d->verdict = mem_grow(d->verdict, piece->dictionary_n + 1);
        decide(q, d, &piece->value, piece->dictionary_n, d->verdict);
    }
    for (size_t i = 0; i < piece->n; i++) q->dense[i] = d->verdict[piece->index[i]];
    return q->dense;
}

struct taking {
    struct where_asked *q;
    const struct slot *slot;
};
static void take(void *ctx, size_t row, const struct parquet_piece *piece)
{
    struct where_asked *q = ((struct taking *)ctx)->q;
    const struct slot *slot = ((struct taking *)ctx)->slot;
    bool has_values = piece->value.ordinal || piece->value.text || piece->value.json;
    for (struct asked *d = slot->asked; d; d = d->next) {
        uint8_t *out = d->truth + row;
        const uint8_t *dense = has_values && piece->n ? decide_piece(q, d, piece) : NULL;
        for (size_t i = 0, k = 0; i < piece->rows; i++) {
            bool is_there = !piece->is_there || piece->is_there[i];
            out[i] = !is_there ? d->missing : dense ? dense[k] : d->there;
            k += is_there;
        }
    }
}

/* ------------------------------------------------------------------ the tree */

static bool is_settled(const uint8_t *truth, size_t n, uint8_t what)
{
    size_t others = 0;
    for (size_t i = 0; i < n; i++) others += truth[i] != what;
    return !others;
}

static bool answer(struct where_asked *q, struct node *k, const uint8_t **out, struct err *e)
{
    const uint8_t *left, *right;
    if (k->asked) {
        struct slot *slot = k->slot == STR_NONE ? NULL : &q->slot[k->slot];
        *out = k->asked->truth;
        if (!slot || slot->is_answered) return true;
        slot->is_answered = true;
        return batches_take(q->batches, k->slot, take, &(struct taking){ q, slot }, e);
    }
    if (!answer(q, k->left, &left, e)) return false;
    *out = k->truth;
    if (k->c->op == OP_NOT) {
        for (size_t i = 0; i < q->rows; i++) k->truth[i] = (uint8_t)(WHERE_YES - left[i]);
        return true;
    }
    bool is_and = k->c->op == OP_AND;
    if (is_settled(left, q->rows, is_and ? WHERE_NO : WHERE_YES)) {
        *out = left;
        return true;
    }
    if (!answer(q, k->right, &right, e)) return false;
    if (is_and) for (size_t i = 0; i < q->rows; i++) k->truth[i] = left[i] < right[i] ? left[i] : right[i];
    else for (size_t i = 0; i < q->rows; i++) k->truth[i] = left[i] > right[i] ? left[i] : right[i];
    return true;
}

bool where_answer(struct where_asked *q, struct batches *b, size_t rows, const uint8_t **truth, struct err *e)
{
    q->batches = b;
    q->rows = rows;
    for (size_t i = 0; i < q->columns; i++) q->slot[i].is_answered = false;
    *truth = q->all;
    return !q->root || answer(q, q->root, truth, e);
}

/* ------------------------------------------------------------------ a file */

static size_t slot_of(struct where_asked *q, const struct batch_column *column)
{
    size_t i = 0;
    while (i < q->columns && !(q->column[i].node == column->node && q->column[i].wants_values == column->wants_values)) i++;
    if (i < q->columns) return i;
    q->column = arena_grow(q->a, q->column, i, sizeof *q->column);
    q->slot = arena_grow(q->a, q->slot, i, sizeof *q->slot);
    q->column[i] = *column;
    q->slot[i] = (struct slot){ 0 };
    q->columns++;
    return i;
}

static struct node *bind(struct where_asked *q, const struct condition *c)
{
    struct node *k = arena_one(q->a, struct node);
    k->c = c;
    if (c->op == OP_AND || c->op == OP_OR || c->op == OP_NOT) {
        k->truth = arena_alloc(q->a, BATCH_ROWS_MAX);
        k->left = bind(q, c->left);
        if (c->op != OP_NOT) k->right = bind(q, c->right);
        return k;
    }
    struct asked *d = k->asked = arena_one(q->a, struct asked);
    *d = (struct asked){ .c = c, .class = where_class_of(c->of.node), .truth = arena_alloc(q->a, BATCH_ROWS_MAX) };
    d->missing = c->op == OP_NULL ? WHERE_YES : WHERE_UNKNOWN;
    d->there = d->class == WHERE_OTHERS ? WHERE_NO : d->missing; /* what cannot be compared is null */
    memset(d->truth, d->missing, BATCH_ROWS_MAX);
    k->slot = STR_NONE;
    struct batch_column column = { c->of.node, c->of.column, c->of.name, c->of.member, c->of.members, true };
    if (!batch_column_find(q->part, &column)) return k;
    column.wants_values = d->class != WHERE_OTHERS && where_class_of(column.node) != WHERE_OTHERS;
    k->slot = slot_of(q, &column);
    d->leaf = column.node;
    d->next = q->slot[k->slot].asked;
    q->slot[k->slot].asked = d;
    if (!column.wants_values || c->op == OP_NULL) return k;
    if (c->op == OP_LIKE || c->op == OP_ILIKE) {
        d->like = arena_one(q->a, struct like *);
        d->like[0] = like_new(c->value[0].text, c->op == OP_ILIKE, q->a);
    }
    if (!parquet_has_ordinals(d->leaf)) return k;
    d->zones = arena_alloc(q->a, c->values * sizeof *d->zones);
    for (size_t i = 0; i < c->values; i++) make_zones(q, d, i, &d->zones[i]);
    return k;
}

static void end(void *ctx)
{
    struct where_asked *q = ctx;
    arena_free(q->scratch);
    for (size_t i = 0; i < q->columns; i++)
        for (struct asked *d = q->slot[i].asked; d; d = d->next) mem_free(d->verdict);
}

struct where_asked *where_ask(struct where *w, const struct dataset_part *p, struct arena *a)
{
    struct where_asked *q = arena_one(a, struct where_asked);
    *q = (struct where_asked){ .where = w, .part = p, .a = a, .scratch = arena_new(SCRATCH_BYTES_MAX) };
    arena_on_free(a, end, q);
    q->all = arena_alloc(a, BATCH_ROWS_MAX);
    q->dense = arena_alloc(a, BATCH_ROWS_MAX);
    memset(q->all, WHERE_YES, BATCH_ROWS_MAX);
    if (w->root) q->root = bind(q, w->root);
    return q;
}

const struct batch_column *where_columns(const struct where_asked *q, size_t *n)
{
    *n = q->columns;
    return q->column;
}

/* ------------------------------------------------------------------ a row group */

static bool may_be(uint8_t truth) { return truth == WHERE_YES || truth == ASK; }

static bool may_be_between(const struct zones *z, int64_t low, int64_t high)
{
    if (low < z->low || high > z->high) return true; /* a bound that is NaN says nothing */
    return (low < z->from && may_be(z->below)) || (high > z->to && may_be(z->above)) || (low <= z->to && high >= z->from && may_be(z->within));
}

static bool may_be_text(const struct asked *d, size_t value, str low, str high)
{
    str s = d->c->value[value].text;
    int from = str_cmp(low, s), to = str_cmp(high, s);
    switch (d->c->op) {
    case OP_LT: return from < 0;
    case OP_LE: return from <= 0;
    case OP_GT: return to > 0;
    case OP_GE: return to >= 0;
    case OP_NE: return from || to;
    default: return from <= 0 && to >= 0;
    }
}

static bool may_match(const struct where_asked *q, const struct node *k, size_t group)
{
    struct parquet_bounds b;
    const struct asked *d = k->asked;
    if (!d) {
        if (k->c->op == OP_NOT) return true;
        bool left = may_match(q, k->left, group);
        return left == (k->c->op == OP_OR) ? left : may_match(q, k->right, group);
    }
    bool says_nothing = !d->leaf || d->like || k->c->op == OP_NULL || where_class_of(d->leaf) != d->class;
    if (says_nothing || !parquet_bounds(q->part->parquet, group, d->leaf, &b)) return true;
    for (size_t i = 0; i < k->c->values; i++) {
        if (k->c->value[i].is_null) continue; /* matches nothing */
        if (b.is_text ? may_be_text(d, i, b.low_text, b.high_text) : may_be_between(&d->zones[i], b.low, b.high)) return true;
    }
    return false;
}

bool where_may_match(const struct where_asked *q, size_t group) { return !q->root || may_match(q, q->root, group); }
