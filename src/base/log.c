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

/* ------------------------------------------------------------------ what strangers wrote */

enum { QUOTE = 2, LINE_BYTES = 2048, ESCAPED_BYTES = 4 };

/* The quotes of the format, told from those of its facts: they become QUOTE.  How many there are. */
static size_t mark_quotes(const char *fmt, char *out, size_t max)
{
    size_t n = 0, quotes = 0;
    for (; fmt[n] && n + 1 < max; n++) {
        out[n] = fmt[n] == '"' ? QUOTE : fmt[n];
        quotes += fmt[n] == '"';
    }
    out[n] = '\0';
    return quotes;
}

static size_t put_escaped(char *out, unsigned char byte)
{
    if (byte == '"' || byte == '\\') {
        out[0] = '\\';
        out[1] = (char)byte;
        return 2;
    }
    return (size_t)snprintf(out, ESCAPED_BYTES + 1, "\\x%02x", byte);
}

/* Facts as one line of UTF-8 in which a quote ends what a quote began: whatever is in them. */
static size_t escape(str facts, bool has_marks, char *out)
{
    size_t n = 0;
    while (facts.n) {
        unsigned char byte = (unsigned char)facts.p[0];
        size_t length = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
        bool is_mark = byte == QUOTE && has_marks;
        bool is_plain = byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7f && length <= facts.n && str_is_utf8(str_to(facts, length));
        bool is_control = byte == 0xc2 && length <= facts.n && (unsigned char)facts.p[1] < 0xa0; /* U+0080 to U+009F, for a terminal */
        if (is_mark) {
            out[n++] = '"';
            length = 1;
        } else if (is_plain && !is_control) {
            memcpy(out + n, facts.p, length);
            n += length;
        } else {
            n += put_escaped(out + n, byte);
            length = 1;
        }
        facts = str_from(facts, length);
    }
    return n;
}

void log_event(enum log_level level, const char *event, const char *fmt, ...)
{
    if (!log_is_on(level)) return;
    char facts[LINE_BYTES], marked[LINE_BYTES], line[LINE_BYTES * ESCAPED_BYTES + 256], when[ISO_DATE_BYTES];
    size_t quotes = mark_quotes(fmt, marked, sizeof marked), marks = 0;
    va_list ap;
    va_start(ap, fmt);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int wanted = vsnprintf(facts, sizeof facts, marked, ap);
#pragma GCC diagnostic pop
    va_end(ap);
    size_t facts_n = wanted < 0 ? 0 : (size_t)wanted < sizeof facts ? (size_t)wanted : sizeof facts - 1;
    for (size_t i = 0; i < facts_n; i++) marks += facts[i] == QUOTE;
    clock_iso(clock_now_ms(), when);
    int head = snprintf(line, 256, "%s %-5s %s ", when, level_name[level], event);
    size_t n = head < 0 ? 0 : head < 256 ? (size_t)head : 255;
    n += escape(str_n(facts, facts_n), marks <= quotes, line + n); /* a mark in the facts: none is believed */
    line[n++] = '\n';
    if (write(STDERR_FILENO, line, n) < 0) return; /* a lost line is no reason to stop */
}
