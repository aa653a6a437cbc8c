/* web/html.c - see web/html.h. */
#include "web/html.h"

#include "http/http.h"

void html_text(struct buf *out, str s)
{
    size_t plain = 0;
    for (size_t i = 0; i < s.n; i++) {
        const char *as = s.p[i] == '<'    ? "&lt;"
                         : s.p[i] == '>'  ? "&gt;"
                         : s.p[i] == '&'  ? "&amp;"
                         : s.p[i] == '"'  ? "&quot;"
                         : s.p[i] == '\'' ? "&#39;"
                                          : NULL;
        if (!as) continue;
        buf_add(out, str_n(s.p + plain, i - plain));
        buf_add(out, str_c(as));
        plain = i + 1;
    }
    buf_add(out, str_from(s, plain));
}

void html_path(struct buf *out, str s) { http_encode(out, s, "/"); }
