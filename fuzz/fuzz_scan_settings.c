/* Fuzz target of scan/form_config.c, form_template.c, form_keras.c and form_text.c: what is judged by its name.  The first byte says which. */
#include "fuzz_scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const name[] = { "config.json", "tokenizer_config.json", "settings.yaml", "chat_template.jinja", "model.keras", "metadata.json", "README.md", "a.ipynb" };
    return size ? fuzz_scan(name[data[0] % COUNT(name)], data + 1, size - 1) : 0;
}
