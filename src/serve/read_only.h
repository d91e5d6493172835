// read_only.h: a process that the kernel keeps from changing files.
#ifndef BV_SERVE_READ_ONLY_H
#define BV_SERVE_READ_ONLY_H

#include "base/status.h"

// From now on the calling thread, and every thread and process that it starts, can neither write,
// make, rename nor remove a file or folder, whatever code asks for it; device files (of a GPU)
// excepted. It cannot be taken back. BV_ERR_UNSUPPORTED where the kernel cannot do this (Linux
// before 5.13, or without Landlock).
enum bv_status bv_only_read(struct bv_error *err);

#endif
