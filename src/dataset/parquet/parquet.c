/* dataset/parquet/parquet.c - opens a Parquet file: its footer.
 *
 *   "PAR1", row groups, indexes, the footer (Thrift: FileMetaData), its length in 4 bytes, "PAR1"
 *
 * Of row groups only the counts of rows are kept, and where each begins in the footer: a file of a thousand columns and a thousand
 * row groups has a million chunks, of which a page of rows needs a few. */
#include "dataset/parquet/parquet_priv.h"

enum { TAIL_BYTES = 8, FIRST_BYTES = 64 << 10 };

static bool malformed(const char *what, struct err *e) { return err_set(e, ERR_INVALID, "the footer's %s are malformed", what); }

bool pq_spend(uint64_t *budget, uint64_t n, struct err *e)
{
    if (n > *budget) return err_set(e, ERR_TOO_LARGE, "reading these rows takes more work than is done for a page; the file can be downloaded");
    *budget -= n;
    return true;
}

/* ------------------------------------------------------------------ the footer's bytes */

static bool read_footer(const struct parquet_source *s, struct arena *a, bytes *out, struct err *e)
{
    uint8_t *p;
    if (s->size_bytes < TAIL_BYTES + 4) return err_set(e, ERR_INVALID, "this is no Parquet file: it has only %llu bytes", (unsigned long long)s->size_bytes);
    size_t n = s->size_bytes < FIRST_BYTES ? (size_t)s->size_bytes : FIRST_BYTES;
    if (!(p = arena_try(a, n))) return err_set(e, ERR_TOO_LARGE, "no memory for the footer");
    if (!s->read(s->ctx, s->size_bytes - n, p, n, e)) return false;
    const uint8_t *tail = p + n - TAIL_BYTES;
    if (memcmp(tail + 4, "PARE", 4) == 0) return err_set(e, ERR_NOT_BUILT, "the file is encrypted");
    if (memcmp(tail + 4, "PAR1", 4) != 0) return err_set(e, ERR_INVALID, "this is no Parquet file: it does not end in PAR1");
    uint64_t length = tail[0] | (uint64_t)tail[1] << 8 | (uint64_t)tail[2] << 16 | (uint64_t)tail[3] << 24;
    if (length > s->size_bytes - TAIL_BYTES - 4) return err_set(e, ERR_INVALID, "the footer is said to be longer than the file");
    if (length > PARQUET_FOOTER_BYTES_MAX)
        return err_set(e, ERR_TOO_LARGE, "the footer has %llu bytes; %d are read", (unsigned long long)length, PARQUET_FOOTER_BYTES_MAX);
    if (length + TAIL_BYTES <= n) {
        *out = (bytes){ tail - length, (size_t)length };
        return true;
    }
    if (!(p = arena_try(a, (size_t)length))) return err_set(e, ERR_TOO_LARGE, "no memory for the footer");
    *out = (bytes){ p, (size_t)length };
    return s->read(s->ctx, s->size_bytes - TAIL_BYTES - length, p, (size_t)length, e);
}

/* ------------------------------------------------------------------ its members */

static bool read_groups(struct thrift *t, size_t n, struct arena *a, struct parquet *p, struct err *e)
{
    struct pq_group *g = arena_try_array(a, n + 1, sizeof *g);
    uint64_t rows = 0;
    if (!g) return err_set(e, ERR_TOO_LARGE, "the file has too many row groups");
    p->inner->group = g;
    for (size_t i = 0; i < n && !t->bad; i++) {
        struct thrift_field f = { 0 };
        int64_t own = 0, unpacked = 0;
        *g = (struct pq_group){ .first_row = rows };
        while (thrift_next(t, &f)) {
            if (f.id == 1 && f.type == THRIFT_LIST) g->chunks = *t;
            if (f.id == 2) unpacked = thrift_get_int(t, &f);
            else if (f.id == 3) own = thrift_get_int(t, &f);
            else thrift_skip(t, f.type);
        }
        if (own < 0 || own > INT64_MAX - (int64_t)rows) return malformed("row groups", e);
        if (unpacked > 0 && unpacked <= INT64_MAX - (int64_t)p->unpacked_bytes) p->unpacked_bytes += (uint64_t)unpacked;
        g->rows = (uint64_t)own;
        rows += (uint64_t)own;
        g += own > 0; /* an empty one has nothing to be read, and millions of them take a few bytes each */
    }
    p->row_groups_count = (size_t)(g - p->inner->group);
    p->rows_count = rows; /* what the file says in all is not asked: rows are counted where they are */
    return !t->bad || malformed("row groups", e);
}

