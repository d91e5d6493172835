// search_shards.h: one question to many shards of an index at once, over MPI.
#ifndef BV_TOOLS_SEARCH_SHARDS_H
#define BV_TOOLS_SEARCH_SHARDS_H

#include "biovl/retrieval.h"
#include "command.h"

// Each rank asks its share of the shards; rank 0 prints the best hits of all as JSON lines, as a
// search of the merged index would. Returns the exit code, the same on every rank. Without MPI in
// the build: a message and EXIT_USAGE.
int search_shards(const struct strings *shards, const char *key, const struct model_options *model,
                  const char *image, const struct bv_index_query *query);

#endif
