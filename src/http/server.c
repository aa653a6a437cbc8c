/* http/server.c - starting, stopping and counting; the settings of libmicrohttpd.
 *
 * The library gets one epoll thread per event_threads, and connections from http/accept.c.  Its own timeout
 * closes connections on which nothing moves; parked ones are not counted, they wait for us. */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/os.h"
#include "http/http_priv.h"

enum { PEM_BYTES_MAX = 1 << 20, HEADER_NOTES_BYTES = 8 << 10 };

void http_limits_default(struct http_limits *l)
{
    size_t processors = machine_now().processors;
    *l = (struct http_limits){
        .connections_max = 4096,
        .idle_timeout_s = 60,
        .client_rate_min = 1024,
        .event_threads = processors > 8 ? 8 : (unsigned)processors,
        .worker_threads_max = 128,
        .worker_queue_max = 1024,
        .header_bytes_max = 32 << 10,
        .arena_bytes_max = 64 << 20,
        .bodies_bytes_max = 512 << 20,
        .answers_bytes_max = 256 << 20,
        .stream_bytes = 256 << 10,
    };
}

/* Up to 0.9.75; later ones look themselves (MHD_OPTION_CLIENT_DISCIPLINE_LVL), and cut lines otherwise. */
static bool library_leaves_lines(void)
{
    str version = str_c(MHD_get_version()), last = str_from(version, version.n < 4 ? version.n : 4);
    uint64_t n;
    return str_starts(version, STR("0.9.")) && str_u64(last, &n) && n <= 75;
}

bool http_server_new(const struct http_route *routes, size_t routes_count, const struct http_hooks *hooks,
                     const struct http_limits *limits, void *app, struct http_server **out, struct err *e)
{
    if (limits->event_threads == 0 || limits->worker_threads_max == 0 || limits->worker_queue_max == 0 ||
        limits->connections_max < limits->event_threads)
        return err_set(e, ERR_INVALID, "the server needs at least one thread of each kind, and a connection for each");
    int nobody = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (nobody < 0) return err_os(e, errno, "socket");
    struct http_server *s = mem_one(struct http_server);
    s->router = router_new(routes, routes_count);
    for (size_t i = 0; i < routes_count; i++)
        must(!(routes[i].body == HTTP_BODY_STREAM ? routes[i].flags & HTTP_INLINE /* it would block */
                                                  : routes[i].flags & HTTP_BULK));
    if (hooks) s->hooks = *hooks;
    s->limits = *limits;
    s->app = app;
    s->id_seed = random_u64();
    s->drain = drain_new();
    s->nobody = nobody;
    s->checks_lines = library_leaves_lines();
    s->conns = conns_new(&(struct conns_limits){ limits->idle_timeout_s, limits->connections_max, limits->connections_per_ip, limits->spares_loopback });
    s->pool = pool_new("http-worker", limits->worker_threads_max, limits->worker_queue_max);
    s->stream_pool = pool_new("http-stream", limits->worker_threads_max, limits->worker_queue_max);
    s->pauses = pauses_new(limits->connections_max);
    s->relays = relays_new();
    must(pthread_mutex_init(&s->lock, NULL) == 0 && pthread_cond_init(&s->quieter, NULL) == 0);
    *out = s;
    return true;
}

/* ------------------------------------------------------------------ listening */

static void on_connection(void *ctx, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct listener *l = ctx;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = conns_add(l->server->conns, mhd);
    } else {
        conns_remove(l->server->conns, *socket_context);
        *socket_context = NULL;
    }
}

/* Paths and queries reach us as they were sent. */
static size_t leave_encoded(void *ctx, struct MHD_Connection *mhd, char *text)
{
    (void)ctx;
    (void)mhd;
    return strlen(text);
}

__attribute__((format(printf, 2, 0))) static void on_library_log(void *ctx, const char *fmt, va_list ap)
{
    (void)ctx;
    req_on_complaint();
    if (!log_is_on(LOG_DEBUG)) return;
    struct buf b = BUF_INIT(1024);
    buf_vaddf(&b, fmt, ap);
    log_event(LOG_DEBUG, "microhttpd", "said=\"%s\"", buf_cstr(&b));
    buf_deinit(&b);
}

static bool address_of(const char *host, uint16_t port, struct sockaddr_storage *out, struct err *e)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;
    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
    } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
    } else {
        return err_set(e, ERR_INVALID, "%s is not an IP address to listen on", host);
    }
    return true;
}

static bool read_pem(const char *path, const char *what, char **out, struct err *e)
{
    size_t n;
    return os_read_file(path, PEM_BYTES_MAX, out, &n, e) || err_context(e, "%s", what);
}

