/* db/memo.h - what was read from the database, remembered until anybody commits to it.
 *
 * A value is bytes under a key of 32 bytes that nobody can make collide (a keyed hash of what was asked).  It is found
 * only while the database is what it was when the value was read: the next commit of any process, the command line's
 * too, forgets everything.  A table of fixed size; safe from any thread; never waits. */
#ifndef DB_MEMO_H
#define DB_MEMO_H

#include "db/db.h"

enum { DB_MEMO_KEY_BYTES = 32 };

struct db_memo;
struct db_memo *db_memo_new(struct db *d, size_t slots, size_t value_bytes_max);
void db_memo_free(struct db_memo *m); /* NULL is fine */

/* A copy in the arena, aligned for any type. */
bool db_memo_find(struct db_memo *m, const uint8_t key[DB_MEMO_KEY_BYTES], struct arena *a, bytes *out);
/* Keeps what was read, all of it, after `since` was taken and in no older snapshot; unless there was a commit meanwhile. */
void db_memo_keep(struct db_memo *m, const uint8_t key[DB_MEMO_KEY_BYTES], const struct db_mark *since, bytes value);

#endif
