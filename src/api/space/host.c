/* api/space/host.c - the hosts of Spaces: label.domain, one label for each (hub/space_label.h). */
#include "api/api_priv.h"
#include "api/space/space_api.h"
#include "hub/space_label.h"

/* Names below it never leave the machine: browsers take them for its loopback address. */
#define LOCAL_DOMAIN ".localhost"

static str lower(str s, struct arena *a)
{
    char *p = arena_alloc(a, s.n + 1);
    for (size_t i = 0; i < s.n; i++) p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] + 32) : s.p[i];
    return str_n(p, s.n);
}

bool space_host_label(str domain, str host, struct arena *a, str *label)
{
    str name = api_host_name(host);
    if (!domain.n || name.n <= domain.n + 1 || !str_ends_nocase(name, domain) || name.p[name.n - domain.n - 1] != '.') return false;
    *label = lower(str_to(name, name.n - domain.n - 1), a);
    return true;
}

/* "https://hub.example.org:8080/x": the part between. */
static str authority(str url)
{
    size_t at = str_find(url, STR("://"));
    str rest = at == STR_NONE ? url : str_from(url, at + 3);
    size_t end = str_chr(rest, '/');
    return end == STR_NONE ? rest : str_to(rest, end);
}

bool space_domain_check(str domain, str public_url, struct err *e)
{
    struct arena *a = arena_new(0);
    str label, hub = api_host_name(authority(public_url));
    bool fine = domain.n <= 180, ok = false;
    for (size_t i = 0; i < domain.n; i++) {
        char ch = domain.p[i];
        fine = fine && ((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ((ch == '-' || ch == '.') && i && i + 1 < domain.n));
    }
    if (!fine) err_set(e, ERR_INVALID, "spaces-domain \"%.*s\" is no name of a host in lower case, such as spaces.example.org", STR_ARG(str_to(domain, 200)));
    else if (domain.n && !str_ends(domain, STR(LOCAL_DOMAIN)) && !public_url.n)
        err_set(e, ERR_INVALID, "spaces-domain needs public-url: pages of Spaces must know where the hub is");
    else if (domain.n && (space_host_label(domain, hub, a, &label) || str_eq_nocase(domain, hub)))
        err_set(e, ERR_INVALID, "public-url %.*s is in spaces-domain %.*s: the hub must not share a name with what Spaces serve", STR_ARG(public_url), STR_ARG(domain));
    else ok = true;
    arena_free(a);
    return ok;
}

static bool is_this_machine(str hub_url)
{
    str name = api_host_name(authority(hub_url));
    return str_eq_nocase(name, STR("localhost")) || str_ends_nocase(name, STR(LOCAL_DOMAIN)) || str_starts(name, STR("127.")) || str_eq(name, STR("::1"));
}

str space_host(str domain, str hub_url, const struct repo *r, struct arena *a)
{
    str at = authority(hub_url), name = api_host_name(at);
    size_t port = at.n > name.n ? str_rchr(at, ':') : STR_NONE;
    if (port != STR_NONE && str_chr(str_from(at, port), ']') != STR_NONE) port = STR_NONE; /* of an IPv6 address */
    if (!r->label.n || !domain.n || (str_ends(domain, STR(LOCAL_DOMAIN)) && !is_this_machine(hub_url))) return STR("");
    return arena_fmt(a, "%.*s.%.*s%.*s", STR_ARG(r->label), STR_ARG(domain), STR_ARG(port == STR_NONE ? STR("") : str_from(at, port)));
}

str call_space_url(struct call *c, const struct repo *r)
{
    str base = call_base_url(c), host = space_host(c->api->config.spaces_domain, base, r, c->a);
    return host.n ? arena_fmt(c->a, "%.*s://%.*s", STR_ARG(str_to(base, str_find(base, STR("://")))), STR_ARG(host)) : STR("");
}

/* Without public-url the domain is LOCAL_DOMAIN's, and the hub at this machine's own address. */
static str local_url(struct call *c, const char *name)
{
    str base = call_base_url(c), at = authority(base);
    size_t port = str_rchr(at, ':');
    return arena_fmt(c->a, "%.*s://%s%.*s", STR_ARG(str_to(base, str_find(base, STR("://")))), name, STR_ARG(port == STR_NONE ? STR("") : str_from(at, port)));
}

str call_hub_url(struct call *c)
{
    bool knows = !c->space_label.p || c->api->config.public_url.n;
    return knows ? call_base_url(c) : local_url(c, "127.0.0.1");
}

str space_hub_origins(struct call *c)
{
    str hub = call_hub_url(c), other = local_url(c, "localhost");
    return c->api->config.public_url.n ? hub : arena_fmt(c->a, "%.*s %.*s", STR_ARG(hub), STR_ARG(other));
}
