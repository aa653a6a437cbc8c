/* api/mcp/mcp.c - messages of the Model Context Protocol: what is called, and what is answered.
 *
 * Two generations of clients: those that shake hands first (initialize), and those of 2026-07-28, whose every message says by itself what
 * it is, in headers that a proxy can read and again in params._meta: who contradicts himself is refused.
 *
 * A message that is no request is taken and not answered.  What a tool refuses is an answer, too (isError): the assistant reads it and tries
 * again; errors of JSON-RPC are for messages that are wrong. */
#include "api/mcp/mcp_api.h"
#include "base/log.h"

enum { PARSE_ERROR = -32700, INVALID_REQUEST = -32600, METHOD_NOT_FOUND = -32601, INVALID_PARAMS = -32602, HEADER_MISMATCH = -32020, UNSUPPORTED_VERSION = -32022 };

/* Newest first; the first needs no handshake.  Of what the others differ in nothing is used here. */
static const char *const versions[] = { "2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05" };
enum { CATALOGUE_TTL_MS = 300000 };

struct message {
    const struct json *id, *params;
    str method;
    bool is_modern; /* of versions[0] */
};

static const char instructions[] =
    "This is a self-hosted hub of models, datasets and Spaces, with the API of the Hugging Face Hub. Search for repositories with hub_repo_search, "
    "look at one with hub_repo_details, list and read files with hub_list_files and hub_read_file, look at rows of a dataset with dataset_rows. "
    "How this hub itself is used is in its documentation: hf_doc_search, hf_doc_fetch.";

static const struct mcp_tools *const rooms[] = { &mcp_repo_tools, &mcp_data_tools, &mcp_docs_tools };

/* ------------------------------------------------------------------ arguments */

bool mcp_str(const struct json *args, const char *name, str otherwise, str *out, struct err *e)
{
    const struct json *v = json_get(args, str_c(name));
    *out = otherwise;
    if (json_str(v, out)) return true;
    if (v && v->type != JSON_NULL) return err_set(e, ERR_INVALID, "\"%s\" must be a string", name);
    return otherwise.p || err_set(e, ERR_INVALID, "\"%s\" is required", name);
}

bool mcp_int(const struct json *args, const char *name, int64_t otherwise, int64_t least, int64_t most, int64_t *out, struct err *e)
{
    const struct json *v = json_get(args, str_c(name));
    *out = otherwise;
    if (!v || v->type == JSON_NULL) return true;
    return (json_int(v, out) && *out >= least && *out <= most) ||
           err_set(e, ERR_INVALID, "\"%s\" must be a whole number from %lld to %lld", name, (long long)least, (long long)most);
}

bool mcp_strs(const struct json *args, const char *name, size_t most, struct arena *a, str **out, size_t *n, struct err *e)
{
    const struct json *v = json_get(args, str_c(name));
    *out = arena_alloc(a, most * sizeof **out);
    *n = 0;
    if (!v || v->type == JSON_NULL) return true;
    if (json_str(v, *out)) return *n = 1, true;
    if (!json_is(v, JSON_ARRAY) || v->count > most) return err_set(e, ERR_INVALID, "\"%s\" must be a string, or a list of at most %zu", name, most);
    json_each (item, v)
        if (!json_str(item, &(*out)[(*n)++])) return err_set(e, ERR_INVALID, "\"%s\" must be a list of strings", name);
    return true;
}

