/* Unit tests of src/cli: whole command lines, in this process. */
#include "unit.h"

#include "account/account.h"
#include "base/clock.h"
#include "cli/cli.h"
#include "job/job.h"

static char home[64], conf[80];

static int setup(void **state)
{
    (void)state;
    unit_dir(home);
    setenv("HEARTH_HOME", home, 1);
    snprintf(conf, sizeof conf, "%s/hearth.conf", home);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unit_dir_end(home);
    return 0;
}

/* What one command line did. */
static char *out, *err;

static void forget(void)
{
    free(out); /* open_memstream's own */
    free(err);
    out = err = NULL;
}

static int hearth_in(const char *input, const char *line)
{
    const char *argv[32] = { "hearth" };
    char words[1024];
    int argc = 1;
    size_t out_n, err_n;
    forget();
    snprintf(words, sizeof words, "%s", line);
    for (char *p = words; *p && argc < 31;) { /* blanks separate, '~' stands for a blank within a word */
        argv[argc++] = p;
        for (; *p && *p != ' '; p++)
            if (*p == '~') *p = ' ';
        if (*p) *p++ = 0;
    }
    FILE *in = input ? fmemopen((void *)(uintptr_t)input, strlen(input), "r") : fopen("/dev/null", "r");
    FILE *o = open_memstream(&out, &out_n), *e = open_memstream(&err, &err_n);
    int status = cli_main(argc, argv, in, o, e);
    fclose(in);
    fclose(o);
    fclose(e);
    return status;
}

static int hearth(const char *fmt, ...)
{
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    return hearth_in(NULL, line);
}

#define expect(status, line)                                                                                    \
    do {                                                                                                        \
        int got_ = hearth("%s", line);                                                                          \
        if (got_ != (status)) fail_msg("hearth %s: exit %d, want %d; %s", line, got_, (status), err);            \
    } while (0)
#define has(text, what) \
    do { if (!strstr(text, what)) fail_msg("\"%s\" is not in: %s", what, text); } while (0)

/* ------------------------------------------------------------------ usage */

