/* cli/model/edit.c - see cli/model/edit.h: the keys of Emacs that every shell has.
 *
 * Only while a line is read the terminal is raw, so Ctrl-C stops an answer as ever.  What is shown may take several rows: after
 * each batch of keys the rows are painted anew from the first, but for the usual case, a character behind all others.
 * Pasted line ends belong to the line and are shown as arrows. */
#include "cli/model/edit.h"

#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "base/arena.h"

enum { HISTORY_MAX = 500, KEYS_AT_ONCE = 4096, ESCAPE_MS = 50 };

struct editor {
    int in, wake;
    FILE *out;
    locale_t utf8; /* for the widths of characters */
    struct termios before;
    struct buf line; /* what is edited */
    size_t at;       /* of the cursor, in bytes */
    size_t row;      /* of the cursor on the screen, from the first of the line */
    size_t wide, passed; /* of the window, and columns before the cursor, as it was painted */
    const char *prompt;
    bool is_pasting;
    char *history[HISTORY_MAX];
    size_t history_count, history_at; /* at == count: the line itself */
    char *draft;                      /* the line, while history is shown */
    unsigned char key[KEYS_AT_ONCE];
    size_t keys, next_key;
};

struct editor *editor_new(FILE *in, FILE *out, int wake)
{
    const char *term = getenv("TERM");
    struct termios now;
    if (!term || !*term || strcmp(term, "dumb") == 0 || !isatty(fileno(out)) || tcgetattr(fileno(in), &now) != 0) return NULL;
    struct editor *d = mem_one(struct editor);
    d->in = fileno(in);
    d->out = out;
    d->wake = wake;
    d->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return d;
}

void editor_free(struct editor *d)
{
    if (!d) return;
    while (d->history_count) mem_free(d->history[--d->history_count]);
    if (d->utf8) freelocale(d->utf8);
    buf_deinit(&d->line);
    mem_free(d->draft);
    mem_free(d);
}

void editor_remember(struct editor *d, str line)
{
    if (line.n == 0 || (d->history_count && str_eq(str_c(d->history[d->history_count - 1]), line))) return;
    if (d->history_count == HISTORY_MAX) {
        mem_free(d->history[0]);
        memmove(d->history, d->history + 1, --d->history_count * sizeof *d->history);
    }
    d->history[d->history_count++] = mem_dup(line);
}

/* ------------------------------------------------------------------ the screen */

static size_t columns(const struct editor *d)
{
    struct winsize w;
    return ioctl(fileno(d->out), TIOCGWINSZ, &w) == 0 && w.ws_col ? w.ws_col : 80;
}

/* The character that text begins with: its bytes, and the columns that it is shown on. */
static size_t character(const struct editor *d, str text, size_t *width)
{
    uint32_t cp = 0;
    size_t n = str_utf8_decode(text, &cp);
    *width = 1; /* of control characters and of what is not UTF-8: something stands for them */
    if (n == 0) return 1;
    if (cp >= ' ' && d->utf8) {
        locale_t was = uselocale(d->utf8);
        int w = wcwidth((wchar_t)cp);
        uselocale(was);
        *width = w < 0 ? 1 : (size_t)w;
    }
    return n;
}

static void show(const struct editor *d, str text)
{
    size_t width;
    for (size_t i = 0, n; i < text.n; i += n) {
        n = character(d, str_from(text, i), &width);
        if (text.p[i] == '\n') fputs("\u21b5", d->out);
        else if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f) fputc(' ', d->out);
        else fwrite(text.p + i, 1, n, d->out);
    }
}

struct place { size_t row, column; };

static struct place place_of(const struct editor *d, str text, size_t wide)
{
    struct place p = { 0, strlen(d->prompt) };
    for (size_t i = 0, width; i < text.n;) {
        i += character(d, str_from(text, i), &width);
        if (p.column + width > wide) p = (struct place){ p.row + 1, 0 };
        p.column += width;
    }
    if (p.column >= wide) p = (struct place){ p.row + 1, 0 };
    return p;
}

