// files.h: a checkpoint that a test makes up, its vocabulary, and the model that it converts to, in
// a folder of their own.
#ifndef BV_TESTS_FUSION_FILES_H
#define BV_TESTS_FUSION_FILES_H

#include "checkpoint/safetensors.h"
#include "convert/convert.h"

struct files {
    char folder[64], model[96];
};

// Vocabularies of BERT (vocab.txt: the special tokens, then w5, w6, …) and RoBERTa (vocab.json with
// merges.txt).
void files_make(struct files *files, int vocabulary);
void files_remove(const struct files *files);

// Writes the tensors to a safetensors file and converts it with overrides; system NULL: recognised.
enum bv_status files_convert(const struct files *files, const struct bv_safetensors_spec *specs,
                             size_t n, const char *system, const char *const *set, size_t n_set,
                             struct bv_error *err);

#endif
