/* hub/commit/commit.c - a commit through the API, from its first operation to the answer.
 *
 * Operations arrive one by one and in any number; what they bring is written to the object store at once
 * and only names and ids stay in memory.  Nothing is visible before commit_finish, which does the rest
 * under the repository's lock: read the head, make the tree and the commit on top of it, move the ref by
 * compare-and-swap, bring the index up to date.  So of two commits that race, the second is made on top
 * of the first (the last writer of a path wins), unless it named the parent that it was made for. */
#include "hub/commit/commit.h"

#include "hub/commit/commit_priv.h"
#include "hub/commit/lock_check.h"
#include "hub/community/discussion_priv.h"
#include "vcs/path.h"

enum {
    OPS_MAX = 1000 * 1000,
    SUMMARY_BYTES_MAX = 16 << 10,
    DESCRIPTION_BYTES_MAX = 1 << 20,
    MADE_LOOKED_AT = 100,
    RACES_MAX = 8, /* lost to git processes beside us, which know no lock of ours */
};

/* ------------------------------------------------------------------ where to */

static bool allow_pull_request(struct db_conn *c, const struct identity *who, const struct repo *r, int64_t num, str rev,
                               struct err *e)
{
    struct err why;
    struct discussion d;
    bool found, ok = false;
    struct arena *a = arena_new(0);
    if (!discussion_find(c, r->id, num, &d, &found, a, e)) goto done;
    if (!found || !d.is_pull_request) {
        /* Only those who may see the repository learn which pull requests it has. */
        ok = repo_allow(c, who, r, REPO_SEE, e) && hub_no_revision(rev, e);
        goto done;
    }
    if (!str_eq(d.status, STR("open")) && !str_eq(d.status, STR("draft"))) {
        ok = repo_allow(c, who, r, REPO_WRITE, e) &&
             err_set(e, ERR_DENIED, "Pull request %lld is %.*s", (long long)num, STR_ARG(d.status));
        goto done;
    }
    if (repo_allow(c, who, r, REPO_WRITE, &why)) {
        ok = true;
    } else if (who->user_id && d.author_id == who->user_id) {
        ok = repo_allow(c, who, r, REPO_DISCUSS, e);
    } else {
        *e = why;
    }
done:
    arena_free(a);
    return ok;
}

bool commit_allow(struct db_conn *c, const struct identity *who, const struct repo *r, str rev, bool creates_pr,
                  struct err *e)
{
    if (!who) return true;
    if (creates_pr) return repo_allow(c, who, r, REPO_DISCUSS, e);
    int64_t num = pr_number(rev);
    if (num) return allow_pull_request(c, who, r, num, rev, e);
    return repo_allow(c, who, r, REPO_WRITE, e);
}

/* The ref that is going to move, and where it stands. */
static bool find_target(struct commit *c, str rev, struct err *e)
{
    struct vcs_ref ref;
    bool found = false;
    bool is_full = str_starts(rev, STR("refs/"));
    bool is_writable = str_starts(rev, STR("refs/heads/")) || str_starts(rev, STR("refs/convert/")) || pr_number(rev);
    if (is_full && (!is_writable || (c->creates_pr && !str_starts(rev, STR("refs/heads/"))))) return hub_no_revision(rev, e);
    str name = str_eq(rev, STR("HEAD")) ? MAIN_REF : is_full ? arena_dup(c->a, rev) : branch_ref(rev, c->a);
    if (!name.p || !vcs_ref_name_is_valid(name)) return hub_no_revision(rev, e);
    if (!vcs_ref_find(c->v, name, &ref, &found, c->a, e)) return false;
    if (!found) return hub_no_revision(rev, e);
    c->ref = name;
    c->head = ref.commit;
    return true;
}

bool commit_begin(struct hub *h, const struct repo *r, const struct identity *who, str rev, bool creates_pr,
                  struct commit **out, struct err *e)
{
    struct commit *c = mem_one(struct commit);
    *c = (struct commit){ .h = h, .repo = r, .who = who, .creates_pr = creates_pr, .a = arena_new(0) };
    struct db_conn *db = db_reader(h->db);
    bool ok = commit_allow(db, who, r, rev, creates_pr, e) && hub_person(db, who, &c->author, c->a, e);
    db_give(h->db, db);
    if (!ok || !hub_repo_open(h, r->id, &c->v, e) || !find_target(c, rev, e)) {
        commit_abort(c);
        return false;
    }
    *out = c;
    return true;
}

