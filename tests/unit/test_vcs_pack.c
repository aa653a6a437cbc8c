/* Unit tests of src/vcs: the pack service, driven as the HTTP layer drives it. */
#include "vcs_help.h"

#include <glob.h>
#include <pthread.h>

#include "vcs/pack.h"
#include "vcs/pktline.h"

static const char zeros[] = "0000000000000000000000000000000000000000";

/* ------------------------------------------------------------------ a client made of buffers */

struct client {
    str input;
    size_t piece;          /* how much one read hands out */
    struct buf output;
    bool read_fails, write_fails;
};

static bool client_read(void *ctx, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    struct client *c = ctx;
    if (c->input.n == 0 && c->read_fails) return err_set(e, ERR_CLOSED, "the client went away");
    *got = c->input.n < n ? c->input.n : n;
    if (*got > c->piece) *got = c->piece;
    memcpy(out, c->input.p ? c->input.p : "", *got);
    c->input = str_from(c->input, *got);
    return true;
}

static bool client_write(void *ctx, bytes b, struct err *e)
{
    struct client *c = ctx;
    if (c->write_fails) return err_set(e, ERR_CLOSED, "the client went away");
    buf_add(&c->output, str_of(b));
    return true;
}

struct judge {
    bool accept, index_fails;
    int checks, accepted;
    char quarantine[200];
    struct buf commands;
    struct vcs_oid must_see; /* unless zero: has to be in quarantine, and must not be in the repository */
    bool saw;
};

static bool judge_check(void *ctx, str commands, const char *quarantine_dir, struct buf *message)
{
    struct judge *j = ctx;
    struct err e;
    j->checks++;
    snprintf(j->quarantine, sizeof j->quarantine, "%s", quarantine_dir);
    buf_add(&j->commands, commands);
    if (!vcs_oid_is_zero(&j->must_see)) {
        struct vcs_repo *r;
        struct vcs_commit c;
        bool inside = false, outside = true;
        if (vcs_open_quarantined(fx.path, quarantine_dir, &r, &e)) {
            (void)vcs_commit_read(r, &j->must_see, &c, &inside, fx.a, &e);
            vcs_close(r);
        }
        if (vcs_open(fx.path, &r, &e)) {
            (void)vcs_commit_read(r, &j->must_see, &c, &outside, fx.a, &e);
            vcs_close(r);
        }
        j->saw = inside && !outside;
    }
    buf_add(message, j->accept ? STR("welcome") : STR("too large: use LFS"));
    return j->accept;
}

static bool judge_accepted(void *ctx, struct err *e)
{
    struct judge *j = ctx;
    j->accepted++;
    return !j->index_fails || err_set(e, ERR_IO, "the index is broken");
}

static bool serve(enum vcs_service s, const char *protocol, str input, struct judge *j, struct client *c, struct err *e)
{
    static const str hidden[] = { STR_INIT("refs/internal/") };
    struct vcs_pack_request q = { .repo_path = fx.path, .service = s, .protocol = str_c(protocol), .hidden_refs = hidden,
                                  .hidden_refs_count = 1, .input_bytes_max = 1 << 20, .idle_timeout_ms = 20000 };
    c->input = input;
    if (!c->piece) c->piece = 1000;
    struct vcs_pack_io io = { client_read, client_write, c };
    struct vcs_push_hooks hooks = { judge_check, judge_accepted, j };
    return vcs_pack_serve(&q, &io, j ? &hooks : NULL, e);
}

static str advertise(enum vcs_service s, const char *protocol)
{
    static const str hidden[] = { STR_INIT("refs/internal") };
    struct vcs_pack_request q = { .repo_path = fx.path, .service = s, .protocol = str_c(protocol), .hidden_refs = hidden,
                                  .hidden_refs_count = 1 };
    struct buf out = BUF_INIT(0);
    struct err e;
    must_ok(vcs_pack_advertise(&q, &out, &e));
    str text = arena_dup(fx.a, buf_str(&out));
    buf_deinit(&out);
    return text;
}

