/* hub/commit/push.c - a git push against the rules of the hub.
 *
 * Runs between the arrival of the objects (in quarantine) and the first moved ref; the caller holds the
 * repository's lock all the while, so what is found registered here cannot be collected before a ref names
 * it.  All offences are gathered before the answer, so that one round of mending is enough; the text goes
 * to the terminal of the one who pushes. */
#include "hub/commit/push.h"

#include "base/hash.h"
#include "base/log.h"
#include "hub/commit/commit.h"
#include "hub/commit/lock_check.h"
#include "hub/community/discussion_priv.h"
#include "hub/large_file.h"
#include "hub/card/readme_check.h"
#include "vcs/path.h"

enum {
    COMMANDS_MAX = 1000,
    SHOWN_MAX = 20,          /* offending files per reason */
    READMES_BYTES_MAX = 32 << 20, /* of different ones in one push: each is parsed under the lock */
    FOLDERS_MAX = 100000,    /* remembered, with those above; more changed folders than that in one push are not counted */
};

enum offence { TOO_LARGE, NOT_UPLOADED, BAD_PATH, TOO_WIDE, LOCKED, OFFENCES };
static const struct {
    const char *what, *advice;
} reasons[OFFENCES] = {
    [TOO_LARGE] = { "it contains files larger than 10 MiB",
                    "Track them with Git LFS: git lfs migrate import --everything --include=\"<pattern>\"" },
    [NOT_UPLOADED] = { "it contains LFS pointers to files that were not uploaded to this repository",
                       "Send them first: git lfs push --all <remote>" },
    [BAD_PATH] = { "it contains paths that are not allowed", "Rename the files." },
    [LOCKED] = { "it changes files that somebody else has locked", "Ask for them to be unlocked: git lfs locks" },
    [TOO_WIDE] = { "it has folders with more than 10000 entries", "Spread the files over several folders." },
};

struct set { /* of strings, owned by the arena; open addressing */
    str *slot;
    size_t n, cap;
};

struct command {
    struct vcs_oid old, new_id;
    struct vcs_oid commit; /* behind new_id; zero for a deletion */
    str ref;
    struct set folders;    /* in which files were added or changed */
    struct set above;      /* and those that lead there */
};

struct check {
    struct hub *h;
    const struct repo *repo;
    const struct identity *who;
    struct vcs_repo *v;
    struct db_conn *db;
    struct arena *a;
    struct command *now;   /* whose commits are being looked at */
    struct command *moved; /* those that bring commits */
    size_t moved_count;
    struct buf *message;
    struct buf list[OFFENCES];
    size_t count[OFFENCES];
    struct set known;   /* large files that are fine */
    struct large_file *placed; /* the same, and where the newest of their commits has them */
    size_t folders_count;
    struct set readmes; /* ids of those that were looked at */
    uint64_t readmes_bytes;
    bool refused;
};

/* ------------------------------------------------------------------ sets */

static size_t place(const struct set *s, str key)
{
    uint64_t x = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key.n; i++) x = (x ^ (unsigned char)key.p[i]) * UINT64_C(0x100000001b3);
    size_t at = (size_t)(x >> 20) & (s->cap - 1);
    while (s->slot[at].p && !str_eq(s->slot[at], key)) at = (at + 1) & (s->cap - 1);
    return at;
}

static bool set_has(const struct set *s, str key) { return s->cap && s->slot[place(s, key)].p; }

/* False: it was there. */
static bool set_add(struct set *s, str key, struct arena *a)
{
    if (s->n * 2 >= s->cap) {
        struct set bigger = { .cap = s->cap ? s->cap * 2 : 64, .n = s->n };
        bigger.slot = arena_alloc(a, bigger.cap * sizeof *bigger.slot);
        for (size_t i = 0; i < s->cap; i++)
            if (s->slot[i].p) bigger.slot[place(&bigger, s->slot[i])] = s->slot[i];
        *s = bigger;
    }
    size_t at = place(s, key);
    if (s->slot[at].p) return false;
    s->slot[at] = arena_dup(a, key);
    s->n++;
    return true;
}

/* ------------------------------------------------------------------ texts */

static void put_path(struct buf *b, str path)
{
    for (size_t i = 0; i < path.n && i < 300; i++) /* it goes to a terminal */
        buf_byte(b, (unsigned char)path.p[i] < 0x20 || path.p[i] == 0x7f ? '?' : path.p[i]);
}

static void offend(struct check *k, enum offence o, str path, const char *detail)
{
    struct buf *b = &k->list[o];
    if (k->count[o]++ >= SHOWN_MAX) return;
    buf_lit(b, "  - ");
    put_path(b, path);
    buf_addf(b, "%s (ref: %.*s)\n", detail, STR_ARG(k->now->ref));
}

