/* vcs/hook.c - the hook through which git asks whether a push may be accepted.
 *
 * The script stands in every repository, so that a push that does not come through this server (there
 * is nobody to ask) is refused, not waved through. */
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/os.h"
#include "vcs/pack_priv.h"

static const char script[] =
    "#!/bin/sh\n"
    "# Written by hearth: every push is checked by the server that received it.\n"
    "if [ -z \"$HEARTH_HOOK_EXE\" ]; then\n"
    "    echo 'This repository accepts pushes through its hearth server only.' >&2\n"
    "    exit 1\n"
    "fi\n"
    "exec \"$HEARTH_HOOK_EXE\" git-hook pre-receive\n";

static bool is_installed(const char *path)
{
    struct err ignored;
    char *text;
    size_t n;
    if (access(path, X_OK) != 0 || !os_read_file(path, 4096, &text, &n, &ignored)) return false;
    bool same = str_eq(str_n(text, n), str_n(script, sizeof script - 1));
    mem_free(text);
    return same;
}

bool vcs_hook_install(const char *repo_path, struct err *e)
{
    char dir[512], path[560];
    int n = snprintf(dir, sizeof dir, "%s/hooks", repo_path);
    if (n < 0 || (size_t)n >= sizeof dir) return err_set(e, ERR_INVALID, "the path %s is too long", repo_path);
    snprintf(path, sizeof path, "%s/pre-receive", dir);
    if (is_installed(path)) return true;

    struct os_tmp t;
    if (!os_mkdirs(dir, e) || !os_tmp_open(dir, "hook", &t, e)) return false;
    if (!os_write(t.fd, (bytes){ (const uint8_t *)script, sizeof script - 1 }, e)) {
        os_tmp_discard(&t);
        return false;
    }
    if (fchmod(t.fd, 0755) != 0) {
        os_tmp_discard(&t);
        return err_set(e, ERR_IO, "cannot make %s executable", path);
    }
    return os_tmp_publish(&t, path, e);
}
