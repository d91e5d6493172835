// unfinished.h: the names of files under construction, so that a program that is told to end can
// remove them from within a signal handler.
#ifndef BV_BASE_UNFINISHED_H
#define BV_BASE_UNFINISHED_H

// Remembers a file's name until it is dropped. Returns its number, or -1 where the list (64) is
// full or the name too long: such a file is merely not removed. Any thread.
int bv_unfinished_add(const char *path);

// Forgets it; accepts -1.
void bv_unfinished_drop(int number);

// Removes every file remembered. Safe in a signal handler.
void bv_unfinished_remove(void);

#endif
