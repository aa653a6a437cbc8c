/* cli/model/converse.c - see cli/model/converse.h: line by line, with commands that begin with a slash.
 *
 * The terminal is edited by edit.c where it can be, else it edits itself; a message that begins with """ goes on until a line that
 * ends with """.  Ctrl-C stops an answer, which stays as far as it came, and Ctrl-D ends. */
#include "cli/model/converse.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/os.h"
#include "cli/model/edit.h"

enum { MESSAGE_BYTES_MAX = 16 << 20, FILE_BYTES_MAX = 64 << 20 };

/* An answer looks at the flag.  Who waits for a line waits for the pipe, too: a flag that is set just before he begins to wait
 * would wake nobody. */
static volatile sig_atomic_t interrupted;
static int wake[2] = { -1, -1 };
static void on_interrupt(int number)
{
    int saved = errno;
    (void)number;
    interrupted = 1;
    if (write(wake[1], "", 1) < 0) {} /* full: it wakes in any case */
    errno = saved;
}

static void forget_interrupts(void)
{
    char ignored[64];
    while (read(wake[0], ignored, sizeof ignored) > 0) continue;
    interrupted = 0;
}

/* False: there was an interrupt instead of something to read. */
static bool await_input(FILE *in)
{
    struct pollfd p[2] = { { .fd = fileno(in), .events = POLLIN }, { .fd = wake[0], .events = POLLIN } };
    while (poll(p, 2, -1) < 0 && errno == EINTR) continue;
    return !(p[1].revents & POLLIN);
}

struct conversation {
    struct cli *c;
    const struct converser *who;
    struct editor *editor; /* NULL: the terminal edits */
    struct arena *a;       /* messages */
    struct json *messages;
    size_t first_turn; /* how many messages there were before the first */
    struct converse_settings settings;
    struct buf line;
    bool has_answer, prompts; /* prompts: somebody sits there */
    size_t unanswered;
};

static bool edit_line(struct conversation *v, const char *prompt, bool *more, struct err *e)
{
    enum edit_end how;
    do {
        if (!editor_read(v->editor, prompt, &v->line, &how, e)) return false;
        forget_interrupts();
    } while (how == EDIT_INTERRUPT);
    *more = how == EDIT_LINE;
    return true;
}

/* One line without its end; *more false: the end of input.  An interrupt empties the line. */
static bool read_line(struct conversation *v, const char *prompt, bool *more, struct err *e)
{
    struct cli *c = v->c;
    if (v->editor) return edit_line(v, prompt, more, e);
    char piece[4096];
    fputs(prompt, c->out);
    fflush(c->out);
    v->line.n = 0;
    *more = true;
    for (;;) {
        errno = 0;
        bool came = await_input(c->in);
        if (came && !fgets(piece, sizeof piece, c->in)) {
            if (errno != EINTR) break;
            clearerr(c->in);
            came = false;
        }
        if (!came) {
            forget_interrupts();
            v->line.n = 0;
            fprintf(c->out, "\n%s", prompt);
            fflush(c->out);
            continue;
        }
        buf_add(&v->line, str_c(piece));
        if (v->line.failed) return err_set(e, ERR_TOO_LARGE, "a message may have %d bytes", MESSAGE_BYTES_MAX);
        if (str_ends(str_c(piece), STR("\n"))) {
            v->line.n--;
            return true;
        }
    }
    *more = v->line.n > 0;
    return true;
}

static void remember(struct conversation *v, str message)
{
    if (v->editor) editor_remember(v->editor, message);
}

static bool read_message(struct conversation *v, str *out, bool *more, struct err *e)
{
    struct buf whole = BUF_INIT(MESSAGE_BYTES_MAX);
    str quotes = STR("\"\"\"");
    if (!read_line(v, v->prompts ? ">>> " : "", more, e)) return false;
    *out = arena_dup(v->a, str_trim(buf_str(&v->line)));
    bool is_long = str_starts(*out, quotes);
    if (*more && !is_long) remember(v, *out);
    if (!*more || !is_long) return true;
    buf_add(&whole, str_from(*out, 3));
    while (*more && !whole.failed && !(whole.n >= 3 && str_ends(buf_str(&whole), quotes))) {
        if (!read_line(v, v->prompts ? "... " : "", more, e)) {
            buf_deinit(&whole);
            return false;
        }
        if (!*more) break;
        buf_byte(&whole, '\n');
        buf_add(&whole, buf_str(&v->line));
    }
    str text = buf_str(&whole);
    bool ok = !whole.failed || err_set(e, ERR_TOO_LARGE, "a message may have %d bytes", MESSAGE_BYTES_MAX);
    if (ok) remember(v, arena_fmt(v->a, "\"\"\"%.*s", STR_ARG(text)));
    if (ok) *out = arena_dup(v->a, str_trim(str_ends(text, quotes) ? str_to(text, text.n - 3) : text));
    buf_deinit(&whole);
    return ok;
}

