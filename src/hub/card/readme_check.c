/* hub/card/readme_check.c - see the header. */
#include "hub/card/readme_check.h"

#include "hub/card/card.h"

enum { CARD_MEMORY_MAX = 64 << 20 };

bool readme_check(str readme, enum repo_kind kind, struct buf *errors, struct buf *warnings, struct err *e)
{
    struct card_report report;
    struct arena *a = arena_new(CARD_MEMORY_MAX);
    bool ok = card_check(readme, kind, a, &report, e);
    if (ok) {
        for (size_t i = 0; i < report.errors_count; i++)
            buf_addf(errors, "%s- %.*s", errors->n ? "\n" : "Invalid metadata in README.md.\n", STR_ARG(report.errors[i]));
        for (size_t i = 0; i < report.warnings_count; i++)
            buf_addf(warnings, "README.md: %.*s\n", STR_ARG(report.warnings[i]));
    } else if (e->code == ERR_INVALID || e->code == ERR_TOO_LARGE) { /* the card's fault, not ours */
        buf_addf(errors, "Invalid metadata in README.md.\n- %s", e->msg);
        ok = true;
    }
    arena_free(a);
    return ok;
}
