/* account/secret_box.c - sealing and opening with libsodium's secretbox, and the key's file. */
#include "account/secret_box.h"

#include <errno.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/os.h"

enum { VERSION = 1, NONCE_AT = 1, BOX_AT = 1 + crypto_secretbox_NONCEBYTES };
_Static_assert(SECRET_OVERHEAD == BOX_AT + crypto_secretbox_MACBYTES, "the header's table is right");
_Static_assert((int)SECRET_KEY_BYTES == (int)crypto_secretbox_KEYBYTES && (int)SHA256_BYTES == (int)SECRET_KEY_BYTES,
               "an HMAC-SHA256 is a key");

/* ------------------------------------------------------------------ the key's file */

static bool read_key(int fd, const char *path, struct secret_key *out, struct err *e)
{
    struct stat st;
    uint8_t content[SECRET_KEY_BYTES + 1]; /* one more, to see a longer file */
    size_t n;
    if (fstat(fd, &st) != 0) return err_os(e, errno, "cannot look at %s", path);
    if (st.st_mode & 077) return err_set(e, ERR_INTERNAL, "%s may be read by others; chmod 600 it", path);
    if (!os_pread(fd, content, sizeof content, 0, &n, e)) return err_context(e, "%s", path);
    if (n != SECRET_KEY_BYTES)
        return err_set(e, ERR_INTERNAL, "%s is damaged: a key has %d bytes. Restore it from a backup", path, SECRET_KEY_BYTES);
    memcpy(out->b, content, SECRET_KEY_BYTES);
    sodium_memzero(content, sizeof content);
    return true;
}

bool secret_key_read(const char *path, struct secret_key *out, bool *found, struct err *e)
{
    int fd;
    if (!os_open_read(path, &fd, found, e)) return false;
    if (!*found) return true;
    bool ok = read_key(fd, path, out, e);
    close(fd);
    return ok;
}

bool secret_key_make(const char *tmp_dir, const char *path, struct secret_key *out, struct err *e)
{
    random_bytes(out->b, sizeof out->b);
    return os_write_file(tmp_dir, path, (bytes){ out->b, sizeof out->b }, e);
}

void secret_key_forget(struct secret_key *k) { sodium_memzero(k, sizeof *k); }

/* ------------------------------------------------------------------ values */

static struct sha256 key_of(const struct secret_key *k, str context)
{
    struct sha256 derived;
    must(sodium_init() >= 0); /* safe to repeat, from any thread */
    hmac_sha256((bytes){ k->b, sizeof k->b }, bytes_of(context), &derived);
    return derived;
}

void secret_seal(const struct secret_key *k, str context, str plain, struct buf *out)
{
    struct sha256 key = key_of(k, context);
    uint8_t *p = (uint8_t *)buf_reserve(out, SECRET_OVERHEAD + plain.n);
    if (p) {
        p[0] = VERSION;
        random_bytes(p + NONCE_AT, crypto_secretbox_NONCEBYTES);
        must(crypto_secretbox_easy(p + BOX_AT, (const uint8_t *)(plain.p ? plain.p : ""), plain.n, p + NONCE_AT, key.b) == 0);
        out->n += SECRET_OVERHEAD + plain.n;
    }
    sodium_memzero(&key, sizeof key);
}

bool secret_open(const struct secret_key *k, str context, bytes sealed, str *out, struct arena *a, struct err *e)
{
    if (sealed.n < SECRET_OVERHEAD || sealed.p[0] != VERSION)
        return err_set(e, ERR_INTERNAL, "a sealed value is damaged or of an unknown version");
    size_t n = sealed.n - SECRET_OVERHEAD;
    uint8_t *plain = arena_try(a, n + 1); /* a NUL follows, for libc */
    if (!plain) return err_set(e, ERR_TOO_LARGE, "no memory for a sealed value of %zu bytes", n);
    struct sha256 key = key_of(k, context);
    int bad = crypto_secretbox_open_easy(plain, sealed.p + BOX_AT, sealed.n - BOX_AT, sealed.p + NONCE_AT, key.b);
    sodium_memzero(&key, sizeof key);
    if (bad)
        return err_set(e, ERR_INTERNAL, "a sealed value does not open: it was changed, moved, or sealed with another secret.key");
    *out = str_n((const char *)plain, n);
    return true;
}
