/* cli/terminal.c - lines in, columns out. */
#include "cli/cli.h"

#include <inttypes.h>
#include <signal.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/os.h"

enum { LINE_MAX_BYTES = 64 << 10 };

bool cli_line(struct cli *c, str *out, struct err *e)
{
    struct buf line = BUF_INIT(LINE_MAX_BYTES);
    int ch;
    bool ok = false;
    while ((ch = fgetc(c->in)) != EOF && ch != '\n') buf_byte(&line, (char)ch);
    if (ch == EOF && !line.n) {
        err_set(e, ERR_INVALID, "standard input has no line to read");
        goto done;
    }
    if (line.failed) {
        err_set(e, ERR_TOO_LARGE, "the line on standard input has more than %d bytes", LINE_MAX_BYTES);
        goto done;
    }
    if (line.n && line.p[line.n - 1] == '\r') line.n--;
    *out = arena_dup(c->arena, buf_str(&line));
    ok = true;
done:
    buf_deinit(&line);
    return ok;
}

bool cli_input(struct cli *c, const char *what, size_t most, str *out, struct err *e)
{
    struct buf b = BUF_INIT(most);
    uint8_t piece[4096];
    size_t got = 1;
    bool ok = true;
    while (ok && got && !b.failed) {
        ok = os_read(STDIN_FILENO, piece, sizeof piece, &got, e);
        if (ok) buf_add(&b, str_n((const char *)piece, got));
    }
    if (ok && b.failed) ok = err_set(e, ERR_TOO_LARGE, "%s may have %zu bytes", what, most);
    if (ok) *out = arena_dup(c->arena, buf_str(&b));
    buf_deinit(&b);
    return ok;
}

static volatile sig_atomic_t interrupted_by;

static void interrupt(int number) { interrupted_by = number; }

/* A signal that ends the program ends the line first, so that the terminal shows again what is typed. */
static bool ask(struct cli *c, const char *prompt, str *out, struct err *e)
{
    static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
    struct sigaction before[COUNT(ending)], now = { .sa_handler = interrupt }; /* no SA_RESTART: reading ends */
    struct termios was, quiet;
    int fd = fileno(c->in);
    fputs(prompt, c->err);
    fflush(c->err);
    interrupted_by = 0;
    for (size_t i = 0; i < COUNT(ending); i++) sigaction(ending[i], &now, &before[i]);
    bool hides = tcgetattr(fd, &was) == 0;
    if (hides) {
        quiet = was;
        quiet.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(fd, TCSAFLUSH, &quiet);
    }
    bool ok = cli_line(c, out, e);
    if (hides) tcsetattr(fd, TCSAFLUSH, &was);
    for (size_t i = 0; i < COUNT(ending); i++) sigaction(ending[i], &before[i], NULL);
    fputc('\n', c->err);
    if (interrupted_by) raise(interrupted_by);
    return ok && !interrupted_by;
}

bool cli_ask_password(struct cli *c, str *out, bool *asked, struct err *e)
{
    str again;
    *asked = fileno(c->in) >= 0 && isatty(fileno(c->in)) == 1;
    if (!*asked) return true;
    if (!ask(c, "Password: ", out, e) || !ask(c, "Once more: ", &again, e)) return false;
    return str_eq(*out, again) || err_set(e, ERR_INVALID, "the two passwords differ");
}

static size_t width_of(str s) /* characters, not bytes */
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    return n;
}

void cli_columns(FILE *out, const str *cell, size_t n, size_t columns)
{
    size_t width[16] = { 0 };
    must(columns <= COUNT(width) && n % columns == 0);
    for (size_t i = 0; i < n; i++)
        if (width_of(cell[i]) > width[i % columns]) width[i % columns] = width_of(cell[i]);
    size_t blanks = 0; /* owed: written only if something follows in the row */
    for (size_t i = 0; i < n; i++) {
        if (cell[i].n) {
            fprintf(out, "%*s", (int)blanks, "");
            fwrite(cell[i].p, 1, cell[i].n, out);
            blanks = 0;
        }
        blanks += width[i % columns] - width_of(cell[i]) + 2;
        if (i % columns < columns - 1) continue;
        fputc('\n', out);
        blanks = 0;
    }
}

const char *cli_count(struct cli *c, uint64_t n, const char *one, const char *many)
{
    return arena_fmt(c->arena, "%" PRIu64 " %s", n, n == 1 ? one : many).p;
}

str cli_date(int64_t unix_ms, struct arena *a)
{
    struct tm tm;
    time_t t = (time_t)(unix_ms / 1000);
    char text[32];
    if (!unix_ms) return STR("-");
    gmtime_r(&t, &tm);
    size_t n = strftime(text, sizeof text, "%Y-%m-%d %H:%M", &tm);
    return arena_dup(a, str_n(text, n));
}