static bool read_facts(struct thrift *t, size_t n, struct arena *a, struct parquet *p, struct err *e)
{
    struct parquet_fact *fact = arena_try_array(a, n + 1, sizeof *fact);
    if (!fact) return err_set(e, ERR_TOO_LARGE, "the file has too many key-value pairs");
    for (size_t i = 0; i < n && !t->bad; i++) {
        struct thrift_field f = { 0 };
        while (thrift_next(t, &f)) {
            if (f.id == 1) fact[i].key = thrift_get_str(t, &f);
            else if (f.id == 2) fact[i].value = thrift_get_str(t, &f);
            else thrift_skip(t, f.type);
        }
    }
    p->fact = fact;
    p->facts_count = n;
    return !t->bad || malformed("key-value pairs", e);
}

static bool read_members(bytes footer, struct arena *a, struct parquet *p, struct err *e)
{
    struct thrift t = thrift_of(footer);
    struct thrift_field f = { 0 };
    bool has_schema = false, has_groups = false, has_facts = false;
    while (thrift_next(&t, &f)) {
        size_t n = f.id == 2 || f.id == 4 || f.id == 5 ? thrift_get_list(&t, &f, THRIFT_STRUCT) : 0;
        if ((f.id == 2 && has_schema) || (f.id == 4 && has_groups) || (f.id == 5 && has_facts)) return malformed("members", e);
        if (f.id == 2) {
            has_schema = true;
            if (!pq_schema_read(&t, n, a, p, e)) return false;
        } else if (f.id == 4) {
            has_groups = true;
            if (!read_groups(&t, n, a, p, e)) return false;
        } else if (f.id == 5) {
            has_facts = true;
            if (!read_facts(&t, n, a, p, e)) return false;
        } else if (f.id == 8) {
            return err_set(e, ERR_NOT_BUILT, "the file is encrypted");
        } else {
            thrift_skip(&t, f.type);
        }
    }
    if (t.bad) return malformed("members", e);
    return has_schema || err_set(e, ERR_INVALID, "the footer has no schema");
}

bool parquet_open(const struct parquet_source *source, struct arena *a, struct parquet **out, struct err *e)
{
    bytes footer = { 0 };
    struct parquet *p = arena_one(a, struct parquet);
    p->inner = arena_one(a, struct parquet_inner);
    p->inner->source = source;
    if (!read_footer(source, a, &footer, e) || !read_members(footer, a, p, e)) return false;
    p->inner->data_end = source->size_bytes - TAIL_BYTES - footer.n;
    *out = p;
    return true;
}

bool parquet_fact(const struct parquet *p, str key, str *value)
{
    for (size_t i = 0; i < p->facts_count; i++)
        if (str_eq(p->fact[i].key, key)) {
            *value = p->fact[i].value;
            return true;
        }
    return false;
}

/* ------------------------------------------------------------------ column chunks */

struct chunk_facts { /* as they stand there */
    int64_t type, codec, values, packed, data_at, dictionary_at, index_at, index_n;
    bool has_meta, is_elsewhere, is_encrypted;
    str low, high;
};

/* min_value and max_value; those that went before them (min, max) had no order that could be relied on. */
static void read_bounds(struct thrift *t, struct chunk_facts *c)
{
    struct thrift_field f = { 0 };
    while (thrift_next(t, &f)) {
        if (f.id == 5) c->high = thrift_get_str(t, &f);
        else if (f.id == 6) c->low = thrift_get_str(t, &f);
        else thrift_skip(t, f.type);
    }
}

