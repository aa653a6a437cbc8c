/* cli/settings.c - the settings of the program: their table, and where their values come from.
 *
 * Order: command line, environment, file, default.  The file holds `name = value` lines, '#' begins a
 * comment, blank lines are free.  Everything in it is checked, also what the command at hand does not
 * need: a mistake should show today, not when the server is next restarted. */
#include "cli/cli.h"

#include "base/buf.h"
#include "base/os.h"

/* The first rows are what every command with a --home takes. */
enum { HOME_SETTINGS = 3, CONFIG_BYTES_MAX = 1 << 20 };

#define DAY INT64_C(86400000) /* in milliseconds */
#define PIB (INT64_C(1) << 50)

const struct cli_option cli_settings[] = {
    { "home", CLI_FILE, "DIR", "./hearth-data", 0, 0, "The folder that holds everything", 0 },
    { "config", CLI_FILE, "FILE", NULL, 0, 0, "Read settings from this file", 0 },
    { "log-level", CLI_CHOICE, "error|warn|info|debug", "info", 0, 0, "How much to write to standard error", 0 },

    { "listen", CLI_ADDRESS, "ADDR:PORT", "127.0.0.1:8080", 0, 0, "Where to accept connections; port 0 picks a free one and prints it", 0 },
    { "public-url", CLI_URL, "URL", NULL, 0, 0, "The address that clients use, if it is another one (behind a proxy)", 0 },
    { "tls-cert", CLI_FILE, "FILE", NULL, 0, 0, "Serve https with this certificate chain (PEM)", 0 },
    { "tls-key", CLI_FILE, "FILE", NULL, 0, 0, "The private key of the certificate (PEM)", 0 },
    { "spaces-domain", CLI_TEXT, "DOMAIN", "spaces.localhost", 0, 0, "Each Space has a host below this name, and so an origin of its own; the default is for browsers on this machine. Empty: Spaces are not shown", 0 },
    { "trust-proxy", CLI_FLAG, NULL, "false", 0, 0, "Believe X-Forwarded-Host, -Proto and -For", 0 },
    { "access-log", CLI_FLAG, NULL, "false", 0, 0, "Write a line to the log for every request", 0 },
    { "sign-up", CLI_CHOICE, "closed|invited|open", "closed", 0, 0, "Who may make an account in the browser, after the first one: nobody, people with an administrator's link, everybody", 0 },
    { "oidc-issuer", CLI_URL, "URL", NULL, 0, 0, "People may sign in through this OpenID Connect provider", 0 },
    { "oidc-client-id", CLI_TEXT, "ID", "", 0, 0, "What this Hearth is called there; its callback is /login/external/callback", 0 },
    { "oidc-client-secret-file", CLI_FILE, "FILE", NULL, 0, 0, "The secret that belongs to it; none for a public client", 0 },
    { "oidc-domains", CLI_TEXT, "DOMAIN,..", "", 0, 0, "Only people whose verified mail address is of one of these", 0 },
    { "oidc-name-claim", CLI_TEXT, "CLAIM", "preferred_username", 0, 0, "What a new account is named after", 0 },
    { "oidc-scim-claim", CLI_TEXT, "CLAIM", "sub", 0, 0, "What the externalId of a user by SCIM is; nothing that people can change of themselves", 0 },
    { "oidc-label", CLI_TEXT, "TEXT", "single sign-on", 0, 0, "What the button says after \"Sign in with\"", 0 },
    { "upstream", CLI_URL, "URL", NULL, 0, 0, "Bring repositories that are not here from this hub, and keep them", 0 },
    { "upstream-token-file", CLI_FILE, "FILE", NULL, 0, 0, "An access token of that hub, for what it does not show everybody", 0 },
    { "upstream-fresh", CLI_DURATION, "TIME", "60s", 0, 365 * DAY, "How long what that hub said of a repository holds before it is asked again", 0 },
    { "upstream-cache", CLI_SIZE, "SIZE", "0", 1 << 20, PIB, "What large files of that hub may take together; those that were read longest ago go first. 0 sets no bound", CLI_OR_ZERO },
    { "upstream-git-max", CLI_SIZE, "SIZE", "16GiB", 1 << 20, PIB, "What the commits and small files of one repository of that hub may take. 0 sets no bound", CLI_OR_ZERO },
    { "upstream-for", CLI_CHOICE, "everybody|users", "everybody", 0, 0, "Who may have repositories brought from there: whoever reaches this server, or who is signed in", 0 },

    { "connections-max", CLI_INT, "N", "4096", 1, 1000000, "Connections at once", 0 },
    { "connections-per-ip", CLI_INT, "N", "0", 0, 1000000, "Connections at once from one address; 0: a quarter, but no bound for this machine or with trust-proxy", 0 },
    { "idle-timeout", CLI_DURATION, "TIME", "60s", 1000, 3600000, "Close connections on which no byte moved for so long", 0 },
    { "client-rate-min", CLI_SIZE, "SIZE", "1KiB", 0, 1 << 20, "Bytes per second that the client of a long download must take, on the average of twice that time; 0 sets no bound", 0 },
    { "event-threads", CLI_INT, "N", "0", 0, 64, "Threads that own connections; 0 means one per processor, at most 8", 0 },
    { "worker-threads-max", CLI_INT, "N", "128", 1, 1024, "Threads that do what may block", 0 },
    { "worker-queue-max", CLI_INT, "N", "1024", 1, 100000, "Requests that may wait for such a thread; more are told to come later", 0 },
    { "header-bytes-max", CLI_SIZE, "SIZE", "32KiB", 4 << 10, 1 << 20, "Request line and headers together", 0 },
    { "request-memory-max", CLI_SIZE, "SIZE", "64MiB", 1 << 20, INT64_C(1) << 34, "Memory that the content of one request may take", 0 },
    { "body-memory-max", CLI_SIZE, "SIZE", "512MiB", 32 << 20, INT64_C(1) << 40, "Memory that the bodies of all requests may take together while they are collected; more are told to come later", 0 },
    { "answer-memory-max", CLI_SIZE, "SIZE", "256MiB", 1 << 20, INT64_C(1) << 40, "Memory that answers may take together until their clients have taken them; then slow clients give way, and more are told to come later", 0 },
    { "stream-buffer", CLI_SIZE, "SIZE", "256KiB", 16 << 10, 64 << 20, "Bytes in memory per streamed body", 0 },
    { "shutdown-grace", CLI_DURATION, "TIME", "30s", 0, 3600000, "How long running requests may take to finish at shutdown", 0 },

    { "space-apps", CLI_FLAG, NULL, "false", 0, 0, "Run the apps of Spaces: programs of whoever may push here, each in a sandbox (bubblewrap)", 0 },
    { "space-memory", CLI_SIZE, "SIZE", "2GiB", 64 << 20, PIB, "What an app may take of memory", 0 },
    { "space-disk", CLI_SIZE, "SIZE", "10GiB", 1 << 20, PIB, "What an app may take of the disk, and its packages as much again", 0 },
    { "space-processes", CLI_INT, "N", "256", 8, 100000, "Processes and threads of an app", 0 },
    { "space-running-max", CLI_INT, "N", "8", 1, 256, "Apps that run at once; one without visitors sleeps when another is asked for", 0 },
    { "space-sleep", CLI_DURATION, "TIME", "1h", 0, 365 * DAY, "An app without visitors for so long sleeps, unless its Space says otherwise", 0 },
    { "space-build-time", CLI_DURATION, "TIME", "30m", 1000, DAY, "The longest time of a build", 0 },
    { "space-python-index", CLI_TEXT, "URL|DIR", "", 0, 0, "Where builds take Python packages from: an index, or a folder of wheels; what pip takes by itself if not given", 0 },
    { "space-python-dir", CLI_FILE, "DIR", NULL, 0, 0, "Other Pythons than the system's, for python_version: DIR/3.12/bin/python3.12", 0 },
    { "space-network-allow", CLI_TEXT, "HOST[:PORT],..", "", 0, 0, "Hosts that apps and builds may reach whatever their addresses; all others only where they are public, on ports 80, 443 and 8080. * allows all", 0 },

    { "inference", CLI_FLAG, NULL, "true", 0, 0, "Run hosted models when they are called", 0 },
    { "inference-dtype", CLI_CHOICE, "auto|f32|bf16|q8|q4", "auto", 0, 0, "What the weights of models are packed as; auto: as near as possible to how the files have them", 0 },
    { "inference-memory", CLI_SIZE, "SIZE", "0", 64 << 20, PIB, "What all running models together may take; 0 means three quarters of what the machine, or its control group, has", CLI_OR_ZERO },
    { "inference-kv-memory", CLI_SIZE, "SIZE", "512MiB", 1 << 20, PIB, "What the keys and values of one model's calls may take", 0 },
    { "inference-threads", CLI_INT, "N", "0", 0, 1024, "Threads of a model; 0 means one per processor", 0 },
    { "inference-idle", CLI_DURATION, "TIME", "5m", 1000, 365 * DAY, "A model that nobody has called for so long is stopped", 0 },
    { "inference-queue", CLI_INT, "N", "256", 1, 1000000, "Calls that may wait for one model; more are told to come later", 0 },
    { "inference-wait", CLI_DURATION, "TIME", "2m", 1000, DAY, "How long a call may wait before its model begins it", 0 },
    { "inference-deadline", CLI_DURATION, "TIME", "10m", 1000, DAY, "The longest time of a call, with its waiting", 0 },
    { "inference-aliases", CLI_TEXT, "NAME=OWNER/MODEL,..", "", 0, 0, "Other names that calls may use for models, such as @cf/meta/llama-3.1-8b-instruct=acme/llama", 0 },
    { "inference-free-per-day", CLI_DOLLARS, "USD|unbounded", "unbounded", 0, 0, "What calls of an account may cost a day for nothing", CLI_OR_UNBOUNDED },
    { "inference-budget-per-month", CLI_DOLLARS, "USD|unbounded", "unbounded", 0, 0, "What they may cost beyond that in a month", CLI_OR_UNBOUNDED },

    { "scan", CLI_FLAG, NULL, "true", 0, 0, "Judge the files that pushes and mirrors bring: pickles, archives, secrets", 0 },
    { "clamd", CLI_TEXT, "ADDRESS", "", 0, 0, "Ask this ClamAV daemon about them, too: /run/clamav/clamd.ctl, or tcp:HOST:PORT", 0 },
    { "block-unsafe", CLI_FLAG, NULL, "false", 0, 0, "What was found unsafe can be downloaded by those alone who may write to the repository", 0 },

    { "webhook-allow", CLI_TEXT, "HOST[:PORT],..|*", "", 0, 0, "Hosts that webhooks may reach by http, on any port and at private addresses", 0 },
    { "webhook-retry", CLI_DURATION, "TIME", "10s", 10, 3600000, "The first pause after a webhook could not be delivered; later ones are longer", 0 },

    { "gc-every", CLI_DURATION, "TIME", "24h", 60000, 365 * DAY, "How often the server removes what nothing names any more; 0 leaves that to hearth gc", CLI_OR_ZERO },
    { "gc-grace", CLI_DURATION, "TIME", "24h", 60000, 3650 * DAY, "Nothing that was touched within this time is removed by the server", 0 },
    { "gc-xorb-grace", CLI_DURATION, "TIME", "28d", 60000, 3650 * DAY, "The same for xorbs that no file needs: clients remember for 21 days what they sent", 0 },
    { "quota-organisations", CLI_INT, "N", "100", 0, 1000000, "Organisations that a person may administer; 0 sets no bound, here and below", 0 },
    { "quota-tokens", CLI_INT, "N", "200", 0, 1000000, "Access tokens of an account", 0 },
    { "quota-webhooks", CLI_INT, "N", "100", 0, 1000, "Webhooks of an account", 0 },
    { "quota-collections", CLI_INT, "N", "1000", 0, 1000, "Collections of an account", 0 },
    { "quota-repositories", CLI_INT, "N", "10000", 0, 100000000, "Repositories and buckets of an account", 0 },
    { "quota-discussions", CLI_INT, "N", "500", 0, 1000000, "Discussions and pull requests that a person may open within a day", 0 },
    { "git-processes-max", CLI_INT, "N", "0", 0, 1000, "Fetches and pushes at once; 0 means eight per processor. A few more wait, others are told to come later", 0 },
    { "keep-activity", CLI_DURATION, "TIME", "365d", DAY, 36500 * DAY, "How long pages of activity remember what happened; 0: for ever", CLI_OR_ZERO },
    { "keep-deliveries", CLI_DURATION, "TIME", "30d", DAY, 36500 * DAY, "How long the log of webhooks remembers what was sent; 0: for ever", CLI_OR_ZERO },
    { "keep-notifications", CLI_DURATION, "TIME", "180d", DAY, 36500 * DAY, "How long people's notifications stay; 0: for ever", CLI_OR_ZERO },
    { "keep-audit", CLI_DURATION, "TIME", "0", DAY, 36500 * DAY, "How long the audit log remembers who did what; 0: for ever", CLI_OR_ZERO },
    { "keep-usage", CLI_DURATION, "TIME", "0", 62 * DAY, 36500 * DAY, "How long each call of a model is remembered, 62d at least, because budgets are of months; 0: for ever", CLI_OR_ZERO },
    { 0 },
};

