/* http/http.h - an HTTP/1.1 server behind a table of routes; knows no Hearth noun.
 *
 * Threads: event threads own the connections and never block.  A route says where its handler runs:
 *   HTTP_INLINE  on the event thread: only for what answers in well under a millisecond (see http_defer)
 *   (default)    on a bounded pool of worker threads: may read disk, run SQL, wait for a child process
 * The way through the pool costs some 7 us of processor time.  When its queue is full the answer is 503
 * with Retry-After.  No two calls for one request run at once; the calls of one request may be on
 * different threads, each of which sees what the one before has written.
 *
 * Life of a request: headers arrive -> limits -> route is matched on the *encoded* path and parameters
 * are decoded once -> `authorize` hook (refusal is answered before a byte of body is read or "100
 * Continue" is sent) -> body as the route asks for it -> handler -> answer -> `access` hook.
 *
 * An answer given while the client is still sending its body reaches it nevertheless: what is short is
 * thrown away first, otherwise the answer goes out at once, the connection is closed, and what still comes
 * is swallowed for up to 30 s, since a reset would destroy the answer.
 *
 * A handler returns true after it has given an answer, or false with *e filled: then the `error` hook
 * turns e into an answer.  If an answer has begun already, the connection is cut instead: a truncated
 * body must never look complete.
 *
 * All memory of a request is in its arena.  Pointers got from a request live as long as it does. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct http_server;
struct http_req;

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE, HTTP_OPTIONS, HTTP_METHODS };
str http_method_name(enum http_method m);

typedef bool http_handler(struct http_req *r, struct err *e);

#define HTTP_BODY_TOO_LARGE "BodyTooLarge" /* kind of error: more than its row allows */
enum http_body {
    HTTP_BODY_NONE,   /* a body is refused unless empty */
    HTTP_BODY_WHOLE,  /* collected before the handler runs; see http_body() */
    HTTP_BODY_STREAM, /* the handler reads it with http_read(); it runs on the pool */
};

enum { /* flags */
    HTTP_INLINE = 1,
    /* Of a STREAM: when megabytes of the body are still to come, over plain HTTP with a known length, the
     * handler's own thread reads them from the socket.  The handler answers with memory, after which the
     * connection is closed. */
    HTTP_BULK = 2,
};

struct http_route {
    enum http_method method; /* a GET row serves HEAD as well: the body is left out, the headers stay */
    /* Segments between '/': literal, ":name" (one segment, not empty), ":name(a|b|c)" (one of the words),
     * "*name" at the end (the rest of the path, may be empty).  A literal suffix may follow a ":name" in
     * the same segment, as in ":repo.git".  More literal rows win over less literal ones, whatever
     * their order: segment by segment from the left, a literal before a suffix before words before a
     * name before the rest, among the rows that know the method. */
    const char *pattern;
    int permission; /* for the authorize hook; this layer does not look at it */
    enum http_body body;
    uint64_t body_bytes_max;
    unsigned flags;
    http_handler *handler;
    const char *name; /* "repo.create": in logs, metrics, and the tests that walk the table */
};

/* ------------------------------------------------------------------ the request */

struct arena *http_arena(struct http_req *r);
void *http_app(struct http_req *r);                       /* the pointer given to http_server_new */
void http_set_user(struct http_req *r, void *user);       /* what the authorize hook found out */
void *http_user(struct http_req *r);
enum http_method http_method_of(struct http_req *r);      /* HTTP_HEAD for a HEAD served by a GET row */
const struct http_route *http_route_of(struct http_req *r);
str http_path(struct http_req *r);                        /* as sent, still encoded, without the query */
str http_query_raw(struct http_req *r);                   /* what stood behind '?' */
str http_param(struct http_req *r, const char *name);     /* decoded once; empty if the pattern has none */
str http_param_raw(struct http_req *r, const char *name); /* as sent */
str http_header(struct http_req *r, const char *name);    /* .p NULL when absent; trimmed */
str http_header_last(struct http_req *r, const char *name); /* of several lines */
bool http_header_nth(struct http_req *r, size_t i, str *name, str *value); /* false past the last; the name ends in a NUL */
str http_request_id(struct http_req *r);
str http_peer(struct http_req *r);                        /* textual address of the other side */
bool http_is_tls(struct http_req *r);

str http_cookie(struct http_req *r, const char *name); /* as it was sent; .p NULL when absent */

/* Query parameters, decoded ('+' is a blank).  The first one, or .p NULL.  One that does not decode ("%zz",
 * "%00") counts as absent. */
