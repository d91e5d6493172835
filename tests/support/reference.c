#include "support/reference.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char *folder(const char *variable, const char *fallback)
{
    const char *dir = getenv(variable);
    if (!dir || !*dir)
        dir = fallback;
    struct stat st;
    if (stat(dir, &st) == 0 && S_ISDIR(st.st_mode))
        return dir;
    (void)printf("skipped: %s is not a folder (set %s)\n", dir, variable);
    return NULL;
}

const char *conformance_dir(void)
{
    return folder("BIOVL_CONFORMANCE", "../shared/conformance");
}

const char *data_dir(void)
{
    return folder("BIOVL_DATA", "../shared/data");
}

const char *path_in(const char *dir, const char *rest, ...)
{
    static char path[4096];
    int n = snprintf(path, sizeof path, "%s/", dir);
    va_list arguments;
    va_start(arguments, rest);
    (void)vsnprintf(path + n, sizeof path - (size_t)n, rest, arguments);
    va_end(arguments);
    return path;
}
