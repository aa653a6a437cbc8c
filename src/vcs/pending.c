#pragma GCC diagnostic ignored "-Wunused-parameter"
/* vcs/pending.c - weak stand-ins that say "not built" until the real functions land; removed then. */
#include "vcs/vcs.h"
#include "vcs/attributes.h"
#define NB err_set(e, ERR_NOT_BUILT, "trial")
__attribute__((weak)) bool vcs_diff(struct vcs_repo *r, const struct vcs_oid *b, const struct vcs_oid *h, size_t l, struct arena *a, struct vcs_change **o, size_t *n, struct err *e){return NB;}
__attribute__((weak)) bool vcs_diff_text(struct vcs_repo *r, const struct vcs_oid *b, const struct vcs_oid *h, struct buf *o, struct err *e){return NB;}
__attribute__((weak)) bool vcs_copy(const char *f, const char *t, struct err *e){return NB;}
__attribute__((weak)) bool vcs_merge(struct vcs_repo *r, const struct vcs_oid *ours, const struct vcs_oid *theirs, const struct vcs_person *who, str message, struct vcs_oid *out, bool *clean, str **conflicts, size_t *conflicts_count, struct arena *a, struct err *e){return NB;}
__attribute__((weak)) bool vcs_squash(struct vcs_repo *r, const struct vcs_oid *commit, const struct vcs_person *who, str message, struct vcs_oid *out, struct err *e){return NB;}
__attribute__((weak)) bool vcs_rewrite_without(struct vcs_repo *r, const struct vcs_oid *tip, bool (*drop)(void *ctx, const struct vcs_entry *entry), void *ctx, struct vcs_oid *out, struct err *e){return NB;}
__attribute__((weak)) bool vcs_annotated_tag(struct vcs_repo *r, str name, const struct vcs_oid *target, const struct vcs_person *who, str message, struct vcs_oid *out, struct err *e){return NB;}
__attribute__((weak)) struct vcs_attributes *vcs_attributes_parse(str t, struct arena *a){return NULL;}
__attribute__((weak)) bool vcs_attributes_is_lfs(const struct vcs_attributes *t, str p){return str_ends(p,STR(".safetensors"))||str_ends(p,STR(".bin"));}
__attribute__((weak)) struct vcs_ignore *vcs_ignore_parse(str t, struct arena *a){return NULL;}
__attribute__((weak)) bool vcs_ignore_matches(const struct vcs_ignore *t, str p){return false;}
__attribute__((weak)) bool vcs_new_blobs(struct vcs_repo *r, const struct vcs_oid *tip, bool (*fn)(void *ctx, const struct vcs_commit *c, const struct vcs_entry *entry, struct err *e), void *ctx, struct err *e){return NB;}
__attribute__((weak)) bool vcs_all_blobs(struct vcs_repo *r, bool (*fn)(void *ctx, const struct vcs_entry *entry), void *ctx, struct err *e){return NB;}
__attribute__((weak)) bool vcs_check(const char *path, void (*problem)(void *ctx, str what), void *ctx, struct err *e){return NB;}
