/* space/egress_head.c - what an app asks the proxy for; see space/egress.h. */
#include "base/buf.h"
#include "space/egress.h"

static bool bad(struct err *e, const char *why) { return err_set(e, ERR_INVALID, "%s", why); }

static bool is_host(str s)
{
    if (!s.n || s.n > EGRESS_HOST_MAX || s.p[0] == '-') return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_' || c == ':')) return false;
    }
    return true;
}

/* "host", "host:80", "[::1]:80". */
static bool split(str authority, uint64_t port, struct egress_head *out)
{
    str rest = authority, host = authority;
    bool is_v6 = authority.n && authority.p[0] == '[';
    size_t end = is_v6 ? str_chr(authority, ']') : str_rchr(authority, ':');
    if (is_v6 && end == STR_NONE) return false;
    if (is_v6) host = str_n(authority.p + 1, end - 1), rest = str_from(authority, end + 1);
    else if (end != STR_NONE) host = str_to(authority, end), rest = str_from(authority, end);
    else rest = STR("");
    if (rest.n && (rest.p[0] != ':' || !str_u64(str_from(rest, 1), &port))) return false;
    if (!is_host(host) || (!is_v6 && str_chr(host, ':') != STR_NONE) || port == 0 || port > UINT16_MAX) return false;
    out->host = host;
    out->port = (uint16_t)port;
    return true;
}

static bool is_of_this_hop(str line)
{
    return str_starts_nocase(line, STR("proxy-")) || str_starts_nocase(line, STR("connection:")) || str_starts_nocase(line, STR("keep-alive:")) ||
           str_starts_nocase(line, STR("host:")) || str_starts_nocase(line, STR("te:")) || str_starts_nocase(line, STR("upgrade:"));
}

static bool take_line(str *head, str *line)
{
    size_t end = str_find(*head, STR("\r\n"));
    if (end == STR_NONE) return false;
    *line = str_to(*head, end);
    *head = str_from(*head, end + 2);
    return str_chr(*line, '\n') == STR_NONE && str_chr(*line, '\r') == STR_NONE && str_chr(*line, 0) == STR_NONE;
}

bool egress_head_parse(str head, struct egress_head *out, struct buf *onward, struct err *e)
{
    str line, method, target, rest;
    *out = (struct egress_head){ 0 };
    if (head.n > EGRESS_HEAD_MAX || !take_line(&head, &line)) return bad(e, "this is no request");
    rest = line;
    if (!str_cut(&rest, ' ', &method) || !str_cut(&rest, ' ', &target) || !method.n || !target.n || !str_starts(rest, STR("HTTP/1.")))
        return bad(e, "this proxy speaks HTTP/1.1: \"CONNECT host:443 HTTP/1.1\", or \"GET http://host/path HTTP/1.1\"");
    out->is_connect = str_eq(method, STR("CONNECT"));
    if (out->is_connect) return split(target, 443, out) || bad(e, "CONNECT must name a host and a port");
    if (!str_starts_nocase(target, STR("http://"))) return bad(e, "a plain request must name a whole URL, http://..");
    target = str_from(target, 7);
    size_t slash = 0;
    while (slash < target.n && target.p[slash] != '/' && target.p[slash] != '?' && target.p[slash] != '#') slash++;
    str authority = str_to(target, slash), path = str_from(target, slash);
    if (!split(authority, 80, out)) return bad(e, "the URL must name a host");
    buf_add(onward, method);
    buf_lit(onward, " ");
    if (!path.n || path.p[0] != '/') buf_byte(onward, '/');
    buf_add(onward, path);
    buf_lit(onward, " HTTP/1.1\r\nHost: ");
    buf_add(onward, authority);
    buf_lit(onward, "\r\n");
    while (take_line(&head, &line) && line.n) {
        if (line.p[0] == ' ' || line.p[0] == '\t') return bad(e, "a header is folded over lines");
        if (is_of_this_hop(line)) continue;
        buf_add(onward, line);
        buf_lit(onward, "\r\n");
    }
    if (head.n || line.n) return bad(e, "this is no request");
    buf_lit(onward, "Connection: close\r\n\r\n");
    return !onward->failed || bad(e, "this request is too long");
}