static const struct {
    const char *line;
    int status;
    const char *says;
} usage_case[] = {
    { "", 2, "Usage: hearth COMMAND" },
    { "nothing", 2, "there is no command \"nothing\"" },
    { "usre", 2, "did you mean \"user\"?" },
    { "user", 2, "hearth user COMMAND" },
    { "user ad", 2, "did you mean \"user add\"?" },
    { "user add", 2, "missing argument" },
    { "user add a b", 2, "unexpected argument \"b\"" },
    { "user add ann --admni", 2, "unknown option --admni; did you mean --admin?" },
    { "user add ann -a", 2, "two hyphens" },
    { "user add ann --listen x", 2, "unknown option --listen" }, /* a setting that is not its business */
    { "user list --home", 2, "--home wants a value: DIR" },
    { "user list --home=", 2, "wants a path" },
    { "token create ann", 2, "--role" },
    { "token create ann --role god", 2, "wants one of read|write|admin|fineGrained" },
    { "token create ann --role read --expires 5", 2, "wants a duration" },
    { "token create ann --role read --expires 999999999999999999d", 2, "wants a duration" },
    { "token create ann --role fineGrained", 2, "--scopes" },
    { "token revoke ann", 2, "USER and ID" },
    { "config list --listen 8080", 2, "ADDRESS:PORT" },
    { "config list --listen 127.0.0.1:65536", 2, "ADDRESS:PORT" },
    { "config list --listen :80", 2, "before the colon" },
    { "config list --listen ::1:80", 2, "brackets" },
    { "config list --connections-max 0", 2, "wants 1 to 1000000" },
    { "config list --connections-max -5", 2, "wants 1 to 1000000" },
    { "config list --connections-max many", 2, "whole number" },
    { "config list --header-bytes-max 2MiB", 2, "wants 4KiB to 1MiB" },
    { "config list --header-bytes-max 2Mib", 2, "wants a size" },
    { "config list --idle-timeout 10ms", 2, "wants 1s to 1h" },
    { "config check --listen localhost:80", 1, "localhost is not an IP address" },
    { "config check --tls-cert /dev/null --tls-key /dev/null", 1, "no certificate and its key" },
    { "config check --request-memory-max 0", 2, "wants 1MiB to 16GiB" },
    { "config check --body-memory-max 1MiB", 2, "wants 32MiB to 1TiB" }, /* less than a form may have */
    { "config check --worker-queue-max 0", 2, "wants 1 to 100000" },
    { "config check --keep-audit 1ms", 2, "wants 0, or 1d to 36500d" },
    { "config check --keep-usage 1d", 2, "wants 0, or 62d to 36500d" },
    { "config check --gc-every 1s", 2, "wants 0, or 1m to 365d" },
    { "config check --inference-memory 5", 2, "wants 0, or 64MiB to 1024TiB" },
    { "config check --inference-idle 99999999d", 2, "wants 1s to 365d" },
    { "config check --inference-free-per-day lots", 2, "no amount of dollars" },
    { "config check --inference-aliases @cf/x=model", 1, "\"@cf/x=model\" is not NAME=OWNER/MODEL" },
    { "config check --tls-cert a.pem", 1, "tls-cert and tls-key belong together" },
    { "config check --tls-cert /nowhere/a.pem --tls-key /nowhere/b.pem", 1, "certificate: /nowhere/a.pem" },
    { "config check --oidc-issuer https://id.example.org", 1, "oidc-issuer needs oidc-client-id" },
    { "serve --inference-aliases nonsense", 1, "\"nonsense\" is not NAME=OWNER/MODEL" },
    { "price set card --input lots --output 1", 2, "--input: \"lots\" is no amount of dollars" },
    { "budget set ann --per-month -3", 2, "--per-month: \"-3\" is no amount of dollars" },
    { "config list --public-url hub.example.org", 2, "wants a URL" },
    { "config list --public-url https://", 2, "wants a URL" },
    { "config list --log-level loud", 2, "error|warn|info|debug" },
    { "config list --upstream huggingface.co", 2, "wants a URL" },
    { "config list --config /nowhere/x.conf", 1, "/nowhere/x.conf" },
    { "help nothing", 2, "there is no command" },
    { "-v", 2, "options stand behind a command: hearth COMMAND -v" },
    { "--home x user list", 2, "options stand behind a command" },
    { "usage --from 2026-11-20 --to 2026-11-01 --home /nowhere", 1, "/nowhere holds no hearth data" },
    { "user add ann --email nowhere --home /nowhere/x", 1, "is no mail address" },
};

static void wrong_usage_is_told_in_one_line_and_exits_with_2(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(usage_case); i++) {
        int got = hearth("%s", usage_case[i].line);
        if (got != usage_case[i].status) fail_msg("%s: exit %d, %s", usage_case[i].line, got, err);
        has(err, usage_case[i].says);
        assert_string_equal(out, "");
        if (str_starts(str_c(err), STR("hearth:"))) assert_int_equal(str_chr(str_c(err), '\n'), strlen(err) - 1);
    }
}

static void help_goes_to_standard_output(void **state)
{
    (void)state;
    static const char *const line[] = { "--help", "-h", "help", "--version", "user --help", "help user", "help user add",
                                        "user add --help", "token create ann --help", "help --man", "help --bash" };
    for (size_t i = 0; i < COUNT(line); i++) {
        expect(0, line[i]);
        assert_true(*out && !*err);
    }
    expect(0, "help token create");
    has(out, "Usage: hearth token create [OPTIONS] USER");
    has(out, "--role read|write|admin|fineGrained");
    has(out, "Examples:");
}

static void every_row_of_the_tables_is_sound(void **state)
{
    (void)state;
    struct err e;
    struct arena *a = arena_new(0);
    for (size_t i = 0; cli_settings[i].name; i++) {
        struct cli_value v;
        const struct cli_option *o = &cli_settings[i];
        assert_true(i < CLI_SETTINGS_MAX);
        if (o->otherwise && !cli_option_parse(o, str_c(o->otherwise), &v, a, &e)) fail_msg("%s: %s", o->name, e.msg);
    }
    for (size_t i = 0; cli_commands[i].name; i++) {
        const struct cli_command *k = &cli_commands[i];
        assert_true(k->run && k->summary && k->arguments_max <= CLI_ARGUMENTS_MAX);
        assert_true((k->arguments_max > 0) == (*k->arguments != 0));
        size_t n = 0;
        for (; k->options && k->options[n].name; n++)
            for (size_t j = 0; cli_settings[j].name; j++)
                if (strcmp(k->options[n].name, cli_settings[j].name) == 0) fail_msg("%s hides a setting", k->options[n].name);
        assert_true(n <= CLI_OPTIONS_MAX);
        expect(0, arena_fmt(a, "help %s", k->name).p);
    }
    arena_free(a);
}

