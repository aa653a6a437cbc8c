/* scan/verdict.c - see scan/verdict.h.  The tables are those of 0074_scan_verdict.sql. */
#include "scan/verdict.h"

#include "base/json.h"

enum { NAME_BYTES_MAX = 255, SECRETS_SHOWN_MAX = 100 };

/* The key of a content: 40 or 64 digits. */
static str content_of(const struct scan_file *f, char out[SHA256_HEX + 1])
{
    if (!f->is_large) return vcs_oid_hex(&f->oid, out);
    hex_encode((bytes){ f->sha256.b, SHA256_BYTES }, out);
    return (str){ out, SHA256_HEX };
}

static str name_of(str path)
{
    size_t at = path.n;
    while (at && path.p[at - 1] != '/') at--;
    str name = { path.p + at, path.n - at };
    return name.n > NAME_BYTES_MAX ? (str){ name.p + name.n - NAME_BYTES_MAX, NAME_BYTES_MAX } : name; /* its end says what it is */
}

#define COLUMNS "v.level, v.version, v.scanned_ms, v.pickle, v.av, v.findings, v.secrets FROM scan_verdict v"

static str dup_or_null(struct db_query *q, int i, struct arena *a)
{
    return db_col_is_null(q, i) ? (str){ 0 } : db_col_dup(q, i, a);
}

static bool read_verdict(struct db_query *q, struct scan_verdict *out, bool *found, struct arena *a, struct err *e)
{
    *found = false;
    if (db_next(q, e)) {
        *out = (struct scan_verdict){ .version = db_col_int(q, 1), .scanned_ms = db_col_int(q, 2), .pickle = dup_or_null(q, 3, a),
                                      .av = dup_or_null(q, 4, a), .findings = dup_or_null(q, 5, a), .secrets = dup_or_null(q, 6, a) };
        *found = scan_level_parse(db_col_text(q, 0), &out->level);
    }
    return db_end(q);
}

bool scan_verdict_find(struct db_conn *c, int64_t repo_id, const struct scan_file *f, struct scan_verdict *out, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " COLUMNS " WHERE v.repo_id = ? AND v.content = ? AND v.name = ?";
    char hex[SHA256_HEX + 1];
    struct db_query q;
    return db_query(c, &q, e, sql, db_int(repo_id), db_text(content_of(f, hex)), db_text(name_of(f->path))) && read_verdict(&q, out, found, a, e);
}

bool scan_level_find(struct db_conn *c, int64_t repo_id, const struct scan_file *f, enum scan_level *level, bool *is_pickle, bool *found, struct err *e)
{
    static const char sql[] = "SELECT level, pickle IS NOT NULL FROM scan_verdict WHERE repo_id = ? AND content = ? AND name = ?";
    char hex[SHA256_HEX + 1];
    struct db_query q;
    *found = *is_pickle = false;
    if (!db_query(c, &q, e, sql, db_int(repo_id), db_text(content_of(f, hex)), db_text(name_of(f->path)))) return false;
    if (db_next(&q, e)) {
        *found = scan_level_parse(db_col_text(&q, 0), level);
        *is_pickle = db_col_int(&q, 1);
    }
    return db_end(&q);
}

bool scan_verdict_elsewhere(struct db_conn *c, const struct scan_file *f, struct scan_verdict *out, bool *found, struct arena *a, struct err *e)
{
    static const char sql[] = "SELECT " COLUMNS " JOIN repo r ON r.id = v.repo_id WHERE v.content = ? AND v.name = ? AND length(v.content) = 64"
                              " AND v.version >= ? AND v.level <> 'error' AND r.is_private = 0 AND r.is_disabled = 0 AND r.gated = '' LIMIT 1";
    char hex[SHA256_HEX + 1];
    struct db_query q;
    *found = false;
    if (!f->is_large) return true; /* looked at again in no time */
    return db_query(c, &q, e, sql, db_text(content_of(f, hex)), db_text(name_of(f->path)), db_int(SCAN_VERSION)) && read_verdict(&q, out, found, a, e);
}

