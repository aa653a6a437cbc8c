/* fuzz_want.c - what a fetch asks for.  Input: a byte, odd for version 2, then the request.  In a repository without commits nothing may
 * be had: a request that names an object is refused, in one packet that git shows as an error. */
#include "base/os.h"
#include "vcs/pack_priv.h"
#include "vcs/pktline.h"

static char path[] = "/tmp/fuzz-want-XXXXXX", repo[64];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void end(void)
{
    struct err ignored;
    (void)os_remove_tree(path, &ignored);
}

static void begin(void)
{
    struct err e;
    must(vcs_global_init(&e) && mkdtemp(path) && atexit(end) == 0);
    snprintf(repo, sizeof repo, "%s/repo", path);
    must(vcs_create(repo, &e));
}

/* Only of what is well formed up to there, as git reads it. */
static bool wants_something(str request, bool is_v2)
{
    struct pkt_v2 v2 = { .rest = request };
    enum pkt_ask ask;
    str hex;
    if (is_v2 && (!pkt_v2_parse(request, &v2) || !str_eq(v2.command, STR("fetch")))) return false;
    while ((ask = pkt_ask_next(&v2.rest, &hex)) != PKT_ASK_END && ask != PKT_ASK_BAD)
        if (ask == PKT_ASK_WANT) return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const str hidden = STR_INIT("refs/hidden/");
    struct vcs_pack_request q = { .repo_path = repo, .service = VCS_UPLOAD_PACK, .hidden_refs = &hidden, .hidden_refs_count = 1 };
    struct buf refusal = BUF_INIT(4096);
    struct err e;
    bool allowed;
    if (!repo[0]) begin();
    if (size < 1) return 0;
    bool is_v2 = data[0] & 1;
    str request = str_n((const char *)data + 1, size - 1), rest, line;
    must(want_check(&q, is_v2, request, &refusal, &allowed, &e));
    must(allowed == (refusal.n == 0));
    must(!allowed || !wants_something(request, is_v2));
    rest = buf_str(&refusal);
    must(allowed || (pkt_next(&rest, &line) == PKT_DATA && rest.n == 0 && str_starts(line, STR("ERR "))));
    buf_deinit(&refusal);
    return 0;
}
