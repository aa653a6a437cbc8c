/* vcs_help.h - what the tests of src/vcs share: a repository in a fresh folder, and git as the judge. */
#ifndef VCS_HELP_H
#define VCS_HELP_H

#include "unit.h"

#include "base/buf.h"
#include "vcs/vcs.h"

struct fixture {
    char dir[64], path[96];
    struct vcs_repo *repo;
    struct arena *a;
};

static struct fixture fx;
static const struct vcs_person somebody = { STR_INIT("Ada"), STR_INIT("ada@example.org"), 1700000000000 };

/* Runs a command in the fixture's folder; its output, or a failed test. */
__attribute__((format(printf, 1, 2), unused)) static str shell(const char *fmt, ...)
{
    char command[4096], line[8192];
    va_list ap;
    int n = snprintf(line, sizeof line, "cd %s && export HOME=%s GIT_CONFIG_NOSYSTEM=1 LC_ALL=C && ", fx.dir, fx.dir);
    va_start(ap, fmt);
    vsnprintf(command, sizeof command, fmt, ap);
    va_end(ap);
    snprintf(line + n, sizeof line - (size_t)n, "{ %s\n} 2>&1", command);
    struct buf out = BUF_INIT(64 << 20);
    FILE *p = popen(line, "r");
    assert_non_null(p);
    size_t got;
    while ((got = fread(line, 1, sizeof line, p)) > 0) buf_add(&out, str_n(line, got));
    int rc = pclose(p);
    str text = arena_dup(fx.a, buf_str(&out));
    buf_deinit(&out);
    if (rc != 0) fail_msg("%s: status %d: %.*s", command, rc, STR_ARG(text));
    return text;
}

static int __attribute__((unused)) fixture_new(void **state)
{
    (void)state;
    struct err e;
    must_ok(vcs_global_init(&e));
    unit_dir(fx.dir);
    snprintf(fx.path, sizeof fx.path, "%s/r.git", fx.dir);
    fx.a = arena_new(0);
    must_ok(vcs_create(fx.path, &e));
    must_ok(vcs_open(fx.path, &fx.repo, &e));
    return 0;
}

static int __attribute__((unused)) fixture_end(void **state)
{
    (void)state;
    assert_str(str_trim(shell("git -C r.git fsck --strict --no-dangling 2>&1 | sed '/^notice:/d'")), STR(""));
    vcs_close(fx.repo);
    arena_free(fx.a);
    unit_dir_end(fx.dir);
    vcs_global_end();
    return 0;
}

static struct vcs_oid __attribute__((unused)) blob(const char *text)
{
    struct err e;
    struct vcs_oid id;
    must_ok(vcs_blob_write(fx.repo, bytes_of(str_c(text)), &id, &e));
    return id;
}

#define EDIT_PUT(p, text) { .kind = VCS_PUT, .path = STR_INIT(p), .oid = blob(text) }
#define EDIT_REMOVE(p, how) { .kind = (how), .path = STR_INIT(p) }

static bool __attribute__((unused)) try_commit(const struct vcs_oid *base, const struct vcs_edit *edits, size_t n,
                                               str message, struct vcs_oid *out, struct err *e)
{
    struct vcs_commit_request q = { .base = base, .parents = base, .parents_count = base != NULL, .edits = edits,
                                    .edits_count = n, .author = somebody, .committer = somebody, .message = message };
    return vcs_commit_create(fx.repo, &q, out, e);
}

static struct vcs_oid __attribute__((unused)) commit(const struct vcs_oid *base, const struct vcs_edit *edits, size_t n)
{
    struct err e;
    struct vcs_oid id;
    must_ok(try_commit(base, edits, n, STR("a change"), &id, &e));
    return id;
}

static void __attribute__((unused)) set_ref(const char *name, struct vcs_oid id)
{
    struct err e;
    must_ok(vcs_ref_set(fx.repo, str_c(name), NULL, &id, STR("test"), &e));
}

static inline const char *hex(const struct vcs_oid *id)
{
    char out[VCS_OID_HEX + 1];
    return arena_cstr(fx.a, vcs_oid_hex(id, out));
}

#endif
