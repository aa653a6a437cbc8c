/* vcs/pack_priv.h - the parts of the pack service: hook, child process, request check. */
#ifndef VCS_PACK_PRIV_H
#define VCS_PACK_PRIV_H

#include "base/err.h"

/* Writes hooks/pre-receive of a repository, or finds that it is as it should be. */
bool vcs_hook_install(const char *repo_path, struct err *e);

#endif
