/* api/mcp/tool_repo.c - tools about repositories: who asks, what there is, what one is, its files, and what stands in one. */
#include "api/mcp/mcp_api.h"
#include "hub/file.h"
#include "hub/index/facts.h"
#include "hub/index/list.h"
#include "hub/large_file.h"

enum { RESULTS_MAX = 50, IDS_MAX = 10, FILTERS_MAX = 16, TAGS_SHOWN = 24, FILES_MAX = 1000, CARD_BYTES = 6000, READ_BYTES = 32 << 10, READ_MAX = 256 << 10, REACH_MAX = 4 << 20 };

static const enum repo_kind all_kinds[] = { REPO_MODEL, REPO_DATASET, REPO_SPACE };

/* ------------------------------------------------------------------ who */

static bool who_am_i(struct call *c, const struct json *args, struct buf *out, struct err *e)
{
    struct account_org *mine;
    size_t n;
    (void)args;
    if (!c->who.user_id) {
        buf_lit(out, "Nobody is signed in: what is public can be seen. An access token of this hub, sent as \"Authorization: Bearer hf_...\", shows what its owner may see.");
        return true;
    }
    if (!account_orgs(call_db(c), c->who.user_id, c->a, &mine, &n, e)) return false;
    struct json_writer w = json_writer(out);
    jw_object(&w);
    jw_kstr(&w, "name", c->who.name);
    jw_karray(&w, "organizations");
    for (size_t i = 0; i < n; i++) jw_str(&w, mine[i].org.name);
    jw_array_end(&w);
    jw_kstr(&w, "hub", call_base_url(c));
    jw_object_end(&w);
    return true;
}

/* ------------------------------------------------------------------ search */

static void write_tags(struct json_writer *w, str tags, struct arena *a)
{
    struct json *list;
    struct err ignored;
    size_t n = 0;
    if (!tags.n || !json_parse(tags, a, &list, &ignored)) return;
    jw_karray(w, "tags");
    json_each (t, list)
        if (n++ < TAGS_SHOWN) jw_value(w, t);
    jw_array_end(w);
}

static void write_summary(struct call *c, struct json_writer *w, const struct repo_summary *s)
{
    jw_kstr(w, "repo_type", repo_kind_name(s->repo.kind));
    jw_kstr(w, "id", s->repo.full_name);
    jw_kstr(w, "url", call_repo_url(c, &s->repo));
    if (s->repo.is_private) jw_kbool(w, "private", true);
    if (s->repo.gated.n) jw_kstr(w, "gated", s->repo.gated);
    if (s->repo.sdk.n) jw_kstr(w, "sdk", s->repo.sdk);
    if (s->pipeline_tag.n) jw_kstr(w, "task", s->pipeline_tag);
    if (s->library_name.n) jw_kstr(w, "library", s->library_name);
    if (s->parameters) jw_kint(w, "parameters", s->parameters);
    jw_kint(w, "downloads_30_days", s->downloads);
    jw_kint(w, "likes", s->likes);
    jw_kdate(w, "last_modified", s->modified_ms);
    write_tags(w, s->tags, c->a);
}

static bool search_kind(struct call *c, const struct list_query *asked, enum repo_kind kind, struct json_writer *w, struct err *e)
{
    struct list_query q = *asked;
    struct list_page page;
    q.kind = kind;
    if (!list_repos(call_db(c), &q, c->a, &page, e)) return false;
    for (size_t i = 0; i < page.n; i++) {
        jw_object(w);
        write_summary(c, w, &page.row[i]);
        jw_object_end(w);
    }
    return true;
}

