/* base/err.c - see base/err.h. */
#include "base/err.h"

#include <errno.h>

static bool fill(struct err *e, enum err_code code, const char *kind, const char *fmt, va_list ap)
{
    e->code = code;
    e->kind = kind;
    vsnprintf(e->msg, sizeof e->msg, fmt, ap);
    return false;
}

bool err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(e, code, NULL, fmt, ap);
    va_end(ap);
    return false;
}

bool err_kind(struct err *e, enum err_code code, const char *kind, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fill(e, code, kind, fmt, ap);
    va_end(ap);
    return false;
}

bool err_os(struct err *e, int errnum, const char *fmt, ...)
{
    bool full = errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG;
    bool busy = errnum == EMFILE || errnum == ENFILE || errnum == ENOMEM; /* of the system, not of the file */
    va_list ap;
    va_start(ap, fmt);
    fill(e, full ? ERR_NO_SPACE : busy ? ERR_BUSY : ERR_IO, NULL, fmt, ap);
    va_end(ap);

    char why[128];
    const char *text = strerror_r(errnum, why, sizeof why);
    size_t n = strlen(e->msg);
    snprintf(e->msg + n, sizeof e->msg - n, ": %s", text);
    return false;
}

bool err_context(struct err *e, const char *fmt, ...)
{
    char inner[ERR_MSG_MAX], outer[ERR_MSG_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(outer, sizeof outer, fmt, ap);
    va_end(ap);
    memcpy(inner, e->msg, sizeof inner);
    int n = snprintf(e->msg, sizeof e->msg, "%s", outer);
    if (n > 0 && (size_t)n < sizeof e->msg) snprintf(e->msg + n, sizeof e->msg - (size_t)n, ": %s", inner);
    return false;
}

_Noreturn void must_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "hearth: broken invariant at %s:%d: %s\n", file, line, what);
    abort();
}
