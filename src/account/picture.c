/* account/picture.c - see account/picture.h.  Headers of strangers' files: every read is checked against the end, and nothing is
 * decoded. */
#include "account/picture.h"

static unsigned big16(const uint8_t *p) { return (unsigned)p[0] << 8 | p[1]; }
static unsigned little16(const uint8_t *p) { return (unsigned)p[1] << 8 | p[0]; }
static unsigned little24(const uint8_t *p) { return (unsigned)p[2] << 16 | little16(p); }

static bool png_size(bytes b, struct picture *out)
{
    if (b.n < 24 || memcmp(b.p + 12, "IHDR", 4) != 0) return false;
    if (big16(b.p + 16) || big16(b.p + 20)) out->width = out->height = UINT16_MAX; /* more than anybody may have */
    else *out = (struct picture){ out->type, big16(b.p + 18), big16(b.p + 22) };
    return true;
}

static bool gif_size(bytes b, struct picture *out)
{
    if (b.n < 10) return false;
    out->width = little16(b.p + 6);
    out->height = little16(b.p + 8);
    return true;
}

/* Segments up to the one that begins a frame. */
static bool jpeg_size(bytes b, struct picture *out)
{
    for (size_t i = 2; i + 9 <= b.n;) {
        unsigned marker = b.p[i + 1];
        if (b.p[i] != 0xff) return false;
        if (marker == 0xff) {
            i++; /* filling */
            continue;
        }
        bool is_frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
        if (is_frame) {
            out->height = big16(b.p + i + 5);
            out->width = big16(b.p + i + 7);
            return true;
        }
        unsigned length = big16(b.p + i + 2);
        if (marker == 0xd9 || marker == 0xda || length < 2) return false;
        i += 2 + length;
    }
    return false;
}

static bool webp_size(bytes b, struct picture *out)
{
    if (b.n < 30) return false;
    const uint8_t *p = b.p + 20; /* behind the head of the first chunk */
    if (memcmp(b.p + 12, "VP8X", 4) == 0) {
        out->width = little24(p + 4) + 1;
        out->height = little24(p + 7) + 1;
    } else if (memcmp(b.p + 12, "VP8L", 4) == 0) {
        if (p[0] != 0x2f) return false;
        out->width = (little16(p + 1) & 0x3fff) + 1;
        out->height = (little24(p + 2) >> 6 & 0x3fff) + 1;
    } else if (memcmp(b.p + 12, "VP8 ", 4) == 0) {
        if (memcmp(p + 3, "\x9d\x01\x2a", 3) != 0) return false;
        out->width = little16(p + 6) & 0x3fff;
        out->height = little16(p + 8) & 0x3fff;
    } else {
        return false;
    }
    return true;
}

bool picture_read(bytes b, struct picture *out)
{
    str s = str_of(b);
    bool ok = false;
    *out = (struct picture){ 0 };
    if (str_starts(s, STR("\x89PNG\r\n\x1a\n"))) out->type = STR("image/png"), ok = png_size(b, out);
    else if (str_starts(s, STR("\xff\xd8\xff"))) out->type = STR("image/jpeg"), ok = jpeg_size(b, out);
    else if (str_starts(s, STR("GIF87a")) || str_starts(s, STR("GIF89a"))) out->type = STR("image/gif"), ok = gif_size(b, out);
    else if (str_starts(s, STR("RIFF")) && s.n > 12 && memcmp(s.p + 8, "WEBP", 4) == 0) out->type = STR("image/webp"), ok = webp_size(b, out);
    return ok && out->width && out->height;
}
