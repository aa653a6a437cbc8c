/* db/migrate.c - brings a database to the schema that this binary knows.
 *
 * Migrations are the files src/db/schema/NNNN_what.sql, embedded.  They run forward only, in order, those that are due in
 * one transaction together with the rows that record them: all or none.  Two processes may try at once: the
 * second waits and finds the work done.
 *
 * A migration that was applied must never change afterwards: its text is recorded as a SHA-256, and a
 * difference stops the start, because nobody could say any more what the tables look like.  So does a
 * database that knows more migrations than the binary. */
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "db/db_priv.h"

struct migration {
    int number;
    const char *name, *sql;
    char sha256[SHA256_HEX + 1];
};

static struct migration migration_of(const struct embedded *f)
{
    struct migration m = { .name = f->name, .sql = (const char *)f->data };
    uint64_t number;
    must(str_u64(str_to(str_c(f->name), 4), &number) && f->name[4] == '_');
    m.number = (int)number;
    struct sha256 sum = sha256_of((bytes){ f->data, f->size });
    hex_encode((bytes){ sum.b, SHA256_BYTES }, m.sha256);
    return m;
}

/* *applied: it is there already, with the same text. */
static bool look_up(sqlite3 *s, const struct migration *m, bool *applied, struct err *e)
{
    sqlite3_stmt *st = NULL;
    *applied = false;
    int rc = sqlite3_prepare_v2(s, "SELECT sha256 FROM schema_migration WHERE number = ?", -1, &st, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_bind_int(st, 1, m->number);
    if (rc == SQLITE_OK) rc = sqlite3_step(st);
    bool ok = rc == SQLITE_ROW || rc == SQLITE_DONE || db_err(s, rc, e);
    if (rc == SQLITE_ROW) {
        *applied = true;
        if (!str_eq(str_c((const char *)sqlite3_column_text(st, 0)), str_c(m->sha256)))
            ok = err_set(e, ERR_CONFLICT, "the database was made with another version of the migration %s; "
                         "this binary cannot tell what its tables look like", m->name);
    }
    sqlite3_finalize(st);
    return ok;
}

static bool record(sqlite3 *s, const struct migration *m, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s, "INSERT INTO schema_migration (number, name, sha256, applied_ms) VALUES (?, ?, ?, ?)",
                                -1, &st, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_int(st, 1, m->number);
        sqlite3_bind_text(st, 2, m->name, -1, SQLITE_STATIC);
        sqlite3_bind_text(st, 3, m->sha256, -1, SQLITE_STATIC);
        sqlite3_bind_int64(st, 4, clock_now_ms());
        rc = sqlite3_step(st);
    }
    bool ok = rc == SQLITE_DONE || db_err(s, rc, e);
    sqlite3_finalize(st);
    return ok;
}

static bool query_int(sqlite3 *s, const char *sql, int64_t *out, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s, sql, -1, &st, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) *out = sqlite3_column_int64(st, 0);
    bool ok = rc == SQLITE_ROW || rc == SQLITE_DONE || db_err(s, rc, e);
    sqlite3_finalize(st);
    return ok;
}

static bool keys_agree(sqlite3 *s, struct err *e)
{
    int64_t broken = 0;
    if (!query_int(s, "SELECT count(*) FROM pragma_foreign_key_check", &broken, e)) return false;
    return broken == 0 || err_set(e, ERR_CONFLICT, "%lld rows would name rows that do not exist", (long long)broken);
}

static bool apply(sqlite3 *s, const struct migration *m, struct err *e)
{
    bool applied; /* another process may have been first */
    if (!look_up(s, m, &applied, e)) return false;
    if (applied) return true;
    if (!db_exec(s, m->sql, e) || !record(s, m, e)) return err_context(e, "migration %s", m->name);
    log_debug("db.migrated", "migration=%s", m->name);
    return true;
}

/* All that are due, or none: keys are checked once at the end, which takes a minute for a million repositories. */
static bool apply_all(sqlite3 *s, const struct embedded *table, struct err *e)
{
    struct err ignored;
    if (!db_exec(s, "BEGIN IMMEDIATE", e)) return false;
    bool ok = true;
    for (const struct embedded *f = table; ok && f->name; f++) {
        struct migration m = migration_of(f);
        ok = apply(s, &m, e);
    }
    if (ok && !keys_agree(s, e)) ok = err_context(e, "migrations");
    ok = ok && db_exec(s, "COMMIT", e);
    if (!sqlite3_get_autocommit(s)) (void)db_exec(s, "ROLLBACK", &ignored);
    return ok;
}

bool db_migrate(sqlite3 *s, const struct embedded *table, struct err *e)
{
    /* Keys are checked before each commit, not at each statement: a migration may rebuild tables. */
    if (!db_exec(s, "PRAGMA foreign_keys = OFF", e)) return false;
    if (!db_exec(s, "CREATE TABLE IF NOT EXISTS schema_migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL,"
                    " sha256 TEXT NOT NULL, applied_ms INTEGER NOT NULL)", e)) return false;
    int64_t newest = 0, known = 0;
    for (const struct embedded *f = table; f->name; f++) {
        struct migration m = migration_of(f);
        must(m.number > known); /* numbers may be left out, and taken later */
        known = m.number;
    }
    if (!query_int(s, "SELECT coalesce(max(number), 0) FROM schema_migration", &newest, e)) return false;
    if (newest > known)
        return err_set(e, ERR_CONFLICT, "the database has schema %lld, this binary knows up to %lld: it was used by a newer "
                       "hearth; use that version or restore a backup", (long long)newest, (long long)known);
    bool applied = true;
    for (const struct embedded *f = table; applied && f->name; f++) {
        struct migration m = migration_of(f);
        if (!look_up(s, &m, &applied, e)) return false;
    }
    return applied || apply_all(s, table, e);
}
