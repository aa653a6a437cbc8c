/* fuzz_scim.c - a line is a filter or a path, what stands behind it the operations of a PATCH: taken or refused, within the memory of an
 * answer, and what was changed is still a resource that can be written. */
#include "api/scim/patch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char resource[] = "{\"id\":\"5f\",\"userName\":\"ann\",\"name\":{\"givenName\":\"A\"},\"emails\":[{\"value\":\"a@b.org\",\"type\":\"work\"}],\"active\":true,"
                               "\"members\":[{\"value\":\"1\"},{\"value\":\"2\"}]}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new(16 << 20);
    struct scim_filter *f;
    struct scim_path p;
    struct json *r, *body;
    struct err e;
    str all = str_n((const char *)data, size), line = all, rest = STR("");
    size_t end = str_chr(all, '\n');
    if (end != STR_NONE) line = str_to(all, end), rest = str_from(all, end + 1);
    must(json_parse(str_c(resource), a, &r, &e));
    if (scim_filter_parse(line, a, &f, &e)) {
        (void)scim_filter_matches(f, r);
        str id = scim_filter_needs(f, "id");
        must(!id.p || !str_eq(id, STR("5f")) || scim_filter_mentions(f, "id"));
        must(!id.p || str_eq(id, STR("5f")) || !scim_filter_matches(f, r)); /* what is looked up leaves out nothing that would match */
    }
    if (scim_path_parse(line, a, &p, &e) && p.where) (void)scim_filter_matches(p.where, r);
    if (json_parse(rest, a, &body, &e)) {
        (void)scim_patch(r, body, a, &e);
        must(json_text(a, r).n >= 2);
    }
    arena_free(a);
    return 0;
}
