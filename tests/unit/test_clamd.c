/* test_clamd.c - a daemon that speaks clamd's protocol, and some that do not: what becomes of a file in between. */
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "scan/clamd.h"
#include "scan_help.h"

enum { STREAM_MAX = 300000 };

struct daemon_ {
    int fd;
    char path[128];
    pthread_t thread;
    const char *version, *reply; /* reply NULL: to look for "ILL" */
    bool hangs_up;
    size_t streams;
};

static bool get(int fd, void *out, size_t n)
{
    for (char *at = out; n;) {
        ssize_t got = recv(fd, at, n, 0);
        if (got <= 0) return false;
        at += got;
        n -= (size_t)got;
    }
    return true;
}

static void say(int fd, const char *text) { send(fd, text, strlen(text) + 1, MSG_NOSIGNAL); }

static void take_stream(struct daemon_ *d, int fd)
{
    struct buf b = BUF_INIT(0);
    uint8_t head[4];
    bool too_long = false;
    d->streams++;
    for (;;) {
        if (!get(fd, head, 4)) break;
        size_t n = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
        if (n == 0) break;
        char *p = buf_reserve(&b, n);
        if (!get(fd, p, n)) break;
        b.n += n;
        if (b.n > STREAM_MAX) {
            too_long = true;
            break;
        }
    }
    if (too_long) say(fd, "INSTREAM size limit exceeded. ERROR");
    else if (d->reply) send(fd, d->reply, strlen(d->reply) + 1, MSG_NOSIGNAL);
    else say(fd, str_find(buf_str(&b), STR("ILL")) != STR_NONE ? "stream: Test.Ill.UNOFFICIAL FOUND" : "stream: OK");
    buf_deinit(&b);
}

static void *run(void *ctx)
{
    struct daemon_ *d = ctx;
    for (int fd; (fd = accept(d->fd, NULL, NULL)) >= 0; close(fd)) {
        char word[10];
        if (d->hangs_up || !get(fd, word, 9)) continue;
        if (memcmp(word, "zVERSION", 9) == 0) say(fd, d->version);
        else if (get(fd, word + 9, 1) && memcmp(word, "zINSTREAM", 10) == 0) take_stream(d, fd);
    }
    return NULL;
}

static void daemon_start(struct daemon_ *d, const char *dir)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    snprintf(d->path, sizeof d->path, "%s/clamd", dir);
    memcpy(at.sun_path, d->path, strlen(d->path));
    d->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(d->fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(d->fd, 8), 0);
    assert_int_equal(pthread_create(&d->thread, NULL, run, d), 0);
}
static void daemon_end(struct daemon_ *d)
{
    shutdown(d->fd, SHUT_RDWR);
    pthread_join(d->thread, NULL);
    close(d->fd);
    unlink(d->path);
}

static bool ask(const struct daemon_ *d, str content, uint64_t most, struct clamd_verdict *out, struct err *e)
{
    bytes b = bytes_of(content);
    struct scan_source s = { .size_bytes = b.n, .read = help_read, .ctx = &b };
    return clamd_judge(str_c(d->path), &s, most, out, e);
}

static void replies_become_levels(void **state)
{
    (void)state;
    static const struct {
        const char *reply;
        enum scan_level level;
        const char *message;
    } cases[] = {
        { NULL, SCAN_SAFE, "" },
        { "stream: Win.Test.EICAR_HDB-1 FOUND", SCAN_UNSAFE, "The virus scanner found Win.Test.EICAR_HDB-1." },
        { "stream: PUA.Win.Tool-1 FOUND", SCAN_SUSPICIOUS, "The virus scanner found PUA.Win.Tool-1." },
        { "stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND", SCAN_CAUTION, "The virus scanner could not look at all of it: Heuristics.Limits.Exceeded.MaxFileSize." },
        { "stream: Heuristics.Encrypted.Zip FOUND", SCAN_CAUTION, "The virus scanner could not look at all of it: Heuristics.Encrypted.Zip." },
        { "stream: Can't allocate memory ERROR", SCAN_ERROR, "The virus scanner failed: Can't allocate memory ERROR." },
        { "UNKNOWN COMMAND", SCAN_ERROR, "The virus scanner failed: UNKNOWN COMMAND." },
        { "stream: a\x01\xff FOUND", SCAN_UNSAFE, "The virus scanner found a??." },
    };
    char dir[64];
    struct daemon_ d = { .version = "ClamAV 1.4.6/27000/Mon Nov  2 00:00:00 2026" };
    daemon_start(&d, unit_dir(dir));
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct clamd_verdict v;
        struct err e;
        d.reply = cases[i].reply;
        must_ok(ask(&d, STR("some text"), 0, &v, &e));
        assert_string_equal(v.message, cases[i].message);
        assert_int_equal(v.level, cases[i].level);
        assert_string_equal(v.version, "1.4.6/27000");
        must_ok(ask(&d, STR(""), 0, &v, &e));
    }
    daemon_end(&d);
    unit_dir_end(dir);
}

