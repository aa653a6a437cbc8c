/* hub/index/index.h - the derived rows of a repository: refs, files, card, tags, weights' headers, search.
 * index_update compares the refs with what the rows say, and reads the tree of main only when it moved;
 * it costs what changed; where that bears on what is derived (a card, a configuration, weights), all rows are looked through. */
#ifndef HUB_INDEX_H
#define HUB_INDEX_H

#include "hub/hub.h"

/* Call with the repository's lock held (or from recovery).  A repository without a folder is an error. */
bool index_update(struct hub *h, int64_t repo_id, const struct identity *who, struct err *e);
/* From nothing, whatever the rows say.  Same rule. */
bool index_rebuild(struct hub *h, int64_t repo_id, struct err *e);
/* When the name, owner or visibility changed: the copies in repo_index and the search table. */
bool index_rename(struct db_conn *tx, int64_t repo_id, struct err *e);
/* Likes, downloads and trending of one repository, and of all whose figures moved (a job, hourly or so; short
 * transactions).  hub/index/index_counts.c defines them. */
bool index_recount(struct db_conn *tx, int64_t repo_id, struct err *e);
bool index_refresh_counts(struct db *d, bool (*stops)(void *ctx) /* asked between transactions; or NULL */, void *ctx, struct err *e);
/* The numbers of repositories per tag, counted again; the last step of a reindex of all. */
bool index_recount_tags(struct db *d, struct err *e);
bool index_remove(struct db_conn *tx, int64_t repo_id, struct err *e); /* before the repo row goes */
/* Repositories whose rows differ from git: fsck reports them, recovery mends them. */
bool index_is_current(struct hub *h, int64_t repo_id, bool *yes, str *why, struct arena *a, struct err *e);

/* Everything that model info shows and that depends on files: worked out from any revision, not only main. */
struct repo_facts {
    struct vcs_oid commit;
    int64_t modified_ms;
    str pipeline_tag, library_name;           /* empty when unknown */
    const struct json *card;                  /* NULL without front matter */
    const struct json *config, *safetensors, *gguf, *extra; /* NULL when there is none */
    str *tags;
    size_t tags_count;
    struct eval_entry *results;               /* hub/card/eval.h */
    size_t results_count;
    uint64_t parameters;
    uint64_t used_bytes, files_count;
};
bool repo_facts_read(struct hub *h, struct vcs_repo *v, const struct repo *r, const struct vcs_oid *commit,
                     struct arena *a, struct repo_facts *out, struct err *e);

#endif
