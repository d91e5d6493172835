#include "base/file.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { FREE, BEING_FILLED, SET };

// A handler may run at any moment, so a name is read only where its state says that it is whole.
static struct {
    atomic_int state;
    char path[4096];
} files[64];

#define N_FILES ((int)(sizeof files / sizeof *files))

int bv_unfinished_add(const char *path)
{
    size_t n = strlen(path);
    for (int i = 0; n < sizeof files[0].path && i < N_FILES; i++) {
        int expected = FREE;
        if (!atomic_compare_exchange_strong(&files[i].state, &expected, BEING_FILLED))
            continue;
        memcpy(files[i].path, path, n + 1);
        atomic_store(&files[i].state, SET);
        return i;
    }
    return -1;
}

void bv_unfinished_drop(int number)
{
    if (number >= 0)
        atomic_store(&files[number].state, FREE);
}

void bv_unfinished_remove(void)
{
    for (int i = 0; i < N_FILES; i++)
        if (atomic_load(&files[i].state) == SET)
            (void)unlink(files[i].path);
}
