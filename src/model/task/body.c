/* model/task/body.c - see body.h.
 *
 * A decoder takes texts in steps of a few hundred tokens.  Each text is a sequence of its own, whose keys and values are
 * given back as soon as its last token is through; so only some texts are open at once, however many there are. */
#include "model/task/body.h"

#include <string.h>

#include "base/log.h"
#include "base/machine.h"
#include "model/decoder/decoder.h"
#include "model/memory.h"
#include "model/nn/linear.h"

enum { TEXTS_A_STEP = 32 };

struct body {
    struct arena *a;
    enum encoder_head_kind head;
    /* An encoder, */
    struct packed *kept;
    struct encoder *encoder;
    struct encoder_run *run;
    /* or a decoder. */
    struct decoder *decoder;
    struct decoder_run *steps;
    struct team *team;
    struct linear score; /* [labels, hidden]; n 0: there is none */
    struct scratch scratch;
    struct encoder_config config;
    float *state;        /* [rows_room][hidden] of the last call, */
    float *last, *label; /* [texts_room]: those of its texts' last tokens, and what the head makes of them */
    size_t rows_room, texts_room, texts;
};

/* ------------------------------------------------------------------ opening */

/* Before anything is packed. */
static bool encoder_fits(struct source *s, enum kernel_type type, const struct packed *kept, struct err *e)
{
    struct encoder_config c;
    struct arena *a = arena_new(0);
    bool ok = encoder_config_read(source_config(s), a, &c, e) &&
              memory_check(source_path(s), encoder_memory(&c, type), packed_bytes(kept), machine_now().memory_free, e);
    arena_free(a);
    return ok;
}

static bool open_encoder(struct body *b, struct source *s, enum kernel_type type, struct err *e)
{
    static const char *const types[] = { "f32", "bf16", "q8", "q4m", "q4" };
    const struct weights *weights;
    struct err why;
    if (type >= KERNEL_TYPES) type = KERNEL_BF16; /* "as the file has it": encoders come as plain numbers */
    b->kept = source_packed(s, types[type]);
    if (!source_weights(s, &weights, e) || !encoder_fits(s, type, b->kept, e)) return false;
    if (!encoder_open(source_config(s), weights, b->head, type, b->kept, b->team, &b->encoder, e)) return false;
    if (!packed_save(b->kept, &why)) log_warn("packed.not_kept", "%s", why.msg); /* the model runs all the same */
    packed_settle(b->kept);
    b->run = encoder_run_new(b->encoder, b->team);
    return true;
}

static bool open_score(struct body *b, struct source *s, enum kernel_type type, struct err *e)
{
    const struct weights *weights;
    struct linear_part part = { 0 };
    if (b->head != HEAD_SEQUENCE) return true;
    return source_weights(s, &weights, e) && weights_need(weights, STR("score.weight"), b->config.labels, b->config.hidden, &part.weight, e) &&
           linear_pack(b->team, type, b->config.hidden, &part, 1, &b->score, e);
}

static str type_of(struct source *s) { return json_str_or(source_config(s), STR("model_type"), STR("")); }

static bool open_decoder(struct body *b, struct source *s, enum kernel_type type, struct err *e)
{
    if (b->head != HEAD_NONE && b->head != HEAD_SEQUENCE)
        return err_set(e, ERR_NOT_BUILT, "this task needs an encoder, and \"%.*s\" is a decoder, which does text-generation, and gives vectors and labels of whole texts", STR_ARG(str_to(type_of(s), 60)));
    if (!decoder_open_bare(s, type, b->team, &b->decoder, e)) return false;
    const struct decoder_config *d = decoder_config(b->decoder);
    b->config = (struct encoder_config){ .model_type = d->model_type, .vocab = d->vocab, .hidden = d->hidden, .positions = d->positions,
                                         .pad = json_int_or(source_config(s), STR("pad_token_id"), -1) };
    b->steps = decoder_run_new(b->decoder, b->team);
    return encoder_labels_read(source_config(s), b->a, &b->config, e) && open_score(b, s, type, e);
}

bool body_open(struct source *s, enum encoder_head_kind head, enum kernel_type type, struct team *team, struct body **out, struct err *e)
{
    struct body *b = mem_one(struct body);
    *b = (struct body){ .a = arena_new(0), .head = head, .team = team };
    bool is_encoder = encoder_knows(type_of(s));
    if (is_encoder ? open_encoder(b, s, type, e) : open_decoder(b, s, type, e)) {
        *out = b;
        return true;
    }
    body_close(b);
    return false;
}

void body_close(struct body *b)
{
    if (!b) return;
    encoder_run_free(b->run);
    encoder_close(b->encoder);
    packed_close(b->kept);
    decoder_run_free(b->steps);
    decoder_close(b->decoder);
    linear_free(&b->score);
    scratch_free(&b->scratch);
    mem_free(b->state);
    mem_free(b->last);
    mem_free(b->label);
    arena_free(b->a);
    mem_free(b);
}

