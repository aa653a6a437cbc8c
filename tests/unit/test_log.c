/* test_log.c - whatever strangers wrote, a line of the log is one line, of UTF-8, whose quotes are its own. */
#include <unistd.h>

#include "unit.h"

#include "base/log.h"

static char line[16384];

/* What log_info wrote to the standard error. */
#define LOGGED(...)                                                            \
    do {                                                                       \
        int pipe_fd[2], kept = dup(STDERR_FILENO);                             \
        assert_return_code(pipe(pipe_fd), 0);                                  \
        assert_return_code(dup2(pipe_fd[1], STDERR_FILENO), 0);                \
        log_event(LOG_INFO, "test", __VA_ARGS__);                              \
        dup2(kept, STDERR_FILENO);                                             \
        close(kept);                                                           \
        close(pipe_fd[1]);                                                     \
        ssize_t n_ = read(pipe_fd[0], line, sizeof line - 1);                  \
        close(pipe_fd[0]);                                                     \
        assert_true(n_ > 0);                                                   \
        line[n_] = '\0';                                                       \
    } while (0)

static str facts_of_line(void)
{
    str s = str_c(line);
    size_t at = str_find(s, STR(" test "));
    assert_int_not_equal(at, STR_NONE);
    return str_from(s, at + 6);
}

static void hostile_facts_stay_facts(void **state)
{
    (void)state;
    static const struct { const char *fact, *expected; } row[] = {
        { "plain", "x=\"plain\" n=7\n" },
        { "a\" user=admin path=\"/", "x=\"a\\\" user=admin path=\\\"/\" n=7\n" },
        { "back\\slash", "x=\"back\\\\slash\" n=7\n" },
        { "two\r\nlines\n2026-01-01T00:00:00.000Z error forged", "x=\"two\\x0d\\x0alines\\x0a2026-01-01T00:00:00.000Z error forged\" n=7\n" },
        { "\x1b[2Jclear\x7f", "x=\"\\x1b[2Jclear\\x7f\" n=7\n" },
        { "gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\xa4\x97", "x=\"gr\xc3\xbc\xc3\x9f" "e \xe2\x82\xac \xf0\x9f\xa4\x97\" n=7\n" },
        { "\xff\xfe half \xc3", "x=\"\\xff\\xfe half \\xc3\" n=7\n" },
        { "\xc0\xaf overlong", "x=\"\\xc0\\xaf overlong\" n=7\n" },
        { "\xc2\x9b" "31m", "x=\"\\xc2\\x9b31m\" n=7\n" },
        { "\x02 forged=\x02yes", "x=\\x02\\x02 forged=\\x02yes\\x02 n=7\n" }, /* the mark of a quote: then none is one */
    };
    for (size_t i = 0; i < COUNT(row); i++) {
        LOGGED("x=\"%s\" n=%d", row[i].fact, 7);
        assert_str(facts_of_line(), str_c(row[i].expected));
        assert_true(str_is_utf8(str_c(line)));
    }
}

static void a_long_line_ends(void **state)
{
    (void)state;
    char text[5000];
    memset(text, '\x01', sizeof text);
    text[sizeof text - 1] = '\0';
    LOGGED("x=\"%s\" y=%s", text, text);
    assert_true(strlen(line) < 10000);
    assert_int_equal(line[strlen(line) - 1], '\n');
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(hostile_facts_stay_facts), cmocka_unit_test(a_long_line_ends) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
