// fill.h: the numbers of a case's inputs.
#ifndef BV_TESTS_OP_FILL_H
#define BV_TESTS_OP_FILL_H

#include "op/case.h"

int64_t op_input_elements(const struct op_input *in);

// Fills memory (any alignment) with op_input_elements() elements of the input's type. The numbers
// depend on seed alone.
void op_fill(const struct op_input *in, uint64_t seed, void *memory);

#endif
