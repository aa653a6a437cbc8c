/* Heads of answers and chunks, as the app of a Space may send them. */
#include "unit.h"

#include "base/buf.h"
#include "http/answer.h"

static void test_heads(void **state)
{
    static const struct { const char *text; int status; enum http_answer_body body; uint64_t length; } good[] = {
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, HTTP_ANSWER_SIZED, 5 },
        { "HTTP/1.1 204\r\n\r\n", 204, HTTP_ANSWER_TO_END, 0 },
        { "HTTP/1.0 200 fine\nA: b\n\n", 200, HTTP_ANSWER_TO_END, 0 },
        { "HTTP/1.1 200 OK\r\ntransfer-encoding:  Chunked \r\n\r\n", 200, HTTP_ANSWER_CHUNKED, 0 },
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\n", 200, HTTP_ANSWER_SIZED, 5 },
    };
    static const char *const bad[] = {
        "HTTP/2 200\r\n\r\n",      "HTTP/1.1 20 OK\r\n\r\n",  "HTTP/1.1 2000\r\n\r\n", "HTTP/1.1 099 x\r\n\r\n", "HTTP/1.1 600 x\r\n\r\n",
        "ICY 200 OK\r\n\r\n",      "\r\n\r\n",                "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n", "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n", "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    };
    struct http_answer a;
    struct err e;
    size_t n;
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        str text = str_c(good[i].text);
        if (!http_answer_parse(text, &a, &n, &e) || !n || a.status != good[i].status || a.body != good[i].body || (a.body == HTTP_ANSWER_SIZED && a.length != good[i].length))
            fail_msg("%s", good[i].text);
        for (size_t cut = 0; cut < n; cut++) { /* a part of it is not enough, and no fault */
            size_t m;
            assert_true(http_answer_parse(str_to(text, cut), &a, &m, &e) && !m);
        }
    }
    for (size_t i = 0; i < COUNT(bad); i++)
        if (http_answer_parse(str_c(bad[i]), &a, &n, &e)) fail_msg("taken: %s", bad[i]);
}

static void test_limits_of_heads(void **state)
{
    struct buf many = BUF_INIT(0), large = BUF_INIT(0);
    struct http_answer a;
    struct err e;
    size_t n;
    (void)state;
    buf_lit(&many, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i <= HTTP_ANSWER_HEADERS_MAX; i++) buf_lit(&many, "A: b\r\n");
    assert_false(http_answer_parse(buf_str(&many), &a, &n, &e));
    buf_lit(&large, "HTTP/1.1 200 OK\r\nA: ");
    while (large.n < HTTP_ANSWER_HEAD_MAX) buf_byte(&large, 'x');
    assert_false(http_answer_parse(buf_str(&large), &a, &n, &e));
    buf_deinit(&many);
    buf_deinit(&large);
}

static void test_chunks(void **state)
{
    static const struct { const char *text; bool ok; const char *content; } cases[] = {
        { "5\r\nhello\r\n1;a=b\r\n!\r\n0\r\nT: x\r\n\r\n", true, "hello!" }, { "0\r\n\r\n", true, "" }, { "A\n0123456789\n0\n\n", true, "0123456789" },
        { "x\r\n", false, NULL },  { "\r\n", false, NULL },   { "5\r\nhelloworld", false, NULL }, { "fffffffffffffffff\r\n", false, NULL }, { ";\r\n", false, NULL },
        { "-1\r\n", false, NULL }, { "0x5\r\n", false, NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct http_chunks c = { 0 };
        struct buf got = BUF_INIT(0);
        struct err e;
        bytes in = bytes_of(str_c(cases[i].text)), out;
        bool ok = true;
        while (ok && in.n && !c.ended) {
            ok = http_chunks_next(&c, &in, &out, &e);
            if (ok) buf_add(&got, str_of(out));
        }
        if (ok != cases[i].ok || (ok && (!c.ended || !str_eq(buf_str(&got), str_c(cases[i].content))))) fail_msg("case %zu: %s", i, cases[i].text);
        buf_deinit(&got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_heads), cmocka_unit_test(test_limits_of_heads), cmocka_unit_test(test_chunks) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
