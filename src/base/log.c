/* base/log.c - see base/log.h.  The level is one of the few writable globals of the program. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/clock.h"

static _Atomic int level_now = LOG_INFO;
static const char *const level_name[] = { "error", "warn", "info", "debug" };

void log_set_level(enum log_level level) { atomic_store(&level_now, (int)level); }
bool log_is_on(enum log_level level) { return (int)level <= atomic_load(&level_now); }

bool log_level_parse(str name, enum log_level *out)
{
    for (size_t i = 0; i < COUNT(level_name); i++) {
        if (!str_eq(name, str_c(level_name[i]))) continue;
        *out = (enum log_level)i;
        return true;
    }
    return false;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    if (!log_is_on(level)) return;
    char line[2048], when[ISO_DATE_BYTES];
    clock_iso(clock_now_ms(), when);
    int head = snprintf(line, sizeof line, "%s %-5s %s ", when, level_name[level], event);
    size_t n = head < 0 ? 0 : (size_t)head;
    va_list ap;
    va_start(ap, fmt);
    int facts = vsnprintf(line + n, sizeof line - n - 1, fmt, ap);
    va_end(ap);
    size_t from = n;
    n += facts < 0 ? 0 : (size_t)facts;
    if (n > sizeof line - 2) n = sizeof line - 2;
    for (size_t i = from; i < n; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) line[i] = '?';
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, n) < 0) return; /* a lost line is no reason to stop */
}
