/* db/conn.c - one connection: its settings, its statements, and SQLite's errors in our words.
 *
 * Invariants:
 * 1. A connection is used by one thread at a time; SQLite's own mutexes are off.
 * 2. A statement is prepared once per connection and found again by the address of its text.
 * 3. A statement never runs outside of the transaction that its caller believes in: SQLite rolls back by
 *    itself on some failures (full disk), and what follows in such a transaction is refused. */
#include <pthread.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "db/credentials.h"
#include "db/db_priv.h"

/* ------------------------------------------------------------------ errors */

static enum err_code code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT: return ERR_CONFLICT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ERR_BUSY;
    case SQLITE_FULL: return ERR_NO_SPACE;
    case SQLITE_TOOBIG: return ERR_TOO_LARGE;
    case SQLITE_IOERR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN: return ERR_IO;
    default: return ERR_INTERNAL;
    }
}

bool db_err(sqlite3 *s, int rc, struct err *e)
{
    if ((rc & 0xff) == SQLITE_BUSY) return err_set(e, ERR_BUSY, "another process is writing to the database; try again");
    if ((rc & 0xff) == SQLITE_AUTH) return err_set(e, ERR_INTERNAL, "a statement touches credentials from the wrong place");
    return err_set(e, code_of(rc), "database: %s", s ? sqlite3_errmsg(s) : sqlite3_errstr(rc));
}

