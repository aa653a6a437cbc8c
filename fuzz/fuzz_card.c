/* fuzz_card.c - a whole README: front matter, checks, and the tags that follow. */
#include "hub/card/card.h"
#include "hub/index/facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str readme = str_n((const char *)data, size), yaml, body;
    bool found;

    card_front_matter(readme, &yaml, &body, &found);
    must(yaml.n + body.n <= size);
    for (int kind = 0; kind < REPO_KINDS; kind++) {
        struct arena *a = arena_new(128 << 20);
        struct facts_model m = { 0 };
        struct facts_scan scan;
        struct card_report r;
        struct err e;
        str *tags;
        size_t n;
        facts_scan_init(&scan, a);
        facts_scan_add(&scan, &(struct facts_file){ .path = STR("model.safetensors") });
        if (card_check(readme, (enum repo_kind)kind, a, &r, &e)) {
            must(r.data == NULL || r.data->type == JSON_OBJECT);
            must(r.data || r.errors_count || r.warnings_count);
            tags_derive(&(struct tags_input){ .kind = (enum repo_kind)kind, .card = r.data, .scan = &scan, .model = &m,
                                              .library = facts_library(r.data, &scan, &m), .readme_body = body },
                        a, &tags, &n);
            must(n <= TAGS_MAX);
            for (size_t i = 0; i < n; i++) must(tags[i].n > 0 && tags[i].n <= TAG_BYTES_MAX && str_is_utf8(tags[i]));
        }
        arena_free(a);
    }
    return 0;
}
