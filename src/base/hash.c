/* base/hash.c - see base/hash.h.
 *
 * A running SHA-256 is our own where the processor has instructions for it: not to be faster than OpenSSL, which uses the
 * same ones, but because two of them, or one and other work, fit into the time of one (base/sha256_x86.h). */
#include "base/hash.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/sha256_priv.h"

struct hasher {
    EVP_MD_CTX *ctx; /* NULL: our own SHA-256, which has taken `size` bytes: */
    uint64_t size;
    uint32_t state[8];          /* all whole blocks, */
    uint8_t rest[SHA256_BLOCK]; /* and what is left of them */
};

/* Looked up once: OpenSSL 3 fetches an algorithm by name at every use of EVP_sha256(). */
static const EVP_MD *md_sha256, *md_sha1;
static const struct sha256_kernel *own; /* NULL: none here */
__attribute__((constructor)) static void fetch_digests(void)
{
    md_sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    md_sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    must(md_sha256 && md_sha1);
    own = sha256_kernel_pick(str_c(getenv("HEARTH_KERNELS")));
}

static struct hasher *hasher_new(const EVP_MD *md)
{
    struct hasher *h = mem_one(struct hasher);
    h->ctx = EVP_MD_CTX_new();
    must(h->ctx && EVP_DigestInit_ex(h->ctx, md, NULL) == 1);
    return h;
}

struct hasher *hasher_new_sha1(void) { return hasher_new(md_sha1); }

struct hasher *hasher_new_sha256(void)
{
    static const uint32_t begin[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, /* FIPS 180-4, 5.3.3 */
                                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
    if (!own) return hasher_new(md_sha256);
    struct hasher *h = mem_one(struct hasher);
    memcpy(h->state, begin, sizeof begin);
    return h;
}

/* ------------------------------------------------------------------ our own SHA-256 */

/* Takes what completes the block under way, or else all of it, and returns how much.  0: there is none under way. */
static size_t fill_block(struct hasher *h, bytes b)
{
    size_t have = h->size % SHA256_BLOCK, n = SHA256_BLOCK - have;
    if (have == 0) return 0;
    if (n > b.n) n = b.n;
    memcpy(h->rest + have, b.p, n);
    h->size += n;
    if (have + n == SHA256_BLOCK) own->blocks(h->state, h->rest, 1);
    return n;
}

static void add_own(struct hasher *h, bytes b)
{
    size_t n = b.n ? fill_block(h, b) : 0;
    b = (bytes){ b.p + n, b.n - n };
    if (b.n == 0) return;
    own->blocks(h->state, b.p, b.n / SHA256_BLOCK);
    size_t rest = b.n % SHA256_BLOCK;
    memcpy(h->rest, b.p + (b.n - rest), rest);
    h->size += b.n;
}

/* FIPS 180-4, 5.1.1: a one, zeros up to 56 bytes of a block, the length in bits. */
static void end_own(struct hasher *h, uint8_t out[SHA256_BYTES])
{
    uint8_t pad[2 * SHA256_BLOCK] = { 0x80 };
    uint64_t bits = h->size * 8;
    size_t have = h->size % SHA256_BLOCK, n = (have < 56 ? 56 : 56 + SHA256_BLOCK) - have;
    for (unsigned i = 0; i < 8; i++) pad[n + i] = (uint8_t)(bits >> (56 - 8 * i));
    add_own(h, (bytes){ pad, n + 8 });
    for (unsigned i = 0; i < SHA256_BYTES; i++) out[i] = (uint8_t)(h->state[i / 4] >> (24 - 8 * (i % 4)));
}

uint32_t *hasher_state(struct hasher *h) { return h->ctx || h->size % SHA256_BLOCK ? NULL : h->state; }

void hasher_skip(struct hasher *h, size_t n)
{
    must(!h->ctx && h->size % SHA256_BLOCK == 0 && n % SHA256_BLOCK == 0);
    h->size += n;
}

void hasher_add_two(struct hasher *g, bytes x, struct hasher *h, bytes y)
{
    if (!g->ctx && !h->ctx && x.n && y.n) {
        size_t n = fill_block(g, x), m = fill_block(h, y);
        x = (bytes){ x.p + n, x.n - n };
        y = (bytes){ y.p + m, y.n - m };
        size_t both = (x.n < y.n ? x.n : y.n) / SHA256_BLOCK * SHA256_BLOCK;
        if (both) { /* then both are at the beginning of a block */
            own->two(g->state, x.p, h->state, y.p, both / SHA256_BLOCK);
            hasher_skip(g, both);
            hasher_skip(h, both);
            x = (bytes){ x.p + both, x.n - both };
            y = (bytes){ y.p + both, y.n - both };
        }
    }
    hasher_add(g, x);
    hasher_add(h, y);
}

/* ------------------------------------------------------------------ */

void hasher_add(struct hasher *h, bytes b)
{
    if (!h->ctx) add_own(h, b);
    else if (b.n) must(EVP_DigestUpdate(h->ctx, b.p, b.n) == 1);
}

void hasher_end(struct hasher *h, uint8_t *out)
{
    if (!h->ctx) end_own(h, out);
    else must(EVP_DigestFinal_ex(h->ctx, out, NULL) == 1);
    hasher_free(h);
}

void hasher_free(struct hasher *h)
{
    if (!h) return;
    EVP_MD_CTX_free(h->ctx);
    mem_free(h);
}

struct sha256 sha256_of(bytes b)
{
    struct sha256 out;
    must(EVP_Digest(b.p ? (const void *)b.p : "", b.n, out.b, NULL, md_sha256, NULL) == 1);
    return out;
}

void hmac_sha256(bytes key, bytes message, struct sha256 *out)
{
    unsigned int n = 0;
    must(key.n <= INT32_MAX);
    must(HMAC(md_sha256, key.p, (int)key.n, message.p, message.n, out->b, &n) != NULL && n == SHA256_BYTES);
}

void hmac_sha1(bytes key, bytes message, uint8_t out[SHA1_BYTES])
{
    unsigned int n = 0;
    must(key.n <= INT32_MAX);
    must(HMAC(md_sha1, key.p, (int)key.n, message.p, message.n, out, &n) != NULL && n == SHA1_BYTES);
}

bool bytes_eq_secret(bytes a, bytes b) { return a.n == b.n && (a.n == 0 || CRYPTO_memcmp(a.p, b.p, a.n) == 0); }

void hex_encode(bytes b, char *out)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < b.n; i++) {
        out[2 * i] = digit[b.p[i] >> 4];
        out[2 * i + 1] = digit[b.p[i] & 15];
    }
    out[2 * b.n] = 0;
}

