/* Fuzz target of vcs/attributes.h: the input is a path, a NUL, and a file of rules; read as both kinds. */
#include "base/err.h"
#include "vcs/attributes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str text = str_n((const char *)data, size), path;
    if (size == 0 || !str_cut(&text, 0, &path) || path.n > 1000) return 0;
    struct arena *a = arena_new(1 << 22);
    struct vcs_attributes *t = vcs_attributes_parse(text, a);
    bool lfs = vcs_attributes_is_lfs(t, path);
    must(lfs == vcs_attributes_is_lfs(t, path));
    (void)vcs_ignore_matches(vcs_ignore_parse(text, a), path);
    (void)vcs_glob_match(str_to(text, 1000), path);
    arena_free(a);
    return 0;
}
