/* scan/report.h - a report while it grows.  Inside this folder alone.
 *
 * Texts are cut to what a report shows and made UTF-8; equal imports and equal findings are entered once. */
#ifndef SCAN_REPORT_H
#define SCAN_REPORT_H

#include "scan/scan.h"

enum { REPORT_NAME_BYTES = 256, REPORT_MESSAGE_BYTES = 512 };

struct report;
struct report *report_new(void);
void report_free(struct report *r);
__attribute__((format(printf, 5, 0))) void report_add(struct report *r, str probe, str member, enum scan_level level, const char *fmt, va_list ap);
void report_add_import(struct report *r, str module, str name, enum scan_safety safety);
void report_set_pickle(struct report *r);
void report_set_secret(struct report *r);
void report_end(struct report *r, struct arena *a, struct scan_report *out); /* copies all into a */

#endif
