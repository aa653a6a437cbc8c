/* api/recall.c - permissions and places of files, remembered between requests.
 *
 * Clients ask for file after file of one repository with one token, and each question used to be six queries.  What they
 * found is kept in db/memo.h, which forgets all of it with the next commit of any process: a token revoked, a repository
 * made private, a ref moved by the command line take effect with the next request.  Only a yes is remembered.
 *
 * Keys are keyed hashes of the question: no token lies in the table, and nobody can make two questions meet. */
#include "api/api_priv.h"
#include "api/recall.h"
#include "base/clock.h"
#include "base/hash.h"
#include "db/memo.h"
#include "hub/bucket/bucket.h"
#include "xet/blake3.h"

enum { PERMISSIONS = 4096, FILES = 8192, PERMISSION_BYTES_MAX = 4096, QUESTION_BYTES_MAX = 4096 };

struct permission {
    struct identity who;
    struct repo repo;
    bool has_repo, repo_moved;
};

/* Every text in it; a new member must be told here. */
static const size_t texts[] = {
    offsetof(struct permission, who.name),         offsetof(struct permission, who.token.hex_id),
    offsetof(struct permission, who.token.label),  offsetof(struct permission, who.token.last4),
    offsetof(struct permission, who.token.scopes), offsetof(struct permission, repo.hex_id),
    offsetof(struct permission, repo.owner),       offsetof(struct permission, repo.name),
    offsetof(struct permission, repo.full_name),   offsetof(struct permission, repo.gated),
    offsetof(struct permission, repo.settings),    offsetof(struct permission, repo.sdk),
    offsetof(struct permission, repo.upstream),    offsetof(struct permission, repo.label),
};
_Static_assert(sizeof(struct repo) == 4 * 8 + 8 + 4 * sizeof(str) + 8 + 5 * sizeof(str) + 8, "a new member of struct repo?");
_Static_assert(sizeof(struct token) == 2 * 8 + 4 * sizeof(str) + 8 + 3 * 8, "a new member of struct token?");
_Static_assert(sizeof(struct identity) == 2 * 8 + sizeof(str) + 8 + sizeof(struct token) + 8, "a new member of struct identity?");

void recall_begin(struct api *a)
{
    random_bytes(a->recall_key, sizeof a->recall_key);
    a->permissions = db_memo_new(hub_db(a->hub), PERMISSIONS, PERMISSION_BYTES_MAX);
    a->files = db_memo_new(hub_db(a->hub), FILES, sizeof(struct file_found));
}

void recall_end(struct api *a)
{
    db_memo_free(a->permissions);
    db_memo_free(a->files);
}

/* ------------------------------------------------------------------ keys */

struct question {
    size_t n;
    bool too_long;
    uint8_t b[QUESTION_BYTES_MAX];
};

static void ask_bytes(struct question *q, const void *p, size_t n)
{
    if (n > sizeof q->b - q->n) {
        q->too_long = true;
        return;
    }
    if (n) memcpy(q->b + q->n, p, n);
    q->n += n;
}

/* With its length before it, so that no two lists of texts are the same bytes. */
static void ask_text(struct question *q, str s)
{
    uint64_t n = s.p ? s.n : UINT64_MAX;
    ask_bytes(q, &n, sizeof n);
    ask_bytes(q, s.p, s.n);
}

static bool key_of(const struct api *a, const struct question *q, uint8_t key[DB_MEMO_KEY_BYTES])
{
    _Static_assert((int)DB_MEMO_KEY_BYTES == (int)BLAKE3_BYTES, "the hash is the key");
    if (q->too_long) return false;
    blake3_keyed(a->recall_key, (bytes){ q->b, q->n }, key);
    return true;
}

/* ------------------------------------------------------------------ permissions */

/* Everything that identify and permit look at, apart from the database. */
static bool permission_key(struct call *c, uint8_t key[DB_MEMO_KEY_BYTES])
{
    struct question q;
    int what[] = { (int)c->route->permission, (int)c->route->shape };
    q.n = 0;
    q.too_long = false;
    ask_bytes(&q, what, sizeof what);
    ask_text(&q, http_header(c->http, "Authorization"));
    if (c->route->permission >= PERM_REPO_SEE) {
        ask_text(&q, http_param(c->http, "kind"));
        ask_text(&q, http_param(c->http, "ns"));
        ask_text(&q, http_param(c->http, "repo"));
        if (c->route->permission == PERM_DATASET_READ) ask_text(&q, http_query(c->http, "dataset"));
    }
    return key_of(c->api, &q, key);
}

static str *text_of(struct permission *p, size_t i) { return (str *)(void *)((char *)p + texts[i]); }

