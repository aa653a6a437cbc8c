/* xet/xorb_priv.h - a growing index, shared by the reader and the writer of xorbs, and the sizes of footers. */
#ifndef XET_XORB_PRIV_H
#define XET_XORB_PRIV_H

#include "xet/xorb.h"

#define XET_FOOTER_BYTES(n) (92 + 40 * (size_t)(n) + 4)
#define XET_FOOTER_BYTES_MAX XET_FOOTER_BYTES(XET_XORB_CHUNKS_MAX)

struct xet_xorb_list {
    uint32_t count;
    struct xet_hash chunk[XET_XORB_CHUNKS_MAX];
    uint32_t stored_end[XET_XORB_CHUNKS_MAX], raw_end[XET_XORB_CHUNKS_MAX];
};
void xet_xorb_list_add(struct xet_xorb_list *l, const struct xet_hash *hash, uint32_t stored_bytes, uint32_t raw_bytes);
void xet_xorb_list_end(const struct xet_xorb_list *l, const struct xet_hash *root, struct arena *a, struct xet_xorb_index *out);

#endif
