/* cli/admin/home.h - what the commands share that work on the folder of --home: opening it, and finding who and what they name. */
#ifndef CLI_HOME_H
#define CLI_HOME_H

#include "base/buf.h"
#include "cli/cli.h"
#include "hub/hub.h"

/* The hub at --home.  Without `may_create` a folder without a database is refused, so that a mistyped --home
 * does not make an empty hub. */
bool cli_hub_open(struct cli *c, bool may_create, struct hub **out, struct err *e);

/* Opens the database, runs fn in one transaction, and prints what it put into `say` once that is committed:
 * nothing is reported that did not happen. */
typedef bool cli_change(struct cli *c, struct db_conn *tx, struct buf *say, void *ctx, struct err *e);
bool cli_in_tx(struct cli *c, bool may_create, cli_change *fn, void *ctx, struct err *e);
bool cli_in_reader(struct cli *c, bool (*fn)(struct cli *c, struct db_conn *reader, struct err *e), struct err *e);
/* Runs fn with the hub open. */
bool cli_in_hub(struct cli *c, bool (*fn)(struct cli *c, struct hub *h, struct err *e), struct err *e);

/* "ann/data" in two; anything else is wrong usage. */
bool cli_owned_name(const char *what, str full, str *owner, str *name, struct err *e);
/* "acme/bert", "datasets/acme/text" or "buckets/acme/data". */
struct grouped;
bool cli_find_thing(struct cli *c, struct db_conn *conn, str full, struct grouped *out, struct err *e);
/* A model by OWNER/NAME, or by a name that it had. */
bool cli_model(struct cli *c, struct db_conn *conn, str full, struct repo *out, struct err *e);
/* A user or an organisation. */
bool cli_owner(struct cli *c, struct hub *h, str name, struct account *out, struct err *e);
/* By name; absent, or of the other kind, is a refusal. */
bool cli_account(struct cli *c, struct db_conn *conn, str name, enum account_kind kind, struct account *out, struct err *e);
/* What the file that a setting names says, without blanks around it; empty without one (admin/mirror.c). */
bool cli_secret(struct cli *c, const char *setting, str *out, struct err *e);
/* To the upstream at `from`, or if that is empty to the one that the settings name; *out NULL: they name none. */
struct gateway;
bool cli_gateway(struct cli *c, struct hub *h, str from, struct gateway **out, struct err *e);
bool cli_print_tokens(struct cli *c, struct db_conn *reader, int64_t account_id, struct err *e); /* admin/token.c */

#endif
