#define _GNU_SOURCE // syscall, O_PATH
#include "serve/read_only.h"

#include <stdbool.h>

#ifdef __has_include
#if __has_include(<linux/landlock.h>)
#define HAVE_LANDLOCK 1
#endif
#endif

#ifndef HAVE_LANDLOCK

enum bv_status bv_only_read(struct bv_error *err)
{
    return bv_fail(err, BV_ERR_UNSUPPORTED, "this build cannot have itself kept from writing");
}

#else

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// Changes that the first version of the interface can refuse; later versions refuse more of them.
static const uint64_t changes = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                                LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;
static const uint64_t truncation = UINT64_C(1) << 14; // LANDLOCK_ACCESS_FS_TRUNCATE, version 3

static enum bv_status cannot(struct bv_error *err)
{
    return bv_fail(err, BV_ERR_UNSUPPORTED,
                   "this system cannot keep a process from writing (Landlock, Linux 5.13): %s",
                   strerror(errno));
}

// Device files stay as they are: a GPU is opened for writing.
static bool except_devices(int rules)
{
    struct landlock_path_beneath_attr devices = {
        .allowed_access = LANDLOCK_ACCESS_FS_WRITE_FILE,
        .parent_fd = open("/dev", O_PATH | O_CLOEXEC | O_DIRECTORY)};
    if (devices.parent_fd < 0)
        return true; // there are none
    long status = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &devices, 0);
    int error = errno;
    (void)close(devices.parent_fd);
    errno = error;
    return status == 0;
}

enum bv_status bv_only_read(struct bv_error *err)
{
    long version =
        syscall(SYS_landlock_create_ruleset, NULL, (size_t)0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        return cannot(err);
    const struct landlock_ruleset_attr attributes = {
        .handled_access_fs = version >= 3 ? changes | truncation : changes};
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0);
    if (rules < 0)
        return cannot(err);
    enum bv_status status = BV_OK;
    if (!except_devices(rules) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        syscall(SYS_landlock_restrict_self, rules, 0) != 0)
        status = cannot(err);
    (void)close(rules);
    return status;
}

#endif