static bool search(struct call *c, const struct json *args, struct buf *out, struct err *e)
{
    str query, author, sort, *type, *filter;
    size_t types, filters;
    int64_t limit;
    struct list_query q = { .who = &c->who, .gated = -1, .sort = SORT_TRENDING };
    struct json_writer w = json_writer(out);
    bool ok = mcp_str(args, "query", STR(""), &query, e) && mcp_str(args, "author", STR(""), &author, e) && mcp_str(args, "sort", STR("trendingScore"), &sort, e) &&
              mcp_strs(args, "repo_types", COUNT(all_kinds), c->a, &type, &types, e) && mcp_strs(args, "filters", FILTERS_MAX, c->a, &filter, &filters, e) &&
              mcp_int(args, "limit", 20, 1, RESULTS_MAX, &limit, e);
    if (!ok) return false;
    if (!list_sort_parse(sort, &q.sort)) return err_set(e, ERR_INVALID, "\"sort\" must be one of [trendingScore, downloads, likes, lastModified, createdAt]");
    if (query.n) {
        q.search = &query;
        q.search_count = 1;
    }
    if (author.n) q.author = author;
    q.tags = filter;
    q.tags_count = filters;
    q.limit = (size_t)limit;
    jw_object(&w);
    jw_karray(&w, "results");
    for (size_t i = 0; ok && i < (types ? types : COUNT(all_kinds)); i++) {
        enum repo_kind kind = all_kinds[i];
        if (types && !repo_kind_parse(type[i], &kind)) return err_set(e, ERR_INVALID, "\"repo_types\" may hold [model, dataset, space]");
        ok = search_kind(c, &q, kind, &w, e);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    return ok;
}

/* ------------------------------------------------------------------ one repository */

/* *out: the bytes of a file of the call's repository from `at` on, `n` at most; *size: what it has in all. */
static bool read_file(struct call *c, str rev, str path, uint64_t at, size_t n, bytes *out, uint64_t *size, struct err *e)
{
    struct file_found found;
    struct large_file large;
    struct vcs_repo *git;
    bool is_here = true;
    if (!call_git(c, &git, e) || !file_find(c->hub, call_db(c), &c->repo, rev, path, &git, &found, c->a, e)) return false;
    struct facts_file file = { .path = path, .oid = found.oid, .size_bytes = found.size_bytes, .is_lfs = found.is_lfs, .sha256 = found.sha256 };
    struct facts_source from = { c->hub, c->repo.id, git };
    *size = found.size_bytes;
    if (at + n > REACH_MAX) return err_set(e, ERR_TOO_LARGE, "Files are read in their first %d MiB here; the whole is at %.*s/resolve/", REACH_MAX >> 20, STR_ARG(call_repo_url(c, &c->repo)));
    /* A pointer that somebody wrote opens nothing that was not uploaded to this repository. */
    if (found.is_lfs && !large_file_find(c->hub, call_db(c), c->repo.id, &found.sha256, &large, &is_here, e)) return false;
    if (!is_here) return err_set(e, ERR_NOT_FOUND, "The content of %.*s is not stored here", STR_ARG(str_to(path, 300)));
    if (!facts_read_prefix(&from, &file, (size_t)at + n, c->a, out, e)) return false;
    *out = at < out->n ? (bytes){ out->p + at, out->n - (size_t)at } : (bytes){ out->p, 0 };
    return true;
}

/* Without half a character at either end. */
static str whole_characters(bytes b)
{
    size_t from = 0, end = b.n;
    while (from < b.n && from < 4 && (b.p[from] & 0xc0) == 0x80) from++;
    for (size_t back = 1; back <= 4 && back <= b.n - from; back++) {
        uint8_t lead = b.p[b.n - back];
        if ((lead & 0xc0) == 0x80) continue;
        if (lead >= 0xc0 && back < (lead >= 0xf0 ? 4u : lead >= 0xe0 ? 3u : 2u)) end = b.n - back;
        break;
    }
    return str_n((const char *)b.p + from, end - from);
}

static bool write_details(struct call *c, struct json_writer *w, bool has_card, struct err *e)
{
    struct repo_summary s;
    struct err ignored;
    bytes card;
    uint64_t size;
    if (!repo_summary_get(call_db(c), c->repo.id, &s, c->a, e)) return false;
    write_summary(c, w, &s);
    if (s.head_sha.n) jw_kstr(w, "sha", s.head_sha);
    jw_kdate(w, "created", s.repo.created_ms);
    jw_kint(w, "files", s.files_count);
    jw_kint(w, "bytes", s.used_bytes);
    jw_kint(w, "downloads_ever", s.downloads_all);
    if (s.card.n && s.card.n <= CARD_BYTES) jw_kraw(w, "card_data", s.card);
    if (has_card && call_allow(c, &c->repo, REPO_READ, &ignored) && read_file(c, STR("main"), STR("README.md"), 0, CARD_BYTES, &card, &size, &ignored))
        jw_kstr(w, "readme", whole_characters(card));
    return true;
}

static bool details(struct call *c, const struct json *args, struct buf *out, struct err *e)
{
    str *id;
    size_t n;
    struct json_writer w = json_writer(out);
    bool has_card = json_bool_or(args, STR("include_readme"), true);
    if (!mcp_strs(args, "repo_ids", IDS_MAX, c->a, &id, &n, e)) return false;
    if (!n) return err_set(e, ERR_INVALID, "\"repo_ids\" is required: one or more of \"owner/name\"");
    jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        struct json *one = json_new(c->a, JSON_OBJECT);
        struct err why;
        json_put(one, STR("repo_id"), json_new_str(c->a, id[i]));
        if (json_get(args, STR("repo_type"))) json_put(one, STR("repo_type"), json_share(c->a, json_get(args, STR("repo_type"))));
        jw_object(&w);
        if (!mcp_repo(c, one, REPO_SEE, &why)) {
            if (why.code != ERR_NOT_FOUND) return *e = why, false;
            jw_kstr(&w, "id", id[i]);
            jw_kstr(&w, "error", str_c(why.msg));
        } else if (!write_details(c, &w, has_card, e)) {
            return false;
        }
        jw_object_end(&w);
        call_give_back(c); /* the git handle is this repository's */
    }
    jw_array_end(&w);
    return true;
}

