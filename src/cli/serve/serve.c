/* cli/serve/serve.c - `hearth serve`: opens the home folder, starts the server, waits for a signal.
 *
 * Order of start: settings, database and folders, recovery of what a crash left, table of routes, socket,
 * the line that says where.  Order of stop: no new connections, running requests finish (within the
 * grace time), counters are written, everything is closed. */
#include <signal.h>

#include "api/api.h"
#include "api/oauth/external.h"
#include "api/space/space_api.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/os.h"
#include "cli/admin/home.h"
#include "cli/serve/jobs.h"
#include "cli/serve/post.h"
#include "gateway/gateway.h"
#include "http/guard.h"
#include "hub/quota.h"
#include "infer/infer.h"
#include "scan/clamd.h"
#include "scan/watch.h"
#include "space/space.h"
#include "web/pages.h"

struct server {
    struct hub *hub;
    struct gateway *gateway;
    struct infer *infer;
    struct spaces *spaces;
    struct scan_watch scan;
    bool scans;
    struct external *external;
    struct api *api;
    struct http_server *http;
    struct serve_jobs *jobs;
    struct webhook_sender sender;
    str webhook_allow, spaces_domain;
};

static void limits_from_settings(struct cli *c, struct http_limits *l)
{
    http_limits_default(l);
    l->connections_max = (size_t)cli_int(c, "connections-max");
    l->connections_per_ip = (size_t)cli_int(c, "connections-per-ip");
    if (!l->connections_per_ip) { /* a proxy brings everybody from one address */
        l->connections_per_ip = cli_flag(c, "trust-proxy") ? 0 : (l->connections_max + 3) / 4;
        l->spares_loopback = true;
    }
    l->idle_timeout_s = (unsigned)(cli_int(c, "idle-timeout") / 1000);
    l->client_rate_min = (uint64_t)cli_int(c, "client-rate-min");
    if (cli_int(c, "event-threads")) l->event_threads = (unsigned)cli_int(c, "event-threads");
    l->worker_threads_max = (size_t)cli_int(c, "worker-threads-max");
    l->worker_queue_max = (size_t)cli_int(c, "worker-queue-max");
    l->header_bytes_max = (size_t)cli_int(c, "header-bytes-max");
    l->arena_bytes_max = (size_t)cli_int(c, "request-memory-max");
    l->bodies_bytes_max = (uint64_t)cli_int(c, "body-memory-max");
    l->answers_bytes_max = (uint64_t)cli_int(c, "answer-memory-max");
    l->stream_bytes = (size_t)cli_int(c, "stream-buffer");
}

static bool start_inference(struct cli *c, struct server *s, struct err *e)
{
    struct infer_config config = {
        .home = cli_cstr(c, "home"), .dtype = cli_cstr(c, "inference-dtype"), .memory_bytes = (uint64_t)cli_int(c, "inference-memory"),
        .kv_bytes = (uint64_t)cli_int(c, "inference-kv-memory"), .idle_ms = cli_int(c, "inference-idle"), .threads = (size_t)cli_int(c, "inference-threads"),
        .waiting_max = (size_t)cli_int(c, "inference-queue"), .wait_ms = cli_int(c, "inference-wait"), .deadline_ms = cli_int(c, "inference-deadline"),
        .meter = { .free_per_day = cli_int(c, "inference-free-per-day"), .budget_per_month = cli_int(c, "inference-budget-per-month") },
    };
    if (!cli_flag(c, "inference")) return true;
    return infer_new(s->hub, &config, &s->infer, e);
}

static bool start_spaces(struct cli *c, struct server *s, struct err *e)
{
    struct space_config config = {
        .home = cli_cstr(c, "home"), .python_index = cli_str(c, "space-python-index"), .python_dir = cli_str(c, "space-python-dir"),
        .network_allow = cli_str(c, "space-network-allow"), .sleep_ms = cli_int(c, "space-sleep"), .build_ms = cli_int(c, "space-build-time"),
        .memory_bytes = (uint64_t)cli_int(c, "space-memory"), .disk_bytes = (uint64_t)cli_int(c, "space-disk"),
        .processes_max = (size_t)cli_int(c, "space-processes"), .running_max = (size_t)cli_int(c, "space-running-max"), .may_reach = http_guard_allows,
    };
    if (!cli_flag(c, "space-apps")) return true;
    return spaces_new(s->hub, &config, &s->spaces, e);
}

static str host_of_space(void *server, const struct repo *r, struct arena *a)
{
    struct server *s = server;
    return space_host(s->spaces_domain, s->sender.base_url, r, a);
}

