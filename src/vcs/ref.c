/* vcs/ref.c - names of commits: refs, revisions, and the one way in which a ref changes.
 *
 * libgit2 answers a taken lock at once; git itself waits.  So does vcs_ref_set: two seconds, with a
 * growing, uneven pause, so that writers who collide do not collide again. */
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "vcs/vcs_priv.h"

enum { LOCK_WAIT_US = 2000000, REF_NAME_BYTES_MAX = 1000 };

bool vcs_ref_name_is_valid(str name)
{
    char c[REF_NAME_BYTES_MAX + 1];
    int valid = 0;
    if (name.n == 0 || name.n > REF_NAME_BYTES_MAX || memchr(name.p, 0, name.n) || !str_starts(name, STR("refs/")))
        return false;
    snprintf(c, sizeof c, "%.*s", STR_ARG(name));
    return git_reference_name_is_valid(&valid, c) == 0 && valid;
}

/* Follows tags to a commit; zero when there is none at the end. */
void vcs_ref_peel(struct vcs_repo *r, struct vcs_ref *ref)
{
    git_object *o = NULL, *commit;
    ref->commit = (struct vcs_oid){ { 0 } };
    if (git_object_lookup(&o, r->git, oid_git(&ref->target), GIT_OBJECT_ANY) == 0 && git_object_peel(&commit, o, GIT_OBJECT_COMMIT) == 0) {
        ref->commit = oid_from(git_object_id(commit));
        git_object_free(commit);
    }
    git_object_free(o);
    git_error_clear();
}

/* Takes ref.  A symbolic one counts as what it points to. */
static bool ref_fill(git_reference *ref, struct vcs_ref *out, bool *found, struct arena *a, struct err *e)
{
    git_reference *direct;
    int rc = git_reference_resolve(&direct, ref);
    str name = arena_dup(a, str_c(git_reference_name(ref)));
    git_reference_free(ref);
    *found = rc == 0;
    if (rc == GIT_ENOTFOUND) {
        git_error_clear();
        return true;
    }
    if (rc != 0) return vcs_fail(e, rc, "cannot read the ref %.*s", STR_ARG(name));
    *out = (struct vcs_ref){ .name = name, .target = oid_from(git_reference_target(direct)) };
    git_reference_free(direct);
    return true;
}

bool vcs_ref_find(struct vcs_repo *r, str name, struct vcs_ref *out, bool *found, struct arena *a, struct err *e)
{
    char c[REF_NAME_BYTES_MAX + 1];
    git_reference *ref;
    *found = false;
    if (!vcs_ref_name_is_valid(name)) return true;
    snprintf(c, sizeof c, "%.*s", STR_ARG(name));
    int rc = git_reference_lookup(&ref, r->git, c);
    if (rc == GIT_ENOTFOUND || rc == GIT_EINVALIDSPEC) {
        git_error_clear();
        return true;
    }
    if (rc != 0) return vcs_fail(e, rc, "cannot read the ref %s", c);
    if (!ref_fill(ref, out, found, a, e)) return false;
    if (*found) vcs_ref_peel(r, out);
    return true;
}

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct vcs_ref *)a)->name, ((const struct vcs_ref *)b)->name);
}

bool vcs_ref_targets(struct vcs_repo *r, struct arena *a, struct vcs_ref **out, size_t *n, struct err *e)
{
    git_reference_iterator *it = NULL;
    git_reference *ref;
    struct vcs_ref one;
    bool ok = true, found;
    *out = NULL;
    *n = 0;
    int rc = git_reference_iterator_new(&it, r->git);
    while (rc == 0 && ok && (rc = git_reference_next(&ref, it)) == 0) {
        ok = ref_fill(ref, &one, &found, a, e);
        if (!ok || !found) continue;
        *out = arena_grow(a, *out, *n, sizeof **out);
        (*out)[(*n)++] = one;
    }
    if (ok && rc != 0 && rc != GIT_ITEROVER) ok = vcs_fail(e, rc, "cannot list the refs");
    if (*n) qsort(*out, *n, sizeof **out, by_name);
    git_reference_iterator_free(it);
    return ok;
}

