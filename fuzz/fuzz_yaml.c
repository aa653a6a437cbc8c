/* fuzz_yaml.c - front matter's YAML: bounded memory, and what comes out can be written as JSON and read back. */
#include "hub/card/card.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(128 << 20);
    struct json *v, *again;
    struct err e;

    if (card_yaml_parse(str_n((const char *)data, size), a, &v, &e)) {
        struct buf b = BUF_INIT(0);
        struct json_writer w = json_writer(&b);
        jw_value(&w, v);
        must(json_parse(buf_str(&b), a, &again, &e));
        must(again->type == v->type || v->type == JSON_REAL); /* 1e3 is written as 1000 */
        for (int kind = 0; kind < REPO_KINDS; kind++) card_mend(v, (enum repo_kind)kind, a);
        buf_deinit(&b);
    }
    arena_free(a);
    return 0;
}
