/* fuzz_ndjson.c - bodies that are lines of JSON: whatever pieces they come in, the lines are the same, and so is what is wrong with one. */
#include <string.h>

#include "api/hub/hub_api.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct body {
    str rest;
    size_t piece;
    struct buf lines; /* what was read */
};

static bool next(void *ctx, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    struct body *b = ctx;
    (void)e;
    *got = b->rest.n < b->piece ? b->rest.n : b->piece;
    if (*got > n) *got = n;
    if (*got) memcpy(out, b->rest.p, *got);
    b->rest = str_from(b->rest, *got);
    return true;
}

static bool keep(void *ctx, const struct json *doc, struct arena *scratch, struct err *e)
{
    struct body *b = ctx;
    struct json_writer w = json_writer(&b->lines);
    (void)scratch;
    jw_value(&w, doc);
    buf_lit(&b->lines, "\n");
    return json_is(doc, JSON_OBJECT) || err_set(e, ERR_INVALID, "no object");
}

static bool read_in(struct body *b, size_t piece, const uint8_t *data, size_t size, struct err *e)
{
    const struct ndjson form = { "body", "; shorten it", 4 << 10, keep, b };
    *b = (struct body){ str_n((const char *)data, size), piece, BUF_INIT(0) };
    return ndjson_read_from(next, b, &form, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct body whole, pieces;
    struct err e = { 0 }, f = { 0 };
    size_t piece = size ? 1 + data[0] % 67 : 1;
    bool ok = read_in(&whole, SIZE_MAX, data, size, &e);
    must(read_in(&pieces, piece, data, size, &f) == ok);
    must(ok || (e.code == f.code && strcmp(e.msg, f.msg) == 0));
    must(str_eq(buf_str(&whole.lines), buf_str(&pieces.lines)));
    buf_deinit(&whole.lines);
    buf_deinit(&pieces.lines);
    return 0;
}