bool vcs_refs(struct vcs_repo *r, struct arena *a, struct vcs_ref **out, size_t *n, struct err *e)
{
    bool ok = vcs_ref_targets(r, a, out, n, e);
    for (size_t i = 0; ok && i < *n; i++) vcs_ref_peel(r, &(*out)[i]);
    return ok;
}

/* ------------------------------------------------------------------ change */

static int ref_delete(struct vcs_repo *r, const char *name, const struct vcs_oid *old)
{
    git_reference *ref;
    int rc = git_reference_lookup(&ref, r->git, name);
    if (rc != 0) return rc;
    const git_oid *target = git_reference_target(ref);
    if (old && (!target || memcmp(target, old, sizeof *old) != 0))
        rc = GIT_EMODIFIED;
    else
        rc = git_reference_delete(ref); /* compares with what was looked up, under the lock */
    git_reference_free(ref);
    return rc;
}

/* Refs are files: "a" and "a/b" cannot both be.  libgit2's error does not say that this was it. */
static bool ref_in_the_way(struct vcs_repo *r, str name, char other[REF_NAME_BYTES_MAX + 1])
{
    git_oid unused;
    git_reference_iterator *it;
    const char *below;
    char c[REF_NAME_BYTES_MAX + 1];
    for (size_t at = 5; at < name.n; at++) {
        if (name.p[at] != '/') continue;
        snprintf(other, REF_NAME_BYTES_MAX + 1, "%.*s", (int)at, name.p);
        if (git_reference_name_to_id(&unused, r->git, other) == 0) return true;
    }
    snprintf(c, sizeof c, "%.*s/", STR_ARG(str_to(name, REF_NAME_BYTES_MAX - 1)));
    bool found = false;
    if (git_reference_iterator_new(&it, r->git) != 0) return false;
    while (!found && git_reference_next_name(&below, it) == 0)
        if ((found = str_starts(str_c(below), str_c(c)))) snprintf(other, REF_NAME_BYTES_MAX + 1, "%s", below);
    git_reference_iterator_free(it);
    return found;
}

/* libgit2 looks whether a ref is there before it takes the lock, so of two that make one at once both would succeed, and
 * one would be lost.  So: lock, then look. */
static int ref_create(struct vcs_repo *r, const char *name, const struct vcs_oid *new_id, const char *log_message)
{
    git_transaction *tx;
    git_oid unused;
    char other[REF_NAME_BYTES_MAX + 1];
    int rc = git_transaction_new(&tx, r->git);
    if (rc != 0) return rc;
    rc = git_transaction_lock_ref(tx, name);
    if (rc == 0 && git_reference_name_to_id(&unused, r->git, name) == 0) rc = GIT_EEXISTS;
    if (rc == 0 && ref_in_the_way(r, str_c(name), other)) rc = GIT_ERROR; /* the caller will find it again */
    if (rc == 0) rc = git_transaction_set_target(tx, name, oid_git(new_id), NULL, log_message);
    if (rc == 0) rc = git_transaction_commit(tx);
    git_transaction_free(tx); /* gives the lock back */
    return rc;
}

static int ref_change(struct vcs_repo *r, const char *name, const struct vcs_oid *old, const struct vcs_oid *new_id,
                      const char *log_message)
{
    git_reference *ref = NULL;
    int rc;
    if (vcs_oid_is_zero(new_id)) return ref_delete(r, name, old);
    if (!old)
        rc = git_reference_create(&ref, r->git, name, oid_git(new_id), 1, log_message);
    else if (vcs_oid_is_zero(old))
        rc = ref_create(r, name, new_id, log_message);
    else if ((rc = ref_move(r, name, old, new_id, log_message)) == GIT_PASSTHROUGH)
        rc = git_reference_create_matching(&ref, r->git, name, oid_git(new_id), 1, oid_git(old), log_message);
    git_reference_free(ref);
    return rc;
}

static void pause_us(uint64_t us)
{
    struct timespec t = { (time_t)(us / 1000000), (long)(us % 1000000) * 1000 };
    nanosleep(&t, NULL);
}

