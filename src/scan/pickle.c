/* scan/pickle.c - pickles. */
#include "scan/probe.h"

/* What the head shows of a call by name: a pickle of protocol 0 that imports from a module of the operating system. */
bool probe_pickle(struct scan *s, const struct probe_input *in, struct err *e)
{
    static const char *const shown[][2] = { { "posix", "system" }, { "os", "system" }, { "nt", "system" } };
    (void)e;
    for (size_t i = 0; i < COUNT(shown); i++) {
        char line[64];
        snprintf(line, sizeof line, "c%s\n%s\n", shown[i][0], shown[i][1]);
        size_t at = str_find(str_of(in->head), str_c(line));
        if (at == STR_NONE) continue;
        scan_set_pickle(s);
        scan_add_import(s, str_c(shown[i][0]), str_c(shown[i][1]), SCAN_DANGEROUS);
        scan_add(s, in, "pickle", SCAN_UNSAFE, "imports %s.%s at byte %zu", shown[i][0], shown[i][1], at);
    }
    return true;
}