static void an_advertisement_that_does_not_fit_is_none(void **state)
{
    (void)state;
    struct err e;
    for (size_t max = 10; max <= 35; max += 25) { /* in the prelude, and behind it */
        struct vcs_pack_request q = { .repo_path = fx.path, .service = VCS_UPLOAD_PACK };
        struct buf out = BUF_INIT(max);
        assert_false(vcs_pack_advertise(&q, &out, &e));
        assert_int_equal(e.code, ERR_TOO_LARGE);
        buf_deinit(&out);
    }
}

static bool has(str text, const char *what)
{
    return str_find(text, str_c(what)) != STR_NONE;
}

static struct vcs_oid put(const struct vcs_oid *base, const char *path, const char *text)
{
    struct vcs_edit edit = { .kind = VCS_PUT, .path = str_c(path), .oid = blob(text) };
    return commit(base, &edit, 1);
}

/* ------------------------------------------------------------------ advertisement */

static void advertisements_name_the_service_and_hide_refs(void **state)
{
    (void)state;
    assert_true(has(advertise(VCS_RECEIVE_PACK, ""), "capabilities^{}"));
    assert_true(has(advertise(VCS_UPLOAD_PACK, "version=2"), "unborn"));
    struct vcs_oid one = put(NULL, "a", "1");
    set_ref("refs/heads/main", one);
    set_ref("refs/internal/x", one);
    str v0 = advertise(VCS_UPLOAD_PACK, "");
    assert_true(str_starts(v0, STR("001e# service=git-upload-pack\n0000")));
    assert_true(has(v0, "refs/heads/main") && !has(v0, "refs/internal"));
    assert_true(has(v0, " filter") && !has(v0, "allow-reachable-sha1-in-want"));
    str v2 = advertise(VCS_UPLOAD_PACK, "version=2");
    assert_true(str_starts(v2, STR("000eversion 2\n")) && str_ends(v2, STR("0000")));
    assert_true(has(v2, "fetch=") && !has(v2, "object-info"));
    assert_true(str_starts(advertise(VCS_UPLOAD_PACK, "version=1:x"), STR("001e# service=git-upload-pack\n0000000eversion 1")));
    str push = advertise(VCS_RECEIVE_PACK, "version=2"); /* pushes have no version 2 */
    assert_true(str_starts(push, STR("001f# service=git-receive-pack\n0000")));
    assert_true(has(push, "report-status") && !has(push, "refs/internal"));
    struct err e;
    struct buf out = BUF_INIT(0);
    struct vcs_pack_request q = { .repo_path = "/nonexistent/r.git", .service = VCS_UPLOAD_PACK };
    assert_false(vcs_pack_advertise(&q, &out, &e));
}

/* ------------------------------------------------------------------ fetch */

static void request_add(struct buf *b, const char *line)
{
    pkt_add(b, str_c(line));
}

static str fetch(const struct vcs_oid *want, size_t n, const char *extra)
{
    struct buf q = BUF_INIT(0);
    struct client c = { 0 };
    struct err e;
    request_add(&q, "command=fetch");
    request_add(&q, "object-format=sha1");
    buf_lit(&q, "0001");
    if (extra) request_add(&q, extra);
    for (size_t i = 0; i < n; i++) request_add(&q, arena_cstr(fx.a, arena_fmt(fx.a, "want %s\n", hex(&want[i]))));
    request_add(&q, "done\n");
    pkt_flush(&q);
    must_ok(serve(VCS_UPLOAD_PACK, "version=2", buf_str(&q), NULL, &c, &e));
    str out = arena_dup(fx.a, buf_str(&c.output));
    buf_deinit(&q);
    buf_deinit(&c.output);
    return out;
}

/* Takes the pack out of the side band and lets git look at it: the number of objects. */
static int objects_in(str answer)
{
    struct buf pack = BUF_INIT(0);
    str payload;
    enum pkt_kind kind;
    while ((kind = pkt_next(&answer, &payload)) != PKT_END && kind != PKT_BAD)
        if (kind == PKT_DATA && payload.n > 1 && payload.p[0] == 1) buf_add(&pack, str_from(payload, 1));
    assert_int_equal(kind, PKT_END);
    struct err e;
    char path[128];
    snprintf(path, sizeof path, "%s/got.pack", fx.dir);
    must_ok(os_write_file(fx.dir, path, bytes_of(buf_str(&pack)), &e));
    buf_deinit(&pack);
    str list = shell("rm -f got.idx; git index-pack -o got.idx got.pack >/dev/null && git show-index <got.idx | wc -l");
    uint64_t n;
    assert_true(str_u64(str_trim(list), &n));
    return (int)n;
}