str http_query(struct http_req *r, const char *key);
/* All values of `key`, also as "key[]", in order; index from 0; false past the last. */
bool http_query_nth(struct http_req *r, const char *key, size_t i, str *value);
bool http_query_bool(struct http_req *r, const char *key, bool otherwise); /* true/True/1, false/False/0 */
/* All of many: `rest` is the body of a form, or http_query_raw, and moves on.  (The n-th is found by walking over all before it.) */
bool http_form_next(str *rest, struct arena *a, const char *key, str *value);
/* As http_query_nth, for a body of application/x-www-form-urlencoded. */
bool http_form_nth(str body, struct arena *a, const char *key, size_t i, str *value);

/* The parts of a body of multipart/form-data (http/multipart.c), one after the other.  What is malformed ends it early: only a
 * body whose last boundary was met (`ended`) is whole. */
struct http_part {
    str name;
    str filename; /* as the browser wrote it; .p NULL: no file */
    str content;  /* a view of the body */
};
struct http_multipart {
    str boundary, rest;
    bool ended;
};
bool http_multipart_begin(str content_type, str body, struct http_multipart *out); /* false: it is none */
bool http_multipart_next(struct http_multipart *m, struct arena *a, struct http_part *out);
/* The first field of this name in the body of a form, in either coding. */
bool http_form_field(struct http_req *r, const char *name, str *value);

/* For an inline handler that finds its answer would take long: `return http_defer(r)` before anything was
 * answered, and the handler runs again, from its start, on the pool.  Headers added so far are forgotten. */
bool http_defer(struct http_req *r);
bool http_is_deferred(struct http_req *r); /* this is the second run */

str http_body(struct http_req *r); /* HTTP_BODY_WHOLE */
/* HTTP_BODY_STREAM: waits for up to n bytes; *got 0 at the end.  Fails with ERR_CLOSED when the client
 * went away, ERR_TIMEOUT when it stalled, ERR_TOO_LARGE past the route's limit.  Bytes that have not been
 * read hold the client back: at most http_limits.stream_bytes are in memory.  When nothing is there it
 * waits for half of that, or the end: HTTP/1.1 answers leave after the body, so nobody waits for less.
 * The codings gzip and x-gzip of a *WHOLE or STREAM* body are undone before the handler sees it (ratio and
 * size limited). */
bool http_read(struct http_req *r, uint8_t *out, size_t n, size_t *got, struct err *e);
bool http_body_length(struct http_req *r, uint64_t *length); /* false when the client did not say, or sends gzip */

/* Percent-decoding of one component; false on "%zz" or NUL.  *out may be s itself. */
bool http_decode(str s, bool plus_is_blank, struct arena *a, str *out);
/* Percent-encoding; `keep` lists characters left alone besides letters, digits and "-._~". */
void http_encode(struct buf *out, str s, const char *keep);

/* ------------------------------------------------------------------ the answer */

/* Adds a header; call before http_reply... or http_begin returns.  The name is a literal.  CR, LF and NUL in
 * a value become blanks, so that nobody can forge a header; an empty value adds nothing. */
void http_add_header(struct http_req *r, const char *name, str value);
bool http_has_header(struct http_req *r, const char *name); /* of the answer, added so far */
__attribute__((format(printf, 3, 4))) void http_add_headerf(struct http_req *r, const char *name, const char *fmt, ...);

int http_status_of(enum err_code code);

/* Exactly one of these per request.  All of them answer HEAD correctly by themselves. */
bool http_reply(struct http_req *r, int status, const char *content_type, str body); /* copies body */
bool http_reply_buf(struct http_req *r, int status, const char *content_type, struct buf *b); /* takes b's memory */
bool http_reply_empty(struct http_req *r, int status);
/* Heap memory of n bytes that ends with the request; counted as what its answer holds (answers_bytes_max). */
void http_own(struct http_req *r, void *p, size_t n);
/* Memory that outlives the answer: `done(ctx)` is called when it is no longer needed. */
bool http_reply_borrowed(struct http_req *r, int status, const char *content_type, str body, void (*done)(void *ctx),
                         void *ctx);
/* A descriptor, which is owned from now on; sent with sendfile (a few KiB: read right away). */
bool http_reply_file(struct http_req *r, int status, const char *content_type, int fd, uint64_t offset, uint64_t length);
/* A stream produced by the handler: begin, then write until done, then return true from the handler.
 * length HTTP_LENGTH_UNKNOWN means chunked coding.  http_write waits while the client is slow and fails
 * with ERR_CLOSED when it is gone.  On HEAD nothing need be written.  Not on an event thread.
 *
 * Sending starts when the request's body has been read.  Reading and writing may alternate as long as what
 * is written before fits http_limits.stream_bytes; past that the rest of the body is dropped and http_read
 * fails.  A handler that returns false, or wrote less than `length`, cuts the connection. */
