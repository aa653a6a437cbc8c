/* hub/index/facts.c - conclusions from a revision's files: card, tags, task, library, weights.
 *
 * A fact that cannot be had (a file is missing, malformed, too large) is absent; only the repository or the
 * database failing is an error.  A repository must be listed however odd its files are. */
#include "hub/index/facts.h"

#include "base/log.h"
#include "hub/card/card.h"
#include "hub/card/eval.h"
#include "hub/mirror.h"

enum {
    DESCRIPTION_BYTES_MAX = 1000,
    DESCRIPTION_LINES_BYTES_MAX = 4000, /* how much of the README is looked at for it */
};

/* ------------------------------------------------------------------ contents */

bool facts_read_prefix(const struct facts_source *from, const struct facts_file *f, size_t n, struct arena *a, bytes *out,
                       struct err *e)
{
    struct cas_reader *reader;
    uint8_t *p;
    size_t at = 0, got = 1;
    bool ok = true;

    if (!f->is_lfs) {
        if (!vcs_blob_read(from->vcs, &f->oid, (size_t)f->size_bytes, a, out, e)) return false;
        if (out->n > n) out->n = n;
        return true;
    }
    if (!mirror_need_file(from->hub, from->repo_id, &f->sha256, f->size_bytes, NULL, e)) return false;
    if (n > f->size_bytes) n = (size_t)f->size_bytes;
    if (!(p = arena_try(a, n + 1))) return err_set(e, ERR_TOO_LARGE, "no memory for %zu bytes", n);
    if (!cas_reader_open(hub_cas(from->hub), &f->sha256, 0, n, &reader, e)) return false;
    while (ok && got && at < n) {
        ok = cas_reader_read(reader, p + at, n - at, &got, e);
        if (ok) at += got;
    }
    cas_reader_close(reader);
    *out = (bytes){ p, at };
    return ok;
}

void facts_read(const struct facts_source *from, const struct facts_file *f, size_t n_max, struct arena *a, bytes *out)
{
    struct err e;
    *out = (bytes){ NULL, 0 };
    if (!f->path.p || f->size_bytes > n_max) return;
    if (facts_read_prefix(from, f, (size_t)f->size_bytes, a, out, &e)) return;
    *out = (bytes){ NULL, 0 };
    log_warn("facts.read", "path=\"%.*s\" problem=\"%s\"", STR_ARG(f->path), e.msg);
}

/* ------------------------------------------------------------------ description */

static bool says_something(str line)
{
    return line.n && !str_starts(line, STR("#")) && !str_starts(line, STR("<")) && !str_starts(line, STR("!")) &&
           !str_starts(line, STR("|")) && !str_starts(line, STR("```")) && !str_starts(line, STR("[!")) &&
           !str_starts(line, STR("---"));
}

/* Cuts at most n bytes without splitting a character. */
static str cut_text(str s, size_t n)
{
    if (s.n <= n) return s;
    while (n && ((unsigned char)s.p[n] & 0xC0) == 0x80) n--;
    return str_to(s, n);
}

/* The prose at the start of the README's body, headings and tables left out. */
static str description_of(str body, struct arena *a)
{
    struct buf b = BUF_INIT(DESCRIPTION_LINES_BYTES_MAX * 2);
    str rest = cut_text(body, DESCRIPTION_LINES_BYTES_MAX), line, out;

    while (rest.n && str_cut(&rest, '\n', &line)) {
        line = str_trim(line);
        if (!says_something(line)) continue;
        if (b.n) buf_byte(&b, ' ');
        buf_add(&b, line);
        if (b.n >= DESCRIPTION_BYTES_MAX) break;
    }
    out = arena_dup(a, cut_text(buf_str(&b), DESCRIPTION_BYTES_MAX));
    buf_deinit(&b);
    return out;
}

/* ------------------------------------------------------------------ the rest */

void facts_share(struct json *to, const char *key, const struct json *v, struct arena *a)
{
    if (v && v->type != JSON_NULL) json_put(to, str_c(key), json_share(a, v));
}

static void derive_model(const struct facts_source *from, const struct facts_scan *s, struct arena *a,
                         struct repo_facts *out, struct facts_model *m, struct json *extra)
{
    uint64_t in_safetensors, in_gguf;

    facts_model_config(from, s, a, m);
    out->config = m->config;
    out->library_name = facts_library(out->card, s, m);
    out->pipeline_tag = facts_pipeline(out->card, out->library_name, m);
    out->safetensors = facts_safetensors(from, s, a, &in_safetensors);
    out->gguf = facts_gguf(from, s, a, &in_gguf);
    out->parameters = in_safetensors ? in_safetensors : in_gguf;
    if (json_get(out->gguf, STR("chat_template"))) m->has_chat_template = true;
    eval_results_read(from, s, a, &out->results, &out->results_count);
    facts_share(extra, "widgetData", json_get(out->card, STR("widget")), a);
    if (str_eq(out->pipeline_tag, STR("fill-mask")) && m->mask_token.n && m->mask_token.n <= TAG_BYTES_MAX)
        json_put(extra, STR("mask_token"), json_new_str(a, m->mask_token));
    if (str_eq(out->library_name, STR("transformers")))
        facts_share(extra, "transformersInfo", facts_transformers_info(m, out->pipeline_tag, a), a);
}

