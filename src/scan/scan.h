/* scan/scan.h - what a file would do to who loads it: pickles and the archives they hide in, formats that are not what they say,
 * secrets in text.
 *
 * A file is judged by its content; its name only adds probes.  Each probe enters what it found into a report; the level of the file
 * is the worst of them.  What could not be read to its end is SCAN_CAUTION at best, never safe.  Levels and JSON are the public hub's.
 * Memory is bounded whatever the file's size, nothing recurses without a limit.  Any thread; a report belongs to its arena. */
#ifndef SCAN_SCAN_H
#define SCAN_SCAN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"

/* From harmless to bad, so that the worse of two is the greater. */
enum scan_level { SCAN_SAFE, SCAN_UNSCANNED, SCAN_QUEUED, SCAN_ERROR, SCAN_CAUTION, SCAN_SUSPICIOUS, SCAN_UNSAFE };
str scan_level_name(enum scan_level l);
bool scan_level_parse(str name, enum scan_level *out);

/* What a pickle imports.  Each (module, name) once, the first SCAN_IMPORTS_MAX of them, the worst kept first when there are more. */
enum scan_safety { SCAN_INNOCUOUS, SCAN_SUSPECT, SCAN_DANGEROUS };
enum { SCAN_IMPORTS_MAX = 1000, SCAN_FINDINGS_MAX = 200, SCAN_PATH_MAX = 1024 };
struct scan_import {
    str module, name; /* UTF-8; what is not is replaced */
    enum scan_safety safety;
};
str scan_safety_name(enum scan_safety s);

struct scan_finding {
    enum scan_level level;
    str probe;   /* "pickle", "zip", "tar", "safetensors", "secret", .. */
    str member;  /* inside an archive: "archive/data.pkl"; empty: the file itself */
    str message; /* a sentence: what was found, where (offset or line), never a secret itself */
};

struct scan_report {
    enum scan_level level; /* the worst of the two below */
    bool is_pickle;        /* at least one pickle was found; then: */
    enum scan_level pickle_level;
    enum scan_level format_level; /* of everything else */
    struct scan_import *imports;
    size_t imports_count;
    struct scan_finding *findings;
    size_t findings_count;
    bool has_secret; /* told to who pushed alone: it does not enter a level */
};

/* Where the bytes come from, at any offset; n bytes or an error, never fewer. */
struct scan_source {
    uint64_t size_bytes;
    bool (*read)(void *ctx, uint64_t at, void *out, size_t n, struct err *e);
    void *ctx;
};

/* The version of probes and lists: a verdict of an older one is asked for again. */
enum { SCAN_VERSION = 1 };

/* path: what the file is called, a hint.  False only if a read failed, memory ran out or *stops said so (ERR_CLOSED); what is in the file
 * is no error. */
struct scan_options {
    bool (*stops)(void *ctx); /* asked every few MiB; may be NULL */
    void *stops_ctx;
};
bool scan_source(const struct scan_source *s, str path, const struct scan_options *o, struct arena *a, struct scan_report *out, struct err *e);

/* The report as JSON, and back; what comes back was written by a process that read strangers' bytes, and is checked. */
void scan_report_json(const struct scan_report *r, struct buf *out);
bool scan_report_parse(str json, struct arena *a, struct scan_report *out, struct err *e);

#endif
