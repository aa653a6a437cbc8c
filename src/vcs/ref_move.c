/* vcs/ref_move.c - a ref that exists gets another value: what every commit does.
 *
 * By git's own protocol, so that git and libgit2 may do the same beside us: NAME.lock is made, which one of all can; then the old value is
 * compared, the new one written, and the lock renamed to the ref.  libgit2 would do it, too, but with four fsyncs more than
 * an acknowledged commit needs: of the ref's log and of HEAD's, each with its folder.  A log tells what a force push
 * took away; git does not wait for it either. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/os.h"
#include "vcs/vcs_priv.h"

/* 0: the ref is there, no symbolic one, and has this value. */
static int compare(struct vcs_repo *r, const char *name, const struct vcs_oid *id)
{
    git_reference *ref;
    int rc = git_reference_lookup(&ref, r->git, name);
    if (rc != 0) return rc == GIT_ENOTFOUND ? GIT_EMODIFIED : GIT_PASSTHROUGH;
    const git_oid *target = git_reference_target(ref);
    bool same = target && memcmp(target, id, sizeof *id) == 0;
    git_reference_free(ref);
    return same ? 0 : GIT_EMODIFIED;
}

/* A line of logs/NAME; of branches alone, as git does. */
static bool log_add(struct vcs_repo *r, const char *name, const struct vcs_oid *from, const struct vcs_oid *to, const char *why)
{
    char path[PATH_MAX], a[VCS_OID_HEX + 1], b[VCS_OID_HEX + 1], line[512];
    struct err ignored;
    if (!str_starts(str_c(name), STR("refs/heads/"))) return true;
    if (snprintf(path, sizeof path, "%s/logs/%s", r->path, name) >= (int)sizeof path) return false;
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) return false;
    vcs_oid_hex(from, a);
    vcs_oid_hex(to, b);
    int n = snprintf(line, sizeof line, "%s %s Hearth <hearth@localhost> %lld +0000\t%s\n", a, b, (long long)time(NULL), why);
    for (int i = 0; i < n - 1; i++)
        if (line[i] == '\n') line[i] = ' ';
    bool ok = n < (int)sizeof line && os_write(fd, (bytes){ (const uint8_t *)line, (size_t)n }, &ignored);
    close(fd);
    return ok;
}

static int write_lock(struct vcs_repo *r, int fd, const char *name, const struct vcs_oid *old, const struct vcs_oid *new_id, const char *why)
{
    char text[VCS_OID_HEX + 2];
    struct err ignored;
    int rc = compare(r, name, old);
    if (rc != 0) return rc;
    vcs_oid_hex(new_id, text);
    text[VCS_OID_HEX] = '\n';
    bool ok = os_write(fd, (bytes){ (const uint8_t *)text, VCS_OID_HEX + 1 }, &ignored) && os_sync(fd, &ignored) &&
              log_add(r, name, old, new_id, why);
    return ok ? 0 : GIT_PASSTHROUGH;
}

int ref_move(struct vcs_repo *r, const char *name, const struct vcs_oid *old, const struct vcs_oid *new_id, const char *why)
{
    char path[PATH_MAX], lock[PATH_MAX];
    struct err e;
    if (snprintf(path, sizeof path, "%s/%s", r->path, name) >= PATH_MAX || snprintf(lock, sizeof lock, "%s.lock", path) >= PATH_MAX)
        return GIT_PASSTHROUGH;
    int fd = open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return errno == EEXIST ? GIT_ELOCKED : GIT_PASSTHROUGH;
    int rc = write_lock(r, fd, name, old, new_id, why);
    close(fd);
    if (rc == 0 && rename(lock, path) != 0) rc = GIT_PASSTHROUGH; /* an empty folder of that name, say */
    if (rc != 0) {
        (void)unlink(lock);
        return rc;
    }
    *strrchr(path, '/') = '\0';
    if (os_sync_dir(path, &e)) return 0;
    git_error_set_str(GIT_ERROR_OS, e.msg);
    return GIT_ERROR;
}