/* Compares a document with what the binary prints. */
static void is_up_to_date(const char *document, const char *line)
{
    struct err e;
    char path[512], *text;
    size_t n;
    const char *here = getenv("HEARTH_TEST_DATA");
    if (!here) skip();
    snprintf(path, sizeof path, "%s/../../docs/%s", here, document);
    expect(0, line);
    must_ok(os_read_file(path, 1 << 20, &text, &n, &e));
    bool same = strcmp(text, out) == 0;
    mem_free(text);
    if (!same) fail_msg("docs/%s is old: build/hearth %s > docs/%s", document, line, document);
}

static void the_manual_page_is_up_to_date(void **state)
{
    (void)state;
    is_up_to_date("man/hearth.1", "help --man");
}

static void the_sample_configuration_is_up_to_date(void **state)
{
    (void)state;
    is_up_to_date("hearth.conf", "config sample");
}

/* ------------------------------------------------------------------ settings */

static void write_conf(const char *text)
{
    struct err e;
    must_ok(os_write_file(home, conf, bytes_of(str_c(text)), &e));
}

/* The value that `config list` shows. */
static const char *setting(const char *name)
{
    static char value[256];
    str rest = str_c(out), line;
    while (str_cut(&rest, '\n', &line)) {
        size_t equals = str_chr(line, '=');
        if (equals == STR_NONE || !str_eq(str_trim(str_to(line, equals)), str_c(name))) continue;
        str v = str_trim(str_to(str_from(line, equals + 1), str_rchr(str_from(line, equals + 1), '#')));
        snprintf(value, sizeof value, "%.*s", STR_ARG(v));
        return value;
    }
    return "";
}

static void argument_beats_environment_beats_file_beats_default(void **state)
{
    (void)state;
    write_conf("# a comment\n\n  idle-timeout=7s \nlisten = 10.0.0.1:1\npublic-url = https://hub.example.org/\nlog-level = warn\n");
    setenv("HEARTH_LISTEN", "10.0.0.2:2", 1);
    setenv("HEARTH_LOG_LEVEL", "error", 1);
    int status = hearth("config list --config %s --log-level debug", conf);
    unsetenv("HEARTH_LISTEN");
    unsetenv("HEARTH_LOG_LEVEL");
    assert_int_equal(status, 0);
    assert_string_equal(setting("log-level"), "debug");
    assert_string_equal(setting("listen"), "10.0.0.2:2");
    assert_string_equal(setting("idle-timeout"), "7s");
    assert_string_equal(setting("public-url"), "https://hub.example.org");
    assert_string_equal(setting("connections-max"), "4096");
    expect(0, "config check --keep-audit 0 --inference-memory 0 --inference-free-per-day unbounded --inference-aliases @cf/x=a/b,y=c/d");
}

static void a_bad_file_is_refused_with_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } bad[] = {
        { "listen = 1.2.3.4:5\nlisen = 1.2.3.4:5\n", ":2: unknown setting \"lisen\"; did you mean \"listen\"?" },
        { "\n\nlisten\n", ":3: wants name = value" },
        { "worker-threads-max = 0", ":1: worker-threads-max: wants 1 to 1024" },
        { "listen = 1.2.3.4:5\nlisten = 1.2.3.4:6\n", ":2: \"listen\" is set twice" },
        { "config = other\n", ":1: a configuration file cannot name another one" },
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        write_conf(bad[i].text);
        assert_int_equal(hearth("user list --config %s", conf), 1); /* whatever the command */
        has(err, bad[i].says);
    }
    setenv("HEARTH_WORKER_QUEUE_MAX", "x", 1);
    assert_int_equal(hearth("config list"), 1);
    unsetenv("HEARTH_WORKER_QUEUE_MAX");
    has(err, "HEARTH_WORKER_QUEUE_MAX");
}

/* ------------------------------------------------------------------ accounts */

