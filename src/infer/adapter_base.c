/* infer/adapter_base.c - see infer/adapter_base.h. */
#include "infer/adapter_base.h"

#include "base/json.h"

enum { CONFIG_BYTES_MAX = 1 << 20 };

static bool find_config(struct vcs_repo *git, const struct vcs_oid *commit, struct arena *a, bytes *out, bool *found, struct err *e)
{
    struct vcs_entry entry;
    if (!vcs_entry_find(git, commit, STR("config.json"), &entry, found, a, e)) return false;
    if (*found) return *found = false, true; /* a whole model, whatever else lies beside it */
    if (!vcs_entry_find(git, commit, STR("adapter_config.json"), &entry, found, a, e)) return false;
    return !*found || vcs_blob_read(git, &entry.oid, CONFIG_BYTES_MAX, a, out, e);
}

bool adapter_base(struct hub *h, const struct repo *r, const struct vcs_oid *commit, struct arena *a, str *base, bool *is_one, struct err *e)
{
    struct vcs_repo *git;
    struct json *config;
    bytes text = { 0 };
    *is_one = false;
    if (!hub_repo_open(h, r->id, &git, e)) return false;
    bool ok = find_config(git, commit, a, &text, is_one, e);
    vcs_close(git);
    if (!ok || !*is_one) return ok;
    if (!json_parse(str_n((const char *)text.p, text.n), a, &config, e)) return err_context(e, "adapter_config.json");
    *base = json_str_or(config, STR("base_model_name_or_path"), STR(""));
    return base->n || err_set(e, ERR_UNPROCESSABLE, "adapter_config.json of %.*s does not say what it belongs to (base_model_name_or_path)", STR_ARG(r->full_name));
}
