/* web/account/qr.c - see web/account/qr.h.  libqrencode makes the squares; each run of dark ones in a row is a piece of one path. */
#include "web/account/qr.h"

#include <errno.h>
#include <qrencode.h>

#include "base/arena.h"

enum { QUIET = 4, TEXT_MAX = 1000 }; /* squares around it that the standard wants light */

static void draw(struct buf *out, const QRcode *q)
{
    for (int y = 0; y < q->width; y++) {
        const unsigned char *row = q->data + (size_t)y * (size_t)q->width;
        for (int x = 0, end; x < q->width; x = end) {
            for (end = x + 1; end < q->width && ((row[end] ^ row[x]) & 1) == 0; end++) {}
            if (row[x] & 1) buf_addf(out, "M%d %dh%dv1h-%dz", x + QUIET, y + QUIET, end - x, end - x);
        }
    }
}

bool qr_svg(str text, str label, struct buf *out, struct err *e)
{
    char plain[TEXT_MAX + 1];
    if (text.n > TEXT_MAX || str_chr(text, 0) != STR_NONE) return err_set(e, ERR_TOO_LARGE, "%zu bytes are too many for a QR code", text.n);
    memcpy(plain, text.p, text.n);
    plain[text.n] = 0;
    QRcode *q = QRcode_encodeString8bit(plain, 0, QR_ECLEVEL_L); /* few squares: no screen is torn or stained */
    if (!q) return err_os(e, errno, "cannot make a QR code");
    int side = q->width + 2 * QUIET;
    buf_addf(out, "<svg class=\"qr\" role=\"img\" viewBox=\"0 0 %d %d\" shape-rendering=\"crispEdges\" aria-label=\"", side, side);
    buf_html(out, label);
    buf_addf(out, "\"><path fill=\"#fff\" d=\"M0 0h%dv%dH0z\"/><path fill=\"#000\" d=\"", side, side);
    draw(out, q);
    buf_lit(out, "\"/></svg>");
    QRcode_free(q);
    return true;
}
