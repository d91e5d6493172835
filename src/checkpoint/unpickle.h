// unpickle.h: a pickle virtual machine that can build values and do nothing else.
//
// Reads the opcodes of protocols 2 to 5 (and the few of 0 and 1 that those share); see
// https://github.com/python/cpython/blob/main/Lib/pickletools.py for what each does. Names go
// through pickle_rules.c, so no name is looked up and nothing is called.
#ifndef BV_CHECKPOINT_UNPICKLE_H
#define BV_CHECKPOINT_UNPICKLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "checkpoint/pickle.h"

// What a persistent id stands for; arg is the caller's.
typedef enum bv_status bv_pickle_persistent(void *arg, struct bv_pickle *pickle,
                                            const struct bv_pickle_value *id,
                                            struct bv_pickle_value **out, struct bv_error *err);

// Reads one pickle from data[0..size): its value to *root, its length to *used. Values are owned by
// *pickle; texts and bytes point into data, which must outlive them. persistent NULL: ids are those
// of torch.save. BV_ERR_FORMAT for a broken or truncated stream, BV_ERR_REFUSED for one that names
// or calls what it should not, BV_ERR_UNSUPPORTED for opcodes torch does not write, BV_ERR_LIMIT.
enum bv_status bv_unpickle(struct bv_pickle *pickle, const uint8_t *data, size_t size,
                           bv_pickle_persistent *persistent, void *arg,
                           struct bv_pickle_value **root, size_t *used, struct bv_error *err);

// What a pickle may name, and what becomes of it.
//
// A name is never looked up and nothing is ever called. A name on the list of constructors makes
// a plain value. A class that is not known is an opaque token: instances made with __new__ keep
// their state and mean nothing. All else that a pickle could call, and every name of Python's
// standard library outside the list, is refused by name (BV_ERR_REFUSED).

// GLOBAL, STACK_GLOBAL: the token for module and name (bytes, not terminated).
enum bv_status bv_pickle_global(struct bv_pickle *pickle, const char *module, size_t module_bytes,
                                const char *name, size_t name_bytes, struct bv_pickle_value **out,
                                struct bv_error *err);

// REDUCE: what function(*args) gives for a function on the list; BV_ERR_REFUSED otherwise.
enum bv_status bv_pickle_call(struct bv_pickle *pickle, const struct bv_pickle_value *function,
                              struct bv_pickle_value *args, struct bv_pickle_value **out,
                              struct bv_error *err);

// NEWOBJ: what type.__new__(type, *args) gives.
enum bv_status bv_pickle_instance(struct bv_pickle *pickle, const struct bv_pickle_value *type,
                                  struct bv_pickle_value *args, struct bv_pickle_value **out,
                                  struct bv_error *err);

// BUILD: gives value its state. State of plain containers (torch's _metadata) is dropped.
enum bv_status bv_pickle_build(struct bv_pickle *pickle, struct bv_pickle_value *value,
                               struct bv_pickle_value *state, struct bv_error *err);

// NumPy scalars and arrays in a pickle.

// Constructor of the rule table: numpy.core.multiarray.scalar(dtype, bytes) becomes a BOOL, INT or
// FLOAT; a type that is none of these stays an OBJECT.
enum bv_status bv_numpy_scalar(struct bv_pickle *pickle, const struct bv_pickle_value *function,
                               struct bv_pickle_value *args, struct bv_pickle_value **out,
                               struct bv_error *err);

// numpy.core.multiarray._reconstruct(numpy.ndarray, …): an empty array that waits for its state.
enum bv_status bv_numpy_reconstruct(struct bv_pickle *pickle,
                                    const struct bv_pickle_value *function,
                                    struct bv_pickle_value *args, struct bv_pickle_value **out,
                                    struct bv_error *err);

// Gives an array OBJECT its state (version, shape, dtype, Fortran order, bytes). A numeric one
// becomes a TENSOR over a storage of its own.
enum bv_status bv_numpy_set_state(struct bv_pickle *pickle, struct bv_pickle_value *array,
                                  struct bv_pickle_value *state, struct bv_error *err);

#endif
