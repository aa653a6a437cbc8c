/* api/hub/info.c - what a repository is: info at any revision, and the list endpoints.
 *
 * Both write the same fields from the same row (repo + repo_index); `fields[]` says which field exists for
 * which kind and when it is shown.  Another revision than the head of main is worked out from git into a
 * row of the same shape, so there is one writer. */
#include "api/hub/hub_api.h"
#include "api/infer/infer_api.h"
#include "base/hash.h"
#include "base/log.h"
#include "hub/index/index.h"
#include "hub/large_file.h"

enum field {
    F_AUTHOR, F_BASE_MODELS, F_CARD, F_CHILDREN, F_CITATION, F_CONFIG, F_CREATED, F_DATASETS, F_DESCRIPTION, F_DISABLED,
    F_DOWNLOADS, F_DOWNLOADS_ALL, F_EVAL_RESULTS, F_GATED, F_GGUF, F_INFERENCE, F_PROVIDERS, F_MODIFIED, F_LIBRARY, F_LIKES,
    F_MAIN_SIZE, F_MASK_TOKEN, F_MODEL_INDEX, F_MODELS, F_PAPERS, F_PIPELINE, F_PRIVATE, F_REGION, F_RESOURCE_GROUP,
    F_RUNTIME, F_SAFETENSORS, F_SDK, F_SHA, F_SIBLINGS, F_SPACES, F_SUBDOMAIN, F_TAGS, F_TRANSFORMERS, F_TRENDING, F_USED,
    F_WIDGET, F_UID, F_XET, F_TRUSTED, F_DRIVERS, F_COUNT
};

enum { M = 1 << REPO_MODEL, D = 1 << REPO_DATASET, S = 1 << REPO_SPACE, K = 1 << REPO_KERNEL };
enum shown { INFO = 1, LIST = 2, FULL = 4, HIDDEN = 0 };

/* Kinds that have the field; where it is shown without being asked for.  In the order of `expand`'s
 * error message, which is alphabetical but for the last ones. */
static const struct {
    const char *name;
    unsigned kinds, shown;
} fields[F_COUNT] = {
    [F_AUTHOR] = { "author", M | D | S | K, INFO | FULL },
    [F_BASE_MODELS] = { "baseModels", M, HIDDEN },
    [F_CARD] = { "cardData", M | D | S, INFO | FULL },
    [F_CHILDREN] = { "childrenModelCount", M, HIDDEN },
    [F_CITATION] = { "citation", D, INFO | FULL },
    [F_CONFIG] = { "config", M, INFO },
    [F_CREATED] = { "createdAt", M | D | S | K, INFO | LIST },
    [F_DATASETS] = { "datasets", S, INFO },
    [F_DESCRIPTION] = { "description", D, INFO | FULL },
    [F_DISABLED] = { "disabled", M | D | S, INFO | FULL },
    [F_DOWNLOADS] = { "downloads", M | D | K, INFO | LIST },
    [F_DOWNLOADS_ALL] = { "downloadsAllTime", M | D, HIDDEN },
    [F_EVAL_RESULTS] = { "evalResults", M, HIDDEN },
    [F_GATED] = { "gated", M | D | K, INFO | FULL },
    [F_GGUF] = { "gguf", M, INFO },
    [F_INFERENCE] = { "inference", M, INFO },
    [F_PROVIDERS] = { "inferenceProviderMapping", M, HIDDEN },
    [F_MODIFIED] = { "lastModified", M | D | S | K, INFO | FULL },
    [F_LIBRARY] = { "library_name", M, INFO | LIST },
    [F_LIKES] = { "likes", M | D | S | K, INFO | LIST },
    [F_MAIN_SIZE] = { "mainSize", D, HIDDEN },
    [F_MASK_TOKEN] = { "mask_token", M, INFO },
    [F_MODEL_INDEX] = { "model-index", M, INFO },
    [F_MODELS] = { "models", S, INFO },
    [F_PAPERS] = { "paperswithcode_id", D, INFO },
    [F_PIPELINE] = { "pipeline_tag", M, INFO | LIST },
    [F_PRIVATE] = { "private", M | D | S | K, INFO | LIST },
    [F_REGION] = { "region", S, HIDDEN },
    [F_RESOURCE_GROUP] = { "resourceGroup", M | D | S, HIDDEN },
    [F_RUNTIME] = { "runtime", S, HIDDEN },
    [F_SAFETENSORS] = { "safetensors", M, INFO },
    [F_SDK] = { "sdk", S, INFO | LIST },
    [F_SHA] = { "sha", M | D | S | K, INFO | FULL },
    [F_SIBLINGS] = { "siblings", M | D | S, INFO | FULL },
    [F_SPACES] = { "spaces", M, INFO },
    [F_SUBDOMAIN] = { "subdomain", S, INFO },
    [F_TAGS] = { "tags", M | D | S, INFO | LIST },
    [F_TRANSFORMERS] = { "transformersInfo", M, INFO },
    [F_TRENDING] = { "trendingScore", M | D | S, LIST },
    [F_USED] = { "usedStorage", M | D | S, INFO },
    [F_WIDGET] = { "widgetData", M, INFO },
    [F_UID] = { "gitalyUid", M | D | S, HIDDEN },
    [F_XET] = { "xetEnabled", M | D | S, HIDDEN },
    [F_TRUSTED] = { "trustedPublisher", K, INFO | LIST },
    [F_DRIVERS] = { "supportedDriverFamilies", K, INFO | LIST },
};

