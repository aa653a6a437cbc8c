/* scan/clamd.h - asks a ClamAV daemon about a file.
 *
 * The daemon is a process of the operator's, reached by its Unix socket or by TCP; its signatures and their licence stay outside.
 * The bytes are streamed to it (INSTREAM of clamd(8)), so it needs no right to read our files.  It refuses streams longer
 * than its StreamMaxLength: of a longer file it is given the beginning and the end, and the answer is then no "safe". */
#ifndef SCAN_CLAMD_H
#define SCAN_CLAMD_H

#include "scan/scan.h"

enum { CLAMD_STREAM_BYTES = 100 << 20 }; /* clamd's own default of StreamMaxLength */

struct clamd_verdict {
    enum scan_level level;
    char message[300]; /* a sentence; empty when safe */
    char version[128]; /* of the daemon and of its signatures: "1.4.6/27000" */
};
/* address: "/run/clamav/clamd.ctl", "unix:/run/clamav/clamd.ctl", "tcp:127.0.0.1:3310", "tcp:[::1]:3310".  False: the daemon cannot be
 * reached or does not speak clamd's protocol, or the source cannot be read; ask again later. */
bool clamd_judge(str address, const struct scan_source *s, uint64_t stream_bytes_max, struct clamd_verdict *out, struct err *e);
/* Is this such an address?  For whoever reads a setting. */
bool clamd_address_is(str address, struct err *e);

#endif