/* What a model writes may come from anybody: an escape sequence could retitle the window, or worse. */
void converse_show(struct cli *c, str text)
{
    if (!isatty(fileno(c->out))) {
        fwrite(text.p, 1, text.n, c->out);
    } else {
        for (size_t i = 0; i < text.n; i++) {
            unsigned char ch = (unsigned char)text.p[i], next = i + 1 < text.n ? (unsigned char)text.p[i + 1] : 0;
            bool is_c1 = ch == 0xc2 && next >= 0x80 && next < 0xa0;
            if (!is_c1 && (ch >= ' ' || ch == '\n' || ch == '\t') && ch != 0x7f) {
                fputc(ch, c->out);
                continue;
            }
            fputs("\ufffd", c->out);
            i += is_c1;
        }
    }
    fflush(c->out);
}

/* ------------------------------------------------------------------ settings */

static const struct {
    const char *name;
    double least, most;
    bool is_whole, is_above; /* above: not least itself */
} settings[CONVERSE_SETTINGS] = {
    [SET_TEMPERATURE] = { "temperature", 0, 100, false, false },
    [SET_TOP_P] = { "top-p", 0, 1, false, true },
    [SET_TOP_K] = { "top-k", 0, 1 << 24, true, false },
    [SET_MIN_P] = { "min-p", 0, 1, false, false },
    [SET_REPETITION_PENALTY] = { "repetition-penalty", 0, 100, false, true },
    [SET_MAX_TOKENS] = { "max-tokens", 1, 1 << 24, true, false },
    [SET_SEED] = { "seed", 0, 9007199254740992, true, false },
};

static bool read_setting(enum converse_setting s, const char *text, struct converse_settings *out, struct err *e)
{
    char *end;
    double v = strtod(text, &end);
    bool fits = *text && !*end && v >= settings[s].least && v <= settings[s].most && !(settings[s].is_above && v <= settings[s].least) &&
                !(settings[s].is_whole && v != floor(v));
    if (!fits)
        return cli_usage(e, "%s must be a %snumber %s %.0f%s%.0f", settings[s].name, settings[s].is_whole ? "whole " : "", settings[s].is_above ? "above" : "from",
                         settings[s].least, settings[s].is_above ? ", and at most " : " to ", settings[s].most);
    out->given[s] = true;
    out->value[s] = v;
    return true;
}

/* Those of the command line. */
static bool settings_read(struct cli *c, struct converse_settings *out, struct err *e)
{
    *out = (struct converse_settings){ 0 };
    for (int s = 0; s < CONVERSE_SETTINGS; s++)
        if (cli_given(c, settings[s].name) && !read_setting((enum converse_setting)s, cli_cstr(c, settings[s].name), out, e)) return false;
    return true;
}

static void show_settings(struct conversation *v)
{
    for (int s = 0; s < CONVERSE_SETTINGS; s++) {
        if (v->settings.given[s]) fprintf(v->c->out, "%-20s%.15g\n", settings[s].name, v->settings.value[s]);
        else fprintf(v->c->out, "%-20snot set\n", settings[s].name);
    }
}

/* "temperature 0.5", "temperature" alone: as at the start, "": all are shown. */
static void set(struct conversation *v, str rest)
{
    struct err e;
    str name, value = rest;
    if (rest.n == 0) {
        show_settings(v);
        return;
    }
    if (!str_cut(&value, ' ', &name)) name = rest, value = STR("");
    value = str_trim(value);
    for (int s = 0; s < CONVERSE_SETTINGS; s++) {
        if (!str_eq(name, str_c(settings[s].name))) continue;
        if (value.n == 0) v->settings.given[s] = false;
        else if (!read_setting((enum converse_setting)s, arena_cstr(v->a, value), &v->settings, &e)) fprintf(v->c->out, "%s\n", e.msg);
        return;
    }
    fprintf(v->c->out, "there is no setting %.*s; /set shows which there are\n", STR_ARG(str_to(name, 40)));
}

/* ------------------------------------------------------------------ messages, and files of them */

