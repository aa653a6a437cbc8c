/* api/hub/repo_json.h - a repository as JSON: the fields of info and of lists. */
#ifndef API_HUB_REPO_JSON_H
#define API_HUB_REPO_JSON_H

#include "api/hub/hub_api.h"

typedef uint64_t repo_fields; /* a set */
enum { SHOWN_IN_INFO = 1, SHOWN_IN_LIST = 2, SHOWN_IN_FULL_LIST = 4 };

repo_fields repo_fields_shown(enum repo_kind kind, unsigned where); /* without being asked for */
bool repo_fields_add(enum repo_kind kind, str name, repo_fields *set); /* false: this kind has no such field */
/* `expand` as the clients send it, which replaces the set.  *asked is false without one. */
bool repo_fields_expand(struct call *c, enum repo_kind kind, repo_fields *set, bool *asked, struct err *e);
bool repo_fields_has_files(repo_fields set); /* as many as there are: no work for the event thread */

struct repo_shown {
    const struct repo_summary *row;
    repo_fields set;
    const struct vcs_oid *commit; /* whose files are told; NULL: those of main, out of the index */
    const struct repo_facts *facts; /* of that commit */
    bool has_sizes;               /* of the files, and their ids */
    bool in_list, names_model_id;
};
bool write_repo(struct call *c, struct json_writer *w, const struct repo_shown *s, struct err *e);
/* The answer that tells all of c->repo, which may be seen; of inline rows. */
bool reply_repo_info(struct call *c, struct err *e);
/* Members "rfilename", "size", "blobId", "lfs" of an object that is open. */
void write_repo_file(struct json_writer *w, const struct repo_file_row *f, bool has_sizes);

#endif
