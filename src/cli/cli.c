/* cli/cli.c - one command line, from start to exit status. */
#include "cli/cli.h"

#include <errno.h>

#include "base/log.h"

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
    if (*argv[0] == '-') return cli_usage(e, "options stand behind a command: hearth COMMAND %s", argv[0]);
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
    if (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "version") == 0) {
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
