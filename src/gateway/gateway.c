/* gateway/gateway.c - see gateway/gateway.h: when the upstream is asked about a repository, and what is done with its answer. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "gateway/gateway_priv.h"
#include "vcs/fetch.h"

/* A first fetch has its history to bring; a later one, what is new.  After a failure the upstream is left alone for a while. */
enum { DOWN_MS = 10000, TRIAL_MS = 60000 /* at most: it ends with the answer */, FAILED_MS = 10000, FETCH_MS = 600000, FETCH_NEW_MS = 120000, LOOK_MS = 200 };

struct ask { /* on the stack of who asks; the others wait for it */
    struct ask *next;
    uint8_t key[16];
    pthread_cond_t done;
    size_t waiting;
    bool is_done, ok;
    struct err err;
};

/* ------------------------------------------------------------------ what is remembered */

static void key_of(enum repo_kind kind, str owner, str name, struct arena *a, uint8_t key[16])
{
    str plural = repo_kind_plural(kind), text = arena_lower(a, arena_fmt(a, "%.*s/%.*s/%.*s", STR_ARG(plural), STR_ARG(owner), STR_ARG(name)));
    struct sha256 sum = sha256_of(bytes_of(text));
    memcpy(key, sum.b, 16);
}

static struct asked *slot_of(struct gateway *g, const uint8_t key[16])
{
    uint32_t n;
    memcpy(&n, key, sizeof n);
    return &g->asked[n % ASKED_SLOTS];
}

/* What the upstream said a while ago, if that still holds. */
enum remembered { UNKNOWN, ANSWERED, FAILED };

static enum remembered remembered(struct gateway *g, const uint8_t key[16])
{
    pthread_mutex_lock(&g->lock);
    const struct asked *s = slot_of(g, key);
    bool holds = s->at_ms && memcmp(s->key, key, sizeof s->key) == 0 && clock_mono_ms() - s->at_ms < (s->failed ? FAILED_MS : g->config.fresh_ms);
    enum remembered what = !holds ? UNKNOWN : s->failed ? FAILED : ANSWERED;
    pthread_mutex_unlock(&g->lock);
    return what;
}

static void remember(struct gateway *g, const uint8_t key[16], bool has_failed)
{
    pthread_mutex_lock(&g->lock);
    struct asked *s = slot_of(g, key);
    memcpy(s->key, key, sizeof s->key);
    s->at_ms = clock_mono_ms();
    s->failed = has_failed;
    g->answered_ms = clock_now_ms();
    pthread_mutex_unlock(&g->lock);
}

int64_t gateway_compared_ms(struct gateway *g, const struct repo *mirror)
{
    uint8_t key[16];
    if (!str_eq(mirror->upstream, g->config.upstream)) return 0;
    struct arena *a = arena_new(0);
    key_of(mirror->kind, mirror->owner, mirror->name, a, key);
    arena_free(a);
    pthread_mutex_lock(&g->lock);
    const struct asked *s = slot_of(g, key);
    int64_t at = s->at_ms && !s->failed && memcmp(s->key, key, sizeof s->key) == 0 ? clock_now_ms() - (clock_mono_ms() - s->at_ms) : 0;
    pthread_mutex_unlock(&g->lock);
    return at;
}

static bool note_repo(struct gateway *g, const struct repo *r)
{
    uint8_t key[16];
    struct arena *a = arena_new(0);
    key_of(r->kind, r->owner, r->name, a, key);
    remember(g, key, false);
    arena_free(a);
    return true;
}

static bool is_down(struct gateway *g)
{
    pthread_mutex_lock(&g->lock);
    bool down = clock_mono_ms() < g->down_until_ms;
    pthread_mutex_unlock(&g->lock);
    return down;
}