static void read_meta(struct thrift *t, struct chunk_facts *c)
{
    struct thrift_field f = { 0 };
    c->has_meta = true;
    while (thrift_next(t, &f)) {
        switch (f.id) {
        case 1: c->type = thrift_get_int(t, &f); break;
        case 4: c->codec = thrift_get_int(t, &f); break;
        case 5: c->values = thrift_get_int(t, &f); break;
        case 7: c->packed = thrift_get_int(t, &f); break;
        case 9: c->data_at = thrift_get_int(t, &f); break;
        case 11: c->dictionary_at = thrift_get_int(t, &f); break;
        case 12:
            if (f.type == THRIFT_STRUCT) read_bounds(t, c);
            else thrift_skip(t, f.type);
            break;
        default: thrift_skip(t, f.type);
        }
    }
}

static void read_chunk(struct thrift *t, struct chunk_facts *c)
{
    struct thrift_field f = { 0 };
    *c = (struct chunk_facts){ .type = -1 };
    while (thrift_next(t, &f)) {
        if (f.id == 1) c->is_elsewhere = thrift_get_str(t, &f).n > 0;
        else if (f.id == 3 && f.type == THRIFT_STRUCT) read_meta(t, c);
        else if (f.id == 4) c->index_at = thrift_get_int(t, &f);
        else if (f.id == 5) c->index_n = thrift_get_int(t, &f);
        else {
            c->is_encrypted |= f.id == 8 || f.id == 9;
            thrift_skip(t, f.type);
        }
    }
}

/* What a chunk says of itself, made places inside the file. */
static bool check_chunk(const struct parquet *p, size_t leaf, const struct chunk_facts *c, struct pq_chunk *out, struct err *e)
{
    uint64_t end = p->inner->data_end;
    if (c->is_encrypted) return err_set(e, ERR_NOT_BUILT, "the column is encrypted");
    if (c->is_elsewhere) return err_set(e, ERR_NOT_BUILT, "the column lies in another file");
    if (!c->has_meta || c->type != (int64_t)p->inner->leaf[leaf]->physical || c->values < 0 || c->packed < 0)
        return err_set(e, ERR_INVALID, "the footer's entry of the column is malformed");
    if (c->codec < PQ_NONE || c->codec > PQ_LZ4) return err_set(e, ERR_NOT_BUILT, "codec %lld is not known here", (long long)c->codec);
    bool has_dictionary = c->dictionary_at > 0 && c->dictionary_at < c->data_at;
    uint64_t at = (uint64_t)(has_dictionary ? c->dictionary_at : c->data_at);
    if (c->data_at < 4 || (uint64_t)c->data_at > end || (uint64_t)c->packed > end - at)
        return err_set(e, ERR_INVALID, "the column is said to lie outside of the file");
    *out = (struct pq_chunk){ (enum pq_codec)c->codec, at, at + (uint64_t)c->packed, (uint64_t)c->data_at, (uint64_t)c->values, 0, 0, c->low, c->high };
    if (c->index_at > 0 && c->index_n > 0 && (uint64_t)c->index_at <= end && (uint64_t)c->index_n <= end - (uint64_t)c->index_at) {
        out->index_at = (uint64_t)c->index_at;
        out->index_n = (uint64_t)c->index_n;
    }
    return true;
}

/* To the first entry of the list. */
static bool begin_chunks(const struct parquet *p, size_t group, struct err *e)
{
    struct pq_group *g = &p->inner->group[group];
    struct thrift t = g->chunks;
    enum thrift_type item = THRIFT_STOP;
    size_t n = t.p ? thrift_list(&t, &item) : 0;
    if (t.bad || n != p->leaves_count || item != THRIFT_STRUCT)
        return err_set(e, ERR_INVALID, "row group %zu has %zu columns instead of %zu", group, n, p->leaves_count);
    g->next = t;
    g->next_leaf = 0;
    return true;
}

/* Leaves are asked for in their order mostly, so that a list of thousands is gone through once, and not once for each. */
bool pq_chunk_find(const struct parquet *p, size_t group, size_t leaf, struct pq_chunk *out, struct err *e)
{
    struct pq_group *g = &p->inner->group[group];
    struct chunk_facts c;
    if ((!g->next.p || leaf < g->next_leaf) && !begin_chunks(p, group, e)) return false;
    for (; g->next_leaf < leaf && !g->next.bad; g->next_leaf++) thrift_skip(&g->next, THRIFT_STRUCT);
    read_chunk(&g->next, &c);
    g->next_leaf++;
    return g->next.bad ? malformed("column chunks", e) : check_chunk(p, leaf, &c, out, e);
}
