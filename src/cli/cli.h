/* cli/cli.h - the command line: commands, options and settings are rows of tables, and from the rows come
 * the parser, `--help`, the manual page, `hearth config list` and the sample configuration file.
 *
 * A command is a function that gets a struct cli with everything parsed and checked, prints to c->out and
 * returns true, or false with *e filled.  Exit status: 0 done, 1 failed, 2 wrong usage; of a failure one
 * line on standard error tells.
 *
 * Options belong to one command.  Settings belong to the program: each may be given as --name VALUE, as
 * HEARTH_NAME in the environment, or as `name = value` in the file that --config names; the first of these
 * that is there counts, then the default.  An unknown key, a wrong type or a value out of range is refused
 * with the place where it stands. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <stdio.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum cli_type {
    CLI_FLAG,     /* --name; in files true or false */
    CLI_TEXT,
    CLI_FILE,
    CLI_INT,
    CLI_SIZE,     /* bytes: 512, 64KiB, 5GB */
    CLI_DURATION, /* milliseconds: 500ms, 30s, 5m, 24h, 90d */
    CLI_DOLLARS,  /* US dollars in 1e-9: 12, 0.5 */
    CLI_CHOICE,   /* one of the words in `value`, separated by '|' */
    CLI_URL,      /* http:// or https://, without a slash at the end */
    CLI_ADDRESS,  /* HOST:PORT or [HOST]:PORT */
};

enum {
    CLI_REQUIRED = 1,
    CLI_NOT_BUILT = 2,
    CLI_OR_ZERO = 4,      /* 0 means something of its own, and is allowed beside what the bounds allow */
    CLI_OR_UNBOUNDED = 8, /* of dollars: the word "unbounded", which is METER_UNBOUNDED (infer/meter/meter.h) */
};

struct cli_option {
    const char *name;
    enum cli_type type;
    const char *value;     /* what help shows for the value; the words of a choice */
    const char *otherwise; /* default as text; NULL: none */
    int64_t min, max;      /* of numbers, sizes and durations; max 0: no bound */
    const char *help;      /* one sentence, without a full stop */
    unsigned flags;
};

enum cli_source { CLI_ABSENT, CLI_DEFAULT, CLI_FROM_FILE, CLI_FROM_ENVIRONMENT, CLI_FROM_ARGUMENT };

struct cli_value {
    enum cli_source source;
    str text;
    int64_t n; /* of flags (0 or 1), numbers, sizes, durations, dollars */
};

enum { CLI_ARGUMENTS_MAX = 64, CLI_OPTIONS_MAX = 32, CLI_SETTINGS_MAX = 128 };

struct cli {
    struct arena *arena;
    FILE *in, *out, *err;
    const struct cli_command *command;
    str argument[CLI_ARGUMENTS_MAX];
    size_t arguments_count;
    struct cli_value option[CLI_OPTIONS_MAX];   /* beside command->options */
    struct cli_value setting[CLI_SETTINGS_MAX]; /* beside cli_settings */
    bool wants_help;
};

/* Which settings a command takes on its command line. */
enum cli_takes { CLI_TAKES_NONE, CLI_TAKES_HOME /* home, config, log-level */, CLI_TAKES_ALL };

struct cli_command {
    const char *name;      /* one word, or two: "user add" */
    const char *also;      /* another name for it, or NULL */
    const char *arguments; /* "ORG USER", "[NAME...]" */
    size_t arguments_min, arguments_max;
    enum cli_takes takes;
    const struct cli_option *options; /* ended by a row without a name; NULL: none */
    const char *summary;   /* one line, without a full stop */
    const char *text;      /* paragraphs, or NULL */
    const char *examples;  /* lines, or NULL */
    bool (*run)(struct cli *c, struct err *e);
};
extern const struct cli_command cli_commands[]; /* ended by a row without a name */
extern const struct cli_option cli_settings[];  /* likewise */
size_t cli_settings_home(void);                 /* how many of the first rows CLI_TAKES_HOME means */

