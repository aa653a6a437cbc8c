/* cli/help.c - what the tables say, for people: `--help`, `hearth help COMMAND`, the manual page, completions. */
#include "cli/cli.h"

#include "base/buf.h"

static str first_word(const char *name) { return str_to(str_c(name), str_chr(str_c(name), ' ')); }

bool cli_is_group(str word)
{
    for (size_t i = 0; cli_commands[i].name; i++) {
        str name = str_c(cli_commands[i].name);
        if (name.n > word.n && str_eq(first_word(name.p), word)) return true;
    }
    return false;
}

const struct cli_command *cli_command_find(int argc, const char *const *argv, int *words)
{
    for (*words = 2; *words >= 1; --*words) {
        if (argc < *words) continue;
        char name[64];
        int n = snprintf(name, sizeof name, *words == 2 ? "%s %s" : "%s", argv[0], *words == 2 ? argv[1] : "");
        if (n < 0 || (size_t)n >= sizeof name) continue;
        for (size_t i = 0; cli_commands[i].name; i++) {
            const struct cli_command *k = &cli_commands[i];
            if (strcmp(k->name, name) == 0 || (k->also && strcmp(k->also, name) == 0)) return k;
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------ lists of commands */

static void summaries(FILE *out, str group)
{
    size_t width = 0;
    for (size_t i = 0; cli_commands[i].name; i++)
        if (strlen(cli_commands[i].name) > width) width = strlen(cli_commands[i].name);
    for (size_t i = 0; cli_commands[i].name; i++) {
        const struct cli_command *k = &cli_commands[i];
        if (group.n && !str_eq(first_word(k->name), group)) continue;
        if (!group.n && i && !str_eq(first_word(k->name), first_word(cli_commands[i - 1].name)) &&
            (str_chr(str_c(k->name), ' ') != STR_NONE || str_chr(str_c(cli_commands[i - 1].name), ' ') != STR_NONE))
            fputc('\n', out);
        fprintf(out, "  %-*s  %s\n", (int)width, k->name, k->summary);
    }
}

void cli_help_all(FILE *out)
{
    fputs("Hearth " HEARTH_VERSION " - your own model hub in one binary\n\n"
          "Usage: hearth COMMAND [OPTIONS] [ARGUMENTS]\n\n", out);
    summaries(out, str_n(NULL, 0));
    fputs("\n`hearth help COMMAND` tells more about one of them; `hearth --version` prints the version.\n", out);
}

void cli_help_group(FILE *out, str word)
{
    fprintf(out, "Usage: hearth %.*s COMMAND [OPTIONS] [ARGUMENTS]\n\n", STR_ARG(word));
    summaries(out, word);
    fprintf(out, "\n`hearth help %.*s COMMAND` tells more about one of them.\n", STR_ARG(word));
}

/* ------------------------------------------------------------------ one command */

static str option_head(const struct cli_option *o, char out[128])
{
    int n = o->type == CLI_FLAG ? snprintf(out, 128, "--%s", o->name) : snprintf(out, 128, "--%s %s", o->name, o->value);
    must(n > 0 && n < 128);
    return str_n(out, (size_t)n);
}

enum { COLUMNS = 100, HELP_COLUMN = 30 };

/* Words in lines of COLUMNS; the first begins at column `indent`, as do the others. */
static void wrapped(FILE *out, str text, size_t indent)
{
    size_t at = indent;
    str rest = text, word;
    for (bool is_first = true; str_cut(&rest, ' ', &word); is_first = false) {
        if (!is_first && at + 1 + word.n > COLUMNS) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (!is_first) {
            fputc(' ', out);
            at++;
        }
        fprintf(out, "%.*s", STR_ARG(word));
        at += word.n;
    }
    fputc('\n', out);
}

static void option_line(FILE *out, const struct cli_option *o)
{
    char head[128];
    str h = option_head(o, head);
    struct buf help = BUF_INIT(0);
    fprintf(out, "  %-26s", head);
    if (h.n > HELP_COLUMN - 4) fprintf(out, "\n%*s", HELP_COLUMN, "");
    else fputs("  ", out);
    buf_add(&help, str_c(o->help));
    if (o->flags & CLI_NOT_BUILT) buf_lit(&help, " (not built yet)");
    if (o->flags & CLI_REQUIRED) buf_lit(&help, " (required)");
    if (o->otherwise && o->type != CLI_FLAG) buf_addf(&help, " [%s]", o->otherwise);
    wrapped(out, buf_str(&help), HELP_COLUMN);
    buf_deinit(&help);
}

static size_t settings_of(const struct cli_command *k)
{
    size_t n = 0;
    if (k->takes == CLI_TAKES_NONE) return 0;
    if (k->takes == CLI_TAKES_HOME) return cli_settings_home();
    while (cli_settings[n].name) n++;
    return n;
}

static void lines(FILE *out, const char *text, const char *indent)
{
    str rest = str_c(text), line;
    while (str_cut(&rest, '\n', &line)) fprintf(out, "%s%.*s\n", line.n ? indent : "", STR_ARG(line));
}

void cli_help_command(FILE *out, const struct cli_command *k)
{
    fprintf(out, "Usage: hearth %s%s%s%s\n\n%s.\n", k->name, k->options || k->takes ? " [OPTIONS]" : "",
            *k->arguments ? " " : "", k->arguments, k->summary);
    if (k->text) {
        str rest = str_c(k->text), paragraph;
        fputc('\n', out);
        while (str_cut(&rest, '\n', &paragraph)) wrapped(out, paragraph, 0);
    }
    if (k->options) fputs("\nOptions:\n", out);
    for (size_t i = 0; k->options && k->options[i].name; i++) option_line(out, &k->options[i]);
    size_t n = settings_of(k);
    if (n) fputs("\nSettings, also HEARTH_NAME in the environment and `name = value` in the file:\n", out);
    for (size_t i = 0; i < n; i++) option_line(out, &cli_settings[i]);
    if (k->examples) {
        fputs("\nExamples:\n", out);
        lines(out, k->examples, "  ");
    }
}

/* ------------------------------------------------------------------ the manual page */

/* Text for troff: hyphens that one can copy, backslashes kept, no line that begins a request. */
static void roff(FILE *out, const char *text)
{
    bool at_start = true;
    for (const char *p = text; *p; p++) {
        if (at_start && (*p == '.' || *p == '\'')) fputs("\\&", out);
        if (*p == '\\')
            fputs("\\e", out);
        else if (*p == '-')
            fputs("\\-", out);
        else
            fputc(*p, out);
        at_start = *p == '\n';
    }
}

static void man_option(FILE *out, const struct cli_option *o)
{
    fputs(".TP\n.B ", out);
    roff(out, "--");
    roff(out, o->name);
    if (o->type != CLI_FLAG) {
        fputs(" \\fI", out);
        roff(out, o->value);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    roff(out, o->help);
    if (o->flags & CLI_NOT_BUILT) fputs(" (not built yet)", out);
    if (o->flags & CLI_REQUIRED) fputs(" (required)", out);
    fputs(".", out);
    if (o->otherwise && o->type != CLI_FLAG) {
        fputs(" Default: ", out);
        roff(out, o->otherwise);
        fputs(".", out);
    }
    fputc('\n', out);
}

static void man_command(FILE *out, const struct cli_command *k)
{
    fputs(".SS \"hearth ", out);
    roff(out, k->name);
    if (*k->arguments) fputc(' ', out);
    roff(out, k->arguments);
    fputs("\"\n", out);
    roff(out, k->summary);
    fputs(".\n", out);
    if (k->text) {
        fputs(".PP\n", out);
        roff(out, k->text);
        fputc('\n', out);
    }
    for (size_t i = 0; k->options && k->options[i].name; i++) man_option(out, &k->options[i]);
    if (k->examples) {
        fputs(".PP\n.nf\n.RS\n", out);
        roff(out, k->examples);
        fputs("\n.RE\n.fi\n", out);
    }
}

static void help_man(FILE *out)
{
    fputs(".\\\" Made by `hearth help --man` from the tables of src/cli; do not edit.\n"
          ".TH HEARTH 1 \"\" \"hearth " HEARTH_VERSION "\" \"Hearth\"\n"
          ".SH NAME\nhearth \\- your own model hub in one binary\n"
          ".SH SYNOPSIS\n.B hearth\n.I COMMAND\n[OPTIONS] [ARGUMENTS]\n"
          ".SH COMMANDS\n", out);
    for (size_t i = 0; cli_commands[i].name; i++) man_command(out, &cli_commands[i]);
    fputs(".SH SETTINGS\nCommands that work on data take the first ones, ", out);
    fputs(".B hearth serve\ntakes all. Each is also\n.B HEARTH_NAME\nin the environment and\n"
          ".B name = value\nin the configuration file. The command line wins over the environment, the environment over the file.\n", out);
    for (size_t i = 0; cli_settings[i].name; i++) man_option(out, &cli_settings[i]);
    fputs(".SH EXIT STATUS\n0 done; 1 failed, one line on standard error says why; 2 wrong usage.\n", out);
}

/* ------------------------------------------------------------------ completions for bash */

/* Each command is a key of a table, whose value is the words that may follow; so is each option with a choice. */
static void bash_options(FILE *out, const struct cli_option *o, size_t n)
{
    for (size_t i = 0; i < n && o[i].name; i++) fprintf(out, " --%s", o[i].name);
}

static void bash_choices(FILE *out, const char *command, const struct cli_option *o, size_t n)
{
    for (size_t i = 0; i < n && o[i].name; i++) {
        if (o[i].type != CLI_CHOICE) continue;
        fprintf(out, "    [\"hearth %s --%s\"]=\"", command, o[i].name);
        for (const char *p = o[i].value; *p; p++) fputc(*p == '|' ? ' ' : *p, out);
        fputs("\"\n", out);
    }
}

static void bash_command(FILE *out, const struct cli_command *k)
{
    size_t settings = settings_of(k);
    fprintf(out, "    [\"hearth %s\"]=\"", k->name);
    if (k->options) bash_options(out, k->options, CLI_OPTIONS_MAX);
    bash_options(out, cli_settings, settings);
    fputs(" --help\"\n", out);
    if (k->options) bash_choices(out, k->name, k->options, CLI_OPTIONS_MAX);
    bash_choices(out, k->name, cli_settings, settings);
}

/* The first words of all commands, or the second ones of a group. */
static void bash_words(FILE *out, str group)
{
    str last = { 0 };
    fprintf(out, "    [\"hearth%s%.*s\"]=\"", group.n ? " " : "", STR_ARG(group));
    for (size_t i = 0; cli_commands[i].name; i++) {
        str name = str_c(cli_commands[i].name), first = first_word(name.p);
        if (group.n && str_eq(first, group)) fprintf(out, " %.*s", STR_ARG(str_from(name, first.n + 1)));
        if (!group.n && !str_eq(first, last)) fprintf(out, " %.*s", STR_ARG(first));
        last = first;
    }
    fputs("\"\n", out);
}

static void help_bash(FILE *out)
{
    fputs("# Made by `hearth help --bash`.\n"
          "# What may follow the words of a command line.\n"
          "declare -gA _hearth_next=(\n", out);
    bash_words(out, str_n(NULL, 0));
    for (size_t i = 0; cli_commands[i].name; i++) {
        str first = first_word(cli_commands[i].name);
        if (cli_is_group(first) && (!i || !str_eq(first, first_word(cli_commands[i - 1].name)))) bash_words(out, first);
        bash_command(out, &cli_commands[i]);
    }
    fputs(")\n"
          "_hearth()\n"
          "{\n"
          "    local at=hearth i next\n"
          "    for ((i = 1; i < COMP_CWORD && i < 3; i++)); do\n"
          "        [[ -n ${_hearth_next[\"$at ${COMP_WORDS[i]}\"]} ]] || break\n"
          "        at+=\" ${COMP_WORDS[i]}\"\n"
          "    done\n"
          "    next=${_hearth_next[\"$at $3\"]:-${_hearth_next[$at]}}\n"
          "    # Options are offered to who began one; all else may be a file.\n"
          "    [[ $next == ' --'* && $2 != -* ]] || mapfile -t COMPREPLY < <(compgen -W \"$next\" -- \"$2\")\n"
          "}\n"
          "complete -o default -F _hearth hearth\n", out);
}

bool cli_help(struct cli *c, struct err *e)
{
    if (cli_flag(c, "man") || cli_flag(c, "bash")) {
        (cli_flag(c, "man") ? help_man : help_bash)(c->out);
        return true;
    }
    if (!c->arguments_count) {
        cli_help_all(c->out);
        return true;
    }
    const char *word[2] = { arena_cstr(c->arena, c->argument[0]), NULL };
    if (c->arguments_count > 1) word[1] = arena_cstr(c->arena, c->argument[1]);
    int used;
    const struct cli_command *k = cli_command_find((int)c->arguments_count, word, &used);
    if (k && used == (int)c->arguments_count)
        cli_help_command(c->out, k);
    else if (c->arguments_count == 1 && cli_is_group(c->argument[0]))
        cli_help_group(c->out, c->argument[0]);
    else
        return cli_usage(e, "there is no command \"%s%s%s\"", word[0], word[1] ? " " : "", word[1] ? word[1] : "");
    return true;
}
