// pickle_rules.h: what a pickle may name, and what becomes of it.
//
// A name is never looked up and nothing is ever called. A name on the list of constructors makes
// a plain value. A class that is not known is an opaque token: instances made with __new__ keep
// their state and mean nothing. All else that a pickle could call, and every name of Python's
// standard library outside the list, is refused by name (BV_ERR_REFUSED).
#ifndef BV_CHECKPOINT_PICKLE_RULES_H
#define BV_CHECKPOINT_PICKLE_RULES_H

#include <stddef.h>

#include "base/status.h"
#include "checkpoint/pickle.h"

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

#endif
