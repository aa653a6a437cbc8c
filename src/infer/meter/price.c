/* infer/meter/price.c - see infer/meter/price.h. */
#include "infer/meter/price.h"

#include "base/ckd.h"
#include "base/clock.h"

enum { TOKENS_PER_PRICE = 1000000, US_PER_SECOND = 1000000 };

/* Both prices are per million of something, so one division serves all. */
bool price_of(const struct price_card *card, const struct price_units *u, int64_t *nano, struct err *e)
{
    must(u->cached <= u->prompt && TOKENS_PER_PRICE == US_PER_SECOND);
    uint64_t fresh = u->prompt - u->cached, parts[4], sum = 0;
    bool over = ckd_mul(&parts[0], fresh, (uint64_t)card->input) || ckd_mul(&parts[1], u->cached, (uint64_t)card->cached_input) ||
                ckd_mul(&parts[2], u->completion, (uint64_t)card->output) || ckd_mul(&parts[3], u->compute_us, (uint64_t)card->second);
    for (size_t i = 0; i < COUNT(parts) && !over; i++) over = ckd_add(&sum, sum, parts[i]);
    if (over) return err_set(e, ERR_TOO_LARGE, "a call of %llu and %llu tokens has no price", (unsigned long long)u->prompt,
                             (unsigned long long)u->completion);
    *nano = (int64_t)(sum / TOKENS_PER_PRICE + (sum % TOKENS_PER_PRICE != 0));
    return true;
}

/* ------------------------------------------------------------------ cards */

#define COLUMNS "id, version, name, model, parameters_max, input, cached_input, output, second"
#define NEWEST "version = (SELECT max(version) FROM price_card AS other WHERE other.name = price_card.name)"

static struct price_card read_card(struct db_query *q, struct arena *a)
{
    return (struct price_card){
        .id = db_col_int(q, 0), .version = db_col_int(q, 1), .name = db_col_dup(q, 2, a), .model = db_col_dup(q, 3, a),
        .parameters_max = db_col_int(q, 4), .input = db_col_int(q, 5), .cached_input = db_col_int(q, 6),
        .output = db_col_int(q, 7), .second = db_col_int(q, 8),
    };
}

bool price_find(struct db_conn *c, str model, uint64_t parameters, struct price_card *out, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " COLUMNS " FROM price_card WHERE " NEWEST
                              " AND (model = ?1 OR (model IS NULL AND (parameters_max IS NULL OR parameters_max >= ?2)))"
                              " ORDER BY model IS NULL, parameters_max IS NULL, parameters_max, id DESC LIMIT 1";
    struct db_query q;
    bool found = false;
    if (!db_query(c, &q, e, sql, db_text(model), db_int(parameters > INT64_MAX ? INT64_MAX : (int64_t)parameters))) return false;
    if (db_next(&q, e)) {
        *out = read_card(&q, a);
        found = true;
    }
    return db_end(&q) && (found || err_set(e, ERR_INTERNAL, "no price card is for models of every size; add one with `hearth price set`"));
}

bool price_list(struct db_conn *c, struct arena *a, struct price_card **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT " COLUMNS " FROM price_card WHERE " NEWEST
                              " ORDER BY model IS NULL DESC, parameters_max IS NULL, parameters_max, model LIMIT ?";
    enum { CARDS_MAX = 10000 };
    struct db_query q;
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    if (!db_query(c, &q, e, sql, db_int(CARDS_MAX))) return false;
    while (db_next(&q, e)) {
        if (*n == cap) {
            struct price_card *more = arena_alloc(a, (cap = cap ? 2 * cap : 16) * sizeof *more);
            if (*n) memcpy(more, *out, *n * sizeof *more);
            *out = more;
        }
        (*out)[(*n)++] = read_card(&q, a);
    }
    return db_end(&q);
}

bool price_put(struct db_conn *tx, struct price_card *card, struct err *e)
{
    static const char sql[] = "INSERT INTO price_card (name, version, model, parameters_max, input, cached_input, output, second, created_ms)"
                              " SELECT ?1, 1 + coalesce(max(version), 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM price_card WHERE name = ?1";
    if (card->input < 0 || card->cached_input < 0 || card->output < 0 || card->second < 0)
        return err_set(e, ERR_INVALID, "a price cannot be negative");
    if (!db_run(tx, e, sql, db_text(card->name), db_text_or_null(card->model),
                card->parameters_max ? db_int(card->parameters_max) : db_null(), db_int(card->input), db_int(card->cached_input),
                db_int(card->output), db_int(card->second), db_int(clock_now_ms())))
        return false;
    card->id = db_last_id(tx);
    return db_get_int(tx, &card->version, 0, e, "SELECT version FROM price_card WHERE id = ?", db_int(card->id));
}

/* ------------------------------------------------------------------ money as text */

bool price_parse(str text, int64_t *nano, struct err *e)
{
    enum { DIGITS_BEHIND = 9, DOLLARS_MAX = 1000000 };
    size_t point = str_chr(text, '.'), behind = point == STR_NONE ? 0 : text.n - point - 1;
    str whole = point == STR_NONE ? text : str_to(text, point), rest = point == STR_NONE ? STR("") : str_from(text, point + 1);
    uint64_t dollars = 0, parts = 0;
    bool ok = whole.n && str_u64(whole, &dollars) && dollars <= DOLLARS_MAX && behind <= DIGITS_BEHIND &&
              (point == STR_NONE || (behind && str_u64(rest, &parts)));
    if (!ok) return err_set(e, ERR_INVALID, "\"%.*s\" is no amount of dollars such as 0.5 or 12", STR_ARG(str_to(text, 40)));
    for (size_t i = behind; i < DIGITS_BEHIND; i++) parts *= 10;
    *nano = (int64_t)dollars * NANO_USD + (int64_t)parts;
    return true;
}

str price_text(int64_t nano, struct arena *a)
{
    const char *sign = nano < 0 ? "-" : "";
    uint64_t n = nano < 0 ? -(uint64_t)nano : (uint64_t)nano;
    str s = arena_fmt(a, "%s$%llu.%09llu", sign, (unsigned long long)(n / NANO_USD), (unsigned long long)(n % NANO_USD));
    for (size_t i = 0; i < 7 && s.p[s.n - 1] == '0'; i++) s.n--;
    return s;
}
