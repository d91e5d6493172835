// The front on a file of any bytes: whatever container it is, every tensor that it lists is read.
#include "target.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "checkpoint/checkpoint.h"

static void read_all(struct bv_checkpoint *c)
{
    struct bv_error err = {0};
    for (size_t i = 0; i < bv_checkpoint_count(c); i++) {
        const struct bv_checkpoint_tensor *t = bv_checkpoint_tensor(c, i);
        if (bv_checkpoint_find(c, t->name) != t)
            abort();
        void *out = t->bytes <= 1 << 20 ? malloc(t->bytes + 1) : NULL;
        if (out)
            (void)bv_checkpoint_read(c, t, out, &err);
        free(out);
        (void)bv_checkpoint_data(c, t);
    }
    (void)bv_checkpoint_metadata(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[] = "/tmp/biovl-fuzz-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    (void)close(fd);
    struct bv_checkpoint *c = NULL;
    struct bv_error err = {0};
    if (bv_checkpoint_open(&c, path, &err) == BV_OK)
        read_all(c);
    bv_checkpoint_close(&c);
    (void)unlink(path);
    return 0;
}
