// backend.h: what runs a graph. src/cpu and src/vulkan implement it.
#ifndef BV_GRAPH_BACKEND_H
#define BV_GRAPH_BACKEND_H

#include "graph/graph.h"

// Where each intermediate of a graph lies in one block of memory.

#define BV_NO_OFFSET SIZE_MAX

// Offsets by tensor id; inputs and intermediates have one, weights have BV_NO_OFFSET. Reshapes
// share the offset of what they alias. Two tensors overlap only when their lifetimes do not.
struct bv_plan {
    size_t arena_bytes; // what a run needs, known before the first one
    size_t *offset;     // [graph->n_tensors]
    int n_nodes;
};

// What a backend asks of its plans.
struct bv_plan_rules {
    size_t alignment; // a power of two
    // Whether a node may write its result over in[0], whose last reader it is; NULL: none may.
    bool (*in_place)(const void *backend, const struct bv_node *node);
    const void *backend;
};

// Numbers the graph's nodes in execution order and plans. Bytes per element are those of each
// tensor's dtype. BV_ERR_LIMIT when sizes overflow.
enum bv_status bv_plan_make(struct bv_plan *plan, struct bv_graph *g,
                            const struct bv_plan_rules *rules, struct bv_error *err);
void bv_plan_free(struct bv_plan *plan);

struct bv_backend;
struct bv_program;

struct bv_backend_ops {
    // Makes a rewritten graph ready to run; on success the program owns the graph.
    enum bv_status (*compile)(struct bv_backend *backend, struct bv_graph *graph,
                              struct bv_program **program, struct bv_error *err);
    // Whether a batch is better run as n_items times this graph of one; NULL: never.
    bool (*prefers_items)(const struct bv_backend *backend, const struct bv_graph *one,
                          int64_t n_items);
    // compile for inputs and outputs of n_items items, one after another; where it is preferred.
    enum bv_status (*compile_items)(struct bv_backend *backend, struct bv_graph *one,
                                    int64_t n_items, struct bv_program **program,
                                    struct bv_error *err);
    // inputs and outputs in the graph's order; inputs have been checked.
    enum bv_status (*run)(struct bv_program *program, const void *const *inputs,
                          float *const *outputs, struct bv_error *err);
    void (*destroy_program)(struct bv_program *program);
    void (*destroy)(struct bv_backend *backend);
    // "cpu", "vulkan:NVIDIA H200"; valid as long as the backend.
    const char *(*describe)(const struct bv_backend *backend);
    // Frees what programs were made of, once there are none; NULL: keeps it.
    void (*forget)(struct bv_backend *backend);
    // compile reads weights only through bv_weights_f32() and bv_weights_read(); otherwise those
    // that rewrites compute are made beforehand, and their tensors have data.
    bool computes_weights;
};

// One device as seen by one session: belongs to one thread. Implementations put this first.
struct bv_backend {
    const struct bv_backend_ops *ops;
};

// A compiled graph. Implementations put this first and fill it.
struct bv_program {
    struct bv_backend *backend;
    struct bv_graph *graph; // owned
    struct bv_plan plan;    // owned
    int64_t n_items;        // how many of the graph's inputs and outputs a run takes and gives
    bool once;              // a hint for the first run: it may be the only one
};

// Rewrites and compiles. Takes the graph (set to NULL) in success and in failure.
enum bv_status bv_program_compile(struct bv_backend *backend, struct bv_graph **graph,
                                  struct bv_program **program, struct bv_error *err);

// Builds the graph of a batch, whose inputs and outputs all begin with the batch dimension.
typedef enum bv_status bv_build_batch(const void *arg, int64_t batch, struct bv_graph **graph,
                                      struct bv_error *err);

// A program for a batch: of a graph of the whole batch or, where the backend would rather, of one
// item many times. The results are the same bits.
enum bv_status bv_program_compile_batch(struct bv_backend *backend, bv_build_batch *build,
                                        const void *arg, int64_t batch, struct bv_program **program,
                                        struct bv_error *err);

// An input of a graph by its name; data NULL: not given.
struct bv_input {
    const char *name;
    const void *data;
};

// Puts inputs into the graph's order for bv_program_run(); those that the graph does not read are
// left out. BV_ERR_ARG names one that it reads and that is not given.
enum bv_status bv_program_bind(const struct bv_program *program, const struct bv_input *inputs,
                               int n_inputs, const void *bound[BV_MAX_GRAPH_INPUTS],
                               struct bv_error *err);

// Runs once. inputs[i] is n_items times the shape of graph->inputs[i], of its dtype; outputs[i]
// receives n_items times bv_elements(graph->outputs[i]) floats, or is NULL when it is not wanted.
// Ids, indices and lengths outside their ranges are BV_ERR_ARG and nothing runs. Only
// the first run and, after program->once, the second allocate: for weights in the device's form.
enum bv_status bv_program_run(struct bv_program *program, const void *const *inputs,
                              float *const *outputs, struct bv_error *err);

void bv_program_destroy(struct bv_program **program); // accepts NULL
void bv_backend_destroy(struct bv_backend **backend); // after its programs; accepts NULL

#endif
