/* api/scim/about.c - what SCIM tells of itself: ServiceProviderConfig, ResourceTypes, Schemas.
 *
 * The public hub's document has the last two as plain lists, the RFC as a ListResponse: who asks for application/json gets the former. */
#include "api/scim/scim_api.h"

#define CORE "urn:ietf:params:scim:schemas:core:2.0:"
#define RFC "https://www.rfc-editor.org/rfc/"

static str located(struct call *c, const struct scim_call *s, const char *what, str id)
{
    return id.n ? arena_fmt(c->a, "%.*s/%s/%.*s", STR_ARG(s->base), what, STR_ARG(id)) : arena_fmt(c->a, "%.*s/%s", STR_ARG(s->base), what);
}

static void begin(struct json_writer *w, const char *schema)
{
    jw_object(w);
    jw_karray(w, "schemas");
    jw_str(w, str_c(schema));
    jw_array_end(w);
}

static void end(struct json_writer *w, const char *type, str location)
{
    jw_kobject(w, "meta");
    jw_kstr(w, "resourceType", str_c(type));
    jw_kstr(w, "location", location);
    jw_object_end(w);
    jw_object_end(w);
}

/* ------------------------------------------------------------------ what is supported */

static bool get_config(struct call *c, struct err *e)
{
    static const struct { const char *name; bool is; } supports[] = { { "patch", true }, { "bulk", false }, { "filter", true }, { "changePassword", false }, { "sort", false }, { "etag", false } };
    struct scim_call s;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (!scim_begin(c, &s, e)) return false;
    str documentation = arena_fmt(c->a, "%.*s/docs/scim", STR_ARG(call_base_url(c)));
    begin(&w, CORE "ServiceProviderConfig");
    jw_kstr(&w, "documentationUri", documentation);
    for (size_t i = 0; i < COUNT(supports); i++) {
        jw_kobject(&w, supports[i].name);
        jw_kbool(&w, "supported", supports[i].is);
        if (str_eq(str_c(supports[i].name), STR("bulk"))) jw_kint(&w, "maxOperations", 0), jw_kint(&w, "maxPayloadSize", 0);
        if (str_eq(str_c(supports[i].name), STR("filter"))) jw_kint(&w, "maxResults", SCIM_COUNT_MAX);
        jw_object_end(&w);
    }
    jw_karray(&w, "authenticationSchemes");
    jw_object(&w);
    jw_kstr(&w, "type", STR("oauthbearertoken"));
    jw_kstr(&w, "name", STR("Access token"));
    jw_kstr(&w, "description", STR("An access token of an administrator of the organisation, or of a service account with the permission org.write, as Bearer"));
    jw_kstr(&w, "specUri", STR(RFC "rfc6750"));
    jw_kstr(&w, "documentationUri", documentation);
    jw_object_end(&w);
    jw_array_end(&w);
    end(&w, "ServiceProviderConfig", located(c, &s, "ServiceProviderConfig", STR("")));
    return scim_reply(c, 200, &b);
}

/* ------------------------------------------------------------------ schemas */

struct attribute {
    const char *name, *type, *description;
    bool is_list, is_required, is_exact;
    const char *mutability, *uniqueness;
    const struct attribute *part;
    size_t parts;
};
#define RW "readWrite", "none"
#define RO "readOnly", "none"
static const struct attribute name_parts[] = {
    { "givenName", "string", "The given name", false, false, false, RW, NULL, 0 },
    { "familyName", "string", "The family name", false, false, false, RW, NULL, 0 },
    { "formatted", "string", "Both, with a blank between", false, false, false, RO, NULL, 0 },
};
static const struct attribute email_parts[] = {
    { "value", "string", "The address", false, true, false, RW, NULL, 0 },
    { "primary", "boolean", "True: there is one address", false, false, false, RO, NULL, 0 },
    { "type", "string", "\"work\", whatever was sent", false, false, false, RO, NULL, 0 },
};
static const struct attribute member_parts[] = {
    { "value", "string", "The id of a user", false, true, true, "immutable", "none", NULL, 0 },
    { "$ref", "reference", "The address of the user", false, false, true, "immutable", "none", NULL, 0 },
};
static const struct attribute user_attributes[] = {
    { "userName", "string", "The name of the account: 2 to 42 letters, digits and single hyphens", false, true, false, "immutable", "server", NULL, 0 },
    { "displayName", "string", "As userName", false, false, false, RO, NULL, 0 },
    { "name", "complex", "What the person is called", false, true, false, RW, name_parts, COUNT(name_parts) },
    { "emails", "complex", "The address, at work; of several the primary one is kept", true, true, false, RW, email_parts, COUNT(email_parts) },
    { "active", "boolean", "Whether the user may sign in, and belongs to the organisation", false, true, false, RW, NULL, 0 },
};
static const struct attribute group_attributes[] = {
    { "displayName", "string", "The name of the resource group", false, true, true, "readWrite", "server", NULL, 0 },
    { "members", "complex", "Who is in it", true, false, false, RW, member_parts, COUNT(member_parts) },
};
static const struct schema {
    const char *name, *description, *endpoint;
    const struct attribute *attribute;
    size_t attributes;
} schemas[] = {
    { "User", "A user account of the organisation", "/Users", user_attributes, COUNT(user_attributes) },
    { "Group", "A resource group of the organisation whose people the identity provider keeps", "/Groups", group_attributes, COUNT(group_attributes) },
};

