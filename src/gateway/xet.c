/* gateway/xet.c - a large file by its chunks: those that are here are read here, and only the others cross the line.
 *
 * The upstream says, for a window of the file at a time, which chunks of which xorbs it is made of.  They are gone through in order, so that
 * who waits for the file reads it as it comes: what place.c knows is copied from a file in the store, or from the part of this one that has
 * come; what is missing of a term comes as one range of its xorb, frame by frame.  A link that is stale, or a line that breaks, is a new
 * question from where we are.  Whatever else is odd ends it, and git-lfs brings the rest.
 *
 * Nothing here is believed: sizes are held against what was announced before a byte is kept, and the hash of the whole decides. */
#include "base/log.h"
#include "base/os.h"
#include "cas/cas.h"
#include "gateway/gateway_priv.h"
#include "http/client.h"
#include "xet/frame.h"

/* A small file is sooner here by git-lfs, which asks once; so is one whose missing chunks lie in many small pieces. */
enum { XET_BYTES_MIN = 1 << 20, WINDOW_BYTES = 256 << 20, PIECES_FREE = 64, PIECE_BYTES_MIN = 512 << 10, TRIES = 3, QUIET_S = 60, BLOCK_BYTES = 1 << 20 };

enum outcome { DONE, AGAIN, FAILED };

struct job {
    struct download *d;
    /* Of a window; of a place, or the window of a rest; of the way.  Each is emptied for the next: an upstream may say much, and often. */
    struct arena *a, *brief, *of_way;
    struct err *e;
    struct upstream_xet way;
    bool distrusts;  /* a place could not be read: all else comes */
    /* the term at hand */
    const struct upstream_term *term;
    uint32_t next, end;   /* chunks that are still to come of it */
    uint64_t raw_left;    /* bytes of them */
    uint64_t skip;        /* bytes before those that we have not */
    /* the frame at hand */
    uint32_t coming;      /* its number */
    size_t n;
    uint8_t frame[XET_FRAME_HEADER + XET_PAYLOAD_MAX], raw[XET_CHUNK_MAX], scratch[XET_CHUNK_MAX];
};

static bool odd(struct job *j, const char *why) { return err_kind(j->e, ERR_IO, GATEWAY_FAILED, "%s", why); }

/* ------------------------------------------------------------------ bytes of the term */

static bool put(struct job *j, bytes b)
{
    struct download *d = j->d;
    uint64_t skip = j->skip < b.n ? j->skip : b.n;
    j->skip -= skip;
    b = (bytes){ b.p + skip, b.n - (size_t)skip };
    if (b.n > d->size_bytes - d->have) return odd(j, "the chunks are more than the file");
    return !b.n || download_keep(d, b) || (*j->e = d->fault, false);
}

/* A chunk of the term, which is next: its bytes begin before those that are skipped. */
static bool count_chunk(struct job *j, uint32_t size_bytes, bool is_new)
{
    if (j->next >= j->end || size_bytes > j->raw_left || (j->next + 1 == j->end && size_bytes != j->raw_left)) return odd(j, "a term's chunks are not what it says");
    if (is_new && j->skip <= j->d->have) places_add(j->d->learnt, &j->term->xorb, j->next, j->d->have - j->skip, size_bytes);
    j->next++;
    j->raw_left -= size_bytes;
    return true;
}

/* ------------------------------------------------------------------ from here */

static bool find_place(struct job *j, const struct xet_hash *xorb, uint32_t chunk, struct place *out, bool *is_own, bool *found)
{
    const struct place *own = places_find(j->d->learnt, xorb, chunk);
    *is_own = *found = own != NULL;
    if (own) *out = *own;
    if (!own) arena_reset(j->brief);
    return own || j->distrusts || place_look_up(j->d->g, xorb, chunk, out, found, j->brief, j->e);
}

/* One chunk after the other, each with its bytes: of the store those are checked on the way. */
static bool copy_chunk(struct job *j, struct cas_reader *r, uint64_t at, uint32_t size_bytes)
{
    size_t done = 0, got = 1;
    bool ok = true;
    while (ok && got && done < size_bytes) {
        ok = r ? cas_reader_read(r, j->raw + done, size_bytes - done, &got, j->e) : os_pread(j->d->fd, j->raw + done, size_bytes - done, at + done, &got, j->e);
        if (ok) done += got;
    }
    return ok && (done == size_bytes || odd(j, "a chunk that was here ends early"));
}

