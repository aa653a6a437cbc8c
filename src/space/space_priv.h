/* space/space_priv.h - inside the room: Spaces, apps, and who owns what.
 *
 * `struct space` is what is remembered of one Space while the server runs; `struct app` is one attempt to run one commit of it, with a
 * thread that does everything that takes time: checkout, build, start, listening to what it says, its end.  Only that thread touches
 * the app's jail, log and egress; others ask it (app_ask), and dial (between line counts, see app_dial).
 *
 * Everything under "lock" is guarded by spaces.lock, a leaf: never held across I/O, SQL or a wait for an app.
 * The stage of a Space is not stored: stage_of works it out from what there is. */
#ifndef SPACE_PRIV_H
#define SPACE_PRIV_H

#include <pthread.h>

#include "space/egress.h"
#include "space/jail.h"
#include "space/log.h"
#include "space/plan.h"
#include "space/space.h"

enum app_phase { APP_BUILDING, APP_STARTING, APP_SERVING, APP_ENDING };
/* Why an app is to end; the first word counts. */
enum app_end { END_NOT, END_SLEEP, END_REPLACED, END_PAUSED, END_GONE, END_MEMORY, END_DISK, END_SHUTDOWN };

struct app {
    struct spaces *s;
    struct space *space;
    struct app *next;      /* lock: in spaces.app */
    uint64_t id;           /* also the generation of its logs: milliseconds, never twice */
    bool is_woken, is_factory;
    struct arena *a;
    struct repo repo;      /* as it was at the start */
    struct space_plan plan;
    /* lock */
    char sha[41];          /* of its thread to write */
    enum app_phase phase;
    enum app_end end;
    size_t dialing, lines;
    int64_t used_ms, since_ms; /* monotonic; since: of the phase */
    uint64_t pid_ns;           /* of the jail that runs; 0: none does */
    struct jail_use use;
    int64_t measured_ms;
    double cpu_percent;
    uint64_t disk_bytes;
    bool has_log[SPACE_LOGS];  /* being written */
    /* of its thread; jail: dialled by others while APP_SERVING */
    int wake_fd;
    struct jail jail;
    struct space_log *log;
    struct egress_config egress_config;
    struct egress_count traffic;
    char dir[300], log_dir[300]; /* below home: "ID/APP", and a full path */
};

struct space { /* never freed before the server ends: there are few that anybody asks for */
    struct space *next;
    int64_t repo_id;
    /* lock */
    struct app *serving, *coming;
    bool is_again, is_again_factory; /* when `coming` has ended, another start */
    bool is_paused;
    int64_t sleep_s;                 /* -2: as the server says; -1: never */
    enum space_stage failed;         /* SPACE_STAGES: it did not */
    char *error;                     /* of failed */
    char sha[41];                    /* what failed, or ran last */
    int64_t since_ms;                /* Unix time: of the last change */
};

struct spaces {
    struct hub *hub;
    struct space_config config;
    struct space_house house;
    char root[256];                  /* HOME/spaces */
    struct err why_not;              /* code ERR_NONE: apps are run */
    pthread_mutex_t lock;
    pthread_cond_t left;             /* an app ended */
    struct space *space;
    struct app *app;
    size_t apps;
    uint64_t last_id;
    bool is_stopping;
    struct spaces_stats count;
    pthread_mutex_t build_lock;      /* one build at a time: it takes all the machine has */
    int64_t happening_id;            /* the last one that was looked at; of the thread that ticks, as are the next two */
    struct db_mark mark;
    int64_t measured_ms, weighed_ms;
};

/* ------------------------------------------------------------------ state.c */

/* What is remembered of a Space; made from its row at first. */
bool space_of(struct spaces *s, struct db_conn *c, int64_t repo_id, struct space **out, struct err *e);
bool space_keep(struct spaces *s, struct space *sp, struct err *e); /* writes its row; not under lock */
void space_fail(struct space *sp, enum space_stage stage, const char *sha, str why); /* lock */
enum space_stage stage_of(const struct space *sp); /* lock; SPACE_STOPPED: it never ran, and nothing is against it */

/* ------------------------------------------------------------------ app.c */

/* Lock held.  Begins an attempt beside what serves; the thread is under way when this returns. */
bool app_begin(struct spaces *s, struct space *sp, bool is_woken, bool is_factory, struct err *e);
void app_ask(struct app *a, enum app_end end); /* lock */

/* ------------------------------------------------------------------ app_run.c, app_build.c, environment.c: the app's thread */

enum { APP_ENV_MAX = 600 };
struct environment {
    struct arena *a;
    const char *at[APP_ENV_MAX + 1];
    size_t n;
    str secret[APP_ENV_MAX];
    size_t secrets;
};
bool environment_of_app(struct app *a, const char *venv, struct environment *out, struct err *e);
void environment_of_build(struct app *a, struct environment *out);

/* Its packages, in a folder that every app with the same wishes shares: *venv is "venv/HASH", or NULL when it needs none.
 * *python: the interpreter, inside. */
bool app_build(struct app *a, const char **python, const char **venv, struct err *e);
/* The system's folders and the interpreter's. */
void app_bind(struct jail_plan *p, const char *from, const char *to, bool is_writable);
bool app_interpreter(struct app *a, struct jail_plan *p, const char **python, struct err *e);

/* Listens to a jail until it has ended, somebody asks for the end, or until_ms (monotonic) has come. */
enum heard { HEARD_ENDED, HEARD_ASKED, HEARD_NOTHING };
enum heard app_listen(struct app *a, struct egress *g, int64_t until_ms);
void app_set_phase(struct app *a, enum app_phase phase);
enum app_end app_end_of(struct app *a);

#endif
