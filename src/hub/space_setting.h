/* hub/space_setting.h - variables and secrets: what a Space's program finds in its environment.
 *
 * A name is one or the other.  Variables are shown to whoever sees the Space; a secret's value is sealed
 * at rest (account/secret_box.h, key in HOME/secret.key) and is given to the program alone. */
#ifndef HUB_SPACE_SETTING_H
#define HUB_SPACE_SETTING_H

#include "hub/hub.h"

enum {
    SPACE_NAME_MAX = 128,
    SPACE_VALUE_MAX = 64 << 10,
    SPACE_DESCRIPTION_MAX = 500, /* bytes */
    SPACE_SETTINGS_MAX = 500,    /* of one Space */
};

struct space_setting {
    bool is_secret;
    str name, description;
    str value; /* .p NULL: of a secret that is listed; of one that is stored: keep the value it has */
    int64_t updated_ms;
};
/* ERR_INVALID says which rule: names are a letter and then letters, digits and '_', and none of those that
 * the runtime sets itself. */
bool space_setting_check(const struct space_setting *s, struct err *e);
/* By name. */
bool space_setting_list(struct db_conn *c, int64_t repo_id, bool secrets, struct arena *a, struct space_setting **out, size_t *n,
                    struct err *e);
/* The name is of the other sort already: ERR_CONFLICT. */
bool space_setting_put(struct hub *h, const struct repo *r, const struct space_setting *s, const struct identity *who,
                       struct err *e);
/* Absent is fine. */
bool space_setting_delete(struct hub *h, const struct repo *r, bool is_secret, str name, const struct identity *who,
                          struct err *e);
/* All variables of one Space, to another; a name that is taken there stays as it is. */
bool space_variables_copy(struct hub *h, int64_t from_repo_id, int64_t to_repo_id, struct err *e);
/* All variables and secrets of one Space with their values, for its program's environment and nothing else. */
bool space_setting_open(struct hub *h, struct db_conn *c, const struct repo *r, struct arena *a, struct space_setting **out, size_t *n, struct err *e);
/* What the column `sealed` of a secret is bound to: hub_unseal opens it for this repository and name alone (hub/sealed.h). */
str space_secret_context(const struct repo *r, str name, struct arena *a);

#endif
