/* Unit tests of src/base/spawn.c: what a child has, and what it has not. */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/spawn.h"

/* What a shell writes that has the descriptors fd[0..n), of which fd[1] is set here. */
static str run(struct arena *a, const char *script, const char *const *env, int *fd, size_t n)
{
    const char *argv[] = { "sh", "-c", script, NULL };
    int out[2], status;
    char text[4096];
    size_t got = 0;
    pid_t pid;
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    fd[1] = out[1];
    assert_int_equal(spawn_process(&(struct spawn){ "sh", argv, env, fd, n }, &pid), 0);
    close(out[1]);
    for (ssize_t r; (r = read(out[0], text + got, sizeof text - got)) > 0;) got += (size_t)r;
    close(out[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    return arena_dup(a, str_n(text, got));
}

static const char *const no_env[] = { NULL };

static int file_with(const char *text)
{
    int fd = memfd_create("text", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void descriptors_are_where_they_were_asked_for(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    int one = file_with("one"), two = file_with("two"), fd[16];
    for (size_t i = 0; i < COUNT(fd); i++) fd[i] = -1;
    must(one < 14 && two < 14);
    fd[one] = two, fd[two] = one; /* each where the other lies here */
    fd[15] = one;
    const char *script = arena_fmt(a, "cat <&%d; cat <&%d; read x || true; echo \"[$x]\"", one, two).p;
    assert_str(run(a, script, no_env, fd, COUNT(fd)), STR("twoone[]\n"));
    assert_int_equal(fcntl(one, F_GETFD), FD_CLOEXEC); /* and ours are as they were */
    close(one);
    close(two);
    arena_free(a);
}

/* Without FD_CLOEXEC, too, and whatever lies between those that are given. */
static void nothing_else_is_open(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    int inherited = open("/dev/null", O_RDONLY), high = fcntl(inherited, F_DUPFD, 200), fd[9] = { -1, -1, 2, -1, -1, -1, -1, -1, 0 };
    fd[8] = inherited;
    assert_str(run(a, "for i in 3 4 5 6 7 8 9 10 11 12 13 200; do [ -e /dev/fd/$i ] && echo $i; done; true", no_env, fd, COUNT(fd)), STR("8\n"));
    int few[2] = { -1, -1 }; /* fewer than three: the rest is /dev/null */
    assert_str(run(a, "readlink /dev/fd/0 /dev/fd/2", no_env, few, COUNT(few)), STR("/dev/null\n/dev/null\n"));
    close(inherited);
    close(high);
    arena_free(a);
}

static void it_has_no_variable_and_no_signal_of_ours(void **state)
{
    (void)state;
    struct arena *a = arena_new(0);
    int fd[3] = { -1, -1, 2 };
    sigset_t all, before;
    static const char *const names[] = { "HEARTH_TEST_KEPT", "HEARTH_TEST_MISSING" };
    setenv("HEARTH_TEST_KEPT", "yes", 1);
    setenv("HEARTH_TEST_SECRET", "no", 1);
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    struct sigaction ignore = { .sa_handler = SIG_IGN }, usual, pipe_usual;
    sigaction(SIGUSR1, &ignore, &usual);
    sigaction(SIGPIPE, &ignore, &pipe_usual);
    /* Of 32 and 33, which are the C library's own, that library makes ignored ones. */
    str out = run(a, "echo $HEARTH_TEST_KEPT$HEARTH_TEST_SECRET; grep -E 'SigBlk|SigIgn' /proc/self/status | tr -s '\\t' ' ' | sed s/180000000/000000000/; read -r _ _ _ _ group _ </proc/self/stat; [ $group = $$ ] && echo leads",
                  spawn_environment(a, names, COUNT(names)), fd, COUNT(fd));
    sigaction(SIGUSR1, &usual, NULL);
    sigaction(SIGPIPE, &pipe_usual, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert_str(out, STR("yes\nSigBlk: 0000000000000000\nSigIgn: 0000000000000000\nleads\n"));
    arena_free(a);
}

static void a_program_that_is_none_is_told(void **state)
{
    (void)state;
    static const char *const argv[] = { "x", NULL };
    int bad_fd = 900;
    pid_t pid;
    assert_int_equal(spawn_process(&(struct spawn){ "hearth-no-such-program", argv, no_env, NULL, 0 }, &pid), ENOENT);
    assert_int_equal(spawn_process(&(struct spawn){ "/etc/passwd", argv, no_env, NULL, 0 }, &pid), EACCES);
    assert_int_equal(spawn_process(&(struct spawn){ "sh", argv, no_env, &bad_fd, 1 }, &pid), EBADF);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_are_where_they_were_asked_for),
        cmocka_unit_test(nothing_else_is_open),
        cmocka_unit_test(it_has_no_variable_and_no_signal_of_ours),
        cmocka_unit_test(a_program_that_is_none_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
