/* model/memory.c - see model/memory.h. */
#include "model/memory.h"

#include <stdio.h>

static const char *size_text(uint64_t n, char out[32])
{
    double v = (double)n;
    if (v >= 1e9) snprintf(out, 32, "%.1f GB", v / 1e9);
    else snprintf(out, 32, "%.1f MB", v / 1e6);
    return out;
}

bool memory_check(const char *name, uint64_t needs, uint64_t mapped, uint64_t free, struct err *e)
{
    char a[32], b[32];
    needs = needs > mapped ? needs - mapped : 0;
    return needs <= free || err_set(e, ERR_NO_SPACE, "%s needs %s of memory, and %s are free", name, size_text(needs, a), size_text(free, b));
}
