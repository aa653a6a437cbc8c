/* fuzz_scan.h - scans bytes and looks at the report. */
#ifndef FUZZ_SCAN_H
#define FUZZ_SCAN_H

#include "scan/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz_bytes {
    const uint8_t *p;
    size_t n;
};

static inline bool fuzz_read(void *ctx, uint64_t at, void *out, size_t n, struct err *e)
{
    const struct fuzz_bytes *b = ctx;
    (void)e;
    must(at <= b->n && n <= b->n - at);
    if (n) memcpy(out, b->p + at, n);
    return true;
}

static inline int fuzz_scan(const char *path, const uint8_t *data, size_t size)
{
    struct fuzz_bytes b = { data, size };
    struct scan_source s = { size, fuzz_read, &b };
    struct arena *a = arena_new(0);
    struct buf json = BUF_INIT(0);
    struct scan_report r, back;
    struct err e;
    must(scan_source(&s, str_c(path), NULL, a, &r, &e)); /* what is in the file is no error */
    must(r.imports_count <= SCAN_IMPORTS_MAX && r.findings_count <= SCAN_FINDINGS_MAX);
    must(r.level == (r.pickle_level > r.format_level ? r.pickle_level : r.format_level));
    for (size_t i = 0; i < r.imports_count; i++) must(r.imports[i].safety == SCAN_INNOCUOUS || r.level >= SCAN_SUSPICIOUS);
    for (size_t i = 0; i < r.findings_count; i++) must(r.findings[i].level <= r.level);
    scan_report_json(&r, &json);
    must(scan_report_parse(buf_str(&json), a, &back, &e));
    must(back.imports_count == r.imports_count && back.findings_count == r.findings_count && back.level == r.level);
    buf_deinit(&json);
    arena_free(a);
    return 0;
}

#endif
