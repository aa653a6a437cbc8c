/* base/os.h - the one door to files.
 *
 * Everything that must survive a crash goes through here, so that tests can make the n-th call fail
 * (see os_fault_after) and so that the order "write, fsync, rename, fsync of the folder" stands in one
 * place.  Paths are NUL-terminated; they come from us, never from a client.  Safe from any thread. */
#ifndef BASE_OS_H
#define BASE_OS_H

#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

/* A file being written under a temporary name.  It becomes visible only through os_tmp_publish. */
struct os_tmp {
    int fd; /* -1 when not open */
    char path[512];
};

/* Creates DIR/PREFIX.<random>, readable and writable by us alone. */
bool os_tmp_open(const char *dir, const char *prefix, struct os_tmp *out, struct err *e);
/* fsync, close, rename to final_path (replacing what was there), fsync of both folders.  The temporary
 * file is gone afterwards, whatever the outcome. */
bool os_tmp_publish(struct os_tmp *t, const char *final_path, struct err *e);
/* The same without the folders: for a file that another one, published next, leads to from the same folder. */
bool os_tmp_name(struct os_tmp *t, const char *final_path, struct err *e);
/* As os_tmp_publish, but never replaces: when final_path is there already, *was_there is true and the temporary file is
 * still the caller's, to try again or to discard. */
bool os_tmp_publish_new(struct os_tmp *t, const char *final_path, bool *was_there, struct err *e);
void os_tmp_discard(struct os_tmp *t); /* closes and removes; fine if published or never opened */

bool os_write(int fd, bytes b, struct err *e);                     /* all of it */
bool os_pwrite(int fd, bytes b, uint64_t at, struct err *e);
bool os_read(int fd, uint8_t *out, size_t n, size_t *got, struct err *e); /* up to n; *got 0 at the end */
bool os_pread(int fd, uint8_t *out, size_t n, uint64_t at, size_t *got, struct err *e); /* short only at the end */
/* Would reading bytes [at, at + n) do without the disk, as far as a few bytes of them tell?  Never waits; false where the system does
 * not say. */
bool os_is_in_memory(int fd, uint64_t at, uint64_t n);

bool os_set_size(int fd, uint64_t size, struct err *e);
/* Reserves the space of bytes [at, at + n), so that a full disk is noticed now and not half-way; does nothing where
 * the file system cannot. */
bool os_preallocate(int fd, uint64_t at, uint64_t n, struct err *e);
bool os_sync(int fd, struct err *e);                               /* the content is on disk when it returns */
/* Past the page cache from now on (or no longer): offset, size and memory of every write and read must
 * then be multiples of OS_DIRECT_ALIGN.  False where the file system does not offer it. */
enum { OS_DIRECT_ALIGN = 4096 };
bool os_set_direct(int fd, bool on);
/* Makes the file so long if it can, with room on the disk: direct writes within a file go side by side, and those at its end one at a time. */
void os_grow(int fd, uint64_t size);
bool os_touch(int fd, struct err *e);                              /* modified now */

bool os_open_read(const char *path, int *fd, bool *found, struct err *e);
bool os_create(const char *path, int *fd, struct err *e);          /* must not exist; to read and write */
bool os_open_write(const char *path, int *fd, bool *found, struct err *e); /* an existing file, to read and write */
bool os_same_file(int fd, const char *path);                       /* does path still name what fd has open? */
/* A lock on the file between processes and descriptors, gone when fd is closed; *got false: others hold it. */
bool os_try_lock(int fd, bool exclusive, bool *got, struct err *e);
bool os_file_size(int fd, uint64_t *out, struct err *e);
bool os_stat(const char *path, uint64_t *size_bytes, int64_t *modified_ms, bool *found, struct err *e);
/* What differs when a file was replaced or written to: content seen under an equal identity need not be looked at again. */
struct os_identity {
    uint64_t device, inode, size_bytes;
    int64_t modified_ns, changed_ns;
};
bool os_identity_of(int fd, struct os_identity *out, struct err *e);
bool os_identity_at(const char *path, struct os_identity *out, bool *found, struct err *e);
bool os_identity_eq(const struct os_identity *a, const struct os_identity *b);
/* Reads a whole file of at most n_max bytes; *out is freed by the caller with mem_free. */
bool os_read_file(const char *path, size_t n_max, char **out, size_t *n, struct err *e);
/* tmp + publish: the file holds either the old or the new text after a crash. */
bool os_write_file(const char *dir, const char *path, bytes b, struct err *e);

bool os_same_device(const char *a, const char *b, bool *same, struct err *e);
bool os_mkdirs(const char *path, struct err *e);                   /* with parents; what it makes is on disk then; fine if there */
bool os_sync_dir(const char *path, struct err *e);
bool os_rename(const char *from, const char *to, struct err *e);   /* and fsync of both folders */
bool os_remove(const char *path, struct err *e);                   /* a file; fine if absent */
bool os_remove_tree(const char *path, struct err *e);              /* a folder and all below; fine if absent */
/* Calls fn for each entry but "." and ".."; fn returns false to stop.  A missing folder has no entries. */
bool os_each_entry(const char *dir, bool (*fn)(void *ctx, const char *name, bool is_dir), void *ctx, struct err *e);
bool os_disk_free(const char *path, uint64_t *bytes_free, struct err *e);

uint64_t os_resident_bytes(long pid); /* memory that a process has, 0: this one; 0 when that cannot be told */

/* Tests only: the n-th writing call from now on fails with `errnum`, and all later ones too when
 * `forever`.  n = 0 turns it off. */
void os_fault_after(uint64_t n, int errnum, bool forever);

#endif