__attribute__((format(printf, 2, 3))) static void refuse(struct check *k, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vaddf(k->message, fmt, ap);
    va_end(ap);
    buf_byte(k->message, '\n');
    k->refused = true;
}

static const char frame[] = "-------------------------------------------------------------------------\n";

static void tell_offences(struct check *k)
{
    for (size_t o = 0; o < OFFENCES; o++) {
        if (!k->count[o]) continue;
        buf_addf(k->message, "%sYour push was rejected because %s.\n%s\nOffending files:\n", frame, reasons[o].what, reasons[o].advice);
        buf_add(k->message, buf_str(&k->list[o]));
        if (k->count[o] > SHOWN_MAX) buf_addf(k->message, "  and %zu more\n", k->count[o] - SHOWN_MAX);
        buf_addf(k->message, "%s", frame);
        k->refused = true;
    }
}

/* ------------------------------------------------------------------ refs */

static bool parse_command(str line, struct command *out, struct err *e)
{
    str old, new_id, rest = line;
    *out = (struct command){ 0 };
    bool ok = str_cut(&rest, ' ', &old) && str_cut(&rest, ' ', &new_id) && vcs_oid_parse(old, &out->old) &&
              vcs_oid_parse(new_id, &out->new_id) && vcs_ref_name_is_valid(rest);
    out->ref = rest;
    return ok || err_set(e, ERR_INVALID, "\"%.*s\" is no change of a ref", STR_ARG(str_to(line, 200)));
}

static bool check_pull_request(struct check *k, const struct command *m)
{
    struct err why;
    if (vcs_oid_is_zero(&m->new_id)) {
        refuse(k, "Cannot delete %.*s: close the pull request, then delete its ref on its page", STR_ARG(m->ref));
        return false;
    }
    if (commit_allow(k->db, k->who, k->repo, m->ref, false, &why)) return true;
    if (why.kind && str_eq(str_c(why.kind), STR(HUB_NO_REVISION)))
        refuse(k, "%.*s: there is no such pull request; open it first, then push to its ref", STR_ARG(m->ref));
    else
        refuse(k, "%.*s: %s", STR_ARG(m->ref), why.msg);
    return false;
}

static bool check_ref(struct check *k, const struct command *m)
{
    struct err why;
    if (pr_number(m->ref)) return check_pull_request(k, m);
    if (!str_starts(m->ref, STR("refs/heads/")) && !str_starts(m->ref, STR("refs/tags/"))) {
        refuse(k, "%.*s: only branches, tags and pull requests can be pushed", STR_ARG(m->ref));
        return false;
    }
    bool is_new = vcs_oid_is_zero(&m->old) && !vcs_oid_is_zero(&m->new_id);
    if (is_new && !ref_name_is_fine(str_from(m->ref, str_chr(str_from(m->ref, 5), '/') + 6))) {
        refuse(k, "%.*s: no new branch or tag may be called so", STR_ARG(m->ref));
        return false;
    }
    if (k->who && !repo_allow(k->db, k->who, k->repo, REPO_WRITE, &why)) {
        refuse(k, "%.*s: %s", STR_ARG(m->ref), why.msg);
        return false;
    }
    if (vcs_oid_is_zero(&m->new_id) && str_eq(m->ref, MAIN_REF)) {
        refuse(k, "Cannot delete refs/heads/main: it is the default branch");
        return false;
    }
    return true;
}

/* ------------------------------------------------------------------ contents */

static bool check_large(struct check *k, const struct vcs_entry *entry, struct err *e)
{
    struct large_file known;
    struct sha256 sha;
    bool found = false;
    str key = str_n((const char *)entry->lfs.sha256, SHA256_BYTES);
    if (set_has(&k->known, key)) return true;
    memcpy(sha.b, entry->lfs.sha256, SHA256_BYTES);
    if (!large_file_find(k->h, k->db, k->repo->id, &sha, &known, &found, e)) return false;
    if (found && known.size_bytes == entry->lfs.size_bytes) {
        k->placed = arena_grow(k->a, k->placed, k->known.n, sizeof *k->placed);
        k->placed[k->known.n] = (struct large_file){ .sha256 = sha, .path = arena_dup(k->a, entry->path), .ref = k->now->ref };
        set_add(&k->known, key, k->a);
        return true;
    }
    char detail[SHA256_HEX + 32], hex[SHA256_HEX + 1];
    hex_encode((bytes){ sha.b, SHA256_BYTES }, hex);
    snprintf(detail, sizeof detail, "%s %s", found ? ", whose size is wrong:" : ",", hex);
    offend(k, NOT_UPLOADED, entry->path, detail);
    return true;
}