bool recall_permission(struct call *c)
{
    uint8_t key[DB_MEMO_KEY_BYTES];
    bytes b;
    if (!c->api->permissions || !permission_key(c, key) || !db_memo_find(c->api->permissions, key, c->a, &b)) return false;
    struct permission *p = (void *)(uintptr_t)b.p; /* our own copy */
    const char *at = (const char *)(p + 1);
    int64_t expires_ms = p->who.token.expires_ms;
    if (expires_ms && expires_ms <= clock_now_ms()) return false;
    for (size_t i = 0; i < COUNT(texts); i++) {
        str *s = text_of(p, i);
        if (!s->p) continue;
        s->p = at;
        at += s->n + 1;
    }
    c->who = p->who;
    c->repo = p->repo;
    c->has_repo = p->has_repo;
    c->repo_moved = p->repo_moved;
    return true;
}

void remember_permission(struct call *c)
{
    uint8_t key[DB_MEMO_KEY_BYTES];
    struct permission p;
    memset(&p, 0, sizeof p); /* what lies between the members, too: it is copied as bytes */
    p.who = c->who;
    p.repo = c->repo;
    p.has_repo = c->has_repo;
    p.repo_moved = c->repo_moved;
    bool by_password = c->who.user_id && !c->who.via_token; /* account/password.c remembers those, and for how long */
    if (!c->api->permissions || by_password || p.who.scopes || !permission_key(c, key)) return;
    struct buf b = BUF_INIT(PERMISSION_BYTES_MAX + 1);
    buf_add(&b, str_n((const char *)&p, sizeof p));
    for (size_t i = 0; i < COUNT(texts); i++) {
        const str *s = text_of(&p, i);
        if (!s->p) continue;
        buf_add(&b, *s);
        buf_byte(&b, '\0');
    }
    if (!b.failed) db_memo_keep(c->api->permissions, key, &c->since, bytes_of(buf_str(&b)));
    buf_deinit(&b);
}

/* ------------------------------------------------------------------ readers behind links */

static bool reader_key(struct call *c, const struct reader *r, uint8_t key[DB_MEMO_KEY_BYTES])
{
    const int64_t what[] = { -1 /* no row's permission */, r->user_id, r->token_id, r->place_id, r->is_bucket };
    struct question q;
    q.n = 0;
    q.too_long = false;
    ask_bytes(&q, what, sizeof what);
    return key_of(c->api, &q, key);
}

static bool ask_reader(struct call *c, const struct reader *r, struct err *e)
{
    struct db_conn *db = call_db(c);
    struct bucket b;
    if (!identity_again(db, r->user_id, r->token_id, &c->who, c->a, e)) return false;
    if (r->is_bucket) return bucket_get(db, r->place_id, &b, c->a, e) && bucket_allow(db, &c->who, &b, REPO_READ, e);
    return repo_get(db, r->place_id, &c->repo, c->a, e) && repo_allow(db, &c->who, &c->repo, REPO_READ, e);
}

bool recall_reader(struct call *c, const struct reader *r, struct err *e)
{
    uint8_t key[DB_MEMO_KEY_BYTES];
    int64_t until_ms;
    bytes b;
    bool has_key = reader_key(c, r, key);
    if (has_key && db_memo_find(c->api->permissions, key, c->a, &b)) {
        memcpy(&until_ms, b.p, sizeof until_ms);
        if (!until_ms || clock_now_ms() < until_ms) return true;
    }
    if (!ask_reader(c, r, e)) return false;
    until_ms = c->who.token.expires_ms;
    if (has_key) db_memo_keep(c->api->permissions, key, &c->since, (bytes){ (const uint8_t *)&until_ms, sizeof until_ms });
    return true;
}

/* ------------------------------------------------------------------ files */

static bool file_key(struct call *c, str rev, str path, uint8_t key[DB_MEMO_KEY_BYTES])
{
    struct question q;
    q.n = 0;
    q.too_long = false;
    ask_bytes(&q, &c->repo.id, sizeof c->repo.id);
    ask_text(&q, rev);
    ask_text(&q, path);
    return key_of(c->api, &q, key);
}

bool recall_file(struct call *c, str rev, str path, struct file_found *out, bool *known, struct err *e)
{
    uint8_t key[DB_MEMO_KEY_BYTES];
    bytes b;
    bool has_key = file_key(c, rev, path, key);
    if (has_key && db_memo_find(c->api->files, key, c->a, &b)) {
        memcpy(out, b.p, sizeof *out);
        return *known = true;
    }
    struct db_conn *db = call_db(c);
    if (!file_find_indexed(db, &c->repo, rev, path, out, known, e)) return false;
    if (*known && has_key) db_memo_keep(c->api->files, key, &c->since, (bytes){ (const uint8_t *)out, sizeof *out });
    return true;
}