bool mcp_repo(struct call *c, const struct json *args, enum repo_right right, struct err *e)
{
    static const enum repo_kind kinds[] = { REPO_MODEL, REPO_DATASET, REPO_SPACE };
    str id, type;
    enum repo_kind only = REPO_MODEL;
    bool found = false;
    if (!mcp_str(args, "repo_id", (str){ 0 }, &id, e) || !mcp_str(args, "repo_type", STR(""), &type, e)) return false;
    if (type.n && !repo_kind_parse(type, &only)) return err_set(e, ERR_INVALID, "\"repo_type\" must be one of [model, dataset, space]");
    for (size_t i = 0; i < COUNT(kinds) && !found; i++) {
        if (type.n && kinds[i] != only) continue;
        found = call_find_repo(c, kinds[i], id, right, &c->repo, e);
        if (!found && e->code != ERR_NOT_FOUND && e->code != ERR_UNAUTHENTICATED) return false; /* it is there */
    }
    c->has_repo = found;
    return found || err_set(e, ERR_NOT_FOUND, "There is no %s %.*s here that you may see", type.n ? repo_kind_name(only).p : "repository", STR_ARG(str_to(id, 200)));
}

/* ------------------------------------------------------------------ answers */

static void begin(struct json_writer *w, const struct json *id)
{
    jw_object(w);
    jw_kstr(w, "jsonrpc", STR("2.0"));
    jw_kvalue(w, "id", id);
}

static void write_versions(struct json_writer *w, const char *as)
{
    jw_karray(w, as);
    for (size_t i = 0; i < COUNT(versions); i++) jw_str(w, str_c(versions[i]));
    jw_array_end(w);
}

static bool refuse(struct call *c, int status, const struct json *id, int code, const char *why)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    begin(&w, id);
    jw_kobject(&w, "error");
    jw_kint(&w, "code", code);
    jw_kstr(&w, "message", str_c(why));
    if (code == UNSUPPORTED_VERSION) {
        jw_kobject(&w, "data");
        write_versions(&w, "supported");
        jw_kstr(&w, "requested", http_header(c->http, "MCP-Protocol-Version"));
        jw_object_end(&w);
    }
    jw_object_end(&w);
    jw_object_end(&w);
    return call_reply_json(c, status, &b);
}

static bool is_version(str v)
{
    for (size_t i = 0; i < COUNT(versions); i++)
        if (str_eq(v, str_c(versions[i]))) return true;
    return false;
}

static void write_self(struct json_writer *w, const char *as)
{
    jw_kobject(w, as);
    jw_kstr(w, "name", STR("hearth"));
    jw_kstr(w, "title", STR("Hearth"));
    jw_kstr(w, "version", STR(HEARTH_VERSION));
    jw_object_end(w);
}

/* What a result of 2026-07-28 has besides; may_keep: it is the same for everybody, for a while. */
static void write_modern(struct json_writer *w, bool may_keep)
{
    jw_kstr(w, "resultType", STR("complete"));
    if (may_keep) {
        jw_kstr(w, "cacheScope", STR("public"));
        jw_kint(w, "ttlMs", CATALOGUE_TTL_MS);
    }
    jw_kobject(w, "_meta");
    write_self(w, "io.modelcontextprotocol/serverInfo");
    jw_object_end(w);
}

static void write_abilities(struct json_writer *w)
{
    jw_kraw(w, "capabilities", STR("{\"tools\":{\"listChanged\":false}}"));
    jw_kstr(w, "instructions", str_c(instructions));
}

static void write_welcome(struct json_writer *w, const struct json *params)
{
    str asked = json_str_or(params, STR("protocolVersion"), STR(""));
    bool is_known = is_version(asked) && !str_eq(asked, str_c(versions[0]));
    jw_kstr(w, "protocolVersion", is_known ? asked : str_c(versions[1]));
    write_self(w, "serverInfo");
    write_abilities(w);
}

static void write_tools(struct json_writer *w)
{
    jw_karray(w, "tools");
    for (size_t i = 0; i < COUNT(rooms); i++)
        for (size_t k = 0; k < rooms[i]->n; k++) {
            const struct mcp_tool *t = &rooms[i]->tool[k];
            jw_object(w);
            jw_kstr(w, "name", str_c(t->name));
            jw_kstr(w, "title", str_c(t->title));
            jw_kstr(w, "description", str_c(t->description));
            jw_kraw(w, "inputSchema", str_c(t->schema));
            jw_kraw(w, "annotations", STR("{\"readOnlyHint\":true,\"openWorldHint\":false}"));
            jw_object_end(w);
        }
    jw_array_end(w);
}

