/* scan/secret.h - keys and passwords that somebody left in a text.
 *
 * Kinds and patterns are those of the vendors' documents; vendors change them, so they stand in one table, and tests hold a sample of
 * each.  What is found is told by kind and line: the secret itself is never copied, kept or written anywhere.  A word of a format is no
 * secret: what looks like a placeholder ("your", "example", "xxxx", one letter again and again) or is too regular for a random
 * value is passed over.  Linear in the size of the text.  Pure; safe from any thread. */
#ifndef SCAN_SECRET_H
#define SCAN_SECRET_H

#include "base/str.h"

struct secret {
    const char *kind; /* "GitHub token": a static name from a closed set */
    uint64_t line;    /* from 1 */
    bool is_sure;     /* its form is decisive; otherwise it may be something else */
    size_t at, n;     /* in the text */
};
/* Each is told once, in the order of the text; false: no more. */
typedef bool secret_fn(void *ctx, const struct secret *s);
/* sure_only: for what is large or not text, where mere likeness says little. */
void secret_search(str text, bool sure_only, secret_fn *fn, void *ctx);

/* Is this the name of a file that is full of what looks like a secret and is none: locks, vocabularies? */
bool secret_is_noise(str path);

#endif
