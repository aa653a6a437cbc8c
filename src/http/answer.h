/* http/answer.h - the head of an HTTP/1 answer, and the coding of its body, as a proxy reads them from a server that it does not trust.
 *
 * Lenient where nothing follows from it (a line may end in a bare LF), strict where two readers could come to different ends: what is
 * told here is written anew for the client, never passed on. */
#ifndef HTTP_ANSWER_H
#define HTTP_ANSWER_H

#include "base/err.h"
#include "base/str.h"

enum { HTTP_ANSWER_HEAD_MAX = 16 << 10, HTTP_ANSWER_HEADERS_MAX = 100 };

enum http_answer_body { HTTP_ANSWER_SIZED, HTTP_ANSWER_CHUNKED, HTTP_ANSWER_TO_END };
struct http_answer {
    int status; /* 100 .. 599 */
    enum http_answer_body body;
    uint64_t length; /* of a SIZED one */
    struct {
        str name, value; /* trimmed, of printable characters: views of what was parsed */
    } header[HTTP_ANSWER_HEADERS_MAX];
    size_t headers;
};
/* *head_n: its length with the empty line; 0: it is not all there yet. */
bool http_answer_parse(str s, struct http_answer *out, size_t *head_n, struct err *e);
str http_answer_header(const struct http_answer *a, const char *name); /* the first; .p NULL when absent */

/* The chunked coding, undone as it comes. */
struct http_chunks {
    uint64_t left; /* of this chunk */
    size_t line_n; /* of the line that is being read */
    uint8_t state;
    bool ended;
};
/* Takes from *in up to the next piece of content, which *out is a view of; empty: all was taken, or the end was met. */
bool http_chunks_next(struct http_chunks *c, bytes *in, bytes *out, struct err *e);

#endif
