/* Blobs by name: visible only when whole, gone without a trace when a write fails. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <utime.h>

#include "base/buf.h"
#include "store/store.h"

struct place {
    char dir[64], blobs[96], tmp[96];
    struct store *s;
};

static void place_begin(struct place *p)
{
    struct err e;
    unit_dir(p->dir);
    snprintf(p->blobs, sizeof p->blobs, "%s/cas", p->dir);
    snprintf(p->tmp, sizeof p->tmp, "%s/tmp", p->dir);
    must_ok(store_open(p->blobs, p->tmp, &p->s, &e));
}

static void place_end(struct place *p)
{
    store_close(p->s);
    unit_dir_end(p->dir);
}

static bool put(struct store *s, str name, str text, struct err *e)
{
    struct store_writer w;
    if (!store_write_begin(s, &w, e)) return false;
    if (!os_write(w.tmp.fd, bytes_of(text), e)) {
        store_write_discard(&w);
        return false;
    }
    return store_write_publish(s, &w, name, e);
}

static bool count_one(void *ctx, const char *name, bool is_dir)
{
    (void)name;
    (void)is_dir;
    ++*(size_t *)ctx;
    return true;
}

static size_t entries(const char *dir)
{
    struct err e;
    size_t n = 0;
    must_ok(os_each_entry(dir, count_one, &n, &e));
    return n;
}

static void assert_blob(struct store *s, str name, str want)
{
    struct err e;
    int fd;
    uint64_t size;
    uint8_t text[64];
    size_t got;
    must_ok(store_open_blob(s, name, &fd, &size, &e));
    assert_int_equal(size, want.n);
    must_ok(os_pread(fd, text, sizeof text, 0, &got, &e));
    assert_str(str_n((char *)text, got), want);
    close(fd);
}

static void a_blob_is_there_after_publication_and_not_before(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct store_writer w;
    bool found;
    uint64_t size;
    int64_t modified;
    int fd;
    place_begin(&p);
    str name = STR("sha256/ab/abcd");
    must_ok(store_write_begin(p.s, &w, &e));
    must_ok(os_pwrite(w.tmp.fd, bytes_of(STR("world")), 6, &e));
    must_ok(os_pwrite(w.tmp.fd, bytes_of(STR("hello ")), 0, &e));
    must_ok(store_find(p.s, name, &size, &modified, &found, &e));
    assert_false(found);
    assert_false(store_open_blob(p.s, name, &fd, &size, &e));
    assert_int_equal(e.code, ERR_NOT_FOUND);
    must_ok(store_write_publish(p.s, &w, name, &e));
    must_ok(store_find(p.s, name, &size, &modified, &found, &e));
    assert_true(found);
    assert_int_equal(size, 11);
    assert_blob(p.s, name, STR("hello world"));
    must_ok(put(p.s, name, STR("another"), &e)); /* replaces */
    assert_blob(p.s, name, STR("another"));
    must_ok(store_write_begin(p.s, &w, &e));
    store_write_discard(&w);
    assert_int_equal(entries(p.tmp), 0);
    must_ok(store_remove(p.s, name, &e));
    must_ok(store_remove(p.s, name, &e));
    must_ok(store_find(p.s, name, &size, &modified, &found, &e));
    assert_false(found);
    place_end(&p);
}

static bool remember(void *ctx, str name, uint64_t size_bytes, int64_t modified_ms)
{
    assert_true(modified_ms > 0);
    buf_addf(ctx, "%.*s=%d ", STR_ARG(name), (int)size_bytes);
    return true;
}

static bool stop_at_once(void *ctx, str name, uint64_t size_bytes, int64_t modified_ms)
{
    (void)name;
    (void)size_bytes;
    (void)modified_ms;
    ++*(int *)ctx;
    return false;
}

