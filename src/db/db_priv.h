/* db/db_priv.h - what the files of this folder share.  The only header of the program that includes sqlite3.h. */
#ifndef DB_DB_PRIV_H
#define DB_DB_PRIV_H

#include <sqlite3.h>

#include "base/embedded.h"
#include "db/db.h"

/* A prepared statement.  `lent` while a query walks it: a second use meanwhile gets one of its own. */
struct db_stmt {
    sqlite3_stmt *s;
    const char *key; /* address of the SQL constant; NULL: for one use */
    bool lent;
};

struct db_conn {
    sqlite3 *sqlite;
    struct db_stmt **slot; /* open addressing by key, a power of two of slots */
    size_t slots, used;
    unsigned credentials; /* depth of db_credentials_begin */
    unsigned savepoints;
    bool is_writer, in_tx;
    struct keep_map *map;
    struct db_conn *next; /* in the list of idle readers */
    struct db *db;
};

enum { DB_BUSY_MS = 10000 };

/* mark.c */
/* Where marks are read from, as long as this connection is open, which must have read already; NULL: not known. */
const void *mark_source_of(sqlite3 *s);
bool mark_read(const void *source, struct db_mark *out);

/* keep_map.c: the connection's map of the file outlives commits.  To be freed (mem_free) when the connection is closed. */
struct keep_map;
struct keep_map *keep_map_new(sqlite3 *s);

/* A bare connection with the settings that every connection has. */
bool db_sqlite_open(const char *path, sqlite3 **out, struct err *e);
/* Fills *e from the connection's last failure; returns false. */
bool db_err(sqlite3 *s, int rc, struct err *e);
bool db_exec(sqlite3 *s, const char *sql, struct err *e);

bool db_conn_new(struct db *d, const char *path, bool is_writer, struct db_conn **out, struct err *e);
void db_conn_free(struct db_conn *c);

/* Brings the schema to the end of `table` (sorted by name, "0001_what.sql"; numbers may be left out). */
bool db_migrate(sqlite3 *s, const struct embedded *table, struct err *e);
extern const struct embedded db_schema[];

#endif