bool db_exec(sqlite3 *s, const char *sql, struct err *e)
{
    int rc = sqlite3_exec(s, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? true : db_err(s, rc, e);
}

/* ------------------------------------------------------------------ opening */

/* SQLite counts its memory behind a global lock unless told not to. */
static void configure(void) { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

/* Two processes that make the database at once would wait for each other here, so SQLite does not wait at
 * all (its busy handler is not asked), and one of the two has to come again. */
static bool into_wal(sqlite3 *s, struct err *e)
{
    for (int64_t until = clock_mono_us() + DB_BUSY_MS * 1000;; usleep(2000)) {
        if (db_exec(s, "PRAGMA journal_mode = WAL", e)) return true;
        if (e->code != ERR_BUSY || clock_mono_us() > until) return false;
    }
}

bool db_sqlite_open(const char *path, sqlite3 **out, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, configure);
    int rc = sqlite3_open_v2(path, out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc != SQLITE_OK) {
        db_err(*out, rc, e);
        err_context(e, "cannot open %s", path);
        goto failed;
    }
    sqlite3_busy_timeout(*out, DB_BUSY_MS);
    /* The memory map spares copies of pages; only what is touched becomes resident.  As much as SQLite allows: a database of a
     * million repositories has 1.6 GB. */
    if (!into_wal(*out, e) ||
        !db_exec(*out,
                 "PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 2147418112;"
                 "PRAGMA journal_size_limit = 67108864; PRAGMA trusted_schema = OFF;", e)) {
        err_context(e, "cannot use %s", path);
        goto failed;
    }
    return true;
failed:
    sqlite3_close(*out);
    *out = NULL;
    return false;
}

/* SQLite asks this for every table that a statement reads or writes, when it prepares it. */
static int authorize(void *ctx, int action, const char *a, const char *b, const char *database, const char *trigger)
{
    const struct db_conn *c = ctx;
    (void)b, (void)database, (void)trigger;
    bool touches = action == SQLITE_READ || action == SQLITE_INSERT || action == SQLITE_UPDATE || action == SQLITE_DELETE;
    if (!touches || !a || c->credentials) return SQLITE_OK;
    static const char *const secret[] = { "account_password", "account_token", "account_session", "signing_key",
                                          "oauth_app", "oauth_authorization", "oauth_refresh", "account_invite", "account_external",
                                          "account_second_factor", "account_recovery_code" };
    for (size_t i = 0; i < COUNT(secret); i++)
        if (strcmp(a, secret[i]) == 0) return SQLITE_DENY;
    return SQLITE_OK;
}

void db_credentials_begin(struct db_conn *c) { c->credentials++; }

void db_credentials_end(struct db_conn *c)
{
    must(c->credentials > 0);
    c->credentials--;
}

bool db_conn_new(struct db *d, const char *path, bool is_writer, struct db_conn **out, struct err *e)
{
    struct db_conn *c = mem_one(struct db_conn);
    c->db = d;
    c->is_writer = is_writer;
    if (!db_sqlite_open(path, &c->sqlite, e)) goto failed;
    if (!db_exec(c->sqlite, is_writer ? "PRAGMA foreign_keys = ON; PRAGMA cache_size = -4096"
                                      : "PRAGMA query_only = ON; PRAGMA cache_size = -1024", e)) goto failed;
    c->map = keep_map_new(c->sqlite);
    sqlite3_db_config(c->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_set_authorizer(c->sqlite, authorize, c);
    *out = c;
    return true;
failed:
    db_conn_free(c);
    return false;
}

void db_conn_free(struct db_conn *c)
{
    if (!c) return;
    for (size_t i = 0; i < c->slots; i++) {
        if (!c->slot[i]) continue;
        must(!c->slot[i]->lent); /* a query without its db_end */
        sqlite3_finalize(c->slot[i]->s);
        mem_free(c->slot[i]);
    }
    must(sqlite3_close(c->sqlite) == SQLITE_OK);
    mem_free(c->map);
    mem_free(c->slot);
    mem_free(c);
}

/* ------------------------------------------------------------------ statements */

static size_t slot_of(const struct db_conn *c, const char *key)
{
    size_t at = (size_t)(((uint64_t)(uintptr_t)key * 0x9e3779b97f4a7c15u) >> 32) & (c->slots - 1);
    while (c->slot[at] && c->slot[at]->key != key) at = (at + 1) & (c->slots - 1);
    return at;
}

static void remember(struct db_conn *c, struct db_stmt *st)
{
    if (c->used * 2 >= c->slots) {
        struct db_stmt **old = c->slot;
        size_t n = c->slots;
        c->slots = n ? n * 2 : 64;
        c->slot = mem_alloc(c->slots * sizeof *c->slot);
        for (size_t i = 0; i < n; i++)
            if (old[i]) c->slot[slot_of(c, old[i]->key)] = old[i];
        mem_free(old);
    }
    c->slot[slot_of(c, st->key)] = st;
    c->used++;
}

static bool prepare(struct db_conn *c, str sql, bool keep, struct db_stmt **out, struct err *e)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v3(c->sqlite, sql.p, (int)sql.n, keep ? SQLITE_PREPARE_PERSISTENT : 0, &s, NULL);
    if (rc != SQLITE_OK) return db_err(c->sqlite, rc, e);
    must(s); /* a statement without text is ours to fix */
    struct db_stmt *st = mem_one(struct db_stmt);
    st->s = s;
    st->lent = true;
    if (keep) {
        st->key = sql.p;
        remember(c, st);
    }
    *out = st;
    return true;
}

static void give_stmt(struct db_stmt *st)
{
    st->lent = false;
    if (st->key) {
        sqlite3_reset(st->s);
        sqlite3_clear_bindings(st->s); /* they are borrowed, and the lender is about to go */
        return;
    }
    sqlite3_finalize(st->s);
    mem_free(st);
}

static bool take_stmt(struct db_conn *c, const char *sql, struct db_stmt **out, struct err *e)
{
    if (c->in_tx && sqlite3_get_autocommit(c->sqlite))
        return err_set(e, ERR_IO, "the transaction was rolled back by an earlier failure");
    struct db_stmt *st = c->slots ? c->slot[slot_of(c, sql)] : NULL;
    if (!st) return prepare(c, str_c(sql), true, out, e);
    must(strcmp(sqlite3_sql(st->s), sql) == 0); /* the address of a text that was no constant */
    if (st->lent) return prepare(c, str_c(sql), false, out, e);
    st->lent = true;
    *out = st;
    return true;
}

static bool bind(struct db_conn *c, sqlite3_stmt *s, const struct db_value *args, size_t n, struct err *e)
{
    int rc = SQLITE_OK;
    must((size_t)sqlite3_bind_parameter_count(s) == n);
    for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
        const struct db_value *v = &args[i];
        const char *p = v->s.p ? v->s.p : ""; /* NULL would become SQL's NULL */
        int at = (int)i + 1;
        switch (v->type) {
        case DB_NULL: rc = sqlite3_bind_null(s, at); break;
        case DB_INTEGER: rc = sqlite3_bind_int64(s, at, v->i); break;
        case DB_REAL: rc = sqlite3_bind_double(s, at, v->r); break;
        case DB_TEXT: rc = sqlite3_bind_text64(s, at, p, v->s.n, SQLITE_STATIC, SQLITE_UTF8); break;
        case DB_BLOB: rc = sqlite3_bind_blob64(s, at, p, v->s.n, SQLITE_STATIC); break;
        }
    }
    return rc == SQLITE_OK ? true : db_err(c->sqlite, rc, e);
}

