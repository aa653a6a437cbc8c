/* base/hash.h - digests, hexadecimal, base64, random bytes.  OpenSSL's libcrypto does the arithmetic.
 * A running digest belongs to one thread at a time; everything else is safe from any thread. */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/buf.h"
#include "base/str.h"

enum { SHA256_BYTES = 32, SHA1_BYTES = 20, SHA256_HEX = 64, SHA1_HEX = 40 };

struct sha256 { /* a SHA-256 value */
    uint8_t b[SHA256_BYTES];
};

struct hasher; /* a running SHA-256 or SHA-1 */
struct hasher *hasher_new_sha256(void);
struct hasher *hasher_new_sha1(void);
void hasher_add(struct hasher *h, bytes b);
/* Writes 32 or 20 bytes to out and frees the hasher. */
void hasher_end(struct hasher *h, uint8_t *out);
void hasher_free(struct hasher *h); /* gives up; NULL is fine */
/* As hasher_add for two streams of SHA-256, which take little more time together than one of them. */
void hasher_add_two(struct hasher *g, bytes x, struct hasher *h, bytes y);

/* For who computes SHA-256 while doing something else: the eight words, when it is at the beginning of a block of 64 bytes,
 * to be brought forward by whole blocks, of which hasher_skip then tells.  NULL: only hasher_add will do here. */
uint32_t *hasher_state(struct hasher *h);
void hasher_skip(struct hasher *h, size_t n);

struct sha256 sha256_of(bytes b);
void hmac_sha256(bytes key, bytes message, struct sha256 *out);
void hmac_sha1(bytes key, bytes message, uint8_t out[SHA1_BYTES]);
static inline bool sha256_eq(const struct sha256 *a, const struct sha256 *b)
{
    return memcmp(a->b, b->b, SHA256_BYTES) == 0;
}
bool bytes_eq_secret(bytes a, bytes b); /* in time that does not depend on the content */

/* Lower-case hexadecimal.  hex_encode writes 2*n characters and a NUL. */
void hex_encode(bytes b, char *out);
void buf_hex(struct buf *out, bytes b);
bool hex_decode(str s, uint8_t *out, size_t n);   /* exactly n bytes, either case */
bool sha256_parse(str s, struct sha256 *out);     /* 64 lower-case digits, nothing else */
bool str_is_hex(str s);                           /* lower-case digits only, and not empty */

/* Base64 with padding.  Decoding refuses anything but the alphabet and correct padding (blanks and
 * line ends are skipped).  out must have room for base64_decoded_max(s.n); *n is the true size. */
static inline size_t base64_decoded_max(size_t n) { return n / 4 * 3 + 3; }
bool base64_decode(str s, uint8_t *out, size_t *n);
void buf_base64(struct buf *out, bytes b);

void random_bytes(uint8_t *out, size_t n);        /* from the kernel; never fails */
void random_hex(char *out, size_t digits);        /* lower case, and a NUL */
void random_alnum(char *out, size_t n);           /* [A-Za-z0-9], unbiased, and a NUL */
uint64_t random_u64(void);

#endif
