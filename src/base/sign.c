/* base/sign.c - see base/sign.h. */
#include "base/sign.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/arena.h"
#include "base/err.h"

enum { RSA_BYTES_MIN = 256, RSA_BYTES_MAX = 1024, P256_BYTES = 32 };

struct sign_key {
    EVP_PKEY *pkey;
};

static struct sign_key *wrap(EVP_PKEY *pkey)
{
    struct sign_key *k = mem_one(struct sign_key);
    k->pkey = pkey;
    return k;
}

struct sign_key *sign_key_make(void)
{
    EVP_PKEY *pkey = EVP_RSA_gen(SIGN_KEY_BITS);
    must(pkey); /* no memory, or no randomness */
    return wrap(pkey);
}

struct sign_key *sign_key_from_der(bytes der)
{
    const unsigned char *p = der.p;
    EVP_PKEY *pkey = der.n <= INT32_MAX ? d2i_AutoPrivateKey(NULL, &p, (long)der.n) : NULL;
    if (pkey && !EVP_PKEY_is_a(pkey, "RSA")) {
        EVP_PKEY_free(pkey);
        pkey = NULL;
    }
    return pkey ? wrap(pkey) : NULL;
}

void sign_key_der(const struct sign_key *k, struct buf *out)
{
    unsigned char *der = NULL;
    int n = i2d_PrivateKey(k->pkey, &der);
    must(n > 0);
    buf_add(out, str_n((const char *)der, (size_t)n));
    OPENSSL_clear_free(der, (size_t)n);
}

static void add_number(const struct sign_key *k, const char *name, struct buf *out)
{
    BIGNUM *v = NULL;
    must(EVP_PKEY_get_bn_param(k->pkey, name, &v));
    char *to = buf_reserve(out, (size_t)BN_num_bytes(v));
    if (to) out->n += (size_t)BN_bn2bin(v, (unsigned char *)to);
    BN_free(v);
}

void sign_key_public(const struct sign_key *k, struct buf *n, struct buf *e)
{
    add_number(k, OSSL_PKEY_PARAM_RSA_N, n);
    add_number(k, OSSL_PKEY_PARAM_RSA_E, e);
}

void sign_rs256(const struct sign_key *k, bytes message, struct buf *signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t n = 0;
    must(ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) == 1 && EVP_DigestSign(ctx, NULL, &n, message.p, message.n) == 1);
    char *to = buf_reserve(signature, n);
    if (to) {
        must(EVP_DigestSign(ctx, (unsigned char *)to, &n, message.p, message.n) == 1);
        signature->n += n;
    }
    EVP_MD_CTX_free(ctx);
}

void sign_key_free(struct sign_key *k)
{
    if (!k) return;
    EVP_PKEY_free(k->pkey);
    mem_free(k);
}

/* ------------------------------------------------------------------ checking */

static EVP_PKEY *public_key(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY *pkey = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    must(ctx);
    if (!params || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1) pkey = NULL;
    EVP_PKEY_CTX_free(ctx);
    return pkey;
}

static bool check(EVP_PKEY *pkey, bytes message, bytes signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(ctx);
    bool ok = pkey && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
              EVP_DigestVerify(ctx, signature.p, signature.n, message.p, message.n) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return ok;
}

bool sign_check_rs256(bytes n, bytes e, bytes message, bytes signature)
{
    while (n.n && !n.p[0]) n.p++, n.n--;
    if (n.n < RSA_BYTES_MIN || n.n > RSA_BYTES_MAX || !e.n || e.n > 8 || signature.n != n.n) return false;
    BIGNUM *bn = BN_bin2bn(n.p, (int)n.n, NULL), *be = BN_bin2bn(e.p, (int)e.n, NULL);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    must(bn && be && build);
    OSSL_PARAM *params = NULL;
    if (BN_is_odd(bn) && BN_is_odd(be) && !BN_is_one(be) && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, bn) &&
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, be))
        params = OSSL_PARAM_BLD_to_param(build);
    bool ok = check(public_key("RSA", params), message, signature);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    BN_free(bn);
    BN_free(be);
    return ok;
}

/* r and s as the two integers of a DER sequence, which OpenSSL wants. */
static unsigned char *der_of(bytes signature, int *n)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature.p, P256_BYTES, NULL), *s = BN_bin2bn(signature.p + P256_BYTES, P256_BYTES, NULL);
    unsigned char *der = NULL;
    must(sig && r && s && ECDSA_SIG_set0(sig, r, s));
    *n = i2d_ECDSA_SIG(sig, &der);
    ECDSA_SIG_free(sig);
    return der;
}

bool sign_check_es256(bytes x, bytes y, bytes message, bytes signature)
{
    unsigned char point[1 + 2 * P256_BYTES] = { 4 }; /* uncompressed */
    char group[] = "P-256";
    if (x.n != P256_BYTES || y.n != P256_BYTES || signature.n != 2 * P256_BYTES) return false;
    memcpy(point + 1, x.p, P256_BYTES);
    memcpy(point + 1 + P256_BYTES, y.p, P256_BYTES);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
        OSSL_PARAM_construct_end(),
    };
    int n;
    unsigned char *der = der_of(signature, &n);
    bool ok = n > 0 && check(public_key("EC", params), message, (bytes){ der, (size_t)n });
    OPENSSL_free(der);
    return ok;
}
