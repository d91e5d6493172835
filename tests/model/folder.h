// folder.h: small Hugging Face folders made by the tests.
#ifndef BV_TESTS_MODEL_FOLDER_H
#define BV_TESTS_MODEL_FOLDER_H

#include <stddef.h>
#include <stdint.h>

struct shape {
    const char *name; // as Hugging Face names it
    int rank;
    int64_t dim[4];
};

// How values are drawn: families.py's rule, or that of systems.py, which keeps deep networks in
// range (a spread of 1.5 / sqrt(inputs), variances about 1).
enum values { VALUES_PLAIN, VALUES_SCALED };

// What a test wants to be wrong; zero: nothing.
struct fault {
    const char *rename, *to; // this tensor is written under another name
    const char *poison;      // an element of this tensor becomes value
    float value;
    const char *prefix; // before the names of all tensors
};

// Writes the tensors alone, to a file of the test's temporary folder, whose path it returns.
// Counters (num_batches_tracked) are integers.
const char *folder_weights(void *const *state, const char *file, const struct shape *shapes,
                           size_t n, enum values rule, const struct fault *fault);

// Writes model.safetensors with tensors of fixed values, and the other files, into the test's
// temporary folder (checkpoint/temporary.h), whose path it returns. vocabulary is vocab.txt, or,
// with merges, vocab.json and merges.txt. The rule for values is that of families.py.
const char *folder_write(void *const *state, const struct shape *shapes, size_t n,
                         const char *config, const char *vocabulary, const char *merges,
                         const struct fault *fault);

#endif
