// pickle.h: pickles: the values that they hold, and the machine that builds them.
#ifndef BV_CHECKPOINT_PICKLE_H
#define BV_CHECKPOINT_PICKLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/dtype.h"
#include "base/memory.h"
#include "base/status.h"
#include "checkpoint/container.h"

// pickle.c: what a pickle holds, as a tree of plain values. Building one runs no code.
//
// Values point at each other as Python's objects do: one value may be reached along several paths
// and even from itself, so a walk over them must bound its depth and its steps.

// Limits on one file. The largest published checkpoints reach a few per cent of them.
#define BV_PICKLE_MAX_BYTES ((size_t)64 << 20)
#define BV_PICKLE_MAX_VALUES ((size_t)1 << 21)
#define BV_PICKLE_MAX_ITEMS ((size_t)1 << 22) // in all lists, tuples, sets and dictionaries
#define BV_PICKLE_MAX_STORAGES ((size_t)1 << 18)
#define BV_PICKLE_MAX_TENSORS ((size_t)1 << 18)
#define BV_PICKLE_MAX_KEY_BYTES 256 // of a storage

enum bv_pickle_kind {
    BV_PICKLE_NONE,
    BV_PICKLE_BOOL,
    BV_PICKLE_INT,
    BV_PICKLE_BIG_INT, // beyond 64 bits: decimal text
    BV_PICKLE_FLOAT,
    BV_PICKLE_COMPLEX,
    BV_PICKLE_STRING, // UTF-8 as Python wrote it: may hold surrogates
    BV_PICKLE_BYTES,
    BV_PICKLE_LIST,
    BV_PICKLE_TUPLE,
    BV_PICKLE_SET,
    BV_PICKLE_DICT,
    BV_PICKLE_GLOBAL,  // a class or function by name, never looked up
    BV_PICKLE_OBJECT,  // an instance of a class that means nothing here, with all it was given
    BV_PICKLE_STORAGE, // a typed window on a storage
    BV_PICKLE_TENSOR,
};

struct bv_pickle_value {
    enum bv_pickle_kind kind;
    size_t n; // bytes of text; items; pairs of a dictionary
    union {
        bool boolean;
        int64_t integer;
        double real;
        double parts[2]; // COMPLEX
        struct {
            const char *text;                  // not terminated, but for BIG_INT and GLOBAL
            const struct bv_pickle_rule *rule; // GLOBAL: what may be done with it
        };
        struct bv_pickle_value **items; // DICT: key, value, key, value, …
        struct bv_pickle_object *object;
        struct bv_pickle_window *window;
        struct bv_pickle_tensor *tensor;
    };
};

struct bv_pickle_object {
    const struct bv_pickle_value *type; // GLOBAL
    struct bv_pickle_value *args;       // what it was made from: TUPLE or NULL
    struct bv_pickle_value *state;      // what BUILD gave it, or NULL
    struct bv_pickle_value *content;    // LIST or DICT of what was appended or set, or NULL
};

// Element types of storages: those of tensors here, and complex numbers, which become pairs.
struct bv_pickle_window {
    size_t storage; // index into bv_pickle.storages
    enum bv_dtype dtype;
    bool is_complex;
    size_t offset, n; // elements
};

struct bv_pickle_tensor {
    size_t storage;
    enum bv_dtype dtype;
    bool is_complex; // the last dimension holds real and imaginary part
    int n_dims;
    int64_t shape[BV_MAX_DIMS], strides[BV_MAX_DIMS]; // elements; strides are not negative
    size_t offset;                                    // elements from the storage's begin
    size_t bytes;                                     // of a contiguous copy
};

// Memory that tensors are views of. The container that holds it sets data or member.
struct bv_pickle_storage {
    const char *key;
    size_t key_bytes, bytes;
    const uint8_t *data;
    // Where it is one of an archive; a deflated one has no data.
    const struct bv_zip_member *member;
    bool checked; // its checksum was found right
};

// All values of a file and the storages they name. Zero-initialise; free with bv_pickle_free().
struct bv_pickle {
    struct bv_arena arena;
    struct bv_pickle_storage *storages;
    size_t n_storages, storage_room;
    size_t *buckets; // of storages by key, as index + 1
    size_t n_buckets;
    size_t n_values, n_items, n_tensors, n_text;
};

void bv_pickle_free(struct bv_pickle *pickle);

// A fresh value of a kind, all else zero. BV_ERR_LIMIT past the limits above, BV_ERR_NOMEM.
enum bv_status bv_pickle_new(struct bv_pickle *pickle, enum bv_pickle_kind kind,
                             struct bv_pickle_value **out, struct bv_error *err);

// A fresh OBJECT of a type.
enum bv_status bv_pickle_new_object(struct bv_pickle *pickle, const struct bv_pickle_value *type,
                                    struct bv_pickle_value *args, struct bv_pickle_value **out,
                                    struct bv_error *err);

// Appends n items to a LIST, TUPLE or SET, or n pairs (2n values) to a DICT.
enum bv_status bv_pickle_append(struct bv_pickle *pickle, struct bv_pickle_value *container,
                                struct bv_pickle_value *const *items, size_t n,
                                struct bv_error *err);

// n bytes of memory for text that is made while reading: at most BV_PICKLE_MAX_BYTES in all, since
// few bytes of a stream can ask for the same long text again and again.
enum bv_status bv_pickle_text(struct bv_pickle *pickle, size_t n, char **out, struct bv_error *err);

// Whether a value is this string; or a GLOBAL of this "module.name".
bool bv_pickle_is(const struct bv_pickle_value *value, const char *text);

// Item i of a LIST, TUPLE or SET, else NULL. Accepts NULL.
struct bv_pickle_value *bv_pickle_item(const struct bv_pickle_value *value, size_t i);

// The last value that a DICT has under this string, else NULL. Accepts NULL.
struct bv_pickle_value *bv_pickle_get(const struct bv_pickle_value *dict, const char *key);

// The value of an INT that lies in [0, INT64_MAX], else -1. Accepts NULL.
int64_t bv_pickle_count(const struct bv_pickle_value *value);

// Plain data of a pickle (settings saved beside weights) as JSON.

// The caller owns the result; NULL when memory is out. Dictionaries become objects (keys as text),
// sequences and sets arrays; omegaconf containers and nodes, argparse.Namespace, pathlib paths,
// torch.device and records their plain content. What JSON cannot say (tensors, bytes, NaN,
// instances that mean nothing here), and what lies deeper than 24 levels or beyond 65536 values,
// is null.
json_t *bv_pickle_json(const struct bv_pickle_value *value);

// unpickle.c: a pickle virtual machine that can build values and do nothing else.
//
// Reads the opcodes of protocols 2 to 5 (and the few of 0 and 1 that those share); see
// https://github.com/python/cpython/blob/main/Lib/pickletools.py for what each does. Names go
// through pickle_rules.c, so no name is looked up and nothing is called.

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
