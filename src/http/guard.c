/* http/guard.c - the addresses that nobody outside may make us ask.
 *
 * Looked at as bytes, at the moment of connecting: spellings of numbers, names that change their mind, and names
 * with several addresses make no difference here. */
#include "http/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "http/client.h"

struct block {
    uint8_t first[16];
    unsigned bits;
};

/* IANA's registry of special addresses. */
static const struct block refused4[] = {
    { { 0 }, 8 },            { { 10 }, 8 },           { { 100, 64 }, 10 },    { { 127 }, 8 },         { { 169, 254 }, 16 },
    { { 172, 16 }, 12 },     { { 192, 0, 0 }, 24 },   { { 192, 0, 2 }, 24 },  { { 192, 88, 99 }, 24 }, { { 192, 168 }, 16 },
    { { 198, 18 }, 15 },     { { 198, 51, 100 }, 24 }, { { 203, 0, 113 }, 24 }, { { 224 }, 4 },       { { 240 }, 4 },
};
static const struct block public6[] = { { { 0x20 }, 3 } }; /* 2000::/3 is all that has been given out */
static const struct block refused6[] = {
    { { 0x20, 0x01, 0x00 }, 23 },       /* 2001::/23: protocols, Teredo among them */
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32 }, /* documentation */
    { { 0x20, 0x02 }, 16 },             /* 6to4: carries an IPv4 address */
    { { 0x3f, 0xff, 0x00 }, 20 },       /* documentation */
};
static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };                              /* ::ffff:a.b.c.d */
static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };                                 /* 64:ff9b::a.b.c.d */

static bool is_in(const uint8_t *address, const struct block *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned whole = b[i].bits / 8, rest = b[i].bits % 8;
        uint8_t mask = (uint8_t)(0xff00u >> rest);
        if (memcmp(address, b[i].first, whole) == 0 && (!rest || ((address[whole] ^ b[i].first[whole]) & mask) == 0)) return true;
    }
    return false;
}

bool http_address_is_public(bytes address)
{
    if (address.n == 4) return !is_in(address.p, refused4, COUNT(refused4));
    if (address.n != 16) return false;
    if (memcmp(address.p, mapped, sizeof mapped) == 0 || memcmp(address.p, nat64, sizeof nat64) == 0)
        return !is_in(address.p + 12, refused4, COUNT(refused4));
    return is_in(address.p, public6, COUNT(public6)) && !is_in(address.p, refused6, COUNT(refused6));
}

static bool is_web_port(in_port_t port) { return port == htons(80) || port == htons(443); }

static in_port_t port_of(const struct sockaddr *at)
{
    struct sockaddr_in v4; /* the port stands at one place in both */
    memcpy(&v4, at, sizeof v4);
    return v4.sin_port;
}

bool http_guard_is_public(const struct sockaddr *at)
{
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    if (at->sa_family == AF_INET) {
        memcpy(&v4, at, sizeof v4);
        return http_address_is_public((bytes){ (const uint8_t *)&v4.sin_addr, 4 });
    }
    if (at->sa_family != AF_INET6) return false;
    memcpy(&v6, at, sizeof v6);
    return http_address_is_public((bytes){ (const uint8_t *)&v6.sin6_addr, 16 });
}

bool http_guard_allows(const struct sockaddr *at) { return http_guard_is_public(at) && is_web_port(port_of(at)); }
