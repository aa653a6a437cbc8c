/* dataset/parquet/column.c - one column of one row group: its pages, and the levels and values in them, row by row.
 *
 *   a page v1   header (Thrift: PageHeader), then packed together: repetition levels, definition levels, each with a length of 4
 *               bytes before it and absent where the column has none; values
 *   a page v2   header, repetition levels, definition levels, both as they are, with their lengths in the header; values, packed
 *               or not
 *
 * Rows before those that are wanted are passed by page where the offset index or the header says how many a page has, else within
 * the page. Invariants: at is where the next header stands; left counts the levels of the page under way that were not given out;
 * values come exactly where the definition level is the highest. */
#include "dataset/parquet/parquet_priv.h"

enum { WINDOW_BYTES = 64 << 10, WINDOW_KEPT_BYTES = 8 << 20, HEADER_BYTES_MAX = 1 << 20, INDEX_BYTES_MAX = 16 << 20, PAGE_VALUES_MAX = 1 << 30 };
enum { PAGE_DATA, PAGE_INDEX, PAGE_DICTIONARY, PAGE_DATA_V2 };

struct page {
    int64_t type, size, packed, values, encoding, def_encoding, rep_encoding;
    int64_t rows, def_n, rep_n; /* v2 */
    bool is_packed;
    uint64_t body_at;
};

/* Memory that is used again, and counted. */
struct block {
    uint8_t *p;
    size_t cap;
};

struct pq_column {
    struct parquet *p;
    const struct parquet_node *leaf;
    struct parquet_budget *budget;
    struct pq_chunk chunk;
    uint64_t values_left; /* of the chunk, by its own count */
    uint64_t at;

    struct block window; /* what was read last: bytes [window_at, window_at + window_n) of the file */
    uint64_t window_at;
    size_t window_n;

    struct block dictionary_body;
    struct pq_dictionary dictionary;
    bool has_dictionary;

    struct block body; /* the page under way, unpacked */
    uint64_t left, page_bytes;
    struct pq_hybrid rep, def;
    struct pq_values values;

    bool is_peeked; /* the next level was read, to see whether the row goes on */
    struct pq_level peek;
};

/* ------------------------------------------------------------------ bytes of the file */

static void give_back(struct pq_column *c, struct block *b)
{
    mem_free(b->p);
    c->budget->held += b->cap;
    *b = (struct block){ 0 };
}

/* What is in it is lost. */
static bool make_room(struct pq_column *c, struct block *b, size_t n, struct err *e)
{
    if (n <= b->cap) return true;
    give_back(c, b);
    if (n > c->budget->held) return err_set(e, ERR_TOO_LARGE, "the pages of the columns that are asked for are too large to be read side by side");
    if (!(b->p = mem_try(n))) return err_set(e, ERR_TOO_LARGE, "no memory for a page of %zu bytes", n);
    b->cap = n;
    c->budget->held -= n;
    return true;
}

/* Bytes [at, at + n), which lie inside the chunk or the index that is read; they stay until the next call. */
static bool fetch(struct pq_column *c, uint64_t at, size_t n, uint64_t end, const uint8_t **out, struct err *e)
{
    const struct parquet_source *s = c->p->inner->source;
    if (at >= c->window_at && at - c->window_at <= c->window_n && n <= c->window_n - (size_t)(at - c->window_at)) {
        *out = c->window.p + (at - c->window_at);
        return true;
    }
    *out = (const uint8_t *)"";
    if (!n) return true;
    size_t want = n > WINDOW_BYTES ? n : end - at < WINDOW_BYTES ? (size_t)(end - at) : WINDOW_BYTES;
    if (!pq_spend(&c->budget->bytes, want, e)) return false;
    c->window_n = 0;
    if (!make_room(c, &c->window, want, e) || !s->read(s->ctx, at, c->window.p, want, e)) return false;
    c->window_at = at;
    c->window_n = want;
    *out = c->window.p;
    return true;
}

/* ------------------------------------------------------------------ headers of pages */