/* What libmicrohttpd would find wrong, in words. */
static bool pair_agrees(const struct http_tls *tls, char *cert, char *key, struct err *e)
{
    gnutls_datum_t c = { (unsigned char *)cert, (unsigned)strlen(cert) }, k = { (unsigned char *)key, (unsigned)strlen(key) };
    gnutls_certificate_credentials_t both;
    int rc = gnutls_certificate_allocate_credentials(&both);
    if (rc == 0) {
        rc = gnutls_certificate_set_x509_key_mem(both, &c, &k, GNUTLS_X509_FMT_PEM);
        gnutls_certificate_free_credentials(both);
    }
    return rc >= 0 || err_set(e, ERR_INVALID, "%s and %s are no certificate and its key: %s", tls->cert_path, tls->key_path, gnutls_strerror(rc));
}

static bool read_pair(const struct http_tls *tls, char **cert, char **key, struct err *e)
{
    return read_pem(tls->cert_path, "certificate", cert, e) && read_pem(tls->key_path, "key of the certificate", key, e) && pair_agrees(tls, *cert, *key, e);
}

/* 0: it cannot be told. */
static int64_t ends_s(const char *cert)
{
    gnutls_datum_t pem = { (unsigned char *)(uintptr_t)cert, (unsigned)strlen(cert) };
    gnutls_x509_crt_t first;
    if (gnutls_x509_crt_init(&first) != 0) return 0;
    int64_t at = gnutls_x509_crt_import(first, &pem, GNUTLS_X509_FMT_PEM) == 0 ? (int64_t)gnutls_x509_crt_get_expiration_time(first) : 0;
    gnutls_x509_crt_deinit(first);
    return at;
}

static void note_end(struct http_server *s, const char *cert, const char *path)
{
    enum { WARN_DAYS = 14, DAY_S = 86400 };
    s->certificate_ends_s = ends_s(cert);
    int64_t left_s = s->certificate_ends_s - clock_now_ms() / 1000;
    if (left_s < WARN_DAYS * DAY_S) log_warn("http.certificate", "path=\"%s\" days_left=%lld", path, (long long)(left_s / DAY_S));
}

bool http_listen_check(const char *host, const struct http_tls *tls, struct err *e)
{
    struct sockaddr_storage address;
    char *cert = NULL, *key = NULL;
    bool ok = address_of(host, 0, &address, e) && (!tls || read_pair(tls, &cert, &key, e));
    mem_free(cert);
    mem_free(key);
    return ok;
}

bool http_server_listen(struct http_server *s, const char *host, uint16_t port, const struct http_tls *tls,
                        uint16_t *bound, struct err *e)
{
    struct sockaddr_storage address;
    char *cert = NULL, *key = NULL;
    bool ok = false;
    must(s->listeners < LISTENERS_MAX);
    struct listener *l = &s->listener[s->listeners];
    *l = (struct listener){ .server = s, .is_tls = tls && tls->cert_path };
    if (!address_of(host, port, &address, e)) goto done;
    if (l->is_tls && !read_pair(tls, &cert, &key, e)) goto done;
    if (l->is_tls) note_end(s, cert, tls->cert_path);

    if (!acceptor_new(&address, &l->acceptor, bound, e)) {
        err_context(e, "cannot listen on %s port %u", host, port);
        goto done;
    }

    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG |
                     MHD_USE_NO_LISTEN_SOCKET;
    if (l->is_tls) flags |= MHD_USE_TLS;
    struct MHD_OptionItem more[8];
    size_t n = 0;
    if (s->limits.event_threads > 1)
        more[n++] = (struct MHD_OptionItem){ MHD_OPTION_THREAD_POOL_SIZE, s->limits.event_threads, NULL };
    if (l->is_tls) {
        more[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_CERT, 0, cert };
        more[n++] = (struct MHD_OptionItem){ MHD_OPTION_HTTPS_MEM_KEY, 0, key };
    }
#if MHD_VERSION >= 0x00097601
    more[n++] = (struct MHD_OptionItem){ MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1, NULL };
#endif
    more[n] = (struct MHD_OptionItem){ MHD_OPTION_END, 0, NULL };

    /* The block of a connection holds the headers and libmicrohttpd's notes about them; half of it is the
     * buffer that bodies are read into.  It is cleared after each request, so a generous one costs time. */
    size_t block_bytes = s->limits.header_bytes_max + HEADER_NOTES_BYTES;
    /* Counted in http/conn.c.  The library's own limit is per thread, and past it, it stops working. */
    unsigned unreached = (unsigned)(s->limits.connections_max + 1) * s->limits.event_threads;
    errno = 0;
    l->daemon = MHD_start_daemon(flags, 0, NULL, NULL, req_on_call, l,
                                 MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
                                 MHD_OPTION_URI_LOG_CALLBACK, req_on_uri, l,
                                 MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, NULL,
                                 MHD_OPTION_NOTIFY_COMPLETED, req_on_completed, l,
                                 MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
                                 MHD_OPTION_CONNECTION_LIMIT, unreached,
                                 MHD_OPTION_CONNECTION_TIMEOUT, s->limits.idle_timeout_s,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, block_bytes,
                                 MHD_OPTION_ARRAY, more, MHD_OPTION_END);
    if (!l->daemon) {
        err_os(e, errno ? errno : EINVAL, "cannot serve %s port %u", host, port);
        goto done;
    }
    acceptor_start(l->acceptor, l->daemon, l->is_tls, s->conns);
    s->listeners++;
    ok = true;
done:
    if (!ok) acceptor_free(l->acceptor);
    mem_free(cert);
    mem_free(key);
    return ok;
}

