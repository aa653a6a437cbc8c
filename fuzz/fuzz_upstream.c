/* fuzz_upstream.c - what a hub behind this one may answer.  Input: JSON.  Whatever it says, no name, ref or header comes out that is none. */
#include "gateway/gateway_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(0);
    struct sha256 sha256 = { { 0 } };
    struct mirror m = { .kind = REPO_MODEL };
    struct upstream_object o;
    struct vcs_ref *refs;
    struct json *answer;
    struct err e;
    str why;
    size_t n;
    if (json_parse(str_n((const char *)data, size), a, &answer, &e)) {
        if (answer_repo(answer, &m)) must(m.owner.n && m.name.n && str_chr(m.name, '/') == STR_NONE);
        if (answer_refs(answer, &refs, &n, a))
            for (size_t i = 0; i < n; i++) must(str_starts(refs[i].name, STR("refs/")) && str_chr(refs[i].name, '\n') == STR_NONE);
        if (answer_object(answer, &sha256, &o, &why, a))
            for (size_t i = 0; o.header[i]; i++) must(!strpbrk(o.header[i], "\r\n") && strchr(o.header[i], ':') != o.header[i]);
    }
    arena_free(a);
    return 0;
}
