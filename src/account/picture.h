/* account/picture.h - what kind of picture a file is, and how large: by its first bytes, and never by what a form says of it. */
#ifndef ACCOUNT_PICTURE_H
#define ACCOUNT_PICTURE_H

#include "base/hash.h"

struct picture {
    str type;               /* "image/png", "image/jpeg", "image/gif", "image/webp" */
    unsigned width, height; /* as the header has them */
};
/* False: none of these, or without a size. */
bool picture_read(bytes b, struct picture *out);

#endif
