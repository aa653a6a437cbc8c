/* model/decoder/apart.c - each thread takes rows of its own through all layers.
 *
 * Split by panels, a layer has ten rounds of the team, and between two of them every row goes from one processor's cache to
 * another's.  With rows enough for each thread, a row stays where it is.  Threads wait for each other only where a sequence
 * has rows in several parts: once a layer, when all keys and values are placed.  Each thread reads all weights, which memory
 * must bear: it does where a thread computes for longer than it reads.
 *
 * What a row gives does not depend on this (kernel/kernel.h). */
#include <string.h>

#include "model/decoder/decoder_priv.h"

struct part {
    struct decoder_run *run;
    struct decoder_row row[DECODER_ROWS_MAX];
    size_t taken; /* of its rows that want logits, when they are put together again */
    bool ok;
    struct err err;
};

struct apart {
    struct team *alone; /* of one thread: the team of every part */
    struct meeting meeting;
    size_t parts;
    struct part *part;
    uint16_t owner[DECODER_ROWS_MAX];
};

/* A weight of 4 bits is read in the time in which about eight rows are multiplied by it. */
static size_t rows_least(const struct decoder_run *r) { return kernel_panel_bytes(r->d->type, KERNEL_GROUP) / (kernel_panel_bytes(KERNEL_Q4, KERNEL_GROUP) / 8); }

bool is_apart(const struct decoder_run *r)
{
    size_t threads = team_size(r->team);
    bool has_experts = r->d->config.experts.count; /* whose few rows would be fewer still */
    return threads > 1 && !has_experts && r->n >= threads * rows_least(r);
}

static struct apart *apart_new(const struct decoder_run *r)
{
    struct apart *a = mem_one(struct apart);
    a->alone = team_new(1);
    a->parts = team_size(r->team);
    a->part = mem_alloc(a->parts * sizeof *a->part);
    for (size_t i = 0; i < a->parts; i++) a->part[i].run = decoder_run_new(r->d, a->alone);
    return a;
}

void apart_free(struct apart *a)
{
    if (!a) return;
    for (size_t i = 0; i < a->parts; i++) decoder_run_free(a->part[i].run);
    team_free(a->alone);
    mem_free(a->part);
    mem_free(a);
}

/* Rows are dealt in blocks, to the first thread, the second ..., the last, the last ..., the second, the first: later rows of
 * a sequence have more to attend to, and so everybody has as much. */
enum { BLOCK = 32 };
static void deal(struct apart *a, const struct decoder_run *r)
{
    size_t blocks = a->parts * ((r->n + a->parts * BLOCK - 1) / (a->parts * BLOCK));
    for (size_t b = 0; b < blocks; b++) {
        size_t turn = b / a->parts, seat = b % a->parts, first, end;
        team_share(r->n, b, blocks, &first, &end);
        for (size_t i = first; i < end; i++) a->owner[i] = (uint16_t)(turn % 2 ? a->parts - 1 - seat : seat);
    }
}

/* False: a sequence has rows in two parts. */
static bool are_strangers(const struct apart *a, const struct decoder_run *r)
{
    for (size_t i = 1; i < r->n; i++)
        if (a->owner[i] != a->owner[i - 1] && r->row[i].kv == r->row[i - 1].kv) return false;
    return true;
}

static bool hand_out(struct apart *a, const struct decoder_run *r, struct err *e)
{
    for (size_t i = 0; i < a->parts; i++) a->part[i].run->n = a->part[i].taken = 0;
    for (size_t i = 0; i < r->n; i++) {
        struct part *p = &a->part[a->owner[i]];
        p->row[p->run->n] = r->row[i];
        p->run->position[p->run->n++] = r->position[i];
    }
    a->meeting = (struct meeting){ .parts = a->parts };
    struct meeting *meeting = are_strangers(a, r) ? NULL : &a->meeting;
    for (size_t i = 0; i < a->parts; i++) {
        struct part *p = &a->part[i];
        p->run->row = p->row;
        p->run->meeting = meeting;
        p->err.code = ERR_NONE;
        if (!run_room(p->run, p->run->n, 0, e)) return false;
    }
    return true;
}

static void run_part(void *ctx, size_t i, size_t parts)
{
    struct apart *a = ctx;
    struct part *p = &a->part[i];
    (void)parts;
    p->ok = run_layers(p->run, &p->err);
    if (!p->ok) meeting_break(&a->meeting);
}

bool run_layers_apart(struct decoder_run *r, struct err *e)
{
    struct apart *a = r->apart ? r->apart : (r->apart = apart_new(r));
    size_t n = 0;
    bool ok = true;
    deal(a, r);
    if (!hand_out(a, r, e)) return false;
    team_run(r->team, run_part, a);
    for (size_t i = 0; i < a->parts; i++) {
        ok &= a->part[i].ok;
        if (a->part[i].err.code) *e = a->part[i].err; /* of one; the others only heard that he does not come */
    }
    for (size_t i = 0; ok && i < r->n; i++) {
        struct part *p = &a->part[a->owner[i]];
        if (r->row[i].wants_logits) memcpy(r->x + n++ * r->hidden_stride, p->run->x + p->taken++ * r->hidden_stride, r->d->config.hidden * sizeof *r->x);
    }
    r->n = n;
    return ok;
}
