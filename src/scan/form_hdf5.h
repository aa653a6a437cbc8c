/* scan/form_hdf5.h - what of HDF5 is no settings; see form_hdf5.c.  Inside this folder alone. */
#ifndef SCAN_FORM_HDF5_H
#define SCAN_FORM_HDF5_H

#include "scan/form.h"

struct hdf5 {
    struct scan *s;
    const struct probe_input *in;
    uint64_t base; /* where the format's mark stands */
    uint64_t next; /* nothing begins before it that was not looked at */
    unsigned told;
    char file[8][256]; /* that were told */
};
bool hdf5_is(struct scan *s, const struct probe_input *in, struct hdf5 *out, bool *is, struct err *e);
/* n bytes of the content from `at` on; windows follow one another and overlap by some 20 bytes at least. */
bool hdf5_look(struct hdf5 *h, uint64_t at, const uint8_t *p, size_t n, struct err *e);

#endif
