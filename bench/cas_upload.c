/* bench/cas_upload.c - how fast a large upload becomes a durable object, beside SHA-256 on one core.
 *
 *     cas_upload DIR [MiB] [put|parts|parts-shuffled]
 *
 * The claim: 5 GB go in at 0.8 of the rate at which one core computes SHA-256, with under 64 MB of resident
 * memory.  Both are measured in one run, before and after, because machines change their mind. */
#include <sys/resource.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/os.h"
#include "cas/cas.h"

enum { SOURCE = 8 << 20, STEP = 64 << 10 };

static void ok_or_die(bool ok, const struct err *e)
{
    if (ok) return;
    fprintf(stderr, "cas_upload: %s\n", e->msg);
    exit(1);
}

static double sha256_mb_s(const uint8_t *source)
{
    struct hasher *h = hasher_new_sha256();
    uint8_t out[32];
    uint64_t n = 0;
    int64_t begin = clock_mono_us(), now;
    do {
        hasher_add(h, (bytes){ source + n % SOURCE, STEP });
        n += STEP;
        now = clock_mono_us();
    } while (now - begin < 1000 * 1000);
    hasher_end(h, out);
    return (double)n / (double)(now - begin);
}

/* The next bytes of an endless content that never repeats; stands for a copy out of a socket. */
static void next(const uint8_t *source, uint64_t at, uint8_t *out, size_t n)
{
    memcpy(out, source + at % SOURCE, n);
    if (n >= sizeof at) memcpy(out, &at, sizeof at);
}

static void put(struct cas *c, const uint8_t *source, uint64_t size, struct cas_object *out, struct err *e)
{
    struct cas_put *p;
    ok_or_die(cas_put_begin(c, &p, e), e);
    for (uint64_t at = 0; at < size;) {
        uint8_t *to;
        size_t n;
        ok_or_die(cas_put_space(p, &to, &n, e), e);
        if (n > STEP) n = STEP;
        if (n > size - at) n = (size_t)(size - at);
        next(source, at, to, n);
        ok_or_die(cas_put_filled(p, n, e), e);
        at += n;
    }
    ok_or_die(cas_put_commit(p, NULL, &size, out, e), e);
}

static void put_part(struct cas *c, const struct cas_upload *u, const uint8_t *source, uint64_t number, struct err *e)
{
    struct cas_part *p;
    char etag[33];
    ok_or_die(cas_part_begin(c, u, number, &p, e), e);
    uint64_t at = (number - 1) * u->part_bytes, end = at + cas_part_size(p);
    while (at < end) {
        uint8_t *to;
        size_t n;
        ok_or_die(cas_part_space(p, &to, &n, e), e);
        if (n > STEP) n = STEP;
        if (n > end - at) n = (size_t)(end - at);
        next(source, at, to, n);
        ok_or_die(cas_part_filled(p, n, e), e);
        at += n;
    }
    ok_or_die(cas_part_commit(p, etag, e), e);
}

/* Backwards: no part can be hashed before all are there. */
static void put_parts(struct cas *c, const uint8_t *source, uint64_t size, bool backwards, const struct sha256 *sha256,
                      struct cas_object *out, struct err *e)
{
    struct cas_upload u;
    ok_or_die(cas_upload_create(c, 1, 0, sha256, size, &u, e), e);
    for (uint64_t i = 1; i <= u.parts_count; i++) put_part(c, &u, source, backwards ? u.parts_count + 1 - i : i, e);
    int64_t begin = clock_mono_us();
    ok_or_die(cas_upload_complete(c, &u, out, e), e);
    printf("  completion      %8.3f s\n", (double)(clock_mono_us() - begin) / 1e6);
}

static void content_hash(const uint8_t *source, uint64_t size, struct sha256 *out)
{
    struct hasher *h = hasher_new_sha256();
    uint8_t *step = mem_alloc(STEP);
    for (uint64_t at = 0; at < size; at += STEP) {
        size_t n = size - at < STEP ? (size_t)(size - at) : STEP;
        next(source, at, step, n);
        hasher_add(h, (bytes){ step, n });
    }
    hasher_end(h, out->b);
    mem_free(step);
}

int main(int argc, char **argv)
{
    struct err e;
    struct db *db;
    struct db_conn *tx;
    struct store *store;
    struct cas *c;
    struct cas_object o;
    struct sha256 sha256 = { 0 };
    struct rusage use;
    char path[3][512], root[400];
    uint64_t mib = 5000;
    str how = argc > 3 ? str_c(argv[3]) : STR("put");
    if (argc < 2 || (argc > 2 && !str_u64(str_c(argv[2]), &mib))) {
        fprintf(stderr, "usage: cas_upload DIR [MiB] [put|parts|parts-shuffled]\n");
        return 2;
    }
    snprintf(root, sizeof root, "%s/bench-cas", argv[1]);
    snprintf(path[0], sizeof path[0], "%s/hearth.db", root);
    snprintf(path[1], sizeof path[1], "%s/cas", root);
    snprintf(path[2], sizeof path[2], "%s/tmp", root);
    ok_or_die(os_mkdirs(root, &e) && db_open(path[0], &db, &e) && store_open(path[1], path[2], &store, &e) &&
                  cas_open(store, db, &c, &e), &e);
    ok_or_die(db_begin(db, &tx, &e) &&
                  db_run(tx, &e, "INSERT INTO account (id, hex_id, kind, name, name_key, created_ms)"
                                 " VALUES (1, 'a', 'user', 'u', 'u', 0)") &&
                  db_run(tx, &e, "INSERT INTO repo (id, hex_id, kind, owner_id, name, name_key, created_ms)"
                                 " VALUES (1, 'b', 'model', 1, 'r', 'r', 0)") &&
                  db_commit(db, tx, &e), &e);
    uint8_t *source = mem_alloc(SOURCE + STEP);
    random_bytes(source, SOURCE + STEP);

    uint64_t size = mib << 20;
    if (!str_eq(how, STR("put"))) content_hash(source, size, &sha256);
    double before = sha256_mb_s(source);
    int64_t begin = clock_mono_us();
    if (str_eq(how, STR("put"))) put(c, source, size, &o, &e);
    else put_parts(c, source, size, str_eq(how, STR("parts-shuffled")), &sha256, &o, &e);
    double seconds = (double)(clock_mono_us() - begin) / 1e6, rate = (double)size / seconds / 1e6;
    double after = sha256_mb_s(source), sha = (before + after) / 2;
    getrusage(RUSAGE_SELF, &use);
    printf("  %.*s of %llu MiB, durable: %.2f s\n", STR_ARG(how), (unsigned long long)mib, seconds);
    printf("  upload          %8.0f MB/s\n", rate);
    printf("  SHA-256, 1 core %8.0f MB/s (before %.0f, after %.0f)\n", sha, before, after);
    printf("  ratio           %8.2f\n", rate / sha);
    printf("  peak resident   %8.1f MB\n", (double)use.ru_maxrss / 1024);
    mem_free(source);
    cas_close(c);
    store_close(store);
    db_close(db);
    ok_or_die(os_remove_tree(root, &e), &e);
    return 0;
}