/* *out NULL: people sign in here alone. */
static bool open_external(struct cli *c, struct external **out, struct err *e)
{
    str secret;
    *out = NULL;
    if (!cli_cstr(c, "oidc-issuer")) return true;
    if (!cli_secret(c, "oidc-client-secret-file", &secret, e)) return false;
    struct external_config config = { cli_str(c, "oidc-issuer"), cli_str(c, "oidc-client-id"), secret, cli_str(c, "oidc-domains"),
                                      cli_str(c, "oidc-name-claim"), cli_str(c, "oidc-scim-claim"), cli_str(c, "oidc-label") };
    return external_new(&config, out, e);
}

static bool check_aliases(str aliases, struct err *e)
{
    str pair, owner;
    while (aliases.n && str_cut(&aliases, ',', &pair)) {
        size_t at = str_chr(pair, '=');
        str model = at == STR_NONE ? STR("") : str_trim(str_from(pair, at + 1));
        if (at == STR_NONE || !str_trim(str_to(pair, at)).n || !str_cut(&model, '/', &owner) || !owner.n || !model.n)
            return err_set(e, ERR_INVALID, "inference-aliases: \"%.*s\" is not NAME=OWNER/MODEL", STR_ARG(str_to(str_trim(pair), 100)));
    }
    return true;
}

bool cli_serve_check(struct cli *c, struct err *e)
{
    struct external *external;
    if (!cli_cstr(c, "tls-cert") != !cli_cstr(c, "tls-key")) return err_set(e, ERR_INVALID, "tls-cert and tls-key belong together");
    struct http_tls tls = { cli_cstr(c, "tls-cert"), cli_cstr(c, "tls-key") };
    str host;
    uint16_t port;
    if (!cli_address_parse(cli_str(c, "listen"), &host, &port, e) || !http_listen_check(arena_cstr(c->arena, host), tls.cert_path ? &tls : NULL, e) ||
        !space_domain_check(cli_str(c, "spaces-domain"), cli_str(c, "public-url"), e) || !check_aliases(cli_str(c, "inference-aliases"), e) || !open_external(c, &external, e))
        return false;
    external_free(external);
    return true;
}

static void show_settings(struct cli *c, struct api_config *config)
{
    struct api_setting *list = arena_alloc(c->arena, CLI_SETTINGS_MAX * sizeof *list);
    size_t n = 0;
    for (size_t i = 0; cli_settings[i].name; i++) {
        if (cli_settings[i].flags & CLI_NOT_BUILT) continue;
        list[n++] = (struct api_setting){ .name = cli_settings[i].name, .help = cli_settings[i].help, .source = cli_source_name(c->setting[i].source), .value = c->setting[i].text };
    }
    config->settings = list;
    config->settings_count = n;
}

static bool is_loopback(str host) { return str_starts(host, STR("127.")) || str_eq(host, STR("::1")); }

static bool start(struct cli *c, struct server *s, struct err *e)
{
    struct api_config config = { .error_page = web_error_page,
                                 .public_url = cli_str(c, "public-url"),
                                 .spaces_domain = cli_str(c, "spaces-domain"),
                                 .trusts_proxy = cli_flag(c, "trust-proxy"),
                                 .log_access = cli_flag(c, "access-log"),
                                 .git_processes_max = (size_t)cli_int(c, "git-processes-max") };
    if (!config.git_processes_max) config.git_processes_max = 8 * machine_now().processors;
    struct http_limits limits;
    str host;
    uint16_t port;
    size_t n;
    if (!cli_address_parse(cli_str(c, "listen"), &host, &port, e)) return false;
    config.is_loopback = is_loopback(host);
    config.pages = web_tables(&config.pages_count);
    limits_from_settings(c, &limits);
    if (!hub_open(cli_cstr(c, "home"), &s->hub, e) || !hub_recover(s->hub, e) || !cli_gateway(c, s->hub, STR(""), &s->gateway, e) || !start_inference(c, s, e) || !start_spaces(c, s, e)) return false;
    int64_t quota[QUOTAS];
    for (int i = 0; i < QUOTAS; i++) quota[i] = cli_int(c, quota_setting((enum quota)i));
    quota_set(s->hub, quota);
    s->webhook_allow = cli_str(c, "webhook-allow");
    s->sender = (struct webhook_sender){ .post = serve_post, .ctx = &s->webhook_allow, .retry_ms = cli_int(c, "webhook-retry") };
    config.sender = &s->sender;
    if (!open_external(c, &s->external, e)) return false;
    if (s->external && !cli_str(c, "oidc-domains").n) log_warn("oidc.open", "whoever has an account at the provider gets one here; oidc-domains would narrow it");
    config.gateway = s->gateway;
    config.infer = s->infer;
    config.spaces = s->spaces;
    s->scans = cli_flag(c, "scan");
    if (s->scans) {
        str clamd = cli_str(c, "clamd");
        if (clamd.n && !clamd_address_is(clamd, e)) return err_context(e, "clamd");
        scan_watch_init(&s->scan, s->hub, clamd);
        config.scan = &s->scan;
        config.blocks_unsafe = cli_flag(c, "block-unsafe");
    }
    config.external = s->external;
    str sign_up = cli_str(c, "sign-up");
    config.sign_up = str_eq(sign_up, STR("open")) ? SIGN_UP_OPEN : str_eq(sign_up, STR("invited")) ? SIGN_UP_INVITED : SIGN_UP_CLOSED;
    show_settings(c, &config);
    config.model_aliases = cli_str(c, "inference-aliases");
    if (!api_new(s->hub, &config, &s->api, e)) return false;
    const struct http_route *routes = api_routes(s->api, &n);
    if (!http_server_new(routes, n, api_hooks(), &limits, s->api, &s->http, e)) return false;
    api_set_server(s->api, s->http);
    return true;
}