static const struct mcp_tool *find_tool(str name)
{
    for (size_t i = 0; i < COUNT(rooms); i++)
        for (size_t k = 0; k < rooms[i]->n; k++)
            if (str_eq(name, str_c(rooms[i]->tool[k].name))) return &rooms[i]->tool[k];
    return NULL;
}

/* What went wrong inside is for the log alone. */
static str told(struct call *c, const struct mcp_tool *t, const struct err *e)
{
    if (e->code != ERR_INTERNAL && e->code != ERR_IO) return arena_dup(c->a, str_c(e->msg));
    log_error("mcp.failed", "tool=%s id=\"%.*s\" reason=\"%s\"", t->name, STR_ARG(http_request_id(c->http)), e->msg);
    return STR("This server failed to do it; its log says why");
}

static bool call_tool(struct call *c, const struct mcp_tool *t, const struct json *args, struct json_writer *w, struct err *e)
{
    struct buf text = BUF_INIT(MCP_TEXT_MAX);
    bool ok = t->run(c, args, &text, e);
    if (ok && text.failed) ok = err_set(e, ERR_TOO_LARGE, "That is more than an answer may hold (%d MiB): ask for less", MCP_TEXT_MAX >> 20);
    if (!ok && e->code == ERR_CLOSED) {
        buf_deinit(&text);
        return false;
    }
    jw_karray(w, "content");
    jw_object(w);
    jw_kstr(w, "type", STR("text"));
    jw_kstr(w, "text", ok ? buf_str(&text) : told(c, t, e));
    jw_object_end(w);
    jw_array_end(w);
    jw_kbool(w, "isError", !ok);
    buf_deinit(&text);
    return true;
}

/* ------------------------------------------------------------------ messages */

static bool write_result(struct call *c, const struct message *m, const struct mcp_tool *tool, struct json_writer *w, struct err *e)
{
    bool is_list = str_eq(m->method, STR("tools/list")), is_discovery = str_eq(m->method, STR("server/discover"));
    if (tool && !call_tool(c, tool, json_get(m->params, STR("arguments")), w, e)) return false;
    if (is_list) write_tools(w);
    if (is_discovery) write_versions(w, "supportedVersions");
    if (is_discovery) write_abilities(w);
    if (str_eq(m->method, STR("initialize"))) write_welcome(w, m->params);
    if (m->is_modern) write_modern(w, is_list || is_discovery);
    return true;
}

static bool is_known(const struct message *m)
{
    static const char *const all[] = { "tools/call", "tools/list", "ping", "initialize", "server/discover" };
    for (size_t i = 0; i < COUNT(all); i++)
        if (str_eq(m->method, str_c(all[i]))) return true;
    return false;
}

static bool answer(struct call *c, const struct message *m, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    bool is_call = str_eq(m->method, STR("tools/call"));
    const struct mcp_tool *tool = is_call ? find_tool(json_str_or(m->params, STR("name"), STR(""))) : NULL;
    if (!is_known(m)) return refuse(c, m->is_modern ? 404 : 200, m->id, METHOD_NOT_FOUND, "This server has tools: tools/list and tools/call are what it knows");
    if (is_call && !tool) return refuse(c, m->is_modern ? 400 : 200, m->id, INVALID_PARAMS, "There is no tool of that name; tools/list tells which there are");
    begin(&w, m->id);
    jw_kobject(&w, "result");
    bool ok = write_result(c, m, tool, &w, e);
    jw_object_end(&w);
    jw_object_end(&w);
    if (ok) return call_reply_json(c, 200, &b);
    buf_deinit(&b);
    return false;
}