static str folder_of(str path)
{
    size_t slash = str_rchr(path, '/');
    return slash == STR_NONE ? STR("") : str_to(path, slash);
}

static void remember_folder(struct check *k, str folder)
{
    if (k->folders_count >= FOLDERS_MAX || !set_add(&k->now->folders, folder, k->a)) return;
    for (k->folders_count++; folder.n && set_add(&k->now->above, folder, k->a); folder = folder_of(folder)) k->folders_count++;
}

static bool check_entry(void *ctx, size_t tip, const struct vcs_commit *commit, const struct vcs_entry *entry, struct err *e)
{
    struct check *k = ctx;
    struct err why;
    (void)commit;
    k->now = &k->moved[tip];
    if (entry->kind == VCS_DIR) return true;
    if (vcs_path_check(entry->path, &why)) remember_folder(k, folder_of(entry->path));
    else offend(k, BAD_PATH, entry->path, "");
    if (entry->kind != VCS_FILE) return true;
    if (entry->lfs.is_lfs) return check_large(k, entry, e);
    if (entry->blob_bytes > REGULAR_FILE_BYTES_MAX) {
        char detail[64];
        snprintf(detail, sizeof detail, ", %.1f MiB", (double)entry->blob_bytes / (1 << 20));
        offend(k, TOO_LARGE, entry->path, detail);
    }
    return true;
}

static bool leads_to_changes(void *ctx, str folder) { return set_has(&((struct check *)ctx)->now->above, folder); }

static void offend_wide(void *ctx, str folder)
{
    struct check *k = ctx;
    if (set_has(&k->now->folders, folder)) offend(k, TOO_WIDE, folder.n ? folder : STR("(the root)"), "");
}

static bool check_readme(struct check *k, const struct command *m, struct err *e)
{
    struct vcs_entry entry, before;
    bytes text;
    bool found = false, had = false;
    if (!vcs_entry_find(k->v, &m->commit, STR("README.md"), &entry, &found, k->a, e)) return false;
    if (!found || entry.kind != VCS_FILE || entry.lfs.is_lfs || entry.blob_bytes > REGULAR_FILE_BYTES_MAX) return true;
    if (!vcs_oid_is_zero(&m->old) && !vcs_entry_find(k->v, &m->old, STR("README.md"), &before, &had, k->a, e)) return false;
    if (had && vcs_oid_eq(&before.oid, &entry.oid)) return true;
    if (!set_add(&k->readmes, str_n((const char *)entry.oid.b, sizeof entry.oid.b), k->a)) return true;
    k->readmes_bytes += entry.blob_bytes;
    if (k->readmes_bytes > READMES_BYTES_MAX)
        return err_set(e, ERR_TOO_LARGE, "the READMEs of this push have more than %d MiB in all: push its branches one after another", READMES_BYTES_MAX >> 20);
    if (!vcs_blob_read(k->v, &entry.oid, REGULAR_FILE_BYTES_MAX, k->a, &text, e)) return false;
    struct buf errors = BUF_INIT(0);
    bool ok = readme_check(str_of(text), k->repo->kind, &errors, k->message, e);
    if (ok && errors.n) refuse(k, "%s%.*s (ref: %.*s)\n%s", frame, STR_ARG(buf_str(&errors)), STR_ARG(m->ref), frame);
    buf_deinit(&errors);
    return ok;
}

static void offend_locked(void *ctx, const struct file_lock *l)
{
    char detail[128];
    snprintf(detail, sizeof detail, ", locked by %.*s", STR_ARG(l->owner));
    offend(ctx, LOCKED, l->path, detail);
}

/* A new branch is a copy of main until it differs.  Pull requests may propose what they like. */
static bool check_locks(struct check *k, const struct command *m, struct err *e)
{
    struct vcs_oid before = m->old;
    if (!k->who || !str_starts(m->ref, STR("refs/heads/"))) return true;
    if (vcs_oid_is_zero(&before)) {
        struct vcs_ref main_ref;
        bool found = false;
        if (!vcs_ref_find(k->v, MAIN_REF, &main_ref, &found, k->a, e)) return false;
        if (!found) return true;
        before = main_ref.commit;
    }
    return lock_check(k->db, k->v, k->repo->id, k->who->user_id, &before, &m->commit, offend_locked, k, e);
}

/* What new_id leads to; ERR_INVALID when it is no commit. */
static bool peel(struct check *k, struct command *m, struct err *e)
{
    char hex[VCS_OID_HEX + 1];
    bool found = false;
    vcs_oid_hex(&m->new_id, hex);
    if (!vcs_peel(k->v, &m->new_id, &m->commit, &found, e)) return false;
    if (!found) return err_set(e, ERR_INVALID, "%.*s: %s leads to no commit", STR_ARG(m->ref), hex);
    if (str_starts(m->ref, STR("refs/tags/")) || vcs_oid_eq(&m->commit, &m->new_id)) return true;
    return err_set(e, ERR_INVALID, "%.*s: a branch must be a commit, and %s is none", STR_ARG(m->ref), hex);
}

