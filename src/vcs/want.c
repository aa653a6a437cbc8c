/* vcs/want.c - is a fetch allowed to have what it asks for?  See reach.c for why this is asked.
 *
 * Only version 2 needs it: in versions 0 and 1 git itself compares with the refs that it advertises.
 * Of the commands of version 2, ls-refs and fetch are passed on; object-info would tell about any object. */
#include "base/hash.h"
#include "vcs/pack_priv.h"
#include "vcs/pktline.h"

enum { WANTS_MAX = 200000 };

static bool refuse(struct buf *refusal, bool *allowed, const char *why, str what)
{
    struct buf text = BUF_INIT(0);
    buf_addf(&text, "ERR %s%.*s", why, STR_ARG(str_to(what, 60)));
    pkt_add(refusal, buf_str(&text));
    buf_deinit(&text);
    *allowed = false;
    return true;
}

/* The first want of several speaks for all: git, too, names one and refuses the whole request. */
static bool wants_check(const struct vcs_pack_request *q, const struct vcs_oid *want, size_t n, struct buf *refusal,
                        bool *allowed, struct err *e)
{
    struct vcs_repo *r;
    char hex[VCS_OID_HEX + 1];
    bool all = false;
    if (!vcs_open(q->repo_path, &r, e)) return false;
    bool ok = reach_all(r, q->hidden_refs, q->hidden_refs_count, want, n, &all, e);
    vcs_close(r);
    if (!ok) return false;
    *allowed = all;
    return all || refuse(refusal, allowed, "upload-pack: not our ref ", vcs_oid_hex(&want[0], hex));
}

bool want_check(const struct vcs_pack_request *q, str request, struct buf *refusal, bool *allowed, struct err *e)
{
    struct pkt_v2 v2;
    *allowed = true;
    if (request.n == 0 || str_eq(request, STR("0000"))) return true; /* git's question whether it may send */
    if (!pkt_v2_parse(request, &v2)) return refuse(refusal, allowed, "malformed request", STR(""));
    if (str_eq(v2.command, STR("ls-refs"))) return true;
    if (!str_eq(v2.command, STR("fetch"))) return refuse(refusal, allowed, "unknown command ", v2.command);

    struct vcs_oid *want = NULL;
    size_t n = 0, cap = 0;
    bool bad = false, ok = true;
    str hex;
    while (pkt_v2_want(&v2, &hex, &bad) && n < WANTS_MAX) {
        if (n == cap) {
            cap = cap ? cap * 2 : 64;
            want = mem_grow(want, cap * sizeof *want);
        }
        must(hex_decode(hex, want[n++].b, sizeof want->b));
    }
    if (bad) ok = refuse(refusal, allowed, "malformed request", STR(""));
    else if (n == WANTS_MAX) ok = refuse(refusal, allowed, "too many objects in one request", STR(""));
    else if (n > 0) ok = wants_check(q, want, n, refusal, allowed, e);
    mem_free(want);
    return ok;
}
