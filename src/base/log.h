/* base/log.h - one event, one line on stderr: time, level, a fixed event name, facts as key=value.
 *
 * Levels: error (someone must act), warn (may need to), info (state changed), debug.  Facts never hold
 * tokens, bodies, prompts or file contents; values that may hold blanks are written between quotes.
 * Safe from any thread: a line is one write. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_set_level(enum log_level level);
bool log_level_parse(str name, enum log_level *out);
bool log_is_on(enum log_level level);

/* fmt yields the facts, such as "repo=%s size_bytes=%zu"; what is in them beside printable UTF-8 is
 * escaped (\x0a), and so are quotes and backslashes that are not of fmt itself: nobody can forge a line or a fact between quotes. */
__attribute__((format(printf, 3, 4))) void log_event(enum log_level level, const char *event, const char *fmt, ...);

#define log_error(event, ...) log_event(LOG_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...) log_event(LOG_WARN, event, __VA_ARGS__)
#define log_info(event, ...) log_event(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) (log_is_on(LOG_DEBUG) ? log_event(LOG_DEBUG, event, __VA_ARGS__) : (void)0)

#endif
