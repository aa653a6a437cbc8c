/* test_index.c - the derived rows: what a commit does to them, facts of real files, listings and their order. */
#include "hub_help.h"

#include "hub/index/index_priv.h"
#include "hub/index/list.h"
#include "hub/index/tag_block.h"

/* ------------------------------------------------------------------ commits of several files */

struct file {
    const char *path, *content; /* content NULL: delete */
    bool is_large;
};

static void commit_files(const struct repo *r, const struct file *file, size_t n)
{
    struct commit_result done;
    struct commit *c;
    struct err e;
    must_ok(commit_begin(fx.h, r, &fx.id[ROOT], STR("main"), false, &c, &e));
    must_ok(commit_header(c, STR("change"), STR(""), STR(""), &e));
    for (size_t i = 0; i < n; i++) {
        str path = str_c(file[i].path);
        if (!file[i].content) {
            must_ok(commit_delete(c, path, VCS_REMOVE_ANY, &e));
        } else if (file[i].is_large) {
            struct sha256 sha = upload(r, file[i].content);
            must_ok(commit_put_large(c, path, &sha, NULL, &e));
        } else {
            must_ok(commit_put_file(c, path, bytes_of(str_c(file[i].content)), &e));
        }
    }
    must_ok(commit_finish(c, &done, fx.a, &e));
}
#define COMMIT(r, ...) \
    commit_files((r), (const struct file[]){ __VA_ARGS__ }, sizeof((const struct file[]){ __VA_ARGS__ }) / sizeof(struct file))

static struct repo_summary summary_of(const struct repo *r)
{
    struct repo_summary s;
    struct err e;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(repo_summary_get(c, r->id, &s, fx.a, &e));
    db_give(hub_db(fx.h), c);
    return s;
}

static bool add_path(void *ctx, const struct repo_file_row *f)
{
    struct buf *b = ctx;
    buf_addf(b, "%s%.*s", b->n ? " " : "", STR_ARG(f->path));
    return true;
}