bool vcs_ref_set(struct vcs_repo *r, str name, const struct vcs_oid *old, const struct vcs_oid *new_id, str log_message,
                 struct err *e)
{
    char c[REF_NAME_BYTES_MAX + 1], log[256];
    if (!vcs_ref_name_is_valid(name))
        return err_set(e, ERR_UNPROCESSABLE, "\"%.*s\" is no name that git allows for a ref",
                       STR_ARG(str_to(name, 200)));
    if (!stage_flush(r, e)) return false; /* durable before a ref names it */
    snprintf(c, sizeof c, "%.*s", STR_ARG(name));
    snprintf(log, sizeof log, "%.*s", STR_ARG(log_message));

    int64_t until = clock_mono_us() + LOCK_WAIT_US;
    uint64_t longest_us = 2000;
    int rc;
    while ((rc = ref_change(r, c, old, new_id, log)) == GIT_ELOCKED && clock_mono_us() < until) {
        pause_us(500 + random_u64() % longest_us);
        if (longest_us < 50000) longest_us *= 2;
    }
    if (rc == 0) return true;
    if (rc == GIT_EEXISTS && old && vcs_oid_is_zero(old)) rc = GIT_EMODIFIED;
    if (rc == GIT_ENOTFOUND && old && !vcs_oid_is_zero(old)) rc = GIT_EMODIFIED;
    if (rc == GIT_EMODIFIED) {
        git_error_clear();
        return err_set(e, ERR_PRECONDITION, "%s was changed by someone else meanwhile", c);
    }
    char other[REF_NAME_BYTES_MAX + 1];
    vcs_fail(e, rc, "cannot change the ref %s", c); /* now: looking for more clears the library's reason */
    if (rc != GIT_ELOCKED && e->code != ERR_NO_SPACE && ref_in_the_way(r, name, other))
        return err_set(e, ERR_CONFLICT, "%s cannot be made: %s exists, and one name may not be a folder of the other",
                       c, other);
    return false;
}

/* ------------------------------------------------------------------ revisions */

static bool try_ref(struct vcs_repo *r, const char *prefix, str rev, struct vcs_revision *out, bool *found,
                    struct arena *a, struct err *e)
{
    struct vcs_ref ref;
    *found = false;
    if (rev.n > REF_NAME_BYTES_MAX) return true;
    str name = arena_fmt(a, "%s%.*s", prefix, STR_ARG(rev));
    if (!vcs_ref_find(r, name, &ref, found, a, e)) return false;
    *found = *found && !vcs_oid_is_zero(&ref.commit);
    if (*found) *out = (struct vcs_revision){ ref.commit, ref.name };
    return true;
}

/* HEAD of a bare repository: the branch that it names, if that exists. */
static bool try_head(struct vcs_repo *r, struct vcs_revision *out, bool *found, struct arena *a, struct err *e)
{
    git_reference *head;
    struct vcs_ref ref;
    int rc = git_repository_head(&head, r->git);
    *found = rc == 0;
    if (rc == GIT_EUNBORNBRANCH || rc == GIT_ENOTFOUND) {
        git_error_clear();
        return true;
    }
    if (rc != 0) return vcs_fail(e, rc, "cannot read HEAD");
    if (!ref_fill(head, &ref, found, a, e)) return false;
    if (!*found) return true;
    vcs_ref_peel(r, &ref);
    *out = (struct vcs_revision){ ref.commit, ref.name };
    return true;
}

static bool try_id(struct vcs_repo *r, str rev, struct vcs_revision *out, bool *found, struct err *e)
{
    git_oid prefix;
    git_object *o;
    *found = false;
    if (rev.n < 5 || rev.n > VCS_OID_HEX || !str_is_hex(rev) || git_oid_fromstrn(&prefix, rev.p, rev.n) != 0)
        return true;
    int rc = git_object_lookup_prefix(&o, r->git, &prefix, rev.n, GIT_OBJECT_ANY);
    if (rc == GIT_ENOTFOUND || rc == GIT_EAMBIGUOUS) {
        git_error_clear();
        return true;
    }
    if (rc != 0) return vcs_fail(e, rc, "cannot look up %.*s", STR_ARG(rev));
    *found = git_object_type(o) == GIT_OBJECT_COMMIT;
    if (*found) *out = (struct vcs_revision){ oid_from(git_object_id(o)), STR("") };
    git_object_free(o);
    return true;
}

