#include "eval/metrics/score_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum bv_status bv_scratch_create(struct bv_scratch *scratch, const char *folder, size_t bytes,
                                 struct bv_error *err)
{
    char path[4096];
    int problem = 0;
    void *data = NULL;
    if (!bytes)
        return BV_OK;
    int n = snprintf(path, sizeof path, "%s/.scratch-XXXXXX", folder);
    if (n < 0 || (size_t)n >= sizeof path)
        return bv_fail(err, BV_ERR_ARG, "%s: the path is too long", folder);
    int fd = mkstemp(path);
    if (fd < 0)
        return bv_fail(err, BV_ERR_IO, "%s: cannot create a file: %s", folder, strerror(errno));
    (void)unlink(path);
    problem = posix_fallocate(fd, 0, (off_t)bytes);
    if (!problem) {
        data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        problem = data == MAP_FAILED ? errno : 0;
    }
    (void)close(fd);
    if (problem)
        return bv_fail(err, BV_ERR_IO, "%s: no room for %zu bytes of temporary data: %s", folder,
                       bytes, strerror(problem));
    scratch->data = data;
    scratch->bytes = bytes;
    return BV_OK;
}

void bv_scratch_free(struct bv_scratch *scratch)
{
    if (scratch->data)
        (void)munmap(scratch->data, scratch->bytes);
    *scratch = (struct bv_scratch){0};
}
