/* fuzz_gguf_model.c - a whole .gguf file: its metadata as a config, its tensors read at both ends and
 * packed as layers, its tokenizer. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/os.h"
#include "model/decoder/config.h"
#include "model/gguf/gguf.h"
#include "model/nn/linear.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As a layer of as many inputs as it has columns. */
static void pack(const struct tensor *t)
{
    static struct team *team;
    const struct linear_part part = { .weight = t };
    struct linear l;
    struct err e;
    if (!team) team = team_new(1);
    if (t->rank != 2 || t->elements == 0 || t->shape[0] > 64 || t->shape[1] > 1024) return;
    if (linear_pack(team, LINEAR_NEAREST, (size_t)t->shape[1], &part, 1, &l, &e)) linear_free(&l);
    else must(e.code == ERR_INVALID);
}

static void read_tensors(const struct weights *w)
{
    struct err e;
    for (size_t i = 0; i < weights_count(w); i++) {
        const struct tensor *t = weights_nth(w, i);
        float out[64];
        size_t n = t->elements < COUNT(out) ? (size_t)t->elements : COUNT(out);
        must(weights_find(w, t->name) == t);
        if (!tensor_floats(t, 0, n, out, &e)) must(e.code == ERR_INVALID);
        if (!tensor_floats(t, t->elements - n, n, out, &e)) must(e.code == ERR_INVALID);
        if (t->rank == 2 && t->shape[0] <= COUNT(out) && t->shape[1] && !tensor_column(t, t->shape[1] - 1, out, &e)) must(e.code == ERR_INVALID);
        pack(t);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct decoder_config c;
    char path[64];
    struct gguf *g;
    struct weights *w;
    struct tokenizer *t;
    struct err e;
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    must(fd >= 0 && os_write(fd, (bytes){ data, size }, &e));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (gguf_open(path, &g, &e)) {
        decoder_config_read(gguf_json(g, STR("config.json")), &c, &e);
        if (gguf_weights(g, &w, &e)) {
            read_tensors(w);
            weights_close(w);
        }
        if (gguf_tokenizer(g, &t, &e)) tokenizer_free(t);
        gguf_close(g);
    }
    close(fd);
    return 0;
}
