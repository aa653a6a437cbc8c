/* infer/worker/staging.h - a repository's files as a worker sees them.
 *
 * A worker may open nothing by itself.  Each file that a model can need lies in memory (memfd) behind a descriptor that the
 * worker inherits, and a folder of links leads from its name to that descriptor: so the model is read as any folder
 * is, and no copy lies on a disk.  Of weights there are only the headers until staging_fill, for which the worker asks when it
 * reads the first of them: with the packed form of an earlier start at hand that is never. */
#ifndef INFER_STAGING_H
#define INFER_STAGING_H

#include "hub/hub.h"
#include "vcs/vcs.h"

enum {
    STAGING_FILES_MAX = 2000,
    STAGING_FIRST_FD = 10, /* in the worker: file i is STAGING_FIRST_FD + i */
};

#define STAGING_ADAPTER ".adapter" /* folder of an adapter's two files, empty until staging_fill_adapter */
#define STAGING_PREFIX "model." /* of the folders' names */

struct staged_file {
    str path;
    int fd;
    uint64_t size_bytes;
    struct vcs_oid oid; /* of its blob */
    bool is_large;
    uint64_t head_bytes; /* what is there from the start */
    struct sha256 sha256; /* of a large one */
};
struct staging {
    struct arena *a;
    const char *folder;   /* of links; gone with staging_close */
    struct staged_file *file;
    size_t files;
    uint64_t large_bytes, heads_bytes; /* of the large files; of what is there from the start */
    bool is_filled;
    str gguf;             /* path of the file that the model is read from; .p NULL: it is the folder */
    size_t own_files; /* of the repository; the adapter's two follow */
    char key[33];         /* names what the files hold: equal for equal weights and configuration */
};
/* tmp_dir: where the folder is made.  ERR_NOT_FOUND: the commit has no config.json and no .gguf file. */
bool staging_open(struct hub *h, const struct repo *r, const struct vcs_oid *commit, const char *tmp_dir, struct staging *out, struct err *e);
bool staging_fill(struct hub *h, struct staging *s, struct err *e);
void staging_empty(struct staging *s); /* to the headers again: their memory is free, and staging_fill brings them back */
/* An adapter's configuration and weights into the two files that a worker has for them, one adapter at a time; they stay open after
 * staging_let_go.  ERR_NOT_FOUND names what the repository lacks. */
bool staging_fill_adapter(struct hub *h, struct staging *s, int64_t repo_id, const struct vcs_oid *commit, uint64_t *size_bytes, struct err *e);
void staging_empty_adapter(struct staging *s);
/* For a model that is read in this process instead: the links lead to our own descriptors. */
bool staging_use_here(struct staging *s, struct err *e);
/* The descriptors of what is never filled again: the worker has its own by now.  Its folder stays, for it looks files up later too. */
void staging_let_go(struct staging *s);
void staging_close(struct staging *s); /* fine if all zero */

#endif