/* What each commit brings is looked at once, whichever refs lead to it; what a ref will show, ref by ref. */
static bool check_contents(struct check *k, struct err *e)
{
    struct vcs_oid *tip = arena_alloc(k->a, (k->moved_count + 1) * sizeof *tip);
    uint64_t work = 0;
    for (size_t i = 0; i < k->moved_count; i++) {
        if (!peel(k, &k->moved[i], e)) return false;
        tip[i] = k->moved[i].commit;
    }
    if (!vcs_new_blobs(k->v, tip, k->moved_count, &work, check_entry, k, e)) return false;
    for (size_t i = 0; i < k->moved_count; i++) {
        struct command *m = k->now = &k->moved[i];
        if (!vcs_wide_folders(k->v, &m->commit, FOLDER_ENTRIES_MAX, leads_to_changes, offend_wide, k, e) || !check_locks(k, m, e)) return false;
        if (!str_starts(m->ref, STR("refs/tags/")) && !check_readme(k, m, e)) return false;
    }
    return true;
}

static bool check_all(struct check *k, str commands, struct err *e)
{
    str line, rest = commands;
    size_t n = 0;
    for (size_t i = 0; i < commands.n; i++) n += commands.p[i] == '\n';
    if (n > COMMANDS_MAX) return err_set(e, ERR_TOO_LARGE, "a push may change %d refs", COMMANDS_MAX);
    k->moved = arena_alloc(k->a, (n + 1) * sizeof *k->moved);
    while (str_cut(&rest, '\n', &line)) {
        struct command *m = &k->moved[k->moved_count];
        if (!line.n) continue;
        if (!parse_command(line, m, e)) return false;
        if (check_ref(k, m) && !vcs_oid_is_zero(&m->new_id)) k->moved_count++;
    }
    if (!check_contents(k, e)) return false;
    tell_offences(k);
    return true;
}

/* Receiving it may have taken hours: rights are asked of who he is, and of what the repository is, now. */
static bool look_again(struct check *k, struct err *e)
{
    struct identity *who = arena_one(k->a, struct identity);
    struct repo *repo = arena_one(k->a, struct repo);
    bool ok = repo_get(k->db, k->repo->id, repo, k->a, e) &&
              (!k->who || identity_again(k->db, k->who->user_id, k->who->token.id, who, k->a, e));
    if (!ok && (e->code == ERR_NOT_FOUND || e->code == ERR_UNAUTHENTICATED))
        return err_set(e, ERR_INVALID, "The repository, or the account or token with which this push began, is gone");
    k->repo = repo;
    if (k->who) k->who = who;
    return ok;
}

bool push_check(struct hub *h, const struct repo *r, const struct identity *who, str commands, const char *quarantine_dir,
                struct buf *message)
{
    char path[HUB_PATH_BYTES];
    struct err e;
    struct check k = { .h = h, .repo = r, .who = who, .message = message, .a = arena_new(0) };
    hub_repo_path(h, r->id, path);
    k.db = db_reader(h->db);
    bool ok = look_again(&k, &e) && vcs_open_quarantined(path, quarantine_dir, &k.v, &e) && check_all(&k, commands, &e);
    if (ok && !k.refused) ok = large_file_place_many(h, r->id, k.placed, k.known.n, &e) && hub_mark_dirty(h, r->id, &e); /* git moves the refs next */
    db_give(h->db, k.db);
    vcs_close(k.v);
    for (size_t o = 0; o < OFFENCES; o++) buf_deinit(&k.list[o]);
    arena_free(k.a);
    if (!ok) {
        bool is_theirs = e.code == ERR_INVALID || e.code == ERR_TOO_LARGE || e.code == ERR_UNPROCESSABLE;
        if (!is_theirs) log_error("push.check", "repo=%lld reason=\"%s\"", (long long)r->id, e.msg);
        buf_addf(message, "%s\n", is_theirs ? e.msg : "The push could not be checked; the operator finds the reason in the log");
        return false;
    }
    return !k.refused;
}

bool push_accepted(struct hub *h, const struct repo *r, const struct identity *who, struct err *e)
{
    struct vcs_repo *v = NULL;
    bool ok = hub_repo_open(h, r->id, &v, e) && discussion_note_pushes(h, r, v, who, e) && hub_index(h, r->id, who, e);
    vcs_close(v);
    return ok;
}
