/* model/generate/stop.h - text that ends at a stop string, wherever in a token it stands.
 *
 * Text comes in pieces and leaves as soon as it is certain that no stop string begins in it.  Belongs to one
 * sequence. */
#ifndef MODEL_GENERATE_STOP_H
#define MODEL_GENERATE_STOP_H

#include "base/buf.h"

enum { STOP_TEXTS_MAX = 16, STOP_TEXT_BYTES_MAX = 1024 };

struct stop_text {
    str stop[STOP_TEXTS_MAX]; /* none is empty; they must stay */
    size_t stops;
    bool keeps; /* the stop string and the rest of its piece stay in the text, as in Transformers; otherwise it is cut
                   before */
    struct buf text;
    size_t given; /* bytes of text that have been taken */
    size_t safe;  /* bytes of text that may be */
    bool is_early; /* what ends now does not stop; what begins now may */
    bool stopped;
};
void stop_text_deinit(struct stop_text *s);
/* Answers whether a stop string has come; nothing may be added then. */
bool stop_text_add(struct stop_text *s, str piece);
void stop_text_end(struct stop_text *s); /* nothing comes any more: what was held back is free */
str stop_text_take(struct stop_text *s); /* valid until the next addition */

#endif
