/* fuzz_metric.c - a metric's value as people write it ("78.4 ± 0.3 %"), and a card's model-index or a list of results as JSON. */
#include <math.h>

#include "base/json.h"
#include "hub/card/metric.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(0);
    str text = str_n((const char *)data, size);
    struct metric_list list;
    struct json *j;
    struct err e;
    double value, error;
    bool has_error;
    if (metric_parse(text, &value, &error, &has_error)) must(isfinite(value) && isfinite(error) && error >= 0);
    if (json_parse(text, a, &j, &e)) {
        metric_list_init(&list, a);
        metric_add_card(&list, j, a);
        metric_add_results(&list, j, a);
        must(list.n <= METRIC_ROWS_MAX);
        for (size_t i = 0; i + 1 < list.n; i++) metric_compare(&list.row[i], &list.row[i + 1]);
    }
    arena_free(a);
    return 0;
}
