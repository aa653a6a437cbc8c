/* vcs/pack.h - pack transfer: git's own upload-pack and receive-pack, stateless RPC.
 *
 * One child process per call, in its own process group, with an environment made from nothing.  Bodies
 * are pulled and pushed through callbacks, both directions at once, so that neither side can fill a
 * pipe and wait for ever; when a callback fails the group is killed.  Blocks: worker threads only. */
#ifndef VCS_PACK_H
#define VCS_PACK_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum vcs_service { VCS_UPLOAD_PACK, VCS_RECEIVE_PACK };

/* Where a push is checked: called after all objects arrived in quarantine_dir and before any ref moves.
 * `commands` has a line "old SP new SP ref LF" per ref; quarantine_dir is "" when nothing was sent (refs
 * are deleted only), and goes to vcs_open_quarantined either way.  False refuses the whole push; lines put in
 * `message` reach the person who pushes either way.  The check runs in this process, on the thread
 * that called vcs_pack_serve.
 * accepted: called after git has moved the refs (some may have been refused), before the answer is sent. */
struct vcs_push_hooks {
    bool (*check)(void *ctx, str commands, const char *quarantine_dir, struct buf *message);
    bool (*accepted)(void *ctx, struct err *e);
    void *ctx;
};

struct vcs_pack_io {
    bool (*read)(void *ctx, uint8_t *out, size_t n, size_t *got, struct err *e);
    bool (*write)(void *ctx, bytes b, struct err *e);
    void *ctx;
};

/* What every call is about.  protocol is the client's Git-Protocol header: only its version is used.
 * Refs under the hidden prefixes ("refs/internal/") are neither advertised nor served nor to be pushed. */
struct vcs_pack_request {
    const char *repo_path;
    enum vcs_service service;
    str protocol;
    const str *hidden_refs;
    size_t hidden_refs_count;
    uint64_t input_bytes_max;    /* bounds the pack of a push (receive.maxInputSize); 0: no bound */
    int64_t idle_timeout_ms;     /* neither side moved a byte for so long: killed, ERR_TIMEOUT; 0: five minutes */
};

/* The advertisement (with the "# service=" prelude where the protocol version has one). */
bool vcs_pack_advertise(const struct vcs_pack_request *q, struct buf *out, struct err *e);
/* One RPC.  For receive-pack, output is held back until `accepted` has returned, so that a client is told
 * of success only when the index agrees.
 * A fetch is served only what some ref that is not hidden leads to, in every version of the protocol;
 * what is refused and what does not exist get the same answer. */
bool vcs_pack_serve(const struct vcs_pack_request *q, const struct vcs_pack_io *io, const struct vcs_push_hooks *hooks,
                    struct err *e);

#endif