bool vcs_resolve(struct vcs_repo *r, str rev, struct vcs_revision *out, bool *found, struct arena *a, struct err *e)
{
    static const char *const prefix[] = { "refs/heads/", "refs/tags/", "" };
    *found = false;
    if (str_eq(rev, STR("HEAD"))) return try_head(r, out, found, a, e);
    for (size_t i = 0; i < COUNT(prefix); i++) {
        if (!try_ref(r, prefix[i], rev, out, found, a, e)) return false;
        if (*found) return true;
    }
    return try_id(r, rev, out, found, e);
}

bool vcs_peel(struct vcs_repo *r, const struct vcs_oid *id, struct vcs_oid *commit, bool *found, struct err *e)
{
    enum { TAGS_OF_TAGS_MAX = 16 };
    struct vcs_oid at = *id;
    *found = false;
    for (int i = 0; i <= TAGS_OF_TAGS_MAX; i++) {
        git_tag *tag;
        size_t size;
        git_object_t type;
        int rc = git_odb_read_header(&size, &type, r->odb, oid_git(&at));
        if (rc == GIT_ENOTFOUND) git_error_clear();
        if (rc == GIT_ENOTFOUND) return true;
        if (rc != 0) return vcs_fail(e, rc, "cannot follow an object to its commit");
        *found = type == GIT_OBJECT_COMMIT;
        if (*found) *commit = at;
        if (type != GIT_OBJECT_TAG) return true;
        if (!meta_check(r, &at, e)) return false;
        rc = git_tag_lookup(&tag, r->git, oid_git(&at));
        if (rc != 0) return vcs_fail(e, rc, "cannot read a tag");
        at = oid_from(git_tag_target_id(tag));
        git_tag_free(tag);
    }
    return err_set(e, ERR_TOO_LARGE, "a tag of a tag, and so on: more than %d of them are not followed", TAGS_OF_TAGS_MAX);
}

/* ------------------------------------------------------------------ "rev/path" without escaping */

static size_t segments(str s, size_t count)
{
    size_t n = 0;
    for (; count > 0 && n < s.n; count--) {
        size_t slash = str_chr(str_from(s, n), '/');
        n = slash == STR_NONE ? s.n : n + slash + (count > 1);
    }
    return n;
}

/* How much of s names a branch or a tag: the longest one wins. */
static bool longest_ref(struct vcs_repo *r, str s, const char *prefix, size_t *n, struct arena *a, struct err *e)
{
    struct vcs_revision unused;
    bool found = false;
    *n = 0;
    for (size_t at = 1, tries = 0; at <= s.n && tries < 64; at++) {
        if (at < s.n && s.p[at] != '/') continue;
        tries++;
        if (!try_ref(r, prefix, str_to(s, at), &unused, &found, a, e)) return false;
        if (found) *n = at;
    }
    return true;
}

bool vcs_split_rev_path(struct vcs_repo *r, str s, str *rev, str *path, struct err *e)
{
    static const struct {
        str prefix;
        bool is_searched; /* the name may contain slashes: ask the repository */
    } known[] = { { STR_INIT("refs/pr/"), false },
                  { STR_INIT("refs/convert/"), false },
                  { STR_INIT("refs/heads/"), true },
                  { STR_INIT("refs/tags/"), true } };
    struct arena *a = arena_new(0);
    size_t n = 0, n_tag = 0, n_known = 0;
    bool ok = true;

    for (size_t i = 0; i < COUNT(known); i++)
        if (str_starts(s, known[i].prefix)) {
            if (known[i].is_searched) ok = longest_ref(r, s, "", &n, a, e);
            n_known = segments(s, 3);
        }
    if (ok && n == 0) n = n_known;
    if (ok && n == 0) ok = longest_ref(r, s, "refs/heads/", &n, a, e) && longest_ref(r, s, "refs/tags/", &n_tag, a, e);
    if (n_tag > n) n = n_tag;
    if (n == 0) n = segments(s, 1);
    arena_free(a);
    if (!ok) return false;
    *rev = str_to(s, n);
    *path = str_from(s, n + 1);
    return true;
}