static void fetches_serve_what_refs_lead_to_and_nothing_else(void **state)
{
    (void)state;
    struct err e;
    struct vcs_oid one = put(NULL, "a", "1"), two = put(&one, "d/b", "2"), lost = put(&one, "secret", "hidden"),
                   internal = put(&one, "c", "3"), none = { { 7 } };
    set_ref("refs/heads/main", two);
    set_ref("refs/internal/x", internal);
    struct vcs_oid tag;
    must_ok(vcs_oid_parse(str_trim(shell("git -C r.git -c user.name=a -c user.email=a tag -a -m m v1 %s && "
                                         "git -C r.git rev-parse v1", hex(&one))), &tag) || err_set(&e, ERR_IO, "tag"));
    struct vcs_entry b, d, secret;
    bool found;
    must_ok(vcs_entry_find(fx.repo, &two, STR("d/b"), &b, &found, fx.a, &e));
    must_ok(vcs_entry_find(fx.repo, &two, STR("d"), &d, &found, fx.a, &e));
    must_ok(vcs_entry_find(fx.repo, &lost, STR("secret"), &secret, &found, fx.a, &e));

    assert_int_equal(objects_in(fetch(&two, 1, NULL)), 7);
    assert_int_equal(objects_in(fetch(&one, 1, NULL)), 3);  /* an ancestor */
    assert_int_equal(objects_in(fetch(&tag, 1, NULL)), 4);
    assert_int_equal(objects_in(fetch(&b.oid, 1, NULL)), 1); /* as partial clones do */
    assert_int_equal(objects_in(fetch(&d.oid, 1, NULL)), 2);
    assert_int_equal(objects_in(fetch(&two, 1, "filter blob:none")), 5);
    assert_int_equal(objects_in(fetch(&two, 1, "deepen 1")), 5);

    const struct vcs_oid *refused[] = { &lost, &internal, &secret.oid, &none };
    for (size_t i = 0; i < COUNT(refused); i++) {
        str answer = fetch(refused[i], 1, NULL), want = arena_fmt(fx.a, "ERR upload-pack: not our ref %s", hex(refused[i]));
        if (!has(answer, want.p) || has(answer, "PACK")) fail_msg("case %zu: %.*s", i, STR_ARG(answer));
    }
    struct vcs_oid mixed[] = { two, secret.oid };
    assert_false(has(fetch(mixed, 2, NULL), "PACK"));
    set_ref("refs/heads/main", one); /* what a forced update hides stays hidden */
    assert_false(has(fetch(&two, 1, NULL), "PACK"));
    str has_two = arena_fmt(fx.a, "shallow %s\n", hex(&two)); /* and is no reason to refuse whoever has it */
    assert_int_equal(objects_in(fetch(&one, 1, has_two.p)), 3);
}

