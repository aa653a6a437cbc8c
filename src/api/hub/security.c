/* api/hub/security.c - what the scanner says of files and repositories, as clients of the hub read it.
 *
 * A file that nobody has looked at is "queued" where somebody will, else "unscanned"; "safe" is said of nothing that was not done.  avScan
 * is so where ClamAV was not asked, pickleImportScan where there is no pickle.  Both are always there, and objects: clients want that. */
#include "api/hub/hub_api.h"
#include "scan/watch.h"

enum { ISSUES_MAX = 10000 };
#define NOT_DONE "{\"status\":\"unscanned\"}"

bool scan_will_come(struct call *c, bool *yes, struct err *e)
{
    struct scan_status s;
    *yes = false;
    if (!call_config(c)->scan) return true;
    if (!scan_status_get(call_db(c), &c->repo, 0, c->a, &s, e)) return false;
    *yes = s.is_due;
    return true;
}

bool write_file_security(struct call *c, struct json_writer *w, const struct vcs_entry *entry, bool is_due, struct err *e)
{
    struct scan_file f = { .path = entry->path, .oid = entry->oid, .is_large = entry->lfs.is_lfs, .size_bytes = vcs_entry_size(entry) };
    struct scan_verdict said;
    bool found;
    memcpy(f.sha256.b, entry->lfs.sha256, SHA256_BYTES);
    if (!scan_verdict_find(call_db(c), c->repo.id, &f, &said, &found, c->a, e)) return false;
    jw_kobject(w, "securityFileStatus");
    jw_kstr(w, "status", scan_level_name(found ? said.level : is_due ? SCAN_QUEUED : SCAN_UNSCANNED));
    jw_kraw(w, "avScan", found && said.av.p ? said.av : STR(NOT_DONE));
    jw_kraw(w, "pickleImportScan", found && said.pickle.p ? said.pickle : STR(NOT_DONE));
    jw_object_end(w);
    return true;
}

bool write_repo_security(struct call *c, struct json_writer *w, struct err *e)
{
    struct scan_status s;
    if (!scan_status_get(call_db(c), &c->repo, ISSUES_MAX, c->a, &s, e)) return false;
    jw_object(w);
    jw_kbool(w, "scansDone", s.is_done);
    jw_karray(w, "filesWithIssues");
    for (size_t i = 0; i < s.n; i++) {
        jw_object(w);
        jw_kstr(w, "path", s.issue[i].path);
        jw_kstr(w, "level", scan_level_name(s.issue[i].level));
        jw_object_end(w);
    }
    jw_array_end(w);
    jw_object_end(w);
    return true;
}

static bool get_scan(struct call *c, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (write_repo_security(c, &w, e)) return call_reply_json(c, 200, &b);
    buf_deinit(&b);
    return false;
}

static const struct api_route rows[] = {
    { HTTP_GET, ANY_REPO "/scan", PERM_REPO_SEE, HTTP_BODY_NONE, 0, 0, get_scan, "repo.scan", SHAPE_HUB },
};
const struct api_table hub_security_table = API_TABLE(rows);
