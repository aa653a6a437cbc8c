/* web/frame/compress.h - pages and assets made small on their way, for browsers that say that they read gzip. */
#ifndef WEB_COMPRESS_H
#define WEB_COMPRESS_H

#include "http/http.h"

enum { COMPRESS_BYTES_MIN = 1024 }; /* less than a packet gains nothing */

/* Does "Accept-Encoding" name gzip, with another weight than 0? */
bool compress_is_accepted(str accept_encoding);

/* Adds what deflate makes of it, as it stands inside of a gzip file.  level: zlib's. */
bool compress_deflate(str in, int level, struct buf *out, struct err *e);
uint32_t compress_crc(str in);

/* Adds the gzip file around it.  With `is_private` its length says nothing certain about the content: a page
 * holds both a secret (the token of forms) and what its address says (a search), and who could ask for it again and again and
 * see lengths would learn the secret letter by letter (the attack called BREACH).  A comment of random length in the header
 * drowns the few bytes that he would look for. */
void compress_wrap(str deflated, uint32_t crc, uint32_t bytes, bool is_private, struct buf *out);

#endif
