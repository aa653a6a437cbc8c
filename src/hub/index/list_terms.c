/* hub/index/list_terms.c - a list query resolved: names become numbers, words become lower case, cursors become places. */
#include "account/resource_group.h"
#include "base/hash.h"
#include "hub/index/list_priv.h"

static const struct {
    const char *name;
    enum list_sort sort;
} sort_name[] = {
    { "trendingScore", SORT_TRENDING }, { "trending", SORT_TRENDING },       { "downloads", SORT_DOWNLOADS },
    { "likes", SORT_LIKES },            { "likes30d", SORT_LIKES },          { "lastModified", SORT_MODIFIED },
    { "last_modified", SORT_MODIFIED }, { "createdAt", SORT_CREATED },       { "created_at", SORT_CREATED },
    { "id", SORT_NAME },                { "num_parameters", SORT_PARAMETERS }, { "trending_score", SORT_TRENDING },
};

bool list_sort_parse(str s, enum list_sort *out)
{
    for (size_t i = 0; i < COUNT(sort_name); i++) {
        if (!str_eq(s, str_c(sort_name[i].name))) continue;
        *out = sort_name[i].sort;
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------ numbers of parameters */

bool list_count_parse(str s, uint64_t *out)
{
    static const char unit[] = "KMBT";
    double scale = 1, v = 0, place = 1;
    bool fraction = false;
    if (s.n == 0) return false;
    char last = s.p[s.n - 1];
    const char *known = memchr(unit, last >= 'a' ? last - 32 : last, 4);
    if (known) {
        for (const char *u = unit; u <= known; u++) scale *= 1000;
        s.n--;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (s.p[i] < '0' || s.p[i] > '9' || i > 18) return false;
        if (fraction) place /= 10;
        v = fraction ? v + (s.p[i] - '0') * place : v * 10 + (s.p[i] - '0');
    }
    *out = v * scale >= 9e18 ? UINT64_C(9000000000000000000) : (uint64_t)(v * scale);
    return true;
}

bool list_parameters_parse(str text, struct list_query *q, struct err *e)
{
    str piece;
    while (text.p && text.n && str_cut(&text, ',', &piece)) {
        bool is_min = str_starts(piece, STR("min:")), is_max = str_starts(piece, STR("max:"));
        if ((!is_min && !is_max) || !list_count_parse(str_from(piece, 4), is_min ? &q->parameters_min : &q->parameters_max))
            return err_set(e, ERR_INVALID, "\"num_parameters\" must look like \"min:6B,max:128B\"");
    }
    return true;
}

/* ------------------------------------------------------------------ tags */

static bool add_tag(struct db_conn *c, const struct list_query *q, str name, struct list_terms *out, struct err *e)
{
    static const char sql[] = "SELECT id, repos_count FROM tag WHERE kind = ? AND name = ?";
    struct wanted_tag t = { 0 };
    struct db_query rows;
    size_t at;

    if (out->tags_count == LIST_TERMS_MAX) return err_set(e, ERR_INVALID, "at most %d filters", LIST_TERMS_MAX);
    if (!db_query(c, &rows, e, sql, db_text(repo_kind_name(q->kind)), db_text(name))) return false;
    if (db_next(&rows, e)) t = (struct wanted_tag){ db_col_int(&rows, 0), db_col_int(&rows, 1) };
    if (!db_end(&rows)) return false;
    if (t.id == 0) {
        out->nothing = true;
        return true;
    }
    for (at = out->tags_count++; at > 0 && out->tag[at - 1].repos_count > t.repos_count; at--) out->tag[at] = out->tag[at - 1];
    out->tag[at] = t;
    return true;
}

static bool add_hidden(struct db_conn *c, const struct list_query *q, const char *prefix, str name, struct list_terms *out,
                       struct arena *a, struct err *e)
{
    return add_tag(c, q, arena_fmt(a, "\1%s%.*s", prefix, STR_ARG(name)), out, e);
}

static bool read_tags(struct db_conn *c, const struct list_query *q, struct list_terms *out, struct arena *a, struct err *e)
{
    for (size_t i = 0; i < q->tags_count; i++) {
        if (q->tags[i].n && q->tags[i].p[0] == 1) out->nothing = true; /* hidden ones are not for clients */
        else if (q->tags[i].n && !add_tag(c, q, q->tags[i], out, e)) return false;
    }
    for (size_t i = 0; i < q->uses_models_count; i++)
        if (!add_hidden(c, q, "model:", q->uses_models[i], out, a, e)) return false;
    for (size_t i = 0; i < q->uses_datasets_count; i++)
        if (!add_hidden(c, q, "dataset:", q->uses_datasets[i], out, a, e)) return false;
    if (q->pipeline_tag.n && !add_hidden(c, q, "pipeline_tag:", q->pipeline_tag, out, a, e)) return false;
    if (q->sdk.n && !add_hidden(c, q, "sdk:", q->sdk, out, a, e)) return false;
    return !q->has_gguf_only || add_hidden(c, q, "gguf", STR(""), out, a, e);
}

/* ------------------------------------------------------------------ words */

static bool could_be_in_a_name(str word)
{
    for (size_t i = 0; i < word.n; i++) {
        char c = word.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '/')) return false;
    }
    return true;
}

/* Long words first: list_terms says so. */
static bool add_word(str word, struct list_terms *out, struct err *e)
{
    if (out->words_count == LIST_TERMS_MAX) return err_set(e, ERR_INVALID, "at most %d search words", LIST_TERMS_MAX);
    if (!could_be_in_a_name(word)) out->nothing = true;
    out->word[out->words_count++] = word;
    if (word.n < 3) return true;
    out->word[out->words_count - 1] = out->word[out->long_words];
    out->word[out->long_words++] = word;
    return true;
}

