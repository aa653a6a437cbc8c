/* unit.h - what every unit test includes: cmocka in the order that it wants, and a few helpers. */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/os.h"
#include "base/str.h"

/* Succeeds or fails the test with the error's message. */
#define must_ok(call)                                          \
    do {                                                       \
        if (!(call)) fail_msg("%s: %s", #call, e.msg);         \
    } while (0)

#define assert_str(got, want)                                                                                   \
    do {                                                                                                        \
        str got_ = (got), want_ = (want);                                                                       \
        if (!str_eq(got_, want_)) fail_msg("got \"%.*s\", want \"%.*s\"", STR_ARG(got_), STR_ARG(want_));        \
    } while (0)

/* Processor time since then, by which an order of growth is judged (what is wrong takes hundreds of times as long), less what a sanitizer
 * makes dearer. */
static inline double processor_s(clock_t from)
{
#if defined(__SANITIZE_THREAD__)
    enum { DEARER = 8 };
#elif defined(__SANITIZE_ADDRESS__)
    enum { DEARER = 3 };
#else
    enum { DEARER = 1 };
#endif
    return (double)(clock() - from) / CLOCKS_PER_SEC / DEARER;
}

/* By how many calls a test goes on that lets each fail in turn.  What a failure leaves behind is told call by call under the other
 * sanitizers; what threads do meanwhile shows at a few of them. */
#if defined(__SANITIZE_THREAD__)
enum { UNIT_CALLS_STEP = 7 };
#else
enum { UNIT_CALLS_STEP = 1 };
#endif

/* A fresh folder that is removed by unit_dir_end. */
static inline const char *unit_dir(char out[64])
{
    snprintf(out, 64, "/tmp/hearth-unit-XXXXXX");
    assert_non_null(mkdtemp(out));
    return out;
}
static inline void unit_dir_end(const char *dir)
{
    struct err e;
    must_ok(os_remove_tree(dir, &e));
}

static inline bool unit_count_file(void *ctx, const char *name, bool is_dir)
{
    (void)name;
    if (!is_dir) ++*(size_t *)ctx;
    return true;
}
static inline size_t files_in(const char *dir)
{
    struct err e;
    size_t n = 0;
    must_ok(os_each_entry(dir, unit_count_file, &n, &e));
    return n;
}

#endif
