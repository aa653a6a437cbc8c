/* vcs/want.c - is a fetch allowed to have what it asks for?  See reach.c for why this is asked.
 *
 * Git's own server asks it in no version of the protocol for trees and blobs, in version 2 not at all, and never for
 * the commits that a client says to be shallow: asked for all of history, it sends what lies behind them.
 * Of the commands of version 2, ls-refs and fetch are passed on; object-info would tell about any object. */
#include "base/hash.h"
#include "vcs/pack_priv.h"
#include "vcs/pktline.h"

enum { WANTS_MAX = 200000, SHALLOWS_MAX = 20000 }; /* git's time grows with the square of the latter */

static bool refuse(struct buf *refusal, bool *allowed, const char *why, str what)
{
    struct buf text = BUF_INIT(0);
    buf_addf(&text, "ERR %s%.*s", why, STR_ARG(str_to(what, 60)));
    pkt_add(refusal, buf_str(&text));
    buf_deinit(&text);
    *allowed = false;
    return true;
}

struct ids {
    struct vcs_oid *id;
    size_t n, cap;
};

/* The first of several speaks for all: git, too, names one and refuses the whole request.  A shallow commit that is not
 * stored is none of our business. */
static bool wants_check(const struct vcs_pack_request *q, const struct ids *want, struct ids *shallow, struct buf *refusal,
                        bool *allowed, struct err *e)
{
    struct vcs_repo *r;
    char hex[VCS_OID_HEX + 1];
    bool all = false;
    if (!vcs_open(q->repo_path, &r, e)) return false;
    const struct ids *asked = want;
    bool ok = reach_all(r, q->hidden_refs, q->hidden_refs_count, want->id, want->n, &all, e);
    if (ok && all && (shallow->n = reach_stored(r, shallow->id, shallow->n)) > 0) {
        asked = shallow;
        ok = reach_all(r, q->hidden_refs, q->hidden_refs_count, shallow->id, shallow->n, &all, e);
    }
    vcs_close(r);
    if (!ok) return false;
    *allowed = all;
    return all || refuse(refusal, allowed, "upload-pack: not our ref ", vcs_oid_hex(&asked->id[0], hex));
}

static void ids_add(struct ids *s, str hex)
{
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->id = mem_grow(s->id, s->cap * sizeof *s->id);
    }
    must(hex_decode(hex, s->id[s->n++].b, sizeof s->id->b));
}

/* What is sent, and where it may go on; NULL, or what is wrong. */
static const char *asks_read(str lines, struct ids *want, struct ids *shallow)
{
    bool deepens = false;
    enum pkt_ask ask;
    str hex;
    while ((ask = pkt_ask_next(&lines, &hex)) != PKT_ASK_END) {
        if (ask == PKT_ASK_BAD) return "malformed request";
        if (ask == PKT_ASK_WANT) ids_add(want, hex);
        if (ask == PKT_ASK_SHALLOW) ids_add(shallow, hex);
        if (ask == PKT_ASK_DEEPEN) deepens = true;
        if (want->n >= WANTS_MAX || shallow->n >= SHALLOWS_MAX) return "too many objects in one request";
    }
    if (!deepens) shallow->n = 0;
    return NULL;
}

bool want_check(const struct vcs_pack_request *q, bool is_v2, str request, struct buf *refusal, bool *allowed, struct err *e)
{
    struct pkt_v2 v2 = { .rest = request };
    *allowed = true;
    if (request.n == 0 || str_eq(request, STR("0000"))) return true; /* git's question whether it may send */
    if (is_v2 && !pkt_v2_parse(request, &v2)) return refuse(refusal, allowed, "malformed request", STR(""));
    if (is_v2 && str_eq(v2.command, STR("ls-refs"))) return true;
    if (is_v2 && !str_eq(v2.command, STR("fetch"))) return refuse(refusal, allowed, "unknown command ", v2.command);

    struct ids want = { 0 }, shallow = { 0 };
    const char *bad = asks_read(v2.rest, &want, &shallow);
    bool ok = true;
    if (bad) ok = refuse(refusal, allowed, bad, STR(""));
    else if (want.n > 0) ok = wants_check(q, &want, &shallow, refusal, allowed, e);
    mem_free(want.id);
    mem_free(shallow.id);
    return ok;
}