static void users_come_and_go(void **state)
{
    (void)state;
    expect(1, "user list"); /* reading makes no hub */
    has(err, "holds no hearth data");
    assert_int_equal(hearth_in("correct horse\nnot this\n", "user add ann --admin --password-stdin --email ann@example.org"), 0);
    expect(0, "user add bob");
    has(out, "without a password");
    expect(1, "user add BOB");
    has(err, "taken");
    expect(0, "user add __DUMMY_HUB_USER__");
    expect(1, "user add api");
    has(err, "reserved");
    assert_int_equal(hearth_in("short\n", "user passwd bob --password-stdin"), 1);
    has(err, "at least 8");
    assert_int_equal(hearth_in("", "user passwd bob --password-stdin"), 1);
    assert_int_equal(hearth_in("long enough", "user passwd bob --password-stdin"), 0); /* no line end is fine */
    expect(2, "user passwd bob");
    expect(0, "user disable bob");
    expect(0, "user list");
    has(out, "bob                 disabled");
    has(out, "ann@example.org");
    expect(0, "user enable bob");
    expect(0, "user delete bob");
    expect(1, "user delete bob");
    has(err, "there is no user \"bob\"");
}

static void run_generates_text(void **state)
{
    (void)state;
    char line[600];
    const char *data = getenv("HEARTH_TEST_DATA");
    snprintf(line, sizeof line, "run %s/../../demo Once~upon~a~time --temperature 0 --max-tokens 20", data);
    assert_int_equal(hearth("%s", line), 0);
    assert_string_equal(out, ", there was a little girl named Lily. She loved to play outsid\n");
    has(err, "5 tokens of prompt");
    assert_int_equal(hearth("%s --json --dtype f32", line), 0);
    has(out, "{\"generated_text\":\", there was a little girl named Lily. She loved to play outsid\",\"finish_reason\":\"length\"");
    assert_int_equal(hearth("bench model %s/../../demo --time 100ms --prompt 50 --threads 1", data), 0);
    has(out, "prefill of   50 tokens");
    has(out, "decode, 16 at once");
    assert_int_equal(hearth("bench model %s/../../demo --time 100ms --prompt 50 --threads 1 --json", data), 0);
    has(out, "{\"sequences\":16,\"tokens_per_second\":");
    assert_int_equal(hearth("bench model %s/../../demo --prompt 513", data), 1);
    has(err, "512 tokens");
    assert_int_equal(hearth("run %s/../../demo hello --temperature hot", data), 2);
    has(err, "must be a number");
    assert_int_equal(hearth("run %s hello", home), 1);
    has(err, "there is no ");
    assert_int_equal(hearth("run %s hello", data), 1);
    has(err, "has no config.json");
    assert_int_equal(hearth("run %s/unit.h hello", data), 1);
    has(err, "neither the folder of a model nor a .gguf file");
    assert_int_equal(hearth("run some.gguf hello"), 1);
    has(err, "there is no folder or file some.gguf");
    assert_int_equal(hearth("run ./none hello"), 1); /* a path, not a repository of the owner "." */
    has(err, "there is no folder or file ./none");
    assert_int_equal(hearth("run ann/none hello --home %s", data), 1);
    has(err, "there is no model ann/none in ");
}

static void token_create_prints_the_token_and_nothing_else(void **state)
{
    (void)state;
    char token[64], id[25];
    expect(0, "user add ann");
    expect(0, "token create ann --role write --name my~laptop --expires 90d");
    assert_int_equal(strlen(out), ACCESS_TOKEN_BYTES + 1);
    assert_true(str_starts(str_c(out), STR("hf_")) && out[ACCESS_TOKEN_BYTES] == '\n' && !*err);
    snprintf(token, sizeof token, "%s", out);
    expect(0, "token list ann");
    has(out, "my laptop");
    assert_null(strstr(out, token)); /* never again */
    assert_int_equal(hearth_in(token, "token create ann --role read --value-stdin"), 1);
    has(err, "registered already");
    assert_int_equal(hearth_in("hf_abcdefghijABCDEFGHIJ0123456789abcd\r\n", "token create ann --role read --value-stdin"), 0);
    assert_string_equal(out, "hf_abcdefghijABCDEFGHIJ0123456789abcd\n");
    assert_int_equal(hearth_in(token, "token revoke --value-stdin"), 0);
    assert_int_equal(hearth_in(token, "token revoke --value-stdin"), 1);
    expect(0, "token list ann");
    snprintf(id, sizeof id, "%s", strchr(out, '\n') + 1);
    assert_int_equal(hearth("token revoke ann %s", id), 0);
    expect(0, "token list ann");
    assert_string_equal(out, "");
    expect(1, "token create nobody --role read");
}