void commit_abort(struct commit *c)
{
    if (!c) return;
    vcs_close(c->v);
    mem_free(c->edits);
    mem_free(c->large);
    mem_free(c->readme_error);
    buf_deinit(&c->readme_warnings);
    arena_free(c->a);
    mem_free(c);
}

bool commit_header(struct commit *c, str summary, str description, str parent, struct err *e)
{
    if (c->has_header) return err_set(e, ERR_INVALID, "a commit has one header, and here is a second");
    summary = str_trim(summary);
    if (!summary.n) return err_set(e, ERR_INVALID, "\"summary\" is required and must not be empty");
    if (summary.n > SUMMARY_BYTES_MAX || description.n > DESCRIPTION_BYTES_MAX)
        return err_set(e, ERR_TOO_LARGE, "the message of a commit may have %d bytes, and %d in its first part",
                       DESCRIPTION_BYTES_MAX, SUMMARY_BYTES_MAX);
    if (parent.n && (!str_is_hex(parent) || parent.n < 5 || parent.n > VCS_OID_HEX))
        return err_set(e, ERR_INVALID, "\"parentCommit\" must be a commit's id in hexadecimal");
    c->has_header = true;
    c->summary = arena_dup(c->a, summary);
    c->description = arena_dup(c->a, description);
    c->parent = arena_dup(c->a, parent);
    return true;
}

/* ------------------------------------------------------------------ operations */

static bool add_edit(struct commit *c, enum vcs_edit_kind kind, str path, const struct vcs_oid *oid, uint32_t mode,
                     struct err *e)
{
    if (c->edits_count == OPS_MAX) return err_set(e, ERR_TOO_LARGE, "a commit may have %d operations", OPS_MAX);
    if (c->edits_count == c->edits_cap) {
        c->edits_cap = c->edits_cap ? c->edits_cap * 2 : 64;
        c->edits = mem_grow(c->edits, c->edits_cap * sizeof *c->edits);
    }
    struct vcs_edit edit = { .kind = kind, .path = arena_dup(c->a, path), .mode = mode };
    if (oid) edit.oid = *oid;
    c->edits[c->edits_count++] = edit;
    if (str_eq(path, README_PATH) && kind != VCS_PUT) commit_forget_readme(c);
    return true;
}

static void note_large(struct commit *c, const struct sha256 *sha256, size_t edit)
{
    if (c->large_count == c->large_cap) {
        c->large_cap = c->large_cap ? c->large_cap * 2 : 16;
        c->large = mem_grow(c->large, c->large_cap * sizeof *c->large);
    }
    c->large[c->large_count++] = (struct commit_large){ *sha256, edit };
}

bool commit_put_file(struct commit *c, str path, bytes content, struct err *e)
{
    struct vcs_lfs lfs;
    struct vcs_oid oid;
    if (!vcs_path_check(path, e)) return false;
    if (content.n > REGULAR_FILE_BYTES_MAX)
        return err_set(e, ERR_TOO_LARGE, "%.*s has %zu bytes; a regular file may have %d. Upload it as a large file (LFS)",
                       STR_ARG(str_to(path, 200)), content.n, REGULAR_FILE_BYTES_MAX);
    if (lfs_pointer_parse(content, &lfs)) { /* a pointer is a large file, however it arrives */
        struct sha256 sha;
        memcpy(sha.b, lfs.sha256, SHA256_BYTES);
        return commit_put_large(c, path, &sha, &lfs.size_bytes, e);
    }
    if (!vcs_blob_write(c->v, content, &oid, e)) return false;
    if (!add_edit(c, VCS_PUT, path, &oid, 0, e)) return false;
    return !str_eq(path, README_PATH) || commit_check_readme(c, str_of(content), e);
}

static bool refuse_unknown(const struct sha256 *sha256, str path, struct err *e)
{
    char hex[SHA256_HEX + 1];
    hex_encode((bytes){ sha256->b, SHA256_BYTES }, hex);
    return err_set(e, ERR_INVALID, "The large file %s of %.*s has not been uploaded to this repository. Upload it through LFS first",
                   hex, STR_ARG(str_to(path, 200)));
}

