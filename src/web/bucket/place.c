/* web/bucket/place.c - see web/bucket/bucket.h: the bucket of a page, and where in it one is. */
#include "web/bucket/bucket.h"

str bucket_href(struct call *c, str full_name, const char *action, str path)
{
    struct buf b = BUF_INIT(0);
    buf_addf(&b, "/buckets/%.*s", STR_ARG(full_name));
    if (action[0]) buf_addf(&b, "/%s", action);
    if (path.n) buf_byte(&b, '/');
    http_encode(&b, path, "/");
    str href = arena_dup(c->a, buf_str(&b));
    buf_deinit(&b);
    return href;
}

/* ------------------------------------------------------------------ its members */

void bucket_write(struct json_writer *w, const struct bucket *b)
{
    char href[512];
    snprintf(href, sizeof href, "/buckets/%.*s", STR_ARG(b->full_name));
    jw_kstr(w, "owner", b->owner);
    jw_kstr(w, "name", b->name);
    jw_kstr(w, "full_name", b->full_name);
    jw_kstr(w, "href", str_c(href));
    jw_kbool(w, "is_private", b->is_private);
    jw_kint(w, "files", b->files_count);
    jw_kint(w, "bytes", (int64_t)b->size_bytes);
    jw_kint(w, "created_ms", b->created_ms);
    jw_kint(w, "updated_ms", b->updated_ms);
}

void bucket_write_list(struct page *p, const char *name, const struct bucket *b, size_t n)
{
    jw_karray(&p->w, name);
    for (size_t i = 0; i < n; i++) {
        jw_object(&p->w);
        bucket_write(&p->w, &b[i]);
        jw_object_end(&p->w);
    }
    jw_array_end(&p->w);
}

struct page *bucket_page_new(struct call *c, const char *tab, str title)
{
    const struct bucket *b = c->bucket;
    struct err ignored;
    struct page *p = page_new(c, title);
    jw_kstr(&p->w, "plural", STR("buckets"));
    jw_kstr(&p->w, "tab", str_c(tab));
    jw_kobject(&p->w, "bucket");
    bucket_write(&p->w, b);
    jw_object_end(&p->w);
    jw_kbool(&p->w, "may_write", c->who.user_id && bucket_allow(call_db(c), &c->who, b, REPO_WRITE, &ignored));
    jw_kbool(&p->w, "may_administer", c->who.user_id && bucket_allow(call_db(c), &c->who, b, REPO_ADMIN, &ignored));
    return p;
}

/* ------------------------------------------------------------------ where in it one is */

static bool is_plain(unsigned char ch)
{
    return (ch >= '0' && ch <= '9') || (ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z') || (ch && strchr("-._/:@%+=,", ch));
}

void bucket_write_shell(struct page *p, const char *member, str text)
{
    struct buf b = BUF_INIT(0);
    bool plain = text.n > 0;
    for (size_t i = 0; i < text.n; i++) plain = plain && is_plain((unsigned char)text.p[i]);
    if (!plain) buf_byte(&b, '\'');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\'') buf_lit(&b, "'\\''");
        else buf_byte(&b, text.p[i]);
    }
    if (!plain) buf_byte(&b, '\'');
    jw_kstr(&p->w, member, buf_str(&b));
    buf_deinit(&b);
}

/* A string of JSON is one of Python. */
static void write_python(struct page *p, const char *member, str text)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    jw_str(&w, text);
    jw_kstr(&p->w, member, buf_str(&b));
    buf_deinit(&b);
}

static str last_of(str path)
{
    size_t slash = str_rchr(path, '/');
    return slash == STR_NONE ? path : str_from(path, slash + 1);
}

void bucket_write_place(struct page *p, str path)
{
    const struct bucket *b = p->c->bucket;
    struct json_writer *w = &p->w;
    str place = arena_fmt(p->c->a, "hf://buckets/%.*s%s%.*s", STR_ARG(b->full_name), path.n ? "/" : "", STR_ARG(path));
    bucket_write_shell(p, "place_shell", place);
    write_python(p, "place_python", place);
    write_python(p, "path_python", path);
    write_python(p, "name_python", last_of(path));
    jw_karray(w, "steps");
    for (size_t i = 0; i <= path.n && path.n; i++) {
        if (i < path.n && path.p[i] != '/') continue;
        str upto = str_to(path, i);
        jw_object(w);
        jw_kstr(w, "name", last_of(upto));
        jw_kstr(w, "path", upto);
        jw_object_end(w);
    }
    jw_array_end(w);
}
