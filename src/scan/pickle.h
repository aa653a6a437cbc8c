/* scan/pickle.h - the symbolic machine: does what a loader of pickles would do to its stack and memo, and calls nothing.  Inside this folder alone.
 *
 * It takes what any loader takes (Python's two, whatever the protocol says), keeps of values only what imports need, and goes on where the
 * loader would call.  Texts are kept as the place where they stand, so memory does not grow with the file. */
#ifndef SCAN_PICKLE_H
#define SCAN_PICKLE_H

#include "scan/globals.h"
#include "scan/window.h"

enum {
    PICKLE_WINDOW_BYTES = 256 << 10,
    PICKLE_LINE_BYTES_MAX = 64 << 10, /* of a line argument */
    PICKLE_NAME_BYTES_MAX = 1024,     /* of a module or a name that is followed */
    PICKLE_STACK_MAX = 4 << 20,
    PICKLE_MEMO_MAX = 4 << 20, /* entries of a dense memo */
    PICKLE_ARRAYS_MAX = 1 << 12, /* told apart; more are one with what lies between */
    PICKLE_IMPORTS_MAX = 1 << 14, /* different ones in one pickle; more are judged, and not remembered */
};

/* What a number of the extension registry is shown as. */
#define PICKLE_EXTENSION_MODULE STR("copyreg.extension")

enum pickle_use { PICKLE_REFERENCED = 0, PICKLE_CALLED = 1, PICKLE_SET = 2 };

struct pickle_import {
    str module, name;
    enum scan_safety safety;
    unsigned use;
    uint64_t at; /* of the first opcode that imports it */
};

struct pickle_range {
    uint64_t from, to;
};

enum pickle_end { PICKLE_STOPPED, PICKLE_BROKEN, PICKLE_LIMIT };

struct pickle_run {
    uint64_t begin, end; /* of what was read; behind STOP, or where it broke */
    enum pickle_end how;
    char why[128];   /* unless it stopped */
    bool has_proto;
    uint64_t opcodes;
    bool calls, calls_computed, sets_import, has_extension, has_unknown; /* what it does beyond its imports */
    uint64_t calls_computed_at, sets_import_at, extension_at, unknown_at;
    bool has_array_unknown; /* an array of joblib's whose length is not known */
    struct pickle_range *array; /* others, which joblib's loader passes over, and Python's own takes for opcodes */
    size_t arrays_count;
    struct pickle_import *import;
    size_t imports_count;
    enum scan_safety worst;
};

struct pickle_options {
    uint64_t opcodes_max;
    bool is_lenient; /* begun in the middle: an empty stack gives unknown values */
    bool is_trial;   /* literals are not looked into */
    unsigned inner;  /* pickles of object arrays within joblib's stream */
};

/* One pickle, from `begin` on.  import and its texts belong to `a`.  False as probes say it. */
bool pickle_run(struct scan *s, const struct probe_input *in, struct window *w, uint64_t size, uint64_t begin, const struct pickle_options *o, struct arena *a,
                struct pickle_run *out, struct err *e);

/* Could these bytes be the beginning of a pickle or an archive that is worth a look?  `is_all`: nothing follows them. */
bool pickle_may_hide(struct scan *s, bytes head, bool is_all);

/* ------------------------------------------------------------------ arrays that joblib puts into its stream (pickle_array.c) */

struct pickle_dtype {
    uint64_t item_bytes;
    bool is_known, has_objects, has_state_only_size; /* V: its size is known, whether it has objects is not */
};
bool pickle_dtype_parse(str text, struct pickle_dtype *out);

#endif