static void read_v1(struct thrift *t, struct page *p)
{
    struct thrift_field f = { 0 };
    while (thrift_next(t, &f)) {
        switch (f.id) {
        case 1: p->values = thrift_get_int(t, &f); break;
        case 2: p->encoding = thrift_get_int(t, &f); break;
        case 3: p->def_encoding = thrift_get_int(t, &f); break;
        case 4: p->rep_encoding = thrift_get_int(t, &f); break;
        default: thrift_skip(t, f.type);
        }
    }
}

static void read_v2(struct thrift *t, struct page *p)
{
    struct thrift_field f = { 0 };
    p->is_packed = true;
    while (thrift_next(t, &f)) {
        switch (f.id) {
        case 1: p->values = thrift_get_int(t, &f); break;
        case 3: p->rows = thrift_get_int(t, &f); break;
        case 4: p->encoding = thrift_get_int(t, &f); break;
        case 5: p->def_n = thrift_get_int(t, &f); break;
        case 6: p->rep_n = thrift_get_int(t, &f); break;
        case 7: p->is_packed = thrift_get_bool(t, &f); break;
        default: thrift_skip(t, f.type);
        }
    }
}

static void parse_header(struct thrift *t, struct page *p)
{
    enum { LEVELS_AS_RUNS = 3 };
    struct thrift_field f = { 0 };
    *p = (struct page){ .type = -1, .def_encoding = LEVELS_AS_RUNS, .rep_encoding = LEVELS_AS_RUNS, .rows = -1 };
    while (thrift_next(t, &f)) {
        if (f.id == 1) p->type = thrift_get_int(t, &f);
        else if (f.id == 2) p->size = thrift_get_int(t, &f);
        else if (f.id == 3) p->packed = thrift_get_int(t, &f);
        else if ((f.id == 5 || f.id == 7) && f.type == THRIFT_STRUCT) read_v1(t, p); /* a dictionary's begins in the same way */
        else if (f.id == 8 && f.type == THRIFT_STRUCT) read_v2(t, p);
        else thrift_skip(t, f.type);
    }
}

static bool check_header(struct pq_column *c, const struct page *p, struct err *e)
{
    if (p->size < 0 || p->packed < 0 || p->values < 0 || p->values > PAGE_VALUES_MAX || p->def_n < 0 || p->rep_n < 0 ||
        (uint64_t)p->packed > c->chunk.end - p->body_at)
        return err_set(e, ERR_INVALID, "the header of the page at byte %llu is malformed", (unsigned long long)c->at);
    if (p->type == PAGE_DATA_V2 && (p->def_n > p->packed || p->rep_n > p->packed - p->def_n || p->def_n + p->rep_n > p->size))
        return err_set(e, ERR_INVALID, "the levels of the page at byte %llu are longer than it is", (unsigned long long)c->at);
    return true;
}

/* The header at c->at; its size is not known before it is read. */
static bool read_header(struct pq_column *c, struct page *out, struct err *e)
{
    const uint8_t *p;
    uint64_t there = c->chunk.end - c->at;
    for (size_t n = 512;; n *= 8) {
        if (n > there) n = (size_t)there;
        if (!fetch(c, c->at, n, c->chunk.end, &p, e)) return false;
        struct thrift t = thrift_of((bytes){ p, n });
        parse_header(&t, out);
        out->body_at = c->at + (uint64_t)(t.p - p);
        if (!t.bad) return check_header(c, out, e);
        if (!t.is_short || n == there || n > HEADER_BYTES_MAX)
            return err_set(e, ERR_INVALID, "the header of the page at byte %llu is malformed", (unsigned long long)c->at);
    }
}

/* ------------------------------------------------------------------ bodies */