struct json *converse_message(struct arena *a, str role, str content)
{
    struct json *m = json_new(a, JSON_OBJECT);
    json_put(m, STR("role"), json_new_str(a, role));
    json_put(m, STR("content"), json_new_str(a, content));
    return m;
}

static bool read_file(const char *path, struct arena *a, struct json **out, struct err *e)
{
    char *text;
    size_t n;
    if (!os_read_file(path, FILE_BYTES_MAX, &text, &n, e)) return false;
    str kept = arena_dup(a, str_n(text, n));
    mem_free(text);
    if (!json_parse(kept, a, out, e)) return err_context(e, "%s", path);
    bool ok = json_is(*out, JSON_ARRAY);
    json_each (m, *out) ok = ok && json_str_or(m, STR("role"), STR("")).n;
    return ok || err_set(e, ERR_INVALID, "%s: a conversation is a JSON list of {\"role\", \"content\"}", path);
}

bool converse_opening(struct cli *c, struct json **out, struct err *e)
{
    struct json *given = NULL;
    *out = json_new(c->arena, JSON_ARRAY);
    if (cli_given(c, "messages") && !read_file(cli_cstr(c, "messages"), c->arena, &given, e)) return false;
    if (cli_given(c, "system") && !str_is_utf8(cli_str(c, "system"))) return err_set(e, ERR_INVALID, "--system is not UTF-8");
    if (cli_given(c, "system")) json_add(*out, converse_message(c->arena, STR("system"), cli_str(c, "system")));
    for (struct json *m = given ? given->first : NULL, *next; m; m = next) {
        next = m->next;
        m->next = NULL;
        json_add(*out, m);
    }
    return true;
}

static void save(struct conversation *v, str path)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    struct err e;
    const char *to = arena_cstr(v->a, path);
    size_t slash = str_rchr(path, '/');
    jw_value(&w, v->messages);
    buf_byte(&b, '\n');
    const char *dir = slash == STR_NONE ? "." : slash == 0 ? "/" : arena_cstr(v->a, str_to(path, slash));
    if (os_write_file(dir, to, bytes_of(buf_str(&b)), &e)) fprintf(v->c->out, "%zu %s in %s\n", v->messages->count, plural(v->messages->count, "message is", "messages are"), to);
    else fprintf(v->c->out, "%s\n", e.msg);
    buf_deinit(&b);
}

static void load(struct conversation *v, str path)
{
    struct json *messages;
    struct err e;
    if (!read_file(arena_cstr(v->a, path), v->a, &messages, &e)) {
        fprintf(v->c->out, "%s\n", e.msg);
        return;
    }
    v->messages = messages;
    v->first_turn = str_eq(json_str_or(json_at(messages, 0), STR("role"), STR("")), STR("system"));
    v->has_answer = false;
    fprintf(v->c->out, "%zu %s\n", messages->count, plural(messages->count, "message", "messages"));
}

/* ------------------------------------------------------------------ commands */

static void help(struct cli *c)
{
    fputs("/system TEXT      begin anew, with TEXT as the instructions\n"
          "/reset            begin anew\n"
          "/set NAME VALUE   temperature, top-p, max-tokens ...; /set alone shows them\n"
          "/save FILE        write the conversation, as JSON\n"
          "/load FILE        go on with one\n"
          "/stats            how fast the last answer came\n"
          "/help             this\n"
          "/exit, Ctrl-D     end\n"
          "Ctrl-C stops an answer. \"\"\" begins and ends a message of several lines.\n", c->out);
}

static void begin_anew(struct conversation *v, str system)
{
    struct json *kept = json_new(v->a, JSON_ARRAY), *next;
    size_t i = 0;
    if (system.p && system.n) json_add(kept, converse_message(v->a, STR("system"), system));
    for (struct json *m = v->messages->first; m && i < v->first_turn; m = next, i++) {
        next = m->next;
        if (system.p && str_eq(json_str_or(m, STR("role"), STR("")), STR("system"))) continue;
        m->next = NULL;
        json_add(kept, m);
    }
    v->messages = kept;
    v->first_turn = kept->count;
    v->has_answer = false;
}

