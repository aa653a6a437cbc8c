/* db/db.c - the database as a whole: readers to lend, the one writer, transactions.
 *
 * Invariants:
 * 1. There are as many readers as are asked for at once: a bound would be a deadlock for threads that hold
 *    one and need a second.  At most IDLE_MAX are kept; the one that came back last is lent first, so that a
 *    quiet server keeps few warm.  Readers are in autocommit: each query sees what was committed when it began.
 * 2. At most one thread of the process holds the writer.  Those who wait stand in a list and are served in
 *    order of arrival; the writer is handed over, never put up for a race that a late-comer could win.
 * 3. `lock` guards the lists alone and is never held across a call into SQLite. */
#include "db/db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "db/db_priv.h"

enum { IDLE_MAX = 32, WRITER_WAIT_S = 60 };

struct waiter {
    pthread_cond_t turn;
    pthread_t thread;
    bool has_turn;
    struct waiter *next;
};

struct db {
    char *path;
    pthread_mutex_t lock;

    struct db_conn *idle; /* readers */
    size_t idle_count, lent_count;
    pthread_cond_t reader_back;
    const void *marks;

    struct db_conn *writer;
    bool is_writing;
    pthread_t writing_thread;
    struct waiter *first, **last;
};

/* ------------------------------------------------------------------ opening and closing */

static bool create_file(const char *path, struct err *e)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600); /* SQLite would make it readable by all */
    if (fd < 0) return err_os(e, errno, "cannot open the database %s", path);
    close(fd);
    return true;
}

static bool migrate(const char *path, struct err *e)
{
    sqlite3 *s;
    if (!db_sqlite_open(path, &s, e)) return false;
    bool ok = db_migrate(s, db_schema, e);
    sqlite3_close(s);
    return ok;
}

bool db_open(const char *path, struct db **out, struct err *e)
{
    if (!create_file(path, e) || !migrate(path, e)) return false;
    struct db *d = mem_one(struct db);
    d->path = mem_dup(str_c(path));
    d->last = &d->first;
    must(pthread_mutex_init(&d->lock, NULL) == 0 && pthread_cond_init(&d->reader_back, NULL) == 0);
    /* A first reader now: from here on a reader that cannot be opened means a machine out of means. */
    struct db_conn *reader = NULL;
    bool ok = db_conn_new(d, path, true, &d->writer, e) && db_conn_new(d, path, false, &reader, e) &&
              db_exec(d->writer->sqlite, "SELECT count(*) FROM schema_migration", e); /* mark_source_of wants it to have read */
    d->idle = reader;
    d->idle_count = reader ? 1 : 0;
    if (!ok) {
        db_close(d);
        return false;
    }
    d->marks = mark_source_of(d->writer->sqlite);
    *out = d;
    return true;
}

void db_close(struct db *d)
{
    if (!d) return;
    must(d->lent_count == 0 && !d->is_writing);
    while (d->idle) {
        struct db_conn *c = d->idle;
        d->idle = c->next;
        db_conn_free(c);
    }
    db_conn_free(d->writer);
    pthread_cond_destroy(&d->reader_back);
    pthread_mutex_destroy(&d->lock);
    mem_free(d->path);
    mem_free(d);
}

/* ------------------------------------------------------------------ readers */

struct db_conn *db_reader(struct db *d)
{
    struct db_conn *c = NULL;
    struct err e;
    pthread_mutex_lock(&d->lock);
    d->lent_count++;
    while (!c) {
        if (d->idle) {
            c = d->idle;
            d->idle = c->next;
            d->idle_count--;
            break;
        }
        pthread_mutex_unlock(&d->lock);
        bool ok = db_conn_new(d, d->path, false, &c, &e);
        pthread_mutex_lock(&d->lock);
        if (ok || d->idle) continue;
        /* The machine is out of descriptors, say: somebody has a reader (db_open made one) and will return it. */
        log_error("db.reader", "reason=\"%s\" lent=%zu", e.msg, d->lent_count);
        pthread_cond_wait(&d->reader_back, &d->lock);
    }
    pthread_mutex_unlock(&d->lock);
    return c;
}