static void fine_grained_tokens_take_their_scopes_from_a_file(void **state)
{
    (void)state;
    expect(0, "user add ann");
    write_conf("{\"scoped\":[], \"canReadGatedRepos\":true}\n");
    assert_int_equal(hearth("token create ann --role fineGrained --scopes %s", conf), 0);
    write_conf("{\"scoped\":[}\n");
    assert_int_equal(hearth("token create ann --role fineGrained --scopes %s", conf), 1);
    has(err, "scopes");
}

static void organisations_keep_an_administrator(void **state)
{
    (void)state;
    expect(0, "user add ann");
    expect(0, "user add bob");
    expect(0, "org create acme --owner ann --fullname Acme~Ltd");
    expect(1, "org create ann"); /* one space of names */
    expect(1, "org create other --owner nobody");
    expect(0, "org add-member acme bob --role contributor");
    expect(0, "org members acme");
    assert_string_equal(out, "ann  admin\nbob  contributor\n");
    expect(1, "org remove-member acme ann");
    expect(1, "user delete ann");
    expect(0, "org remove-member acme bob");
    expect(1, "org remove-member acme bob");
    expect(0, "org list");
    has(out, "Acme Ltd");
    expect(1, "org members ann");
    has(err, "ann is a user");
    expect(0, "org delete acme");
    expect(0, "user delete ann");
}

static void jobs_are_listed_retried_and_removed(void **state)
{
    (void)state;
    struct err e;
    struct db *db;
    struct db_conn *tx;
    char path[80];
    snprintf(path, sizeof path, "%s/hearth.db", home);
    must_ok(db_open(path, &db, &e));
    must_ok(db_begin(db, &tx, &e));
    must_ok(job_add(tx, "sweep", STR("{}"), str_n(NULL, 0), 0, &e));
    must_ok(db_run(tx, &e, "INSERT INTO job (kind, state, run_after_ms, attempts, last_error, created_ms)"
                           " VALUES ('scan', 'failed', 1, 8, 'no space', 1)"));
    must_ok(db_commit(db, tx, &e));
    expect(0, "job list"); /* beside a process that has the database open */
    has(out, "2  failed   scan   8 attempts  -                 no space");
    expect(1, "job retry 1"); /* it has not failed */
    expect(2, "job retry two");
    expect(0, "job retry 2");
    expect(0, "job remove 1");
    expect(1, "job remove 1");
    expect(0, "job list");
    has(out, "2  waiting  scan  0 attempts");
    db_close(db);
}

static void repositories_are_made_moved_and_deleted(void **state)
{
    (void)state;
    expect(1, "repo list"); /* reading makes no hub */
    expect(0, "user add ann");
    expect(0, "org create acme --owner ann");
    expect(0, "repo create ann/tiny --private");
    has(out, "model ann/tiny created, private");
    expect(1, "repo create ANN/Tiny");
    expect(1, "repo create nobody/tiny");
    has(err, "no user or organisation \"nobody\"");
    expect(2, "repo create tiny");
    expect(1, "repo create ann/bad..name");
    expect(0, "repo create ann/tiny --type dataset"); /* kinds are worlds of their own */
    expect(0, "repo list");
    has(out, "ann/tiny  private");
    expect(0, "repo list --owner acme");
    assert_string_equal(out, "");
    expect(0, "repo settings ann/tiny --private=false --gated manual");
    has(out, "private      false");
    has(out, "gated        manual");
    expect(0, "repo settings ann/tiny --gated no --discussions=false");
    expect(0, "repo settings ann/tiny");
    has(out, "gated        no");
    has(out, "discussions  false");
    expect(1, "user delete ann");
    has(err, "owns 2 repositories");
    expect(0, "repo move ann/tiny acme/small");
    expect(0, "repo settings ann/tiny"); /* the old name leads to it */
    has(out, "acme/small");
    expect(1, "repo delete ann/tiny"); /* but does not delete it */
    has(err, "acme/small");
    expect(0, "repo delete acme/small");
    expect(1, "repo delete acme/small");
    expect(0, "repo delete ann/tiny --type dataset");
    expect(0, "repo list");
    assert_string_equal(out, "");
}