/* *copied false: its file is not here any more, or cannot be read. */
static bool copy(struct job *j, const struct place *p, bool is_own, bool *copied)
{
    struct cas_reader *r = NULL;
    uint64_t at = p->at;
    uint32_t i = 0, last = p->count < j->end - p->first ? p->count : j->end - p->first;
    for (; i < j->next - p->first; i++) at += p->size[i];
    *copied = is_own || cas_reader_open(hub_cas(j->d->g->hub), &p->sha256, at, p->end - at, &r, j->e);
    bool ok = *copied;
    for (; ok && i < last; i++) {
        uint32_t size = p->size[i];
        ok = *copied = copy_chunk(j, r, at, size);
        at += size;
        ok = ok && count_chunk(j, size, !is_own) && put(j, (bytes){ j->raw, size });
        if (ok) atomic_fetch_add(&j->d->g->known_bytes, size);
    }
    cas_reader_close(r);
    if (*copied) return ok;
    j->distrusts = true;
    return !is_own;
}

/* As far as the chunks from `next` on are here. */
static bool copy_known(struct job *j)
{
    while (j->next < j->end) {
        struct place p;
        bool is_own, found, copied;
        if (!find_place(j, &j->term->xorb, j->next, &p, &is_own, &found)) return false;
        if (!found) return true;
        if (!copy(j, &p, is_own, &copied)) return false;
        if (!copied) return true;
    }
    return true;
}

/* ------------------------------------------------------------------ from there */

static bool take_frame(struct job *j, const struct xet_frame *f)
{
    bytes raw;
    j->n = 0;
    if (j->coming++ < j->next) return true; /* of another term */
    if (!xet_frame_decode(f, (bytes){ j->frame + XET_FRAME_HEADER, f->payload_bytes }, j->raw, j->scratch, &raw, j->e)) return false;
    return count_chunk(j, f->raw_bytes, true) && put(j, raw);
}

/* Fills the frame at hand up to `want` bytes. */
static bool fill(struct job *j, str *piece, size_t want)
{
    size_t n = j->n < want ? want - j->n : 0;
    if (n > piece->n) n = piece->n;
    memcpy(j->frame + j->n, piece->p, n);
    j->n += n;
    *piece = str_from(*piece, n);
    return j->n >= want;
}

static bool take(void *ctx, int status, str piece)
{
    struct job *j = ctx;
    struct xet_frame f;
    if (status != 206 && status != 200) return true; /* why it was refused */
    if (status == 200 && j->term->at) return odd(j, "a range was asked for, and the whole is sent");
    atomic_fetch_add(&j->d->g->bytes, piece.n);
    while (piece.n && j->next < j->end) {
        if (!fill(j, &piece, XET_FRAME_HEADER)) return true;
        if (!xet_frame_parse(j->frame, &f, j->e)) return false;
        if (fill(j, &piece, XET_FRAME_HEADER + f.payload_bytes) && !take_frame(j, &f)) return false;
    }
    return j->next < j->end; /* what follows is of other terms */
}

static enum outcome fetch(struct job *j, const struct upstream_term *t)
{
    char range[64];
    const char *const header[] = { range, NULL };
    struct gateway *g = j->d->g;
    struct http_client_request q = { .url = t->url, .header = header, .quiet_s = QUIET_S, .follows = true, .is_kept_out = upstream_is_kept_out(g), .stop = &g->stopping,
                                     .take = take, .ctx = j };
    struct err why;
    int status = 0;
    snprintf(range, sizeof range, "Range: bytes=%llu-%llu", (unsigned long long)t->at, (unsigned long long)(t->at + t->length - 1));
    j->coming = t->range_first;
    j->n = 0;
    j->e->code = ERR_NONE;
    bool ok = http_client_run(&q, &status, &why);
    if (j->next == j->end) return DONE; /* we may have left it before its end */
    if (j->e->code != ERR_NONE) return FAILED;
    if (status == 403) return odd(j, "a link to chunks is not taken any more"), AGAIN;
    if (!ok && why.code != ERR_DENIED) return err_kind(j->e, ERR_IO, GATEWAY_DOWN, "%s", why.msg), AGAIN;
    return odd(j, ok ? "chunks are not all there" : why.msg), FAILED;
}

/* ------------------------------------------------------------------ a window */

/* The rest of a term is asked for as a window of its own, where its link is for more than that. */
static enum outcome fetch_rest(struct job *j)
{
    struct upstream_window w;
    bool is_stale;
    const struct upstream_term *t = j->term;
    if (t->range_first == j->next && t->range_end == j->end) return fetch(j, t);
    uint64_t from = j->d->have, length = j->raw_left - j->skip;
    if (j->skip >= j->raw_left) return odd(j, "a window begins behind its first chunk"), FAILED;
    if (length > j->d->size_bytes - from) length = j->d->size_bytes - from;
    arena_reset(j->brief);
    if (!upstream_window(j->d->g, &j->way, from, from + length, &w, &is_stale, j->brief, j->e)) return FAILED;
    if (is_stale) return odd(j, "the token for chunks is not taken any more"), AGAIN;
    bool is_it = w.n == 1 && xet_hash_eq(&w.term->xorb, &t->xorb) && w.term->first == j->next && w.term->range_first <= j->next && w.term->end <= j->end && w.term->range_end >= w.term->end;
    return is_it ? fetch(j, w.term) : (odd(j, "a part of a term is not what the term is"), FAILED);
}

