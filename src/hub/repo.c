/* hub/repo.c - the life of a repository: create, duplicate, rename, delete.
 *
 * A repository is a row and a folder.  Creation: the folder is made complete under tmp/, the row gets its
 * number, the folder moves to repos/NUMBER, the transaction commits, the index follows.  Deletion: the row
 * goes (and a row in repo_to_remove comes) in one transaction, then the folder.  Numbers are never used
 * twice, so a stale number can lead to nothing else.
 *
 * A crash leaves a mark under locks/ and either a folder without a row or a row without an index; both
 * are mended by recovery (care.c). */
#include "hub/repo.h"

#include "account/oauth.h"
#include "base/clock.h"
#include "base/log.h"
#include "hub/commit/commit.h"
#include "hub/community/happening.h"
#include "hub/hub_priv.h"
#include "hub/index/index.h"
#include "hub/repo_seed.h"
#include "hub/space_label.h"

static bool refuse_taken(enum repo_kind kind, struct err *e)
{
    str name = repo_kind_name(kind);
    return err_set(e, ERR_CONFLICT, "You already created this %.*s repo", STR_ARG(name));
}

/* ------------------------------------------------------------------ the folder */

void repo_new_folder(struct hub *h, char out[HUB_PATH_BYTES])
{
    char random[17];
    random_hex(random, 16);
    int n = snprintf(out, HUB_PATH_BYTES, "%s/tmp/repos/%s", h->home, random);
    must(n > 0 && n < HUB_PATH_BYTES);
}

static bool first_commit(struct vcs_repo *v, const struct repo_file_seed *files, size_t n, const struct vcs_person *author,
                         struct arena *a, struct err *e)
{
    struct vcs_oid none = { { 0 } }, commit;
    struct vcs_edit *edits = arena_try_array(a, n, sizeof *edits);
    if (!edits) return err_set(e, ERR_TOO_LARGE, "%zu files are too many for a first commit", n);
    for (size_t i = 0; i < n; i++) {
        if (files[i].content.n > REGULAR_FILE_BYTES_MAX)
            return err_set(e, ERR_TOO_LARGE, "%.*s is too large for a first commit", STR_ARG(files[i].path));
        edits[i] = (struct vcs_edit){ .kind = VCS_PUT, .path = files[i].path };
        if (!vcs_blob_write(v, files[i].content, &edits[i].oid, e)) return false;
    }
    struct vcs_commit_request q = { .edits = edits, .edits_count = n, .author = *author,
                                    .committer = hub_server_person(), .message = STR("initial commit") };
    if (!vcs_commit_create(v, &q, &commit, e)) return false;
    return vcs_ref_set(v, MAIN_REF, &none, &commit, STR("initial commit"), e);
}

static bool make_folder(const char *path, const struct repo_create *q, const struct vcs_person *author, struct arena *a,
                        struct err *e)
{
    struct vcs_repo *v = NULL;
    struct repo_file_seed *files;
    size_t n;
    if (!repo_seed_files(q, a, &files, &n, e)) return false;
    bool ok = vcs_create(path, e) && vcs_open(path, &v, e) && first_commit(v, files, n, author, a, e);
    vcs_close(v);
    return ok;
}

/* ------------------------------------------------------------------ the row */

static bool settings_check(str settings, struct arena *a, struct err *e)
{
    struct json *v;
    if (!settings.n) return true;
    if (!json_parse(settings, a, &v, e)) return false;
    return json_is(v, JSON_OBJECT) || err_set(e, ERR_INVALID, "the settings must be a JSON object");
}

static bool insert_row(struct db_conn *tx, const struct repo_create *q, int64_t *id, struct arena *a, struct err *e)
{
    static const char insert[] =
        "INSERT INTO repo (hex_id, kind, owner_id, name, name_key, creator_id, group_id, is_private, settings, sdk, upstream, gated, created_ms)"
        " VALUES (?, ?, ?, ?, ?, nullif(?, 0), nullif(?, 0), ?, ?, ?, ?, ?, ?)";
    static const char takes_name[] = "DELETE FROM repo_former_name WHERE kind = ? AND owner_key = ? AND name_key = ?";
    char hex_id[25];
    random_hex(hex_id, 24);
    str kind = repo_kind_name(q->kind), key = name_key(q->name, a), owner_key = name_key(q->owner->name, a);
    bool is_private = q->has_private ? q->is_private : q->owner->repos_private;
    if (!db_run(tx, e, insert, db_text(str_c(hex_id)), db_text(kind), db_int(q->owner->id), db_text(q->name), db_text(key),
                db_int(q->creator_id), db_int(q->group_id), db_int(is_private), db_text(q->settings.n ? q->settings : STR("{}")), db_text(q->sdk),
                db_text(q->upstream), db_text(q->gated), db_int(q->created_ms ? q->created_ms : clock_now_ms())))
        return e->code == ERR_CONFLICT ? refuse_taken(q->kind, e) : false;
    *id = db_last_id(tx);
    return db_run(tx, e, takes_name, db_text(kind), db_text(owner_key), db_text(key)) &&
           (q->kind != REPO_SPACE || space_label_give(tx, *id, arena_fmt(a, "%.*s/%.*s", STR_ARG(q->owner->name), STR_ARG(q->name)), e));
}

