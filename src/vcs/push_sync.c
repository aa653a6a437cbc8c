/* vcs/push_sync.c - after a push: names that git gave are on disk, too.
 *
 * Git syncs its packs and refs, but no folder, so a power cut may take the names of both from a push that was acknowledged. */
#include <stdlib.h>

#include "base/os.h"
#include "vcs/pack_priv.h"

static int by_text(const void *a, const void *b) { return str_cmp(*(const str *)a, *(const str *)b); }

static void add(struct arena *a, str name, str **folder, size_t *n)
{
    *folder = arena_grow(a, *folder, *n, sizeof **folder);
    (*folder)[(*n)++] = name;
}

/* "<old> <new> <ref>": its folders, up to refs/, for git makes those that are missing. */
static void add_folders(struct arena *a, str command, str **folder, size_t *n)
{
    struct vcs_oid to;
    str word;
    str_cut(&command, ' ', &word);
    str_cut(&command, ' ', &word);
    if (vcs_oid_parse(word, &to) && vcs_oid_is_zero(&to)) add(a, STR("."), folder, n); /* a deleted ref leaves packed-refs */
    for (size_t slash; (slash = str_rchr(command, '/')) != STR_NONE;) {
        command = str_to(command, slash);
        add(a, command, folder, n);
    }
}

bool push_sync(const char *repo_path, str commands, struct err *e)
{
    struct arena *a = arena_new(0);
    str command, *folder = NULL;
    size_t n = 0;
    bool ok = true, found;
    add(a, STR("objects/pack"), &folder, &n);
    while (str_cut(&commands, '\n', &command))
        if (command.n) add_folders(a, command, &folder, &n);
    qsort(folder, n, sizeof *folder, by_text);
    for (size_t i = 0; ok && i < n; i++) {
        if (i && str_eq(folder[i], folder[i - 1])) continue;
        const char *path = arena_cstr(a, arena_fmt(a, "%s/%.*s", repo_path, STR_ARG(folder[i])));
        ok = os_stat(path, NULL, NULL, &found, e) && (!found || os_sync_dir(path, e)); /* git removes empty ones */
    }
    arena_free(a);
    return ok;
}