static void paint(struct editor *d)
{
    size_t wide = columns(d);
    str text = buf_str(&d->line);
    struct place cursor = place_of(d, str_to(text, d->at), wide), end = place_of(d, text, wide);
    if (d->wide != wide) d->row = d->passed / wide; /* a window of another width has folded what it shows anew */
    if (d->row) fprintf(d->out, "\033[%zuA", d->row);
    fprintf(d->out, "\r\033[J%s", d->prompt);
    show(d, text);
    if (end.row && end.column == 0) fputs("\r\n", d->out); /* the terminal itself waits with that */
    if (end.row > cursor.row) fprintf(d->out, "\033[%zuA", end.row - cursor.row);
    fputc('\r', d->out);
    if (cursor.column) fprintf(d->out, "\033[%zuC", cursor.column);
    d->row = cursor.row;
    d->wide = wide;
    d->passed = cursor.row * wide + cursor.column;
}

/* ------------------------------------------------------------------ the line */

static void insert(struct editor *d, str text)
{
    struct buf *b = &d->line;
    size_t behind = b->n - d->at;
    if (!buf_reserve(b, text.n)) return; /* too long: the caller sees that */
    memmove(b->p + d->at + text.n, b->p + d->at, behind);
    memcpy(b->p + d->at, text.p, text.n);
    b->n += text.n;
    d->at += text.n;
}

static void take_out(struct editor *d, size_t from, size_t to)
{
    struct buf *b = &d->line;
    if (from == to) return;
    memmove(b->p + from, b->p + to, b->n - to);
    b->n -= to - from;
    d->at = from;
}

static bool is_inside(const struct editor *d, size_t at) { return at < d->line.n && ((unsigned char)d->line.p[at] & 0xc0) == 0x80; }

static size_t before(const struct editor *d, size_t at)
{
    if (at) at--;
    while (at && is_inside(d, at)) at--;
    return at;
}

static size_t behind(const struct editor *d, size_t at)
{
    if (at < d->line.n) at++;
    while (is_inside(d, at)) at++;
    return at;
}

static size_t word_before(const struct editor *d, size_t at)
{
    while (at && d->line.p[at - 1] == ' ') at--;
    while (at && d->line.p[at - 1] != ' ') at--;
    return at;
}

static size_t word_behind(const struct editor *d, size_t at)
{
    while (at < d->line.n && d->line.p[at] == ' ') at++;
    while (at < d->line.n && d->line.p[at] != ' ') at++;
    return at;
}

static void replace(struct editor *d, const char *text)
{
    d->line.n = d->at = 0;
    insert(d, str_c(text));
}

static void leaf(struct editor *d, bool back)
{
    if (back ? d->history_at == 0 : d->history_at == d->history_count) return;
    if (d->history_at == d->history_count) {
        mem_free(d->draft);
        d->draft = mem_dup(buf_str(&d->line));
    }
    d->history_at += back ? (size_t)-1 : 1;
    replace(d, d->history_at == d->history_count ? d->draft : d->history[d->history_at]);
}

/* ------------------------------------------------------------------ keys */

enum { INTERRUPTED = -1, ENDED = -2, NONE = -3 };

static int next_key(struct editor *d, int timeout_ms)
{
    struct pollfd p[2] = { { .fd = d->in, .events = POLLIN }, { .fd = d->wake, .events = POLLIN } };
    if (d->next_key < d->keys) return d->key[d->next_key++];
    fflush(d->out);
    for (;;) {
        int n = poll(p, 2, timeout_ms);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) return NONE;
        if (p[1].revents & POLLIN) return INTERRUPTED;
        ssize_t got = read(d->in, d->key, sizeof d->key);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return ENDED;
        d->keys = (size_t)got;
        d->next_key = 1;
        return d->key[0];
    }
}

/* "[1;5C", "[3~", "OH", "b": what follows an escape, without what terminals say that we do not know. */
static void take_escape(struct editor *d)
{
    int key = next_key(d, ESCAPE_MS), number = 0, with = 0;
    if (key == 'b') d->at = word_before(d, d->at);
    if (key == 'f') d->at = word_behind(d, d->at);
    if (key != '[' && key != 'O') return;
    for (;;) {
        key = next_key(d, ESCAPE_MS);
        if (key >= '0' && key <= '9') number = number < 1000 ? number * 10 + key - '0' : number;
        else if (key == ';') with = number, number = 0;
        else break;
    }
    bool by_words = with && number == 5; /* with Ctrl */
    switch (key) {
    case 'A': leaf(d, true); break;
    case 'B': leaf(d, false); break;
    case 'C': d->at = by_words ? word_behind(d, d->at) : behind(d, d->at); break;
    case 'D': d->at = by_words ? word_before(d, d->at) : before(d, d->at); break;
    case 'H': d->at = 0; break;
    case 'F': d->at = d->line.n; break;
    case '~':
        if (number == 1 || number == 7) d->at = 0;
        else if (number == 4 || number == 8) d->at = d->line.n;
        else if (number == 3) take_out(d, d->at, behind(d, d->at));
        else if (number == 200 || number == 201) d->is_pasting = number == 200;
        break;
    }
}