/* After a failure one tries first whether it is back; the others go on without it. */
static bool may_ask(struct gateway *g)
{
    pthread_mutex_lock(&g->lock);
    bool may = clock_mono_ms() >= g->down_until_ms;
    if (may && g->down_until_ms) g->down_until_ms = clock_mono_ms() + TRIAL_MS;
    pthread_mutex_unlock(&g->lock);
    return may;
}

static void note_up(struct gateway *g)
{
    pthread_mutex_lock(&g->lock);
    g->down_until_ms = 0;
    pthread_mutex_unlock(&g->lock);
}

static void note_down(struct gateway *g, const struct err *why)
{
    pthread_mutex_lock(&g->lock);
    bool was_up = clock_mono_ms() >= g->down_until_ms;
    g->down_until_ms = clock_mono_ms() + DOWN_MS;
    g->failed_ms = clock_now_ms();
    pthread_mutex_unlock(&g->lock);
    atomic_fetch_add(&g->failures, 1);
    if (was_up) log_warn("gateway.down", "upstream=%.*s reason=\"%s\"", STR_ARG(g->config.upstream), why->msg);
}

bool gateway_is_stale(struct gateway *g, const struct repo *mirror)
{
    uint8_t key[16];
    if (!mirror->upstream.n || !str_eq(mirror->upstream, g->config.upstream) || is_down(g)) return false;
    struct arena *a = arena_new(0);
    key_of(mirror->kind, mirror->owner, mirror->name, a, key);
    arena_free(a);
    return remembered(g, key) == UNKNOWN;
}

bool gateway_is_due(struct gateway *g, struct db_conn *c, const struct identity *who, enum repo_kind kind, str owner, str name,
                    const struct repo *here, bool *due, struct arena *a, struct err *e)
{
    uint8_t key[16];
    struct err ignored;
    *due = false;
    if (here) {
        *due = gateway_is_stale(g, here);
        return true;
    }
    if (kind == REPO_KERNEL || (g->config.for_users && !who->user_id)) return true;
    if (!repo_name_check(owner.n ? arena_fmt(a, "%.*s/%.*s", STR_ARG(owner), STR_ARG(name)) : name, &ignored)) return true; /* not a name there either */
    key_of(kind, owner, name, a, key);
    return remembered(g, key) == ANSWERED || mirror_may_be(c, owner, g->config.upstream, due, a, e);
}

/* ------------------------------------------------------------------ bringing */

struct bringing {
    struct gateway *g;
    const char *url;
    int64_t timeout_ms;
};

static bool is_stopping(void *ctx) { return gateway_is_stopping(ctx); }

static bool fetch(void *ctx, const char *folder, struct err *e)
{
    const struct bringing *b = ctx;
    struct vcs_fetch q = { .path = folder, .url = b->url, .token = b->g->config.token, .timeout_ms = b->timeout_ms,
                           .bytes_max = b->g->config.git_bytes_max, .stops = is_stopping, .ctx = b->g };
    struct err why;
    atomic_fetch_add(&b->g->fetches, 1);
    return vcs_fetch(&q, &why) || err_kind(e, why.code, GATEWAY_FAILED, "%s", why.msg);
}

static int by_name(const void *name, const void *ref) { return str_cmp(*(const str *)name, ((const struct vcs_ref *)ref)->name); }

/* Those of pull requests that are over may be there, and not in its list. */
static size_t count_listed(const struct vcs_ref *ref, size_t n)
{
    size_t listed = 0;
    for (size_t i = 0; i < n; i++) listed += !str_starts(ref[i].name, STR("refs/pr/"));
    return listed;
}

static bool same_refs(struct gateway *g, const struct repo *here, const struct vcs_ref *theirs, size_t n, bool *same, struct arena *a, struct err *e)
{
    struct vcs_ref *ours;
    size_t count;
    struct db_conn *c = db_reader(hub_db(g->hub));
    bool ok = hub_refs(c, here->id, a, &ours, &count, e);
    db_give(hub_db(g->hub), c);
    *same = ok && count_listed(ours, count) == count_listed(theirs, n);
    for (size_t i = 0; *same && i < n; i++) {
        const struct vcs_ref *o = bsearch(&theirs[i].name, ours, count, sizeof *ours, by_name);
        *same = o && (vcs_oid_eq(&o->commit, &theirs[i].commit) || vcs_oid_eq(&o->target, &theirs[i].commit)); /* of an annotated tag they may tell either */
    }
    return ok;
}

