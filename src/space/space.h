/* space/space.h - Spaces that run: their programs are built, started in a sandbox, watched, put to sleep and woken.
 *
 * A Space is a repository; what runs of it is an app: one process tree in namespaces of its own, which serves HTTP on its port 7860.
 * Nothing of it can be reached from outside but through space_dial, which gives a connected socket: the proxy above speaks HTTP
 * through it (docs/SPACES.md).  Static Spaces have no app, they are files: of them only space_runtime knows anything.
 *
 * What holds (docs/SPACES.md says how):
 *   1. An app that was built from a commit serves until the app of a newer one answers; then it is drained and stopped.
 *   2. No process of an app outlives the server.
 *   3. Secrets are opened for the environment of the one child that needs them, and are in no log.
 *   4. Where namespaces do not work nothing is run.
 *
 * Everything here may be called from any thread, and nothing here waits for an app. */
#ifndef SPACE_SPACE_H
#define SPACE_SPACE_H

#include "hub/hub.h"

enum space_stage {
    SPACE_NO_APP_FILE, SPACE_CONFIG_ERROR, SPACE_BUILDING, SPACE_BUILD_ERROR, SPACE_APP_STARTING, SPACE_RUNNING, SPACE_RUNNING_BUILDING,
    SPACE_RUNNING_APP_STARTING, SPACE_RUNTIME_ERROR, SPACE_SLEEPING, SPACE_PAUSED, SPACE_STOPPED, SPACE_STAGES
};
str space_stage_name(enum space_stage s); /* "RUNNING_BUILDING" */

struct sockaddr;
struct spaces; /* one per server; NULL wherever it is asked for: apps are not run here */
struct space_config {
    const char *home;          /* DIR of --home; apps live below DIR/spaces */
    str python_index;          /* where packages come from, "https://.../simple"; empty: what pip takes by itself */
    str python_dir;            /* holds interpreters, DIR/3.12/bin/python3.12; empty: the system's alone */
    str network_allow;         /* hosts that apps may reach whatever their address, "a,b:8443"; "*": all */
    int64_t sleep_ms;          /* without visitors, unless the Space says otherwise */
    int64_t build_ms;          /* the longest time of a build */
    uint64_t memory_bytes;     /* of one app */
    uint64_t disk_bytes;       /* of one app, in its folders; and of one build */
    size_t processes_max;      /* of one app */
    size_t running_max;        /* apps at once */
    bool (*may_reach)(const struct sockaddr *at); /* a public address? (http/guard.h) */
};
/* Also where they cannot be run: then space_why_not says why. */
bool spaces_new(struct hub *h, const struct space_config *config, struct spaces **out, struct err *e);
/* How apps reach the hub they belong to; once, before anything is dialled.  host_of: the host of a Space's app, without scheme. */
struct space_house {
    uint16_t port;     /* of this server on the loopback */
    str (*host_of)(void *ctx, const struct repo *r, struct arena *a);
    /* What is added to its environment, of what this room does not know (OAUTH_CLIENT_ID ..); a secret is kept out of its logs. */
    bool (*environment)(void *ctx, const struct repo *r, void (*put)(void *to, str name, str value, bool is_secret), void *to, struct err *e);
    void *ctx; /* both functions may be NULL */
};
void spaces_set_house(struct spaces *s, const struct space_house *house);
/* Looks for pushes, idle apps and broken limits: called a few times a second. */
bool spaces_tick(void *spaces, struct err *e);
void spaces_stop(struct spaces *s); /* all apps end; waits for them.  NULL is fine, here and below */
void spaces_free(struct spaces *s);

/* False: apps are run.  Otherwise what is missing, and what to do, in words for people. */
bool space_why_not(const struct spaces *s, struct err *why);

/* ------------------------------------------------------------------ visitors */

/* Why there is no line to an app now: err.kind.  All are 503 but the last two. */
#define SPACE_WAKING "SpaceWaking"     /* it is being built or started, because of this call or before: come again in a second */
#define SPACE_AWAY "SpacePaused"       /* its owner paused it */
#define SPACE_BROKEN "SpaceFailed"     /* it cannot be built or does not run; err.msg is the reason */
#define SPACE_OFF "SpacesOff"          /* this server runs no apps (501) */
#define SPACE_NO_APP "SpaceHasNoApp"   /* nothing to run, or a static Space (404) */

/* A connection to the app, which counts as a visit until it is hung up. */
struct space_line {
    int fd;          /* connected, blocking; -1: none */
    uint64_t app;    /* whose */
    int64_t repo_id;
};
/* A sleeping app is woken: the answer is SPACE_WAKING until it serves.  The socket comes out of the sandbox: do not believe what it
 * says more than any stranger. */
bool space_dial(struct spaces *s, const struct repo *r, struct space_line *out, struct err *e);
void space_hang_up(struct spaces *s, struct space_line *l); /* closes; fine if there is none */

/* ------------------------------------------------------------------ state */

struct space_runtime {
    enum space_stage stage;
    bool is_woken;           /* APP_STARTING or BUILDING because somebody came, not because something changed */
    str sdk, sdk_version;    /* as the card has them */
    str app_file, base_path; /* of the card, or what stands for it */
    str error;               /* of the error stages; empty otherwise */
    str sha;                 /* what runs, or is tried; empty: nothing */
    int64_t sleep_s;         /* -1: never */
    int64_t since_ms;        /* of the stage */
    int64_t visits;          /* open lines */
    uint64_t memory_bytes, memory_max, disk_bytes, disk_max;
    size_t processes, processes_max;
    double cpu_percent;      /* of one processor, over the last seconds */
    uint64_t rx_bytes, tx_bytes; /* through the egress proxy */
    str enforced;            /* what keeps the limits: "cgroup" or "rlimit, watched" */
};
/* Also with s NULL, and of static Spaces: RUNNING if their first file is there. */
bool space_runtime(struct spaces *s, struct db_conn *c, const struct repo *r, struct space_runtime *out, struct arena *a, struct err *e);

/* Owner's wishes.  They last; SPACE_OFF with s NULL.  factory: packages are installed anew. */
bool space_restart(struct spaces *s, const struct repo *r, bool factory, struct err *e);
bool space_pause(struct spaces *s, const struct repo *r, struct err *e);
bool space_set_sleep(struct spaces *s, const struct repo *r, int64_t seconds, struct err *e); /* -1: never */
/* A variable or a secret changed: what runs is started again with it. */
bool space_settings_changed(struct spaces *s, const struct repo *r, struct err *e);

/* ------------------------------------------------------------------ logs */

enum space_log_kind { SPACE_LOG_BUILD, SPACE_LOG_RUN, SPACE_LOGS };
/* Lines as they go to clients, {"data":"..","timestamp":".."} and a newline each.  A log only grows, until the next build or start
 * begins another: `generation` says which it is, 0: the newest.  Reads whole lines from *at on into out, up to bytes_max, and moves *at.
 * *ended: this log will not grow any more. */
bool space_log_read(struct spaces *s, const struct repo *r, enum space_log_kind kind, uint64_t *generation, uint64_t *at, size_t bytes_max,
                    struct buf *out, bool *ended, struct err *e);

struct spaces_stats {
    size_t building, starting, running, sleeping, failed;
    uint64_t starts, builds, builds_failed, crashes, dials, egress_bytes, egress_refused;
};
void spaces_stats(struct spaces *s, struct spaces_stats *out);

#endif
