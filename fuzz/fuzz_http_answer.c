/* fuzz_http_answer.c - what the app of a Space answers: its head, and a body in chunks.  Headers lie in the head; content lies in what came,
 * in order, and is the same however it comes in pieces. */
#include "base/err.h"
#include "http/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t sum(const uint8_t *data, size_t size, size_t piece, bool *ok, bool *ended)
{
    struct http_chunks c = { 0 };
    struct err e;
    uint64_t h = 0;
    *ok = true;
    for (size_t at = 0; *ok && at < size && !c.ended; at += piece) {
        bytes in = { data + at, size - at < piece ? size - at : piece }, out;
        const uint8_t *from = in.p, *to = in.p + in.n;
        while (*ok && in.n && !c.ended) {
            *ok = http_chunks_next(&c, &in, &out, &e);
            must(!out.n || (out.p >= from && out.p + out.n <= to));
            for (size_t i = 0; *ok && i < out.n; i++) h = h * 31 + out.p[i];
        }
    }
    *ended = c.ended;
    return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_answer a;
    struct err e;
    size_t head_n;
    bool ok[2], ended[2];
    if (http_answer_parse(str_n((const char *)data, size), &a, &head_n, &e) && head_n) {
        must(head_n <= size && head_n <= HTTP_ANSWER_HEAD_MAX && a.status >= 100 && a.status < 600 && a.headers <= HTTP_ANSWER_HEADERS_MAX);
        for (size_t i = 0; i < a.headers; i++) {
            str name = a.header[i].name, value = a.header[i].value;
            must(name.n && name.p >= (const char *)data && value.p + value.n <= (const char *)data + head_n);
            must(str_chr(value, '\n') == STR_NONE && str_chr(value, '\r') == STR_NONE && str_chr(value, '\0') == STR_NONE);
        }
    }
    uint64_t whole = sum(data, size, size ? size : 1, &ok[0], &ended[0]), bits = sum(data, size, 1, &ok[1], &ended[1]);
    must(ok[0] == ok[1] && ended[0] == ended[1] && (!ok[0] || whole == bits));
    return 0;
}