static void write_attribute(struct json_writer *w, const struct attribute *t)
{
    jw_object(w);
    jw_kstr(w, "name", str_c(t->name));
    jw_kstr(w, "type", str_c(t->type));
    jw_kstr(w, "description", str_c(t->description));
    jw_kbool(w, "multiValued", t->is_list);
    jw_kbool(w, "required", t->is_required);
    jw_kbool(w, "caseExact", t->is_exact);
    jw_kstr(w, "mutability", str_c(t->mutability));
    jw_kstr(w, "returned", STR("default"));
    jw_kstr(w, "uniqueness", str_c(t->uniqueness));
    if (str_eq(str_c(t->type), STR("reference"))) {
        jw_karray(w, "referenceTypes");
        jw_str(w, STR("User"));
        jw_array_end(w);
    }
    if (t->parts) jw_karray(w, "subAttributes");
    for (size_t i = 0; i < t->parts; i++) {
        struct attribute part = t->part[i];
        part.part = NULL, part.parts = 0; /* one level */
        write_attribute(w, &part);
    }
    if (t->parts) jw_array_end(w);
    jw_object_end(w);
}

static void write_schema(struct call *c, const struct scim_call *s, struct json_writer *w, const struct schema *of)
{
    str id = arena_fmt(c->a, CORE "%s", of->name);
    begin(w, CORE "Schema");
    jw_kstr(w, "id", id);
    jw_kstr(w, "name", str_c(of->name));
    jw_kstr(w, "description", str_c(of->description));
    jw_karray(w, "attributes");
    for (size_t i = 0; i < of->attributes; i++) write_attribute(w, &of->attribute[i]);
    jw_array_end(w);
    end(w, "Schema", located(c, s, "Schemas", id));
}

static void write_type(struct call *c, const struct scim_call *s, struct json_writer *w, const struct schema *of)
{
    begin(w, CORE "ResourceType");
    jw_kstr(w, "id", str_c(of->name));
    jw_kstr(w, "name", str_c(of->name));
    jw_kstr(w, "description", str_c(of->description));
    jw_kstr(w, "endpoint", str_c(of->endpoint));
    jw_kstr(w, "schema", arena_fmt(c->a, CORE "%s", of->name));
    end(w, "ResourceType", located(c, s, "ResourceTypes", str_c(of->name)));
}

/* ------------------------------------------------------------------ routes */

typedef void writer(struct call *c, const struct scim_call *s, struct json_writer *w, const struct schema *of);

static bool reply_all(struct call *c, writer *write, struct err *e)
{
    struct scim_call s;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    if (!scim_begin(c, &s, e)) return false;
    jw_array(&w);
    for (size_t i = 0; i < COUNT(schemas); i++) write(c, &s, &w, &schemas[i]);
    jw_array_end(&w);
    if (scim_wants_plain(c)) return scim_reply(c, 200, &b);
    bool ok = scim_reply_list(c, buf_str(&b), COUNT(schemas), COUNT(schemas), 1);
    buf_deinit(&b);
    return ok;
}

static bool reply_one(struct call *c, const char *prefix, writer *write, struct err *e)
{
    struct scim_call s;
    struct buf b = BUF_INIT(0);
    struct json_writer w = json_writer(&b);
    str id = call_param(c, "id");
    if (!scim_begin(c, &s, e)) return false;
    for (size_t i = 0; i < COUNT(schemas); i++) {
        if (!str_eq_nocase(id, arena_fmt(c->a, "%s%s", prefix, schemas[i].name))) continue;
        write(c, &s, &w, &schemas[i]);
        return scim_reply(c, 200, &b);
    }
    return err_set(e, ERR_NOT_FOUND, "There is nothing called \"%.*s\" here; there are User and Group", STR_ARG(str_to(id, 100)));
}

static bool get_types(struct call *c, struct err *e) { return reply_all(c, write_type, e); }
static bool get_type(struct call *c, struct err *e) { return reply_one(c, "", write_type, e); }
static bool get_schemas(struct call *c, struct err *e) { return reply_all(c, write_schema, e); }
static bool get_schema(struct call *c, struct err *e) { return reply_one(c, CORE, write_schema, e); }

static bool get_nothing(struct call *c, struct err *e)
{
    (void)c;
    return err_set(e, ERR_NOT_BUILT, "SCIM here has no Me, no Bulk, and no .search over all kinds; the lists take filters");
}

#define GET(path, fn, name) { HTTP_GET, SCIM_BASE path, PERM_USER, HTTP_BODY_NONE, 0, 0, fn, name, SHAPE_SCIM }
static const struct api_route rows[] = {
    GET("/ServiceProviderConfig", get_config, "scim.config"),
    GET("/ResourceTypes", get_types, "scim.types"),
    GET("/ResourceTypes/:id", get_type, "scim.type"),
    GET("/Schemas", get_schemas, "scim.schemas"),
    GET("/Schemas/:id", get_schema, "scim.schema"),
    GET("/Me", get_nothing, "scim.me"),
    { HTTP_POST, SCIM_BASE "/:what(.search|Bulk)", PERM_USER, HTTP_BODY_WHOLE, SCIM_USER_BODY_MAX, 0, get_nothing, "scim.not-built", SHAPE_SCIM },
};
const struct api_table scim_about_table = API_TABLE(rows);