static void odd_requests_do_no_harm(void **state)
{
    (void)state;
    struct vcs_oid one = put(NULL, "a", "1"), lost = put(&one, "secret", "hidden"), internal = put(&one, "b", "2"),
                   above = put(&lost, "c", "3"), secret = blob("hidden");
    set_ref("refs/heads/main", one);
    set_ref("refs/internal/x", internal);
    const char *want_one = arena_fmt(fx.a, "0032want %s\n", hex(&one)).p, *shallow = arena_fmt(fx.a, "0035shallow %s\n", hex(&above)).p;
    char upper[41];
    snprintf(upper, sizeof upper, "%s", hex(&lost));
    for (char *p = upper; *p; p++)
        if (*p >= 'a') *p = (char)(*p - 32);
    const struct {
        const char *protocol;
        str input;
        const char *answer; /* contained, or "" for nothing at all */
    } cases[] = {
        { "version=2", STR("0000"), "" },
        { "version=2", STR(""), "" },
        { "", STR("0000"), "" },
        { "version=2", STR("0014command=ls-refs\n0000"), "refs/heads/main" },
        { "version=2", STR("0013command=ls-refs0000"), "refs/heads/main" },
        { "version=2", STR("0017command=object-info0000"), "ERR unknown command" },
        { "version=2", STR("zzzz"), "ERR malformed" },
        { "version=2", STR("0011command=fetch00010009want 0000"), "ERR malformed" },
        { "version=2", STR("0011command=fetch0013command=ls-refs0000"), "ERR malformed" },
        { "version=2", arena_fmt(fx.a, "0011command=fetch00010035want %sxxxx0000", upper), "ERR upload-pack: not our ref" },
        { "version=2:version=1", arena_fmt(fx.a, "0011command=fetch0001%04xwant %s0008done0000", 49, upper),
          "ERR upload-pack: not our ref" },
        { "", arena_fmt(fx.a, "0032want %s\n00000009done\n", hex(&secret)), "not our ref" },
        { "version=1", arena_fmt(fx.a, "%s0032want %s\n00000009done\n", want_one, hex(&secret)), "not our ref" },
        { "", STR("0009want 00000009done\n"), "ERR malformed" },
        /* Asked for all that lies behind shallow commits, git does not look whether they are anybody's. */
        { "", arena_fmt(fx.a, "%s%s0016deepen 2147483647\n00000009done\n", want_one, shallow), "not our ref" },
        { "version=2", arena_fmt(fx.a, "0011command=fetch0001%s%s0015deepen 2147483647%s", want_one, shallow, "0009done\n0000"), "not our ref" },
        { "version=2", arena_fmt(fx.a, "0011command=fetch0001%s%s0015deepen 0x7fffffff%s", want_one, shallow, "0009done\n0000"), "not our ref" },
        { "version=2", arena_fmt(fx.a, "0011command=fetch0001%s%s0015deepen 6442450943%s", want_one, shallow, "0009done\n0000"), "not our ref" },
        { "", arena_fmt(fx.a, "0032want %s\n00000009done\n", hex(&lost)), "not our ref" },
        { "", arena_fmt(fx.a, "0032want %s\n00000009done\n", hex(&internal)), "not our ref" },
        { "version=1", arena_fmt(fx.a, "0032want %s\n00000009done\n", hex(&internal)), "not our ref" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct client c = { 0 };
        struct err e;
        must_ok(serve(VCS_UPLOAD_PACK, cases[i].protocol, cases[i].input, NULL, &c, &e));
        str got = arena_dup(fx.a, buf_str(&c.output));
        buf_deinit(&c.output);
        if (*cases[i].answer ? !has(got, cases[i].answer) : got.n > 0) fail_msg("case %zu: %.*s", i, STR_ARG(got));
        if (has(got, "PACK") || has(got, "refs/internal")) fail_msg("case %zu: %.*s", i, STR_ARG(got));
    }
}

/* A git that waits for what never comes: here, for someone to write into its list of refs. */
static void a_git_that_hangs_is_ended(void **state)
{
    (void)state;
    struct err e;
    struct buf out = BUF_INIT(0);
    struct vcs_pack_request q = { .repo_path = fx.path, .service = VCS_UPLOAD_PACK, .idle_timeout_ms = 300 };
    shell("mkfifo r.git/packed-refs");
    assert_false(vcs_pack_advertise(&q, &out, &e));
    assert_int_equal(e.code, ERR_TIMEOUT);
    assert_int_equal(out.n, 0);
    shell("rm r.git/packed-refs");
    must_ok(vcs_pack_advertise(&q, &out, &e));
    buf_deinit(&out);
}

static void a_large_fetch_passes_through_and_a_lost_client_ends_it(void **state)
{
    (void)state;
    struct err e;
    size_t n = 3 << 20;
    char *noise = mem_alloc(n);
    uint32_t x = 1;
    for (size_t i = 0; i < n; i++) noise[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
    struct vcs_edit edit = { .kind = VCS_PUT, .path = STR("noise") };
    must_ok(vcs_blob_write(fx.repo, bytes_of(str_n(noise, n)), &edit.oid, &e));
    struct vcs_oid c = commit(NULL, &edit, 1);
    mem_free(noise);
    set_ref("refs/heads/main", c);
    assert_int_equal(objects_in(fetch(&c, 1, NULL)), 3);

    str request = arena_fmt(fx.a, "0011command=fetch00010032want %s\n0009done\n0000", hex(&c));
    struct client gone = { .write_fails = true };
    assert_false(serve(VCS_UPLOAD_PACK, "version=2", request, NULL, &gone, &e));
    assert_int_equal(e.code, ERR_CLOSED);
    struct client late = { .read_fails = true };
    assert_false(serve(VCS_UPLOAD_PACK, "version=2", str_to(request, 30), NULL, &late, &e));
    assert_int_equal(e.code, ERR_CLOSED);
}

/* ------------------------------------------------------------------ push */

/* A work tree with a commit on top of what the repository has; its id. */
static str work_commit(const char *file, const char *text)
{
    return arena_dup(fx.a, str_trim(shell("[ -d w ] || { git init -q -b main w; git -C w remote add o ../r.git; }; cd w && "
                          "git fetch -q o && { git reset -q --hard o/main 2>/dev/null || true; } && "
                          "printf %%s '%s' >'%s' && git add . && git -c user.name=a -c user.email=a commit -qm m && "
                          "git rev-parse HEAD", text, file)));
}

static str push_request(const char *old, const char *new_id, const char *ref, bool with_pack)
{
    struct buf q = BUF_INIT(0);
    struct err e;
    char line[300], path[128], *pack;
    size_t n;
    int len = snprintf(line, sizeof line, "%s %s %s%c report-status side-band-64k atomic agent=test", old, new_id, ref, 0);
    pkt_add(&q, str_n(line, (size_t)len));
    pkt_flush(&q);
    if (with_pack) {
        shell("cd w && printf '%%s\\n' %s %s%s | git pack-objects -q --stdout --revs --thin >../push.pack", new_id,
              old[0] == '0' && strcmp(old, zeros) == 0 ? "" : "^", strcmp(old, zeros) == 0 ? "" : old);
        snprintf(path, sizeof path, "%s/push.pack", fx.dir);
        must_ok(os_read_file(path, 64 << 20, &pack, &n, &e));
        buf_add(&q, str_n(pack, n));
        mem_free(pack);
    }
    str out = arena_dup(fx.a, buf_str(&q));
    buf_deinit(&q);
    return out;
}

static str push(str request, struct judge *j)
{
    struct client c = { 0 };
    struct err e;
    must_ok(serve(VCS_RECEIVE_PACK, "", request, j, &c, &e));
    str out = arena_dup(fx.a, buf_str(&c.output));
    buf_deinit(&c.output);
    buf_deinit(&j->commands);
    return out;
}

static str tip(const char *ref)
{
    return str_trim(shell("git -C r.git rev-parse -q --verify %s || true", ref));
}

static void pushes_are_checked_in_quarantine(void **state)
{
    (void)state;
    struct err e;
    str one = work_commit("a", "1");
    struct judge no = { .accept = false };
    must_ok(vcs_oid_parse(one, &no.must_see) || err_set(&e, ERR_IO, "id"));
    str answer = push(push_request(zeros, one.p, "refs/heads/main", true), &no);
    assert_int_equal(no.checks, 1);
    assert_int_equal(no.accepted, 0);
    assert_true(no.saw);
    assert_true(has(answer, "too large: use LFS") && has(answer, "ng refs/heads/main pre-receive hook declined"));
    assert_int_equal(tip("main").n, 0);
    shell("! ls -d r.git/objects/tmp_objdir* 2>/dev/null");
    shell("! git -C r.git cat-file -e %s 2>/dev/null", one.p);

    struct judge yes = { .accept = true };
    struct client c = { 0 };
    must_ok(serve(VCS_RECEIVE_PACK, "", push_request(zeros, one.p, "refs/heads/main", true), &yes, &c, &e));
    assert_str(buf_str(&yes.commands), arena_fmt(fx.a, "%s %s refs/heads/main\n", zeros, one.p));
    assert_true(has(buf_str(&c.output), "welcome") && has(buf_str(&c.output), "ok refs/heads/main"));
    buf_deinit(&c.output);
    buf_deinit(&yes.commands);
    assert_int_equal(yes.accepted, 1);
    assert_str(tip("main"), one);

    str two = work_commit("b", "2");
    struct judge again = { .accept = true };
    answer = push(push_request(one.p, two.p, "refs/heads/main", true), &again);
    assert_true(has(answer, "ok refs/heads/main"));
    assert_str(tip("main"), two);
    struct judge stale = { .accept = true }; /* the old value is no longer true */
    answer = push(push_request(one.p, two.p, "refs/heads/main", true), &stale);
    assert_true(has(answer, "ng refs/heads/main"));
    assert_str(tip("main"), two);
}

static void the_index_decides_what_the_client_hears(void **state)
{
    (void)state;
    str one = work_commit("a", "1");
    struct judge j = { .accept = true, .index_fails = true };
    struct client c = { 0 };
    struct err e;
    assert_false(serve(VCS_RECEIVE_PACK, "", push_request(zeros, one.p, "refs/heads/main", true), &j, &c, &e));
    assert_string_equal(e.msg, "the index is broken");
    assert_int_equal(c.output.n, 0);
    buf_deinit(&j.commands);
}

static void some_pushes_git_refuses_itself(void **state)
{
    (void)state;
    str one = work_commit("a", "1");
    struct judge first = { .accept = true };
    push(push_request(zeros, one.p, "refs/heads/main", true), &first);
    struct judge j = { .accept = true };
    str answer = push(push_request(one.p, zeros, "refs/heads/main", false), &j);
    assert_true(has(answer, "ng refs/heads/main deletion of the current branch prohibited"));
    assert_str(j.quarantine[0] ? STR("some") : STR(""), STR("")); /* nothing was sent */
    assert_str(tip("main"), one);
    answer = push(push_request(zeros, one.p, "refs/internal/x", true), &j);
    assert_true(has(answer, "ng refs/internal/x"));
    push(push_request(zeros, one.p, "refs/heads/side", true), &j);
    assert_str(tip("side"), one);
    push(push_request(one.p, zeros, "refs/heads/side", false), &j);
    assert_int_equal(tip("side").n, 0);

    /* Larger than input_bytes_max, and not compressible. */
    shell("cd w && head -c 3000000 /dev/urandom >big && git add big && git -c user.name=a -c user.email=a commit -qm big");
    str big = arena_dup(fx.a, str_trim(shell("git -C w rev-parse HEAD")));
    j.checks = 0;
    answer = push(push_request(one.p, big.p, "refs/heads/main", true), &j);
    assert_true(has(answer, "pack exceeds maximum allowed size") && has(answer, "ng refs/heads/main"));
    assert_int_equal(j.checks, 0);
    assert_str(tip("main"), one);
}

static void broken_pushes_leave_nothing(void **state)
{
    (void)state;
    str one = work_commit("a", "1"), request = push_request(zeros, one.p, "refs/heads/main", true);
    struct judge j = { .accept = true };
    struct err e;
    struct client cut = { .read_fails = true };
    assert_false(serve(VCS_RECEIVE_PACK, "", str_to(request, request.n - 30), &j, &cut, &e)); /* the client vanished */
    assert_int_equal(e.code, ERR_CLOSED);
    assert_int_equal(cut.output.n, 0);
    char *bad = mem_dup(request);
    bad[request.n - 30] ^= 1;
    str answer = push(str_n(bad, request.n), &j);
    mem_free(bad);
    assert_false(has(answer, "ok refs/heads/main"));
    answer = push(str_to(request, request.n - 30), &j); /* ends early, politely */
    assert_false(has(answer, "ok refs/heads/main"));
    static const str odd[] = { STR_INIT("0000"), STR_INIT(""), STR_INIT("zzzz"), STR_INIT("0010nonsense!!!!0000") };
    for (size_t i = 0; i < COUNT(odd); i++) push(odd[i], &j);
    assert_int_equal(j.checks, 0);
    assert_int_equal(tip("main").n, 0);
    shell("! ls -d r.git/objects/tmp_objdir* 2>/dev/null");
}

struct talker {
    struct client client; /* first: client_write knows it */
    struct judge judge;
};

/* The check runs under a lock that others wait for. */
static bool read_until_checked(void *ctx, uint8_t *out, size_t n, size_t *got, struct err *e)
{
    struct talker *both = ctx;
    if (both->judge.checks > 0) return err_set(e, ERR_INTERNAL, "the client is waited for after the check has begun");
    if (both->client.input.n > 0) return client_read(&both->client, out, n, got, e);
    char pattern[300];
    glob_t arrived;
    snprintf(pattern, sizeof pattern, "%s/objects/tmp_objdir-*/pack/*.idx", fx.path);
    while (glob(pattern, 0, NULL, &arrived) != 0) usleep(1000); /* git would take what comes sooner for a part of the pack */
    globfree(&arrived);
    *out = 'x';
    *got = 1;
    return true;
}

static void who_goes_on_sending_is_not_waited_for(void **state)
{
    (void)state;
    str one = work_commit("a", "1");
    struct talker both = { .judge = { .accept = true } };
    both.client.input = push_request(zeros, one.p, "refs/heads/main", true);
    both.client.piece = 1000;
    struct vcs_pack_request q = { .repo_path = fx.path, .service = VCS_RECEIVE_PACK, .input_bytes_max = 1 << 30, .idle_timeout_ms = 20000 };
    struct vcs_pack_io io = { read_until_checked, client_write, &both };
    struct vcs_push_hooks hooks = { judge_check, judge_accepted, &both.judge };
    struct err e;
    must_ok(vcs_pack_serve(&q, &io, &hooks, &e));
    assert_true(has(buf_str(&both.client.output), "ok refs/heads/main"));
    assert_str(tip("main"), one);
    buf_deinit(&both.client.output);
    buf_deinit(&both.judge.commands);
}

/* Only our server may be asked: a push past it is refused by the hook in the repository. */
static void a_push_past_the_server_is_refused(void **state)
{
    (void)state;
    work_commit("a", "1");
    str answer = shell("cd w && git push o HEAD:refs/heads/main && echo pushed || echo refused");
    assert_true(has(answer, "through its hearth server only") && str_ends(answer, STR("refused\n")));
}

static void *one_push(void *ctx)
{
    struct err e;
    struct client *c = ctx;
    struct judge j = { .accept = true };
    bool ok = serve(VCS_RECEIVE_PACK, "", c->input, &j, c, &e);
    buf_deinit(&j.commands);
    return ok ? ctx : NULL;
}

static void of_two_pushes_at_once_one_wins(void **state)
{
    (void)state;
    str one = work_commit("a", "1");
    struct judge first = { .accept = true };
    push(push_request(zeros, one.p, "refs/heads/main", true), &first);
    struct client c[2] = { 0 };
    pthread_t thread[2];
    for (int i = 0; i < 2; i++) {
        str next = work_commit("a", i ? "left" : "right");
        c[i].input = push_request(one.p, next.p, "refs/heads/main", true);
    }
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&thread[i], NULL, one_push, &c[i]), 0);
    int won = 0;
    for (int i = 0; i < 2; i++) {
        void *ok;
        pthread_join(thread[i], &ok);
        assert_non_null(ok);
        won += has(buf_str(&c[i].output), "ok refs/heads/main");
        buf_deinit(&c[i].output);
    }
    assert_int_equal(won, 1);
    assert_str(str_trim(shell("git -C r.git rev-list --count main")), STR("2"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, fixture_new, fixture_end)
    const struct CMUnitTest tests[] = {
        T(an_advertisement_that_does_not_fit_is_none),
        T(advertisements_name_the_service_and_hide_refs),
        T(fetches_serve_what_refs_lead_to_and_nothing_else),
        T(odd_requests_do_no_harm),
        T(a_git_that_hangs_is_ended),
        T(a_large_fetch_passes_through_and_a_lost_client_ends_it),
        T(pushes_are_checked_in_quarantine),
        T(the_index_decides_what_the_client_hears),
        T(some_pushes_git_refuses_itself),
        T(broken_pushes_leave_nothing),
        T(who_goes_on_sending_is_not_waited_for),
        T(a_push_past_the_server_is_refused),
        T(of_two_pushes_at_once_one_wins),
    };
    return cmocka_run_group_tests_name("vcs_pack", tests, NULL, NULL);
}
