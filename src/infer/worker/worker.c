/* infer/worker/worker.c - see infer/worker/worker.h.
 *
 * One thread does all: between two steps of the engine it takes what has come, so a cancelled call leaves with the next
 * step.  When nothing runs it waits.  Whatever cannot be sent means that the parent is gone, and then so are we.
 *
 * Of the large files the headers are there; the rest is asked for when the first number is read (model/weights.h), which may be
 * never.  What comes before it has come is kept for later. */
#include "infer/worker/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "infer/worker/aside.h"
#include "infer/engine/engine.h"
#include "infer/worker/frame.h"
#include "base/sandbox.h"
#include "infer/worker/staging.h"
#include "model/nn/linear.h"
#include "model/weights.h"

enum { ALIVE_MS = 1000 };

struct worker {
    struct channel *channel;
    struct engine *engine;
    struct aside *aside;
    const char *folder;
    bool has_lost_parent;
    int64_t told_ms; /* when we last said anything */
    struct held *first, **last; /* frames that came while we waited for another */
};

struct held {
    struct held *next;
    struct frame f;
    char text[];
};

static void tell(struct worker *w, enum frame_kind kind, uint64_t call, str text)
{
    struct err e;
    w->told_ms = clock_mono_ms();
    if (!channel_send(w->channel, kind, call, text, &e)) w->has_lost_parent = true;
}

/* What a step brings to all calls leaves at its end, and wakes the parent once. */
static void tell_with_step(struct worker *w, enum frame_kind kind, uint64_t call, str text)
{
    struct err e;
    w->told_ms = clock_mono_ms();
    if (!channel_keep(w->channel, kind, call, text, &e)) w->has_lost_parent = true;
}

/* Where a model's files lie here is nobody's business: they have the names that they have in their repository. */
static str without_folder(const struct worker *w, str text, struct buf *out)
{
    str folder = str_c(w->folder);
    for (size_t at; (at = str_find(text, folder)) != STR_NONE; text = str_from(text, at + folder.n)) {
        buf_add(out, str_to(text, at));
        if (str_starts(str_from(text, at + folder.n), STR("/"))) at++;
        else buf_lit(out, "the repository");
    }
    buf_add(out, text);
    return buf_str(out);
}

static void tell_failure(struct worker *w, enum frame_kind kind, uint64_t call, const struct err *why)
{
    struct buf b = BUF_INIT(0), message = BUF_INIT(0);
    struct json_writer j = json_writer(&b);
    jw_object(&j);
    jw_kint(&j, "code", why->code);
    jw_kstr(&j, "message", without_folder(w, str_c(why->msg), &message));
    jw_object_end(&j);
    tell(w, kind, call, buf_str(&b));
    buf_deinit(&message);
    buf_deinit(&b);
}

static void on_part(void *ctx, uint64_t call, str json) { tell_with_step(ctx, FRAME_PART, call, json); }
static void on_end(void *ctx, uint64_t call, str json) { tell_with_step(ctx, FRAME_DONE, call, json); }
static void on_counted(void *ctx, uint64_t call, str json) { tell_with_step(ctx, FRAME_COUNTED, call, json); }
static void on_fail(void *ctx, uint64_t call, const struct err *why) { tell_failure(ctx, FRAME_FAIL, call, why); }

/* ------------------------------------------------------------------ loading */

static bool receive(struct worker *w, enum frame_kind kind, struct frame *f, struct err *e)
{
    bool got;
    if (!channel_receive(w->channel, -1, f, &got, e)) return false;
    return f->kind == kind || err_set(e, ERR_INVALID, "a frame of kind %d came where %d was due", f->kind, kind);
}

static void hold(struct worker *w, const struct frame *f)
{
    struct held *h = mem_alloc(sizeof *h + f->text.n + 1);
    h->f = *f;
    if (f->text.n) memcpy(h->text, f->text.p, f->text.n);
    h->f.text.p = h->text;
    *w->last = h;
    w->last = &h->next;
}

/* On whichever thread reads a weight; the one that receives frames waits for it meanwhile. */
static bool fetch_files(void *ctx, struct err *e)
{
    struct worker *w = ctx;
    struct frame f;
    bool got;
    tell(w, FRAME_READ, 0, STR(""));
    for (;;) {
        if (!channel_receive(w->channel, -1, &f, &got, e)) return false;
        if (got && f.kind == FRAME_BYTES) return true;
        if (got) hold(w, &f);
    }
}

static bool read_config(str text, struct arena *a, struct engine_config *out, str *file, struct err *e)
{
    struct json *j;
    bool ok = json_parse(arena_dup(a, text), a, &j, e), known = false;
    if (ok) {
        known = linear_type_parse(json_str_or(j, STR("dtype"), STR("auto")), &out->type);
        out->threads = (size_t)json_int_or(j, STR("threads"), 1);
        out->kv_bytes = (size_t)json_int_or(j, STR("kv_bytes"), 256 << 20);
        out->content = json_str_or(j, STR("content"), STR(""));
        *file = json_str_or(j, STR("file"), STR(""));
        if (!known) ok = err_set(e, ERR_INVALID, "weights are packed as auto, f32, bf16, q8 or q4");
    }
    return ok;
}

