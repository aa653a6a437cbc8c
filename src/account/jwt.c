/* account/jwt.c - see account/jwt.h. */
#include "account/jwt.h"

#include "base/hash.h"

/* ------------------------------------------------------------------ base64url */

void buf_base64url(struct buf *out, bytes b)
{
    size_t at = out->n;
    buf_base64(out, b);
    if (out->failed) return;
    while (out->n > at && out->p[out->n - 1] == '=') out->n--;
    for (char *p = out->p + at; p < out->p + out->n; p++) *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
}

bool base64url_decode(str s, struct arena *a, bytes *out)
{
    if (s.n > JWT_BYTES_MAX || s.n % 4 == 1) return false;
    char *text = arena_try(a, s.n + 4);
    uint8_t *plain = arena_try(a, base64_decoded_max(s.n + 4));
    size_t n = s.n;
    if (!text || !plain) return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool is_of_alphabet = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
        if (!is_of_alphabet) return false;
        text[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    while (n % 4) text[n++] = '=';
    if (!base64_decode(str_n(text, n), plain, &n)) return false;
    *out = (bytes){ plain, n };
    return true;
}

/* ------------------------------------------------------------------ ours */

static void public_part(const struct sign_key *k, struct buf *n, struct buf *e)
{
    struct buf raw_n = BUF_INIT(0), raw_e = BUF_INIT(0);
    sign_key_public(k, &raw_n, &raw_e);
    buf_base64url(n, bytes_of(buf_str(&raw_n)));
    buf_base64url(e, bytes_of(buf_str(&raw_e)));
    buf_deinit(&raw_n);
    buf_deinit(&raw_e);
}

/* RFC 7638: the thumbprint of its public part. */
static void jwt_key_id(const struct sign_key *k, struct buf *out)
{
    struct buf n = BUF_INIT(0), e = BUF_INIT(0), text = BUF_INIT(0);
    public_part(k, &n, &e);
    buf_addf(&text, "{\"e\":\"%.*s\",\"kty\":\"RSA\",\"n\":\"%.*s\"}", STR_ARG(buf_str(&e)), STR_ARG(buf_str(&n)));
    struct sha256 digest = sha256_of(bytes_of(buf_str(&text)));
    buf_base64url(out, (bytes){ digest.b, SHA256_BYTES });
    buf_deinit(&n);
    buf_deinit(&e);
    buf_deinit(&text);
}

void jwt_write_key(struct json_writer *w, const struct sign_key *k)
{
    struct buf n = BUF_INIT(0), e = BUF_INIT(0), kid = BUF_INIT(0);
    public_part(k, &n, &e);
    jwt_key_id(k, &kid);
    jw_object(w);
    jw_kstr(w, "kty", STR("RSA"));
    jw_kstr(w, "use", STR("sig"));
    jw_kstr(w, "alg", STR("RS256"));
    jw_kstr(w, "kid", buf_str(&kid));
    jw_kstr(w, "n", buf_str(&n));
    jw_kstr(w, "e", buf_str(&e));
    jw_object_end(w);
    buf_deinit(&n);
    buf_deinit(&e);
    buf_deinit(&kid);
}

void jwt_sign(const struct sign_key *k, str claims, struct buf *out)
{
    struct buf head = BUF_INIT(0), kid = BUF_INIT(0), text = BUF_INIT(0), signature = BUF_INIT(0);
    jwt_key_id(k, &kid);
    buf_addf(&head, "{\"alg\":\"RS256\",\"kid\":\"%.*s\",\"typ\":\"JWT\"}", STR_ARG(buf_str(&kid)));
    buf_base64url(&text, bytes_of(buf_str(&head)));
    buf_byte(&text, '.');
    buf_base64url(&text, bytes_of(claims));
    sign_rs256(k, bytes_of(buf_str(&text)), &signature);
    buf_add(out, buf_str(&text));
    buf_byte(out, '.');
    buf_base64url(out, bytes_of(buf_str(&signature)));
    buf_deinit(&head);
    buf_deinit(&kid);
    buf_deinit(&text);
    buf_deinit(&signature);
}

/* ------------------------------------------------------------------ others' */

static bool member(const struct json *key, const char *name, struct arena *a, bytes *out)
{
    return base64url_decode(json_str_or(key, str_c(name), STR("")), a, out) && out->n;
}

static bool key_fits(const struct json *key, str alg, bytes message, bytes signature, struct arena *a)
{
    str type = json_str_or(key, STR("kty"), STR("")), use = json_str_or(key, STR("use"), STR("sig")), only = json_str_or(key, STR("alg"), alg);
    bytes p, q;
    if (!str_eq(use, STR("sig")) || !str_eq(only, alg)) return false;
    if (str_eq(alg, STR("RS256")))
        return str_eq(type, STR("RSA")) && member(key, "n", a, &p) && member(key, "e", a, &q) && sign_check_rs256(p, q, message, signature);
    return str_eq(type, STR("EC")) && str_eq(json_str_or(key, STR("crv"), STR("")), STR("P-256")) && member(key, "x", a, &p) &&
           member(key, "y", a, &q) && sign_check_es256(p, q, message, signature);
}

bool jwt_open(str token, const struct json *jwks, struct arena *a, const struct json **claims, struct err *e)
{
    str rest = token, part[3] = { { 0 } }, more;
    struct json *head, *body;
    bytes plain, signature;
    size_t n = 0;
    if (!token.n || token.n > JWT_BYTES_MAX) return err_set(e, ERR_INVALID, "the token has no bytes, or more than %d", JWT_BYTES_MAX);
    while (n < COUNT(part) && str_cut(&rest, '.', &part[n])) n++;
    if (n != COUNT(part) || str_cut(&rest, '.', &more) || !base64url_decode(part[0], a, &plain) ||
        !json_parse(str_of(plain), a, &head, e))
        return err_set(e, ERR_INVALID, "the token is no signed JSON Web Token");
    str alg = json_str_or(head, STR("alg"), STR("")), kid = json_str_or(head, STR("kid"), STR(""));
    if (!str_eq(alg, STR("RS256")) && !str_eq(alg, STR("ES256")))
        return err_set(e, ERR_INVALID, "the token is signed by \"%.*s\"; only RS256 and ES256 are taken", STR_ARG(str_to(alg, 40)));
    if (json_get(head, STR("crit"))) return err_set(e, ERR_INVALID, "the token asks for extensions that are not known here");
    if (!base64url_decode(part[2], a, &signature)) return err_set(e, ERR_INVALID, "the token's signature is malformed");
    bytes message = bytes_of(str_to(token, part[0].n + 1 + part[1].n));
    bool is_right = false;
    json_each (key, json_get(jwks, STR("keys"))) {
        str id = json_str_or(key, STR("kid"), kid);
        is_right = is_right || ((!kid.n || str_eq(id, kid)) && key_fits(key, alg, message, signature, a));
    }
    if (!is_right) return err_set(e, ERR_INVALID, "the token is not signed by a key of its issuer");
    if (!base64url_decode(part[1], a, &plain) || !json_parse(str_of(plain), a, &body, e) || !json_is(body, JSON_OBJECT))
        return err_set(e, ERR_INVALID, "the token's claims are no JSON object");
    *claims = body;
    return true;
}

static bool is_for(const struct json *claims, str audience)
{
    const struct json *aud = json_get(claims, STR("aud"));
    str s, azp = json_str_or(claims, STR("azp"), STR(""));
    if (azp.n && !str_eq(azp, audience)) return false;
    if (json_str(aud, &s)) return str_eq(s, audience);
    bool is_listed = false;
    json_each (item, aud) is_listed = is_listed || (json_str(item, &s) && str_eq(s, audience));
    return is_listed && (json_is(aud, JSON_ARRAY) && (aud->count == 1 || azp.n));
}

bool jwt_check(const struct json *claims, const struct jwt_expected *want, struct err *e)
{
    int64_t exp, iat, nbf;
    const struct json *not_before = json_get(claims, STR("nbf"));
    if (!str_eq(json_str_or(claims, STR("iss"), STR("")), want->issuer)) return err_set(e, ERR_INVALID, "the token is of another issuer");
    if (!is_for(claims, want->audience)) return err_set(e, ERR_INVALID, "the token is for another application");
    if (!json_int(json_get(claims, STR("exp")), &exp) || !json_int(json_get(claims, STR("iat")), &iat))
        return err_set(e, ERR_INVALID, "the token does not say from when to when it is good");
    if (exp < want->now_s - want->skew_s) return err_set(e, ERR_INVALID, "the token has expired; is the clock right?");
    if (iat > want->now_s + want->skew_s || (not_before && (!json_int(not_before, &nbf) || nbf > want->now_s + want->skew_s)))
        return err_set(e, ERR_INVALID, "the token is from the future; is the clock right?");
    if (want->nonce.p && !str_eq(json_str_or(claims, STR("nonce"), STR("")), want->nonce))
        return err_set(e, ERR_INVALID, "the token belongs to another attempt to sign in");
    str sub = json_str_or(claims, STR("sub"), STR(""));
    return (sub.n && sub.n <= 255) || err_set(e, ERR_INVALID, "the token does not say whom it is about");
}