static enum outcome take_term(struct job *j, const struct upstream_term *t)
{
    j->term = t;
    j->next = t->first, j->end = t->end;
    j->raw_left = t->raw_bytes;
    if (!copy_known(j)) return FAILED;
    return j->next == j->end ? DONE : fetch_rest(j);
}

/* Many small pieces take longer than all of it at once. */
static bool is_in_pieces(struct job *j, const struct upstream_window *w, bool *yes)
{
    uint64_t missing = 0, known = 0, pieces = 0;
    for (size_t i = 0; i < w->n; i++) {
        struct place p;
        bool is_own, found;
        if (!find_place(j, &w->term[i].xorb, w->term[i].first, &p, &is_own, &found)) return false;
        *(found ? &known : &missing) += w->term[i].raw_bytes;
        pieces += !found;
    }
    *yes = pieces > PIECES_FREE && missing > known && missing / pieces < PIECE_BYTES_MIN;
    return true;
}

static enum outcome take_window(struct job *j, bool *is_for_lfs)
{
    struct download *d = j->d;
    struct upstream_window w;
    uint64_t left = d->size_bytes - d->have;
    bool is_stale;
    enum outcome so = DONE;
    if (!upstream_window(d->g, &j->way, d->have, d->have + (left < WINDOW_BYTES ? left : WINDOW_BYTES), &w, &is_stale, j->a, j->e)) return FAILED;
    if (is_stale) return odd(j, "the token for chunks is not taken any more"), AGAIN;
    if (!is_in_pieces(j, &w, is_for_lfs)) return FAILED;
    j->skip = w.skip;
    for (size_t i = 0; so == DONE && !*is_for_lfs && i < w.n && !gateway_is_stopping(d->g); i++) so = take_term(j, &w.term[i]);
    return so;
}

/* ------------------------------------------------------------------ the whole */

static bool find_path(struct download *d, str *path, bool *found, struct arena *a, struct err *e)
{
    struct db_query q;
    struct db_conn *c = db_reader(hub_db(d->g->hub));
    bool ok = db_query(c, &q, e, "SELECT path FROM repo_file WHERE repo_id = ? AND sha256 = ? LIMIT 1", db_int(d->mirror.id), db_sha256(&d->sha256));
    *found = false;
    if (ok) {
        *found = db_next(&q, e);
        if (*found) *path = db_col_dup(&q, 0, a);
        ok = db_end(&q);
    }
    db_give(hub_db(d->g->hub), c);
    return ok;
}

/* *offered false: the upstream has it as a whole only. */
static bool bring(struct job *j, bool *offered)
{
    struct download *d = j->d;
    struct arena *a = arena_new(0);
    bool has_way = false, is_for_lfs = false, ok;
    int tries = 0; /* without a byte */
    str path;
    *offered = false;
    for (ok = find_path(d, &path, offered, a, j->e); ok && *offered && !is_for_lfs && d->have < d->size_bytes && !gateway_is_stopping(d->g);) {
        uint64_t had = d->have;
        if (!has_way) arena_reset(j->of_way);
        ok = has_way || upstream_xet(d->g, &d->mirror, path, &d->sha256, d->size_bytes, &j->way, offered, j->of_way, j->e);
        if (!ok || !*offered) break;
        enum outcome so = take_window(j, &is_for_lfs);
        arena_reset(j->a);
        tries = d->have > had ? 0 : tries + 1;
        has_way = so == DONE;
        ok = so != FAILED && (is_for_lfs || tries < TRIES);
    }
    arena_free(a);
    return ok;
}

void xet_bring(struct download *d)
{
    struct err e;
    bool offered;
    if (d->size_bytes < XET_BYTES_MIN) return;
    struct job *j = mem_one(struct job);
    j->d = d;
    j->a = arena_new(ANSWER_MEMORY_MAX);
    j->brief = arena_new(ANSWER_MEMORY_MAX);
    j->of_way = arena_new(ANSWER_MEMORY_MAX);
    j->e = &e;
    bool ok = bring(j, &offered);
    if (ok && offered) atomic_fetch_add(&d->g->xet_files, 1);
    bool is_away = !ok && e.kind && (strcmp(e.kind, GATEWAY_DOWN) == 0 || strcmp(e.kind, GATEWAY_BUSY) == 0); /* which git-lfs will find out, too */
    if (!ok && !is_away && !gateway_is_stopping(d->g)) {
        atomic_fetch_add(&d->g->xet_faults, 1);
        log_warn("gateway.xet", "repo=%lld bytes=%llu of=%llu reason=\"%s\"", (long long)d->mirror.id, (unsigned long long)d->have, (unsigned long long)d->size_bytes, e.msg);
    }
    arena_free(j->a);
    arena_free(j->brief);
    arena_free(j->of_way);
    mem_free(j);
}
