// weights.h: the named tensors of one model, and what backends derive from them once.
#ifndef BV_GRAPH_WEIGHTS_H
#define BV_GRAPH_WEIGHTS_H

#include <stddef.h>

#include "base/dtype.h"
#include "base/status.h"
#include "graph/tensor.h"

// A tensor of a model file; data lives as long as the store.
struct bv_weight {
    const char *name;
    enum bv_dtype dtype;
    int rank;
    int64_t dim[BV_MAX_RANK];
    const void *data;
};

// Holds borrowed weights (mapped from a file) and derived data it owns. After the last
// bv_weights_add() it may be shared by threads: look-ups are read-only and derivation locks.
struct bv_weights;

enum bv_status bv_weights_create(struct bv_weights **weights, struct bv_error *err);
void bv_weights_destroy(struct bv_weights **weights); // accepts NULL

// Adds a weight; name is copied, data is borrowed and must outlive the store. A second weight of
// the same name is BV_ERR_MODEL.
enum bv_status bv_weights_add(struct bv_weights *weights, const struct bv_weight *weight,
                              struct bv_error *err);

// NULL when there is none of that name.
const struct bv_weight *bv_weights_find(const struct bv_weights *weights, const char *name);

size_t bv_weights_count(const struct bv_weights *weights);

// Data computed from weights (a folded batch norm, a packed matrix, an f32 copy), made once per
// key. The first caller's make(arg, memory) fills size bytes, 64-byte aligned; later callers get
// the same pointer. The store owns it.
enum bv_status bv_weights_derive(struct bv_weights *weights, const char *key, size_t size,
                                 void (*make)(void *arg, void *memory), void *arg,
                                 const void **data, struct bv_error *err);

// The weight's elements as f32, 4-byte aligned: its own memory when it is already that, else a
// derived copy.
enum bv_status bv_weights_f32(struct bv_weights *weights, const struct bv_tensor *tensor,
                              const float **data, struct bv_error *err);

// How a rewrite's weight (a folded norm, stacked projections) is computed, when a backend wants it
// and where the backend wants it: writes all elements as f32. Cannot fail.
struct bv_weight_formula {
    void (*make)(struct bv_weights *weights, const void *arg, float *out);
    const void *arg; // lives as long as the graph
};

// Writes the elements of a weight as f32 to out: converted, or by its formula.
void bv_weights_read(struct bv_weights *weights, const struct bv_tensor *tensor, float *out);

// Weights, by their names (those of computed ones too), whose layers a backend of 8 bits leaves at
// more. Chosen before programs are compiled. BV_ERR_LIMIT beyond 65,536.
enum bv_status bv_weights_keep(struct bv_weights *weights, const char *name, struct bv_error *err);
void bv_weights_keep_none(struct bv_weights *weights);
bool bv_weights_kept(struct bv_weights *weights, const char *name);

// The data derived under a key so far, or NULL.
const void *bv_weights_derived(struct bv_weights *weights, const char *key);

// States that the borrowed weights stand in a read-only mapping of a file, so that pages that are
// no longer wanted can be given back and come again from the file.
void bv_weights_set_mapping(struct bv_weights *weights, const void *start, size_t bytes);

// Gives back the pages of a mapped weight that a backend has its own copy of. Reading it again is
// slow, not wrong. Does nothing for weights that are not mapped.
void bv_weights_let_go(struct bv_weights *weights, const struct bv_tensor *tensor);

// Sessions say that they hold derived data, and that they no longer do.
void bv_weights_hold(struct bv_weights *weights);
void bv_weights_unhold(struct bv_weights *weights);

// Frees the derived data whose keys begin so, unless more than one session holds derived data. The
// caller is that session and uses none of it any more; it is derived again when wanted.
void bv_weights_forget(struct bv_weights *weights, const char *key_start);

// Total bytes of derived data, for memory reports.
size_t bv_weights_derived_bytes(const struct bv_weights *weights);

#endif
