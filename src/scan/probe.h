/* scan/probe.h - what a probe is, and what it is given.  Inside this folder alone.
 *
 * A probe looks at one content: the file itself, a member of an archive, a literal in a pickle.  It is a function and a row of the table in
 * scan.c; every probe is run on every content, so it first looks at the head, which is there already, and returns true at once where it has
 * nothing to say.  What it finds it enters with scan_add; content that it found inside it hands to scan_nested, which runs all probes on
 * it, one deeper.  It returns false only where a read failed, memory ran out or the scan is to stop: what is in the file is no error. */
#ifndef SCAN_PROBE_H
#define SCAN_PROBE_H

#include "scan/scan.h"

enum {
    SCAN_HEAD_BYTES = 4096,
    SCAN_DEPTH_MAX = 8, /* of contents within contents */
};

struct scan; /* one file's scan */

struct probe_input {
    const struct scan_source *source;
    str path;       /* what the content is called, a hint: the file's path or the member's name */
    str member;     /* where it is: empty for the file itself, else "inner.zip/data.pkl" */
    unsigned depth; /* 0: the file itself */
    bytes head;     /* the first SCAN_HEAD_BYTES, or all */
};

struct probe {
    const char *name;
    bool (*run)(struct scan *s, const struct probe_input *in, struct err *e);
};

/* A sentence about the content; probe is a name that the report shows.  More than SCAN_FINDINGS_MAX are counted in the level alone. */
__attribute__((format(printf, 5, 6))) void scan_add(struct scan *s, const struct probe_input *in, const char *probe, enum scan_level level,
                                                    const char *fmt, ...);
void scan_add_import(struct scan *s, str module, str name, enum scan_safety safety);
void scan_set_pickle(struct scan *s); /* a pickle was found, whatever is in it */
void scan_set_secret(struct scan *s);

/* All probes on a content of the content; name is what stands behind in->member.  Past SCAN_DEPTH_MAX that is a finding. */
bool scan_nested(struct scan *s, const struct probe_input *in, const struct scan_source *content, str name, struct err *e);
/* The same for n bytes of the content as they stand. */
bool scan_nested_range(struct scan *s, const struct probe_input *in, uint64_t at, uint64_t n, str name, struct err *e);

/* Bytes of the content; outside of it is a mistake of the caller.  Asks now and then whether to stop. */
bool scan_read(struct scan *s, const struct probe_input *in, uint64_t at, void *out, size_t n, struct err *e);
bool scan_stops(struct scan *s, uint64_t worked_bytes, struct err *e); /* true: *e says that the scan is to stop.  Cheap */

struct arena *scan_arena(struct scan *s); /* dies with the scan; bounded, so arena_try may say no */

/* Does the path end so?  In any case: "MODEL.PKL" ends in ".pkl". */
bool scan_path_ends(str path, const char *const *endings, size_t n);

/* What was unpacked: is more allowed?  In all, and when it is unpacked again to be read again. */
bool scan_may_unpack(struct scan *s, uint64_t n);
bool scan_may_unpack_again(struct scan *s, uint64_t n);
/* Opcodes of pickles, in all contents of the file. */
uint64_t scan_opcodes_left(const struct scan *s);
void scan_spend_opcodes(struct scan *s, uint64_t n);

/* Does it begin as something packed does that probe_packed knows, whether or not it can be unpacked? */
bool packed_begins(bytes head);

/* The probes. */
bool probe_pickle(struct scan *s, const struct probe_input *in, struct err *e);
bool probe_zip(struct scan *s, const struct probe_input *in, struct err *e);
bool probe_tar(struct scan *s, const struct probe_input *in, struct err *e);
bool probe_packed(struct scan *s, const struct probe_input *in, struct err *e);
bool probe_npy(struct scan *s, const struct probe_input *in, struct err *e);

#endif
