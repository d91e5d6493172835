#define _GNU_SOURCE // CPU_COUNT
#include "base/thread.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>

enum { MOST = 4096 }; // bytes of a path or of /proc/self/cgroup

static int rounded_up(long long quota, long long period)
{
    if (quota <= 0 || period <= 0)
        return 0;
    long long n = quota / period + (quota % period != 0);
    return n < 1 << 20 ? (int)n : 0;
}

// The numbers at the start of a file; how many there are.
static int read_numbers(const char *folder, const char *name, long long *a, long long *b)
{
    char path[2 * MOST + 64];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    int n = fscanf(f, "%lld %lld", a, b); // "max 100000" has none
    (void)fclose(f);
    return n;
}

static int limit_of(const char *folder)
{
    long long quota = 0, period = 0, unused = 0;
    if (read_numbers(folder, "cpu.max", &quota, &period) == 2)
        return rounded_up(quota, period);
    if (read_numbers(folder, "cpu.cfs_quota_us", &quota, &unused) == 1 &&
        read_numbers(folder, "cpu.cfs_period_us", &period, &unused) == 1)
        return rounded_up(quota, period);
    return 0;
}

// The least limit of a group and those around it, up to the mount point. folder is shortened.
static int least_limit(char *folder, size_t root_length)
{
    int least = 0;
    for (;;) {
        int limit = limit_of(folder);
        if (limit > 0 && (least == 0 || limit < least))
            least = limit;
        char *slash = strrchr(folder, '/');
        if (!slash || (size_t)(slash - folder) < root_length)
            return least;
        *slash = 0;
    }
}

int bv_cgroup_processors(const char *root, const char *list)
{
    int least = 0;
    for (const char *line = list; *line;) {
        size_t length = strcspn(line, "\n");
        char text[MOST], folder[2 * MOST];
        (void)snprintf(text, sizeof text, "%.*s", (int)(length < MOST ? length : MOST - 1), line);
        line += length + (line[length] == '\n');
        // "0::/path" of version 2, "4:cpu,cpuacct:/path" of version 1
        char *names = strchr(text, ':'), *path = names ? strchr(names + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = 0;
        names++;
        if (*names && !strstr(names, "cpu"))
            continue;
        int n = snprintf(folder, sizeof folder, "%s%s", root, *names ? "/cpu" : "");
        (void)snprintf(folder + n, sizeof folder - (size_t)n, "%s", strcmp(path, "/") ? path : "");
        int limit = least_limit(folder, (size_t)n);
        if (limit > 0 && (least == 0 || limit < least))
            least = limit;
    }
    return least;
}

int bv_processor_count(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    char list[MOST] = "0::/\n"; // without /proc: the whole tree's limit
    FILE *f = fopen("/proc/self/cgroup", "r");
    if (f) {
        list[fread(list, 1, sizeof list - 1, f)] = 0;
        (void)fclose(f);
    }
    int limit = bv_cgroup_processors("/sys/fs/cgroup", list);
    if (limit > 0 && limit < n)
        n = limit;
    return n > 0 ? n : 1;
}