void db_give(struct db *d, struct db_conn *c)
{
    must(!c->is_writer && c->credentials == 0);
    pthread_mutex_lock(&d->lock);
    d->lent_count--;
    if (d->idle_count < IDLE_MAX) {
        c->next = d->idle;
        d->idle = c;
        d->idle_count++;
        c = NULL;
    }
    pthread_cond_signal(&d->reader_back);
    pthread_mutex_unlock(&d->lock);
    db_conn_free(c);
}

/* As queries without rows, so that the statements are prepared once per reader. */
static bool run_on_reader(struct db_conn *reader, const char *sql, struct err *e)
{
    struct db_query q;
    must(!reader->is_writer);
    if (!db_query(reader, &q, e, sql)) return false;
    while (db_next(&q, e)) {}
    return db_end(&q);
}

bool db_snapshot_begin(struct db_conn *reader, struct err *e) { return run_on_reader(reader, "BEGIN", e); }

void db_snapshot_end(struct db_conn *reader)
{
    struct err e;
    if (!run_on_reader(reader, "COMMIT", &e)) log_error("db.snapshot", "reason=\"%s\"", e.msg);
}

bool db_mark_take(struct db *d, struct db_mark *out) { return mark_read(d->marks, out); }

/* ------------------------------------------------------------------ the writer */

static bool take_writer(struct db *d, struct err *e)
{
    bool ok = true;
    pthread_mutex_lock(&d->lock);
    must(!d->is_writing || !pthread_equal(d->writing_thread, pthread_self())); /* would wait for itself */
    if (d->is_writing) {
        struct waiter me = { .turn = PTHREAD_COND_INITIALIZER, .thread = pthread_self() };
        int64_t until_us = clock_mono_us() + (int64_t)WRITER_WAIT_S * 1000000;
        *d->last = &me;
        d->last = &me.next;
        while (!me.has_turn && ok) ok = clock_wait(&me.turn, &d->lock, until_us);
        ok = me.has_turn;
        if (!ok) {
            struct waiter **at = &d->first;
            while (*at != &me) at = &(*at)->next;
            *at = me.next;
            if (d->last == &me.next) d->last = at;
        }
        pthread_cond_destroy(&me.turn);
    } else {
        d->is_writing = true;
        d->writing_thread = pthread_self();
    }
    pthread_mutex_unlock(&d->lock);
    return ok ? true : err_set(e, ERR_BUSY, "the database has been busy for %d seconds; try again", WRITER_WAIT_S);
}

static void give_writer(struct db *d)
{
    pthread_mutex_lock(&d->lock);
    struct waiter *w = d->first;
    if (w) { /* is_writing stays: the turn passes on without a gap */
        d->first = w->next;
        if (!d->first) d->last = &d->first;
        w->has_turn = true;
        d->writing_thread = w->thread;
        pthread_cond_signal(&w->turn);
    } else {
        d->is_writing = false;
    }
    pthread_mutex_unlock(&d->lock);
}

size_t db_waiting(struct db *d)
{
    size_t n = 0;
    pthread_mutex_lock(&d->lock);
    for (struct waiter *w = d->first; w; w = w->next) n++;
    pthread_mutex_unlock(&d->lock);
    return n;
}

bool db_begin(struct db *d, struct db_conn **tx, struct err *e)
{
    if (!take_writer(d, e)) return false;
    struct db_conn *c = d->writer;
    if (!db_exec(c->sqlite, "BEGIN IMMEDIATE", e)) {
        give_writer(d);
        return false;
    }
    c->in_tx = true;
    c->savepoints = 0;
    *tx = c;
    return true;
}