size_t cli_settings_home(void) { return HOME_SETTINGS; }

void cli_environment_name(const char *name, char out[64])
{
    int n = snprintf(out, 64, "HEARTH_%s", name);
    must(n > 0 && n < 64);
    for (char *p = out; *p; p++) {
        if (*p >= 'a' && *p <= 'z') *p = (char)(*p - 'a' + 'A');
        if (*p == '-') *p = '_';
    }
}

const char *cli_source_name(enum cli_source source)
{
    static const char *const name[] = { "not set", "default", "file", "environment", "command line" };
    return name[source];
}

/* ------------------------------------------------------------------ loading */

static bool take(struct cli *c, size_t i, str text, enum cli_source source, struct err *e)
{
    if (!cli_option_parse(&cli_settings[i], text, &c->setting[i], c->arena, e)) return false;
    c->setting[i].source = source;
    return true;
}

static bool load_environment(struct cli *c, struct err *e)
{
    for (size_t i = 0; cli_settings[i].name; i++) {
        char name[64];
        cli_environment_name(cli_settings[i].name, name);
        const char *text = getenv(name);
        if (!text || !*text || c->setting[i].source != CLI_ABSENT) continue;
        if (!take(c, i, str_c(text), CLI_FROM_ENVIRONMENT, e)) return err_context(e, "%s in the environment", name);
    }
    return true;
}

