/* web/repo/card/about.c - what a card's page says beside the card: figures, terms that link to lists, downloads by day. */
#include "base/clock.h"
#include "web/repo/card/card.h"

enum { DAYS = 30, NAMES_MAX = 8, NAME_BYTES_MAX = 120 };

/* ------------------------------------------------------------------ downloads */

/* {"labels": [..], "values": [..]}, unless nothing was ever downloaded. */
static bool write_downloads(struct page *p, const struct repo_view *v, struct err *e)
{
    int64_t day[DAYS], today = clock_day(clock_now_ms());
    char text[ISO_DATE_BYTES];
    if (v->row.downloads_all <= 0) return true;
    if (!repo_downloads_daily(call_db(p->c), v->row.repo.id, DAYS, day, e)) return false;
    jw_kobject(&p->w, "downloads");
    jw_karray(&p->w, "labels");
    for (int i = 0; i < DAYS; i++) {
        clock_iso((today - DAYS + 1 + i) * 86400000, text);
        jw_str(&p->w, str_n(text, 10));
    }
    jw_array_end(&p->w);
    jw_karray(&p->w, "values");
    for (int i = 0; i < DAYS; i++) jw_int(&p->w, day[i]);
    jw_array_end(&p->w);
    jw_object_end(&p->w);
    return true;
}

/* ------------------------------------------------------------------ what the card names */

/* A text or a list of texts of the card. */
static const struct json *first_of(const struct json *card, const char *key, const struct json **list)
{
    const struct json *v = json_get(card, str_c(key));
    *list = json_is(v, JSON_ARRAY) ? v : NULL;
    return *list ? json_first(*list) : v;
}

/* The first NAMES_MAX, and how many more there are. */
static void write_terms(struct json_writer *w, const struct json *card, const char *key, const char *as)
{
    const struct json *list, *v = first_of(card, key, &list);
    char more[32];
    int64_t n = 0;
    jw_karray(w, as);
    for (; v; v = list ? v->next : NULL) {
        str s;
        if (json_str(v, &s) && s.n && s.n <= NAME_BYTES_MAX && n++ < NAMES_MAX) jw_str(w, s);
    }
    jw_array_end(w);
    snprintf(more, sizeof more, "%s_more", as);
    jw_kint(w, more, n > NAMES_MAX ? n - NAMES_MAX : 0);
}

/* Repositories that the card names: a link for those that are here, and for this visitor. */
static void write_named(struct page *p, const struct json *card, const char *key, enum repo_kind kind, const char *as)
{
    const struct json *list, *v = first_of(card, key, &list);
    size_t n = 0;
    jw_karray(&p->w, as);
    for (; v && n < NAMES_MAX; v = list ? v->next : NULL) {
        struct repo found;
        struct err ignored;
        str s;
        if (!json_str(v, &s) || !s.n || s.n > NAME_BYTES_MAX) continue;
        n++;
        jw_object(&p->w);
        jw_kstr(&p->w, "name", s);
        if (str_chr(s, '/') != STR_NONE && call_find_repo(p->c, kind, s, REPO_SEE, &found, &ignored))
            jw_kstr(&p->w, "href", arena_fmt(p->c->a, "/%.*s%.*s", STR_ARG(repo_web_prefix(kind)), STR_ARG(found.full_name)));
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
}

bool write_about(struct page *p, const struct repo_view *v, struct err *e)
{
    const struct repo_summary *s = &v->row;
    struct json_writer *w = &p->w;
    str license_name = json_str_or(v->card, STR("license_name"), STR(""));
    jw_kobject(w, "facts");
    jw_kstr(w, "task", s->pipeline_tag.n ? s->pipeline_tag : STR(""));
    jw_kstr(w, "library", s->library_name.n ? s->library_name : STR(""));
    jw_kint(w, "modified_ms", s->modified_ms);
    jw_kint(w, "downloads", s->downloads);
    jw_kint(w, "downloads_all", s->downloads_all);
    jw_kint(w, "likes", s->likes);
    jw_kint(w, "parameters", s->parameters);
    jw_kint(w, "bytes", s->used_bytes);
    jw_kint(w, "files", s->files_count);
    if (s->tags.n) jw_kraw(w, "tags", s->tags);
    write_terms(w, v->card, "license", "licenses");
    if (license_name.n && license_name.n <= NAME_BYTES_MAX) jw_kstr(w, "license_name", license_name);
    write_terms(w, v->card, "language", "languages");
    write_named(p, v->card, "base_model", REPO_MODEL, "base_models");
    write_named(p, v->card, "datasets", REPO_DATASET, "datasets");
    if (s->repo.kind == REPO_SPACE) write_named(p, v->card, "models", REPO_MODEL, "models");
    write_named(p, v->card, "new_version", REPO_MODEL, "newer");
    jw_object_end(w);
    return write_downloads(p, v, e);
}
