/* http/http_priv.h - what the files of this folder share: the request and the server from the inside.
 *
 * Who touches a request.  One event thread owns its connection for as long as it lives.  A handler that
 * runs on a worker thread owns everything else of the request while it runs; the event thread then keeps
 * its hands off, except for what is marked "under lock".  So the request has two holders, counted by
 * `refs`: the connection, and the job.  The last one to let go ends it (req_release).
 *
 * Waiting.  When the connection has nothing to do until the job has done something, the event thread
 * parks it (MHD_suspend_connection); whoever makes the awaited thing true wakes it.  A parked connection
 * is never closed by libmicrohttpd, so waking is safe whenever `parked` is seen under the lock. */
#ifndef HTTP_HTTP_PRIV_H
#define HTTP_HTTP_PRIV_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/pool.h"
#include "http/accept.h"
#include "http/conn.h"
#include "http/http.h"
#include "http/drain.h"
#include "http/relay.h"
#include "http/ring.h"
#include "http/route.h"

struct header {
    str name, value;
};

enum reply_kind {
    REPLY_NONE,
    REPLY_MEMORY, /* data; lives as long as the request */
    REPLY_FILE,   /* fd, offset, length */
    REPLY_STREAM, /* `length` bytes, or HTTP_LENGTH_UNKNOWN, from the ring `outgoing` */
    REPLY_UPGRADE, /* 101, and the connection is the relay's */
    REPLY_BARE,   /* headers that tell of `length` bytes, and no body (HEAD, 304) */
};

struct reply {
    enum reply_kind kind;
    int status;
    str data;
    int fd; /* -1: none, or handed on */
    uint64_t offset, length;
};

enum { TRICKLE_BYTES_PER_S = 128 }; /* a client slower than this on average is given up */

enum stage { /* how far the event thread is */
    STAGE_NEW,
    STAGE_PERMISSION, /* parked until the authorize hook has run on a worker */
    STAGE_BODY,
    STAGE_RUN,
    STAGE_SENDING,
};

enum pause { PAUSE_RUNS, PAUSE_WAITS, PAUSE_QUEUED }; /* of a handler; see http/pause.c */

struct listener;
struct http_req {
    struct http_server *server;
    struct arena *arena;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct http_req *next, *prev; /* list of live or of spare requests, under server->lock */

    /* All below is zero when a request begins. */
    struct MHD_Connection *mhd;
    struct conn *conn; /* for the event thread; ends with the connection */
    struct listener *listener;
    enum stage stage;
    int64_t began_us;
    enum http_method method;
    bool known_method;
    bool is_refused; /* before its body */
    str path, query;
    size_t target_bytes; /* of both, with the '?' */
    size_t head_bytes;   /* request line and headers */
    struct header *header;
    size_t headers;
    const struct route_row *row;
    str param_raw[ROUTE_PARAMS_MAX], param[ROUTE_PARAMS_MAX];
    void *user;
    str id;
    char peer[PEER_BYTES];
    bool is_tls, is_http11;

    bool has_body, length_known, is_chunked, is_gzip, expects_continue;
    uint64_t length;    /* as the client said, of the coded body */
    int64_t body_began_us;
    struct buf whole;   /* HTTP_BODY_WHOLE */
    uint64_t whole_counted; /* in server->bodies_bytes */
    bool is_crowded_out;    /* no room for it there */
    struct gunzip *gunzip;
    uint8_t *gunzip_input;
    bytes gunzip_rest;

    struct header *out;   /* headers of the answer */
    size_t outs, outs_cap;
    struct reply reply;
    size_t owned_bytes; /* by http_own */
    bool begun;         /* by http_begin: it can no longer be replaced */
    uint64_t written;   /* by http_write */
    bool sent_early;
    bool ends_now;      /* past libmicrohttpd, whose connection is closed: its memory is needed */
    int64_t bulk_began_us;
    uint64_t bulk_from; /* of `received`, when it began */
    uint64_t acked_before; /* by the client on this connection, when a large file or what is held began */
    struct {
        bool is_on;       /* a REPLY_STREAM past libmicrohttpd; set before the answer is ready */
        bool keeps;       /* the connection, for further requests */
        bool is_mine;     /* the handler has the socket */
        bool is_open;     /* under lock: and may take it */
    } direct;
    struct sending *sending; /* long content; NULL: none */
    bool awaits_room;    /* in the socket, for that */
    http_handler *step;  /* what the handler, or the step, that runs wants to go on with */
    int step_timeout_ms;
    struct http_req *paused_next, *paused_prev; /* under pauses.lock, as is */
    bool is_watched;     /* its socket is in the watcher's set */
    int watched_fd;      /* and this one of the handler's; -1: none yet */
    bool wants_watch;    /* in the pause that begins */
    struct {
        int peer;
        bytes greeting;
    } upgrade;
    struct {
        int64_t waited_us, began_us; /* for the client; since when, while it does */
        uint64_t from;               /* bytes moved before that */
    } pace;

