/* fuzz_scopes.c - names of accounts and scopes of tokens.  A name for anyone is a name for administrators, and
 * never more than one path segment; scopes that grant nothing by their words grant nothing. */
#include "account/account.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(str name)
{
    struct err e;
    bool anyone = account_name_check(name, false, &e), admin = account_name_check(name, true, &e);
    must(!anyone || admin);
    must(!admin || (str_chr(name, '/') == STR_NONE && str_chr(name, 0) == STR_NONE && name.p[0] != '.' && name.n <= 42));
}

static void check_scopes(str text)
{
    struct arena *a = arena_new(16 << 20);
    struct json *scopes;
    struct err e;
    if (json_parse(text, a, &scopes, &e)) {
        const struct identity who = { .user_id = 1, .via_token = true, .token.role = TOKEN_FINE_GRAINED, .scopes = scopes };
        const struct token_target t = { STR("model"), STR("ann/m"), STR("0123456789abcdef01234567"), STR("ann") };
        bool writes = identity_token_allows(&who, RIGHT_WRITE, &t);
        must(!writes || identity_token_allows(&who, RIGHT_READ, &t));
        must(!writes || (str_find(text, STR("repo")) != STR_NONE || str_chr(text, '\\') != STR_NONE));
        must(!identity_token_allows(&who, RIGHT_ACCOUNT, &t)); /* a model is nobody's account */
    }
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str text = str_n((const char *)data, size);
    check_name(text);
    check_scopes(text);
    return 0;
}