static bool load(struct worker *w, const char *folder, const char *cache_dir, struct arena *a, struct err *e)
{
    struct engine_config config = { .cache_dir = cache_dir && *cache_dir ? cache_dir : NULL };
    const struct engine_sink sink = { w, on_counted, on_part, on_end, on_fail };
    struct frame f;
    const char *path = folder;
    str file;
    if (!receive(w, FRAME_LOAD, &f, e) || !read_config(f.text, a, &config, &file, e)) return false;
    if (file.n) {
        path = arena_fmt(a, "%s/%.*s", folder, STR_ARG(file)).p;
        if (!fetch_files(w, e)) return false; /* a .gguf file has no header that could be brought alone */
    } else {
        weights_come_later(fetch_files, w);
    }
    if (!engine_open(path, &config, &sink, &w->engine, e)) return false;
    struct buf b = BUF_INIT(0);
    engine_describe(w->engine, &b);
    if (!engine_needs_files(w->engine)) weights_are_gone(); /* the parent takes them away when it reads this */
    tell(w, FRAME_READY, 0, buf_str(&b));
    buf_deinit(&b);
    return true;
}

/* ------------------------------------------------------------------ serving */

static void take_adapter(struct worker *w, const struct frame *f)
{
    char dir[600];
    struct err e;
    bool ok = f->call < ENGINE_ADAPTERS_MAX && snprintf(dir, sizeof dir, "%s/%s", w->folder, STAGING_ADAPTER) < (int)sizeof dir;
    if (!ok) err_set(&e, ERR_INVALID, "there is no slot %llu", (unsigned long long)f->call);
    else ok = engine_adapter(w->engine, (size_t)f->call, dir, &e);
    if (ok) tell(w, FRAME_ADAPTED, f->call, STR(""));
    else tell_failure(w, FRAME_ADAPTED, f->call, &e);
}

static void take_call(struct worker *w, const struct frame *f)
{
    if (aside_take(w->aside, f->call, f->text)) return;
    struct arena *a = arena_new((size_t)256 << 20);
    struct json *request;
    struct err e;
    if (json_parse(f->text, a, &request, &e)) engine_call(w->engine, f->call, request);
    else tell_failure(w, FRAME_FAIL, f->call, &e);
    if (!channel_flush(w->channel, &e)) w->has_lost_parent = true; /* what the tokenizer is asked for is answered at once */
    arena_free(a);
}

static void cancel_call(struct worker *w, uint64_t call)
{
    if (!aside_cancel(w->aside, call)) engine_cancel(w->engine, call);
}

static bool take_frame(struct worker *w, const struct frame *f, struct err *e)
{
    if (f->kind == FRAME_CALL) take_call(w, f);
    else if (f->kind == FRAME_ADAPTER) take_adapter(w, f);
    else if (f->kind == FRAME_CANCEL) cancel_call(w, f->call);
    else return err_set(e, ERR_INVALID, "a frame of kind %d is not for a worker that serves", f->kind);
    return true;
}

static bool take_held(struct worker *w, struct err *e)
{
    bool ok = true;
    for (struct held *h; ok && (h = w->first); mem_free(h)) {
        if (!(w->first = h->next)) w->last = &w->first;
        ok = take_frame(w, &h->f, e);
    }
    return ok;
}

/* All that has come; waits for something when `waits`. */
static bool take_frames(struct worker *w, bool waits, struct err *e)
{
    struct frame f;
    bool got;
    do {
        if (!channel_receive(w->channel, waits && !w->first ? -1 : 0, &f, &got, e) || (got && !take_frame(w, &f, e)) || !take_held(w, e)) return false;
        waits = false;
    } while (got);
    return true;
}

static bool serve(struct worker *w, struct err *e)
{
    bool idle = true;
    while (!w->has_lost_parent) {
        if (!take_frames(w, idle, e)) return e->code == ERR_CLOSED;
        aside_tend(w->aside, w->engine);
        if (!engine_step(w->engine, &idle, e) || !channel_flush(w->channel, e)) return e->code == ERR_CLOSED;
        if (!idle && clock_mono_ms() - w->told_ms > ALIVE_MS) tell(w, FRAME_ALIVE, 0, STR("")); /* a long prompt: many steps, no word */
    }
    return true;
}

/* When memory runs out, a worker goes, which is started again, and not the server. */
static void go_first(void)
{
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (write(fd, "500", 3) != 3) {} /* a wish */
    close(fd);
}

bool worker_run(int fd, const char *folder, const char *cache_dir, struct err *e)
{
    struct worker w = { .channel = channel_new(fd), .folder = folder };
    w.last = &w.first;
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    go_first();
    (void)prctl(PR_SET_DUMPABLE, 0); /* no core file with somebody's prompts */
    struct arena *a = arena_new(0);
    bool confined_to_files, ok = sandbox_enter(folder, cache_dir && *cache_dir ? cache_dir : NULL, &confined_to_files, e) && load(&w, folder, cache_dir, a, e);
    arena_free(a);
    if (!ok) tell_failure(&w, FRAME_FAIL, 0, e);
    if (ok && sandbox_is_built() && !confined_to_files)
        fprintf(stderr, "hearth worker: there is no Landlock, so this worker may open every file that the server may\n");
    if (ok) w.aside = aside_new(w.engine, w.channel);
    ok = ok && serve(&w, e);
    aside_free(w.aside);
    engine_close(w.engine);
    channel_free(w.channel);
    return ok;
}