#define HTTP_LENGTH_UNKNOWN UINT64_MAX
bool http_begin(struct http_req *r, int status, const char *content_type, uint64_t length, struct err *e);
bool http_write(struct http_req *r, bytes b, struct err *e);
bool http_has_begun(struct http_req *r);

/* A handler that waits for something else than its client: it gives its thread back by `return http_pause(r, step, timeout_ms)`,
 * before any answer or after http_begin was called by a step.  `step` goes on, as a handler does (it may pause again, or answer),
 * when http_resume was called, when the time is up (-1: never), when the client has left, or has caught up after it was behind;
 * sometimes for no reason.  What happens while a handler or a step runs is not lost: the next pause ends at once.  Not for
 * handlers that run inline.  A handler of a stream has read of it what it wanted: the rest is thrown away.
 *
 * In a step http_write never waits: what is written is kept, and leaves when the step returns.  So a step asks http_is_behind
 * before it makes more than a little, and pauses if so.
 *
 * Steps are meant to be short, and few threads do them: one that waits for a disk or a lock says so, and others go on meanwhile. */
enum { HTTP_BEHIND_BYTES = 64 << 10 };
bool http_pause(struct http_req *r, http_handler *step, int timeout_ms);
/* The pause that follows ends also when `fd` can be read from; it must be the same one each time, and stay open until the answer is given. */
void http_watch(struct http_req *r, int fd);
void http_resume(struct http_req *r);    /* from any thread, as long as the handler has not answered */
bool http_has_left(struct http_req *r);  /* the client, or the server is being stopped; also for handlers that are at work for long */
void http_wait_begin(struct http_req *r); /* in a step, or in a handler, where it changes nothing */
void http_wait_end(struct http_req *r);
bool http_is_behind(struct http_req *r); /* more than HTTP_BEHIND_BYTES wait for the client */

/* The connection leaves HTTP: the answer is 101 with the headers added so far, and from then on what the client sends goes to `peer`, a
 * connected socket, and what that sends to the client (http/relay.h); `greeting`: what it has sent already.  Exactly one answer, from a step
 * or a handler on the pool; `peer` stays the caller's, who closes it when the request ends (arena_on_free). */
bool http_upgrade(struct http_req *r, int peer, bytes greeting);

/* Serving content with validators and ranges: "If-None-Match" yields 304, "Range" 206 (one range, or
 * multipart/byteranges for several), an impossible one 416 with "Content-Range: bytes * /N". */
struct http_range {
    uint64_t first, last; /* inclusive */
};
enum { HTTP_RANGES_MAX = 16 };
enum http_range_kind { HTTP_RANGE_NONE, HTTP_RANGE_SOME, HTTP_RANGE_UNSATISFIABLE };
/* Parses a Range header against a size.  What is malformed, of another unit, more than HTTP_RANGES_MAX
 * ranges, or ranges that together exceed the size count as NONE (the whole is served), as RFC 9110 allows. */
enum http_range_kind http_range_parse(str header, uint64_t size, struct http_range *out, size_t *n);

struct http_piece {
    bytes memory; /* .p NULL: in the file */
    int fd;       /* stays the lender's */
    uint64_t at;
    size_t n; /* in both cases; 0: the end */
};

/* A readable thing of known size: the answer to GET and HEAD is worked out from it and the request's
 * headers ("If-Match" and "If-Range" too).  Either memory (data.p), or a function that opens a part. */
struct http_content {
    const char *content_type;
    str etag; /* quoted; .p NULL for none */
    uint64_t size;
    str data; /* all of it, or .p NULL; must live as long as the request */
    /* Opens bytes [at, at+n).  Either *fd >= 0 (a descriptor to own, with *fd_offset), or *fd = -1 and
     * the bytes are then pulled with `pull` until n have been given. */
    bool (*open)(void *ctx, uint64_t at, uint64_t n, int *fd, uint64_t *fd_offset, struct err *e);
    bool (*pull)(void *ctx, uint8_t *out, size_t n, size_t *got, struct err *e);
    /* Instead of pull, where the bytes lie somewhere anyway: lends up to `max` of them until the next call, in memory or
     * in a file, from which they are sent as they are.  NULL: pull. */
    bool (*lend)(void *ctx, size_t max, struct http_piece *out, struct err *e);
    /* The client takes nothing for now: what is open may be closed, and `open` is called before it goes on.  NULL is fine. */
    void (*rest)(void *ctx);
    void *ctx; /* lives as long as the request: after the handler has returned, threads of the server call the above in turn */
};
bool http_reply_content(struct http_req *r, const struct http_content *c, struct err *e);
bool http_is_known(struct http_req *r, str etag); /* the client has it, by If-None-Match */

/* ------------------------------------------------------------------ the server */