bool commit_find_large(struct commit *c, const struct sha256 *sha256, str path, struct large_file *out, struct err *e)
{
    bool found = false;
    struct db_conn *db = db_reader(c->h->db);
    bool ok = large_file_find(c->h, db, c->repo->id, sha256, out, &found, e);
    db_give(c->h->db, db);
    if (!ok) return false;
    return found || refuse_unknown(sha256, path, e);
}

bool commit_put_large(struct commit *c, str path, const struct sha256 *sha256, const uint64_t *size_bytes, struct err *e)
{
    struct large_file known;
    struct vcs_oid oid;
    if (!vcs_path_check(path, e) || !commit_find_large(c, sha256, path, &known, e)) return false;
    if (size_bytes && *size_bytes != known.size_bytes)
        return err_set(e, ERR_INVALID, "%.*s: the size is given as %llu bytes, but the large file has %llu",
                       STR_ARG(str_to(path, 200)), (unsigned long long)*size_bytes, (unsigned long long)known.size_bytes);
    struct buf pointer = BUF_INIT(LFS_POINTER_BYTES_MAX);
    bool is_empty = known.size_bytes == 0; /* an empty file is its own pointer */
    if (!is_empty) lfs_pointer_format(&pointer, sha256->b, known.size_bytes);
    bool ok = vcs_blob_write(c->v, bytes_of(buf_str(&pointer)), &oid, e) && add_edit(c, VCS_PUT, path, &oid, 0, e);
    buf_deinit(&pointer);
    if (!ok) return false;
    if (str_eq(path, README_PATH)) commit_forget_readme(c);
    if (!is_empty) note_large(c, sha256, c->edits_count - 1);
    return true;
}

static bool refuse_stale(struct err *e)
{
    return err_set(e, ERR_PRECONDITION, "The branch was updated since you opened this page. Please refresh and try again.");
}

/* Where the commit goes on top of: the head, or the commit that its author named.  *is_stale: that is the head no more. */
static bool find_base(struct commit *c, bool *is_stale, struct err *e)
{
    struct vcs_ref ref;
    bool found = false;
    char hex[VCS_OID_HEX + 1];
    if (!vcs_ref_find(c->v, c->ref, &ref, &found, c->a, e)) return false;
    if (!found) return hub_no_revision(c->ref, e);
    c->head = c->base = ref.commit;
    *is_stale = false;
    if (!c->parent.n || str_starts(vcs_oid_hex(&c->head, hex), c->parent)) return true;
    struct vcs_revision parent;
    if (!hub_resolve(c->h, c->repo->id, c->v, c->parent, &parent, c->a, e)) return c->creates_pr ? false : refuse_stale(e);
    c->base = parent.commit;
    *is_stale = !c->creates_pr;
    return true;
}

bool commit_copy(struct commit *c, str from_path, str to_path, bool is_move, struct err *e)
{
    struct vcs_entry entry;
    bool found = false, is_stale;
    if (!vcs_path_check(from_path, e) || !vcs_path_check(to_path, e) || !find_base(c, &is_stale, e)) return false;
    if (!vcs_entry_find(c->v, &c->base, from_path, &entry, &found, c->a, e)) return false;
    if (!found || entry.kind != VCS_FILE)
        return err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "A file with this name doesn't exist: %.*s", STR_ARG(str_to(from_path, 200)));
    if (is_move && !add_edit(c, VCS_REMOVE_FILE, from_path, NULL, 0, e)) return false;
    if (!add_edit(c, VCS_PUT, to_path, &entry.oid, entry.mode, e)) return false;
    if (entry.lfs.is_lfs) {
        struct sha256 sha;
        memcpy(sha.b, entry.lfs.sha256, SHA256_BYTES);
        note_large(c, &sha, c->edits_count - 1);
    }
    if (!str_eq(to_path, README_PATH)) return true;
    bytes content;
    if (entry.blob_bytes > REGULAR_FILE_BYTES_MAX) return true;
    return vcs_blob_read(c->v, &entry.oid, REGULAR_FILE_BYTES_MAX, c->a, &content, e) &&
           commit_check_readme(c, str_of(content), e);
}

bool commit_delete(struct commit *c, str path, enum vcs_edit_kind kind, struct err *e)
{
    if (path.n && path.p[path.n - 1] == '/') {
        path.n--;
        kind = VCS_REMOVE_DIR;
    }
    if (!vcs_path_check(path, e)) return false;
    /* Clients name folders as files; see the sheet, 4.3. */
    return add_edit(c, kind == VCS_REMOVE_DIR ? VCS_REMOVE_DIR : VCS_REMOVE_ANY, path, NULL, 0, e);
}

