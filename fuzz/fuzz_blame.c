/* fuzz_blame.c - what git said of a file's lines, as it is kept.  Input: that text.  Each of 100 lines comes out in one run, in order. */
#include "vcs/vcs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { LINES = 100 };
    struct arena *a = arena_new(0);
    struct vcs_blame_run *run;
    size_t n, next = 1;
    vcs_blame_parse(str_n((const char *)data, size), STR("a.txt"), LINES, a, &run, &n);
    for (size_t i = 0; i < n; next += run[i++].count) must(run[i].line == next && run[i].count && run[i].count <= LINES);
    must(next == LINES + 1);
    arena_free(a);
    return 0;
}