/* Unpacks a body (from its byte `keep` on: what stands before is copied as it is). */
static bool unpack(struct pq_column *c, const struct page *p, size_t keep, bool is_packed, struct block *out, struct err *e)
{
    const uint8_t *in;
    size_t size = (size_t)p->size, packed = (size_t)p->packed;
    if (size > PARQUET_PAGE_BYTES_MAX || packed > PARQUET_PAGE_BYTES_MAX)
        return err_set(e, ERR_TOO_LARGE, "a page has %zu MiB; %d are read", (size > packed ? size : packed) >> 20, PARQUET_PAGE_BYTES_MAX >> 20);
    if (!pq_spend(&c->budget->bytes, size, e) || !fetch(c, p->body_at, packed, c->chunk.end, &in, e)) return false;
    if (!make_room(c, out, size + 1, e)) return false;
    if (keep) memcpy(out->p, in, keep);
    if (packed == keep && size == keep) return true; /* nothing but nulls */
    bool ok = pq_unpack(is_packed ? c->chunk.codec : PQ_NONE, (bytes){ in + keep, packed - keep }, out->p + keep, size - keep, e);
    if (c->window.cap > WINDOW_KEPT_BYTES) {
        give_back(c, &c->window);
        c->window_n = 0;
    }
    return ok;
}

static bool load_dictionary(struct pq_column *c, const struct page *p, struct err *e)
{
    enum { PLAIN = 0, PLAIN_DICTIONARY = 2 };
    if (c->has_dictionary) return err_set(e, ERR_INVALID, "a second dictionary");
    if (p->encoding != PLAIN && p->encoding != PLAIN_DICTIONARY) return err_set(e, ERR_NOT_BUILT, "a dictionary in encoding %d", (int)p->encoding);
    if (!unpack(c, p, 0, true, &c->dictionary_body, e)) return false;
    c->has_dictionary = pq_dictionary_init(&c->dictionary, c->leaf, (bytes){ c->dictionary_body.p, (size_t)p->size }, (size_t)p->values, e);
    return c->has_dictionary;
}

static unsigned width_of(unsigned level)
{
    unsigned width = 0;
    for (; level; level >>= 1) width++;
    return width;
}

/* A block of levels of v1: its length, then runs. */
static bool take_levels(bytes *body, unsigned level_max, int64_t encoding, struct pq_hybrid *out, struct err *e)
{
    enum { RUNS = 3 };
    if (!level_max) return true;
    if (encoding != RUNS) return err_set(e, ERR_NOT_BUILT, "levels in encoding %d", (int)encoding);
    uint64_t n = body->n < 4 ? UINT64_MAX : body->p[0] | (uint64_t)body->p[1] << 8 | (uint64_t)body->p[2] << 16 | (uint64_t)body->p[3] << 24;
    if (body->n < 4 || n > body->n - 4) return err_set(e, ERR_INVALID, "the levels of a page pass its end");
    pq_hybrid_init(out, (bytes){ body->p + 4, (size_t)n }, width_of(level_max));
    *body = (bytes){ body->p + 4 + n, body->n - 4 - (size_t)n };
    return true;
}

static void drop_page(struct pq_column *c)
{
    pq_values_end(&c->values);
    c->values = (struct pq_values){ 0 };
    c->left = 0;
}

static bool load_data(struct pq_column *c, const struct page *p, struct err *e)
{
    bool is_v2 = p->type == PAGE_DATA_V2;
    size_t rep_n = (size_t)p->rep_n, def_n = (size_t)p->def_n;
    drop_page(c);
    if (!unpack(c, p, is_v2 ? rep_n + def_n : 0, !is_v2 || p->is_packed, &c->body, e)) return false;
    bytes b = { c->body.p, (size_t)p->size };
    if (is_v2) {
        pq_hybrid_init(&c->rep, (bytes){ b.p, rep_n }, width_of(c->leaf->max_rep));
        pq_hybrid_init(&c->def, (bytes){ b.p + rep_n, def_n }, width_of(c->leaf->max_def));
        b = (bytes){ b.p + rep_n + def_n, b.n - rep_n - def_n };
    } else if (!take_levels(&b, c->leaf->max_rep, p->rep_encoding, &c->rep, e) || !take_levels(&b, c->leaf->max_def, p->def_encoding, &c->def, e)) {
        return false;
    }
    if (!pq_values_init(&c->values, c->leaf, (int)p->encoding, b, (uint64_t)p->values, c->has_dictionary ? &c->dictionary : NULL, c->budget, e))
        return false;
    c->left = (uint64_t)p->values;
    c->page_bytes = (uint64_t)p->size;
    return true;
}

