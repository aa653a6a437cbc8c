/* xet/xorb_priv.h - a growing index, shared by the reader and the writer of xorbs. */
#ifndef XET_XORB_PRIV_H
#define XET_XORB_PRIV_H

#include "xet/xorb.h"

struct xet_xorb_list {
    uint32_t count;
    struct xet_hash chunk[XET_XORB_CHUNKS_MAX];
    uint32_t stored_end[XET_XORB_CHUNKS_MAX], raw_end[XET_XORB_CHUNKS_MAX];
};
void xet_xorb_list_add(struct xet_xorb_list *l, const struct xet_hash *hash, uint32_t stored_bytes, uint32_t raw_bytes);
void xet_xorb_list_end(const struct xet_xorb_list *l, const struct xet_hash *root, struct arena *a, struct xet_xorb_index *out);

#endif
