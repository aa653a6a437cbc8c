/* cli/converse.c - hearth run on a terminal: a conversation, line by line.
 *
 * The terminal edits the line; a message that begins with """ goes on until a line that ends with """.  Ctrl-C stops an
 * answer, which stays as far as it came, and Ctrl-D ends. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cli/local_run.h"

enum { MESSAGE_BYTES_MAX = 16 << 20 };

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
    struct local_run *r;
    struct arena *a; /* messages */
    struct json *messages;
    size_t first_turn; /* how many messages there were before the first */
    struct buf line;
    bool has_answer;
};

/* One line without its end; *more false: the end of input.  An interrupt empties the line. */
static bool read_line(struct conversation *v, const char *prompt, bool *more, struct err *e)
{
    struct cli *c = v->r->c;
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

static bool read_message(struct conversation *v, str *out, bool *more, struct err *e)
{
    struct buf whole = BUF_INIT(MESSAGE_BYTES_MAX);
    str quotes = STR("\"\"\"");
    if (!read_line(v, ">>> ", more, e)) return false;
    *out = arena_dup(v->a, str_trim(buf_str(&v->line)));
    if (!*more || !str_starts(*out, quotes)) return true;
    buf_add(&whole, str_from(*out, 3));
    while (*more && !whole.failed && !(whole.n >= 3 && str_ends(buf_str(&whole), quotes))) {
        if (!read_line(v, "... ", more, e)) {
            buf_deinit(&whole);
            return false;
        }
        if (!*more) break;
        buf_byte(&whole, '\n');
        buf_add(&whole, buf_str(&v->line));
    }
    str text = buf_str(&whole);
    bool ok = !whole.failed || err_set(e, ERR_TOO_LARGE, "a message may have %d bytes", MESSAGE_BYTES_MAX);
    if (ok) *out = arena_dup(v->a, str_trim(str_ends(text, quotes) ? str_to(text, text.n - 3) : text));
    buf_deinit(&whole);
    return ok;
}

/* ------------------------------------------------------------------ commands */

static void help(struct cli *c)
{
    fputs("/system TEXT   begin anew, with TEXT as the instructions\n"
          "/reset         begin anew\n"
          "/stats         how fast the last answer came\n"
          "/help          this\n"
          "/quit, Ctrl-D  end\n"
          "Ctrl-C stops an answer. \"\"\" begins and ends a message of several lines.\n", c->out);
}

static void begin_anew(struct conversation *v, str system)
{
    struct json *kept = json_new(v->a, JSON_ARRAY), *next;
    size_t i = 0;
    if (system.p && system.n) json_add(kept, local_message(v->a, STR("system"), system));
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
    struct cli *c = v->r->c;
    if (!str_starts(text, STR("/"))) return false;
    size_t end = str_chr(text, ' ');
    str word = str_to(text, end), rest = end == STR_NONE ? STR("") : str_trim(str_from(text, end));
    if (str_eq(word, STR("/help")) || str_eq(word, STR("/?"))) help(c);
    else if (str_eq(word, STR("/reset"))) begin_anew(v, (str){ 0 });
    else if (str_eq(word, STR("/system"))) begin_anew(v, rest);
    else if (str_eq(word, STR("/quit")) || str_eq(word, STR("/exit")) || str_eq(word, STR("/bye"))) *more = false;
    else if (str_eq(word, STR("/stats"))) v->has_answer ? local_report(v->r, c->out) : (void)fputs("there is no answer yet\n", c->out);
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
    struct local_run *r = v->r;
    struct arena *scratch = arena_new(0);
    struct err e;
    uint32_t *ids;
    size_t n;
    json_add(v->messages, local_message(v->a, STR("user"), text));
    forget_interrupts();
    bool ok = local_prompt(r, v->messages, scratch, &ids, &n, &e) && local_generate(r, ids, n, &interrupted, &e);
    forget_interrupts();
    if (ok) {
        json_add(v->messages, local_message(v->a, STR("assistant"), arena_dup(v->a, str_trim(buf_str(&r->text)))));
        v->has_answer = true;
        fputs(r->finish == FINISH_LENGTH ? "\n[the answer was cut off: no more tokens]\n" : "\n", r->c->out);
    } else {
        must(last_of(v->messages));
        take_back(v->messages);
        fprintf(r->c->out, "%s\n", e.msg);
    }
    arena_free(scratch);
}

bool cli_converse(struct local_run *r, const struct json *messages, struct err *e)
{
    struct conversation v = { .r = r, .a = arena_new(0), .line = BUF_INIT(MESSAGE_BYTES_MAX) };
    struct sigaction on = { .sa_handler = on_interrupt }, before; /* no SA_RESTART: reading a line ends, too */
    const struct decoder_config *c = decoder_config(r->d);
    bool more = true, ok = true;
    v.messages = json_new(v.a, JSON_ARRAY);
    json_each (m, messages) {
        struct json *copy = json_new(v.a, m->type);
        *copy = *m;
        copy->next = NULL;
        json_add(v.messages, copy);
    }
    v.first_turn = v.messages->count;
    if (pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0) {
        arena_free(v.a);
        return err_os(e, errno, "cannot listen to Ctrl-C");
    }
    sigaction(SIGINT, &on, &before);
    fprintf(r->c->out, "%.*s, %.1f M parameters, %u tokens of context. /help tells what there is; Ctrl-D ends.\n", STR_ARG(c->model_type),
            (double)decoder_parameters(r->d) * 1e-6, c->positions);
    while (ok) {
        str text;
        ok = read_message(&v, &text, &more, e);
        if (!ok || !more) break;
        if (text.n == 0) continue;
        if (!str_is_utf8(text)) {
            fputs("that is not UTF-8\n", r->c->out);
            continue;
        }
        if (!command(&v, text, &more)) turn(&v, text);
        if (!more) break;
    }
    if (ok && !more) fputc('\n', r->c->out);
    sigaction(SIGINT, &before, NULL);
    close(wake[0]);
    close(wake[1]);
    buf_deinit(&v.line);
    arena_free(v.a);
    return ok;
}