bool db_commit(struct db *d, struct db_conn *tx, struct err *e)
{
    must(tx == d->writer && tx->in_tx && tx->savepoints == 0 && tx->credentials == 0);
    bool ok = !sqlite3_get_autocommit(tx->sqlite) || err_set(e, ERR_IO, "the transaction was rolled back by an earlier failure");
    ok = ok && db_exec(tx->sqlite, "COMMIT", e);
    if (!ok) {
        db_rollback(d, tx);
        return false;
    }
    tx->in_tx = false;
    give_writer(d);
    return true;
}

void db_rollback(struct db *d, struct db_conn *tx)
{
    struct err e;
    must(tx == d->writer && tx->in_tx && tx->credentials == 0);
    if (!sqlite3_get_autocommit(tx->sqlite) && !db_exec(tx->sqlite, "ROLLBACK", &e))
        log_error("db.rollback", "reason=\"%s\"", e.msg);
    tx->in_tx = false;
    give_writer(d);
}

bool db_finish(struct db *d, struct db_conn *tx, bool ok, struct err *e)
{
    if (ok) return db_commit(d, tx, e);
    db_rollback(d, tx);
    return false;
}

/* SQLite finds the innermost savepoint of a name, so one name serves all depths. */
bool db_savepoint(struct db_conn *tx, struct err *e)
{
    must(tx->in_tx);
    if (sqlite3_get_autocommit(tx->sqlite)) return err_set(e, ERR_IO, "the transaction was rolled back by an earlier failure");
    if (!db_exec(tx->sqlite, "SAVEPOINT inner_change", e)) return false;
    tx->savepoints++;
    return true;
}

bool db_savepoint_end(struct db_conn *tx, bool keep, struct err *e)
{
    must(tx->in_tx && tx->savepoints > 0);
    tx->savepoints--;
    if (sqlite3_get_autocommit(tx->sqlite)) return err_set(e, ERR_IO, "the transaction was rolled back by an earlier failure");
    return db_exec(tx->sqlite, keep ? "RELEASE inner_change" : "ROLLBACK TO inner_change; RELEASE inner_change", e);
}

/* ------------------------------------------------------------------ care */

bool db_check(struct db *d, void (*problem)(void *ctx, str what), void *ctx, struct err *e)
{
    static const char integrity[] = "PRAGMA integrity_check";
    static const char keys[] = "PRAGMA foreign_key_check";
    struct db_conn *c = db_reader(d);
    struct db_query q;
    bool ok = false;
    if (!db_query(c, &q, e, integrity)) goto done;
    while (db_next(&q, e)) {
        str what = db_col_text(&q, 0);
        if (!str_eq(what, STR("ok"))) problem(ctx, what);
    }
    if (!db_end(&q)) goto done;
    if (!db_query(c, &q, e, keys)) goto done;
    while (db_next(&q, e)) {
        char text[256];
        int n = snprintf(text, sizeof text, "%.*s row %lld: the row of %.*s that it names is missing",
                         STR_ARG(db_col_text(&q, 0)), (long long)db_col_int(&q, 1), STR_ARG(db_col_text(&q, 2)));
        problem(ctx, str_n(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1));
    }
    ok = db_end(&q);
done:
    db_give(d, c);
    return ok;
}

/* All pages in one step: a step reads under one lock, so that no commit falls between two pages. */
bool db_copy(struct db *d, const char *to, struct err *e)
{
    sqlite3 *copy = NULL;
    if (!create_file(to, e)) return false;
    struct db_conn *c = db_reader(d);
    int rc = sqlite3_open_v2(to, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    sqlite3_backup *b = rc == SQLITE_OK ? sqlite3_backup_init(copy, "main", c->sqlite, "main") : NULL;
    if (b) {
        (void)sqlite3_backup_step(b, -1);
        (void)sqlite3_backup_finish(b); /* the first failure stays with the connection */
    }
    rc = sqlite3_errcode(copy);
    bool ok = (b && rc == SQLITE_OK) || (db_err(copy, rc, e) || err_context(e, "cannot copy the database to %s", to));
    sqlite3_close(copy);
    db_give(d, c);
    return ok;
}
