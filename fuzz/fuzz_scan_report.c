/* fuzz_scan_report.c - what a process that strangers' bytes may have taken over says: what is accepted can be written and read again. */
#include "base/json.h"
#include "scan/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(64 << 20);
    struct scan_report r, again;
    struct buf once = BUF_INIT(0), twice = BUF_INIT(0);
    struct err e;
    if (scan_report_parse(str_n((const char *)data, size), a, &r, &e)) {
        must(r.findings_count <= SCAN_FINDINGS_MAX && r.imports_count <= SCAN_IMPORTS_MAX && r.level <= SCAN_UNSAFE);
        scan_report_json(&r, &once);
        must(scan_report_parse(buf_str(&once), a, &again, &e));
        scan_report_json(&again, &twice);
        must(str_eq(buf_str(&once), buf_str(&twice)));
    }
    buf_deinit(&once);
    buf_deinit(&twice);
    arena_free(a);
    return 0;
}
