/* scan/form_program.c - native programs and libraries, by their first bytes.  To be one is no harm: a label, so that nobody takes a
 * program for a model. */
#include "scan/form.h"

static uint32_t big(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }
static uint32_t little(const uint8_t *p) { return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0]; }

static bool is_pe(struct scan *s, const struct probe_input *in, bool *is, struct err *e)
{
    uint8_t mark[4];
    uint32_t at = little(in->head.p + 0x3c);
    *is = false;
    if (at > in->source->size_bytes || in->source->size_bytes - at < 4) return true;
    if (!scan_read(s, in, at, mark, 4, e)) return false;
    *is = memcmp(mark, "PE\0\0", 4) == 0;
    return true;
}

bool probe_program(struct scan *s, const struct probe_input *in, struct err *e)
{
    const uint8_t *p = in->head.p;
    const char *what = NULL;
    bool is;
    if (in->head.n < 64) return true;
    if (memcmp(p, "\177ELF", 4) == 0) {
        unsigned kind = p[5] == 2 ? (unsigned)p[16] << 8 | p[17] : (unsigned)p[17] << 8 | p[16];
        what = kind == 1 ? "an object file of ELF" : kind == 4 ? "a memory image of ELF" : "a native program or library (ELF)";
    } else if (memcmp(p, "MZqFpD='", 8) == 0 || memcmp(p, "jartsr='", 8) == 0) {
        what = "a native program for many systems (APE, as llamafile makes them)";
    } else if (p[0] == 'M' && p[1] == 'Z') {
        if (!is_pe(s, in, &is, e)) return false;
        if (is) what = "a native program or library for Windows (PE)";
    } else if (big(p) == 0xfeedface || big(p) == 0xfeedfacf || little(p) == 0xfeedface || little(p) == 0xfeedfacf) {
        what = "a native program or library for macOS (Mach-O)";
    } else if (big(p) == 0xcafebabe && big(p + 4) < 20) { /* classes of Java begin so too, and have a version there */
        what = "a native program or library for macOS (Mach-O)";
    }
    if (what) scan_add(s, in, "program", SCAN_SAFE, "is %s", what);
    return true;
}
