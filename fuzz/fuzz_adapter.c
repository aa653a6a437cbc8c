/* Fuzz target of model/adapter/lora.h: whatever an adapter_config.json says, the adapter is refused, or adds what has the shape that was
 * asked for.  Its weights are always the same two small tensors. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/os.h"
#include "model/adapter/lora.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/fuzz_adapter.XXXXXX";

static void remove_dir(void)
{
    struct err ignored;
    (void)os_remove_tree(dir, &ignored);
}

static void write_file(const char *name, const void *p, size_t n)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    must(fd >= 0 && write(fd, p, n) == (ssize_t)n);
    close(fd);
}

static void write_weights(void)
{
#define NAME "base_model.model.model.layers.0.self_attn.q_proj.lora_"
    static const char header[] = "{\"" NAME "A.weight\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
                                 "\"" NAME "B.weight\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[8,16]}}";
    uint8_t file[8 + sizeof header - 1 + 16] = { 0 };
    const uint64_t n = sizeof header - 1;
    memcpy(file, &n, 8);
    memcpy(file + 8, header, n);
    write_file("adapter_model.safetensors", file, sizeof file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_made;
    struct low_rank add;
    struct lora *l;
    struct err e;
    if (!is_made) {
        must(mkdtemp(dir));
        atexit(remove_dir);
        write_weights();
        is_made = true;
    }
    write_file("adapter_config.json", data, size);
    if (!lora_open(dir, &l, &e)) return 0;
    if (lora_find(l, STR("model.layers.0.self_attn.q_proj"), 2, 2, &add, &e) && add.a) must(add.a->shape[0] == 1 && add.b && lora_all_found(l, &e));
    if (lora_find(l, STR("lm_head"), 2, 2, &add, &e)) must(!add.a);
    lora_close(l);
    return 0;
}
