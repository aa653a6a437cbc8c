/* model/adapter/match.c - see model/adapter/match.h.  The patterns come with an adapter, so a match has limits. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "model/adapter/match.h"

enum { PATTERN_MAX = 4096, STEPS_MAX = 5000 /* names are short; a pattern is matched with each of them */, HEAP_KIB_MAX = 16384 };

static bool run(pcre2_code *code, str text, bool *out, struct err *e)
{
    pcre2_match_data *data = pcre2_match_data_create_from_pattern(code, NULL);
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    must(data && context);
    pcre2_set_match_limit(context, STEPS_MAX);
    pcre2_set_heap_limit(context, HEAP_KIB_MAX);
    int n = pcre2_match(code, (PCRE2_SPTR)text.p, text.n, 0, 0, data, context);
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    *out = n > 0;
    return n > 0 || n == PCRE2_ERROR_NOMATCH || err_set(e, ERR_INVALID, "adapter_config.json: a pattern takes too long to match");
}

bool match_whole(const char *before, str pattern, const char *after, str text, bool *out, struct err *e)
{
    int error;
    size_t at;
    struct buf b = BUF_INIT(PATTERN_MAX);
    buf_add(&b, str_c(before));
    buf_add(&b, pattern);
    buf_add(&b, str_c(after));
    str whole = buf_str(&b);
    pcre2_code *code = b.failed ? NULL : pcre2_compile((PCRE2_SPTR)whole.p, whole.n, PCRE2_UTF | PCRE2_UCP | PCRE2_ANCHORED | PCRE2_ENDANCHORED |
                                                       PCRE2_NEVER_BACKSLASH_C, &error, &at, NULL);
    buf_deinit(&b);
    if (!code) return err_set(e, ERR_INVALID, "adapter_config.json: \"%.*s\" is not a pattern that can be used", STR_ARG(str_to(pattern, 80)));
    bool ok = run(code, text, out, e);
    pcre2_code_free(code);
    return ok;
}

bool match_module(const struct json *names, str module, bool *out, struct err *e)
{
    *out = false;
    if (json_is(names, JSON_STRING)) return match_whole("", names->s, "", module, out, e);
    json_each (name, json_is(names, JSON_ARRAY) ? names : NULL) {
        if (name->type != JSON_STRING) continue;
        size_t n = name->s.n;
        if (str_eq(module, name->s) || (module.n > n && module.p[module.n - n - 1] == '.' && str_ends(module, name->s))) *out = true;
    }
    return true;
}
