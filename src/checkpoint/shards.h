// shards.h: checkpoints in several files: pytorch_model-00001-of-00002.bin and its like.
#ifndef BV_CHECKPOINT_SHARDS_H
#define BV_CHECKPOINT_SHARDS_H

#include <stdbool.h>
#include <stddef.h>

// STEM-number-of-count.TAIL, with numbers of five digits.
struct bv_shard {
    const char *name; // borrowed
    size_t stem;      // bytes
    int number, count;
};

// False where name (of a file, without a folder) is not that of one of several shards.
bool bv_shard_parse(const char *name, struct bv_shard *shard);

// Whether two names are shards of one checkpoint.
bool bv_shard_same(const struct bv_shard *a, const struct bv_shard *b);

// Writes the name of shard `number` beside this one to out, which has room for strlen(name) + 1.
void bv_shard_name(const struct bv_shard *shard, int number, char *out);

#endif
