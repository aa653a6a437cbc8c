/* fuzz_decoder_config.c - a config.json: what is taken can be computed with. */
#include <math.h>

#include "base/arena.h"
#include "model/decoder/config.h"
#include "model/decoder/decoder_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct decoder_config c;
    struct arena *a = arena_new(16 << 20);
    struct json *config;
    struct err e;
    if (json_parse(str_n((const char *)data, size), a, &config, &e) && decoder_config_read(config, &c, &e)) {
        must(c.vocab && c.hidden && c.layers && c.layers <= DECODER_LAYERS_MAX && c.kv_heads && c.heads % c.kv_heads == 0);
        must(c.eos_count <= DECODER_EOS_MAX && c.attention_scale > 0);
        for (size_t i = 0; i < 2; i++) {
            float inverse[2048], cosine[2048], sine[2048];
            must(c.rope[i].dim > 0 && c.rope[i].dim <= c.head_dim && c.rope[i].dim % 2 == 0);
            rope_inverse_frequencies(&c.rope[i], inverse);
            rope_angles(&c.rope[i], inverse, 1, cosine, sine);
        }
        for (uint32_t i = 0; i < c.layers; i++) must(c.layer[i].rope < 2);
    }
    arena_free(a);
    return 0;
}