bool scan_verdict_put(struct db_conn *tx, int64_t repo_id, const struct scan_file *f, const struct scan_verdict *v, struct err *e)
{
    static const char sql[] = "INSERT INTO scan_verdict (repo_id, content, name, version, level, pickle, av, findings, secrets, scanned_ms)"
                              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (repo_id, content, name) DO UPDATE SET version = excluded.version,"
                              " level = excluded.level, pickle = excluded.pickle, av = excluded.av, findings = excluded.findings,"
                              " secrets = excluded.secrets, scanned_ms = excluded.scanned_ms";
    char hex[SHA256_HEX + 1];
    return db_run(tx, e, sql, db_int(repo_id), db_text(content_of(f, hex)), db_text(name_of(f->path)), db_int(v->version),
                  db_text(scan_level_name(v->level)), db_text_or_null(v->pickle), db_text_or_null(v->av), db_text_or_null(v->findings),
                  db_text_or_null(v->secrets), db_int(v->scanned_ms));
}

/* ------------------------------------------------------------------ a report becomes a row */

static str pickle_message(const struct scan_report *r)
{
    static const char *const say[] = { [SCAN_INNOCUOUS] = NULL, [SCAN_SUSPECT] = "This file has imports that the scanner does not know",
                                       [SCAN_DANGEROUS] = "This file contains dangerous imports" };
    enum scan_safety worst = SCAN_INNOCUOUS;
    for (size_t i = 0; i < r->imports_count; i++)
        if (r->imports[i].safety > worst) worst = r->imports[i].safety;
    if (say[worst]) return str_c(say[worst]);
    return r->pickle_level == SCAN_SAFE ? (str){ 0 } : STR("This file could not be read to its end");
}

static str pickle_json(const struct scan_report *r, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    str message = pickle_message(r);
    jw_object(&w);
    jw_kstr(&w, "status", scan_level_name(r->pickle_level));
    if (message.n) jw_kstr(&w, "message", message);
    jw_karray(&w, "pickleImports");
    for (size_t i = 0; i < r->imports_count; i++) {
        jw_object(&w);
        jw_kstr(&w, "module", r->imports[i].module);
        jw_kstr(&w, "name", r->imports[i].name);
        jw_kstr(&w, "safety", scan_safety_name(r->imports[i].safety));
        jw_object_end(&w);
    }
    jw_array_end(&w);
    jw_object_end(&w);
    str out = arena_dup(a, buf_str(&b));
    buf_deinit(&b);
    return out;
}

static bool is_secret(const struct scan_finding *f) { return str_eq(f->probe, STR("secret")); }

static str findings_json(const struct scan_report *r, bool secrets, struct arena *a)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    size_t n = 0;
    jw_array(&w);
    for (size_t i = 0; i < r->findings_count; i++) {
        const struct scan_finding *f = &r->findings[i];
        if (is_secret(f) != secrets) continue;
        jw_object(&w);
        jw_kstr(&w, "level", scan_level_name(f->level));
        jw_kstr(&w, "probe", f->probe);
        jw_kstr(&w, "member", f->member.p ? f->member : STR(""));
        jw_kstr(&w, "message", f->message);
        jw_object_end(&w);
        n++;
    }
    jw_array_end(&w);
    str out = n ? arena_dup(a, buf_str(&b)) : (str){ 0 };
    buf_deinit(&b);
    return out;
}

void scan_verdict_of_report(const struct scan_report *r, struct arena *a, struct scan_verdict *out)
{
    *out = (struct scan_verdict){ .level = r->level, .version = SCAN_VERSION };
    if (r->is_pickle) out->pickle = pickle_json(r, a);
    out->findings = findings_json(r, false, a);
    if (r->has_secret) out->secrets = findings_json(r, true, a);
}

/* ------------------------------------------------------------------ of a repository */

/* A mirror's large files may not be here yet: then not everything was looked at. */
static bool mirror_is_whole(struct db_conn *c, const struct repo *r, bool *yes, struct err *e)
{
    static const char sql[] = "SELECT 1 FROM repo_file f WHERE f.repo_id = ? AND f.sha256 IS NOT NULL AND NOT EXISTS"
                              " (SELECT 1 FROM repo_large_file l WHERE l.repo_id = f.repo_id AND l.sha256 = f.sha256) LIMIT 1";
    int64_t lacks = 0;
    *yes = true;
    if (!r->upstream.n) return true;
    if (!db_get_int(c, &lacks, 0, e, sql, db_int(r->id))) return false;
    *yes = !lacks;
    return true;
}

#define STANDS " FROM scan_issue i JOIN repo_file f ON f.repo_id = i.repo_id AND f.path = i.path AND f.oid = i.oid WHERE i.repo_id = ?"

