/* cli/admin/care.c - hearth fsck | gc | reindex | backup: the operator's tools, with and without a running server. */
#include "hub/care/care.h"

#include <inttypes.h>

#include "cli/admin/home.h"
#include "hub/care/backup.h"
#include "scan/watch.h"

static void print_line(void *ctx, str text)
{
    struct cli *c = ctx;
    fprintf(c->out, "%.*s\n", STR_ARG(text));
}

bool cli_fsck(struct cli *c, struct err *e)
{
    struct hub *h;
    struct care_report report = { .line = print_line, .ctx = c };
    struct fsck_result r;
    if (!cli_hub_open(c, false, &h, e)) return false;
    struct fsck_options o = { .deep = !cli_flag(c, "quick"), .sample_percent = (unsigned)cli_int(c, "sample"), .repair = cli_flag(c, "repair") };
    bool ok = hub_fsck(h, &o, &report, &r, e);
    hub_close(h);
    if (!ok) return false;
    fprintf(c->out, "%s, %s, %s of %" PRIu64 " bytes in %s checked; %s that gc will remove\n", cli_count(c, r.repos, "repository", "repositories"),
            cli_count(c, r.buckets, "bucket", "buckets"), cli_count(c, r.objects, "object", "objects"), r.bytes,
            cli_count(c, r.xorbs, "xorb", "xorbs"), cli_count(c, r.strays, "stray", "strays"));
    if (r.repaired) fprintf(c->out, "%s repaired\n", cli_count(c, r.repaired, "problem", "problems"));
    return r.problems == 0 || err_set(e, ERR_CONFLICT, "%s found", cli_count(c, r.problems, "problem", "problems"));
}

bool cli_gc(struct cli *c, struct err *e)
{
    struct hub *h;
    struct care_report report = { .line = print_line, .ctx = c };
    struct gc_options o = { .grace_ms = cli_int(c, "grace"), .xorb_grace_ms = cli_int(c, cli_given(c, "grace") ? "grace" : "xorb-grace"),
                            .dry_run = cli_flag(c, "dry-run") };
    if (cli_given(c, "xorb-grace")) o.xorb_grace_ms = cli_int(c, "xorb-grace");
    struct gc_result r;
    if (!cli_hub_open(c, false, &h, e)) return false;
    uint64_t verdicts = 0;
    bool ok = hub_gc(h, &o, &report, &r, e) && scan_collect(h, o.dry_run, NULL, NULL, &verdicts, e);
    hub_close(h);
    if (!ok) return false;
    fprintf(c->out, "%s %s of %" PRIu64 " bytes, %s of %" PRIu64 " bytes, %s, %s, %s\n", o.dry_run ? "would remove" : "removed",
            cli_count(c, r.objects_removed, "object", "objects"), r.bytes_removed, cli_count(c, r.xorbs_removed, "xorb", "xorbs"), r.xorb_bytes_removed,
            cli_count(c, r.repos_removed, "repository", "repositories"), cli_count(c, r.uploads_removed, "unfinished upload", "unfinished uploads"), cli_count(c, verdicts, "verdict", "verdicts"));
    return true;
}

bool cli_reindex(struct cli *c, struct err *e)
{
    struct hub *h;
    struct care_report report = { .line = print_line, .ctx = c };
    uint64_t repos;
    str only = c->arguments_count ? c->argument[0] : str_n(NULL, 0);
    if (!cli_hub_open(c, false, &h, e)) return false;
    bool ok = hub_reindex(h, only, &report, &repos, e);
    hub_close(h);
    if (ok) fprintf(c->out, "%s indexed\n", cli_count(c, repos, "repository", "repositories"));
    return ok;
}

bool cli_backup(struct cli *c, struct err *e)
{
    struct hub *h;
    struct backup_result r;
    char dir[BACKUP_PATH_BYTES];
    str given = c->argument[0];
    while (given.n > 1 && given.p[given.n - 1] == '/') given.n--;
    if (given.n >= sizeof dir) return err_set(e, ERR_INVALID, "the path of the folder is too long");
    snprintf(dir, sizeof dir, "%.*s", STR_ARG(given));
    if (!cli_hub_open(c, false, &h, e)) return false;
    bool ok = hub_backup(h, dir, (uint64_t)cli_int(c, "keep"), &r, e);
    hub_close(h);
    if (!ok) return false;
    fprintf(c->out, "%s: %s; %s of %" PRIu64 " bytes copied, %s of %" PRIu64 " bytes shared with the copy before", r.path,
            cli_count(c, r.repos, "repository", "repositories"), cli_count(c, r.copied_files, "file", "files"), r.copied_bytes,
            cli_count(c, r.shared_files, "file", "files"), r.shared_bytes);
    if (r.removed) fprintf(c->out, "; %s removed", cli_count(c, r.removed, "older copy", "older copies"));
    fprintf(c->out, "\n");
    return true;
}
