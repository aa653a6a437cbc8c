/* hub/community/tell.c - see tell.h.  The mark "told" and what follows are one transaction: nothing is told twice or lost. */
#include "hub/community/tell.h"

#include "hub/community/notification.h"
#include "base/log.h"
#include "hub/hub_priv.h"

enum { AT_ONCE = 200 }; /* a timer that goes on for ever would hold up the others */

static bool tell_one(struct hub *h, const struct webhook_sender *s, const struct happening *x, bool *won, struct arena *a, struct err *e)
{
    struct db_conn *tx;
    if (!db_begin(h->db, &tx, e)) return false;
    bool ok = happening_claim(tx, x->id, won, e) && (!*won || (notification_tell(tx, x, a, e) && webhook_tell(tx, s, x, a, e)));
    return db_finish(h->db, tx, ok, e);
}

/* Something that cannot be told must not keep all that comes after it from being told. */
static bool skip(struct hub *h, const struct happening *x, const struct err *why, struct err *e)
{
    struct db_conn *tx;
    bool won;
    log_error("happening", "id=%lld kind=%.*s reason=\"%s\"", (long long)x->id, STR_ARG(happening_name(x->kind)), why->msg);
    return db_begin(h->db, &tx, e) && db_finish(h->db, tx, happening_claim(tx, x->id, &won, e), e);
}

bool tell_all(struct hub *h, const struct webhook_sender *s, size_t *told, struct err *e)
{
    struct arena *a = arena_new(0);
    bool found = true, ok = true;
    *told = 0;
    for (size_t i = 0; ok && found && i < AT_ONCE; i++) {
        struct happening x;
        struct err why;
        bool won = false;
        arena_reset(a);
        struct db_conn *c = db_reader(h->db);
        ok = happening_next(c, &x, &found, a, e);
        db_give(h->db, c);
        if (!ok || !found) break;
        if (tell_one(h, s, &x, &won, a, &why)) *told += won;
        else if (why.code == ERR_BUSY || why.code == ERR_IO || why.code == ERR_NO_SPACE) *e = why, ok = false; /* another day */
        else ok = skip(h, &x, &why, e);
    }
    arena_free(a);
    return ok;
}