static void each_sees_every_blob_and_only_ours(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct buf seen = BUF_INIT(0);
    char path[160];
    int calls = 0;
    place_begin(&p);
    must_ok(put(p.s, STR("a/b/c/one"), STR("1"), &e));
    must_ok(put(p.s, STR("two"), STR("22"), &e));
    must_ok(put(p.s, STR("a/three"), STR(""), &e));
    snprintf(path, sizeof path, "%s/UPPER and strange", p.blobs); /* somebody else's file */
    must_ok(os_write_file(p.tmp, path, bytes_of(STR("x")), &e));
    must_ok(store_each(p.s, remember, &seen, &e));
    assert_int_equal(seen.n, STR("a/b/c/one=1 two=2 a/three=0 ").n);
    assert_true(str_find(buf_str(&seen), STR("a/b/c/one=1 ")) != STR_NONE);
    assert_true(str_find(buf_str(&seen), STR("two=2 ")) != STR_NONE);
    assert_true(str_find(buf_str(&seen), STR("a/three=0 ")) != STR_NONE);
    must_ok(store_each(p.s, stop_at_once, &calls, &e));
    assert_int_equal(calls, 1);
    buf_deinit(&seen);
    place_end(&p);
}

static void the_sweep_takes_old_files_and_leaves_young_ones_and_folders(void **state)
{
    (void)state;
    struct place p;
    struct err e;
    struct store_writer old, young;
    uint64_t removed;
    char folder[160];
    place_begin(&p);
    must_ok(store_write_begin(p.s, &old, &e));
    must_ok(store_write_begin(p.s, &young, &e));
    struct utimbuf yesterday = { time(NULL) - 86400, time(NULL) - 86400 };
    assert_int_equal(utime(old.tmp.path, &yesterday), 0);
    snprintf(folder, sizeof folder, "%s/uploads", p.tmp);
    must_ok(os_mkdirs(folder, &e));
    assert_int_equal(utime(folder, &yesterday), 0);
    must_ok(store_sweep_tmp(p.s, 3600 * 1000, &removed, &e));
    assert_int_equal(removed, 1);
    assert_int_equal(entries(p.tmp), 2);
    store_write_discard(&old);
    store_write_discard(&young);
    place_end(&p);
}

/* Every call that writes fails in turn: the blob is absent, or there and whole; no temporary file stays. */
static void a_failure_at_any_call_leaves_no_half_blob(void **state)
{
    (void)state;
    for (int errnum = 0; errnum < 2; errnum++) {
        uint64_t n = 1;
        for (;; n++) {
            struct place p;
            struct err e;
            bool found;
            uint64_t size;
            int64_t modified;
            place_begin(&p);
            os_fault_after(n, errnum ? EIO : ENOSPC, true);
            bool ok = put(p.s, STR("x/y/z"), STR("content"), &e);
            os_fault_after(0, 0, false);
            if (!ok) {
                assert_int_equal(e.code, errnum ? ERR_IO : ERR_NO_SPACE);
                assert_int_equal(entries(p.tmp), 0);
                must_ok(store_find(p.s, STR("x/y/z"), &size, &modified, &found, &e));
                if (found) assert_blob(p.s, STR("x/y/z"), STR("content"));
            }
            must_ok(put(p.s, STR("x/y/z"), STR("content"), &e)); /* and the next attempt succeeds */
            assert_blob(p.s, STR("x/y/z"), STR("content"));
            place_end(&p);
            if (ok) break;
        }
        assert_true(n > 6); /* create, write, folders, syncs, rename: it did fail in all of them */
    }
}

struct race {
    struct store *s;
    int who;
};

static void *put_many(void *ctx)
{
    struct race *r = ctx;
    struct err e;
    char name[32];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "r/%d/b", i % 5);
        if (!put(r->s, str_c(name), STR("the same for all"), &e)) return ctx;
    }
    return NULL;
}

static void writers_of_one_name_do_not_disturb_each_other(void **state)
{
    (void)state;
    struct place p;
    pthread_t t[4];
    struct race r[4];
    place_begin(&p);
    for (int i = 0; i < 4; i++) {
        r[i] = (struct race){ p.s, i };
        assert_int_equal(pthread_create(&t[i], NULL, put_many, &r[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *bad;
        pthread_join(t[i], &bad);
        assert_null(bad);
    }
    for (int i = 0; i < 5; i++) {
        char name[32];
        snprintf(name, sizeof name, "r/%d/b", i);
        assert_blob(p.s, str_c(name), STR("the same for all"));
    }
    assert_int_equal(entries(p.tmp), 0);
    place_end(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blob_is_there_after_publication_and_not_before),
        cmocka_unit_test(each_sees_every_blob_and_only_ours),
        cmocka_unit_test(the_sweep_takes_old_files_and_leaves_young_ones_and_folders),
        cmocka_unit_test(a_failure_at_any_call_leaves_no_half_blob),
        cmocka_unit_test(writers_of_one_name_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