enum { QUICK_FILES = 200 };
typedef uint64_t field_set;
#define FIELD(f) (UINT64_C(1) << (f))

static field_set fields_shown(enum repo_kind kind, unsigned when)
{
    field_set set = 0;
    for (int f = 0; f < F_COUNT; f++)
        if ((fields[f].kinds & 1u << kind) && (fields[f].shown & when)) set |= FIELD(f);
    return set;
}

static bool field_find(enum repo_kind kind, str name, field_set *set)
{
    for (int f = 0; f < F_COUNT; f++) {
        if (!(fields[f].kinds & 1u << kind) || !str_eq(name, str_c(fields[f].name))) continue;
        *set |= FIELD(f);
        return true;
    }
    return false;
}

/* `expand` as the clients send it.  *asked is false without one. */
static bool parse_expand(struct call *c, enum repo_kind kind, field_set *set, bool *asked, struct err *e)
{
    str *name;
    size_t n;
    query_list(c, "expand", true, &name, &n);
    *asked = n > 0;
    if (n) *set = 0;
    for (size_t i = 0; i < n; i++) {
        if (field_find(kind, name[i], set)) continue;
        struct buf all = BUF_INIT(0);
        for (int f = 0; f < F_COUNT; f++)
            if (fields[f].kinds & 1u << kind) buf_addf(&all, "%s%s", all.n ? ", " : "", fields[f].name);
        err_set(e, ERR_INVALID, "\"expand\" must be one of [%s]", buf_cstr(&all));
        buf_deinit(&all);
        return false;
    }
    return true;
}

/* ------------------------------------------------------------------ the writer */

struct shown_repo {
    const struct repo_summary *row;
    const struct repo_file_row *files; /* for siblings */
    size_t files_count;
    bool with_blobs;  /* siblings with sizes */
    bool in_list;
    field_set set;
};

static void write_siblings(struct json_writer *w, const struct shown_repo *s)
{
    jw_karray(w, "siblings");
    for (size_t i = 0; i < s->files_count; i++) {
        const struct repo_file_row *f = &s->files[i];
        jw_object(w);
        jw_kstr(w, "rfilename", f->path);
        if (s->with_blobs) {
            jw_kint(w, "size", (int64_t)f->size_bytes);
            jw_kstr(w, "blobId", f->oid);
            if (f->is_lfs) {
                char hex[SHA256_HEX + 1];
                hex_encode((bytes){ f->sha256.b, SHA256_BYTES }, hex);
                jw_kobject(w, "lfs");
                jw_kstr(w, "sha256", str_c(hex));
                jw_kint(w, "size", (int64_t)f->size_bytes);
                jw_kint(w, "pointerSize", (int64_t)f->pointer_bytes);
                jw_object_end(w);
            }
        }
        jw_object_end(w);
    }
    jw_array_end(w);
}

/* A member of the JSON object in `text`, if it is there and not null. */
static void write_member_of(struct call *c, struct json_writer *w, str text, const char *member, const char *as)
{
    struct json *o;
    struct err ignored;
    if (!text.p || !json_parse(text, c->a, &o, &ignored)) return;
    const struct json *v = json_get(o, str_c(member));
    if (v && v->type != JSON_NULL) jw_kvalue(w, as, v);
}

