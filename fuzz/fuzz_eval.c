/* fuzz_eval.c - a file of .eval_results/, and an eval.yaml (hub/card/eval.h). */
#include <math.h>

#include "hub/card/eval.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { ROOM = 8 };
    struct arena *a = arena_new(0);
    str text = str_n((const char *)data, size);
    struct eval_entry entry[ROOM];
    size_t n = 0;
    eval_results_parse(STR(".eval_results/x.yaml"), text, a, entry, ROOM, &n);
    must(n <= ROOM);
    for (size_t i = 0; i < n; i++) {
        must(entry[i].shown && json_text(a, entry[i].shown).n);
        must(!entry[i].dataset.n || isfinite(entry[i].value));
    }
    const struct json *benchmark = eval_benchmark_parse(text, a);
    if (benchmark) must(json_get(benchmark, STR("tasks"))->count <= EVAL_TASKS_MAX);
    arena_free(a);
    return 0;
}