static bool listen_at(struct cli *c, struct server *s, struct err *e)
{
    str host;
    uint16_t port, bound;
    struct http_tls tls = { cli_cstr(c, "tls-cert"), cli_cstr(c, "tls-key") };
    if (!cli_address_parse(cli_str(c, "listen"), &host, &port, e)) return false;
    const char *host_c = arena_cstr(c->arena, host);
    if (!http_server_listen(s->http, host_c, port, tls.cert_path ? &tls : NULL, &bound, e)) {
        struct err why = *e;
        return why.code == ERR_CONFLICT ? err_set(e, ERR_CONFLICT, "%s; --listen names another address", why.msg) : false;
    }
    bool is_v6 = str_chr(host, ':') != STR_NONE;
    fprintf(c->out, "Hearth is at %s://%s%s%s:%u\n", tls.cert_path ? "https" : "http", is_v6 ? "[" : "", host_c, is_v6 ? "]" : "", bound);
    fflush(c->out);
    /* Payloads of webhooks name this house; no request says how it is called. */
    s->sender.base_url = cli_str(c, "public-url").n ? cli_str(c, "public-url") :
                         arena_fmt(c->arena, "%s://%s%s%s:%u", tls.cert_path ? "https" : "http", is_v6 ? "[" : "", host_c, is_v6 ? "]" : "", bound);
    s->spaces_domain = cli_str(c, "spaces-domain");
    bool is_near = is_loopback(host) || str_eq(host, STR("0.0.0.0")) || str_eq(host, STR("::"));
    spaces_set_house(s->spaces, &(struct space_house){ .port = tls.cert_path || !is_near ? 0 : bound, .host_of = host_of_space, .ctx = s });
    log_info("serve.started", "version=%s home=\"%s\" port=%u", HEARTH_VERSION, cli_cstr(c, "home"), bound);
    return true;
}

/* Who presses Ctrl-C again does not want to wait.  It is a power cut to us: what was acknowledged is on disk, and what is half-done is
 * swept at the next start. */
static void end_at_second_interrupt(struct cli *c, int first)
{
    sigset_t set;
    if (first != SIGINT) return;
    fprintf(c->out, "Stopping: what runs may finish, within %lld s.  Ctrl-C again ends it at once.\n", (long long)cli_int(c, "shutdown-grace") / 1000);
    fflush(c->out);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

bool cli_serve(struct cli *c, struct err *e)
{
    struct server s = { 0 };
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    struct sigaction hup;
    if (sigaction(SIGHUP, NULL, &hup) == 0 && hup.sa_handler != SIG_IGN) sigaddset(&set, SIGHUP); /* the terminal went; nohup ignores that */
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* before any thread starts, so that all inherit it */
    signal(SIGPIPE, SIG_IGN);

    bool ok = cli_serve_check(c, e) && start(c, &s, e) && listen_at(c, &s, e);
    if (ok) {
        int got;
        s.jobs = serve_jobs_start(c, s.hub, &s.sender, s.spaces, s.scans ? &s.scan : NULL);
        web_warm();
        while (sigwait(&set, &got) != 0) {}
        log_info("serve.stopping", "signal=%d", got);
        end_at_second_interrupt(c, got);
        if (s.infer) infer_stop(s.infer, cli_int(c, "shutdown-grace"));
        gateway_stop(s.gateway);
        spaces_stop(s.spaces);
        http_server_stop(s.http, (unsigned)cli_int(c, "shutdown-grace"));
        ok = serve_jobs_stop(s.jobs, e);
    }
    scan_watch_deinit(&s.scan);
    http_server_free(s.http);
    infer_free(s.infer);
    spaces_free(s.spaces);
    api_free(s.api);
    external_free(s.external);
    gateway_free(s.gateway);
    hub_close(s.hub);
    return ok;
}
