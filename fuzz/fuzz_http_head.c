/* fuzz_http_head.c - the lines of a request's head, as libmicrohttpd leaves them cut in its buffer (http/head.c).  What is accepted
 * ends in an empty line and holds no control character but a tab. */
#include "base/arena.h"
#include "http/http_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e;
    char *head = mem_alloc(size ? size : 1); /* of this very size: a byte too far is seen */
    memcpy(head, data, size);
    if (head_lines_check(head, head + size, &e)) {
        must(size >= 4 && !head[size - 1] && !head[size - 2] && !head[size - 3] && !head[size - 4]);
        for (size_t i = 0; i < size; i++) must(!head[i] || head[i] == '\t' || ((unsigned char)head[i] >= ' ' && head[i] != 0x7f));
    }
    mem_free(head);
    return 0;
}