/* For the audit log, which wants to know who; NULL for the command line. */
static const struct identity *creator(const struct repo_create *q, struct identity *out)
{
    *out = (struct identity){ .user_id = q->creator_id };
    return q->creator_id ? out : NULL;
}

/* Moves a finished folder to its place and makes the row.  The number is known inside the transaction
 * only, so the repository's lock is taken after the writer here; nobody can be waiting for it. */
static bool enter(struct hub *h, const char *folder, const struct repo_create *q, int64_t copied_from, struct repo *out,
                  struct arena *a, struct err *e)
{
    static const char copy_register[] =
        "INSERT INTO repo_large_file (repo_id, sha256, size_bytes, pusher_id, pushed_ms, path, ref)"
        " SELECT ?, sha256, size_bytes, pusher_id, ?, path, ref FROM repo_large_file WHERE repo_id = ?";
    char path[HUB_PATH_BYTES];
    struct identity who;
    struct repo_lock *lock = NULL;
    struct db_conn *tx;
    int64_t id = 0;
    if (!db_begin(h->db, &tx, e)) return false;
    if (!quota_allow(h, tx, QUOTA_REPOSITORIES, q->owner->id, e) || !insert_row(tx, q, &id, a, e) || !repo_get(tx, id, out, a, e) || !repo_lock_bare(h, id, 0, &lock, e) ||
        !hub_mark_dirty(h, id, e)) goto failed;
    hub_repo_path(h, id, path);
    str label = repo_label(out, a);
    if (copied_from && !db_run(tx, e, copy_register, db_int(id), db_int(clock_now_ms()), db_int(copied_from))) goto failed;
    if (!audit_add(tx, creator(q, &who), "repo.create", q->owner->id, arena_fmt(a, "created %.*s", STR_ARG(label)),
                   (str){ 0 }, e) ||
        !happening_add(tx, out, HAPPENED_REPO_CREATE, creator(q, &who), STR(""), e)) goto failed;
    /* A creation that a crash undid may have left a folder under this number. */
    if (!os_remove_tree(path, e) || !os_rename(folder, path, e)) goto failed;
    bool ok = db_commit(h->db, tx, e);
    if (!ok) {
        struct err ignored;
        (void)os_remove_tree(path, &ignored);
        hub_mark_clean(h, id);
    }
    ok = ok && hub_index(h, id, NULL, e);
    repo_unlock(h, lock);
    return ok;
failed:
    if (lock) hub_mark_clean(h, id);
    repo_unlock(h, lock);
    db_rollback(h->db, tx);
    return false;
}

bool repo_enter(struct hub *h, const char *folder, const struct repo_create *q, struct repo *out, struct arena *a, struct err *e)
{
    return enter(h, folder, q, 0, out, a, e);
}

/* A cheap look before the work; enter() decides. */
static bool check_new(struct hub *h, const struct repo_create *q, struct vcs_person *author, struct arena *a, struct err *e)
{
    struct identity who;
    struct repo there;
    bool found, moved;
    if (str_chr(q->name, '/') != STR_NONE) return err_set(e, ERR_INVALID, "The name of a repository must not have a '/' in it");
    if (!repo_name_check(q->name, e) || !settings_check(q->settings, a, e)) return false;
    struct db_conn *c = db_reader(h->db);
    bool ok = quota_allow(h, c, QUOTA_REPOSITORIES, q->owner->id, e) &&
              repo_find(c, q->kind, q->owner->name, q->name, &there, &found, &moved, a, e) &&
              hub_person(c, creator(q, &who), author, a, e);
    db_give(h->db, c);
    if (!ok) return false;
    /* Found under a former name: the name is free. */
    bool taken = found && there.owner_id == q->owner->id && str_eq_nocase(there.name, q->name);
    return !taken || refuse_taken(q->kind, e);
}