/* Runs one command line; returns the exit status. */
int cli_main(int argc, const char *const *argv, FILE *in, FILE *out, FILE *err);

/* ------------------------------------------------------------------ what commands ask for */

/* Option of the command, or setting; a name that neither table has is a broken invariant. */
const struct cli_value *cli_get(const struct cli *c, const char *name);
static inline bool cli_given(const struct cli *c, const char *name) { return cli_get(c, name)->source > CLI_DEFAULT; }
static inline bool cli_flag(const struct cli *c, const char *name) { return cli_get(c, name)->n != 0; }
static inline int64_t cli_int(const struct cli *c, const char *name) { return cli_get(c, name)->n; }
static inline str cli_str(const struct cli *c, const char *name) { return cli_get(c, name)->text; } /* .p NULL: absent */
const char *cli_cstr(const struct cli *c, const char *name);                                         /* NULL: absent */
/* "[::1]:80" -> "::1", 80.  Checked already when it came from a CLI_ADDRESS. */
bool cli_address_parse(str s, str *host, uint16_t *port, struct err *e);

/* A refusal that means wrong usage: exit status 2. */
__attribute__((format(printf, 2, 3))) bool cli_usage(struct err *e, const char *fmt, ...);
/* Makes the refusal of an option's value in *e one of usage, and names the option. */
bool cli_option_refuse(struct err *e, const char *name);

/* One line from standard input, without its end; .p is never NULL on success. */
bool cli_line(struct cli *c, str *out, struct err *e);
/* All of standard input; `what` it is, for the refusal of more than `most` bytes. */
bool cli_input(struct cli *c, const char *what, size_t most, str *out, struct err *e);
/* Asks twice on the terminal, without echo.  *asked false: standard input is no terminal. */
bool cli_ask_password(struct cli *c, str *out, bool *asked, struct err *e);

/* Columns: widths follow the longest cell.  cell[0..n) are in reading order, `columns` to a row. */
void cli_columns(FILE *out, const str *cell, size_t n, size_t columns);
str cli_date(int64_t unix_ms, struct arena *a); /* "2026-01-31 09:30", or "-" for 0 */
const char *cli_count(struct cli *c, uint64_t n, const char *one, const char *many); /* "1 file", "2 files" */

/* ------------------------------------------------------------------ the parts (options.c, settings.c, help.c) */

/* Checks `text` against the row and fills *out. */
bool cli_option_parse(const struct cli_option *o, str text, struct cli_value *out, struct arena *a, struct err *e);
/* Reads argv behind the command's words into options, settings and arguments. */
bool cli_arguments_parse(struct cli *c, int argc, const char *const *argv, struct err *e);
const char *cli_source_name(enum cli_source source); /* "default", "command line" */
/* Environment, file and defaults for what the arguments left open. */
bool cli_settings_load(struct cli *c, struct err *e);
/* The closest of the names that were offered; .p NULL when none is close. */
struct cli_nearest {
    str wanted, best;
    size_t distance;
};
void cli_nearest_offer(struct cli_nearest *n, str name);
/* "HEARTH_LOG_LEVEL" for "log-level". */
void cli_environment_name(const char *name, char out[64]);

/* The command that argv[0..argc) begins with; *words says how many were used.  NULL: none. */
const struct cli_command *cli_command_find(int argc, const char *const *argv, int *words);
bool cli_is_group(str word); /* "user": the first word of some commands */

void cli_help_all(FILE *out);
void cli_help_group(FILE *out, str word);
void cli_help_command(FILE *out, const struct cli_command *command);

/* ------------------------------------------------------------------ the commands */

