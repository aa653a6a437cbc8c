/* account/secret_box.h - values that must not lie readable in the database.
 *
 * The key is a file of 32 random bytes beside the database, readable by its owner alone; a copy of the
 * database without that file gives nothing away.  Every value is sealed under a key of its own, derived
 * from that key and the value's place ("context"), so that a sealed value which is moved to another place
 * no longer opens.
 *
 *   offset  size  sealed value
 *        0     1  version, 1
 *        1    24  nonce, random
 *       25  16+n  XSalsa20-Poly1305 of the n bytes (libsodium's secretbox)
 *
 * Opening fails closed: whatever is damaged, moved, cut or sealed with another key is ERR_INTERNAL. */
#ifndef ACCOUNT_SECRET_BOX_H
#define ACCOUNT_SECRET_BOX_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum { SECRET_KEY_BYTES = 32, SECRET_OVERHEAD = 1 + 24 + 16 };

struct secret_key {
    uint8_t b[SECRET_KEY_BYTES];
};
/* A file of another size, or that others may read, is ERR_INTERNAL. */
bool secret_key_read(const char *path, struct secret_key *out, bool *found, struct err *e);
/* A fresh one, on disk when it returns.  tmp_dir: a folder of the same file system. */
bool secret_key_make(const char *tmp_dir, const char *path, struct secret_key *out, struct err *e);
void secret_key_forget(struct secret_key *k); /* wipes the memory */

void secret_seal(const struct secret_key *k, str context, str plain, struct buf *out);
bool secret_open(const struct secret_key *k, str context, bytes sealed, str *out, struct arena *a, struct err *e);

#endif