void buf_hex(struct buf *out, bytes b)
{
    char *to = buf_reserve(out, 2 * b.n);
    if (!to) return;
    hex_encode(b, to);
    out->n += 2 * b.n;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool hex_decode(str s, uint8_t *out, size_t n)
{
    if (s.n != 2 * n) return false;
    for (size_t i = 0; i < n; i++) {
        int hi = hex_digit(s.p[2 * i]), lo = hex_digit(s.p[2 * i + 1]);
        if (hi < 0 || lo < 0) return false;
        out[i] = (uint8_t)(hi << 4 | lo);
    }
    return true;
}

bool str_is_hex(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f'))) return false;
    return s.n > 0;
}

bool sha256_parse(str s, struct sha256 *out) { return s.n == SHA256_HEX && str_is_hex(s) && hex_decode(s, out->b, SHA256_BYTES); }

static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool base64_decode(str s, uint8_t *out, size_t *n)
{
    uint32_t group = 0;
    size_t have = 0, pad = 0, at = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
        if (c == '=') {
            if (++pad > 2) return false;
            continue;
        }
        int d = base64_digit(c);
        if (d < 0 || pad) return false;
        group = group << 6 | (uint32_t)d;
        if (++have == 4) {
            out[at++] = (uint8_t)(group >> 16);
            out[at++] = (uint8_t)(group >> 8);
            out[at++] = (uint8_t)group;
            group = 0;
            have = 0;
        }
    }
    if (have == 1 || (have == 0 && pad) || (have && have + pad != 4)) return false;
    if (have == 2) out[at++] = (uint8_t)(group >> 4);
    if (have == 3) {
        out[at++] = (uint8_t)(group >> 10);
        out[at++] = (uint8_t)(group >> 2);
    }
    *n = at;
    return true;
}

void buf_base64(struct buf *out, bytes b)
{
    static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = (b.n + 2) / 3 * 4;
    char *to = buf_reserve(out, n);
    if (!to) return;
    out->n += n;
    out->p[out->n] = 0;
    for (size_t i = 0; i < b.n; i += 3, to += 4) {
        size_t left = b.n - i;
        uint32_t v = (uint32_t)b.p[i] << 16 | (left > 1 ? (uint32_t)b.p[i + 1] << 8 : 0) | (left > 2 ? b.p[i + 2] : 0);
        to[0] = digit[v >> 18];
        to[1] = digit[v >> 12 & 63];
        to[2] = left > 1 ? digit[v >> 6 & 63] : '=';
        to[3] = left > 2 ? digit[v & 63] : '=';
    }
}

void random_bytes(uint8_t *out, size_t n)
{
    while (n) {
        ssize_t got = getrandom(out, n < 256 ? n : 256, 0);
        must(got > 0 || errno == EINTR); /* before the pool was ready */
        if (got < 0) continue;
        out += got;
        n -= (size_t)got;
    }
}

void random_hex(char *out, size_t digits)
{
    uint8_t some[32];
    for (size_t i = 0; i < digits; i++) {
        if (i % sizeof some == 0) random_bytes(some, sizeof some);
        out[i] = "0123456789abcdef"[some[i % sizeof some] & 15];
    }
    out[digits] = 0;
}

void random_alnum(char *out, size_t n)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    uint8_t some[32];
    for (size_t i = 0, at = 0; i < n; at++) {
        if (at % sizeof some == 0) random_bytes(some, sizeof some);
        uint8_t r = some[at % sizeof some];
        if (r < 248) out[i++] = set[r % 62]; /* 248 = 4 * 62: larger values would favour some letters */
    }
    out[n] = 0;
}

uint64_t random_u64(void)
{
    uint64_t v;
    random_bytes((uint8_t *)&v, sizeof v);
    return v;
}
