/* cli/serve/jobs.h - what `hearth serve` does in the background. */
#ifndef CLI_SERVE_JOBS_H
#define CLI_SERVE_JOBS_H

#include "cli/cli.h"
#include "hub/community/webhook.h"
#include "hub/hub.h"
#include "job/job.h"

struct serve_jobs;
struct scan_watch;
struct spaces;
/* sender: for webhooks; it outlives the jobs. */
struct serve_jobs *serve_jobs_start(struct cli *c, struct hub *h, const struct webhook_sender *sender, struct spaces *spaces /* NULL: none run */,
                                    struct scan_watch *scan /* NULL: nothing is judged */);
/* Waits for what runs, and writes what is still in memory; NULL is fine. */
bool serve_jobs_stop(struct serve_jobs *s, struct err *e);

#endif