bool repo_create(struct hub *h, const struct repo_create *q, struct repo *out, struct arena *a, struct err *e)
{
    char folder[HUB_PATH_BYTES];
    struct vcs_person author;
    struct err ignored;
    if (!check_new(h, q, &author, a, e)) return false;
    repo_new_folder(h, folder);
    bool ok = make_folder(folder, q, &author, a, e) && enter(h, folder, q, 0, out, a, e);
    if (!ok) (void)os_remove_tree(folder, &ignored);
    return ok;
}

/* ------------------------------------------------------------------ duplicate */

static bool drop_pull_requests(const char *folder, struct err *e)
{
    struct arena *a = arena_new(0);
    struct vcs_oid none = { { 0 } };
    struct vcs_repo *v = NULL;
    struct vcs_ref *refs;
    size_t n;
    bool ok = vcs_open(folder, &v, e) && vcs_refs(v, a, &refs, &n, e);
    for (size_t i = 0; ok && i < n; i++)
        if (str_starts(refs[i].name, PR_REFS)) ok = vcs_ref_set(v, refs[i].name, NULL, &none, STR("duplicate"), e);
    vcs_close(v);
    arena_free(a);
    return ok;
}

/* The source is locked from the copy of the folder to the copy of the register, so that they agree. */
bool repo_duplicate(struct hub *h, const struct repo *from, const struct repo_create *q, struct repo *out,
                    struct arena *a, struct err *e)
{
    char source[HUB_PATH_BYTES], folder[HUB_PATH_BYTES];
    struct vcs_person author;
    struct repo_lock *lock;
    struct err ignored;
    if (from->upstream.n)
        return err_set(e, ERR_DENIED, "%.*s is a mirror, whose files come as they are read. Download it, and upload it under a name of your own", STR_ARG(from->full_name));
    if (q->kind != from->kind)
        return err_set(e, ERR_INVALID, "A %.*s can only be duplicated as one", STR_ARG(repo_kind_name(from->kind)));
    if (!check_new(h, q, &author, a, e)) return false;
    struct repo_create copy = *q;
    if (!copy.sdk.n) copy.sdk = from->sdk;
    if (!copy.has_private && (from->is_private || from->gated.n)) copy.has_private = copy.is_private = true;
    if (!repo_lock(h, from->id, &lock, e)) return false;
    hub_repo_path(h, from->id, source);
    repo_new_folder(h, folder);
    bool ok = vcs_copy(source, folder, e) && drop_pull_requests(folder, e) && enter(h, folder, &copy, from->id, out, a, e);
    if (!ok) (void)os_remove_tree(folder, &ignored);
    repo_unlock(h, lock);
    return ok;
}

/* ------------------------------------------------------------------ rename */

static bool move_row(struct db_conn *tx, const struct repo *r, const struct account *to_owner, str to_name, struct arena *a,
                     struct err *e)
{
    static const char update[] = "UPDATE repo SET group_id = iif(owner_id = ?1, group_id, NULL), owner_id = ?1, name = ?2, name_key = ?3 WHERE id = ?4";
    static const char remember[] = "INSERT INTO repo_former_name (kind, owner_key, name_key, repo_id) VALUES (?, ?, ?, ?)"
                                   " ON CONFLICT (kind, owner_key, name_key) DO UPDATE SET repo_id = excluded.repo_id";
    static const char forget[] = "DELETE FROM repo_former_name WHERE kind = ? AND owner_key = ? AND name_key = ?";
    str kind = repo_kind_name(r->kind), to_key = name_key(to_name, a);
    if (!db_run(tx, e, update, db_int(to_owner->id), db_text(to_name), db_text(to_key), db_int(r->id))) {
        if (e->code == ERR_CONFLICT)
            err_set(e, ERR_CONFLICT, "A %.*s repository called %.*s/%.*s already exists", STR_ARG(kind), STR_ARG(to_owner->name),
                    STR_ARG(to_name));
        return false;
    }
    return db_run(tx, e, remember, db_text(kind), db_text(name_key(r->owner, a)), db_text(name_key(r->name, a)), db_int(r->id)) &&
           db_run(tx, e, forget, db_text(kind), db_text(name_key(to_owner->name, a)), db_text(to_key)) &&
           (r->kind != REPO_SPACE || space_label_give(tx, r->id, arena_fmt(a, "%.*s/%.*s", STR_ARG(to_owner->name), STR_ARG(to_name)), e));
}