static bool read_words(const struct list_query *q, struct list_terms *out, struct arena *a, struct err *e)
{
    for (size_t i = 0; i < q->search_count; i++) {
        str text = arena_lower(a, q->search[i]);
        for (size_t from = 0, at = 0; at <= text.n; at++) {
            bool is_end = at == text.n || text.p[at] == ' ' || (text.p[at] >= '\t' && text.p[at] <= '\r');
            if (!is_end) continue;
            if (at > from && !add_word(str_n(text.p + from, at - from), out, e)) return false;
            from = at + 1;
        }
    }
    return true;
}

/* ------------------------------------------------------------------ people */

static bool read_author(struct db_conn *c, const struct list_query *q, struct list_terms *out, struct arena *a, struct err *e)
{
    struct account author;
    bool found;
    if (!q->author.p) return true;
    if (!account_find(c, q->author, &author, &found, a, e)) return false;
    out->has_author = true;
    out->author_id = found ? author.id : 0;
    if (!found) out->nothing = true;
    return true;
}

static void add_number(str *json, int64_t id, struct arena *a) { *json = arena_fmt(a, "%.*s,%lld", STR_ARG(*json), (long long)id); }

static bool read_identity(struct db_conn *c, const struct identity *who, struct list_terms *out, struct arena *a, struct err *e)
{
    struct account_org *org;
    size_t n;

    out->sees_all = who && who->is_admin;
    if (!who || who->user_id == 0 || who->is_admin) return true;
    if (!account_orgs(c, who->user_id, a, &org, &n, e)) return false;
    out->reader_id = who->user_id;
    out->all_of = arena_fmt(a, "[%lld", (long long)who->user_id);
    out->ungrouped_of = out->grouped_of = STR("[0");
    for (size_t i = 0; i < n; i++) {
        int64_t id = org[i].org.id;
        enum resource_view view;
        enum account_role role;
        if (!resource_view_of(c, who, id, &view, e) || !account_role_in(c, who, id, &role, e)) return false;
        if (view == SEES_ALL) add_number(&out->all_of, id, a);
        if (view == SEES_SOME) add_number(&out->grouped_of, id, a);
        if (view == SEES_SOME && role >= ROLE_READ) add_number(&out->ungrouped_of, id, a);
    }
    str *list[] = { &out->all_of, &out->ungrouped_of, &out->grouped_of };
    for (size_t i = 0; i < COUNT(list); i++) *list[i] = arena_fmt(a, "%.*s]", STR_ARG(*list[i]));
    return true;
}

bool list_terms_read(struct db_conn *c, const struct list_query *q, struct arena *a, struct list_terms *out, struct err *e)
{
    *out = (struct list_terms){ 0 };
    if (!read_words(q, out, a, e)) return false;
    out->by_pieces = out->long_words > 1;
    return read_tags(c, q, out, a, e) && read_author(c, q, out, a, e) &&
           read_identity(c, q->who, out, a, e);
}

/* ------------------------------------------------------------------ cursors
 * SORT DIRECTION "." KEY "." REPOSITORY, such as "0d.3ff0000000000000.17": the key is a number, the bits of a
 * real, or a name, the last two in hexadecimal.  It holds for one order only. */

str list_cursor_format(const struct list_query *q, const struct list_place *p, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    uint64_t bits;
    str out;

    buf_addf(&b, "%d%c.", (int)q->sort, q->ascending ? 'a' : 'd');
    if (p->key.type == DB_REAL) {
        memcpy(&bits, &p->key.r, sizeof bits);
        buf_addf(&b, "%016llx", (unsigned long long)bits);
    } else if (p->key.type == DB_TEXT) {
        buf_hex(&b, bytes_of(p->key.s));
    } else {
        buf_addf(&b, "%lld", (long long)p->key.i);
    }
    buf_addf(&b, ".%lld", (long long)p->repo_id);
    out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static bool key_parse(enum list_sort sort, str s, struct db_value *out, struct arena *a)
{
    if (sort == SORT_NAME) {
        uint8_t *p = arena_try(a, s.n / 2 + 1);
        if (!p || s.n % 2 || !hex_decode(s, p, s.n / 2) || !str_is_utf8(str_n((char *)p, s.n / 2))) return false;
        *out = db_text(str_n((char *)p, s.n / 2));
        return true;
    }
    if (sort == SORT_TRENDING) {
        uint8_t b[8];
        uint64_t bits = 0;
        double r;
        if (!hex_decode(s, b, 8)) return false;
        for (int i = 0; i < 8; i++) bits = bits << 8 | b[i];
        memcpy(&r, &bits, sizeof r);
        *out = db_real(r);
        return r == r;
    }
    out->type = DB_INTEGER;
    return str_i64(s, &out->i);
}

bool list_cursor_parse(const struct list_query *q, struct list_place *out, struct arena *a, struct err *e)
{
    str rest = q->cursor, head, key, id;
    *out = (struct list_place){ 0 };
    if (q->cursor.n == 0) return true;
    if (q->cursor.n <= 1024 && str_cut(&rest, '.', &head) && str_cut(&rest, '.', &key) && str_cut(&rest, '.', &id) &&
        rest.n == 0 && head.n == 2 && head.p[0] == (char)('0' + (int)q->sort) && head.p[1] == (q->ascending ? 'a' : 'd') &&
        key_parse(q->sort, key, &out->key, a) && str_i64(id, &out->repo_id)) {
        out->is_set = true;
        return true;
    }
    return err_set(e, ERR_INVALID, "the cursor does not belong to this query");
}
