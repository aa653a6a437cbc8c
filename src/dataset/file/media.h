/* dataset/file/media.h - of what type an image, audio or video is, by its first bytes. */
#ifndef DATASET_MEDIA_H
#define DATASET_MEDIA_H

#include "base/arena.h"
#include "base/buf.h"

struct media {
    const char *type;       /* "image/png", "audio/flac"; "application/octet-stream": none that is known */
    unsigned width, height; /* of images; 0: not known */
    uint64_t size_bytes;
};
void media_look(bytes b, struct media *out);
/* As text, for columns of media, and back. */
void media_format(struct buf *out, const struct media *m);
void media_write(struct buf *out, bytes b);
bool media_parse(str text, struct arena *a, struct media *out);

#endif
