/* test_scan_pool.c - children that judge: they say what we would say, and nothing that they do harms who asked them.
 *
 * This program is its own child: see main.  Children that misbehave are scripts. */
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/sandbox.h"
#include "scan/process.h"
#include "scan_help.h"

static void judge_in(struct scan_pool *p, str content, const char *path, struct arena *a, struct scan_report *r)
{
    bytes b = bytes_of(content);
    struct scan_source s = { .size_bytes = b.n, .read = help_read, .ctx = &b };
    struct err e;
    must_ok(scan_pool_judge(p, &s, str_c(path), NULL, a, r, &e));
}

static void a_child_says_what_we_would_say(void **state)
{
    (void)state;
    static const struct {
        const char *path, *content;
    } cases[] = {
        { "a.txt", "" },
        { "a.txt", "hello\n" },
        { "tokenizer_config.json", "{\"chat_template\": \"{{ x.__class__ }}\"}" },
        { "model.safetensors", "nothing of the kind" },
        { "x.pkl", "cposix\nsystem\n(S'id'\ntR." },
        { "config.json", "{\"auto_map\": {\"AutoModel\": \"a/b--c.D\"}}" },
    };
    struct scan_pool *p = scan_pool_new(NULL);
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < COUNT(cases); i++) {
            struct arena *a = arena_new(0);
            struct buf here = BUF_INIT(0), there = BUF_INIT(0);
            struct scan_report r = judged(str_c(cases[i].content), cases[i].path, a);
            scan_report_json(&r, &here);
            judge_in(p, str_c(cases[i].content), cases[i].path, a, &r);
            scan_report_json(&r, &there);
            assert_str(buf_str(&there), buf_str(&here));
            buf_deinit(&here);
            buf_deinit(&there);
            arena_free(a);
        }
    scan_pool_free(p);
    scan_pool_free(NULL);
}

static void large_files_go_through_in_parts(void **state)
{
    (void)state;
    struct scan_pool *p = scan_pool_new(NULL);
    struct arena *a = arena_new(0);
    struct buf b = BUF_INIT(0);
    struct scan_report r;
    buf_lit(&b, "\x89HDF\r\n\x1a\n");
    while (b.n < (9 << 20)) buf_lit(&b, "0123456789abcdef");
    buf_lit(&b, "{\"class_name\": \"Lambda\", \"config\": {\"function_type\": \"lambda\"}}");
    judge_in(p, buf_str(&b), "model.h5", a, &r);
    assert_int_equal(r.level, SCAN_UNSAFE);
    arena_free(a);
    buf_deinit(&b);
    scan_pool_free(p);
}

/* ------------------------------------------------------------------ children that misbehave */

static const char *script(const char *dir, const char *text, char out[128])
{
    struct err e;
    snprintf(out, 128, "%s/child", dir);
    must_ok(os_write_file(dir, out, bytes_of(str_c(text)), &e));
    assert_int_equal(chmod(out, 0755), 0);
    return out;
}

static void a_child_that_fails_costs_one_verdict(void **state)
{
    (void)state;
    static const struct {
        const char *script, *words;
    } cases[] = {
        { "#!/bin/sh\nkill -SEGV $$\n", "crashed" },
        { "#!/bin/sh\nexit 1\n", "ended" },
        { "#!/bin/sh\nexec sleep 60\n", "takes too long" },
        { "#!/bin/sh\nexec cat <&3 >&3\n", "makes no sense" },
        { "#!/bin/sh\nhead -c 16 <&3 >/dev/null; printf '\\005\\0\\0\\0\\002\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0{}' >&3; exec sleep 60\n", "makes no sense" },
        { "#!/bin/sh\nprintf '\\005\\0\\0\\0\\377\\377\\377\\377\\0\\0\\0\\0\\0\\0\\0\\0' >&3; exec sleep 60\n", "makes no sense" },
        { "#!/bin/sh\nprintf '\\002\\0\\0\\0\\020\\0\\0\\0\\377\\0\\0\\0\\0\\0\\0\\0' >&3; exec sleep 60\n", "makes no sense" },
        { "#!/bin/sh\nwhile printf '\\002\\0\\0\\0\\001\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0' >&3; do :; done\n", "could not be judged" },
    };
    char dir[64], path[128];
    unit_dir(dir);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct scan_pool *p = scan_pool_new(&(struct scan_pool_options){ .program = script(dir, cases[i].script, path), .seconds = 1 });
        for (int twice = 0; twice < 2; twice++) {
            struct arena *a = arena_new(0);
            struct scan_report r;
            judge_in(p, STR("content"), "a.txt", a, &r);
            if (r.level != SCAN_ERROR || r.findings_count != 1 || str_find(r.findings[0].message, str_c(cases[i].words)) == STR_NONE)
                fail_msg("%zu: %.*s", i, STR_ARG(r.findings_count ? r.findings[0].message : STR("no finding")));
            arena_free(a);
        }
        scan_pool_free(p);
    }
    unit_dir_end(dir);
}

static void no_program_is_no_verdict(void **state)
{
    (void)state;
    struct scan_pool *p = scan_pool_new(&(struct scan_pool_options){ .program = "/no/such/program" });
    bytes b = bytes_of(STR("x"));
    struct scan_source s = { .size_bytes = 1, .read = help_read, .ctx = &b };
    struct arena *a = arena_new(0);
    struct scan_report r;
    struct err e;
    assert_false(scan_pool_judge(p, &s, STR("x"), NULL, a, &r, &e));
    assert_false(scan_pool_judge(p, &s, STR("x"), NULL, a, &r, &e)); /* the place of the first is free again */
    arena_free(a);
    scan_pool_free(p);
}