static bool compare(struct gateway *g, const struct mirror *m, const struct repo *here, struct arena *a, struct err *e)
{
    struct bringing b = { g, upstream_git_url(g, m->kind, m->owner, m->name, a), FETCH_NEW_MS };
    struct vcs_ref *refs;
    size_t n;
    bool same;
    if (!upstream_refs(g, m, &refs, &n, a, e) || !same_refs(g, here, refs, n, &same, a, e)) return false;
    if (same) return mirror_set_visibility(g->hub, here, m, e);
    return mirror_update(g->hub, here, m, fetch, &b, e);
}

static bool make(struct gateway *g, const struct mirror *m, struct repo *out, struct arena *a, struct err *e)
{
    struct bringing b = { g, upstream_git_url(g, m->kind, m->owner, m->name, a), FETCH_MS };
    if (m->is_gated && !g->config.token.n)
        return err_kind(e, ERR_DENIED, HUB_GATED, "%.*s/%.*s is gated at %.*s. Whoever runs this Hearth can give it a token of an account that has access there (upstream-token-file)",
                        STR_ARG(m->owner), STR_ARG(m->name), STR_ARG(m->upstream));
    int64_t began = clock_mono_ms();
    if (!mirror_create(g->hub, m, fetch, &b, out, a, e)) return false;
    log_info("gateway.mirrored", "repo=%lld name=%.*s ms=%lld", (long long)out->id, STR_ARG(out->full_name), (long long)(clock_mono_ms() - began));
    return true;
}

static bool find_here(struct gateway *g, enum repo_kind kind, str owner, str name, struct repo *out, bool *found, struct arena *a, struct err *e)
{
    bool moved;
    struct db_conn *c = db_reader(hub_db(g->hub));
    bool ok = repo_find(c, kind, owner, name, out, found, &moved, a, e);
    db_give(hub_db(g->hub), c);
    return ok;
}

/* Under the name that it goes by at the upstream, which need not be the one that was asked for. */
static bool bring(struct gateway *g, enum repo_kind kind, str owner, str name, struct arena *a, struct err *e)
{
    struct mirror m;
    struct repo here;
    bool is_there, is_here, may = false;
    atomic_fetch_add(&g->questions, 1);
    if (!upstream_repo(g, kind, owner, name, &m, &is_there, a, e)) return false;
    if (!is_there) return true; /* what was mirrored stays */
    if (!find_here(g, kind, owner, name, &here, &is_here, a, e) || (!is_here && !find_here(g, kind, m.owner, m.name, &here, &is_here, a, e))) return false;
    if (is_here && !str_eq(here.upstream, m.upstream)) return true; /* ours goes before */
    if (is_here) return compare(g, &m, &here, a, e) && mirror_known_as(g->hub, &here, owner, name, e) && note_repo(g, &here);
    struct db_conn *c = db_reader(hub_db(g->hub));
    bool ok = mirror_may_be(c, m.owner, m.upstream, &may, a, e);
    db_give(hub_db(g->hub), c);
    if (!ok || !may) return ok;
    return make(g, &m, &here, a, e) && mirror_known_as(g->hub, &here, owner, name, e) && note_repo(g, &here);
}

/* ------------------------------------------------------------------ one question at a time about each */

static struct ask *find_ask(struct gateway *g, const uint8_t key[16])
{
    for (struct ask *k = g->asks; k; k = k->next)
        if (memcmp(k->key, key, sizeof k->key) == 0) return k;
    return NULL;
}

