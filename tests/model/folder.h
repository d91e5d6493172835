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

// What a test wants to be wrong; zero: nothing.
struct fault {
    const char *rename, *to; // this tensor is written under another name
    const char *poison;      // an element of this tensor becomes value
    float value;
};

// Writes model.safetensors with tensors of fixed values, and the other files, into the test's
// temporary folder (checkpoint/temporary.h), whose path it returns. vocabulary is vocab.txt, or,
// with merges, vocab.json and merges.txt. The rule for values is that of families.py.
const char *folder_write(void *const *state, const struct shape *shapes, size_t n,
                         const char *config, const char *vocabulary, const char *merges,
                         const struct fault *fault);

#endif
