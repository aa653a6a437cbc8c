/* xet/shard_priv.h - what reading and writing shards have in common. */
#ifndef XET_SHARD_PRIV_H
#define XET_SHARD_PRIV_H

#include "xet/shard.h"

#define XET_FILE_HAS_RANGES 0x80000000u
#define XET_FILE_HAS_SHA256 0x40000000u

static const uint8_t xet_shard_tag[32] = { 'H', 'F', 'R', 'e', 'p', 'o', 'M', 'e', 't', 'a', 'D', 'a', 't', 'a', 0,
                                           0x55, 0x69, 0x67, 0x45, 0x6a, 0x7b, 0x81, 0x57, 0x83, 0xa5, 0xbd, 0xd9,
                                           0x5c, 0xcd, 0xd1, 0x4a, 0xa9 };

#endif
