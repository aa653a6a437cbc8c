"""Takes the answer shapes of chosen operations out of the public hub's OpenAPI document.

    make_shapes.py openapi.json > hub_shapes.json

The document is what the hub publishes at /.well-known/openapi.json (read in mid 2026, OpenAPI 3.1.0).  Only what a check
needs is kept: types, required members, enumerations, alternatives."""
import json
import sys

OPERATIONS = """get /api/whoami-v2
get /api/models/{namespace}/{repo}/refs
get /api/models/{namespace}/{repo}/commits/{rev}
get /api/models/{namespace}/{repo}/tree/{rev}/{path}
get /api/models/{namespace}/{repo}/treesize/{rev}/{path}
get /api/models/{namespace}/{repo}/lfs-files
get /api/models/{namespace}/{repo}/scan
get /api/models/{namespace}/{repo}/user-access-request/{status}
get /api/{repoType}/{namespace}/{repo}/discussions
get /api/users/{username}/overview
get /api/users/{username}/likes
get /api/organizations/{name}/members
get /api/organizations/{name}/avatar
get /api/models-tags-by-type
get /api/datasets-tags-by-type
get /api/quicksearch
get /api/trending
get /api/agent-harnesses
get /api/notifications
get /api/settings/webhooks
get /api/organizations/{name}/audit-log/export
get /api/organizations/{name}/settings/repositories
get /api/organizations/{name}/socials
get /api/users/{username}/socials
get /api/spaces/{namespace}/{repo}/secrets
get /api/spaces/{namespace}/{repo}/variables
get /api/settings/repositories
get /api/buckets/{namespace}
get /api/buckets/{namespace}/{repo}
get /api/buckets/{namespace}/{repo}/tree/{path}
get /api/buckets/{namespace}/{repo}/xet-read-token
get /api/buckets/{namespace}/{repo}/xet-write-token
get /buckets/{namespace}/{repo}/resolve/{path}
post /api/buckets/{namespace}/{repo}
post /api/buckets/{namespace}/{repo}/batch
post /api/buckets/{namespace}/{repo}/lfs-files/duplicate
post /api/buckets/{namespace}/{repo}/paths-info
put /api/buckets/{namespace}/{repo}/settings
post /api/models/{namespace}/{repo}/paths-info/{rev}
post /api/models/{namespace}/{repo}/preupload/{rev}
post /api/models/{namespace}/{repo}/commit/{rev}
post /api/models/{namespace}/{repo}/super-squash/{rev}
post /api/repos/create
put /api/models/{namespace}/{repo}/settings
get /api/organizations/{name}/service-accounts
post /api/organizations/{name}/service-accounts
get /api/organizations/{name}/service-accounts/{serviceAccountId}
post /api/organizations/{name}/service-accounts/{serviceAccountId}/tokens
patch /api/organizations/{name}/service-accounts/{serviceAccountId}/tokens/{tokenId}
post /api/organizations/{name}/service-accounts/{serviceAccountId}/tokens/{tokenId}/rotate
get /api/organizations/{name}/scim/v2/ServiceProviderConfig
get /api/organizations/{name}/scim/v2/ResourceTypes
get /api/organizations/{name}/scim/v2/Schemas
get /api/organizations/{name}/scim/v2/Schemas/{schemaId}
get /api/organizations/{name}/scim/v2/Users
post /api/organizations/{name}/scim/v2/Users
get /api/organizations/{name}/scim/v2/Users/{userId}
patch /api/organizations/{name}/scim/v2/Users/{userId}
put /api/organizations/{name}/scim/v2/Users/{userId}
get /api/organizations/{name}/scim-provisioning/v2/Users
post /api/organizations/{name}/scim-provisioning/v2/Users
get /api/organizations/{name}/scim-provisioning/v2/Users/{userId}
patch /api/organizations/{name}/scim-provisioning/v2/Users/{userId}
put /api/organizations/{name}/scim-provisioning/v2/Users/{userId}
get /api/organizations/{name}/scim/v2/Groups
post /api/organizations/{name}/scim/v2/Groups
get /api/organizations/{name}/scim/v2/Groups/{groupId}
patch /api/organizations/{name}/scim/v2/Groups/{groupId}
put /api/organizations/{name}/scim/v2/Groups/{groupId}
get /api/organizations/{name}/scim-provisioning/v2/Groups
post /api/organizations/{name}/scim-provisioning/v2/Groups
get /api/organizations/{name}/scim-provisioning/v2/Groups/{groupId}
patch /api/organizations/{name}/scim-provisioning/v2/Groups/{groupId}
put /api/organizations/{name}/scim-provisioning/v2/Groups/{groupId}""".splitlines()
KEPT = {"type", "properties", "required", "items", "enum", "const", "anyOf", "oneOf", "allOf", "minItems"}  # clients tolerate members that they do not know


def lean(s, within_properties=False):
    if isinstance(s, dict):
        if within_properties:
            return {k: lean(v) for k, v in s.items()}
        return {k: lean(v, k == "properties") for k, v in s.items() if k in KEPT}
    return [lean(v) for v in s] if isinstance(s, list) else s


def inline(s, doc):
    if isinstance(s, dict):
        if "$ref" in s:
            at = doc
            for part in s["$ref"].lstrip("#/").split("/"):
                at = at[part]
            return inline(at, doc)
        return {k: inline(v, doc) for k, v in s.items()}
    return [inline(v, doc) for v in s] if isinstance(s, list) else s


def main():
    doc = json.load(open(sys.argv[1]))
    out = {}
    for operation in OPERATIONS:
        method, path = operation.split(" ")
        answers = doc["paths"].get(path, {}).get(method, {}).get("responses", {})
        schema = answers.get("200", answers.get("201", {})).get("content", {}).get("application/json", {}).get("schema")
        if schema is None:
            print(f"no shape: {operation}", file=sys.stderr)
            continue
        out[operation] = lean(inline(schema, doc))
    json.dump(out, sys.stdout, indent=None, separators=(",", ":"), sort_keys=True)


if __name__ == "__main__":
    main()