    /* Under lock. */
    int refs;
    bool parked;        /* the connection is suspended */
    bool is_bulk;       /* ... and http_read reads from its socket */
    bool allowed;       /* the authorize hook said yes */
    bool is_deferred;   /* an inline handler wants to run on the pool instead */
    bool is_second_run; /* ... and does so */
    bool is_ready;      /* the reply may be sent */
    bool is_gone;       /* the connection is finished, well or badly; or the server is being stopped */
    bool timed_out;     /* and that is why */
    bool complete;      /* the answer left whole */
    struct ring in;     /* HTTP_BODY_STREAM */
    uint64_t received;  /* coded bytes of the body so far */
    uint64_t discarded; /* of those, thrown away */
    bool body_ended;
    bool is_too_large;
    bool is_held;          /* a long answer from memory */
    uint64_t held;         /* in server->answers_bytes */
    int64_t held_since_us; /* it is being sent; 0: not yet */
    bool discards;      /* what still comes of the body is thrown away */
    struct ring outgoing;
    bool is_queued;     /* what is written goes to `queue` instead, for a step may not wait */
    struct buf queue;   /* from queue_from on */
    size_t queue_from;
    bool is_behind;     /* the client was found to be, by whom the queue or the ring must tell */
    bool has_paused;    /* and is in the list of those that have */
    enum pause pause;
    bool happened;      /* something, while the handler or the step ran */
    bool has_left;      /* the client has closed its side */
    int64_t step_until_us;
    bool write_ended, written_whole;
    uint64_t sent;
};

enum { LISTENERS_MAX = 8 };

struct listener {
    struct http_server *server;
    struct acceptor *acceptor;
    struct MHD_Daemon *daemon;
    bool is_tls;
};

struct http_server {
    struct router *router;
    struct http_hooks hooks;
    struct http_limits limits;
    void *app;
    struct pool *pool, *stream_pool; /* the latter for handlers that may wait for their client, HTTP_BODY_STREAM */
    struct pauses *pauses;
    struct relays *relays;
    struct drain *drain;
    struct conns *conns;
    int nobody; /* a socket that leads nowhere, see http/direct.c */
    struct listener listener[LISTENERS_MAX];
    size_t listeners;
    int64_t certificate_ends_s; /* Unix time; 0: none */
    uint64_t id_seed;
    bool checks_lines; /* the library does not, and leaves them where http/head.c can */

    pthread_mutex_t lock; /* taken before a request's lock, never after */
    pthread_cond_t quieter;
    struct http_req *live, *spare;
    size_t lives, spares, jobs;
    bool cut; /* no job may start any more */

    atomic_bool stopping;
    atomic_uint lingering, kept; /* http/send.c */
    atomic_uint hurry;           /* http/hurry.c */
    atomic_uint_fast64_t bodies_bytes; /* in memory, of collected bodies: what is more than BODY_FREE_BYTES of each */
    atomic_uint_fast64_t answers_bytes; /* http/held.c */
    _Atomic int64_t held_looked_us;
    atomic_uint_fast64_t requests, bytes_in, bytes_out, refused_busy, refused_memory, ids;
};