static bool has_left(struct gateway *g, const struct mirror_waiter *who)
{
    if (!who->has_left) return false;
    pthread_mutex_unlock(&g->lock);
    bool left = who->has_left(who->ctx);
    pthread_mutex_lock(&g->lock);
    return left;
}

/* The question stays as long as somebody waits for it. */
static bool wait_for(struct gateway *g, struct ask *k, const struct mirror_waiter *who, struct err *e)
{
    bool left = false;
    k->waiting++;
    while (!k->is_done && !left) {
        (void)clock_wait(&k->done, &g->lock, clock_mono_us() + LOOK_MS * 1000);
        left = !k->is_done && has_left(g, who);
    }
    bool ok = k->is_done && k->ok;
    if (!k->is_done) err_set(e, ERR_CLOSED, "Nobody waits for this answer any more");
    else if (!ok) *e = k->err;
    if (--k->waiting == 0) pthread_cond_broadcast(&k->done);
    return ok;
}

static void end_ask(struct gateway *g, struct ask *k)
{
    struct ask **at = &g->asks;
    while (*at != k) at = &(*at)->next;
    *at = k->next;
    g->asks_count--;
    k->is_done = true;
    pthread_cond_broadcast(&k->done);
    while (k->waiting) pthread_cond_wait(&k->done, &g->lock); /* they read it */
}

static bool is_kind(const struct err *e, const char *kind) { return e->kind && strcmp(e->kind, kind) == 0; }

static bool ask_now(struct gateway *g, enum repo_kind kind, str owner, str name, const uint8_t key[16], struct arena *a, struct err *e)
{
    enum remembered before = remembered(g, key); /* somebody may have asked since we were told to */
    if (before == ANSWERED) return true;
    if (before == FAILED)
        return err_kind(e, ERR_IO, GATEWAY_FAILED, "What the upstream hub %.*s has under this name could not be brought a moment ago; try again in some seconds", STR_ARG(g->config.upstream));
    if (!may_ask(g)) return err_kind(e, ERR_IO, GATEWAY_DOWN, "The upstream hub %.*s could not be asked a moment ago; try again in some seconds", STR_ARG(g->config.upstream));
    bool ok = bring(g, kind, owner, name, a, e);
    if (ok || is_kind(e, GATEWAY_FAILED)) remember(g, key, !ok);
    if (!ok && is_kind(e, GATEWAY_FAILED)) log_warn("gateway.failed", "kind=%.*s name=%.*s/%.*s reason=\"%s\"", STR_ARG(repo_kind_name(kind)), STR_ARG(owner), STR_ARG(name), e->msg);
    if (!ok && !gateway_is_stopping(g) && (is_kind(e, GATEWAY_DOWN) || is_kind(e, GATEWAY_BUSY))) note_down(g, e);
    else note_up(g);
    return ok;
}

/* A mirror is served as it is when it cannot be compared; what is not here cannot be said not to exist. */
static bool or_as_it_is(struct gateway *g, enum repo_kind kind, str owner, str name, struct arena *a)
{
    struct repo here;
    struct err ignored;
    bool is_here;
    return find_here(g, kind, owner, name, &here, &is_here, a, &ignored) && is_here;
}

/* Under the lock.  At most `most` threads of one kind wait; others serve what is here meanwhile. */
static bool may_wait(size_t *waiting, size_t most, struct err *e)
{
    if (*waiting >= most) return err_set(e, ERR_BUSY, "%zu requests wait for the upstream hub; try again in a moment", *waiting);
    ++*waiting;
    return true;
}

bool gateway_wait_begin(struct gateway *g, struct err *e)
{
    pthread_mutex_lock(&g->lock);
    bool ok = may_wait(&g->bringing, (g->config.waiting_max + 1) / 2, e);
    pthread_mutex_unlock(&g->lock);
    return ok;
}

void gateway_wait_end(struct gateway *g)
{
    pthread_mutex_lock(&g->lock);
    g->bringing--;
    pthread_mutex_unlock(&g->lock);
}