/* A card key that is a text or a list of texts, as a list. */
static void write_list_of(struct call *c, struct json_writer *w, str card, const char *member, const char *as)
{
    struct json *o;
    struct err ignored;
    jw_karray(w, as);
    if (card.p && json_parse(card, c->a, &o, &ignored)) {
        const struct json *v = json_get(o, str_c(member));
        if (json_is(v, JSON_STRING)) jw_str(w, v->s);
        json_each (item, json_is(v, JSON_ARRAY) ? v : NULL)
            if (item->type == JSON_STRING) jw_str(w, item->s);
    }
    jw_array_end(w);
}

static void write_subdomain(struct json_writer *w, const struct repo *r)
{
    struct buf b = BUF_INIT(0);
    for (size_t i = 0; i < r->full_name.n; i++) {
        char ch = r->full_name.p[i];
        bool plain = (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9');
        buf_byte(&b, plain ? ch : ch >= 'A' && ch <= 'Z' ? (char)(ch + 32) : '-');
    }
    jw_kstr(w, "subdomain", buf_str(&b));
    buf_deinit(&b);
}

static void write_used_by(struct call *c, struct json_writer *w, const struct repo *r)
{
    /* Public Spaces whose card names this model. */
    struct list_query q = { .kind = REPO_SPACE, .uses_models = &r->full_name, .uses_models_count = 1, .gated = -1, .limit = 100 };
    struct list_page page;
    struct err ignored;
    jw_karray(w, "spaces");
    if (list_repos(c->hub, call_db(c), &q, c->a, &page, &ignored))
        for (size_t i = 0; i < page.n; i++) jw_str(w, page.row[i].repo.full_name);
    jw_array_end(w);
}

static void write_children_count(struct call *c, struct json_writer *w, const struct repo *r)
{
    enum { COUNTED_MAX = 100000 };
    int64_t n = 0;
    struct err ignored;
    list_tag_public_count(call_db(c), REPO_MODEL, arena_fmt(c->a, "base_model:%.*s", STR_ARG(r->full_name)), COUNTED_MAX, &n, &ignored);
    jw_kint(w, "childrenModelCount", n);
}

/* Ours alone, for who asks for "xetEnabled": what the large files are, and what their xorbs take on disk. */
static void write_storage(struct call *c, struct json_writer *w, int64_t repo_id)
{
    struct cas_stats s;
    struct err e;
    if (!large_file_stats(call_db(c), repo_id, &s, &e)) {
        log_warn("info.storage", "repo=%lld problem=\"%s\"", (long long)repo_id, e.msg);
        return;
    }
    jw_kobject(w, "xetStorage");
    jw_kint(w, "files", (int64_t)s.objects);
    jw_kint(w, "bytes", (int64_t)s.logical_bytes);
    jw_kint(w, "xorbs", (int64_t)s.xorbs);
    jw_kint(w, "storedBytes", (int64_t)s.stored_bytes);
    jw_object_end(w);
}

static void write_field(struct call *c, struct json_writer *w, const struct shown_repo *s, enum field f)
{
    const struct repo_summary *row = s->row;
    const struct repo *r = &row->repo;
    switch (f) {
    case F_AUTHOR: jw_kstr(w, "author", r->owner); break;
    case F_BASE_MODELS: write_list_of(c, w, row->card, "base_model", "baseModels"); break;
    case F_CARD:
        if (row->card.p) jw_kraw(w, "cardData", row->card);
        break;
    case F_CHILDREN: write_children_count(c, w, r); break;
    case F_CITATION: write_member_of(c, w, row->extra, "citation", "citation"); break;
    case F_CONFIG:
        if (row->config.p) jw_kraw(w, "config", row->config);
        break;
    case F_CREATED: jw_kdate(w, "createdAt", r->created_ms); break;
    case F_DATASETS: write_list_of(c, w, row->card, "datasets", "datasets"); break;
    case F_DESCRIPTION: write_member_of(c, w, row->extra, "description", "description"); break;
    case F_DISABLED: jw_kbool(w, "disabled", r->is_disabled); break;
    case F_DOWNLOADS: jw_kint(w, "downloads", row->downloads); break;
    case F_DOWNLOADS_ALL: jw_kint(w, "downloadsAllTime", row->downloads_all); break;
    case F_EVAL_RESULTS: jw_kraw(w, "evalResults", STR("[]")); break;
    case F_GATED:
        if (r->gated.n)
            jw_kstr(w, "gated", r->gated);
        else
            jw_kbool(w, "gated", false);
        break;
    case F_GGUF:
        if (row->gguf.p) jw_kraw(w, "gguf", row->gguf);
        break;
    case F_INFERENCE:
        if (model_task_served(c, row).n) jw_kstr(w, "inference", STR("warm")); /* absent: it cannot be called */
        break;
    case F_PROVIDERS:
        jw_key(w, STR("inferenceProviderMapping"));
        model_write_providers(c, w, row, s->in_list);
        break;
    case F_MODIFIED: jw_kdate(w, "lastModified", row->modified_ms); break;
    case F_LIBRARY:
        if (row->library_name.n) jw_kstr(w, "library_name", row->library_name);
        break;
    case F_LIKES: jw_kint(w, "likes", row->likes); break;
    case F_MAIN_SIZE: jw_kint(w, "mainSize", row->used_bytes); break;
    case F_MASK_TOKEN: write_member_of(c, w, row->extra, "mask_token", "mask_token"); break;
    case F_MODEL_INDEX: write_member_of(c, w, row->card, "model-index", "model-index"); break;
    case F_MODELS: write_list_of(c, w, row->card, "models", "models"); break;
    case F_PAPERS: write_member_of(c, w, row->card, "paperswithcode_id", "paperswithcode_id"); break;
    case F_PIPELINE:
        if (row->pipeline_tag.n) jw_kstr(w, "pipeline_tag", row->pipeline_tag);
        break;
    case F_PRIVATE: jw_kbool(w, "private", r->is_private); break;
    case F_REGION: jw_kstr(w, "region", STR("us")); break;
    case F_RESOURCE_GROUP: break; /* none exist: absent */
    case F_RUNTIME: jw_key(w, STR("runtime")); write_space_runtime(c, w, row); break;
    case F_SAFETENSORS:
        if (row->safetensors.p) jw_kraw(w, "safetensors", row->safetensors);
        break;
    case F_SDK:
        if (r->sdk.n) jw_kstr(w, "sdk", r->sdk);
        break;
    case F_SHA:
        if (row->head_sha.n) jw_kstr(w, "sha", row->head_sha);
        break;
    case F_SIBLINGS: write_siblings(w, s); break;
    case F_SPACES: write_used_by(c, w, r); break;
    case F_SUBDOMAIN: write_subdomain(w, r); break;
    case F_TAGS: jw_kraw(w, "tags", row->tags.n ? row->tags : STR("[]")); break;
    case F_TRANSFORMERS: write_member_of(c, w, row->extra, "transformersInfo", "transformersInfo"); break;
    case F_TRENDING: jw_key(w, STR("trendingScore")); jw_real(w, row->trending); break;
    case F_USED: jw_kint(w, "usedStorage", row->used_bytes); break;
    case F_WIDGET: write_member_of(c, w, row->extra, "widgetData", "widgetData"); break;
    case F_UID: jw_kstr(w, "gitalyUid", r->hex_id); break;
    case F_XET:
        jw_kbool(w, "xetEnabled", true);
        write_storage(c, w, r->id);
        break;
    case F_TRUSTED: jw_kbool(w, "trustedPublisher", false); break;
    case F_DRIVERS: jw_kraw(w, "supportedDriverFamilies", STR("[]")); break;
    case F_COUNT: break;
    }
}

static void write_repo(struct call *c, struct json_writer *w, const struct shown_repo *s, bool names_model_id)
{
    const struct repo *r = &s->row->repo;
    jw_object(w);
    jw_kstr(w, "_id", r->hex_id);
    jw_kstr(w, "id", r->full_name);
    if (names_model_id && r->kind == REPO_MODEL) jw_kstr(w, "modelId", r->full_name);
    for (int f = 0; f < F_COUNT; f++)
        if (s->set & FIELD(f)) write_field(c, w, s, (enum field)f);
    jw_object_end(w);
}

/* ------------------------------------------------------------------ info */

struct siblings {
    struct arena *a;
    struct repo_file_row *row;
    size_t n, cap;
    uint64_t bytes;
};

static bool add_sibling(void *ctx, const struct vcs_entry *entry)
{
    struct siblings *s = ctx;
    if (entry->kind != VCS_FILE) return true;
    if (s->n == s->cap) {
        size_t cap = s->cap ? s->cap * 2 : 64;
        struct repo_file_row *grown = arena_alloc(s->a, cap * sizeof *grown);
        if (s->n) memcpy(grown, s->row, s->n * sizeof *grown);
        s->row = grown;
        s->cap = cap;
    }
    char hex[VCS_OID_HEX + 1];
    struct repo_file_row *f = &s->row[s->n++];
    *f = (struct repo_file_row){ .path = arena_dup(s->a, entry->path),
                                 .oid = arena_dup(s->a, vcs_oid_hex(&entry->oid, hex)),
                                 .size_bytes = vcs_entry_size(entry),
                                 .pointer_bytes = entry->lfs.is_lfs ? entry->blob_bytes : 0,
                                 .is_lfs = entry->lfs.is_lfs };
    memcpy(f->sha256.b, entry->lfs.sha256, SHA256_BYTES);
    s->bytes += f->size_bytes;
    return true;
}

static str value_text(struct arena *a, const struct json *v)
{
    if (!v) return (str){ NULL, 0 };
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_value(&w, v);
    str out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

/* Overlays what another revision says on the row of main. */
static bool overlay_revision(struct call *c, const struct vcs_oid *commit, struct repo_summary *row, struct err *e)
{
    struct vcs_repo *git;
    struct repo_facts facts;
    if (!call_git(c, &git, e) || !repo_facts_read(c->hub, git, &c->repo, commit, c->a, &facts, e)) return false;
    char hex[VCS_OID_HEX + 1];
    row->head_sha = arena_dup(c->a, vcs_oid_hex(commit, hex));
    row->modified_ms = facts.modified_ms;
    row->pipeline_tag = facts.pipeline_tag;
    row->library_name = facts.library_name;
    row->card = value_text(c->a, facts.card);
    row->config = value_text(c->a, facts.config);
    row->safetensors = value_text(c->a, facts.safetensors);
    row->gguf = value_text(c->a, facts.gguf);
    row->extra = facts.extra ? value_text(c->a, facts.extra) : STR("{}");
    struct json *tags = json_new(c->a, JSON_ARRAY);
    for (size_t i = facts.tags_count; i > 0; i--) { /* from the back: putting in front is cheap */
        struct json *t = json_new_str(c->a, facts.tags[i - 1]);
        t->next = tags->first;
        tags->first = t;
        tags->count++;
    }
    row->tags = value_text(c->a, tags);
    return true;
}

static bool reply_info(struct call *c, const char *revision_param, struct err *e)
{
    enum repo_kind kind = c->repo.kind;
    field_set set = fields_shown(kind, INFO);
    bool expands;
    struct repo_summary row;
    struct vcs_revision rev;
    if (!parse_expand(c, kind, &set, &expands, e)) return false;
    if (!repo_summary_get(call_db(c), c->repo.id, &row, c->a, e)) return false;

    str text = revision_param ? call_param(c, revision_param) : STR("main");
    bool is_main = str_eq(text, STR("main")) || str_eq(text, STR("HEAD")) || str_eq(text, STR("refs/heads/main")) ||
                   (row.head_sha.n && str_eq(text, row.head_sha));
    /* Quick on the event thread only if the index tells all, and it is not much. */
    bool quick = is_main && row.head_sha.n && !((set & FIELD(F_SIBLINGS)) && row.files_count > QUICK_FILES);
    if (!quick && !http_is_deferred(c->http)) return http_defer(c->http);
    if (!is_main) {
        char hex[VCS_OID_HEX + 1];
        if (!call_revision(c, text, &rev, e)) return false;
        is_main = str_eq(vcs_oid_hex(&rev.commit, hex), row.head_sha);
        if (!is_main && !overlay_revision(c, &rev.commit, &row, e)) return false;
    } else if (row.head_sha.n == 0 && revision_param) { /* main has no commit (everything was deleted) */
        if (!call_revision(c, text, &rev, e)) return false;
    }

    struct shown_repo s = { .row = &row, .set = set, .with_blobs = http_query_bool(c->http, "blobs", false) };
    struct repo_file_row *main_files;
    struct siblings other = { .a = c->a };
    if (set & FIELD(F_SIBLINGS)) {
        if (is_main) {
            if (!repo_files(call_db(c), c->repo.id, c->a, &main_files, &s.files_count, e)) return false;
            s.files = main_files;
        } else {
            struct vcs_repo *git;
            bool found;
            struct vcs_walk walk = { .path = STR(""), .after = STR(""), .recursive = true, .fn = add_sibling, .ctx = &other };
            if (!call_git(c, &git, e) || !vcs_tree_walk(git, &rev.commit, &walk, &found, e)) return false;
            s.files = other.row;
            s.files_count = other.n;
        }
    }

    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    write_repo(c, &w, &s, !expands);
    if (http_query_bool(c->http, "securityStatus", false) && kind == REPO_MODEL && b.n) {
        /* No scanner has looked: said so, not "safe". */
        b.n--;
        buf_lit(&b, ",\"securityRepoStatus\":{\"scansDone\":false,\"filesWithIssues\":[]}}");
    }
    return call_reply_json(c, 200, &b);
}

static bool get_info(struct call *c, struct err *e) { return reply_info(c, NULL, e); }
static bool get_info_at(struct call *c, struct err *e) { return reply_info(c, "rev", e); }

/* ------------------------------------------------------------------ lists */

void query_list(struct call *c, const char *name, bool splits_commas, str **out, size_t *n)
{
    enum { ITEMS_MAX = 64 };
    str value, piece;
    str *list = arena_alloc(c->a, ITEMS_MAX * sizeof *list);
    *n = 0;
    for (str rest = http_query_raw(c->http); http_form_next(&rest, c->a, name, &value);) {
        if (!splits_commas) {
            if (value.n && *n < ITEMS_MAX) list[(*n)++] = value;
            continue;
        }
        while (str_cut(&value, ',', &piece))
            if (piece.n && *n < ITEMS_MAX) list[(*n)++] = piece;
    }
    *out = list;
}

/* Dataset parameters that are tags with a prefix: language=en means the tag "language:en". */
static const char *const tag_parameters[] = { "language",        "language_creators", "multilinguality",
                                              "size_categories", "task_categories",   "task_ids" };

static bool parse_list_query(struct call *c, struct list_query *q, struct err *e)
{
    str *search, *tags, *extra, sort = call_query(c, "sort"), gated = call_query(c, "gated"), text;
    size_t n, extra_n;
    q->who = &c->who;
    q->gated = -1;
    query_list(c, "search", false, &search, &q->search_count);
    q->search = search;
    q->author = call_query(c, "author");
    if (q->author.p && q->author.n == 0) q->author.p = NULL;

    enum { TAGS_MAX = 256 };
    str *all = arena_alloc(c->a, TAGS_MAX * sizeof *all);
    query_list(c, "filter", true, &tags, &n);
    for (size_t i = 0; i < n; i++) all[q->tags_count++] = tags[i];
    if ((text = call_query(c, "library")).n) all[q->tags_count++] = text;
    for (size_t p = 0; p < COUNT(tag_parameters) && q->kind == REPO_DATASET; p++) {
        query_list(c, tag_parameters[p], true, &extra, &extra_n);
        for (size_t i = 0; i < extra_n && q->tags_count < TAGS_MAX; i++)
            all[q->tags_count++] = arena_fmt(c->a, "%s:%.*s", tag_parameters[p], STR_ARG(extra[i]));
    }
    if (q->kind == REPO_SPACE) { /* that use a model or a dataset */
        query_list(c, "models", true, &extra, &q->uses_models_count);
        q->uses_models = extra;
        query_list(c, "datasets", true, &extra, &q->uses_datasets_count);
        q->uses_datasets = extra;
    }
    q->tags = all;
    q->pipeline_tag = call_query(c, "pipeline_tag");
    q->sdk = call_query(c, "sdk");
    if (gated.n) q->gated = http_query_bool(c->http, "gated", false);
    q->has_gguf_only = call_query(c, "apps").n > 0;
    if (!list_parameters_parse(call_query(c, "num_parameters"), q, e)) return false;
    if (sort.n && !list_sort_parse(sort, &q->sort))
        return err_set(e, ERR_INVALID, "\"sort\" must be one of [createdAt, lastModified, downloads, likes, trendingScore, num_parameters, id]");
    q->ascending = str_eq(call_query(c, "direction"), STR("1"));
    q->limit = call_query_limit(c, 1000, 1000);
    q->cursor = call_query(c, "cursor");
    return true;
}

/* "inference_provider=a,b" or "all", "inference=warm": only what can be called here. */
static bool wants_callable(struct call *c, bool *nothing)
{
    str providers = call_query(c, "inference_provider"), inference = call_query(c, "inference"), name;
    bool is_ours = false;
    *nothing = inference.n && !str_eq(inference, STR("warm"));
    if (!providers.n) return inference.n;
    while (str_cut(&providers, ',', &name)) is_ours = is_ours || str_eq(name, STR("all")) || str_eq(name, STR("hf-inference"));
    *nothing = *nothing || !is_ours;
    return true;
}

/* The index does not know what can be called: pages are read on until there are enough that can. */
static bool list_callable(struct call *c, struct list_query *q, struct list_page *out, struct err *e)
{
    enum { READS_MAX = 20 };
    size_t limit = q->limit;
    struct list_page page;
    *out = (struct list_page){ .row = arena_alloc(c->a, (limit + 1) * sizeof *out->row) };
    for (size_t i = 0; i < READS_MAX && out->n < limit; i++) {
        q->limit = limit - out->n;
        if (!list_repos(c->hub, call_db(c), q, c->a, &page, e)) return false;
        for (size_t k = 0; k < page.n; k++)
            if (model_task_served(c, &page.row[k]).n) out->row[out->n++] = page.row[k];
        q->cursor = out->next = page.next;
        if (!page.next.p) break;
    }
    return true;
}

static bool list_kind(struct call *c, enum repo_kind kind, struct err *e)
{
    struct list_query q = { .kind = kind };
    struct list_page page;
    bool full = http_query_bool(c->http, "full", false), expands;
    field_set set = fields_shown(kind, full ? LIST | FULL : LIST);
    if (http_query_bool(c->http, "cardData", false)) set |= FIELD(F_CARD);
    if (http_query_bool(c->http, "config", false) && kind == REPO_MODEL) set |= FIELD(F_CONFIG);
    if (http_query_bool(c->http, "linked", false) && kind == REPO_SPACE) set |= FIELD(F_MODELS) | FIELD(F_DATASETS);
    if (!parse_expand(c, kind, &set, &expands, e)) return false;
    if (!parse_list_query(c, &q, e)) return false;
    bool nothing = false, callable = kind == REPO_MODEL && wants_callable(c, &nothing);
    if (nothing) page = (struct list_page){ 0 };
    else if (!(callable ? list_callable(c, &q, &page, e) : list_repos(c->hub, call_db(c), &q, c->a, &page, e))) return false;

    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_array(&w);
    for (size_t i = 0; i < page.n; i++) {
        struct shown_repo s = { .row = &page.row[i], .set = set, .in_list = true };
        struct repo_file_row *files;
        if (set & FIELD(F_SIBLINGS)) {
            if (!repo_files(call_db(c), page.row[i].repo.id, c->a, &files, &s.files_count, e)) {
                buf_deinit(&b);
                return false;
            }
            s.files = files;
        }
        write_repo(c, &w, &s, !expands);
    }
    jw_array_end(&w);
    if (page.next.p) call_link_next(c, STR("cursor"), page.next);
    return call_reply_json(c, 200, &b);
}

static bool list_models(struct call *c, struct err *e) { return list_kind(c, REPO_MODEL, e); }
static bool list_datasets(struct call *c, struct err *e) { return list_kind(c, REPO_DATASET, e); }
static bool list_spaces(struct call *c, struct err *e) { return list_kind(c, REPO_SPACE, e); }
static bool list_kernels(struct call *c, struct err *e) { return list_kind(c, REPO_KERNEL, e); }

static const struct api_route rows[] = {
    { HTTP_GET, "/api/models", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, list_models, "model.list", SHAPE_HUB },
    { HTTP_GET, "/api/datasets", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, list_datasets, "dataset.list", SHAPE_HUB },
    { HTTP_GET, "/api/spaces", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, list_spaces, "space.list", SHAPE_HUB },
    { HTTP_GET, "/api/kernels", PERM_ANYONE, HTTP_BODY_NONE, 0, 0, list_kernels, "kernel.list", SHAPE_HUB },
    { HTTP_GET, ANY_REPO, PERM_REPO_SEE, HTTP_BODY_NONE, 0, HTTP_INLINE, get_info, "repo.info", SHAPE_HUB },
    { HTTP_GET, ANY_REPO "/revision/*rev", PERM_REPO_SEE, HTTP_BODY_NONE, 0, HTTP_INLINE, get_info_at, "repo.info-at", SHAPE_HUB },
};
const struct api_table hub_info_table = API_TABLE(rows);