/* The sdk that the card names, if it is one; else what the repository was created with. */
static str sdk_of(const struct json *card, const struct repo *r)
{
    str s = json_str_or(card, STR("sdk"), STR(""));
    if (str_eq(s, STR("gradio")) || str_eq(s, STR("docker")) || str_eq(s, STR("static")) || str_eq(s, STR("streamlit")))
        return s;
    return r->sdk;
}

static void read_card(const struct facts_source *from, const struct repo *r, const struct facts_scan *s,
                      const struct json *card_before, struct arena *a, struct repo_facts *out, str *body,
                      struct json *extra)
{
    struct card_report report;
    struct err e;
    bytes readme;
    str yaml;
    bool found;

    *body = STR("");
    facts_read(from, &s->named[FACTS_README], CARD_BYTES_MAX, a, &readme);
    if (!readme.p || !card_check(str_of(readme), r->kind, a, &report, &e)) return;
    card_front_matter(str_of(readme), &yaml, body, &found);
    out->card = report.data;
    if (report.data || report.errors_count == 0) return;
    out->card = card_before; /* what cannot be parsed does not hide what was known before */
    json_put(extra, STR("cardError"), json_new_str(a, report.errors[0]));
}

void facts_derive(const struct facts_source *from, const struct repo *r, const struct facts_scan *s,
                  const struct json *card_before, struct arena *a, struct repo_facts *out)
{
    struct facts_model m = { 0 };
    struct json *extra = json_new(a, JSON_OBJECT);
    str body, sdk = STR("");

    out->used_bytes = s->used_bytes;
    out->files_count = s->files_count;
    read_card(from, r, s, card_before, a, out, &body, extra);
    if (r->kind == REPO_MODEL || r->kind == REPO_KERNEL) derive_model(from, s, a, out, &m, extra);
    if (r->kind == REPO_DATASET) {
        str d = description_of(body, a);
        if (d.n) json_put(extra, STR("description"), json_new_str(a, d));
        facts_share(extra, "benchmark", eval_benchmark_read(from, s, a), a);
        facts_share(extra, "paperswithcode_id", json_get(out->card, STR("paperswithcode_id")), a);
    }
    if (r->kind == REPO_SPACE) {
        sdk = sdk_of(out->card, r);
        if (sdk.n) json_put(extra, STR("sdk"), json_new_str(a, sdk));
        facts_share(extra, "models", json_get(out->card, STR("models")), a);
        facts_share(extra, "datasets", json_get(out->card, STR("datasets")), a);
    }
    tags_derive(&(struct tags_input){ .kind = r->kind, .card = out->card, .scan = s, .model = &m,
                                      .library = out->library_name, .pipeline = out->pipeline_tag, .sdk = sdk,
                                      .readme_body = body },
                a, &out->tags, &out->tags_count);
    if (extra->count) out->extra = extra;
}

static bool scan_entry(void *ctx, const struct vcs_entry *entry)
{
    struct facts_file f = { .path = entry->path, .oid = entry->oid, .size_bytes = vcs_entry_size(entry),
                            .is_lfs = entry->lfs.is_lfs };
    if (entry->kind != VCS_FILE) return true;
    memcpy(f.sha256.b, entry->lfs.sha256, SHA256_BYTES);
    facts_scan_add(ctx, &f);
    return true;
}

bool repo_facts_read(struct hub *h, struct vcs_repo *v, const struct repo *r, const struct vcs_oid *commit,
                     struct arena *a, struct repo_facts *out, struct err *e)
{
    struct facts_source from = { h, r->id, v };
    struct facts_scan scan;
    struct vcs_walk walk = { .path = STR(""), .after = STR(""), .recursive = true, .fn = scan_entry, .ctx = &scan };
    struct vcs_commit c;
    bool found;

    *out = (struct repo_facts){ .commit = *commit };
    if (!vcs_commit_read(v, commit, &c, &found, a, e)) return false;
    if (!found) return err_kind(e, ERR_NOT_FOUND, HUB_NO_REVISION, "the commit does not exist");
    out->modified_ms = c.committer_ms;
    facts_scan_init(&scan, a);
    if (!vcs_tree_walk(v, commit, &walk, &found, e)) return false;
    facts_derive(&from, r, &scan, NULL, a, out);
    return true;
}
