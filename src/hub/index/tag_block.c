/* hub/index/tag_block.c - see hub/index/tag_block.h; the format is in db/schema/0006_tag_block.sql. */
#include "hub/index/tag_block.h"

enum {
    BITMAP_BYTES = TAG_BLOCK_NUMBERS / 8,
    LISTED_MAX = BITMAP_BYTES / 2 - 1, /* one more, and the bitmap is not longer */
    BLOCKS_MAX = 1 << 16,              /* of a tag */
};

static int64_t row_id(int64_t tag_id, int64_t block) { return tag_id * BLOCKS_MAX + block; }

/* ------------------------------------------------------------------ one block */

static bool unpack(bytes b, uint64_t word[TAG_BLOCK_WORDS])
{
    if (b.n == BITMAP_BYTES) {
        for (size_t i = 0; i < TAG_BLOCK_WORDS; i++) {
            uint64_t w = 0;
            for (size_t k = 0; k < 8; k++) w |= (uint64_t)b.p[8 * i + k] << 8 * k;
            word[i] = w;
        }
        return true;
    }
    for (size_t i = 0; i + 2 <= b.n; i += 2) {
        unsigned number = b.p[i] | (unsigned)b.p[i + 1] << 8;
        if (number >= TAG_BLOCK_NUMBERS) return false;
        word[number / 64] |= UINT64_C(1) << number % 64;
    }
    return b.n % 2 == 0 && b.n < BITMAP_BYTES;
}

static size_t count(const uint64_t word[TAG_BLOCK_WORDS])
{
    size_t n = 0;
    for (size_t i = 0; i < TAG_BLOCK_WORDS; i++) n += (size_t)__builtin_popcountll(word[i]);
    return n;
}

/* *at: room for BITMAP_BYTES.  Returns the length; 0 for an empty block. */
static size_t pack(const uint64_t word[TAG_BLOCK_WORDS], uint8_t *out)
{
    size_t n = 0;
    if (count(word) > LISTED_MAX) {
        for (size_t i = 0; i < TAG_BLOCK_WORDS; i++)
            for (size_t k = 0; k < 8; k++) out[n++] = (uint8_t)(word[i] >> 8 * k);
        return n;
    }
    for (size_t i = 0; i < TAG_BLOCK_WORDS; i++)
        for (uint64_t w = word[i]; w; w &= w - 1) {
            size_t number = 64 * i + (size_t)__builtin_ctzll(w);
            out[n++] = (uint8_t)number;
            out[n++] = (uint8_t)(number >> 8);
        }
    return n;
}

static bool damaged(struct err *e) { return err_set(e, ERR_IO, "the packed repositories of a tag are damaged; run `hearth reindex`"); }

static bool write_block(struct db_conn *tx, int64_t id, const uint64_t word[TAG_BLOCK_WORDS], struct err *e)
{
    static const char put[] = "INSERT INTO tag_block (id, numbers) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET numbers = excluded.numbers";
    static const char drop[] = "DELETE FROM tag_block WHERE id = ?";
    uint8_t packed[BITMAP_BYTES];
    size_t n = pack(word, packed);
    return n ? db_run(tx, e, put, db_int(id), db_blob((bytes){ packed, n })) : db_run(tx, e, drop, db_int(id));
}

/* ------------------------------------------------------------------ writing */

bool tag_block_put(struct db_conn *tx, int64_t tag_id, int64_t repo_id, bool has, struct err *e)
{
    static const char sql[] = "SELECT numbers FROM tag_block WHERE id = ?";
    int64_t id = row_id(tag_id, repo_id / TAG_BLOCK_NUMBERS);
    size_t number = (size_t)(repo_id % TAG_BLOCK_NUMBERS);
    uint64_t word[TAG_BLOCK_WORDS] = { 0 };
    struct db_query q;
    bool ok = true;

    must(repo_id > 0 && repo_id / TAG_BLOCK_NUMBERS < BLOCKS_MAX);
    if (!db_query(tx, &q, e, sql, db_int(id))) return false;
    if (db_next(&q, e)) ok = unpack(db_col_blob(&q, 0), word);
    if (!db_end(&q)) return false;
    if (!ok) return damaged(e);
    uint64_t bit = UINT64_C(1) << number % 64;
    word[number / 64] = has ? word[number / 64] | bit : word[number / 64] & ~bit;
    return write_block(tx, id, word, e);
}

