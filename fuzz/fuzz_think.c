/* fuzz_think.c - what a model thinks and says: the first byte tells whether its prompt has opened the thought, and the size of the pieces.  Pieces of
 * another size tell the same, and nothing is told that was not written. */
#include "base/err.h"
#include "model/chat/think.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(str text, size_t piece, bool is_open, struct buf *thought, struct buf *said)
{
    struct think t;
    think_init(&t, is_open);
    for (bool is_end = false; !is_end; text = str_from(text, piece)) {
        is_end = text.n <= piece;
        think_add(&t, str_to(text, piece), is_end, thought, said);
    }
    must(t.held.n == 0);
    think_deinit(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    str text = str_of((bytes){ data + 1, size - 1 });
    struct buf out[4] = { BUF_INIT(0), BUF_INIT(0), BUF_INIT(0), BUF_INIT(0) };
    run(text, text.n, data[0] & 1, &out[0], &out[1]);
    run(text, 1 + (data[0] >> 1) % 16, data[0] & 1, &out[2], &out[3]);
    must(str_eq(buf_str(&out[0]), buf_str(&out[2])) && str_eq(buf_str(&out[1]), buf_str(&out[3])));
    must(out[0].n + out[1].n <= text.n);
    for (size_t i = 0; i < COUNT(out); i++) buf_deinit(&out[i]);
    return 0;
}