/* ------------------------------------------------------------------ files */

struct listing {
    struct json_writer *w;
    size_t n, most;
    bool has_more;
};

static bool write_entry(void *ctx, const struct vcs_entry *entry)
{
    struct listing *l = ctx;
    if (l->n++ == l->most) return l->has_more = true, false;
    jw_object(l->w);
    jw_kstr(l->w, "path", entry->path);
    if (entry->kind == VCS_FILE) jw_kint(l->w, "bytes", (int64_t)vcs_entry_size(entry));
    else jw_kbool(l->w, "is_folder", true);
    jw_object_end(l->w);
    return true;
}

static bool list_files(struct call *c, const struct json *args, struct buf *out, struct err *e)
{
    struct vcs_revision rev;
    struct vcs_repo *git;
    struct json_writer w = json_writer(out);
    struct listing l = { .w = &w };
    struct vcs_walk walk = { .fn = write_entry, .ctx = &l };
    str revision;
    int64_t most;
    bool found;
    bool ok = mcp_str(args, "path", STR(""), &walk.path, e) && mcp_str(args, "after", STR(""), &walk.after, e) && mcp_str(args, "revision", STR("main"), &revision, e) &&
              mcp_int(args, "limit", 200, 1, FILES_MAX, &most, e) && mcp_repo(c, args, REPO_READ, e) && call_revision(c, revision, &rev, e) && call_git(c, &git, e);
    if (!ok) return false;
    while (str_ends(walk.path, STR("/"))) walk.path.n--;
    walk.recursive = json_bool_or(args, STR("recursive"), false);
    l.most = (size_t)most;
    jw_object(&w);
    jw_karray(&w, "entries");
    if (!vcs_tree_walk(git, &rev.commit, &walk, &found, e)) return false;
    if (!found) return err_set(e, ERR_NOT_FOUND, "There is no folder %.*s at that revision", STR_ARG(str_to(walk.path, 300)));
    jw_array_end(&w);
    jw_kbool(&w, "has_more", l.has_more);
    jw_object_end(&w);
    return true;
}