static void buckets_are_made_moved_and_deleted(void **state)
{
    (void)state;
    expect(1, "bucket list"); /* reading makes no hub */
    expect(0, "user add ann");
    expect(0, "org create acme --owner ann");
    expect(0, "bucket create ann/logs --private");
    has(out, "bucket ann/logs created, private");
    expect(1, "bucket create ANN/Logs");
    expect(1, "bucket create nobody/logs");
    has(err, "no user or organisation \"nobody\"");
    expect(2, "bucket create logs");
    has(err, "name the bucket as OWNER/NAME");
    expect(1, "bucket create ann/bad..name");
    expect(0, "repo create ann/logs"); /* a world of its own */
    expect(0, "bucket list");
    has(out, "ann/logs  private  0 files  0 bytes");
    expect(0, "bucket list --owner acme");
    assert_string_equal(out, "");
    expect(1, "bucket list --owner nobody");
    expect(0, "bucket settings ann/logs --private=false");
    has(out, "private  false");
    expect(1, "user delete ann");
    expect(0, "bucket move ann/logs acme/old-logs");
    expect(0, "bucket settings ann/logs"); /* the old name leads to it */
    has(out, "acme/old-logs");
    expect(1, "bucket delete ann/logs"); /* but does not delete it */
    has(err, "acme/old-logs");
    expect(0, "bucket delete acme/old-logs");
    expect(1, "bucket delete acme/old-logs");
    expect(0, "bucket list");
    assert_string_equal(out, "");
    expect(0, "fsck --quick");
}

static void the_operators_tools_agree_until_something_is_broken(void **state)
{
    (void)state;
    struct err e;
    char path[256];
    expect(1, "fsck");
    has(err, "holds no hearth data");
    expect(0, "user add ann");
    expect(0, "repo create ann/tiny");
    expect(0, "fsck");
    has(out, "1 repository,");
    expect(0, "gc --dry-run --grace 0");
    has(out, "would remove 0 objects");
    expect(0, "gc --grace 0");
    expect(0, "reindex");
    has(out, "1 repository indexed");
    expect(0, "reindex ann/tiny");
    expect(1, "reindex ann/none");
    expect(0, "fsck --quick");

    struct db *db;
    struct db_conn *tx;
    snprintf(path, sizeof path, "%s/hearth.db", home);
    must_ok(db_open(path, &db, &e));
    must_ok(db_begin(db, &tx, &e));
    must_ok(db_run(tx, &e, "UPDATE repo_ref SET commit_sha = '0123456789012345678901234567890123456789',"
                           " sha = '0123456789012345678901234567890123456789'"));
    must_ok(db_commit(db, tx, &e));
    db_close(db);
    expect(1, "fsck");
    has(out, "ann/tiny");
    has(err, "1 problem found");
    expect(0, "reindex"); /* derived rows can be made again */
    expect(0, "fsck");
}

#define in_home(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    for (size_t i = 0; cli_settings[i].name; i++) { /* the developer's own settings are no part of the tests */
        char name[64];
        cli_environment_name(cli_settings[i].name, name);
        unsetenv(name);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_usage_is_told_in_one_line_and_exits_with_2),
        cmocka_unit_test(help_goes_to_standard_output),
        cmocka_unit_test(run_generates_text),
        cmocka_unit_test(every_row_of_the_tables_is_sound),
        cmocka_unit_test(the_manual_page_is_up_to_date),
        cmocka_unit_test(the_sample_configuration_is_up_to_date),
        in_home(argument_beats_environment_beats_file_beats_default),
        in_home(a_bad_file_is_refused_with_the_line),
        in_home(users_come_and_go),
        in_home(token_create_prints_the_token_and_nothing_else),
        in_home(fine_grained_tokens_take_their_scopes_from_a_file),
        in_home(organisations_keep_an_administrator),
        in_home(repositories_are_made_moved_and_deleted),
        in_home(buckets_are_made_moved_and_deleted),
        in_home(the_operators_tools_agree_until_something_is_broken),
        in_home(jobs_are_listed_retried_and_removed),
    };
    int failed = cmocka_run_group_tests_name("cli", tests, NULL, NULL);
    forget();
    return failed;
}
