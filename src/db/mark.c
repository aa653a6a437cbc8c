/* db/mark.c - has anybody committed since?  Asked without SQLite.
 *
 * SQLite's own answer (PRAGMA data_version) takes and drops a lock on the file, two system calls, as much as the small
 * query that it is meant to spare.  But in WAL mode every commit of every process is published by changing the header of
 * the wal-index, 48 bytes at the start of the shared file "-shm", which SQLite's documents lay out
 * (https://www.sqlite.org/walformat.html, 2.1).  So the header is mapped and compared.
 *
 * Invariants:
 *  1. The header stands there twice.  A committer writes the second copy, then the first; SQLite's readers believe the new
 *     state when both agree.  We read the first, then the second, and where they differ the mark is not known.  So no
 *     reader sees a commit that a mark does not see.
 *  2. A header does not come back: it has a counter, the length of the log, its salt and its running checksum.
 *  3. The mapping is SQLite's own, asked from its VFS: an open file of ours would, when closed, drop SQLite's locks on it.
 *     It stays as long as the connection that was asked. */
#include <stdatomic.h>
#include <string.h>

#include "base/log.h"
#include "db/db_priv.h"

enum { REGION_BYTES = 32 << 10, WAL_INDEX_VERSION = 3007000, IS_INIT_WORD = 3 };

/* The bytes isInit, bigEndCksum and szPage are one word; isInit is its first byte. */
static bool is_valid(const struct db_mark *m)
{
    return m->word[0] == WAL_INDEX_VERSION && ((const uint8_t *)&m->word[IS_INIT_WORD])[0] != 0;
}

const void *mark_source_of(sqlite3 *s)
{
    sqlite3_file *f = NULL;
    void volatile *region = NULL;
    if (sqlite3_file_control(s, "main", SQLITE_FCNTL_FILE_POINTER, &f) == SQLITE_OK && f && f->pMethods &&
        f->pMethods->iVersion >= 2 && f->pMethods->xShmMap(f, 0, REGION_BYTES, 0, &region) == SQLITE_OK && region)
        return (const void *)(uintptr_t)region;
    log_warn("db.mark", "reason=\"the wal-index is not in shared memory; nothing is remembered between requests\"");
    return NULL;
}

bool mark_read(const void *source, struct db_mark *out)
{
    struct db_mark second;
    const volatile uint32_t *at = source;
    *out = (struct db_mark){ { 0 } };
    if (!at) return false;
    for (size_t i = 0; i < DB_MARK_WORDS; i++) out->word[i] = at[i];
    atomic_thread_fence(memory_order_seq_cst);
    for (size_t i = 0; i < DB_MARK_WORDS; i++) second.word[i] = at[DB_MARK_WORDS + i];
    if (memcmp(out, &second, sizeof second) == 0 && is_valid(out)) return true;
    *out = (struct db_mark){ { 0 } };
    return false;
}