/* NULL: a modern message says the same in its headers and in itself. */
static const char *contradiction(struct call *c, const struct message *m)
{
    const struct json *meta = json_get(m->params, STR("_meta"));
    if (!str_eq(json_str_or(meta, STR("io.modelcontextprotocol/protocolVersion"), STR("")), str_c(versions[0]))) return "params._meta names another protocol version than the header MCP-Protocol-Version";
    if (!str_eq(http_header(c->http, "Mcp-Method"), m->method)) return "The header Mcp-Method is not the method of the message";
    if (str_eq(m->method, STR("tools/call")) && !str_eq(http_header(c->http, "Mcp-Name"), json_str_or(m->params, STR("name"), STR(""))))
        return "The header Mcp-Name is not the tool that the message names";
    return NULL;
}

static bool post_message(struct call *c, struct err *e)
{
    struct json *doc;
    struct err why;
    str version = http_header(c->http, "MCP-Protocol-Version");
    if (!json_parse(http_body(c->http), c->a, &doc, &why)) return refuse(c, 400, NULL, PARSE_ERROR, why.msg);
    if (!json_is(doc, JSON_OBJECT)) return refuse(c, 400, NULL, INVALID_REQUEST, "A message is one JSON object; batches went with protocol 2025-06-18");
    struct message m = { .id = json_get(doc, STR("id")), .params = json_get(doc, STR("params")), .is_modern = str_eq(version, str_c(versions[0])) };
    const struct json *method = json_get(doc, STR("method"));
    if (m.id && m.id->type != JSON_STRING && m.id->type != JSON_INT) return refuse(c, 400, NULL, INVALID_REQUEST, "\"id\" must be a string or a whole number");
    if (version.n && !is_version(version)) return refuse(c, 400, m.id, UNSUPPORTED_VERSION, "The header MCP-Protocol-Version names a version that is not spoken here");
    if (method && !json_str(method, &m.method)) return refuse(c, 400, m.id, INVALID_REQUEST, "\"method\" must be a string");
    if (!method || !m.id) return http_reply(c->http, 202, "application/json", STR("")); /* an answer, or a notification */
    const char *wrong = m.is_modern ? contradiction(c, &m) : NULL;
    return wrong ? refuse(c, 400, m.id, HEADER_MISMATCH, wrong) : answer(c, &m, e);
}

/* There is no stream of what the server would say by itself; whoever looks in a browser is shown what this is. */
static bool get_stream(struct call *c, struct err *e)
{
    bool is_person = str_find(http_header(c->http, "Accept"), STR("text/html")) != STR_NONE;
    (void)e;
    http_add_header(c->http, is_person ? "Location" : "Allow", is_person ? STR("/docs/mcp") : STR("POST"));
    return http_reply_empty(c->http, is_person ? 303 : 405);
}

static bool get_settings(struct call *c, struct err *e)
{
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    (void)e;
    jw_object(&w);
    jw_karray(&w, "builtInTools");
    for (size_t i = 0; i < COUNT(rooms); i++)
        for (size_t k = 0; k < rooms[i]->n; k++) jw_str(&w, str_c(rooms[i]->tool[k].name));
    jw_array_end(&w);
    jw_kraw(&w, "spaceTools", STR("[]")); /* no Space is called as a tool here */
    jw_object_end(&w);
    return call_reply_json(c, 200, &b);
}

static const struct api_route rows[] = {
    { HTTP_POST, "/mcp", PERM_ANYONE, HTTP_BODY_WHOLE, MCP_BODY_MAX, 0, post_message, "mcp.message", SHAPE_HUB },
    { HTTP_GET, "/mcp", PERM_ANYONE, HTTP_BODY_NONE, 0, HTTP_INLINE, get_stream, "mcp.stream", SHAPE_HUB },
    { HTTP_GET, "/api/settings/mcp", PERM_USER, HTTP_BODY_NONE, 0, 0, get_settings, "mcp.settings", SHAPE_HUB },
};
const struct api_table mcp_table = API_TABLE(rows);