bool scan_status_get(struct db_conn *c, const struct repo *r, size_t most, struct arena *a, struct scan_status *out, struct err *e)
{
    static const char due_sql[] = "SELECT 1 FROM scan_due WHERE repo_id = ?";
    static const char done_sql[] = "SELECT 1 FROM repo_index x LEFT JOIN scan_ref s ON s.repo_id = x.repo_id AND s.name = 'refs/heads/main'"
                                   " WHERE x.repo_id = ? AND (x.head_sha = '' OR x.head_sha = s.commit_sha)";
    static const char issues_sql[] = "SELECT i.path, i.level" STANDS " ORDER BY i.path";
    int64_t due = 0, done = 0;
    struct db_query q;
    *out = (struct scan_status){ .worst = SCAN_SAFE };
    if (!db_get_int(c, &due, 0, e, due_sql, db_int(r->id)) || !db_get_int(c, &done, 0, e, done_sql, db_int(r->id))) return false;
    if (!mirror_is_whole(c, r, &out->is_done, e)) return false;
    out->is_done = out->is_done && done;
    out->is_due = due;
    if (!db_query(c, &q, e, issues_sql, db_int(r->id))) return false;
    while (db_next(&q, e)) {
        enum scan_level level;
        if (!scan_level_parse(db_col_text(&q, 1), &level)) continue;
        if (level > out->worst) out->worst = level;
        if (out->n == most) {
            out->has_more = true;
            continue;
        }
        out->issue = arena_grow(a, out->issue, out->n, sizeof *out->issue);
        out->issue[out->n++] = (struct scan_issue){ db_col_dup(&q, 0, a), level };
    }
    return db_end(&q);
}

bool scan_unsafe_files(struct db_conn *c, int64_t repo_id, size_t most, struct arena *a, struct scan_issue **out, size_t *n, uint64_t *all, struct err *e)
{
    static const char sql[] = "SELECT i.path" STANDS " AND i.level = 'unsafe' ORDER BY i.path";
    struct db_query q;
    *out = NULL;
    *n = 0;
    *all = 0;
    if (!db_query(c, &q, e, sql, db_int(repo_id))) return false;
    while (db_next(&q, e)) {
        if ((*all)++ >= most) continue;
        *out = arena_grow(a, *out, *n, sizeof **out);
        (*out)[(*n)++] = (struct scan_issue){ db_col_dup(&q, 0, a), SCAN_UNSAFE };
    }
    return db_end(&q);
}

bool scan_is_unsafe(struct db_conn *c, int64_t repo_id, const struct scan_file *f, bool *yes, struct err *e)
{
    static const char sql[] = "SELECT 1 FROM scan_verdict WHERE repo_id = ? AND content = ? AND level = 'unsafe' LIMIT 1";
    char hex[SHA256_HEX + 1];
    int64_t there = 0;
    bool ok = db_get_int(c, &there, 0, e, sql, db_int(repo_id), db_text(content_of(f, hex)));
    *yes = there;
    return ok;
}

/* ------------------------------------------------------------------ secrets */

bool scan_secrets_of(struct db_conn *c, int64_t repo_id, int64_t user_id, struct arena *a, struct scan_secret **out, size_t *n, struct err *e)
{
    static const char sql[] = "SELECT path, ref, message, found_ms FROM scan_secret WHERE repo_id = ? AND user_id = ? ORDER BY path LIMIT ?";
    struct db_query q;
    *out = NULL;
    *n = 0;
    if (!user_id) return true;
    if (!db_query(c, &q, e, sql, db_int(repo_id), db_int(user_id), db_int(SECRETS_SHOWN_MAX))) return false;
    while (db_next(&q, e)) {
        *out = arena_grow(a, *out, *n, sizeof **out);
        (*out)[(*n)++] = (struct scan_secret){ db_col_dup(&q, 0, a), db_col_dup(&q, 1, a), db_col_dup(&q, 2, a), db_col_int(&q, 3) };
    }
    return db_end(&q);
}

bool scan_secrets_forget(struct hub *h, int64_t repo_id, int64_t user_id, str path, struct err *e)
{
    static const char sql[] = "DELETE FROM scan_secret WHERE repo_id = ?1 AND user_id = ?2 AND (?3 IS NULL OR path = ?3)";
    struct db_conn *tx;
    if (!db_begin(hub_db(h), &tx, e)) return false;
    return db_finish(hub_db(h), tx, db_run(tx, e, sql, db_int(repo_id), db_int(user_id), db_text_or_null(path)), e);
}