/* ------------------------------------------------------------------ from page to page */

/* Rows that the page has, if its header tells: without lists each level is a row. */
static bool rows_of(const struct pq_column *c, const struct page *p, uint64_t *rows)
{
    if (c->leaf->max_rep && p->rows < 0) return false;
    *rows = (uint64_t)(c->leaf->max_rep ? p->rows : p->values);
    return true;
}

/* Goes to the next page that has levels; *skip: rows that may be passed with their pages. At the end of the chunk left stays 0. */
static bool next_page(struct pq_column *c, uint64_t *skip, struct err *e)
{
    struct page p;
    uint64_t rows;
    while (!c->left && c->at < c->chunk.end && c->values_left) {
        if (!pq_spend(&c->budget->steps, 100, e) || !read_header(c, &p, e)) return false;
        bool is_data = p.type == PAGE_DATA || p.type == PAGE_DATA_V2;
        if (p.type == PAGE_DICTIONARY && !load_dictionary(c, &p, e)) return false;
        if (is_data) {
            c->values_left -= (uint64_t)p.values < c->values_left ? (uint64_t)p.values : c->values_left;
            if (skip && *skip && rows_of(c, &p, &rows) && rows <= *skip) *skip -= rows;
            else if (!load_data(c, &p, e)) return false;
        }
        c->at = p.body_at + (uint64_t)p.packed;
    }
    return true;
}

/* ------------------------------------------------------------------ the offset index */

/* PageLocation: 1 offset, 2 size with header, 3 first row. The last one that begins at or before the row. */
static bool find_place(bytes index, uint64_t row, uint64_t *at, uint64_t *first_row, uint64_t *first_at)
{
    struct thrift t = thrift_of(index);
    struct thrift_field f = { 0 };
    bool found = false;
    while (thrift_next(&t, &f)) {
        size_t n = f.id == 1 ? thrift_get_list(&t, &f, THRIFT_STRUCT) : 0;
        if (f.id != 1) thrift_skip(&t, f.type);
        for (size_t i = 0; i < n && !t.bad; i++) {
            struct thrift_field m = { 0 };
            int64_t offset = -1, first = -1;
            while (thrift_next(&t, &m)) {
                if (m.id == 1) offset = thrift_get_int(&t, &m);
                else if (m.id == 3) first = thrift_get_int(&t, &m);
                else thrift_skip(&t, m.type);
            }
            if (offset < 0 || first < 0) return false;
            if (i == 0) *first_at = (uint64_t)offset;
            if ((uint64_t)first > row) continue;
            *at = (uint64_t)offset;
            *first_row = (uint64_t)first;
            found = true;
        }
    }
    return found && !t.bad;
}

/* Jumps to the page of the row, if there is an index and it makes sense; else the pages are walked. */
static bool jump(struct pq_column *c, uint64_t *rows, struct err *e)
{
    const uint8_t *p;
    uint64_t at = 0, first_row = 0, first_at = 0, n = c->chunk.index_n;
    struct page page;
    if (!n || n > INDEX_BYTES_MAX) return true;
    if (!fetch(c, c->chunk.index_at, (size_t)n, c->chunk.index_at + n, &p, e)) return false;
    bool found = find_place((bytes){ p, (size_t)n }, *rows, &at, &first_row, &first_at) && at >= c->chunk.data_at && at < c->chunk.end;
    if (!found || at <= first_at) return true;
    if (c->at < first_at) { /* the dictionary comes first */
        if (!read_header(c, &page, e)) return false;
        if (page.type == PAGE_DICTIONARY && !load_dictionary(c, &page, e)) return false;
    }
    c->at = at;
    c->values_left = UINT64_MAX; /* not known any more: the end of the chunk tells */
    *rows -= first_row;
    return true;
}

/* ------------------------------------------------------------------ rows */

