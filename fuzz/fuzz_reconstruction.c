/* fuzz_reconstruction.c - what a hub behind this one may say of the chunks of a file.  Input: JSON.  Whatever it says, terms lie in ranges of
 * chunks and bytes that can be asked for, links are links, and there are no fewer bytes than were asked for. */
#include "gateway/gateway_priv.h"
#include "xet/xorb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_window(const struct upstream_window *w, uint64_t asked)
{
    uint64_t all = 0;
    for (size_t i = 0; i < w->n; i++) {
        const struct upstream_term *t = &w->term[i];
        must(t->first < t->end && t->range_first <= t->first && t->end <= t->range_end && t->range_end <= XET_XORB_CHUNKS_MAX);
        must(t->length && t->length <= XET_XORB_BYTES_MAX + 1 && t->at <= XET_XORB_BYTES_MAX && t->raw_bytes >= t->end - t->first);
        must(str_starts(str_c(t->url), STR("http")) && !strpbrk(t->url, "\r\n "));
        all += t->raw_bytes;
    }
    must(w->n && w->skip < w->term[0].raw_bytes && all - w->skip >= asked && all - w->skip < asked + XET_CHUNK_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t asked[] = { 1, 200000, 1 << 28 };
    struct arena *a = arena_new(0);
    struct sha256 sha256 = { { 0 } };
    struct upstream_window w;
    struct upstream_xet x = { .cas_url = NULL };
    struct json *answer;
    struct err e;
    if (json_parse(str_n((const char *)data, size), a, &answer, &e)) {
        for (size_t i = 0; i < COUNT(asked); i++)
            if (answer_window(answer, asked[i], &w, a)) check_window(&w, asked[i]);
        if (answer_xet_token(answer, &x, a)) must(!strpbrk(x.cas_url, "\r\n ") && str_chr(x.token, '\n') == STR_NONE);
        (void)answer_xet_hash(answer, &sha256, 1, &x.hash);
    }
    arena_free(a);
    return 0;
}