static void take_control(struct editor *d, int key)
{
    enum { AT = 'A' - 1 };
    switch (key + AT) {
    case 'A': d->at = 0; break;
    case 'B': d->at = before(d, d->at); break;
    case 'D': take_out(d, d->at, behind(d, d->at)); break;
    case 'E': d->at = d->line.n; break;
    case 'F': d->at = behind(d, d->at); break;
    case 'H': take_out(d, before(d, d->at), d->at); break;
    case 'K': d->line.n = d->at; break;
    case 'L': fputs("\033[H\033[2J", d->out); d->row = 0; break;
    case 'N': leaf(d, false); break;
    case 'P': leaf(d, true); break;
    case 'U': take_out(d, 0, d->at); break;
    case 'W': take_out(d, word_before(d, d->at), d->at); break;
    }
}

/* True: the line is done with. */
static bool take_key(struct editor *d, int key, enum edit_end *how)
{
    char byte = (char)key;
    if (key < 0 || (key == 3 && !d->is_pasting)) {
        *how = key == ENDED ? EDIT_NO_MORE : EDIT_INTERRUPT;
        return true;
    }
    if (key == 033) take_escape(d);
    else if (d->is_pasting) insert(d, key == '\r' ? STR("\n") : str_n(&byte, 1));
    else if (key == '\r' || key == '\n') return *how = EDIT_LINE, true;
    else if (key == 4 && d->line.n == 0) return *how = EDIT_NO_MORE, true;
    else if (key == 0x7f) take_out(d, before(d, d->at), d->at);
    else if (key < ' ') take_control(d, key);
    else insert(d, str_n(&byte, 1));
    return false;
}

/* A printable character of one byte behind all others, which does not fill a row. */
static bool is_plain(const struct editor *d, int key, size_t wide)
{
    return key >= ' ' && key < 0x7f && d->at == d->line.n && !d->is_pasting && place_of(d, buf_str(&d->line), wide).column + 1 < wide;
}

static enum edit_end edit(struct editor *d)
{
    enum edit_end how = EDIT_LINE;
    bool is_painted = true;
    for (;;) {
        int key = next_key(d, -1);
        bool plain = is_painted && columns(d) == d->wide && is_plain(d, key, d->wide), done = take_key(d, key, &how);
        if (done && !is_painted) paint(d);
        if (done) return how;
        if (plain) fputc(key, d->out), d->passed++;
        else is_painted = false;
        if (is_painted || d->next_key < d->keys) continue;
        paint(d); /* once for all that came together */
        is_painted = true;
    }
}

bool editor_read(struct editor *d, const char *prompt, struct buf *line, enum edit_end *how, struct err *e)
{
    struct termios raw;
    if (tcgetattr(d->in, &d->before) != 0) return err_os(e, errno, "the terminal");
    raw = d->before;
    raw.c_iflag &= ~(tcflag_t)(BRKINT | ICRNL | INPCK | ISTRIP | IXON);
    raw.c_lflag &= ~(tcflag_t)(ECHO | ICANON | IEXTEN | ISIG);
    d->line = (struct buf)BUF_INIT(line->bytes_max);
    d->at = d->row = 0;
    d->wide = columns(d);
    d->passed = strlen(prompt);
    d->history_at = d->history_count;
    d->prompt = prompt;
    d->is_pasting = false;
    tcsetattr(d->in, TCSADRAIN, &raw);
    fprintf(d->out, "\033[?2004h%s", prompt); /* pastes are told apart */
    *how = edit(d);
    if (d->at < d->line.n) {
        d->at = d->line.n;
        paint(d);
    }
    fputs("\033[?2004l\n", d->out);
    fflush(d->out);
    tcsetattr(d->in, TCSADRAIN, &d->before);
    bool ok = !d->line.failed || err_set(e, ERR_TOO_LARGE, "a message may have %zu bytes", line->bytes_max);
    line->n = 0;
    if (ok && *how == EDIT_LINE) buf_add(line, buf_str(&d->line));
    buf_deinit(&d->line);
    return ok;
}