/* The paths in the index, joined by blanks. */
static str files_of(const struct repo *r)
{
    struct db_conn *c = db_reader(hub_db(fx.h));
    struct buf b = BUF_INIT(0);
    struct err e;
    must_ok(repo_files_each(c, r->id, add_path, &b, &e));
    db_give(hub_db(fx.h), c);
    str out = arena_dup(fx.a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static void assert_current(const struct repo *r)
{
    struct err e;
    bool yes;
    str why;
    must_ok(index_is_current(fx.h, r->id, &yes, &why, fx.a, &e));
    if (!yes) fail_msg("%.*s", STR_ARG(why));
}

/* Everything derived, as text: an update must arrive where a rebuild does. */
static str everything(const struct repo *r)
{
    struct repo_summary s = summary_of(r);
    return arena_fmt(fx.a, "%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%.*s|%lld|%lld|%lld|%lld|%.*s", STR_ARG(s.head_sha),
                     STR_ARG(s.pipeline_tag), STR_ARG(s.library_name), STR_ARG(s.tags), STR_ARG(s.card), STR_ARG(s.config),
                     STR_ARG(s.safetensors), STR_ARG(s.gguf), STR_ARG(s.extra), (long long)s.modified_ms,
                     (long long)s.parameters, (long long)s.used_bytes, (long long)s.files_count, STR_ARG(files_of(r)));
}

static void assert_rebuild_agrees(const struct repo *r)
{
    struct err e;
    str before = everything(r);
    must_ok(index_rebuild(fx.h, r->id, &e));
    assert_str(everything(r), before);
    assert_current(r);
}

#define has(text, part) assert_true(str_find((text), STR(part)) != STR_NONE)
#define lacks(text, part) assert_true(str_find((text), STR(part)) == STR_NONE)

/* ------------------------------------------------------------------ updates */

static void rows_follow_commits(void **state)
{
    struct repo r = repo_named(&fx.user[ALICE], "m", false, ALICE);
    struct repo_summary s;
    (void)state;
    assert_current(&r);
    assert_str(files_of(&r), STR(".gitattributes"));

    COMMIT(&r, { "README.md", "---\nlicense: mit\ntags: [a, b]\n---\nhello", false }, { "d/x.txt", "12345", false },
           { "w.bin", "large", true });
    s = summary_of(&r);
    assert_str(files_of(&r), STR(".gitattributes README.md d/x.txt w.bin"));
    has(s.tags, "license:mit");
    has(s.tags, "\"pytorch\",\"a\",\"b\"");
    assert_int_equal(s.files_count, 4);
    assert_rebuild_agrees(&r);

    COMMIT(&r, { "d/y.dat", "1234567", false }, { "d/x.txt", NULL, false }); /* nothing that matters */
    assert_int_equal(summary_of(&r).used_bytes, s.used_bytes + 2);
    assert_str(files_of(&r), STR(".gitattributes README.md d/y.dat w.bin"));
    assert_true(!str_eq(summary_of(&r).head_sha, s.head_sha));
    assert_rebuild_agrees(&r);

    COMMIT(&r, { "w.bin", NULL, false }, { "d", NULL, false }, { "d", "now a file", false },
           { "README.md", "---\nlicense: apache-2.0\n---\n", false });
    s = summary_of(&r);
    assert_str(files_of(&r), STR(".gitattributes README.md d"));
    lacks(s.tags, "pytorch");
    lacks(s.tags, "license:mit");
    has(s.tags, "license:apache-2.0");
    assert_int_equal(sql_int("SELECT count(*) FROM tag WHERE name IN ('license:mit', 'pytorch', 'a', 'b')"), 0);
    assert_int_equal(sql_int("SELECT repos_count FROM tag WHERE name = 'license:apache-2.0'"), 1);
    assert_rebuild_agrees(&r);
}

static void rows_follow_refs(void **state)
{
    struct repo r = repo_named(&fx.user[ALICE], "m", false, ALICE);
    struct err e;
    (void)state;
    must_ok(branch_create(fx.h, &r, STR("side"), (str){ 0 }, false, false, &fx.id[ALICE], &e));
    must_ok(tag_create(fx.h, &r, STR("v1"), STR("main"), STR("first"), &fx.id[ALICE], &e));
    assert_int_equal(sql_int("SELECT count(*) FROM repo_ref"), 3);
    assert_int_equal(sql_int("SELECT count(*) FROM repo_ref WHERE name = 'refs/tags/v1' AND sha <> commit_sha"), 1);
    must_ok(branch_delete(fx.h, &r, STR("side"), &fx.id[ALICE], &e));
    assert_int_equal(sql_int("SELECT count(*) FROM repo_ref"), 2);
    assert_current(&r);
}

static void a_stale_index_is_seen_and_mended(void **state)
{
    struct repo r = repo_named(&fx.user[ALICE], "m", false, ALICE);
    struct err e;
    bool yes;
    str why, before;
    (void)state;
    COMMIT(&r, { "README.md", "---\nlicense: mit\n---\n", false });
    before = everything(&r);
    sql_run("DELETE FROM repo_ref");
    must_ok(index_is_current(fx.h, r.id, &yes, &why, fx.a, &e));
    assert_false(yes);
    must_ok(index_update(fx.h, r.id, NULL, &e));
    assert_current(&r);
    sql_run("UPDATE repo_index SET head_sha = '0000000000000000000000000000000000000000', tags = '[]'");
    sql_run("DELETE FROM repo_file WHERE path = 'README.md'");
    sql_run("INSERT INTO repo_file (repo_id, path, oid, size_bytes) SELECT id, 'ghost', '00', 5 FROM repo");
    must_ok(index_is_current(fx.h, r.id, &yes, &why, fx.a, &e));
    assert_false(yes);
    must_ok(index_update(fx.h, r.id, NULL, &e)); /* the commit that it knew is gone: the whole tree is compared */
    assert_str(everything(&r), before);
}

static void a_broken_card_leaves_the_last_good_one(void **state)
{
    struct repo r = repo_named(&fx.user[ALICE], "m", false, ALICE);
    struct vcs_repo *v;
    struct vcs_oid blob, commit, head = head_of(&r, "main");
    struct repo_summary s;
    struct err e;
    (void)state;
    COMMIT(&r, { "README.md", "---\nlicense: mit\n---\n", false });
    head = head_of(&r, "main");
    must_ok(hub_repo_open(fx.h, r.id, &v, &e)); /* behind the checks, as an old repository may come in */
    must_ok(vcs_blob_write(v, bytes_of(STR("---\nlicense: [mit\n---\n")), &blob, &e));
    struct vcs_edit edit = { .kind = VCS_PUT, .path = STR("README.md"), .oid = blob };
    struct vcs_person who = { STR("x"), STR("x@x"), 1700000000000 };
    struct vcs_commit_request q = { .base = &head, .parents = &head, .parents_count = 1, .edits = &edit, .edits_count = 1,
                                    .author = who, .committer = who, .message = STR("break it") };
    must_ok(vcs_commit_create(v, &q, &commit, &e));
    must_ok(vcs_ref_set(v, STR("refs/heads/main"), &head, &commit, STR("test"), &e));
    vcs_close(v);
    must_ok(index_update(fx.h, r.id, NULL, &e));
    s = summary_of(&r);
    has(s.card, "\"license\":\"mit\"");
    has(s.extra, "\"cardError\":\"YAML metadata cannot be read: ");
    assert_int_equal(s.modified_ms, 1700000000000);
}

static void large_changes_are_written_in_pieces(void **state)
{
    enum { FILES = 3000 };
    struct repo r = repo_named(&fx.user[ALICE], "m", false, ALICE);
    struct file *file = arena_alloc(fx.a, FILES * sizeof *file);
    (void)state;
    for (int i = 0; i < FILES; i++) file[i].path = arena_fmt(fx.a, "d%d/f-%d.txt", i % 7, i).p, file[i].content = "x";
    commit_files(&r, file, FILES);
    assert_int_equal(summary_of(&r).files_count, FILES + 1);
    for (int i = 0; i < FILES - 1; i++) file[i].content = NULL;
    commit_files(&r, file, FILES);
    assert_int_equal(summary_of(&r).files_count, 2);
    assert_rebuild_agrees(&r);
}

/* ------------------------------------------------------------------ facts */

static void read_demo(const char *name, struct file *out)
{
    const char *data = getenv("HEARTH_TEST_DATA");
    struct err e;
    char *p;
    size_t n;
    str path = arena_fmt(fx.a, "%s/../../demo/%s", data ? data : "tests/unit", name);
    must_ok(os_read_file(path.p, 4 << 20, &p, &n, &e));
    out->path = name;
    out->content = arena_dup(fx.a, str_n(p, n)).p;
    mem_free(p);
}

static void the_demo_model_says_what_it_is(void **state)
{
    static const char *const name[] = { "README.md", "config.json", "tokenizer_config.json", "special_tokens_map.json" };
    struct repo r = repo_named(&fx.user[ALICE], "stories260k", false, ALICE);
    struct file file[COUNT(name)] = { 0 };
    struct commit_result done;
    struct repo_summary s;
    struct cas_put *put;
    struct cas_object o;
    struct commit *c;
    struct err e;
    char *weights;
    size_t n;
    (void)state;
    for (size_t i = 0; i < COUNT(name); i++) read_demo(name[i], &file[i]);
    commit_files(&r, file, COUNT(name));
    const char *data = getenv("HEARTH_TEST_DATA");
    must_ok(os_read_file(arena_fmt(fx.a, "%s/../../demo/model.safetensors", data ? data : "tests/unit").p, 4 << 20, &weights, &n, &e));
    must_ok(cas_put_begin(hub_cas(fx.h), &put, &e));
    must_ok(cas_put_write(put, (bytes){ (uint8_t *)weights, n }, &e));
    must_ok(cas_put_commit(put, NULL, NULL, &o, &e));
    must_ok(large_file_register(fx.h, r.id, fx.user[ALICE].id, &o, &e));
    mem_free(weights);
    must_ok(commit_begin(fx.h, &r, &fx.id[ALICE], STR("main"), false, &c, &e));
    must_ok(commit_header(c, STR("weights"), STR(""), STR(""), &e));
    must_ok(commit_put_large(c, STR("model.safetensors"), &o.sha256, NULL, &e));
    must_ok(commit_finish(c, &done, fx.a, &e));

    s = summary_of(&r);
    assert_str(s.pipeline_tag, STR("text-generation"));
    assert_str(s.library_name, STR("transformers"));
    assert_true(s.parameters > 250000 && s.parameters < 270000);
    has(s.safetensors, "{\"parameters\":{\"F32\":");
    has(s.config, "\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\"");
    has(s.extra, "\"transformersInfo\":{\"auto_model\":\"AutoModelForCausalLM\",\"pipeline_tag\":\"text-generation\","
                 "\"processor\":\"AutoTokenizer\"}");
    has(s.tags, "[\"transformers\",\"safetensors\",\"llama\",\"text-generation\",\"tinystories\",\"tiny\",\"en\","
                "\"license:mit\",\"region:us\"]");
    assert_rebuild_agrees(&r);

    /* The same from a revision that is not main's head. */
    struct vcs_repo *v;
    struct repo_facts f;
    must_ok(hub_repo_open(fx.h, r.id, &v, &e));
    must_ok(repo_facts_read(fx.h, v, &r, &done.commit, fx.a, &f, &e));
    vcs_close(v);
    assert_int_equal(f.parameters, s.parameters);
    assert_int_equal(f.modified_ms, s.modified_ms);
    assert_int_equal(f.used_bytes, s.used_bytes);
}

static void broken_files_yield_no_facts_and_no_failure(void **state)
{
    struct repo r = repo_named(&fx.user[ALICE], "m", false, ALICE);
    struct repo_summary s;
    (void)state;
    COMMIT(&r, { "config.json", "{\"model_type\": ", false }, { "model.safetensors", "\xff\xff\xff\xff\xff\xff\xff\x7f{}", true },
           { "a.gguf", "GGUF nonsense", true }, { "tokenizer_config.json", "[1,2]", false }, { "model_index.json", "5", false });
    s = summary_of(&r);
    assert_true(s.safetensors.p == NULL && s.gguf.p == NULL && s.config.p == NULL);
    assert_int_equal(s.parameters, 0);
    has(s.tags, "\"safetensors\",\"gguf\"");
}

static void a_spaces_card_gives_its_sdk_and_what_it_uses(void **state)
{
    struct err e;
    struct repo r;
    struct list_page page;
    struct repo_create q = { .kind = REPO_SPACE, .owner = &fx.user[BOB], .name = STR("page"), .creator_id = fx.user[BOB].id,
                             .sdk = STR("static") };
    str model = STR("alice/m");
    (void)state;
    must_ok(repo_create(fx.h, &q, &r, fx.a, &e));
    COMMIT(&r, { "README.md", "---\ntitle: X\nsdk: gradio\nmodels: [alice/m]\n---\n", false });
    assert_str(repo_again(&r).sdk, STR("gradio"));
    has(summary_of(&r).tags, "[\"gradio\",");
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(list_repos(c, &(struct list_query){ .kind = REPO_SPACE, .uses_models = &model, .uses_models_count = 1,
                                                      .gated = -1, .sdk = STR("gradio") }, fx.a, &page, &e));
    assert_int_equal(page.n, 1);
    struct tag_row *tag;
    size_t n;
    must_ok(list_tags(c, REPO_SPACE, LIST_TAGS_MAX, fx.a, &tag, &n, &e));
    for (size_t i = 0; i < n; i++) assert_true(tag[i].name.p[0] > 1);
    db_give(hub_db(fx.h), c);
}

/* ------------------------------------------------------------------ listings */

enum { GENERATED = 700 }; /* more than a search for a letter or two looks at before it plans */

/* Rows straight into the tables, so that the order is known: number i of 700 has likes i % 10, downloads 700 - i,
 * every 3rd the tag "third", every 50th "rare", every 7th is private, every 5th of acme. */
static void generate(void)
{
    struct db_conn *tx;
    struct err e;
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    for (int i = 0; i < GENERATED; i++) {
        const struct account *owner = i % 5 == 0 ? &fx.acme : &fx.user[ALICE];
        str name = arena_fmt(fx.a, "%s-%03d", i % 2 ? "Llama" : "bert", i);
        str hex = arena_fmt(fx.a, "%024d", i);
        struct repo r = { .kind = REPO_MODEL };
        str tags[4] = { STR("region:us") };
        size_t n = 1;
        must_ok(db_run(tx, &e, "INSERT INTO repo (hex_id, kind, owner_id, name, name_key, is_private, gated, created_ms)"
                               " VALUES (?, 'model', ?, ?, lower(?3), ?, ?, ?)",
                       db_text(hex), db_int(owner->id), db_text(name), db_int(i % 7 == 0), db_text(i % 11 ? STR("") : STR("auto")),
                       db_int(1000 + i)));
        r.id = db_last_id(tx);
        must_ok(db_run(tx, &e, "INSERT INTO repo_index (repo_id, kind, full_name, modified_ms, created_ms, downloads, likes,"
                               " trending, parameters, owner_id, is_private, is_gated) VALUES (?, 'model', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                       db_int(r.id), db_text(arena_fmt(fx.a, "%.*s/%.*s", STR_ARG(owner->name), STR_ARG(name))), db_int(5000 - i),
                       db_int(1000 + i), db_int(GENERATED - i), db_int(i % 10), db_real(i / 4 / 3.0), db_int(i * 1000000),
                       db_int(owner->id), db_int(i % 7 == 0), db_int(i % 11 == 0)));
        must_ok(db_run(tx, &e, "INSERT INTO repo_search (rowid, full_name) VALUES (?, ?)", db_int(r.id),
                       db_text(arena_fmt(fx.a, "%.*s/%.*s  ", STR_ARG(owner->name), STR_ARG(name)))));
        if (i % 3 == 0) tags[n++] = STR("third");
        if (i % 50 == 0) tags[n++] = STR("rare");
        tags[n++] = i % 2 ? STR("odd") : STR("\1pipeline_tag:even");
        must_ok(index_write_tags(tx, &r, tags, n, &e));
    }
    must_ok(db_commit(hub_db(fx.h), tx, &e));
}

/* What is packed, as text. */
static str packed(void)
{
    struct db_conn *c = db_reader(hub_db(fx.h));
    struct buf b = BUF_INIT(0);
    struct db_query q;
    struct err e;
    must_ok(db_query(c, &q, &e, "SELECT id, hex(numbers) FROM tag_block ORDER BY id"));
    while (db_next(&q, &e)) buf_addf(&b, "%lld %.*s\n", (long long)db_col_int(&q, 0), STR_ARG(db_col_text(&q, 1)));
    must_ok(db_end(&q));
    db_give(hub_db(fx.h), c);
    str out = arena_dup(fx.a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static void tags_are_packed_as_they_come_and_go(void **state)
{
    struct db_conn *tx;
    struct err e;
    (void)state;
    generate();
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    for (int64_t id = 1; id <= GENERATED; id += 4) must_ok(index_write_tags(tx, &(struct repo){ .id = id }, NULL, 0, &e));
    must_ok(db_commit(hub_db(fx.h), tx, &e));
    str before = packed();
    assert_true(before.n > 0);
    must_ok(tag_block_fill(hub_db(fx.h), false, &e)); /* not due */
    assert_str(packed(), before);
    must_ok(tag_block_fill(hub_db(fx.h), true, &e));
    assert_str(packed(), before);
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    must_ok(db_run(tx, &e, "DELETE FROM tag_block"));
    must_ok(db_commit(hub_db(fx.h), tx, &e));
    must_ok(tag_block_fill(hub_db(fx.h), false, &e)); /* due */
    assert_str(packed(), before);
}

/* Blocks that are lists, bitmaps, on the border, and no more. */
static void a_set_of_numbers_reads_back(void **state)
{
    enum { TAG = 7, NUMBERS = 3 * TAG_BLOCK_NUMBERS };
    static const struct {
        int64_t from, to, step;
    } run[] = { { 1, 32768, 16 }, { 32768, 65536, 3 }, { 65536, NUMBERS, 997 } };
    struct tag_bits bits;
    struct db_conn *tx;
    struct err e;
    size_t n = 0, kept;
    (void)state;
    int64_t *want = arena_alloc(fx.a, NUMBERS * sizeof *want), *got;
    must_ok(db_begin(hub_db(fx.h), &tx, &e));
    for (size_t i = 0; i < COUNT(run); i++)
        for (int64_t id = run[i].from; id < run[i].to; id += run[i].step) {
            must_ok(tag_block_put(tx, TAG, id, true, &e));
            want[n++] = id;
        }
    must_ok(tag_block_put(tx, TAG + 1, 1, true, &e)); /* a neighbour */
    must_ok(tag_bits_read(tx, TAG, fx.a, &bits, &e));
    assert_int_equal(bits.n, 3);
    assert_int_equal(tag_bits_count(&bits), n);
    got = arena_alloc(fx.a, NUMBERS * sizeof *got);
    tag_bits_list(&bits, got);
    assert_memory_equal(got, want, n * sizeof *want);

    for (int64_t i = 0; i < NUMBERS; i++) got[i] = i; /* all, and past the end */
    kept = tag_bits_filter(&bits, got, NUMBERS);
    assert_int_equal(kept, n);
    assert_memory_equal(got, want, n * sizeof *want);

    for (size_t i = 0; i < n; i++) must_ok(tag_block_put(tx, TAG, want[i], i % 5 == 0, &e)); /* a bitmap becomes a list */
    must_ok(tag_bits_read(tx, TAG, fx.a, &bits, &e));
    assert_int_equal(tag_bits_count(&bits), (n + 4) / 5);
    for (size_t i = 0; i < n; i++) must_ok(tag_block_put(tx, TAG, want[i], false, &e));
    must_ok(tag_bits_read(tx, TAG, fx.a, &bits, &e));
    assert_int_equal(bits.n, 0);
    db_rollback(hub_db(fx.h), tx);
}

static int number_of(const struct repo_summary *s)
{
    uint64_t n;
    must(str_u64(str_from(s->repo.name, s->repo.name.n - 3), &n));
    return (int)n;
}

static struct list_query all_models(int who)
{
    return (struct list_query){ .kind = REPO_MODEL, .who = who < 0 ? &fx.nobody : &fx.id[who], .gated = -1 };
}

/* All pages; *n rows. */
static int *numbers(struct list_query q, size_t page_size, size_t *n)
{
    struct db_conn *c = db_reader(hub_db(fx.h));
    int *out = arena_alloc(fx.a, (GENERATED + 1) * sizeof *out);
    struct list_page page;
    struct err e;
    *n = 0;
    q.limit = page_size;
    do {
        must_ok(list_repos(c, &q, fx.a, &page, &e));
        if (page.n > page_size) fail_msg("a page of %zu", page.n);
        for (size_t i = 0; i < page.n; i++) {
            if (*n == GENERATED) fail_msg("too many rows");
            out[(*n)++] = number_of(&page.row[i]);
        }
        q.cursor = page.next;
    } while (page.next.p);
    db_give(hub_db(fx.h), c);
    return out;
}

static bool seen_by(int i, int who)
{
    if (i % 7) return true;
    if (who == ROOT) return true;
    if (i % 5 == 0) return who == READER || who == ADMIN;
    return who == ALICE;
}

static void everybody_sees_what_he_may(void **state)
{
    static const int who[] = { -1, ROOT, ALICE, BOB, READER, ADMIN, OUTSIDER };
    (void)state;
    generate();
    for (size_t w = 0; w < COUNT(who); w++) {
        size_t n, want = 0;
        int *got = numbers(all_models(who[w]), 30, &n);
        for (int i = 0; i < GENERATED; i++) want += seen_by(i, who[w]);
        if (n != want) fail_msg("person %d: %zu of %zu", who[w], n, want);
        for (size_t i = 0; i < n; i++) assert_true(seen_by(got[i], who[w]));
    }
}

static void run_f(const char *sql, ...) __attribute__((format(printf, 1, 2)));
static void run_f(const char *sql, ...)
{
    char text[1000];
    va_list ap;
    va_start(ap, sql);
    must(vsnprintf(text, sizeof text, sql, ap) < (int)sizeof text);
    va_end(ap);
    sql_run(text);
}

/* Of acme's private ones the 0th, 70th, 140th, .. are in group 1, and the 35th, 175th, .. in group 2. */
static bool in_group_seen_by(int i, int who)
{
    if (i % 35 || who == ROOT || who == ADMIN) return seen_by(i, who);
    if (i % 70 == 0) return who == READER || who == BOB;
    return i % 140 == 105 && who == READER;
}

static void of_what_is_in_groups_lists_show_what_who_is_in_them_may_see(void **state)
{
    static const int who[] = { -1, ROOT, ALICE, BOB, READER, ADMIN, OUTSIDER };
    static const str third = STR_INIT("third"), llama = STR_INIT("llama"), er = STR_INIT("er");
    (void)state;
    generate();
    int64_t acme = fx.acme.id;
    run_f("INSERT INTO account_member (org_id, user_id, role) VALUES (%lld, %lld, 'no_access')", (long long)acme, (long long)fx.user[BOB].id);
    run_f("INSERT INTO resource_group (id, hex_id, org_id, name, created_ms) VALUES (1, 'a', %lld, 'one', 0), (2, 'b', %lld, 'two', 0)", (long long)acme, (long long)acme);
    run_f("INSERT INTO resource_group_member (group_id, org_id, user_id, role) VALUES (1, %lld, %lld, 'read'), (1, %lld, %lld, 'write'), (2, %lld, %lld, 'no_access')",
          (long long)acme, (long long)fx.user[READER].id, (long long)acme, (long long)fx.user[BOB].id, (long long)acme, (long long)fx.user[READER].id);
    run_f("UPDATE repo SET group_id = CASE substr(name, -3) %% 70 WHEN 0 THEN 1 ELSE 2 END"
          " WHERE owner_id = %lld AND substr(name, -3) %% 35 = 0 AND substr(name, -3) %% 140 <> 105", (long long)acme);
    for (int variant = 0; variant < 6; variant++)
        for (size_t w = 0; w < COUNT(who); w++) {
            struct list_query q = all_models(who[w]);
            size_t n, want = 0;
            if (variant == 1) q.sort = SORT_NAME;
            if (variant == 2) q.tags = &third, q.tags_count = 1;
            if (variant == 3) q.search = &llama, q.search_count = 1;
            if (variant == 4) q.search = &er, q.search_count = 1;
            if (variant == 5) q.author = STR("acme");
            int *got = numbers(q, 30, &n);
            for (int i = 0; i < GENERATED; i++) {
                bool asked = variant == 2 ? i % 3 == 0 : variant == 3 ? i % 2 : variant == 4 ? i % 2 == 0 : variant == 5 ? i % 5 == 0 : true;
                want += asked && in_group_seen_by(i, who[w]);
            }
            if (n != want) fail_msg("variant %d, person %d: %zu of %zu", variant, who[w], n, want);
            for (size_t i = 0; i < n; i++) assert_true(in_group_seen_by(got[i], who[w]));
        }
}

/* More rows in front that are hidden than a walk passes: what a reader sees of the rest comes in the same order. */
static void behind_a_hidden_front_lists_go_on(void **state)
{
    enum { HIDDEN = 6000, OWN = 100, PUBLIC = 50 };
    (void)state;
    const struct {
        int count, owner, first; /* every second number from there on: his own stand between the public ones */
        bool is_private;
    } part[] = { { HIDDEN, ALICE, 1000, true }, { OWN, BOB, 100, true }, { PUBLIC, ALICE, 151, false } };
    for (size_t k = 0; k < COUNT(part); k++)
        run_f("INSERT INTO repo (id, hex_id, kind, owner_id, name, name_key, is_private, created_ms)"
              " WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 2 FROM n WHERE i < %d)"
              " SELECT i, printf('%%024d', i), 'dataset', %lld, 'n-' || i, 'n-' || i, %d, 0 FROM n",
              part[k].first, part[k].first + 2 * (part[k].count - 1), (long long)fx.user[part[k].owner].id, part[k].is_private);
    sql_run("INSERT INTO repo_index (repo_id, kind, full_name, modified_ms, created_ms, owner_id, is_private)"
            " SELECT id, kind, owner_id || '/' || name, id, id, owner_id, is_private FROM repo WHERE kind = 'dataset'");
    struct db_conn *c = db_reader(hub_db(fx.h));
    static const int who[] = { BOB, OUTSIDER, ALICE };
    static const int sees[] = { OWN + PUBLIC, PUBLIC, HIDDEN + PUBLIC };
    for (size_t w = 0; w < COUNT(who); w++) {
        struct list_query q = { .kind = REPO_DATASET, .who = &fx.id[who[w]], .gated = -1, .sort = SORT_CREATED, .limit = 40 };
        struct list_page page;
        struct err e;
        int64_t n = 0, last = INT64_MAX;
        do {
            must_ok(list_repos(c, &q, fx.a, &page, &e));
            for (size_t i = 0; i < page.n; i++, n++) {
                const struct repo *r = &page.row[i].repo;
                assert_true(r->id < last && (!r->is_private || r->owner_id == fx.user[who[w]].id));
                last = r->id;
            }
            q.cursor = page.next;
        } while (page.next.p);
        assert_int_equal(n, sees[w]);
    }
    db_give(hub_db(fx.h), c);
}

/* Better or equal before worse, ties by number. */
static double key(int i, enum list_sort sort)
{
    switch (sort) {
    case SORT_TRENDING: return i / 4 / 3.0;
    case SORT_DOWNLOADS: return GENERATED - i;
    case SORT_LIKES: return i % 10;
    case SORT_MODIFIED: return 5000 - i;
    case SORT_NAME: return (i % 5 ? 1000000 : 0) + (i % 2 ? 1000 : 0) + i;
    default: return i;
    }
}

static void every_order_is_kept_over_pages_both_ways_by_every_plan(void **state)
{
    static const str third = STR_INIT("third"), rare = STR_INIT("rare"), llama = STR_INIT("LLAMA"), am = STR_INIT("am");
    (void)state;
    generate();
    for (int sort = SORT_TRENDING; sort <= SORT_PARAMETERS; sort++) {
        for (int variant = 0; variant < 12; variant++) {
            struct list_query q = all_models(ROOT);
            size_t n, want = 0;
            int *got;
            q.sort = (enum list_sort)sort;
            q.ascending = variant % 2;
            if (variant / 2 == 1) q.tags = &third, q.tags_count = 1;
            if (variant / 2 == 2) q.tags = &rare, q.tags_count = 1;
            if (variant / 2 == 3) q.search = &llama, q.search_count = 1;
            if (variant / 2 == 4) q.author = STR("ACME");
            if (variant / 2 == 5) q.search = &am, q.search_count = 1;
            got = numbers(q, 7, &n);
            for (int i = 0; i < GENERATED; i++)
                want += variant / 2 == 1 ? i % 3 == 0 : variant / 2 == 2 ? i % 50 == 0 : variant / 2 == 3 ? i % 2
                        : variant / 2 == 4 ? i % 5 == 0 : variant / 2 == 5 ? i % 2 : 1;
            if (n != want) fail_msg("sort %d variant %d: %zu rows, want %zu", sort, variant, n, want);
            for (size_t i = 1; i < n; i++) {
                double a = key(got[i - 1], q.sort), b = key(got[i], q.sort);
                bool in_order = q.ascending ? a < b || (a == b && got[i - 1] < got[i]) : a > b || (a == b && got[i - 1] > got[i]);
                if (!in_order) fail_msg("sort %d variant %d: %d before %d", sort, variant, got[i - 1], got[i]);
            }
        }
    }
}

static const struct {
    const char *search, *author, *tags, *pipeline;
    int gated;
    uint64_t min, max;
    int line;
} filter_case[] = {
    { "llama", NULL, "", "", -1, 0, 0, __LINE__ }, { "llama acme", NULL, "", "", -1, 0, 0, __LINE__ },
    { "acme/llama", NULL, "", "", -1, 0, 0, __LINE__ }, { "alice", "acme", "", "", -1, 0, 0, __LINE__ },
    { "llama", "acme", "third", "", -1, 0, 0, __LINE__ }, { "", NULL, "third,odd", "", -1, 0, 0, __LINE__ },
    { "", NULL, "third,rare,region:us", "", -1, 0, 0, __LINE__ }, { "", NULL, "nothing-has-this", "", -1, 0, 0, __LINE__ },
    { "", "nobody-is-called-so", "", "", -1, 0, 0, __LINE__ }, { "", NULL, "", "even", -1, 0, 0, __LINE__ },
    { "", NULL, "third", "even", 1, 0, 0, __LINE__ }, { "", NULL, "", "", 0, 0, 0, __LINE__ },
    { "", NULL, "", "", -1, 50000000, 60000000, __LINE__ }, { "", NULL, "", "", -1, 0, 5000000, __LINE__ },
    { "39", NULL, "", "", -1, 0, 0, __LINE__ }, { "9", NULL, "", "", -1, 0, 0, __LINE__ }, { "b", NULL, "rare", "", -1, 0, 0, __LINE__ },
    { "m\xc3\xa9", NULL, "", "", -1, 0, 0, __LINE__ }, { "\"or\"", NULL, "", "", -1, 0, 0, __LINE__ }, { "  ", NULL, "", "", -1, 0, 0, __LINE__ },
    { "-0 be", NULL, "", "", -1, 0, 0, __LINE__ }, { "99", NULL, "", "", -1, 0, 0, __LINE__ }, { "BERT-09", NULL, "", "", -1, 0, 0, __LINE__ },
    { "", NULL, "\1pipeline_tag:even", "", -1, 0, 0, __LINE__ },
    /* Of several words the pieces are asked for: "aliama" has those of alice/llama, and is in no name. */
    { "aliama llama", NULL, "", "", -1, 0, 0, __LINE__ }, { "llama aliama", NULL, "third", "", -1, 0, 0, __LINE__ },
    { "acmert bert", NULL, "rare", "", -1, 0, 0, __LINE__ }, { "alice/llama llama-1", NULL, "", "", -1, 0, 0, __LINE__ },
    { "ALICE llama 3", NULL, "", "", -1, 0, 0, __LINE__ }, { "alice llama 7 1", NULL, "third", "", -1, 0, 0, __LINE__ },
    /* A letter or two: few, many, none, beside tags, sizes, owners and other words. */
    { "69", NULL, "odd", "", -1, 0, 0, __LINE__ }, { "9 8", NULL, "odd", "", -1, 0, 0, __LINE__ }, { "zq", NULL, "", "", -1, 0, 0, __LINE__ },
    { "z", NULL, "odd", "", -1, 0, 0, __LINE__ }, { "97", "acme", "", "", -1, 0, 0, __LINE__ }, { "llama 97", NULL, "", "", -1, 0, 0, __LINE__ },
    { "69", NULL, "", "", 1, 0, 0, __LINE__ }, { "31", NULL, "", "", -1, 0, 350000000, __LINE__ }, { "i 31 7", NULL, "", "", -1, 0, 0, __LINE__ },
    { "69", NULL, "\1pipeline_tag:even", "", -1, 0, 0, __LINE__ }, { "-5", NULL, "odd,third", "", -1, 0, 0, __LINE__ },
    { "alice bert", NULL, "rare", "", -1, 0, 0, __LINE__ }, { "llama llama", NULL, "", "", -1, 0, 0, __LINE__ },
    { "ert acm", NULL, "", "", 1, 0, 0, __LINE__ }, { "bert-3 acme/ ert-39", NULL, "", "", -1, 0, 0, __LINE__ },
    { "alice llama", "acme", "", "", -1, 0, 0, __LINE__ }, { "bert alice", NULL, "", "", -1, 9000000, 90000000, __LINE__ },
};

static bool has_tag(int i, str tag)
{
    if (str_eq(tag, STR("region:us"))) return true;
    if (str_eq(tag, STR("third"))) return i % 3 == 0;
    if (str_eq(tag, STR("rare"))) return i % 50 == 0;
    if (str_eq(tag, STR("odd"))) return i % 2;
    return false;
}

static bool should_match(size_t k, int i)
{
    char name[64];
    str rest, word;
    snprintf(name, sizeof name, "%s/%s-%03d", i % 5 == 0 ? "acme" : "alice", i % 2 ? "llama" : "bert", i);
    rest = str_c(filter_case[k].search);
    while (rest.n && str_cut(&rest, ' ', &word))
        if (str_find_nocase(str_c(name), word) == STR_NONE) return false;
    rest = str_c(filter_case[k].tags);
    while (rest.n && str_cut(&rest, ',', &word))
        if (!has_tag(i, word)) return false;
    if (filter_case[k].author && !str_starts(str_c(name), str_c(filter_case[k].author))) return false;
    if (filter_case[k].pipeline[0] && i % 2) return false;
    if (filter_case[k].gated >= 0 && (i % 11 == 0) != filter_case[k].gated) return false;
    if (filter_case[k].min && (uint64_t)i * 1000000 < filter_case[k].min) return false;
    if (filter_case[k].max && (i == 0 || (uint64_t)i * 1000000 > filter_case[k].max)) return false;
    return seen_by(i, ALICE);
}

static void filters_are_joined_by_and(void **state)
{
    (void)state;
    generate();
    for (size_t k = 0; k < COUNT(filter_case); k++) {
        struct list_query q = all_models(ALICE);
        str search = str_c(filter_case[k].search), tag[4], rest = str_c(filter_case[k].tags);
        bool got[GENERATED] = { false };
        size_t n;
        int *list;
        q.search = &search;
        q.search_count = 1;
        q.tags = tag;
        while (rest.n && str_cut(&rest, ',', &tag[q.tags_count])) q.tags_count++;
        if (filter_case[k].author) q.author = str_c(filter_case[k].author);
        q.pipeline_tag = str_c(filter_case[k].pipeline);
        q.gated = filter_case[k].gated;
        q.parameters_min = filter_case[k].min;
        q.parameters_max = filter_case[k].max;
        list = numbers(q, 13, &n);
        for (size_t i = 0; i < n; i++) got[list[i]] = true;
        for (int i = 0; i < GENERATED; i++)
            if (got[i] != should_match(k, i)) fail_msg("case of line %d, number %d: %d", filter_case[k].line, i, (int)got[i]);
    }
}

static void a_foreign_cursor_is_refused(void **state)
{
    static const char *const cursor[] = { "x", "0d", "0d.", "0d.0.0", "1d.5.x", "1d.5", "1a.5.7", "1d.5.7.9", "2d.5.7", "1d.99999999999999999999.7" };
    struct db_conn *c = db_reader(hub_db(fx.h));
    struct list_query q = all_models(ALICE);
    struct list_page page;
    struct err e;
    (void)state;
    q.sort = SORT_DOWNLOADS;
    for (size_t i = 0; i < COUNT(cursor); i++) {
        q.cursor = str_c(cursor[i]);
        if (list_repos(c, &q, fx.a, &page, &e)) fail_msg("%s", cursor[i]);
        assert_int_equal(e.code, ERR_INVALID);
    }
    q.cursor = STR("1d.5.7");
    must_ok(list_repos(c, &q, fx.a, &page, &e));
    db_give(hub_db(fx.h), c);
}

static void a_page_goes_on_behind_its_last_row_whatever_is_new(void **state)
{
    struct db_conn *c = db_reader(hub_db(fx.h));
    struct list_query q = all_models(ROOT);
    struct list_page page;
    struct err e;
    int last;
    (void)state;
    generate();
    q.sort = SORT_CREATED;
    q.limit = 10;
    must_ok(list_repos(c, &q, fx.a, &page, &e));
    last = number_of(&page.row[9]);
    repo_named(&fx.user[ALICE], "newest-999", false, ALICE);
    q.cursor = page.next;
    must_ok(list_repos(c, &q, fx.a, &page, &e));
    assert_int_equal(number_of(&page.row[0]), last - 1);
    db_give(hub_db(fx.h), c);
}

static void renames_and_visibility_reach_the_listing(void **state)
{
    struct repo r = repo_named(&fx.user[ALICE], "before", false, ALICE);
    struct list_query q = all_models(-1);
    struct list_page page;
    struct err e;
    str word = STR("before");
    struct db_conn *c;
    (void)state;
    q.search = &word;
    q.search_count = 1;
    must_ok(repo_move(fx.h, &r, &fx.acme, STR("after"), &fx.id[ROOT], &e));
    c = db_reader(hub_db(fx.h));
    must_ok(list_repos(c, &q, fx.a, &page, &e));
    assert_int_equal(page.n, 0);
    word = STR("acme/after");
    must_ok(list_repos(c, &q, fx.a, &page, &e));
    assert_int_equal(page.n, 1);
    db_give(hub_db(fx.h), c);
    r = repo_again(&r);
    must_ok(repo_set(fx.h, &r, &(struct repo_settings){ .has_private = true, .is_private = true }, &fx.id[ROOT], &e));
    c = db_reader(hub_db(fx.h));
    must_ok(list_repos(c, &q, fx.a, &page, &e));
    assert_int_equal(page.n, 0);
    q.who = &fx.id[READER];
    must_ok(list_repos(c, &q, fx.a, &page, &e));
    assert_int_equal(page.n, 1);
    db_give(hub_db(fx.h), c);
    must_ok(repo_delete(fx.h, &r, &fx.id[ROOT], &e));
    assert_int_equal(sql_int("SELECT count(*) FROM repo_search WHERE repo_search MATCH '\"after\"'"), 0);
    assert_int_equal(sql_int("SELECT count(*) FROM tag"), 0);
}

static int64_t public_count(str tag)
{
    struct err e;
    int64_t n;
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(list_tag_public_count(c, REPO_MODEL, tag, &n, &e));
    db_give(hub_db(fx.h), c);
    return n;
}

static void tags_of_private_repositories_are_not_told(void **state)
{
    struct repo r = repo_named(&fx.user[ALICE], "secret", true, ALICE), other;
    struct tag_row *tag;
    struct err e;
    size_t n;
    (void)state;
    COMMIT(&r, { "README.md", "---\ntags: [project-x]\n---\n", false });
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(list_tags(c, REPO_MODEL, LIST_TAGS_MAX, fx.a, &tag, &n, &e));
    assert_int_equal(n, 0);
    db_give(hub_db(fx.h), c);

    must_ok(repo_set(fx.h, &r, &(struct repo_settings){ .has_private = true, .is_private = false }, &fx.id[ROOT], &e));
    assert_int_equal(public_count(STR("project-x")), 1);
    other = repo_named(&fx.user[ALICE], "open", false, ALICE);
    COMMIT(&other, { "README.md", "---\ntags: [project-x]\n---\n", false });
    assert_int_equal(public_count(STR("project-x")), 2);
    must_ok(repo_set(fx.h, &r, &(struct repo_settings){ .has_private = true, .is_private = true }, &fx.id[ROOT], &e));
    assert_int_equal(public_count(STR("project-x")), 1);
    COMMIT(&other, { "README.md", "---\ntags: [project-y]\n---\n", false });
    assert_int_equal(public_count(STR("project-x")), 0);
    must_ok(repo_delete(fx.h, &other, &fx.id[ROOT], &e));
    assert_int_equal(public_count(STR("project-y")), 0);
}

static void quick_search_puts_the_best_name_first(void **state)
{
    struct repo_summary *row;
    struct err e;
    size_t n;
    (void)state;
    generate();
    repo_named(&fx.user[BOB], "my-bert-004", false, BOB);
    struct db_conn *c = db_reader(hub_db(fx.h));
    must_ok(quick_search(c, &fx.nobody, STR("bert-004"), REPO_MODEL, 5, NULL, fx.a, &row, &n, &e));
    assert_int_equal(n, 2);
    assert_str(row[0].repo.name, STR("bert-004"));
    db_give(hub_db(fx.h), c);
}

/* Short words and long ones, few hits and many: of each kind what is found alone. */
static void kinds_that_share_what_is_found_find_the_same(void **state)
{
    static const char *const words[] = { "bert", "bert 00", "llama 1 ma-0", "alice bert-10", "9", "be", "no-such-name", "alice zq" };
    static const enum repo_kind kinds[] = { REPO_MODEL, REPO_DATASET, REPO_SPACE, REPO_MODEL };
    struct err e;
    (void)state;
    generate();
    sql_run("UPDATE repo SET kind = 'dataset' WHERE id % 3 = 1");
    sql_run("UPDATE repo_index SET kind = 'dataset' WHERE repo_id % 3 = 1");
    sql_run("UPDATE repo_total SET count = (SELECT count(*) FROM repo_index i WHERE i.kind = repo_total.kind)");
    struct db_conn *c = db_reader(hub_db(fx.h));
    for (size_t w = 0; w < COUNT(words); w++) {
        struct list_hits *hits = NULL;
        for (size_t k = 0; k < COUNT(kinds); k++) {
            struct repo_summary *alone, *shared;
            size_t n, n_shared;
            must_ok(quick_search(c, &fx.id[ROOT], str_c(words[w]), kinds[k], 60, NULL, fx.a, &alone, &n, &e));
            must_ok(quick_search(c, &fx.id[ROOT], str_c(words[w]), kinds[k], 60, &hits, fx.a, &shared, &n_shared, &e));
            assert_int_equal(n, n_shared);
            assert_true((n == 0) == (kinds[k] == REPO_SPACE || w > 5));
            for (size_t i = 0; i < n; i++) assert_true(alone[i].repo.id == shared[i].repo.id && shared[i].repo.kind == kinds[k]);
        }
    }
    db_give(hub_db(fx.h), c);
}

static void counts_fade_and_are_refreshed(void **state)
{
    struct repo r = repo_named(&fx.user[ALICE], "m", false, ALICE);
    struct repo_summary s;
    struct err e;
    (void)state;
    must_ok(repo_set_like(fx.h, r.id, fx.user[BOB].id, true, &e));
    sql_run("INSERT INTO repo_download SELECT id, strftime('%s','now') / 86400, 14 FROM repo");
    sql_run("INSERT INTO repo_download SELECT id, strftime('%s','now') / 86400 - 10, 14 FROM repo");
    sql_run("INSERT INTO repo_download SELECT id, strftime('%s','now') / 86400 - 40, 100 FROM repo");
    must_ok(index_refresh_counts(hub_db(fx.h), NULL, NULL, &e));
    s = summary_of(&r);
    assert_int_equal(s.downloads, 28);
    assert_int_equal(s.downloads_all, 128);
    assert_int_equal(s.likes, 1);
    assert_true(s.trending > 37.9 && s.trending < 38.1); /* 14 + 14 * 4/14 + 20 */
    sql_run("DELETE FROM repo_like");
    must_ok(index_refresh_counts(hub_db(fx.h), NULL, NULL, &e));
    assert_int_equal(summary_of(&r).likes, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, home_new, home_end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_follow_commits),
        TEST(rows_follow_refs),
        TEST(a_stale_index_is_seen_and_mended),
        TEST(a_broken_card_leaves_the_last_good_one),
        TEST(large_changes_are_written_in_pieces),
        TEST(the_demo_model_says_what_it_is),
        TEST(broken_files_yield_no_facts_and_no_failure),
        TEST(a_spaces_card_gives_its_sdk_and_what_it_uses),
        TEST(everybody_sees_what_he_may),
        TEST(of_what_is_in_groups_lists_show_what_who_is_in_them_may_see),
        TEST(behind_a_hidden_front_lists_go_on),
        TEST(every_order_is_kept_over_pages_both_ways_by_every_plan),
        TEST(tags_are_packed_as_they_come_and_go),
        TEST(a_set_of_numbers_reads_back),
        TEST(filters_are_joined_by_and),
        TEST(a_foreign_cursor_is_refused),
        TEST(a_page_goes_on_behind_its_last_row_whatever_is_new),
        TEST(renames_and_visibility_reach_the_listing),
        TEST(tags_of_private_repositories_are_not_told),
        TEST(quick_search_puts_the_best_name_first),
        TEST(kinds_that_share_what_is_found_find_the_same),
        TEST(counts_fade_and_are_refreshed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
