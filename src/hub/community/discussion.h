/* hub/community/discussion.h - discussions and pull requests.  A pull request's ref is refs/pr/N.
 * Events are stored as the wire shows them, so that two reads are equal byte for byte. */
#ifndef HUB_DISCUSSION_H
#define HUB_DISCUSSION_H

#include "hub/hub.h"

struct discussion {
    int64_t id, num, author_id;
    str hex_id, title, status; /* draft open closed merged */
    bool is_pull_request, is_pinned, is_locked; /* locked: only writers say more */
    str author;                /* .p NULL for a deleted account */
    str base_ref, merge_commit; /* .p NULL before the merge */
    int64_t created_ms, comments_count, reactors_count; /* people who reacted to something in it */
};
struct discussion_event {
    str hex_id, type, author, author_fullname; /* author .p NULL for a deleted account */
    int64_t created_ms;
    str data; /* JSON object text */
};
struct discussion_new {
    str title, description;
    bool is_pull_request, is_draft;
    str base_ref;                 /* pull requests */
    const struct vcs_oid *head;   /* where refs/pr/N starts; NULL: the head of the base */
};
/* Takes the next number; makes the ref of a pull request.  Call with the repository's lock held. */
bool discussion_create(struct hub *h, const struct repo *r, const struct discussion_new *q, const struct identity *who,
                       struct discussion *out, struct arena *a, struct err *e);
bool discussion_next(struct db_conn *c, int64_t repo_id, int64_t *num, struct err *e); /* the number that the next one gets */
/* Of a form that may have been sent before: *found, a discussion by `who` with this title and text, numbered `from` or higher.  `from` is what
 * the next one was when the form was shown; 0: unknown, and nothing is found. */
bool discussion_find_sent(struct db_conn *c, const struct repo *r, const struct discussion_new *q, int64_t from, const struct identity *who,
                          struct discussion *out, bool *found, struct arena *a, struct err *e);
bool discussion_find(struct db_conn *c, int64_t repo_id, int64_t num, struct discussion *out, bool *found, struct arena *a,
                     struct err *e);
/* Pinned ones come first in any order. */
enum discussion_sort { DISCUSSIONS_NEWEST, DISCUSSIONS_MOST_SAID, DISCUSSIONS_MOST_REACTIONS };
struct discussion_query {
    int is_pull_request;       /* -1 any */
    str status;                /* "", "open" (drafts too), "closed" (merged too) */
    str author, search;        /* .p NULL: any */
    size_t skip, limit;
    enum discussion_sort sort;
};
bool discussion_list(struct db_conn *c, int64_t repo_id, const struct discussion_query *q, struct arena *a,
                     struct discussion **out, size_t *n, size_t *count, size_t *closed_count, struct err *e);
/* Those who said or did something in it, the first first. */
bool discussion_participants(struct db_conn *c, int64_t discussion_id, size_t most, struct arena *a, struct account **out, size_t *n, struct err *e);
bool discussion_count_open(struct db_conn *c, int64_t repo_id, int64_t *n, struct err *e); /* drafts too */
/* How many an account opened in public repositories. */
bool discussion_count_public(struct db_conn *c, int64_t author_id, int64_t *n, struct err *e);
bool discussion_events(struct db_conn *c, int64_t discussion_id, struct arena *a, struct discussion_event **out, size_t *n,
                       struct err *e);

/* after: the last event that the form showed: the same words of the same person behind it are this comment, sent again, and answered, not
 * made twice.  Empty: unknown. */
bool discussion_comment(struct hub *h, const struct repo *r, const struct discussion *d, str text, str after,
                        const struct identity *who, struct discussion_event *out, struct arena *a, struct err *e);
bool discussion_edit(struct hub *h, const struct repo *r, const struct discussion *d, str event_hex, str text,
                     const struct identity *who, struct discussion_event *out, struct arena *a, struct err *e);
bool discussion_hide(struct hub *h, const struct repo *r, const struct discussion *d, str event_hex,
                     const struct identity *who, struct discussion_event *out, struct arena *a, struct err *e);
bool discussion_rename(struct hub *h, const struct repo *r, const struct discussion *d, str title,
                       const struct identity *who, struct discussion_event *out, struct arena *a, struct err *e);
bool discussion_set_status(struct hub *h, const struct repo *r, const struct discussion *d, str status, str comment,
                           const struct identity *who, struct discussion_event *out, struct arena *a, struct err *e);
bool discussion_pin(struct hub *h, const struct repo *r, const struct discussion *d, bool pinned,
                    const struct identity *who, struct err *e);
bool discussion_lock(struct hub *h, const struct repo *r, const struct discussion *d, bool locked, const struct identity *who, struct err *e);
/* Draft: ERR_INVALID.  Conflicts: ERR_CONFLICT, with the paths in the message. */
bool discussion_merge(struct hub *h, const struct repo *r, const struct discussion *d, str comment,
                      const struct identity *who, struct err *e);
bool discussion_delete(struct hub *h, const struct repo *r, const struct discussion *d, const struct identity *who, struct err *e);
/* The ref of a closed or merged pull request. */
bool discussion_delete_ref(struct hub *h, const struct repo *r, const struct discussion *d, const struct identity *who,
                           struct err *e);
/* What a pull request would change, or did: from where it left its base (zero: from nothing) to its head.  Once it is merged its head
 * lies in the base, so where it began is told by the merge, or, where the base just moved on to it, by the first of its commits.
 * *found false: its ref or its base is gone. */
bool discussion_range(struct db_conn *c, struct vcs_repo *git, const struct discussion *d, struct vcs_oid *from, struct vcs_oid *head,
                      bool *found, struct arena *a, struct err *e);
/* Paths in conflict with the base, for the details page. */
bool discussion_conflicts(struct hub *h, const struct repo *r, const struct discussion *d, struct arena *a, str **paths,
                          size_t *n, struct err *e);

/* What would be free without a pull request's ref: large files that only it names, by the table of files at the head of main.
 * *ref_deleted: it is gone already. */
bool discussion_storage(struct hub *h, const struct repo *r, const struct discussion *d, uint64_t *size_bytes, bool *ref_deleted, struct err *e);

#endif
