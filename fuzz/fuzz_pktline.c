/* Fuzz target of vcs/pktline.h: packets are views of the input, and taking them always comes to an end. */
#include "base/err.h"
#include "vcs/pktline.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str all = str_n((const char *)data, size), rest = all, payload, hex;
    enum pkt_kind kind;
    do {
        size_t before = rest.n;
        kind = pkt_next(&rest, &payload);
        must(kind == PKT_END || kind == PKT_BAD || rest.n + 4 <= before);
        must(payload.n <= PKT_PAYLOAD_MAX);
        must(payload.n == 0 || (payload.p >= all.p && payload.p + payload.n <= all.p + all.n));
    } while (kind != PKT_END && kind != PKT_BAD);

    struct pkt_v2 v2;
    if (!pkt_v2_parse(all, &v2)) return 0;
    enum pkt_ask ask;
    while ((ask = pkt_ask_next(&v2.rest, &hex)) < PKT_ASK_END) must(ask > PKT_ASK_SHALLOW || hex.n == 40);
    return 0;
}
