/* hub/text/budget.h - what the parse of a stranger's text may take: memory, and processor time.
 *
 * Libraries for Markdown and HTML cannot run out of memory, and some short texts make them take all there is, or go on for minutes.
 * So all of their memory comes from an arena with a limit and is freed with it, and past the limit, or the time, the parse is left by
 * longjmp: the library must hold nothing but that memory.
 *
 *     budget_begin(&b, BYTES);
 *     if (setjmp(b.out_of_it) == 0) ... the parse, whose allocator calls budget_take(&b, n) ...
 *     else ... it was left ...
 *     budget_end(&b);                 what the parse made is gone, too
 *
 * Processor time of this thread, so that a machine that is busy shows the same texts as an idle one. */
#ifndef HUB_TEXT_BUDGET_H
#define HUB_TEXT_BUDGET_H

#include <setjmp.h>

#include "base/arena.h"

enum { BUDGET_US = 500000 };

struct budget {
    struct arena *a;
    int64_t until_us;
    unsigned takes;
    jmp_buf out_of_it;
};

void budget_begin(struct budget *b, size_t bytes_max);
void *budget_take(struct budget *b, size_t n); /* zeroed; or does not return */
void budget_end(struct budget *b);

#endif