static bool read_text(struct call *c, const struct json *args, struct buf *out, struct err *e)
{
    str path, revision;
    int64_t at, n;
    uint64_t size;
    bytes b;
    bool ok = mcp_str(args, "path", (str){ 0 }, &path, e) && mcp_str(args, "revision", STR("main"), &revision, e) && mcp_int(args, "offset", 0, 0, REACH_MAX, &at, e) &&
              mcp_int(args, "length", READ_BYTES, 1, READ_MAX, &n, e) && mcp_repo(c, args, REPO_READ, e) &&
              read_file(c, revision, path, (uint64_t)at, (size_t)n, &b, &size, e);
    if (!ok) return false;
    str text = whole_characters(b);
    if (!str_is_utf8(text) || memchr(text.p, 0, text.n))
        return err_set(e, ERR_UNPROCESSABLE, "%.*s is no text (%llu bytes); it can be fetched at %.*s/resolve/", STR_ARG(str_to(path, 300)), (unsigned long long)size, STR_ARG(call_repo_url(c, &c->repo)));
    buf_add(out, text);
    if ((uint64_t)at + b.n < size) buf_addf(out, "\n\n[bytes %lld to %llu of %llu; go on with offset %llu]", (long long)at, (unsigned long long)at + b.n, (unsigned long long)size, (unsigned long long)at + b.n);
    return true;
}

#define REPO "\"repo_id\":{\"type\":\"string\",\"description\":\"owner/name\"},\"repo_type\":{\"type\":\"string\",\"enum\":[\"model\",\"dataset\",\"space\"]}"
#define REVISION "\"revision\":{\"type\":\"string\",\"description\":\"branch, tag or commit\",\"default\":\"main\"}"
static const struct mcp_tool tools[] = {
    { "hf_whoami", "Who is asking", "Tells whose token is used, and the organizations that its owner is a member of.", "{\"type\":\"object\",\"properties\":{}}", who_am_i },
    { "hub_repo_search", "Search repositories", "Search models, datasets and Spaces of this hub by words of their names, owner and tags. Returns names, tasks, tags, downloads and likes.",
      "{\"type\":\"object\",\"properties\":{\"query\":{\"type\":\"string\",\"description\":\"words that must be part of owner/name\"},"
      "\"repo_types\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"model\",\"dataset\",\"space\"]},\"description\":\"all three unless given\"},"
      "\"author\":{\"type\":\"string\"},\"filters\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"description\":\"tags that each result must have, such as text-generation, license:mit, language:en\"},"
      "\"sort\":{\"type\":\"string\",\"enum\":[\"trendingScore\",\"downloads\",\"likes\",\"lastModified\",\"createdAt\"],\"default\":\"trendingScore\"},"
      "\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":50,\"default\":20,\"description\":\"of each type\"}}}",
      search },
    { "hub_repo_details", "Details of repositories", "What is known of one or more repositories: task, size, tags, metadata of the card, and the beginning of its README.",
      "{\"type\":\"object\",\"properties\":{\"repo_ids\":{\"type\":\"array\",\"items\":{\"type\":\"string\"},\"minItems\":1,\"maxItems\":10,\"description\":\"owner/name\"},"
      "\"repo_type\":{\"type\":\"string\",\"enum\":[\"model\",\"dataset\",\"space\"],\"description\":\"found out unless given\"},\"include_readme\":{\"type\":\"boolean\",\"default\":true}},\"required\":[\"repo_ids\"]}",
      details },
    { "hub_list_files", "List files", "The files and folders of a repository at a revision, with their sizes.",
      "{\"type\":\"object\",\"properties\":{" REPO "," REVISION ",\"path\":{\"type\":\"string\",\"description\":\"a folder; the root unless given\"},\"recursive\":{\"type\":\"boolean\",\"default\":false},"
      "\"after\":{\"type\":\"string\",\"description\":\"go on behind this path\"},\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":200}},\"required\":[\"repo_id\"]}",
      list_files },
    { "hub_read_file", "Read a file", "Text of a file: a README, config.json, code, the beginning of a large file.",
      "{\"type\":\"object\",\"properties\":{" REPO "," REVISION ",\"path\":{\"type\":\"string\"},\"offset\":{\"type\":\"integer\",\"minimum\":0,\"default\":0,\"description\":\"in bytes\"},"
      "\"length\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":262144,\"default\":32768}},\"required\":[\"repo_id\",\"path\"]}",
      read_text },
};
const struct mcp_tools mcp_repo_tools = { tools, COUNT(tools) };
