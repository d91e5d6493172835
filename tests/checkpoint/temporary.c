#include "checkpoint/temporary.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/check.h"

int temporary_folder(void **state)
{
    char pattern[] = "/tmp/biovl-test-XXXXXX";
    char *made = mkdtemp(pattern);
    *state = made ? strdup(made) : NULL;
    return *state ? 0 : -1;
}

static int visit(const char *folder, int remove)
{
    char path[512];
    int n = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir && (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            (void)snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
            if (remove && unlink(path) != 0) { // a folder
                (void)visit(path, 1);
                (void)rmdir(path);
            }
            n++;
        }
    if (dir)
        (void)closedir(dir);
    return n;
}

int temporary_count(void *const *state)
{
    return visit(*state, 0);
}

int temporary_folder_remove(void **state)
{
    (void)visit(*state, 1);
    int result = rmdir(*state);
    free(*state);
    return result;
}

const char *temporary_path(void *const *state, const char *name)
{
    static char paths[8][512];
    static int next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", (const char *)*state, name);
    return path;
}

const char *temporary_file(void *const *state, const char *name, const void *data, size_t size)
{
    const char *path = temporary_path(state, name);
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(data, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
    return path;
}