/* True: it was a command, and *more says whether to go on. */
static bool command(struct conversation *v, str text, bool *more)
{
    struct cli *c = v->c;
    if (!str_starts(text, STR("/"))) return false;
    size_t end = str_chr(text, ' ');
    str word = str_to(text, end), rest = end == STR_NONE ? STR("") : str_trim(str_from(text, end));
    if (str_eq(word, STR("/help")) || str_eq(word, STR("/?"))) help(c);
    else if (str_eq(word, STR("/reset"))) begin_anew(v, (str){ 0 });
    else if (str_eq(word, STR("/system"))) begin_anew(v, rest);
    else if (str_eq(word, STR("/set"))) set(v, rest);
    else if (str_eq(word, STR("/save")) || str_eq(word, STR("/load"))) {
        if (rest.n == 0) fprintf(c->out, "%.*s wants a file\n", STR_ARG(word));
        else if (str_eq(word, STR("/save"))) save(v, rest);
        else load(v, rest);
    } else if (str_eq(word, STR("/quit")) || str_eq(word, STR("/exit")) || str_eq(word, STR("/bye"))) *more = false;
    else if (str_eq(word, STR("/stats"))) v->has_answer ? v->who->report(v->who->ctx, c->out) : (void)fputs("there is no answer yet\n", c->out);
    else fprintf(c->out, "%.*s is no command; /help tells which there are\n", STR_ARG(str_to(word, 40)));
    return true;
}

/* ------------------------------------------------------------------ turns */

static struct json *last_of(struct json *list)
{
    struct json *m = list->first;
    while (m && m->next) m = m->next;
    return m;
}

static void take_back(struct json *list)
{
    struct json **at = &list->first;
    while ((*at)->next) at = &(*at)->next;
    *at = NULL;
    list->count--;
}

/* A turn that fails (too long, or refused by the template) says so and is forgotten. */
static void turn(struct conversation *v, str text)
{
    struct converse_answer answer = { 0 };
    struct err e;
    json_add(v->messages, converse_message(v->a, STR("user"), text));
    forget_interrupts();
    bool ok = v->who->answer(v->who->ctx, v->messages, &v->settings, &interrupted, &answer, &e);
    forget_interrupts();
    if (ok) {
        json_add(v->messages, converse_message(v->a, STR("assistant"), arena_dup(v->a, str_trim(buf_str(&answer.text)))));
        v->has_answer = true;
        fputs(answer.was_cut ? "\n[the answer was cut off: no more tokens]\n" : "\n", v->c->out);
    } else {
        must(last_of(v->messages));
        take_back(v->messages);
        v->unanswered++;
        if (answer.text.n) fputc('\n', v->c->out);
        fflush(v->c->out);
        fprintf(v->prompts ? v->c->out : v->c->err, "%s\n", e.msg); /* who reads a pipe takes what is there for the answer */
    }
    buf_deinit(&answer.text);
}

static void copy_messages(struct conversation *v, const struct json *messages)
{
    v->messages = json_new(v->a, JSON_ARRAY);
    json_each (m, messages) json_add(v->messages, json_share(v->a, m));
    v->first_turn = v->messages->count;
}

static bool talk(struct conversation *v, struct err *e)
{
    bool more = true, ok = true;
    str text;
    while ((ok = read_message(v, &text, &more, e)) && more) {
        if (text.n == 0) continue;
        if (!str_is_utf8(text)) fputs("that is not UTF-8\n", v->c->out);
        else if (!command(v, text, &more)) turn(v, text);
        if (!more) return true;
    }
    if (ok && v->prompts && !v->editor) fputc('\n', v->c->out);
    return ok;
}

bool cli_converse(struct cli *c, const struct converser *who, const struct json *messages, struct err *e)
{
    struct conversation v = { .c = c, .who = who, .line = BUF_INIT(MESSAGE_BYTES_MAX) };
    struct sigaction on = { .sa_handler = on_interrupt }, before; /* no SA_RESTART: reading a line ends, too */
    if (!settings_read(c, &v.settings, e)) return false;
    if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0) return err_os(e, errno, "cannot listen to Ctrl-C");
    v.a = arena_new(0);
    copy_messages(&v, messages);
    v.editor = editor_new(c->in, c->out, wake[0]);
    sigaction(SIGINT, &on, &before);
    v.prompts = isatty(fileno(c->in));
    if (v.prompts) fprintf(c->out, "%.*s. /help tells what there is; Ctrl-D ends.\n", STR_ARG(who->greeting));
    bool ok = talk(&v, e);
    if (ok && !v.prompts && v.unanswered) ok = err_set(e, ERR_INVALID, "%zu of the messages ha%s no answer", v.unanswered, v.unanswered == 1 ? "s" : "ve");
    sigaction(SIGINT, &before, NULL);
    editor_free(v.editor);
    close(wake[0]);
    close(wake[1]);
    buf_deinit(&v.line);
    arena_free(v.a);
    return ok;
}