bool db_run_n(struct db_conn *c, const char *sql, const struct db_value *args, size_t n, struct err *e)
{
    struct db_stmt *st = NULL;
    must(c->is_writer);
    if (!take_stmt(c, sql, &st, e)) return false;
    bool ok = bind(c, st->s, args + 1, n, e);
    if (ok) {
        int rc = sqlite3_step(st->s);
        while (rc == SQLITE_ROW) rc = sqlite3_step(st->s); /* RETURNING, and the answer of a pragma, are ignored */
        if (rc != SQLITE_DONE) ok = db_err(c->sqlite, rc, e);
    }
    give_stmt(st);
    return ok;
}

int64_t db_last_id(struct db_conn *c) { return sqlite3_last_insert_rowid(c->sqlite); }
int64_t db_changes(struct db_conn *c) { return sqlite3_changes64(c->sqlite); }

/* ------------------------------------------------------------------ queries */

static bool begin_query(struct db_conn *c, struct db_query *q, struct db_stmt *st, const struct db_value *args, size_t n,
                        struct err *e)
{
    *q = (struct db_query){ .conn = c, .stmt = st };
    if (bind(c, st->s, args, n, e)) return true;
    give_stmt(st);
    return false;
}

bool db_query_n(struct db_conn *c, struct db_query *q, const char *sql, const struct db_value *args, size_t n,
                struct err *e)
{
    struct db_stmt *st = NULL;
    if (!take_stmt(c, sql, &st, e)) return false;
    return begin_query(c, q, st, args + 1, n, e);
}

bool db_query_once(struct db_conn *c, struct db_query *q, str sql, const struct db_value *args, size_t n, struct err *e)
{
    struct db_stmt *st = NULL;
    if (c->in_tx && sqlite3_get_autocommit(c->sqlite))
        return err_set(e, ERR_IO, "the transaction was rolled back by an earlier failure");
    if (!prepare(c, sql, false, &st, e)) return false;
    return begin_query(c, q, st, args, n, e);
}

bool db_next(struct db_query *q, struct err *e)
{
    struct db_stmt *st = q->stmt;
    if (q->failed) return false;
    int rc = sqlite3_step(st->s);
    if (rc == SQLITE_ROW) return true;
    if (rc != SQLITE_DONE) {
        q->failed = true;
        db_err(q->conn->sqlite, rc, e);
    }
    return false;
}

bool db_end(struct db_query *q)
{
    give_stmt(q->stmt);
    q->stmt = NULL;
    return !q->failed;
}

static sqlite3_stmt *row(struct db_query *q) { return ((struct db_stmt *)q->stmt)->s; }

int64_t db_col_int(struct db_query *q, int i) { return sqlite3_column_int64(row(q), i); }
double db_col_real(struct db_query *q, int i) { return sqlite3_column_double(row(q), i); }
bool db_col_is_null(struct db_query *q, int i) { return sqlite3_column_type(row(q), i) == SQLITE_NULL; }

str db_col_text(struct db_query *q, int i)
{
    const char *p = (const char *)sqlite3_column_text(row(q), i);
    return (str){ p, p ? (size_t)sqlite3_column_bytes(row(q), i) : 0 };
}

bytes db_col_blob(struct db_query *q, int i)
{
    const uint8_t *p = sqlite3_column_blob(row(q), i);
    return (bytes){ p, p ? (size_t)sqlite3_column_bytes(row(q), i) : 0 };
}

bool db_col_sha256(struct db_query *q, int i, struct sha256 *out)
{
    bytes b = db_col_blob(q, i);
    if (b.n == SHA256_BYTES) memcpy(out->b, b.p, SHA256_BYTES);
    return b.n == SHA256_BYTES;
}

str db_col_dup(struct db_query *q, int i, struct arena *a)
{
    str s = db_col_text(q, i);
    return s.p ? arena_dup(a, s) : s;
}

bool db_get_int_n(struct db_conn *c, int64_t *out, int64_t otherwise, const char *sql, const struct db_value *args,
                  size_t n, struct err *e)
{
    struct db_query q;
    if (!db_query_n(c, &q, sql, args, n, e)) return false;
    *out = otherwise;
    if (db_next(&q, e)) *out = db_col_int(&q, 0);
    return db_end(&q);
}

bool db_answers(struct db_conn *c, struct err *e)
{
    int64_t n;
    return db_get_int(c, &n, 0, e, "SELECT 1");
}
