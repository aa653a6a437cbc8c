/* api/mcp/mcp_api.h - the Model Context Protocol: what this hub offers to assistants as tools; docs/MCP.md.
 *
 * One address, POST /mcp, JSON-RPC 2.0, each message answered by itself ("Streamable HTTP" without sessions and without streams).  Tools
 * only read, with the rights of whoever calls; what he may not see is answered as what does not exist is. */
#ifndef API_MCP_MCP_API_H
#define API_MCP_MCP_API_H

#include "api/api.h"
#include "base/json.h"

enum { MCP_BODY_MAX = 1 << 20, MCP_TEXT_MAX = 1 << 20 };

struct mcp_tool {
    const char *name, *title, *description;
    const char *schema; /* of its arguments, JSON Schema */
    /* Writes the text that the assistant reads, MCP_TEXT_MAX at most.  False: e->msg is what it reads. */
    bool (*run)(struct call *c, const struct json *args, struct buf *out, struct err *e);
};
struct mcp_tools {
    const struct mcp_tool *tool;
    size_t n;
};
extern const struct mcp_tools mcp_repo_tools, mcp_data_tools, mcp_docs_tools;
extern const struct api_table mcp_table;

/* Arguments: absent or null is the default, another type or a number out of bounds is refused by name. */
bool mcp_str(const struct json *args, const char *name, str otherwise, str *out, struct err *e); /* otherwise .p NULL: it must be there */
bool mcp_int(const struct json *args, const char *name, int64_t otherwise, int64_t least, int64_t most, int64_t *out, struct err *e);
/* A text, or a list of `most` at most. */
bool mcp_strs(const struct json *args, const char *name, size_t most, struct arena *a, str **out, size_t *n, struct err *e);
/* "repo_id" and "repo_type" (by itself: the first of model, dataset, Space that has the name); it becomes the call's repository. */
bool mcp_repo(struct call *c, const struct json *args, enum repo_right right, struct err *e);

#endif