bool cli_serve(struct cli *c, struct err *e);
bool cli_serve_check(struct cli *c, struct err *e); /* what single settings do not show: would a server start with them? */
bool cli_usage_show(struct cli *c, struct err *e);
bool cli_price_list(struct cli *c, struct err *e);
bool cli_price_set(struct cli *c, struct err *e);
bool cli_budget_set(struct cli *c, struct err *e);
bool cli_model_list(struct cli *c, struct err *e);
bool cli_model_pin(struct cli *c, struct err *e);
bool cli_model_unpin(struct cli *c, struct err *e);
bool cli_user_add(struct cli *c, struct err *e);
bool cli_user_list(struct cli *c, struct err *e);
bool cli_user_passwd(struct cli *c, struct err *e);
bool cli_user_remove_factor(struct cli *c, struct err *e);
bool cli_user_disable(struct cli *c, struct err *e);
bool cli_user_enable(struct cli *c, struct err *e);
bool cli_user_delete(struct cli *c, struct err *e);
bool cli_token_create(struct cli *c, struct err *e);
bool cli_token_ending(struct cli *c, struct err *e);
bool cli_token_list(struct cli *c, struct err *e);
bool cli_token_revoke(struct cli *c, struct err *e);
bool cli_org_create(struct cli *c, struct err *e);
bool cli_org_list(struct cli *c, struct err *e);
bool cli_org_members(struct cli *c, struct err *e);
bool cli_org_add_member(struct cli *c, struct err *e);
bool cli_org_remove_member(struct cli *c, struct err *e);
bool cli_org_provision(struct cli *c, struct err *e);
bool cli_org_delete(struct cli *c, struct err *e);
bool cli_group_create(struct cli *c, struct err *e);
bool cli_group_list(struct cli *c, struct err *e);
bool cli_group_show(struct cli *c, struct err *e);
bool cli_group_add_member(struct cli *c, struct err *e);
bool cli_group_remove_member(struct cli *c, struct err *e);
bool cli_group_put(struct cli *c, struct err *e);
bool cli_group_take_out(struct cli *c, struct err *e);
bool cli_group_delete(struct cli *c, struct err *e);
bool cli_service_create(struct cli *c, struct err *e);
bool cli_service_list(struct cli *c, struct err *e);
bool cli_service_token(struct cli *c, struct err *e);
bool cli_service_tokens(struct cli *c, struct err *e);
bool cli_service_rotate(struct cli *c, struct err *e);
bool cli_service_revoke(struct cli *c, struct err *e);
bool cli_service_delete(struct cli *c, struct err *e);
bool cli_repo_list(struct cli *c, struct err *e);
bool cli_repo_create(struct cli *c, struct err *e);
bool cli_repo_move(struct cli *c, struct err *e);
bool cli_repo_settings(struct cli *c, struct err *e);
bool cli_repo_scan(struct cli *c, struct err *e);
bool cli_repo_delete(struct cli *c, struct err *e);
bool cli_mirror_list(struct cli *c, struct err *e);
bool cli_mirror_fetch(struct cli *c, struct err *e);
bool cli_bucket_list(struct cli *c, struct err *e);
bool cli_bucket_create(struct cli *c, struct err *e);
bool cli_bucket_move(struct cli *c, struct err *e);
bool cli_bucket_settings(struct cli *c, struct err *e);
bool cli_bucket_delete(struct cli *c, struct err *e);
bool cli_fsck(struct cli *c, struct err *e);
bool cli_scan(struct cli *c, struct err *e);
bool cli_gc(struct cli *c, struct err *e);
bool cli_backup(struct cli *c, struct err *e);
bool cli_reindex(struct cli *c, struct err *e);
bool cli_cas_stats(struct cli *c, struct err *e);
bool cli_cas_convert(struct cli *c, struct err *e);
bool cli_job_list(struct cli *c, struct err *e);
bool cli_job_retry(struct cli *c, struct err *e);
bool cli_job_remove(struct cli *c, struct err *e);
bool cli_config_list(struct cli *c, struct err *e);
bool cli_config_check(struct cli *c, struct err *e);
bool cli_config_sample(struct cli *c, struct err *e);
bool cli_run(struct cli *c, struct err *e);
bool cli_chat(struct cli *c, struct err *e);
bool cli_bench_model(struct cli *c, struct err *e);
bool cli_compat(struct cli *c, struct err *e);
bool cli_routes(struct cli *c, struct err *e);
bool cli_help(struct cli *c, struct err *e);

#endif