struct http_limits {
    size_t connections_max;      /* 4096 */
    size_t connections_per_ip;   /* of an IPv4 address or an IPv6 /64; 0: no bound */
    bool spares_loopback;        /* ... but for this machine itself */
    unsigned idle_timeout_s;     /* 60: no byte moved in either direction; twice that for a whole head, and
                                    a body must make 128 bytes/s from then on.  0: no bound */
    uint64_t client_rate_min;    /* 1024: bytes/s that a client must take of long content, on the average of twice
                                    the idle time; 0: no bound */
    unsigned event_threads;      /* number of processors, at most 8 */
    size_t worker_threads_max;   /* 128 */
    size_t worker_queue_max;     /* 1024 */
    size_t header_bytes_max;     /* 32 KiB: request line and headers together */
    size_t arena_bytes_max;      /* 64 MiB per request, for arena_try */
    uint64_t bodies_bytes_max;   /* 512 MiB: of all collected bodies together, in memory; more are answered 503 */
    uint64_t answers_bytes_max;  /* 256 MiB: of all answers from memory together, but for 64 KiB of each; see http/held.c */
    size_t stream_bytes;         /* 256 KiB in flight per streamed body */
};
void http_limits_default(struct http_limits *l);

struct http_hooks {
    /* Before the body, on the thread that the route's flags name: may refuse (false, *e).  NULL allows all.  On an event thread it
     * may `return http_defer(r)`: then it is asked again on the pool, where it may block, and the handler runs there. */
    bool (*authorize)(struct http_req *r, const struct http_route *route, struct err *e);
    /* Gives the answer for *e (adds headers, calls http_reply).  Must not fail.  NULL: e.msg as text.  This
     * one, `unrouted` and `headers` may run on an event thread: they must not block. */
    void (*error)(struct http_req *r, const struct err *e);
    /* The path to be matched, where it is not the one that was sent: a host may stand for a folder.  NULL: as sent. */
    str (*route_path)(struct http_req *r);
    /* No route: *methods has a bit (1 << method) per method that the path knows (405), 0 for none (404).
     * It fills *e. */
    void (*unrouted)(struct http_req *r, unsigned methods, struct err *e);
    /* What answers hold together beside what the server can see: content that requests share.  NULL: nothing. */
    uint64_t (*held_elsewhere)(void *app);
    /* Headers for every answer (but those that the library gives to what is no HTTP at all). */
    void (*headers)(struct http_req *r);
    /* After the last byte and after the handler's return, on any thread; must be quick.  `complete`: all of
     * the answer was handed to the system; else bytes_sent is what left, headers not exactly told apart. */
    void (*access)(struct http_req *r, int status, uint64_t bytes_sent, int64_t duration_us, bool complete);
};

struct http_tls {
    const char *cert_path, *key_path; /* PEM; NULL: plain HTTP */
};

/* Routes and hooks must outlive the server.  A malformed or ambiguous table is a broken invariant. */
bool http_server_new(const struct http_route *routes, size_t routes_count, const struct http_hooks *hooks,
                     const struct http_limits *limits, void *app, struct http_server **out, struct err *e);
/* Is host an IP address, and are the certificate (NULL: plain HTTP) and its key there, and a pair?  Opens nothing. */
bool http_listen_check(const char *host, const struct http_tls *tls, struct err *e);
/* host "127.0.0.1", "::1", "0.0.0.0"; port 0 picks one.  Serving begins before it returns.  ERR_CONFLICT: another has this address, or
 * it is none that we may take. */
bool http_server_listen(struct http_server *s, const char *host, uint16_t port, const struct http_tls *tls,
                        uint16_t *bound, struct err *e);
/* Stops accepting, lets running requests finish for up to grace_ms, then cuts them: http_read and http_write
 * fail with ERR_CLOSED.  Waits for every handler to return, so one that waits for something else must end
 * that by itself. */
void http_server_stop(struct http_server *s, unsigned grace_ms);
void http_server_free(struct http_server *s);

/* Somebody waits (by = 1), or no longer (-1), for what handlers of streams hold while their clients are slow: the slowest give way. */
void http_hurry(struct http_server *s, int by);
struct http_server *http_server_of(struct http_req *r);

struct http_stats {
    uint64_t requests, bytes_in, bytes_out, refused_busy, refused_memory, refused_connections;
    uint64_t answers_bytes; /* held now, of answers_bytes_max */
    size_t connections, workers_running, workers_queued;
    int64_t certificate_ends_s; /* Unix time; 0: none */
};
void http_server_stats(struct http_server *s, struct http_stats *out);

/* Matching alone, for tests and for `authorize`-walks: the row for a method and an encoded path. */
const struct http_route *http_route_match(struct http_server *s, enum http_method m, str path);

#endif