bool pq_column_open(struct parquet *p, size_t group, size_t leaf, struct parquet_budget *budget, struct pq_column **out, struct err *e)
{
    struct pq_chunk chunk;
    *out = NULL;
    if (!pq_chunk_find(p, group, leaf, &chunk, e)) return false;
    struct pq_column *c = mem_one(struct pq_column);
    *c = (struct pq_column){ .p = p, .leaf = p->inner->leaf[leaf], .budget = budget, .chunk = chunk, .at = chunk.at, .values_left = chunk.values };
    *out = c;
    return true;
}

void pq_column_close(struct pq_column *c)
{
    if (!c) return;
    drop_page(c);
    pq_dictionary_end(&c->dictionary);
    give_back(c, &c->body);
    give_back(c, &c->dictionary_body);
    give_back(c, &c->window);
    mem_free(c);
}

/* The next level into c->peek. *has false at the end of the chunk. */
static bool peek(struct pq_column *c, bool *has, struct err *e)
{
    *has = true;
    if (c->is_peeked) return true;
    if (!c->left && !next_page(c, NULL, e)) return false;
    if (!c->left) {
        *has = false;
        return true;
    }
    if (!pq_spend(&c->budget->steps, 1, e)) return false;
    const struct parquet_node *n = c->leaf;
    c->peek.rep = n->max_rep ? (uint8_t)pq_hybrid_next(&c->rep) : 0;
    c->peek.def = n->max_def ? (uint8_t)pq_hybrid_next(&c->def) : 0;
    if ((n->max_rep && c->rep.bad) || (n->max_def && c->def.bad) || c->peek.rep > n->max_rep || c->peek.def > n->max_def)
        return err_set(e, ERR_INVALID, "the levels of a page are malformed");
    c->left--;
    c->is_peeked = true;
    return true;
}

bool pq_column_next(struct pq_column *c, bool is_first, struct pq_level *out, union pq_value *v, bool *goes_on, struct err *e)
{
    bool has;
    *goes_on = false;
    if (!peek(c, &has, e)) return false;
    if (!has) return !is_first || err_set(e, ERR_INVALID, "the column has fewer rows than its row group");
    if (is_first != (c->peek.rep == 0)) return !is_first || err_set(e, ERR_INVALID, "a row begins in the middle of a list");
    *out = c->peek;
    *goes_on = true;
    c->is_peeked = false;
    if (out->def != c->leaf->max_def) return true;
    return pq_values_next(&c->values, v) || err_set(e, ERR_INVALID, "a page has fewer values than it says, or one that is malformed");
}

/* Rows without lists: by counts. */
static bool skip_levels(struct pq_column *c, uint64_t rows, struct err *e)
{
    while (rows) {
        if (!c->left && !next_page(c, &rows, e)) return false;
        if (!c->left && rows) return err_set(e, ERR_INVALID, "the column has fewer rows than its row group");
        uint64_t some = rows < c->left ? rows : c->left, values = some;
        if (c->leaf->max_def) {
            if (!pq_spend(&c->budget->steps, some, e)) return false;
            values = pq_hybrid_count(&c->def, some, c->leaf->max_def);
            if (c->def.bad) return err_set(e, ERR_INVALID, "the levels of a page are malformed");
        }
        if (!pq_values_skip(&c->values, values, c->budget, e)) return false;
        c->left -= some;
        rows -= some;
    }
    return true;
}

/* With nothing left of a page: does the row end with it?  Pages v2 begin with a row; those of v1 may go on with the last one. */
static bool ends_with_page(struct pq_column *c, bool *yes, struct err *e)
{
    struct page p;
    *yes = false;
    if (c->left || c->is_peeked || c->at >= c->chunk.end || !c->values_left) return true;
    if (!read_header(c, &p, e)) return false;
    *yes = p.type == PAGE_DATA_V2;
    return true;
}

