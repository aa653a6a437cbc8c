/* db/keep_map.c - the memory map of the database outlives a commit.
 *
 * Whenever somebody has committed, a reader of SQLite drops its map of the file, all of it, and what it reads next is
 * mapped again page by page: among a million repositories (1.6 GB) a list of tags costs a millisecond of SQL and twenty
 * of faults, after every commit of anybody.  SQLite does so because on some systems a map is not to be believed after the
 * file was cut and grew again.  Linux keeps maps and files the same: what was cut off is forgotten, what has grown is read.
 *
 * So the one call "drop the map" (xUnfetch without an address) is answered by looking at the size of the file.
 *
 * Invariants:
 *  1. A map that is kept lies within the file: one that has become shorter is dropped.
 *  2. What lies behind the map is read by system calls, as SQLite does for any page that is not in it; when that is more
 *     than a sixteenth, the map is made anew.
 *  3. Pages of a snapshot are never written by a checkpoint while somebody reads them; so it is with and without a map. */
#include "base/arena.h"
#include "db/db_priv.h"

struct keep_map {
    sqlite3_io_methods methods; /* first: how a file finds the way back here */
    const sqlite3_io_methods *own;
    sqlite3_int64 mapped;       /* bytes of the file when it was last mapped anew; the map is no longer */
};

static int unfetch(sqlite3_file *f, sqlite3_int64 at, void *page)
{
    struct keep_map *k = (struct keep_map *)(uintptr_t)f->pMethods;
    sqlite3_int64 now = 0;
    if (!page) {
        bool is_known = k->own->xFileSize(f, &now) == SQLITE_OK;
        if (is_known && now >= k->mapped && now - k->mapped <= k->mapped / 16) return SQLITE_OK;
        k->mapped = is_known ? now : 0;
    }
    return k->own->xUnfetch(f, at, page);
}

struct keep_map *keep_map_new(sqlite3 *s)
{
    sqlite3_file *f = NULL;
    if (sqlite3_file_control(s, "main", SQLITE_FCNTL_FILE_POINTER, &f) != SQLITE_OK || !f || !f->pMethods || f->pMethods->iVersion < 3) return NULL;
    struct keep_map *k = mem_one(struct keep_map);
    k->methods = *f->pMethods;
    k->methods.iVersion = 3; /* as much as was copied */
    k->methods.xUnfetch = unfetch;
    k->own = f->pMethods;
    f->pMethods = &k->methods;
    return k;
}
