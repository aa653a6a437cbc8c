/* generate_help.h - a generator on the demo model. */
#ifndef GENERATE_HELP_H
#define GENERATE_HELP_H

#include "unit.h"

#include "model/generate/generator.h"

struct engine {
    struct team *team;
    struct decoder *d;
    struct generator *g;
};

static inline struct decoder *demo_decoder(struct engine *m, enum kernel_type type)
{
    struct err e;
    struct decoder *d;
    char path[512];
    snprintf(path, sizeof path, "%s/../../demo", getenv("HEARTH_TEST_DATA"));
    must_ok(decoder_open(path, type, m->team, &d, &e));
    return d;
}

static inline void engine_open(struct engine *m, size_t kv_bytes)
{
    m->team = team_new(2);
    m->d = demo_decoder(m, KERNEL_F32);
    m->g = generator_new(m->d, m->team, kv_bytes);
}

/* Another generator, which knows nothing of what was computed before. */
static inline void engine_renew(struct engine *m, size_t kv_bytes)
{
    generator_free(m->g);
    m->g = generator_new(m->d, m->team, kv_bytes);
}

static inline void engine_close(struct engine *m)
{
    generator_free(m->g);
    decoder_close(m->d);
    team_free(m->team);
}

static inline void run_dry(struct engine *m)
{
    struct err e;
    bool idle = false;
    for (size_t i = 0; !idle; i++) {
        must_ok(generator_step(m->g, &idle, &e));
        assert_true(i < 2000);
    }
}

#endif