static bool fill(struct db_conn *tx, struct err *e)
{
    static const char all[] = "SELECT tag_id, repo_id FROM repo_tag ORDER BY tag_id, repo_id";
    uint64_t word[TAG_BLOCK_WORDS] = { 0 };
    int64_t id = -1;
    struct db_query q;
    bool ok = true;

    if (!db_query(tx, &q, e, all)) return false;
    while (ok && db_next(&q, e)) {
        int64_t repo_id = db_col_int(&q, 1), next = row_id(db_col_int(&q, 0), repo_id / TAG_BLOCK_NUMBERS);
        if (next != id && id >= 0) {
            ok = write_block(tx, id, word, e);
            memset(word, 0, sizeof word);
        }
        id = next;
        word[repo_id % TAG_BLOCK_NUMBERS / 64] |= UINT64_C(1) << repo_id % 64;
    }
    ok = db_end(&q) && ok;
    return ok && (id < 0 || write_block(tx, id, word, e));
}

bool tag_block_fill(struct db *d, bool anew, struct err *e)
{
    static const char is_due[] = "SELECT NOT EXISTS (SELECT 1 FROM tag_block) AND EXISTS (SELECT 1 FROM repo_tag)";
    static const char empty[] = "DELETE FROM tag_block";
    struct db_conn *c, *tx;
    int64_t due = anew;
    if (!due) {
        c = db_reader(d);
        bool ok = db_get_int(c, &due, 0, e, is_due);
        db_give(d, c);
        if (!ok || !due) return ok;
    }
    if (!db_begin(d, &tx, e)) return false;
    return db_finish(d, tx, db_run(tx, e, empty) && fill(tx, e), e);
}

/* ------------------------------------------------------------------ reading */

bool tag_bits_read(struct db_conn *c, int64_t tag_id, struct arena *a, struct tag_bits *out, struct err *e)
{
    static const char sql[] = "SELECT id, numbers FROM tag_block WHERE id >= ? AND id < ? ORDER BY id";
    struct db_query q;
    size_t cap = 0;
    bool ok = true;

    *out = (struct tag_bits){ 0 };
    if (!db_query(c, &q, e, sql, db_int(row_id(tag_id, 0)), db_int(row_id(tag_id + 1, 0)))) return false;
    while (ok && db_next(&q, e)) {
        if (out->n == cap) {
            struct tag_bits_block **bigger = arena_alloc(a, (cap = cap ? cap * 2 : 32) * sizeof *bigger);
            if (out->n) memcpy(bigger, out->block, out->n * sizeof *bigger);
            out->block = bigger;
        }
        struct tag_bits_block *b = out->block[out->n++] = arena_one(a, struct tag_bits_block);
        b->first = db_col_int(&q, 0) % BLOCKS_MAX * TAG_BLOCK_NUMBERS;
        ok = unpack(db_col_blob(&q, 1), b->word);
    }
    if (!db_end(&q)) return false;
    return ok || damaged(e);
}

size_t tag_bits_filter(const struct tag_bits *s, int64_t *id, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0, k = 0; i < n && k < s->n;) {
        const struct tag_bits_block *b = s->block[k];
        int64_t at = id[i] - b->first;
        if (at >= TAG_BLOCK_NUMBERS) {
            k++;
            continue;
        }
        if (at >= 0 && b->word[at / 64] >> at % 64 & 1) id[kept++] = id[i];
        i++;
    }
    return kept;
}

size_t tag_bits_count(const struct tag_bits *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) n += count(s->block[i]->word);
    return n;
}

void tag_bits_list(const struct tag_bits *s, int64_t *out)
{
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < TAG_BLOCK_WORDS; k++)
            for (uint64_t w = s->block[i]->word[k]; w; w &= w - 1)
                *out++ = s->block[i]->first + (int64_t)(64 * k) + __builtin_ctzll(w);
}
