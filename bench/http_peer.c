/* http_peer.c - the least server on top of src/http, for bench/http_peer.sh:  http_peer PORT FOLDER
 *
 *   /inline       4 KiB from memory, on the event thread
 *   /worker       the same through the pool of workers
 *   /file/NAME    a file of FOLDER through http_reply_content, on the pool
 *   /inline/NAME  the same on the event thread
 *   /upload       reads a body and counts it
 *   /stream       1 GiB written by a handler, chunked; ?known=1 with its length */
#include <inttypes.h>
#include <signal.h>
#include <unistd.h>

#include "base/os.h"
#include "http/http.h"

static char four_k[4096];

static bool get_memory(struct http_req *r, struct err *e)
{
    (void)e;
    return http_reply_borrowed(r, 200, "text/plain", str_n(four_k, sizeof four_k), NULL, NULL);
}

struct file {
    const char *path;
    int fd;
};

static bool open_part(void *ctx, uint64_t at, uint64_t n, int *fd, uint64_t *fd_offset, struct err *e)
{
    (void)n;
    (void)e;
    struct file *f = ctx;
    *fd = f->fd;
    *fd_offset = at;
    return true;
}

static bool get_file(struct http_req *r, struct err *e)
{
    struct file f = { .path = arena_fmt(http_arena(r), "%s/%.*s", (const char *)http_app(r),
                                        STR_ARG(http_param(r, "name"))).p };
    struct http_content c = { .content_type = "application/octet-stream", .etag = STR("\"x\""), .open = open_part, .ctx = &f };
    bool found;
    if (!os_open_read(f.path, &f.fd, &found, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "no such file");
    return os_file_size(f.fd, &c.size, e) && http_reply_content(r, &c, e);
}

static bool post_upload(struct http_req *r, struct err *e)
{
    static _Thread_local uint8_t piece[256 << 10];
    uint64_t n = 0;
    size_t got;
    do {
        if (!http_read(r, piece, sizeof piece, &got, e)) return false;
        n += got;
    } while (got > 0);
    return http_reply(r, 200, "text/plain", arena_fmt(http_arena(r), "%" PRIu64 "\n", n));
}

static bool get_stream(struct http_req *r, struct err *e)
{
    static const uint8_t piece[64 << 10];
    uint64_t n = UINT64_C(1) << 30;
    if (!http_begin(r, 200, "text/plain", http_query(r, "known").p ? n : HTTP_LENGTH_UNKNOWN, e)) return false;
    for (; n > 0; n -= sizeof piece)
        if (!http_write(r, (bytes){ piece, sizeof piece }, e)) return false;
    return true;
}

static const struct http_route routes[] = {
    { HTTP_GET, "/inline", 0, HTTP_BODY_NONE, 0, HTTP_INLINE, get_memory, "inline" },
    { HTTP_GET, "/worker", 0, HTTP_BODY_NONE, 0, 0, get_memory, "worker" },
    { HTTP_GET, "/file/:name", 0, HTTP_BODY_NONE, 0, 0, get_file, "file" },
    { HTTP_GET, "/inline/:name", 0, HTTP_BODY_NONE, 0, HTTP_INLINE, get_file, "inline.file" },
    { HTTP_PUT, "/upload", 0, HTTP_BODY_STREAM, UINT64_MAX, 0, post_upload, "upload" },
    { HTTP_GET, "/stream", 0, HTTP_BODY_NONE, 0, 0, get_stream, "stream" },
};

int main(int argc, char **argv)
{
    struct http_server *s;
    struct http_limits limits;
    struct err e;
    uint16_t bound;
    uint64_t port;
    sigset_t ends;
    int sig;
    if (argc != 3 || !str_u64(str_c(argv[1]), &port) || port > 65535) return 2;
    memset(four_k, 'x', sizeof four_k);
    http_limits_default(&limits);
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    if (!http_server_new(routes, COUNT(routes), NULL, &limits, argv[2], &s, &e) ||
        !http_server_listen(s, "127.0.0.1", (uint16_t)port, NULL, &bound, &e)) {
        fprintf(stderr, "%s\n", e.msg);
        return 1;
    }
    printf("%u\n", bound);
    fflush(stdout);
    sigwait(&ends, &sig);
    http_server_free(s);
    return 0;
}
