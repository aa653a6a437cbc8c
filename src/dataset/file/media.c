/* dataset/file/media.c - of what type an image, audio or video is: by its first bytes, never by its name. */
#include "account/picture.h"
#include "dataset/file/media.h"

static const struct { size_t at; const char *mark; size_t n; const char *type; } known[] = {
    { 8, "WAVE", 4, "audio/wav" },       { 0, "fLaC", 4, "audio/flac" },  { 0, "OggS", 4, "audio/ogg" },
    { 0, "ID3", 3, "audio/mpeg" },       { 0, "\xff\xfb", 2, "audio/mpeg" }, { 4, "ftyp", 4, "video/mp4" },
    { 0, "\x1a\x45\xdf\xa3", 4, "video/webm" }, { 0, "%PDF-", 5, "application/pdf" },
};

void media_look(bytes b, struct media *out)
{
    struct picture is;
    *out = (struct media){ .type = "application/octet-stream", .size_bytes = b.n };
    if (picture_read(b, &is)) {
        *out = (struct media){ is.type.p, is.width, is.height, b.n };
        return;
    }
    for (size_t i = 0; i < COUNT(known); i++)
        if (b.n >= known[i].at + known[i].n && memcmp(b.p + known[i].at, known[i].mark, known[i].n) == 0) {
            out->type = known[i].type;
            return;
        }
}

void media_format(struct buf *out, const struct media *m)
{
    buf_addf(out, "%s %u %u %llu", m->type, m->width, m->height, (unsigned long long)m->size_bytes);
}

void media_write(struct buf *out, bytes b)
{
    struct media m;
    media_look(b, &m);
    media_format(out, &m);
}

bool media_parse(str text, struct arena *a, struct media *out)
{
    str type, width, height;
    uint64_t w, h;
    *out = (struct media){ 0 };
    if (!str_cut(&text, ' ', &type) || !str_cut(&text, ' ', &width) || !str_cut(&text, ' ', &height)) return false;
    if (!str_u64(width, &w) || !str_u64(height, &h) || !str_u64(text, &out->size_bytes)) return false;
    out->type = arena_cstr(a, type);
    out->width = (unsigned)w;
    out->height = (unsigned)h;
    return true;
}
