// net.h: a small network and its reference results, for the tests of this folder.
#ifndef BV_TESTS_VULKAN_NET_H
#define BV_TESTS_VULKAN_NET_H

#include "vulkan/device.h"

// A convolution with two branches that join, pooling, attention over the positions, layer norm and
// a projection: [N,12,12,3] to [N,10]; and an embedding table's rows for ids [N,4], summed.
struct net {
    struct bv_weights *weights;
    float *memory;
    int64_t N;
    float *pixels;
    int32_t *ids;
    float *expected; // [N,10], of the reference backend
};

#define NET_OUTPUTS 10

// table_rows: of the embedding table, 16 floats each.
void net_create(struct net *net, int64_t N, int64_t table_rows);
void net_destroy(struct net *net);

// The graph for a backend; fails the test when it cannot be built.
struct bv_graph *net_graph(const struct net *net);

// Compiles and runs. out: [N,10], or NULL.
enum bv_status net_run(const struct net *net, struct bv_backend *backend, float *out,
                       struct bv_error *err);

// Fails the test when out is further than limit from the expected values.
void net_check(const struct net *net, const float *out, double limit);

// Skips the whole program (exit 77) where there is no Vulkan device at all.
void net_require_device(void);

#endif