/* Under the lock, which is let go of meanwhile. */
static bool ask_or_wait(struct gateway *g, enum repo_kind kind, str owner, str name, const struct mirror_waiter *who, struct arena *a, struct err *e)
{
    struct ask mine = { .ok = false };
    key_of(kind, owner, name, a, mine.key);
    struct ask *other = find_ask(g, mine.key);
    if (other) return wait_for(g, other, who, e);
    if (g->asks_count >= ASKS_MAX) return err_set(e, ERR_BUSY, "The upstream hub is being asked about %d repositories; try again in a moment", ASKS_MAX);
    must(pthread_cond_init(&mine.done, NULL) == 0);
    mine.next = g->asks;
    g->asks = &mine;
    g->asks_count++;
    pthread_mutex_unlock(&g->lock);
    bool ok = ask_now(g, kind, owner, name, mine.key, a, e);
    pthread_mutex_lock(&g->lock);
    mine.ok = ok;
    if (!ok) mine.err = *e;
    end_ask(g, &mine);
    pthread_cond_destroy(&mine.done);
    return ok;
}

bool gateway_ask(struct gateway *g, enum repo_kind kind, str owner, str name, const struct mirror_waiter *who, struct err *e)
{
    struct arena *a = arena_new(ANSWER_MEMORY_MAX);
    pthread_mutex_lock(&g->lock);
    bool waits = may_wait(&g->waiting, g->config.waiting_max, e), ok = waits && ask_or_wait(g, kind, owner, name, who, a, e);
    if (waits) g->waiting--;
    pthread_mutex_unlock(&g->lock);
    if (!ok) ok = or_as_it_is(g, kind, owner, name, a);
    arena_free(a);
    return ok;
}

/* ------------------------------------------------------------------ life */

bool gateway_new(struct hub *h, const struct gateway_config *config, struct gateway **out, struct err *e)
{
    str url = config->upstream;
    if (!str_starts(url, STR("http://")) && !str_starts(url, STR("https://"))) return err_set(e, ERR_INVALID, "upstream: %.*s is no http:// or https:// address", STR_ARG(url));
    struct gateway *g = mem_one(struct gateway);
    g->hub = h;
    g->config = *config;
    while (g->config.upstream.n && g->config.upstream.p[g->config.upstream.n - 1] == '/') g->config.upstream.n--;
    must(pthread_mutex_init(&g->lock, NULL) == 0 && pthread_cond_init(&g->quieter, NULL) == 0);
    hub_set_bringer(h, download_bring, g);
    *out = g;
    return true;
}

void gateway_stop(struct gateway *g)
{
    if (!g) return;
    __atomic_store_n(&g->stopping, 1, __ATOMIC_RELAXED);
    pthread_mutex_lock(&g->lock);
    while (g->downloads_count) pthread_cond_wait(&g->quieter, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

void gateway_free(struct gateway *g)
{
    if (!g) return;
    gateway_stop(g);
    must(!g->asks && !g->downloads);
    pthread_mutex_destroy(&g->lock);
    pthread_cond_destroy(&g->quieter);
    mem_free(g);
}

const struct gateway_config *gateway_config_of(const struct gateway *g) { return &g->config; }

void gateway_stats(struct gateway *g, struct gateway_stats *out)
{
    *out = (struct gateway_stats){ .questions = g->questions, .failures = g->failures, .fetches = g->fetches, .files = g->files,
                                   .files_failed = g->files_failed, .bytes = g->bytes,
                                   .xet_files = g->xet_files, .xet_faults = g->xet_faults, .known_bytes = g->known_bytes };
    pthread_mutex_lock(&g->lock);
    out->downloads = downloads_now(g);
    out->answered_ms = g->answered_ms;
    out->failed_ms = g->failed_ms;
    pthread_mutex_unlock(&g->lock);
}
