/* Unit tests of src/hub: writers who meet, crashes, full disks, fsck, collection. */
#include "hub_help.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/hash.h"
#include "hub/hub_priv.h"

static struct buf told; /* what fsck and gc said */

static void tell(void *ctx, str text)
{
    (void)ctx;
    buf_add(&told, text);
    buf_byte(&told, '\n');
}

static const struct care_report report = { .line = tell };

static struct fsck_result fsck(bool deep)
{
    struct err e;
    struct fsck_result out;
    buf_reset(&told);
    struct fsck_options o = { .deep = deep };
    must_ok(hub_fsck(fx.h, &o, &report, &out, &e));
    return out;
}

#define assert_healthy()                                                                  \
    do {                                                                                  \
        if (fsck(true).problems) fail_msg("fsck: %s", buf_cstr(&told));                   \
    } while (0)
#define assert_told(part)                                                                 \
    do {                                                                                  \
        if (!strstr(buf_cstr(&told), part)) fail_msg("\"%s\" lacks \"%s\"", buf_cstr(&told), part); \
    } while (0)

static int told_end(void **state)
{
    buf_deinit(&told);
    return home_end(state);
}

__attribute__((format(printf, 1, 2))) static const char *in_home(const char *fmt, ...)
{
    char below[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(below, sizeof below, fmt, ap);
    va_end(ap);
    return arena_fmt(fx.a, "%s/%s", fx.dir, below).p;
}

static void touch(const char *path)
{
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static bool is_current(const struct repo *r)
{
    struct err e;
    bool yes;
    str why;
    must_ok(index_is_current(fx.h, r->id, &yes, &why, fx.a, &e));
    return yes;
}

static bool put_weights(const struct repo *r, const char *path, const struct sha256 *sha, struct err *e)
{
    struct commit *c;
    struct commit_result done;
    if (!commit_begin(fx.h, r, &fx.id[ALICE], STR("main"), false, &c, e)) return false;
    if (!commit_header(c, STR("weights"), STR(""), STR(""), e) || !commit_put_large(c, str_c(path), sha, NULL, e)) {
        commit_abort(c);
        return false;
    }
    return commit_finish(c, &done, fx.a, e);
}

/* ------------------------------------------------------------------ writers who meet */

enum { WRITERS = 4, COMMITS = 6 };

struct writer {
    const struct repo *repo;
    int number;
    size_t failed;
    char why[ERR_MSG_MAX];
};

static void *write_some(void *ctx)
{
    struct writer *w = ctx;
    struct arena *a = arena_new(0);
    for (int i = 0; i < COMMITS; i++) {
        struct err e;
        struct commit *c;
        struct commit_result done;
        str path = arena_fmt(a, "w%d/f%d", w->number, i);
        bool ok = commit_begin(fx.h, w->repo, &fx.id[ALICE], STR("main"), false, &c, &e);
        ok = ok && commit_header(c, STR("x"), STR(""), STR(""), &e) && commit_put_file(c, path, bytes_of(path), &e) &&
             commit_finish(c, &done, a, &e);
        if (ok) continue;
        w->failed++;
        snprintf(w->why, sizeof w->why, "%s", e.msg);
    }
    arena_free(a);
    return NULL;
}

static void writers_of_a_branch_take_turns_and_lose_nothing(void **state)
{
    (void)state;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct writer w[WRITERS];
    pthread_t t[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        w[i] = (struct writer){ .repo = &r, .number = i };
        assert_int_equal(pthread_create(&t[i], NULL, write_some, &w[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(t[i], NULL);
        if (w[i].failed) fail_msg("writer %d: %s", i, w[i].why);
    }
    assert_int_equal(sql_int("SELECT files_count FROM repo_index"), WRITERS * COMMITS + 1);
    assert_true(is_current(&r));
    assert_healthy();
}

static void *check_some(void *ctx)
{
    enum { CHECKS = 15 };
    struct fsck_options o = { 0 };
    struct fsck_result r;
    struct err e;
    uint64_t *problems = ctx;
    for (int i = 0; i < CHECKS; i++) {
        struct care_report none = { 0 };
        if (!hub_fsck(fx.h, &o, &none, &r, &e) || (i % 3 == 0 && !hub_gather_packs(fx.h, &e))) ++*problems;
        *problems += r.problems;
    }
    return NULL;
}

static void a_check_beside_writers_finds_nothing(void **state)
{
    (void)state;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    uint64_t problems = 0;
    pthread_t check;
    struct writer w = { .repo = &r };
    assert_int_equal(pthread_create(&check, NULL, check_some, &problems), 0);
    while (pthread_tryjoin_np(check, NULL) != 0) {
        w.number++;
        (void)write_some(&w);
        if (w.failed) fail_msg("a writer: %s", w.why);
    }
    assert_int_equal(problems, 0);
    assert_healthy();
}

static void a_lock_that_stays_taken_is_busy_not_forever(void **state)
{
    (void)state;
    struct err e;
    struct repo_lock *one, *two;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    must_ok(repo_lock(fx.h, r.id, &one, &e));
    must_refuse(repo_lock_bare(fx.h, r.id, 20, &two, &e), ERR_BUSY, "try again");
    repo_unlock(fx.h, one);
    must_ok(repo_lock_bare(fx.h, r.id, 20, &two, &e));
    repo_unlock(fx.h, two);
    assert_int_not_equal(access(in_home("locks/%lld", (long long)r.id), F_OK), 0);
}

/* Another process takes the lock and, after a byte, dies with it or gives it back. */
static pid_t other_process(int64_t repo_id, int to_child[2], bool gives_back)
{
    int ready[2];
    char c;
    assert_int_equal(pipe(to_child), 0);
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct err e;
        struct repo_lock *lock;
        close(to_child[1]);
        bool ok = repo_lock_bare(fx.h, repo_id, 1000, &lock, &e) && write(ready[1], "x", 1) == 1 && read(to_child[0], &c, 1) >= 0;
        if (ok && gives_back) repo_unlock(fx.h, lock);
        _exit(ok ? 0 : 1);
    }
    close(to_child[0]);
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void end_process(pid_t pid, int fd)
{
    int status;
    close(fd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void the_lock_holds_across_processes(void **state)
{
    (void)state;
    struct err e;
    int pipe_fd[2];
    struct repo_lock *lock;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    pid_t pid = other_process(r.id, pipe_fd, true);
    must_refuse(repo_lock_bare(fx.h, r.id, 20, &lock, &e), ERR_BUSY, "another process");
    must_ok(hub_recover(fx.h, &e)); /* who is alive is left alone */
    assert_int_equal(access(in_home("locks/%lld", (long long)r.id), F_OK), 0);
    end_process(pid, pipe_fd[1]);
    must_ok(repo_lock_bare(fx.h, r.id, 1000, &lock, &e));
    repo_unlock(fx.h, lock);
}

/* ------------------------------------------------------------------ crashes */

/* Git moved, the rows did not: as after a kill between the two. */
static void move_main_behind_the_index(const struct repo *r)
{
    struct err e;
    struct vcs_repo *v;
    struct vcs_oid head = head_of(r, "main"), blob, commit;
    must_ok(hub_repo_open(fx.h, r->id, &v, &e));
    must_ok(vcs_blob_write(v, bytes_of(STR("late")), &blob, &e));
    struct vcs_edit edit = { .kind = VCS_PUT, .path = STR("late.txt"), .oid = blob };
    struct vcs_person p = hub_server_person();
    struct vcs_commit_request q = { .base = &head, .parents = &head, .parents_count = 1, .edits = &edit, .edits_count = 1,
                                    .author = p, .committer = p, .message = STR("late") };
    must_ok(vcs_commit_create(v, &q, &commit, &e));
    must_ok(vcs_ref_set(v, MAIN_REF, &head, &commit, STR("late"), &e));
    vcs_close(v);
    assert_false(is_current(r));
}

static void a_dead_writers_mark_leads_recovery_to_the_repository(void **state)
{
    (void)state;
    struct err e;
    int pipe_fd[2];
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    pid_t pid = other_process(r.id, pipe_fd, false);
    end_process(pid, pipe_fd[1]);
    move_main_behind_the_index(&r);
    touch(in_home("repos/%lld/refs/heads/main.lock", (long long)r.id)); /* of a git process that died, too */
    assert_int_equal(fsck(false).problems, 0);
    assert_told("the next writer or start mends it");
    usleep(20000); /* what is stale is older than now */
    must_ok(hub_recover(fx.h, &e));
    assert_true(is_current(&r));
    assert_int_not_equal(access(in_home("locks/%lld", (long long)r.id), F_OK), 0);
    assert_int_not_equal(access(in_home("repos/%lld/refs/heads/main.lock", (long long)r.id), F_OK), 0);
    assert_healthy();
}

static void the_next_writer_mends_what_the_last_one_left(void **state)
{
    (void)state;
    struct err e;
    struct repo_lock *lock;
    struct commit_result done;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    touch(in_home("locks/%lld", (long long)r.id));
    move_main_behind_the_index(&r);
    must_ok(repo_lock(fx.h, r.id, &lock, &e));
    assert_true(is_current(&r));
    repo_unlock(fx.h, lock);
    /* Without a mark (somebody used git on the folder): the next commit does it. */
    must_ok(commit_one(&r, ALICE, "main", "late.txt", "even later", NULL, false, &done, &e));
    move_main_behind_the_index(&r);
    must_ok(commit_one(&r, ALICE, "main", "x", "y", NULL, false, &done, &e));
    assert_true(is_current(&r));
    assert_healthy();
}

static void folders_without_rows_go_and_rows_to_remove_too(void **state)
{
    (void)state;
    struct err e;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE), gone = repo_named(&fx.user[ALICE], "gone", false, ALICE);
    /* A creation that died before its row, and a deletion that died before its folder. */
    must_ok(os_mkdirs(in_home("repos/777/refs"), &e));
    touch(in_home("locks/777"));
    sql_run("INSERT INTO repo_to_remove VALUES (2, 1)");
    sql_run("DELETE FROM repo WHERE id = 2");
    assert_int_equal(gone.id, 2);
    must_ok(os_mkdirs(in_home("tmp/repos/half"), &e));
    touch(in_home("tmp/cas/part"));
    assert_int_equal(fsck(false).strays, 2);
    must_ok(hub_recover(fx.h, &e));
    assert_int_not_equal(access(in_home("repos/777"), F_OK), 0);
    assert_int_not_equal(access(in_home("repos/2"), F_OK), 0);
    assert_int_not_equal(access(in_home("tmp/repos/half"), F_OK), 0);
    assert_int_not_equal(access(in_home("tmp/cas/part"), F_OK), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM repo_to_remove"), 0);
    assert_int_equal(access(in_home("repos/%lld", (long long)r.id), F_OK), 0);
    assert_int_equal(fsck(true).strays, 0);
    assert_healthy();
}

static void what_others_have_under_tmp_stays(void **state)
{
    (void)state;
    struct err e;
    struct hub *other;
    must_ok(hub_open(fx.dir, &other, &e));
    must_ok(os_mkdirs(in_home("tmp/repos/theirs"), &e));
    must_ok(hub_recover(fx.h, &e));
    assert_int_equal(access(in_home("tmp/repos/theirs"), F_OK), 0);
    hub_close(other);
    must_ok(hub_recover(fx.h, &e));
    assert_int_not_equal(access(in_home("tmp/repos/theirs"), F_OK), 0);
}

/* ------------------------------------------------------------------ kill -9, at any moment */

/* In a process of its own: creates, commits, branches, pull requests, deletions, and a byte to the pipe for each
 * commit that was acknowledged. */
static void work_until_killed(const char *dir, int to_parent, int round)
{
    struct err e;
    struct repo r, gone;
    struct commit_result done;
    char name[32];
    if (!hub_open(dir, &fx.h, &e) || !hub_recover(fx.h, &e)) _exit(2);
    struct repo_create q = { .kind = REPO_MODEL, .owner = &fx.user[BOB], .creator_id = fx.user[BOB].id };
    struct db_conn *c = db_reader(hub_db(fx.h));
    if (!repo_get(c, 1, &r, fx.a, &e)) _exit(3);
    db_give(hub_db(fx.h), c);
    const char *what = "";
    for (int i = 0;; i++) {
        snprintf(name, sizeof name, "f%d-%d", round, i);
        q.name = str_c(name);
        if (what = "commit", !commit_one(&r, ALICE, "main", name, name, NULL, false, &done, &e)) break;
        if (what = "pipe", write(to_parent, name, strlen(name) + 1) < 0) break;
        if (what = "pull request", !commit_one(&r, BOB, "main", name, "pull", NULL, true, &done, &e)) break;
        if (what = "branch", !branch_create(fx.h, &r, str_c(name), (str){ 0 }, true, false, &fx.id[ALICE], &e)) break;
        if (what = "create", !repo_create(fx.h, &q, &gone, fx.a, &e)) break;
        if (what = "delete", !repo_delete(fx.h, &gone, NULL, &e)) break;
    }
    fprintf(stderr, "%s: %s\n", what, e.msg);
    _exit(4);
}

static void what_was_acknowledged_survives_a_kill(void **state)
{
    (void)state;
    enum { ROUNDS = 8 };
    struct err e;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    for (int round = 0; round < ROUNDS; round++) {
        int fd[2], status;
        char names[8192];
        size_t n = 0;
        hub_close(fx.h); /* a database must not be carried over a fork */
        fx.h = NULL;
        assert_int_equal(pipe(fd), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            close(fd[0]);
            work_until_killed(fx.dir, fd[1], round);
        }
        close(fd[1]);
        usleep((useconds_t)(60000 + random_u64() % 240000));
        kill(pid, SIGKILL);
        for (ssize_t got; n < sizeof names && (got = read(fd[0], names + n, sizeof names - n)) > 0;) n += (size_t)got;
        close(fd[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status)) fail_msg("round %d: the worker gave up at %d", round, WEXITSTATUS(status));
        must_ok(hub_open(fx.dir, &fx.h, &e));
        must_ok(hub_recover(fx.h, &e));
        assert_int_equal(fsck(true).problems, 0);
        for (size_t at = 0; at < n; at += strlen(names + at) + 1)
            assert_str(file_at(&r, "main", names + at), str_c(names + at));
        assert_int_equal(sql_int("SELECT count(*) FROM repo_to_remove"), 0);
        assert_int_equal(fsck(false).strays, 0);
    }
}

/* A disk that is full from the n-th write on, for every n: the step fails as "no space" or succeeds, and either
 * way everything agrees. */
enum step { CREATE, COMMIT, LARGE, BRANCH, PULL_REQUEST, DELETE, STEPS };

static bool take_step(enum step s, struct repo *r, const struct sha256 *sha, struct err *e)
{
    struct commit_result done;
    struct repo_create q = { .kind = REPO_MODEL, .owner = &fx.user[ALICE], .name = STR("new"), .creator_id = fx.user[ALICE].id };
    switch (s) {
    case CREATE: return repo_create(fx.h, &q, r, fx.a, e);
    case COMMIT: return commit_one(r, ALICE, "main", "a.txt", "a", NULL, false, &done, e);
    case LARGE: return put_weights(r, "odd.weights", sha, e);
    case BRANCH: return branch_create(fx.h, r, STR("side"), (str){ 0 }, true, false, &fx.id[ALICE], e);
    case PULL_REQUEST: return commit_one(r, BOB, "main", "a.txt", "b", NULL, true, &done, e);
    case DELETE: return repo_delete(fx.h, r, &fx.id[ALICE], e);
    case STEPS: break;
    }
    return false;
}

static void a_full_disk_leaves_nothing_half_done(void **state)
{
    (void)state;
    struct err e;
    struct repo r = { 0 };
    struct sha256 sha = upload(NULL, "weights");
    for (enum step s = CREATE; s < STEPS; s++) {
        bool ok = false;
        for (uint64_t n = 1; !ok; n++) {
            if (n > 200) fail_msg("step %d never succeeds: %s", (int)s, e.msg);
            os_fault_after(n, ENOSPC, true);
            ok = take_step(s, &r, &sha, &e);
            os_fault_after(0, 0, false);
            if (!ok && e.code != ERR_NO_SPACE) fail_msg("step %d, write %d: code %d: %s", (int)s, (int)n, (int)e.code, e.msg);
            must_ok(hub_recover(fx.h, &e));
            if (n % 3 == 0 || ok) assert_healthy(); /* git fsck takes its time */
        }
        if (s == CREATE) must_ok(large_file_register(fx.h, r.id, fx.user[ALICE].id, &(struct cas_object){ sha, 7, 0 }, &e));
    }
    assert_int_equal(sql_int("SELECT count(*) FROM repo"), 0);
    assert_int_equal(fsck(true).strays, 0);
}

/* ------------------------------------------------------------------ fsck finds what was damaged */

static const char *only_file(const char *below, const char *name)
{
    char command[300], path[400] = "";
    snprintf(command, sizeof command, "find %s/%s -type f -name '%s' | head -n 1", fx.dir, below, name);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    if (!fgets(path, sizeof path, p)) path[0] = 0;
    pclose(p);
    path[strcspn(path, "\n")] = 0;
    if (!path[0]) fail_msg("no %s below %s", name, below);
    return arena_dup(fx.a, str_c(path)).p;
}

static void flip_byte(const char *path, off_t at)
{
    char c;
    assert_int_equal(chmod(path, 0600), 0);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &c, 1, at), 1);
    c = (char)(c ^ 0x40);
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
    close(fd);
}

static void damage_is_found_and_named(void **state)
{
    (void)state;
    struct err e;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE), second = repo_named(&fx.user[ALICE], "second", false, ALICE);
    struct sha256 sha = upload(&r, "the weights of a model");
    must_ok(put_weights(&r, "m.bin", &sha, &e));
    assert_healthy();

    const char *blob = only_file("cas", "*");
    flip_byte(blob, 3);
    assert_int_equal(fsck(false).problems, 0); /* the size is right */
    assert_int_equal(fsck(true).problems, 1);
    assert_told("is damaged");
    flip_byte(blob, 3);

    sql_run("DELETE FROM repo_large_file");
    assert_int_equal(fsck(false).problems, 1);
    assert_told("not in the register");
    struct gc_options o = { .grace_ms = 3600 * 1000, .xorb_grace_ms = 3600 * 1000 };
    struct gc_result g;
    must_ok(hub_gc(fx.h, &o, &report, &g, &e)); /* what a commit names gets its row back */
    assert_healthy();

    must_ok(os_rename(blob, in_home("tmp/kept"), &e));
    assert_int_equal(fsck(false).problems, 1);
    assert_told("its blob is missing");
    must_ok(os_rename(in_home("tmp/kept"), blob, &e));
    sql_run("DELETE FROM cas_object");
    assert_true(fsck(false).problems == 1);
    assert_told("is not stored");
    must_ok(repo_delete(fx.h, &r, NULL, &e));
    assert_healthy();

    move_main_behind_the_index(&second);
    assert_int_equal(fsck(false).problems, 1);
    assert_told("hearth reindex mends it");
    uint64_t done;
    must_ok(hub_reindex(fx.h, STR("alice/second"), &report, &done, &e));
    assert_int_equal(done, 1);
    assert_healthy();
    must_refuse(hub_reindex(fx.h, STR("alice/third"), &report, &done, &e), ERR_NOT_FOUND, "alice/third");
    must_ok(hub_reindex(fx.h, (str){ 0 }, &report, &done, &e));
    assert_int_equal(done, 1);

    flip_byte(only_file("repos/2", "*.pack"), 30);
    assert_true(fsck(false).problems > 0);
    assert_told("git: ");
    must_ok(os_rename(in_home("repos/2"), in_home("repos/away"), &e));
    assert_int_equal(fsck(false).problems, 1);
    assert_told("its folder is missing");
}

/* ------------------------------------------------------------------ collection */

static struct gc_result gc(int64_t grace_ms, bool dry)
{
    struct err e;
    struct gc_result out;
    struct gc_options o = { .grace_ms = grace_ms, .xorb_grace_ms = grace_ms, .dry_run = dry };
    buf_reset(&told);
    must_ok(hub_gc(fx.h, &o, &report, &out, &e));
    return out;
}

static void make_blobs_old(void)
{
    char command[200];
    snprintf(command, sizeof command, "find %s/cas -type f -exec touch -d '2 hours ago' {} +", fx.dir);
    assert_int_equal(system(command), 0);
}

static void only_what_nothing_names_is_collected(void **state)
{
    (void)state;
    struct err e;
    struct commit_result done;
    struct gc_result g;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE), other = repo_named(&fx.user[BOB], "o", false, BOB);
    struct sha256 named = upload(&r, "named"), past = upload(&r, "in the past"), unnamed = upload(&r, "unnamed!"), pulled = upload(&r, "in a pull request");
    upload(NULL, "never registered");
    must_ok(put_weights(&r, "named.bin", &named, &e));
    must_ok(put_weights(&r, "past.bin", &past, &e));
    must_ok(commit_one(&r, ALICE, "main", "past.bin", "text", NULL, false, &done, &e)); /* history still names it */
    struct commit *c;
    must_ok(commit_begin(fx.h, &r, &fx.id[BOB], STR("main"), true, &c, &e));
    must_ok(commit_header(c, STR("pull"), STR(""), STR(""), &e));
    must_ok(commit_put_large(c, STR("pulled.bin"), &pulled, NULL, &e));
    must_ok(commit_finish(c, &done, fx.a, &e));
    upload(&other, "unnamed!"); /* neither names it */

    g = gc(3600 * 1000, false); /* all of it is young */
    assert_int_equal(g.objects_removed, 0);
    sql_run("UPDATE cas_object SET touched_ms = 1");
    sql_run("UPDATE repo_large_file SET pushed_ms = 1 WHERE repo_id = 1");
    make_blobs_old();
    g = gc(1000, true); /* the other repository's row is young: it keeps the object */
    assert_int_equal(g.objects_removed, 1);
    sql_run("UPDATE repo_large_file SET pushed_ms = 1");
    g = gc(1000, true);
    assert_int_equal(g.objects_removed, 2);
    assert_int_equal(g.bytes_removed, 16 + 8);
    assert_told("no commit names it");
    assert_told("would remove");
    assert_int_equal(sql_int("SELECT count(*) FROM cas_object"), 5);
    assert_int_equal(sql_int("SELECT count(*) FROM repo_large_file"), 5);
    g = gc(1000, false);
    assert_int_equal(g.objects_removed, 2);
    assert_int_equal(sql_int("SELECT count(*) FROM cas_object"), 3);
    assert_int_equal(sql_int("SELECT count(*) FROM repo_large_file"), 3);
    assert_healthy();
    struct err why;
    assert_false(put_weights(&r, "x.bin", &unnamed, &why));
    assert_int_equal(why.code, ERR_INVALID);

    /* A folder that no row leads to, and what goes with its repository. */
    must_ok(os_mkdirs(in_home("repos/777"), &e));
    must_ok(repo_delete(fx.h, &r, NULL, &e));
    g = gc(1000, true);
    assert_int_equal(g.repos_removed, 1);
    assert_int_equal(access(in_home("repos/777"), F_OK), 0);
    g = gc(1000, false);
    assert_int_equal(g.repos_removed, 1);
    assert_int_equal(g.objects_removed, 3);
    assert_int_not_equal(access(in_home("repos/777"), F_OK), 0);
    assert_int_equal(fsck(true).strays, 0);
    assert_healthy();
}

static bool delete_it(void *ctx)
{
    struct err e;
    struct repo *r = ctx;
    if (r->id) must_ok(repo_delete(fx.h, r, NULL, &e));
    r->id = 0;
    return false;
}

static void a_repository_that_is_deleted_meanwhile_does_not_stop_collection(void **state)
{
    (void)state;
    struct err e;
    struct gc_result out;
    struct repo r = repo_named(&fx.user[ALICE], "going", false, ALICE);
    struct gc_options o = { .stops = delete_it, .stops_ctx = &r }; /* asked after its row was read */
    must_ok(hub_gc(fx.h, &o, &report, &out, &e));
    assert_int_equal(r.id, 0);
}

static void a_repository_that_cannot_be_read_stops_collection(void **state)
{
    (void)state;
    struct err e;
    struct gc_result g;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct sha256 sha = upload(&r, "precious");
    must_ok(put_weights(&r, "m.bin", &sha, &e));
    sql_run("UPDATE cas_object SET touched_ms = 1");
    sql_run("UPDATE repo_large_file SET pushed_ms = 1");
    must_ok(os_rename(in_home("repos/1"), in_home("repos/away"), &e));
    struct gc_options o = { .grace_ms = 1000, .xorb_grace_ms = 1000 };
    must_refuse(hub_gc(fx.h, &o, &report, &g, &e), e.code, "nothing was removed from the store");
    assert_int_equal(sql_int("SELECT count(*) FROM cas_object"), 1);
}

/* ------------------------------------------------------------------ many files */

static int packs_of(const struct repo *r)
{
    char command[200];
    int n = -1;
    snprintf(command, sizeof command, "ls %s/repos/%lld/objects/pack | grep -c 'pack$'", fx.dir, (long long)r->id);
    FILE *p = popen(command, "r");
    assert_non_null(p);
    assert_int_equal(fscanf(p, "%d", &n), 1);
    pclose(p);
    return n;
}

static void become_one(const char *name, bool (*by)(struct hub *h, struct err *e))
{
    struct err e;
    struct commit *c;
    struct commit_result done;
    struct repo r = repo_named(&fx.user[ALICE], name, false, ALICE);
    for (int i = 0; i < 30; i++) must_ok(commit_one(&r, ALICE, "main", "a.txt", arena_fmt(fx.a, "%d", i).p, NULL, false, &done, &e));
    must_ok(by(fx.h, &e));
    assert_int_equal(packs_of(&r), 31); /* not worth it yet */
    must_ok(commit_begin(fx.h, &r, &fx.id[ALICE], STR("main"), false, &c, &e));
    must_ok(commit_header(c, STR("slow"), STR(""), STR(""), &e));
    must_ok(commit_put_file(c, STR("b.txt"), bytes_of(STR("b")), &e));
    for (int i = 0; i < 30; i++) must_ok(commit_one(&r, ALICE, "main", "a.txt", arena_fmt(fx.a, "x%d", i).p, NULL, false, &done, &e));
    must_ok(by(fx.h, &e));
    assert_int_equal(packs_of(&r), 1);
    must_ok(commit_copy(c, STR("a.txt"), STR("c.txt"), false, &e)); /* from a pack that was not there when the commit began */
    must_ok(commit_finish(c, &done, fx.a, &e));
    assert_str(file_at(&r, "main", "a.txt"), STR("x29"));
    assert_str(file_at(&r, "main", "b.txt"), STR("b"));
    assert_str(file_at(&r, "main", "c.txt"), STR("x29"));
    assert_healthy();
}

static void many_small_packs_become_one_while_a_commit_is_under_way(void **state)
{
    (void)state;
    become_one("r", hub_maintain);
    become_one("soon", hub_gather_packs);
}

static void many_refs_are_packed_and_stay(void **state)
{
    (void)state;
    enum { BRANCHES = 105 };
    struct err e;
    struct vcs_ref *before, *after;
    struct vcs_repo *v;
    size_t n, n_after;
    bool yes;
    struct commit_result done;
    struct vcs_oid none = { { 0 } };
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    must_ok(commit_one(&r, ALICE, "main", "a.txt", "1", NULL, false, &done, &e));
    must_ok(hub_repo_open(fx.h, r.id, &v, &e));
    for (int i = 0; i < BRANCHES; i++)
        must_ok(vcs_ref_set(v, arena_fmt(fx.a, "refs/heads/of/%d/b", i), &none, &done.commit, STR("for a test"), &e));
    must_ok(vcs_refs(v, fx.a, &before, &n, &e));
    assert_int_equal(n, BRANCHES + 1);
    must_ok(commit_one(&r, ALICE, "main", "a.txt", "2", NULL, false, &done, &e)); /* brings the repository to maintenance's mind */
    must_ok(vcs_wants_packed_refs(in_home("repos/1"), &yes, &e));
    assert_true(yes);
    must_ok(hub_maintain(fx.h, &e));
    must_ok(vcs_wants_packed_refs(in_home("repos/1"), &yes, &e));
    assert_false(yes);
    must_ok(vcs_refs(v, fx.a, &after, &n_after, &e)); /* with a handle that was open */
    assert_int_equal(n_after, n);
    for (size_t i = 0; i < n; i++) assert_str(after[i].name, before[i].name);
    must_ok(vcs_ref_set(v, STR("refs/heads/of/7/b"), NULL, &none, STR("for a test"), &e)); /* from the pack, too */
    must_ok(vcs_refs(v, fx.a, &after, &n_after, &e));
    assert_int_equal(n_after, n - 1);
    must_ok(hub_reindex(fx.h, (str){ 0 }, &report, &(uint64_t){ 0 }, &e));
    vcs_close(v);
    assert_healthy();
}

static void a_large_commit_stays_small_in_memory_and_time(void **state)
{
    (void)state;
    enum { FILES = 20000 };
    struct err e;
    struct commit *c;
    struct commit_result done;
    struct repo r = repo_named(&fx.user[ALICE], "r", false, ALICE);
    struct sha256 sha = upload(&r, "weights");
    must_ok(commit_begin(fx.h, &r, &fx.id[ALICE], STR("main"), false, &c, &e));
    must_ok(commit_header(c, STR("many"), STR(""), STR(""), &e));
    for (int i = 0; i < FILES; i++) {
        char path[64];
        snprintf(path, sizeof path, "d%d/f%d.txt", i / 100, i);
        must_ok(commit_put_file(c, str_c(path), bytes_of(str_c(path)), &e));
    }
    for (int i = 0; i < 100; i++) {
        char path[64];
        snprintf(path, sizeof path, "w/%d.weights", i);
        must_ok(commit_put_large(c, str_c(path), &sha, NULL, &e));
    }
    must_ok(commit_finish(c, &done, fx.a, &e));
    assert_str(file_at(&r, "main", "d199/f19999.txt"), STR("d199/f19999.txt"));
    assert_int_equal(sql_int("SELECT files_count FROM repo_index"), FILES + 100 + 1);
    must_ok(commit_begin(fx.h, &r, &fx.id[ALICE], STR("main"), false, &c, &e));
    must_ok(commit_header(c, STR("fewer"), STR(""), STR(""), &e));
    for (int i = 0; i < 200; i++) {
        char path[64];
        snprintf(path, sizeof path, "d%d", i);
        must_ok(commit_delete(c, str_c(path), VCS_REMOVE_ANY, &e));
    }
    must_ok(commit_finish(c, &done, fx.a, &e));
    assert_int_equal(sql_int("SELECT files_count FROM repo_index"), 101);
}

int main(void)
{
#define IN_HOME(name) cmocka_unit_test_setup_teardown(name, home_new, told_end)
    const struct CMUnitTest tests[] = {
        IN_HOME(writers_of_a_branch_take_turns_and_lose_nothing),
        IN_HOME(a_check_beside_writers_finds_nothing),
        IN_HOME(a_lock_that_stays_taken_is_busy_not_forever),
        IN_HOME(the_lock_holds_across_processes),
        IN_HOME(a_dead_writers_mark_leads_recovery_to_the_repository),
        IN_HOME(the_next_writer_mends_what_the_last_one_left),
        IN_HOME(folders_without_rows_go_and_rows_to_remove_too),
        IN_HOME(what_others_have_under_tmp_stays),
        IN_HOME(what_was_acknowledged_survives_a_kill),
        IN_HOME(a_full_disk_leaves_nothing_half_done),
        IN_HOME(damage_is_found_and_named),
        IN_HOME(only_what_nothing_names_is_collected),
        IN_HOME(a_repository_that_is_deleted_meanwhile_does_not_stop_collection),
        IN_HOME(a_repository_that_cannot_be_read_stops_collection),
        IN_HOME(many_refs_are_packed_and_stay),
        IN_HOME(many_small_packs_become_one_while_a_commit_is_under_way),
        IN_HOME(a_large_commit_stays_small_in_memory_and_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
