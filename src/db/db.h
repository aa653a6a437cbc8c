/* db/db.h - SQL access: connections, statements, transactions, migrations.
 *
 * SQLite lies behind it (WAL, synchronous=FULL); nothing above includes sqlite3.h, and the SQL written
 * above keeps to what PostgreSQL can say too, apart from full-text search.
 *
 * Readers: any number, each borrowed by one thread at a time (db_reader .. db_give).  They see the last
 * committed state.  Writer: one at a time in this process; db_begin waits for it in turn, other
 * processes (the command line) are waited for up to ten seconds and then refused as ERR_BUSY.  A
 * transaction must be short: no network, no git, no hashing of files inside it.
 *
 * Statements are constants beside the function that binds them; values are bound, never formatted.
 * They are prepared once per connection, keyed by the address of the text. */
#ifndef DB_DB_H
#define DB_DB_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"

struct db;
struct db_conn;

/* Opens or creates the file and brings its schema up to date (migrations that are due in one transaction, all or none). */
bool db_open(const char *path, struct db **out, struct err *e);
void db_close(struct db *d); /* every connection must have been given back; NULL is fine */

/* A reader; NULL never.  A thread may hold several. */
struct db_conn *db_reader(struct db *d);
void db_give(struct db *d, struct db_conn *c);
/* Between these two a reader sees one state of the database, and its queries share one lock on the file
 * instead of taking one each.  Short, and not around a write whose effect must be seen. */
bool db_snapshot_begin(struct db_conn *reader, struct err *e);
void db_snapshot_end(struct db_conn *reader);

/* A state of the database.  Two marks are equal only if nobody, in whatever process, has committed between them.  Taken
 * without a lock or a system call.  False: it is not known now (somebody is committing, or the system has no shared
 * memory), and such a mark equals none. */
enum { DB_MARK_WORDS = 12 };
struct db_mark {
    uint32_t word[DB_MARK_WORDS]; /* word[0] 0: not known */
};
bool db_mark_take(struct db *d, struct db_mark *out);
static inline bool db_mark_eq(const struct db_mark *a, const struct db_mark *b)
{
    return a->word[0] != 0 && memcmp(a, b, sizeof *a) == 0;
}

size_t db_waiting(struct db *d); /* threads that wait for their turn to write */

/* A write transaction (BEGIN IMMEDIATE).  End it with exactly one of commit and rollback. */
bool db_begin(struct db *d, struct db_conn **tx, struct err *e);
bool db_commit(struct db *d, struct db_conn *tx, struct err *e); /* on failure it is rolled back */
void db_rollback(struct db *d, struct db_conn *tx);
/* Commits if all went well so far, else rolls back; true when it is committed. */
bool db_finish(struct db *d, struct db_conn *tx, bool ok, struct err *e);
/* Several small changes may fail on their own inside a transaction. */
bool db_savepoint(struct db_conn *tx, struct err *e);
bool db_savepoint_end(struct db_conn *tx, bool keep, struct err *e);

enum db_type { DB_NULL, DB_INTEGER, DB_REAL, DB_TEXT, DB_BLOB };
struct db_value {
    enum db_type type;
    int64_t i;
    double r;
    str s; /* text and blob; borrowed for the call, or until db_end for a query */
};
static inline struct db_value db_int(int64_t i) { return (struct db_value){ .type = DB_INTEGER, .i = i }; }
static inline struct db_value db_real(double r) { return (struct db_value){ .type = DB_REAL, .r = r }; }
static inline struct db_value db_text(str s) { return (struct db_value){ .type = DB_TEXT, .s = s }; }
static inline struct db_value db_blob(bytes b) { return (struct db_value){ .type = DB_BLOB, .s = str_of(b) }; }
static inline struct db_value db_sha256(const struct sha256 *h) { return db_blob((bytes){ h->b, SHA256_BYTES }); }
static inline struct db_value db_null(void) { return (struct db_value){ .type = DB_NULL }; }
static inline struct db_value db_text_or_null(str s) { return s.p ? db_text(s) : db_null(); }

/* Runs a statement that returns no rows:  db_run(tx, e, SQL, db_int(1), db_text(name)).
 * A violated UNIQUE or CHECK constraint is ERR_CONFLICT, a full disk ERR_NO_SPACE.
 * db_run_n, db_query_n and db_get_int_n have the values in args[1] to args[n]; args[0] is there for those without any. */
#define db_run(c, e, sql, ...) \
    db_run_n((c), (sql), (const struct db_value[]){ { 0 }, __VA_ARGS__ }, \
             sizeof((const struct db_value[]){ { 0 }, __VA_ARGS__ }) / sizeof(struct db_value) - 1, (e))
bool db_run_n(struct db_conn *c, const char *sql, const struct db_value *args, size_t n, struct err *e);
int64_t db_last_id(struct db_conn *c);
int64_t db_changes(struct db_conn *c); /* rows touched by the last db_run */

/* A query:
 *     struct db_query q;
 *     if (!db_query(c, &q, e, SQL, db_int(id))) return false;
 *     while (db_next(&q, e)) use(db_col_int(&q, 0));
 *     return db_end(&q);       -- false, with e filled by db_next, if a step failed
 * Columns are borrowed until the next db_next or db_end; copy what must stay. */
struct db_query {
    struct db_conn *conn;
    void *stmt;
    bool failed;
};
#define db_query(c, q, e, sql, ...) \
    db_query_n((c), (q), (sql), (const struct db_value[]){ { 0 }, __VA_ARGS__ }, \
               sizeof((const struct db_value[]){ { 0 }, __VA_ARGS__ }) / sizeof(struct db_value) - 1, (e))
bool db_query_n(struct db_conn *c, struct db_query *q, const char *sql, const struct db_value *args, size_t n,
                struct err *e);
/* For the rare text that is assembled (listings): prepared for this one use. */
bool db_query_once(struct db_conn *c, struct db_query *q, str sql, const struct db_value *args, size_t n, struct err *e);
bool db_next(struct db_query *q, struct err *e);
bool db_end(struct db_query *q);
int64_t db_col_int(struct db_query *q, int i);
double db_col_real(struct db_query *q, int i);
str db_col_text(struct db_query *q, int i);   /* .p NULL for SQL NULL */
bytes db_col_blob(struct db_query *q, int i);
bool db_col_sha256(struct db_query *q, int i, struct sha256 *out); /* false, and *out as it was: it holds none */
bool db_col_is_null(struct db_query *q, int i);
str db_col_dup(struct db_query *q, int i, struct arena *a);

/* One integer, or `otherwise` when there is no row. */
#define db_get_int(c, out, otherwise, e, sql, ...) \
    db_get_int_n((c), (out), (otherwise), (sql), (const struct db_value[]){ { 0 }, __VA_ARGS__ }, \
                 sizeof((const struct db_value[]){ { 0 }, __VA_ARGS__ }) / sizeof(struct db_value) - 1, (e))
bool db_get_int_n(struct db_conn *c, int64_t *out, int64_t otherwise, const char *sql, const struct db_value *args,
                  size_t n, struct err *e);

bool db_answers(struct db_conn *c, struct err *e); /* for a health check: it runs a statement that reads no table */
/* For `hearth fsck`: the library's own integrity check and the foreign keys; problem(ctx, text) per finding. */
bool db_check(struct db *d, void (*problem)(void *ctx, str what), void *ctx, struct err *e);
/* A copy of the database as it is now, in a new file; writers go on meanwhile.  It is on disk when this returns. */
bool db_copy(struct db *d, const char *to, struct err *e);

#endif
