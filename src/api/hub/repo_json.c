/* api/hub/repo_json.c - a repository as JSON: which fields there are, which are asked for, and the writer.
 *
 * Info and lists write the same fields from the same row (repo + repo_index); `fields[]` says which field exists for
 * which kind and when it is shown. */
#include "api/hub/repo_json.h"

#include "account/resource_group.h"
#include "api/infer/infer_api.h"
#include "base/hash.h"
#include "base/log.h"
#include "hub/card/eval.h"
#include "hub/large_file.h"
#include "hub/mirror_list.h"

enum field {
    F_AUTHOR, F_BASE_MODELS, F_CARD, F_CHILDREN, F_CITATION, F_CONFIG, F_CREATED, F_DATASETS, F_DESCRIPTION, F_DISABLED,
    F_DOWNLOADS, F_DOWNLOADS_ALL, F_EVAL_RESULTS, F_GATED, F_GGUF, F_INFERENCE, F_PROVIDERS, F_MODIFIED, F_MIRROR, F_LIBRARY, F_LIKES,
    F_MAIN_SIZE, F_MASK_TOKEN, F_MODEL_INDEX, F_MODELS, F_PAPERS, F_PIPELINE, F_PRIVATE, F_REGION, F_RESOURCE_GROUP,
    F_RUNTIME, F_SAFETENSORS, F_SDK, F_SHA, F_SIBLINGS, F_SPACES, F_SUBDOMAIN, F_TAGS, F_TRANSFORMERS, F_TRENDING, F_USED,
    F_WIDGET, F_UID, F_XET, F_TRUSTED, F_DRIVERS, F_HOST, F_COUNT
};

enum { M = 1 << REPO_MODEL, D = 1 << REPO_DATASET, S = 1 << REPO_SPACE, K = 1 << REPO_KERNEL };
enum { INFO = SHOWN_IN_INFO, LIST = SHOWN_IN_LIST, FULL = SHOWN_IN_FULL_LIST, HIDDEN = 0 };

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
    [F_MIRROR] = { "mirrorOf", M | D | S, INFO | FULL }, /* ours: the address of what it mirrors */
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
    [F_RESOURCE_GROUP] = { "resourceGroup", M | D | S | K, INFO },
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
    [F_HOST] = { "host", S, INFO },
};

#define FIELD(f) (UINT64_C(1) << (f))
_Static_assert(F_COUNT <= 64, "a set of fields is 64 bits");

repo_fields repo_fields_shown(enum repo_kind kind, unsigned where)
{
    repo_fields set = 0;
    for (int f = 0; f < F_COUNT; f++)
        if ((fields[f].kinds & 1u << kind) && (fields[f].shown & where)) set |= FIELD(f);
    return set;
}

bool repo_fields_add(enum repo_kind kind, str name, repo_fields *set)
{
    for (int f = 0; f < F_COUNT; f++) {
        if (!(fields[f].kinds & 1u << kind) || !str_eq(name, str_c(fields[f].name))) continue;
        *set |= FIELD(f);
        return true;
    }
    return false;
}

bool repo_fields_has_files(repo_fields set) { return set & FIELD(F_SIBLINGS); }

