/* hub/index/tag_offer.c - see hub/index/tag_offer.h.
 *
 * Among a million repositories this costs ten times what the page itself does: hundreds of tags are looked at, and of dozens the
 * repositories are counted one by one, since only those that everybody may see count. */
#include "hub/index/tag_offer.h"

#include "base/hash.h"
#include "db/memo.h"
#include "hub/hub_priv.h"

/* What is remembered: rows of this, each with its name behind it. */
struct kept {
    int64_t repos;
    uint32_t group, name_bytes;
};

/* The most used tags of the groups in question, whoever has them. */
static bool most_used(struct db_conn *c, const struct tag_offers_query *q, struct arena *a, struct tag_offer *out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT t.name FROM tag t INDEXED BY tag_by_count WHERE t.kind = ? AND t.name >= char(2)"
                              " ORDER BY t.repos_count DESC LIMIT ?";
    struct db_query rows;
    *n = 0;
    if (!db_query(c, &rows, e, sql, db_text(repo_kind_name(q->kind)), db_int((int64_t)q->tags_max))) return false;
    while (*n < q->tags_max && db_next(&rows, e)) {
        str label;
        enum tag_group group = tag_group_of(q->kind, db_col_text(&rows, 0), &label);
        if (q->group >= 0 && (int)group != q->group) continue;
        struct tag_offer *o = &out[(*n)++];
        *o = (struct tag_offer){ .name = db_col_dup(&rows, 0, a), .repos = -1 };
        o->group = tag_group_of(q->kind, o->name, &o->label);
    }
    return db_end(&rows);
}

/* Of each, whether something public has it is asked only now: that is two look-ups in tables of millions of rows. */
static bool ask(struct db_conn *c, const struct tag_offers_query *q, struct arena *a, struct tag_offer **out, size_t *n, struct err *e)
{
    struct tag_offer *tag = arena_alloc(a, (q->tags_max + 1) * sizeof *tag);
    size_t of_group[TAG_GROUPS] = { 0 }, tags;
    *n = 0;
    *out = tag; /* never ahead of the reading */
    if (!most_used(c, q, a, tag, &tags, e)) return false;
    for (size_t i = 0; i < tags; i++) {
        struct tag_offer o = tag[i];
        if (of_group[o.group] >= q->offers_max) continue;
        bool is_counted = of_group[o.group] < q->counted;
        if (!list_tag_public_count(c, q->kind, o.name, is_counted ? (size_t)q->bound : 1, &o.repos, e)) return false;
        if (o.repos == 0) continue;
        if (!is_counted) o.repos = -1;
        of_group[o.group]++;
        tag[(*n)++] = o;
    }
    return true;
}

static void remember(struct hub *h, const uint8_t *key, const struct db_mark *since, const struct tag_offer *offer, size_t n)
{
    struct buf b = BUF_INIT(HUB_TAGS_BYTES_MAX + 1);
    for (size_t i = 0; i < n; i++) {
        struct kept k = { .repos = offer[i].repos, .group = (uint32_t)offer[i].group, .name_bytes = (uint32_t)offer[i].name.n };
        buf_add(&b, str_n((const char *)&k, sizeof k));
        buf_add(&b, offer[i].name);
    }
    if (!b.failed) db_memo_keep(h->tags, key, since, bytes_of(buf_str(&b)));
    buf_deinit(&b);
}

static void recall(const struct tag_offers_query *q, bytes b, struct arena *a, struct tag_offer **out, size_t *n)
{
    struct kept k;
    *n = 0;
    *out = arena_alloc(a, (b.n / sizeof k + 1) * sizeof **out);
    for (size_t at = 0; at < b.n; at += k.name_bytes) {
        memcpy(&k, b.p + at, sizeof k);
        at += sizeof k;
        struct tag_offer *o = &(*out)[(*n)++];
        *o = (struct tag_offer){ .name = str_n((const char *)b.p + at, k.name_bytes), .repos = k.repos };
        o->group = tag_group_of(q->kind, o->name, &o->label);
    }
}

bool tag_offers(struct hub *h, struct db_conn *c, const struct db_mark *since, const struct tag_offers_query *q, struct arena *a,
                struct tag_offer **out, size_t *n, struct err *e)
{
    const uint64_t asked[] = { (uint64_t)q->kind, (uint64_t)(int64_t)q->group, q->tags_max, q->offers_max, q->counted, (uint64_t)q->bound };
    struct sha256 key = sha256_of((bytes){ (const uint8_t *)asked, sizeof asked });
    bytes known;
    if (db_memo_find(h->tags, key.b, a, &known)) {
        recall(q, known, a, out, n);
        return true;
    }
    if (!ask(c, q, a, out, n, e)) return false;
    remember(h, key.b, since, *out, *n);
    return true;
}