/* ------------------------------------------------------------------ finish */

static bool make_commit(struct commit *c, struct vcs_oid *out, struct err *e)
{
    str message = c->description.n ? arena_fmt(c->a, "%.*s\n\n%.*s", STR_ARG(c->summary), STR_ARG(c->description)) : c->summary;
    struct vcs_commit_request q = {
        .base = &c->base, .parents = &c->base, .parents_count = 1, .edits = c->edits, .edits_count = c->edits_count,
        .folder_entries_max = FOLDER_ENTRIES_MAX,
        .author = c->author, .committer = hub_server_person(), .message = message,
    };
    if (vcs_commit_create(c->v, &q, out, e)) return true;
    if (e->code == ERR_NOT_FOUND && e->kind && str_eq(str_c(e->kind), STR(HUB_NO_ENTRY))) { /* the sentence clients look for */
        struct err inner = *e;
        err_kind(e, ERR_NOT_FOUND, HUB_NO_ENTRY, "A file with this name doesn't exist: %s", inner.msg);
    }
    return false;
}

/* ------------------------------------------------------------------ the same once more
 *
 * A client whose answer was lost sends its commit again.  If it names the parent, it can be known: a commit of this person on that
 * parent, with these words and this tree, is the one that was asked for.  It is answered, and not made a second time. */

static bool is_same(struct commit *c, const struct vcs_oid *a, const struct vcs_oid *b, bool *same, struct err *e)
{
    struct vcs_commit x, y;
    bool has_x, has_y;
    if (!vcs_commit_read(c->v, a, &x, &has_x, c->a, e) || !vcs_commit_read(c->v, b, &y, &has_y, c->a, e)) return false;
    *same = has_x && has_y && x.parents_count == 1 && y.parents_count == 1 && vcs_oid_eq(&x.parent, &y.parent) && vcs_oid_eq(&x.tree, &y.tree) &&
            str_eq(x.message, y.message) && str_eq(x.author_name, y.author_name) && str_eq(x.author_email, y.author_email);
    return true;
}

/* What was committed on the base, of the last MADE_LOOKED_AT commits of the branch. */
static bool find_child(struct commit *c, struct vcs_oid *out, bool *found, struct err *e)
{
    struct vcs_commit k;
    *out = c->head;
    *found = false;
    for (int i = 0; i < MADE_LOOKED_AT; i++) {
        bool is_there;
        if (!vcs_commit_read(c->v, out, &k, &is_there, c->a, e)) return false;
        if (!is_there || !k.parents_count) return true;
        if (vcs_oid_eq(&k.parent, &c->base)) return (*found = true);
        *out = k.parent;
    }
    return true;
}

static bool answer_made(struct commit *c, struct commit_result *out, struct err *e)
{
    struct vcs_oid child, mine;
    struct err ignored;
    bool found, same = false;
    if (!find_child(c, &child, &found, e)) return false;
    if (!found || !commit_cover_large(c, &ignored) || !make_commit(c, &mine, &ignored)) return refuse_stale(e);
    if (!is_same(c, &mine, &child, &same, e)) return false;
    out->commit = child;
    return same || refuse_stale(e);
}

/* An open pull request of the person that begins with it. */
static bool find_made_request(struct commit *c, const struct vcs_oid *commit, int64_t *num, struct err *e)
{
    struct discussion *d;
    size_t n, count, closed;
    struct discussion_query q = { .is_pull_request = 1, .status = STR("open"), .limit = MADE_LOOKED_AT };
    *num = 0;
    if (!c->parent.n || !c->who || !c->who->user_id) return true;
    q.author = c->who->name;
    struct db_conn *db = db_reader(c->h->db);
    bool ok = discussion_list(db, c->repo->id, &q, c->a, &d, &n, &count, &closed, e);
    db_give(c->h->db, db);
    for (size_t i = 0; ok && i < n && !*num; i++) {
        struct vcs_ref ref;
        bool found, same = false;
        ok = vcs_ref_find(c->v, arena_fmt(c->a, "refs/pr/%lld", (long long)d[i].num), &ref, &found, c->a, e) && (!found || is_same(c, commit, &ref.commit, &same, e));
        if (same) *num = d[i].num;
    }
    return ok;
}

