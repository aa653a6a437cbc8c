/* cli/run.c - one command line from start to exit status, and what most commands share. */
#include "cli/cli.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "base/os.h"

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

static int refuse(struct cli *c, const char *command, const struct err *e)
{
    bool is_usage = e->kind && strcmp(e->kind, "usage") == 0;
    fflush(c->out);
    fputs("hearth", c->err);
    if (command) fprintf(c->err, " %s", command);
    fputs(": ", c->err);
    for (const char *p = e->msg; *p; p++) fputc((unsigned char)*p < ' ' || *p == 0x7f ? '?' : *p, c->err); /* one line */
    bool has_own = command && strcmp(command, "help") != 0;
    if (is_usage) fprintf(c->err, " (see hearth help%s%s)", has_own ? " " : "", has_own ? command : "");
    fputc('\n', c->err);
    return is_usage ? EXIT_USAGE : EXIT_FAILED;
}

static bool run_command(struct cli *c, struct err *e)
{
    enum log_level level;
    if (c->command->takes != CLI_TAKES_NONE) {
        if (!cli_settings_load(c, e)) return false;
        must(log_level_parse(cli_str(c, "log-level"), &level));
        log_set_level(level);
    }
    return c->command->run(c, e);
}

/* Of "user ad" the group is right, so only its commands are offered; of "usre add" the groups. */
static bool unknown_command(int argc, const char *const *argv, struct err *e)
{
    str group = str_c(argv[0]);
    bool in_group = argc > 1 && cli_is_group(group);
    struct cli_nearest near = { .wanted = in_group ? str_c(argv[1]) : group };
    for (size_t i = 0; cli_commands[i].name; i++) {
        str name = str_c(cli_commands[i].name), first = str_to(name, str_chr(name, ' '));
        if (!in_group)
            cli_nearest_offer(&near, first);
        else if (str_eq(first, group))
            cli_nearest_offer(&near, str_from(name, first.n + 1));
    }
    const char *before = in_group ? argv[0] : "", *blank = in_group ? " " : "";
    if (!near.best.p) return cli_usage(e, "there is no command \"%s%s%.*s\"", before, blank, STR_ARG(near.wanted));
    return cli_usage(e, "there is no command \"%s%s%.*s\"; did you mean \"%s%s%.*s\"?", before, blank, STR_ARG(near.wanted),
                     before, blank, STR_ARG(near.best));
}

static bool is_help(const char *word) { return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0; }

static int run(struct cli *c, int argc, const char *const *argv)
{
    struct err e;
    int words;
    if (argc < 1) {
        cli_help_all(c->err);
        return EXIT_USAGE;
    }
    if (is_help(argv[0])) {
        cli_help_all(c->out);
        return EXIT_DONE;
    }
    if (strcmp(argv[0], "--version") == 0) {
        fputs("hearth " HEARTH_VERSION "\n", c->out);
        return EXIT_DONE;
    }
    c->command = cli_command_find(argc, argv, &words);
    if (!c->command) {
        bool is_group = cli_is_group(str_c(argv[0])), asks = argc > 1 && is_help(argv[1]);
        if (is_group && (argc == 1 || asks)) {
            cli_help_group(asks ? c->out : c->err, str_c(argv[0]));
            return asks ? EXIT_DONE : EXIT_USAGE;
        }
        unknown_command(argc, argv, &e);
        return refuse(c, NULL, &e);
    }
    if (!cli_arguments_parse(c, argc - words, argv + words, &e)) return refuse(c, c->command->name, &e);
    if (c->wants_help) {
        cli_help_command(c->out, c->command);
        return EXIT_DONE;
    }
    return run_command(c, &e) ? EXIT_DONE : refuse(c, c->command->name, &e);
}

int cli_main(int argc, const char *const *argv, FILE *in, FILE *out, FILE *err)
{
    struct cli *c = mem_one(struct cli);
    c->arena = arena_new(0);
    c->in = in;
    c->out = out;
    c->err = err;
    int status = run(c, argc - 1, argv + 1);
    if (fflush(out) != 0 && status == EXIT_DONE) { /* a full disk behind `hearth token create > file` */
        fprintf(err, "hearth: cannot write to standard output: %s\n", strerror(errno));
        status = EXIT_FAILED;
    }
    arena_free(c->arena);
    mem_free(c);
    return status;
}

/* ------------------------------------------------------------------ what most commands share */

bool cli_db_open(struct cli *c, bool may_create, struct db **out, struct err *e)
{
    enum { HOME_MAX = 400 }; /* leaves room for what lies below it within the 512 bytes of os.h */
    const char *home = cli_cstr(c, "home");
    char path[512];
    bool found;
    if (strlen(home) > HOME_MAX) return err_set(e, ERR_INVALID, "--home: the path has more than %d bytes", HOME_MAX);
    snprintf(path, sizeof path, "%s/hearth.db", home);
    if (!os_stat(path, NULL, NULL, &found, e)) return false;
    if (!found && !may_create) return err_set(e, ERR_NOT_FOUND, "%s holds no hearth data; name the folder with --home DIR", home);
    if (!found && !os_mkdirs(home, e)) return false;
    return db_open(path, out, e);
}

bool cli_in_tx(struct cli *c, bool may_create, cli_change *fn, void *ctx, struct err *e)
{
    struct db *db;
    struct db_conn *tx;
    struct buf say = BUF_INIT(0);
    bool ok = false;
    if (!cli_db_open(c, may_create, &db, e)) return false;
    if (!db_begin(db, &tx, e)) goto done;
    ok = fn(c, tx, &say, ctx, e);
    ok = db_finish(db, tx, ok, e);
    if (ok) fwrite(buf_cstr(&say), 1, say.n, c->out);
done:
    buf_deinit(&say);
    db_close(db);
    return ok;
}

bool cli_in_reader(struct cli *c, bool (*fn)(struct cli *c, struct db_conn *reader, struct err *e), struct err *e)
{
    struct db *db;
    if (!cli_db_open(c, false, &db, e)) return false;
    struct db_conn *reader = db_reader(db);
    bool ok = fn(c, reader, e);
    db_give(db, reader);
    db_close(db);
    return ok;
}

bool cli_account(struct cli *c, struct db_conn *conn, str name, enum account_kind kind, struct account *out, struct err *e)
{
    bool found;
    if (!account_find(conn, name, out, &found, c->arena, e)) return false;
    if (found && out->kind == kind) return true;
    const char *what = kind == ACCOUNT_USER ? "user" : "organisation", *other = kind == ACCOUNT_USER ? "an organisation" : "a user";
    if (found) return err_set(e, ERR_NOT_FOUND, "%.*s is %s", STR_ARG(name), other);
    return err_set(e, ERR_NOT_FOUND, "there is no %s \"%.*s\"", what, STR_ARG(name));
}
