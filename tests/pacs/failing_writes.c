// Preloaded into a program under test: its next but N call that writes to a regular file fails, as
// a file of three integers says that the test shares: N (below 0: none), how, and how often it
// came to that.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

enum { NO_SPACE, IO_ERROR, SHORT };

struct control {
    _Atomic int left, how, fired;
};

static struct control *control;

__attribute__((constructor)) static void open_control(void)
{
    const char *path = getenv("FAILING_WRITES");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *mapped =
        fd >= 0 ? mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : NULL;
    if (fd >= 0)
        (void)close(fd);
    control = mapped == MAP_FAILED ? NULL : mapped;
}

// Whether this call is the one; a short write of one byte cannot be shorter.
static bool fails(int fd, size_t n)
{
    struct stat st;
    if (!control || atomic_load(&control->left) < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return false;
    if (atomic_fetch_sub(&control->left, 1) != 0)
        return false;
    atomic_fetch_add(&control->fired, 1);
    errno = atomic_load(&control->how) == IO_ERROR ? EIO : ENOSPC;
    return n != 1;
}

static bool is_short(void)
{
    return atomic_load(&control->how) == SHORT;
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    static ssize_t (*next)(int, const void *, size_t);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "write");
    if (fails(fd, n))
        return is_short() ? next(fd, bytes, n / 2) : -1;
    return next(fd, bytes, n);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset)
{
    static ssize_t (*next)(int, const void *, size_t, off64_t);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "pwrite64");
    if (fails(fd, n))
        return is_short() ? next(fd, bytes, n / 2, offset) : -1;
    return next(fd, bytes, n, offset);
}

int fsync(int fd)
{
    static int (*next)(int);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "fsync");
    return fails(fd, 0) ? -1 : next(fd);
}

int fdatasync(int fd)
{
    static int (*next)(int);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "fdatasync");
    return fails(fd, 0) ? -1 : next(fd);
}

int ftruncate64(int fd, off64_t size)
{
    static int (*next)(int, off64_t);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "ftruncate64");
    return fails(fd, 0) ? -1 : next(fd, size);
}
