/* scan_help.h - bytes in memory as what a scan reads, and its verdict in one line. */
#ifndef SCAN_HELP_H
#define SCAN_HELP_H

#include "base/json.h"
#include "scan/scan.h"
#include "unit.h"

static inline bool help_read(void *ctx, uint64_t at, void *out, size_t n, struct err *e)
{
    const bytes *b = ctx;
    (void)e;
    must(at <= b->n && n <= b->n - at);
    if (n) memcpy(out, b->p + at, n);
    return true;
}

static inline struct scan_report judged(str content, const char *path, struct arena *a)
{
    bytes b = bytes_of(content);
    struct scan_source s = { .size_bytes = b.n, .read = help_read, .ctx = &b };
    struct scan_report r;
    struct err e;
    must_ok(scan_source(&s, str_c(path), NULL, a, &r, &e));
    return r;
}

/* The level, and that a finding holds these words (none: there is no finding at all). */
static inline void judged_as(str content, const char *path, enum scan_level level, const char *probe, const char *words)
{
    struct arena *a = arena_new(0);
    struct scan_report r = judged(content, path, a);
    bool is_told = !words && r.findings_count == 0;
    for (size_t i = 0; words && i < r.findings_count; i++)
        is_told |= str_eq(r.findings[i].probe, str_c(probe)) && str_find(r.findings[i].message, str_c(words)) != STR_NONE;
    if (r.level != level || !is_told)
        fail_msg("%s (%.*s): level %.*s, %zu findings, the first: %.*s", path, STR_ARG(str_to(content, 200)), STR_ARG(scan_level_name(r.level)), r.findings_count,
                 STR_ARG(r.findings_count ? r.findings[0].message : (str){ 0 }));
    arena_free(a);
}

#endif