static bool open_pull_request(struct commit *c, const struct vcs_oid *commit, struct commit_result *out, struct err *e)
{
    struct discussion d;
    struct discussion_new q = { .title = discussion_title_of(c->summary, c->a), .description = c->description,
                                .is_pull_request = true, .base_ref = c->ref, .head = commit };
    if (!find_made_request(c, commit, &out->pull_request, e)) return false;
    if (out->pull_request) return true;
    if (!hub_mark_dirty(c->h, c->repo->id, e) || !discussion_create(c->h, c->repo, &q, c->who, &d, c->a, e)) return false;
    out->pull_request = d.num;
    return true;
}

/* *again: a git process beside us moved the ref meanwhile. */
static bool try_to_land(struct commit *c, struct commit_result *out, bool *again, struct err *e)
{
    bool is_stale = false;
    *again = false;
    size_t edits_count = c->edits_count;
    if (!find_base(c, &is_stale, e)) return false;
    if (is_stale) return answer_made(c, out, e);
    if (!commit_check_large(c, e) || !commit_check_case(c, e) || !commit_cover_large(c, e)) return false;
    bool made = make_commit(c, &out->commit, e);
    c->edits_count = edits_count; /* without the .gitattributes that belonged to this base */
    if (!made) return false;
    if (c->creates_pr) return open_pull_request(c, &out->commit, out, e);
    if (str_starts(c->ref, STR("refs/heads/")) && !lock_allow(c->h, c->v, c->repo->id, c->who, &c->head, &out->commit, e))
        return false;
    if (hub_set_ref(c->h, c->repo->id, c->v, c->ref, &c->head, &out->commit, c->summary, e)) return true;
    if (e->code != ERR_PRECONDITION) return false;
    if (c->parent.n) return refuse_stale(e);
    *again = true;
    return err_set(e, ERR_CONFLICT, "The branch is being updated by others all the time; try again");
}

/* Receiving it may have taken hours: whoever began it must still be allowed to. */
static bool is_still_allowed(struct commit *c, struct err *e)
{
    struct identity who;
    struct repo repo;
    if (!c->who) return true;
    struct db_conn *db = db_reader(c->h->db);
    bool ok = identity_again(db, c->who->user_id, c->who->token.id, &who, c->a, e) && repo_get(db, c->repo->id, &repo, c->a, e) &&
              commit_allow(db, &who, &repo, c->ref, c->creates_pr, e);
    db_give(c->h->db, db);
    return ok;
}

static bool place_large(struct commit *c, int64_t pull_request, struct err *e)
{
    struct large_file *list = arena_alloc(c->a, (c->large_count + 1) * sizeof *list);
    str ref = pull_request ? arena_fmt(c->a, "refs/pr/%lld", (long long)pull_request) : c->ref;
    for (size_t i = 0; i < c->large_count; i++)
        list[i] = (struct large_file){ .sha256 = c->large[i].sha256, .path = c->edits[c->large[i].edit].path, .ref = ref };
    return large_file_place_many(c->h, c->repo->id, list, c->large_count, e);
}

static bool land(struct commit *c, struct commit_result *out, struct err *e)
{
    struct repo_lock *lock;
    bool ok = false, again = true;
    if (!repo_lock(c->h, c->repo->id, &lock, e)) return false;
    again = is_still_allowed(c, e);
    for (int i = 0; i < RACES_MAX && again && !ok; i++) ok = try_to_land(c, out, &again, e);
    ok = ok && place_large(c, out->pull_request, e) && discussion_note_pushes(c->h, c->repo, c->v, c->who, e) && hub_index(c->h, c->repo->id, c->who, e);
    repo_unlock(c->h, lock);
    return ok;
}

bool commit_finish(struct commit *c, struct commit_result *out, struct arena *a, struct err *e)
{
    *out = (struct commit_result){ 0 };
    bool ok = false;
    if (!c->has_header) {
        err_set(e, ERR_INVALID, "the commit has no header");
    } else if (c->readme_error) {
        err_set(e, ERR_INVALID, "%s", c->readme_error);
    } else {
        commit_sort_paths(c);
        ok = commit_check_nesting(c, e) && land(c, out, e);
        if (ok) out->hook_output = commit_warnings(c, a);
    }
    commit_abort(c);
    return ok;
}
