/* api/host.c - may this request call us by that name?
 *
 * A server on 127.0.0.1 is meant for this machine alone, but its browser runs pages from everywhere.  A page of evil.example
 * whose name is made to resolve to 127.0.0.1 is of one origin with us: it could read our pages and send our forms, and make
 * the first account.  The browser still says "Host: evil.example".  So a server that listens on a loopback address answers to
 * addresses, which nobody can make resolve otherwise, to names that no public server gives out, and to its public-url. */
#include "api/api_priv.h"

#include <arpa/inet.h>

str api_host_name(str host)
{
    if (host.n && host.p[0] == '[') {
        size_t end = str_chr(host, ']');
        return end == STR_NONE ? host : str_n(host.p + 1, end - 1);
    }
    size_t colon = str_rchr(host, ':');
    if (colon != STR_NONE) host = str_to(host, colon);
    return str_ends(host, STR(".")) ? str_to(host, host.n - 1) : host;
}

static bool is_address(str name)
{
    struct in6_addr out;
    char text[INET6_ADDRSTRLEN];
    if (name.n >= sizeof text) return false;
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    return inet_pton(AF_INET, text, &out) == 1 || inet_pton(AF_INET6, text, &out) == 1;
}

/* One without a dot is in /etc/hosts or of a local resolver. */
static bool is_private_name(str name)
{
    static const str ends[] = { STR_INIT(".localhost"), STR_INIT(".local"), STR_INIT(".internal"), STR_INIT(".test"), STR_INIT(".home.arpa") };
    for (size_t i = 0; i < COUNT(ends); i++)
        if (name.n > ends[i].n && str_eq_nocase(str_from(name, name.n - ends[i].n), ends[i])) return true;
    return str_chr(name, '.') == STR_NONE;
}

static bool is_of(str url, str name)
{
    size_t at = str_find(url, STR("://"));
    str rest = at == STR_NONE ? url : str_from(url, at + 3);
    size_t slash = str_chr(rest, '/');
    return url.n && str_eq_nocase(api_host_name(slash == STR_NONE ? rest : str_to(rest, slash)), name);
}

bool api_host_is_ours(struct call *c, struct err *e)
{
    const struct api_config *config = &c->api->config;
    str name = api_host_name(http_header(c->http, "Host"));
    if (!config->is_loopback || config->trusts_proxy) return true;
    if (str_starts_nocase(name, STR(API_VIEWER_HOST))) name = str_from(name, sizeof API_VIEWER_HOST - 1); /* of a name of ours, a folder */
    if (c->space_label.p) return true; /* nothing of ours is served there */
    if (!name.n || is_address(name) || is_private_name(name) || is_of(config->public_url, name)) return true;
    return err_kind(e, ERR_DENIED, API_OTHER_HOST,
                    "This Hearth listens on a loopback address and does not answer to \"%.*s\", so that no page from elsewhere can act as one of its own. "
                    "If it is reached by that name, through a proxy, start it with --public-url https://%.*s", STR_ARG(str_to(name, 200)), STR_ARG(str_to(name, 200)));
}
