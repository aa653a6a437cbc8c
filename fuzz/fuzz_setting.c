/* fuzz_setting.c - values of options and settings: whatever is accepted is within its bounds, and is accepted
 * again as it was kept. */
#include "cli/cli.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(0);
    struct err e;
    str text = str_n((const char *)data, size);
    for (size_t i = 0; cli_settings[i].name; i++) {
        const struct cli_option *o = &cli_settings[i];
        struct cli_value v = { 0 }, again = { 0 };
        if (!cli_option_parse(o, text, &v, a, &e)) continue;
        if (o->type == CLI_INT || o->type == CLI_SIZE || o->type == CLI_DURATION)
            must((v.n >= o->min && (!o->max || v.n <= o->max)) || (v.n == 0 && o->flags & CLI_OR_ZERO));
        must(cli_option_parse(o, v.text, &again, a, &e) && again.n == v.n && str_eq(again.text, v.text));
    }
    arena_free(a);
    return 0;
}
