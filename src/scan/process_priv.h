/* scan/process_priv.h - what a scanning child and its parent say to each other.
 *
 *     parent  JUDGE   at: the size of the file, bytes: length of the path, which follows
 *     child   READ    at, bytes: asks for so many, SCAN_READ_MAX at most
 *     parent  BYTES   which follow; or REFUSED: they cannot be read, and the child gives up
 *     child   REPORT  JSON follows, SCAN_REPORT_MAX at most; or FAILED: a sentence follows
 *
 * Both are the same program on the same machine, so a header is a struct.  Both sides check what they are told. */
#ifndef SCAN_PROCESS_PRIV_H
#define SCAN_PROCESS_PRIV_H

#include "scan/process.h"

enum { SCAN_READ_MAX = 1 << 20, SCAN_REPORT_MAX = 4 << 20 };
enum scan_word { SCAN_JUDGE = 1, SCAN_READ, SCAN_BYTES, SCAN_REFUSED, SCAN_REPORT, SCAN_FAILED };

struct scan_frame {
    uint32_t word, bytes;
    uint64_t at;
};

#endif
