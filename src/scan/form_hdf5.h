/* scan/form_hdf5.h - what of HDF5 is no settings; see form_hdf5.c.  Inside this folder alone. */
#ifndef SCAN_FORM_HDF5_H
#define SCAN_FORM_HDF5_H

#include "scan/form.h"

enum { HDF5_AHEAD = 4096 }; /* so much behind its beginning is known of what is looked at */

struct hdf5_pointer;
struct hdf5 {
    struct scan *s;
    const struct probe_input *in;
    uint64_t base; /* where the format's mark stands */
    uint64_t next; /* nothing begins before it that was not looked at */
    struct arena *arena; /* of what is kept: bounded by the numbers below */
    struct hdf5_pointer *pointer;
    uint32_t *table; /* by hash: 1 + index of a pointer */
    uint64_t *target; /* in order */
    size_t pointers, targets;
    bool is_full;
    unsigned told;
    char file[8][256]; /* that were told */
};
bool hdf5_is(struct scan *s, const struct probe_input *in, struct hdf5 *out, bool *is, struct err *e);
/* n bytes of the content from `at` on; windows follow one another, and overlap by HDF5_AHEAD at least.  The arena is the caller's until hdf5_end, which
 * frees it. */
void hdf5_look(struct hdf5 *h, uint64_t at, const uint8_t *p, size_t n, bool is_last);
bool hdf5_end(struct hdf5 *h, struct err *e);

#endif