static bool skip_row(struct pq_column *c, struct err *e)
{
    bool has, is_over = false;
    uint64_t values = 0; /* they are passed at once, not one by one */
    for (bool is_first = true; !is_over; is_first = false) {
        if (!peek(c, &has, e)) return false;
        if (is_first && (!has || c->peek.rep)) return err_set(e, ERR_INVALID, "the column has fewer rows than its row group");
        if (!has || (!is_first && !c->peek.rep)) break;
        c->is_peeked = false;
        values += c->peek.def == c->leaf->max_def;
        if (c->left) continue;
        if (!pq_values_skip(&c->values, values, c->budget, e)) return false; /* before the page goes */
        values = 0;
        if (!ends_with_page(c, &is_over, e)) return false;
    }
    return !values || pq_values_skip(&c->values, values, c->budget, e);
}

static bool skip_lists(struct pq_column *c, uint64_t rows, struct err *e)
{
    while (rows) {
        if (!c->is_peeked && !c->left && !next_page(c, &rows, e)) return false;
        if (!rows) break;
        if (!skip_row(c, e)) return false;
        rows--;
    }
    return true;
}

bool pq_column_skip(struct pq_column *c, uint64_t rows, struct err *e)
{
    if (!rows) return true;
    if (c->at == c->chunk.at && !jump(c, &rows, e)) return false;
    return c->leaf->max_rep ? skip_lists(c, rows, e) : skip_levels(c, rows, e);
}

/* ------------------------------------------------------------------ many rows */

static bool list_stretch(struct pq_column *c, unsigned def_min, size_t rows_max, uint8_t *is_there, struct pq_stretch *out, struct err *e)
{
    bool has;
    for (; out->rows < rows_max; out->rows++) {
        if (!peek(c, &has, e)) return false;
        if (!has || c->peek.rep) return err_set(e, ERR_INVALID, "the column has fewer rows than its row group");
        is_there[out->rows] = c->peek.def >= def_min;
        if (!skip_row(c, e)) return false;
    }
    return true;
}

/* Definition levels of rows of the page, in parts that the stack holds. */
static bool take_definitions(struct pq_column *c, unsigned def_min, uint8_t *is_there, struct pq_stretch *out, struct err *e)
{
    enum { PART = 512 };
    uint32_t def[PART], most = 0;
    for (size_t at = 0, n; at < out->rows; at += n) {
        n = out->rows - at < PART ? out->rows - at : PART;
        pq_hybrid_take(&c->def, n, def);
        if (c->def.bad) break;
        for (size_t i = 0; i < n; i++) {
            most = def[i] > most ? def[i] : most;
            is_there[at + i] = def[i] >= def_min;
            out->n += def[i] == c->leaf->max_def;
        }
    }
    return (!c->def.bad && most <= c->leaf->max_def) || err_set(e, ERR_INVALID, "the levels of a page are malformed");
}

/* Values that are put together from those before them may all be as long as the page. */
static size_t rows_at_once(const struct pq_column *c, size_t rows_max)
{
    enum { TOGETHER_BYTES = 16 << 20 };
    uint64_t n = c->values.kind == PQ_DELTA_BYTES ? TOGETHER_BYTES / (c->page_bytes + 1) + 1 : rows_max;
    if (n > rows_max) n = rows_max;
    return n < c->left ? (size_t)n : (size_t)c->left;
}

bool pq_column_stretch(struct pq_column *c, unsigned def_min, size_t rows_max, uint8_t *is_there, struct pq_stretch *out, struct err *e)
{
    *out = (struct pq_stretch){ 0 };
    if (c->leaf->max_rep) return list_stretch(c, def_min, rows_max, is_there, out, e);
    if (!c->left && !next_page(c, NULL, e)) return false;
    if (!c->left) return err_set(e, ERR_INVALID, "the column has fewer rows than its row group");
    *out = (struct pq_stretch){ .rows = rows_at_once(c, rows_max), .values = &c->values };
    c->left -= out->rows;
    out->is_full = !c->leaf->max_def || pq_hybrid_repeats(&c->def, out->rows, c->leaf->max_def);
    if (out->is_full) out->n = out->rows;
    return out->is_full || take_definitions(c, def_min, is_there, out, e);
}
