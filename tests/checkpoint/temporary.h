// temporary.h: files that a test writes and removes.
#ifndef BV_TESTS_TEMPORARY_H
#define BV_TESTS_TEMPORARY_H

#include <stddef.h>

// cmocka setup and teardown: a fresh folder as *state (a char *), removed with the files in it.
int temporary_folder(void **state);
int temporary_folder_remove(void **state);

// The number of files in the folder.
int temporary_count(void *const *state);

// folder/name, in one of eight buffers that are used in turn.
const char *temporary_path(void *const *state, const char *name);

// Writes the bytes to folder/name, whose path it returns; fails the test when it cannot.
const char *temporary_file(void *const *state, const char *name, const void *data, size_t size);

#endif
