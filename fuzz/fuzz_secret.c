/* fuzz_secret.c - any text: what is found lies in it, in order, in the line that is said.
 *
 * The corpus holds no secrets, lest somebody be alarmed: byte 1 becomes 40 characters that look random, byte 2 as many of
 * hexadecimal ones. */
#include "base/buf.h"
#include "base/err.h"
#include "scan/secret.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    str text;
    size_t past;
};

static bool check(void *ctx, const struct secret *s)
{
    struct seen *k = ctx;
    uint64_t line = 1;
    must(s->at >= k->past && s->n > 0 && s->at + s->n <= k->text.n);
    k->past = s->at + s->n;
    for (size_t i = 0; k->text.n < 4096 && i < s->at; i++) line += k->text.p[i] == '\n';
    must(k->text.n >= 4096 || line == s->line);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf b = BUF_INIT(0);
    if (size > 1 << 16) return 0;
    for (size_t i = 0; i < size; i++) {
        if (data[i] == 1) buf_lit(&b, "q7WmZ3xK9tRb2VnJ5sLc8YdF4gHp6TfQ1wXzB0uE");
        else if (data[i] == 2) buf_lit(&b, "7f3a9c04e1b8d25607cd1f3ab95e8240d6f1c3a7");
        else buf_byte(&b, (char)data[i]);
    }
    for (int sure = 0; sure < 2; sure++) {
        struct seen k = { .text = buf_str(&b) };
        secret_search(k.text, sure, check, &k);
    }
    buf_deinit(&b);
    return 0;
}
