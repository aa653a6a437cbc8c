/* fuzz_encoder_config.c - a config.json of an encoder: what is taken can be computed with. */
#include "base/arena.h"
#include "model/encoder/config.h"
#include "model/encoder/encoder_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every distance between tokens has a bucket that there is. */
static void check_buckets(const struct encoder_config *c)
{
    static const int64_t distances[] = { 0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 100, 127, 128, 129, 511, 65535, 1 << 24 };
    for (size_t i = 0; i < COUNT(distances); i++)
        for (int sign = -1; sign <= 1; sign += 2) {
            if (c->bias == BIAS_BUCKETS)
                must(encoder_bucket(sign * distances[i], c->buckets, c->distance_max) < c->buckets);
            if (c->bias == BIAS_DISENTANGLED)
                must(encoder_log_bucket(sign * distances[i], c->buckets, c->distance_max) ==
                     -encoder_log_bucket(-sign * distances[i], c->buckets, c->distance_max));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct encoder_config c;
    struct arena *a = arena_new(16 << 20);
    struct json *config;
    struct err e;
    if (json_parse(str_n((const char *)data, size), a, &config, &e) && encoder_config_read(config, a, &c, &e)) {
        must(c.vocab && c.hidden && c.embedding && c.layers && c.layers <= ENCODER_LAYERS_MAX && c.groups &&
             c.groups <= c.layers);
        must(c.heads && c.head_dim * c.heads == c.hidden && c.positions && c.labels && c.labels <= ENCODER_LABELS_MAX);
        must(c.position_rows == 0 || c.position_base + c.positions <= c.position_rows);
        must(c.act < KERNEL_ACTIVATIONS && c.norm_eps >= 0 && c.names && (!c.has_rope || c.head_dim % 2 == 0));
        for (uint32_t i = 0; i < c.labels; i++) must(c.label[i].n == 0 || c.label[i].p);
        check_buckets(&c);
    }
    arena_free(a);
    return 0;
}