/* ------------------------------------------------------------------ stopping */

static void wait_until_quiet(struct http_server *s, const size_t *count, unsigned grace_ms)
{
    int64_t until_us = clock_mono_us() + (int64_t)grace_ms * 1000;
    while (*count > 0 && clock_wait(&s->quieter, &s->lock, until_us)) {}
}

/* Whoever waits for a client is told that it is gone; no new job may start. */
static void cut_all(struct http_server *s)
{
    s->cut = true;
    for (struct http_req *r = s->live; r; r = r->next) {
        pthread_mutex_lock(&r->lock);
        r->is_gone = true;
        if (r->is_bulk) shutdown(r->conn->fd, SHUT_RD); /* whoever reads from it */
        pthread_cond_broadcast(&r->changed);
        pause_wake(r);
        pthread_mutex_unlock(&r->lock);
    }
}

void http_server_stop(struct http_server *s, unsigned grace_ms)
{
    if (atomic_exchange(&s->stopping, true)) return;
    for (size_t i = 0; i < s->listeners; i++) acceptor_free(s->listener[i].acceptor);
    relays_stop(s->relays); /* they have no end of their own */
    pthread_mutex_lock(&s->lock);
    wait_until_quiet(s, &s->lives, grace_ms);
    cut_all(s);
    /* libmicrohttpd does not end while connections are parked; each job wakes its own at its end. */
    while (s->jobs > 0) pthread_cond_wait(&s->quieter, &s->lock);
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < s->listeners; i++) MHD_stop_daemon(s->listener[i].daemon);
    s->listeners = 0;
}

void http_server_free(struct http_server *s)
{
    if (!s) return;
    http_server_stop(s, 0);
    pool_free(s->pool);
    pool_free(s->stream_pool);
    pauses_free(s->pauses); /* whose watcher handlers may still have been telling */
    relays_free(s->relays);
    drain_free(s->drain);
    close(s->nobody);
    conns_free(s->conns);
    must(s->live == NULL);
    for (struct http_req *r = s->spare, *next; r; r = next) {
        next = r->next;
        req_free(r);
    }
    router_free(s->router);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->quieter);
    mem_free(s);
}

void http_server_stats(struct http_server *s, struct http_stats *out)
{
    *out = (struct http_stats){
        .requests = atomic_load_explicit(&s->requests, memory_order_relaxed),
        .bytes_in = atomic_load_explicit(&s->bytes_in, memory_order_relaxed),
        .bytes_out = atomic_load_explicit(&s->bytes_out, memory_order_relaxed),
        .refused_memory = atomic_load_explicit(&s->refused_memory, memory_order_relaxed),
        .answers_bytes = atomic_load_explicit(&s->answers_bytes, memory_order_relaxed) +
                         (s->hooks.held_elsewhere ? s->hooks.held_elsewhere(s->app) : 0),
        .refused_busy = atomic_load_explicit(&s->refused_busy, memory_order_relaxed),
        .connections = conns_count(s->conns),
        .refused_connections = conns_refused(s->conns),
        .certificate_ends_s = s->certificate_ends_s,
        .workers_running = pool_running(s->pool) + pool_running(s->stream_pool),
        .workers_queued = pool_queued(s->pool) + pool_queued(s->stream_pool),
    };
}

const struct http_route *http_route_match(struct http_server *s, enum http_method m, str path)
{
    struct route_match match;
    return router_match(s->router, m, path, &match) ? match.row->route : NULL;
}
