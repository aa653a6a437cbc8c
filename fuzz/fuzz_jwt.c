/* fuzz_jwt.c - tokens that other providers sign, and their keys: "TOKEN\nJWKS".  Nothing signed by an unknown key is opened, since a
 * fuzzer cannot sign; claims alone (no newline) are checked as if they had been. */
#include "account/jwt.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(1 << 22);
    str text = str_n((const char *)data, size), token;
    struct json *keys;
    const struct json *claims;
    struct err e;
    if (str_chr(text, '\n') == STR_NONE) {
        struct jwt_expected want = { .issuer = STR("https://id"), .audience = STR("us"), .nonce = STR("n"), .now_s = 1000, .skew_s = 60 };
        struct json *body;
        if (json_parse(text, a, &body, &e) && jwt_check(body, &want, &e)) must(json_get(body, STR("iss")) && json_get(body, STR("sub")));
    } else if (str_cut(&text, '\n', &token) && json_parse(text, a, &keys, &e)) {
        (void)jwt_open(token, keys, a, &claims, &e);
    }
    arena_free(a);
    return 0;
}