static void what_is_too_long_is_seen_at_both_ends(void **state)
{
    (void)state;
    static const struct {
        size_t size, ill_at;
        uint64_t most;
        enum scan_level level;
        const char *words;
        size_t streams;
    } cases[] = {
        { 200000, 150000, 0, SCAN_UNSAFE, "Test.Ill", 1 },
        { 200000, 0, 0, SCAN_SAFE, "", 1 },
        { 1000000, 10, 250000, SCAN_UNSAFE, "Test.Ill", 1 },
        { 1000000, 999990, 250000, SCAN_UNSAFE, "Test.Ill", 2 },
        { 1000000, 0, 250000, SCAN_UNSCANNED, "the first and the last 250000 bytes alone", 2 },
        { 1000000, 999990, 1000000, SCAN_UNSAFE, "Test.Ill", 3 }, /* refused once; then a quarter at each end */
        { 1000000, 0, 1000000, SCAN_UNSCANNED, "the first and the last 250000 bytes alone", 3 },
    };
    char dir[64];
    struct daemon_ d = { .version = "ClamAV 1.4.6" };
    daemon_start(&d, unit_dir(dir));
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct clamd_verdict v;
        struct err e;
        char *content = mem_alloc(cases[i].size);
        if (cases[i].ill_at) memcpy(content + cases[i].ill_at, "ILL", 3);
        d.streams = 0;
        must_ok(ask(&d, str_n(content, cases[i].size), cases[i].most, &v, &e));
        if (v.level != cases[i].level || str_find(str_c(v.message), str_c(cases[i].words)) == STR_NONE || d.streams != cases[i].streams)
            fail_msg("%zu: level %d, %zu streams, %s", i, (int)v.level, d.streams, v.message);
        mem_free(content);
    }
    daemon_end(&d);
    unit_dir_end(dir);
}

static bool fails(void *ctx, uint64_t at, void *out, size_t n, struct err *e)
{
    (void)ctx, (void)at, (void)out, (void)n;
    return err_set(e, ERR_IO, "the disk is gone");
}

static void what_is_no_clamd_is_an_error(void **state)
{
    (void)state;
    char dir[64];
    struct clamd_verdict v;
    struct err e;
    struct daemon_ d = { .version = "HTTP/1.1 400 Bad Request" };
    daemon_start(&d, unit_dir(dir));
    assert_false(ask(&d, STR("x"), 0, &v, &e));
    assert_non_null(strstr(e.msg, "is no clamd"));
    daemon_end(&d);
    d.version = "ClamAV 1.4.6";
    d.reply = "";
    daemon_start(&d, dir);
    assert_false(ask(&d, STR("x"), 0, &v, &e));
    assert_non_null(strstr(e.msg, "without an answer"));
    daemon_end(&d);
    d.hangs_up = true;
    daemon_start(&d, dir);
    assert_false(ask(&d, STR("x"), 0, &v, &e));
    daemon_end(&d);
    d.hangs_up = false;
    daemon_start(&d, dir);
    struct scan_source s = { .size_bytes = 10, .read = fails };
    assert_false(clamd_judge(str_c(d.path), &s, 0, &v, &e));
    assert_string_equal(e.msg, "the disk is gone");
    daemon_end(&d);
    assert_false(ask(&d, STR("x"), 0, &v, &e));
    assert_non_null(strstr(e.msg, "does it run?"));
    unit_dir_end(dir);
}

static void addresses_are_paths_or_hosts_with_ports(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool ok;
    } cases[] = { { "/run/clamav/clamd.ctl", true }, { "unix:/run/x", true },  { "tcp:127.0.0.1:3310", true }, { "tcp:[::1]:3310", true }, { "tcp:host:0", false },
                  { "tcp:host", false },             { "tcp::3310", false },   { "host:3310", false },         { "", false },              { "run/clamd", false },
                  { "tcp:host:70000", false },       { "unix:relative", false } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct err e;
        if (clamd_address_is(str_c(cases[i].address), &e) != cases[i].ok) fail_msg("%s", cases[i].address);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_become_levels), cmocka_unit_test(what_is_too_long_is_seen_at_both_ends), cmocka_unit_test(what_is_no_clamd_is_an_error),
        cmocka_unit_test(addresses_are_paths_or_hosts_with_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