/* request.c: the life of a request. */
void *req_on_uri(void *listener, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result req_on_call(void *listener, struct MHD_Connection *mhd, const char *url, const char *method,
                            const char *version, const char *data, size_t *size, void **ctx);
void req_on_completed(void *listener, struct MHD_Connection *mhd, void **ctx, enum MHD_RequestTerminationCode why);
void req_on_complaint(void); /* of the library's, on an event thread */
void req_free(struct http_req *r);
void req_wake(struct http_req *r); /* under r->lock */
void req_park(struct http_req *r); /* under r->lock, on the event thread */
void req_handled(struct http_req *r, bool ok, struct err *e); /* the handler, or its last step, has returned */
bool req_is_inline(const struct http_req *r); /* its handler runs on the event thread right now */

/* head.c: what the head of a request says. */
bool head_lines_check(const char *p, const char *end, struct err *e); /* for head_check, and to be fuzzed */
bool head_check(struct http_req *r, const char *method, const char *url, const char *version, struct err *e); /* its form */
bool head_length_is_sound(struct http_req *r, struct err *e); /* Content-Length, if the library has it already */
bool head_parse(struct http_req *r, struct err *e);

/* body.c */
bool body_check(struct http_req *r, struct err *e);                 /* before any of it is read */
void body_forget(struct http_req *r);                               /* its memory */
void body_take(struct http_req *r, const char *data, size_t *size); /* leaves in *size what did not fit */
bool body_trickles(struct http_req *r);                             /* too slowly to be waited for */
void body_arrived(struct http_req *r);                              /* all of it */
bool body_end(struct http_req *r, struct err *e);                   /* before the handler, on its thread */

/* bulk.c */
void bulk_begin(struct http_req *r); /* under r->lock, on the event thread, after a piece was taken whole: if it is worth it */
bool bulk_read(struct http_req *r, uint8_t *out, size_t n, size_t *got); /* false: why_not() knows */
void bulk_end(struct http_req *r); /* after the handler: answers, and lets the connection end */

/* hurry.c: around each wait for the client, under r->lock.  At most HURRY_LOOK_MS at a time; false: it is too slow, and gone. */
enum { HURRY_LOOK_MS = 500, PRESSED_RATE = 16 << 10 };
int64_t pace_judged_us(const struct http_server *s); /* who was waited for so long is judged */
bool pace_wait(struct http_req *r); /* for r->changed */
void pace_begin(struct http_req *r);
bool pace_end(struct http_req *r);

/* held.c */
bool held_begin(struct http_req *r);   /* the answer is made: false, there is no room for it */
void held_sending(struct http_req *r); /* on the event thread */
void held_end(struct http_req *r);

/* reply.c */
enum { HTTP_SMALL_FILE_BYTES = 16 << 10 }; /* read at once, by the handler's thread */
void reply_set(struct http_req *r, struct reply reply, const char *content_type);
void reply_error(struct http_req *r, const struct err *e); /* in place of an answer given before */
void reply_drop(struct http_req *r);
enum MHD_Result reply_send(struct http_req *r); /* on the event thread */
/* In the middle of the body, past libmicrohttpd, whose connection must be closed then.  False: cannot. */
bool reply_send_early(struct http_req *r);

/* stream.c */
void stream_end(struct http_req *r, bool ok, const struct err *e);
ssize_t stream_next(void *request, uint64_t at, char *out, size_t max);
/* As http_begin, for content that is sent in steps. */
bool stream_begin(struct http_req *r, int status, const char *content_type, uint64_t length, struct err *e);

/* send.c: the handler's last act.  The segments are in the request's arena. */
struct send_segment {
    str text;       /* .p NULL: */
    uint64_t at, n; /* this part of the content */
};
bool send_content(struct http_req *r, const struct http_content *c, bool is_open, int status, const char *content_type,
                  uint64_t length, struct send_segment *segment, size_t segments, struct err *e);
enum sent { SENT_SOME, SENT_FULL, SENT_FAILED };
enum { SEND_THREADS = 32 };

/* pause.c */
struct pauses *pauses_new(size_t connections_max);
void pauses_free(struct pauses *p); /* every request must have ended; NULL is fine */
void pause_begin(struct http_req *r);  /* instead of req_handled */
void pause_step(void *request);
void pause_wake(struct http_req *r);   /* under r->lock: something happened */
void pause_forget(struct http_req *r); /* its connection is about to be closed */
bool pause_others_wait(struct http_req *r); /* for a thread that sends */
bool queue_write(struct http_req *r, bytes b, struct err *e);
size_t queue_take(struct http_req *r, char *out, size_t max); /* under r->lock */

/* direct.c */
bool direct_begin(struct http_req *r, uint64_t length); /* if it fits */
bool direct_open(struct http_req *r, bool *open, struct err *e); /* is the socket ours by now? */
enum sent direct_send(struct http_req *r, const struct http_piece *p, size_t *moved, struct err *e);
void direct_end(struct http_req *r);              /* the handler has returned */
ssize_t direct_next(struct http_req *r); /* under r->lock, on the event thread */

#endif