const struct encoder_config *body_config(const struct body *b) { return b->encoder ? encoder_config(b->encoder) : &b->config; }

/* ------------------------------------------------------------------ a decoder's states */

/* One step that is being filled. */
struct filling {
    struct body *b;
    struct kv_pool *pool;
    struct kv *open[TEXTS_A_STEP];
    size_t texts;
    struct decoder_row row[DECODER_ROWS_MAX];
    size_t n, done; /* rows of this step, and of those before */
};

/* Runs the step; of its texts only the last may go on in the next one. */
static bool flush(struct filling *f, bool last_goes_on, struct err *e)
{
    const float *state[DECODER_ROWS_MAX];
    size_t hidden = f->b->config.hidden;
    if (f->n && !decoder_forward(f->b->steps, f->row, f->n, state, e)) return false;
    for (size_t i = 0; i < f->n; i++) memcpy(f->b->state + (f->done + i) * hidden, state[i], hidden * sizeof(float));
    f->done += f->n;
    f->n = 0;
    for (size_t i = 0; i + last_goes_on < f->texts; i++) kv_free(f->open[i]);
    if (last_goes_on) f->open[0] = f->open[f->texts - 1];
    f->texts = last_goes_on;
    return true;
}

static bool fill(struct filling *f, const struct encoder_text *text, struct err *e)
{
    if ((f->texts == TEXTS_A_STEP || f->n == DECODER_ROWS_MAX) && !flush(f, false, e)) return false;
    struct kv *kv = f->open[f->texts++] = kv_new(f->pool);
    kv->expected = (uint32_t)text->n;
    for (size_t i = 0; i < text->n; i++) {
        if (f->n == DECODER_ROWS_MAX && !flush(f, true, e)) return false;
        f->row[f->n++] = (struct decoder_row){ text->id[i], kv, true };
    }
    return true;
}

static void make_room(struct body *b, size_t rows, size_t texts)
{
    size_t stride = linear_stride(b->config.hidden), labels = b->score.n ? linear_stride(b->score.n) : 0;
    if (rows > b->rows_room) b->state = mem_grow(b->state, (b->rows_room = rows) * b->config.hidden * sizeof(float));
    if (texts <= b->texts_room) return;
    b->last = mem_grow(b->last, texts * stride * sizeof(float));
    b->label = mem_grow(b->label, (texts * labels + 1) * sizeof(float));
    b->texts_room = texts;
}

/* Transformers looks for the last token that is no pad. */
static size_t last_of(const struct body *b, const struct encoder_text *text)
{
    size_t i = text->n;
    while (b->config.pad >= 0 && i > 1 && text->id[i - 1] == (uint64_t)b->config.pad) i--;
    return b->config.pad >= 0 && text->id[i - 1] == (uint64_t)b->config.pad ? 0 : i - 1;
}

static bool decoder_states(struct body *b, const struct encoder_text *text, size_t n, struct encoder_rows *hidden, struct err *e)
{
    const struct decoder_config *d = decoder_config(b->decoder);
    size_t rows = 0, width = b->config.hidden, stride = linear_stride(width);
    for (size_t i = 0; i < n; i++) rows += text[i].n;
    make_room(b, rows, n);
    struct filling *f = mem_one(struct filling);
    *f = (struct filling){ .b = b, .pool = kv_pool_new(d, d->positions / KV_PAGE + DECODER_ROWS_MAX + TEXTS_A_STEP) };
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) ok = fill(f, &text[i], e);
    ok = ok && flush(f, false, e);
    for (size_t i = 0; i < f->texts; i++) kv_free(f->open[i]); /* after a failure */
    kv_pool_free(f->pool);
    mem_free(f);
    b->texts = n;
    for (size_t i = 0, row = 0; ok && i < n; row += text[i++].n)
        memcpy(b->last + i * stride, b->state + (row + last_of(b, &text[i])) * width, width * sizeof(float));
    *hidden = (struct encoder_rows){ b->state, width, width, rows };
    return ok;
}

/* ------------------------------------------------------------------ either */

bool body_forward(struct body *b, const struct encoder_text *text, size_t n, struct encoder_rows *hidden, struct err *e)
{
    return b->encoder ? encoder_forward(b->run, text, n, hidden, e) : decoder_states(b, text, n, hidden, e);
}

bool body_head_rows(struct body *b, const size_t *row, size_t n, struct encoder_rows *out, struct err *e)
{
    must(b->encoder);
    return encoder_head_rows(b->run, row, n, out, e);
}

bool body_head_texts(struct body *b, struct encoder_rows *out, struct err *e)
{
    if (b->encoder) return encoder_head_texts(b->run, out, e);
    must(b->score.n);
    size_t stride = linear_stride(b->score.n);
    *out = (struct encoder_rows){ b->label, stride, b->score.n, b->texts };
    return linear_run(b->team, &b->scratch, &b->score, b->last, linear_stride(b->config.hidden), b->texts, b->label, stride, e);
}