bool repo_fields_expand(struct call *c, enum repo_kind kind, repo_fields *set, bool *asked, struct err *e)
{
    str *name;
    size_t n;
    query_list(c, "expand", true, &name, &n);
    *asked = n > 0;
    if (n) *set = 0;
    for (size_t i = 0; i < n; i++) {
        if (repo_fields_add(kind, name[i], set)) continue;
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

void write_repo_file(struct json_writer *w, const struct repo_file_row *f, bool has_sizes)
{
    jw_kstr(w, "rfilename", f->path);
    if (!has_sizes) return;
    jw_kint(w, "size", (int64_t)f->size_bytes);
    jw_kstr(w, "blobId", f->oid);
    if (!f->is_lfs) return;
    char hex[SHA256_HEX + 1];
    hex_encode((bytes){ f->sha256.b, SHA256_BYTES }, hex);
    jw_kobject(w, "lfs");
    jw_kstr(w, "sha256", str_c(hex));
    jw_kint(w, "size", (int64_t)f->size_bytes);
    jw_kint(w, "pointerSize", (int64_t)f->pointer_bytes);
    jw_object_end(w);
}

/* Files are written as they are read: there may be a million. */
struct siblings {
    struct json_writer *w;
    bool has_sizes;
};

static bool write_sibling(void *ctx, const struct repo_file_row *f)
{
    const struct siblings *s = ctx;
    jw_object(s->w);
    write_repo_file(s->w, f, s->has_sizes);
    jw_object_end(s->w);
    return !s->w->out->failed;
}

static bool write_entry(void *ctx, const struct vcs_entry *entry)
{
    char hex[VCS_OID_HEX + 1];
    if (entry->kind != VCS_FILE) return true;
    struct repo_file_row f = { .path = entry->path, .oid = vcs_oid_hex(&entry->oid, hex), .size_bytes = vcs_entry_size(entry),
                               .pointer_bytes = entry->blob_bytes, .is_lfs = entry->lfs.is_lfs };
    memcpy(f.sha256.b, entry->lfs.sha256, SHA256_BYTES);
    return write_sibling(ctx, &f);
}

static bool write_siblings(struct call *c, struct json_writer *w, const struct repo_shown *s, struct err *e)
{
    struct siblings to = { w, s->has_sizes };
    struct vcs_walk walk = { .path = STR(""), .after = STR(""), .recursive = true, .fn = write_entry, .ctx = &to };
    struct vcs_repo *git;
    bool found;
    jw_karray(w, "siblings");
    bool ok = s->commit ? call_git(c, &git, e) && vcs_tree_walk(git, s->commit, &walk, &found, e)
                        : repo_files_each(call_db(c), s->row->repo.id, write_sibling, &to, e);
    jw_array_end(w);
    return ok;
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

static void write_host(struct call *c, struct json_writer *w, const struct repo *r)
{
    str url = call_space_url(c, r);
    if (url.n) jw_kstr(w, "host", url);
}

static void write_used_by(struct call *c, struct json_writer *w, const struct repo *r)
{
    /* Public Spaces whose card names this model. */
    struct list_query q = { .kind = REPO_SPACE, .uses_models = &r->full_name, .uses_models_count = 1, .gated = -1, .limit = 100 };
    struct list_page page;
    struct err ignored;
    jw_karray(w, "spaces");
    if (list_repos(call_db(c), &q, c->a, &page, &ignored))
        for (size_t i = 0; i < page.n; i++) jw_str(w, page.row[i].repo.full_name);
    jw_array_end(w);
}

static void write_children_count(struct call *c, struct json_writer *w, const struct repo *r)
{
    int64_t n = 0;
    struct err ignored;
    list_tag_public_count(call_db(c), REPO_MODEL, arena_fmt(c->a, "base_model:%.*s", STR_ARG(r->full_name)), &n, &ignored);
    jw_kint(w, "childrenModelCount", n);
}

static void write_eval_result(void *w, str shown)
{
    jw_raw(w, shown);
}

/* What files say, a gate hides. */
static void write_eval_results(struct call *c, struct json_writer *w, const struct repo_shown *s)
{
    struct err ignored;
    jw_karray(w, "evalResults");
    if (call_allow(c, &s->row->repo, REPO_READ, &ignored)) {
        if (!s->commit) eval_results_each(call_db(c), s->row->repo.id, write_eval_result, w, &ignored);
        for (size_t i = 0; s->commit && i < s->facts->results_count; i++) jw_value(w, s->facts->results[i].shown);
    }
    jw_array_end(w);
}

static void write_group_of(struct call *c, struct json_writer *w, const struct repo *r)
{
    struct resource_group g;
    struct err ignored;
    bool seen;
    if (!resource_group_seen(c, r->owner_id, r->group_id, &g, &seen, &ignored) || !seen) return;
    jw_key(w, STR("resourceGroup"));
    write_resource_group(w, &g);
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

static void write_field(struct call *c, struct json_writer *w, const struct repo_shown *s, enum field f)
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
    case F_EVAL_RESULTS: write_eval_results(c, w, s); break;
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
    case F_MIRROR:
        if (r->upstream.n) jw_kstr(w, "mirrorOf", mirror_url(r, c->a));
        break;
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
    case F_RESOURCE_GROUP: write_group_of(c, w, r); break;
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
    case F_SIBLINGS: break; /* write_repo, for it may fail */
    case F_SPACES: write_used_by(c, w, r); break;
    case F_SUBDOMAIN: jw_kstr(w, "subdomain", r->label); break;
    case F_HOST: write_host(c, w, r); break;
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

bool write_repo(struct call *c, struct json_writer *w, const struct repo_shown *s, struct err *e)
{
    const struct repo *r = &s->row->repo;
    bool ok = true;
    jw_object(w);
    jw_kstr(w, "_id", r->hex_id);
    jw_kstr(w, "id", r->full_name);
    if (s->names_model_id && r->kind == REPO_MODEL) jw_kstr(w, "modelId", r->full_name);
    for (int f = 0; ok && f < F_COUNT; f++) {
        if (!(s->set & FIELD(f))) continue;
        if (f == F_SIBLINGS) ok = write_siblings(c, w, s, e);
        else write_field(c, w, s, (enum field)f);
    }
    jw_object_end(w);
    return ok;
}
