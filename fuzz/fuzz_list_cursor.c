/* fuzz_list_cursor.c - where a listing goes on.  Input: a byte that says the order, then the cursor.  What is taken is said again in
 * the same words, and means the same place. */
#include "hub/index/list_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct list_place place, again;
    struct err e;
    if (size < 1) return 0;
    struct arena *a = arena_new(1 << 20);
    struct list_query q = { .sort = (enum list_sort)((data[0] >> 1) % (SORT_PARAMETERS + 1)), .ascending = data[0] & 1,
                            .cursor = str_n((const char *)data + 1, size - 1) };
    if (list_cursor_parse(&q, &place, a, &e) && place.is_set) {
        q.cursor = list_cursor_format(&q, &place, a);
        must(list_cursor_parse(&q, &again, a, &e) && again.is_set && again.repo_id == place.repo_id && again.key.type == place.key.type);
        must(again.key.i == place.key.i && str_eq(again.key.s, place.key.s) && memcmp(&again.key.r, &place.key.r, sizeof place.key.r) == 0);
    }
    arena_free(a);
    return 0;
}
