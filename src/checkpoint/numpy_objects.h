// numpy_objects.h: NumPy scalars and arrays in a pickle.
#ifndef BV_CHECKPOINT_NUMPY_OBJECTS_H
#define BV_CHECKPOINT_NUMPY_OBJECTS_H

#include "base/status.h"
#include "checkpoint/pickle.h"

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
