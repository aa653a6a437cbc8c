/* api/hub/info.c - what a repository is, at the head of main or at any revision.
 *
 * Main is told out of the index.  Another revision is worked out from git into a row of the same shape, so there is one
 * writer (repo_json.c). */
#include "api/hub/repo_json.h"
#include "hub/index/index.h"

/* Overlays what another revision says on the row of main. */
static bool overlay_revision(struct call *c, const struct vcs_oid *commit, struct repo_summary *row, struct repo_facts *out, struct err *e)
{
    struct vcs_repo *git;
    if (!call_git(c, &git, e) || !repo_facts_read(c->hub, git, &c->repo, commit, c->a, out, e)) return false;
    const struct repo_facts facts = *out;
    char hex[VCS_OID_HEX + 1];
    row->head_sha = arena_dup(c->a, vcs_oid_hex(commit, hex));
    row->modified_ms = facts.modified_ms;
    row->pipeline_tag = facts.pipeline_tag;
    row->library_name = facts.library_name;
    row->card = json_text(c->a, facts.card);
    row->config = json_text(c->a, facts.config);
    row->safetensors = json_text(c->a, facts.safetensors);
    row->gguf = json_text(c->a, facts.gguf);
    row->extra = facts.extra ? json_text(c->a, facts.extra) : STR("{}");
    struct json *tags = json_new(c->a, JSON_ARRAY);
    for (size_t i = facts.tags_count; i > 0; i--) { /* from the back: putting in front is cheap */
        struct json *t = json_new_str(c->a, facts.tags[i - 1]);
        t->next = tags->first;
        tags->first = t;
        tags->count++;
    }
    row->tags = json_text(c->a, tags);
    return true;
}

static bool reply_info(struct call *c, const char *revision_param, struct err *e)
{
    enum { QUICK_FILES = 200, ANSWER_BYTES_MAX = 512 << 20 };
    enum repo_kind kind = c->repo.kind;
    bool expands;
    struct repo_summary row;
    struct vcs_revision rev;
    struct repo_facts facts;
    struct repo_shown s = { .row = &row, .set = repo_fields_shown(kind, SHOWN_IN_INFO), .has_sizes = http_query_bool(c->http, "blobs", false) };
    if (!repo_fields_expand(c, kind, &s.set, &expands, e)) return false;
    if (!repo_summary_get(call_db(c), c->repo.id, &row, c->a, e)) return false;
    s.names_model_id = !expands;

    str text = revision_param ? call_param(c, revision_param) : STR("main");
    bool is_main = str_eq(text, STR("main")) || str_eq(text, STR("HEAD")) || str_eq(text, STR("refs/heads/main")) ||
                   (row.head_sha.n && str_eq(text, row.head_sha));
    /* Quick on the event thread only if the index tells all, and it is not much. */
    bool says_security = kind == REPO_MODEL && http_query_bool(c->http, "securityStatus", false);
    bool quick = !says_security && is_main && row.head_sha.n && !(repo_fields_has_files(s.set) && row.files_count > QUICK_FILES);
    if (!quick && !http_is_deferred(c->http)) return http_defer(c->http);
    if (!is_main) {
        char hex[VCS_OID_HEX + 1];
        if (!call_revision(c, text, &rev, e)) return false;
        is_main = str_eq(vcs_oid_hex(&rev.commit, hex), row.head_sha);
        if (!is_main && !overlay_revision(c, &rev.commit, &row, &facts, e)) return false;
        if (!is_main) s.commit = &rev.commit, s.facts = &facts;
    } else if (row.head_sha.n == 0 && revision_param) { /* main has no commit (everything was deleted) */
        if (!call_revision(c, text, &rev, e)) return false;
    }

    struct buf b = BUF_INIT(ANSWER_BYTES_MAX);
    struct json_writer w = json_writer(&b);
    if (!write_repo(c, &w, &s, e)) {
        buf_deinit(&b);
        return false;
    }
    if (says_security && b.n) {
        b.n--;
        buf_lit(&b, ",\"securityRepoStatus\":");
        struct json_writer security = json_writer(&b);
        if (!write_repo_security(c, &security, e)) {
            buf_deinit(&b);
            return false;
        }
        buf_lit(&b, "}");
    }
    return call_reply_json(c, 200, &b);
}

bool reply_repo_info(struct call *c, struct err *e) { return reply_info(c, NULL, e); }
static bool get_info_at(struct call *c, struct err *e) { return reply_info(c, "rev", e); }

static const struct api_route rows[] = {
    { HTTP_GET, ANY_REPO, PERM_REPO_SEE, HTTP_BODY_NONE, 0, HTTP_INLINE, reply_repo_info, "repo.info", SHAPE_HUB },
    { HTTP_GET, ANY_REPO "/revision/*rev", PERM_REPO_SEE, HTTP_BODY_NONE, 0, HTTP_INLINE, get_info_at, "repo.info-at", SHAPE_HUB },
};
const struct api_table hub_info_table = API_TABLE(rows);
