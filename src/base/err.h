/* base/err.h - how a function says no.
 *
 * A function that can fail returns bool and takes `struct err *e` last.  The caller owns it; it need not
 * be initialised and is filled only on failure.  Code says what kind of no it is, for programs; msg says
 * what was wrong, where, and what to do, for people; kind is an optional static word that a wire
 * protocol defines (for instance "RepoNotFound"). */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

#include "base/str.h"

enum err_code {
    ERR_NONE = 0,
    ERR_UNAUTHENTICATED, /* nobody is signed in, or the credentials are wrong */
    ERR_DENIED,          /* known, and not allowed */
    ERR_NOT_FOUND,
    ERR_CONFLICT,     /* exists already, or lost a race */
    ERR_PRECONDITION, /* the state that the caller named is no longer current */
    ERR_INVALID,      /* malformed input */
    ERR_UNPROCESSABLE, /* well-formed input that asks for what cannot be (a bad path, say) */
    ERR_TOO_LARGE,
    ERR_BAD_METHOD,   /* known thing, but not this verb */
    ERR_BAD_RANGE,    /* a byte range outside of the object */
    ERR_UNSUPPORTED_TYPE, /* a media type or encoding that is not understood */
    ERR_BUSY,         /* try again later: a queue or a lock is taken */
    ERR_TIMEOUT,      /* the other side was too slow */
    ERR_NO_SPACE,     /* disk or quota */
    ERR_NOT_BUILT,    /* a known operation that this version does not have */
    ERR_CLOSED,       /* the other side went away; nobody is left to answer */
    ERR_IO,
    ERR_INTERNAL,
};

#define ERR_MSG_MAX 1024

struct err {
    enum err_code code;
    const char *kind; /* static, or NULL */
    char msg[ERR_MSG_MAX];
};

/* Fills *e and returns false, so that `return err_set(e, ...)` is the one way to fail. */
__attribute__((format(printf, 3, 4))) bool err_set(struct err *e, enum err_code code, const char *fmt, ...);
__attribute__((format(printf, 4, 5))) bool err_kind(struct err *e, enum err_code code, const char *kind,
                                                    const char *fmt, ...);
/* As err_set, with the meaning of `errnum` appended; ENOSPC, EDQUOT and EFBIG become ERR_NO_SPACE. */
__attribute__((format(printf, 3, 4))) bool err_os(struct err *e, int errnum, const char *fmt, ...);
/* Puts "outer: " before the message on the way up; returns false. */
__attribute__((format(printf, 2, 3))) bool err_context(struct err *e, const char *fmt, ...);

/* A broken invariant of our own: writes where to stderr and aborts, in release builds too.
 * No input may ever reach one. */
#define must(x) ((x) ? (void)0 : must_failed(#x, __FILE__, __LINE__))
_Noreturn void must_failed(const char *what, const char *file, int line);

#endif
