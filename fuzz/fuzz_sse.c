/* Fuzz target of cli/sse.h: the first byte chooses the size of the pieces.  Whatever a server sends, pieces of another size make no
 * other events, and none is longer than it may be. */
#include "base/arena.h"
#include "cli/model/sse.h"

enum { EVENT_BYTES_MAX = 200 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool note(void *ctx, str data, struct err *e)
{
    (void)e;
    must(data.n <= EVENT_BYTES_MAX);
    buf_add(ctx, data);
    buf_byte(ctx, '\0');
    return true;
}

static bool run(str text, size_t piece, struct buf *events)
{
    struct sse s;
    struct err e;
    sse_init(&s, EVENT_BYTES_MAX, note, events);
    bool ok = true;
    for (; ok && text.n; text = str_from(text, piece)) ok = sse_take(&s, str_to(text, piece), &e);
    ok = ok && sse_end(&s, &e);
    must(ok || e.code == ERR_TOO_LARGE);
    sse_deinit(&s);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    str text = str_of((bytes){ data + 1, size - 1 });
    struct buf whole = BUF_INIT(0), pieces = BUF_INIT(0);
    bool ok = run(text, text.n ? text.n : 1, &whole);
    must(run(text, 1 + data[0] % 16, &pieces) == ok && str_eq(buf_str(&whole), buf_str(&pieces)));
    buf_deinit(&whole);
    buf_deinit(&pieces);
    return 0;
}
