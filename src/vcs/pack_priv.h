/* vcs/pack_priv.h - the parts of the pack service: child process, hook, request check. */
#ifndef VCS_PACK_PRIV_H
#define VCS_PACK_PRIV_H

#include <sys/types.h>

#include "vcs/pack.h"
#include "vcs/vcs.h"

/* ------------------------------------------------------------------ child.c */

enum { CHILD_ARGS_MAX = 64, CHILD_MORE_ENV_MAX = 16, CHILD_HOOK_FD = 3 };

/* A git process in its own process group.  Ends that are not wanted are -1. */
struct child {
    pid_t pid;
    int in, out, err; /* our ends, not blocking */
    int hook;         /* our end of the socket to the hook, or -1 */
};

struct child_request {
    const char *const *args;  /* what follows "git", NULL at the end */
    const char *const *env;   /* "NAME=value" beside what all have, NULL at the end; NULL: nothing */
    const char *git_protocol; /* the value of GIT_PROTOCOL, or NULL */
    bool with_hook;           /* CHILD_HOOK_FD of the child is the socket to it */
    bool is_bounded;          /* in its memory and its time: it unpacks what strangers send */
    uint64_t file_bytes_max;  /* no file that it writes grows beyond; 0: no bound */
};
bool child_start(const struct child_request *q, struct child *out, struct err *e);
/* Waits for the end; *status as of waitpid.  Closes our ends. */
void child_wait(struct child *c, int *status);
/* Asks the whole group to end (git then removes its temporary files), insists after two seconds. */
void child_kill(struct child *c);
void child_close(int *fd);
/* Runs git to its end, its output and errors in *out (bounded by its maximum, the rest is dropped).  Input: some kilobytes, or none. */
bool child_run(const char *const *args, str input, struct buf *out, int *exit_code, struct err *e);
/* Line by line, its errors too.  timeout_ms, unless 0: killed when it takes longer, with the exit code CHILD_TIMED_OUT. */
enum { CHILD_TIMED_OUT = -1 };
bool child_run_lines(const char *const *args, int64_t timeout_ms, void (*line)(void *ctx, str line), void *ctx, int *exit_code,
                     struct err *e);

/* ------------------------------------------------------------------ hook.c */

/* Writes hooks/pre-receive of a repository, or finds that it is as it should be. */
bool vcs_hook_install(const char *repo_path, struct err *e);

/* What the hook told, gathered until it has told all. */
struct hook_call {
    struct buf told;
    str quarantine, commands; /* of that; commands in a line each, "<old> <new> <ref>" */
    bool is_accepted;
};
enum { HOOK_TOLD_BYTES_MAX = 64 << 20 };
/* The socket has something to read, or has ended: returns false when there is nothing more to come. */
bool hook_read(struct hook_call *h, int fd, const struct vcs_push_hooks *hooks);

/* ------------------------------------------------------------------ push_sync.c */

/* The folders that a push of these commands ("<old> <new> <ref>" lines) may have given names in are on disk afterwards. */
bool push_sync(const char *repo_path, str commands, struct err *e);

/* ------------------------------------------------------------------ want.c */

/* May this request be passed to git?  If not, *refusal is the answer to send instead. */
bool want_check(const struct vcs_pack_request *q, bool is_v2, str request, struct buf *refusal, bool *allowed, struct err *e);

/* reach.c: which of the wanted objects lead from a ref that is not hidden?  *all says whether every one does. */
size_t reach_stored(struct vcs_repo *r, struct vcs_oid *id, size_t n); /* keeps those in front that are stored at all */
bool reach_all(struct vcs_repo *r, const str *hidden, size_t hidden_count, const struct vcs_oid *wanted, size_t n,
               bool *all, struct err *e);

#endif