static bool refuse_key(str key, struct err *e)
{
    struct cli_nearest near = { .wanted = key };
    for (size_t i = 0; cli_settings[i].name; i++) cli_nearest_offer(&near, str_c(cli_settings[i].name));
    if (near.best.p)
        return err_set(e, ERR_INVALID, "unknown setting \"%.*s\"; did you mean \"%.*s\"?", STR_ARG(key), STR_ARG(near.best));
    return err_set(e, ERR_INVALID, "unknown setting \"%.*s\"", STR_ARG(key));
}

static bool load_line(struct cli *c, str line, bool seen[CLI_SETTINGS_MAX], struct err *e)
{
    line = str_trim(line);
    if (!line.n || line.p[0] == '#') return true;
    size_t equals = str_chr(line, '='), i = 0;
    if (equals == STR_NONE) return err_set(e, ERR_INVALID, "wants name = value");
    str key = str_trim(str_to(line, equals)), text = str_trim(str_from(line, equals + 1));
    while (cli_settings[i].name && !str_eq(str_c(cli_settings[i].name), key)) i++;
    if (!cli_settings[i].name) return refuse_key(key, e);
    if (str_eq(key, STR("config"))) return err_set(e, ERR_INVALID, "a configuration file cannot name another one");
    if (seen[i]) return err_set(e, ERR_INVALID, "\"%.*s\" is set twice", STR_ARG(key));
    seen[i] = true;
    struct cli_value checked;
    if (!cli_option_parse(&cli_settings[i], text, &checked, c->arena, e)) return err_context(e, "%.*s", STR_ARG(key));
    return c->setting[i].source != CLI_ABSENT || take(c, i, text, CLI_FROM_FILE, e);
}

static bool load_file(struct cli *c, const char *path, struct err *e)
{
    char *text;
    size_t n, number = 0;
    bool ok = true, seen[CLI_SETTINGS_MAX] = { 0 };
    if (!os_read_file(path, CONFIG_BYTES_MAX, &text, &n, e)) return err_context(e, "configuration");
    str rest = str_n(text, n), line;
    while (ok && str_cut(&rest, '\n', &line)) {
        number++;
        ok = load_line(c, line, seen, e) || err_context(e, "%s:%zu", path, number);
    }
    mem_free(text);
    return ok;
}

bool cli_settings_load(struct cli *c, struct err *e)
{
    if (!load_environment(c, e)) return false;
    const char *path = cli_cstr(c, "config");
    if (path && !load_file(c, path, e)) return false;
    for (size_t i = 0; cli_settings[i].name; i++) {
        must(i < CLI_SETTINGS_MAX);
        if (c->setting[i].source != CLI_ABSENT || !cli_settings[i].otherwise) continue;
        must(take(c, i, str_c(cli_settings[i].otherwise), CLI_DEFAULT, e));
    }
    return true;
}