/* The only process that we have started. */
static pid_t only_child(void)
{
    DIR *d = opendir("/proc");
    pid_t found = 0;
    for (struct dirent *i; (i = readdir(d));) {
        char path[300], line[512];
        uint64_t pid;
        if (!str_u64(str_c(i->d_name), &pid)) continue;
        snprintf(path, sizeof path, "/proc/%s/stat", i->d_name);
        FILE *f = fopen(path, "r");
        if (!f) continue;
        if (fgets(line, sizeof line, f)) {
            char *after = strrchr(line, ')');
            int parent = 0;
            if (after && sscanf(after + 1, " %*c %d", &parent) == 1 && parent == getpid()) found = (pid_t)pid;
        }
        fclose(f);
    }
    closedir(d);
    return found;
}

static void a_child_that_died_while_idle_is_replaced(void **state)
{
    (void)state;
    struct scan_pool *p = scan_pool_new(NULL);
    struct arena *a = arena_new(0);
    struct scan_report r;
    judge_in(p, STR("content"), "a.txt", a, &r);
    assert_int_equal(r.level, SCAN_SAFE);
    pid_t pid = only_child();
    assert_true(pid > 0);
    kill(pid, SIGKILL);
    siginfo_t info;
    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
    judge_in(p, STR("content"), "a.txt", a, &r);
    assert_int_equal(r.level, SCAN_SAFE);
    arena_free(a);
    scan_pool_free(p);
    assert_int_equal(only_child(), 0);
}

/* ------------------------------------------------------------------ the caller's side */

static bool fails(void *ctx, uint64_t at, void *out, size_t n, struct err *e)
{
    (void)ctx, (void)at, (void)out, (void)n;
    return err_set(e, ERR_IO, "the disk is gone");
}
static bool yes(void *ctx)
{
    (void)ctx;
    return true;
}

static void a_failed_read_and_a_stop_are_told_as_such(void **state)
{
    (void)state;
    struct scan_pool *p = scan_pool_new(NULL);
    struct scan_source s = { .size_bytes = 100, .read = fails };
    struct scan_options o = { .stops = yes };
    struct arena *a = arena_new(0);
    struct scan_report r;
    struct err e;
    assert_false(scan_pool_judge(p, &s, STR("x"), NULL, a, &r, &e));
    assert_string_equal(e.msg, "the disk is gone");
    bytes b = bytes_of(STR("content"));
    s = (struct scan_source){ .size_bytes = b.n, .read = help_read, .ctx = &b };
    assert_false(scan_pool_judge(p, &s, STR("x"), &o, a, &r, &e));
    assert_int_equal(e.code, ERR_CLOSED);
    must_ok(scan_pool_judge(p, &s, STR("x"), NULL, a, &r, &e));
    arena_free(a);
    scan_pool_free(p);
}

static void *judge_many(void *ctx)
{
    for (int i = 0; i < 20; i++) {
        struct arena *a = arena_new(0);
        struct scan_report r;
        judge_in(ctx, STR("{\"_target_\": \"os.system\"}"), "config.json", a, &r);
        must(r.level == SCAN_UNSAFE);
        arena_free(a);
    }
    return NULL;
}

static void many_threads_share_few_children(void **state)
{
    (void)state;
    struct scan_pool *p = scan_pool_new(&(struct scan_pool_options){ .children_max = 2 });
    pthread_t t[6];
    for (size_t i = 0; i < COUNT(t); i++) assert_int_equal(pthread_create(&t[i], NULL, judge_many, p), 0);
    for (size_t i = 0; i < COUNT(t); i++) pthread_join(t[i], NULL);
    scan_pool_free(p);
}

/* ------------------------------------------------------------------ the seal */

/* In a process of its own: each step that is refused is a bit. */
static int try_all(void)
{
    struct err e;
    int refused = 0, pair[2];
    if (!sandbox_seal(&e)) return 255;
    refused |= (open("/etc/passwd", O_RDONLY) < 0) << 0;
    refused |= (open("/proc/self/mem", O_RDWR) < 0) << 1;
    refused |= (socket(AF_INET, SOCK_STREAM, 0) < 0) << 2;
    refused |= (fork() < 0) << 3;
    refused |= (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) << 4;
    refused |= (kill(getppid(), 0) < 0) << 5;
    refused |= (mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED) << 6;
    void *p = malloc(32 << 20); /* and what it needs goes on */
    return p ? refused : 254;
}

static void a_sealed_process_can_reach_nothing(void **state)
{
    (void)state;
    if (!sandbox_is_built()) skip();
    int status;
    pid_t pid = fork();
    if (pid == 0) _exit(try_all());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 127);
}

int main(int argc, char **argv)
{
    struct err e;
    if (argc == 2 && strcmp(argv[1], "scan-worker") == 0) return scan_worker_run(SCAN_CHANNEL_FD, &e) ? 0 : 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_says_what_we_would_say), cmocka_unit_test(large_files_go_through_in_parts), cmocka_unit_test(a_child_that_fails_costs_one_verdict),
        cmocka_unit_test(no_program_is_no_verdict), cmocka_unit_test(a_child_that_died_while_idle_is_replaced), cmocka_unit_test(a_failed_read_and_a_stop_are_told_as_such),
        cmocka_unit_test(many_threads_share_few_children), cmocka_unit_test(a_sealed_process_can_reach_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
