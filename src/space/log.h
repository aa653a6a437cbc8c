/* space/log.h - what a build or an app says: without its secrets, in lines, in a file that only grows.
 *
 * DIR/KIND.GENERATION holds a line per event, {"data":"text\n","timestamp":".."}: what clients are sent.  A client that comes back
 * counts the lines it has seen, so none is ever changed or dropped; past SPACE_LOG_BYTES_MAX one says that the rest is missing. */
#ifndef SPACE_LOG_H
#define SPACE_LOG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum { SPACE_LOG_BYTES_MAX = 10 << 20, SPACE_LINE_MAX = 8 << 10, SPACE_REDACT_MIN = 8 };

/* Replaces values by "[redacted]", also where they arrive in pieces: what could be the beginning of one is held back. */
struct redactor;
struct redactor *redactor_new(const str *values, size_t n); /* those of SPACE_REDACT_MIN bytes and more; copied */
void redactor_add(struct redactor *r, str piece, struct buf *out);
void redactor_end(struct redactor *r, struct buf *out); /* what was held back */
void redactor_free(struct redactor *r);                 /* wiped; NULL is fine */

/* A log being written, by one thread. */
struct space_log;
bool space_log_begin(const char *dir, const char *kind, uint64_t generation, const str *secrets, size_t n, struct space_log **out, struct err *e);
void space_log_add(struct space_log *l, str piece);   /* a disk that is full ends the log, not what is logged */
__attribute__((format(printf, 2, 3))) void space_log_say(struct space_log *l, const char *fmt, ...); /* a line of ours */
void space_log_end(struct space_log *l);              /* what waits for its end of line is written; NULL is fine */
/* The last lines that were added, as text, to show why something ended. */
void space_log_tail(const struct space_log *l, struct buf *out);

/* The newest of a kind in dir; 0: none. */
uint64_t space_log_newest(const char *dir, const char *kind);
/* Whole lines from *at on.  A generation that is gone: nothing is read. */
bool space_log_lines(const char *dir, const char *kind, uint64_t generation, uint64_t *at, size_t bytes_max, struct buf *out, struct err *e);

#endif
