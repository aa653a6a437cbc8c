/* vcs/pktline.h - git's framing: four hexadecimal digits of length (counting themselves), then the payload.
 * Source: gitprotocol-common(5), gitprotocol-v2(5).  Pure; any thread. */
#ifndef VCS_PKTLINE_H
#define VCS_PKTLINE_H

#include "base/buf.h"
#include "base/str.h"

enum { PKT_PAYLOAD_MAX = 65516 };

enum pkt_kind {
    PKT_DATA,
    PKT_FLUSH,        /* 0000 */
    PKT_DELIM,        /* 0001 */
    PKT_RESPONSE_END, /* 0002 */
    PKT_END,          /* the input ends here, between two packets */
    PKT_BAD,          /* malformed, or cut off */
};

/* Takes one packet off the front of *rest.  payload is a view of it, with its line end if it has one. */
enum pkt_kind pkt_next(str *rest, str *payload);

void pkt_add(struct buf *out, str payload); /* at most PKT_PAYLOAD_MAX bytes */
void pkt_flush(struct buf *out);

/* A version 2 request: which command, and what it goes on with.  False when it is malformed. */
struct pkt_v2 {
    str command; /* "ls-refs", "fetch", ... */
    str rest;    /* the packets behind the delimiter: of a fetch, for pkt_ask_next */
};
bool pkt_v2_parse(str request, struct pkt_v2 *out);

/* The next line that a fetch of any version asks with, up to the flush behind them.  *hex, of a want or a shallow: 40
 * hexadecimal digits of either case; without them the line is bad. */
enum pkt_ask {
    PKT_ASK_WANT,
    PKT_ASK_SHALLOW, /* the client has this commit without its parents */
    PKT_ASK_DEEPEN,  /* to a depth that may be no bound: then parents of shallow commits are sent along */
    PKT_ASK_OTHER,
    PKT_ASK_END,
    PKT_ASK_BAD,
};
enum pkt_ask pkt_ask_next(str *rest, str *hex);

#endif
