/* db_help.h - what tests share that want a database and nothing above it: a fresh one for each, and an arena. */
#ifndef DB_HELP_H
#define DB_HELP_H

#include "unit.h"

#include "db/db.h"

static char dir[64], db_path[80];
static struct db *db;
static struct arena *arena;
static struct err e;

__attribute__((unused)) static int db_setup(void **state)
{
    (void)state;
    unit_dir(dir);
    snprintf(db_path, sizeof db_path, "%s/hearth.db", dir);
    must_ok(db_open(db_path, &db, &e));
    arena = arena_new(0);
    return 0;
}

__attribute__((unused)) static int db_teardown(void **state)
{
    (void)state;
    arena_free(arena);
    db_close(db);
    unit_dir_end(dir);
    return 0;
}

__attribute__((unused)) static struct db_conn *begin(void)
{
    struct db_conn *tx;
    must_ok(db_begin(db, &tx, &e));
    return tx;
}

__attribute__((unused)) static void commit(struct db_conn *tx) { must_ok(db_commit(db, tx, &e)); }

#endif