/* Told under the old name, which is the one that people watch. */
static bool note_move(struct db_conn *tx, const struct repo *r, const struct account *to_owner, str to_name, const struct identity *who,
                      struct arena *a, struct err *e)
{
    str data = arena_fmt(a, "{\"movedTo\":{\"name\":\"%.*s/%.*s\",\"owner\":{\"id\":\"%.*s\"}}}", STR_ARG(to_owner->name), STR_ARG(to_name),
                         STR_ARG(to_owner->hex_id)); /* names have no character that JSON would escape */
    return happening_add(tx, r, HAPPENED_REPO_MOVE, who, data, e);
}

bool repo_move(struct hub *h, const struct repo *r, const struct account *to_owner, str to_name,
               const struct identity *who, struct err *e)
{
    struct repo_lock *lock;
    struct db_conn *tx;
    struct repo now; /* the name that it goes by, which another may have changed since the caller looked */
    bool ok = false;
    if (!repo_name_check(to_name, e)) return false;
    if (str_chr(to_name, '/') != STR_NONE) return err_set(e, ERR_INVALID, "The new name must not have a '/' in it");
    if (!repo_lock(h, r->id, &lock, e)) return false;
    struct arena *a = arena_new(0);
    if (!db_begin(h->db, &tx, e)) goto done;
    ok = repo_get(tx, r->id, &now, a, e) &&
         (!now.upstream.n || err_set(e, ERR_DENIED, "A mirror keeps the name that it has at %.*s", STR_ARG(now.upstream))) &&
         (now.owner_id == to_owner->id || quota_allow(h, tx, QUOTA_REPOSITORIES, to_owner->id, e)) &&
         move_row(tx, &now, to_owner, to_name, a, e) && (now.kind != REPO_SPACE || oauth_app_forget_space(tx, now.id, e)) && index_rename(tx, r->id, e) && note_move(tx, &now, to_owner, to_name, who, a, e);
    if (ok) {
        str what = arena_fmt(a, "moved %.*s to %.*s/%.*s", STR_ARG(repo_label(&now, a)), STR_ARG(to_owner->name), STR_ARG(to_name));
        ok = audit_add(tx, who, "repo.move", now.owner_id, what, (str){ 0 }, e);
    }
    ok = db_finish(h->db, tx, ok, e);
done:
    arena_free(a);
    repo_unlock(h, lock);
    return ok;
}

/* ------------------------------------------------------------------ delete */

static bool delete_row(struct hub *h, const struct repo *r, const struct identity *who, struct err *e)
{
    static const char remember[] = "INSERT INTO repo_to_remove (repo_id, deleted_ms) VALUES (?, ?) ON CONFLICT (repo_id) DO NOTHING";
    static const char delete[] = "DELETE FROM repo WHERE id = ?";
    struct arena *a = arena_new(0);
    struct db_conn *tx;
    struct repo now; /* for its name, see repo_move */
    bool ok = db_begin(h->db, &tx, e);
    if (!ok) goto done;
    ok = repo_get(tx, r->id, &now, a, e) && index_remove(tx, r->id, e) && (now.kind != REPO_SPACE || oauth_app_forget_space(tx, r->id, e)) &&
         db_run(tx, e, remember, db_int(r->id), db_int(clock_now_ms())) && db_run(tx, e, delete, db_int(r->id));
    if (ok) ok = audit_add(tx, who, "repo.delete", now.owner_id, arena_fmt(a, "deleted %.*s", STR_ARG(repo_label(&now, a))), (str){ 0 }, e);
    ok = ok && happening_add(tx, &now, HAPPENED_REPO_DELETE, who, STR(""), e);
    ok = db_finish(h->db, tx, ok, e);
done:
    arena_free(a);
    return ok;
}

bool repo_delete(struct hub *h, const struct repo *r, const struct identity *who, struct err *e)
{
    struct repo_lock *lock;
    struct err why;
    if (!repo_lock(h, r->id, &lock, e)) return false;
    bool ok = delete_row(h, r, who, e);
    if (ok) {
        hub_mark_clean(h, r->id);
        /* It is deleted; a folder that resists is collection's business. */
        if (!hub_remove_folder(h, r->id, &why))
            log_warn("repo.delete", "repo=%lld reason=\"%s\"", (long long)r->id, why.msg);
    }
    repo_unlock(h, lock);
    return ok;
}
