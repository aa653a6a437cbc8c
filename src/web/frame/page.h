/* web/frame/page.h - what the pages share: the context of a template, and the answer.
 *
 *     struct page *p = page_new(c, STR("Models"));
 *     jw_kstr(&p->w, "kind", ...);                  everything that the template reads
 *     return page_reply(p, 200, "list.html", e);
 *
 * The context has besides: site (version, url), me (name, is_admin, unread) or, for a visitor, sign_in_next (where he goes on),
 * csrf (for forms), page_path (of the request), title.  Templates may call size(bytes), count(n), digits(n), ago(ms), date(ms), path(text), asset(file),
 * code(text, language), which is HTML. */
#ifndef WEB_PAGE_H
#define WEB_PAGE_H

#include "base/hash.h"
#include "jinja/jinja.h"
#include "web/pages.h"

enum { PAGE_HTML_MAX = 4 };
struct page {
    struct call *c;
    struct json_writer w; /* inside the context object */
    struct buf b;
    str form_to; /* a source of Content-Security-Policy that forms of this page may also end at; .p NULL: none */
    struct jinja_html html[PAGE_HTML_MAX]; /* page_give_html */
    size_t html_count;
    str frames_of;     /* another origin that it shows in a frame: a Space's; .p NULL: none */
    bool shows_frames; /* of our own origin: a document that the browser shows */
};

/* Lives as long as the request. */
struct page *page_new(struct call *c, str title);
/* A variable of the template that is HTML, made safe: spared the way through JSON.  Takes the buffer's memory. */
void page_give_html(struct page *p, const char *name, struct buf *html);
bool page_reply(struct page *p, int status, const char *template_name, struct err *e);

/* A see-other to a path of ours, after a form was carried out. */
bool page_redirect(struct call *c, str path);
str page_saved(struct call *c, str path); /* the address of a page that says once that what was sent is saved */
/* Where a form wants to go on: a path of ours, else `otherwise`. */
str page_next(str asked, str otherwise);
/* A field of the form that was sent, trimmed; .p NULL when absent. */
str page_field(struct call *c, const char *name);
str page_text(struct call *c, const char *name); /* the same, empty where it is missing */
/* Forms that make something carry when the newest there was had been made, in the field `newest`.  What was made from this moment on by the same
 * person, in the same words, was made by the same form, sent before.  0: the form does not say, so nothing was. */
int64_t page_form_since_ms(struct call *c);
/* Was the name of what is deleted typed into the form's field `confirm`?  Otherwise ERR_INVALID. */
bool page_confirm(struct call *c, str name, struct err *e);
/* Member typed: of a form that was refused these fields, by name, those that came; else an empty object.  So the form is shown again
 * as it was filled in; passwords and secrets alone are typed anew. */
#define page_write_typed(p, is_refused, ...) page_write_fields(p, is_refused, (const char *const[]){ __VA_ARGS__, NULL })
void page_write_fields(struct page *p, bool is_refused, const char *const *names);

/* Ends a transaction: commits if `ok`, else rolls back and is false. */
bool page_commit(struct call *c, bool ok, struct db_conn *tx, struct err *e);

/* For the page of something new.  Members owners: in whose name the caller may make it, his own and organisations in which he is at least
 * that; owner: which of them the form or the address names, else his own; is_private: as the form says, else as the owner's account. */
bool page_write_owners(struct page *p, enum account_role least, struct err *e);
struct grouped;
/* Members groups (id, name), which the caller may put it into, and group, the id of the one that it is in; groups is empty where there is nothing to choose. */
bool page_write_groups(struct page *p, const struct grouped *g, struct err *e);
/* Puts it where the form's field `group` says, one of those or none; *group_id is where it is now. */
bool page_move_to_group(struct call *c, const struct grouped *g, int64_t *group_id, struct err *e);

/* Members kind, owner, name, full_name, href ("/datasets/a/b"), is_private, gated; of a mirror upstream, at which its page has the same href. */
void page_write_repo(struct json_writer *w, const struct repo *r);

/* Members tab and repo, for the pages around the call's repository. */
void page_write_repo_frame(struct page *p, const char *tab);
/* Markdown of a file at `path` in a revision of the call's repository, as safe HTML. */
bool page_markdown(struct call *c, str text, const char *rev, str path, struct buf *out, struct err *e);

/* Members lines, and diff_error where there are more than are shown; from NULL: against nothing; diff_at is the id of `to`.  A line has a kind ("file":
 * a new one begins, with its number n, path, old_path, says, adds, dels; "hunk", "add", "del", "same") with text, old and new (its numbers). */
void page_write_diff(struct page *p, struct vcs_repo *git, const struct vcs_oid *from, const struct vcs_oid *to);
void page_write_diff_text(struct page *p, str diff, bool is_cut);

extern const struct api_table web_docs, web_operator, web_operator_work, web_operator_people; /* docs/, admin/ */
extern const struct api_table web_front, web_list, web_find, web_repo, web_login, web_community, web_settings,
    web_create, web_repo_settings, web_chat; /* a table per file */
extern const struct api_table web_tree, web_blob, web_safety, web_blame, web_history, web_edit, web_upload, web_refs; /* repo/, its files */
extern const struct api_table web_metrics, web_leaderboard, web_viewer; /* repo/, its card */
extern const struct api_table web_space, web_space_settings; /* repo/space/ */
extern const struct api_table web_bucket, web_bucket_settings, web_bucket_upload, web_buckets; /* bucket/ */

extern const struct api_table web_authorize, web_applications, web_tokens, web_profile, web_orgs, web_join, web_billing, web_access, web_external, web_services, web_groups, web_scim, web_second_factor; /* account/ */

extern const struct api_table web_thread, web_people, web_collections, web_inbox, web_webhooks; /* community/ */

#endif
