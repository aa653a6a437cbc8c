/* web/account/qr.h - a QR code as a picture that stands in the page itself: no script, no request, no other host. */
#ifndef WEB_ACCOUNT_QR_H
#define WEB_ACCOUNT_QR_H

#include "base/buf.h"
#include "base/err.h"

/* An <svg> of class "qr" with the label for who cannot see it; both text and label are escaped or drawn, never copied as HTML. */
bool qr_svg(str text, str label, struct buf *out, struct err *e);

#endif
