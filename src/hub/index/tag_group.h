/* hub/index/tag_group.h - which group a tag belongs to: task, library, language, ... */
#ifndef HUB_TAG_GROUP_H
#define HUB_TAG_GROUP_H

#include "hub/index/list.h"

/* Names as /api/models-tags-by-type has them. */
enum tag_group {
    TAG_TASK, TAG_LIBRARY, TAG_DATASET, TAG_LANGUAGE, TAG_LICENSE, TAG_ARXIV, TAG_DOI, TAG_REGION, TAG_SIZE, TAG_MODALITY,
    TAG_FORMAT, TAG_BASE_MODEL, TAG_TASK_ID, TAG_OTHER, TAG_GROUPS
};
const char *tag_group_name(enum repo_kind kind, enum tag_group g);
/* *label: how the tag is shown: without the group's prefix, or by its name for people.  Borrows of the tag. */
enum tag_group tag_group_of(enum repo_kind kind, str tag, str *label);

#endif
